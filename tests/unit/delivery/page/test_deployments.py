"""The deployments of a service, as ECS and CodeDeploy tell them."""

from datetime import timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError
from page_facts import NOW, PageAws, ago

from delivery.page.deployments import by_code_deploy, by_ecs
from delivery.page.facts import Deployment, Outcome, Share, TaskRun
from releases.ecs import tasks_of
from releases.service_state import ServiceState, read_state

REVISION = "arn:aws:ecs:eu-west-1:111111111111:service-revision/dev/dev-web/"
CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 2}, "bakeTimeInMinutes": 1}  # fmt: skip


def described(status: str, *, wanted: int = 1, weight: float | None = None, **fields: Any) -> dict[str, Any]:
    """As DescribeServiceDeployments has it; the revision 8 takes the place of 7."""
    target = {"arn": f"{REVISION}8", "requestedTaskCount": wanted}
    return {
        "serviceDeploymentArn": "arn:aws:ecs:eu-west-1:111111111111:service-deployment/dev/dev-web/d1",
        "status": status,
        "createdAt": ago(minutes=10, seconds=1),
        "startedAt": ago(minutes=10),
        "updatedAt": ago(minutes=3),
        "targetServiceRevision": target | ({} if weight is None else {"requestedProductionTrafficWeight": weight}),
        "deploymentConfiguration": CANARY,
        **fields,
    }


def task(number: int, revision: int, started: float, stopped: float | None = None) -> dict[str, Any]:
    ended = {} if stopped is None else {"stoppingAt": ago(minutes=stopped)}
    return {
        "taskArn": f"arn:aws:ecs:eu-west-1:111111111111:task/dev/{number}",
        "taskDefinitionArn": f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{revision}",
        "startedBy": f"ecs-svc/{revision}",
        "startedAt": ago(minutes=started),
        "containers": [],
        **ended,
    }


def looked_at(*listed: dict[str, Any], running: list[Any], stopped: list[Any] | None = None) -> list[Deployment]:
    aws = PageAws(shifts=list(listed), tasks=running, stopped=stopped or [])
    aws.record("none")
    aws.service(aws.revision(7, ":live"), None)
    aws.tasks = running
    session = aws.session()
    ecs, state = session.client("ecs"), read_state(session, "dev", "web")
    return by_ecs(ecs, state, tasks_of(ecs, state.cluster, state.name), ago(minutes=30))


def test_one_that_has_succeeded() -> None:
    listed = described("SUCCESSFUL", finishedAt=ago(minutes=4), statusReason="all is well")
    (found,) = looked_at(listed, running=[task(2, 8, 8)], stopped=[task(1, 7, 99, 4.5), task(0, 7, 200, 150)])
    assert found == Deployment(
        id="d1",
        outcome=Outcome.SUCCEEDED,
        status="SUCCESSFUL",
        reason="",
        revision="dev-web:8",
        strategy="CANARY",
        started=ago(minutes=10),
        ended=ago(minutes=4),
        shares=[Share(ago(minutes=7.5), 10), Share(ago(minutes=5.5), 100)],
        tasks=[TaskRun("1", ago(minutes=99), ago(minutes=4.5), False), TaskRun("2", ago(minutes=8), None, True)],
        alarms=[],
    )


def test_one_whose_tasks_are_forgotten() -> None:
    (found,) = looked_at(described("SUCCESSFUL", finishedAt=ago(minutes=4)), running=[])
    assert (found.tasks, found.shares) == ([], [Share(ago(minutes=7), 10), Share(ago(minutes=5), 100)])


@pytest.mark.parametrize(
    ("wanted", "shares"), [(1, [Share(ago(minutes=8), 10), Share(ago(minutes=7), 0)]), (2, [])], ids=["at the canary", "before"]
)  # fmt: skip
def test_one_that_went_back(wanted: int, shares: list[Share]) -> None:
    rollback = {"startedAt": ago(minutes=7), "reason": "an\n alarm"}
    alarms = {"triggeredAlarmNames": ["dev-web-latency"]}
    listed = described(
        "ROLLBACK_SUCCESSFUL", wanted=wanted, finishedAt=ago(minutes=5), rollback=rollback, alarms=alarms
    )
    (found,) = looked_at(listed, running=[task(1, 7, 99)], stopped=[task(2, 8, 8, 6)])
    assert (found.outcome, found.reason, found.shares) == (Outcome.FAILED, "an alarm", shares)
    assert (found.told, found.alarms) == (False, ["dev-web-latency"])


@pytest.mark.parametrize(
    ("status", "outcome"),
    [("IN_PROGRESS", Outcome.RUNNING), ("ROLLBACK_IN_PROGRESS", Outcome.RUNNING), ("PENDING", Outcome.RUNNING)],
)
def test_one_that_goes_on_tells_its_share(status: str, outcome: Outcome) -> None:
    (found,) = looked_at(described(status, weight=10.0), running=[task(2, 8, 8)])
    assert (found.outcome, found.ended, found.told) == (outcome, None, True)
    assert found.shares == [Share(ago(minutes=3), 10)]
    assert looked_at(described(status), running=[])[0].shares == []


def test_one_that_was_stopped() -> None:
    (found,) = looked_at(described("STOPPED", finishedAt=ago(minutes=4), statusReason="by hand"), running=[])
    assert (found.outcome, found.reason) == (Outcome.STOPPED, "by hand")


def test_a_rolling_one() -> None:
    listed = described("SUCCESSFUL", finishedAt=ago(minutes=4), deploymentConfiguration={})
    (found,) = looked_at(listed, running=[task(2, 8, 8)], stopped=[task(1, 7, 99, 6)])
    assert (found.strategy, found.told) == ("ROLLING", False)
    assert found.shares == [Share(ago(minutes=8), 50), Share(ago(minutes=6), 100)]


def test_they_come_in_their_order_and_none_from_before() -> None:
    def named(name: str, minutes: float) -> dict[str, Any]:
        at = ago(minutes=minutes)
        return described("SUCCESSFUL", finishedAt=at, createdAt=at, startedAt=at) | {"serviceDeploymentArn": name}

    assert [each.id for each in looked_at(named("new", 1), named("old", 9), named("gone", 31), running=[])] == [
        "old",
        "new",
    ]


class Pages(PageAws):
    """Which lists one service deployment a page."""

    def _ListServiceDeployments(self, given: dict[str, Any]) -> dict[str, Any]:
        place = int(given.get("nextToken", 0))
        whole = super()._ListServiceDeployments({name: each for name, each in given.items() if name != "nextToken"})
        listed = whole["serviceDeployments"]
        more = {"nextToken": str(place + 1)} if place + 1 < len(listed) else {}
        return {"serviceDeployments": listed[place : place + 1], **more}


def test_all_pages_are_read() -> None:
    listed = [described("SUCCESSFUL", finishedAt=NOW) | {"serviceDeploymentArn": f"x/{n}"} for n in range(3)]
    aws = Pages(shifts=listed)
    aws.record("none")
    aws.service(aws.revision(7, ":live"), None)
    session = aws.session()
    state = read_state(session, "dev", "web")
    found = by_ecs(session.client("ecs"), state, [], ago(minutes=30))
    assert sorted(each.id for each in found) == ["0", "1", "2"]


def test_a_service_of_code_deploy_has_none_of_ecs() -> None:
    aws = PageAws()
    aws.record("none")
    revision = aws.revision(7, ":live")
    aws.blue_green(revision, running="sha256:a")
    session = aws.session()
    state: ServiceState = read_state(session, "dev", "web")
    assert by_ecs(session.client("ecs"), state, [], ago(days=1)) == []


class CodeDeploy:
    """The calls of its client."""

    def __init__(self, allowed: dict[str, Any], **info: Any) -> None:
        self._allowed = allowed
        self._infos = {
            "d-1": {"deploymentId": "d-1", "status": "Succeeded", "createTime": ago(minutes=10), "deploymentConfigName": "canary", **info},
            "d-2": {"createTime": ago(minutes=5)},
        }  # fmt: skip

    def get_deployment(self, *, deploymentId: str) -> dict[str, Any]:
        return {"deploymentInfo": self._infos[deploymentId]}

    def list_deployment_targets(self, *, deploymentId: str) -> dict[str, Any]:
        return {"targetIds": ["dev:dev-web-codedeploy"]}

    def batch_get_deployment_targets(self, *, deploymentId: str, targetIds: list[str]) -> dict[str, Any]:
        assert targetIds == ["dev:dev-web-codedeploy"]
        sets = [{"identifer": "ecs-svc/7", "taskSetLabel": "Blue"}, {"identifer": "ecs-svc/8", "taskSetLabel": "Green"}]
        events = [{"lifecycleEventName": "Install"}, {"lifecycleEventName": "AllowTraffic", **self._allowed}]
        return {"deploymentTargets": [{"ecsTarget": {"lifecycleEvents": events, "taskSetsInfo": sets}}]}

    def get_deployment_config(self, *, deploymentConfigName: str) -> dict[str, Any]:
        routing = {"timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": 2}}
        return {"deploymentConfigInfo": {"trafficRoutingConfig": routing}}


def test_one_of_code_deploy_tells_its_traffic() -> None:
    allowed = {"startTime": ago(minutes=8), "endTime": ago(minutes=6)}
    client = CodeDeploy(allowed, completeTime=ago(minutes=5))
    found = by_code_deploy(client, "d-1", [task(1, 7, 99, 5), task(2, 8, 9)])
    assert found is not None
    assert (found.strategy, found.outcome, found.revision, found.told) == (
        "CODE_DEPLOY",
        Outcome.SUCCEEDED,
        "dev-web:8",
        True,
    )
    assert found.shares == [Share(ago(minutes=8), 10), Share(ago(minutes=6), 100)]
    assert [(run.id, run.new) for run in found.tasks] == [("1", False), ("2", True)]


def test_one_of_code_deploy_that_went_back() -> None:
    error = {"code": "ALARM_ACTIVE", "message": "one of  the alarms"}
    client = CodeDeploy(
        {"startTime": ago(minutes=8)}, status="Stopped", errorInformation=error, rollbackInfo={"rollbackDeploymentId": "d-2"}
    )  # fmt: skip
    found = by_code_deploy(client, "d-1", [])
    assert found is not None
    assert (found.outcome, found.reason) == (Outcome.STOPPED, "one of the alarms")
    assert found.shares == [Share(ago(minutes=8), 10), Share(ago(minutes=5), 0)]


def refused(code: str) -> Any:
    def call(**given: Any) -> None:
        raise ClientError({"Error": {"Code": code, "Message": "x"}}, "X")

    return call


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        ("list_deployment_targets", "DeploymentNotStartedException"),
        ("list_deployment_targets", "DeploymentDoesNotExistException"),
        ("batch_get_deployment_targets", "DeploymentTargetDoesNotExistException"),
        ("get_deployment_config", "DeploymentConfigDoesNotExistException"),
    ],
)
def test_one_of_which_code_deploy_has_not_all_any_more_has_no_traffic(operation: str, code: str) -> None:
    client = CodeDeploy({"startTime": ago(minutes=8), "endTime": ago(minutes=6)}, completeTime=ago(minutes=5))
    setattr(client, operation, refused(code))
    found = by_code_deploy(client, "d-1", [])
    assert found is not None
    assert (found.id, found.outcome, found.shares) == ("d-1", Outcome.SUCCEEDED, [])
    setattr(client, operation, refused("ThrottlingException"))
    with pytest.raises(ClientError):
        by_code_deploy(client, "d-1", [])


def test_one_that_code_deploy_does_not_know_any_more() -> None:
    client = CodeDeploy({"startTime": ago(minutes=8)}, rollbackInfo={"rollbackDeploymentId": "d-3"})
    known = client.get_deployment
    client.get_deployment = lambda *, deploymentId: (  # type: ignore[method-assign]
        known(deploymentId="d-1") if deploymentId == "d-1" else refused("DeploymentDoesNotExistException")()
    )
    assert by_code_deploy(client, "d-3", []) is None
    found = by_code_deploy(client, "d-1", [])
    assert found is not None
    assert found.shares == [Share(ago(minutes=8), 10)]


def test_one_of_code_deploy_that_has_no_targets_yet() -> None:
    client = CodeDeploy({}, status="Created")
    client.list_deployment_targets = lambda *, deploymentId: {"targetIds": []}  # type: ignore[method-assign]
    found = by_code_deploy(client, "d-1", [])
    assert found is not None
    assert (found.outcome, found.shares) == (Outcome.RUNNING, [])


def test_one_of_code_deploy_that_has_just_begun() -> None:
    found = by_code_deploy(CodeDeploy({}, status="InProgress"), "d-1", [])
    assert found is not None
    assert (found.outcome, found.shares, found.ended) == (Outcome.RUNNING, [], None)
    assert found.started == NOW - timedelta(minutes=10)
