"""What a stack that is up is said to cost."""

import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from verified import Answers, arn, released

from delivery.__main__ import main
from delivery.command_line import Connection
from delivery.pull_request import cost
from delivery.services.monthly import alarm_inputs, tasks

PRICES = cost.Prices(
    "eu-west-1",
    "2030-01",
    {
        "vcpu": 40.0, "gb": 4.0, "arm_vcpu": 30.0, "arm_gb": 3.0, "public_ipv4": 3.5, "load_balancer": 16.0,
        "nat_gateway": 33.0, "vpc_endpoint": 7.0, "kms_key": 1.0, "alarm_metric": 0.1, "composite_alarm": 0.5,
        "dashboard": 3.0,
    },
)  # fmt: skip
GROUP = arn("elasticloadbalancing", "targetgroup/one/1")


@pytest.fixture
def aws() -> Answers:
    """A service of one to four tasks of 0.25 vCPU and 0.5 GB with public addresses, and what a stack has besides."""
    aws = released()
    network = {"awsvpcConfiguration": {"subnets": ["a"], "assignPublicIp": "ENABLED"}}
    aws.services["dev-web"] |= {"loadBalancers": [{"targetGroupArn": GROUP}], "networkConfiguration": network}
    queries = [{"Id": "e", "Expression": "x"}, *({"Id": f"m{n}", "MetricStat": {"Stat": "Sum"}} for n in range(2))]
    balancer = {
        "LoadBalancerName": "dev", "Scheme": "internet-facing", "VpcId": "vpc-1", "AvailabilityZones": [{}, {}]
    }  # fmt: skip
    aws.answers |= {
        "DescribeScalableTargets": {"ScalableTargets": [{"MinCapacity": 1, "MaxCapacity": 4}]},
        "DescribeAlarms": lambda given: {
            "MetricAlarms": [
                {"AlarmName": given["AlarmNames"][1], "Metrics": queries},
                {"AlarmName": "dev-web-latency"},
            ],
            "CompositeAlarms": [{"AlarmName": given["AlarmNames"][0]}],
        },
        "ListAliases": {"Aliases": [{"AliasName": "alias/dev-web-parameters"}, {"AliasName": "alias/other"}]},
        "DescribeTargetGroups": {"TargetGroups": [{"TargetGroupArn": GROUP, "LoadBalancerArns": ["lb"]}]},
        "DescribeLoadBalancers": {"LoadBalancers": [balancer]},
        "DescribeNatGateways": {"NatGateways": [{"NatGatewayId": "nat-1"}]},
        "DescribeVpcEndpoints": {
            "VpcEndpoints": [
                {"ServiceName": "ecr", "VpcEndpointType": "Interface", "SubnetIds": ["a", "b"]},
                {"ServiceName": "s3", "VpcEndpointType": "Gateway"},
            ]
        },
        "ListDashboards": {"DashboardEntries": [{"DashboardName": "dev"}, {"DashboardName": "dev-eu"}]},
    }
    return aws


@pytest.fixture
def run(aws: Answers, monkeypatch: pytest.MonkeyPatch) -> Any:
    session = aws.session()
    monkeypatch.setattr(Connection, "session", property(lambda self: session))
    monkeypatch.setattr("delivery.services.monthly.prices", lambda region: PRICES if region == "eu-west-1" else None)
    return lambda *arguments: CliRunner().invoke(main, ["cost", "--stack", "dev", *arguments])


def test_the_amounts(run: Any, aws: Answers) -> None:
    done: Result = run()
    assert done.output.splitlines() == [
        "web: 1 task of 0.25 vCPU, 0.5 GB, a public address: $15.50, up to $62.00",
        "web: 3 alarms: $0.80",
        "web: KMS key of its secrets: $1.00",
        "all services: load balancer dev and its 2 public addresses: $23.00",
        "all services: NAT gateway nat-1 and its address: $36.50",
        "all services: endpoint of ecr: $14.00",
        "all services: dashboard: $3.00",
        "a month, on demand in eu-west-1 (2030-01): $93.80, up to $140.30; without traffic, builds, logs and storage",
    ]
    asked = {operation: given for _, operation, given in aws.calls}
    assert asked["DescribeAlarms"]["AlarmNames"] == [
        "dev-web", "dev-web-server-errors", "dev-web-latency", "dev-web-unhealthy-hosts", "dev-web-jobs",
        "dev-web-jobs-lost",
    ]  # fmt: skip
    assert asked["DescribeVpcEndpoints"] == {"Filters": [{"Name": "tag:stack", "Values": ["dev"]}]}


def test_the_document(run: Any) -> None:
    document = json.loads(run("web", "--json").output)
    assert (document["region"], document["month"], document["most"]) == ("eu-west-1", 93.8, 140.3)
    assert document["amounts"][0] == {
        "service": "web", "what": "1 task of 0.25 vCPU, 0.5 GB, a public address", "month": 15.5, "most": 62.0
    }  # fmt: skip


def test_a_region_without_prices_and_a_service_that_there_is_not(run: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("wbe").output == "error: there is no service wbe in stack dev; there are: web\n"
    monkeypatch.setattr("delivery.services.monthly.prices", lambda region: None)
    message = "error: there are no prices for eu-west-1; add them to delivery/pull_request/prices.json\n"
    assert run().output == message


@pytest.mark.parametrize(
    ("definition", "service", "priced"),
    [
        ({}, {}, cost.Tasks(256, 512, arm=False, count=2, public=False)),
        (
            {"runtimePlatform": {"cpuArchitecture": "ARM64"}},
            {"taskSets": [{"networkConfiguration": {"awsvpcConfiguration": {"assignPublicIp": "ENABLED"}}}]},
            cost.Tasks(256, 512, arm=True, count=2, public=True),
        ),
    ],
)
def test_the_tasks_of_a_service(definition: dict[str, Any], service: dict[str, Any], priced: cost.Tasks) -> None:
    assert tasks({"cpu": "256", "memory": "512", **definition}, service, 2) == priced


def test_an_alarm_is_paid_by_its_metrics() -> None:
    assert alarm_inputs({}) == {"metricQueries": []}
    assert alarm_inputs({"Metrics": [{"Expression": "x"}, {"MetricStat": {"Stat": "Sum"}}]}) == {
        "metricQueries": [{"metric": None}, {"metric": {"Stat": "Sum"}}]
    }
