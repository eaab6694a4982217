"""The ECS API, and a task's life with containers that the test controls."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_fakes import FakeAccount, denied, eventually, misfits
from moto import mock_aws

from sandbox.account.account import Principal
from sandbox.account.errors import AwsError
from sandbox.clock import Clock
from sandbox.ecs import health, tasks
from sandbox.ecs.api import HANDLERS
from sandbox.ecs.health import Check, HealthTracker, matches
from sandbox.ecs.model import Task
from sandbox.ecs.provision import parameter_name
from sandbox.ecs.state import state_of
from sandbox.readings import Readings

Json = dict[str, Any]
ME = Principal("arn:aws:iam::111111111111:user/me", "user")
REPO = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/web"


@dataclass
class FakeContainer:
    exit_code: int | None = None
    status: int | Exception = 200
    health: int = 0
    used: int = 0
    probes: int = 0

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int:
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def run(self, argv: list[str], timeout: float | None = None) -> int:
        self.probes += 1
        return self.health

    def memory(self, *, exact: bool = False) -> int:
        return self.used

    def kill(self) -> None:
        self.exit_code = 137

    def stop(self, timeout: float) -> None:
        self.exit_code = 143 if self.exit_code is None else self.exit_code


@dataclass
class FakeEngine:
    """Containers as the test prepared them, by name; images by their tag's digest."""

    prepared: dict[str, FakeContainer] = field(default_factory=dict)
    pulled: list[str] = field(default_factory=list)
    started: list[tuple[str, dict[str, str]]] = field(default_factory=list)
    running: dict[str, FakeContainer] = field(default_factory=dict)
    refuse: Exception | None = None
    gone: set[str] = field(default_factory=set)
    digest: str = "sha256:1"

    def pull(self, ecr: Any, uri: str) -> Any:
        if self.refuse:
            raise self.refuse
        if uri in self.gone:
            raise RuntimeError(f"failed to resolve ref {uri}: not found")
        self.pulled.append(uri)
        return SimpleNamespace(digest=self.digest, index="")

    def start(
        self, folder: Path, image: Any, definition: Json, environment: dict[str, str], peer: Any
    ) -> FakeContainer:
        self.started.append((definition["name"], environment))
        name = definition["name"]
        self.running[name] = replace(self.prepared.get(name) or FakeContainer())
        return self.running[name]


class OwnEcs:
    """The ECS client: the sandbox's own operations, moto's for the rest."""

    def __init__(self, account: FakeAccount, moto: Any) -> None:
        self.account, self.moto = account, moto

    def __getattr__(self, name: str) -> Any:
        operation = "".join(part.capitalize() for part in name.split("_"))
        handler = HANDLERS.get(("ecs", operation))
        if handler is None:
            return getattr(self.moto, name)
        return lambda **params: handler(self.account, ME, params)  # type: ignore[arg-type]


@dataclass
class Aws:
    account: FakeAccount
    engine: FakeEngine
    subnets: list[str]
    open: str
    """A security group that lets everything in and out: the load balancer's and the tasks'."""
    target_group: str
    ecs: Any

    @property
    def network(self) -> Json:
        placed = {"subnets": self.subnets, "securityGroups": [self.open], "assignPublicIp": "ENABLED"}
        return {"awsvpcConfiguration": placed}

    def register(self, *containers: Json, **fields: Any) -> str:
        app = {"name": "app", "image": f"{REPO}:live", "portMappings": [{"containerPort": 80}]}
        answer = self.ecs.register_task_definition(
            family="web",
            networkMode="awsvpc",
            requiresCompatibilities=["FARGATE"],
            cpu="256",
            memory="512",
            executionRoleArn="arn:aws:iam::111111111111:role/exec",
            containerDefinitions=list(containers) or [app],
            **fields,
        )
        return str(answer["taskDefinition"]["taskDefinitionArn"])

    def service(self, **fields: Any) -> Json:
        params = {
            "cluster": "main",
            "serviceName": "web",
            "taskDefinition": "web",
            "desiredCount": 1,
            "launchType": "FARGATE",
            "networkConfiguration": self.network,
            "loadBalancers": [{"targetGroupArn": self.target_group, "containerName": "app", "containerPort": 80}],
        }
        merged = {key: value for key, value in {**params, **fields}.items() if value is not None}
        return dict(self.ecs.create_service(**merged)["service"])

    def described(self) -> Json:
        answer = self.ecs.describe_services(cluster="main", services=["web"], include=["TAGS"])
        assert misfits("ecs", "DescribeServices", answer) == []
        return dict(answer["services"][0])

    def completed(self) -> Json:
        eventually(lambda: self.described()["deployments"][0]["rolloutState"] == "COMPLETED", 15)
        return self.described()

    def stopped(self) -> list[Json]:
        """The service's tasks that have ended."""
        arns = self.ecs.list_tasks(cluster="main", serviceName="web", desiredStatus="STOPPED")["taskArns"]
        return list(self.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]) if arns else []

    def run_to_end(self, *containers: Json, **fields: Any) -> Json:
        self.register(*containers, **fields)
        started = self.ecs.run_task(cluster="main", taskDefinition="web", networkConfiguration=self.network)
        arn = started["tasks"][0]["taskArn"]

        def stopped() -> Json | None:
            answer = self.ecs.describe_tasks(cluster="main", tasks=[arn])
            assert misfits("ecs", "DescribeTasks", answer) == []
            task = answer["tasks"][0]
            return task if task["lastStatus"] == "STOPPED" else None

        return dict(eventually(stopped, 10))


@cache
def moto_client(service: str) -> Any:
    """One client for all tests, because making one takes long."""
    return boto3.client(service, region_name="eu-west-1", aws_access_key_id="a", aws_secret_access_key="b")  # noqa: S106


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with mock_aws():
        account = FakeAccount(folder=tmp_path, id="123456789012", clock=Clock(1000.0, patience=100.0))
        account.clients = {name: moto_client(name) for name in ("elbv2", "ec2", "ssm", "logs", "ecr")}
        moto = moto_client("ecs")
        account.clients["ecs"] = OwnEcs(account, moto)
        moto.create_cluster(clusterName="main")
        ec2, elb = account.clients["ec2"], account.clients["elbv2"]
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        zones = ("eu-west-1a", "eu-west-1b")
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=zone)["Subnet"]["SubnetId"]
            for n, zone in enumerate(zones)
        ]
        gateway = ec2.create_internet_gateway()["InternetGateway"]["InternetGatewayId"]
        ec2.attach_internet_gateway(InternetGatewayId=gateway, VpcId=vpc)
        (main,) = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["RouteTables"]
        ec2.create_route(RouteTableId=main["RouteTableId"], DestinationCidrBlock="0.0.0.0/0", GatewayId=gateway)
        everybody = ec2.create_security_group(GroupName="open", Description="open", VpcId=vpc)["GroupId"]
        everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
        ec2.authorize_security_group_ingress(GroupId=everybody, IpPermissions=everything)
        balancer = elb.create_load_balancer(Name="lb", Subnets=subnets, SecurityGroups=[everybody])["LoadBalancers"][0][
            "LoadBalancerArn"
        ]
        group = elb.create_target_group(
            Name="tg",
            Protocol="HTTP",
            Port=80,
            VpcId=vpc,
            TargetType="ip",
            HealthCheckPath="/",
            UnhealthyThresholdCount=2,
        )["TargetGroups"][0]["TargetGroupArn"]
        forward = [{"Type": "forward", "TargetGroupArn": group}]
        elb.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=forward)
        engine = FakeEngine()
        monkeypatch.setattr(tasks, "LocalEngine", lambda *_: engine)
        monkeypatch.setattr(health, "BOOT_SECONDS", 0.1)
        prepared = Aws(account, engine, subnets, everybody, group, account.clients["ecs"])
        yield prepared
        for service in list(state_of(account).services.values()):  # type: ignore[arg-type]
            service.status = "INACTIVE"
            service.wake.set()
        eventually(lambda: all(ended(task) for task in list(state_of(account).tasks.values())), 10)  # type: ignore[arg-type]


def ended(task: Task) -> bool:
    task.request_stop("UserInitiated", "end of test")
    return task.stopped


def test_a_service_becomes_steady_with_its_target_registered(aws: Aws) -> None:
    revision = aws.register()
    created = aws.service(tags=[{"key": "k", "value": "v"}])
    assert created["deployments"][0]["rolloutState"] == "IN_PROGRESS"
    service = aws.completed()
    assert (service["runningCount"], service["taskDefinition"]) == (1, revision)
    assert service["tags"] == [{"key": "k", "value": "v"}]
    assert service["events"][0]["message"] == "(service web) has reached a steady state."
    (arn,) = aws.ecs.list_tasks(cluster="main", serviceName="web")["taskArns"]
    task = aws.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]
    assert task["containers"][0]["imageDigest"] == "sha256:1"
    targets = aws.account.clients["elbv2"].describe_target_health(TargetGroupArn=aws.target_group)
    address = task["containers"][0]["networkInterfaces"][0]["privateIpv4Address"]
    assert [entry["Target"]["Id"] for entry in targets["TargetHealthDescriptions"]] == [address]
    names = [e["detail"].get("eventName") for e in aws.account.bus.events if "Deployment" in e["detail-type"]]
    assert names == ["SERVICE_DEPLOYMENT_IN_PROGRESS", "SERVICE_DEPLOYMENT_COMPLETED"]


def test_the_tag_is_resolved_once_per_deployment(aws: Aws) -> None:
    aws.register()
    aws.service()
    aws.completed()
    aws.ecs.update_service(cluster="main", service="web", desiredCount=2)
    eventually(lambda: aws.described()["runningCount"] == 2, 15)
    assert aws.engine.pulled == [f"{REPO}:live", f"{REPO}@sha256:1"]
    aws.ecs.update_service(cluster="main", service="web", forceNewDeployment=True)
    eventually(lambda: aws.engine.pulled[2:3], 15)
    assert aws.engine.pulled[2] == f"{REPO}:live"


def test_a_digest_that_is_gone_stops_more_tasks_and_a_new_deployment_asks_for_the_tag(aws: Aws) -> None:
    """A sidecar's tag was moved, and the lifecycle policy has deleted what it named (aws/amazon-ecs-agent#4226)."""
    app = container("app", portMappings=[{"containerPort": 80}])
    aws.register(app, container("proxy", image="123456789012.dkr.ecr.eu-west-1.amazonaws.com/proxy:stable"))
    aws.service()
    aws.completed()
    pinned = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/proxy@sha256:1"
    aws.engine.gone.add(pinned)
    aws.engine.digest = "sha256:2"
    aws.ecs.update_service(cluster="main", service="web", desiredCount=2)
    words = f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {pinned}: not found"
    eventually(lambda: any(words == task["stoppedReason"] for task in aws.stopped()), 15)
    aws.ecs.update_service(cluster="main", service="web", forceNewDeployment=True)
    eventually(lambda: aws.described()["runningCount"] == 2 and len(aws.described()["deployments"]) == 1, 15)


def test_each_task_may_resolve_the_tag_itself(aws: Aws) -> None:
    aws.account.readings = Readings(late_tags=True)
    aws.register()
    aws.service(desiredCount=2)
    eventually(lambda: aws.described()["runningCount"] == 2, 15)
    assert aws.engine.pulled == [f"{REPO}:live"] * 2


def test_only_what_matters_starts_a_deployment(aws: Aws) -> None:
    first = aws.register()
    aws.service()
    before = aws.completed()["deployments"][0]["id"]
    same: list[Json] = [{"taskDefinition": first}, {"desiredCount": 2}, {"healthCheckGracePeriodSeconds": 9}, {}]
    for change in same:
        answer = aws.ecs.update_service(cluster="main", service="web", **change)["service"]
        assert answer["deployments"][0]["id"] == before, change
    second = aws.register()
    for change in ({"taskDefinition": second}, {"forceNewDeployment": True}, {"platformVersion": "1.4.0"}):
        answer = aws.ecs.update_service(cluster="main", service="web", **change)["service"]
        assert answer["deployments"][0]["id"] != before, change
        before = answer["deployments"][0]["id"]


def test_another_capacity_provider_takes_a_new_deployment(aws: Aws) -> None:
    aws.register()
    aws.service(launchType=None, capacityProviderStrategy=[{"capacityProvider": "FARGATE", "weight": 1}])
    before = aws.completed()["deployments"][0]["id"]
    spot = {"capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}]}
    with pytest.raises(AwsError, match="you must force a new deployment"):
        aws.ecs.update_service(cluster="main", service="web", **spot)
    answer = aws.ecs.update_service(cluster="main", service="web", forceNewDeployment=True, **spot)["service"]
    assert answer["deployments"][0]["id"] != before
    assert answer["deployments"][0]["capacityProviderStrategy"] == spot["capacityProviderStrategy"]
    (arn,) = aws.ecs.list_tasks(cluster="main", serviceName="web")["taskArns"][:1]
    assert aws.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]["capacityProviderName"] == "FARGATE"


def test_an_unhealthy_task_is_stopped_in_elbs_words(aws: Aws) -> None:
    aws.engine.prepared["app"] = FakeContainer(status=500)
    aws.register()
    aws.service(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    eventually(lambda: aws.described()["deployments"][0]["rolloutState"] == "FAILED", 15)
    reason = aws.described()["deployments"][0]["rolloutStateReason"]
    assert reason == "ECS deployment circuit breaker: tasks failed ELB health checks."
    arns = aws.ecs.list_tasks(cluster="main", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    stopped = aws.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]
    assert {t["stoppedReason"] for t in stopped} == {
        f"Task failed ELB health checks in (target-group {aws.target_group})"
    }


@pytest.mark.parametrize("other", [{"desiredStatus": "STOPPED"}, {"serviceName": "web"}, {"family": "web"}])
def test_who_started_tasks_is_the_only_filter(aws: Aws, other: Json) -> None:
    aws.register()
    aws.service(desiredCount=0)
    assert aws.ecs.list_tasks(cluster="main", startedBy="ecs-svc/1")["taskArns"] == []
    with pytest.raises(AwsError, match="cannot specify startedBy with other arguments"):
        aws.ecs.list_tasks(cluster="main", startedBy="ecs-svc/1", **other)


def test_a_task_that_reaches_no_registry_fails_to_start_in_ecs_words(aws: Aws) -> None:
    ec2 = aws.account.clients["ec2"]
    (subnet, *_) = ec2.describe_subnets(SubnetIds=aws.subnets[:1])["Subnets"]
    tables = ec2.describe_route_tables(Filters=[{"Name": "vpc-id", "Values": [subnet["VpcId"]]}])["RouteTables"]
    ec2.delete_route(RouteTableId=tables[0]["RouteTableId"], DestinationCidrBlock="0.0.0.0/0")
    task = aws.run_to_end()
    assert task["stopCode"] == "TaskFailedToStart"
    assert task["stoppedReason"].startswith(
        "ResourceInitializationError: unable to pull secrets or registry auth: The task cannot pull registry auth from"
        " Amazon ECR: There is a connection issue between the task and Amazon ECR. Check your task network configuration."
    )
    assert "has no route to the internet, and its VPC no endpoint for it]" in task["stoppedReason"]
    assert aws.engine.pulled == []


def test_a_task_that_the_load_balancer_does_not_reach_fails_its_health_checks(aws: Aws) -> None:
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    aws.account.clients["ec2"].revoke_security_group_ingress(GroupId=aws.open, IpPermissions=everything)
    aws.register()
    aws.service(deploymentConfiguration={"deploymentCircuitBreaker": {"enable": True, "rollback": True}})
    eventually(lambda: aws.described()["deployments"][0]["rolloutState"] == "FAILED", 15)
    arns = aws.ecs.list_tasks(cluster="main", serviceName="web", desiredStatus="STOPPED")["taskArns"]
    stopped = aws.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]
    assert {t["stoppedReason"] for t in stopped} == {
        f"Task failed ELB health checks in (target-group {aws.target_group})"
    }


REFUSED: list[tuple[Json, str, str]] = [
    ({"cluster": "nope"}, "ClusterNotFoundException", "Cluster not found."),
    ({"taskDefinition": "nope"}, "ClientException", "Unable to describe task definition."),
    ({"taskDefinition": None}, "InvalidParameterException", "TaskDefinition cannot be null or empty."),
    ({"loadBalancers": [{"targetGroupArn": "TG", "containerName": "x", "containerPort": 80}]}, "InvalidParameterException", "The container x does not exist in the task definition."),
    ({"loadBalancers": [{"targetGroupArn": "TG", "containerName": "app", "containerPort": 1}]}, "InvalidParameterException", "The container app did not have a container port 1 defined."),
    ({"loadBalancers": [{"targetGroupArn": "arn:nope", "containerName": "app", "containerPort": 80}]}, "InvalidParameterException", "arn:nope"),
    ({"networkConfiguration": None}, "InvalidParameterException", "Network Configuration must be provided when networkMode 'awsvpc' is specified."),
    ({"networkConfiguration": {"awsvpcConfiguration": {"subnets": ["subnet-0"]}}}, "InvalidParameterException", "subnet-0"),
    ({"capacityProviderStrategy": [{"capacityProvider": "FARGATE"}]}, "InvalidParameterException", "both a launch type and capacity provider strategy"),
    ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "InvalidParameterException", "BLUE_GREEN is not simulated"),
    ({"deploymentConfiguration": {"maximumPercent": 100, "minimumHealthyPercent": 100}}, "InvalidParameterException", "would block deployments"),
    ({"enableExecuteCommand": True}, "InvalidParameterException", "a valid taskRoleArn is not being used"),
]  # fmt: skip


def test_refused_services(aws: Aws) -> None:
    aws.register()
    for fields, code, words in REFUSED:
        for balancer in fields.get("loadBalancers") or []:
            balancer["targetGroupArn"] = balancer["targetGroupArn"].replace("TG", aws.target_group)
        with pytest.raises(AwsError) as caught:
            aws.service(**fields)
        assert (caught.value.code, words in caught.value.message) == (code, True), (fields, caught.value.message)
    assert aws.ecs.list_services(cluster="main")["serviceArns"] == []


def test_creating_twice_deleting_and_creating_again(aws: Aws) -> None:
    aws.register()
    aws.service()
    with pytest.raises(AwsError, match="Creation of service was not idempotent"):
        aws.service()
    with pytest.raises(AwsError, match="scaled above 0"):
        aws.ecs.delete_service(cluster="main", service="web")
    assert aws.ecs.delete_service(cluster="main", service="web", force=True)["service"]["status"] == "DRAINING"
    with pytest.raises(AwsError, match="not ACTIVE"):
        aws.ecs.update_service(cluster="main", service="web", desiredCount=1)
    eventually(lambda: aws.described()["status"] == "INACTIVE", 10)
    assert aws.ecs.list_services(cluster="main")["serviceArns"] == []
    assert aws.service()["status"] == "ACTIVE"
    missing = aws.ecs.describe_services(cluster="main", services=["nope"])
    assert missing["failures"][0]["reason"] == "MISSING"


def test_code_deploy_owns_what_it_owns(aws: Aws) -> None:
    revision = aws.register()
    created = aws.service(deploymentController={"type": "CODE_DEPLOY"})
    assert created["deployments"] == []
    assert created["taskSets"][0]["status"] == "PRIMARY"
    for change in ({"taskDefinition": revision}, {"forceNewDeployment": True}, {"platformVersion": "1.4.0"}):
        with pytest.raises(AwsError, match=r"CODE_DEPLOY deployment controller\. Use AWS CodeDeploy"):
            aws.ecs.update_service(cluster="main", service="web", **change)
    assert aws.ecs.update_service(cluster="main", service="web", desiredCount=0)["service"]["desiredCount"] == 0


def container(name: str, **fields: Any) -> Json:
    return {"name": name, "image": f"{REPO}:live", **fields}


def test_a_task_ends_with_its_essential_container(aws: Aws) -> None:
    aws.engine.prepared |= {"app": FakeContainer(exit_code=3), "side": FakeContainer()}
    task = aws.run_to_end(container("app"), container("side", essential=False))
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    assert {c["name"]: c["exitCode"] for c in task["containers"]} == {"app": 3, "side": 143}
    states = [e["detail"]["lastStatus"] for e in aws.account.bus.events if e["detail-type"] == "ECS Task State Change"]
    assert states == ["RUNNING", "STOPPED"]


def test_a_container_that_exceeds_its_memory_is_killed(aws: Aws) -> None:
    aws.engine.prepared |= {"app": FakeContainer(used=600 * 1024 * 1024)}
    task = aws.run_to_end(container("app"))
    assert (task["stopCode"], task["stoppedReason"]) == (
        "EssentialContainerExited",
        "Essential container in task exited",
    )
    (app,) = task["containers"]
    assert (app["exitCode"], app["reason"]) == (137, "OutOfMemoryError: Container killed due to memory usage")


def test_a_container_waits_for_the_one_it_depends_on(aws: Aws) -> None:
    aws.engine.prepared |= {"init": FakeContainer(exit_code=0), "app": FakeContainer(exit_code=0)}
    after = [{"containerName": "init", "condition": "SUCCESS"}]
    aws.run_to_end(container("app", dependsOn=after), container("init", essential=False))
    assert [name for name, _ in aws.engine.started] == ["init", "app"]
    aws.engine.prepared["init"] = FakeContainer(exit_code=1)
    task = aws.run_to_end(container("app", dependsOn=after), container("init", essential=False))
    assert "its dependency init ended with exit code 1" in task["stoppedReason"]


def test_a_containers_own_health_check_decides(aws: Aws) -> None:
    check = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 1, "timeout": 2}
    aws.register(container("app", healthCheck=check))
    aws.service(loadBalancers=[])
    aws.completed()
    (arn,) = aws.ecs.list_tasks(cluster="main")["taskArns"]
    assert aws.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]["healthStatus"] == "HEALTHY"
    aws.engine.running["app"].health = 1

    def stopped() -> list[str]:
        arns = aws.ecs.list_tasks(cluster="main", desiredStatus="STOPPED")["taskArns"]
        return [t["stoppedReason"] for t in aws.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]] if arns else []

    assert eventually(stopped, 15) == ["Task failed container health checks"]


OWN_CHECK = {"command": ["CMD-SHELL", "true"], "interval": 5, "retries": 1, "timeout": 2}


@pytest.mark.parametrize(
    ("app", "sidecar", "service", "status", "ends"),
    [
        ({}, {"healthCheck": OWN_CHECK}, False, "UNHEALTHY", False),
        ({}, {"healthCheck": OWN_CHECK, "essential": False}, True, "UNHEALTHY", True),
        ({"healthCheck": OWN_CHECK}, {"healthCheck": OWN_CHECK, "essential": False}, True, "HEALTHY", False),
    ],
    ids=["a task of no service", "no essential container is checked", "an essential one is healthy"],
)
def test_what_an_unhealthy_sidecar_does(
    aws: Aws, app: Json, sidecar: Json, service: bool, status: str, ends: bool
) -> None:
    """ECS, HealthCheck: a service replaces an unhealthy task; which is one whose essential containers are."""
    aws.register(container("app", **app), container("proxy", **sidecar))
    if service:
        aws.service(loadBalancers=[])
        aws.completed()
        (arn,) = aws.ecs.list_tasks(cluster="main")["taskArns"]
    else:
        started = aws.ecs.run_task(cluster="main", taskDefinition="web", networkConfiguration=aws.network)
        arn = started["tasks"][0]["taskArn"]

    def described() -> Json:
        task: Json = aws.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]
        return task

    def of_proxy() -> str:
        return next(str(each["healthStatus"]) for each in described()["containers"] if each["name"] == "proxy")

    eventually(lambda: of_proxy() == "HEALTHY", 15)
    aws.engine.running["proxy"].health = 1
    eventually(lambda: of_proxy() == "UNHEALTHY", 15)
    assert described()["healthStatus"] == status
    if ends:
        eventually(lambda: described()["desiredStatus"] == "STOPPED", 15)
    else:
        proxy = aws.engine.running["proxy"]
        seen = proxy.probes
        eventually(lambda: proxy.probes > seen + 2, 15)
        assert described()["desiredStatus"] == "RUNNING"


def test_environment_and_secrets_reach_the_container(aws: Aws) -> None:
    aws.account.clients["ssm"].put_parameter(Name="/a/secret", Value="s", Type="SecureString")
    aws.engine.prepared["app"] = FakeContainer(exit_code=0)
    secret = {"name": "SECRET", "valueFrom": "arn:aws:ssm:eu-west-1:123456789012:parameter/a/secret"}
    aws.run_to_end(container("app", environment=[{"name": "A", "value": "1"}], secrets=[secret]))
    environment = aws.engine.started[0][1]
    assert environment | {"A": "1", "SECRET": "s", "AWS_REGION": "eu-west-1"} == environment
    assert ("arn:aws:iam::111111111111:role/exec", "ecs-tasks.amazonaws.com") in aws.account.assumed


DB = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:db-AbCdEf"


@pytest.mark.parametrize(
    ("value_from", "asked", "value"),
    [
        (DB, {}, '{"password": "p", "user": "u"}'),
        (f"{DB}:password::", {}, "p"),
        (f"{DB}:user:AWSPREVIOUS:", {"VersionStage": "AWSPREVIOUS"}, "u"),
        (f"{DB}:::0123", {"VersionId": "0123"}, '{"password": "p", "user": "u"}'),
    ],
)
def test_a_field_of_a_secret_reaches_the_container(aws: Aws, value_from: str, asked: Json, value: str) -> None:
    calls: list[Json] = []

    def get_secret_value(**given: str) -> Json:
        calls.append(given)
        return {"SecretString": '{"password": "p", "user": "u"}'}

    aws.account.clients["secretsmanager"] = SimpleNamespace(get_secret_value=get_secret_value)
    aws.engine.prepared["app"] = FakeContainer(exit_code=0)
    aws.run_to_end(container("app", secrets=[{"name": "DB", "valueFrom": value_from}]))
    ((_, environment),) = aws.engine.started
    assert (environment["DB"], calls) == (value, [{"SecretId": DB, **asked}])


def test_a_field_that_a_secret_lacks_is_named(aws: Aws) -> None:
    aws.account.clients["secretsmanager"] = SimpleNamespace(get_secret_value=lambda **_: {"SecretString": "{}"})
    task = aws.run_to_end(container("app", secrets=[{"name": "DB", "valueFrom": f"{DB}:password::"}]))
    assert task["stoppedReason"].endswith("retrieved secret from Secrets Manager did not contain json key password")


def test_what_a_task_lacks_is_named(aws: Aws) -> None:
    prefix = "ResourceInitializationError: unable to pull secrets or registry auth: execution resource retrieval failed: unable to retrieve secrets from ssm: service call has been retried 1 time(s): "
    secret = {"name": "SECRET", "valueFrom": "/a/missing"}
    assert (
        aws.run_to_end(container("app", secrets=[secret]))["stoppedReason"]
        == prefix + "invalid ssm parameters: /a/missing"
    )

    ssm = aws.account.clients["ssm"]
    words = "User: arn:aws:sts::1:assumed-role/exec/t is not authorized to perform: ssm:GetParameters on resource: arn"
    aws.account.clients["ssm"] = SimpleNamespace(get_parameters=_raise(denied("GetParameters", words)))
    assert (
        aws.run_to_end(container("app", secrets=[secret]))["stoppedReason"] == f"{prefix}AccessDeniedException: {words}"
    )
    aws.account.clients["ssm"] = ssm

    refused = RuntimeError("registry says no")
    refused.__cause__ = denied("GetAuthorizationToken", "no token")
    aws.engine.refuse = refused
    assert "unable to retrieve ecr registry auth" in aws.run_to_end(container("app"))["stoppedReason"]
    aws.engine.refuse = RuntimeError(f"failed to resolve ref {REPO}:live: not found")
    task = aws.run_to_end(container("app"))
    assert task["stopCode"] == "TaskFailedToStart"
    assert (
        task["stoppedReason"]
        == f"CannotPullContainerError: pull image manifest has been retried 1 time(s): failed to resolve ref {REPO}:live: not found"
    )
    aws.engine.refuse = None

    options = {"awslogs-group": "/nope", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}
    logged = container("app", logConfiguration={"logDriver": "awslogs", "options": options})
    assert (
        "failed to create Cloudwatch log stream: ResourceNotFoundException" in aws.run_to_end(logged)["stoppedReason"]
    )


def test_a_role_that_ecs_may_not_assume(aws: Aws) -> None:
    words = "ECS was unable to assume the role 'arn:aws:iam::111111111111:role/exec' that was provided for this task."
    aws.account.untrusted.add("arn:aws:iam::111111111111:role/exec")
    with pytest.raises(AwsError, match=re.escape(words)) as refused:
        aws.run_to_end(container("app"))
    assert refused.value.code == "ClientException"
    aws.register()
    aws.service()
    (stopped,) = eventually(lambda: aws.ecs.list_tasks(cluster="main", desiredStatus="STOPPED")["taskArns"][:1], 15)
    assert aws.ecs.describe_tasks(cluster="main", tasks=[stopped])["tasks"][0]["stoppedReason"].startswith(words)


def _raise(error: Exception) -> Any:
    def call(**_: Any) -> None:
        raise error

    return call


def test_output_reaches_the_log_stream(aws: Aws) -> None:
    logs = aws.account.clients["logs"]
    logs.create_log_group(logGroupName="/ecs")

    def start(folder: Path, *_: Any) -> FakeContainer:
        (folder / "output.log").write_text("one\ntwo\nunfinished")
        return FakeContainer(exit_code=0)

    aws.engine.start = start  # type: ignore[assignment,method-assign]
    options = {"awslogs-group": "/ecs", "awslogs-region": "eu-west-1", "awslogs-stream-prefix": "p"}
    task = aws.run_to_end(container("app", logConfiguration={"logDriver": "awslogs", "options": options}))
    stream = f"p/app/{task['taskArn'].rsplit('/', 1)[-1]}"
    events = logs.get_log_events(logGroupName="/ecs", logStreamName=stream)["events"]
    assert [event["message"] for event in events] == ["one", "two", "unfinished"]


def test_stop_task_and_overrides(aws: Aws) -> None:
    aws.register(container("app"))
    overrides: Json = {"containerOverrides": [{"name": "nope"}]}
    with pytest.raises(AwsError, match="is not a container in the TaskDefinition"):
        aws.ecs.run_task(cluster="main", taskDefinition="web", networkConfiguration=aws.network, overrides=overrides)
    overrides = {"containerOverrides": [{"name": "app", "environment": [{"name": "A", "value": "over"}]}]}
    answer = aws.ecs.run_task(
        cluster="main", taskDefinition="web", networkConfiguration=aws.network, overrides=overrides
    )
    arn = answer["tasks"][0]["taskArn"]
    eventually(lambda: aws.ecs.describe_tasks(cluster="main", tasks=[arn])["tasks"][0]["lastStatus"] == "RUNNING")
    assert aws.engine.started[0][1]["A"] == "over"
    aws.ecs.stop_task(cluster="main", task=arn, reason="enough")
    task = eventually(lambda: next((t for t in state_of(aws.account).tasks.values() if t.stopped), None))  # type: ignore[arg-type]
    assert (task.stop_code, task.stopped_reason) == ("UserInitiated", "enough")


def test_a_client_token_starts_its_task_once(aws: Aws) -> None:
    aws.register(container("app"))

    def run(token: str) -> str:
        answer = aws.ecs.run_task(
            cluster="main", taskDefinition="web", networkConfiguration=aws.network, clientToken=token
        )
        return str(answer["tasks"][0]["taskArn"])

    first = run("one")
    assert first == run("one") != run("two")
    aws.register(container("app"))
    with pytest.raises(AwsError, match="already in use with a different RunTask request") as refused:
        aws.ecs.run_task(cluster="main", taskDefinition="web:2", networkConfiguration=aws.network, clientToken="one")
    assert (refused.value.code, refused.value.fields) == ("ConflictException", {"resourceIds": [first]})
    assert len(aws.ecs.list_tasks(cluster="main")["taskArns"]) == 2


def test_services_are_visible_to_scaling(aws: Aws) -> None:
    aws.register()
    aws.service()
    moto_client("application-autoscaling").register_scalable_target(
        ServiceNamespace="ecs",
        ResourceId="service/main/web",
        ScalableDimension="ecs:service:DesiredCount",
        MinCapacity=0,
        MaxCapacity=2,
    )


@pytest.mark.parametrize(
    ("matcher", "status", "fits"),
    [("200", 200, True), ("200", 201, False), ("200-299,302", 302, True), ("200-299,302", 250, True), ("200-299,302", 301, False), ("200,202", 202, True), ("x", 200, False)],
)  # fmt: skip
def test_matcher(matcher: str, status: int, fits: bool) -> None:
    assert matches(matcher, status) is fits


def test_thresholds_count_in_a_row() -> None:
    tracker = HealthTracker(2, 3)
    for success, state in [(True, "initial"), (False, "initial"), (True, "initial"), (True, "healthy"), (False, "healthy"), (False, "healthy"), (False, "unhealthy"), (True, "unhealthy"), (True, "healthy")]:  # fmt: skip
        tracker.record(success)
        assert tracker.state == state


def test_a_container_that_boots_is_not_yet_unhealthy() -> None:
    answers: list[bool | None] = [None, None, None, False, False]
    check = Check(HealthTracker(2, 2), 10, 5, 0, "failed", lambda _: answers.pop(0), "app")
    clock = Clock(1000, patience=1000)
    for now in (0.0, 1.0, 2.0):
        check.run(now, clock)
        assert not check.failed(now, clock)
    for now in (3.0, 4.0):
        check.run(now, clock)
    assert check.failed(4.0, clock), "a wrong answer is an answer"


def test_what_is_healthy_is_checked_less_often_until_it_gives_a_wrong_answer() -> None:
    answers: list[bool | None] = [True, True, True, False, False]
    check = Check(HealthTracker(2, 2), 10, 5, 0, "failed", lambda _: answers.pop(0), "app")
    left = []
    for now in (0.0, 0.1, 0.2, 0.6, 1.0, 1.1, 1.3):
        check.run(now, Clock(100))
        left.append(len(answers))
    assert left == [4, 3, 3, 2, 2, 1, 0]
    assert check.tracker.state == "unhealthy"


@pytest.mark.parametrize(
    ("value_from", "name"),
    [
        ("/a/b", "/a/b"),
        ("plain", "plain"),
        ("arn:aws:ssm:r:1:parameter/a/b", "/a/b"),
        ("arn:aws:ssm:r:1:parameter/plain", "plain"),
    ],
)
def test_parameter_name(value_from: str, name: str) -> None:
    assert parameter_name(value_from) == name


def test_fargate_runs_what_was_registered_for_it(aws: Aws) -> None:
    aws.ecs.moto.register_task_definition(
        family="ec2",
        networkMode="awsvpc",
        containerDefinitions=[
            {"name": "app", "image": f"{REPO}:live", "memory": 128, "portMappings": [{"containerPort": 80}]}
        ],
    )
    network = {"awsvpcConfiguration": {"subnets": aws.subnets}}
    for call in (
        lambda: aws.ecs.run_task(
            cluster="main", taskDefinition="ec2", launchType="FARGATE", networkConfiguration=network
        ),
        lambda: aws.service(taskDefinition="ec2"),
        lambda: aws.service(
            taskDefinition="ec2", launchType=None, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOT"}]
        ),
    ):
        with pytest.raises(
            AwsError, match=r"InvalidParameterException: Task definition does not support launch_type FARGATE\.$"
        ):
            call()
