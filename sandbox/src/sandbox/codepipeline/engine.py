"""Runs one execution through its stages."""

from __future__ import annotations

import logging
import threading
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from sandbox.account.credentials import Credentials
from sandbox.account.errors import AwsError
from sandbox.codepipeline.actions import ACTIONS
from sandbox.codepipeline.actions.context import Abandoned, ActionContext, ActionFailure, ActionResult, ActionRunner
from sandbox.codepipeline.artifacts import ArtifactStore
from sandbox.codepipeline.conditions import evaluate
from sandbox.codepipeline.definition import run_order_groups
from sandbox.codepipeline.events import publish_action, publish_pipeline, publish_stage
from sandbox.codepipeline.model import (
    ActionExecution,
    ActionStatus,
    Artifact,
    ConditionKind,
    ConditionRun,
    Execution,
    Json,
    StageExecution,
    StageStatus,
    utc_now,
)
from sandbox.codepipeline.stage_lock import StageLocks
from sandbox.codepipeline.variables import UnknownVariable, resolve_all

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
SERVICE = "codepipeline.amazonaws.com"


class Runner:
    """One execution, in the thread that calls `run`."""

    def __init__(
        self,
        account: Account,
        execution: Execution,
        stage_locks: StageLocks,
        actions: dict[tuple[str, str], ActionRunner] = ACTIONS,
    ) -> None:
        self.account = account
        self.execution = execution
        self.stage_locks = stage_locks
        self.actions = actions
        self.store = ArtifactStore.of(execution.definition, account.region)

    def run(self) -> None:
        """All stages in order, up to the first that fails; the first one's place was taken at the start."""
        publish_pipeline(self.account, self.execution, "STARTED")
        self._run(self.execution.stages, None)

    def retry(self, stage: StageExecution, mode: str) -> None:
        """A stage that failed once more, then those behind it; its place was taken before."""
        publish_pipeline(self.account, self.execution, "RESUMED")
        self._run(self.execution.stages[self.execution.stages.index(stage) :], mode)

    def _run(self, stages: Sequence[StageExecution], retry_mode: str | None) -> None:
        """These stages in order, the first one retried if a mode says so."""
        execution = self.execution
        try:
            for index, stage in enumerate(stages):
                if index:
                    self.stage_locks.queue(stage.name, execution)
                if not self.stage_locks.enter(stage.name, execution):
                    self._finish()
                    return
                try:
                    if retry_mode and not index:
                        self._retry(stage, retry_mode)
                        self._end_stage(stage)
                    else:
                        self._run_stage(stage)
                finally:
                    self.stage_locks.leave(stage.name, execution)
                if stage.status not in ("Succeeded", "Skipped"):
                    break
            self._finish()
        except Exception:
            LOGGER.exception("execution %s of %s", execution.id, execution.pipeline)
            execution.status, execution.summary = "Failed", "The sandbox failed; its server log says why."
            for stage in execution.stages:
                self.stage_locks.leave(stage.name, execution)
            raise

    def _finish(self) -> None:
        execution = self.execution
        execution.updated = utc_now()
        if execution.status == "Superseded":
            publish_pipeline(self.account, execution, "SUPERSEDED")
            return
        statuses = {stage.status for stage in execution.stages}
        if "Failed" in statuses:
            execution.status = "Failed"
        elif statuses & {"Stopped", "Waiting"}:
            execution.status = "Stopped"
        else:
            execution.status = "Succeeded"
        publish_pipeline(self.account, execution, execution.status.upper())

    def _run_stage(self, stage: StageExecution) -> None:
        stage.status, stage.started = "InProgress", utc_now()
        entry = self._check(stage, "beforeEntry")
        if entry and entry.status == "Failed":
            stage.status = "Skipped" if entry.result == "SKIP" else "Failed"
            if stage.status == "Failed":
                self.execution.summary = f"Stage {stage.name}: entry condition failed: {entry.summary}"
                publish_stage(self.account, self.execution, stage, "FAILED")
            return
        publish_stage(self.account, self.execution, stage, "STARTED")
        stage.status = self._run_actions(stage)
        on_failure = stage.declaration.get("onFailure") or {}
        if stage.status == "Failed" and on_failure.get("result") == "RETRY":
            self._retry(stage, (on_failure.get("retryConfiguration") or {}).get("retryMode", "ALL_ACTIONS"))
        self._end_stage(stage)

    def _end_stage(self, stage: StageExecution) -> None:
        on_failure = stage.declaration.get("onFailure") or {}
        if stage.status == "Failed":
            self._after_failure(stage, on_failure)
        elif stage.status == "Succeeded":
            self._after_success(stage)
        publish_stage(self.account, self.execution, stage, stage.status.upper())

    def _check(self, stage: StageExecution, kind: ConditionKind) -> ConditionRun | None:
        conditions = (stage.declaration.get(kind) or {}).get("conditions") or []
        run = evaluate(kind, conditions, self.execution.scopes())
        if run:
            stage.conditions.append(run)
        return run

    def _retry(self, stage: StageExecution, mode: str) -> None:
        """A stage's retry: once by itself where the stage declares it, and for RetryStageExecution."""
        succeeded = {action.name for action in stage.actions if action.status == "Succeeded"}
        stage.retries += 1
        stage.status = "InProgress"
        publish_stage(self.account, self.execution, stage, "RESUMED")
        stage.status = self._run_actions(stage, () if mode == "ALL_ACTIONS" else succeeded)

    def _after_failure(self, stage: StageExecution, on_failure: Json) -> None:
        result = on_failure.get("result")
        if result == "SKIP":
            stage.status = "Skipped"
        elif result == "ROLLBACK" or on_failure.get("conditions"):
            note = f"Stage {stage.name} failed; this sandbox does not simulate stage rollback."
            self.execution.summary = f"{self.execution.summary or ''} {note}".strip()

    def _after_success(self, stage: StageExecution) -> None:
        check = self._check(stage, "onSuccess")
        if check and check.status == "Failed":
            stage.status = "Failed"
            self.execution.summary = f"Stage {stage.name}: success condition failed: {check.summary}"

    def _run_actions(self, stage: StageExecution, done: Collection[str] = ()) -> StageStatus:
        """All groups of one run order each, but the actions that are `done`; how the stage ended."""
        groups = list(run_order_groups(stage.declaration))
        for group in groups:
            runs = [ActionExecution(stage.name, declared) for declared in group if declared["name"] not in done]
            threads = [threading.Thread(target=self._run_action, args=(stage, run), daemon=True) for run in runs]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            statuses = {run.status for run in runs}
            if "Failed" in statuses:
                return "Failed"
            if "Abandoned" in statuses or (self.execution.stop.is_set() and group is not groups[-1]):
                return "Stopped"
        return "Succeeded"

    def _resolve(self, stage: StageExecution, action: ActionExecution) -> None:
        """An action is listed once its configuration is known, or cannot be."""
        try:
            action.resolved = resolve_all(action.declaration.get("configuration") or {}, self.execution.scopes())
        finally:
            stage.actions.append(action)

    def _run_action(self, stage: StageExecution, action: ActionExecution) -> None:
        declaration = action.declaration
        try:
            self._resolve(stage, action)
            input_names = [artifact["name"] for artifact in declaration.get("inputArtifacts") or []]
            action.inputs = [self._input(name) for name in input_names]
            publish_action(self.account, self.execution, action, "STARTED")
            type_id = declaration["actionTypeId"]
            runner = self.actions.get((type_id["category"], type_id["provider"]))
            if runner is None:
                raise ActionFailure(
                    "ConfigurationError", f"The action type {type_id['provider']} is not simulated by this sandbox."
                )
            context = ActionContext(self.account, self.execution, action, self._credentials(declaration), self.store)
            self._succeed(action, runner(context))
        except Abandoned:
            self._end(action, "Abandoned", self.execution.stop_reason)
        except UnknownVariable as error:
            self._fail(action, ActionFailure("ConfigurationError", str(error)))
        except ActionFailure as failure:
            self._fail(action, failure)
        except Exception as error:
            LOGGER.exception("action %s", action.name)
            self._fail(action, ActionFailure("InternalError", f"{type(error).__name__}: {error}"))

    def _input(self, name: str) -> Artifact:
        try:
            return self.execution.artifacts[name]
        except KeyError:
            raise ActionFailure("ConfigurationError", f"The input artifact {name} was not produced.") from None

    def _credentials(self, declaration: Json) -> Credentials:
        """The pipeline role's, or from there those of the action's own role."""
        role, action_role = self.execution.definition["roleArn"], declaration.get("roleArn")
        try:
            credentials = self.account.assume(role, SERVICE, self.execution.id)
            if not action_role:
                return credentials
            answer = self.account.client("sts", credentials).assume_role(
                RoleArn=action_role, RoleSessionName=self.execution.id
            )["Credentials"]
        except (AwsError, ClientError) as error:
            raise ActionFailure(
                "PermissionError",
                f"CodePipeline is not authorized to perform AssumeRole on role {action_role or role}: {error}",
            ) from error
        return Credentials(answer["AccessKeyId"], answer["SecretAccessKey"], answer["SessionToken"])

    def _succeed(self, action: ActionExecution, result: ActionResult) -> None:
        execution = self.execution
        with execution.lock:
            action.variables, action.outputs = result.variables, result.outputs
            execution.artifacts |= {artifact.name: artifact for artifact in result.outputs}
            if result.revision:
                execution.revisions.append(result.revision)
            namespace = action.declaration.get("namespace")
            if namespace:
                execution.namespaces[namespace] = dict(result.variables)
        self._end(action, "Succeeded", result.summary)

    def _fail(self, action: ActionExecution, failure: ActionFailure) -> None:
        action.error_code, action.error_message = failure.code, failure.message
        self._end(action, "Failed", failure.summary)

    def _end(self, action: ActionExecution, status: ActionStatus, summary: str | None) -> None:
        action.status = status
        action.summary, action.updated = summary, utc_now()
        self.execution.updated = action.updated
        publish_action(self.account, self.execution, action, status.upper())
