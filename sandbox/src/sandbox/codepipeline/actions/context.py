"""The context that an action runs in, and its result."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.codepipeline.artifacts import ArtifactStore
from sandbox.codepipeline.model import ActionExecution, Artifact, Execution, SourceRevision

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

SHORTEST_POLL = 0.2
SHORTEST_LIMIT = 120.0
"""Seconds."""


class ActionFailure(Exception):
    """An action failed: `code` and `message` are its errorDetails, `summary` what the console shows."""

    def __init__(self, code: str, message: str, summary: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.summary = summary or message


class Abandoned(Exception):
    """The execution was stopped with `abandon` while the action ran."""


@dataclass
class ActionResult:
    """How an action that succeeded ends."""

    summary: str | None = None
    variables: dict[str, str] = field(default_factory=dict)
    outputs: list[Artifact] = field(default_factory=list)
    revision: SourceRevision | None = None


@dataclass
class ActionContext:
    """One run of an action, with the resolved configuration and the credentials of its role."""

    account: Account
    execution: Execution
    action: ActionExecution
    credentials: Credentials
    store: ArtifactStore

    @property
    def configuration(self) -> dict[str, str]:
        return self.action.resolved

    @property
    def output_names(self) -> list[str]:
        return [artifact["name"] for artifact in self.action.declaration.get("outputArtifacts") or []]

    @property
    def inputs(self) -> list[Artifact]:
        return self.action.inputs

    def client(self, service: str) -> Any:
        return self.account.client(service, self.credentials)

    def console(self, service: str, place: str) -> str:
        """A page of the AWS console's."""
        region = self.account.region
        return f"https://console.aws.amazon.com/{service}/home?region={region}#/{place}"

    def pause(self, seconds: float) -> None:
        """Wait some AWS seconds; Abandoned when the execution is abandoned meanwhile."""
        if self.execution.abandon.wait(max(SHORTEST_POLL, self.account.clock.scale(seconds))):
            raise Abandoned

    def deadline(self, minutes: float) -> float:
        """The monotonic time when an action that may take some minutes of its own is out of time.

        Builds and people have their own pace, so these minutes are not scaled.
        """
        return time.monotonic() + minutes * 60

    def scaled_deadline(self, minutes: float) -> float:
        """The same of an action that waits for AWS. Apps start at their own pace: it is a minute or two at least."""
        return time.monotonic() + max(self.account.clock.scale(minutes * 60), min(minutes * 60, SHORTEST_LIMIT))


ActionRunner = Callable[[ActionContext], ActionResult]


def permission_or(error: ClientError, code: str, doing: str) -> ActionFailure:
    """A failure for an AWS error: `PermissionError` with AWS's own words when access was denied."""
    answer = error.response["Error"]
    if answer["Code"] in ("AccessDenied", "AccessDeniedException", "403", "UnauthorizedOperation"):
        return ActionFailure(
            "PermissionError",
            f"The service role or action role doesn't have the permissions required {doing}. Update the IAM role"
            f" permissions, and then try again. Error: {answer['Message']}",
        )
    return ActionFailure(code, f"{answer['Code']}: {answer['Message']}")
