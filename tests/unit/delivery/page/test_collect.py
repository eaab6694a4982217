"""What the page reads of a stack, without a write and without a parameter's value."""

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from delivery_aws import action, digest
from mocked import ROOT
from page_facts import GROUP, NOW, PageAws, ago

from delivery.page.collect import alarms_by_service, collect, places, read_alarms
from delivery.page.facts import Alarm, StackFacts
from releases.errors import DeliveryError

A, B = digest("a"), digest("b")


def released() -> PageAws:
    aws = PageAws()
    aws.record("none")
    revision = aws.revision(7, f"@{A}", environment={"MODE": "a value"}, secrets={"KEY": "/dev/web/runtime/KEY"})
    aws.release(1, A, revision, commit="c0ffee")
    aws.image(A, "release-1", "live")
    aws.service(revision, A)
    aws.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": GROUP}]
    aws.tasks[0] |= {"availabilityZone": "eu-west-1a", "startedAt": NOW}
    aws.listeners = {443: [rule([GROUP], hosts=["web.example.com"])]}
    aws.alarms = [alarm("dev-web-latency"), alarm("dev-slack-undelivered")]
    aws.composites = [alarm("dev-web")]
    return aws


def rule(groups: list[str], hosts: list[str]) -> dict[str, Any]:
    forward = {"TargetGroups": [{"TargetGroupArn": group} for group in groups]}
    conditions = [{"Field": "host-header", "HostHeaderConfig": {"Values": hosts}}]
    return {"Priority": "1", "Conditions": conditions, "Actions": [{"Type": "forward", "ForwardConfig": forward}]}


def alarm(name: str, state: str = "OK", **fields: Any) -> dict[str, Any]:
    return {
        "AlarmName": name,
        "StateValue": state,
        "StateReason": "because",
        "StateUpdatedTimestamp": ago(hours=1),
        **fields,
    }


def looked_at(aws: PageAws) -> StackFacts:
    return collect(aws.session(), "dev", 10)


def test_what_is_read_of_a_stack() -> None:
    facts = looked_at(released())
    assert (facts.stack, facts.account, facts.region, facts.cluster) == ("dev", "111111111111", "eu-west-1", "dev")
    assert (datetime.now(UTC) - facts.at).total_seconds() < 60
    (service,) = facts.services
    assert (service.name, service.ecs_name, service.release, service.commit) == ("web", "dev-web", 1, "c0ffee")
    assert service.released == datetime(2030, 1, 1, tzinfo=UTC)
    now = service.now
    assert (now.digest, now.revision, now.desired, now.running) == (A, "dev-web:7", 1, 1)
    assert (now.places, now.urls) == ({"eu-west-1a": 1}, ["https://web.example.com/"])
    assert now.fields["parameters"] == "KEY"
    assert [each.name for each in service.alarms] == ["web", "latency"]
    assert [each.name for each in facts.alarms] == ["slack-undelivered"]
    assert (service.in_flight, service.disagreement, service.repair, service.waits_for, service.failure) == ("",) * 5
    assert (service.waits, service.going_on, service.deliveries, service.forgotten) == ([], [], [], 0)


def test_nothing_is_written_and_no_value_is_read() -> None:
    aws = released()
    facts = looked_at(aws)
    assert aws.writes == []
    verbs = {operation for _, operation, _ in aws.calls}
    assert not {verb for verb in verbs if not verb.startswith(("Get", "List", "Describe", "BatchGet"))}
    read = [given.get("Names") or [given["Name"]] for _, verb, given in aws.calls if verb.startswith("GetParameter")]
    names = {name for names in read for name in names}
    assert names <= {"/fargate-delivery/dev/cluster", "/fargate-delivery/dev/web/release"}
    assert "/fargate-delivery/dev/web/release" in names
    assert "a value" not in str(facts)


def test_what_it_needs_is_in_its_page() -> None:
    rows = re.findall(r"^\| (`.*`) \| (.*) \|$", (ROOT / "docs/how-to/page.md").read_text("utf-8"), re.MULTILINE)
    listed = {
        (service, action)
        for named, text in rows
        for service in re.findall(r"`(\S+?)`", named)
        for action in re.findall(r"`(\w+)`", text)
    }
    aws = released()
    aws.shifts = [shift()]
    aws.executing("Failed", action("Source", "Source", "Source"), action("Build", "Build", "Build", "Failed"))
    aws.pipeline["executions"][0] |= {"startTime": ago(hours=1), "lastUpdateTime": NOW}
    facts = looked_at(aws)
    assert len(facts.services[0].deliveries) == 2
    called = {
        ({"elbv2": "elasticloadbalancing"}.get(service, service), operation) for service, operation, _ in aws.calls
    }
    assert called - listed == {("sts", "GetCallerIdentity")}


def shift() -> dict[str, Any]:
    """As ListServiceDeployments and DescribeServiceDeployments have it."""
    revision = {"arn": "arn:aws:ecs:eu-west-1:111111111111:service-revision/dev/dev-web/7"}
    return {
        "serviceDeploymentArn": "d/1",
        "status": "SUCCESSFUL",
        "createdAt": NOW,
        "finishedAt": NOW,
        "targetServiceRevision": revision,
    }


def test_what_disagrees() -> None:
    aws = released()
    aws.image(B, "live")
    aws.images[A].discard("live")
    (service,) = looked_at(aws).services
    assert service.disagreement.startswith("running sha256:aaaa")
    assert service.repair == "delivery repair web --stack dev"


def test_what_is_in_flight_is_no_disagreement() -> None:
    aws = released()
    aws.image(B, "live")
    aws.images[A].discard("live")
    aws.pipeline["stages"] = [
        {"stageName": "Deploy", "latestExecution": {"pipelineExecutionId": "run-1", "status": "InProgress"}}
    ]
    (service,) = looked_at(aws).services
    assert (service.in_flight, service.disagreement) == ("pipeline execution run-1", "")


def test_a_service_without_a_release() -> None:
    aws = PageAws()
    aws.record("none")
    aws.service(aws.revision(1, ":live"), None, desired=0)
    (service,) = looked_at(aws).services
    assert (service.release, service.released, service.commit) == (None, None, "")
    assert service.waits_for == "s3://bucket/sources/web/source.zip"
    assert (service.failure, service.now.digest, service.now.urls) == ("", "", [])


def test_a_stack_without_services() -> None:
    with pytest.raises(DeliveryError, match="there are no services of stack dev in account 111111111111, eu-west-1"):
        looked_at(PageAws())


def test_where_tasks_run() -> None:
    zone = {"availabilityZone": "eu-west-1b"}
    tasks = [zone, zone | {"capacityProviderName": "FARGATE_SPOT"}, zone | {"capacityProviderName": "FARGATE"}, {}]
    assert places(tasks) == {"eu-west-1b": 2, "eu-west-1b Spot": 1}


def test_what_goes_on_and_what_waits() -> None:
    aws = released()
    aws.executing("InProgress", action("Source", "Source", "Source"))
    aws.pipeline["stages"] = [
        {"stageName": "Build", "latestExecution": {"pipelineExecutionId": "run-1", "status": "InProgress"}},
        {"stageName": "Deploy", "inboundTransitionState": {"enabled": False, "disabledReason": "a holiday"}},
    ]
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    (service,) = looked_at(aws).services
    assert [each[:10] for each in service.going_on] == ["deployment"]
    assert len(service.waits) == 1
    assert service.waits[0].startswith(
        "no release enters Deploy, closed: a holiday; `delivery unfreeze web --stack dev`"
    )


def test_since_when_an_alarm_is_so() -> None:
    aws = PageAws(
        alarms=[alarm("dev-a", StateTransitionedTimestamp=ago(hours=2)), alarm("dev-b", "ALARM"), alarm("prd-c")]
    )
    assert read_alarms(aws.session().client("cloudwatch"), "dev") == {
        "dev-a": Alarm("dev-a", "OK", ago(hours=2), "because"),
        "dev-b": Alarm("dev-b", "ALARM", ago(hours=1), "because"),
    }


def test_an_alarm_is_of_the_service_whose_name_it_begins_with() -> None:
    names = [
        "dev-web",
        "dev-web-latency",
        "dev-web-api",
        "dev-web-api-server-errors",
        "dev-webs-x",
        "dev-slack-undelivered",
    ]
    alarms = {name: Alarm(name, "OK", NOW, "") for name in names}
    found = alarms_by_service(alarms, "dev", ["web", "web-api"])
    assert {owner: [each.name for each in listed] for owner, listed in found.items()} == {
        "": ["slack-undelivered", "webs-x"],
        "web": ["web", "latency"],
        "web-api": ["web-api", "server-errors"],
    }
