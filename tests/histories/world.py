"""Both writers of one service: `up` by the program's own rules, hooks and strategies, the pipeline by its own steps."""

import asyncio
import contextlib
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from types import SimpleNamespace
from typing import Any
from unittest import mock

from components.service import revision
from components.service.strategies import STRATEGIES
from components.service.update_hooks import CurrentService, Snapshot, update_hooks
from delivery.executions import shift
from pipeline_steps import deploy, release
from pipeline_steps.job import Done, Job, StepError
from pipeline_steps.settings import Settings
from releases import service_deployments, update_guard
from releases.consistency import RepairAction, diagnose, observe
from releases.errors import DeliveryError
from releases.record import Release
from releases.service_state import ServiceState, read_states
from tests.histories.aws import ALARM, NAME, ONE, RECORD, REPOSITORY, SERVICE, STACK, TWO, Aws, template_of

SETTINGS = Settings(
    pipeline=NAME,
    cluster=STACK,
    service=NAME,
    controller="ECS",
    containers=["web"],
    sidecars=[],
    minimum_tasks=2,
    deploy_minutes=120,
    repository=NAME,
    record=RECORD,
    repository_uri=REPOSITORY,
)
LONGEST = 2000
"""Ticks that anything takes at most."""


class Violation(Exception):
    """The contract is broken."""


class Killed(BaseException):
    """An `up` ends where it is."""


def must(holds: object, words: str) -> None:
    """Raises Violation unless it holds."""
    if not holds:
        raise Violation(words)


@dataclass
class Execution:
    """A pipeline in its Deploy stage.

    Attributes:
        id: its execution's.
        digest: the image.
        step: `deploy` or `release`; "" when it has ended.
        state: what the step remembers.
        succeeded: how it ended; None as long as it has not.
        why: of a failure.
    """

    id: str
    digest: str
    step: str = "deploy"
    state: dict[str, Any] = field(default_factory=dict)
    succeeded: bool | None = None
    why: str = ""
    clone: str = ""


@dataclass
class Up:
    """How an `up` has ended: `green`, `goes on` (well, and its edit is not proven), `failed` or `killed`."""

    end: str
    why: str = ""


class World:
    """A service that was released once, and what is declared of it."""

    def __init__(self) -> None:
        self.aws, self.deploy = Aws(), dict[str, Any](strategy="rolling")
        self.template, self.own, self._executions = "1", dict[str, str](), 0
        self.pipeline: Execution | None = None
        self.at: list[tuple[int, Callable[[], None]]] = []
        """What happens after so many ticks."""
        self.ticks, self.said = 0, list[str]()
        self.released: set[str] = set()
        self.aws.begin(self._registered(), self._inputs(None) | {"networkConfiguration": {}})
        self.has = self._inputs(None)
        with self.within():
            execution = self.ship(broken=False)
            self.until(lambda: execution.succeeded is not None)
            must(execution.succeeded, f"the first release: {execution.why}")

    # Time

    @contextlib.contextmanager
    def within(self) -> Iterator[None]:
        """In the world's own time, and without an engine."""
        clock = SimpleNamespace(monotonic=lambda: self.aws.now, sleep=lambda _: self.tick(), time=lambda: self.aws.now)
        with contextlib.ExitStack() as stack:
            for module in (update_guard, deploy, release):
                stack.enter_context(mock.patch.object(module, "time", clock))
            stack.enter_context(mock.patch("pulumi.resource_hooks.register_resource_hook"))
            stack.enter_context(mock.patch("pulumi.runtime.is_dry_run", return_value=False))
            stack.enter_context(mock.patch("pulumi.log.info", lambda words, **_: self.said.append(words)))
            stack.enter_context(mock.patch("builtins.print"))
            yield

    def tick(self) -> None:
        """ECS and the pipeline go on, and what is due happens."""
        self.ticks += 1
        self.aws.tick()
        if self.pipeline is not None:
            self._go_on(self.pipeline)
        due = [each for each in self.at if each[0] <= self.ticks]
        self.at = [each for each in self.at if each[0] > self.ticks]
        for _, happens in due:
            happens()
        if self.released:
            lost = [group for group, share in self.aws.shares.items() if share and not self.aws.ready(group)]
            must(not lost, f"requests are lost: {self.aws.shares} go to groups without a healthy task")

    def after(self, ticks: int, happens: Callable[[], None]) -> None:
        """Let something happen later."""
        self.at.append((self.ticks + ticks, happens))

    def until(self, what: Callable[[], bool]) -> None:
        """Wait for something."""
        for _ in range(LONGEST):
            if what():
                return
            self.tick()
        raise Violation(f"never comes to an end: {self.state().in_flight}, {self.state().shifting}")

    def state(self) -> ServiceState:
        """The service, as the program reads it."""
        return read_states(self.aws.session, STACK, [SERVICE])[SERVICE]

    # Pulumi

    def _registered(self) -> str:
        """The program's own revision of what is declared."""
        if self.template not in self.own:
            container = {
                "name": "web",
                "image": f"{REPOSITORY}:live",
                "dockerLabels": {"fargate-delivery.fingerprint": self.template},
            }
            given = {"family": NAME, "containerDefinitions": [container]}
            answer = self.aws.session.client("ecs").register_task_definition(**given)
            self.own[self.template] = answer["taskDefinition"]["taskDefinitionArn"]
        return self.own[self.template]

    def _inputs(self, state: ServiceState | None) -> dict[str, Any]:
        """What the program declares of the service beside its task definition, in the API's words."""
        strategy = STRATEGIES[self.deploy["strategy"]](**self.deploy)
        shifts = CurrentService(state).shifts_by_ecs(strategy)
        alarms: Any = {"alarm_names": [ALARM], "enable": True, "rollback": True}
        given = strategy.service_arguments(alarms, "role" if shifts else None)
        configuration = {
            "minimumHealthyPercent": given["deployment_minimum_healthy_percent"],
            "maximumPercent": given["deployment_maximum_percent"],
            "deploymentCircuitBreaker": given["deployment_circuit_breaker"],
            "alarms": _api(given["alarms"]),
            **_api(given.get("deployment_configuration", {})),
        }
        balancer: dict[str, Any] = {"targetGroupArn": ONE, "containerName": "web", "containerPort": 80}
        if shifts:
            rules = {"productionListenerRule": _rule("production"), "testListenerRule": _rule("test")}
            balancer["advancedConfiguration"] = {"alternateTargetGroupArn": TWO, "roleArn": "role", **rules}
        return {"deploymentConfiguration": configuration, "loadBalancers": [balancer]}

    def up(self) -> Up:
        """What `pulumi up` does with the service."""
        own, strategy = self._registered(), STRATEGIES[self.deploy["strategy"]](**self.deploy)
        snapshot = Snapshot(self.aws.session, {SERVICE: self.state()})
        state, self.said = snapshot.states[SERVICE], []
        why = strategy.waits(STACK, state, self.template)
        wanted, inputs = revision.task_definition(state, self.template, own), self._inputs(state)
        hooks = update_hooks(snapshot, STACK, SERVICE, strategy.up_minutes, strategy.follow_minutes).service
        if (wanted, inputs) != (state.task_definition, self.has):
            old = {"taskDefinition": state.task_definition, **self.has}
            args: Any = SimpleNamespace(old_inputs=old, new_inputs={"taskDefinition": wanted, **inputs})
            try:
                self._hook((hooks.before_update or [])[0], args)  # type: ignore[union-attr]
                changed = {name: value for name, value in inputs.items() if value != self.has[name]}
                update = {"cluster": STACK, "service": NAME, "taskDefinition": wanted, **changed}
                self.aws.session.client("ecs").update_service(**update)
                self.has = inputs
                self._hook((hooks.after_update or [])[0], args)  # type: ignore[union-attr]
            except Killed:
                return Up("killed")
            except Violation:
                raise
            except Exception as error:
                return Up("failed", str(error))
        if why:
            return Up("failed", why)
        goes_on = any(" goes on; " in words for words in self.said) or self.state().in_flight
        return Up("goes on" if goes_on else "green")

    def _hook(self, hook: Any, args: Any) -> None:
        loop = asyncio.new_event_loop()
        try:
            loop.run_until_complete(hook.callback(args))
        finally:
            loop.close()

    def kill_up(self) -> None:
        """End the `up` that is under way."""
        raise Killed

    # The pipeline

    def ship(self, *, broken: bool) -> Execution:
        """An image comes to Deploy."""
        self._executions += 1
        digest = f"sha256:{self._executions:064x}"
        if broken:
            self.aws.broken.add(digest)
        self.pipeline = Execution(f"e{self._executions}", digest)
        self.aws.deploying = self.pipeline.id
        return self.pipeline

    def kill_pipeline(self) -> None:
        """The pipeline is stopped and abandoned."""
        if self.pipeline is not None:
            self._ended(self.pipeline, False, "abandoned")

    def _ended(self, execution: Execution, succeeded: bool, why: str = "") -> None:
        execution.step, execution.succeeded, execution.why = "", succeeded, why
        self.pipeline = self.aws.deploying = None

    def _go_on(self, execution: Execution) -> None:
        rolls = execution.step == "deploy" and self.deployed_by == "rolling"
        if rolls and not execution.state:
            return self._roll(execution)
        parameters = {
            **{"digest": execution.digest, "execution": execution.id, "source": "s", "commit": "unknown"},
            **{"repository": "unknown", "uploaded": "0"},
        }
        job = Job("job", execution.step, parameters, {}, {}, {}, execution.state)
        try:
            outcome = (release if execution.step == "release" else deploy).run(self.aws.session, SETTINGS, job)
        except StepError as error:
            return self._ended(execution, False, str(error))
        if not isinstance(outcome, Done):
            execution.state = json.loads(json.dumps(outcome.state))
        elif execution.step == "deploy":
            execution.step, execution.state = "release", {}
        else:
            self._released(execution)
        return None

    @property
    def deployed_by(self) -> str:
        """The strategy that the service has: a pipeline's definition follows after it."""
        return service_deployments.strategy_of(self.aws.service.settings).lower()

    def _roll(self, execution: Execution) -> None:
        """CodePipeline's ECS action: a clone of what the service runs, until that is all that it runs."""
        ecs = self.aws.session.client("ecs")
        service = ecs.describe_services(cluster=STACK, services=[NAME])["services"][0]
        if not execution.clone:
            definition = self.aws.definitions[service["taskDefinition"]]
            clone = deploy.cloned(definition, ["web"], f"{REPOSITORY}@{execution.digest}", execution.id)
            given = {name: clone[name] for name in ("family", "containerDefinitions")}
            execution.clone = ecs.register_task_definition(**given)["taskDefinition"]["taskDefinitionArn"]
            ecs.update_service(cluster=STACK, service=NAME, taskDefinition=execution.clone)
            return
        primary, *others = sorted(service["deployments"], key=lambda each: each["status"] != "PRIMARY")
        if primary["taskDefinition"] != execution.clone or primary["rolloutState"] == "FAILED":
            self._ended(execution, False, "rolled back")
        elif primary["rolloutState"] == "COMPLETED" and not others:
            execution.step = "release"

    def _released(self, execution: Execution) -> None:
        self._ended(execution, True)
        self.released.add(execution.digest)
        found = observe(self.aws.session, STACK, self.state()).images
        must(
            {found.running, found.live, found.released} == {execution.digest},
            f"a release of {execution.digest[-2:]} has ended well, and the images are {found}",
        )

    # Operators

    def answer(self, goes_on: bool) -> None:
        """Answer a pause."""
        (shift.go_on if goes_on else shift.go_back)(self.aws.session.client("ecs"), self.state())

    def abort(self) -> None:
        """Have whatever is deployed go back; whether it does."""
        with contextlib.suppress(DeliveryError):
            shift.go_back(self.aws.session.client("ecs"), self.state())

    def repair(self) -> None:
        """Make the images agree, as `delivery repair` does."""
        state = self.state()
        found = observe(self.aws.session, STACK, state)
        if diagnose(found).action is RepairAction.NOTHING:
            return
        running = str(found.images.running)
        last: Any = Release.parse(self.aws.records[-1])
        self.aws.tags["live"] = running
        made = replace(
            last,
            image_digest=running,
            task_definition=state.task_definition,
            template_fingerprint=state.fingerprint,
        )
        self.aws.records.append(made.value())
        self.released.add(running)

    def runs(self) -> tuple[str, str]:
        """The template and the digest that the service's tasks were made of."""
        (task,) = [task for task in self.aws.service.tasks if task.ready][:1]
        return template_of(task.task_definition), str(task.containers[0].digest)


def _rule(name: str) -> str:
    return f"arn:aws:elasticloadbalancing:eu-west-1:111111111111:listener-rule/app/dev/b/{name}/r"


def _api(value: Any) -> Any:
    """The provider's arguments in the API's words."""
    if isinstance(value, dict):
        return {
            re.sub(r"_(\w)", lambda m: m[1].upper(), name): _api(each)
            for name, each in value.items()
            if each is not None
        }
    if isinstance(value, list):
        return [_api(each) for each in value]
    return int(value) if isinstance(value, str) and value.isdigit() else value
