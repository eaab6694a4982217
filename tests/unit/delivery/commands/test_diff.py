"""What `diff` finds between two releases, a release and what runs, and two stacks."""

import copy
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import FakeAws, digest

from delivery.__main__ import main
from delivery.command_line import Connection

A, B = digest("a"), digest("b")
KEY = "arn:aws:ssm:eu-west-1:111111111111:parameter/fargate-delivery/dev/web/runtime/KEY"
COMMIT = "1234567890abcdef"


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    """Two releases with another image, variable and secret each; after the second an edit has been deployed."""
    aws = FakeAws()
    aws.record("none")
    first = aws.revision(1, f"@{A}", environment={"LEVEL": "info"}, secrets={"KEY": f"{KEY}-one"})
    second = aws.revision(2, f"@{B}", environment={"LEVEL": "debug"}, secrets={"KEY": f"{KEY}-two"})
    third = aws.revision(3, f"@{B}", environment={"LEVEL": "debug"}, secrets={"KEY": f"{KEY}-two"}, cpu="512")
    aws.release(1, A, first, commit=COMMIT, sidecars=f"agent={A}")
    aws.release(2, B, second, sidecars=f"agent={B}")
    aws.image(A)
    aws.image(B, "live")
    aws.service(third, B)
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    return aws


def diff(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["diff", "web", "--stack", "dev", *arguments])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            ["1", "2"],
            [
                "web: from release-1 to release-2",
                f"image: {A[:19]} (commit 1234567890ab) → {B[:19]}",
                f"sidecar agent from {A} to {B}",
                "web.environment.LEVEL: info → debug",
                "web.secrets.KEY: /fargate-delivery/dev/web/runtime/KEY-one → /fargate-delivery/dev/web/runtime/KEY-two",
            ],
        ),
        (["release-2", "live"], ["web: from release-2 to live", "cpu: 256 → 512"]),
        (["2"], ["web: from release-2 to live", "cpu: 256 → 512"]),
        (["live", "2"], ["web: from live to release-2", "cpu: 512 → 256"]),
        (["1", "1"], ["web: from release-1 to release-1: nothing differs between dev-web:1 and dev-web:1"]),
    ],
)
@pytest.mark.usefixtures("aws")
def test_what_differs(arguments: list[str], lines: list[str]) -> None:
    assert diff(*arguments).output.splitlines() == lines


@pytest.mark.usefixtures("aws")
@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        ([], 2, "name a release to compare with what runs now, two releases, or --to-stack"),
        (["9"], 1, "there is no release 9 of web in stack dev; there are: 2, 1"),
        (["first"], 2, "'first' is not a release"),
        (["1", "2", "--to-stack", "prd"], 2, "--to-stack takes the place of B"),
    ],
)
def test_what_cannot_be_compared(arguments: list[str], code: int, words: str) -> None:
    done = diff(*arguments)
    assert (done.exit_code, done.stdout) == (code, "")
    assert words in done.stderr


def test_a_revision_that_is_gone(aws: FakeAws) -> None:
    aws.definitions.pop(next(iter(aws.definitions)))
    assert "dev-web:1, the task definition of release-1, is no longer there" in diff("1").stderr


def test_as_json(aws: FakeAws) -> None:
    found = json.loads(diff("2", "--json").output)
    assert found["differences"] == [{"field": "cpu", "then": "256", "now": "512"}]
    assert (found["before"]["what"], found["after"]["what"], found["after"]["image_digest"]) == ("release-2", "live", B)
    assert aws.writes == []


def add_prd(aws: FakeAws, change: Any = None) -> None:
    """The stack prd, whose service runs what dev's does; in another account."""
    text = json.dumps(aws.definitions[aws.services["dev-web"]["taskDefinition"]])
    text = text.replace("dev-web", "prd-web").replace("fargate-delivery/dev/", "fargate-delivery/prd/")
    definition = json.loads(text.replace("111111111111", "222222222222").replace("KEY-two", "KEY-three"))
    if change:
        change(definition["containerDefinitions"][0])
    arn = definition["taskDefinitionArn"]
    aws.definitions[arn] = definition
    service = copy.deepcopy(aws.services["dev-web"]) | {"serviceName": "prd-web", "taskDefinition": arn}
    service["deployments"][0]["taskDefinition"] = arn
    aws.services["prd-web"] = service
    aws.tasks.append(aws.task(arn, B, "service:prd-web"))


def test_two_stacks_that_run_the_same(aws: FakeAws) -> None:
    add_prd(aws)
    assert diff("--to-stack", "prd").output.splitlines() == [
        "web: from live of dev to live of prd: nothing differs between dev-web:3 and prd-web:3"
    ]


def test_what_two_stacks_differ_in(aws: FakeAws) -> None:
    other = {"name": "OTHER", "valueFrom": "arn:aws:ssm:eu-west-1:222222222222:parameter/shared"}

    def change(container: dict[str, Any]) -> None:
        container["environment"][0]["value"] = "warning"
        container["secrets"] = [other]
        container["logConfiguration"] = {"options": {"awslogs-group": "/ecs/elsewhere"}}

    add_prd(aws, change)
    assert diff("--to-stack", "prd").output.splitlines()[1:] == [
        "web.environment.LEVEL: debug → warning",
        "web.secrets.KEY: /fargate-delivery/STACK/web/KEY (the stack's own value) → -",
        "web.secrets.OTHER: - → /shared",
    ]


def test_a_release_and_another_stack(aws: FakeAws) -> None:
    add_prd(aws)
    lines = diff("1", "--to-stack", "prd").output.splitlines()
    assert lines == [
        "web: from release-1 of dev to live of prd",
        f"image: {A[:19]} (commit 1234567890ab) → {B[:19]}",
        "cpu: 256 → 512",
        "web.environment.LEVEL: info → debug",
    ]


def test_the_other_stack_may_be_in_another_account(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    add_prd(aws)
    asked: list[dict[str, Any]] = []

    made = aws.session()  # which needs boto3's own, the first time

    def session(**given: Any) -> Any:
        asked.append(given)
        return made

    monkeypatch.setattr("delivery.commands.diff.boto3.Session", session)
    monkeypatch.setattr("delivery.commands.diff.share_clients", lambda session, **_: session)
    assert diff("--to-stack", "prd", "--to-profile", "prd", "--to-region", "eu-west-1").exit_code == 0
    assert asked == [{"profile_name": "prd", "region_name": "eu-west-1"}]
