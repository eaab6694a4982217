"""Executions of pipelines, kept in memory for as long as the server lives."""

from __future__ import annotations

import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

Json = dict[str, Any]
ExecutionStatus = Literal["InProgress", "Stopping", "Stopped", "Succeeded", "Superseded", "Failed", "Cancelled"]
StageStatus = Literal["Waiting", "InProgress", "Stopping", "Stopped", "Succeeded", "Failed", "Skipped"]
ConditionKind = Literal["beforeEntry", "onSuccess", "onFailure"]
ActionStatus = Literal["InProgress", "Abandoned", "Succeeded", "Failed"]


class StartingRules(dict[tuple[str, str], str]):
    """A role and its session, with which the bus has called a rule's target → the rule's ARN."""


def utc_now() -> datetime:
    return datetime.now(UTC)


def new_id() -> str:
    return str(uuid.uuid4())


@dataclass(frozen=True)
class Artifact:
    """A zip in the artifact store and the revision of the source that it came from."""

    name: str
    bucket: str
    key: str
    revision: str | None = None


@dataclass(frozen=True)
class SourceRevision:
    """What a source action found."""

    action: str
    artifact: str
    revision_id: str
    summary: str
    url: str | None = None
    created: datetime = field(default_factory=utc_now)


@dataclass
class ActionExecution:
    """One run of one action."""

    stage: str
    declaration: Json
    id: str = field(default_factory=new_id)
    status: ActionStatus = "InProgress"
    summary: str | None = None
    external_id: str | None = None
    external_url: str | None = None
    log_stream_arn: str | None = None
    error_code: str | None = None
    error_message: str | None = None
    token: str | None = None
    updated_by: str | None = None
    resolved: dict[str, str] = field(default_factory=dict)
    inputs: list[Artifact] = field(default_factory=list)
    outputs: list[Artifact] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)
    started: datetime = field(default_factory=utc_now)
    updated: datetime = field(default_factory=utc_now)
    decision: tuple[str, str] | None = None
    decided: threading.Event = field(default_factory=threading.Event)

    @property
    def name(self) -> str:
        return str(self.declaration["name"])


@dataclass
class ConditionRun:
    """The outcome of a stage's beforeEntry, onSuccess or onFailure conditions."""

    kind: ConditionKind
    status: Literal["Succeeded", "Failed"]
    summary: str
    rules: list[Json]
    result: str | None = None
    at: datetime = field(default_factory=utc_now)


@dataclass
class StageExecution:
    """One stage of an execution; `actions` holds every attempt, in order."""

    declaration: Json
    status: StageStatus = "Waiting"
    actions: list[ActionExecution] = field(default_factory=list)
    conditions: list[ConditionRun] = field(default_factory=list)
    started: datetime | None = None
    retries: int = 0

    @property
    def name(self) -> str:
        return str(self.declaration["name"])


@dataclass
class Execution:
    """One execution of the pipeline's structure as it was when the execution started."""

    definition: Json
    variables: dict[str, str]
    trigger_type: str
    trigger_detail: str
    overrides: list[Json] = field(default_factory=list)
    id: str = field(default_factory=new_id)
    status: ExecutionStatus = "InProgress"
    summary: str | None = None
    stop_reason: str | None = None
    revisions: list[SourceRevision] = field(default_factory=list)
    artifacts: dict[str, Artifact] = field(default_factory=dict)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    stages: list[StageExecution] = field(default_factory=list)
    started: datetime = field(default_factory=utc_now)
    updated: datetime = field(default_factory=utc_now)
    stop: threading.Event = field(default_factory=threading.Event)
    abandon: threading.Event = field(default_factory=threading.Event)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        if not self.stages:
            self.stages = [StageExecution(stage) for stage in self.definition["stages"]]

    @property
    def pipeline(self) -> str:
        return str(self.definition["name"])

    @property
    def mode(self) -> str:
        return str(self.definition.get("executionMode") or "SUPERSEDED")

    @property
    def over(self) -> bool:
        return self.status not in ("InProgress", "Stopping")

    def scopes(self) -> dict[str, dict[str, str]]:
        """Namespaces that a `#{namespace.variable}` may name now."""
        with self.lock:
            return {
                **self.namespaces,
                "variables": self.variables,
                "codepipeline": {"PipelineExecutionId": self.id},
            }
