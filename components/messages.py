"""What Slack is told: which events, and in which words.

Each message is an EventBridge rule's pattern and its target's input transformer, which makes the body that Slack's
incoming webhooks take. What an event says stands in `plain_text` blocks, where Slack reads no markup.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from components.naming import Scope

SOURCE, STARTED, RELEASED, FAILED = "fargate-delivery", "Release Started", "Service Released", "Release Failed"
"""The events of ours: of the Package step; of the Release step, whose detail is the release record with the pipeline's
name; and of the build that looks why an execution has ended."""
LONGEST_TEMPLATE, LONGEST_PATTERN = 8192, 2048
"""Characters (EventBridge, PutTargets: InputTransformer.InputTemplate; service quotas: event pattern size)."""
GOOD, BAD, NEWS, ASKING = "#2eb67d", "#e01e5a", "#36c5f0", "#ecb22e"
CONSOLE = "https://{region}.console.aws.amazon.com/{page}?region={region}"
Subject = Literal["pipeline", "service", "task"]
LINKS: Mapping[Subject, str] = {
    "pipeline": "codesuite/codepipeline/pipelines/<pipeline>/executions/<execution>/visualization",
    "service": "ecs/v2/clusters/{cluster}/services",
    "task": "ecs/v2/clusters/{cluster}/tasks",
}
"""Where in the AWS console to look further."""
PATHS: Mapping[Subject, Mapping[str, str]] = {
    "pipeline": {"pipeline": "$.detail.pipeline", "execution": "$.detail.execution-id"},
    "service": {"service": "$.resources[0]"},
    "task": {"group": "$.detail.group", "task": "$.detail.taskArn"},
}
"""What every message of a subject has of its event."""


@dataclass(frozen=True)
class Message:
    """One kind of message.

    Attributes:
        title: its first line; `<variables>` are the paths' names.
        color: of the bar beside it.
        detail_type: the events' `detail-type`.
        detail: what else their `detail` must have.
        paths: variable → JSON path in the event.
        lines: what follows the title.
        source: the events' `source`.
        of: what the events are about, which says how the stack's own are known.
    """

    title: str
    color: str
    detail_type: str
    detail: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    source: str = "aws.codepipeline"
    of: Subject = "pipeline"


EXECUTION, STAGE, ACTION = (f"CodePipeline {what} Execution State Change" for what in ("Pipeline", "Stage", "Action"))
MESSAGES: Mapping[str, Message] = {
    "started": Message(
        "<pipeline> has started",
        NEWS,
        EXECUTION,
        # The one that CodePipeline starts when a pipeline is made finds no source: nobody waits for it.
        {"state": ["STARTED"], "execution-trigger": {"trigger-type": [{"anything-but": "CreatePipeline"}]}},
        {"by": "$.detail.execution-trigger.trigger-type", "who": "$.detail.execution-trigger.trigger-detail"},
        ["by <by> <who>"],
    ),
    "approval": Message(
        "<pipeline> waits for approval",
        ASKING,
        ACTION,
        {"state": ["STARTED"], "type": {"category": ["Approval"]}},
        lines=["Approve or reject it there, or with `delivery approve` or `delivery reject`."],
    ),
    "rejected": Message(
        "<pipeline>: the approval has ended without a yes",
        BAD,
        ACTION,
        {"state": ["FAILED"], "type": {"category": ["Approval"]}},
        {"reason": "$.detail.execution-result.external-execution-summary"},
        ["Reason: <reason>"],
    ),
    "deploying": Message("<pipeline> deploys", NEWS, STAGE, {"state": ["STARTED"], "stage": ["Deploy"]}),
    "failed": Message(
        "<pipeline> has failed in <stage>",
        BAD,
        ACTION,
        {"state": ["FAILED"], "type": {"category": [{"anything-but": ["Source", "Approval"]}]}},
        {
            "stage": "$.detail.stage",
            "action": "$.detail.action",
            "reason": "$.detail.execution-result.external-execution-summary",
            "log": "$.detail.execution-result.external-execution-url",
        },
        ["<action>: <reason>", "More: <log>"],
    ),
    "released": Message(
        "<pipeline> has released release-<release>",
        GOOD,
        RELEASED,
        {},
        {
            "release": "$.detail.release",
            "digest": "$.detail.image_digest",
            "version": "$.detail.source_version",
            "definition": "$.detail.task_definition",
            "commit": "$.detail.commit",
            "took": "$.detail.took",
        },
        ["Commit <commit>, <took>", "Image <digest>", "from source <version>, as <definition>"],
        source=SOURCE,
    ),
    # Of an edit by `pulumi up` nothing else tells; of a release it comes before the pipeline knows.
    "rolled_back": Message(
        "A deployment has failed",
        BAD,
        "ECS Deployment State Change",
        {"eventName": ["SERVICE_DEPLOYMENT_FAILED"]},
        {"reason": "$.detail.reason"},
        ["Service <service>", "Reason: <reason>"],
        source="aws.ecs",
        of="service",
    ),
    # One event when ECS slows down, and not one for each task that fails.
    "impaired": Message(
        "ECS cannot start tasks",
        BAD,
        "ECS Service Action",
        {
            "eventName": [
                "SERVICE_TASK_START_IMPAIRED",
                "SERVICE_TASK_PLACEMENT_FAILURE",
                "SERVICE_TASK_CONFIGURATION_FAILURE",
            ]
        },
        {"event": "$.detail.eventName", "reason": "$.detail.reason"},
        ["Service <service>", "<event> <reason>"],
        source="aws.ecs",
        of="service",
    ),
    "out_of_memory": Message(
        "A task has run out of memory",
        BAD,
        "ECS Task State Change",
        {"lastStatus": ["STOPPED"], "containers": {"reason": [{"prefix": "OutOfMemoryError"}]}},
        {"definition": "$.detail.taskDefinitionArn"},
        ["It was of <group>, <definition>", "Task <task>"],
        source="aws.ecs",
        of="task",
    ),
}


def pattern(message: Message, scope: Scope, pipelines: Sequence[str]) -> str:
    """Which events a message is for, as a rule's JSON: those of this stack, and of no other.

    Args:
        message: what is told.
        scope: the stack, whose cluster has its name.
        pipelines: its pipelines' names.
    """
    detail = dict(message.detail)
    found: dict[str, Any] = {"source": [message.source], "detail-type": [message.detail_type], "detail": detail}
    match message.of:
        case "pipeline":
            detail["pipeline"] = list(pipelines)
        case "service":
            found["resources"] = [{"prefix": scope.arn("ecs", f"service/{scope.stack}/")}]
        case "task":  # a service's; a migration's are told by its build
            cluster = scope.arn("ecs", f"cluster/{scope.stack}")
            detail |= {"clusterArn": [cluster], "group": [{"prefix": "service:"}]}
    return json.dumps(found, separators=(",", ":"))


def longest_pattern(pipelines: Sequence[str]) -> int:
    """Characters of the longest pattern, which must not be more than LONGEST_PATTERN: one that names all pipelines."""
    nowhere = Scope(stack="", partition="", region="", account="")
    return max(len(pattern(message, nowhere, pipelines)) for message in MESSAGES.values())


def transformer(message: Message, scope: Scope, *, production: bool) -> tuple[dict[str, str], str]:
    """A target's input transformer, its paths and its template: the body for Slack.

    Args:
        message: what to say.
        scope: the stack.
        production: whether it stands out.
    """
    title = f"{'🚨 ' if production else ''}[{scope.stack}] {message.title}"
    link = CONSOLE.format(region=scope.region, page=LINKS[message.of].format(cluster=scope.stack))
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        *({"type": "section", "text": {"type": "plain_text", "text": line}} for line in message.lines),
        {"type": "context", "elements": [{"type": "plain_text", "text": link}]},
    ]
    body = {"text": title, "attachments": [{"color": message.color, "blocks": blocks}]}
    return {**PATHS[message.of], **message.paths}, json.dumps(body, ensure_ascii=False)
