"""Lambda functions that run this project's own Python."""

from collections.abc import Mapping, Sequence
from typing import TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import service_role
from releases.names import function_log_group

RUNTIME, ARCHITECTURE = "python3.13", "arm64"
MEMORY = 512
"""MB, which is what makes boto3 load in half a second."""


class FunctionArgs(TypedDict):
    """Inputs of `python_function`."""

    full_name: str
    """In AWS, of the function and its role."""
    account: str
    """On whose behalf the role is assumed only."""
    handler: str
    bucket: pulumi.Input[str]
    """Where the code is."""
    key: pulumi.Input[str]
    """The code's object."""
    variables: Mapping[str, pulumi.Input[str]]
    timeout: int
    """Seconds of one call."""
    permissions: Sequence[policies.Statement]
    """What it may do besides writing its log."""
    log_retention_days: int


def python_function(name: str, args: FunctionArgs, opts: pulumi.ResourceOptions) -> aws.lambda_.Function:
    """A function `name` with its log group `{name}-logs`, its role `{name}-role` and the role's policy."""
    full_name = args["full_name"]
    logs = aws.cloudwatch.LogGroup(
        f"{name}-logs",
        name=function_log_group(full_name),
        retention_in_days=args["log_retention_days"],
        opts=opts,
    )
    permissions = [*policies.write_logs(logs.arn), *args["permissions"]]
    role, policy = service_role(name, full_name, "lambda", permissions, args["account"], opts)
    return aws.lambda_.Function(
        name,
        name=full_name,
        role=role.arn,
        runtime=RUNTIME,
        architectures=[ARCHITECTURE],
        handler=args["handler"],
        memory_size=MEMORY,
        timeout=args["timeout"],
        s3_bucket=args["bucket"],
        s3_key=args["key"],
        environment={"variables": dict(args["variables"])},
        logging_config={"log_format": "Text", "log_group": logs.name},
        opts=pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(depends_on=[policy])),
    )
