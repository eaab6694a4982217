"""Deployments that shift traffic: BLUE_GREEN, LINEAR and CANARY, with the ECS controller.

Blue is what runs, green what is deployed. A deployment's course is a generator that goes on at each look and yields
where it has to wait; a failure ends it, and another one brings the traffic back.
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/blue-green-deployment-how-it-works.html
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import CAUSES, ROLLED_BACK, Publish, Scheduler, TaskLauncher, record_failure
from sandbox.ecs.hooks import Call, HookRun, hook_run
from sandbox.ecs.listener_rules import InvalidNetworking, Kind, NotShifted, Traffic
from sandbox.ecs.model import Json, Service
from sandbox.ecs.service_deployment import ServiceDeployment, revision_arn
from sandbox.ecs.strategies import steps

STAGE_HOURS = 24
SHIFTS: dict[Kind, str] = {
    "testListenerRule": "TEST_TRAFFIC_SHIFT",
    "productionListenerRule": "PRODUCTION_TRAFFIC_SHIFT",
}
"""The stage in which each rule's traffic shifts."""


class Failure(Exception):
    """Why a deployment ends: ECS's words after "rolled back because"; `by` is what its rollout's reason names."""

    def __init__(self, why: str, by: str = "lifecycle", rollback: bool = True) -> None:
        super().__init__(why)
        self.by, self.rollback = by, rollback


@dataclass(frozen=True)
class Surroundings:
    """What a deployment needs of the account besides tasks and alarms.

    Attributes:
        traffic: the listener rules.
        call: calls a hook's function.
        tell: publishes that a hook has changed its status.
        breaker: whether the circuit breaker looks at these deployments.
    """

    traffic: Traffic
    call: Call
    tell: Callable[[Service, ServiceDeployment, HookRun], None]
    breaker: bool = True


class NativeScheduler(Scheduler):
    """Runs the service deployments of a service with the ECS controller; a rolling one is the base's."""

    def __init__(
        self,
        service: Service,
        launcher: TaskLauncher,
        publish: Publish,
        scale: Callable[[float], float],
        describe_alarms: Callable[..., list[Json]],
        surroundings: Surroundings,
    ) -> None:
        super().__init__(service, launcher, publish, scale, describe_alarms)
        self._around = surroundings
        self._current: ServiceDeployment | None = None
        self._course: Iterator[None] = iter(())
        self._failure: Failure | None = None
        self._goes_back = False
        self._now = self._stage_began = 0.0

    def step(self, now: float) -> None:
        """Look once. `now` is a monotonic time in real seconds."""
        with self.service.lock:
            current = self.service.ongoing
            if self.service.status != "ACTIVE" or current is None or current.strategy == "ROLLING":
                super().step(now)
                return
            self._now = now
            if current is not self._current:
                self._current, self._course = current, self._forward(current)
                self._failure, self._goes_back = None, False
                blue = _blue(self.service, current.target)
                current.sources = [blue] if blue else []
                self._start_newest()
            self._note_tasks(now)
            self._go_on(current)
            if not current.ended:
                for deployment in list(self.service.deployments):
                    self._bring_to(deployment, requested(self.service, deployment), now)

    def _go_on(self, current: ServiceDeployment) -> None:
        try:
            if not self._goes_back:
                self._interrupt(current)
            next(self._course, None)
        except Failure as failure:
            self._goes_back = True
            self._course = self._backward(current, failure)
            next(self._course, None)

    def _interrupt(self, current: ServiceDeployment) -> None:
        """Raise what ends the way forward."""
        if current.asked == "ABORT":
            raise Failure(CAUSES["stop"], "stop", rollback=False)
        if current.asked:
            raise Failure(CAUSES["stop"], "stop")
        if current.stage != "CLEAN_UP":
            self._watch_alarms(self._now)
        if self._failure:
            raise self._failure
        waits = any(run.kind == "PAUSE" and run.active for run in current.hooks)
        if not waits and current.stage and self._now >= self._stage_began + self.scale(STAGE_HOURS * 3600.0):
            raise Failure(f"the lifecycle stage {current.stage} took {STAGE_HOURS} hours.")  # wording not seen

    def _fail(self, failed: Deployment, by: str, why: str, rollback: bool) -> None:
        current = self.service.ongoing
        if current is None or current.strategy == "ROLLING":
            super()._fail(failed, by, why, rollback)
        elif by != "circuit breaker" or self._around.breaker:
            self._failure = self._failure or Failure(CAUSES[by], by, rollback)

    # Forward

    def _forward(self, current: ServiceDeployment) -> Iterator[None]:
        green, blue = current.target, current.source
        if others := [each for each in self.service.deployments if each not in (green, blue)]:
            yield from self._reconcile(current, others)
        self._place(current)
        yield from self._hooks(current, "PRE_SCALE_UP")
        self._enter(current, "SCALE_UP")
        green.scale = 100.0
        while not self._scaled_up(green):
            yield
        yield from self._hooks(current, "POST_SCALE_UP")
        yield from self._shift(current, "testListenerRule", 100.0)
        yield from self._hooks(current, "POST_TEST_TRAFFIC_SHIFT")
        for share, minutes in steps(current.configuration) if blue else [(100.0, 0.0)]:
            yield from self._hooks(current, "PRE_PRODUCTION_TRAFFIC_SHIFT")
            yield from self._shift(current, "productionListenerRule", share)
            yield from self._wait(minutes)
        yield from self._hooks(current, "POST_PRODUCTION_TRAFFIC_SHIFT")
        self._enter(current, "BAKE_TIME")
        yield from self._wait(float(current.configuration.get("bakeTimeInMinutes") or 0))
        self._enter(current, "CLEAN_UP")
        yield from self._retire(blue)
        self._complete(green)
        current.move("SUCCESSFUL")

    def _reconcile(self, current: ServiceDeployment, others: list[Deployment]) -> Iterator[None]:
        """Back to one revision that serves, before another one is deployed."""
        self._enter(current, "RECONCILE_SERVICE")
        for kind in SHIFTS:
            self._set_shares(current, kind, 0.0)
        yield from self._hooks(current, "RECONCILE_SERVICE")
        for other in others:
            yield from self._retire(other)

    def _place(self, current: ServiceDeployment) -> None:
        """Green's tasks go where blue's are not; those of a first deployment into the target groups that serve."""
        green, blue = current.target, current.source
        placed = []
        for index, balancer in enumerate(green.inputs.get("loadBalancers", [])):
            try:
                serving = self._around.traffic.serving(balancer)
            except InvalidNetworking as error:
                raise Failure(f"of invalid networking configuration. {error}", "networking") from error
            taken = _group(blue, index) if blue else None
            group = _other(balancer, taken or serving) or _other(balancer, serving) if blue else serving
            placed.append({**balancer, "targetGroupArn": group})
        green.load_balancers = placed

    def _shift(self, current: ServiceDeployment, kind: Kind, share: float, heed: bool = True) -> Iterator[None]:
        """Give green a share, and run the stage's hooks, which are told of it."""
        self._enter(current, SHIFTS[kind])
        self._set_shares(current, kind, share)
        yield from self._hooks(current, SHIFTS[kind], kind, heed)

    def _set_shares(self, current: ServiceDeployment, kind: Kind, share: float) -> None:
        green, blue = current.target, current.source
        for index, balancer in enumerate(green.inputs.get("loadBalancers", [])):
            taken = _group(blue, index) if blue else None
            free = _other(balancer, taken) or _group(green, index)
            given = share if blue else 100.0
            shares = {group: given if group == free else round(100.0 - given, 1) for group in _pair(balancer)}
            try:
                self._around.traffic.shift(balancer, kind, shares)
            except NotShifted as error:
                raise Failure(f"{SHIFTS[kind]} lifecycle hook(s) failed. {error}", "networking") from error
        told = {green.id: share} | ({blue.id: round(100.0 - share, 1)} if blue else {})
        current.enter(current.stage or "")
        if kind == "productionListenerRule":
            current.production = told
        elif any((each.get("advancedConfiguration") or {}).get(kind) for each in green.inputs.get("loadBalancers", [])):
            current.test = told

    # Back

    def _backward(self, current: ServiceDeployment, failure: Failure) -> Iterator[None]:
        green, blue, service = current.target, current.source, self.service
        reason = f"{ROLLED_BACK} {failure}"
        current.hooks = []
        green.set_state("FAILED", reason)
        service.add_event(f"(deployment {green.id}) deployment failed: {reason}")
        self.publish(service, green, "SERVICE_DEPLOYMENT_FAILED", reason)
        record_failure(service, blue, reason, failure.rollback, failure.by)
        if current.ended or blue is None:
            return
        goes, green.status, blue.status, blue.scale = not blue.scale, "ACTIVE", "PRIMARY", 100.0
        service.deployments.sort(key=lambda each: each.status != "PRIMARY")
        blue.set_state("IN_PROGRESS", f"ECS deployment {failure.by}: rolling back to deploymentId {blue.id}.")
        service.add_event(f"rolling back to deployment {blue.id}.")
        self.publish(service, blue, "SERVICE_DEPLOYMENT_IN_PROGRESS", blue.rollout_reason)
        while goes and not self._scaled_up(blue):
            yield
        try:
            if current.production:
                yield from self._shift(current, "productionListenerRule", 0.0, heed=False)
            if current.test:
                yield from self._shift(current, "testListenerRule", 0.0, heed=False)
        except Failure as error:
            blue.set_state("FAILED", f"{ROLLED_BACK} {error}")
            current.move("ROLLBACK_FAILED", f"{reason} {error}")
            return
        self._enter(current, "CLEAN_UP")
        yield from self._retire(green)
        self._complete(blue)
        current.move("ROLLBACK_SUCCESSFUL")

    # What both ways have in common

    def _hooks(
        self, current: ServiceDeployment, stage: str, kind: Kind | None = None, heed: bool = True
    ) -> Iterator[None]:
        """Run a stage's hooks, all at once, and wait for all; a failed one that is not heeded changes nothing."""
        self._enter(current, stage)
        current.hooks = [
            hook_run(declared, stage, self._payload(current, kind), self._now, self.scale)
            for declared in current.configuration.get("lifecycleHooks") or []
            if stage in declared["lifecycleStages"]
        ]
        for run in current.hooks:
            self._around.tell(self.service, current, run)
        while current.hooks:
            for run in current.hooks:
                if run.look(self._now, self.scale, self._around.call):
                    self._around.tell(self.service, current, run)
                if heed and run.rolls_back:
                    raise Failure(run.reason)
            if not any(run.active for run in current.hooks):
                return
            yield

    def _payload(self, current: ServiceDeployment, kind: Kind | None) -> Json:
        """The weights are those of a shift, and empty at other stages (deployment-lifecycle-hooks.html)."""
        both = current.stage == "RECONCILE_SERVICE"

        def told(of: Kind, weights: dict[str, float]) -> dict[str, Any]:
            by_id = {each.id: each for each in (current.target, *current.sources)}
            shown = weights if both or kind == of else {}
            return {revision_arn(self.service.arn, by_id[id]): whole(share) for id, share in shown.items()}

        return {
            "resourceArn": current.arn,
            "executionDetails": {
                "serviceArn": self.service.arn,
                "targetServiceRevisionArn": revision_arn(self.service.arn, current.target),
                "testTrafficWeights": told("testListenerRule", current.test),
                "productionTrafficWeights": told("productionListenerRule", current.production),
            },
        }

    def _enter(self, current: ServiceDeployment, stage: str) -> None:
        if current.stage != stage:
            self._stage_began, current.hooks = self._now, []
            current.enter(stage)

    def _wait(self, minutes: float) -> Iterator[None]:
        end = self._now + self.scale(60.0 * minutes)
        while self._now < end:
            yield

    def _scaled_up(self, deployment: Deployment) -> bool:
        active = self._active(deployment)
        return len(active) == self.service.desired_count and all(task.ready for task in active)

    def _retire(self, deployment: Deployment | None) -> Iterator[None]:
        """Stop a revision's tasks, and forget it when they have ended."""
        if deployment is None:
            return
        deployment.scale = 0.0
        self._stop(self._active(deployment))
        while not all(task.stopped for task in self.service.tasks_of(deployment)):
            yield
        self.service.deployments.remove(deployment)

    def _complete(self, deployment: Deployment) -> None:
        service = self.service
        deployment.set_state("COMPLETED", f"ECS deployment {deployment.id} completed.")
        deployment.failures_in_a_row = 0
        service.stable = deployment
        service.add_event(f"(deployment {deployment.id}) deployment completed.")
        self.publish(service, deployment, "SERVICE_DEPLOYMENT_COMPLETED", deployment.rollout_reason)


def requested(service: Service, deployment: Deployment) -> int:
    """How many tasks a revision of a deployment that shifts traffic is to run."""
    return math.ceil(service.desired_count * deployment.scale / 100)


def whole(share: float) -> float:
    """A share as ECS writes it: 100, not 100.0."""
    return int(share) if share == int(share) else share


def _blue(service: Service, green: Deployment) -> Deployment | None:
    """The revision that runs: the one that completed last, if its tasks are not being taken away."""
    others = [each for each in service.deployments if each is not green and each.scale]
    return service.stable if service.stable in others else next(iter(others), None)


def _group(deployment: Deployment, index: int) -> str | None:
    balancers = deployment.balancers
    return str(balancers[index]["targetGroupArn"]) if index < len(balancers) else None


def _other(balancer: Json, group: str | None) -> str | None:
    """The other one of a load balancer's two target groups; None when it is none of them."""
    pair = _pair(balancer)
    return next((each for each in pair if each != group), None) if group in pair else None


def _pair(balancer: Json) -> tuple[str, str]:
    return str(balancer["targetGroupArn"]), str(balancer["advancedConfiguration"]["alternateTargetGroupArn"])
