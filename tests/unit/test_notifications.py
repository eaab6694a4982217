"""What Slack is told: the component under mocks, and the patterns and bodies of the messages."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, WEBHOOK, Recorder
from pulumi.runtime import rpc

from components.messages import LONGEST_TEMPLATE, MESSAGES, pattern, transformer
from components.naming import Scope
from components.notifications import Notifications
from sandbox.receivers.slack import as_seen, problems
from sandbox.server.patterns import matches
from sandbox.server.transform import apply_template

RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dev-slack-undelivered"
LONGEST_NAME = "a" * 32
SCOPE = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT)
PIPELINES = ["dev-a", "dev-b"]
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
OF_PIPELINES = [kind for kind, message in MESSAGES.items() if message.of == "pipeline"]
NASTY = 'an "error" in\nline 2\\n of C:\\app <!channel> & {"json": true}'


@pytest.fixture
def slack(deploy: Callable[..., Recorder]) -> Recorder:
    def program() -> None:
        Notifications("slack", {"scope": SCOPE, "pipelines": PIPELINES, "webhook": pulumi.Output.secret(WEBHOOK)})

    return deploy(program, stack="dev")


def test_each_message_is_a_rule_with_one_target(slack: Recorder) -> None:
    assert [slack.types()[typ] for typ in (RULE, TARGET)] == [len(MESSAGES), len(MESSAGES)]
    for kind, message in MESSAGES.items():
        rule = slack.inputs(RULE, f"slack-{kind}")
        assert (rule["name"], rule["eventPattern"]) == (f"dev-slack-{kind}", pattern(message, SCOPE, PIPELINES))
        target = slack.inputs(TARGET, f"slack-{kind}-target")
        assert target["rule"] == f"dev-slack-{kind}"
        assert target["deadLetterConfig"] == {"arn": QUEUE}
        assert "retryPolicy" not in target, "EventBridge's own: 185 times within a day"


def test_eventbridge_may_post_and_keep_what_it_could_not(slack: Recorder) -> None:
    policy = json.loads(slack.inputs("aws:iam/rolePolicy:RolePolicy", "slack-policy")["policy"])
    destination = slack.inputs(TARGET, "slack-failed-target")["arn"]
    assert policy["Statement"] == [
        {"Sid": "Post", "Effect": "Allow", "Action": ["events:InvokeApiDestination"], "Resource": [destination]}
    ]
    of_queue = json.loads(slack.inputs("aws:sqs/queuePolicy:QueuePolicy", "slack-undelivered-policy")["policy"])
    (statement,) = of_queue["Statement"]
    assert (statement["Principal"], statement["Action"]) == ({"Service": "events.amazonaws.com"}, "sqs:SendMessage")
    assert statement["Resource"] == QUEUE
    rules = [f"{EVENTS}:rule/dev-slack-{kind}" for kind in MESSAGES]
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": rules}}
    alarm = slack.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", "slack-undelivered-alarm")
    assert (alarm["metricName"], alarm["dimensions"], alarm["threshold"]) == (
        "ApproximateNumberOfMessagesVisible", {"QueueName": "dev-slack-undelivered"}, 0
    )  # fmt: skip


def test_the_webhook_is_a_secret(slack: Recorder) -> None:
    (request,) = [r for r in slack.requests() if r.type == "aws:cloudwatch/eventApiDestination:EventApiDestination"]
    given = rpc.deserialize_properties(request.object, keep_unknowns=True)
    assert rpc.is_rpc_secret(given["invocationEndpoint"])
    assert rpc.unwrap_rpc_secret(given["invocationEndpoint"]) == WEBHOOK


def event(kind: str, pipeline: str, **detail: Any) -> dict[str, Any]:
    """An event that a message is for, but for the pipeline and what is in `detail`."""
    details: dict[str, dict[str, Any]] = {
        "started": {"state": "STARTED", "execution-trigger": {"trigger-type": "StartPipelineExecution"}},
        "approval": {"state": "STARTED", "type": {"category": "Approval"}},
        "deploying": {"state": "STARTED", "stage": "Deploy"},
        "rejected": {"state": "FAILED", "type": {"category": "Approval"}},
        "failed": {"state": "FAILED", "stage": "Deploy", "type": {"category": "Build"}},
        "released": {"release": 12},
    }
    return of(kind, {"pipeline": pipeline, "execution-id": "e", **details[kind], **detail})


def of(kind: str, detail: dict[str, Any], *resources: str) -> dict[str, Any]:
    """An event of a message's source and type."""
    return {
        "source": MESSAGES[kind].source,
        "detail-type": MESSAGES[kind].detail_type,
        "resources": list(resources),
        "detail": detail,
    }


def task(cluster: str = "dev", group: str = "service:dev-a", **container: Any) -> dict[str, Any]:
    """A task that has ended."""
    containers = [{"name": "side", "exitCode": 0}, {"name": "web", "exitCode": 137, **container}]
    arn = f"{ECS}:cluster/{cluster}"
    detail = {"clusterArn": arn, "group": group, "lastStatus": "STOPPED", "containers": containers}
    return of("out_of_memory", {**detail, "taskArn": "t", "taskDefinitionArn": "d"})


def told(kind: str, event: dict[str, Any]) -> bool:
    return matches(json.loads(pattern(MESSAGES[kind], SCOPE, PIPELINES)), event)


@pytest.mark.parametrize("kind", OF_PIPELINES)
@pytest.mark.parametrize(
    ("pipeline", "ours"), [("dev-a", True), ("dev-ab", False), ("prd-a", False), ("dev-other", False)]
)
def test_no_message_of_another_stack_s_or_pipeline_s(kind: str, pipeline: str, ours: bool) -> None:
    assert told(kind, event(kind, pipeline)) is ours


@pytest.mark.parametrize(
    ("kind", "name", "cluster", "ours"),
    [
        ("rolled_back", "SERVICE_DEPLOYMENT_FAILED", "dev", True),
        ("rolled_back", "SERVICE_DEPLOYMENT_FAILED", "dev-2", False),
        ("rolled_back", "SERVICE_DEPLOYMENT_COMPLETED", "dev", False),
        ("rolled_back", "SERVICE_DEPLOYMENT_IN_PROGRESS", "dev", False),
        ("impaired", "SERVICE_TASK_START_IMPAIRED", "dev", True),
        ("impaired", "SERVICE_TASK_PLACEMENT_FAILURE", "dev", True),
        ("impaired", "SERVICE_TASK_START_IMPAIRED", "prd", False),
        ("impaired", "SERVICE_STEADY_STATE", "dev", False),
    ],
)
def test_what_ecs_tells_of_this_stack_s_services(kind: str, name: str, cluster: str, ours: bool) -> None:
    happened = of(kind, {"eventName": name, "reason": "r"}, f"{ECS}:service/{cluster}/dev-a")
    assert told(kind, happened) is ours


@pytest.mark.parametrize(
    ("ended", "ours"),
    [
        (task(reason="OutOfMemoryError: Container killed due to memory usage"), True),
        (task(reason="OutOfMemoryError: …", cluster="prd"), False),
        (task(reason="OutOfMemoryError: …", group="family:dev-a-migrate"), False),
        (task(reason="CannotPullContainerError: …"), False),
        (task(), False),
    ],
)
def test_a_task_that_ran_out_of_memory(ended: dict[str, Any], ours: bool) -> None:
    assert told("out_of_memory", ended) is ours


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("started", {"execution-trigger": {"trigger-type": "CreatePipeline"}}),
        ("started", {"state": "SUCCEEDED"}),
        ("approval", {"type": {"category": "Build"}}),
        ("approval", {"state": "SUCCEEDED"}),
        ("deploying", {"stage": "Package"}),
        ("failed", {"type": {"category": "Source"}}),
        ("failed", {"type": {"category": "Approval"}}),
        ("rejected", {"type": {"category": "Build"}}),
        ("failed", {"state": "ABANDONED"}),
    ],
)
def test_what_nobody_waits_for_is_not_told(kind: str, detail: dict[str, Any]) -> None:
    assert not told(kind, event(kind, "dev-a", **detail))


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("text", [NASTY, "x" * 2048, ""], ids=["nasty", "long", "missing"])
def test_a_body_is_one_that_slack_takes(kind: str, text: str) -> None:
    scope = Scope(stack=LONGEST_NAME, partition="aws", region="ap-northeast-1", account=ACCOUNT)
    paths, template = transformer(MESSAGES[kind], scope, production=True)
    assert len(template) <= LONGEST_TEMPLATE
    result = {"external-execution-summary": text, "external-execution-url": text}
    trigger = {"trigger-type": "StartPipelineExecution", "trigger-detail": text}
    happened = (
        event(kind, LONGEST_NAME, **{"execution-result": result, "execution-trigger": trigger, "action": "Build"})
        if kind in OF_PIPELINES
        else of(kind, {"reason": text, "taskArn": text, "eventName": "SERVICE_DEPLOYMENT_FAILED"}, text)
    )
    body = json.loads(apply_template(template, paths, happened, f"{EVENTS}:rule/r"))
    assert list(problems(body)) == []
    if kind == "failed" and text:
        assert as_seen(body)[1:-1] == [*f"Build: {text}".splitlines(), *f"More: {text}".splitlines()]


def test_production_stands_out() -> None:
    titles = {
        production: json.loads(
            transformer(MESSAGES["failed"], Scope(stack, "aws", REGION, ACCOUNT), production=production)[1]
        )["text"]
        for stack, production in (("dev", False), ("prd", True))
    }
    assert titles == {
        False: "[dev] <pipeline> has failed in <stage>", True: "🚨 [prd] <pipeline> has failed in <stage>"
    }  # fmt: skip
