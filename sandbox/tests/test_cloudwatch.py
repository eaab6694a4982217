"""Composite alarms: the rule's language, and what moto's calls do with them. And the events of alarms."""

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from moto import mock_aws

from sandbox.cloudwatch.composite import serve_composite_alarms
from sandbox.cloudwatch.history import serve_alarm_history
from sandbox.cloudwatch.rule import MalformedRule, parse


@pytest.mark.parametrize(
    ("rule", "names", "holds"),
    [
        ("ALARM(a)", ("a",), True),
        ('ALARM("b")', ("b",), False),
        ('OK("b")', ("b",), True),
        ("INSUFFICIENT_DATA(c)", ("c",), True),
        ("ALARM(b) OR ALARM(a)", ("b", "a"), True),
        ("ALARM(a) AND ALARM(b)", ("a", "b"), False),
        ("NOT ALARM(b) AND TRUE", ("b",), True),
        ("TRUE OR TRUE AND FALSE", (), True),
        ("(TRUE OR TRUE) AND FALSE", (), False),
        ("NOT (ALARM(a) OR ALARM(b))", ("a", "b"), False),
        ('ALARM("with a space") OR ALARM(a)', ("with a space", "a"), True),
        ("ALARM(arn:aws:cloudwatch:r:1:alarm:a)", ("a",), True),
        ("ALARM(a) OR OK(a)", ("a",), True),
    ],
)
def test_a_rule(rule: str, names: tuple[str, ...], holds: bool) -> None:
    states = {"a": "ALARM", "b": "OK", "c": "INSUFFICIENT_DATA", "with a space": "OK"}
    assert (parse(rule).names, parse(rule).holds(states.__getitem__)) == (names, holds)


@pytest.mark.parametrize(
    "rule", ["", "ALARM(a) OR", "ALARM a", "(ALARM(a)", "ALARM(a))", "ALARM(a) ALARM(b)", "alarm(a)", "AND", "ALARM()"]
)
def test_no_rule(rule: str) -> None:
    with pytest.raises(MalformedRule):
        parse(rule)


@pytest.fixture
def events() -> list[dict[str, Any]]:
    """What is published."""
    return []


@pytest.fixture
def cloudwatch(events: list[dict[str, Any]]) -> Iterator[Any]:
    """A CloudWatch with the alarms `one` and `two`, and the composite alarm `any` of both."""
    serve_composite_alarms(events.append)
    serve_alarm_history()
    with mock_aws():
        client = boto3.client("cloudwatch", region_name="eu-west-1")
        for name in ("one", "two"):
            client.put_metric_alarm(
                AlarmName=name, MetricName="m", Namespace="n", Period=60, EvaluationPeriods=1, Threshold=1,
                ComparisonOperator="GreaterThanThreshold", Statistic="Sum",
            )  # fmt: skip
        client.put_composite_alarm(AlarmName="any", AlarmRule='ALARM("one") OR ALARM("two")')
        yield client


def composite(cloudwatch: Any, name: str = "any") -> dict[str, Any]:
    (found,) = cloudwatch.describe_alarms(AlarmNames=[name], AlarmTypes=["CompositeAlarm"])["CompositeAlarms"]
    alarm: dict[str, Any] = found
    return alarm


def test_its_state_is_that_of_its_rule(cloudwatch: Any) -> None:
    assert composite(cloudwatch)["StateValue"] == "OK"
    cloudwatch.set_alarm_state(AlarmName="two", StateValue="ALARM", StateReason="r")
    assert composite(cloudwatch)["StateValue"] == "ALARM"
    cloudwatch.put_composite_alarm(AlarmName="above", AlarmRule="NOT ALARM(any)")
    assert composite(cloudwatch, "above")["StateValue"] == "OK"
    cloudwatch.set_alarm_state(AlarmName="two", StateValue="OK", StateReason="r")
    assert [composite(cloudwatch, name)["StateValue"] for name in ("any", "above")] == ["OK", "ALARM"]


def test_a_change_of_state_is_an_event_of_the_alarm_and_of_the_composite_one(
    cloudwatch: Any, events: list[dict[str, Any]]
) -> None:
    cloudwatch.set_alarm_state(AlarmName="two", StateValue="ALARM", StateReason="too many")
    cloudwatch.set_alarm_state(AlarmName="two", StateValue="ALARM", StateReason="still too many")
    cloudwatch.set_alarm_state(AlarmName="one", StateValue="ALARM", StateReason="r")
    assert {(event["source"], event["detail-type"]) for event in events} == {
        ("aws.cloudwatch", "CloudWatch Alarm State Change")
    }
    changes = [
        (event["detail"]["alarmName"], *(event["detail"][when]["value"] for when in ("previousState", "state")))
        for event in events
    ]
    assert changes == [("two", "OK", "ALARM"), ("any", "OK", "ALARM"), ("one", "OK", "ALARM")]
    two, both, _ = events
    assert two["detail"]["state"]["reason"] == "too many"
    assert both["detail"]["state"]["reason"].startswith(f"{two['resources'][0]} transitioned to ALARM at ")


def test_the_history_of_an_alarm_has_its_changes_of_state_the_newest_first(cloudwatch: Any) -> None:
    def told(**more: Any) -> list[tuple[str, str]]:
        found = cloudwatch.describe_alarm_history(**more)["AlarmHistoryItems"]
        return [(item["AlarmName"], item["HistorySummary"]) for item in found]

    assert told(AlarmName="two") == []
    for state in ("ALARM", "ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="two", StateValue=state, StateReason=f"to {state}")
    both = [("two", "Alarm updated from ALARM to OK"), ("two", "Alarm updated from OK to ALARM")]
    assert told(AlarmName="two", HistoryItemType="StateUpdate") == told() == both
    assert told(ScanBy="TimestampAscending") == both[::-1]
    assert told(MaxRecords=1) == both[:1]
    assert told(AlarmName="one") == told(HistoryItemType="Action") == []
    assert told(AlarmTypes=["CompositeAlarm"]) == [("any", words) for _, words in both]
    assert told(StartDate=datetime.now(UTC)) == told(EndDate=datetime.now(UTC) - timedelta(hours=1)) == []
    item = cloudwatch.describe_alarm_history(AlarmName="two")["AlarmHistoryItems"][0]
    assert (item["AlarmType"], item["HistoryItemType"]) == ("MetricAlarm", "StateUpdate")
    assert json.loads(item["HistoryData"]) == {
        "version": "1.0",
        "oldState": {"stateValue": "ALARM", "stateReason": "to ALARM"},
        "newState": {"stateValue": "OK", "stateReason": "to OK"},
    }


def test_only_metric_alarms_are_told_of_unless_asked(cloudwatch: Any) -> None:
    def told(*types: str) -> list[str]:
        found = cloudwatch.describe_alarms(**{"AlarmTypes": list(types)} if types else {})
        return [alarm["AlarmName"] for kind in ("MetricAlarms", "CompositeAlarms") for alarm in found.get(kind, [])]

    assert told() == told("MetricAlarm") == ["one", "two"]
    assert told("CompositeAlarm") == ["any"]
    assert told("MetricAlarm", "CompositeAlarm") == ["one", "two", "any"]


@pytest.mark.parametrize(
    ("rule", "words"),
    [("ALARM(", "Could not parse"), ("ALARM(one) OR ALARM(three)", r"alarms \[three\] .* do not exist")],
)
def test_a_rule_that_is_refused(cloudwatch: Any, rule: str, words: str) -> None:
    with pytest.raises(ClientError, match=words):
        cloudwatch.put_composite_alarm(AlarmName="other", AlarmRule=rule)


def test_an_alarm_that_a_rule_names_stays(cloudwatch: Any) -> None:
    with pytest.raises(ClientError, match="the composite alarm any depends on it"):
        cloudwatch.delete_alarms(AlarmNames=["one"])
    cloudwatch.put_composite_alarm(AlarmName="any", AlarmRule="ALARM(two)")
    cloudwatch.delete_alarms(AlarmNames=["one"])
    cloudwatch.delete_alarms(AlarmNames=["any", "two"])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
