"""An upgrade from version 0.1.0, on a stack that it brought up and released to.

`upgrade/0.1.0.tar.xz` is that program, as `git archive dc290f9` packs its folders and stack files. Its steps were
CodeBuild projects. What it says of its stack, the services and the releases that it made are there before the upgrade.
"""

import shutil
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack
from tests.support.example import PROGRAM, copy_program
from tests.support.upgrades import CHANGED, CHANGED_NAMES, GONE, NEW

pytestmark = pytest.mark.nightly

SERVICES = ("hello", "shop")
"""One that ECS deploys, and one that CodeDeploy does."""
LOOKS = (
    "status",
    "history hello",
    "verify",
    "logs hello",
    "open hello",
    "parameters list",
    "cost",
    "live hello",
    "page",
)
"""Commands of now that read a stack of 0.1.0: whoever upgrades looks at it first."""
BEFORE = Path(__file__).parent / "upgrade/0.1.0.tar.xz"


def unpack_before(folder: Path) -> None:
    with tarfile.open(BEFORE) as archive:
        archive.extractall(folder, filter="data")


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` of 0.1.0, up."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local", unpack_before) as stack:
        stack.keep_services(SERVICES)
        stack.up()
        yield stack


def upgrade(stack: Stack) -> None:
    """Put the program of now in the place of the old one; the stack files stay, and have nothing in common."""
    for module in stack.root.glob("*.py"):
        module.unlink()
    for folder in (*PROGRAM, "task_templates"):
        shutil.rmtree(stack.root / folder, ignore_errors=True)
    stack_files = {file: file.read_text() for file in stack.root.glob("Pulumi.*.yaml")}
    copy_program(stack.root)
    for file, text in stack_files.items():
        file.write_text(f"{text}  fargate-delivery:common: {{}}\n")


def name_of(step: dict[str, Any]) -> str:
    return str(step["urn"]).rpartition("::")[2]


def changed_inputs(step: dict[str, Any]) -> set[str]:
    before, after = step["oldState"]["inputs"], step["newState"]["inputs"]
    return {key for key in before.keys() | after.keys() if before.get(key) != after.get(key)} - {"__defaults"}


def tasks(stack: Stack) -> set[tuple[str, str]]:
    """Each running task, and the revision that it runs."""
    ecs = stack.client("ecs")
    arns = ecs.list_tasks(cluster=stack.name)["taskArns"]
    described = ecs.describe_tasks(cluster=stack.name, tasks=arns)["tasks"]
    return {(task["taskArn"], task["taskDefinitionArn"]) for task in described}


def test_an_upgrade_changes_the_steps_only_and_goes_on_with_what_was_released(old: Stack, apps: Apps) -> None:
    for service in SERVICES:
        done = old.ship(service, apps.make(f"{service}-1"))
        assert done.code == 0, done.out + done.err
    for command in LOOKS:
        looked = old.run(*command.split())
        assert looked.code == (2 if command == "verify" else 0), (command, looked)  # no host takes its commits
    released = {service: old.settled(service) for service in SERVICES}
    running = tasks(old)
    assert len(running) == 2

    upgrade(old)
    steps: list[dict[str, Any]] = old.ok("preview", "--refresh", "--json").json["steps"]
    changed = [step for step in steps if step["op"] not in ("same", "read", "refresh")]
    of = {op: {name_of(step) for step in changed if step["op"] == op} for op in {step["op"] for step in changed}}
    assert of.keys() == {"create", "update", "delete", "replace", "create-replacement", "delete-replaced"}
    assert [name for name in of["create"] if not NEW.fullmatch(name)] == []
    assert [name for name in of["delete"] if not GONE.fullmatch(name)] == []
    assert of["replace"] == {"commits-report-logs"}, "the log group of a function is named after it"
    for step in changed:
        if step["op"] in ("update", "replace"):
            assert CHANGED_NAMES.fullmatch(name_of(step)), step["urn"]
            assert changed_inputs(step) <= CHANGED.get(step["newState"]["type"], set()), step["urn"]

    old.ok("up")
    assert old.changes() == {}
    assert {service: old.settled(service) for service in SERVICES} == released
    assert tasks(old) == running

    for service in SERVICES:
        done = old.ship(service, apps.make(f"{service}-2"))
        assert done.code == 0, done.out + done.err
        now = old.settled(service)
        assert now["release"]["release"] == released[service]["release"]["release"] + 1
        assert now["image_digest"] != released[service]["image_digest"]
        old.ok("rollback", service, "--yes", "--wait")
        back = old.settled(service)
        assert back["image_digest"] == released[service]["image_digest"]
    assert old.changes() == {}
