"""A log stream that is missing, or is there already, is called a stream: moto says that the group is.

CloudWatch Logs API reference, GetLogEvents and CreateLogStream; the words are those of published errors. A page of
GetLogEvents may be empty though others are not: so is the first one with `SANDBOX_AWS=sparse_logs` (boto3#3718).
"""

from __future__ import annotations

from typing import Any

from moto.logs.exceptions import ResourceAlreadyExistsException, ResourceNotFoundException
from moto.logs.models import LogGroup

from sandbox import readings

_create_log_stream = LogGroup.create_log_stream
_delete_log_stream = LogGroup.delete_log_stream
_get_log_events = LogGroup.get_log_events


def apply() -> None:
    """Have moto's log groups say so."""
    LogGroup.create_log_stream = _create  # type: ignore[method-assign]
    LogGroup.delete_log_stream = _delete  # type: ignore[method-assign]
    LogGroup.get_log_events = _get  # type: ignore[method-assign]


def _create(self: LogGroup, log_stream_name: str) -> None:
    if log_stream_name in self.streams:
        error = ResourceAlreadyExistsException()
        error.message = "The specified log stream already exists"
        error.description = error.description.replace("log group", "log stream")
        raise error
    _create_log_stream(self, log_stream_name)


def _delete(self: LogGroup, log_stream_name: str) -> None:
    _must_exist(self, log_stream_name)
    _delete_log_stream(self, log_stream_name)


def _get(
    self: LogGroup,
    log_stream_name: str,
    start_time: str,
    end_time: str,
    limit: int,
    next_token: str | None,
    start_from_head: str,
) -> Any:
    _must_exist(self, log_stream_name)
    if next_token is None and not start_from_head and readings.chosen().sparse_logs:
        after_all = len(self.streams[log_stream_name].events)
        return [], f"b/{after_all:056d}", f"f/{after_all - 1:056d}"
    return _get_log_events(self, log_stream_name, start_time, end_time, limit, next_token, start_from_head)


def _must_exist(group: LogGroup, log_stream_name: str) -> None:
    if log_stream_name not in group.streams:
        raise ResourceNotFoundException("The specified log stream does not exist.")
