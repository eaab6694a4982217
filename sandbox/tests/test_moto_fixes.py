"""Where moto answers otherwise than AWS, each seen with boto3."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from resource_account import Account, client

from sandbox import moto_fixes


@pytest.fixture(autouse=True)
def aws() -> Iterator[None]:
    moto_fixes.apply()
    with mock_aws():
        yield


# Security groups


def rule(id: str) -> dict[str, Any]:
    (found,) = client("ec2").describe_security_group_rules(SecurityGroupRuleIds=[id])["SecurityGroupRules"]
    return {key: value for key, value in found.items() if key not in ("Tags", "SecurityGroupRuleId")}


@pytest.fixture
def groups() -> tuple[str, str]:
    ec2 = client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    one, other = (
        ec2.create_security_group(GroupName=name, Description="d", VpcId=vpc)["GroupId"] for name in ("one", "other")
    )
    return one, other


def test_a_new_group_lets_everything_out(groups: tuple[str, str]) -> None:
    rules = client("ec2").describe_security_group_rules(Filters=[{"Name": "group-id", "Values": [groups[0]]}])
    described = [(r["IsEgress"], r["IpProtocol"], r.get("CidrIpv4")) for r in rules["SecurityGroupRules"]]
    assert described == [(True, "-1", "0.0.0.0/0")]


@pytest.mark.parametrize("direction", ["ingress", "egress"])
@pytest.mark.parametrize(
    ("container", "peer", "shown"),
    [
        ("IpRanges", {"CidrIp": "10.1.0.0/16"}, {"CidrIpv4": "10.1.0.0/16"}),
        ("Ipv6Ranges", {"CidrIpv6": "2001:db8::/32"}, {"CidrIpv6": "2001:db8::/32"}),
        ("PrefixListIds", {"PrefixListId": "pl-1"}, {"PrefixListId": "pl-1"}),
        ("UserIdGroupPairs", {"GroupId": "other"}, {"ReferencedGroupInfo": {"GroupId": "other", "UserId": "123456789012"}}),
    ],
)  # fmt: skip
def test_a_rule_keeps_its_description_and_peer_when_it_is_made_and_changed(
    groups: tuple[str, str], direction: str, container: str, peer: dict[str, str], shown: dict[str, Any]
) -> None:
    ec2, (one, other) = client("ec2"), groups
    peer, shown = _at(peer, other), _at(shown, other)
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 81, container: [{**peer, "Description": "the web"}]}
    made = getattr(ec2, f"authorize_security_group_{direction}")(GroupId=one, IpPermissions=[permission])
    (described,) = made["SecurityGroupRules"]
    same = {"GroupId": one, "IsEgress": direction == "egress", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 81}
    id = described["SecurityGroupRuleId"]
    assert rule(id) == {**same, **shown, "Description": "the web"}
    assert described["Description"] == "the web"
    (group,) = ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"]
    permissions = group["IpPermissionsEgress" if direction == "egress" else "IpPermissions"]
    (found,) = (p[container] for p in permissions if p.get("FromPort") == 80)
    assert [each["Description"] for each in found] == ["the web"]

    target = {"CidrIp": "CidrIpv4", "GroupId": "ReferencedGroupId"}
    ((key, value),) = peer.items()
    change = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 90, "Description": "more", target.get(key, key): value}
    ec2.modify_security_group_rules(
        GroupId=one, SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": change}]
    )
    assert rule(id) == {**same, **shown, "ToPort": 90, "Description": "more"}


def _at(described: dict[str, Any], group: str) -> dict[str, Any]:
    return {k: _at(v, group) if isinstance(v, dict) else group if v == "other" else v for k, v in described.items()}


def test_a_rule_that_differs_in_its_description_only_is_there_already(groups: tuple[str, str]) -> None:
    ec2, (one, other) = client("ec2"), groups
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80}
    for description, fails in (("a", False), ("b", True)):
        pair = {"GroupId": other, "Description": description}
        given = {"GroupId": one, "IpPermissions": [{**permission, "UserIdGroupPairs": [pair]}]}
        if fails:
            with pytest.raises(ClientError, match=r"InvalidPermission\.Duplicate"):
                ec2.authorize_security_group_ingress(**given)
        else:
            ec2.authorize_security_group_ingress(**given)


def test_the_answer_has_the_rules_of_every_permission(groups: tuple[str, str]) -> None:
    permissions = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "IpRanges": [{"CidrIp": "10.0.0.0/8"}]}
        for port in (80, 443)
    ]
    made = client("ec2").authorize_security_group_ingress(GroupId=groups[0], IpPermissions=permissions)
    assert [each["FromPort"] for each in made["SecurityGroupRules"]] == [80, 443]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"CidrIpv4": "10.0.0.0/8"}, "InvalidParameterValue"),
        ({"ReferencedGroupId": "other", "CidrIpv4": "10.0.0.0/8"}, "InvalidParameterCombination"),
        ({}, "MissingParameter"),
        ({"ReferencedGroupId": "other", "FromPort": 443, "ToPort": 443}, r"InvalidPermission\.Duplicate"),
    ],
)
def test_a_change_that_is_refused_changes_nothing(groups: tuple[str, str], change: dict[str, Any], code: str) -> None:
    ec2, (one, other) = client("ec2"), groups
    permissions = [
        {"IpProtocol": "tcp", "FromPort": port, "ToPort": port, "UserIdGroupPairs": [{"GroupId": other}]}
        for port in (80, 443)
    ]
    made = ec2.authorize_security_group_ingress(GroupId=one, IpPermissions=permissions)
    id = made["SecurityGroupRules"][0]["SecurityGroupRuleId"]
    before = rule(id)
    change = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, **_at(change, other)}
    with pytest.raises(ClientError, match=code):
        ec2.modify_security_group_rules(
            GroupId=one, SecurityGroupRules=[{"SecurityGroupRuleId": id, "SecurityGroupRule": change}]
        )
    assert rule(id) == before


# Buckets


def test_a_bucket_reports_that_eventbridge_is_on() -> None:
    s3 = client("s3")
    s3.create_bucket(Bucket="some-bucket")
    configurations: list[dict[str, Any]] = [{"EventBridgeConfiguration": {}}, {}]
    for configuration in configurations:
        s3.put_bucket_notification_configuration(Bucket="some-bucket", NotificationConfiguration=configuration)
        found = s3.get_bucket_notification_configuration(Bucket="some-bucket")
        assert {key: value for key, value in found.items() if key != "ResponseMetadata"} == configuration


# Record sets


def change(*changes: tuple[str, dict[str, Any]]) -> None:
    zone = client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    batch = {"Changes": [{"Action": action, "ResourceRecordSet": record} for action, record in changes]}
    client("route53").change_resource_record_sets(HostedZoneId=zone, ChangeBatch=batch)


def record(name: str, value: str = "192.0.2.1", type: str = "A", ttl: int = 60) -> dict[str, Any]:
    return {"Name": name, "Type": type, "TTL": ttl, "ResourceRecords": [{"Value": value}]}


def alias(name: str, target: str = "lb.example.net") -> dict[str, Any]:
    to = {"HostedZoneId": "Z14GRHDCWA56QT", "DNSName": target, "EvaluateTargetHealth": False}
    return {"Name": name, "Type": "A", "AliasTarget": to}


def names() -> list[str]:
    zone = client("route53").list_hosted_zones()["HostedZones"][0]["Id"]
    found = client("route53").list_resource_record_sets(HostedZoneId=zone)["ResourceRecordSets"]
    return [each["Name"] for each in found if each["Type"] not in ("NS", "SOA")]


@pytest.fixture
def zone() -> None:
    client("route53").create_hosted_zone(Name="example.org", CallerReference="1")


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize("make", [record, alias])
def test_a_record_is_made_again_beside_one_whose_name_ends_with_its_own(make: Any) -> None:
    for name in ("example.org", "shop.example.org", "a.shop.example.org"):
        change(("CREATE", make(name)))
    for _ in range(2):
        change(("DELETE", make("shop.example.org")))
        assert names() == ["example.org.", "a.shop.example.org."]
        change(("CREATE", make("shop.example.org")))


@pytest.mark.usefixtures("zone")
@pytest.mark.parametrize(
    ("action", "given", "message"),
    [
        ("CREATE", record("a.example.org", "192.0.2.9"), r"\[name='a\.example\.org\.', type='A'\] but it already exists"),
        ("CREATE", alias("a.example.org"), r"\[name='a\.example\.org\.', type='A'\] but it already exists"),
        ("DELETE", record("b.example.org"), r"\[name='b\.example\.org\.', type='A'\] but it was not found"),
        ("DELETE", record("a.example.org", "192.0.2.9"), "but the values provided do not match the current values"),
        ("DELETE", record("a.example.org", ttl=61), "but the values provided do not match the current values"),
        ("DELETE", alias("a.example.org"), "but the values provided do not match the current values"),
        ("CREATE", record("a.example.org", "x.example.org", "CNAME"), "it conflicts with other records"),
        ("UPSERT", record("example.org", "x.example.org", "CNAME"), "not permitted at apex in zone example.org."),
        ("CREATE", record("a.otherexample.org"), "is not permitted in zone example.org."),
    ],
)  # fmt: skip
def test_a_batch_with_a_refused_change_changes_nothing(action: str, given: dict[str, Any], message: str) -> None:
    change(("CREATE", record("a.example.org")))
    with pytest.raises(ClientError, match=f"InvalidChangeBatch.*{message}"):
        change(("CREATE", record("c.example.org")), (action, given))
    assert names() == ["a.example.org."]


@pytest.mark.usefixtures("zone")
def test_sets_of_one_name_are_told_apart_by_their_identifiers() -> None:
    sets = [{**record("a.example.org"), "SetIdentifier": each, "Weight": 1} for each in ("x", "y")]
    change(*[("CREATE", each) for each in sets])
    change(("DELETE", sets[0]))
    assert names() == ["a.example.org."]
    change(("CREATE", sets[0]), ("DELETE", sets[1]))
    assert names() == ["a.example.org."]


# Scaling


def test_a_scalable_target_has_tags_until_it_goes() -> None:
    client("ecs").create_cluster(clusterName="main")
    client("ecs").create_service(cluster="main", serviceName="web", desiredCount=0)
    scaling = client("application-autoscaling")
    dimension = {"ServiceNamespace": "ecs", "ResourceId": "service/main/web", "ScalableDimension": "ecs:service:DesiredCount"}  # fmt: skip
    arn = scaling.register_scalable_target(**dimension, MinCapacity=0, MaxCapacity=1, Tags={"a": "1"})["ScalableTargetARN"]  # fmt: skip
    scaling.tag_resource(ResourceARN=arn, Tags={"b": "2"})
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"a": "1", "b": "2"}
    scaling.untag_resource(ResourceARN=arn, TagKeys=["a"])
    assert scaling.list_tags_for_resource(ResourceARN=arn)["Tags"] == {"b": "2"}
    scaling.deregister_scalable_target(**dimension)
    with pytest.raises(ClientError, match="ResourceNotFoundException"):
        scaling.list_tags_for_resource(ResourceARN=arn)


# Deletions


def test_a_build_project_is_deleted_by_its_arn() -> None:
    codebuild = client("codebuild")
    project = codebuild.create_project(
        name="builder",
        source={"type": "S3", "location": "bucket/key.zip"},
        artifacts={"type": "NO_ARTIFACTS"},
        environment={"type": "LINUX_CONTAINER", "image": "x", "computeType": "BUILD_GENERAL1_SMALL"},
        serviceRole="arn:aws:iam::123456789012:role/build",
    )["project"]
    codebuild.delete_project(name=project["arn"])
    assert codebuild.list_projects()["projects"] == []


# Target groups


def test_a_target_group_is_of_the_balancer_whose_rules_forward_to_it() -> None:
    ec2, elbv2 = client("ec2"), client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    zones = [zone["ZoneName"] for zone in ec2.describe_availability_zones()["AvailabilityZones"][:2]]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
        for n, zone in enumerate(zones)
    ]
    balancer = elbv2.create_load_balancer(Name="one", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    first, second, third = (
        elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0]["TargetGroupArn"]
        for name in ("first", "second", "third")
    )

    def forward(*groups: str) -> list[dict[str, Any]]:
        weighted = [{"TargetGroupArn": group, "Weight": 1} for group in groups]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": weighted}}]

    def attached() -> dict[str, list[str]]:
        groups = elbv2.describe_target_groups()["TargetGroups"]
        return {group["TargetGroupName"]: group.get("LoadBalancerArns", []) for group in groups}

    listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward(third))
    listener_arn = listener["Listeners"][0]["ListenerArn"]
    rule = elbv2.create_rule(
        ListenerArn=listener_arn,
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/x"]}],
        Actions=forward(first),
    )["Rules"][0]["RuleArn"]
    assert attached() == {"first": [balancer], "second": [], "third": [balancer]}
    elbv2.modify_rule(RuleArn=rule, Actions=forward(first, second))
    assert attached() == {"first": [balancer], "second": [balancer], "third": [balancer]}
    elbv2.delete_rule(RuleArn=rule)
    assert attached() == {"first": [], "second": [], "third": [balancer]}
    elbv2.modify_listener(ListenerArn=listener_arn, DefaultActions=forward(second))
    assert attached() == {"first": [], "second": [balancer], "third": []}
    elbv2.delete_load_balancer(LoadBalancerArn=balancer)
    assert attached() == {"first": [], "second": [], "third": []}


# What is in use


@dataclass
class Network:
    """A network with a load balancer, a NAT gateway and two groups, one of which lets the other in."""

    vpc: str
    subnets: list[str]
    gateway: str
    groups: list[str]
    nat: str
    address: str
    balancer: str
    listener: str
    certificate: str


@pytest.fixture
def network(groups: tuple[str, str]) -> Network:
    ec2, elb = client("ec2"), client("elbv2")
    one, other = groups
    vpc = ec2.describe_security_groups(GroupIds=[one])["SecurityGroups"][0]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{i}.0/24", AvailabilityZone=f"us-east-1{zone}")["Subnet"][
            "SubnetId"
        ]
        for i, zone in enumerate("ab")
    ]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=subnets[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    permission = {"IpProtocol": "tcp", "FromPort": 80, "ToPort": 80, "UserIdGroupPairs": [{"GroupId": one}]}
    ec2.authorize_security_group_ingress(GroupId=other, IpPermissions=[permission])
    balancer = elb.create_load_balancer(Name="front", Subnets=subnets, SecurityGroups=[other])["LoadBalancers"][0]
    certificate = client("acm").request_certificate(DomainName="example.org")["CertificateArn"]
    made = elb.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )
    arn, listener = balancer["LoadBalancerArn"], made["Listeners"][0]["ListenerArn"]
    return Network(vpc, subnets, gateway, [one, other], nat, address, arn, listener, certificate)


def test_what_is_in_use_is_not_deleted_until_its_users_are(network: Network) -> None:
    ec2, elb, acm = client("ec2"), client("elbv2"), client("acm")
    one, other = network.groups

    def refused(words: str, call: Callable[..., Any], **arguments: Any) -> None:
        with pytest.raises(ClientError, match=words):
            call(**arguments)

    detach = {"InternetGatewayId": network.gateway, "VpcId": network.vpc}
    refused(f"DependencyViolation.*resource {one} has a dependent object", ec2.delete_security_group, GroupId=one)
    refused(f"DependencyViolation.*resource {other} has a dependent object", ec2.delete_security_group, GroupId=other)
    refused(
        "DependencyViolation.*has dependencies and cannot be deleted", ec2.delete_subnet, SubnetId=network.subnets[1]
    )
    refused("has some mapped public address", ec2.detach_internet_gateway, **detach)
    refused(r"InvalidIPAddress\.InUse", ec2.release_address, AllocationId=network.address)
    refused("ResourceInUseException", acm.delete_certificate, CertificateArn=network.certificate)
    protect = {
        "LoadBalancerArn": network.balancer,
        "Attributes": [{"Key": "deletion_protection.enabled", "Value": "true"}],
    }
    elb.modify_load_balancer_attributes(**protect)
    refused("OperationNotPermitted.*deletion protection", elb.delete_load_balancer, LoadBalancerArn=network.balancer)

    protect["Attributes"][0]["Value"] = "false"  # type: ignore[index]
    elb.modify_load_balancer_attributes(**protect)
    elb.delete_listener(ListenerArn=network.listener)
    acm.delete_certificate(CertificateArn=network.certificate)
    elb.delete_load_balancer(LoadBalancerArn=network.balancer)
    refused("has some mapped public address", ec2.detach_internet_gateway, **detach)
    refused("DependencyViolation", ec2.delete_subnet, SubnetId=network.subnets[0])
    ec2.delete_subnet(SubnetId=network.subnets[1])
    ec2.delete_nat_gateway(NatGatewayId=network.nat)
    ec2.delete_subnet(SubnetId=network.subnets[0])
    ec2.release_address(AllocationId=network.address)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)
    ec2.detach_internet_gateway(**detach)
    refused("DependencyViolation", ec2.delete_vpc, VpcId=network.vpc)
    ec2.delete_security_group(GroupId=other)
    ec2.delete_security_group(GroupId=one)
    ec2.delete_vpc(VpcId=network.vpc)


def test_a_cluster_is_not_deleted_while_it_has_a_service() -> None:
    ecs = client("ecs")
    ecs.create_cluster(clusterName="main")
    ecs.create_service(cluster="main", serviceName="web", desiredCount=0)
    with pytest.raises(ClientError, match="ClusterContainsServicesException"):
        ecs.delete_cluster(cluster="main")
    ecs.delete_service(cluster="main", service="web")
    assert ecs.delete_cluster(cluster="main")["cluster"]["status"] == "INACTIVE"


def test_a_family_means_its_newest_revision_that_is_active() -> None:
    ecs = client("ecs")
    for _ in range(2):
        ecs.register_task_definition(
            family="web", containerDefinitions=[{"name": "web", "image": "web:1", "memory": 64}]
        )
    for left, revision in ((2, "web:2"), (1, "web:1")):
        assert ecs.describe_task_definition(taskDefinition="web")["taskDefinition"]["revision"] == left
        ecs.deregister_task_definition(taskDefinition=revision)
    with pytest.raises(ClientError, match="Unable to describe task definition"):
        ecs.describe_task_definition(taskDefinition="web")
    assert ecs.describe_task_definition(taskDefinition="web:2")["taskDefinition"]["status"] == "INACTIVE"


# Certificates of listeners


def test_certificates_beside_a_listener_s_own_stay_when_it_is_changed() -> None:
    elb, listener = client("elbv2"), Account().https_listener()
    acm = client("acm")
    other, more = (acm.request_certificate(DomainName=f"{name}.example.org")["CertificateArn"] for name in ("a", "b"))

    def certificates() -> list[tuple[str, bool]]:
        answer = elb.describe_listener_certificates(ListenerArn=listener)["Certificates"]
        return [(each["CertificateArn"], each["IsDefault"]) for each in answer]

    for _ in range(2):
        elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": more}])
    assert certificates()[1:] == [(more, False)]
    answered = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    elb.modify_listener(ListenerArn=listener, Certificates=[{"CertificateArn": other}], DefaultActions=[answered])
    assert certificates() == [(other, True), (more, False)]
    elb.modify_listener(ListenerArn=listener, Port=444, DefaultActions=[answered])
    assert certificates() == [(other, True), (more, False)]
