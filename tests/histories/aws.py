"""The AWS of one service: ECS as the sandbox does it, without processes and without time, and tables beside it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any
from unittest import mock

from sandbox.account.errors import AwsError
from sandbox.account.parts import Parts
from sandbox.ecs import history, services
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.listener_rules import Kind
from sandbox.ecs.model import Service, Task
from sandbox.ecs.native import NativeScheduler, Surroundings
from sandbox.ecs.shapes import task_shape
from sandbox.ecs.state import state_of
from sandbox.readings import Readings
from tests.histories.session import Refused, Session

Json = dict[str, Any]
STACK, SERVICE, NAME, ALARM = "dev", "web", "dev-web", "errors"
ARN = "arn:aws:ecs:eu-west-1:111111111111"
CLUSTER, REPOSITORY = f"{ARN}:cluster/{STACK}", f"111111111111.dkr.ecr.eu-west-1.amazonaws.com/{NAME}"
RECORD = f"/fargate-delivery/{STACK}/{SERVICE}/release"
TICK = 30.0
"""Seconds of AWS's that pass at a time."""
ONE, TWO = "group-one", "group-two"
UNASKED = ("check_network", "check_load_balancers", "publish_deployment", "publish_hook")
"""What the sandbox's ECS asks of other parts of an account."""


def dated(answer: Any) -> Any:
    """An answer with the times that a client makes of its numbers."""
    if isinstance(answer, dict):
        times = {
            name: datetime.fromtimestamp(at, UTC)
            for name, at in answer.items()
            if name.endswith(("At", "edAt")) and isinstance(at, float)
        }
        return {name: times.get(name) or dated(value) for name, value in answer.items()}
    return [dated(each) for each in answer] if isinstance(answer, list) else answer


@dataclass
class Aws:
    """One service with a load balancer in front, its images, record and alarm.

    Attributes:
        definitions: ARN → task definition.
        tags: tag → digest.
        records: the release record's versions.
        broken: digests and templates whose tasks end at once.
        alarm: CloudWatch's state of the alarm.
        deploying: the execution that is in the pipeline's Deploy stage.
        shares: target group → its share of the traffic.
        now: seconds of AWS's.
        revisions: how many calls have registered one, and `updates` how many have updated the service.
    """

    definitions: dict[str, Json] = field(default_factory=dict)
    tags: dict[str, str] = field(default_factory=dict)
    records: list[str] = field(default_factory=lambda: ["none"])
    broken: set[str] = field(default_factory=set)
    alarm: str = "OK"
    deploying: str | None = None
    shares: dict[str, float] = field(default_factory=lambda: {ONE: 100.0, TWO: 0.0})
    now: float = 0.0
    updates: int = 0

    def __post_init__(self) -> None:
        clients = SimpleNamespace(
            describe_clusters=lambda clusters: {"clusters": [{"status": "ACTIVE", "clusterArn": CLUSTER}]},
            describe_task_definition=lambda taskDefinition, include: {
                "taskDefinition": self.definitions[taskDefinition]
            },
        )
        self.account: Any = SimpleNamespace(
            parts=Parts(), client=lambda _: clients, readings=Readings(unstated_rollouts=True)
        )
        operations = [name[1:] for name in dir(self) if name.startswith("_") and name[1:2].isupper()]
        self.session: Any = Session({name: self._answering(name) for name in operations})

    def begin(self, definition: str, settings: Json) -> None:
        """The service, with no tasks yet."""
        defaults = {**services.DEFAULTS, **settings}
        services._complete(defaults)
        first = Deployment(definition, services._inputs(defaults))
        self.service = Service(NAME, f"{ARN}:service/{STACK}/{NAME}", CLUSTER, 0, defaults, [first], "root")
        self.service.history.append(first)
        state_of(self.account).services[STACK, NAME] = self.service
        surroundings = Surroundings(self, lambda _: None, lambda *_: None)
        alarms = lambda _: [{"AlarmName": ALARM, "StateValue": self.alarm, "Period": 60, "EvaluationPeriods": 1}]  # noqa: E731
        self._scheduler = NativeScheduler(self.service, self, lambda *_: None, float, alarms, surroundings)

    def tick(self) -> None:
        """Half a minute passes: tasks start, fail and end, and ECS looks."""
        self.now += TICK
        for _ in range(2):
            self._scheduler.step(self.now)
            for task in self.service.tasks:
                self._go_on(task)

    def _go_on(self, task: Task) -> None:
        if not task.active:
            task.last_status = "STOPPED"
        elif self.broken & {str(task.containers[0].digest), template_of(task.task_definition)}:
            task.request_stop("EssentialContainerExited", "Essential container in task exited")
            task.last_status = "STOPPED"
        else:
            task.last_status, task.was_running, task.ready = "RUNNING", True, True

    # What the scheduler asks for

    def launch(self, service: Service, deployment: Deployment) -> Task:
        """A task; its deployment has resolved the image's tag when its first one starts."""
        definition = self.definitions[deployment.task_definition]
        image = definition["containerDefinitions"][0]["image"]
        digest = image.partition("@")[2] or deployment.digests.setdefault("web", self.tags.get("live", "none"))
        task = Task(
            cluster_arn=CLUSTER,
            task_definition=definition,
            region="eu-west-1",
            account="111111111111",
            group=f"service:{NAME}",
            service_name=NAME,
            deployment_id=deployment.id,
            load_balancers=deployment.balancers,
        )
        task.containers[0].digest = digest
        state_of(self.account).tasks[task.id] = task
        return task

    def stop(self, task: Task, code: str, reason: str) -> None:
        """End a task."""
        task.request_stop(code, reason)

    def serving(self, _: Json) -> str:
        """The group that has the traffic."""
        return max(self.shares, key=lambda group: self.shares[group])

    def shift(self, _: Json, kind: Kind, shares: dict[str, float]) -> None:
        """Move the weights."""
        if kind == "productionListenerRule":
            self.shares = dict(shares)

    def ready(self, group: str) -> int:
        """How many healthy targets a group has."""
        return sum(task.ready for task in self.service.tasks if group in _groups(task))

    # Operations

    def _answering(self, operation: str) -> Callable[[Json], Any]:
        def answer(given: Json) -> Any:
            try:
                return dated(getattr(self, f"_{operation}")(given))
            except AwsError as refused:
                raise Refused(refused.code, refused.message) from None

        return answer

    def _DescribeServices(self, given: Json) -> Json:
        return services.describe_services(self.account, ROOT, {**given, "include": []})

    def _UpdateService(self, given: Json) -> Json:
        self.updates += 1
        unasked: Any = {name: lambda *_: None for name in UNASKED} | {"service_tags": lambda *_: []}
        with mock.patch.multiple(services, **unasked):
            return services.update_service(self.account, ROOT, given)

    def _ListServiceDeployments(self, given: Json) -> Json:
        return history.list_service_deployments(self.account, ROOT, given)

    def _DescribeServiceDeployments(self, given: Json) -> Json:
        return history.describe_service_deployments(self.account, ROOT, given)

    def _StopServiceDeployment(self, given: Json) -> Json:
        return history.stop_service_deployment(self.account, ROOT, given)

    def _ContinueServiceDeployment(self, given: Json) -> Json:
        return history.continue_service_deployment(self.account, ROOT, given)

    def _RegisterTaskDefinition(self, given: Json) -> Json:
        number = len(self.definitions) + 1
        definition = {**given, "taskDefinitionArn": f"{ARN}:task-definition/{NAME}:{number}", "revision": number}
        self.definitions[definition["taskDefinitionArn"]] = definition
        return {"taskDefinition": definition}

    def _DescribeTaskDefinition(self, given: Json) -> Json:
        return {"taskDefinition": self.definitions[given["taskDefinition"]]}

    def _ListTasks(self, given: Json) -> Json:
        wanted = given.get("desiredStatus", "RUNNING")
        return {"taskArns": [task.arn for task in self.service.tasks if task.desired_status == wanted]}

    def _DescribeTasks(self, given: Json) -> Json:
        return {"tasks": [task_shape(task) for task in self.service.tasks if task.arn in given["tasks"]]}

    def _GetParameter(self, given: Json) -> Json:
        assert given["Name"] == RECORD
        return {"Parameter": {"Name": RECORD, "Value": self.records[-1], "Version": len(self.records)}}

    def _GetParameters(self, given: Json) -> Json:
        there = {RECORD: self.records[-1]}
        return {"Parameters": [{"Name": name, "Value": there[name]} for name in given["Names"] if name in there]}

    def _PutParameter(self, given: Json) -> Json:
        self.records.append(given["Value"])
        return {"Version": len(self.records)}

    def _DescribeImages(self, given: Json) -> Any:
        (image,) = given["imageIds"]
        found = image.get("imageDigest") or self.tags.get(image["imageTag"])
        if not found:
            raise Refused("ImageNotFoundException", "The image is not there.")
        return {"imageDetails": [{"imageDigest": found}]}

    def _BatchGetImage(self, given: Json) -> Json:
        (image,) = given["imageIds"]
        return {"images": [{"imageManifest": "{}", "imageId": image}]}

    def _PutImage(self, given: Json) -> Json:
        self.tags[given["imageTag"]] = given["imageDigest"]
        return {}

    def _GetPipelineState(self, given: Json) -> Json:
        latest = {"status": "InProgress", "pipelineExecutionId": self.deploying}
        return {"stageStates": [{"stageName": "Deploy", "latestExecution": latest}] if self.deploying else []}


ROOT: Any = SimpleNamespace(arn="root")


def _groups(task: Task) -> Iterator[str]:
    return (balancer["targetGroupArn"] for balancer in task.load_balancers)


def template_of(definition: Json) -> str:
    """The template that a revision was made of."""
    return str(definition["containerDefinitions"][0]["dockerLabels"]["fargate-delivery.fingerprint"])
