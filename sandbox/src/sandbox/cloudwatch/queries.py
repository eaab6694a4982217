"""Saved queries of CloudWatch Logs Insights, which moto lacks: they are stored, and cannot be run.

https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutQueryDefinition.html
"""

from __future__ import annotations

import json
import time
import uuid
from typing import Any

from moto.logs.exceptions import InvalidParameterException, ResourceNotFoundException
from moto.logs.responses import LogsResponse

MOST_GROUPS = 50


def serve_query_definitions() -> None:
    """Have moto keep them beside its log groups."""
    LogsResponse.put_query_definition = _put  # type: ignore[attr-defined]
    LogsResponse.describe_query_definitions = _describe  # type: ignore[attr-defined]
    LogsResponse.delete_query_definition = _delete  # type: ignore[attr-defined]


def _definitions(self: LogsResponse) -> dict[str, Any]:
    definitions: dict[str, Any] = self.logs_backend.__dict__.setdefault("query_definitions", {})
    return definitions


def _put(self: LogsResponse) -> str:
    definitions, requested_id = _definitions(self), self._get_param("queryDefinitionId")
    if requested_id is not None and requested_id not in definitions:
        raise ResourceNotFoundException
    groups = self._get_param("logGroupNames") or []
    if len(groups) > MOST_GROUPS:
        raise InvalidParameterException(constraint=f"at most {MOST_GROUPS}", parameter="logGroupNames", value=groups)
    id = requested_id or str(uuid.uuid4())
    definitions[id] = {
        "queryDefinitionId": id,
        "name": self._get_param("name"),
        "queryString": self._get_param("queryString"),
        "logGroupNames": groups,
        "lastModified": int(time.time() * 1000),
    }
    return json.dumps({"queryDefinitionId": id})


def _describe(self: LogsResponse) -> str:
    prefix = self._get_param("queryDefinitionNamePrefix") or ""
    definitions = [each for each in _definitions(self).values() if each["name"].startswith(prefix)]
    return json.dumps({"queryDefinitions": definitions})


def _delete(self: LogsResponse) -> str:
    if _definitions(self).pop(self._get_param("queryDefinitionId"), None) is None:
        raise ResourceNotFoundException
    return json.dumps({"success": True})
