"""A service under a scheduler, whose tasks and alarms the test moves by hand."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import Scheduler
from sandbox.ecs.model import Service, Task

CLUSTER = "arn:aws:ecs:eu-west-1:111111111111:cluster/c"


class FakeLauncher:
    def launch(self, service: Service, deployment: Deployment) -> Task:
        return Task(
            cluster_arn=CLUSTER,
            task_definition={
                "taskDefinitionArn": deployment.task_definition,
                "containerDefinitions": [{"name": "app", "image": "i"}],
            },
            region="eu-west-1",
            account="111111111111",
            group=f"service:{service.name}",
            service_name=service.name,
            deployment_id=deployment.id,
            load_balancers=deployment.balancers,
        )

    def stop(self, task: Task, code: str, reason: str) -> None:
        task.request_stop(code, reason)


@dataclass
class Rig:
    """A service under a scheduler whose tasks the test moves by hand."""

    service: Service
    events: list[tuple[str, str]] = field(default_factory=list)
    now: float = 0.0
    alarms: dict[str, str] = field(default_factory=dict)
    """Each alarm's state; they look back for 100 AWS seconds."""

    def __post_init__(self) -> None:
        def publish(_: Service, deployment: Deployment, name: str, reason: str) -> None:
            self.events.append((deployment.id, name))

        self.scheduler = Scheduler(self.service, FakeLauncher(), publish, lambda seconds: seconds / 10, self.described)

    def described(self, names: Sequence[str]) -> list[dict[str, Any]]:
        """As CloudWatch describes alarms: all of them when none is named."""
        return [
            {"AlarmName": name, "StateValue": self.alarms[name], "Period": 20, "EvaluationPeriods": 5}
            for name in names or self.alarms
        ]

    def look(self) -> None:
        self.scheduler.step(self.now)

    def step(self) -> None:
        """Look, and again when every pause after a failure is over."""
        self.look()
        self.now += 1000
        self.look()

    def active(self, deployment: Deployment | None = None) -> list[Task]:
        wanted = deployment or self.service.primary
        return [task for task in self.service.tasks_of(wanted) if task.active]

    def stopping(self) -> list[Task]:
        return [task for task in self.service.tasks if task.desired_status == "STOPPED" and not task.stopped]

    def become_ready(self, task: Task) -> None:
        task.last_status, task.was_running, task.ready = "RUNNING", True, True

    def crash(
        self, task: Task, reason: str = "Essential container in task exited", code: str = "EssentialContainerExited"
    ) -> None:
        task.request_stop(code, reason)
        task.last_status = "STOPPED"

    def settle(self) -> None:
        """Every task becomes ready, every asked end happens, until nothing changes."""
        for _ in range(20):
            self.step()
            for task in self.service.tasks:
                if task.active:
                    self.become_ready(task)
                elif not task.stopped:
                    task.last_status = "STOPPED"

    @property
    def state(self) -> str:
        return self.service.primary.rollout_state

    def messages(self) -> list[str]:
        return [event.message for event in self.service.events]


def rig(
    desired: int = 2,
    breaker: dict[str, Any] | None = None,
    least: int = 100,
    most: int = 200,
    alarms: dict[str, Any] | None = None,
) -> Rig:
    deployment = Deployment("td:1", {})
    configuration: dict[str, Any] = {"minimumHealthyPercent": least, "maximumPercent": most}
    if breaker:
        configuration["deploymentCircuitBreaker"] = breaker
    if alarms:
        configuration["alarms"] = alarms
    service = Service(
        name="web",
        arn="arn:aws:ecs:eu-west-1:111111111111:service/c/web",
        cluster_arn=CLUSTER,
        desired_count=desired,
        settings={"deploymentConfiguration": configuration},
        deployments=[deployment],
        created_by="root",
    )
    return Rig(service)
