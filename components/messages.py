"""What Slack is told: which events, and in which words.

Each message is an EventBridge rule's pattern and its target's input transformer, which makes the body that Slack's
incoming webhooks take. What an event says stands in `plain_text` blocks, where Slack reads no markup.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SOURCE, RELEASED = "fargate-delivery", "Service Released"
"""The event of ours that the Release step publishes; its detail is the release record, with the pipeline's name."""
LONGEST_TEMPLATE, LONGEST_PATTERN = 8192, 2048
"""Characters (EventBridge, PutTargets: InputTransformer.InputTemplate; service quotas: event pattern size)."""
GOOD, BAD, NEWS, ASKING = "#2eb67d", "#e01e5a", "#36c5f0", "#ecb22e"
CONSOLE = (
    "https://{0}.console.aws.amazon.com/codesuite/codepipeline/pipelines/<pipeline>/executions/<execution>/visualization"
    "?region={0}"
)


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
    """

    title: str
    color: str
    detail_type: str
    detail: Mapping[str, Any]
    paths: Mapping[str, str] = field(default_factory=dict)
    lines: Sequence[str] = ()
    source: str = "aws.codepipeline"


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
        },
        ["Image <digest>", "from source <version>, as <definition>"],
        source=SOURCE,
    ),
}


def pattern(message: Message, pipelines: Sequence[str]) -> str:
    """Which events a message is for, as a rule's JSON: those of these pipelines, and of no others."""
    found = {
        "source": [message.source],
        "detail-type": [message.detail_type],
        "detail": {"pipeline": list(pipelines), **message.detail},
    }
    return json.dumps(found, separators=(",", ":"))


def longest_pattern(pipelines: Sequence[str]) -> int:
    """Characters of the longest pattern, which must not be more than LONGEST_PATTERN."""
    return max(len(pattern(message, pipelines)) for message in MESSAGES.values())


def transformer(message: Message, stack: str, region: str, *, production: bool) -> tuple[dict[str, str], str]:
    """A target's input transformer, its paths and its template: the body for Slack.

    Args:
        message: what to say.
        stack: the environment.
        region: for links to the console.
        production: whether it stands out.
    """
    title = f"{'🚨 ' if production else ''}[{stack}] {message.title}"
    blocks = [
        {"type": "header", "text": {"type": "plain_text", "text": title}},
        *({"type": "section", "text": {"type": "plain_text", "text": line}} for line in message.lines),
        {"type": "context", "elements": [{"type": "plain_text", "text": CONSOLE.format(region)}]},
    ]
    body = {"text": title, "attachments": [{"color": message.color, "blocks": blocks}]}
    paths = {"pipeline": "$.detail.pipeline", "execution": "$.detail.execution-id", **message.paths}
    return paths, json.dumps(body, ensure_ascii=False)
