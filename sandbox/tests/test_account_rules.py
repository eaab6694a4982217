"""What AWS refuses because of what else the account holds: a row for each, with the service's own error."""

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.ecs import api
from sandbox.network.vpc import vpc_of
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", A)
        listener = Listener(Path(tmp_path_factory.mktemp("account")), A, R, api.HANDLERS)
        yield listener.account
        listener.stop()
        moto_api_backend.reset()


@pytest.fixture(scope="module")
def made(account: Account) -> dict[str, str]:
    """A load balancer, a hosted zone, a cluster with Fargate's two providers."""
    ec2, elb = account.client("ec2"), account.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    ids = {"vpc": vpc}
    for name, zone, block in (("a", "a", "10.0.0.0/24"), ("b", "b", "10.0.1.0/24"), ("a2", "a", "10.0.2.0/24")):
        subnet = ec2.create_subnet(VpcId=vpc, CidrBlock=block, AvailabilityZone=f"{R}{zone}")["Subnet"]
        ids[name] = subnet["SubnetId"]
    ids["vpc without names"] = ec2.create_vpc(CidrBlock="10.1.0.0/16")["Vpc"]["VpcId"]
    ec2.modify_vpc_attribute(VpcId=vpc, EnableDnsHostnames={"Value": True})
    endpoint(account, ids, "logs", "a", "b")
    gone = endpoint(account, ids, "ssm", "a")["VpcEndpoint"]["VpcEndpointId"]
    ec2.delete_vpc_endpoints(VpcEndpointIds=[gone])
    balancer = elb.create_load_balancer(Name="lb", Subnets=[ids["a"], ids["b"]])["LoadBalancers"][0]
    ids |= {
        "lb": balancer["LoadBalancerArn"],
        "dns": balancer["DNSName"],
        "zone of lb": balancer["CanonicalHostedZoneId"],
    }
    zone = account.client("route53").create_hosted_zone(Name="example.com", CallerReference="x")["HostedZone"]
    ids["zone"] = zone["Id"].rpartition("/")[2]
    providers = {"capacityProviders": ["FARGATE"], "defaultCapacityProviderStrategy": []}
    account.client("ecs").create_cluster(clusterName="main")
    account.client("ecs").put_cluster_capacity_providers(cluster="main", **providers)
    return ids


def alias(account: Account, made: dict[str, str], name: str, zone: str) -> Any:
    record = {
        "Name": "app.example.com",
        "Type": "A",
        "AliasTarget": {"DNSName": name, "HostedZoneId": zone, "EvaluateTargetHealth": True},
    }
    batch = {"Changes": [{"Action": "UPSERT", "ResourceRecordSet": record}]}
    return account.client("route53").change_resource_record_sets(HostedZoneId=made["zone"], ChangeBatch=batch)


def certificates(account: Account, made: dict[str, str], count: int) -> Any:
    acm, elb = account.client("acm"), account.client("elbv2")
    arns = [
        acm.request_certificate(DomainName=f"{number}.example.com", ValidationMethod="DNS")["CertificateArn"]
        for number in range(count)
    ]
    answered = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = elb.create_listener(
        LoadBalancerArn=made["lb"],
        Port=8000 + count,
        Protocol="HTTPS",
        Certificates=[{"CertificateArn": arns[0]}],
        DefaultActions=[answered],
    )["Listeners"][0]["ListenerArn"]
    return elb.add_listener_certificates(ListenerArn=listener, Certificates=[{"CertificateArn": arn} for arn in arns])


def key(account: Account, service: str, group: str) -> str:
    uses = {
        "Sid": "Logs",
        "Effect": "Allow",
        "Principal": {"Service": service},
        "Action": ["kms:GenerateDataKey*", "kms:Decrypt"],
        "Resource": "*",
        "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{R}:{A}:log-group:{group}"}},
    }
    administration = {
        "Effect": "Allow",
        "Principal": {"AWS": f"arn:aws:iam::{A}:root"},
        "Action": "kms:*",
        "Resource": "*",
    }
    document = json.dumps({"Version": "2012-10-17", "Statement": [administration, uses]})
    return str(account.client("kms").create_key(Policy=document)["KeyMetadata"]["Arn"])


def group(account: Account, service: str, allowed: str) -> Any:
    return account.client("logs").create_log_group(logGroupName="/secret", kmsKeyId=key(account, service, allowed))


def endpoint(account: Account, made: dict[str, str], service: str, *subnets: str, vpc: str = "vpc") -> Any:
    return account.client("ec2").create_vpc_endpoint(
        VpcId=made[vpc],
        ServiceName=f"com.amazonaws.{R}.{service}",
        VpcEndpointType="Interface",
        SubnetIds=[made[subnet] for subnet in subnets],
        PrivateDnsEnabled=True,
    )


def groups(account: Account, made: dict[str, str], *names: str) -> list[str]:
    """Target groups of the VPC, of which those whose names begin with `sticky` are that."""
    elb, arns = account.client("elbv2"), []
    for name in names:
        made_group = elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=made["vpc"], TargetType="ip")
        arns.append(made_group["TargetGroups"][0]["TargetGroupArn"])
        if name.startswith("sticky"):
            stick(account, arns[-1])
    return arns


def stick(account: Account, arn: str) -> Any:
    attributes = [{"Key": "stickiness.enabled", "Value": "true"}, {"Key": "stickiness.type", "Value": "lb_cookie"}]
    return account.client("elbv2").modify_target_group_attributes(TargetGroupArn=arn, Attributes=attributes)


def forward(account: Account, made: dict[str, str], port: int, arns: list[str], *, sticky: bool = False) -> Any:
    elb = account.client("elbv2")
    answered = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
    listener = elb.create_listener(LoadBalancerArn=made["lb"], Port=port, Protocol="HTTP", DefaultActions=[answered])
    config: dict[str, Any] = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": 1} for arn in arns]}
    if sticky:
        config["TargetGroupStickinessConfig"] = {"Enabled": True, "DurationSeconds": 60}
    return elb.create_rule(
        ListenerArn=listener["Listeners"][0]["ListenerArn"],
        Priority=1,
        Conditions=[{"Field": "path-pattern", "Values": ["/"]}],
        Actions=[{"Type": "forward", "ForwardConfig": config}],
    )


def stick_behind_a_rule(account: Account, made: dict[str, str]) -> Any:
    arns = groups(account, made, "c", "d")
    forward(account, made, 91, arns)
    return stick(account, arns[1])


NOT_THEIRS = f"The specified KMS key does not exist or is not allowed to be used with LogGroup 'arn:aws:logs:{R}:{A}:log-group:/secret'"
REFUSED: list[tuple[Callable[[Account, dict[str, str]], Any], str, str]] = [
    (lambda w, m: w.client("elbv2").create_load_balancer(Name="x", Subnets=[m["a"], m["a2"]]), "ValidationError", "At least two subnets in two different Availability Zones must be specified"),
    (lambda w, m: certificates(w, m, 26), "TooManyCertificates", "You've reached the limit on the number of certificates per load balancer"),
    (lambda w, m: forward(w, m, 90, groups(w, m, "a", "sticky-b")), "InvalidConfigurationRequest", "You must enable group stickiness on a rule if you enabled target stickiness on one of its target groups"),
    (lambda w, m: stick_behind_a_rule(w, m), "InvalidConfigurationRequest", "This target group appears behind a rule with group stickiness disabled"),
    (lambda w, m: alias(w, m, "lb-9.eu-west-1.elb.amazonaws.com", m["zone of lb"]), "InvalidChangeBatch", "but that target was not found]"),
    (lambda w, m: alias(w, m, m["dns"], "Z00000000000"), "InvalidChangeBatch", "but the alias target name does not lie within the target zone]"),
    (lambda w, m: endpoint(w, m, "sqs", "a", "a2"), "DuplicateSubnetsInSameZone", "Found another VPC endpoint subnet in the availability zone of"),
    (lambda w, m: endpoint(w, m, "sqs", "a", vpc="vpc without names"), "InvalidParameter", "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to true for vpc-"),
    (lambda w, m: endpoint(w, m, "logs", "a"), "InvalidParameter", f"there is already a conflicting DNS domain for com.amazonaws.{R}.logs in the VPC vpc-"),
    (lambda w, m: group(w, "logs.us-east-1.amazonaws.com", "/secret"), "AccessDeniedException", NOT_THEIRS),
    (lambda w, m: group(w, f"logs.{R}.amazonaws.com", "/other"), "AccessDeniedException", NOT_THEIRS),
    (lambda w, m: w.client("ecs").put_cluster_capacity_providers(cluster="main", capacityProviders=["FARGATE_SPOTTY"], defaultCapacityProviderStrategy=[]), "InvalidParameterException", "The specified capacity provider 'FARGATE_SPOTTY' was not found."),
    (lambda w, m: w.client("ecs").create_service(cluster="main", serviceName="s", taskDefinition="t", capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}]), "InvalidParameterException", "not associated with the cluster"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "code", "words"), REFUSED)
def test_refused(
    account: Account, made: dict[str, str], call: Callable[[Account, dict[str, str]], Any], code: str, words: str
) -> None:
    with pytest.raises(ClientError) as refused:
        call(account, made)
    error = refused.value.response["Error"]
    assert (error["Code"], words in error["Message"]) == (code, True), error


def test_taken(account: Account, made: dict[str, str]) -> None:
    alias(account, made, f"dualstack.{made['dns']}.", made["zone of lb"])
    endpoint(account, made, "ssm", "a")
    certificates(account, made, 2)
    forward(account, made, 92, groups(account, made, "sticky-e"))
    forward(account, made, 93, groups(account, made, "sticky-f", "g"), sticky=True)
    group(account, f"logs.{R}.amazonaws.com", "/secret")
    account.client("logs").create_log_stream(logGroupName="/secret", logStreamName="one")


def test_a_network_is_read_anew_when_it_has_changed(account: Account, made: dict[str, str]) -> None:
    before = vpc_of(account)
    account.client("ec2").describe_subnets()
    assert vpc_of(account) is before
    group = account.client("ec2").create_security_group(GroupName="g", Description="g", VpcId=made["vpc"])["GroupId"]
    assert (group in before.groups, group in vpc_of(account).groups) == (False, True)


def test_a_log_stream_is_called_a_stream(account: Account) -> None:
    logs = account.client("logs")
    logs.create_log_group(logGroupName="/g")
    for call in (logs.get_log_events, logs.delete_log_stream):
        with pytest.raises(ClientError, match="The specified log stream does not exist"):
            call(logGroupName="/g", logStreamName="s")
    with pytest.raises(ClientError, match="The specified log group does not exist"):
        logs.get_log_events(logGroupName="/h", logStreamName="s")
    logs.create_log_stream(logGroupName="/g", logStreamName="s")
    with pytest.raises(ClientError, match="The specified log stream already exists"):
        logs.create_log_stream(logGroupName="/g", logStreamName="s")


def test_the_end_of_a_log_may_be_on_a_second_page(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    logs, where = account.client("logs"), {"logGroupName": "/sparse", "logStreamName": "s"}
    logs.create_log_group(logGroupName="/sparse")
    logs.create_log_stream(**where)
    events = [{"timestamp": int(time.time() * 1000) + place, "message": text} for place, text in enumerate("abc")]
    logs.put_log_events(**where, logEvents=events)

    def page(**how: Any) -> tuple[list[str], str]:
        answer = logs.get_log_events(**where, **how)
        return [event["message"] for event in answer["events"]], answer["nextBackwardToken"]

    assert page(limit=2)[0] == ["b", "c"]
    monkeypatch.setenv("SANDBOX_AWS", "sparse_logs")
    assert page(limit=2, startFromHead=True)[0] == ["a", "b"]
    found, before = page(limit=2)
    assert found == []
    found, before = page(limit=2, nextToken=before)
    assert found == ["b", "c"]
    assert page(limit=2, nextToken=before)[0] == ["a"]
