"""A service as somebody made it by hand, long before this program: its network, load balancer, cluster, image and record."""

import base64
import contextlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.containers.docker import Docker
from sandbox.containers.store import ImageStore
from tests.scenarios.conftest import Stack

CLUSTER, SERVICE, PRIORITY, TASKS = "shared", "old-site", 100, 2
ZONES = ("ap-northeast-1a", "ap-northeast-1c")
PORT = 4000
TRUST = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sts:AssumeRole"}]}


@dataclass(frozen=True)
class Made:
    """What was made.

    Attributes:
        vpc: its id.
        subnets: the ids of those of the tasks.
        listener: the ARN of the HTTPS listener.
        zone: the id of the zone of the host.
        rule: the ARN of the rule that leads to the service.
        group: the ARN of its target group.
    """

    vpc: str
    subnets: list[str]
    listener: str
    zone: str
    rule: str
    group: str


def make(stack: Stack, host: str, app: Path) -> Made:
    """Make all of it in the account of a stack's sandbox, and wait until the service runs."""
    vpc, public, private = _network(stack.client("ec2"))
    listener, balancer, guarded = _load_balancer(stack, vpc, public, host)
    elbv2 = stack.client("elbv2")
    group = elbv2.create_target_group(
        Name=SERVICE, Protocol="HTTP", Port=PORT, VpcId=vpc, TargetType="ip", HealthCheckPath="/healthz",
        HealthCheckIntervalSeconds=10, HealthyThresholdCount=2,
    )["TargetGroups"][0]["TargetGroupArn"]  # fmt: skip
    (rule,) = elbv2.create_rule(
        ListenerArn=listener,
        Priority=PRIORITY,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [host]}}],
        Actions=[{"Type": "forward", "TargetGroupArn": group}],
    )["Rules"]
    zone = _record(stack.client("route53"), host, balancer)
    _service(stack, _image(stack, app), vpc, private, guarded, group)
    stack.client("ecs").get_waiter("services_stable").wait(
        cluster=CLUSTER, services=[SERVICE], WaiterConfig={"Delay": 1, "MaxAttempts": 60}
    )
    elbv2.get_waiter("target_in_service").wait(TargetGroupArn=group, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
    return Made(vpc, private, listener, zone, rule["RuleArn"], group)


def _network(ec2: Any) -> tuple[str, list[str], list[str]]:
    """A VPC with public subnets, and private ones behind a NAT gateway."""
    vpc = ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
    gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
    ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
    public, private = (
        [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{base + number}.0/24", AvailabilityZone=zone)["Subnet"][
                "SubnetId"
            ]
            for number, zone in enumerate(ZONES)
        ]
        for base in (0, 10)
    )
    address = ec2.allocate_address(Domain="vpc")["AllocationId"]
    nat = ec2.create_nat_gateway(SubnetId=public[0], AllocationId=address)["NatGateway"]["NatGatewayId"]
    for subnets, way in ((public, {"GatewayId": gateway}), (private, {"NatGatewayId": nat})):
        table = ec2.create_route_table(VpcId=vpc)["RouteTable"]["RouteTableId"]
        ec2.create_route(RouteTableId=table, DestinationCidrBlock="0.0.0.0/0", **way)
        for subnet in subnets:
            ec2.associate_route_table(RouteTableId=table, SubnetId=subnet)
    return vpc, public, private


def _load_balancer(stack: Stack, vpc: str, subnets: list[str], host: str) -> tuple[str, dict[str, Any], str]:
    """Its HTTPS listener, itself, and its security group."""
    elbv2 = stack.client("elbv2")
    group = _group(stack.client("ec2"), vpc, "balancer", {"IpRanges": [{"CidrIp": "0.0.0.0/0"}]})
    (balancer,) = elbv2.create_load_balancer(Name="shared", Subnets=subnets, SecurityGroups=[group])["LoadBalancers"]
    certificate = stack.client("acm").request_certificate(DomainName=host, ValidationMethod="DNS")["CertificateArn"]
    (listener,) = elbv2.create_listener(
        LoadBalancerArn=balancer["LoadBalancerArn"],
        Protocol="HTTPS",
        Port=443,
        SslPolicy="ELBSecurityPolicy-TLS13-1-2-2021-06",
        Certificates=[{"CertificateArn": certificate}],
        DefaultActions=[{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}],
    )["Listeners"]
    return listener["ListenerArn"], balancer, group


def _group(ec2: Any, vpc: str, name: str, source: dict[str, Any]) -> str:
    """A security group into which everything from a source comes."""
    group: str = ec2.create_security_group(GroupName=name, Description=name, VpcId=vpc)["GroupId"]
    ec2.authorize_security_group_ingress(
        GroupId=group, IpPermissions=[{"IpProtocol": "tcp", "FromPort": 1, "ToPort": 65535, **source}]
    )
    return group


def _record(route53: Any, host: str, balancer: dict[str, Any]) -> str:
    """The alias of the host; the id of its zone."""
    made = route53.create_hosted_zone(Name=host.partition(".")[2], CallerReference="by hand")["HostedZone"]
    target = {
        "HostedZoneId": balancer["CanonicalHostedZoneId"],
        "DNSName": balancer["DNSName"],
        "EvaluateTargetHealth": True,
    }
    record = {"Name": host, "Type": "A", "AliasTarget": target}
    route53.change_resource_record_sets(
        HostedZoneId=made["Id"], ChangeBatch={"Changes": [{"Action": "CREATE", "ResourceRecordSet": record}]}
    )
    return str(made["Id"].rpartition("/")[2])


def _image(stack: Stack, app: Path) -> str:
    """An image of the app in a repository of its own."""
    ecr = stack.client("ecr")
    name = f"{ecr.create_repository(repositoryName=SERVICE)['repository']['repositoryUri']}:v7"
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    password = base64.b64decode(token).decode().partition(":")[2]
    with tempfile.TemporaryDirectory() as state, contextlib.chdir(app):
        docker = Docker(ImageStore(Path(state)), {}, print, print, lambda _: ecr)
        docker.run(["login", "--username", "AWS", "--password-stdin", name.partition("/")[0]], lambda: password)
        docker.run(["build", "--tag", name, "."], str)
        docker.run(["push", name], str)
    return name


def _service(stack: Stack, image: str, vpc: str, subnets: list[str], balancer_group: str, target_group: str) -> None:
    iam, ecs = stack.client("iam"), stack.client("ecs")
    trust = {**TRUST, "Statement": [{**TRUST["Statement"][0], "Principal": {"Service": "ecs-tasks.amazonaws.com"}}]}  # type: ignore[dict-item]
    role = iam.create_role(RoleName=SERVICE, AssumeRolePolicyDocument=json.dumps(trust))["Role"]["Arn"]
    may = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": ["ecr:*", "logs:*"], "Resource": "*"}]}
    iam.put_role_policy(RoleName=SERVICE, PolicyName="starts", PolicyDocument=json.dumps(may))
    stack.client("logs").create_log_group(logGroupName=SERVICE)
    ecs.create_cluster(clusterName=CLUSTER)
    ecs.put_cluster_capacity_providers(
        cluster=CLUSTER, capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
    )
    logs = {"awslogs-group": SERVICE, "awslogs-region": "ap-northeast-1", "awslogs-stream-prefix": "web"}
    definition = ecs.register_task_definition(
        family=SERVICE, requiresCompatibilities=["FARGATE"], networkMode="awsvpc", cpu="256", memory="512",
        executionRoleArn=role,
        containerDefinitions=[
            {
                "name": "app", "image": image, "essential": True,
                "portMappings": [{"containerPort": PORT}],
                "environment": [{"name": "PORT", "value": str(PORT)}],
                "logConfiguration": {"logDriver": "awslogs", "options": logs},
            }
        ],
    )["taskDefinition"]["taskDefinitionArn"]  # fmt: skip
    group = _group(stack.client("ec2"), vpc, SERVICE, {"UserIdGroupPairs": [{"GroupId": balancer_group}]})
    ecs.create_service(
        cluster=CLUSTER, serviceName=SERVICE, taskDefinition=definition, desiredCount=TASKS, launchType="FARGATE",
        networkConfiguration={"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group]}},
        loadBalancers=[{"targetGroupArn": target_group, "containerName": "app", "containerPort": PORT}],
        healthCheckGracePeriodSeconds=60,
    )  # fmt: skip
