"""Every command that a document tells somebody to type is run by a test: in a page's session, or by a scenario."""

import ast
import functools
import re
import shlex
from collections.abc import Iterator

import pytest

from sandbox.cli import WHERE
from tests.support.console import Step, steps
from tests.support.documented import GROUPS, PROGRAMS, ROOT, commands, form, is_name, looks, of_page, pages, simple

SCENARIOS = ("tests/scenarios/test_*.py", "tests/engine/test_*.py", "tests/unit/repository/test_make.py")
STORY = "tests/scenarios/test_documented_commands.py"
WHOLE = {"docs/how-to/adopt-a-service.md": "tests/scenarios/test_adopt.py"}
"""Page → the scenario that runs each of its blocks."""
SCRIPTS = (".ci/run", ".ci/nightly")
"""What continuous integration types."""
ELSEWHERE = {
    "delivery comment": ("tests/unit/repository/test_workflows.py", "def test_github_the_first_push_comments"),
    "delivery comment … --github": (
        "tests/unit/repository/test_workflows.py",
        "def test_github_the_first_push_comments",
    ),
    "delivery exec …": ("tests/scenarios/test_exec.py", 'session(stack, "exec")'),
    "delivery tunnel … … --local-port": ("tests/scenarios/test_exec.py", '"tunnel", str(port), "--local-port"'),
    "delivery tunnel … … --host --local-port": ("tests/scenarios/test_exec.py", '"--host", "localhost"'),
    "make session-manager-plugin": ("tests/support/plugin.py", '"tools.setup", "plugin"'),
    "delivery retry …": ("tests/scenarios/test_awkward.py", '"retry", service'),
    "make STACK acceptance": ("tests/scenarios/test_acceptance.py", '"-m", "acceptance"'),
    "python build_assets.py": ("tests/unit/repository/test_hello.py", "build_assets import build"),
    "python server.py": ("tests/unit/repository/test_hello.py", 'start("server.py"'),
    "python worker.py": ("tests/unit/repository/test_hello.py", 'start("worker.py"'),
    "sandbox serve": ("sandbox/tests/test_serve.py", '"sandbox"), "serve"'),
    "python -m acceptance": ("tests/scenarios/test_acceptance.py", '"-m", "acceptance"'),
    "python -m tests.support.traffic_shares": ("tests/unit/repository/test_traffic_shares.py", "traffic_shares"),
}
"""Form → the test that types it by a name of its own, and how."""
DOCKER = "asks Docker, which a machine need not have; `sandbox push` does in its place what is written"
ALONE = "is what runs the tests, or takes an hour of a machine of its own; `.ci/nightly` has most of them"
NOT_HERE = {
    "aws ecr create-pull-through-cache-rule --credential-arn --ecr-repository-prefix --upstream-registry-url": "the sandbox has no rule of a cache",
    "curl … -H -X -d": "an app asks that, from within its task",
    "delivery exec … … --container": "the scenario's service has one container; unit tests hold the option",
    "delivery logs … --failed": "needs a task that has failed in the hour before; unit tests hold it",
    "delivery ship … --rebuild": "is `delivery rebuild`, which the scenario types; unit tests hold it",
    "docker build … --build-arg": DOCKER,
    "docker buildx build … --platform --push --tag": DOCKER,
    "docker buildx imagetools … …": DOCKER,
    "docker login --password-stdin --username": DOCKER,
    "gh api … --jq": "asks GitHub",
    "git clone …": "makes the clone in which all else is typed",
    "make docs": "writes into the repository; `test_reference.py` compares what it would write",
    "make mutants": ALONE,
    "make page-views": ALONE,
    "make recording": ALONE,
    "make screenshots": ALONE,
    "make setup": ALONE,
    "make test-all": ALONE,
    "make test-times": ALONE,
}
"""Form → why no test types it."""


def of_sessions() -> Iterator[str]:
    for page in pages():
        for step in steps(page.read_text("utf-8")):
            if isinstance(step, Step):
                yield from _forms(step.command.splitlines()[0])


def _forms(text: str) -> Iterator[str]:
    for line in text.replace("\\\n", " ").splitlines():
        yield from (form(shlex.join(words)) for words in simple(line) if words[0] in PROGRAMS)


def of_scenario(source: str) -> Iterator[str]:
    """What a scenario types: `ok("verb", …)` of the sandbox, and any call that is given a command's words."""
    for call in (node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Call)):
        words = [_word(each) for each in call.args if not isinstance(each, ast.Starred)]
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        if name == "documented" and len(words) == 2:
            text = (ROOT / "docs/how-to" / words[0]).read_text("utf-8")
            yield from (form(each) for each in of_page(text) if each.startswith(words[1]))
        elif name == "ship":
            yield "sandbox ship … --source"
        elif name == "ok" and words and _is_verb(words[0]):
            yield form(shlex.join(["sandbox", *words]))
        elif name == "delivery" and len(words) > 1:
            yield form(shlex.join(["delivery", *words[1:]]))
        elif at := next((at for at, word in enumerate(words[:-1], 1) if at <= 2 and word in PROGRAMS), 0):
            yield form(shlex.join(words[at - 1 :]))


def of_story(source: str) -> Iterator[str]:
    """What that types which has whole lines: whatever it has in quotes."""
    nodes = [*ast.walk(ast.parse(source))]
    parts = [part for node in nodes if isinstance(node, ast.JoinedStr) for part in node.values]
    for node in nodes:
        if isinstance(node, ast.Constant | ast.JoinedStr) and node not in parts:
            yield from _forms(_word(node))


def _is_verb(word: str) -> bool:
    return word in WHERE or word in GROUPS["delivery"].commands


def _word(node: ast.expr) -> str:
    """A word of a call; what is known only when it runs is X."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(each.value) if isinstance(each, ast.Constant) else "X" for each in node.values)
    return "X"


@functools.cache
def run() -> frozenset[str]:
    """All forms that a test types."""
    found = {*of_sessions(), *(form(each) for each in commands() if looks(each))}
    for pattern in SCENARIOS:
        for file in ROOT.glob(pattern):
            found.update(of_scenario(file.read_text("utf-8")))
    found.update(of_story((ROOT / STORY).read_text("utf-8")))
    for script in SCRIPTS:
        found.update(_forms((ROOT / script).read_text("utf-8")))
    for page in WHOLE:
        found.update(form(each) for each in of_page((ROOT / page).read_text("utf-8")))
    return frozenset(found)


def is_run(command: str) -> bool:
    """Whether a test types it, or is said why none does; of a verb that is only named, whether one types the verb."""
    program, *words = form(command).split()
    known = {*run(), *ELSEWHERE, *NOT_HERE}
    if program == "make":
        return form(command) in known or " ".join(["make STACK", *words]) in known
    if not is_name(command):
        return form(command) in known
    verb = re.split(" (?:--|…)", form(command))[0]
    return program not in GROUPS or any(f"{each} ".startswith(f"{verb} ") for each in known)


@pytest.mark.parametrize("command", commands())
def test_a_command_of_a_document_is_run(command: str) -> None:
    where = ", ".join(commands()[command])
    assert is_run(command), (
        f"`{command}` of {where} is run by no test: type it in a `console` session of its page, or in {STORY}"
    )


@pytest.mark.parametrize(
    ("command", "expected"),
    [
        ("delivery rollback chuoi --stack dev --wait", True),
        ("delivery rollback chuoi other --stack dev", False),
        ("sandbox freeze --stack local --reason a", True),
        ("sandbox load hello --shares", False),
        ("pulumi stack graph a.dot", False),
        ("aws sqs purge-queue --queue-url a", True),
        ("aws sqs delete-queue --queue-url a", False),
        ("make recording", True),
        ("make everything", False),
    ],
)
def test_a_command_that_nothing_types_is_found(command: str, expected: bool) -> None:
    assert is_run(command) is expected


def test_what_a_scenario_types() -> None:
    source = """
local.ok("rollback", "hello", "--to", number, "--yes")
local.ok("status", service, "--json").json
local.run("reject", "hello")
run(folder, "git", "clone", url)
dev.ok(None, "pulumi", "stack", "output", "--stack", f"pr-{number}")
delivery(stack, "prune")
"""
    assert {*of_scenario(source)} == {
        "delivery rollback … --to",
        "delivery status … --json",
        "git clone …",
        "pulumi stack output",
        "delivery prune",
    }
    assert list(of_story('account.type(f"a=$(delivery live {service}) && make up STACK=dev")')) == [
        "delivery live …",
        "make STACK up",
    ]


@pytest.mark.parametrize("typed", ELSEWHERE)
def test_what_is_typed_elsewhere_is_there(typed: str) -> None:
    file, words = ELSEWHERE[typed]
    assert words in (ROOT / file).read_text("utf-8")


def test_no_row_is_left_of_what_is_run_or_written_no_longer() -> None:
    documented = {form(command) for command in commands() if not is_name(command)}
    assert {each for each in (*ELSEWHERE, *NOT_HERE) if each in run() or each not in documented} == set()
