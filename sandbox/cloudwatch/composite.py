"""Composite alarms, kept among moto's alarms: moto's record has a field for the rule, and no calls.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html and API_DescribeAlarms.html
"""

from __future__ import annotations

from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from sandbox.cloudwatch.rule import MalformedRule, Rule, parse

_describe_all, _delete_all = CloudWatchResponse.describe_alarms, CloudWatchResponse.delete_alarms


def serve_composite_alarms() -> None:
    """Have moto put them, tell them from metric alarms, and keep what they name."""
    CloudWatchResponse.put_composite_alarm = _put  # type: ignore[attr-defined]
    CloudWatchResponse.describe_alarms = _describe  # type: ignore[method-assign]
    CloudWatchResponse.delete_alarms = _delete  # type: ignore[method-assign]


def _put(self: CloudWatchResponse) -> Any:
    try:
        rule = parse(self._get_param("AlarmRule"))
    except MalformedRule as error:
        raise ValidationError(f"Could not parse the alarm rule: {error}") from error
    alarms = self.cloudwatch_backend.alarms
    if unknown := [name for name in rule.names if name not in alarms]:
        raise ValidationError(
            f"Could not save the composite alarm as alarms [{', '.join(unknown)}] in the alarm rule do not exist"
        )
    return self.put_metric_alarm()


def _describe(self: CloudWatchResponse) -> ActionResult:
    """Metric alarms only, unless `AlarmTypes` says otherwise."""
    types = self._get_param("AlarmTypes") or ["MetricAlarm"]
    _evaluate(self.cloudwatch_backend)
    found: Any = _describe_all(self).result
    return ActionResult({kind: found[kind] for kind in ("MetricAlarms", "CompositeAlarms") if kind[:-1] in types})


def _delete(self: CloudWatchResponse) -> Any:
    going = self._get_param("AlarmNames", [])
    for alarm in self.cloudwatch_backend.alarms.values():
        named = [] if alarm.name in going else [name for name in _rule(alarm).names if name in going]
        if named:
            raise ValidationError(f"Cannot delete {', '.join(named)} as the composite alarm {alarm.name} depends on it")
    return _delete_all(self)


def _evaluate(backend: CloudWatchBackend) -> None:
    """Bring the composite alarms' states up to date."""
    alarms: dict[str, Alarm] = dict(backend.alarms)

    def state(name: str, above: frozenset[str] = frozenset()) -> str:
        if name not in alarms or name in above:
            return "INSUFFICIENT_DATA"
        alarm = alarms[name]
        if alarm.rule is None:
            return str(alarm.state_value)
        return "ALARM" if _rule(alarm).holds(lambda child: state(child, above | {name})) else "OK"

    for name, alarm in alarms.items():
        if alarm.rule is not None and alarm.state_value != (now := state(name)):
            alarm.update_state(f"The rule {alarm.rule} is {'true' if now == 'ALARM' else 'false'}", "{}", now)


def _rule(alarm: Alarm) -> Rule:
    return parse(alarm.rule or "FALSE")
