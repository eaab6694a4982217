"""What starts a pipeline: events that did not are kept, by their rules only, and when uploads begin to start one is said."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, Recorder, finish, of_stack

from components.platform import delivery_store
from components.platform.delivery_store import uploads_start

Deploy = Callable[..., Recorder]
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:local-starts-undelivered"
TOPIC = f"arn:aws:sns:{REGION}:{ACCOUNT}:page"


@pytest.fixture(scope="module")
def local() -> Recorder:
    return of_stack("local", notifications={"slack": True, "commits": {"host": "github"}, "page": TOPIC})


def test_every_rule_that_starts_a_pipeline_keeps_what_it_could_not(local: Recorder) -> None:
    targets = {
        name: local.inputs(TARGET, name)
        for name in local.named(TARGET)
        if name.endswith(("-upload-target", "-template-target"))
    }
    assert sorted(targets) == [
        "chuoi-upload-target", "hello-upload-target", "mailer-upload-target", "shop-template-target", "shop-upload-target",
    ]  # fmt: skip
    assert targets.keys() == {
        name for name in local.named(TARGET) if ":codepipeline:" in local.inputs(TARGET, name)["arn"]
    }
    for target in targets.values():
        assert target["deadLetterConfig"] == {"arn": QUEUE}
        assert "retryPolicy" not in target, "EventBridge's own: 185 times within a day"


def starting(local: Recorder, rule: str) -> tuple[Any, dict[str, Any]]:
    """The pattern of a rule that starts a pipeline, and the inputs of its target."""
    return json.loads(local.inputs(RULE, rule)["eventPattern"]), local.inputs(TARGET, f"{rule}-target")


@pytest.mark.parametrize(
    ("rule", "key"), [("shop-upload", "sources/shop/source.zip"), ("shop-template", "templates/shop/appspec.yaml")]
)
def test_a_pipeline_is_started_by_its_own_object_only(local: Recorder, rule: str, key: str) -> None:
    pattern, target = starting(local, rule)
    (store,) = local.named("aws:s3/bucketNotification:BucketNotification")
    bucket = local.inputs("aws:s3/bucketNotification:BucketNotification", store)["bucket"]
    assert pattern == {
        "source": ["aws.s3"],
        "detail-type": ["Object Created"],
        "detail": {"bucket": {"name": [bucket]}, "object": {"key": [key]}},
    }
    assert target["arn"].endswith(":local-shop")


def test_an_upload_starts_with_its_own_version_and_a_template_with_the_image_that_is_live(local: Recorder) -> None:
    _, upload = starting(local, "shop-upload")
    assert upload["inputTransformer"]["inputPaths"] == {"version": "$.detail.object.version-id"}
    revision = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "<version>"}
    assert json.loads(upload["inputTransformer"]["inputTemplate"]) == {"sourceRevisions": [revision]}
    _, template = starting(local, "shop-template")
    assert json.loads(template["input"]) == {"variables": [{"name": "image", "value": "live"}]}


def test_the_queue_takes_of_these_rules_only(local: Recorder) -> None:
    policy = json.loads(local.inputs("aws:sqs/queuePolicy:QueuePolicy", "starts-undelivered-policy")["policy"])
    rules = f"arn:aws:events:{REGION}:{ACCOUNT}:rule/local-*"
    assert policy["Statement"] == [
        {
            "Sid": "Undelivered",
            "Effect": "Allow",
            "Principal": {"Service": "events.amazonaws.com"},
            "Action": "sqs:SendMessage",
            "Resource": QUEUE,
            "Condition": {"ArnEquals": {"aws:SourceArn": [f"{rules}-upload", f"{rules}-template"]}},
        }
    ]
    names = [local.inputs(RULE, name)["name"] for name in local.named(RULE)]
    assert len([name for name in names if name.endswith(("-upload", "-template"))]) == 5


def test_somebody_is_paged(local: Recorder) -> None:
    alarm = local.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", "starts-undelivered-alarm")
    assert (alarm["metricName"], alarm["dimensions"], alarm["threshold"], alarm["alarmActions"]) == (
        "ApproximateNumberOfMessagesVisible", {"QueueName": "local-starts-undelivered"}, 0, [TOPIC]
    )  # fmt: skip
    assert local.inputs("aws:sqs/queue:Queue", "starts-undelivered")["messageRetentionSeconds"] == 14 * 24 * 60 * 60


def test_it_is_told_when_the_bucket_s_events_were_switched_on(local: Recorder) -> None:
    (events,) = local.named("aws:s3/bucketNotification:BucketNotification").values()
    assert [field.name for field, _ in events.hooks.ListFields()] == ["after_create"]
    assert list(events.hooks.after_create) == ["delivery-store-events-new"]


def test_it_is_told_by_the_hook(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.info", told.append)
    finish(delivery_store._tell_when(None))  # type: ignore[arg-type]
    assert [line.partition(" from about ")[0] for line in told] == ["S3 tells of uploads"]


def test_it_is_not_told_where_uploads_are_events_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.info", told.append)
    monkeypatch.setattr(delivery_store, "EVENTS_AFTER", timedelta(0))
    finish(delivery_store._tell_when(None))  # type: ignore[arg-type]
    assert told == []


def test_from_when_on_uploads_start_a_pipeline() -> None:
    said = uploads_start(datetime(2030, 1, 4, 23, 57, 30, tzinfo=UTC))
    assert said.startswith("S3 tells of uploads from about 00:02 UTC on, five minutes after this bucket was made: ")
