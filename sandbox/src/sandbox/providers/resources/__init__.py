"""What the AWS provider writes through: a handler for every resource type and data source it knows."""

from __future__ import annotations

from sandbox.providers.resources import (
    cloud_map,
    code,
    codedeploy,
    dns_acm,
    ec2,
    ecr,
    ecs,
    elbv2,
    functions,
    iam,
    logs_events,
    messaging,
    s3,
    scaling,
    scheduler,
    security_groups,
    ssm_kms,
)
from sandbox.providers.resources.invokes import INVOKES
from sandbox.providers.types import Resource

__all__ = ["INVOKES", "RESOURCES"]

_MODULES = (
    cloud_map,
    code,
    codedeploy,
    dns_acm,
    ec2,
    ecr,
    ecs,
    elbv2,
    functions,
    iam,
    logs_events,
    messaging,
    s3,
    scaling,
    scheduler,
    security_groups,
    ssm_kms,
)
RESOURCES: dict[str, Resource] = {token: handler for module in _MODULES for token, handler in module.RESOURCES.items()}
