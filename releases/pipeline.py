"""A service's pipeline: what runs in it, starting it with an image, and following an execution."""

import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import takewhile
from typing import Any

import boto3

from releases.errors import PROGRAM, DeliveryError
from releases.executions import DIGEST, IMAGE, MIGRATION, SKIP_MIGRATION, was_given
from releases.failure import NO_REASON, cause_of, one_line
from releases.names import LIVE, inbox
from releases.pipeline_state import DEPLOY_STAGE, GOES_ON
from releases.progress import Log, Progress
from releases.record import UNKNOWN

RUNNING = GOES_ON
"""An execution's states that are not its end."""
WITHOUT_SUCCESS = frozenset({"Failed", "Stopped", "Cancelled"})
"""An execution's states that are an end which is worth a look. One that is superseded has another that goes on."""
MIGRATE = "Migrate"
"""The action that runs a service's migration."""
DEPLOY = "Deploy"
"""The action that changes what a service runs, by each strategy."""
SECONDS_BETWEEN_LOOKS = float(os.environ.get("DELIVERY_SECONDS_BETWEEN_LOOKS", "3"))
"""Fewer only where asking costs nobody anything: AWS throttles an account's calls."""
LOOKS_FOR_A_RETRY = 20
MINUTES_OF_AN_ACTION = {
    "Manual": 7 * 24 * 60,
    "CodeDeployToECS": 5 * 24 * 60,
    "Lambda": 24 * 60,
    "CodeBuild": 16 * 60,
}
"""Provider → for how long an action may run: all but a build until CodePipeline ends them (CodePipeline user guide,
Quotas); a build is queued for 8 hours at most (CodeBuild API, Project, `queuedTimeoutInMinutes`: 480 by default) and
runs for 8, which is the most that a stack file gives it (`build.timeout`)."""
MINUTES_OF_ANOTHER_ACTION = 60
"""All others, and what comes between two actions (the same page)."""

Until = Callable[[list[dict[str, Any]]], bool]
"""Is given an execution's actions at each look while it goes on; True: it is followed no further."""


@dataclass(frozen=True)
class Origin:
    """Where a deployed image came from.

    Attributes:
        source_version: the version of the source object, or `unknown`.
        execution: the pipeline execution that deployed it, or `unknown`.
        commit: what the source's upload said that it was made of, or `unknown`.
        repository: where that commit is, or `unknown`.
    """

    source_version: str = UNKNOWN
    execution: str = UNKNOWN
    commit: str = UNKNOWN
    repository: str = UNKNOWN


class Pipeline:
    """The pipeline `{stack}-{service}`."""

    def __init__(self, session: boto3.Session, name: str) -> None:
        self._session, self._codepipeline, self.name = session, session.client("codepipeline"), name

    def running(self) -> list[str]:
        """The executions that are not over, the newest first."""
        return [e["pipelineExecutionId"] for e in self.executions() if e["status"] in RUNNING]

    def newest(self) -> tuple[str, str] | None:
        """The newest execution and its status; None before the first one."""
        newest = next(self.executions(), None)
        return (newest["pipelineExecutionId"], newest["status"]) if newest else None

    def executions_since(self, moment: datetime) -> list[tuple[str, str]]:
        """The executions that have begun since then, and their statuses, the newest first."""
        begun = takewhile(lambda execution: execution["startTime"] >= moment, self.executions())
        return [(execution["pipelineExecutionId"], execution["status"]) for execution in begun]

    def deployed_or_live(self, execution: str) -> bool:
        """Whether an execution came as far as the Deploy stage, or was started for the image that is live."""
        if any(action["stageName"] == DEPLOY_STAGE for action in self.actions(execution)):
            return True
        return was_given(self.execution(execution), LIVE)

    def deployed(self, execution: str) -> bool:
        """Whether an execution has begun to deploy: a migration before that changes nothing that runs."""
        began = ((action["stageName"], action["actionName"]) for action in self.actions(execution))
        return (DEPLOY_STAGE, DEPLOY) in began

    def first_upload(self) -> str | None:
        """Where a first source is to be uploaded; None when an execution has one, or tries, or nobody uploads.

        A new pipeline starts itself once: it fails at Source, in words of a missing permission, or ends in Package.
        """
        try:
            for execution in self.executions():
                actions = self.actions(execution["pipelineExecutionId"])
                if execution["status"] in RUNNING or any(map(self._has_source, actions)):
                    return None
            return self.upload_to()
        except self._codepipeline.exceptions.PipelineNotFoundException:
            return None

    @property
    def exists(self) -> bool:
        """Whether there is such a pipeline."""
        try:
            self._declared()
        except self._codepipeline.exceptions.PipelineNotFoundException:
            return False
        return True

    @property
    def stages(self) -> list[str]:
        """The names of its stages, in their order."""
        return [stage["name"] for stage in self._codepipeline.get_pipeline(name=self.name)["pipeline"]["stages"]]

    @property
    def builds(self) -> bool:
        """Whether images are built of what is uploaded."""
        return "CodeBuild" in (action["actionTypeId"]["provider"] for action in self._declared())

    @property
    def migrates(self) -> bool:
        """Whether a release runs a migration before it is deployed."""
        return MIGRATE in (action["name"] for action in self._declared())

    @property
    def may_skip_migration(self) -> bool:
        """Whether an execution may leave its migration out: pipelines of earlier programs cannot."""
        declared = self._codepipeline.get_pipeline(name=self.name)["pipeline"].get("variables", [])
        return MIGRATION in (each["name"] for each in declared)

    @property
    def asks(self) -> bool:
        """Whether a release waits for somebody's approval."""
        return "Approval" in (action["actionTypeId"].get("category") for action in self._declared())

    def upload_to(self) -> str | None:
        """Where releases are brought: `s3://bucket/key`, or an image's name, `repository:tag`; None where none are."""
        actions = {action["name"]: action.get("configuration", {}) for action in self._declared()}
        if not self.builds:
            tag = json.loads(actions["Package"]["UserParameters"]).get("tag")
            return f"{inbox(self.name)}:{tag}" if tag else None
        return f"s3://{actions['Source']['S3Bucket']}/{actions['Source']['S3ObjectKey']}"

    def failure_reason(self, execution: str) -> str:
        """How an execution ended, with the causes of the actions that failed, in one line."""
        status, summary = self._status(execution)
        return f"ended as {status}: {self.causes(execution) or one_line(summary) or NO_REASON}"

    def causes(self, execution: str) -> str:
        """The actions of an execution that failed, each with why, in one line; "" when none did."""
        return "; ".join(
            f"{action['stageName']} / {action['actionName']}: {cause_of(self._session, action)}"
            for action in self.actions(execution)
            if action["status"] in ("Failed", "Abandoned")
        )

    def failure(self) -> str | None:
        """How the newest execution ended, when that was without success; None when it succeeded or goes on."""
        try:
            newest = self.newest()
        except self._codepipeline.exceptions.PipelineNotFoundException:
            return None
        return self.failure_reason(newest[0]) if newest is not None and newest[1] in WITHOUT_SUCCESS else None

    def summary(self) -> str:
        """What the pipeline does now, or did last, in words."""
        newest = self.newest()
        if newest is None:
            return "the pipeline never ran"
        running = self.running()
        if not running:
            return f"nothing runs, and the last execution {newest[0]} ended as {newest[1]}"
        actions = self.actions(running[-1])
        where = f" in {actions[-1]['stageName']}, action {actions[-1]['actionName']}" if actions else ""
        return f"execution {running[-1]} is{where}"

    def actions(self, execution: str) -> list[dict[str, Any]]:
        """The actions of an execution, the oldest first."""
        pages = self._codepipeline.get_paginator("list_action_executions").paginate(
            pipelineName=self.name, filter={"pipelineExecutionId": execution}
        )
        actions = [action for page in pages for action in page["actionExecutionDetails"]]
        actions.reverse()  # the newest comes first, and two may have begun in one moment
        return sorted(actions, key=lambda action: action["startTime"])

    def origin(self, digest: str) -> Origin:
        """The newest execution that deployed an image, as far as CodePipeline remembers (12 months)."""
        for summary in self.executions():
            execution = summary["pipelineExecutionId"]
            actions = self.actions(execution)
            outputs = (action.get("output", {}).get("outputVariables", {}) for action in actions)
            package = next((output for output in outputs if output.get("IMAGE_DIGEST") == digest), None)
            deployed = any(
                action["status"] == "Succeeded" and action["input"]["actionTypeId"]["category"] == "Deploy"
                for action in actions
            )
            if package is not None and deployed:
                commit = (package.get(name, UNKNOWN) for name in ("COMMIT", "COMMIT_REPOSITORY"))
                return Origin(package.get("SOURCE", UNKNOWN), execution, *commit)
        return Origin()

    def start(self, digest: str, *, without_migration: bool = False) -> str:
        """Deploy an image without a build; the execution's id."""
        variables = {IMAGE: digest, **({MIGRATION: SKIP_MIGRATION} if without_migration else {})}
        return self._start(variables=[{"name": name, "value": value} for name, value in variables.items()])

    def start_version(self, version: str) -> str:
        """Deliver a version of an uploaded source as its upload does; the execution's id."""
        source = self._declared()[0]["name"]
        revision = {"actionName": source, "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": version}
        return self._start(sourceRevisions=[revision])

    def start_pushed(self, digest: str) -> str:
        """Deliver an image of the inbox as its push does; the execution's id."""
        return self._start(variables=[{"name": DIGEST, "value": digest}])

    def retry(self, execution: str, stage: str) -> None:
        """Run a stage's failed actions again, and wait until that has begun."""
        before = len(self.actions(execution))
        self._codepipeline.retry_stage_execution(
            pipelineName=self.name, stageName=stage, pipelineExecutionId=execution, retryMode="FAILED_ACTIONS"
        )
        for _ in range(LOOKS_FOR_A_RETRY):
            if len(self.actions(execution)) > before:
                return
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def follow(
        self,
        execution: str,
        log_progress: Log,
        while_it_deploys: Callable[[], None] = lambda: None,
        until: Until = lambda _: False,
    ) -> None:
        """Wait for an execution's end, telling each action's states, and once a minute what is waited for.

        Args:
            execution: its id.
            log_progress: is told that.
            while_it_deploys: is called at each look while it is in the Deploy stage.
            until: is asked at each look whether to leave it there.

        Raises:
            DeliveryError: it did not succeed; the message has the reasons. Or nothing has changed for longer than what
                it is at may take: the message says what goes on.
        """
        logged: set[tuple[str, str]] = set()
        progress = Progress(log_progress)
        while True:
            status, _ = self._status(execution)
            actions = self.actions(execution)
            for action in actions:
                state = action["actionExecutionId"], action["status"]
                if state not in logged:
                    logged.add(state)
                    log_progress(f"{_place(action)}: {action['status']}{_waits(action)}{_result(action)}")
            if status not in RUNNING:
                break
            if (running := _running(actions)) is not None and running["stageName"] == DEPLOY_STAGE:
                while_it_deploys()
            if until(actions):
                return
            where, minutes = self._at(execution, actions)
            if progress.waits(where, known=bool(actions)) > minutes * 60:
                raise DeliveryError(
                    f"{where} for more than {minutes} minutes, which is longer than that may take; {execution} of "
                    f"{self.name} is {status} and goes on without this command"
                )
            time.sleep(SECONDS_BETWEEN_LOOKS)
        log_progress(f"Execution {execution}: {status}")
        if status != "Succeeded":
            raise DeliveryError(f"execution {execution} of {self.name} {self.failure_reason(execution)}")

    def _at(self, execution: str, actions: list[dict[str, Any]]) -> tuple[str, int]:
        """What an execution waits for, in words, and for how many minutes that may take at most."""
        if (running := _running(actions)) is not None:
            return f"Execution {execution} is in {_place(running)}", _minutes(running)
        ids = self.running()
        before = ids[ids.index(execution) + 1 :] if execution in ids else []
        if before:  # the pipeline is QUEUED: that one is in a stage that this one comes to next
            other = before[0]
            running = _running(self.actions(other))
            where = f", which is in {_place(running)}" if running else ""
            return f"Execution {execution} waits for {other}{where}", _minutes(running)
        return f"Execution {execution} is between two actions", MINUTES_OF_ANOTHER_ACTION

    def _start(self, **what: Any) -> str:
        return str(self._codepipeline.start_pipeline_execution(name=self.name, **what)["pipelineExecutionId"])

    def _declared(self) -> list[dict[str, Any]]:
        """The pipeline's actions, in their order."""
        stages = self._codepipeline.get_pipeline(name=self.name)["pipeline"]["stages"]
        return [action for stage in stages for action in stage["actions"]]

    def _has_source(self, action: dict[str, Any]) -> bool:
        """Whether an action of an execution tells that something was uploaded, or pushed: where nothing is built the
        source action finds something always, and Package says that there is nothing to do.
        """
        if self.builds:
            return bool(action["status"] == "Succeeded")
        is_source = action["input"]["actionTypeId"]["category"] == "Source"
        return not is_source and action.get("output", {}).get("outputVariables", {}).get("DEPLOY") != "no"

    def _status(self, execution: str) -> tuple[str, str]:
        details = self.execution(execution)
        return details["status"], details.get("statusSummary", "")

    def execution(self, execution: str) -> dict[str, Any]:
        """CodePipeline's details of an execution."""
        answer = self._codepipeline.get_pipeline_execution(pipelineName=self.name, pipelineExecutionId=execution)
        details: dict[str, Any] = answer["pipelineExecution"]
        return details

    def executions(self) -> Iterator[dict[str, Any]]:
        """CodePipeline's summaries of the executions, the newest first."""
        pages = self._codepipeline.get_paginator("list_pipeline_executions").paginate(pipelineName=self.name)
        for page in pages:
            yield from page["pipelineExecutionSummaries"]


def _running(actions: list[dict[str, Any]]) -> dict[str, Any] | None:
    return next((action for action in actions if action["status"] == "InProgress"), None)


def _place(action: dict[str, Any]) -> str:
    return f"{action['stageName']} / {action['actionName']}"


def _minutes(action: dict[str, Any] | None) -> int:
    """For how long an action may run at most."""
    provider = action["input"]["actionTypeId"].get("provider", "") if action else ""
    return MINUTES_OF_AN_ACTION.get(provider, MINUTES_OF_ANOTHER_ACTION)


def _result(action: dict[str, Any]) -> str:
    """What a step of the pipeline's own says that it has done."""
    if action["status"] != "Succeeded" or action["input"]["actionTypeId"]["category"] != "Invoke":
        return ""
    summary = one_line(action.get("output", {}).get("executionResult", {}).get("externalExecutionSummary") or "")
    return f", {summary}" if summary else ""


def _waits(action: dict[str, Any]) -> str:
    waits = action["status"] == "InProgress" and action["input"]["actionTypeId"]["category"] == "Approval"
    return f", waits for `{PROGRAM} approve`" if waits else ""
