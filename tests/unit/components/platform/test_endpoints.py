"""Endpoints of AWS's services: which there are, where they stand, who connects to them and what passes."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, ROUTE_TABLES, SECRET_KEYS, Recorder, program, stack_config

from components.platform.endpoints import endpoint_policy
from components.scope import Scope

Deploy = Callable[..., Recorder]
ENDPOINT, SERVICE = "aws:ec2/vpcEndpoint:VpcEndpoint", "aws:ecs/service:Service"
PRIVATE = ["subnet-private-1", "subnet-private-2"]
OWN = {"StringEquals": {"aws:PrincipalAccount": ACCOUNT}}


def declared(deploy: Deploy, **network: Any) -> Recorder:
    return deploy(program, config=stack_config("dev", network=network), secret_keys=SECRET_KEYS)


def test_without_nat_tasks_reach_the_services_by_private_addresses_alone(deploy: Deploy) -> None:
    recorder = declared(deploy, cidr="10.9.0.0/16", nat="none", endpoints=True, more_endpoints=["sqs", "dynamodb"])
    made = {name: recorder.inputs(ENDPOINT, name) for name in recorder.named(ENDPOINT)}
    interfaces = {"ecr.api", "ecr.dkr", "logs", "sqs", "ssm"}
    assert made.keys() == {f"network-endpoints-{service}" for service in {*interfaces, "s3", "dynamodb"}}
    for service in interfaces:
        endpoint = made[f"network-endpoints-{service}"]
        del endpoint["policy"]
        assert endpoint == {
            "vpcId": "vpc-0123",
            "serviceName": f"com.amazonaws.{REGION}.{service}",
            "vpcEndpointType": "Interface",
            "subnetIds": PRIVATE,
            "securityGroupIds": ["network-endpoints-sg-id"],
            "privateDnsEnabled": True,
        }
    for service in ("s3", "dynamodb"):
        endpoint = made[f"network-endpoints-{service}"]
        del endpoint["policy"]
        assert endpoint == {
            "vpcId": "vpc-0123",
            "serviceName": f"com.amazonaws.{REGION}.{service}",
            "vpcEndpointType": "Gateway",
            "routeTableIds": list(ROUTE_TABLES.values()),
        }
    vpc = recorder.inputs("awsx:ec2:Vpc", "network-vpc")
    assert vpc["natGateways"] == {"strategy": "None"}
    assert [spec["type"] for spec in vpc["subnetSpecs"]] == ["Public", "Private"]
    placed = recorder.inputs(SERVICE, "chuoi-service")["networkConfiguration"]
    assert (placed["subnets"], placed["assignPublicIp"]) == (PRIVATE, False)


def test_only_the_vpc_connects_to_them(deploy: Deploy) -> None:
    recorder = declared(deploy, cidr="10.9.0.0/16", nat="none", endpoints=True)
    group = "network-endpoints-sg-id"
    rules = {
        name: recorder.inputs(f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule", name)
        for kind in ("Ingress", "Egress")
        for name in recorder.named(f"aws:vpc/securityGroup{kind}Rule:SecurityGroup{kind}Rule")
    }
    assert {name: rule for name, rule in rules.items() if rule["securityGroupId"] == group} == {
        "network-endpoints-in": {
            "securityGroupId": group,
            "description": "HTTPS from 10.9.0.0/16",
            "ipProtocol": "tcp",
            "fromPort": 443,
            "toPort": 443,
            "cidrIpv4": "10.9.0.0/16",
        }
    }


def test_a_service_is_made_or_changed_after_them(deploy: Deploy) -> None:
    recorder = declared(deploy, nat="none", endpoints=True)
    after = set(recorder.named(SERVICE)["chuoi-service"].dependencies)
    assert len([urn for urn in after if ENDPOINT in urn]) == len(recorder.named(ENDPOINT)) == 5


def test_beside_nat_they_stand_in_the_same_subnets(deploy: Deploy) -> None:
    recorder = declared(deploy, nat="single", endpoints=True)
    assert recorder.inputs("awsx:ec2:Vpc", "network-vpc")["natGateways"] == {"strategy": "Single"}
    assert recorder.inputs(ENDPOINT, "network-endpoints-logs")["subnetIds"] == PRIVATE


@pytest.mark.parametrize("nat", ["none", "single"])
def test_without_the_key_there_are_none(deploy: Deploy, nat: str) -> None:
    recorder = declared(deploy, nat=nat)
    assert recorder.types()[ENDPOINT] == 0
    assert recorder.invoked("aws:ec2/getVpcEndpointService:getVpcEndpointService") == 0
    assert not [name for name in recorder.named("aws:ec2/securityGroup:SecurityGroup") if "endpoints" in name]
    assert recorder.inputs(SERVICE, "chuoi-service")["networkConfiguration"]["assignPublicIp"] is (nat == "none")


def test_a_service_whose_endpoint_takes_no_policy_has_none(deploy: Deploy) -> None:
    recorder = declared(deploy, nat="none", endpoints=True, more_endpoints=["without-policies"])
    assert "policy" not in recorder.inputs(ENDPOINT, "network-endpoints-without-policies")
    assert json.loads(recorder.inputs(ENDPOINT, "network-endpoints-logs")["policy"]) == {
        "Version": "2012-10-17",
        "Statement": endpoint_policy("logs", Scope("dev", "aws", REGION, ACCOUNT)),
    }


def test_who_may_ask_what_through_them() -> None:
    scope, anybody = Scope("dev", "aws-cn", "cn-north-1", ACCOUNT), {"AWS": "*"}
    own = {"Sid": "OwnAccount", "Effect": "Allow", "Resource": "*", "Condition": OWN, "Principal": anybody}
    assert endpoint_policy("logs", scope) == [{**own, "Action": "*"}]
    pull = ["ecr:GetAuthorizationToken", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    assert endpoint_policy("ecr.api", scope) == endpoint_policy("ecr.dkr", scope) == [{**own, "Action": pull}]
    channels = [f"ssmmessages:{act}{kind}Channel" for act in ("Create", "Open") for kind in ("Control", "Data")]
    assert endpoint_policy("ssmmessages", scope) == [{**own, "Action": channels}]
    assert endpoint_policy("s3", scope) == [
        {**own, "Action": "*"},
        {
            "Sid": "ImageLayers",
            "Effect": "Allow",
            "Action": "s3:GetObject",
            "Resource": "arn:aws-cn:s3:::prod-cn-north-1-starport-layer-bucket/*",
            "Principal": anybody,
        },
    ]
