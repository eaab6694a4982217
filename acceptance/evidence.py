"""What AWS answered during the life of the stack, and what a check says of it."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

Verdict = Literal["held", "did not hold", "could not be checked"]
Answer = dict[str, Any]


@dataclass(frozen=True)
class Finding:
    """What a check says of an assumption.

    Attributes:
        verdict: whether it held.
        seen: what was seen, in a few words.
    """

    verdict: Verdict
    seen: str


Check = Callable[["Evidence"], Finding]


@dataclass
class Execution:
    """An execution of the pipeline, as it was at its end.

    Attributes:
        id: CodePipeline's.
        version: of the source object; "" where an image was given.
        summary: what `ListPipelineExecutions` said of it.
        actions: its action executions, the oldest first.
    """

    id: str
    version: str = ""
    summary: Answer = field(default_factory=dict)
    actions: list[Answer] = field(default_factory=list)

    @property
    def status(self) -> str:
        """CodePipeline's word for how it ended, or is."""
        return str(self.summary.get("status", "unknown"))

    def stage(self, name: str) -> list[Answer]:
        """The actions of a stage."""
        return [action for action in self.actions if action["stageName"] == name]

    def words(self) -> str:
        """What its failed actions said."""
        results = (action.get("output", {}).get("executionResult", {}) for action in self.actions)
        said = (
            result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", "")
            for result in results
        )
        return "; ".join(filter(None, said))


@dataclass
class Look:
    """One moment of a step.

    Attributes:
        step: the step's name.
        service: what `DescribeServices` said.
        state: what `GetPipelineState` said.
    """

    step: str
    service: Answer
    state: Answer = field(default_factory=dict)

    @property
    def primary(self) -> Answer:
        """The primary deployment."""
        found: Answer = next(each for each in self.service["deployments"] if each["status"] == "PRIMARY")
        return found


@dataclass
class Evidence:
    """What was seen; a step that was not reached has left nothing.

    Attributes:
        looks: in the order of time.
        executions: by what they were: `v1`, `v2`, `again` (the version of v2), `broken`, `rollback`.
        listed: `ListPipelineExecutions` after all of them.
        tasks: running tasks at the end of a step, by the step.
        digests: the image of each release, by the step that made it.
        answers: what single requests were answered, by a name; an error by its code. `approval that waits` is the first
            approval's action, as `ListActionExecutions` had it then.
    """

    looks: list[Look] = field(default_factory=list)
    executions: dict[str, Execution] = field(default_factory=dict)
    listed: list[Answer] = field(default_factory=list)
    tasks: dict[str, list[Answer]] = field(default_factory=dict)
    digests: dict[str, str] = field(default_factory=dict)
    answers: dict[str, Any] = field(default_factory=dict)

    def of(self, step: str) -> Iterator[Look]:
        """The moments of a step."""
        return (look for look in self.looks if look.step == step)
