"""All verbs that change something: what each says first, what "no" writes, what `--yes` does, and what Ctrl-C leaves."""

import io
import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import click
import pytest
from answered import somebody
from brought import Bring
from click.testing import CliRunner, Result
from delivery_aws import ARN, NOW, REGISTRY, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.output.confirmation import agreed
from releases.command_task import JOB_LABEL

A, B = digest("a"), digest("b")
APP = Path(__file__).parents[3] / "examples/hello"
TASK = f"{ARN}:task/dev/abc"
REFUSED = {"errorDetails": {"message": "AccountLimitExceededException"}}
WATCH = "Watch it: `delivery status web --stack dev --watch`"
AGAIN = "To return to release-2 after it: `delivery rollback web --stack dev --to 2`"
ABORT = "To have it go back: `delivery abort web --stack dev`"
NOBODY = "error: nothing was changed; there is no terminal on which to ask, so run it again with --yes\n"


class Aws(Bring):
    """A service with two releases; the second runs."""

    def __init__(self) -> None:
        super().__init__()
        self.ends = "InProgress"
        self.record("none")
        for number, image in ((1, A), (2, B)):
            revision = self.revision(number, f"@{image}")
            self.release(number, image, revision)
            self.image(image, f"release-{number}")
        self.image(B, "live")
        self.service(revision, B)

    def _RetryStageExecution(self, given: dict[str, Any]) -> None:
        execution = self.pipeline["executions"][0]
        execution["status"] = "InProgress"
        self.pipeline["actions"][execution["pipelineExecutionId"]] *= 2

    def _EnableStageTransition(self, given: dict[str, Any]) -> None:
        pass

    def _Invoke(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Payload": io.BytesIO(json.dumps({"task": TASK}).encode())}


def nothing(aws: Aws) -> None:
    """Nothing goes on."""


def built(aws: Aws) -> None:
    aws.executing("Succeeded", action("Source", "Source", "Source"))


def refused(aws: Aws) -> None:
    aws.executing("Failed", action("Package", "Build", "Build", "Failed", result=REFUSED))


def shifts(aws: Aws) -> None:
    """A pause of an edit."""
    aws.shift(
        "IN_PROGRESS",
        lifecycleStage="POST_TEST_TRAFFIC_SHIFT",
        lifecycleHookDetails=[{"hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION"}],
        deploymentConfiguration={"strategy": "BLUE_GREEN"},
    )
    serving = {"id": "ecs-svc/0", "status": "ACTIVE", "taskDefinition": aws.revision(1, f"@{A}"), "runningCount": 1}
    aws.services["dev-web"]["deployments"].append({**serving, "createdAt": NOW})


def shifts_a_release(aws: Aws) -> None:
    shifts(aws)
    latest = {"status": "InProgress", "pipelineExecutionId": aws.executing("InProgress")}
    aws.pipeline["stages"] = [{"stageName": "Deploy", "latestExecution": latest}]


def approval(aws: Aws) -> None:
    identifier = aws.executing("InProgress", action("Approve", "Approve", "Approval", "InProgress"))
    latest = {"pipelineExecutionId": identifier, "status": "InProgress"}
    shown = {"actionName": "Approve", "latestExecution": {"status": "InProgress", "token": "t"}}
    aws.pipeline |= {
        "stages": [{"stageName": "Approve", "latestExecution": latest, "actionStates": [shown]}],
        "token": "t",
    }


def disagrees(aws: Aws) -> None:
    aws.image(A, "live")
    aws.images[B].discard("live")


def old_migrations(aws: Aws) -> None:
    for number in (1, 2):
        aws.revision(number, "@x", family="dev-web-migrate")


def job(aws: Aws) -> None:
    definition = aws.revision(1, f"@{B}", family="dev-web_clean", container={"dockerLabels": {JOB_LABEL: "clean"}})
    container = {"name": "web", "lastStatus": "RUNNING"}
    aws.tasks.append({"taskArn": TASK, "taskDefinitionArn": definition, "group": "family:dev-web_clean",
                      "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "createdAt": NOW, "containers": [container]})  # fmt: skip


def takes_images(aws: Aws) -> None:
    """An image that was pushed, and not released: it is started by hand."""
    aws.source, aws.inbox = "ecr", {"latest": A}


def frozen(aws: Aws) -> None:
    closed = {"enabled": False, "disabledReason": "a sale", "lastChangedBy": "me"}
    waiting = [{"pipelineExecutionId": aws.executing("InProgress"), "status": "InProgress"}]
    aws.pipeline["stages"] = [{"stageName": "Deploy", "inboundTransitionState": closed, "inboundExecutions": waiting}]


@dataclass(frozen=True)
class Verb:
    """A verb, and what it says and does.

    Attributes:
        arguments: of the command.
        arrange: what there is to change.
        will: the first lines that it says.
        writes: what it calls after a yes.
        left: what Ctrl-C says of what goes on; nothing where nothing is followed.
    """

    arguments: Sequence[str]
    arrange: Callable[[Aws], None]
    will: Sequence[str]
    writes: Sequence[str]
    left: Sequence[str] = ()


RUN_3 = "Execution run-1 goes on. " + WATCH
VERBS = {
    "rollback": Verb(("web",), nothing, ("web: back to the image of release-1 of 2030-01-01T00:00:00Z", f"  image now   {B}"),
                     ("StartPipelineExecution",), (RUN_3, AGAIN)),
    "rollback of what shifts": Verb(("web",), shifts_a_release, ("web: back from dev-web:2, which has 0 % of the traffic, to the image of release-2, whose tasks still run",),
                     ("ContinueServiceDeployment",), ("Deployment ecs-svc/1 goes on. " + WATCH, ABORT)),
    "redeploy": Verb(("web",), nothing, (f"web: deploys the live image once more, {B}",), ("StartPipelineExecution",), (RUN_3, AGAIN)),
    "rebuild": Verb(("web",), built, ("web: builds what was uploaded last once more, and releases it",), ("StartPipelineExecution",),
                    ("Execution run-2 goes on. " + WATCH, AGAIN)),
    "ship": Verb(("web", "--source", str(APP)), nothing, (f"web: uploads {APP}, N bytes, to s3://bucket/sources/web/source.zip, and releases it",),
                 ("PutObject",), (RUN_3, AGAIN)),
    "push": Verb(("web", "--image", str(APP)), takes_images, (f"web: pushes {APP} to {REGISTRY}/dev-web/inbox:latest, and releases it",),
                 ("StartPipelineExecution",), (RUN_3, AGAIN)),
    "deploy": Verb(("web", "--image", A), nothing, (f"web: releases the image {A}",), ("StartPipelineExecution",), (RUN_3, AGAIN)),
    "promote": Verb(("web", "--from", "other", "--digest", A), nothing, (f"dev is to release web as {A[:19]} of other, in place of release-2.",),
                    ("StartPipelineExecution",), (RUN_3, AGAIN)),
    "retry": Verb(("web",), refused, ("web: execution run-1 goes on with Package / Build, whose build CodeBuild had no room for, and releases what it was started for",),
                  ("RetryStageExecution",), (RUN_3, AGAIN)),
    "run": Verb(("web", "clean"), job, (f"web: runs its job clean now, with the image of release-2, {B}",), ("Invoke",),
                ("clean goes on. Watch it: `delivery logs web --stack dev --follow`", "Stop it: `aws ecs stop-task --cluster dev --task abc`")),
    "continue": Verb(("web",), shifts, ("Deployment ecs-svc/1 of dev-web:2, which is at POST_TEST_TRAFFIC_SHIFT, goes on: all of the traffic shifts at once. dev-web:1 serves until then.",),
                     ("ContinueServiceDeployment",), ("Deployment ecs-svc/1 goes on. " + WATCH, ABORT)),
    "abort": Verb(("web",), shifts, ("Deployment ecs-svc/1 of dev-web:2, which is at POST_TEST_TRAFFIC_SHIFT, goes back, as a failed one. dev-web:1 serves as before.",),
                  ("ContinueServiceDeployment",), ("Deployment ecs-svc/1 goes on. " + WATCH, ABORT)),
    "approve": Verb(("web",), approval, ("web: execution run-1 waits in Approve, and goes on",), ("PutApprovalResult",), (RUN_3, AGAIN)),
    "reject": Verb(("web",), approval, ("web: execution run-1 waits in Approve, and ends as failed; what runs stays",), ("PutApprovalResult",)),
    "repair": Verb(("web",), disagrees, (f"web: they disagree: running {B[:19]}, live {A[:19]}, release record {B[:19]}; what runs becomes the release.",), ("PutImage",)),
    "prune": Verb((), old_migrations, ("dev-web-migrate:1  an old migration",), ("DeregisterTaskDefinition",)),
    "unfreeze": Verb(("web",), frozen, ("web: execution run-1 will be deployed",), ("EnableStageTransition",)),
}  # fmt: skip
VERB = pytest.mark.parametrize("name", VERBS)


@pytest.fixture
def aws(name: str, monkeypatch: pytest.MonkeyPatch) -> Aws:
    aws = Aws()
    VERBS[name].arrange(aws)
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.setattr("releases.pipeline.Pipeline.first_upload", lambda _: None)
    monkeypatch.setattr("delivery.commands.push.push", lambda *_: None)
    return aws


def run(name: str, *more: str) -> Result:
    verb = name.partition(" ")[0]
    result = CliRunner().invoke(main, [verb, *VERBS[name].arguments, "--stack", "dev", *more])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def said_first(name: str, result: Result) -> bool:
    lines = re.sub(r"[\d,]+ bytes", "N bytes", result.output).splitlines()  # a folder's, which tests may compile in
    return lines[: len(VERBS[name].will)] == [*VERBS[name].will]


@VERB
def test_nobody_to_ask_changes_nothing_and_says_how_to_go_on(name: str, aws: Aws) -> None:
    done = run(name)
    assert said_first(name, done), done.output
    assert (done.exit_code, done.output.endswith(NOBODY), aws.writes) == (1, True, [])


@VERB
def test_no_changes_nothing(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, lambda *_, **__: False)
    done = run(name)
    assert said_first(name, done), done.output
    assert (done.exit_code, done.stderr.splitlines()[-1], aws.writes) == (1, "error: nothing was changed", [])


@VERB
def test_an_interrupted_question_changes_nothing(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(*_: Any, **__: Any) -> bool:
        raise click.Abort

    somebody(monkeypatch, interrupt)
    done = run(name)
    assert (done.exit_code, done.stderr.splitlines()[-1], aws.writes) == (130, "interrupted; nothing was changed", [])


@VERB
def test_yes_does_it_and_ctrl_c_leaves_it(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal is asked nothing then."""

    def interrupt(_: float) -> None:
        raise KeyboardInterrupt

    somebody(monkeypatch, lambda *_, **__: pytest.fail("it asks"))
    monkeypatch.setattr("time.sleep", interrupt)
    done, verb = run(name, "--yes"), VERBS[name]
    assert said_first(name, done), done.output
    assert tuple(aws.writes) == verb.writes
    lines = done.output.splitlines()
    if not verb.left:
        assert (done.exit_code, "interrupted" in done.output) == (0, False)
        return
    assert (done.exit_code, lines[-1]) == (130, "interrupted; what was started at AWS goes on")
    assert lines[-1 - len(verb.left) : -1] == [*verb.left]


def runs_another_image(aws: Aws) -> None:
    """Which would be the release."""
    aws.service(aws.revision(1, f"@{A}"), A)


def migrates_again(aws: Aws) -> None:
    """By a revision that would be removed."""
    definition = next(arn for arn in aws.definitions if arn.endswith("dev-web-migrate:1"))
    aws.tasks.append({"taskArn": TASK, "taskDefinitionArn": definition, "group": "family:dev-web-migrate",
                      "lastStatus": "RUNNING", "desiredStatus": "RUNNING", "createdAt": NOW, "containers": []})  # fmt: skip


def another_waits(aws: Aws) -> None:
    """Which nobody has been told of."""
    aws.pipeline["stages"][0]["inboundExecutions"].append({"pipelineExecutionId": "run-2", "status": "InProgress"})


@pytest.mark.parametrize(
    ("name", "change", "now"),
    [
        ("repair", runs_another_image, [f"web: they disagree: running {A[:19]}, live {A[:19]}, release record {B[:19]}; what runs becomes the release."]),
        ("prune", migrates_again, []),
        ("unfreeze", another_waits, ["web: execution run-1 will be deployed", "web: execution run-2 will be deployed"]),
    ],
)  # fmt: skip
def test_what_changes_while_somebody_thinks_is_not_done(
    name: str, change: Callable[[Aws], None], now: list[str], aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    def thinks(*_: Any, **__: Any) -> bool:
        change(aws)
        return True

    somebody(monkeypatch, thinks)
    done = run(name)
    changed = "error: nothing was changed, because this would happen now instead; run it again:"
    assert (done.exit_code, aws.writes, done.stderr.splitlines()) == (1, [], [changed, *now])


@VERB
def test_a_yes_to_the_question_does_it_too(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    somebody(monkeypatch, lambda *_, **__: True)
    run(name, *(["--no-wait"] if VERBS[name].left else []))
    assert tuple(aws.writes) == VERBS[name].writes


@pytest.mark.parametrize("name", [name for name, verb in VERBS.items() if verb.left])
def test_without_a_wait_it_says_how_to_watch_it(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.sleep", lambda _: pytest.fail("it waits"))
    done = run(name, "--yes", "--no-wait")
    assert (done.exit_code, tuple(aws.writes)) == (0, VERBS[name].writes), done.output
    assert "Watch it: `delivery " in done.output


@pytest.mark.parametrize(
    ("name", "look"),
    [("run", "DescribeTasks"), ("continue", "DescribeServices"), ("rollback", "GetPipelineExecution")],
)
def test_what_was_started_is_named_when_aws_tells_no_more(
    name: str, look: str, aws: Aws, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when credentials expire: to run the command again, which is said otherwise, would do it twice."""

    def expire(_: float) -> None:
        aws.refuse[look] = RefusedError("ExpiredTokenException")

    monkeypatch.setattr("time.sleep", expire)
    done = run(name, "--yes")
    assert done.exit_code == 1
    assert "goes on. Watch it: `delivery " in done.output
    assert "run the command again" not in done.output


ASK_NOTHING = {"freeze", "parameters", "exec", "tunnel", "up", "bootstrap", "review", "comment"}
"""Verbs that write and do not ask: docs/how-to/operations.md has the rule. `up` and `bootstrap` ask by themselves."""
READ = {
    "completion", "cost", "diff", "history", "live", "logs", "open", "page", "preview-report", "render", "status",
    "validate", "verify",
}  # fmt: skip


def test_these_are_all_verbs() -> None:
    assert set(main.commands) == {name.partition(" ")[0] for name in VERBS} | ASK_NOTHING | READ


@pytest.mark.parametrize("verb", sorted(READ | ASK_NOTHING))
def test_no_other_verb_takes_yes(verb: str) -> None:
    assert "--yes" not in [name for option in main.commands[verb].params for name in option.opts]


def test_what_is_done_is_what_was_seen_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of two that are equal, the later one."""

    @dataclass(frozen=True)
    class Seen:
        when: int = field(compare=False)

        def lines(self) -> Sequence[str]:
            return []

    somebody(monkeypatch, lambda *_, **__: True)
    looks = iter(map(Seen, range(2)))
    assert agreed(lambda: next(looks), "Do it?", yes=False).when == 1


@pytest.mark.parametrize("looks", [1, 2])
def test_ctrl_c_while_it_looks_changes_nothing(looks: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before the question, and after a yes: nothing was started that could go on."""
    seen: list[str] = []

    def look() -> Any:
        seen.append("look")
        if len(seen) == looks:
            raise KeyboardInterrupt
        return SimpleNamespace(lines=lambda: [])

    somebody(monkeypatch, lambda *_, **__: True)
    with pytest.raises(click.Abort, match="nothing was changed"):
        agreed(look, "Do it?", yes=False)


@VERB
def test_a_closed_standard_input_is_nobody_to_ask(name: str, aws: Aws, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python has it after `<&-`."""
    monkeypatch.setattr("delivery.output.confirmation.sys", SimpleNamespace(stdin=None))
    done = run(name)
    assert (done.exit_code, done.output.endswith(NOBODY), aws.writes) == (1, True, [])
