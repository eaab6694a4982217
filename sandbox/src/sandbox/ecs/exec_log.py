"""The log of a session of ECS Exec, which the agent writes as the task's role.

The cluster says where it goes: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html. The agent
looks at the log group before it opens a session, and writes when it is over (aws/amazon-ssm-agent, session/shell).
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.containers.namespace import StartError
from sandbox.ecs import exec_agent
from sandbox.ecs.model import Json, Task
from sandbox.ecs.state import state_of
from sandbox.session_manager.sessions import Refusal

if TYPE_CHECKING:
    from sandbox.account.account import Account

LOGGER = logging.getLogger(__name__)
NOT_ENCRYPTED = (
    "We couldn't start the session because encryption is not set up on the selected CloudWatch Logs log group. Either"
    " encrypt the log group or choose an option to enable logging without encryption."
)
"""The agent's words, of a log group that it does not find, too."""
LARGEST_EVENT = 200_000
"""Bytes (cloudwatchlogsservice.go)."""
NEEDED = ["sh", "-c", "command -v script && command -v cat"]
"""What the agent makes a log with: "the container image requires script and cat to be installed"."""


class NoLog:
    """Of a session that is not logged."""

    def write(self, data: bytes) -> None:
        """Nobody keeps it."""

    def close(self) -> None:
        """There is nothing to send."""


class SessionLog:
    """What was written at a terminal; it is sent when the session is over."""

    def __init__(self, logs: Any, group: str, stream: str, container: Any) -> None:
        self._logs, self._group, self._stream, self._container = logs, group, stream, container
        self._written = bytearray()

    def write(self, data: bytes) -> None:
        self._written += data

    def close(self) -> None:
        """Send it, where the container has what the agent needs for that."""
        if not self._written:
            return
        try:
            if self._container.run(NEEDED, 10) != 0:
                LOGGER.warning("session %s is not logged: its container lacks script or cat", self._stream)
                return
            self._send()
        except (ClientError, BotoCoreError, StartError, OSError) as error:
            LOGGER.warning("session %s is not logged: %s", self._stream, error)

    def _send(self) -> None:
        self._logs.create_log_stream(logGroupName=self._group, logStreamName=self._stream)
        with suppress(ClientError):  # the agent asks for a token that nobody needs any more
            self._logs.describe_log_streams(logGroupName=self._group, logStreamNamePrefix=self._stream)
        now = int(time.time() * 1000)
        for message in events(bytes(self._written)):
            event = {"timestamp": now, "message": message}
            self._logs.put_log_events(logGroupName=self._group, logStreamName=self._stream, logEvents=[event])


def events(written: bytes) -> Iterator[str]:
    """A log in as few events as it takes, each of whole lines where they are not longer than an event."""
    event = b""
    for line in written.splitlines(keepends=True):
        for start in range(0, len(line), LARGEST_EVENT):
            piece = line[start : start + LARGEST_EVENT]
            if event and len(event) + len(piece) > LARGEST_EVENT:
                yield event.decode(errors="replace")
                event = b""
            event += piece
    if event:
        yield event.decode(errors="replace")


@dataclass(frozen=True)
class Destination:
    """A log group, and whether it has to be encrypted."""

    group: str
    encrypted: bool = False


def opened(account: Account, task: Task, container: str, session: str, goes: Destination | None) -> SessionLog | NoLog:
    """The log of a session that begins now; raises `Refusal` where it has to be encrypted and is not."""
    if goes is None:
        return NoLog()
    logs = account.client("logs", exec_agent.task_role(account, task))
    found: Json = {}
    with suppress(ClientError, BotoCoreError):
        for page in logs.get_paginator("describe_log_groups").paginate(logGroupNamePrefix=goes.group):
            found = next((each for each in page["logGroups"] if each["logGroupName"] == goes.group), found)
    if goes.encrypted and not found.get("kmsKeyId"):
        raise Refusal(NOT_ENCRYPTED)
    return SessionLog(logs, goes.group, session, state_of(account).containers[task.id][container])


def destination(account: Account, task: Task, container: str) -> Destination | None:
    """Where the sessions of a container are logged; None: they are not.

    Raises:
        NotImplementedError: they are to be encrypted themselves, or go to S3.
    """
    described = account.client("ecs").describe_clusters(clusters=[task.cluster_arn], include=["CONFIGURATIONS"])
    settings = (described["clusters"][0].get("configuration") or {}).get("executeCommandConfiguration") or {}
    log = settings.get("logConfiguration") or {}
    if settings.get("kmsKeyId"):
        raise NotImplementedError("sessions of ECS Exec that a key of KMS's encrypts")
    if log.get("s3BucketName"):
        raise NotImplementedError("sessions of ECS Exec that are logged in S3")
    kind, group = settings.get("logging", "DEFAULT"), log.get("cloudWatchLogGroupName")
    if kind == "OVERRIDE":
        return Destination(group, bool(log.get("cloudWatchEncryptionEnabled"))) if group else None
    if kind == "NONE":
        return None
    definition = next(each for each in task.task_definition["containerDefinitions"] if each["name"] == container)
    declared = definition.get("logConfiguration") or {}
    return Destination(declared["options"]["awslogs-group"]) if declared.get("logDriver") == "awslogs" else None
