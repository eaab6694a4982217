"""Lambda functions that run this project's own Python."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import service_role
from components.platform.delivery_store import DeliveryStore
from components.scope import Scope
from releases.names import function_log_group

RUNTIME, ARCHITECTURE = "python3.13", "arm64"
MEMORY = 512
"""MB, which is what makes boto3 load in half a second."""


def python_function(
    name: str,
    full_name: str,
    *,
    handler: str,
    store: DeliveryStore,
    variables: Mapping[str, pulumi.Input[str]],
    timeout: int,
    permissions: Sequence[policies.Statement],
    scope: Scope,
    log_retention_days: int,
    opts: pulumi.ResourceOptions,
) -> aws.lambda_.Function:
    """A function `name` with its log group `{name}-logs`, its role `{name}-role` and the role's policy.

    Args:
        name: in Pulumi.
        full_name: in AWS, of the function and its role.
        handler: `module.function` of the steps' code.
        store: where that is.
        variables: environment variables.
        timeout: seconds of one call.
        permissions: what it may do besides writing its log.
        scope: of the stack.
        log_retention_days: how long its log is kept.
        opts: of all of them.
    """
    logs = aws.cloudwatch.LogGroup(
        f"{name}-logs",
        name=function_log_group(full_name),
        retention_in_days=log_retention_days,
        opts=opts,
    )
    statements = [*policies.write_logs(logs.arn), *permissions]
    role, policy = service_role(name, full_name, "lambda", statements, scope, opts)
    return aws.lambda_.Function(
        name,
        name=full_name,
        role=role.arn,
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        handler=handler,
        memory_size=MEMORY,
        timeout=timeout,
        s3_bucket=store.bucket,
        s3_key=store.steps_key,
        environment={"variables": dict(variables)},
        logging_config={"log_format": "Text", "log_group": logs.name},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[policy])),
    )


def let_rule_call(
    name: str, function: aws.lambda_.Function, rule: aws.cloudwatch.EventRule, opts: pulumi.ResourceOptions
) -> aws.lambda_.Permission:
    """Who calls a function says its own policy (EventBridge, using resource-based policies): `{name}-permission`."""
    return aws.lambda_.Permission(
        f"{name}-permission",
        statement_id="ended",
        function=function.name,
        action="lambda:InvokeFunction",
        principal="events.amazonaws.com",
        source_arn=rule.arn,
        opts=opts,
    )
