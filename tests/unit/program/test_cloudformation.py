"""What every stack declares, held against CloudFormation's schemas and the rules of AWS's linter."""

import copy
import hashlib
import json
import runpy
from collections.abc import Callable
from typing import Any

import mocked
import pytest
import yaml
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER
from cloudformation import Declared, NotMapped, mistakes, resource, template, type_of
from cloudformation_names import ABSENT, PARTS, PROPERTIES, TYPES, Left
from mocked import ACCOUNT, COMPUTED, REGION, ROOT, SECRET_KEYS, Recorder, stack_config

from tests.support.example import EXAMPLE

Deploy = Callable[..., Recorder]


def _hex(name: str, length: int) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:length]


def _iam(kind: str) -> Callable[[Any], dict[str, Any]]:
    def computed(args: Any) -> dict[str, Any]:
        name = args.inputs.get("name", args.name)
        return {"arn": f"arn:aws:iam::{ACCOUNT}:{kind}/{name}", "name": name}

    return computed


REAL: dict[str, Callable[[Any], dict[str, Any]]] = {
    "aws:iam/role:Role": _iam("role"),
    "aws:iam/user:User": _iam("user"),
    "aws:ec2/securityGroup:SecurityGroup": lambda args: {"id": f"sg-{_hex(args.name, 17)}"},
    "aws:sqs/queue:Queue": lambda args: {
        **mocked._arn("sqs", "")(args),
        "url": f"https://sqs.{REGION}.amazonaws.com/{ACCOUNT}/{args.name}",
    },
    "aws:cloudwatch/eventConnection:EventConnection": lambda args: {
        "arn": f"arn:aws:events:{REGION}:{ACCOUNT}:connection/{args.name}/{_hex(args.name, 32)}"
    },
    "aws:cloudwatch/eventApiDestination:EventApiDestination": lambda args: {
        "arn": f"arn:aws:events:{REGION}:{ACCOUNT}:api-destination/{args.name}/{_hex(args.name, 32)}"
    },
    "awsx:ec2:Vpc": lambda args: {
        "vpcId": f"vpc-{_hex('vpc', 17)}",
        "publicSubnetIds": [f"subnet-{_hex(f'public-{zone}', 17)}" for zone in "ab"],
        "privateSubnetIds": [f"subnet-{_hex(f'private-{zone}', 17)}" for zone in "ab"],
    },
}
"""What AWS computes, in the form that it has there: the linter knows ids and ARNs."""


@pytest.fixture
def real(monkeypatch: pytest.MonkeyPatch) -> None:
    for token, computed in REAL.items():
        monkeypatch.setitem(COMPUTED, token, computed)


def declared(deploy: Deploy, stack: str) -> list[Declared]:
    recorder = deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        stack=stack,
        config=stack_config(stack),
        secret_keys=SECRET_KEYS,
    )
    return resources_of(recorder)


def resources_of(recorder: Recorder) -> list[Declared]:
    requests = [request for request in recorder.requests() if request.custom and request.type.startswith("aws:")]
    return [(request.type, request.name, recorder.inputs(request.type, request.name)) for request in requests]


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_the_linter_finds_nothing_in_what_a_stack_declares(deploy: Deploy, real: None, stack: str) -> None:
    resources = declared(deploy, stack)
    assert mistakes(resources) == []
    absent = [name for token, name, _ in resources if token in ABSENT]
    assert len(template(resources)["Resources"]) == len(resources) - len(absent) > 100


def test_the_linter_finds_nothing_in_what_the_bootstrap_declares(deploy: Deploy, real: None) -> None:
    config = yaml.safe_load((EXAMPLE / "bootstrap/Pulumi.dev.yaml").read_text())["config"]
    given = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    program = ROOT / "bootstrap/__main__.py"
    recorder = deploy(lambda: runpy.run_path(str(program), run_name="__main__"), config=given)
    resources = resources_of(recorder)
    assert {"aws:iam/role:Role", "aws:kms/key:Key"} <= {token for token, _, _ in resources}
    assert mistakes(resources) == []


Change = Callable[[dict[str, Any]], object]


def change(path: str, value: Any) -> Change:
    """Sets the value at a path of keys and numbers; ``None`` takes it away."""

    def apply(inputs: dict[str, Any]) -> None:
        at: Any = inputs
        *parents, last = [int(part) if part.isdigit() else part for part in path.split(".")]
        for part in parents:
            at = at[part]
        if value is None:
            del at[last]
        else:
            at[last] = value

    return apply


def in_json(key: str, inner: Change) -> Change:
    """A change of a document that an input is the JSON of."""

    def apply(inputs: dict[str, Any]) -> None:
        document = json.loads(inputs[key])
        inner(document if isinstance(document, dict) else {"items": document})
        inputs[key] = json.dumps(document)

    return apply


def same_names(inputs: dict[str, Any]) -> None:
    stage = next(stage for stage in inputs["stages"] if len(stage["actions"]) > 1)
    stage["actions"][1]["name"] = stage["actions"][0]["name"]


ALARM, TASK, SERVICE = (
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:ecs/service:Service",
)
GROUP, PROJECT, PIPELINE = (
    "aws:lb/targetGroup:TargetGroup",
    "aws:codebuild/project:Project",
    "aws:codepipeline/pipeline:Pipeline",
)
LIFECYCLE = "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration"
PLANTED: list[tuple[str, str, Change, str]] = [
    ("an apostrophe in a description", "aws:ec2/securityGroup:SecurityGroup", change("description", "the app's"), "E3031"),
    ("a role's name of 65 characters", "aws:iam/role:Role", change("name", "r" * 65), "E3033"),
    ("an unknown comparison", ALARM, change("comparisonOperator", "MoreThan"), "E3030"),
    ("an alarm over no period", ALARM, change("evaluationPeriods", 0), "E3034"),
    ("300 CPU units", TASK, change("cpu", "300"), "E3048"),
    ("a network mode that Fargate lacks", TASK, change("networkMode", "bridge"), "E3048"),
    ("a container without an image", TASK, in_json("containerDefinitions", change("items.0.image", None)), "E3003"),
    ("a log without its group", TASK, in_json("containerDefinitions", change("items.0.logConfiguration.options", {})), "E3046"),
    ("tags from everywhere", SERVICE, change("propagateTags", "EVERYTHING"), "E3030"),
    ("a health check too often", GROUP, change("healthCheck.interval", 4), "E3034"),
    ("a port that there is not", "aws:lb/listener:Listener", change("port", 65_536), "E3034"),
    ("an action of a listener that there is not", "aws:lb/listener:Listener", change("defaultActions.0.type", "answer"), "E3030"),
    ("a priority over the last", "aws:lb/listenerRule:ListenerRule", change("priority", 50_001), "E3034"),
    ("a retention that CloudWatch lacks", "aws:cloudwatch/logGroup:LogGroup", change("retentionInDays", 31), "E3030"),
    ("two actions of one name", PIPELINE, same_names, "E3002"),
    ("an unknown execution mode", PIPELINE, change("executionMode", "ONE_BY_ONE"), "E3030"),
    ("a category that there is not", PIPELINE, change("stages.1.actions.0.category", "Compile"), "E3700"),
    ("a build's timeout under the least", PROJECT, change("buildTimeout", 4), "E3034"),
    ("a key that is gone at once", "aws:kms/key:Key", change("deletionWindowInDays", 6), "E3034"),
    ("a message kept for seconds", "aws:sqs/queue:Queue", change("messageRetentionSeconds", 59), "E3034"),
    ("a bucket's rule that is On", LIFECYCLE, change("rules.0.status", "On"), "E3030"),
    ("a parameter of no type", "aws:ssm/parameter:Parameter", change("type", "Text"), "E3030"),
    ("tags that may move a little", "aws:ecr/repository:Repository", change("imageTagMutability", "SOME"), "E3030"),
    ("an effect that is none", "aws:iam/rolePolicy:RolePolicy", in_json("policy", change("Statement.0.Effect", "Permit")), "E3510"),
    ("a trust without a principal", "aws:iam/role:Role", in_json("assumeRolePolicy", change("Statement.0.Principal", None)), "E3530"),
    ("a service that does not scale", "aws:appautoscaling/target:Target", change("serviceNamespace", "fargate"), "E3030"),
]  # fmt: skip
"""What is wrong, where, how, and the rule that finds it."""


def test_the_linter_finds_every_planted_mistake(deploy: Deploy, real: None) -> None:
    resources = declared(deploy, "local")
    planted = []
    for number, (_, token, mutate, _) in enumerate(PLANTED):
        inputs = copy.deepcopy(dict(next(inputs for found, _, inputs in resources if found == token)))
        mutate(inputs)
        planted.append((token, f"{number:02}", inputs))
    found = mistakes(planted)
    missed = [
        what
        for number, (what, token, _, rule) in enumerate(PLANTED)
        if not any(text.startswith(f"{rule} Resources/{token.rpartition(':')[2]}{number:02}/") for text in found)
    ]
    assert missed == []


@pytest.mark.parametrize(
    ("token", "inputs", "words"),
    [
        ("aws:ecs/cluster:Wish", {}, "CloudFormation has no type like aws:ecs/cluster:Wish"),
        ("aws:ecs/cluster:Cluster", {"wishes": 1}, "AWS::ECS::Cluster has no property like wishes: "),
    ],
)
def test_what_cloudformation_does_not_know_is_named(token: str, inputs: dict[str, Any], words: str) -> None:
    with pytest.raises(NotMapped, match=f"^{words}"):
        resource(token, inputs)


def test_every_exception_is_of_a_type_that_there_is_and_has_its_reason() -> None:
    types = set(PROVIDER_SCHEMA_MANAGER.get_resource_types(REGION))
    named = {*TYPES.values(), *(typ for typ, _ in PARTS.values()), *(typ for typ, _ in PROPERTIES)}
    assert named - types == set()
    assert all(ABSENT.values())
    assert all(to.reason for to in PROPERTIES.values() if isinstance(to, Left))


def test_a_type_is_found_by_its_name() -> None:
    assert type_of("aws:cloudwatch/logGroup:LogGroup") == "AWS::Logs::LogGroup"
    assert type_of("aws:lb/listenerRule:ListenerRule") == "AWS::ElasticLoadBalancingV2::ListenerRule"
    assert type_of("aws:iam/rolePolicy:RolePolicy") == "AWS::IAM::RolePolicy"


def test_shapes_are_cloudformation_s() -> None:
    service = resource(SERVICE, {"name": "s", "networkConfiguration": {"assignPublicIp": False, "subnets": ["a"]}, "deploymentMaximumPercent": 200.0})  # fmt: skip
    assert service == {
        "Type": "AWS::ECS::Service",
        "Properties": {
            "ServiceName": "s",
            "NetworkConfiguration": {"AwsvpcConfiguration": {"AssignPublicIp": "DISABLED", "Subnets": ["a"]}},
            "DeploymentConfiguration": {"MaximumPercent": 200},
        },
    }
    alarm = resource(ALARM, {"name": "a", "dimensions": {"QueueName": "q"}})
    assert alarm["Properties"] == {"AlarmName": "a", "Dimensions": [{"Name": "QueueName", "Value": "q"}]}
    target = resource("aws:cloudwatch/eventTarget:EventTarget", {"rule": "r", "arn": "a", "inputTransformer": {"inputPaths": {"a": "$.b"}, "inputTemplate": "x"}})  # fmt: skip
    assert target["Properties"]["Targets"] == [
        {
            "Id": "named-by-the-provider",
            "Arn": "a",
            "InputTransformer": {"InputPathsMap": {"a": "$.b"}, "InputTemplate": "x"},
        }
    ]
