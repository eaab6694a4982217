"""What `status` reads of a service, and the lines that it prints of it."""

import json

import pytest
from click.testing import CliRunner, Result
from delivery_aws import REGISTRY, STACK, FakeAws, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.commands.status import Secret, status

A, B = digest("a"), digest("b")
PARAMETER = "arn:aws:ssm:eu-west-1:111111111111:parameter/dev/web/runtime/KEY"


def released() -> FakeAws:
    """A service of two containers, of which the second has neither variables nor secrets, as ECS leaves them out."""
    aws = FakeAws()
    aws.record("none")
    revision = aws.revision(7, f"@{A}", environment={"MODE": "fast", "LEVEL": "info"}, secrets={"KEY": PARAMETER})
    aws.definitions[revision]["containerDefinitions"] += [
        {"name": "worker", "image": f"{REGISTRY}/dev-web@{A}"},
        {"name": "agent", "image": "public.ecr.aws/agent:1", "environment": [{"name": "OTHER", "value": "x"}]},
    ]
    aws.release(1, A, revision)
    aws.image(A, "release-1", "live")
    aws.service(revision, A, desired=2)
    return aws


def test_what_a_service_is() -> None:
    now = status(released().session(), STACK, "web")
    assert (now.service, now.image_digest, now.live, now.revision) == ("web", A, A, 7)
    assert (now.cpu, now.memory, now.desired, now.running, now.deployment) == (256, 512, 2, 1, "COMPLETED")
    assert now.environment == {"MODE": "fast", "LEVEL": "info"}
    assert now.secrets == [Secret("KEY", PARAMETER)]
    assert (now.failure, now.first_upload, now.in_flight, now.wait) == (None, None, None, None)
    assert (now.disagreement, now.repair, now.gone, now.changed, now.closed) == (None, None, [], [], [])


def test_the_lines_of_a_service() -> None:
    assert status(released().session(), STACK, "web").lines() == [
        ("service", "web"),
        ("image", A),
        ("live", A),
        ("release", "release-1 of 2030-01-01T00:00:00Z"),
        ("task definition", "dev-web:7"),
        ("size", "256 CPU units, 512 MiB"),
        ("tasks", "1 running, 2 desired"),
        ("deployment", "COMPLETED"),
        ("environment", "LEVEL=info"),
        ("environment", "MODE=fast"),
        ("parameter", "KEY from /dev/web/runtime/KEY"),
    ]


def test_the_lines_of_what_disagrees() -> None:
    aws = released()
    aws.image(B, "live")
    aws.images[A].discard("live")
    now = status(aws.session(), STACK, "web")
    assert now.lines()[8:10] == [("disagreement", now.disagreement), ("", f"mend it: {now.repair}")]
    assert now.repair == "delivery repair web --stack dev"


def test_the_line_of_an_edit_that_was_rolled_back() -> None:
    aws = released()
    assert status(aws.session(), STACK, "web").edit is None
    aws.deploy(aws.revision(8, ":live", fingerprint="f2"), "ROLLBACK_SUCCESSFUL")
    now = status(aws.session(), STACK, "web")
    assert now.lines()[8] == ("edit", now.edit)
    assert str(now.edit).startswith("revision 8, which `up` registered, was rolled back at 2030-01-10T00:05:00Z: ")


def test_the_lines_of_a_service_without_a_release() -> None:
    aws = FakeAws()
    aws.record("none")
    aws.service(aws.revision(1, ":live"), None, desired=0)
    now = status(aws.session(), STACK, "web")
    assert now.lines()[:4] == [
        ("service", "web"),
        ("image", "no task runs"),
        ("live", "no image"),
        ("release", "nothing yet; waits for its first upload, to s3://bucket/sources/web/source.zip"),
    ]


def test_what_goes_on_waits_and_is_scheduled_has_lines() -> None:
    aws = released()
    latest = {"pipelineExecutionId": "e1", "status": "InProgress"}
    approval = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "t"}}
    inbound = [{"pipelineExecutionId": "e2", "status": "InProgress"}]
    aws.pipeline["stages"] = [
        {"stageName": "Approve", "latestExecution": latest, "actionStates": [approval], "inboundExecutions": inbound}
    ]
    aws.schedule = [
        {"Schedule": "cron(0 21 * * ? *)", "Timezone": "Asia/Tokyo", "ScalableTargetAction": {"MinCapacity": 0, "MaxCapacity": 0}},
        {"Schedule": "cron(0 7 * * ? *)", "ScalableTargetAction": {"MinCapacity": 1, "MaxCapacity": 4}},
    ]  # fmt: skip
    aws.scaling, aws.most = {"service/dev/dev-web": False}, 0
    aws.tasks.append(aws.task(aws.revision(1, "@x", family="dev-web_clean"), A, "family:dev-web_clean"))
    now = status(aws.session(), STACK, "web")
    assert now.asleep
    assert now.lines()[8:14] == [
        ("waits", "execution e1 waits for `delivery approve web --stack dev` or `delivery reject web --stack dev`"),
        ("waits", "execution e2 waits for e1, which is in Approve"),
        ("job", "clean runs"),
        ("schedule", "0 tasks from cron(0 21 * * ? *) Asia/Tokyo on"),
        ("schedule", "1 to 4 tasks from cron(0 7 * * ? *) UTC on"),
        ("", "its schedule has it at 0 tasks now"),
    ]


def test_a_deployment_goes_on() -> None:
    aws = released()
    aws.services["dev-web"]["deployments"][0] |= {"rolloutState": "IN_PROGRESS", "runningCount": 1, "desiredCount": 2}
    now = status(aws.session(), STACK, "web")
    assert ("goes on", "deployment of dev-web:7: 1 of 2 tasks run") in now.lines()


def test_a_shift_is_told_once() -> None:
    aws = released()
    aws.shift("IN_PROGRESS", lifecycleStage="SCALE_UP")
    labels = [label for label, _ in status(aws.session(), STACK, "web").lines()]
    assert (labels.count("shift"), labels.count("goes on")) == (1, 0)


def test_without_a_service_it_is_all_of_them(monkeypatch: pytest.MonkeyPatch) -> None:
    aws = released()
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))

    def call(*arguments: str) -> Result:
        return CliRunner().invoke(main, ["status", "--stack", "dev", *arguments])

    assert call().output.splitlines()[0].split() == ["SERVICE", "RELEASE", "AGE", "IMAGE", "TASKS", "URL"]
    assert [each["service"] for each in json.loads(call("--json").output)] == ["web"]
    assert call("--json", "--watch").exit_code == 2
    monkeypatch.setattr("time.sleep", interrupt)
    assert (call("--watch").exit_code, call("web", "--watch").exit_code) == (130, 130)
    assert call("web", "--watch").stdout.splitlines()[0].split()[1:] == ["service", "web"]


def interrupt(_: float) -> None:
    raise KeyboardInterrupt
