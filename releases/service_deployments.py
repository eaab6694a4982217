"""Service deployments of ECS: what it does when it shifts the traffic of a service itself.

DescribeServices gives a deployment's `rolloutState` for rolling updates only (ECS API reference, Deployment).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from releases.controllers.controller import Deployment
from releases.ecs import describe_service, in_parts
from releases.errors import PROGRAM

OVER = frozenset({"SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"})
GOING_BACK = frozenset({"STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"})
LONGEST = timedelta(days=20)
"""More than a deployment takes: a pause is of 14 days at most (ECS, DeploymentLifecycleHookTimeoutConfiguration)."""
OF_STRATEGY = {"CANARY": "canaryConfiguration", "LINEAR": "linearConfiguration"}
"""What UpdateService takes for this strategy only, and may keep of before (ECS API, DeploymentConfiguration)."""
PRODUCTION_SHIFT, BAKE_TIME = "PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME"
MOST_REVISIONS = 20
"""How many DescribeServiceRevisions takes at once (ECS API)."""
FAILED_TASKS = 3
"""So many failed tasks end a deployment, as they do for the circuit breaker, which may be of rolling updates only
(docs/aws-assumptions.md): half of the desired tasks, and three at least (ECS, deployment circuit breaker)."""


@dataclass(frozen=True)
class ServiceDeployment:
    """A service deployment at one moment.

    Attributes:
        arn: its ARN.
        status: ECS's, such as `IN_PROGRESS` or `ROLLBACK_SUCCESSFUL`.
        reason: ECS's words for the status, or why it goes back; "" when it has none.
        stage: where in its life it is, such as `BAKE_TIME`; "" when it says nothing of it.
        pause: the id of the hook at which it waits for an answer; "" when it waits for none.
        revision: the service revision that it deploys.
        share: per cent of the traffic that it has.
        until: when its pause, its bake or its step is over; None when it is in none of these.
        shift: how its traffic shifts, in words.
    """

    arn: str
    status: str
    reason: str = ""
    stage: str = ""
    pause: str = ""
    revision: str = ""
    share: float = 0.0
    until: datetime | None = None
    shift: str = ""

    @property
    def over(self) -> bool:
        """Whether it has ended."""
        return self.status in OVER

    @property
    def failed(self) -> bool:
        """Whether what it deployed does not run: it went back, or was stopped."""
        return self.over and self.status != "SUCCESSFUL"

    @property
    def goes_back(self) -> bool:
        """Whether ECS is about to bring back what ran before."""
        return self.status in GOING_BACK

    @property
    def waits_in(self) -> str:
        """What `until` ends: `pause`, `bake` or `step`; "" when it waits in none."""
        if self.until is None:
            return ""
        return "pause" if self.pause else "bake" if self.stage == BAKE_TIME else "step"

    @property
    def words(self) -> str:
        """Where it is."""
        where = f"{self.status} at {self.stage}" if self.stage else self.status
        return f"{where}: {self.reason}" if self.reason else where

    def how_to_wait(self, stack: str, service: str) -> str:
        """Words and a command for waiting until it is over."""
        if self.pause:
            return f"it waits for {answers(stack, service)}"
        return how_to_wait(stack, service)


def how_to_wait(stack: str, service: str, what: str = "it") -> str:
    """Words and a command for waiting until something is over that changes a service."""
    return f"wait until {what} is over, as `{PROGRAM} status {service} --stack {stack} --watch` shows"


def answers(stack: str, service: str) -> str:
    """The commands that answer a pause."""
    return " or ".join(f"`{PROGRAM} {verb} {service} --stack {stack}`" for verb in ("continue", "abort"))


def strategy_of(service: Mapping[str, Any]) -> str:
    """How ECS deploys a service: `ROLLING`, `BLUE_GREEN`, `CANARY` or `LINEAR`.

    Args:
        service: as DescribeServices has it.
    """
    return str(service.get("deploymentConfiguration", {}).get("strategy", "ROLLING"))


def shifts(service: Mapping[str, Any]) -> bool:
    """Whether ECS shifts a service's traffic in its deployments.

    Args:
        service: as DescribeServices has it.
    """
    return strategy_of(service) != "ROLLING"


def newest(ecs: Any, cluster: str, service: str) -> ServiceDeployment | None:
    """The service deployment that began last; None when none did lately.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    listed = listed_since(ecs, cluster, service, datetime.now(UTC) - LONGEST)
    if not listed:
        return None
    return described(ecs, max(listed, key=lambda each: each["createdAt"].timestamp())["serviceDeploymentArn"])


def listed_since(
    ecs: Any, cluster: str, service: str, after: datetime, statuses: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The service deployments that were made since then, as ListServiceDeployments has them: it has no paginator.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
        after: the moment.
        statuses: those that are wanted; all without any.
    """
    more, listed = dict[str, Any](status=list(statuses)) if statuses else {}, list[dict[str, Any]]()
    while True:
        page = ecs.list_service_deployments(
            cluster=cluster, service=service, createdAt={"after": after}, maxResults=100, **more
        )
        listed += page["serviceDeployments"]
        if not page.get("nextToken"):
            return listed
        more["nextToken"] = page["nextToken"]


def task_definitions(ecs: Any, revisions: Sequence[str]) -> dict[str, str]:
    """Service revision → the ARN of its task definition."""
    found = dict[str, str]()
    for part in in_parts(list(dict.fromkeys(revisions)), MOST_REVISIONS):
        for each in ecs.describe_service_revisions(serviceRevisionArns=list(part))["serviceRevisions"]:
            found[each["serviceRevisionArn"]] = each["taskDefinition"]
    return found


def described(ecs: Any, arn: str) -> ServiceDeployment:
    """A service deployment by its ARN."""
    found = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    reasons = (found.get("statusReason"), found.get("rollback", {}).get("reason"))
    hooks, target = found.get("lifecycleHookDetails", []), found.get("targetServiceRevision", {})
    waiting = [each for each in hooks if each.get("status") == "AWAITING_ACTION" and each.get("targetType") == "PAUSE"]
    pause, stage = waiting[0] if waiting else {}, found.get("lifecycleStage", "")
    share, configuration = target.get("requestedProductionTrafficWeight", 0.0), found.get("deploymentConfiguration", {})
    return ServiceDeployment(
        arn=arn,
        status=found["status"],
        reason=next((str(reason) for reason in reasons if reason), ""),
        stage=stage,
        pause=str(pause.get("hookId", "")),
        revision=target.get("arn", ""),
        share=share,
        until=pause.get("expiresAt") or _until(configuration, stage, share, found.get("updatedAt")),
        shift=shift_of(configuration),
    )


def _until(configuration: Mapping[str, Any], stage: str, share: float, since: datetime | None) -> datetime | None:
    """When ECS goes on by itself that waits in a bake or between two steps.

    Args:
        configuration: the deployment's.
        stage: the stage of its life.
        share: per cent of the traffic that it has.
        since: when it last changed, which is when that stage or step began (docs/aws-assumptions.md).
    """
    if stage == BAKE_TIME:
        minutes = configuration.get("bakeTimeInMinutes")
    elif stage == PRODUCTION_SHIFT and share < 100:
        steps = configuration.get(OF_STRATEGY.get(configuration.get("strategy", ""), ""), {})
        minutes = steps.get("canaryBakeTimeInMinutes", steps.get("stepBakeTimeInMinutes"))
    else:
        return None
    return None if since is None or minutes is None else since + timedelta(minutes=minutes)


def shift_of(configuration: Mapping[str, Any]) -> str:
    """How the traffic shifts by a deployment configuration, in words."""
    strategy, bake = configuration.get("strategy"), configuration.get("bakeTimeInMinutes")
    if strategy == "CANARY":
        canary = configuration.get("canaryConfiguration", {})
        percent, minutes = canary.get("canaryPercent", 0), canary.get("canaryBakeTimeInMinutes", 0)
        shift = f"{percent:g} % of the traffic shifts, and the rest {minutes} min later"
    elif strategy == "LINEAR":
        linear = configuration.get("linearConfiguration", {})
        percent, minutes = linear.get("stepPercent", 0), linear.get("stepBakeTimeInMinutes", 0)
        shift = f"{percent:g} % more of the traffic shift every {minutes} min"
    else:
        shift = "all of the traffic shifts at once"
    return f"{shift}; then it bakes for {bake} min" if bake else shift


def in_progress(ecs: Any, cluster: str, service: Mapping[str, Any]) -> ServiceDeployment | None:
    """The service deployment that has not ended, of a service whose traffic ECS shifts.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: as DescribeServices has it.
    """
    if not shifts(service):
        return None
    last = newest(ecs, cluster, service["serviceName"])
    return last if last is not None and not last.over else None


def with_progress(listed: Sequence[Deployment], shifting: ServiceDeployment | None) -> list[Deployment]:
    """The deployments of a service, the primary one as far as its service deployment is."""
    primary, *others = listed
    if shifting is None:
        return [primary, *others]
    return [replace(primary, state="IN_PROGRESS", reason=shifting.words), *others]


def too_many_failed(service: Mapping[str, Any]) -> str | None:
    """Why a deployment is not worth waiting for, which ECS itself would go on with; None while it may.

    Args:
        service: as DescribeServices has it.
    """
    primary = next(each for each in service["deployments"] if each["status"] == "PRIMARY")
    failed: int = primary.get("failedTasks", 0)
    if failed < max(FAILED_TASKS, -(-service["desiredCount"] // 2)):
        return None
    return f"{failed} of its tasks have failed one after another"


def drop_hooks(ecs: Any, cluster: str, service: str) -> None:
    """Take the lifecycle hooks of a service away, if it has any.

    The AWS provider cannot: it sends no empty list, and UpdateService keeps hooks that it is not told of
    (docs/aws-assumptions.md). It starts no deployment.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
    """
    configuration = describe_service(ecs, cluster, service).get("deploymentConfiguration", {})
    if configuration.get("lifecycleHooks"):
        others = {of for strategy, of in OF_STRATEGY.items() if strategy != configuration.get("strategy")}
        without = {name: value for name, value in configuration.items() if name not in others}
        without["lifecycleHooks"] = []
        ecs.update_service(cluster=cluster, service=service, deploymentConfiguration=without)


def roll_back(ecs: Any, arn: str) -> bool:
    """Have ECS go back from a service deployment; whether it does. One that has ended meanwhile stays as it is."""
    try:
        ecs.stop_service_deployment(serviceDeploymentArn=arn, stopType="ROLLBACK")
    except (ecs.exceptions.ConflictException, ecs.exceptions.InvalidParameterException):
        return False
    return True
