"""How EventBridge tells Slack: a message as a rule's pattern and its target's input transformer.

The transformer makes the body that Slack's incoming webhooks take. What an event says stands in `plain_text` blocks,
where Slack reads no markup. The last block has the links, as markup, of nothing but names and addresses that AWS gives.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, TypeAlias

import pulumi_aws as aws

from components.notifications.slack_messages import INPUT_PATHS, LINKS, MORE_PATHS, STACK, Message, messages
from components.scope import Scope

MAX_TEMPLATE_LENGTH, MAX_PATTERN_LENGTH = 8192, 2048
"""Characters (EventBridge, PutTargets: InputTransformer.InputTemplate; service quotas: event pattern size)."""
Transformer: TypeAlias = "aws.cloudwatch.EventTargetInputTransformerArgsDict"
LINK_START, LINK_END = "\ue000", "\ue001"
"""Of a link in Slack's markup. Angle brackets are variables to EventBridge, so they become JSON's escapes."""


def event_pattern(message: Message, scope: Scope, pipelines: Sequence[str]) -> str:
    """Which events a message is for, as a rule's JSON: those of this stack, and of no other.

    Args:
        message: what is told.
        scope: the stack.
        pipelines: its pipelines' names, which its services' composite alarms and repositories have too.
    """
    detail = dict(message.detail)
    events: dict[str, Any] = {"source": [message.source], "detail-type": [message.detail_type], "detail": detail}
    match message.subject:
        case "pipeline" | "job":
            detail["pipeline"] = list(pipelines)
        case "alarm":
            detail["alarmName"] = list(pipelines)
        case "image":
            detail["repository-name"] = list(pipelines)
        case "service":
            events["resources"] = [{"prefix": scope.arn("ecs", f"service/{scope.cluster}/{scope.name('')}")}]
        case "hook":  # whose resource is the service deployment (ECS, hook state change events)
            detail["serviceArn"] = [{"prefix": scope.arn("ecs", f"service/{scope.cluster}/{scope.name('')}")}]
        case "task":  # a service's; a migration's are told by its build
            cluster = scope.arn("ecs", f"cluster/{scope.cluster}")
            detail |= {"clusterArn": [cluster], "group": [{"prefix": f"service:{scope.name('')}"}]}
    return json.dumps(events, separators=(",", ":"))


def longest_pattern_length(pipelines: Sequence[str]) -> int:
    """Characters of the longest pattern, one that names all pipelines; at most MAX_PATTERN_LENGTH are allowed."""
    nowhere = Scope(stack="", partition="", region="", account="")
    known = messages("all", jobs=True).values()
    return max(len(event_pattern(message, nowhere, pipelines)) for message in known)


def console_url(scope: Scope, page: str) -> str:
    """The address of a page of the AWS console."""
    of_stack = page.format(region=scope.region, stack=scope.stack, cluster=scope.cluster, account=scope.account)
    return f"https://{scope.region}.console.aws.amazon.com/{of_stack}"


def webhook_transformer(message: Message, scope: Scope, *, production: bool) -> Transformer:
    """What an incoming webhook of Slack's takes.

    Args:
        message: what to say.
        scope: the stack.
        production: whether it stands out.
    """
    title = f"{'🚨 ' if production else ''}[{scope.stack}] {message.title}"
    pages = LINKS[message.subject].items()
    links = [f"{LINK_START}{console_url(scope, page)}|{label}{LINK_END}" for label, page in pages]
    if message.extra_link:
        links.append(f"<{message.extra_link}>")
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        *(
            {"type": "section", "text": {"type": "plain_text", "text": line.replace(STACK, scope.stack)}}
            for line in message.lines
        ),
        {"type": "context", "elements": [{"type": "mrkdwn", "text": " · ".join(links)}]},
    ]
    body = {"text": title, "attachments": [{"color": message.color, "blocks": blocks}]}
    template = json.dumps(body, ensure_ascii=False).replace(LINK_START, r"\u003c").replace(LINK_END, r"\u003e")
    used = {name: path for name, path in MORE_PATHS[message.source].items() if f"<{name}>" in template}
    return {"input_paths": {**INPUT_PATHS[message.subject], **used}, "input_template": template}
