"""The pipelines of an account: moto keeps their declarations, this keeps their executions."""

from __future__ import annotations

import copy
import threading
from typing import TYPE_CHECKING, Any

from moto.backends import get_backend

from sandbox.account.errors import AwsError
from sandbox.codepipeline.engine import Runner
from sandbox.codepipeline.model import Execution, Json, StageExecution
from sandbox.codepipeline.stage_lock import StageLocks

if TYPE_CHECKING:
    from sandbox.account.account import Account

MAX_EXECUTIONS = 100


class PipelineState:
    """The executions of one pipeline, oldest first."""

    def __init__(self) -> None:
        self.stage_locks = StageLocks()
        self.executions: list[Execution] = []
        self.tokens: dict[str, Execution] = {}
        self.lock = threading.RLock()

    def execution(self, identifier: str) -> Execution | None:
        with self.lock:
            return next((e for e in self.executions if e.id == identifier), None)

    def start(self, account: Account, execution: Execution) -> None:
        with self.lock:
            finished = [earlier for earlier in self.executions if earlier.over]
            for earlier in finished[: max(0, len(self.executions) - MAX_EXECUTIONS)]:
                self.executions.remove(earlier)
            self.executions.append(execution)
            self.stage_locks.queue(execution.stages[0].name, execution)
        account.spawn(f"pipeline {execution.pipeline} {execution.id}", Runner(account, execution, self.stage_locks).run)

    def retry(self, account: Account, execution: Execution, stage: StageExecution, mode: str) -> None:
        """Go on with an execution at the stage in which it failed or was stopped."""
        with self.lock:
            execution.status, execution.summary = "InProgress", None
            execution.stop_reason = None
            execution.stop.clear()
            execution.abandon.clear()
            self.stage_locks.queue(stage.name, execution)
        runner = Runner(account, execution, self.stage_locks)
        account.spawn(f"retry of {execution.pipeline} {execution.id}", lambda: runner.retry(stage, mode))


class Pipelines(dict[str, PipelineState]):
    """What has happened to an account's pipelines, by name."""


_lock = threading.Lock()


def states_of(account: Account) -> Pipelines:
    """An account's pipelines."""
    return account.parts.of(Pipelines)


def backend(account: Account) -> Any:
    """moto's CodePipeline, which keeps declarations and tags."""
    return get_backend("codepipeline")[account.id][account.region]


def pipeline_record(account: Account, name: str) -> Any:
    """moto's record; `PipelineNotFoundException` when there is none."""
    record = backend(account).pipelines.get(name)
    if record is None:
        raise AwsError(
            "PipelineNotFoundException",
            f"Account '{account.id}' does not have a pipeline with name '{name}'",
            400,
        )
    return record


def pipeline_state(account: Account, name: str) -> PipelineState:
    pipeline_record(account, name)
    states = states_of(account)
    with _lock:
        return states.setdefault(name, PipelineState())


def begin(account: Account, name: str, trigger_type: str, trigger_detail: str, params: Json) -> Execution:
    """Start an execution of the pipeline as it is declared now."""
    definition = copy.deepcopy(pipeline_record(account, name).pipeline)
    state = pipeline_state(account, name)
    with state.lock:
        token = params.get("clientRequestToken")
        if token in state.tokens:
            return state.tokens[token]
        overrides = list(params.get("sourceRevisions") or [])
        check_overrides(definition, overrides)
        execution = Execution(
            definition,
            start_variables(definition, params.get("variables") or []),
            trigger_type,
            trigger_detail,
            overrides,
        )
        if token:
            state.tokens[token] = execution
        state.start(account, execution)
    return execution


def start_variables(definition: Json, overrides: list[Json]) -> dict[str, str]:
    """Declared defaults under the values that were given; ValidationException for unknown or missing ones."""
    declared = {v["name"]: v.get("defaultValue") for v in definition.get("variables") or []}
    values = {entry["name"]: str(entry["value"]) for entry in overrides}
    unknown = sorted(values.keys() - declared.keys())
    if unknown:
        message = f"The pipeline {definition['name']} does not declare the variables: {', '.join(unknown)}"
        raise AwsError("ValidationException", message, 400)
    merged = {**declared, **values}
    missing = sorted(name for name, value in merged.items() if value is None)
    if missing:
        message = f"The pipeline variables have no value: {', '.join(missing)}"
        raise AwsError("ValidationException", message, 400)
    return {name: str(value) for name, value in merged.items()}


OVERRIDES = {
    "S3": ("S3_OBJECT_VERSION_ID", "S3_OBJECT_KEY"),
    "ECR": ("IMAGE_DIGEST",),
    "CodeCommit": ("COMMIT_ID",),
    "CodeStarSourceConnection": ("COMMIT_ID",),
}


def check_overrides(definition: Json, overrides: list[Json]) -> None:
    """Each override names a source action and a kind of revision that this source has."""
    sources = {action["name"]: action for action in definition["stages"][0]["actions"]}
    for entry in overrides:
        action, kind = sources.get(entry["actionName"]), entry["revisionType"]
        if action is None:
            message = f"The source action {entry['actionName']} does not exist in pipeline {definition['name']}"
            raise AwsError("ValidationException", message, 400)
        provider = action["actionTypeId"]["provider"]
        if kind not in OVERRIDES.get(provider, ()):
            message = f"The revision type {kind} is not supported by the source {provider} of {action['name']}"
            raise AwsError("ValidationException", message, 400)
        allowed = str(action["configuration"].get("AllowOverrideForS3ObjectKey", "false")).lower() == "true"
        if kind == "S3_OBJECT_KEY" and not allowed:
            message = f"The source action {action['name']} does not allow S3_OBJECT_KEY (AllowOverrideForS3ObjectKey)"
            raise AwsError("ValidationException", message, 400)
