"""The task of a migration or a job, as DescribeTasks answers of it: whether it is over, and how it ended."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from releases.failure import one_line

JOB_LABEL = "fargate-delivery.job"
"""The docker label of the container that runs a job; it says what its task definition was made of."""


@dataclass(frozen=True)
class CommandTask:
    """A command's task at one moment.

    Attributes:
        arn: the task's.
        definition: its task definition's ARN.
        status: ECS's last known status of it.
        stopping: whether it is to stop, or has.
        started_by: whatever its starter has said.
        created: in seconds since 1970.
        code: the command's own exit code; None while it runs, and when it never ran.
        ended_by_itself: whether the task stops because the command ended, its only essential container.
        stopped_reason: why, in words.
        container_reason: what ECS says of the container that runs it, such as that it had no memory left; "" if
            nothing.
        ended_sidecars: the other containers that have ended by themselves while the command has not.
    """

    arn: str
    definition: str
    status: str
    stopping: bool
    started_by: str
    created: float
    code: int | None
    ended_by_itself: bool
    stopped_reason: str
    container_reason: str
    ended_sidecars: frozenset[str]

    @classmethod
    def parse(cls, task: Mapping[str, Any], container: str) -> "CommandTask":
        """A task of DescribeTasks.

        Args:
            task: it.
            container: the one that runs the command.
        """
        running: Mapping[str, Any] = next((each for each in task["containers"] if each["name"] == container), {})
        ended = frozenset(str(each["name"]) for each in task["containers"] if each.get("lastStatus") == "STOPPED")
        stopping = task["desiredStatus"] != "RUNNING"
        return cls(
            arn=task["taskArn"],
            definition=task["taskDefinitionArn"],
            status=task["lastStatus"],
            stopping=stopping,
            started_by=task.get("startedBy", ""),
            created=task["createdAt"].timestamp(),
            code=running.get("exitCode"),
            ended_by_itself=task.get("stopCode") == "EssentialContainerExited",
            stopped_reason=task.get("stoppedReason", ""),
            container_reason=running.get("reason", ""),
            ended_sidecars=frozenset() if stopping or container in ended else ended,
        )

    @property
    def over(self) -> bool:
        """Whether nothing of it runs any more."""
        return self.status == "STOPPED"

    @property
    def succeeded(self) -> bool:
        """Whether it has succeeded.

        Only the command's own exit code counts, as a sidecar may be killed after it, and only where the task has
        stopped because the command ended: an app that is told to stop may end with 0.
        """
        return self.code == 0 and self.ended_by_itself

    def failure(self, what: str, last_line: str, log: str) -> str:
        """Why it has failed, in one line.

        Args:
            what: the command, in words.
            last_line: the line of its log that is told; "" if there is none.
            log: where its whole log is, in words.
        """
        if self.code is None:
            reasons = dict.fromkeys(filter(None, (self.stopped_reason, self.container_reason)))
            return f"{what} did not run: {_clause('; '.join(reasons))}"
        known = self.container_reason if self.ended_by_itself else self.stopped_reason
        if not known:  # ECS knows no more than the exit code
            reason = last_line or self.stopped_reason
        else:
            reason = f"{known.rstrip('.')}; last line: {last_line}" if last_line else known
        return f"{what} ended with exit code {self.code}: {_clause(reason)}. Its log: {log}"


def _clause(text: str) -> str:
    return one_line(text).rstrip(".")
