"""Logs that are kept: for a time, and long enough."""

import json
from collections.abc import Iterator

from pulumi_policy import ResourceValidationArgs

from rule import in_production, rule, stack_key

PRODUCTION_DAYS = 90
"""What production's logs are kept at least: a fault may be looked into months after it."""


def _log_group(args: ResourceValidationArgs) -> Iterator[str]:
    days = int(args.props.get("retentionInDays") or 0)
    key = stack_key(args, "cluster.log_retention_days")
    if not days:
        yield f"its logs are kept for ever. Set retention_in_days, as {key} says."
    elif in_production(args.urn) and days < PRODUCTION_DAYS:
        yield f"production's logs are kept for {days} days. Set {key} to {PRODUCTION_DAYS} or more."


def _build(args: ResourceValidationArgs) -> Iterator[str]:
    logs = (args.props.get("logsConfig") or {}).get("cloudwatchLogs") or {}
    if logs.get("status") != "DISABLED" and "groupName" not in logs:
        yield (
            "CodeBuild makes a log group of its own for it, which keeps logs for ever. Name one with a retention in "
            "logs_config."
        )


def _containers(args: ResourceValidationArgs) -> Iterator[str]:
    for container in json.loads(args.props["containerDefinitions"]):
        options = container.get("logConfiguration", {}).get("options", {})
        if options.get("awslogs-create-group") == "true":
            yield (
                f"container {container['name']} makes a log group of its own, which keeps logs for ever. Take "
                "awslogs-create-group out of the template in task_templates/, and log to ${log_group}."
            )


RULES = [
    rule(
        "log-retention",
        f"Logs are kept for a time, production's for {PRODUCTION_DAYS} days or more.",
        {
            "aws:cloudwatch/logGroup:LogGroup": _log_group,
            "aws:codebuild/project:Project": _build,
            "aws:ecs/taskDefinition:TaskDefinition": _containers,
        },
    )
]
