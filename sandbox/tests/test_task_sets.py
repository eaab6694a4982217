"""Task sets: how many tasks each runs, and the operations that CodeDeploy moves them by."""

from dataclasses import dataclass, field
from typing import Any

import pytest

from sandbox.account.errors import AwsError
from sandbox.ecs import state, task_sets
from sandbox.ecs.api import HANDLERS
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.model import Service, Task
from sandbox.ecs.shapes import service_shape
from sandbox.ecs.task_sets import TaskSetScheduler

Json = dict[str, Any]
CLUSTER = "arn:aws:ecs:eu-west-1:111111111111:cluster/c"
GROUPS = {name: [{"targetGroupArn": name, "containerName": "app", "containerPort": 80}] for name in ("blue", "green")}


class FakeLauncher:
    def launch(self, service: Service, deployment: Deployment) -> Task:
        definition = {"taskDefinitionArn": deployment.task_definition, "containerDefinitions": []}
        return Task(CLUSTER, definition, "eu-west-1", "1", "g", deployment_id=deployment.id)

    def stop(self, task: Task, code: str, reason: str) -> None:
        task.request_stop(code, reason)


def service(desired: int, *, controller: str = "CODE_DEPLOY") -> Service:
    first = Deployment("web:1", {"loadBalancers": GROUPS["blue"], "launchType": "FARGATE"}, id="ecs-svc/1")
    arn = "arn:aws:ecs:eu-west-1:111111111111:service/c/web"
    settings = {"deploymentController": {"type": controller}, "loadBalancers": GROUPS["blue"]}
    return Service("web", arn, CLUSTER, desired, settings, [first], "me")


@dataclass
class Rig:
    """A service whose tasks the test moves by hand."""

    service: Service
    now: float = 0.0
    scheduler: TaskSetScheduler = field(init=False)

    def __post_init__(self) -> None:
        self.scheduler = TaskSetScheduler(self.service, FakeLauncher(), lambda *_: None, lambda seconds: seconds)

    def step(self) -> list[int]:
        """Look; how many tasks of each set are active."""
        self.scheduler.step(self.now)
        return [sum(task.active for task in self.service.tasks_of(each)) for each in self.service.deployments]

    def ready(self) -> None:
        for task in self.service.tasks:
            if task.active:
                task.last_status, task.ready = "RUNNING", True

    def end(self) -> None:
        """What was asked to stop has stopped."""
        for task in self.service.tasks:
            if not task.active:
                task.last_status = "STOPPED"

    def statuses(self) -> list[str]:
        return [each["stabilityStatus"] for each in service_shape(self.service)["taskSets"]]


def test_each_set_runs_its_share() -> None:
    rig = Rig(service(3))
    rig.service.deployments.append(Deployment("web:2", {}, id="ecs-svc/2", status="ACTIVE", scale=50.0))
    assert rig.step() == [3, 2]
    assert rig.statuses() == ["STABILIZING", "STABILIZING"]
    rig.ready()
    rig.step()
    assert rig.statuses() == ["STEADY_STATE", "STEADY_STATE"]
    rig.service.desired_count = 1
    assert rig.step() == [1, 1]


def test_a_set_that_drains_goes_when_its_tasks_have() -> None:
    rig = Rig(service(1))
    old = rig.service.deployments[0]
    rig.step()
    rig.service.deployments.insert(0, Deployment("web:2", {}, id="ecs-svc/2"))
    old.status = "DRAINING"
    assert rig.step() == [1, 0]
    assert len(rig.service.deployments) == 2
    rig.end()
    rig.step()
    assert [each.id for each in rig.service.deployments] == ["ecs-svc/2"]


def test_tasks_that_fail_are_started_again_with_a_pause() -> None:
    rig = Rig(service(1))
    rig.step()
    (task,) = rig.service.tasks
    task.last_status, task.stop_code, task.stopped_reason = "STOPPED", "EssentialContainerExited", "exited"
    assert rig.step() == [0]
    assert rig.service.deployments[0].failures_in_a_row == 1
    rig.now += 6
    assert rig.step() == [1]
    assert rig.service.deployments[0].rollout_state == "IN_PROGRESS", "no circuit breaker"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Calls an operation on a service."""
    for name in ("check_placement", "check_network", "check_load_balancers"):
        monkeypatch.setattr(task_sets, name, lambda *_: None)
    monkeypatch.setattr(task_sets, "task_definition", lambda _, name: {"taskDefinitionArn": name})
    monkeypatch.setattr(state, "cluster_arn", lambda *_: CLUSTER)

    def call(found: Service, operation: str, **params: Any) -> Json:
        monkeypatch.setattr(state, "state_of", lambda _: type("S", (), {"service": lambda *_: found})())
        given = {"cluster": "c", "service": "web", **params}
        return dict(HANDLERS["ecs", operation](None, None, given))  # type: ignore[arg-type]

    return call


SECOND: Json = {
    "taskDefinition": "web:2",
    "loadBalancers": GROUPS["green"],
    "launchType": "FARGATE",
    "scale": {"value": 100, "unit": "PERCENT"},
    "externalId": "d-1",
}


def test_a_second_set_becomes_the_primary_one(call: Any) -> None:
    web = service(2)
    made = call(web, "CreateTaskSet", **SECOND)["taskSet"]
    assert (made["status"], made["scale"]["value"], made["computedDesiredCount"]) == ("ACTIVE", 100.0, 2)
    assert (made["externalId"], made["startedBy"]) == ("d-1", "CODE_DEPLOY")
    assert service_shape(web)["taskDefinition"] == "web:1"
    call(web, "UpdateServicePrimaryTaskSet", primaryTaskSet=made["taskSetArn"])
    shape = service_shape(web)
    assert (shape["taskDefinition"], shape["loadBalancers"]) == ("web:2", GROUPS["green"])
    assert [each["status"] for each in shape["taskSets"]] == ["PRIMARY", "ACTIVE"]
    assert shape["deployments"] == []
    call(web, "DeleteTaskSet", taskSet="ecs-svc/1", force=True)
    assert [each["status"] for each in service_shape(web)["taskSets"]] == ["PRIMARY", "DRAINING"]


@pytest.mark.parametrize(
    ("operation", "params", "words"),
    [
        ("DeleteTaskSet", {"taskSet": "ecs-svc/1", "force": True}, "primary"),
        ("DeleteTaskSet", {"taskSet": "ecs-svc/2"}, "scaled above 0"),
        ("DeleteTaskSet", {"taskSet": "ecs-svc/9"}, "TaskSetNotFoundException"),
        ("CreateTaskSet", SECOND, "two task sets at most"),
    ],
)
def test_what_is_refused(call: Any, operation: str, params: Json, words: str) -> None:
    web = service(1)
    web.deployments.append(Deployment("web:2", {}, id="ecs-svc/2", status="ACTIVE"))
    with pytest.raises(AwsError, match=words):
        call(web, operation, **params)


def test_ecs_s_own_controller_has_no_task_sets(call: Any) -> None:
    with pytest.raises(AwsError, match="another controller than ECS"):
        call(service(1, controller="ECS"), "DescribeTaskSets")
