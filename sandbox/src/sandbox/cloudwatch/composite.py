"""Composite alarms, kept among moto's alarms: moto's record has a field for the rule, and no calls.

And the events of alarms' states. https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutCompositeAlarm.html,
API_DescribeAlarms.html and https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from moto.cloudwatch.exceptions import ValidationError
from moto.cloudwatch.models import Alarm, CloudWatchBackend
from moto.cloudwatch.responses import CloudWatchResponse
from moto.core.responses import ActionResult

from sandbox.cloudwatch.rule import MalformedRule, Rule, parse

_describe_all, _delete_all = CloudWatchResponse.describe_alarms, CloudWatchResponse.delete_alarms
_set_state = CloudWatchBackend.set_alarm_state
TIME = "%A %d %B, %Y %H:%M:%S UTC"

Publish = Callable[[dict[str, Any]], object]


def serve_composite_alarms(publish: Publish) -> None:
    """Have moto put them, tell them from metric alarms, keep what they name, and publish every change of a state."""

    def set_state(self: CloudWatchBackend, alarm_name: str, reason: str, reason_data: str, state_value: str) -> None:
        before = {name: _state(alarm) for name, alarm in self.alarms.items()}
        _set_state(self, alarm_name, reason, reason_data, state_value)
        _evaluate(self, self.alarms[alarm_name])
        for name, alarm in self.alarms.items():
            if alarm.state_value != before[name]["value"]:
                publish(_event(alarm, before[name]))

    CloudWatchBackend.set_alarm_state = set_state  # type: ignore[method-assign]
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
    alarms: Any = _describe_all(self).result
    return ActionResult({kind: alarms[kind] for kind in ("MetricAlarms", "CompositeAlarms") if kind[:-1] in types})


def _delete(self: CloudWatchResponse) -> Any:
    names = self._get_param("AlarmNames", [])
    for alarm in self.cloudwatch_backend.alarms.values():
        children = [] if alarm.name in names else [child for child in _rule(alarm).names if child in names]
        if children:
            raise ValidationError(
                f"Cannot delete {', '.join(children)} as the composite alarm {alarm.name} depends on it"
            )
    return _delete_all(self)


def _event(alarm: Alarm, before: dict[str, str]) -> dict[str, Any]:
    return {
        "source": "aws.cloudwatch",
        "detail-type": "CloudWatch Alarm State Change",
        "resources": [alarm.alarm_arn],
        "detail": {
            "alarmName": alarm.name,
            "configuration": {"description": alarm.description},
            "previousState": before,
            "state": _state(alarm),
        },
    }


def _state(alarm: Alarm) -> dict[str, str]:
    at = alarm.state_updated_timestamp.strftime("%Y-%m-%dT%H:%M:%S.000+0000")
    return {"value": str(alarm.state_value), "reason": alarm.state_reason, "timestamp": at}


def _evaluate(backend: CloudWatchBackend, cause: Alarm | None = None) -> None:
    """Bring the composite alarms' states up to date; `cause` is the alarm whose state has changed."""
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
            alarm.update_state(_reason(alarm, now, cause), "{}", now)


def _reason(alarm: Alarm, state: str, cause: Alarm | None) -> str:
    if cause is None:
        return f"{alarm.alarm_arn} was created and its alarm rule evaluates to {state}"
    at = cause.state_updated_timestamp.strftime(TIME)
    return f"{cause.alarm_arn} transitioned to {cause.state_value} at {at}"


def _rule(alarm: Alarm) -> Rule:
    return parse(alarm.rule or "FALSE")
