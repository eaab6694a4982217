"""The data sources against moto."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import pytest
from moto import mock_aws
from resource_account import ACCOUNT, REGION, Account, Props

from sandbox.providers.resources import INVOKES


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("SANDBOX_SPEED", "1000")
    with mock_aws():
        yield Account()


def test_invokes_about_the_account(account: Account) -> None:
    def invoke(name: str, **args: Any) -> Props:
        return INVOKES[f"aws:index/{name}:{name}"](account.aws, args)

    assert invoke("getCallerIdentity")["accountId"] == ACCOUNT
    assert invoke("getRegion")["region"] == REGION
    assert invoke("getPartition")["reverseDnsPrefix"] == "com.amazonaws"
    zones = invoke("getAvailabilityZones", state="available", excludeNames=["us-east-1a"])
    assert zones["names"][0] == "us-east-1b"
    assert len(zones["names"]) == len(zones["zoneIds"])


def test_invokes_about_networks(account: Account) -> None:
    def invoke(name: str, **args: Any) -> Props:
        return INVOKES[f"aws:ec2/{name}:{name}"](account.aws, args)

    assert invoke("getVpc", default=True)["default"] is True
    vpc = account.vpc()
    subnets = account.subnets(vpc)
    account.aws.client("ec2").create_tags(Resources=[vpc], Tags=[{"Key": "Name", "Value": "net"}])
    found = invoke("getVpc", tags={"Name": "net"})
    assert (found["id"], found["cidrBlock"], found["tags"]) == (vpc, "10.1.0.0/16", {"Name": "net"})
    assert sorted(invoke("getSubnets", filters=[{"name": "vpc-id", "values": [vpc]}])["ids"]) == sorted(subnets)
    assert invoke("getSubnet", id=subnets[0])["vpcId"] == vpc
    with pytest.raises(LookupError, match="no matching EC2 VPC found"):
        invoke("getVpc", tags={"Name": "none"})
    with pytest.raises(LookupError, match="multiple EC2 Subnets matched"):
        invoke("getSubnet", vpcId=vpc)


def test_a_service_with_two_kinds_of_endpoints_is_found_by_the_kind(account: Account) -> None:
    def invoke(**args: Any) -> Props:
        return INVOKES["aws:ec2/getVpcEndpointService:getVpcEndpointService"](account.aws, args)

    found = invoke(service="s3", serviceType="Gateway")
    assert (found["serviceName"], found["serviceType"]) == (f"com.amazonaws.{REGION}.s3", "Gateway")
    assert found["vpcEndpointPolicySupported"] is True
    assert invoke(serviceName=f"com.amazonaws.{REGION}.logs")["serviceType"] == "Interface"
    with pytest.raises(LookupError, match="multiple EC2 VPC Endpoint Services matched"):
        invoke(service="s3")
    for args in ({"service": "sqss"}, {"service": "logs", "serviceType": "Gateway"}):
        with pytest.raises(LookupError, match="no matching EC2 VPC Endpoint Service found"):
            invoke(**args)


def test_missing_zone_is_made_up(account: Account, caplog: pytest.LogCaptureFixture) -> None:
    get_zone = INVOKES["aws:route53/getZone:getZone"]
    with caplog.at_level(logging.WARNING):
        zone = get_zone(account.aws, {"name": "example.org."})
    assert caplog.messages == ["made up hosted zone example.org"]
    assert get_zone(account.aws, {"name": "example.org"}) == zone
    assert get_zone(account.aws, {"zoneId": zone["zoneId"]}) == zone
    assert caplog.messages == ["made up hosted zone example.org"]


def test_a_private_zone_is_found_in_its_vpc_and_never_made_up(account: Account) -> None:
    get_zone = INVOKES["aws:route53/getZone:getZone"]
    vpc, public = account.vpc(), get_zone(account.aws, {"name": "example.org"})["zoneId"]
    asked = {"name": "example.org", "privateZone": True, "vpcId": vpc}
    with pytest.raises(LookupError, match="no matching Route 53 Hosted Zone found"):
        get_zone(account.aws, asked)
    made = account.aws.client("route53").create_hosted_zone(
        Name="example.org",
        CallerReference="p",
        HostedZoneConfig={"PrivateZone": True},
        VPC={"VPCId": vpc, "VPCRegion": REGION},
    )
    found, id = get_zone(account.aws, asked), made["HostedZone"]["Id"].rpartition("/")[2]
    records = account.aws.client("route53").list_resource_record_sets(HostedZoneId=id)["ResourceRecordSets"]
    servers = sorted(
        each["Value"] for record in records if record["Type"] == "NS" for each in record["ResourceRecords"]
    )
    assert servers
    assert (found["zoneId"], found["nameServers"], found["primaryNameServer"]) == (id, servers, servers[0])
    assert get_zone(account.aws, {"name": "example.org"})["zoneId"] == public
    with pytest.raises(LookupError, match="no matching"):
        get_zone(account.aws, {**asked, "vpcId": account.vpc()})


def test_policy_document(account: Account) -> None:
    statement = {
        "sid": "One",
        "actions": ["s3:GetObject"],
        "resources": ["arn:b", "arn:a"],
        "principals": [{"type": "Service", "identifiers": ["ecs.amazonaws.com"]}],
        "conditions": [{"test": "StringEquals", "variable": "aws:SourceAccount", "values": [ACCOUNT]}],
    }
    override = json.dumps({"Statement": [{"Sid": "Two", "Effect": "Deny", "Action": "*", "Resource": "*"}]})
    document = INVOKES["aws:iam/getPolicyDocument:getPolicyDocument"](
        account.aws, {"statements": [statement], "overridePolicyDocuments": [override]}
    )
    assert json.loads(document["json"]) == {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "One",
                "Effect": "Allow",
                "Action": "s3:GetObject",
                "Resource": ["arn:b", "arn:a"],
                "Principal": {"Service": "ecs.amazonaws.com"},
                "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
            },
            {"Sid": "Two", "Effect": "Deny", "Action": "*", "Resource": "*"},
        ],
    }


def test_a_load_balancer_by_its_arn(account: Account) -> None:
    vpc = account.vpc()
    groups = [account.group(vpc)]
    client = account.aws.client("elbv2")
    made = client.create_load_balancer(Name="shared", Subnets=account.subnets(vpc), SecurityGroups=groups)
    arn = made["LoadBalancers"][0]["LoadBalancerArn"]
    invoke = INVOKES["aws:lb/getLoadBalancer:getLoadBalancer"]
    found = invoke(account.aws, {"arn": arn})
    assert (found["arn"], found["vpcId"], found["securityGroups"], found["internal"]) == (arn, vpc, groups, False)
    assert arn.endswith(f":loadbalancer/{found['arnSuffix']}")
    assert found["dnsName"] == made["LoadBalancers"][0]["DNSName"]
