"""One blue/green deployment of an ECS service, step by step, as the deployment group's role.

https://docs.aws.amazon.com/codedeploy/latest/userguide/deployment-steps-ecs.html
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.account.errors import AwsError
from sandbox.codedeploy.appspec import AppSpec
from sandbox.codedeploy.events import publish
from sandbox.codedeploy.state import Json
from sandbox.codedeploy.traffic import Route, steps
from sandbox.ecs.state import state_of as ecs_state_of

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
LIFECYCLE = (
    "BeforeInstall", "Install", "AfterInstall", "AllowTestTraffic", "AfterAllowTestTraffic", "BeforeAllowTraffic",
    "AllowTraffic", "AfterAllowTraffic",
)  # fmt: skip
STEADY_MINUTES, HOOK_MINUTES = 60, 60
SHORTEST_LIMIT = 120.0
"""Real seconds that a task set and a hook's function are given at least: processes run at their own pace."""
FAILURES = 3
"""Tasks in a row that fail before the sandbox gives up; AWS waits out STEADY_MINUTES, because ECS tries on."""
SECONDS_BETWEEN_LOOKS, SHORTEST_LOOK = 5.0, 0.1
UNHEALTHY = (
    "The deployment timed out while waiting for the replacement task set to become healthy. This time out period is "
    f"{STEADY_MINUTES} minutes."
)


class DeploymentFailed(Exception):
    """A deployment ends; `code` is one of CodeDeploy's, `event` the rollback event that this is."""

    def __init__(self, code: str, message: str, event: str = "DEPLOYMENT_FAILURE") -> None:
        super().__init__(message)
        self.code, self.message, self.event = code, message, event


class Run:
    """A deployment at work.

    Attributes:
        info: what GetDeployment answers; kept up to date.
        events: lifecycle event → its status and times.
        hooks: hook execution's id → status, once it was reported.
        weights: target group → its share of the traffic in per cent.
    """

    def __init__(self, account: Account, info: Json, group: Json, config: Json, spec: AppSpec) -> None:
        self.account, self.info, self.group, self.config, self.spec = account, info, group, config, spec
        self.events: dict[str, Json] = {name: {"lifecycleEventName": name, "status": "Pending"} for name in LIFECYCLE}
        self.hooks: dict[str, str | None] = {}
        self.weights: dict[str, int] = {}
        self.blue: Json = {}
        self.green: Json = {}
        self.stop = threading.Event()
        self.rolls_back_when_stopped = True
        self.go_on = threading.Event()
        self._routes: list[Route] = []
        self._shifted = False

    def run(self, rolled_back: Callable[[Run, str], str]) -> None:
        """To its end, and back when it fails; `rolled_back` records the rollback and gives its id."""
        self.info["status"], self.info["startTime"] = "InProgress", time.time()
        publish(self.account, self.info, "START")
        try:
            self._deploy()
            self.info["status"] = "Succeeded"
        except (DeploymentFailed, ClientError, BotoCoreError, AwsError) as error:
            failure = error if isinstance(error, DeploymentFailed) else refused(error)
            self._fail(failure)
            self._roll_back(failure, rolled_back)
        except Exception as error:
            LOGGER.exception("deployment %s", self.info["deploymentId"])
            self._fail(DeploymentFailed("INTERNAL_ERROR", f"{type(error).__name__}: {error}"))
        self.info["completeTime"] = time.time()
        publish(
            self.account, self.info, {"Succeeded": "SUCCESS", "Stopped": "STOP"}.get(self.info["status"], "FAILURE")
        )

    def _fail(self, failure: DeploymentFailed) -> None:
        self.info["status"] = "Failed" if failure.event == "DEPLOYMENT_FAILURE" else "Stopped"
        self.info["errorInformation"] = {"code": failure.code, "message": failure.message}
        for event in self.events.values():
            if event["status"] in ("Pending", "InProgress"):
                event["status"] = "Failed" if event["status"] == "InProgress" else "Skipped"

    # The steps

    def _deploy(self) -> None:
        credentials = self.account.assume(
            self.group["serviceRoleArn"], "codedeploy.amazonaws.com", self.info["deploymentId"]
        )
        self._ecs, self._elbv2 = self.account.client("ecs", credentials), self.account.client("elbv2", credentials)
        self._cloudwatch, self._lambda = (self.account.client(name, credentials) for name in ("cloudwatch", "lambda"))
        self.blue = self._primary()
        old, new = self._pair()
        pair = self.group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        self._routes = [Route(self._elbv2, arn, old, new) for arn in pair["prodTrafficRoute"]["listenerArns"]]
        tests = [Route(self._elbv2, arn, old, new) for arn in pair.get("testTrafficRoute", {}).get("listenerArns", [])]
        self.weights = {old: 100, new: 0}
        self._hook("BeforeInstall")
        with self._event("Install"):
            self._install(new)
        self._hook("AfterInstall")
        with self._event("AllowTestTraffic"):
            for route in tests:
                route.shift(100)
        self._hook("AfterAllowTestTraffic")
        self._wait_until_ready()
        self._hook("BeforeAllowTraffic")
        with self._event("AllowTraffic"):
            self._shift(old, new)
        self._ecs.update_service_primary_task_set(**self._service(), primaryTaskSet=self.green["taskSetArn"])
        self._hook("AfterAllowTraffic")
        self._pause(self._termination().get("terminationWaitTimeInMinutes", 0))
        if self._termination().get("action", "TERMINATE") == "TERMINATE":
            self._ecs.delete_task_set(**self._service(), taskSet=self.blue["taskSetArn"], force=True)

    def _install(self, target_group: str) -> None:
        inherited = {name: self.blue[name] for name in ("networkConfiguration", "platformVersion") if name in self.blue}
        launch = "capacityProviderStrategy" if self.blue.get("capacityProviderStrategy") else "launchType"
        balancer = {
            "targetGroupArn": target_group,
            "containerName": self.spec.container,
            "containerPort": self.spec.port,
        }
        self.green = self._ecs.create_task_set(
            **self._service(),
            **{**inherited, launch: self.blue[launch], **self.spec.inputs},
            taskDefinition=self.spec.task_definition,
            loadBalancers=[balancer],
            scale={"value": 100, "unit": "PERCENT"},
            externalId=self.info["deploymentId"],
        )["taskSet"]
        limit = time.monotonic() + max(SHORTEST_LIMIT, self.account.clock.scale(STEADY_MINUTES * 60))
        while not self._steady():
            if time.monotonic() > limit or self._failures() >= FAILURES:
                raise DeploymentFailed("TIMEOUT", UNHEALTHY)
            self._look()

    def _steady(self) -> bool:
        service = self._ecs.describe_services(cluster=self._service()["cluster"], services=[self._service()["service"]])
        task_set = next((s for s in service["services"][0]["taskSets"] if s["id"] == self.green["id"]), None)
        if task_set is None:
            raise DeploymentFailed("ECS_UPDATE_ERROR", f"The task set {self.green['id']} is gone.")
        steady: bool = task_set["stabilityStatus"] == "STEADY_STATE"
        return steady and task_set["runningCount"] >= task_set["computedDesiredCount"]

    def _failures(self) -> int:
        where = self._service()
        service = ecs_state_of(self.account).service(where["cluster"], where["service"])
        deployments = service.deployments if service else []
        return next((d.failures_in_a_row for d in deployments if d.id == self.green["id"]), 0)

    def _shift(self, old: str, new: str) -> None:
        self._shifted = True
        for share, minutes in steps(self.config):
            if not all(route.shift(share) for route in self._routes):
                raise DeploymentFailed(
                    "ELASTIC_LOAD_BALANCING_INVALID", "The listener has no rule that forwards to the target groups."
                )
            self.weights = {old: 100 - share, new: share}
            self._pause(minutes)

    def _wait_until_ready(self) -> None:
        ready = self.group["blueGreenDeploymentConfiguration"].get("deploymentReadyOption", {})
        if ready.get("actionOnTimeout") != "STOP_DEPLOYMENT":
            return
        self.info["status"] = "Ready"
        publish(self.account, self.info, "READY")
        limit = time.monotonic() + self.account.clock.scale(ready.get("waitTimeInMinutes", 0) * 60)
        while not self.go_on.is_set():
            if time.monotonic() > limit:
                raise DeploymentFailed(
                    "TIMEOUT", "The deployment was not continued in time.", "DEPLOYMENT_STOP_ON_REQUEST"
                )
            self._look()
        self.info["status"] = "InProgress"

    # Back

    def _roll_back(self, failure: DeploymentFailed, rolled_back: Callable[[Run, str], str]) -> None:
        declared = self.info["autoRollbackConfiguration"]
        rolls_back_this = failure.event != "DEPLOYMENT_STOP_ON_REQUEST" or self.rolls_back_when_stopped
        enabled = declared.get("enabled") and failure.event in declared.get("events", []) and rolls_back_this
        if not self.green or not (enabled or not self._shifted):
            return
        try:
            self._go_back()
        except (ClientError, BotoCoreError):
            LOGGER.exception("rollback of deployment %s", self.info["deploymentId"])
        if enabled:
            self.info["rollbackInfo"] = {"rollbackDeploymentId": rolled_back(self, failure.event)}

    def _go_back(self) -> None:
        pair = self.group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
        old, new = self.weights
        tests = [Route(self._elbv2, arn, old, new) for arn in pair.get("testTrafficRoute", {}).get("listenerArns", [])]
        for route in [*self._routes, *tests]:
            route.shift(0)
        self.weights = {old: 100, new: 0}
        if self._primary()["id"] != self.blue["id"]:
            self._ecs.update_service_primary_task_set(**self._service(), primaryTaskSet=self.blue["taskSetArn"])
        self._ecs.delete_task_set(**self._service(), taskSet=self.green["taskSetArn"], force=True)

    # What the steps have in common

    def _service(self) -> dict[str, str]:
        (service,) = self.group["ecsServices"]
        return {"cluster": service["clusterName"], "service": service["serviceName"]}

    def _termination(self) -> Json:
        blue_green: Json = self.group["blueGreenDeploymentConfiguration"]
        termination: Json = blue_green.get("terminateBlueInstancesOnDeploymentSuccess", {})
        return termination

    def _primary(self) -> Json:
        where = self._service()
        services = self._ecs.describe_services(cluster=where["cluster"], services=[where["service"]])["services"]
        if not services or services[0]["status"] != "ACTIVE":
            raise DeploymentFailed("INVALID_ECS_SERVICE", f"The ECS service {where['service']} is not there.")
        primary: Json = next(task_set for task_set in services[0]["taskSets"] if task_set["status"] == "PRIMARY")
        return primary

    def _pair(self) -> tuple[str, str]:
        """The target group of the tasks that are there, and the other one."""
        names = [each["name"] for each in self.group["loadBalancerInfo"]["targetGroupPairInfoList"][0]["targetGroups"]]
        groups = self._elbv2.describe_target_groups(Names=names)["TargetGroups"]
        arns = {group["TargetGroupArn"] for group in groups}
        old = next((b["targetGroupArn"] for b in self.blue["loadBalancers"] if b["targetGroupArn"] in arns), None)
        if old is None:
            raise DeploymentFailed(
                "INVALID_ECS_SERVICE", "The primary task set's target group is none of the deployment group's."
            )
        (new,) = arns - {old}
        return old, new

    @contextmanager
    def _event(self, name: str) -> Iterator[None]:
        event = self.events[name]
        event["status"], event["startTime"] = "InProgress", time.time()
        self._look(0)
        yield
        event["status"], event["endTime"] = "Succeeded", time.time()

    def _hook(self, name: str) -> None:
        """Call the function that the AppSpec names, and wait for its report."""
        with self._event(name):
            if name not in self.spec.hooks:
                return
            id = str(uuid.uuid4())
            self.hooks[id] = None
            payload = f'{{"DeploymentId":"{self.info["deploymentId"]}","LifecycleEventHookExecutionId":"{id}"}}'
            self._call(self.spec.hooks[name], payload)
            limit = time.monotonic() + max(SHORTEST_LIMIT, self.account.clock.scale(HOOK_MINUTES * 60))
            while self.hooks[id] is None and time.monotonic() < limit:
                self._look()
            if self.hooks[id] != "Succeeded":
                raise DeploymentFailed("HOOK_EXECUTION_FAILURE", f"The hook at {name} did not succeed.")

    def _call(self, function: str, payload: str) -> None:
        try:
            self._lambda.invoke(FunctionName=function, InvocationType="Event", Payload=payload.encode())
        except self._lambda.exceptions.ResourceNotFoundException as error:
            raise DeploymentFailed("HOOK_EXECUTION_FAILURE", error.response["Error"]["Message"]) from error

    def _pause(self, minutes: float) -> None:
        end = time.monotonic() + self.account.clock.scale(minutes * 60)
        while time.monotonic() < end:
            self._look(min(self._interval(), max(0.0, end - time.monotonic())))

    def _interval(self) -> float:
        return max(SHORTEST_LOOK, self.account.clock.scale(SECONDS_BETWEEN_LOOKS))

    def _look(self, seconds: float | None = None) -> None:
        """Wait; ends the deployment when it was stopped or an alarm is on."""
        if self.stop.wait(self._interval() if seconds is None else seconds):
            raise DeploymentFailed("MANUAL_STOP", "The deployment was stopped by a user.", "DEPLOYMENT_STOP_ON_REQUEST")
        alarms = self.group.get("alarmConfiguration", {})
        names = [alarm["name"] for alarm in alarms.get("alarms", [])] if alarms.get("enabled") else []
        if not names:
            return
        # Of either kind: a deployment group takes the name of a composite alarm, too.
        answer = self._cloudwatch.describe_alarms(AlarmNames=names, AlarmTypes=["CompositeAlarm", "MetricAlarm"])
        alarms = [*answer.get("CompositeAlarms", []), *answer.get("MetricAlarms", [])]
        active = sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")
        if active:
            raise DeploymentFailed(
                "ALARM_ACTIVE",
                "One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, and "
                f"the affected deployments have been stopped. Activated alarms: {', '.join(active)}",
                "DEPLOYMENT_STOP_ON_ALARM",
            )


def refused(error: Exception) -> DeploymentFailed:
    """A failure for an AWS error; permissions have a code of their own."""
    if isinstance(error, ClientError):
        answer = error.response["Error"]
        denied = answer["Code"] in ("AccessDenied", "AccessDeniedException", "UnauthorizedOperation")
        return DeploymentFailed("IAM_ROLE_PERMISSIONS" if denied else "ECS_UPDATE_ERROR", answer["Message"])
    if isinstance(error, AwsError):
        return DeploymentFailed("IAM_ROLE_PERMISSIONS", error.message)
    return DeploymentFailed("INTERNAL_ERROR", str(error))
