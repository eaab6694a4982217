"""What is public."""

import json
from typing import Any

import pytest
from pulumi_policy import PolicyResource

from cases import UNKNOWN, judged, refused, resource, stack_violations, violations

OPEN = "only-the-load-balancer-is-open"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
RULE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
SERVICE = "aws:ecs/service:Service"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
ALL_FOUR = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")


def network(**of_balancer: Any) -> tuple[PolicyResource, PolicyResource, list[PolicyResource]]:
    """A load balancer that listens on 443, its security group, and that of tasks."""
    balancers, tasks = resource(GROUP, "balancer-sg", {}), resource(GROUP, "tasks-sg", {})
    balancer = resource(
        "aws:lb/loadBalancer:LoadBalancer",
        "alb",
        {"securityGroups": [UNKNOWN], **of_balancer},
        securityGroups=balancers,
    )
    listener = resource("aws:lb/listener:Listener", "https", {"port": 443.0}, loadBalancerArn=balancer)
    return balancers, tasks, [balancers, tasks, balancer, listener]


@pytest.mark.parametrize(
    ("to", "ingress", "words"),
    [
        ("balancer", {"cidrIpv4": "0.0.0.0/0", "fromPort": 443.0, "toPort": 443.0}, None),
        ("balancer", {"cidrIpv6": "::/0", "fromPort": 443.0, "toPort": 443.0}, None),
        ("balancer", {"cidrIpv4": "0.0.0.0/0", "fromPort": 22.0, "toPort": 22.0}, "0.0.0.0/0 may reach port 22"),
        (
            "balancer",
            {"cidrIpv4": "0.0.0.0/0", "fromPort": 0.0, "toPort": 65535.0},
            "0.0.0.0/0 may reach ports 0 to 65535",
        ),
        ("tasks", {"cidrIpv4": "0.0.0.0/0", "fromPort": 443.0, "toPort": 443.0}, "0.0.0.0/0 may reach port 443"),
        ("tasks", {"cidrIpv6": "::/0", "ipProtocol": "-1"}, "::/0 may reach every port"),
        ("tasks", {"cidrIpv4": "10.0.0.0/8", "fromPort": 22.0, "toPort": 22.0}, None),
        ("tasks", {"referencedSecurityGroupId": UNKNOWN, "fromPort": 4000.0, "toPort": 4000.0}, None),
        ("tasks", {"cidrIpv4": UNKNOWN, "fromPort": 4000.0, "toPort": 4000.0}, None),
    ],
)
def test_who_may_come_in(to: str, ingress: dict[str, Any], words: str | None) -> None:
    balancers, tasks, resources = network()
    group = balancers if to == "balancer" else tasks
    said = stack_violations(OPEN, [*resources, resource(RULE, "in", ingress, securityGroupId=group)])
    assert [name for name, _ in said] == (["in"] if words else [])
    for _, message in said:
        assert message.startswith(f"in: {words}")
        assert "cluster.allowed_cidrs" in message


@pytest.mark.parametrize(("internal", "found"), [(False, 0), (True, 1), (UNKNOWN, 0)])
def test_an_internal_load_balancer_lets_nobody_in_from_everywhere(internal: Any, found: int) -> None:
    balancers, _, resources = network(internal=internal)
    ingress = {"cidrIpv4": "0.0.0.0/0", "fromPort": 443.0, "toPort": 443.0}
    assert len(stack_violations(OPEN, [*resources, resource(RULE, "in", ingress, securityGroupId=balancers)])) == found


@pytest.mark.parametrize(
    ("token", "properties", "found"),
    [
        (GROUP, {"ingress": [{"cidrBlocks": ["10.0.0.0/8", "0.0.0.0/0"], "fromPort": 22.0, "toPort": 22.0}]}, 1),
        (GROUP, {"ingress": [{"cidrBlocks": [UNKNOWN, "0.0.0.0/0"], "fromPort": 22.0, "toPort": 22.0}]}, 1),
        (GROUP, {"ingress": [{"securityGroups": [UNKNOWN], "fromPort": 22.0, "toPort": 22.0}]}, 0),
        (GROUP, {"egress": [{"cidrBlocks": ["0.0.0.0/0"]}]}, 0),
        ("aws:ec2/securityGroupRule:SecurityGroupRule", {"type": "ingress", "cidrBlocks": ["0.0.0.0/0"]}, 1),
        ("aws:ec2/securityGroupRule:SecurityGroupRule", {"type": "egress", "cidrBlocks": ["0.0.0.0/0"]}, 0),
    ],
)
def test_the_other_ways_to_write_it(token: str, properties: dict[str, Any], found: int) -> None:
    assert len(stack_violations(OPEN, [resource(token, "in", properties)])) == found


PUBLIC = "nothing-else-is-public"


@pytest.mark.parametrize(
    ("token", "properties", "words"),
    [
        (
            SERVICE,
            {"networkConfiguration": {"assignPublicIp": True}},
            "`fargate-delivery:network.nat` in Pulumi.prd.yaml",
        ),
        ("aws:ec2/instance:Instance", {"associatePublicIpAddress": True}, "associate_public_ip_address=False"),
        ("aws:ec2/eip:Eip", {"instance": "i-0123"}, "behind the load balancer"),
        ("aws:rds/instance:Instance", {"publiclyAccessible": True}, "publicly_accessible=False"),
        ("aws:rds/clusterInstance:ClusterInstance", {"publiclyAccessible": True}, "publicly_accessible=False"),
        ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "NONE"}, 'authorization_type="AWS_IAM"'),
        ("aws:s3/bucketAcl:BucketAcl", {"acl": "public-read"}, "Take it away"),
        (BLOCK, dict.fromkeys(ALL_FOUR[1:], True), "blockPublicAcls is off. Set all four"),
    ],
)
def test_what_is_public_is_refused(token: str, properties: dict[str, Any], words: str) -> None:
    refused(violations(PUBLIC, token, properties), words)


@pytest.mark.parametrize(
    ("token", "properties"),
    [
        (SERVICE, {"networkConfiguration": {"assignPublicIp": False}}),
        (SERVICE, {}),
        ("aws:ec2/instance:Instance", {}),
        ("aws:ec2/eip:Eip", {"domain": "vpc"}),
        ("aws:rds/instance:Instance", {"publiclyAccessible": False}),
        ("aws:lambda/functionUrl:FunctionUrl", {"authorizationType": "AWS_IAM"}),
        ("aws:s3/bucketAcl:BucketAcl", {"acl": "private"}),
        (BLOCK, dict.fromkeys(ALL_FOUR, True)),
    ],
)
def test_what_is_not_passes(token: str, properties: dict[str, Any]) -> None:
    assert violations(PUBLIC, token, properties) == []


def test_tasks_may_have_public_addresses_where_there_is_no_nat_but_in_production() -> None:
    public = {"networkConfiguration": {"assignPublicIp": True}}
    assert violations(PUBLIC, SERVICE, public, stack="dev") == []
    refused(violations(PUBLIC, SERVICE, public, stack="prd-tokyo"), "Pulumi.prd-tokyo.yaml")


def test_a_bucket_has_a_public_access_block() -> None:
    bucket, other = resource("aws:s3/bucket:Bucket", "store", {}), resource("aws:s3/bucket:Bucket", "other", {})
    block = resource(BLOCK, "private", {}, bucket=bucket)
    assert stack_violations("buckets-are-private", [bucket, block]) == []
    ((name, message),) = stack_violations("buckets-are-private", [bucket, block, other])
    assert name == "other"
    assert message.startswith("other: it may be made public. Add an aws.s3.BucketPublicAccessBlock")


POLICIES = "no-policy-for-everybody"
ROLE = "aws:iam/role:Role"
GITHUB = {"Federated": "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com"}
AUD = {"token.actions.githubusercontent.com:aud": "sts.amazonaws.com"}
SUB = {"token.actions.githubusercontent.com:sub": "repo:example/infra:pull_request"}


def document(**statement: Any) -> str:
    return json.dumps({"Statement": {"Effect": "Allow", "Action": "sts:AssumeRole", **statement}})


@pytest.mark.parametrize(
    "token",
    [
        "aws:s3/bucketPolicy:BucketPolicy",
        "aws:sqs/queuePolicy:QueuePolicy",
        "aws:sns/topicPolicy:TopicPolicy",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        "aws:kms/key:Key",
        "aws:kms/keyPolicy:KeyPolicy",
    ],
)
@pytest.mark.parametrize("principal", ["*", {"AWS": "*"}, {"AWS": ["arn:aws:iam::1:root", "*"]}])
def test_a_policy_for_everybody_is_refused(token: str, principal: Any) -> None:
    refused(violations(POLICIES, token, {"policy": document(Principal=principal)}), "Name the principals")
    bound = {"ArnEquals": {"aws:SourceArn": "arn:aws:events:eu-west-1:123456789012:rule/one"}}
    assert violations(POLICIES, token, {"policy": document(Principal=principal, Condition=bound)}) == []
    assert violations(POLICIES, token, {"policy": document(Effect="Deny", Principal=principal)}) == []
    assert violations(POLICIES, token, {"policy": document(Principal={"Service": "events.amazonaws.com"})}) == []
    assert violations(POLICIES, token, {"policy": UNKNOWN}) == []
    assert violations(POLICIES, token, {}) == []


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Principal": "*"}, ("everybody may assume it",)),
        ({"NotPrincipal": {"AWS": "arn:aws:iam::1:root"}}, ("everybody may assume it",)),
        ({"Principal": GITHUB, "Condition": {"StringEquals": AUD}}, ("whatever its sub", "Hold it to a sub")),
        ({"Principal": GITHUB, "Condition": {"StringEquals": SUB}}, ("whatever its aud",)),
        ({"Principal": GITHUB, "Condition": {"StringEquals": AUD, "StringLike": SUB}}, None),
        ({"Principal": {"Service": "ecs-tasks.amazonaws.com"}}, None),
    ],
)
def test_who_may_assume_a_role(statement: dict[str, Any], words: tuple[str, ...] | None) -> None:
    said = violations(POLICIES, ROLE, {"assumeRolePolicy": document(**statement)})
    if words is None:
        assert said == []
    else:
        refused(said, "assume_role_policy", *words)


REDIRECT = [{"type": "redirect", "redirect": {"protocol": "HTTPS", "port": "443"}}]
FORWARD = [{"type": "forward", "targetGroupArn": UNKNOWN}]


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({"protocol": "HTTP", "defaultActions": FORWARD}, "HTTP is not encrypted. Make it HTTPS"),
        ({"protocol": "HTTP", "defaultActions": [*REDIRECT, *FORWARD]}, "let it redirect to HTTPS"),
        ({"protocol": "TCP", "defaultActions": FORWARD}, "TCP is not encrypted"),
        (
            {"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-2016-08"},
            "TLS_POLICY in components/platform/load_balancer.py",
        ),
        ({"protocol": "HTTPS"}, "ssl_policy none"),
        ({"protocol": "HTTP", "defaultActions": REDIRECT}, None),
        ({"protocol": "HTTPS", "sslPolicy": "ELBSecurityPolicy-TLS13-1-2-2021-06", "defaultActions": FORWARD}, None),
    ],
)
def test_listeners(properties: dict[str, Any], words: str | None) -> None:
    said = violations("listeners-use-tls", "aws:lb/listener:Listener", properties)
    judged(said, words)
