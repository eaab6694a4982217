"""A stack under mocks: what the program registers, with what inputs, under which parent."""

import asyncio
import copy
import functools
import runpy
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator, Mapping
from pathlib import Path
from typing import Any

import boto3
import pulumi
import pytest
import yaml
from pulumi.runtime import mocks, rpc
from pulumi.runtime import settings as runtime_settings
from pulumi.runtime.proto import source_pb2

from config import layers
from releases.service_state import ServiceState
from tests.support.example import EXAMPLE

ROOT = Path(__file__).parents[3]
ACCOUNT, REGION = "123456789012", "ap-northeast-1"
ROUTE_TABLES = {
    f"urn:pulumi:dev::fargate-delivery::aws:ec2/routeTable:RouteTable::network-vpc-{name}": f"rtb-{name}"
    for name in ("public-1", "private-1", "public-2", "private-2")
}
"""URN → id, of those that a VPC has made."""


def _arn(service: str, resource: str) -> Callable[[mocks.MockResourceArgs], dict[str, Any]]:
    def computed(args: mocks.MockResourceArgs) -> dict[str, Any]:
        name = args.inputs.get("name", args.name)
        return {"arn": f"arn:aws:{service}:{REGION}:{ACCOUNT}:{resource}{name}", "name": name}

    return computed


COMPUTED: dict[str, Callable[[mocks.MockResourceArgs], dict[str, Any]]] = {
    "aws:ssm/parameter:Parameter": _arn("ssm", "parameter"),
    "aws:iam/role:Role": _arn("iam", "role/"),
    "aws:iam/user:User": _arn("iam", "user/"),
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": lambda args: {
        "arn": f"arn:aws:iam::{ACCOUNT}:oidc-provider/{args.inputs['url'].removeprefix('https://')}"
    },
    "aws:cloudwatch/logGroup:LogGroup": _arn("logs", "log-group:"),
    "aws:cloudwatch/metricAlarm:MetricAlarm": _arn("cloudwatch", "alarm:"),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": lambda args: {
        "arn": f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:{args.inputs['alarmName']}"
    },
    "aws:codebuild/project:Project": _arn("codebuild", "project/"),
    "aws:lambda/function:Function": _arn("lambda", "function:"),
    "aws:codepipeline/pipeline:Pipeline": _arn("codepipeline", ""),
    "aws:cloudwatch/eventConnection:EventConnection": _arn("events", "connection/"),
    "aws:cloudwatch/eventApiDestination:EventApiDestination": _arn("events", "api-destination/"),
    "aws:cloudwatch/eventRule:EventRule": _arn("events", "rule/"),
    "aws:scheduler/scheduleGroup:ScheduleGroup": _arn("scheduler", "schedule-group/"),
    "aws:sqs/queue:Queue": _arn("sqs", ""),
    "aws:iam/policy:Policy": _arn("iam", "policy/"),
    "aws:ecs/cluster:Cluster": _arn("ecs", "cluster/"),
    "aws:servicediscovery/httpNamespace:HttpNamespace": _arn("servicediscovery", "namespace/"),
    "aws:ecs/service:Service": _arn("ecs", "service/cluster/"),
    "aws:lb/targetGroup:TargetGroup": lambda args: {
        **_arn("elasticloadbalancing", "targetgroup/")(args),
        "arnSuffix": f"targetgroup/{args.name}/1",
    },
    "aws:lb/listener:Listener": _arn("elasticloadbalancing", "listener/"),
    "aws:lb/listenerRule:ListenerRule": _arn("elasticloadbalancing", "listener-rule/"),
    "aws:lb/loadBalancer:LoadBalancer": lambda args: {
        **_arn("elasticloadbalancing", "loadbalancer/")(args),
        "arnSuffix": "app/balancer/1",
        "dnsName": "balancer.example.net",
        "zoneId": "ZBALANCER",
    },
    "aws:ecs/taskDefinition:TaskDefinition": lambda args: {
        "arn": f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/{args.inputs['family']}:1"
    },
    "aws:kms/key:Key": lambda args: {
        "arn": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/{args.name}",
        "keyId": f"{args.name}-key-id",
    },
    "aws:s3/bucket:Bucket": lambda args: {"bucket": f"{args.name}-0a1b2c3", "arn": f"arn:aws:s3:::{args.name}-0a1b2c3"},
    "aws:ecr/repository:Repository": lambda args: {
        **_arn("ecr", "repository/")(args),
        "repositoryUrl": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/{args.inputs['name']}",
    },
    "aws:acm/certificate:Certificate": lambda args: {
        "arn": f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/made",
        "domainValidationOptions": [
            {
                "domainName": args.inputs["domainName"],
                "resourceRecordName": "_validate.example.com",
                "resourceRecordType": "CNAME",
                "resourceRecordValue": "_value.acm.example.net",
            }
        ],
    },
    "aws:route53/record:Record": lambda args: {"fqdn": args.inputs["name"]},
    "aws:route53/zone:Zone": lambda args: {"zoneId": f"{args.name}-zone"},
    "awsx:ec2:Vpc": lambda args: {
        "vpcId": "vpc-0123",
        "publicSubnetIds": ["subnet-public-1", "subnet-public-2"],
        "privateSubnetIds": ["subnet-private-1", "subnet-private-2"],
        "routeTables": [
            {rpc._special_sig_key: rpc._special_resource_sig, "urn": urn, "id": id} for urn, id in ROUTE_TABLES.items()
        ],
    },
}

INVOKES: dict[str, Any] = {
    "aws:ec2/getVpcEndpointService:getVpcEndpointService": lambda args: {
        "serviceName": f"com.amazonaws.{REGION}.{args['service']}",
        "vpcEndpointPolicySupported": args["service"] != "without-policies",
    },
    "aws:lb/getLoadBalancer:getLoadBalancer": {
        "name": "shared",
        "arnSuffix": "app/shared/0123456789abcdef",
        "dnsName": "shared.example.net",
        "zoneId": "ZSHARED",
        "vpcId": "vpc-0123456789abcdef0",
        "securityGroups": ["sg-2", "sg-1"],
    },
    "aws:index/getPartition:getPartition": {"id": "aws", "partition": "aws", "dnsSuffix": "amazonaws.com"},
    "aws:index/getRegion:getRegion": {"id": REGION, "region": REGION, "name": REGION},
    "aws:index/getCallerIdentity:getCallerIdentity": {"accountId": ACCOUNT, "arn": "arn", "id": "id", "userId": "u"},
    "aws:route53/getZone:getZone": {"zoneId": "ZONE", "id": "ZONE"},
    "aws:ec2/getVpc:getVpc": {
        "id": "vpc-0a",
        "cidrBlockAssociations": [
            {"associationId": "a-1", "cidrBlock": "10.1.0.0/16", "state": "associated"},
            {"associationId": "a-2", "cidrBlock": "100.64.0.0/16", "state": "associated"},
            {"associationId": "a-3", "cidrBlock": "10.9.0.0/16", "state": "disassociated"},
        ],
    },
}


class Engine(mocks.Mocks):
    """Answers as AWS would; a call that nobody mocked fails the test."""

    def __init__(self) -> None:
        self.invoked: list[str] = []
        self.providers: dict[str, str] = {}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str, dict[str, Any]]:
        computed = COMPUTED.get(args.typ, lambda _: {})(args)
        echoed = {} if args.typ.startswith("awsx:") else args.inputs
        return computed.get("id", f"{args.name}-id"), {**echoed, **computed}

    def call(self, args: mocks.MockCallArgs) -> dict[str, Any]:  # type: ignore[override]
        self.invoked.append(args.token)
        if args.provider:
            self.providers[args.args.get("name", "")] = args.provider
        if args.token not in INVOKES:
            raise AssertionError(f"unmocked invoke {args.token}")
        answer = INVOKES[args.token]
        answered: dict[str, Any] = answer(args.args) if callable(answer) else answer
        return answered


class Monitor(mocks.MockMonitor):
    """Keeps what `MockResourceArgs` hides: parents, options, registered outputs."""

    def __init__(self, engine: Engine) -> None:
        super().__init__(engine)
        self.resources.update({urn: self.ResourceRegistration(urn, id, {}) for urn, id in ROUTE_TABLES.items()})
        self.requests: list[tuple[str, Any]] = []
        self.outputs: dict[str, dict[str, Any]] = {}

    def RegisterResource(self, request: Any) -> Any:
        response = super().RegisterResource(request)
        self.requests.append((response.urn, request))
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:
        self.outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)


class Recorder:
    """What a program registered. Tests share one: what it answers is theirs to change, and changes nothing in it."""

    def __init__(self, monitor: Monitor, engine: Engine) -> None:
        self._monitor, self._engine = monitor, engine

    @property
    def outputs(self) -> dict[str, dict[str, Any]]:
        """URN → registered outputs."""
        return copy.deepcopy(self._monitor.outputs)

    def requests(self) -> list[Any]:
        """Every registration, but the stack's own."""
        registered = (request for _, request in self._monitor.requests if request.type != "pulumi:pulumi:Stack")
        return [copy.deepcopy(request) for request in registered]

    def invoked(self, token: str) -> int:
        """How often a function was called."""
        return self._engine.invoked.count(token)

    def invoked_by(self) -> dict[str, str]:
        """The name that a function was called with → the explicit provider that was asked."""
        return dict(self._engine.providers)

    def named(self, typ: str) -> dict[str, Any]:
        """Resource name → request, of one type."""
        registered = (request for _, request in self._monitor.requests if request.type == typ)
        return {request.name: copy.deepcopy(request) for request in registered}

    def inputs(self, typ: str, name: str) -> dict[str, Any]:
        """The plain inputs of one resource."""
        properties = rpc.deserialize_properties(self.named(typ)[name].object)
        return {key: rpc.unwrap_rpc_secret(value) for key, value in properties.items()}

    def raw_inputs(self, typ: str, name: str) -> dict[str, Any]:
        """The inputs of one resource, secrets still wrapped."""
        return dict(rpc.deserialize_properties(self.named(typ)[name].object))

    def types(self) -> Counter[str]:
        """How many there are of each type."""
        return Counter(request.type for _, request in self._monitor.requests)


Deploy = Callable[..., Recorder]


def mocked_program(patch: pytest.MonkeyPatch) -> Deploy:
    """What runs a program under fresh mocks, to the end of every apply, and gives what it registered."""
    patch.setattr("components.service.update_hooks.connect", lambda *_: boto3.Session())
    patch.setattr("components.service.protocols.read_protocols", lambda *_: {})
    patch.setattr("components.platform.scheme.read_scheme", lambda *_: None)
    patch.setattr("components.service.existing_cluster.read_providers", lambda *_: ["FARGATE", "FARGATE_SPOT"])
    # This process outlives the program: what a program freezes is never collected.
    patch.setattr("stack.garbage.collect_rarely", lambda: None)
    # Where in the sources each resource is declared: no test asks, and it takes a third of the time.
    patch.setattr("pulumi.runtime.resource._get_stack_trace", source_pb2.StackTrace)

    def run(
        program: Callable[[], object],
        *,
        stack: str = "dev",
        config: dict[str, str] | None = None,
        secret_keys: list[str] | None = None,
        preview: bool = False,
        states: Mapping[str, ServiceState] | None = None,
    ) -> Recorder:
        patch.setattr("components.service.update_hooks.read_states", lambda *_: states or {})
        engine = Engine()
        monitor = Monitor(engine)
        mocks.set_mocks(
            engine,
            project="fargate-delivery",
            stack=stack,
            preview=preview,
            monitor=monitor,
            organization="organization",
        )
        pulumi.runtime.set_all_config(config or {}, secret_keys or [])

        @pulumi.runtime.test
        def body() -> None:
            program()

        body()
        twice = [urn for urn, count in Counter(urn for urn, _ in monitor.requests).items() if count > 1]
        assert not twice, f"registered twice: {twice}"
        return Recorder(monitor, engine)

    return run


def _forget() -> None:
    pulumi.runtime.set_all_config({})
    runtime_settings.reset_options()


@pytest.fixture
def deploy(monkeypatch: pytest.MonkeyPatch) -> Iterator[Deploy]:
    """Runs a program under fresh mocks, to the end of every apply, and gives what it registered."""
    yield mocked_program(monkeypatch)
    _forget()


WEBHOOK = "https://hooks.slack.com/services/T0/B0/webhook-value"
SECRET_KEYS = [f"fargate-delivery:{key}" for key in ("secrets", "slack_webhook", "commit_token")]


def stack_config(stack: str, **changes: Any) -> dict[str, str]:
    """A stack file of the example as the engine hands it over, with a value for every secret it wants."""
    return file_config(EXAMPLE / f"Pulumi.{stack}.yaml", changes)


def file_config(file: Path, changes: Mapping[str, Any]) -> dict[str, str]:
    """The same of any stack file on the example's `Pulumi.yaml`."""
    return flat_config(layered_config(file), changes)


def flat_config(layered: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, str]:
    """The same of any stack, its services merged already."""
    import json

    config = dict(layered)
    said = {key: config.pop(f"fargate-delivery:{key}", {}) for key in layers.LAYERS}
    config["fargate-delivery:services"] = layers.merge(said).services
    config["fargate-delivery:secrets"] = {
        name: {key: f"{key} value" for key, parameter in service.get("parameters", {}).items() if "secret" in parameter}
        for name, service in config["fargate-delivery:services"].items()
    }
    told = config.get("fargate-delivery:notifications", {})
    if told.get("slack"):
        config["fargate-delivery:slack_webhook"] = WEBHOOK
    if "commits" in told:
        config["fargate-delivery:commit_token"] = "commit-token-value"  # noqa: S105
    config.update({f"fargate-delivery:{key}": value for key, value in changes.items()})
    return {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}


def layered_config(file: Path) -> dict[str, Any]:
    """A stack file's config as the engine has it: with what the example's `Pulumi.yaml` says for every stack."""
    common = yaml.safe_load((EXAMPLE / "Pulumi.yaml").read_text())["config"]["fargate-delivery:common"]["value"]
    return {"fargate-delivery:common": common, **yaml.safe_load(file.read_text())["config"]}


def program() -> None:
    """The whole program."""
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def of_stack(stack: str, **changes: Any) -> Recorder:
    """What the program registers with a stack file of the example and these values of its keys.

    For fixtures of a session or module, which are there before a test patches anything.
    """
    with pytest.MonkeyPatch.context() as patch:
        config = stack_config(stack, **changes)
        recorder = mocked_program(patch)(program, stack=stack, config=config, secret_keys=SECRET_KEYS)
    _forget()
    return recorder


_committed = functools.cache(of_stack)


class _Committed(Mapping[str, Recorder]):
    """Stack → what the program registers with its stack file of the example, deployed when it is first asked for."""

    stacks = ("dev", "prd", "local")

    def __getitem__(self, stack: str) -> Recorder:
        if stack not in self.stacks:
            raise KeyError(stack)
        return _committed(stack)

    def __iter__(self) -> Iterator[str]:
        return iter(self.stacks)

    def __len__(self) -> int:
        return len(self.stacks)


@pytest.fixture(scope="session")
def committed() -> Mapping[str, Recorder]:
    """The example's stacks; each is deployed once in a process, and only where a test looks at it."""
    return _Committed()


@pytest.fixture(scope="session")
def dev() -> Recorder:
    """The dev stack's of these alone."""
    return _committed("dev")


def finish(work: Coroutine[Any, Any, None]) -> None:
    """Run to the end in a loop of its own; `asyncio.run` would take away the one that the mocks use."""
    loop = asyncio.new_event_loop()
    try:
        loop.run_until_complete(work)
    finally:
        loop.close()
