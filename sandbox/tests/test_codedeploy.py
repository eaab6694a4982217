"""CodeDeploy without processes or time: the steps of a shift, AppSpecs, and a deployment's calls."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from botocore.validate import validate_parameters

from sandbox.account.account import Principal
from sandbox.account.errors import AwsError
from sandbox.account.parts import Parts
from sandbox.codedeploy.api import HANDLERS
from sandbox.codedeploy.appspec import AppSpec, AppSpecError, parse
from sandbox.codedeploy.run import LIFECYCLE, Run
from sandbox.codedeploy.state import PREDEFINED_CONFIGS, state_of
from sandbox.codedeploy.traffic import shifted, steps
from sandbox.providers.resources import RESOURCES
from sandbox.providers.types import Aws

Json = dict[str, Any]
ME = Principal("arn:aws:iam::111111111111:user/me", "user")
BLUE, GREEN = "arn:…:targetgroup/blue/1", "arn:…:targetgroup/green/2"
LISTENER, TEST_LISTENER = "arn:…:listener/1", "arn:…:listener/2"
ROLE = "arn:aws:iam::111111111111:role/deploy"
PROPERTIES: Json = {
    "TaskDefinition": "arn:…:task-definition/web:2",
    "LoadBalancerInfo": {"ContainerName": "web", "ContainerPort": 80},
}
SPEC: Json = {"version": 0.0, "Resources": [{"Service": {"Type": "AWS::ECS::Service", "Properties": PROPERTIES}}]}


@pytest.mark.parametrize(
    ("routing", "expected"),
    [
        ({"type": "AllAtOnce"}, [(100, 0)]),
        (PREDEFINED_CONFIGS["CodeDeployDefault.ECSCanary10Percent5Minutes"], [(10, 5), (100, 0)]),
        (
            {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 40, "linearInterval": 2}},
            [(40, 2), (80, 2), (100, 0)],
        ),
    ],
)
def test_the_steps_of_a_shift(routing: Json, expected: list[tuple[int, int]]) -> None:
    assert steps({"trafficRoutingConfig": routing}) == expected


def test_a_shift_keeps_both_groups_and_the_rest_of_the_rule() -> None:
    login = {"Type": "authenticate-oidc", "Order": 1}
    config = {"TargetGroups": [], "TargetGroupStickinessConfig": {"Enabled": False}}
    forward = {"Type": "forward", "Order": 2, "TargetGroupArn": BLUE, "ForwardConfig": config}
    assert shifted([login, forward], BLUE, GREEN, 30) == [
        login,
        {
            "Type": "forward",
            "Order": 2,
            "ForwardConfig": {
                "TargetGroups": [
                    {"TargetGroupArn": BLUE, "Weight": 70},
                    {"TargetGroupArn": GREEN, "Weight": 30},
                ],
                "TargetGroupStickinessConfig": {"Enabled": False},
            },
        },
    ]


def spec(**properties: Any) -> str:
    resource = {"Type": "AWS::ECS::Service", "Properties": {**PROPERTIES, **properties}}
    return json.dumps({"version": 0.0, "Resources": [{"Service": resource}]})


def test_an_appspec() -> None:
    network = {"AwsvpcConfiguration": {"Subnets": ["s"], "AssignPublicIp": "DISABLED"}}
    text = "# a comment\n" + spec(PlatformVersion="LATEST", NetworkConfiguration=network)
    inputs = {
        "platformVersion": "LATEST",
        "networkConfiguration": {"awsvpcConfiguration": {"subnets": ["s"], "assignPublicIp": "DISABLED"}},
    }
    assert parse(text) == AppSpec("arn:…:task-definition/web:2", "web", 80, inputs)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{", "not valid YAML or JSON"),
        ("[]", "version must be 0.0"),
        (json.dumps({**SPEC, "version": 1}), "version must be 0.0"),
        (json.dumps({**SPEC, "Resources": []}), "exactly one resource"),
        (json.dumps(SPEC).replace("ECS::Service", "Lambda::Function"), "of type AWS::Lambda::Function"),
        (spec(Cpu=1), "unknown properties: Cpu"),
        (spec(TaskDefinition=""), "needs TaskDefinition"),
        (spec(LoadBalancerInfo={"ContainerName": "web"}), "ContainerPort"),
        (json.dumps({**SPEC, "Hooks": [{"AfterAll": "f"}]}), "unknown lifecycle events: AfterAll"),
    ],
)
def test_an_appspec_is_refused(text: str, words: str) -> None:
    with pytest.raises(AppSpecError, match=words):
        parse(text)


class Clock:
    def scale(self, seconds: float) -> float:
        return 0.0


@dataclass(eq=False)
class Rig:
    """An account whose AWS is a few tables; each call is kept."""

    steady: bool = True
    alarm: str = "OK"
    denied: str = ""
    calls: list[tuple[str, Json]] = field(default_factory=list)
    events: list[str] = field(default_factory=list)
    sets: list[Json] = field(default_factory=list)
    id: str = "111111111111"
    region: str = "eu-west-1"
    clock: Clock = field(default_factory=Clock)
    parts: Parts = field(default_factory=Parts)

    def __post_init__(self) -> None:
        self.sets.append(self.task_set("ecs-svc/1", "PRIMARY", BLUE))
        self.bus = SimpleNamespace(publish=lambda event: self.events.append(event["detail"]["state"]))
        self.forward = [{"TargetGroupArn": BLUE, "Weight": 1}, {"TargetGroupArn": GREEN, "Weight": 0}]

    def task_set(self, id: str, status: str, group: str) -> Json:
        return {
            "id": id, "taskSetArn": f"arn/{id}", "status": status, "launchType": "FARGATE", "networkConfiguration": {},
            "loadBalancers": [{"targetGroupArn": group}], "computedDesiredCount": 1, "runningCount": 1,
            "stabilityStatus": "STEADY_STATE",
        }  # fmt: skip

    def assume(self, role_arn: str, service: str, session: str, source_arn: str | None = None) -> str:
        assert (role_arn, service) == (ROLE, "codedeploy.amazonaws.com")
        return "credentials"

    def validate_role(self, role_arn: str, service: str) -> None:
        self.assume(role_arn, service, "validation")

    def client(self, service: str, credentials: Any = None) -> Any:
        def call(name: str) -> Any:
            def answer(**given: Any) -> Any:
                self.calls.append((name, given))
                if name == self.denied:
                    raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}, name)
                return getattr(self, name, lambda **_: {})(**given)

            return answer

        return type("Client", (), {"__getattr__": lambda _, name: call(name)})()

    def describe_services(self, **_: Any) -> Json:
        return {"services": [{"status": "ACTIVE", "taskSets": self.sets}]}

    def describe_target_groups(self, **_: Any) -> Json:
        return {"TargetGroups": [{"TargetGroupArn": BLUE}, {"TargetGroupArn": GREEN}]}

    def describe_rules(self, **_: Any) -> Json:
        action = {"Type": "forward", "ForwardConfig": {"TargetGroups": self.forward}}
        other = {"Type": "forward", "TargetGroupArn": "another service's"}
        return {
            "Rules": [
                {"RuleArn": "mine", "IsDefault": False, "Actions": [action]},
                {"RuleArn": "theirs", "IsDefault": False, "Actions": [other]},
                {"RuleArn": "default", "IsDefault": True, "Actions": [{"Type": "fixed-response"}]},
            ]
        }

    def modify_rule(self, **given: Any) -> Json:
        self.forward = given["Actions"][0]["ForwardConfig"]["TargetGroups"]
        return {}

    def create_task_set(self, **given: Any) -> Json:
        found = self.task_set("ecs-svc/2", "ACTIVE", given["loadBalancers"][0]["targetGroupArn"])
        found["stabilityStatus"] = "STEADY_STATE" if self.steady else "STABILIZING"
        self.sets.append(found)
        return {"taskSet": found}

    def update_service_primary_task_set(self, **given: Any) -> Json:
        for each in self.sets:
            each["status"] = "PRIMARY" if each["taskSetArn"] == given["primaryTaskSet"] else "ACTIVE"
        return {}

    def delete_task_set(self, **given: Any) -> Json:
        self.sets = [each for each in self.sets if each["taskSetArn"] != given["taskSet"]]
        return {}

    def describe_alarms(self, **_: Any) -> Json:
        return {"MetricAlarms": [{"AlarmName": "errors", "StateValue": self.alarm}]}

    def weights(self) -> list[list[int]]:
        """The old and the new group's, each time that a rule was written."""
        rules = [given for name, given in self.calls if name == "modify_rule"]
        assert {given["RuleArn"] for given in rules} <= {"mine"}
        groups = [given["Actions"][0]["ForwardConfig"]["TargetGroups"] for given in rules]
        return [[group["Weight"] for group in found] for found in groups]

    def run(
        self,
        config: str = "CodeDeployDefault.ECSAllAtOnce",
        *,
        alarms: bool = False,
        rollback: bool = True,
        hooks: Sequence[str] = (),
    ) -> Run:
        group = {
            "serviceRoleArn": ROLE,
            "ecsServices": [{"clusterName": "c", "serviceName": "web"}],
            "blueGreenDeploymentConfiguration": {
                "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5}
            },
            "loadBalancerInfo": {
                "targetGroupPairInfoList": [
                    {
                        "prodTrafficRoute": {"listenerArns": [LISTENER]},
                        "targetGroups": [{"name": "blue"}, {"name": "green"}],
                    }
                ]
            },
            "alarmConfiguration": {"enabled": alarms, "alarms": [{"name": "errors"}]},
        }
        events = ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_ALARM", "DEPLOYMENT_STOP_ON_REQUEST"]
        info = {
            "deploymentId": "d-1", "applicationName": "app", "deploymentGroupName": "group", "status": "Created",
            "autoRollbackConfiguration": {"enabled": rollback, "events": events},
        }  # fmt: skip
        spec = {**SPEC, "Hooks": [{name: name} for name in hooks]}
        return Run(self, info, group, {"trafficRoutingConfig": PREDEFINED_CONFIGS[config]}, parse(json.dumps(spec)))  # type: ignore[arg-type]


def test_a_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    rig = Rig()
    run = rig.run()
    run.run(lambda *_: "d-2")
    assert run.info["status"] == "Succeeded"
    assert [event["status"] for event in run.events.values()] == ["Succeeded"] * len(LIFECYCLE)
    made = next(given for name, given in rig.calls if name == "create_task_set")
    assert made["loadBalancers"] == [{"targetGroupArn": GREEN, "containerName": "web", "containerPort": 80}]
    assert (made["taskDefinition"], made["externalId"]) == ("arn:…:task-definition/web:2", "d-1")
    assert rig.weights() == [[0, 100]]
    order = [name for name, _ in rig.calls if name.startswith(("create", "modify", "update", "delete"))]
    assert order == ["create_task_set", "modify_rule", "update_service_primary_task_set", "delete_task_set"]
    assert [(each["id"], each["status"]) for each in rig.sets] == [("ecs-svc/2", "PRIMARY")]
    assert rig.events == ["START", "SUCCESS"]


def test_traffic_shifts_in_steps() -> None:
    rig = Rig()
    rig.run("CodeDeployDefault.ECSLinear10PercentEvery1Minutes").run(lambda *_: "d-2")
    assert rig.weights() == [[100 - share, share] for share in range(10, 101, 10)]


def test_tasks_that_never_become_healthy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sandbox.codedeploy.run.SHORTEST_LIMIT", 0.0)
    rig = Rig(steady=False)
    run = rig.run()
    run.run(lambda *_: "d-2")
    assert (run.info["status"], run.info["errorInformation"]["code"]) == ("Failed", "TIMEOUT")
    assert run.info["rollbackInfo"] == {"rollbackDeploymentId": "d-2"}
    assert [each["id"] for each in rig.sets] == ["ecs-svc/1"]
    assert rig.events == ["START", "FAILURE"]


def test_an_alarm_takes_the_traffic_back() -> None:
    rig = Rig()
    run = rig.run(alarms=True)
    moved = rig.update_service_primary_task_set

    def alarming(**given: Any) -> Json:
        rig.alarm = "ALARM"
        return moved(**given)

    rig.update_service_primary_task_set = alarming  # type: ignore[method-assign]
    run.run(lambda *_: "d-2")
    assert (run.info["status"], run.info["errorInformation"]["code"]) == ("Stopped", "ALARM_ACTIVE")
    assert "Activated alarms: errors" in run.info["errorInformation"]["message"]
    assert rig.weights()[0] == [0, 100]
    assert rig.weights()[-1] == [100, 0]
    assert [(each["id"], each["status"]) for each in rig.sets] == [("ecs-svc/1", "PRIMARY")]


def test_without_a_rollback_the_traffic_stays() -> None:
    rig = Rig(denied="update_service_primary_task_set")
    run = rig.run(rollback=False)
    run.run(lambda *_: "d-2")
    assert run.info["errorInformation"] == {"code": "IAM_ROLE_PERMISSIONS", "message": "not allowed"}
    assert rig.weights() == [[0, 100]]
    assert "rollbackInfo" not in run.info
    assert len(rig.sets) == 2


@pytest.mark.parametrize("reported", ["Succeeded", "Failed", None])
def test_a_hook_is_waited_for(monkeypatch: pytest.MonkeyPatch, reported: str | None) -> None:
    """Nothing reported is a failure after an hour, which this clock makes no time at all."""
    monkeypatch.setattr("sandbox.codedeploy.run.SHORTEST_LIMIT", 0.0)
    rig, asked = Rig(), list[Any]()
    run = rig.run(hooks=["AfterInstall", "BeforeAllowTraffic"])

    def invoke(FunctionName: str, InvocationType: str, Payload: bytes) -> Json:
        event = json.loads(Payload)
        asked.append((FunctionName, InvocationType, event["DeploymentId"], rig.weights()))
        if FunctionName == "AfterInstall" or reported is not None:
            run.hooks[event["LifecycleEventHookExecutionId"]] = reported or "Succeeded"
        return {}

    rig.invoke = invoke  # type: ignore[attr-defined]
    run.run(lambda *_: "d-2")
    if reported == "Failed":
        assert asked == [("AfterInstall", "Event", "d-1", [])]
        assert [each["id"] for each in rig.sets] == ["ecs-svc/1"]
        assert run.info["errorInformation"]["message"] == "The hook at AfterInstall did not succeed."
    else:
        assert asked == [(name, "Event", "d-1", []) for name in ("AfterInstall", "BeforeAllowTraffic")]
    assert run.info["status"] == ("Succeeded" if reported == "Succeeded" else "Failed")
    assert (rig.forward[1]["Weight"] == 100) == (reported == "Succeeded")


def test_a_test_listener_shows_the_new_tasks_first() -> None:
    rig = Rig()
    run = rig.run()
    pair = run.group["loadBalancerInfo"]["targetGroupPairInfoList"][0]
    pair["testTrafficRoute"] = {"listenerArns": [TEST_LISTENER]}
    run.run(lambda *_: "d-2")
    described = [given["ListenerArn"] for name, given in rig.calls if name == "describe_rules"]
    assert described == [TEST_LISTENER, LISTENER]


def test_a_stop() -> None:
    rig = Rig()
    run = rig.run()
    run.stop.set()
    run.run(lambda *_: "d-2")
    assert (run.info["status"], run.info["errorInformation"]["code"]) == ("Stopped", "MANUAL_STOP")
    assert rig.events == ["START", "STOP"]


# The API


def call(account: Rig, name: str, **params: Any) -> Json:
    return dict(HANDLERS["codedeploy", name](account, ME, params))  # type: ignore[arg-type]


GROUP: Json = {
    "applicationName": "app",
    "deploymentGroupName": "group",
    "serviceRoleArn": ROLE,
    "deploymentStyle": {"deploymentType": "BLUE_GREEN", "deploymentOption": "WITH_TRAFFIC_CONTROL"},
    "ecsServices": [{"clusterName": "c", "serviceName": "web"}],
    "loadBalancerInfo": {
        "targetGroupPairInfoList": [
            {
                "prodTrafficRoute": {"listenerArns": [LISTENER]},
                "targetGroups": [{"name": "blue"}, {"name": "green"}],
            }
        ]
    },
}


class RigWithServices(Rig):
    def describe_services(self, **_: Any) -> Json:
        controller = {"type": "CODE_DEPLOY"}
        return {"services": [{"status": "ACTIVE", "deploymentController": controller, "taskSets": self.sets}]}


def with_application() -> RigWithServices:
    account = RigWithServices()
    call(account, "CreateApplication", applicationName="app", computePlatform="ECS")
    return account


def test_a_group_is_kept_changed_and_deleted() -> None:
    account = with_application()
    id = call(account, "CreateDeploymentGroup", **GROUP)["deploymentGroupId"]
    call(
        account, "UpdateDeploymentGroup", applicationName="app", currentDeploymentGroupName="group",
        deploymentConfigName="CodeDeployDefault.ECSCanary10Percent5Minutes",
    )  # fmt: skip
    found = call(account, "GetDeploymentGroup", applicationName="app", deploymentGroupName="group")[
        "deploymentGroupInfo"
    ]
    assert found["deploymentGroupId"] == id
    assert found["deploymentConfigName"] == "CodeDeployDefault.ECSCanary10Percent5Minutes"
    assert found["ecsServices"] == GROUP["ecsServices"]
    call(account, "DeleteDeploymentGroup", applicationName="app", deploymentGroupName="group")
    assert call(account, "ListDeploymentGroups", applicationName="app")["deploymentGroups"] == []


def test_an_application_that_is_renamed_keeps_all() -> None:
    account = with_application()
    arns = [f"arn:aws:codedeploy:{account.region}:{account.id}:application:{name}" for name in ("app", "new")]
    id = call(account, "CreateDeploymentGroup", **GROUP)["deploymentGroupId"]
    call(account, "TagResource", ResourceArn=arns[0], Tags=[{"Key": "team", "Value": "web"}])
    call(account, "UpdateApplication", applicationName="app", newApplicationName="new")
    found = call(account, "GetDeploymentGroup", applicationName="new", deploymentGroupName="group")
    assert (found["deploymentGroupInfo"]["deploymentGroupId"], found["deploymentGroupInfo"]["applicationName"]) == (
        id, "new"
    )  # fmt: skip
    tags = [call(account, "ListTagsForResource", ResourceArn=arn)["Tags"] for arn in arns]
    assert tags == [[], [{"Key": "team", "Value": "web"}]]


def test_a_service_is_in_one_group() -> None:
    account = with_application()
    call(account, "CreateDeploymentGroup", **GROUP)
    by_arn = [{"clusterName": "arn:aws:ecs:ap-northeast-1:1:cluster/c", "serviceName": "web"}]
    with pytest.raises(AwsError, match="ECSServiceMappingLimitExceededException"):
        call(account, "CreateDeploymentGroup", **{**GROUP, "deploymentGroupName": "other", "ecsServices": by_arn})


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"applicationName": "other"}, "ApplicationDoesNotExistException"),
        ({"deploymentConfigName": "none"}, "DeploymentConfigDoesNotExistException"),
        ({"deploymentStyle": {"deploymentType": "IN_PLACE"}}, "InvalidDeploymentStyleException"),
        ({"ecsServices": []}, "InvalidECSServiceException"),
        ({"loadBalancerInfo": {}}, "InvalidLoadBalancerInfoException"),
        (
            {"loadBalancerInfo": {"targetGroupPairInfoList": [{"targetGroups": [{"name": "blue"}]}]}},
            "InvalidTargetGroupPairException",
        ),
        ({"alarmConfiguration": {"alarms": [{"name": str(n)} for n in range(11)]}}, "AlarmsLimitExceededException"),
        ({"autoRollbackConfiguration": {"events": ["DEPLOYMENT_SUCCESS"]}}, "InvalidAutoRollbackConfigException"),
        (
            {"blueGreenDeploymentConfiguration": {
                "terminateBlueInstancesOnDeploymentSuccess": {"terminationWaitTimeInMinutes": 2881}}},
            "InvalidBlueGreenDeploymentConfigurationException",
        ),
        (
            {"blueGreenDeploymentConfiguration": {
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT", "waitTimeInMinutes": 1}}},
            "InvalidBlueGreenDeploymentConfigurationException",
        ),
    ],
)  # fmt: skip
def test_a_group_is_refused(changes: Json, code: str) -> None:
    with pytest.raises(AwsError) as refused:
        call(with_application(), "CreateDeploymentGroup", **{**GROUP, **changes})
    assert refused.value.code == code


def test_a_group_is_refused_while_codedeploy_may_not_assume_its_role(monkeypatch: pytest.MonkeyPatch) -> None:
    def assume(*_: Any) -> str:
        raise AwsError("AccessDenied", "not yet", 403)

    account = with_application()
    monkeypatch.setattr(account, "assume", assume)
    with pytest.raises(AwsError, match="does not have the permissions required to assume the role") as refused:
        call(account, "CreateDeploymentGroup", **GROUP)
    assert refused.value.code == "InvalidRoleException"


@pytest.mark.parametrize(
    ("shift", "allowed"), [((1, 1), True), ((99, 2880), True), ((100, 1), False), ((10, 0), False), ((10, 2881), False)]
)
def test_a_configuration_has_limits(shift: tuple[int, int], allowed: bool) -> None:
    canary = {"canaryPercentage": shift[0], "canaryInterval": shift[1]}
    given = {
        "deploymentConfigName": "mine", "computePlatform": "ECS",
        "trafficRoutingConfig": {"type": "TimeBasedCanary", "timeBasedCanary": canary},
    }  # fmt: skip
    if allowed:
        assert call(Rig(), "CreateDeploymentConfig", **given)["deploymentConfigId"]
    else:
        with pytest.raises(AwsError, match="InvalidTrafficRoutingConfigurationException"):
            call(Rig(), "CreateDeploymentConfig", **given)


def test_one_deployment_of_a_group_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    account = with_application()
    account.spawn = lambda name, work: None  # type: ignore[attr-defined]
    call(account, "CreateDeploymentGroup", **GROUP)
    revision = {"revisionType": "AppSpecContent", "appSpecContent": {"content": json.dumps(SPEC)}}
    given = {"applicationName": "app", "deploymentGroupName": "group", "revision": revision}
    id = call(account, "CreateDeployment", **given)["deploymentId"]
    with pytest.raises(AwsError, match=f"'group' already has an active Deployment '{id}'"):
        call(account, "CreateDeployment", **given)
    state_of(account).deployments[id]["status"] = "Succeeded"  # type: ignore[arg-type]
    again = call(account, "CreateDeployment", **given)["deploymentId"]
    assert call(account, "ListDeployments", applicationName="app")["deployments"] == [again, id]
    state_of(account).deployments[again]["status"] = "Failed"  # type: ignore[arg-type]
    broken = {**revision, "appSpecContent": {"content": json.dumps(SPEC), "sha256": "0"}}
    with pytest.raises(AwsError, match="InvalidRevisionException"):
        call(account, "CreateDeployment", **{**given, "revision": broken})


# The provider's resources


class Client:
    """A CodeDeploy client on the registry's own handlers."""

    def __init__(self, account: Rig) -> None:
        self.account = account
        self.meta = boto3.client("codedeploy", region_name="eu-west-1").meta

    def __getattr__(self, name: str) -> Any:
        operation = self.meta.method_to_api_mapping[name]

        def answer(**given: Any) -> Any:
            validate_parameters(given, self.meta.service_model.operation_model(operation).input_shape)
            try:
                return call(self.account, operation, **given)
            except AwsError as error:
                raise ClientError({"Error": {"Code": error.code, "Message": error.message}}, operation) from error

        return answer


RESOURCES_OF: dict[str, tuple[Json, Json, set[str]]] = {
    "aws:codedeploy/application:Application": (
        {"name": "site", "computePlatform": "ECS", "tags": {"a": "1"}},
        {"tags": {"a": "2"}},
        {"arn", "applicationId"},
    ),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": (
        {
            "deploymentConfigName": "slow",
            "computePlatform": "ECS",
            "trafficRoutingConfig": {
                "type": "TimeBasedLinear",
                "timeBasedLinear": {"percentage": 10, "interval": 3},
            },
        },
        {},
        {"arn", "deploymentConfigId"},
    ),
    "aws:codedeploy/deploymentGroup:DeploymentGroup": (
        {
            "appName": "app",
            "deploymentGroupName": "group",
            "serviceRoleArn": ROLE,
            "deploymentConfigName": "CodeDeployDefault.ECSAllAtOnce",
            "deploymentStyle": {"deploymentOption": "WITH_TRAFFIC_CONTROL", "deploymentType": "BLUE_GREEN"},
            "blueGreenDeploymentConfig": {
                "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
                "terminateBlueInstancesOnDeploymentSuccess": {
                    "action": "TERMINATE",
                    "terminationWaitTimeInMinutes": 5,
                },
            },
            "ecsService": {"clusterName": "c", "serviceName": "web"},
            "loadBalancerInfo": {
                "targetGroupPairInfo": {
                    "prodTrafficRoute": {"listenerArns": [LISTENER]},
                    "targetGroups": [{"name": "blue"}, {"name": "green"}],
                }
            },
            "autoRollbackConfiguration": {"enabled": True, "events": ["DEPLOYMENT_FAILURE"]},
            "alarmConfiguration": {"enabled": True, "alarms": ["errors"]},
            "tags": {"a": "1"},
        },
        {"deploymentConfigName": "CodeDeployDefault.ECSCanary10Percent5Minutes", "tags": {}},
        {"arn", "deploymentGroupId", "computePlatform"},
    ),
}


@pytest.mark.parametrize("token", RESOURCES_OF)
def test_a_resource_is_made_read_changed_and_deleted(token: str) -> None:
    inputs, changes, outputs = RESOURCES_OF[token]
    client, handler = Client(with_application()), RESOURCES[token]
    aws = Aws("111111111111", "eu-west-1", "aws", lambda _: client, lambda _: client, lambda _: lambda _: client)
    id, made = handler.create(aws, inputs)
    assert outputs <= made.keys()
    props = {**inputs, **made}
    read = handler.read(aws, id, props)
    assert read is not None
    assert {name: read[name] for name in inputs} == inputs
    if changes:
        news = {**inputs, **changes}
        handler.update(aws, id, props, news)
        read = handler.read(aws, id, {**news, **made})
        assert read is not None
        assert {name: read.get(name, {}) for name in news} == news
    handler.delete(aws, id, props)
    assert handler.read(aws, id, props) is None
    id, made = handler.create(aws, inputs)
    read = handler.read(aws, id, {**inputs, **made})
    assert read is not None
    assert {name: read[name] for name in inputs} == inputs
