"""A service whose deployments shift traffic, with tasks, rules and hooks that the test moves by hand."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from scheduler_rig import FakeLauncher, Rig

from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import begin
from sandbox.ecs.hooks import HookRun
from sandbox.ecs.listener_rules import InvalidNetworking, Kind, NotShifted
from sandbox.ecs.model import Service
from sandbox.ecs.native import NativeScheduler, Surroundings
from sandbox.ecs.service_deployment import ServiceDeployment
from sandbox.ecs.strategies import completed

Json = dict[str, Any]
BALANCER = {
    "targetGroupArn": "one",
    "containerName": "app",
    "containerPort": 80,
    "advancedConfiguration": {
        "alternateTargetGroupArn": "two",
        "productionListenerRule": "production",
        "testListenerRule": "test",
        "roleArn": "role",
    },
}
SECOND = {
    **BALANCER,
    "targetGroupArn": "three",
    "advancedConfiguration": {
        **BALANCER["advancedConfiguration"],  # type: ignore[dict-item]
        "alternateTargetGroupArn": "four",
        "productionListenerRule": "production-2",
        "testListenerRule": None,
    },
}
MINUTE = 6.0
"""Real seconds: time runs ten times faster."""


@dataclass
class FakeTraffic:
    """Rules by name, each with the shares of its target groups; `refuses` says why a rule cannot be rewritten."""

    rules: dict[str, dict[str, float]]
    moves: list[tuple[str, dict[str, float]]] = field(default_factory=list)
    refuses: dict[str, str] = field(default_factory=dict)
    invalid: str = ""

    def serving(self, balancer: Json) -> str:
        if self.invalid:
            raise InvalidNetworking(self.invalid)
        shares = self.rules[balancer["advancedConfiguration"]["productionListenerRule"]]
        return max(shares, key=lambda group: shares[group])

    def shift(self, balancer: Json, kind: Kind, shares: dict[str, float]) -> None:
        rule = balancer["advancedConfiguration"].get(kind)
        if rule is None:
            return
        if rule in self.refuses:
            raise NotShifted(self.refuses[rule])
        self.rules[rule] = dict(shares)
        self.moves.append((rule, dict(shares)))


@dataclass
class NativeRig(Rig):
    """`called` has the hooks whose functions are to answer; `told` the hooks' events."""

    traffic: FakeTraffic = field(default_factory=lambda: FakeTraffic({}))
    called: list[HookRun] = field(default_factory=list)
    told: list[tuple[str, str]] = field(default_factory=list)
    breaker: bool = True

    def __post_init__(self) -> None:
        def publish(_: Service, deployment: Deployment, name: str, reason: str) -> None:
            self.events.append((deployment.id, name))

        def tell(_: Service, __: ServiceDeployment, run: HookRun) -> None:
            self.told.append((run.stage, run.status))

        surroundings = Surroundings(self.traffic, self.called.append, tell, self.breaker)
        scale: Callable[[float], float] = lambda seconds: seconds / 10  # noqa: E731
        self.scheduler = NativeScheduler(self.service, FakeLauncher(), publish, scale, self.described, surroundings)

    @property
    def record(self) -> ServiceDeployment:
        """The newest service deployment."""
        return self.service.service_deployments[-1]

    @property
    def production(self) -> dict[str, float]:
        return self.traffic.rules["production"]

    def deploy(self, revision: str = "td:2") -> Deployment:
        deployment = Deployment(revision, dict(self.service.primary.inputs))
        begin(self.service, deployment)
        self.look()
        return deployment

    def ready(self) -> None:
        """Every task becomes ready, every asked end happens; then ECS looks."""
        for task in self.service.tasks:
            if task.active:
                self.become_ready(task)
            elif not task.stopped:
                task.last_status = "STOPPED"
        self.look()

    def wait(self, minutes: float) -> None:
        self.now += minutes * MINUTE
        self.look()

    def until_ended(self) -> ServiceDeployment:
        for _ in range(200):
            if self.record.ended:
                return self.record
            self.ready()
            self.wait(1)
        raise AssertionError(f"still {self.record.status} at {self.record.stage}")


def native(
    strategy: str = "BLUE_GREEN", *, desired: int = 2, balancers: list[Json] | None = None, **how: Any
) -> NativeRig:
    """A service under a strategy, before its first deployment has begun; `how` is the rest of its configuration."""
    breaker = how.pop("breaker", True)
    configuration = completed({"strategy": strategy, "bakeTimeInMinutes": 0, **how})
    balancers = [BALANCER] if balancers is None else balancers
    service = Service(
        name="web",
        arn="arn:aws:ecs:eu-west-1:111111111111:service/c/web",
        cluster_arn="arn:aws:ecs:eu-west-1:111111111111:cluster/c",
        desired_count=desired,
        settings={"deploymentConfiguration": configuration},
        deployments=[Deployment("td:1", {"loadBalancers": balancers})],
        created_by="root",
    )
    service.history.append(service.primary)
    rules = {
        "production": {"one": 100.0, "two": 0.0},
        "test": {"one": 100.0, "two": 0.0},
        "production-2": {"three": 100.0, "four": 0.0},
    }
    return NativeRig(service, traffic=FakeTraffic(rules), breaker=breaker)


def settled(strategy: str = "BLUE_GREEN", **how: Any) -> NativeRig:
    """The same, after its first deployment."""
    r = native(strategy, **how)
    alarms, r.alarms = r.alarms, dict.fromkeys((how.get("alarms") or {}).get("alarmNames", []), "OK")
    hooks = r.service.service_deployments[-1].configuration.pop("lifecycleHooks", None)
    assert r.until_ended().status == "SUCCESSFUL", (alarms, hooks)
    r.traffic.moves.clear()
    r.events.clear()
    return r
