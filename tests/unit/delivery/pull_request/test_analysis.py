"""What a reviewer is told of a change: permissions, exposure and cost, as tables of single changes."""

import json
from typing import Any

import pytest

from delivery.pull_request.cost import items, prices
from delivery.pull_request.exposure import exposed
from delivery.pull_request.permissions import Grant, compare, widened
from delivery.pull_request.preview import UNKNOWN, Change, Preview

ROLE, ROLE_POLICY = "aws:iam/role:Role", "aws:iam/rolePolicy:RolePolicy"
INGRESS = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
GROUP = "aws:ec2/securityGroup:SecurityGroup"
BUCKET_POLICY = "aws:s3/bucketPolicy:BucketPolicy"
BLOCK = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
SERVICE, DEFINITION = "aws:ecs/service:Service", "aws:ecs/taskDefinition:TaskDefinition"
SCALING, ALB = "aws:appautoscaling/target:Target", "aws:lb/loadBalancer:LoadBalancer"
ALARM = "aws:cloudwatch/metricAlarm:MetricAlarm"
ENDPOINT = "aws:ec2/vpcEndpoint:VpcEndpoint"


def change(kind: str, old: Any = None, new: Any = None, *, service: str | None = None, name: str = "x") -> Change:
    """A change of one resource; without `old` it is new, without `new` it goes."""
    action: Any = "update" if old and new else "create" if new else "delete"
    return Change(f"urn:pulumi:dev::p::{kind}::{name}", action, service, old or {}, new or {})


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "arn:b", **more: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **more}


def deny(action: str, resource: str = "arn:b") -> dict[str, Any]:
    return {"Effect": "Deny", "Action": action, "Resource": resource}


TLS = {"Bool": {"aws:SecureTransport": "true"}}
OF_US = {"StringEquals": {"AWS:PrincipalOrgID": "o-1"}}


@pytest.mark.parametrize(
    ("old", "new", "allowed"),
    [
        ([allow("s3:Get*")], [allow("s3:GetObject")], []),
        ([allow("s3:getobject")], [allow("s3:GetObject")], []),
        ([allow(["a:B", "a:C"])], [allow("a:C"), allow("a:B")], []),
        ([allow("a:B", "*")], [allow("a:B", "arn:b/x")], []),
        ([allow("a:B", "arn:b/*")], [allow("a:B", "arn:b/x/*")], []),
        ([allow("a:B"), allow("a:C")], [allow("a:B")], []),
        ([allow("a:B")], [allow("a:B", Condition=TLS)], []),
        ([allow("a:B")], [allow("a:B"), allow("a:C")], ["a:C arn:b"]),
        ([allow("a:B")], [allow("a:*")], ["a:* arn:b"]),
        ([allow("a:B")], [allow("a:B", ["arn:b", "arn:c"])], ["a:B arn:c"]),
        ([allow("a:B", "arn:b/?")], [allow("a:B", "arn:b/*")], ["a:B arn:b/*"]),
        ([allow("a:B", "arn:b/x")], [allow("a:B", "arn:b/*")], ["a:B arn:b/*"]),
        ([allow("a:B", Condition=TLS)], [allow("a:B")], ["a:B arn:b"]),
        ([], [allow("a:B")], ["a:B arn:b"]),
        ([], [deny("a:B")], []),
        ([allow("a:B")], [{"Effect": "Allow", "NotAction": ["a:C", "a:B"], "Resource": "*"}], ["!a:B, a:C *"]),
    ],
)
def test_what_is_newly_allowed(old: list[Any], new: list[Any], allowed: list[str]) -> None:
    known = compare(policy(*old), policy(*new))
    assert known is not None
    assert [f"{grant.action} {grant.resource}" for grant in known[0]] == allowed


def test_a_denial_that_goes_is_widening_too() -> None:
    known = compare(policy(deny("a:*")), policy(deny("a:B")))
    assert known == ((), (Grant("", "a:*", "arn:b"),))


def test_a_trust_policy_tells_whom() -> None:
    trust = {"Effect": "Allow", "Action": "sts:AssumeRole"}
    service, everybody = {"Service": "ecs-tasks.amazonaws.com"}, {"AWS": "*"}
    known = compare(policy({**trust, "Principal": service}), policy({**trust, "Principal": everybody}))
    assert known == ((Grant("*", "sts:AssumeRole", ""),), ())


@pytest.mark.parametrize("document", [UNKNOWN, "[secret]", "no JSON"])
def test_what_is_not_known_is_said(document: str) -> None:
    (found,) = widened([change(ROLE_POLICY, {"role": "r", "policy": policy()}, {"role": "r", "policy": document})])
    assert (found.who, found.known) == ("r", False)


def test_what_a_new_role_brings_along_is_no_widening() -> None:
    new = {"name": "r", "assumeRolePolicy": policy(allow("sts:AssumeRole"))}
    brought = change(ROLE_POLICY, None, {"role": "r", "policy": policy(allow("a:B"))})
    unnamed = change(ROLE_POLICY, None, {"role": UNKNOWN, "policy": UNKNOWN})
    other = change(ROLE_POLICY, None, {"role": "old", "policy": policy(allow("a:B"))}, name="y")
    assert [found.change for found in widened([change(ROLE, None, new), brought, unnamed, other])] == [other]


def test_a_managed_policy_that_is_attached() -> None:
    attachment = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    (found,) = widened([change(attachment, None, {"role": "old", "policyArn": "arn:admin"})])
    assert (found.who, found.managed) == ("old", "arn:admin")


@pytest.mark.parametrize("now", [{}, {"permissionsBoundary": "arn:wider"}])
def test_a_role_that_loses_its_boundary_may_do_more(now: dict[str, str]) -> None:
    bounded = {"name": "r", "permissionsBoundary": "arn:narrow"}
    (found,) = widened([change(ROLE, bounded, {"name": "r", **now})])
    assert (found.who, found.unbounded, found.known) == ("r", "arn:narrow", True)
    assert widened([change(ROLE, {"name": "r"}, bounded), change(ROLE, bounded, bounded)]) == []
    assert widened([change(ROLE, bounded, None)]) == []


def rule(cidr: str, first: Any = 22, last: Any = 22, protocol: str = "tcp") -> dict[str, Any]:
    key = "cidrIpv6" if ":" in cidr else "cidrIpv4"
    return {key: cidr, "ipProtocol": protocol, "fromPort": first, "toPort": last}


@pytest.mark.parametrize(
    ("kind", "old", "new", "how"),
    [
        (INGRESS, None, rule("0.0.0.0/0"), ["tcp port 22 open to 0.0.0.0/0"]),
        (INGRESS, None, rule("::/0", 80, 90), ["tcp ports 80-90 open to ::/0"]),
        (INGRESS, None, rule("0.0.0.0/0", None, None, "-1"), ["all ports open to 0.0.0.0/0"]),
        (INGRESS, None, rule("203.0.114.0/24"), ["tcp port 22 open to 203.0.114.0/24"]),
        (INGRESS, None, rule("10.0.0.0/8"), []),
        (INGRESS, None, rule(UNKNOWN), [f"tcp port 22 open to {UNKNOWN}"]),
        (INGRESS, None, {"referencedSecurityGroupId": "sg-1", "ipProtocol": "tcp", "fromPort": 1, "toPort": 1}, []),
        (INGRESS, rule("10.0.0.0/8"), rule("0.0.0.0/0"), ["tcp port 22 open to 0.0.0.0/0"]),
        (INGRESS, rule("0.0.0.0/0"), rule("8.8.8.0/24"), []),
        (INGRESS, rule("0.0.0.0/0"), None, []),
        (GROUP, None, {"ingress": [{"cidrBlocks": ["0.0.0.0/0", "10.0.0.0/8"], "protocol": "tcp", "fromPort": 1, "toPort": 2}]}, ["tcp ports 1-2 open to 0.0.0.0/0"]),
        (GROUP, None, {"egress": [{"cidrBlocks": ["0.0.0.0/0"], "protocol": "-1"}]}, []),
        (SERVICE, {"networkConfiguration": {"assignPublicIp": False}}, {"networkConfiguration": {"assignPublicIp": True}}, ["gives its tasks public addresses"]),
        (SERVICE, {"networkConfiguration": {"assignPublicIp": True}}, {"networkConfiguration": {"assignPublicIp": True}}, []),
        (ALB, None, {"internal": False}, ["faces the internet"]),
        (ALB, None, {"internal": True}, []),
        (ALB, {"internal": False}, {"internal": False, "tags": {}}, []),
        (BUCKET_POLICY, None, {"policy": policy(allow("s3:GetObject", Principal="*"))}, ["lets anybody s3:GetObject"]),
        (BUCKET_POLICY, None, {"policy": policy(allow("s3:GetObject", Principal={"AWS": "*"}))}, ["lets anybody s3:GetObject"]),
        (BUCKET_POLICY, None, {"policy": policy(allow("s3:GetObject", Principal="*", Condition=TLS))}, ["lets anybody s3:GetObject"]),
        (BUCKET_POLICY, None, {"policy": policy(allow("s3:GetObject", NotPrincipal={"AWS": "arn:x"}))}, ["lets anybody s3:GetObject"]),
        (BUCKET_POLICY, None, {"policy": policy(allow("s3:GetObject", Principal="*", Condition=OF_US))}, []),
        (BUCKET_POLICY, None, {"policy": policy({**deny("s3:*"), "Principal": "*"})}, []),
        (BLOCK, {"blockPublicAcls": True, "blockPublicPolicy": True}, {"blockPublicAcls": True}, ["is no longer kept from being public: blockPublicPolicy"]),
        (BLOCK, {"blockPublicAcls": True}, None, ["is no longer kept from being public"]),
    ],
)  # fmt: skip
def test_what_is_newly_public(kind: str, old: Any, new: Any, how: list[str]) -> None:
    assert [what for _, what in exposed([change(kind, old, new)])] == how


TOKYO = prices("ap-northeast-1")
CONFIG = {
    "aws:region": "ap-northeast-1",
    "p:network": json.dumps({"nat": "single"}),
    "p:services": json.dumps(
        {"web": {"task": {"cpu": 512, "memory": 1024, "architecture": "arm64"}, "tasks": {"min": 2}}}
    ),
}
ARM = {"runtimePlatform": {"cpuArchitecture": "ARM64"}}
VCPU, GB, IPV4 = 0.04045 * 730, 0.00442 * 730, 0.005 * 730
"""A month of each in Tokyo, on arm64."""


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ([change(DEFINITION, {"cpu": "512", "memory": "1024", **ARM}, {"cpu": "512", "memory": "2048", **ARM}, service="web")], {"2 tasks of 0.5 vCPU, 1 GB → 2 tasks of 0.5 vCPU, 2 GB": 2 * GB}),
        ([change(SCALING, {"minCapacity": 2}, {"minCapacity": 3}, service="web")], {"2 tasks of 0.5 vCPU, 1 GB → 3 tasks of 0.5 vCPU, 1 GB": 0.5 * VCPU + GB}),
        ([change(SCALING, {"maxCapacity": 2}, {"maxCapacity": 3}, service="web")], {}),
        ([change(SERVICE, None, {"networkConfiguration": {"assignPublicIp": True}}, service="web")], {"2 tasks of 0.5 vCPU, 1 GB, a public address": 2 * (0.5 * VCPU + GB + IPV4)}),
        ([change(SERVICE, {"name": "x"}, None, service="web")], {"2 tasks of 0.5 vCPU, 1 GB": -2 * (0.5 * VCPU + GB)}),
        ([change(SERVICE, {"networkConfiguration": {"assignPublicIp": True}}, {"networkConfiguration": {"assignPublicIp": False}}, service="web")], {"2 tasks of 0.5 vCPU, 1 GB, a public address → 2 tasks of 0.5 vCPU, 1 GB": -2 * IPV4}),
        ([change(SCALING, {"minCapacity": 2}, {"minCapacity": 3}, service="nobody-knows")], {}),
        ([change(ALB, None, {"subnets": ["a", "b"]})], {"load balancer": 0.0243 * 730 + 2 * IPV4}),
        ([change(ALB, None, {"subnets": ["a", "b"], "internal": True})], {"load balancer": 0.0243 * 730}),
        ([change(ALB, None, {"subnets": UNKNOWN})], {"load balancer": 0.0243 * 730 + 2 * IPV4}),
        ([change(ENDPOINT, None, {"vpcEndpointType": "Interface", "subnetIds": ["a", "b", "c"]})], {"VPC endpoint": 3 * 0.014 * 730}),
        ([change(ENDPOINT, None, {"vpcEndpointType": "Interface", "subnetIds": UNKNOWN})], {"VPC endpoint": 2 * 0.014 * 730}),
        ([change(ENDPOINT, None, {"vpcEndpointType": "Gateway", "routeTableIds": ["a", "b"]})], {}),
        ([change("aws:ec2/natGateway:NatGateway", {"subnetId": "a"})], {"NAT gateway": -0.062 * 730}),
        ([change("aws:kms/key:Key", None, {"description": "x"})], {"KMS key": 1.0}),
        ([change(ALARM, None, {"metricName": "x"})], {"alarm": 0.1}),
        ([change(ALARM, None, {"metricQueries": [{"id": "a", "metric": {"x": 1}}, {"id": "b", "metric": {"x": 1}}, {"id": "c", "expression": "a/b"}]})], {"alarm": 0.2}),
        ([change("aws:s3/bucket:Bucket", None, {"bucket": "x"})], {}),
    ],
)  # fmt: skip
def test_what_a_month_costs_more(changes: list[Change], expected: dict[str, float]) -> None:
    assert TOKYO is not None
    found = items(Preview(tuple(changes), CONFIG), TOKYO)
    assert {item.what: round(item.difference, 6) for item in found} == {
        what: round(cost, 6) for what, cost in expected.items()
    }


@pytest.mark.parametrize(
    ("network", "address"),
    [({"nat": "none"}, IPV4), ({"nat": "none", "endpoints": True}, 0), ({"nat": "single"}, 0), ({}, 0), (None, 0)],
    ids=["without NAT", "with endpoints instead", "with NAT", "without a word of NAT", "without a network"],
)
def test_a_task_of_a_network_without_nat_has_an_address_that_costs(network: Any, address: float) -> None:
    assert TOKYO is not None
    config = {**CONFIG, "p:network": json.dumps(network)}
    if network is None:
        del config["p:network"]
    (item,) = items(Preview((change(SCALING, {"minCapacity": 2}, {"minCapacity": 3}, service="web"),), config), TOKYO)
    assert item.difference == pytest.approx(0.5 * VCPU + GB + address)


def test_what_a_task_is_comes_from_all_that_the_config_says_of_it() -> None:
    assert TOKYO is not None
    of_all = {
        "defaults": {"task": {"architecture": "arm64", "memory": 512}},
        "services": {"web": {"tasks": {"min": 2}}},
    }
    config = {
        **{key: value for key, value in CONFIG.items() if key != "p:services"},
        "p:common": json.dumps(of_all),
        "p:defaults": json.dumps({"task": {"memory": 1024}}),
    }
    scaled = (change(SCALING, {"minCapacity": 2}, {"minCapacity": 3}, service="web"),)
    assert list(items(Preview(scaled, {**config, "p:services": ""}), TOKYO)) == []
    (item,) = items(Preview(scaled, {**config, "p:services": json.dumps({"web": {"task": {"cpu": 512}}})}), TOKYO)
    assert item.difference == pytest.approx(0.5 * VCPU + GB)


def test_a_region_without_prices_has_none() -> None:
    assert prices("mars-1") is None


@pytest.mark.parametrize(
    ("kind", "closed", "public", "how"),
    [
        ("aws:ec2/eip:Eip", {"domain": "standard"}, {"domain": "vpc"}, "has a public address"),
        ("aws:ec2/instance:Instance", {}, {"associatePublicIpAddress": True}, "has a public address"),
        ("aws:ec2/subnet:Subnet", {}, {"mapPublicIpOnLaunch": True}, "gives what starts in it a public address"),
        (SERVICE, {}, {"networkConfiguration": {"assignPublicIp": True}}, "gives its tasks public addresses"),
        ("aws:lambda/functionUrl:FunctionUrl", {}, {"authorizationType": "NONE"}, "answers anybody"),
        ("aws:rds/instance:Instance", {"publiclyAccessible": False}, {"publiclyAccessible": True}, "has a public address"),
        ("aws:rds/clusterInstance:ClusterInstance", {}, {"publiclyAccessible": True}, "has a public address"),
        ("aws:redshift/cluster:Cluster", {}, {"publiclyAccessible": True}, "has a public address"),
        ("aws:s3/bucket:Bucket", {}, {"acl": "public-read"}, "is open to anybody by its ACL"),
    ],
)  # fmt: skip
def test_what_becomes_public_by_one_input_is_told(
    kind: str, closed: dict[str, Any], public: dict[str, Any], how: str
) -> None:
    before, after = {"name": "n", **closed}, {"name": "n", **public}
    for made in (change(kind, before, after), change(kind, None, after)):
        assert [what for _, what in exposed([made])] == [how]
    for quiet in (change(kind, after, after), change(kind, after, before), change(kind, after, None)):
        assert exposed([quiet]) == []


@pytest.mark.parametrize(
    ("kind", "document", "owner"),
    [
        ("aws:ecr/repositoryPolicy:RepositoryPolicy", "policy", "repository"),
        ("aws:iam/groupPolicy:GroupPolicy", "policy", "group"),
        ("aws:iam/policy:Policy", "policy", "name"),
        (ROLE, "assumeRolePolicy", "name"),
        (ROLE_POLICY, "policy", "role"),
        ("aws:iam/userPolicy:UserPolicy", "policy", "user"),
        ("aws:kms/key:Key", "policy", "description"),
        ("aws:kms/keyPolicy:KeyPolicy", "policy", "keyId"),
        (BUCKET_POLICY, "policy", "bucket"),
        ("aws:secretsmanager/secretPolicy:SecretPolicy", "policy", "secretArn"),
        ("aws:sns/topicPolicy:TopicPolicy", "policy", "arn"),
        ("aws:sqs/queuePolicy:QueuePolicy", "policy", "queueUrl"),
    ],
)
def test_a_wider_policy_of_each_kind_is_told_with_its_owner(kind: str, document: str, owner: str) -> None:
    narrow, wide = policy(allow("kms:Decrypt")), policy(allow("kms:Decrypt"), allow("kms:*", Principal=STRANGER))
    old, new = {owner: "whose", document: narrow}, {owner: "whose", document: wide}
    (found,) = widened([change(kind, old, new)])
    assert (found.who, found.grants) == ("whose", (Grant("AWS:arn:stranger", "kms:*", "arn:b"),))
    assert widened([change(kind, new, old)]) == []


STRANGER = {"AWS": "arn:stranger"}
