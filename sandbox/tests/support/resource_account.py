"""An account of moto's and what resources stand on."""

from __future__ import annotations

import functools
import io
import json
import zipfile
from typing import Any

import boto3

from sandbox.providers.resources import RESOURCES
from sandbox.providers.types import Aws

CONTAINERS = json.dumps([{"name": "app", "image": "image:1", "cpu": 0, "memory": 128, "essential": True,
                          "environment": [{"name": "A", "value": "1"}],
                          "portMappings": [{"containerPort": 80}]}])  # fmt: skip
REGION = "us-east-1"
ACCOUNT = "123456789012"
Props = dict[str, Any]


def policy(*actions: str, **more: Any) -> str:
    statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*", **more}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]}, indent=1)


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@functools.cache
def client(service: str) -> Any:
    """A client that is kept over tests: making one takes longer than a test; moto catches its calls all the same."""
    return boto3.client(service, region_name=REGION)


class Account:
    """An account of moto's in which a case makes what its resource stands on."""

    def __init__(self) -> None:
        self.aws = Aws(ACCOUNT, REGION, "aws", client, client, lambda _: client)
        self.count = 0

    def make(self, token: str, **inputs: Any) -> tuple[str, Props]:
        id, outputs = RESOURCES[token].create(self.aws, inputs)
        return id, {**inputs, **outputs}

    def id(self, token: str, **inputs: Any) -> str:
        return self.make(token, **inputs)[0]

    def vpc(self) -> str:
        self.count += 1
        return self.id("aws:ec2/vpc:Vpc", cidrBlock=f"10.{self.count}.0.0/16")

    def subnets(self, vpc: str) -> list[str]:
        network = self.aws.client("ec2").describe_vpcs(VpcIds=[vpc])["Vpcs"][0]["CidrBlock"]
        block = network.removesuffix(".0.0/16")
        return [
            self.id("aws:ec2/subnet:Subnet", vpcId=vpc, cidrBlock=f"{block}.{i}.0/24", availabilityZone=REGION + z)
            for i, z in enumerate("ab")
        ]

    def group(self, vpc: str) -> str:
        self.count += 1
        return self.id("aws:ec2/securityGroup:SecurityGroup", name=f"group-{self.count}", vpcId=vpc)

    def role(self, service: str = "codepipeline.amazonaws.com") -> str:
        self.count += 1
        role = self.make("aws:iam/role:Role", name=f"role-{self.count}", assumeRolePolicy=trust(service))
        return str(role[1]["arn"])

    def bucket(self) -> str:
        self.count += 1
        return self.id("aws:s3/bucket:Bucket", bucket=f"some-bucket-{self.count}")

    def code(self, content: str) -> Props:
        """A function's code in S3."""
        archive = io.BytesIO()
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("steps.py", content)
        bucket = self.bucket()
        self.aws.client("s3").put_object(Bucket=bucket, Key=f"{content}.zip", Body=archive.getvalue())
        return {"s3Bucket": bucket, "s3Key": f"{content}.zip"}

    def target_group(self) -> str:
        self.count += 1
        group = "aws:lb/targetGroup:TargetGroup"
        return self.id(group, name=f"tg-{self.count}", port=80, protocol="HTTP", vpcId=self.vpc(), targetType="ip")

    def load_balancer(self) -> str:
        vpc = self.vpc()
        return self.id("aws:lb/loadBalancer:LoadBalancer", name=f"lb-{self.count}", subnets=self.subnets(vpc))

    def listener(self, target_group: str = "") -> str:
        forward = {"type": "forward", "targetGroupArn": target_group}
        fixed = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        return self.id(
            "aws:lb/listener:Listener",
            loadBalancerArn=self.load_balancer(),
            port=80,
            protocol="HTTP",
            defaultActions=[forward if target_group else fixed],
        )

    def certificate(self, domain: str) -> str:
        return self.id("aws:acm/certificate:Certificate", domainName=domain, validationMethod="DNS")

    def https_listener(self) -> str:
        fixed = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
        return self.id(
            "aws:lb/listener:Listener",
            loadBalancerArn=self.load_balancer(),
            port=443,
            protocol="HTTPS",
            certificateArn=self.certificate("example.org"),
            defaultActions=[fixed],
        )

    def served_target_group(self) -> str:
        arn = self.target_group()
        self.listener(arn)
        return arn

    def key(self) -> str:
        return self.id("aws:kms/key:Key", description="a key")

    def zone(self) -> str:
        zone = self.aws.client("route53").create_hosted_zone(Name="example.org.", CallerReference="1")
        return str(zone["HostedZone"]["Id"]).rsplit("/", 1)[1]

    def rule(self) -> str:
        return self.id("aws:cloudwatch/eventRule:EventRule", name="rule", eventPattern='{"source": ["aws.s3"]}')

    def alarm(self) -> str:
        self.count += 1
        return self.id(
            "aws:cloudwatch/metricAlarm:MetricAlarm",
            name=f"alarm-{self.count}",
            comparisonOperator="GreaterThanThreshold",
            evaluationPeriods=1,
            metricName="m",
            namespace="n",
            period=60,
            statistic="Sum",
            threshold=1,
        )

    def cluster(self) -> str:
        return self.id("aws:ecs/cluster:Cluster", name="main")

    def revision(self) -> str:
        definition = self.make(
            "aws:ecs/taskDefinition:TaskDefinition",
            family="web",
            containerDefinitions=CONTAINERS,
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn=self.role("ecs-tasks.amazonaws.com"),
        )
        return str(definition[1]["arn"])
