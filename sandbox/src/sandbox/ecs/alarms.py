"""The alarms that end a rolling deployment.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-alarm-failure.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]
LONGEST_BAKE = 300.0
"""Seconds; AWS says of the bake time that it is less, and follows from the alarms."""

Describe = Callable[[Sequence[str]], list[Json]]
"""Alarms' names → what CloudWatch says of them."""


@dataclass(frozen=True)
class Watch:
    """What one deployment watches.

    Attributes:
        names: the alarms; none when it watches nothing.
        rollback: whether it is rolled back when one goes off.
        bake: AWS seconds that it is watched on, when its tasks are steady and the old ones gone.
    """

    names: tuple[str, ...] = ()
    rollback: bool = False
    bake: float = 0.0


def begin(configuration: Json, describe: Describe) -> Watch:
    """What a deployment that begins now watches: nothing at all if an alarm is in ALARM already."""
    declared = configuration.get("alarms") or {}
    if not declared.get("enable") or not declared.get("alarmNames"):
        return Watch()
    names = tuple(declared["alarmNames"])
    alarms = describe(names)
    if gone_off(alarms):
        return Watch()
    return Watch(names, bool(declared.get("rollback")), bake_time(alarms))


def gone_off(alarms: Iterable[Json]) -> list[str]:
    """The names of those in ALARM."""
    return sorted(alarm["AlarmName"] for alarm in alarms if alarm["StateValue"] == "ALARM")


def bake_time(alarms: Iterable[Json]) -> float:
    """The longest time that one of them looks back, in seconds."""
    return min(LONGEST_BAKE, max((_range(alarm) for alarm in alarms), default=0.0))


def _range(alarm: Json) -> float:
    periods = [query.get("MetricStat", {}).get("Period", 0) for query in alarm.get("Metrics", [])]
    return float(max([alarm.get("Period", 0), *periods]) * alarm.get("EvaluationPeriods", 0))
