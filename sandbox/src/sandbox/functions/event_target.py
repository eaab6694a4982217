"""Functions as targets of event rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sandbox.account.account import Account
from sandbox.account.authorization import service_may
from sandbox.account.errors import AwsError
from sandbox.eventbridge.transform import TransformError, target_input
from sandbox.iam.calls import Need

Event = dict[str, Any]


def call_function(account: Account, event: Event, rule_arn: str, target: Mapping[str, Any]) -> None:
    """Put the target's input into a function's queue, if the function's own policy allows the rule.

    Whatever becomes of it then is between Lambda and the function.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
    """
    if target.get("RoleArn"):
        raise TransformError("a function target takes no role: the function's policy lets the rule call it")
    arn, client = str(target["Arn"]), account.client("lambda")
    payload = target_input(target, event, rule_arn)
    client.get_function(FunctionName=arn)
    try:
        policy = client.get_policy(FunctionName=arn)["Policy"]
    except client.exceptions.ResourceNotFoundException:
        policy = None
    need = Need("lambda:InvokeFunction", arn, {"aws:SourceArn": rule_arn, "aws:SourceAccount": account.id})
    if not service_may(account, "events.amazonaws.com", need, policy):
        raise AwsError("AccessDeniedException", f"the policy of {arn} does not let {rule_arn} call it", 403)
    client.invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())


TARGETS = {"lambda": call_function}
