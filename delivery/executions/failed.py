"""What went through a service's pipeline and was not released."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC
from itertools import chain, islice, pairwise

from botocore.exceptions import ClientError

from delivery.output.durations import span
from releases.failure import Action
from releases.pipeline import WITHOUT_SUCCESS, Pipeline
from releases.record import UNKNOWN

MOST = 20
"""So many are looked at: each costs two calls, and a build's log or what a health check asked for."""


@dataclass(frozen=True)
class FailedDelivery:
    """A delivery that failed; with `--all` only.

    Attributes:
        time: when it ended, in UTC.
        status: `Failed`, `Stopped` or `Cancelled`, CodePipeline's word.
        cause: why, in one line: the stage, the action, and its words.
        execution: the pipeline's.
        commit: what it was made of, as its upload said it; `unknown` where it said nothing, or it failed before.
        seconds: from its start to its end.
    """

    time: str
    status: str
    cause: str
    execution: str
    commit: str
    seconds: int

    def line(self, width: int | None) -> str:
        """For people.

        Args:
            width: columns of the terminal; None where the output is none.
        """
        time = self.time if width is None else self.time[: len("2030-01-01T00:00")].replace("T", " ")
        commit = f"  commit {self.commit[:12]}" if self.commit != UNKNOWN else ""
        line = f"{self.status.lower():<11}  {time}  {self.cause}{commit}  in {span(self.seconds)}"
        if width is None:
            return f"{line}  execution {self.execution}"
        return line if len(line) <= width else f"{line[: width - 1]}…"


def failed_deliveries(pipeline: Pipeline) -> list[FailedDelivery]:
    """The newest deliveries that failed, the newest first; none where there is no such pipeline.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    try:
        return list(islice(_failed(pipeline), MOST))
    except ClientError as error:
        if error.response["Error"]["Code"] != "PipelineNotFoundException":
            raise
        return []


def _failed(pipeline: Pipeline) -> Iterator[FailedDelivery]:
    for each, older in pairwise(chain(pipeline.executions(), [None])):
        if each is None or each["status"] not in WITHOUT_SUCCESS:
            continue
        execution = str(each["pipelineExecutionId"])
        actions = pipeline.actions(execution)
        if older is None and all(action["status"] != "Succeeded" for action in actions):
            continue  # a new pipeline's first one: nothing was uploaded
        yield FailedDelivery(
            time=each["lastUpdateTime"].astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            status=str(each["status"]),
            cause=pipeline.failure_reason(execution).partition(": ")[2],
            execution=execution,
            commit=_commit(actions),
            seconds=round((each["lastUpdateTime"] - each["startTime"]).total_seconds()),
        )


def _commit(actions: Sequence[Action]) -> str:
    outputs = (action.get("output", {}).get("outputVariables", {}) for action in actions)
    return next((str(output["COMMIT"]) for output in outputs if output.get("COMMIT")), UNKNOWN)
