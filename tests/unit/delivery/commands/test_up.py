"""`delivery up` and `delivery bootstrap` on a laptop: the right account, the preview first, the question that fits."""

import io
import json
import os
import re
import signal
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
from click.testing import CliRunner
from mocked import ROOT
from moto import mock_aws

from bootstrap.account_file import state_bucket_name
from delivery.__main__ import main
from delivery.commands.bootstrap import bootstrap
from delivery.commands.up import Project, ask_person, changes, up
from releases.errors import DeliveryError

ACCOUNT, REGION = "123456789012", "ap-northeast-1"  # moto's account

PULUMI = """#!/bin/sh
"$CLI" "$@" --help > /dev/null || exit 1
echo "$PULUMI_BACKEND_URL|$*" >> "$CALLS"
while [ $# -gt 0 ]; do
  if [ "$1" = --event-log ]; then cp "$EVENTS" "$2"; fi
  if [ "$1" = --json ]; then cat "$DOCUMENT"; fi
  shift
done
[ -z "$FAILS" ]
"""
"""With `--help` the real CLI reads all its arguments first: what it does not know fails."""


def step(op: str, name: str = "a", typ: str = "aws:sqs/queue:Queue", **old: Any) -> dict[str, Any]:
    """One of the engine's events about a resource."""
    urn = f"urn:pulumi:dev::fargate-delivery::{typ}::{name}"
    state = {"custom": True, "inputs": {}, **old}
    return {"resourcePreEvent": {"metadata": {"op": op, "urn": urn, "type": typ, "old": state}, "planning": True}}


@pytest.mark.parametrize(
    ("events", "count", "ends"),
    [
        ([], 0, []),
        ([{"preludeEvent": {}}, step("same"), step("refresh"), step("read")], 0, []),
        ([step("create"), step("update")], 2, []),
        ([step("delete", "queue")], 1, ["aws:sqs/queue:Queue queue"]),
        (
            [step("create-replacement"), step("replace"), step("delete-replaced", "queue")],
            3,
            ["aws:sqs/queue:Queue queue"],
        ),
        ([step("delete-replaced", inputs={"skipDestroy": True})], 1, []),
        ([step("delete", retainOnDelete=True)], 1, []),
        ([step("delete", typ="fargate-delivery:index:EcsService", custom=False)], 1, []),
    ],
)
def test_what_ends_is_what_aws_would_no_longer_have(events: list[Any], count: int, ends: list[str]) -> None:
    found = changes(json.dumps(event) for event in events)
    assert (found.count, list(found.destructive)) == (count, ends)


@dataclass
class Laptop:
    """A repository, a CLI that notes its calls, and what a person was asked and told."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    said: list[str] = field(default_factory=list)

    def stack(self, **config: Any) -> Project:
        given = {"aws:region": REGION, "aws:allowedAccountIds": [ACCOUNT], **config}
        kept = {key: value for key, value in given.items() if value is not None}
        (self.folder / "Pulumi.prd.yaml").write_text(json.dumps({"config": kept}))
        return Project(self.folder, "prd", ["--policy-pack", "policy"])

    def shows(self, *events: dict[str, Any]) -> None:
        (self.folder / "events.json").write_text("".join(f"{json.dumps(event)}\n" for event in events))

    def plans(self, *steps: dict[str, Any]) -> None:
        """What `pulumi preview --json` prints."""
        document = {"config": {"aws:region": REGION}, "steps": steps}
        (self.folder / "document.json").write_text(json.dumps(document))

    def answers(self, answer: str) -> Any:
        def ask(question: str) -> str:
            self.asked.append(question)
            return answer

        return ask

    def calls(self) -> list[str]:
        """What the CLI was called with, the backend before it."""
        log = self.folder / "calls"
        return [line.split(" --event-log")[0] for line in log.read_text().splitlines()] if log.exists() else []


@pytest.fixture
def laptop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Laptop]:
    """With credentials of moto's account, and no AWS but moto."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "Pulumi.yaml").write_text("name: fargate-delivery\n")
    (tmp_path / "bin/pulumi").write_text(PULUMI)
    (tmp_path / "bin/pulumi").chmod(0o755)
    for name, value in {
        "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "CLI": str(ROOT / ".tools/bin/pulumi"),
        "PULUMI_HOME": str(tmp_path / "home"),
        "CALLS": str(tmp_path / "calls"),
        "EVENTS": str(tmp_path / "events.json"),
        "DOCUMENT": str(tmp_path / "document.json"),
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": REGION,
    }.items():
        monkeypatch.setenv(name, value)
    for name in ("PULUMI_BACKEND_URL", "PULUMI_DEBUG_COMMANDS"):
        monkeypatch.delenv(name, raising=False)
    with mock_aws():
        made = Laptop(tmp_path)
        made.shows(step("update"))
        made.plans()
        yield made


def test_up_shows_asks_and_does(laptop: Laptop) -> None:
    up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert laptop.asked == ["Go on? Only yes is yes"]
    assert laptop.calls() == [
        "|preview --stack prd --json --policy-pack policy",
        "|up --stack prd --yes --skip-preview --policy-pack policy",
    ]


def test_it_is_told_in_services_what_would_happen_and_what_was_done(laptop: Laptop) -> None:
    service = "urn:pulumi:prd::p::fargate-delivery:index:EcsService::web"
    scaling = {"minCapacity": 1, "maxCapacity": 2}
    laptop.plans(
        {
            "op": "update",
            "urn": f"{service.rpartition('::')[0]}$aws:appautoscaling/target:Target::web-scaling",
            "oldState": {"parent": service, "inputs": scaling},
            "newState": {"parent": service, "inputs": {**scaling, "maxCapacity": 4}},
        }
    )
    outputs = {"web": {"pipeline": "prd-web", "hosts": ["web.example.com"], "upload_to": "s3://b/web.zip"}}
    stack = {"op": "same", "urn": "urn:pulumi:prd::p::pulumi:pulumi:Stack::p-prd", "type": "pulumi:pulumi:Stack"}
    done = step("update", "web-scaling")["resourcePreEvent"]["metadata"]
    laptop.shows(
        step("update", "web-scaling"),
        {"diagnosticEvent": {"message": "<{%reset%}>web waits\n", "severity": "warning", "urn": stack["urn"]}},
        {"diagnosticEvent": {"message": "web: 1 of 2 tasks run", "severity": "info", "urn": "", "ephemeral": True}},
        {
            "policyEvent": {
                "message": "No.",
                "policyName": "tags",
                "enforcementLevel": "advisory",
                "resourceUrn": service,
            }
        },
        {"resOutputsEvent": {"metadata": {**done, "new": {"parent": service}}}},
        {"resOutputsEvent": {"metadata": {**stack, "new": {"outputs": outputs}}}},
    )
    up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    warned = ["warning: web waits", "warning: web: No. (policy tags)"]
    (words,) = laptop.said[2:3]
    assert words.startswith("prd: 1 to update, 1 service\n\nServices\n  web: at most 2 → 4 tasks; image: ")
    assert [*laptop.said[:2], *laptop.said[3:]] == [
        *warned,
        *warned,
        "     changed",
        "web  1",
        "",
        "service  at                        upload to",
        "web      https://web.example.com/  s3://b/web.zip",
    ]


def test_with_diff_pulumi_shows_it_itself(laptop: Laptop) -> None:
    up(laptop.stack(), laptop.answers("yes"), laptop.said.append, words=False)
    assert laptop.said == []
    assert laptop.calls() == ["|preview --stack prd", "|up --stack prd --yes --skip-preview --policy-pack policy"]


REFUSED = [
    {"policyEvent": {"message": "Open to\nall.", "policyName": "closed", "enforcementLevel": "mandatory", "resourceUrn": "a::b::c::rule"}},
    {"diagnosticEvent": {"message": "the role may not", "severity": "error", "urn": "a::b::c::role"}},
]  # fmt: skip


@pytest.mark.parametrize(
    ("events", "fails", "words"),
    [
        (REFUSED, "yes", "pulumi preview failed:\nrule: Open to all. (policy closed)\nrole: the role may not"),
        (REFUSED[:1], "", "pulumi preview failed:\nrule: Open to all. (policy closed)"),
        ([], "yes", "pulumi preview failed:\nerror: the stack is locked"),
    ],
    ids=["policies and AWS", "a policy that lets the CLI end well", "the CLI"],
)
def test_what_refuses_a_preview_is_told_whole_and_ends_it(
    laptop: Laptop, monkeypatch: pytest.MonkeyPatch, events: list[Any], fails: str, words: str
) -> None:
    pulumi = laptop.folder / "bin/pulumi"
    pulumi.write_text(PULUMI.replace("[ -z", 'echo "error: the stack is locked" >&2\n[ -z'))
    monkeypatch.setenv("FAILS", fails)
    laptop.shows(*events)
    with pytest.raises(DeliveryError) as refused:
        up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert str(refused.value) == words
    assert (len(laptop.calls()), laptop.asked, laptop.said) == (1, [], [])


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Takes Ctrl-C also where a shell has put the tests in the background, with SIGINT ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_waits_for_the_cli_and_changes_nothing(laptop: Laptop) -> None:
    pulumi = laptop.folder / "bin/pulumi"
    pulumi.write_text(PULUMI.replace("[ -z", f"kill -INT {os.getpid()}\nsleep 1\ntouch $CALLS.ended\n[ -z"))
    with pytest.raises(KeyboardInterrupt):
        up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert (laptop.folder / "calls.ended").exists()
    assert (len(laptop.calls()), laptop.asked) == (1, [])


def test_the_wrong_account_is_refused_before_anything_else(laptop: Laptop) -> None:
    project = laptop.stack(**{"aws:allowedAccountIds": ["210987654321"]})
    words = r"stack prd is for account 210987654321 .* these credentials are of account 123456789012"
    with pytest.raises(DeliveryError, match=words):
        up(project, laptop.answers("yes"), laptop.said.append)
    assert (laptop.calls(), laptop.asked) == ([], [])


def test_a_stack_that_names_no_account_is_refused_with_the_line_to_add(laptop: Laptop) -> None:
    with pytest.raises(DeliveryError, match=r'aws:allowedAccountIds: \["123456789012"\]'):
        up(laptop.stack(**{"aws:allowedAccountIds": None}), laptop.answers("yes"), laptop.said.append)
    assert laptop.calls() == []


MISTAKES: dict[str, tuple[dict[str, Any], str]] = {
    "one account": (
        {"aws:allowedAccountIds": "123456789012"},
        r'aws:allowedAccountIds: must be a list of .*, as in aws:allowedAccountIds: \["123456789012"\]',
    ),
    "a number": ({"aws:allowedAccountIds": 123456789012}, "aws:allowedAccountIds: must be a list"),
    "numbers": ({"aws:allowedAccountIds": [210987654321]}, r'.*as in aws:allowedAccountIds: \["210987654321"\]'),
    "hyphens": ({"aws:allowedAccountIds": ["2109-8765-4321"]}, r'.*as in aws:allowedAccountIds: \["210987654321"\]'),
    "a zone": (
        {"aws:region": "ap-northeast-1a"},
        "aws:region: 'ap-northeast-1a' is not .*; did you mean ap-northeast-1",
    ),
    "a role": (
        {"aws:assumeRoles": ["arn:aws:iam::123456789012:role/up"]},
        r"aws:assumeRoles: must be .*, as in aws:assumeRoles: \[{roleArn: ",
    ),
}


@pytest.mark.parametrize("case", MISTAKES)
def test_a_mistake_in_a_key_of_aws_is_told_before_aws_is_asked(
    laptop: Laptop, case: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    changes, words = MISTAKES[case]
    with pytest.raises(DeliveryError, match=rf"(?s)Pulumi\.prd\.yaml is not valid:\n  line 1: {words}"):
        up(laptop.stack(**changes), laptop.answers("yes"), laptop.said.append)
    assert laptop.calls() == []


def test_a_list_that_pulumi_config_set_wrote_as_a_text_is_one(laptop: Laptop) -> None:
    up(laptop.stack(**{"aws:allowedAccountIds": f'["{ACCOUNT}"]'}), laptop.answers("yes"), laptop.said.append)
    assert len(laptop.calls()) == 2


def test_a_key_is_the_stack_s_or_pulumi_yaml_s_as_a_whole(laptop: Laptop) -> None:
    described = {"description": "x", "type": "object"}
    of_all = {
        "short": 1,
        "fargate-delivery:given": {"value": {"a": 1, "b": 2}},
        "fargate-delivery:default": {**described, "default": {}},
        "fargate-delivery:only-described": described,
        "fargate-delivery:differs": {"value": {"a": 1, "b": 2}},
        "aws:region": {"value": "eu-west-1"},
    }
    (laptop.folder / "Pulumi.yaml").write_text(json.dumps({"name": "fargate-delivery", "config": of_all}))
    project = laptop.stack(differs={"a": 3}, **{"aws:region": None, "aws:allowedAccountIds": None})
    assert project.config() == {
        "fargate-delivery:short": 1,
        "fargate-delivery:given": {"a": 1, "b": 2},
        "fargate-delivery:default": {},
        "fargate-delivery:differs": {"a": 3},
        "aws:region": "eu-west-1",
    }


def test_a_pulumi_yaml_that_is_none_is_told_in_a_line(laptop: Laptop) -> None:
    (laptop.folder / "Pulumi.yaml").write_text("config: [\n")
    with pytest.raises(DeliveryError, match=r"^Pulumi\.yaml is not YAML: line 2, column 1: "):
        laptop.stack().config()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config:\n  a: 1\n\tb: 2\n", r"is not YAML: line 3, column 1: .*; indent with spaces"),
        ("config: [\n", "is not YAML: line 2, column 1: "),
        ("config:\n  a: 1\n  b: {c: 1, c: 2}\n", "is not YAML: line 3, column 13: the key c is there twice"),
        ("hello\n", "has no keys below `config:`"),
        ("config: 3\n", "has no keys below `config:`"),
        ("configs: {}\n", "has no keys below `config:`"),
        ("", "has no keys below `config:`"),
    ],
)
def test_a_file_that_is_none_is_told_in_a_line(laptop: Laptop, text: str, words: str) -> None:
    project = laptop.stack()
    project.file.write_text(text)
    with pytest.raises(DeliveryError, match=rf"^Pulumi\.prd\.yaml {words}"):
        up(project, laptop.answers("yes"), laptop.said.append)
    assert laptop.calls() == []


@pytest.mark.parametrize(
    ("answer", "goes_on"), [("prd", True), (" prd ", True), ("yes", False), ("dev", False), ("", False)]
)
def test_what_deletes_asks_for_the_stack_s_name(laptop: Laptop, answer: str, goes_on: bool) -> None:
    laptop.shows(step("update"), step("delete", "chuoi-images", "aws:ecr/repository:Repository"))
    if goes_on:
        up(laptop.stack(), laptop.answers(answer), laptop.said.append)
    else:
        with pytest.raises(DeliveryError, match="nothing was changed"):
            up(laptop.stack(), laptop.answers(answer), laptop.said.append)
    assert laptop.asked == ["Type the stack's name, prd, to go on"]
    assert laptop.said[1] == "This deletes, or replaces by new ones:\n  aws:ecr/repository:Repository chuoi-images"
    assert (len(laptop.calls()) == 2) is goes_on


@pytest.mark.parametrize("answer", ["no", "", "y", "prd"])
def test_any_other_answer_changes_nothing(laptop: Laptop, answer: str) -> None:
    with pytest.raises(DeliveryError, match="nothing was changed"):
        up(laptop.stack(), laptop.answers(answer), laptop.said.append)
    assert laptop.calls() == ["|preview --stack prd --json --policy-pack policy"]


def test_without_a_cli_it_says_where_one_is(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(laptop.folder))
    with pytest.raises(DeliveryError, match=r"there is no Pulumi CLI on PATH; `make setup` puts one into \.tools/bin"):
        up(laptop.stack(), laptop.answers("yes"), laptop.said.append)


def test_nothing_to_change_asks_nothing(laptop: Laptop) -> None:
    laptop.shows(step("same"))
    up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert (laptop.asked, laptop.said, len(laptop.calls())) == ([], ["Nothing would change."], 1)


def test_with_wait_the_edit_that_a_preview_leaves_out_is_deployed(laptop: Laptop) -> None:
    laptop.shows(step("same"))
    pulumi = laptop.folder / "bin/pulumi"
    pulumi.write_text(PULUMI + 'echo "waits ${FARGATE_DELIVERY_WAIT-not}" >> "$CALLS"\n')
    up(replace(laptop.stack(), waits=True), laptop.answers("yes"), laptop.said.append)
    assert [call for call in laptop.calls() if call.startswith(("|up", "waits"))][-2:] == [
        "|up --stack prd --yes --skip-preview --policy-pack policy",
        "waits 60",
    ]
    up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert laptop.calls()[-1] == "waits not"


def test_a_preview_that_fails_ends_it(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FAILS", "yes")
    with pytest.raises(DeliveryError, match="pulumi preview failed"):
        up(laptop.stack(), laptop.answers("yes"), laptop.said.append)
    assert (len(laptop.calls()), laptop.asked) == (1, [])


BUCKET = state_bucket_name(ACCOUNT, REGION)
BACKEND = f"s3://{BUCKET}?region={REGION}"
ACCOUNT_FILE: dict[str, Any] = {
    "fargate-delivery-bootstrap:stacks": {"prd": {}},
    "fargate-delivery-bootstrap:runners": [f"arn:aws:iam::{ACCOUNT}:role/runner"],
}


def test_bootstrap_keeps_its_state_in_the_bucket_that_it_makes_and_can_be_run_again(laptop: Laptop) -> None:
    for run in (1, 2):
        bootstrap(laptop.stack(**ACCOUNT_FILE), laptop.answers("yes"), laptop.said.append)
        assert laptop.calls() == run * [
            f"{BACKEND}|stack select --create prd",
            f"{BACKEND}|preview --stack prd",
            f"{BACKEND}|up --stack prd --yes --skip-preview --policy-pack policy",
            f"{BACKEND}|stack output --stack prd",
        ]
    assert laptop.said == [f"Made bucket {BUCKET}"]
    assert [bucket["Name"] for bucket in boto3.client("s3").list_buckets()["Buckets"]] == [BUCKET]


def test_bootstrap_in_the_wrong_account_makes_nothing(laptop: Laptop) -> None:
    with pytest.raises(DeliveryError, match="stack prd is for account 210987654321"):
        bootstrap(
            laptop.stack(**{"aws:allowedAccountIds": ["210987654321"]}), laptop.answers("yes"), laptop.said.append
        )
    assert (laptop.calls(), boto3.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_bootstrap_with_a_mistake_in_the_account_s_file_makes_nothing(laptop: Laptop) -> None:
    project = laptop.stack(**ACCOUNT_FILE, **{"fargate-delivery-bootstrap:backnd": "pulumi"})
    with pytest.raises(DeliveryError, match=r"line \d+: fargate-delivery-bootstrap:backnd: there is no such key"):
        bootstrap(project, laptop.answers("yes"), laptop.said.append)
    assert (laptop.calls(), boto3.client("s3").list_buckets()["Buckets"]) == ([], [])


def test_bootstrap_takes_keys_without_the_project_s_name(laptop: Laptop) -> None:
    (laptop.folder / "Pulumi.yaml").write_text("name: fargate-delivery-bootstrap\n")
    short = {key.removeprefix("fargate-delivery-bootstrap:"): value for key, value in ACCOUNT_FILE.items()}
    bootstrap(laptop.stack(**short, backend="pulumi"), laptop.answers("yes"), laptop.said.append)
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_with_pulumi_cloud_there_is_no_bucket(laptop: Laptop) -> None:
    bootstrap(
        laptop.stack(**ACCOUNT_FILE, **{"fargate-delivery-bootstrap:backend": "pulumi"}),
        laptop.answers("yes"),
        laptop.said.append,
    )
    assert laptop.calls()[0] == "|stack select --create prd"
    assert boto3.client("s3").list_buckets()["Buckets"] == []


def test_a_person_is_asked_and_may_type_nothing(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("yes\n\n"))
    assert [ask_person("Type yes"), ask_person("Type yes")] == ["yes", ""]
    assert re.findall(r"Type yes[^\n]*?: ", capsys.readouterr().out) == ["Type yes: ", "Type yes: "]


def test_where_nobody_can_be_asked_nothing_changes(laptop: Laptop, monkeypatch: pytest.MonkeyPatch) -> None:
    laptop.stack()
    monkeypatch.chdir(laptop.folder)
    done = CliRunner().invoke(main, ["up", "--stack", "prd"])
    assert (done.exit_code, done.stderr) == (
        1,
        "error: nothing was changed; there is no terminal on which to ask. In CI, deploy with .ci/up\n",
    )
    missing = CliRunner().invoke(main, ["up", "--stack", "qa"])
    assert "there is no Pulumi.qa.yaml" in missing.stderr
    assert "the stacks are: prd" in missing.stderr
