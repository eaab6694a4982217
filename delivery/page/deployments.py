"""The deployments of a service, as ECS or CodeDeploy keeps them: 90 days (ECS, view-service-deployment.html)."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from delivery.page import traffic
from delivery.page.facts import Deployment, Outcome, Share, TaskRun
from delivery.page.words import legible
from releases.controllers.codedeploy import CodeDeployController
from releases.ecs import in_parts
from releases.failure import one_line
from releases.service_deployments import listed_since, task_definitions
from releases.service_state import ServiceState, revision_name

AT_MOST = 20
"""How many DescribeServiceDeployments takes (ECS API)."""
OUTCOMES = {"SUCCESSFUL": Outcome.SUCCEEDED, "STOPPED": Outcome.STOPPED}
"""ECS's states that are an end, but for those of a rollback."""
OF_CODE_DEPLOY = {"Succeeded": Outcome.SUCCEEDED, "Failed": Outcome.FAILED, "Stopped": Outcome.STOPPED}
NOT_THERE = frozenset(
    {
        *("ApplicationDoesNotExistException", "DeploymentConfigDoesNotExistException"),
        *("DeploymentDoesNotExistException", "DeploymentGroupDoesNotExistException"),
        *("DeploymentNotStartedException", "DeploymentTargetDoesNotExistException"),
    }
)
"""CodeDeploy's errors for what it has no more, or not yet (CodeDeploy API, their operations' errors)."""

Task = Mapping[str, Any]
"""As DescribeTasks has it."""


def by_ecs(ecs: Any, state: ServiceState, tasks: Sequence[Task], since: datetime) -> list[Deployment]:
    """The deployments of ECS's that began since then, the oldest first; none where CodeDeploy deploys."""
    if state.controller.deploys_template:
        return []
    arns = [each["serviceDeploymentArn"] for each in listed_since(ecs, state.cluster, state.name, since)]
    described = [
        each
        for part in in_parts(arns, AT_MOST)
        for each in ecs.describe_service_deployments(serviceDeploymentArns=list(part))["serviceDeployments"]
    ]
    of = task_definitions(ecs, [each["targetServiceRevision"]["arn"] for each in described])
    revisions = {arn: revision_name(definition) for arn, definition in of.items()}
    found = [_by_ecs(each, revisions, tasks) for each in described]
    return sorted(found, key=lambda each: each.started)


def by_code_deploy(codedeploy: Any, id: str, tasks: Sequence[Task]) -> Deployment | None:
    """A deployment of CodeDeploy's, without traffic where it does not tell of it; None when it has no such any more."""
    info = _answer(codedeploy.get_deployment, deploymentId=id).get("deploymentInfo")
    if info is None:
        return None
    targets = _answer(codedeploy.list_deployment_targets, deploymentId=id).get("targetIds")
    described = _answer(codedeploy.batch_get_deployment_targets, deploymentId=id, targetIds=targets) if targets else {}
    (target, *_) = described.get("deploymentTargets") or [{}]
    name = info.get("deploymentConfigName")
    config = _answer(codedeploy.get_deployment_config, deploymentConfigName=name) if name else {}
    back = info.get("rollbackInfo", {}).get("rollbackDeploymentId")
    back_info = _answer(codedeploy.get_deployment, deploymentId=back).get("deploymentInfo", {}) if back else {}
    routing = config["deploymentConfigInfo"].get("trafficRoutingConfig", {}) if config else None
    return _by_code_deploy(info, target.get("ecsTarget", {}), routing, tasks, back_info.get("createTime"))


def _answer(call: Callable[..., Mapping[str, Any]], **given: Any) -> Mapping[str, Any]:
    """What CodeDeploy answers; nothing where it has it no more, or not yet."""
    try:
        return call(**given)
    except ClientError as error:
        if error.response["Error"]["Code"] not in NOT_THERE:
            raise
        return {}


def _by_code_deploy(
    info: Mapping[str, Any],
    target: Mapping[str, Any],
    routing: Mapping[str, Any] | None,
    tasks: Sequence[Task],
    back: datetime | None,
) -> Deployment:
    sets = {each.get("taskSetLabel"): each.get("identifer") for each in target.get("taskSetsInfo", [])}
    started, ended = info["createTime"], info.get("completeTime")
    runs, revision = _runs(tasks, str(sets.get("Green", "")), started, ended)
    allowed: Mapping[str, Any] = next(
        (e for e in target.get("lifecycleEvents", []) if e["lifecycleEventName"] == "AllowTraffic"), {}
    )
    shares = list[Share]()
    if routing is not None and "startTime" in allowed:
        shares = traffic.of_code_deploy(routing, allowed["startTime"], allowed.get("endTime"))
        shares += [Share(back, 0.0)] if back else []
    error = info.get("errorInformation", {})
    return Deployment(
        id=info["deploymentId"],
        outcome=OF_CODE_DEPLOY.get(info["status"], Outcome.RUNNING),
        status=info["status"],
        reason=legible(one_line(error.get("message", ""))),
        revision=revision,
        strategy=CodeDeployController.type,
        started=started,
        ended=ended,
        shares=shares,
        told=True,
        tasks=runs,
    )


def _by_ecs(described: Mapping[str, Any], revisions: Mapping[str, str], tasks: Sequence[Task]) -> Deployment:
    target, configuration = described["targetServiceRevision"], described.get("deploymentConfiguration", {})
    strategy, status = str(configuration.get("strategy", "ROLLING")), str(described["status"])
    started, ended = described.get("startedAt") or described["createdAt"], described.get("finishedAt")
    outcome = OUTCOMES.get(status, Outcome.FAILED if ended else Outcome.RUNNING)
    # The id of a deployment ends as its revision's ARN does (docs/aws-assumptions.md).
    runs, _ = _runs(tasks, f"ecs-svc/{target['arn'].rpartition('/')[2]}", started, ended)
    rollback = described.get("rollback", {})
    reasons = (described.get("statusReason"), rollback.get("reason"))
    why = legible(one_line(next((str(reason) for reason in reasons if reason), "")))
    shares = _shares(strategy, described, runs)
    return Deployment(
        id=described["serviceDeploymentArn"].rpartition("/")[2],
        outcome=outcome,
        status=status,
        reason="" if outcome is Outcome.SUCCEEDED else why,
        revision=revisions.get(target["arn"], ""),
        strategy=strategy,
        started=started,
        ended=ended,
        shares=shares,
        told=ended is None and strategy != "ROLLING",
        tasks=runs,
        alarms=described.get("alarms", {}).get("triggeredAlarmNames", []),
    )


def _shares(strategy: str, described: Mapping[str, Any], runs: Sequence[TaskRun]) -> list[Share]:
    if strategy == "ROLLING":
        return traffic.of_tasks(runs)
    target, plan = described["targetServiceRevision"], traffic.plan_of(described["deploymentConfiguration"])
    started = described.get("startedAt") or described["createdAt"]
    new = [run.started for run in runs if run.new]
    if back := described.get("rollback", {}).get("startedAt"):
        wanted = target.get("requestedTaskCount", 0) or 1
        return traffic.of_interrupted(plan, max(new) if len(new) >= wanted else None, back)
    if described["status"] == "SUCCESSFUL":
        ready = max(new, default=started)
        gone = [run.ended for run in runs if not run.new and run.ended is not None and run.ended >= ready]
        return traffic.of_completed(plan, ready, min(gone, default=described["finishedAt"]))
    share = float(target.get("requestedProductionTrafficWeight", 0.0))
    return [Share(described.get("updatedAt", started), share)] if share else []


def _runs(tasks: Iterable[Task], by: str, started: datetime, ended: datetime | None) -> tuple[list[TaskRun], str]:
    """The lives of tasks that ran while a deployment went on, and the revision of those that it has started."""
    runs, revision = list[TaskRun](), ""
    for task in tasks:
        began, stopped = task.get("startedAt"), task.get("stoppingAt") or task.get("stoppedAt")
        new = task.get("startedBy") == by
        if began is None or (ended is not None and began > ended) or (stopped is not None and stopped < started):
            continue
        revision = revision_name(task["taskDefinitionArn"]) if new else revision
        runs.append(TaskRun(task["taskArn"].rpartition("/")[2], began, stopped, new))
    return sorted(runs, key=lambda run: run.started), revision
