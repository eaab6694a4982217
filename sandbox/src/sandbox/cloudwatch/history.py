"""The history of alarms' states, newest first: moto keeps it, and has no call for it.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_DescribeAlarmHistory.html and
API_AlarmHistoryItem.html;
the form of an item is that of the example of `aws cloudwatch describe-alarm-history help`.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator
from typing import Any

from moto.cloudwatch.models import Alarm
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

MOST = 100
"""How many items an answer has, if it is not said."""


def serve_alarm_history() -> None:
    """Have moto tell it. Of what an alarm has done, and how it was edited, nothing is kept."""
    CloudWatchResponse.describe_alarm_history = _describe  # type: ignore[attr-defined]


def _describe(self: CloudWatchResponse) -> ActionResult:
    name, kind = self._get_param("AlarmName"), self._get_param("HistoryItemType")
    types = self._get_param("AlarmTypes") or ["MetricAlarm"]
    begin, end = self._get_param("StartDate"), self._get_param("EndDate")
    items = [
        item
        for alarm in self.cloudwatch_backend.alarms.values()
        if name in (None, alarm.name) and kind in (None, "StateUpdate")
        for item in _items(alarm)
        if item["AlarmType"] in types
        and (begin is None or item["Timestamp"] >= begin)
        and (end is None or item["Timestamp"] <= end)
    ]
    items.sort(key=lambda item: item["Timestamp"], reverse=self._get_param("ScanBy") != "TimestampAscending")
    return ActionResult({"AlarmHistoryItems": items[: self._get_int_param("MaxRecords") or MOST]})


def _items(alarm: Alarm) -> Iterator[dict[str, Any]]:
    """Its changes of state; a state that is set once more is none."""
    past = [(value, reason, at) for _, reason, _, value, at in alarm.history]
    states = [*past, (alarm.state_value, alarm.state_reason, alarm.state_updated_timestamp)]
    for (old, old_reason, _), (new, reason, at) in itertools.pairwise(states):
        if old != new:
            yield {
                "AlarmName": alarm.name,
                "AlarmType": "CompositeAlarm" if alarm.rule else "MetricAlarm",
                "Timestamp": at,
                "HistoryItemType": "StateUpdate",
                "HistorySummary": f"Alarm updated from {old} to {new}",
                "HistoryData": json.dumps(
                    {
                        "version": "1.0",
                        "oldState": {"stateValue": old, "stateReason": old_reason},
                        "newState": {"stateValue": new, "stateReason": reason},
                    }
                ),
            }
