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

CLOUDFORMATION = {
    "aws:appautoscaling/policy:Policy": "ApplicationAutoScaling::ScalingPolicy",
    "aws:appautoscaling/target:Target": "ApplicationAutoScaling::ScalableTarget",
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": "CloudWatch::CompositeAlarm",
    "aws:cloudwatch/dashboard:Dashboard": "CloudWatch::Dashboard",
    "aws:cloudwatch/eventApiDestination:EventApiDestination": "Events::ApiDestination",
    "aws:cloudwatch/eventConnection:EventConnection": "Events::Connection",
    "aws:cloudwatch/eventRule:EventRule": "Events::Rule",
    "aws:iam/policy:Policy": "IAM::ManagedPolicy",
    "aws:sqs/queue:Queue": "SQS::Queue",
    "aws:cloudwatch/logGroup:LogGroup": "Logs::LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "CloudWatch::Alarm",
    "aws:cloudwatch/queryDefinition:QueryDefinition": "Logs::QueryDefinition",
    "aws:codebuild/project:Project": "CodeBuild::Project",
    "aws:codepipeline/pipeline:Pipeline": "CodePipeline::Pipeline",
    "aws:ec2/eip:Eip": "EC2::EIP",
    "aws:ec2/natGateway:NatGateway": "EC2::NatGateway",
    "aws:ec2/route:Route": "EC2::Route",
    "aws:ec2/routeTable:RouteTable": "EC2::RouteTable",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "EC2::SubnetRouteTableAssociation",
    "aws:ec2/securityGroup:SecurityGroup": "EC2::SecurityGroup",
    "aws:ec2/subnet:Subnet": "EC2::Subnet",
    "aws:ec2/vpc:Vpc": "EC2::VPC",
    "aws:ec2/vpcEndpoint:VpcEndpoint": "EC2::VPCEndpoint",
    "aws:ecr/repository:Repository": "ECR::Repository",
    "aws:ecs/cluster:Cluster": "ECS::Cluster",
    "aws:ecs/service:Service": "ECS::Service",
    "aws:ecs/taskDefinition:TaskDefinition": "ECS::TaskDefinition",
    "aws:iam/role:Role": "IAM::Role",
    "aws:iam/rolePolicy:RolePolicy": "IAM::RolePolicy",
    "aws:iam/user:User": "IAM::User",
    "aws:iam/userPolicy:UserPolicy": "IAM::UserPolicy",
    "aws:kms/alias:Alias": "KMS::Alias",
    "aws:kms/key:Key": "KMS::Key",
    "aws:lambda/function:Function": "Lambda::Function",
    "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "Lambda::EventInvokeConfig",
    "aws:lb/listener:Listener": "ElasticLoadBalancingV2::Listener",
    "aws:lb/listenerRule:ListenerRule": "ElasticLoadBalancingV2::ListenerRule",
    "aws:lb/loadBalancer:LoadBalancer": "ElasticLoadBalancingV2::LoadBalancer",
    "aws:lb/targetGroup:TargetGroup": "ElasticLoadBalancingV2::TargetGroup",
    "aws:route53/record:Record": "Route53::RecordSet",
    "aws:s3/bucket:Bucket": "S3::Bucket",
    "aws:s3/bucketPolicy:BucketPolicy": "S3::BucketPolicy",
    "aws:ssm/parameter:Parameter": "SSM::Parameter",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "EC2::SecurityGroupEgress",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "EC2::SecurityGroupIngress",
}
IN_PLACE = {
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


@pytest.mark.parametrize("token", sorted(CLOUDFORMATION))
def test_what_cloudformation_replaces_is_replaced(token: str) -> None:
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("eu-west-1", f"AWS::{CLOUDFORMATION[token]}").schema
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
