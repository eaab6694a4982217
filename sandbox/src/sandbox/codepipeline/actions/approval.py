"""Manual approval: waits for PutApprovalResult.

https://docs.aws.amazon.com/codepipeline/latest/userguide/approvals.html
"""

from __future__ import annotations

import time

from botocore.exceptions import ClientError

from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult, permission_or
from sandbox.codepipeline.model import new_id

DEFAULT_MINUTES = 7 * 24 * 60


def run(context: ActionContext) -> ActionResult:
    """Approved: the comment is the summary. Rejected or out of time: the action fails."""
    action = context.action
    minutes = float(action.declaration.get("timeoutInMinutes") or DEFAULT_MINUTES)
    action.token = new_id()
    _notify(context)
    deadline = context.deadline(minutes)
    while not action.decided.is_set():
        if time.monotonic() > deadline:
            raise ActionFailure("TimeoutError", f"The approval was not answered within {minutes:g} minutes.")
        context.pause(2)
    status, summary = action.decision or ("Rejected", "")
    if status != "Approved":
        raise ActionFailure("ApprovalRejected", f"Rejected: {summary}", summary)
    return ActionResult(summary)


def _notify(context: ActionContext) -> None:
    topic = context.configuration.get("NotificationArn")
    if not topic:
        return
    name = context.execution.pipeline
    try:
        context.client("sns").publish(
            TopicArn=topic,
            Subject=f"APPROVAL NEEDED: AWS CodePipeline {name} for action {context.action.name}"[:100],
            Message=context.configuration.get("CustomData", "") or name,
        )
    except ClientError as error:
        raise permission_or(error, "ConfigurationError", f"to publish to the topic {topic}") from error
