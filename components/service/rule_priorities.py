"""Priorities of listener rules that change hands: two that are swapped, and one that a new rule takes over.

AWS refuses a priority that another rule has, and Pulumi creates before it deletes, and updates one by one. So whoever
has it makes room first: that rule gets the last free priority until its own turn comes, to be updated or deleted.
"""

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import boto3
import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from releases.errors import DeliveryError, explained

LAST = 50000
"""The lowest priority of a rule (ELB, CreateRule)."""
OURS = re.compile(r":targetgroup/[a-z][a-z0-9-]*-(\d{1,5}|[a-z]{5}|blue|green)-[0-9a-f]{7}/")
"""ARNs of target groups as `route_names` and the provider name them."""


def rule_hooks(session: boto3.Session) -> pulumi.ResourceHookBinding:
    """The hooks of all listener rules of a stack.

    Args:
        session: AWS, with the credentials and the region of the provider.
    """
    one_by_one = threading.Lock()

    def called(change: Callable[..., None], listener: str, priority: int, rule: str | None) -> None:
        with one_by_one:
            try:
                change(session.client("elbv2"), listener, priority, rule)
            except (BotoCoreError, ClientError) as error:
                raise DeliveryError(f"priority {priority} of the listener: {explained(error)}") from None

    async def before(args: pulumi.ResourceHookArgs) -> None:
        new, old = args.new_inputs or {}, args.old_inputs or {}
        if new.get("priority") != old.get("priority"):
            await asyncio.to_thread(called, make_room, new["listenerArn"], int(new["priority"]), args.id or None)

    async def after(args: pulumi.ResourceHookArgs) -> None:
        new, old = args.new_inputs or {}, args.old_inputs or {}
        if new.get("priority") != old.get("priority"):
            await asyncio.to_thread(called, take_back, new["listenerArn"], int(new["priority"]), args.id)

    first = pulumi.ResourceHook("rule-makes-room", before)
    return pulumi.ResourceHookBinding(
        before_create=[first], before_update=[first], after_update=[pulumi.ResourceHook("rule-keeps-place", after)]
    )


def make_room(elbv2: Any, listener: str, priority: int, rule: str | None) -> None:
    """Give another rule that has a priority the last free one, if there is such a rule.

    Args:
        elbv2: a client.
        listener: the listener's ARN.
        priority: the one that is wanted.
        rule: the ARN of the rule that wants it; None for one that is not there yet.

    Raises:
        DeliveryError: a rule has it that no stack of this program made; what to do instead.
    """
    rules = _rules(elbv2, listener)
    holder = next((each for each in rules if each["Priority"] == str(priority) and each["RuleArn"] != rule), None)
    if holder is None:
        return
    groups = re.findall(r"arn:[^'\"]+:targetgroup/[^'\"]+", str(holder["Actions"]))
    if not groups or not all(OURS.search(group) for group in groups):
        raise DeliveryError(
            f"priority {priority} of the listener is taken by {holder['RuleArn']}, which is none of this program's; "
            "give the route another priority in the stack file, or take that rule away first"
        )
    taken = {each["Priority"] for each in rules}
    free = next(number for number in range(LAST, 0, -1) if str(number) not in taken)
    elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": holder["RuleArn"], "Priority": free}])


def take_back(elbv2: Any, listener: str, priority: int, rule: str) -> None:
    """Give a rule its priority again, where it made room for another one while it was updated itself."""
    current = next((each["Priority"] for each in _rules(elbv2, listener) if each["RuleArn"] == rule), None)
    if current is not None and current != str(priority):
        elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": rule, "Priority": priority}])


def _rules(elbv2: Any, listener: str) -> list[Any]:
    pages = elbv2.get_paginator("describe_rules").paginate(ListenerArn=listener)
    return [rule for page in pages for rule in page["Rules"]]
