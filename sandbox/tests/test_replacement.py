"""Which changes replace: the table, against CloudFormation's own schemas."""

from typing import Any

import pytest
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER

from sandbox.providers.replacement import (
    ALL,
    EXCEPT,
    REFUSED,
    REPLACES,
    WHEN,
    refusal,
    replacing,
    top_level,
)
from sandbox.providers.resources import RESOURCES
from sandbox.providers.resources.codec import folded
from sandbox.providers.schema import schema_of

SERVICES = {
    "acm": "CertificateManager",
    "appautoscaling": "ApplicationAutoScaling",
    "lb": "ElasticLoadBalancingV2",
    "vpc": "EC2",
}
"""CloudFormation's services by the provider's modules, where the names differ."""
NAMED = {
    "aws:appautoscaling/policy:Policy": "ApplicationAutoScaling::ScalingPolicy",
    "aws:appautoscaling/target:Target": "ApplicationAutoScaling::ScalableTarget",
    "aws:cloudwatch/eventApiDestination:EventApiDestination": "Events::ApiDestination",
    "aws:cloudwatch/eventConnection:EventConnection": "Events::Connection",
    "aws:cloudwatch/eventRule:EventRule": "Events::Rule",
    "aws:cloudwatch/logGroup:LogGroup": "Logs::LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "CloudWatch::Alarm",
    "aws:cloudwatch/queryDefinition:QueryDefinition": "Logs::QueryDefinition",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "EC2::SubnetRouteTableAssociation",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "ECS::ClusterCapacityProviderAssociations",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "IAM::OIDCProvider",
    "aws:iam/policy:Policy": "IAM::ManagedPolicy",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "Lambda::EventInvokeConfig",
    "aws:route53/record:Record": "Route53::RecordSet",
    "aws:route53/zone:Zone": "Route53::HostedZone",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "EC2::SecurityGroupEgress",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "EC2::SecurityGroupIngress",
}
"""CloudFormation's types by the provider's, where the names differ."""
PARTS = {
    "aws:acm/certificateValidation:CertificateValidation",
    "aws:appautoscaling/scheduledAction:ScheduledAction",
    "aws:cloudwatch/eventTarget:EventTarget",
    "aws:ecr/lifecyclePolicy:LifecyclePolicy",
    "aws:ecr/repositoryPolicy:RepositoryPolicy",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
    "aws:s3/bucketNotification:BucketNotification",
    "aws:s3/bucketObjectv2:BucketObjectv2",
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls",
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
    "aws:s3/bucketVersioning:BucketVersioning",
}
"""What CloudFormation has no type for: it is a part of another one there, or nothing."""
IN_PLACE = {
    "aws:codedeploy/deploymentGroup:DeploymentGroup": {"deploymentGroupName"},  # UpdateDeploymentGroup
    "aws:ec2/routeTableAssociation:RouteTableAssociation": {"routeTableId"},  # ReplaceRouteTableAssociation
    "aws:ec2/vpcEndpoint:VpcEndpoint": {"dnsOptions"},  # ModifyVpcEndpoint
    "aws:iam/user:User": {"name"},  # UpdateUser
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": {"cidrIpv6", "fromPort", "ipProtocol", "toPort"},
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": {"cidrIpv6", "fromPort", "ipProtocol", "toPort"},
}
"""What pulumi-aws changes by a call that CloudFormation does not use (of a rule: ModifySecurityGroupRules)."""


def test_the_table_has_every_type_that_is_served_and_no_unknown_property() -> None:
    assert set(REPLACES) == set(RESOURCES)
    for token, names in REPLACES.items():
        inputs = schema_of(token).inputs()
        assert names - {ALL} <= inputs, token
        assert EXCEPT.get(token, frozenset()) <= inputs | {"tagsAll"}, token
    assert all(name in schema_of(token).inputs() for token, name in [*WHEN, *REFUSED])


def cloudformation(token: str) -> dict[str, Any]:
    """The schema of CloudFormation's type."""
    module, kind = token.removeprefix("aws:").partition("/")[0], token.rpartition(":")[2]
    name = f"AWS::{NAMED.get(token, f'{SERVICES.get(module, module)}::{kind}')}".lower()
    (known,) = (each for each in PROVIDER_SCHEMA_MANAGER.get_resource_types("eu-west-1") if each.lower() == name)
    schema: dict[str, Any] = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", known).schema
    return schema


@pytest.mark.parametrize("token", sorted(set(REPLACES) - PARTS))
def test_what_cloudformation_replaces_is_replaced(token: str) -> None:
    schema = cloudformation(token)
    by_name = {folded(name): name for name in schema_of(token).inputs()}
    renamed = {api: name for name, api in getattr(RESOURCES[token], "names", {}).items()}
    for pointer in schema.get("createOnlyProperties", []):
        property = pointer.removeprefix("/properties/").split("/")[0]
        name = renamed.get(property) or by_name.get(folded(property))
        if name is not None and name not in IN_PLACE.get(token, set()):
            assert replacing(token, [name], {}, {}) == {name}


@pytest.mark.parametrize(
    ("token", "changed", "olds", "news", "replaces"),
    [
        ("aws:ecs/taskDefinition:TaskDefinition", ["cpu", "tags.a"], {}, {}, {"cpu"}),
        ("aws:lb/targetGroup:TargetGroup", ["port", "healthCheck.path"], {}, {}, {"port"}),
        ("aws:ssm/parameter:Parameter", ["tier"], {"tier": "Advanced"}, {"tier": "Standard"}, {"tier"}),
        ("aws:ssm/parameter:Parameter", ["tier"], {"tier": "Standard"}, {"tier": "Advanced"}, set()),
        ("aws:ssm/parameter:Parameter", ["value", "type"], {}, {}, set()),
        (
            "aws:ecs/service:Service",
            ["deploymentController.type"],
            {},
            {"deploymentController": {"type": "CODE_DEPLOY"}},
            {"deploymentController.type"},
        ),
        ("aws:ecs/service:Service", ["deploymentController"], {}, {"deploymentController": {"type": "ECS"}}, set()),
        ("aws:ecs/service:Service", ["capacityProviderStrategies[0].capacityProvider"], {}, {}, set()),
        ("aws:iam/rolePolicyAttachment:RolePolicyAttachment", ["policyArn"], {}, {}, {"policyArn"}),
    ],
)
def test_replacing(
    token: str, changed: list[str], olds: dict[str, Any], news: dict[str, Any], replaces: set[str]
) -> None:
    assert replacing(token, changed, olds, news) == replaces


@pytest.mark.parametrize(("forced", "refused"), [({}, True), ({"forceNewDeployment": False}, True),
                                                 ({"forceNewDeployment": True}, False)])  # fmt: skip
def test_another_capacity_provider_is_refused_without_a_new_deployment(forced: dict[str, Any], refused: bool) -> None:
    changed = ["desiredCount", "capacityProviderStrategies[0].capacityProvider"]
    words = refusal("aws:ecs/service:Service", changed, forced)
    assert (words is not None) == refused
    assert refusal("aws:ecs/service:Service", ["desiredCount"], forced) is None


def test_a_type_without_a_row_is_an_error() -> None:
    with pytest.raises(KeyError):
        replacing("aws:kinesis/stream:Stream", ["name"], {}, {})


@pytest.mark.parametrize(("path", "name"), [("a", "a"), ("a.b", "a"), ("a[0].b", "a"), ('tags["x.y"]', "tags")])
def test_top_level(path: str, name: str) -> None:
    assert top_level(path) == name
