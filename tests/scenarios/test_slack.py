"""What Slack is told of deliveries: the messages of each, with the reason, and no others."""

import json
import re
import time
from typing import Any

import pytest

from delivery.uploads.packing import packed
from tests.scenarios.conftest import Apps, Stack
from tests.scenarios.test_guards import GREETING, PICKY
from tests.support.deliveries import upload, wait_for_pipeline

pytestmark = pytest.mark.nightly
SERVICES = ("hello",)

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ROUTE = "routes: [{host: hello.local.example.com, priority: 10}]"


def told(stack: Stack, seen: int = 0) -> list[list[str]]:
    """The messages but for the first ones, each as its lines without the link."""
    shown = stack.ok("slack", "--verbose").out
    messages: list[list[str]] = []
    for line in shown.splitlines():
        if line[0] == " ":
            messages[-1].append(line.strip())
        else:
            messages.append([line.partition("  ")[2]])
    assert all(" (https://ap-northeast-1.console.aws.amazon.com/" in message[-1] for message in messages)
    return [message[:-1] for message in messages[seen:]]


def titles(messages: list[list[str]]) -> list[str]:
    return [message[0] for message in messages]


def queue(stack: Stack) -> list[dict[str, Any]]:
    sqs = stack.client("sqs")
    url = sqs.get_queue_url(QueueName="local-slack-undelivered")["QueueUrl"]
    found: list[dict[str, Any]] = sqs.receive_message(
        QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"], VisibilityTimeout=0
    ).get("Messages", [])
    return found


def test_a_release(local: Stack, apps: Apps) -> None:
    before = told(local)
    assert set(titles(before)) <= {"[local] local-shop has started"}, "CodeDeploy's template starts it"
    assert local.ship("hello", apps.make("one"), "--commit", COMMIT, "--repository", "team/hello").code == 0
    messages = told(local, len(before))
    assert titles(messages) == [
        "[local] local-hello has started", "[local] local-hello has an image to deploy", "[local] local-hello deploys",
        "[local] local-hello has released release-1",
    ]  # fmt: skip
    release = local.status("hello")["release"]
    assert (release["commit"], release["repository"]) == (COMMIT, "team/hello")
    assert messages[0][1:] == ["Started by an upload, or by the push of an image"]
    image = f"{release['image_digest'][:19]} from source {release['source_version']}, commit {COMMIT}"
    assert messages[1][1:] == [f"Image {image}. It is the first release, unless another comes first"]
    commit, *rest = messages[3][1:]
    assert re.fullmatch(rf"Commit {COMMIT}, (\d+ min )?\d+ s after its upload", commit)
    assert rest == [
        f"Image {release['image_digest']}", f"from source {release['source_version']}, as {release['task_definition']}"
    ]  # fmt: skip


def test_a_release_is_measured(local: Stack) -> None:
    metrics = local.client("cloudwatch").list_metrics(Namespace="fargate-delivery")["Metrics"]
    assert sorted(metric["MetricName"] for metric in metrics) == ["DeploymentDuration", "LeadTime", "Releases"]
    assert all(metric["Dimensions"] == [{"Name": "PipelineName", "Value": "local-hello"}] for metric in metrics)


def test_a_redeployment_is_of_the_same_commit(local: Stack) -> None:
    before = len(told(local))
    local.ok("redeploy", "hello", "--yes")
    released = told(local, before)[-1]
    assert released[:2] == ["[local] local-hello has released release-2", f"Commit {COMMIT}, without a new source"]
    assert local.status("hello")["release"]["repository"] == "team/hello"


def test_what_is_no_commit_is_not_told(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    with packed(apps.make("told"), {"CONTEXT": ".", "DOCKERFILE": "Dockerfile"}) as archive:
        ended = upload(local, "hello", archive.read(), commit="x, <!channel>", repository="../team")
    assert ended["status"] == "Succeeded"
    assert told(local, before)[-1][1].startswith("Commit unknown, ")
    release = local.status("hello")["release"]
    assert (release["commit"], release["repository"]) == ("unknown", "unknown")


def test_a_failed_build(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    assert local.ship("hello", apps.make("unbuildable", dockerfile="FROM nowhere\n")).code == 1
    messages = told(local, before)
    assert titles(messages) == [
        "[local] local-hello has started",
        "[local] local-hello has failed in Build",
    ], "one message of the failure"
    assert messages[1][1].startswith("Build: The image was not built: nowhere: ")


def test_a_failed_migration(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    assert (
        local.ship("hello", apps.make("unmigrated", migrate="#!/bin/sh\necho no such column >&2\nexit 3\n")).code == 1
    )
    messages = told(local, before)
    assert titles(messages)[2:] == ["[local] local-hello deploys", "[local] local-hello has failed in Deploy"]
    assert messages[3][1].startswith(
        "Migrate: The migration ended with exit code 3: no such column. Its log: /ecs/local-hello"
    )


def test_a_deployment_that_is_rolled_back(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    assert local.ship("hello", apps.make("sick", status=500)).code == 1
    messages = told(local, before)
    assert titles(messages)[2:] == [
        "[local] local-hello deploys", "[local] A deployment has failed", "[local] local-hello has failed in Deploy"
    ]  # fmt: skip
    service, reason = messages[3][1:]
    assert service.endswith(":service/local/local-hello")
    assert reason == "Reason: ECS deployment circuit breaker: tasks failed ELB health checks."
    assert "circuit breaker" in messages[4][1]
    command = "`sandbox status SERVICE --stack local`"
    assert messages[4][2] == f"Path, port and answer of a failed health check: {command}"


def test_an_edit_that_is_rolled_back(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("picky", server=PICKY)).code == 0
    before = len(told(local))
    local.edit("Pulumi.local.yaml", GREETING, "broken")
    assert local.run("up").code == 1
    local.edit("Pulumi.local.yaml", "broken", GREETING)
    assert titles(told(local, before)) == ["[local] A deployment has failed"]
    local.ok("up")


def test_an_alarm_of_a_service(local: Stack) -> None:
    before, cloudwatch = len(told(local)), local.client("cloudwatch")
    for state in ("ALARM", "OK"):
        cloudwatch.set_alarm_state(AlarmName="local-hello-latency", StateValue=state, StateReason="for a test")
    messages = told(local, before)
    assert titles(messages) == ["[local] local-hello is in ALARM", "[local] local-hello is OK again"]
    arn = "arn:aws:cloudwatch:ap-northeast-1:123456789012:alarm:local-hello-latency"
    assert messages[0][1].startswith(f"Reason: {arn} transitioned to ALARM at ")


def test_what_a_scan_finds_in_an_image(local: Stack) -> None:
    before, live = len(told(local)), local.status("hello")["image_digest"]
    for counts in ({"MEDIUM": 9}, {"HIGH": 2, "LOW": 1}):
        scanned = local.control("scan", {"repository": "local-hello", "tag": "live", "counts": counts})
        assert scanned["detail"]["image-digest"] == live
    ((title, critical, high, image),) = told(local, before)
    assert title == "[local] The scan of an image of local-hello has found something"
    assert (critical, high) == ("CRITICAL:", "HIGH: 2")
    assert image.startswith(f"Image {live}, ")


def test_an_approval(local: Stack, apps: Apps) -> None:
    local.edit("Pulumi.local.yaml", ROUTE, f"approve: true\n      {ROUTE}")
    local.ok("up")
    before = len(told(local))
    local.ship("hello", apps.make("asked"))
    local.ok("approve", "hello", "--yes")
    wait_for_pipeline(local, "hello", 1)
    assert titles(told(local, before)) == [
        "[local] local-hello has started", "[local] local-hello has an image to deploy",
        "[local] local-hello waits for approval", "[local] local-hello deploys",
        "[local] local-hello has released release-5",
    ]  # fmt: skip
    before = len(told(local))
    local.ship("hello", apps.make("unwanted"))
    local.ok("reject", "hello", "--reason", "not on a Friday", "--yes")
    wait_for_pipeline(local, "hello", 1)
    messages = told(local, before)
    assert titles(messages)[3:] == ["[local] local-hello: the approval has ended without a yes"]
    assert "not on a Friday" in messages[3][1]
    local.edit("Pulumi.local.yaml", f"approve: true\n      {ROUTE}", ROUTE)
    local.ok("up")


def test_a_source_that_is_gone(local: Stack) -> None:
    before = len(told(local))
    bucket, _, key = local.outputs()["hello"]["upload_to"].removeprefix("s3://").partition("/")
    local.client("s3").delete_object(Bucket=bucket, Key=key)
    local.client("codepipeline").start_pipeline_execution(name="local-hello")
    wait_for_pipeline(local, "hello", 1)
    messages = told(local, before)
    assert titles(messages) == ["[local] local-hello has started", "[local] local-hello has failed in Source"]
    assert re.fullmatch(r"Started by arn:aws:iam::\d{12}:\S+", messages[0][1])
    assert re.fullmatch(r"Source: \S.+", messages[1][1])


def test_what_slack_does_not_take_arrives_later_or_is_kept(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    local.ok("slack", "--failure-mode", "down")
    assert local.ship("hello", apps.make("unseen")).code == 0
    assert told(local, before) == []
    local.ok("slack", "--failure-mode", "ok")
    assert sorted(titles(told(local, before))) == [
        "[local] local-hello deploys", "[local] local-hello has an image to deploy",
        "[local] local-hello has released release-6", "[local] local-hello has started",
    ]  # fmt: skip
    assert queue(local) == []
    local.ok("slack", "--failure-mode", "gone")
    assert local.ship("hello", apps.make("lost")).code == 0
    while not local.control("slack")["idle"]:
        time.sleep(0.1)
    kept = queue(local)
    assert {json.loads(message["Body"])["detail"]["pipeline"] for message in kept} == {"local-hello"}
    assert len(kept) == 4
    assert kept[0]["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"] == "404 no_service"
    (alarm,) = local.client("cloudwatch").describe_alarms(AlarmNames=["local-slack-undelivered"])["MetricAlarms"]
    assert alarm["StateValue"] == "ALARM"
    assert len(told(local)) == before + 4
