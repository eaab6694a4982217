"""One task from PROVISIONING to STOPPED, in a thread of its own."""

from __future__ import annotations

import functools
import ipaddress
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.account.errors import AwsError
from sandbox.ecs.connections import balancers, refused
from sandbox.ecs.containers import Container, ContainerEngine
from sandbox.ecs.deployment import utc_now
from sandbox.ecs.events import publish_task
from sandbox.ecs.health import Check, container_check, target_check
from sandbox.ecs.in_flight import in_flight_of
from sandbox.ecs.memory import KILLED, over_limit
from sandbox.ecs.model import Json, Task
from sandbox.ecs.provision import Provisions, provision
from sandbox.ecs.service_connect import Proxy
from sandbox.ecs.start_error import TaskStartError
from sandbox.ecs.state import state_of
from sandbox.ecs.validation import target_group
from sandbox.ecs.volumes import mounted

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
TICK = 0.05
STEADY_SECONDS = 20.0
"""How long a task without a health check has to run until it counts as started."""
SHORTEST_STEADY = 1.5
DEFAULT_STOP_TIMEOUT = 30.0
LONGEST_STOP = 10.0
"""Of its stop timeout, where patience is shortened."""
SECONDS_BETWEEN_REGISTRATIONS = 5.0
ROLE_SESSION = "ecs-service-scheduler"


class TaskRun:
    """Provisions, starts, watches and ends the containers of one task."""

    def __init__(self, account: Account, engine: ContainerEngine, task: Task) -> None:
        self.account = account
        self.engine = engine
        self.task = task
        self.folder = account.folder / "tasks" / task.id
        self.definitions: dict[str, Json] = {
            container["name"]: mounted(_overridden(container, task.overrides), task, account.folder)
            for container in task.task_definition["containerDefinitions"]
        }
        if task.endpoints:
            proxy = Proxy(account, task)
            self.definitions = {name: {**each, "serviceConnect": proxy} for name, each in self.definitions.items()}
        self.deciding = _deciding(self.definitions)
        self.containers: dict[str, Container] = {}
        self.checks: list[Check] = []
        self.provisions = Provisions()
        self.running_since: float | None = None
        self.registered = False
        self.register_at = 0.0

    def run(self) -> None:
        """To the end of the task; whatever happens, the task is STOPPED afterwards."""
        try:
            self._set_status("PENDING")
            self._place()
            self.provisions = provision(self.account, self.engine, self.task)
            self._watch()
        except TaskStartError as error:
            self.task.request_stop("TaskFailedToStart", str(error))
        except Exception as error:
            LOGGER.exception("task %s", self.task.id)
            self.task.request_stop("TaskFailedToStart", f"InternalError: {error}")
        finally:
            self._end()

    def _watch(self) -> None:
        next_pump = 0.0
        while not self.task.stop_requested.is_set():
            self._start_ready_containers()
            self._note_exits()
            now = time.monotonic()
            if self.running_since is None and len(self.containers) == len(self.definitions):
                self.running_since = now
                self.task.was_running = True
                self.task.started_at = utc_now()
                state_of(self.account).containers[self.task.id] = dict(self.containers)
                self.checks += self._target_checks()
                self.task.steady_after = max((check.steady for check in self.checks), default=STEADY_SECONDS)
                self.task.running_since = now
                self._set_status("RUNNING")
            self._check_health(now)
            if now >= next_pump:
                self._pump_logs()
                self._check_memory()
                next_pump = now + 0.5
            self.task.stop_requested.wait(TICK)

    def _start_ready_containers(self) -> None:
        for name, definition in self.definitions.items():
            if name in self.containers or not self._dependencies_met(definition):
                continue
            folder = self.folder / name
            folder.mkdir(parents=True, exist_ok=True)
            try:
                container = self.engine.start(
                    folder,
                    self.provisions.images[name],
                    definition,
                    self.provisions.environments[name],
                    next((running for running in self.containers.values() if running.exit_code is None), None),
                )
            except Exception as error:
                raise TaskStartError(f"CannotStartContainerError: {error}") from error
            self.containers[name] = container
            self.task.container(name).last_status = "RUNNING"
            if definition.get("healthCheck"):
                grace = self.task.grace_period
                self.checks.append(container_check(name, definition["healthCheck"], container, grace))

    def _dependencies_met(self, definition: Json) -> bool:
        for dependency in definition.get("dependsOn", []):
            name, condition = dependency["containerName"], dependency["condition"]
            container = self.containers.get(name)
            if container is None:
                return False
            exit_code = container.exit_code
            if condition in ("COMPLETE", "SUCCESS") and exit_code is None:
                return False
            if condition == "SUCCESS" and exit_code != 0:
                raise TaskStartError(
                    f"Container {definition['name']} cannot start: its dependency {name} ended with exit"
                    f" code {exit_code}"
                )
            if condition == "HEALTHY" and self.task.container(name).health_status != "HEALTHY":
                return False
        return True

    def _note_exits(self) -> None:
        for name, container in self.containers.items():
            state = self.task.container(name)
            if container.exit_code is None or state.last_status == "STOPPED":
                continue
            state.last_status, state.exit_code = "STOPPED", container.exit_code
            if self.definitions[name].get("essential", True):
                self.task.request_stop("EssentialContainerExited", "Essential container in task exited")

    def _check_memory(self) -> None:
        name = over_limit(self.task.task_definition, self.containers)
        if name is not None:
            self.task.container(name).reason = KILLED
            self.containers[name].kill()

    def _target_checks(self) -> list[Check]:
        checks = []
        for balancer in self.task.load_balancers:
            group = target_group(self.account, balancer["targetGroupArn"])
            refuses = functools.partial(refused, self.account, self.task, balancers(self.account, group))
            container = self.containers[balancer["containerName"]]
            checks.append(target_check(group, balancer, container, self.task.grace_period, refuses))
        return checks

    def _check_health(self, now: float) -> None:
        clock = self.account.clock
        for check in self.checks:
            check.run(now, clock)
            if not _of_load_balancer(check):
                self._note_container_health(check)
            counts = _of_load_balancer(check) or check.container in self.deciding
            if self.task.service_name and counts and check.failed(time.monotonic(), clock):
                if event := check.event():
                    self._tell(f"(task {self.task.id}) {event}")
                self.task.request_stop("ServiceSchedulerInitiated", check.failure)
        if self.task.stop_requested.is_set() or self.running_since is None:
            return
        healthy = all(check.tracker.state == "healthy" for check in self.checks)
        least = 0.0 if self.checks else SHORTEST_STEADY
        steady = now - self.running_since >= clock.life(self.task.steady_after, least)
        if healthy and steady and not self.task.ready and self._registered():
            self.task.ready = True
            self.task.on_change()

    def _note_container_health(self, check: Check) -> None:
        statuses = {"healthy": "HEALTHY", "unhealthy": "UNHEALTHY", "initial": "UNKNOWN"}
        state = self.task.container(check.container)
        state.health_status = statuses[check.tracker.state]
        names = [c.container for c in self.checks if not _of_load_balancer(c) and c.container in self.deciding]
        checked = [self.task.container(name).health_status for name in names]
        order = ("UNHEALTHY", "UNKNOWN", "HEALTHY")
        self.task.health_status = next((status for status in order if status in checked), "UNKNOWN")

    def _registered(self) -> bool:
        """Show the task in its target groups; a target that is not healthy yet is not shown."""
        if not self.registered and time.monotonic() >= self.register_at:
            self.registered = all(self._change_target(balancer, register=True) for balancer in self.task.load_balancers)
            self.register_at = time.monotonic() + max(TICK, self.account.clock.scale(SECONDS_BETWEEN_REGISTRATIONS))
        return self.registered

    def _deregister(self) -> None:
        if self.registered:
            self.registered = False
            for balancer in self.task.load_balancers:
                self._change_target(balancer, register=False)

    def _change_target(self, balancer: Json, register: bool) -> bool:
        """With the infrastructure role, where there is one: else with ECS's own rights, which are not looked at.

        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/troubleshooting-blue-green.html has the event.
        """
        role, group = (balancer.get("advancedConfiguration") or {}).get("roleArn"), balancer["targetGroupArn"]
        target = {"Id": self.task.private_ip, "Port": int(balancer["containerPort"])}
        try:
            credentials = self.account.assume(role, "ecs.amazonaws.com", ROLE_SESSION) if role else None
            client = self.account.client("elbv2", credentials)
            call = client.register_targets if register else client.deregister_targets
            call(TargetGroupArn=group, Targets=[target])
        except (ClientError, BotoCoreError, AwsError) as error:
            LOGGER.warning("target of task %s: %s", self.task.id, error)
            doing = "register targets in" if register else "deregister targets in"
            self._tell(f"failed to {doing} target-group {group} with (error {words_of(error)})")
            return not role
        return True

    def _tell(self, message: str) -> None:
        """An event of the service, once in a row."""
        service = state_of(self.account).service(self.task.cluster_arn, self.task.service_name or "")
        if service and not (service.events and service.events[0].message.endswith(message)):
            service.add_event(message)

    def _end(self) -> None:
        """SIGTERM to every container, SIGKILL after its stop timeout, then STOPPED."""
        task = self.task
        state_of(self.account).containers.pop(task.id, None)
        try:
            if self.containers:
                self._set_status("DEACTIVATING")
                self._deregister()
                self._finish_requests()
            for name, container in reversed(list(self.containers.items())):
                declared = float(self.definitions[name].get("stopTimeout") or DEFAULT_STOP_TIMEOUT)
                container.stop(self.account.clock.life(declared, LONGEST_STOP))
            self._pump_logs(last=True)
        except Exception:
            LOGGER.exception("end of task %s", task.id)
        for state in task.containers:
            started = self.containers.get(state.name)
            state.exit_code = started.exit_code if started else None
            state.last_status = "STOPPED"
            if started is None and task.stop_code == "TaskFailedToStart":
                state.reason = task.stopped_reason
        task.stopped_at = utc_now()
        self._set_status("STOPPED")

    def _finish_requests(self) -> None:
        """What a target was asked before, it answers, within its group's deregistration delay."""
        in_flight, elbv2 = in_flight_of(self.account), self.account.client("elbv2")
        if not in_flight.any(self.task.id):
            return
        arn = self.task.load_balancers[0]["targetGroupArn"]
        attributes = elbv2.describe_target_group_attributes(TargetGroupArn=arn)["Attributes"]
        delay = next(float(a["Value"]) for a in attributes if a["Key"] == "deregistration_delay.timeout_seconds")
        in_flight.drain(self.task.id, self.account.clock.life(delay, LONGEST_STOP))

    def _pump_logs(self, last: bool = False) -> None:
        for name, stream in self.provisions.streams.items():
            stream.pump(self.folder / name / "output.log", last)

    def _set_status(self, status: str) -> None:
        self.task.last_status = status
        if status in ("RUNNING", "STOPPED"):
            publish_task(self.account, self.task)
        self.task.on_change()

    def _place(self) -> None:
        """One of the task's subnets, and an address of its own in it."""
        subnets = self.task.network_configuration.get("awsvpcConfiguration", {}).get("subnets")
        if not subnets:
            return
        number = int(self.task.id, 16)
        self.task.subnet = subnets[number % len(subnets)]
        described = self.account.client("ec2").describe_subnets(SubnetIds=[self.task.subnet])["Subnets"]
        network = ipaddress.ip_network(described[0]["CidrBlock"])
        usable = max(1, network.num_addresses - 6)
        self.task.private_ip = str(network[4 + number % usable])


def _deciding(definitions: Mapping[str, Json]) -> frozenset[str]:
    """The containers whose own checks decide about a service's task: the essential ones, or all where none of those is
    checked (ECS API, HealthCheck). A task of no service goes on, whatever its health.
    """
    essential = frozenset(name for name, each in definitions.items() if each.get("essential", True))
    return essential if any(definitions[name].get("healthCheck") for name in essential) else frozenset(definitions)


def words_of(error: Exception) -> str:
    """An error's message, as ECS's events have it."""
    return str(error.response["Error"]["Message"]) if isinstance(error, ClientError) else str(error)


def _of_load_balancer(check: Check) -> bool:
    return check.failure.startswith("Task failed ELB")


def _overridden(container: Json, overrides: Json) -> Json:
    override: Json = next(
        (entry for entry in overrides.get("containerOverrides", []) if entry["name"] == container["name"]), {}
    )
    return {**container, "command": override.get("command") or container.get("command")}
