"""What a pipeline is at now, by one call of GetPipelineState: what runs, what waits for whom, and what is closed."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from releases.failure import NO_REASON, one_line

DEPLOY_STAGE = "Deploy"
"""The pipeline's stage that changes what a service runs."""
GOES_ON = frozenset({"InProgress", "Stopping"})
FAILED = frozenset({"Failed", "Stopped", "Cancelled"})

Json = Mapping[str, Any]


@dataclass(frozen=True)
class Running:
    """An execution in a stage.

    Attributes:
        execution: its id.
        stage: the stage.
        action: the action that goes on; "" between two.
        since: when that began; None between two.
        approval: whether the action waits for somebody's approval.
    """

    execution: str
    stage: str
    action: str = ""
    since: datetime | None = None
    approval: bool = False

    @property
    def place(self) -> str:
        """Where it is."""
        return f"{self.stage} / {self.action}" if self.action else self.stage


@dataclass(frozen=True)
class Queued:
    """An execution in front of a stage.

    Attributes:
        execution: its id.
        stage: the stage that it is to enter next.
        ahead: the execution that is in it; None where none is.
    """

    execution: str
    stage: str
    ahead: str | None


@dataclass(frozen=True)
class Closed:
    """A stage that no execution may enter.

    Attributes:
        stage: the stage.
        reason: of who closed it.
        by: who that is, an ARN or a name; "" where CodePipeline does not say it.
        since: when; None where CodePipeline does not say it.
    """

    stage: str
    reason: str
    by: str
    since: datetime | None


@dataclass(frozen=True)
class PipelineState:
    """A pipeline at one moment; all empty where there is none.

    Attributes:
        running: the executions in its stages, that of the last stage first.
        queued: those that wait to enter one.
        closed: stages that none may enter.
        failure: where the newest execution has failed and why, in one line; None when it has not.
    """

    running: tuple[Running, ...] = ()
    queued: tuple[Queued, ...] = ()
    closed: tuple[Closed, ...] = ()
    failure: str | None = None

    @property
    def deploying(self) -> str | None:
        """The execution that is in the Deploy stage; None when none is."""
        return next((each.execution for each in self.running if each.stage == DEPLOY_STAGE), None)


IDLE = PipelineState()
"""One in which nothing goes on, or that there is not."""


def read_pipeline_state(codepipeline: Any, name: str) -> PipelineState:
    """A pipeline as it is now.

    Args:
        codepipeline: CodePipeline's client.
        name: the pipeline's.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    try:
        return parse(codepipeline.get_pipeline_state(name=name)["stageStates"])
    except codepipeline.exceptions.PipelineNotFoundException:
        return IDLE


def parse(stages: Sequence[Json]) -> PipelineState:
    """What GetPipelineState says of a pipeline's stages."""
    return PipelineState(
        running=tuple(_running(stage) for stage in reversed(stages) if _goes_on(stage)),
        queued=tuple(
            Queued(inbound["pipelineExecutionId"], stage["stageName"], _execution(stage) if _goes_on(stage) else None)
            for stage in stages
            for inbound in stage.get("inboundExecutions") or []
        ),
        closed=tuple(_closed(stages)),
        failure=_failure(stages),
    )


def _execution(stage: Json) -> str:
    return str(stage.get("latestExecution", {}).get("pipelineExecutionId", ""))


def _status(entry: Json) -> str:
    return str(entry.get("latestExecution", {}).get("status", ""))


def _goes_on(stage: Json) -> bool:
    return _status(stage) in GOES_ON


def _running(stage: Json) -> Running:
    action = next((each for each in stage.get("actionStates", []) if _status(each) == "InProgress"), None)
    if action is None:
        return Running(_execution(stage), stage["stageName"])
    latest = action["latestExecution"]
    return Running(
        _execution(stage),
        stage["stageName"],
        action["actionName"],
        latest.get("lastStatusChange"),
        bool(latest.get("token")),  # which only approvals have
    )


def _closed(stages: Sequence[Json]) -> Iterator[Closed]:
    for stage in stages:
        transition = stage.get("inboundTransitionState") or {}
        if transition.get("enabled", True) is False:
            reason, by = transition.get("disabledReason", ""), transition.get("lastChangedBy", "")
            yield Closed(stage["stageName"], one_line(reason), by, transition.get("lastChangedAt"))


def _failure(stages: Sequence[Json]) -> str | None:
    """Each execution enters the first stage, so that one's latest is the newest."""
    newest = _execution(stages[0]) if stages else ""
    for stage in stages:
        if not newest or _execution(stage) != newest or _status(stage) not in FAILED:
            continue
        failed = [each for each in stage.get("actionStates", []) if _status(each) in FAILED | {"Abandoned"}]
        words = [
            f"{stage['stageName']} / {each['actionName']}: "
            f"{one_line(each['latestExecution'].get('errorDetails', {}).get('message', '')) or NO_REASON}"
            for each in failed
        ]
        return "; ".join(words) or f"{stage['stageName']}: {_status(stage)}"
    return None
