"""The awslogs driver: a container's output goes to its log stream as the execution role."""

from __future__ import annotations

import logging
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from sandbox.ecs.model import Json

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

LOGGER = logging.getLogger(__name__)
BATCH_LINES = 1000
NO_GROUP = {"Code": "ResourceNotFoundException", "Message": "The specified log group does not exist."}
"""What another region's CloudWatch Logs says: the account holds nothing there."""


@dataclass
class LogStream:
    """An open stream; `pump` sends the complete lines that a file has gained."""

    client: Any
    group: str
    name: str
    _position: int = 0
    _complained: bool = False

    def pump(self, path: Path, last: bool = False) -> None:
        """Send new lines; with `last` also an unfinished one."""
        try:
            with path.open("rb") as file:
                file.seek(self._position)
                text = file.read()
        except FileNotFoundError:
            return
        end = len(text) if last else text.rfind(b"\n") + 1
        self._position += end
        lines = [line for line in text[:end].decode(errors="replace").splitlines() if line]
        for start in range(0, len(lines), BATCH_LINES):
            self._send(lines[start : start + BATCH_LINES])

    def _send(self, lines: list[str]) -> None:
        now = int(time.time() * 1000)
        try:
            self.client.put_log_events(
                logGroupName=self.group,
                logStreamName=self.name,
                logEvents=[{"timestamp": now, "message": line} for line in lines],
            )
        except (ClientError, BotoCoreError) as error:
            if not self._complained:
                LOGGER.warning("log lines of %s are lost: %s", self.name, error)
            self._complained = True


def open_stream(account: Account, credentials: Credentials, options: Json, container: str, task_id: str) -> LogStream:
    """Create `prefix/container/task` (and its group if `awslogs-create-group` says so)."""
    client = account.client("logs", credentials)
    group = options["awslogs-group"]
    if options.get("awslogs-region", account.region) != account.region:
        raise ClientError({"Error": NO_GROUP}, "CreateLogStream")
    if str(options.get("awslogs-create-group", "false")).lower() == "true":
        try:
            client.create_log_group(logGroupName=group)
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceAlreadyExistsException":
                raise
    prefix = options.get("awslogs-stream-prefix")
    name = f"{prefix}/{container}/{task_id}" if prefix else task_id
    client.create_log_stream(logGroupName=group, logStreamName=name)
    return LogStream(client, group, name)
