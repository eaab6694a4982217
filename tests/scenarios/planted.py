"""Faults planted on a stack that is up: each is a change of what the program declared, with AWS's words for it."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from tests.scenarios.conftest import Stack

Json = dict[str, Any]
SERVICE = "hello"
REGISTERED = {
    *("family", "taskRoleArn", "executionRoleArn", "networkMode", "containerDefinitions", "volumes", "cpu"),
    *("memory", "requiresCompatibilities", "runtimePlatform"),
}
ANYWHERE = "0.0.0.0/0"


@dataclass(frozen=True)
class Planter:
    """What a stack's service is made of, as its account tells it."""

    stack: Stack

    @property
    def name(self) -> str:
        return f"{self.stack.name}-{SERVICE}"

    def client(self, service: str) -> Any:
        return self.stack.client(service)

    def repository(self, service: str) -> str:
        """The name of a service's images, without a version."""
        name = f"{self.stack.name}-{service}"
        return str(self.client("ecr").describe_repositories(repositoryNames=[name])["repositories"][0]["repositoryUri"])

    def service(self) -> Json:
        found = self.client("ecs").describe_services(cluster=self.stack.name, services=[self.name])["services"]
        return dict(found[0])

    def definition(self, **container: Any) -> Json:
        """What would register the service's task definition again, with these fields of its first container."""
        found = self.client("ecs").describe_task_definition(taskDefinition=self.service()["taskDefinition"])
        definition = {key: value for key, value in found["taskDefinition"].items() if key in REGISTERED}
        definition["family"] = f"{self.name}-planted"
        definition["containerDefinitions"][0] |= container
        return definition

    def register(self, change: Json | None = None, **container: Any) -> str:
        definition = {**self.definition(**container), **(change or {})}
        return str(self.client("ecs").register_task_definition(**definition)["taskDefinition"]["taskDefinitionArn"])

    def run_task(self, definition: str | None = None) -> Json:
        """A task of the service's network and this definition, at its end."""
        ecs, service = self.client("ecs"), self.service()
        network, wanted = service["networkConfiguration"], definition or service["taskDefinition"]
        started = ecs.run_task(cluster=self.stack.name, taskDefinition=wanted, networkConfiguration=network)
        arn = started["tasks"][0]["taskArn"]
        for _ in range(300):
            task: Json = ecs.describe_tasks(cluster=self.stack.name, tasks=[arn])["tasks"][0]
            if task["lastStatus"] == "STOPPED":
                return task
            time.sleep(0.1)
        ecs.stop_task(cluster=self.stack.name, task=arn)
        raise AssertionError(f"the task goes on: {task}")

    def listener(self, protocol: str) -> Json:
        elb = self.client("elbv2")
        (balancer,) = elb.describe_load_balancers(Names=[self.stack.name])["LoadBalancers"]
        listeners = elb.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
        return next(dict(each) for each in listeners if each["Protocol"] == protocol)

    def groups(self) -> dict[str, str]:
        """The security groups of the tasks and of the load balancer."""
        tasks = self.service()["networkConfiguration"]["awsvpcConfiguration"]["securityGroups"]
        (balancer,) = self.client("elbv2").describe_load_balancers(Names=[self.stack.name])["LoadBalancers"]
        return {"tasks": tasks[0], "balancer": balancer["SecurityGroups"][0]}

    def alias(self, **target: str) -> None:
        """The service's record, changed."""
        dns = self.client("route53")
        for zone in dns.list_hosted_zones()["HostedZones"]:
            for record in dns.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]:
                if record["Name"].startswith(f"{SERVICE}.") and "AliasTarget" in record:
                    record["AliasTarget"] |= target
                    change = {"Action": "UPSERT", "ResourceRecordSet": record}
                    dns.change_resource_record_sets(HostedZoneId=zone["Id"], ChangeBatch={"Changes": [change]})
                    return
        raise LookupError(f"{SERVICE} has no record")

    def log_group(self) -> str:
        log = self.definition()["containerDefinitions"][0]["logConfiguration"]
        return str(log["options"]["awslogs-group"])

    def key_for(self, group: str) -> None:
        """Encrypt the service's logs with a key whose policy is for another group."""
        account, region = self.stack.account.server.account, self.stack.account.server.region
        arn = f"arn:aws:logs:{region}:{account}:log-group:{group}"
        allowed = {"Effect": "Allow", "Resource": "*"}
        logs = {
            **allowed,
            "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            "Action": "kms:*",
            "Condition": {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": arn}},
        }
        root = {**allowed, "Principal": {"AWS": f"arn:aws:iam::{account}:root"}, "Action": "kms:*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [root, logs]})
        key = self.client("kms").create_key(Policy=policy)["KeyMetadata"]["Arn"]
        self.client("logs").associate_kms_key(logGroupName=self.log_group(), kmsKeyId=key)

    def project(self) -> Json:
        """The service's build."""
        builds = self.client("codebuild")
        names = builds.list_projects()["projects"]
        name = next(each for each in names if each.startswith(self.name) and "package" in each)
        return dict(builds.batch_get_projects(names=[name])["projects"][0])

    def build_on(self, kind: str, image: str) -> None:
        project = self.project()
        environment = {**project["environment"], "type": kind, "image": image}
        self.client("codebuild").update_project(name=project["name"], environment=environment)

    def build_policy(self) -> tuple[Json, Json]:
        """The build's role: where its policy is, and what it says."""
        iam, role = self.client("iam"), self.project()["serviceRole"].rpartition("/")[2]
        (name,) = iam.list_role_policies(RoleName=role)["PolicyNames"]
        place = {"RoleName": role, "PolicyName": name}
        return place, iam.get_role_policy(**place)["PolicyDocument"]

    def put_build_policy(self, edit: Callable[[Json], None]) -> None:
        place, document = self.build_policy()
        edit(document)
        self.client("iam").put_role_policy(**place, PolicyDocument=json.dumps(document))


def refusal(plant: Callable[[Planter], Any], planter: Planter) -> str:
    """The code and the words of the error that a planted fault meets."""
    try:
        plant(planter)
    except ClientError as error:
        return f"{error.response['Error']['Code']}: {error.response['Error']['Message']}"
    return "taken"


@contextlib.contextmanager
def without_rules(planter: Planter, direction: str, of: str) -> Iterator[None]:
    """The security group of the tasks or of the load balancer without its rules of a direction."""
    ec2, group = planter.client("ec2"), planter.groups()[of]
    (found,) = ec2.describe_security_groups(GroupIds=[group])["SecurityGroups"]
    rules = found["IpPermissions" if direction == "ingress" else "IpPermissionsEgress"]
    getattr(ec2, f"revoke_security_group_{direction}")(GroupId=group, IpPermissions=rules)
    try:
        yield
    finally:
        getattr(ec2, f"authorize_security_group_{direction}")(GroupId=group, IpPermissions=rules)


@contextlib.contextmanager
def without_a_way_out(planter: Planter) -> Iterator[None]:
    """The tasks' subnets without their default routes."""
    ec2 = planter.client("ec2")
    subnets = planter.service()["networkConfiguration"]["awsvpcConfiguration"]["subnets"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "association.subnet-id", "Values": subnets}])["RouteTables"]
    taken = {
        table["RouteTableId"]: route["GatewayId"]
        for table in tables
        for route in table["Routes"]
        if route.get("DestinationCidrBlock") == ANYWHERE
    }
    assert taken
    for table in taken:
        ec2.delete_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE)
    try:
        yield
    finally:
        for table, gateway in taken.items():
            ec2.create_route(RouteTableId=table, DestinationCidrBlock=ANYWHERE, GatewayId=gateway)


@contextlib.contextmanager
def build_machine(planter: Planter, kind: str, image: str) -> Iterator[None]:
    """The service's build on another machine."""
    before = planter.project()["environment"]
    planter.build_on(kind, image)
    try:
        yield
    finally:
        planter.build_on(before["type"], before["image"])


@contextlib.contextmanager
def build_role_without(planter: Planter, action: str) -> Iterator[None]:
    """The role of the service's build without one of its actions."""
    place, before = planter.build_policy()

    def take(document: Json) -> None:
        actions = [each["Action"] for each in document["Statement"] if action in each["Action"]]
        for each in actions:
            each.remove(action)
        assert actions

    planter.put_build_policy(take)
    try:
        yield
    finally:
        planter.client("iam").put_role_policy(**place, PolicyDocument=json.dumps(before))


def index_of_the_live_image(planter: Planter, tag: str) -> str:
    """An image index that has the live image, for amd64 only."""
    ecr = planter.client("ecr")
    (live,) = ecr.batch_get_image(repositoryName=planter.name, imageIds=[{"imageTag": "live"}])["images"]
    with contextlib.suppress(ecr.exceptions.ImageAlreadyExistsException):
        planter.stack.push_index(SERVICE, live["imageId"]["imageDigest"], tag)
    uri = planter.definition()["containerDefinitions"][0]["image"].partition("@")[0]
    return f"{uri}:{tag}"


@contextlib.contextmanager
def webhook_at(planter: Planter, path: str) -> Iterator[None]:
    """Slack's messages go to another path of its host."""
    events = planter.client("events")
    destinations = events.list_api_destinations()["ApiDestinations"]
    (before,) = [each for each in destinations if "hooks.slack.com" in each["InvocationEndpoint"]]
    kept = {key: before[key] for key in ("Name", "ConnectionArn", "HttpMethod")}
    events.update_api_destination(**kept, InvocationEndpoint=f"https://hooks.slack.com/{path}")
    try:
        yield
    finally:
        events.update_api_destination(**kept, InvocationEndpoint=before["InvocationEndpoint"])
