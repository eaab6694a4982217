"""What the program asks AWS beside its resources, against what the roles may that run it.

Each call is taken from the program itself: of the look at the start, and of the guards before and after a change.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from delivery_aws import NOW, FakeAws, RefusedError, action, digest

from bootstrap import deploy_policy, drift_policy, preview_policy, review_policy
from components.iam.policies import Statement, document
from components.scope import Scope
from delivery.commands import redeploy, repair, retry, rollback, status
from delivery.executions import shift
from delivery.executions import start as starting
from delivery.services.history import service_history
from releases import update_guard
from releases.errors import DeliveryError
from releases.service_state import ServiceState, read_states
from sandbox.iam.calls import Call
from sandbox.iam.evaluator import Policy, Request, evaluate
from sandbox.iam.requests import needs

ACCOUNT, REGION = "111111111111", "eu-west-1"
SCOPE = Scope("dev", "aws", REGION, ACCOUNT)
STORE = "delivery-store-bucket-1a2b3c4"
OLD, NEW = digest("a"), digest("b")
APPSPEC = (STORE, "templates/web/appspec.yaml")

ROLES: Mapping[str, tuple[str, Sequence[Statement]]] = {
    "deploy": ("dev", [each for part in deploy_policy.deploy_statements(SCOPE).values() for each in part]),
    "preview": ("dev", preview_policy.preview_statements(SCOPE)),
    "drift": ("dev", drift_policy.drift_statements(SCOPE)),
    "review": ("pr-12", [each for part in review_policy.review_statements(SCOPE).values() for each in part]),
}
"""The stack that a role is for, and what it may do."""
WHO_LOOKS, NOT_FOR_THEM = ("preview", "drift"), {"logs:GetLogEvents"}
"""They follow no deployment, and show no log: a preview's code is the pull request's."""


class Facts:
    """An account in which nothing is encrypted with a key, and these objects are there."""

    def __init__(self, objects: frozenset[tuple[str, str]]) -> None:
        self._objects = objects

    def object_exists(self, bucket: str, key: str, version: str | None) -> bool:
        return (bucket, key) in self._objects

    def object_key(self, bucket: str, key: str, version: str | None) -> None:
        return None

    def secure_key(self, parameter: str) -> None:
        return None

    def scalable_target(self, namespace: str, resource_id: str, dimension: str) -> None:
        return None


class WithStore(FakeAws):
    """Whose pipeline takes a stage again, and keeps its artifacts in the stack's bucket."""

    def _GetPipeline(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"pipeline": {"artifactStore": {"type": "S3", "location": STORE}, "stages": []}}

    def _RetryStageExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"pipelineExecutionId": given["pipelineExecutionId"]}


def service(controller: str) -> WithStore:
    """A service with one release, which runs."""
    aws = WithStore()
    aws.record("none")
    revision = aws.revision(1, f"@{OLD}")
    aws.image(OLD, "release-1", "live")
    aws.release(1, OLD, revision)
    if controller == "CODE_DEPLOY":
        aws.blue_green(revision, running=OLD)
    else:
        aws.service(revision, OLD)
    return aws


def rolling() -> WithStore:
    return service("ECS")


def rolling_after_a_failure() -> WithStore:
    """Whose newest deployment ECS has failed."""
    aws = service("ECS")
    aws.service(aws.revision(2, f"@{NEW}"), OLD, state="FAILED")
    return aws


def rolling_an_index() -> WithStore:
    """Whose image is an index, and ECS gives the digest of the platform's image."""
    aws = service("ECS")
    platform = digest("c")
    aws.index(OLD, platform)
    aws.tasks[0]["containers"][0]["imageDigest"] = platform
    return aws


def by_code_deploy() -> WithStore:
    """Whose template is not written yet."""
    return service("CODE_DEPLOY")


def released_by_code_deploy() -> WithStore:
    """Whose template is the one that was released."""
    aws = service("CODE_DEPLOY")
    aws.objects[APPSPEC] = b"# template f1\nversion: 0.0\n"
    return aws


def edited_by_code_deploy() -> WithStore:
    """Whose template an execution deploys."""
    aws = service("CODE_DEPLOY")
    aws.objects[APPSPEC] = b"# template f2\nversion: 0.0\n"
    aws.executing("InProgress", variables={"image": "live"})
    return aws


def code_deploy_after_a_failure() -> WithStore:
    """Whose template an execution has tried in vain: with an action in Deploy, and with none."""
    aws = service("CODE_DEPLOY")
    aws.objects[APPSPEC] = b"# template f2\nversion: 0.0\n"
    aws.executing("Failed", action("Deploy", "Release", "Build", "Failed"), variables={"image": "live"})
    aws.executing("Failed", action("Approve", "Approve", "Approval", "Failed"), variables={"image": "live"})
    return aws


def shifting() -> WithStore:
    """Whose traffic ECS shifts."""
    aws = service("ECS")
    aws.shift("IN_PROGRESS", lifecycleStage="BAKE_TIME")
    return aws


def shifted_by_ecs() -> WithStore:
    """Whose traffic ECS has shifted."""
    aws = service("ECS")
    aws.shift("SUCCESSFUL")
    return aws


STATES: Sequence[Callable[[], WithStore]] = (
    rolling,
    shifting,
    shifted_by_ecs,
    rolling_after_a_failure,
    rolling_an_index,
    by_code_deploy,
    released_by_code_deploy,
    edited_by_code_deploy,
    code_deploy_after_a_failure,
)


def run(aws: WithStore, session: boto3.Session) -> None:
    """The look, the guard before a change, and those after it: of a deployment that completes, and of one that fails."""
    before = read_states(session, "dev", ["web"])["web"]
    update_guard.check(session, "dev", before, before.task_definition)
    update_guard.check_release_stands(session, "dev", before)
    if before.controller.deploys_template:
        update_guard.wait_until_serving(session, "dev", "web", lambda _: None, 15)
        return
    failed = aws.revision(3, f"@{NEW}", container={"logConfiguration": LOG})
    aws.service(failed, OLD, state="FAILED")
    stopped = {"stoppedReason": "Essential container in task exited", "startedBy": "ecs-svc/1", "stoppedAt": NOW}
    aws.tasks.append({**aws.tasks[0], "taskDefinitionArn": failed, **stopped})
    with pytest.raises(DeliveryError):
        update_guard.follow_deployment(session, "dev", "web", failed, lambda _: None, 15)


def rolls_back(aws: WithStore, session: boto3.Session) -> None:
    (revision,) = aws.definitions
    aws.image(NEW, "release-2")
    aws.release(2, NEW, revision)
    aws.release(3, OLD, revision)
    chosen = rollback.plan(session, "dev", "web", 2)
    starting.deploy(session, "dev", "web", chosen.target.image_digest, lambda _: None, wait=False)


def deploys_again(aws: WithStore, session: boto3.Session) -> None:
    look = partial(redeploy.plan, session, "dev", "web")
    starting.start(session, look, lambda _: None, yes=True, wait=False)


def retries(aws: WithStore, session: boto3.Session) -> None:
    """Of a stage whose build was refused, and then is taken."""
    message = {"errorDetails": {"message": "AccountLimitExceededException"}}
    aws.executing("Failed", action("Package", "Package", "Build", "Failed", result=message))
    with pytest.raises(DeliveryError):
        retry.retry(session, retry.plan(session, "dev", "web"), lambda _: None, minutes=0, wait=True)


def repairs(aws: WithStore, session: boto3.Session) -> None:
    """What runs becomes the release, and scaling goes on; then the tag goes back to what is recorded."""
    aws.executing("Succeeded")
    aws.scaling["service/dev/dev-web"] = True
    aws.record("none")
    repair.repair(session, "dev", repair.examine(session, "dev", "web"), lambda _: None)
    aws.image(NEW, "live")
    aws.images[OLD].discard("live")
    aws.tasks.clear()
    repair.repair(session, "dev", repair.examine(session, "dev", "web"), lambda _: None)


def tells(aws: WithStore, session: boto3.Session) -> None:
    status.status(session, "dev", "web")
    service_history(session, "dev", "web")


COMMANDS: Sequence[Callable[[WithStore, boto3.Session], None]] = (rolls_back, deploys_again, retries, repairs, tells)


@pytest.fixture(autouse=True)
def _no_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time passes by itself."""
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    clock = SimpleNamespace(monotonic=lambda: now[0], sleep=sleep)
    monkeypatch.setattr("releases.pipeline.time", clock)
    monkeypatch.setattr("delivery.commands.retry.time", clock)


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.__name__)
@pytest.mark.parametrize("role", ["deploy", "review"])
def test_who_deploys_may_run_the_commands_that_deploy_without_pulumi(
    role: str, command: Callable[[WithStore, boto3.Session], None]
) -> None:
    aws = rolling()
    command(aws, aws.session())
    assert aws.calls
    assert refused(role, aws.calls, Facts(frozenset())) == set()


@pytest.mark.parametrize("answer", [shift.go_on, shift.go_back], ids=lambda answer: answer.__name__)
def test_who_deploys_may_answer_and_end_a_shift(answer: Callable[[Any, ServiceState], None]) -> None:
    """Asked with the service or its deployment, both of which the actions take."""
    state = read_states(shifting().session(), "dev", ["web"])["web"]
    assert state.shifting
    for pause in ("hook", ""):
        aws = shifting()
        paused = replace(state, shifting=replace(state.shifting, pause=pause))
        if pause or answer is shift.go_back:
            answer(aws.session().client("ecs"), paused)
        for _, operation, given in aws.calls:
            policy = Policy("deploy", document(ROLES["deploy"][1]))
            asked = Request(f"ecs:{operation}", given["serviceDeploymentArn"], {"aws:RequestedRegion": REGION})
            assert evaluate(asked, [policy]).allowed


LOG = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}


def refused(role: str, calls: Sequence[tuple[str, str, Mapping[str, Any]]], facts: Facts) -> set[tuple[str, str]]:
    """Action and resource of all that a role asks for and may not."""
    stack, statements = ROLES[role]
    found = set()
    for name, operation, params in calls:
        renamed = json.loads(json.dumps(params, default=str).replace("dev", stack))
        for need in needs(Call(name, operation, renamed, ACCOUNT, REGION, facts)):  # type: ignore[arg-type]
            context = {"aws:RequestedRegion": REGION, **need.context}
            asked = Request(need.action, need.resource, context)
            if not evaluate(asked, [Policy(role, document(statements))]).allowed:
                found.add((need.action, need.resource))
    return found


@pytest.mark.parametrize("state", STATES, ids=lambda state: state.__name__)
@pytest.mark.parametrize("role", ROLES)
def test_a_role_may_make_every_call_of_the_look_and_the_guards(role: str, state: Callable[[], WithStore]) -> None:
    aws = state()
    aws.refuse["GetLogEvents"] = RefusedError("ResourceNotFoundException")
    run(aws, aws.session())
    missing = refused(role, aws.calls, Facts(frozenset(aws.objects)))
    assert {found for found in missing if role not in WHO_LOOKS or found[0] not in NOT_FOR_THEM} == set()


def test_the_calls_are_those_that_the_program_makes() -> None:
    """So that no state above stops asking without a word."""
    made: set[str] = set()
    for state in STATES:
        aws = state()
        aws.refuse["GetLogEvents"] = RefusedError("ResourceNotFoundException")
        run(aws, aws.session())
        made |= {f"{name}:{operation}" for name, operation, _ in aws.calls}
    assert made == {
        "codepipeline:GetPipeline",
        "codepipeline:GetPipelineExecution",
        "codepipeline:GetPipelineState",
        "codepipeline:ListActionExecutions",
        "codepipeline:ListPipelineExecutions",
        "ecr:BatchGetImage",
        "ecr:DescribeImages",
        "ecs:DescribeServiceDeployments",
        "ecs:DescribeServices",
        "ecs:DescribeTaskDefinition",
        "ecs:DescribeTasks",
        "ecs:ListServiceDeployments",
        "ecs:ListTasks",
        "logs:GetLogEvents",
        "s3:GetObject",
        "ssm:GetParameters",
    }
