"""What `freeze` and `unfreeze` have CodePipeline do, and what they say."""

from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import RefusedError
from verified import A, Answers, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.executions.freeze import kept_reason
from releases.errors import DeliveryError

TRANSITION = {"pipelineName": "dev-web", "stageName": "Deploy", "transitionType": "Inbound"}
WAITS = (
    "releases of web wait (me: a sale- ask @ops); `delivery unfreeze web --stack dev` lets them go on. "
    "An `up` deploys its edits all the same.\n"
)


class Pipelines:
    """The transition into Deploy, and what waits before it."""

    def __init__(self, aws: Answers) -> None:
        self.reason: str | None = None
        self.waiting: list[str] = []
        self.deploying: str | None = None
        aws.answers |= {
            "DisableStageTransition": self._disable,
            "EnableStageTransition": self._enable,
            "GetPipelineState": lambda given: {"stageStates": [self._stage()]},
        }

    def _disable(self, given: dict[str, Any]) -> dict[str, Any]:
        self.reason = given["reason"]
        return {}

    def _enable(self, given: dict[str, Any]) -> dict[str, Any]:
        self.reason = None
        return {}

    def _stage(self) -> dict[str, Any]:
        closed = {"enabled": False, "disabledReason": self.reason, "lastChangedBy": "arn:aws:iam::1:user/me"}
        latest = {"pipelineExecutionId": self.deploying, "status": "InProgress"} if self.deploying else {}
        return {
            "stageName": "Deploy",
            "inboundTransitionState": {"enabled": True} if self.reason is None else closed,
            "inboundExecutions": [{"pipelineExecutionId": each, "status": "InProgress"} for each in self.waiting],
            "latestExecution": latest,
        }


@pytest.fixture
def aws() -> Answers:
    return released()


@pytest.fixture
def pipelines(aws: Answers) -> Pipelines:
    return Pipelines(aws)


@pytest.fixture
def run(aws: Answers, pipelines: Pipelines, monkeypatch: pytest.MonkeyPatch) -> Any:
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))
    return lambda *arguments: CliRunner().invoke(main, [*arguments, "--stack", "dev"])


def asked(aws: Answers, operation: str) -> list[dict[str, Any]]:
    return [given for _, made, given in aws.calls if made == operation]


@pytest.mark.parametrize("services", [("web",), ()])
def test_releases_are_kept_and_go_on(run: Any, aws: Answers, pipelines: Pipelines, services: tuple[str, ...]) -> None:
    done: Result = run("freeze", *services, "--reason", "a  sale, ask @ops")
    assert (done.exit_code, done.output) == (0, WAITS)
    assert asked(aws, "DisableStageTransition") == [{**TRANSITION, "reason": "a sale- ask @ops"}]
    pipelines.waiting = ["e2", "e3"]
    asked_first = run("unfreeze", *services)
    assert (asked_first.exit_code, asked_first.stdout) == (
        1,
        "web: execution e2 will be deployed\nweb: execution e3 will be deployed\n",
    )
    assert asked(aws, "EnableStageTransition") == []
    assert run("unfreeze", *services, "--yes").output.endswith(
        "Releases of web go on: e2, e3.\nWatch it: `delivery status web --stack dev --watch`\n"
    )
    assert asked(aws, "EnableStageTransition") == [TRANSITION]
    assert run("unfreeze", *services).output == "Nothing is frozen.\n"
    assert asked(aws, "EnableStageTransition") == [TRANSITION]


def test_what_is_in_deploy_goes_on(run: Any, pipelines: Pipelines) -> None:
    pipelines.deploying = "e1"
    shown = run("freeze", "web", "--reason", "a sale- ask @ops").output
    assert shown == f"{WAITS}web: execution e1 is in Deploy, and goes on.\n"


def test_where_codedeploy_deploys_edits_wait_too(run: Any, aws: Answers) -> None:
    (revision,) = aws.definitions
    aws.services.clear()
    aws.blue_green(revision, running=A)
    assert run("freeze", "--reason", "a sale").output.endswith(" lets them go on. Edits by `up` wait, too.\n")


@pytest.mark.parametrize("verb", [("redeploy", "web"), ("deploy", "web", "--image", A)])
def test_a_deployment_of_what_is_frozen_says_that_it_waits_and_nobody_waits_for_it(
    run: Any, aws: Answers, verb: tuple[str, ...]
) -> None:
    run("freeze", "--reason", "a sale- ask @ops")
    shown = run(*verb, "--yes", "--no-wait")
    why = "releases of web wait (me: a sale- ask @ops); `delivery unfreeze web --stack dev` lets them go on"
    assert (shown.exit_code, shown.output.splitlines()[1:4]) == (
        0, [f"It will wait: {why}.", "Started execution run-1 of dev-web.", f"It waits: {why}."]
    )  # fmt: skip
    aws.pipeline["executions"].clear()
    waited = run(*verb, "--yes")
    assert (waited.exit_code, waited.stderr) == (
        1,
        f"error: execution run-1 of dev-web waits, and is not followed: {why}\n",
    )
    assert asked(aws, "ListActionExecutions") == []


def test_without_a_pipeline(run: Any, aws: Answers) -> None:
    aws.answers["DisableStageTransition"] = RefusedError("PipelineNotFoundException")
    done = run("freeze", "web", "--reason", "a sale")
    message = "error: there is no pipeline dev-web; check --stack and the service's name\n"
    assert (done.exit_code, done.output) == (1, message)
    assert run("freeze", "web").exit_code == 2
    aws.answers["GetPipelineState"] = aws.answers["GetPipeline"] = RefusedError("PipelineNotFoundException")
    undone = run("unfreeze", "web")
    assert (undone.exit_code, undone.output) == (1, message)


@pytest.mark.parametrize(
    ("text", "kept"),
    [("a sale", "a sale"), ("a\n b", "a b"), ("Tết: no!", "T-t- no!"), ("(v1.2)* ok?-@x", "(v1.2)* ok?-@x")],
)
def test_what_codepipeline_keeps_of_a_reason(text: str, kept: str) -> None:
    assert kept_reason(text) == kept


@pytest.mark.parametrize("text", ["", "  ", "đ…", "x" * 301])
def test_what_is_no_reason(text: str) -> None:
    with pytest.raises(DeliveryError, match="--reason"):
        kept_reason(text)
