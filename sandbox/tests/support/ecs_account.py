"""An account for the tests of ECS, whose containers the test controls."""

import queue
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from aws_fakes import FakeAccount, eventually, misfits
from moto import mock_aws

from sandbox.account.account import Principal
from sandbox.clock import Clock
from sandbox.containers.namespace import StartError
from sandbox.containers.terminal import Terminal
from sandbox.ecs import health, tasks
from sandbox.ecs.api import HANDLERS
from sandbox.ecs.model import Task
from sandbox.ecs.state import state_of

ME = Principal("arn:aws:iam::111111111111:user/me", "user")


REPO = "111111111111.dkr.ecr.eu-west-1.amazonaws.com/web"


Json = dict[str, Any]


class FakeTerminal(Terminal):
    """A terminal that the test writes at: what `finish` has ended is over."""

    def __init__(self, argv: list[str], environment: Mapping[str, str]) -> None:
        self.argv, self.environment = argv, environment
        self.typed = b""
        self.sizes: list[tuple[int, int]] = []
        self.state = "open"
        self._output: queue.SimpleQueue[bytes] = queue.SimpleQueue()

    def write(self, data: bytes) -> None:
        self._output.put(data)

    def finish(self) -> None:
        self._output.put(b"")

    def written(self) -> Iterator[bytes]:
        yield from iter(self._output.get, b"")

    def type(self, data: bytes) -> None:
        self.typed += data

    def resize(self, rows: int, columns: int) -> None:
        self.sizes.append((rows, columns))

    def hang_up(self) -> None:
        self.state = "hung up"
        self.finish()

    def close(self) -> None:
        self.state = "closed"


@dataclass
class FakeContainer:
    exit_code: int | None = None
    status: int | Exception = 200
    health: int = 0
    used: int = 0
    probes: int = 0
    terminals: list[FakeTerminal] = field(default_factory=list)
    listens: Mapping[int, int] = field(default_factory=dict)
    """Its ports → those of this machine that stand for them."""
    names: Mapping[str, str] = field(default_factory=dict)

    def open_terminal(self, argv: list[str], environment: Mapping[str, str]) -> FakeTerminal:
        if argv[0] == "missing":
            raise StartError('exec: "missing": executable file not found in $PATH')
        self.terminals.append(FakeTerminal(argv, environment))
        return self.terminals[-1]

    def connect(self, port: int, timeout: float | None = None, host: str | None = None) -> socket.socket:
        assert host == "127.0.0.1" or host in self.names
        if port not in self.listens:
            raise ConnectionRefusedError(f"port {port}")
        return socket.create_connection(("127.0.0.1", self.listens[port]))

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int:
        if isinstance(self.status, Exception):
            raise self.status
        return self.status

    def http2_ask(self, port: int, path: str, host: str, timeout: float, *, grpc: bool) -> int:
        return self.http_get(port, path, host, timeout)

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
        self.running[name] = replace(self.prepared.get(name) or FakeContainer(), terminals=[])
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


@contextmanager
def ecs_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    """An account with a cluster, a network and a load balancer, in which the test decides what containers do."""
    with mock_aws():
        account = FakeAccount(folder=tmp_path, id="123456789012", clock=Clock(1000.0, patience=100.0))
        account.clients = {
            name: moto_client(name) for name in ("elbv2", "ec2", "ssm", "logs", "ecr", "servicediscovery")
        }
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


def container(name: str, **fields: Any) -> Json:
    return {"name": name, "image": f"{REPO}:live", **fields}
