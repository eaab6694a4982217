"""Rolling deployments: decides, from what a service's tasks do, which to start and which to stop.

`Scheduler.step` never waits: it looks once and acts, so that its rules can be tested without
processes or time. AWS: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-ecs.html
.../deployment-circuit-breaker.html and .../deployment-alarm-failure.html
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

from sandbox.ecs import alarms
from sandbox.ecs.deployment import Deployment, utc_now
from sandbox.ecs.model import Json, Service, Task
from sandbox.ecs.service_deployment import NO_ROLLBACK, ServiceDeployment, revision_arn

MAX_REMEMBERED_TASKS = 50
FIRST_BACKOFF = 5.0
LONGEST_BACKOFF = 300.0
SECONDS_BETWEEN_LOOKS = 5.0
"""At a deployment's alarms."""
SECONDS_TO_REACT = 15.0
"""Between a new task's health and the end of an old one: ECS looks at its services in a rhythm of its own."""


class TaskLauncher(Protocol):
    """Starts and ends tasks in the background; both calls return at once."""

    def launch(self, service: Service, deployment: Deployment) -> Task: ...

    def stop(self, task: Task, code: str, reason: str) -> None: ...


Publish = Callable[[Service, Deployment, str, str], None]
"""service, deployment, event name (`SERVICE_DEPLOYMENT_…`), reason"""
ROLLED_BACK = "Service deployment rolled back because"
CAUSES = {
    "circuit breaker": "the circuit breaker threshold was exceeded.",
    "alarm": "an alarm went off.",
    "stop": "a user requested it.",
}
"""ECS's words for what ended a service deployment; those of alarms and users were not seen."""


def breaker_threshold(breaker: Json, desired_count: int) -> int:
    """How many failed tasks fail a deployment: half of the desired count, at least 3, at most 200."""
    declared = breaker.get("thresholdConfiguration") or {"type": "BOUNDED_PERCENT", "value": 50}
    if declared["type"] == "COUNT":
        return max(1, int(declared["value"]))
    failures = math.ceil(desired_count * int(declared["value"]) / 100)
    return max(1, failures) if declared["type"] == "UNBOUNDED_PERCENT" else min(200, max(3, failures))


def healthy_bounds(configuration: Json, desired_count: int) -> tuple[int, int]:
    """The fewest healthy and the most running tasks while a deployment is under way."""
    fewest = math.ceil(desired_count * int(configuration.get("minimumHealthyPercent", 100)) / 100)
    most = math.floor(desired_count * int(configuration.get("maximumPercent", 200)) / 100)
    return fewest, most


class Scheduler:
    """Keeps one service at its desired count and moves it to its primary deployment."""

    def __init__(
        self,
        service: Service,
        launcher: TaskLauncher,
        publish: Publish,
        scale: Callable[[float], float],
        describe_alarms: alarms.Describe = lambda _: [],
    ) -> None:
        self.service = service
        self.launcher = launcher
        self.publish = publish
        self.scale = scale
        self.describe_alarms = describe_alarms
        self._next_look = 0.0
        self._seen_stopped: set[str] = set()
        self._seen_ready: dict[str, float] = {}
        self._seen_started: set[str] = set()

    def step(self, now: float) -> None:
        """Look once. `now` is a monotonic time in real seconds."""
        with self.service.lock:
            self._note_tasks(now)
            if self.service.status != "ACTIVE":
                self._drain()
                return
            self._start_newest()
            self._follow_request()
            self._watch_alarms(now)
            self._stop_surplus()
            self._start_missing(now)
            self._retire_old(now)
            self._finish(now)

    def _note_tasks(self, now: float) -> None:
        self._note_ready_tasks(now)
        self._note_started_tasks(now)
        self._note_stopped_tasks(now)
        self._forget_old_tasks()

    def _start_newest(self) -> None:
        """Start the newest service deployment, and end those whose place it has taken."""
        for record in self.service.service_deployments[:-1]:
            if not record.ended:
                record.move("STOPPED")
        if self.service.ongoing:
            self.service.ongoing.start()

    def _follow_request(self) -> None:
        """Stop the service deployment that a user has asked to stop."""
        current = self.service.ongoing
        if current and not current.rollback and current.asked:
            self._fail(self.service.primary, "stop", CAUSES["stop"], rollback=current.asked == "ROLLBACK")

    def _note_ready_tasks(self, now: float) -> None:
        for task in self.service.tasks:
            if not task.ready or task.id in self._seen_ready:
                continue
            self._seen_ready[task.id] = now
            for balancer in task.load_balancers:
                arn = balancer["targetGroupArn"]
                self.service.add_event(f"registered 1 targets in (target-group {arn})")

    def _note_started_tasks(self, now: float) -> None:
        """A healthy task ends the count of failures: once it has run as long as AWS takes to call one healthy."""
        for task in self.service.tasks:
            if not task.ready or task.id in self._seen_started or not task.has_started(now):
                continue
            self._seen_started.add(task.id)
            deployment = self._deployment_of(task)
            if deployment:
                deployment.not_before = 0.0
                if self._breaker().get("resetOnHealthyTask", True):
                    deployment.failures_in_a_row = 0

    def _note_stopped_tasks(self, now: float) -> None:
        for task in self.service.tasks:
            if not task.stopped or task.id in self._seen_stopped:
                continue
            self._seen_stopped.add(task.id)
            deployment = self._deployment_of(task)
            if deployment is not None and failed(task):
                self._note_failure(task, deployment, now)

    def _note_failure(self, task: Task, deployment: Deployment, now: float) -> None:
        service = self.service
        reason = task.stopped_reason or ""
        deployment.last_stopped_reason = reason
        deployment.failed_tasks += deployment.rollout_state == "IN_PROGRESS"
        deployment.failures_in_a_row += 1
        deployment.failure_kind = failure_kind(task)
        deployment.updated_at = utc_now()
        wait = min(LONGEST_BACKOFF, FIRST_BACKOFF * 2 ** (deployment.failures_in_a_row - 1))
        deployment.not_before = now + self.scale(wait)
        if task.stop_code == "TaskFailedToStart":
            service.add_event(f"was unable to place a task. Reason: {reason}.")
        breaker = self._breaker()
        if (
            deployment.status == "PRIMARY"
            and deployment.rollout_state == "IN_PROGRESS"
            and breaker.get("enable")
            and deployment.failures_in_a_row >= breaker_threshold(breaker, service.desired_count)
        ):
            self._fail(deployment, "circuit breaker", deployment.failure_kind, rollback=bool(breaker.get("rollback")))

    def _watch_alarms(self, now: float) -> None:
        """Fail the deployment when an alarm goes off, from its first running task to the end of its bake time."""
        primary = self.service.primary
        if primary.watch is None:
            primary.watch = alarms.begin(self._configuration(), self.describe_alarms)
        under_way = primary.rollout_state == "IN_PROGRESS" and any(t.was_running for t in self._active(primary))
        if not primary.watch.names or not under_way or now < self._next_look:
            return
        self._next_look = now + self.scale(SECONDS_BETWEEN_LOOKS)
        if gone_off := alarms.gone_off(self.describe_alarms(primary.watch.names)):
            if self.service.ongoing:
                self.service.ongoing.triggered_alarms = gone_off
            self._fail(primary, "alarm", "alarm detected.", rollback=primary.watch.rollback)

    def _fail(self, failed: Deployment, by: str, why: str, rollback: bool) -> None:
        service = self.service
        failed.set_state("FAILED", f"ECS deployment {by}: {why}")
        service.add_event(f"(deployment {failed.id}) deployment failed: {why}")
        self.publish(service, failed, "SERVICE_DEPLOYMENT_FAILED", failed.rollout_reason)
        target = None if failed.rollback_from else service.stable
        record_failure(service, target, f"{ROLLED_BACK} {CAUSES[by]}", rollback, by)
        if not rollback or target is None:
            return
        reason = f"ECS deployment {by}: rolling back to deploymentId {target.id}."
        begin(
            service,
            Deployment(
                target.task_definition,
                dict(target.inputs),
                rollout_reason=reason,
                rollback_from=failed.id,
                digests=dict(target.digests),
                load_balancers=target.load_balancers,
                endpoints=target.endpoints,
            ),
        )
        service.add_event(f"rolling back to deployment {target.id}.")
        self.publish(service, service.primary, "SERVICE_DEPLOYMENT_IN_PROGRESS", reason)

    def _drain(self) -> None:
        for task in self.service.tasks:
            if task.active:
                self._stop([task])
        if self.service.status == "DRAINING" and all(task.stopped for task in self.service.tasks):
            self.service.status = "INACTIVE"

    def _stop_surplus(self) -> None:
        """A lowered desired count: the newest tasks that are not ready go first."""
        new = self._active(self.service.primary)
        self._stop(surplus_of(new, self.service.desired_count))

    def _start_missing(self, now: float) -> None:
        service, primary = self.service, self.service.primary
        if primary.rollout_state == "FAILED" or now < primary.not_before:
            return
        _, most = healthy_bounds(self._configuration(), service.desired_count)
        missing = service.desired_count - len(self._active(primary))
        room = most - len(self._all_active())
        self._launch(primary, min(missing, room))

    def _launch(self, deployment: Deployment, count: int) -> None:
        for _ in range(count):
            task = self.launcher.launch(self.service, deployment)
            self.service.tasks.append(task)
            self.service.add_event(f"has started 1 tasks: (task {task.id}).")
            self.service.steady = False

    def _bring_to(self, deployment: Deployment, count: int, now: float) -> None:
        """Start or stop tasks of one deployment until it has as many."""
        active = self._active(deployment)
        self._stop(surplus_of(active, count))
        if now >= deployment.not_before:
            self._launch(deployment, count - len(active))

    def _retire_old(self, now: float) -> None:
        """Old tasks go when new ones took their place, or when there is no room for new ones."""
        service, primary = self.service, self.service.primary
        if primary.rollout_state == "FAILED":
            return
        old = [task for task in self._all_active() if task.deployment_id != self.service.primary.id]
        if not old:
            return
        self._stop([task for task in old if not task.ready])
        fewest, most = healthy_bounds(self._configuration(), service.desired_count)
        old_ready = [task for task in old if task.active and task.ready]
        new = self._active(primary)
        noticed = now - self.scale(SECONDS_TO_REACT)
        new_ready = sum(task.ready and self._seen_ready.get(task.id, now) <= noticed for task in new)
        may_stop = len(old_ready) + new_ready - fewest
        surplus = len(old_ready) + new_ready - service.desired_count
        still_missing = service.desired_count - len(new)
        blocked = still_missing if len(self._all_active()) >= most else 0
        self._stop(old_ready[: max(0, min(may_stop, max(surplus, blocked)))])
        if new_ready >= service.desired_count:
            self._stop([task for task in old if task.active])

    def _finish(self, now: float) -> None:
        service, primary = self.service, self.service.primary
        new = self._active(primary)
        if primary.rollout_state == "FAILED":
            return
        old_gone = all(t.stopped for t in service.tasks if t.deployment_id != primary.id)
        if sum(task.ready for task in new) != service.desired_count or not old_gone:
            service.steady = False
            primary.steady_since = None
            return
        if primary.rollout_state == "IN_PROGRESS" and not self._baked(primary, now):
            return
        if primary.rollout_state == "IN_PROGRESS":
            primary.set_state("COMPLETED", f"ECS deployment {primary.id} completed.")
            primary.failures_in_a_row = 0
            service.stable = primary
            service.deployments = [primary]
            service.add_event(f"(deployment {primary.id}) deployment completed.")
            self.publish(service, primary, "SERVICE_DEPLOYMENT_COMPLETED", primary.rollout_reason)
            if service.ongoing:
                service.ongoing.move("ROLLBACK_SUCCESSFUL" if service.ongoing.rollback else "SUCCESSFUL")
        if not service.steady:
            service.steady = True
            service.add_event("has reached a steady state.")

    def _baked(self, deployment: Deployment, now: float) -> bool:
        """Whether it has been steady for its bake time; one without tasks has nothing to watch."""
        if deployment.steady_since is None:
            deployment.steady_since = now
        bake = deployment.watch.bake if deployment.watch and self.service.desired_count else 0.0
        return now >= deployment.steady_since + self.scale(bake)

    def _stop(self, tasks: list[Task]) -> None:
        for task in tasks:
            if task.active:
                reason = f"Scaling activity initiated by (deployment {self.service.primary.id})"
                self.launcher.stop(task, "ServiceSchedulerInitiated", reason)
                self.service.add_event(f"has stopped 1 running tasks: (task {task.id}).")

    def _forget_old_tasks(self) -> None:
        stopped = [task for task in self.service.tasks if task.stopped]
        for task in stopped[: max(0, len(stopped) - MAX_REMEMBERED_TASKS)]:
            self.service.tasks.remove(task)

    def _configuration(self) -> Json:
        return dict(self.service.settings.get("deploymentConfiguration") or {})

    def _breaker(self) -> Json:
        return dict(self._configuration().get("deploymentCircuitBreaker") or {})

    def _deployment_of(self, task: Task) -> Deployment | None:
        return next((d for d in self.service.deployments if d.id == task.deployment_id), None)

    def _active(self, deployment: Deployment) -> list[Task]:
        return [task for task in self.service.tasks_of(deployment) if task.active]

    def _all_active(self) -> list[Task]:
        return [task for task in self.service.tasks if task.active]


def surplus_of(tasks: list[Task], count: int) -> list[Task]:
    """The tasks that are too many: those first that are not ready."""
    return sorted(tasks, key=lambda task: task.ready)[: max(0, len(tasks) - count)]


def record_failure(service: Service, target: Deployment | None, reason: str, rollback: bool, by: str) -> None:
    """What a failure makes of the service deployment that goes on; `target` is what a rollback goes to."""
    current: ServiceDeployment | None = service.ongoing
    if current is None:
        return
    current.failed_by = by
    if not rollback:
        current.move("STOPPED", reason)
    elif target is None:
        current.move("ROLLBACK_FAILED", NO_ROLLBACK)
    else:
        current.roll_back(target, revision_arn(service.arn, target), reason)


def failed(task: Task) -> bool:
    """Whether a stopped task ended by its own fault and not by a request."""
    was_requested = task.stop_code in ("ServiceSchedulerInitiated", "UserInitiated")
    return not was_requested or (task.stopped_reason or "").startswith("Task failed")


def failure_kind(task: Task) -> str:
    """The circuit breaker's words for how a task failed."""
    reason = task.stopped_reason or ""
    if reason.startswith("Task failed ELB"):
        return "tasks failed ELB health checks."
    if reason.startswith("Task failed container"):
        return "tasks failed container health checks."
    return "tasks failed to start."


def begin(service: Service, deployment: Deployment) -> None:
    """Make `deployment` the primary one; what was primary drains as an active one."""
    with service.lock:
        for previous in service.deployments:
            previous.status = "ACTIVE"
        service.deployments.insert(0, deployment)
        service.history.append(deployment)
        if deployment.rollback_from is None:
            service.deploy(deployment)
        service.steady = False
        service.wake.set()
