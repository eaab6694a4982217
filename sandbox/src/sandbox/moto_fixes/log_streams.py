"""A log stream that is missing, or is there already, is called a stream: moto says that the group is.

CloudWatch Logs API reference, GetLogEvents and CreateLogStream; the words are those of published errors.
"""

from __future__ import annotations

from typing import Any

from moto.logs.exceptions import ResourceAlreadyExistsException, ResourceNotFoundException
from moto.logs.models import LogGroup

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


def _get(self: LogGroup, log_stream_name: str, *args: Any, **kwargs: Any) -> Any:
    _must_exist(self, log_stream_name)
    return _get_log_events(self, log_stream_name, *args, **kwargs)


def _must_exist(group: LogGroup, log_stream_name: str) -> None:
    if log_stream_name not in group.streams:
        raise ResourceNotFoundException("The specified log stream does not exist.")
