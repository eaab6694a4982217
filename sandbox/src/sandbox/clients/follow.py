"""A client that follows an execution: stages, actions, the lines of builds and containers as they come."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sandbox.clients.build_logs import CODEBUILD_LINE, Folding, LogReader, build_log, cause, one_line
from sandbox.clients.deployments import serving
from sandbox.clients.pipelines import ecs_services
from sandbox.clients.session import Session
from sandbox.progress import Progress, Say
from sandbox.stacks import SandboxError

Json = dict[str, Any]
POLL_SECONDS = 0.4
TAIL_LINES = 20
"""Of a build's log."""
TASK_LINES = 10
"""Of a failed task's."""
SCALED = "Scaling activity"
"""How ECS's reason begins for a task that it stopped because fewer are wanted, or others."""
DAYS_OF_AN_ACTION = 7
"""No action takes longer, an approval as little as CodeDeploy (CodePipeline user guide, Quotas)."""
MARKS = {"Succeeded": "ok", "Failed": "FAILED", "Abandoned": "abandoned", "InProgress": "…"}


@dataclass(frozen=True)
class Approval:
    """A manual approval that is pending."""

    stage: str
    action: str
    execution: str
    """The execution that asks."""
    token: str
    question: str
    """The action's CustomData, its variables resolved."""


@dataclass
class ExecutionFollower:
    """Reports one execution while it runs."""

    session: Session
    pipeline: Json
    execution: str
    say: Say
    logs: bool = True
    """Whether to tell each line of the builds' logs."""
    progress: Callable[[], str] = lambda: ""
    """How far the deployment is, in words, which are told when they change."""
    _told: str = ""
    _stage: str = ""
    _begun: set[str] = field(default_factory=set)
    _ended: set[str] = field(default_factory=set)
    _readers: dict[str, LogReader] = field(default_factory=dict)
    _folding: dict[str, Folding] = field(default_factory=dict)
    _skipped: set[str] = field(default_factory=set)

    def follow(self, *, past_approvals: bool = True) -> Approval | None:
        """Until the execution is over, or else up to the approval that it waits for; telling once a minute at least.

        Raises:
            SandboxError: it has been at one action for longer than any may take.
        """
        progress = Progress(self.say)
        while True:
            status = self._execution()["status"]
            actions = self.report()
            if status not in ("InProgress", "Stopping"):
                return None
            if not past_approvals and (approval := self.approval()):
                return approval
            if any(_deploys(action) for action in actions) and (text := self.progress()) not in ("", self._told):
                self._told = text
                self.say(f"    {text}")
            where = _where(actions)
            if progress.waits(where, announced=True) > DAYS_OF_AN_ACTION * 24 * 3600:
                raise SandboxError(
                    f"{where} for more than {DAYS_OF_AN_ACTION} days; execution {self.execution} of "
                    f"{self.pipeline['name']} is {status} and goes on without this command"
                )
            time.sleep(POLL_SECONDS)

    def approval(self) -> Approval | None:
        """What this execution waits for: an approval of its own, or that of the one in front of it."""
        state = self.session.client("codepipeline").get_pipeline_state(name=self.pipeline["name"])
        for stage in state["stageStates"]:
            inside = str((stage.get("latestExecution") or {}).get("pipelineExecutionId"))
            queued = [inbound["pipelineExecutionId"] for inbound in stage.get("inboundExecutions", [])]
            for action in stage["actionStates"]:
                latest = action.get("latestExecution") or {}
                if latest.get("token") and latest["status"] == "InProgress" and self.execution in (inside, *queued):
                    name = action["actionName"]
                    question = self._question(inside, stage["stageName"], name)
                    return Approval(stage["stageName"], name, inside, latest["token"], question)
        return None

    def _question(self, execution: str, stage: str, action: str) -> str:
        paginator = self.session.client("codepipeline").get_paginator("list_action_executions")
        pages = paginator.paginate(pipelineName=self.pipeline["name"], filter={"pipelineExecutionId": execution})
        for run in (run for page in pages for run in page["actionExecutionDetails"]):
            if (run["stageName"], run["actionName"]) == (stage, action):
                return str(run["input"].get("resolvedConfiguration", {}).get("CustomData", ""))
        return ""

    def report(self) -> list[Json]:
        """Report what is new; returns the execution's actions so far."""
        actions = self.actions()
        for action in actions:
            identifier = action["actionExecutionId"]
            if identifier in self._ended:
                continue
            if action["stageName"] != self._stage:
                self._report_skipped()
                self._stage = action["stageName"]
                self.say(self._stage)
            if identifier not in self._begun:
                self._begun.add(identifier)
                self.say(f"  {action['actionName']} …")
                self._report_approval(action)
            if self.logs:
                self._report_log(action)
            if action["status"] != "InProgress":
                self._ended.add(identifier)
                self._report_end(action)
        return actions

    def actions(self) -> list[Json]:
        """The execution's actions so far, oldest first."""
        paginator = self.session.client("codepipeline").get_paginator("list_action_executions")
        pages = paginator.paginate(pipelineName=self.pipeline["name"], filter={"pipelineExecutionId": self.execution})
        return [a for page in pages for a in page["actionExecutionDetails"]][::-1]

    def summary(self) -> Json:
        """What a machine may want to know of the execution."""
        execution, actions = self._execution(), self.actions()
        states = self._stage_statuses()
        variables = {f"variables.{v['name']}": v["resolvedValue"] for v in execution.get("variables", [])}
        for action in actions:
            namespace = action["input"].get("namespace")
            output = action["output"].get("outputVariables") or {}
            variables |= {f"{namespace}.{name}": value for name, value in output.items() if namespace}
        stages = [
            {
                "name": stage["name"],
                "status": states.get(stage["name"], "NotStarted"),
                "actions": [
                    {
                        "name": action["actionName"],
                        "status": action["status"],
                        "summary": _result(action).get("externalExecutionSummary"),
                        "error": (_result(action).get("errorDetails") or {}).get("message"),
                        "seconds": _seconds(action),
                    }
                    for action in actions
                    if action["stageName"] == stage["name"]
                ],
            }
            for stage in self.pipeline["stages"]
        ]
        return {
            "pipeline": self.pipeline["name"],
            "execution": self.execution,
            "status": execution["status"],
            "summary": execution.get("statusSummary"),
            "stages": stages,
            "variables": variables,
        }

    def _execution(self) -> Json:
        answer = self.session.client("codepipeline").get_pipeline_execution(
            pipelineName=self.pipeline["name"], pipelineExecutionId=self.execution
        )
        return dict(answer["pipelineExecution"])

    def _stage_statuses(self) -> dict[str, str]:
        state = self.session.client("codepipeline").get_pipeline_state(name=self.pipeline["name"])
        statuses = {action["stageName"]: action["status"] for action in self.actions()}
        for stage in state["stageStates"]:
            latest = stage.get("latestExecution") or {}
            if latest.get("pipelineExecutionId") == self.execution:
                statuses[stage["stageName"]] = latest["status"]
        return statuses

    def _report_skipped(self) -> None:
        for name, status in self._stage_statuses().items():
            if status == "Skipped" and name not in self._skipped:
                self._skipped.add(name)
                self.say(f"{name}: skipped")

    def _report_approval(self, action: Json) -> None:
        if action["input"]["actionTypeId"]["category"] == "Approval":
            question = action["input"].get("resolvedConfiguration", {}).get("CustomData", "")
            self.say(f"    {question}".rstrip())

    def _report_log(self, action: Json) -> None:
        reader = self._reader(action)
        folding = self._folding.setdefault(action["actionExecutionId"], Folding())
        for line in folding.shown(reader.new_lines() if reader else []):
            self.say(f"    | {line}")

    def _reader(self, action: Json) -> LogReader | None:
        identifier = action["actionExecutionId"]
        build = _result(action).get("externalExecutionId")
        if action["input"]["actionTypeId"]["provider"] != "CodeBuild" or not build:
            return None
        if identifier not in self._readers:
            reader = build_log(self.session, build)
            if reader is None:
                return None
            self._readers[identifier] = reader
        return self._readers[identifier]

    def _report_end(self, action: Json) -> None:
        text = (
            cause(self.session, action)
            if action["status"] == "Failed"
            else one_line(_result(action).get("externalExecutionSummary") or "")
        )
        self.say(f"  {action['actionName']} {MARKS[action['status']]} ({_seconds(action):.1f} s) {text}".rstrip())


def _deploys(action: Json) -> bool:
    """Whether an action goes on that may deploy."""
    return action["status"] == "InProgress" and action["input"]["actionTypeId"]["category"] in ("Deploy", "Invoke")


def _where(actions: list[Json]) -> str:
    """The action that an execution is at."""
    running = next((action for action in actions if action["status"] == "InProgress"), None)
    return f"  {running['stageName']}/{running['actionName']} goes on" if running else "  It waits for its turn"


def how_to_answer(approval: Approval, execution: str, commands: Sequence[str]) -> list[str]:
    """That an execution waits for an approval, and the commands that answer it."""
    subject = "The execution" if approval.execution == execution else f"Execution {approval.execution}, in front of it,"
    return [f"{subject} waits for approval: {approval.question}", *(f"  {command}" for command in commands)]


def failure(session: Session, summary: Json, follower: ExecutionFollower, service: str) -> list[str]:
    """Why it failed, in one line, and the end of the log of the failed build, or of the last task that failed.

    A task counts that the service has started, or that a step has run in the execution's name.
    """
    failed = [action for action in follower.actions() if action["status"] == "Failed"]
    causes = [f"{each['stageName']} / {each['actionName']}: {cause(session, each)}" for each in failed]
    ending = "; ".join(causes) or one_line(summary["summary"] or "") or "CodePipeline gives no reason"
    lines = [f"The delivery ended as {summary['status']}: {ending}"]
    if serves := serving(session, follower.pipeline, service):
        lines.append(f"  {serves}")
    for action in failed:
        build, kind = _result(action).get("externalExecutionId"), action["input"]["actionTypeId"]
        if kind["provider"] == "CodeBuild" and build:
            reader = build_log(session, build)
            lines_of_build = list(Folding().shown(reader.new_lines() if reader else []))
            by_commands = [line for line in lines_of_build if not line.startswith(CODEBUILD_LINE)]
            lines += [f"  | {line}" for line in (by_commands or lines_of_build)[-TAIL_LINES:]]
        elif kind["category"] == "Deploy":
            lines += failed_task(session, follower.pipeline, service, action["startTime"])
        elif kind["provider"] == "Lambda":
            lines += failed_run(session, follower.execution, action["startTime"])
    return lines


def failed_task(session: Session, pipeline: Json, service: str, since: datetime) -> list[str]:
    """The last task of a service that did not end by scaling, and the end of its log."""
    ecs = session.client("ecs")
    stopped: list[Json] = []
    for cluster, name in ecs_services(session, pipeline, service):
        arns = ecs.list_tasks(cluster=cluster, serviceName=name, desiredStatus="STOPPED")["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        stopped += [task for task in tasks if not task.get("stoppedReason", "").startswith(SCALED)]
    return _last_lines(session, stopped, since)


def failed_run(session: Session, execution: str, since: datetime) -> list[str]:
    """The last task that RunTask started in the execution's name, once it has ended, and the end of its log."""
    ecs = session.client("ecs")
    stopped: list[Json] = []
    for cluster in ecs.list_clusters()["clusterArns"]:
        arns = ecs.list_tasks(cluster=cluster, desiredStatus="STOPPED")["taskArns"]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        stopped += [task for task in tasks if task.get("startedBy") == execution]
    return _last_lines(session, stopped, since)


def _last_lines(session: Session, stopped: list[Json], since: datetime) -> list[str]:
    recent = [task for task in stopped if task.get("stoppedAt") and task["stoppedAt"] >= since]
    lines = []
    for task in sorted(recent, key=lambda task: task["stoppedAt"])[-1:]:
        for title, reader in _logs_of(session, task):
            lines.append(f"  {title}: {task.get('stoppedReason', '')}")
            last_lines = reader.new_lines()[-TASK_LINES:]
            lines += [f"  | {line}" for line in last_lines or ["it has said nothing"]]
    return lines


def container_logs(session: Session, pipeline: Json, service: str) -> Iterator[tuple[str, LogReader]]:
    """(task/container, log) of the service's running tasks, or of its last stopped one when none runs."""
    ecs = session.client("ecs")
    for cluster, name in ecs_services(session, pipeline, service):
        arns = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
        if not arns:
            arns = ecs.list_tasks(cluster=cluster, serviceName=name, desiredStatus="STOPPED")["taskArns"][-1:]
        tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
        for task in tasks:
            yield from _logs_of(session, task)


def _logs_of(session: Session, task: Json) -> Iterator[tuple[str, LogReader]]:
    definition = session.client("ecs").describe_task_definition(taskDefinition=task["taskDefinitionArn"])
    task_id = task["taskArn"].rsplit("/", 1)[-1]
    for container in definition["taskDefinition"]["containerDefinitions"]:
        options = (container.get("logConfiguration") or {}).get("options") or {}
        if "awslogs-group" in options:
            prefix = options.get("awslogs-stream-prefix")
            stream = f"{prefix}/{container['name']}/{task_id}" if prefix else task_id
            title = f"{task_id[:8]}/{container['name']} ({task['lastStatus']})"
            yield title, LogReader(session.client("logs"), options["awslogs-group"], stream)


def _result(action: Json) -> Json:
    return dict((action.get("output") or {}).get("executionResult") or {})


def _seconds(action: Json) -> float:
    return float((action["lastUpdateTime"] - action["startTime"]).total_seconds())
