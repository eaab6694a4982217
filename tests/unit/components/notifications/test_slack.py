"""What Slack is told: the component under mocks, and the patterns and bodies of the messages."""

import json
import re
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from botocore.session import Session
from mocked import ACCOUNT, REGION, WEBHOOK, Recorder
from pulumi.runtime import rpc

from components.notifications.slack import Notifications
from components.notifications.slack_messages import JOB_MESSAGES, LINKS, MESSAGES, Level
from components.notifications.slack_rules import MAX_TEMPLATE_LENGTH, event_pattern, webhook_transformer
from components.scope import Scope
from sandbox.eventbridge.patterns import matches
from sandbox.eventbridge.transform import apply_template
from sandbox.receivers.slack import as_seen, problems

RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
EVENTS = f"arn:aws:events:{REGION}:{ACCOUNT}"
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dev-slack-undelivered"
LONGEST_NAME = "a" * 32
SCOPE = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT)
PIPELINES = ["dev-a", "dev-b"]
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"
PAGER = f"arn:aws:sns:{REGION}:{ACCOUNT}:pager"
OF_PIPELINES = [kind for kind, message in MESSAGES.items() if message.subject == "pipeline"]
NASTY = 'an "error" in\nline 2\\n of C:\\app <!channel> & {"json": true}'


@pytest.fixture
def slack(deploy: Callable[..., Recorder]) -> Recorder:
    def program() -> None:
        Notifications("slack", {"scope": SCOPE, "pipelines": PIPELINES, "webhook": pulumi.Output.secret(WEBHOOK)})

    return deploy(program, stack="dev")


@pytest.fixture
def paged(deploy: Callable[..., Recorder]) -> Recorder:
    def program() -> None:
        Notifications("slack", {"scope": SCOPE, "pipelines": PIPELINES, "webhook": WEBHOOK, "page": PAGER})

    return deploy(program, stack="dev")


@pytest.mark.parametrize(
    ("level", "silent"),
    [
        ("all", set()),
        ("releases", {"packaged", "deploying"}),
        ("failures", {"packaged", "deploying", "started", "uploaded", "edited", "released"}),
    ],
)
def test_how_much_is_told(deploy: Callable[..., Recorder], level: Level, silent: set[str]) -> None:
    def program() -> None:
        Notifications(
            "slack", {"scope": SCOPE, "pipelines": PIPELINES, "webhook": WEBHOOK, "level": level, "jobs": True}
        )

    told = deploy(program, stack="dev")
    kinds = {name.removeprefix("slack-") for name in told.named(RULE)}
    assert {*MESSAGES, *JOB_MESSAGES} - kinds == silent
    assert set(told.named(TARGET)) == {f"slack-{kind}-target" for kind in kinds}


def test_who_is_paged_is_told_of_what_was_not_delivered(paged: Recorder, slack: Recorder) -> None:
    alarm = "aws:cloudwatch/metricAlarm:MetricAlarm"
    paging = paged.inputs(alarm, "slack-undelivered-alarm")
    assert (paging["alarmActions"], paging["okActions"]) == ([PAGER], [PAGER])
    assert "alarmActions" not in slack.inputs(alarm, "slack-undelivered-alarm")


def test_each_message_is_a_rule_with_one_target(slack: Recorder) -> None:
    assert [slack.types()[typ] for typ in (RULE, TARGET)] == [len(MESSAGES), len(MESSAGES)]
    for kind, message in MESSAGES.items():
        rule = slack.inputs(RULE, f"slack-{kind}")
        assert (rule["name"], rule["eventPattern"]) == (f"dev-slack-{kind}", event_pattern(message, SCOPE, PIPELINES))
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


def by_rule(name: str) -> dict[str, str]:
    """What CodePipeline's event says of an execution that a rule has started."""
    return {"trigger-type": "CloudWatchEvent", "trigger-detail": f"{EVENTS}:rule/{name}"}


def event(kind: str, pipeline: str, **detail: Any) -> dict[str, Any]:
    """An event that a message is for, but for the pipeline and what is in `detail`."""
    details: dict[str, dict[str, Any]] = {
        "started": {"state": "STARTED", "execution-trigger": {"trigger-type": "StartPipelineExecution"}},
        "uploaded": {"state": "STARTED", "execution-trigger": by_rule("dev-a-upload")},
        "edited": {"state": "STARTED", "execution-trigger": by_rule("dev-a-template")},
        "approval": {"state": "STARTED", "type": {"category": "Approval"}},
        "deploying": {"state": "STARTED", "stage": "Deploy"},
        "rejected": {"state": "FAILED", "type": {"category": "Approval"}},
        "failed": {"state": "FAILED", "stage": "Deploy", "type": {"category": "Build", "provider": "CodeBuild"}},
        "not_deployed": {"state": "FAILED", "stage": "Deploy", "type": {"category": "Deploy", "provider": "ECS"}},
        "no_source": {"state": "FAILED", "stage": "Source", "type": {"category": "Source"}, "version": 2.0},
        "packaged": {"summary": "sha256:0 from source v"},
        "not_packaged": {"reason": "The source has no Dockerfile at its top."},
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
    return matches(json.loads(event_pattern(MESSAGES[kind], SCOPE, PIPELINES)), event)


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


def hook(name: str, cluster: str = "dev") -> dict[str, Any]:
    """A hook's event, as the ECS developer guide has it (ecs_hook_state_change_events)."""
    deployment = f"{ECS}:service-deployment/{cluster}/dev-a/0EYSiB0qap8xf0N76FsbE"
    detail = {"eventName": name, "hookId": "h", "hookType": "PAUSE", "lifecycleStage": "POST_TEST_TRAFFIC_SHIFT"}
    where = {"serviceArn": f"{ECS}:service/{cluster}/dev-a", "serviceDeploymentArn": deployment}
    return of("hook_waits", {**detail, **where}, deployment)


@pytest.mark.parametrize(
    ("happened", "kinds"),
    [
        (hook("HOOK_AWAITING_ACTION"), ["hook_waits"]),
        (hook("HOOK_IN_PROGRESS"), []),
        (hook("HOOK_FAILED"), ["hook_failed"]),
        (hook("HOOK_TIMED_OUT"), ["hook_failed"]),
        (hook("HOOK_TIMED_OUT", "dev-2"), []),
        (hook("HOOK_SUCCEEDED"), []),
    ],
)
def test_what_ecs_tells_of_hooks(happened: dict[str, Any], kinds: list[str]) -> None:
    assert [kind for kind in MESSAGES if told(kind, happened)] == kinds


def test_a_deployment_that_waits_is_told_with_the_commands_that_answer_it() -> None:
    happened = hook("HOOK_AWAITING_ACTION")
    body = filled(webhook_transformer(MESSAGES["hook_waits"], SCOPE, production=False), happened)
    texts = [block["text"]["text"] for block in body["attachments"][0]["blocks"][1:-1]]
    assert texts == [
        f"Service {ECS}:service/dev/dev-a, at POST_TEST_TRAFFIC_SHIFT: its new tasks are on the test port, and have no "
        "traffic yet.",
        "Let it go on with `delivery continue SERVICE --stack dev`, or have it go back with `delivery abort SERVICE --stack "
        "dev`.",
    ]


@pytest.mark.parametrize(
    ("name", "before", "now", "kinds"),
    [
        ("dev-a", "OK", "ALARM", ["alarm"]),
        ("dev-a", "INSUFFICIENT_DATA", "ALARM", ["alarm"]),
        ("dev-a", "ALARM", "OK", ["alarm_over"]),
        ("dev-a", "INSUFFICIENT_DATA", "OK", []),
        ("dev-a", "ALARM", "INSUFFICIENT_DATA", []),
        ("dev-a-latency", "OK", "ALARM", []),
        ("prd-a", "OK", "ALARM", []),
    ],
)
def test_a_service_s_alarm(name: str, before: str, now: str, kinds: list[str]) -> None:
    detail = {"alarmName": name, "state": {"value": now, "reason": "r"}, "previousState": {"value": before}}
    assert [kind for kind in MESSAGES if told(kind, of("alarm", detail))] == kinds


def scanned(repository: str, counts: dict[str, int], *tags: str) -> dict[str, Any]:
    """ECR's event of an image that was scanned ("Amazon ECR events and EventBridge": a completed image scan)."""
    detail = {
        "scan-status": "COMPLETE", "repository-name": repository, "finding-severity-counts": counts,
        "image-digest": "sha256:0", "image-tags": list(tags),
    }  # fmt: skip
    return of("vulnerable", detail, f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{repository}")


@pytest.mark.parametrize(
    ("repository", "counts", "ours"),
    [
        ("dev-a", {"CRITICAL": 10, "MEDIUM": 9}, True),
        ("dev-a", {"HIGH": 1}, True),
        ("dev-a", {"CRITICAL": 0, "HIGH": 0, "LOW": 3}, False),
        ("dev-a", {"MEDIUM": 9, "UNDEFINED": 1}, False),
        ("dev-a", {}, False),
        ("dev-a/inbox", {"CRITICAL": 1}, False),
        ("dev-ab", {"CRITICAL": 1}, False),
        ("prd-a", {"CRITICAL": 1}, False),
    ],
)
def test_what_a_scan_finds_in_a_service_s_image(repository: str, counts: dict[str, int], ours: bool) -> None:
    assert told("vulnerable", scanned(repository, counts)) is ours


def test_a_scan_s_findings_are_told_with_the_image_and_where_they_are() -> None:
    given = webhook_transformer(MESSAGES["vulnerable"], SCOPE, production=False)
    body = filled(given, scanned("dev-a", {"CRITICAL": 2, "HIGH": 31}, "content-1", "live"))
    assert body["text"] == "[dev] The scan of an image of dev-a has found something"
    *lines, links = body["attachments"][0]["blocks"][1:]
    assert [line["text"]["text"] for line in lines] == ["CRITICAL: 2", "HIGH: 31", "Image sha256:0, content-1"]
    assert links["elements"][0]["text"].startswith(
        f"<https://{REGION}.console.aws.amazon.com/ecr/repositories/private/{ACCOUNT}/dev-a/_/image/sha256:0/"
        f"scan-results?region={REGION}|Findings>"
    )
    untagged = filled(given, scanned("dev-a", {"HIGH": 1}))
    assert [line["text"]["text"] for line in untagged["attachments"][0]["blocks"][1:-1]] == [
        "CRITICAL: ", "HIGH: 1", "Image sha256:0, ",
    ]  # fmt: skip


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
    ("said", "is_told"),
    [
        ({}, True),
        ({"external-execution-url": "https://build"}, True),
        ({"external-execution-summary": "ECS deployment circuit breaker: tasks failed to start."}, True),
        ({"external-execution-summary": "Phase: BUILD, Message: Error while executing command: x. Reason: exit status 1"}, True),
        ({"external-execution-summary": "Phase: BUILD, Message: Error while executing command: x. Reason: exit status 79"}, False),
        ({"external-execution-summary": "Phase: BUILD, Message: Error while executing command: x. Reason: exit status 79."}, False),
    ],
)  # fmt: skip
def test_a_failure_is_told_once_and_with_its_cause(said: dict[str, str], is_told: bool) -> None:
    """A build that ends with exit status 79 has told the cause itself."""
    assert told("failed", event("failed", "dev-a", **{"execution-result": said})) is is_told
    built = filled(
        webhook_transformer(MESSAGES["not_packaged"], SCOPE, production=False), event("not_packaged", "dev-a")
    )
    header, line, _ = built["attachments"][0]["blocks"]
    assert header["text"]["text"] == "[dev] dev-a has failed in Build"
    assert line["text"]["text"] == "Build: The source has no Dockerfile at its top."


@pytest.mark.parametrize(
    ("kind", "detail"),
    [
        ("started", {"execution-trigger": {"trigger-type": "CreatePipeline"}}),
        ("started", {"state": "SUCCEEDED"}),
        ("uploaded", {"state": "SUCCEEDED"}),
        ("edited", {"state": "SUCCEEDED"}),
        ("approval", {"type": {"category": "Build"}}),
        ("approval", {"state": "SUCCEEDED"}),
        ("deploying", {"stage": "Package"}),
        ("failed", {"type": {"category": "Source", "provider": "S3"}}),
        ("no_source", {"version": 1.0}),
        ("no_source", {"state": "SUCCEEDED"}),
        ("failed", {"type": {"category": "Approval", "provider": "Manual"}}),
        ("rejected", {"type": {"category": "Build"}}),
        ("failed", {"state": "ABANDONED"}),
        ("failed", {"type": {"category": "Deploy", "provider": "ECS"}}),
        ("not_deployed", {"type": {"category": "Invoke", "provider": "Lambda"}}),
        ("not_deployed", {"type": {"category": "Deploy", "provider": "CodeDeployToECS"}}),
        ("not_deployed", {"state": "SUCCEEDED"}),
    ],
)
def test_what_nobody_waits_for_is_not_told(kind: str, detail: dict[str, Any]) -> None:
    assert not told(kind, event(kind, "dev-a", **detail))


TRIGGERS = Session().get_service_model("codepipeline").shape_for("TriggerType").enum
USER = "arn:aws:sts::1:assumed-role/Admin/ann"


@pytest.mark.parametrize(
    ("trigger", "told_as"),
    [
        *(({"trigger-type": kind, "trigger-detail": USER}, ["started"]) for kind in TRIGGERS if kind not in ("CreatePipeline", "CloudWatchEvent")),
        ({"trigger-type": "CreatePipeline", "trigger-detail": USER}, []),
        (by_rule("dev-a-upload"), ["uploaded"]),
        (by_rule("somebody-s-own"), ["uploaded"]),
        (by_rule("dev-a-template"), ["edited"]),
        (by_rule("dev-template-upload"), ["uploaded"]),
    ],
)  # fmt: skip
def test_a_start_is_told_once_whatever_has_started_it(trigger: dict[str, str], told_as: list[str]) -> None:
    started = event("started", "dev-a", **{"execution-trigger": trigger})
    assert [kind for kind in ("started", "uploaded", "edited") if told(kind, started)] == told_as


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("started", f"Started by {USER}"),
        ("uploaded", "Started by an upload, or by the push of an image"),
        ("edited", "Started by `pulumi up`, which has edited what CodeDeploy deploys"),
    ],
)
def test_who_or_what_has_started_a_release(kind: str, line: str) -> None:
    trigger = {"trigger-type": "StartPipelineExecution", "trigger-detail": USER}
    started = event(kind, "dev-a", **({"execution-trigger": trigger} if kind == "started" else {}))
    header, said, _ = filled(webhook_transformer(MESSAGES[kind], SCOPE, production=False), started)["attachments"][0][
        "blocks"
    ]
    assert (header["text"]["text"], said["text"]["text"]) == ("[dev] dev-a has started", line)


def given_of(kind: str, scope: Scope = SCOPE, *, production: bool = False) -> str:
    """A message's template."""
    template = webhook_transformer(MESSAGES[kind], scope, production=production)["input_template"]
    assert isinstance(template, str)
    return template


def filled(given: Any, happened: dict[str, Any]) -> dict[str, Any]:
    """What is sent of an event; EventBridge refuses a longer template, and a variable without a path."""
    template = given["input_template"]
    assert len(template) <= MAX_TEMPLATE_LENGTH
    assert set(re.findall(r"<(\w+)>", template)) <= set(given["input_paths"])
    body: dict[str, Any] = json.loads(apply_template(template, given["input_paths"], happened, f"{EVENTS}:rule/r"))
    return body


@pytest.mark.parametrize("kind", MESSAGES)
@pytest.mark.parametrize("text", [NASTY, "x" * 2048, ""], ids=["nasty", "long", "missing"])
def test_a_body_is_one_that_slack_takes(kind: str, text: str) -> None:
    scope = Scope(stack=LONGEST_NAME, partition="aws", region="ap-northeast-1", account=ACCOUNT)
    given = webhook_transformer(MESSAGES[kind], scope, production=True)
    result = {"external-execution-summary": text, "external-execution-url": text}
    trigger = {"trigger-type": "StartPipelineExecution", "trigger-detail": text}
    details = {
        "execution-result": result, "execution-trigger": trigger, "action": "Build", "summary": text,
        "reason": text, "taskArn": text, "eventName": "SERVICE_TASK_CONFIGURATION_FAILURE", "hookId": text,
        "alarmName": LONGEST_NAME, "state": {"reason": text},
    }  # fmt: skip
    happened = event(kind, LONGEST_NAME, **details) if kind in OF_PIPELINES else of(kind, details, text)
    body = filled(given, happened)
    assert list(problems(body)) == []
    if kind == "failed" and text:
        assert [block["text"]["text"] for block in body["attachments"][0]["blocks"][1:-1]] == [f"Build: {text}"]


@pytest.mark.parametrize("kind", MESSAGES)
def test_what_an_event_says_is_no_markup_and_links_lead_to_aws(kind: str) -> None:
    *others, last = json.loads(given_of(kind))["attachments"][0]["blocks"]
    assert {block["text"]["type"] for block in others} == {"plain_text"}
    (element,) = last["elements"]
    addresses = re.findall(r"<(https://[^|]+)\|\w+>", element["text"])
    assert len(addresses) == len(LINKS[MESSAGES[kind].subject]) == 3
    assert all(address.startswith(f"https://{REGION}.console.aws.amazon.com/") for address in addresses)
    assert all(f"region={REGION}" in address for address in addresses)


def test_links_are_those_of_the_service() -> None:
    failed = event("failed", "dev-a", **{"execution-result": {"external-execution-url": "https://codebuild/1"}})
    seen = as_seen(filled(webhook_transformer(MESSAGES["failed"], SCOPE, production=False), failed))[-1]
    console = f"https://{REGION}.console.aws.amazon.com"
    assert seen == (
        f"Pipeline ({console}/codesuite/codepipeline/pipelines/dev-a/executions/e/visualization?region={REGION})"
        f" · Log ({console}/cloudwatch/home?region={REGION}#logsV2:log-groups/log-group/$252Fecs$252Fdev-a)"
        f" · Dashboard ({console}/cloudwatch/home?region={REGION}#dashboards/dashboard/dev) · https://codebuild/1"
    )


@pytest.mark.parametrize("changed", ["", ". Sidecar proxy changed from sha256:1 to sha256:2"])
def test_a_release_that_changed_a_sidecar_says_so(changed: str) -> None:
    released = event("released", "dev-a", image_digest="sha256:0", changed=changed)
    body = filled(webhook_transformer(MESSAGES["released"], SCOPE, production=False), released)
    texts = [block["text"]["text"] for block in body["attachments"][0]["blocks"] if block["type"] == "section"]
    assert f"Image sha256:0{changed}" in texts


def test_codedeploy_s_failure_names_no_command_that_does_not_say_more() -> None:
    failed = event("failed", "dev-a", type={"category": "Deploy", "provider": "CodeDeployToECS"})
    assert (told("failed", failed), told("not_deployed", failed)) == (True, False)
    assert MESSAGES["failed"].lines == ["<action>: <reason>"]


def test_a_failed_deployment_names_the_command_that_says_what_a_health_check_asked_for() -> None:
    """No event has its path and port; a step of the pipeline's own says them itself."""
    failed = event(
        "not_deployed", "dev-a", **{"action": "Deploy", "execution-result": {"external-execution-summary": "no"}}
    )
    body = filled(webhook_transformer(MESSAGES["not_deployed"], SCOPE, production=False), failed)
    assert [block["text"]["text"] for block in body["attachments"][0]["blocks"] if block["type"] != "context"] == [
        "[dev] dev-a has failed in Deploy",
        "Deploy: no",
        "Path, port and answer of a failed health check: `delivery status SERVICE --stack dev`",
    ]


def test_production_stands_out() -> None:
    titles = {
        production: json.loads(given_of("failed", Scope(stack, "aws", REGION, ACCOUNT), production=production))["text"]
        for stack, production in (("dev", False), ("prd", True))
    }
    assert titles == {
        False: "[dev] <pipeline> has failed in <stage>", True: "🚨 [prd] <pipeline> has failed in <stage>"
    }  # fmt: skip
