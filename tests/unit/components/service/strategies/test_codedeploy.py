"""A service of CodeDeploy's under mocks: exact inputs, and what another strategy replaces."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, SECRET_KEYS, Recorder, of_stack, program, stack_config

from pipeline_steps.template import HOOKS
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.service_state import ServiceState
from releases.template import StoredTemplate

Deploy = Callable[..., Recorder]
SERVICE, RULE, GROUP = "aws:ecs/service:Service", "aws:lb/listenerRule:ListenerRule", "aws:lb/targetGroup:TargetGroup"
DEPLOYMENT_GROUP = "aws:codedeploy/deploymentGroup:DeploymentGroup"
PIPELINE, POLICY = "aws:codepipeline/pipeline:Pipeline", "aws:iam/rolePolicy:RolePolicy"
OBJECT, ALARM = "aws:s3/bucketObjectv2:BucketObjectv2", "aws:cloudwatch/metricAlarm:MetricAlarm"
OFF = dict.fromkeys(("server_errors", "latency", "unhealthy_hosts"), False)
HOOK = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:smoke"
ECS, CODEDEPLOY = f"arn:aws:ecs:{REGION}:{ACCOUNT}", f"arn:aws:codedeploy:{REGION}:{ACCOUNT}"
REVISION = f"{ECS}:task-definition/dev-chuoi:7"
RECORD = {
    "schema": 1, "release": 4, "image_digest": "sha256:a", "task_definition": REVISION, "template_fingerprint": "f1",
    "source_version": "s", "execution": "e", "time": "2030-01-04T00:00:00Z",
}  # fmt: skip

RUNS = ServiceState(
    service="chuoi",
    name="dev-chuoi",
    cluster="dev",
    controller=CONTROLLERS["ECS"],
    task_definition=REVISION,
    fingerprint="f1",
    desired=3,
    target_groups=("arn:aws:elasticloadbalancing:…:targetgroup/chuoi-10-0a1b2c3/1",),
    deployments=(Deployment("ecs-svc/7", REVISION, "COMPLETED", "", 3),),
    record=json.dumps(RECORD),
    execution=None,
)
SHIFTED = replace(RUNS, name="dev-chuoi-codedeploy", controller=CONTROLLERS["CODE_DEPLOY"])


def run(
    deploy: Deploy,
    *states: ServiceState,
    preview: bool = False,
    alarms: dict[str, Any] | None = None,
    cluster: dict[str, Any] | None = None,
    **how: Any,
) -> Recorder:
    """The dev stack, whose service chuoi has one route; `how` is its `deploy`."""
    changes = {} if cluster is None else {"cluster": cluster}
    return deploy(
        program,
        config=stack_config("dev", services=services(alarms, **how), **changes),
        secret_keys=SECRET_KEYS,
        states={state.service: state for state in states},
        preview=preview,
    )


def services(alarms: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    """The dev stack's; `how` is the `deploy` of chuoi."""
    declared: dict[str, Any] = json.loads(stack_config("dev")["fargate-delivery:services"])
    declared["chuoi"]["routes"] = declared["chuoi"]["routes"][:1]
    declared["chuoi"]["deploy"] = {"strategy": "codedeploy", **how}
    declared["chuoi"]["alarms"] = OFF if alarms is None else alarms
    return declared


@pytest.fixture(scope="module")
def new() -> Recorder:
    """The dev stack, whose service chuoi has not been released yet."""
    return of_stack("dev", services=services())


def statements(recorder: Recorder, policy: str) -> dict[str, Any]:
    document = json.loads(recorder.inputs(POLICY, policy)["policy"])
    return {s["Sid"]: (s["Action"], s["Resource"], s.get("Condition")) for s in document["Statement"]}


def test_a_new_service(new: Recorder) -> None:
    service = new.inputs(SERVICE, "chuoi-service")
    assert service["name"] == "dev-chuoi-codedeploy"
    assert service["deploymentController"] == {"type": "CODE_DEPLOY"}
    assert service["desiredCount"] == 0
    assert "deploymentCircuitBreaker" not in service
    assert [group["targetGroupArn"].rsplit("/", 1)[1] for group in service["loadBalancers"]] == ["chuoi-blue"]
    request = new.named(SERVICE)["chuoi-service"]
    assert list(request.ignoreChanges) == [
        "desiredCount", "taskDefinition", "loadBalancers", "networkConfiguration", "capacityProviderStrategies",
    ]  # fmt: skip
    assert not request.hooks.ListFields()
    assert set(new.named(GROUP)) == {"chuoi-blue", "chuoi-green"}


def test_all_traffic_goes_to_the_first_group_until_codedeploy_has_the_service(deploy: Deploy) -> None:
    for states, ignored in (((), []), ((SHIFTED,), ["actions"])):
        rule = (recorder := run(deploy, *states, test_port=8443)).inputs(RULE, "chuoi-blue-rule")
        (action,) = rule["actions"]
        assert [(g["arn"].rsplit("/", 1)[1], g["weight"]) for g in action["forward"]["targetGroups"]] == [
            ("chuoi-blue", 1),
            ("chuoi-green", 0),
        ]
        for name in ("chuoi-blue-rule", "chuoi-blue-test-rule"):
            assert list(recorder.named(RULE)[name].ignoreChanges) == ignored


def test_the_test_listener(deploy: Deploy, new: Recorder) -> None:
    recorder = run(deploy, test_port=8443)
    listener = recorder.inputs("aws:lb/listener:Listener", "load-balancer-test-8443")
    assert (listener["port"], listener["protocol"]) == (8443, "HTTPS")
    assert recorder.inputs(RULE, "chuoi-blue-test-rule")["listenerArn"].endswith("load-balancer-test-8443")
    ingress = recorder.inputs(
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "load-balancer-in-8443-0.0.0.0/0"
    )
    assert (ingress["fromPort"], ingress["toPort"]) == (8443, 8443)
    (pair,) = [recorder.inputs(DEPLOYMENT_GROUP, "chuoi-deploy-group")["loadBalancerInfo"]["targetGroupPairInfo"]]
    assert [arn.rsplit("/", 1)[1] for arn in pair["testTrafficRoute"]["listenerArns"]] == ["load-balancer-test-8443"]
    assert "load-balancer-test-8443" not in new.named("aws:lb/listener:Listener")


def test_the_deployment_group(new: Recorder) -> None:
    group = new.inputs(DEPLOYMENT_GROUP, "chuoi-deploy-group")
    assert group["deploymentConfigName"] == "CodeDeployDefault.ECSAllAtOnce"
    assert group["ecsService"] == {"clusterName": "dev", "serviceName": "dev-chuoi-codedeploy"}
    assert group["deploymentStyle"] == {"deploymentOption": "WITH_TRAFFIC_CONTROL", "deploymentType": "BLUE_GREEN"}
    assert group["blueGreenDeploymentConfig"] == {
        "deploymentReadyOption": {"actionOnTimeout": "CONTINUE_DEPLOYMENT"},
        "terminateBlueInstancesOnDeploymentSuccess": {"action": "TERMINATE", "terminationWaitTimeInMinutes": 5},
    }
    assert group["autoRollbackConfiguration"] == {
        "enabled": True,
        "events": ["DEPLOYMENT_FAILURE", "DEPLOYMENT_STOP_ON_REQUEST"],
    }
    assert "alarmConfiguration" not in group
    pair = group["loadBalancerInfo"]["targetGroupPairInfo"]
    assert len(pair["targetGroups"]) == 2
    assert "testTrafficRoute" not in pair
    assert new.types()["aws:codedeploy/deploymentConfig:DeploymentConfig"] == 0


@pytest.mark.parametrize(
    ("shift", "routing"),
    [
        ("canary", {"type": "TimeBasedCanary", "timeBasedCanary": {"percentage": 20, "interval": 3}}),
        ("linear", {"type": "TimeBasedLinear", "timeBasedLinear": {"percentage": 20, "interval": 3}}),
    ],
)
def test_traffic_that_shifts_in_steps(deploy: Deploy, shift: str, routing: dict[str, Any]) -> None:
    recorder = run(deploy, shift=shift, percent=20, interval=3)
    config = recorder.inputs("aws:codedeploy/deploymentConfig:DeploymentConfig", "chuoi-deploy-config")
    assert config["trafficRoutingConfig"] == routing
    assert config["deploymentConfigName"] == f"dev-chuoi-{shift}-20-3"
    group = recorder.inputs(DEPLOYMENT_GROUP, "chuoi-deploy-group")
    assert group["deploymentConfigName"] == f"dev-chuoi-{shift}-20-3"


def test_alarms_watch_both_groups_and_end_a_deployment(deploy: Deploy) -> None:
    recorder = run(deploy, alarms={})
    names = [f"dev-chuoi-{alarm}" for alarm in ("server-errors", "latency", "unhealthy-hosts")]
    of_service = [name for name in recorder.named(ALARM) if name.startswith("chuoi-")]
    assert {recorder.inputs(ALARM, name)["name"] for name in of_service} == set(names)
    for name in of_service:
        watched = [q["metric"]["dimensions"] for q in recorder.inputs(ALARM, name)["metricQueries"] if "metric" in q]
        assert {each["TargetGroup"] for each in watched} == {"targetgroup/chuoi-blue/1", "targetgroup/chuoi-green/1"}
    group = recorder.inputs(DEPLOYMENT_GROUP, "chuoi-deploy-group")
    assert group["alarmConfiguration"] == {"enabled": True, "alarms": names}
    assert group["autoRollbackConfiguration"]["events"][-1] == "DEPLOYMENT_STOP_ON_ALARM"
    allowed = statements(recorder, "chuoi-deploy-policy")["ReadAlarms"]
    assert allowed == (
        ["cloudwatch:DescribeAlarms"], ["*"], None,
    )  # fmt: skip
    assert "alarms" not in recorder.inputs(SERVICE, "chuoi-service"), "ECS refuses them with this controller"


def test_what_codedeploy_may_do(deploy: Deploy) -> None:
    recorder = run(deploy, hooks={"BeforeAllowTraffic": HOOK})
    found = statements(recorder, "chuoi-deploy-policy")
    assert found.keys() == {"ReadService", "ReplaceTaskSet", "ReadTraffic", "ShiftTraffic", "PassRoles", "CallHooks"}
    assert found["ReplaceTaskSet"][1] == [f"{ECS}:task-set/dev/dev-chuoi-codedeploy/*"]
    assert [arn.rsplit("/", 1)[1] for arn in found["ShiftTraffic"][1]] == ["chuoi-blue-rule"]
    assert found["CallHooks"] == (["lambda:InvokeFunction"], [HOOK], None)


def test_what_the_pipeline_may_do(new: Recorder) -> None:
    found = statements(new, "chuoi-pipeline-policy")
    assert "DeployService" not in found
    assert found["NameRevision"][1] == [f"{CODEDEPLOY}:application:dev-chuoi"]
    assert found["Deploy"] == (
        ["codedeploy:CreateDeployment", "codedeploy:GetDeployment"], [f"{CODEDEPLOY}:deploymentgroup:dev-chuoi/dev-chuoi"], None,
    )  # fmt: skip
    assert found["ReadConfig"][1] == [f"{CODEDEPLOY}:deploymentconfig:CodeDeployDefault.ECSAllAtOnce"]


def test_the_template_goes_to_s3_and_starts_the_pipeline(deploy: Deploy) -> None:
    recorder = run(deploy, hooks={"BeforeAllowTraffic": HOOK})
    definition = recorder.inputs(OBJECT, "chuoi-taskdef")
    document = json.loads(definition["content"])
    assert document["containerDefinitions"][0]["image"] == "<IMAGE1_NAME>"
    fingerprint = document["containerDefinitions"][0]["dockerLabels"]["fargate-delivery.fingerprint"]
    spec = recorder.inputs(OBJECT, "chuoi-appspec")
    assert (definition["key"], spec["key"]) == ("templates/chuoi/taskdef.json", "templates/chuoi/appspec.yaml")
    first, _, rest = spec["content"].partition("\n")
    assert first == f"# template {fingerprint}"
    (resource,) = json.loads(rest)["Resources"]
    properties = resource["TargetService"]["Properties"]
    assert properties["LoadBalancerInfo"] == {"ContainerName": "web", "ContainerPort": 4000}
    assert properties["TaskDefinition"] == "<TASK_DEFINITION>"
    assert properties["NetworkConfiguration"]["AwsvpcConfiguration"]["AssignPublicIp"] == "ENABLED"
    assert properties["CapacityProviderStrategy"] == [{"CapacityProvider": "FARGATE_SPOT", "Weight": 1, "Base": 0}]
    assert json.loads(rest)["Hooks"] == [{"BeforeAllowTraffic": HOOK}]
    target = recorder.inputs("aws:cloudwatch/eventTarget:EventTarget", "chuoi-template-target")
    assert json.loads(target["input"]) == {"variables": [{"name": "image", "value": "live"}]}
    pattern = json.loads(recorder.inputs("aws:cloudwatch/eventRule:EventRule", "chuoi-template")["eventPattern"])
    assert pattern["detail"]["object"] == {"key": ["templates/chuoi/appspec.yaml"]}


def test_an_edit_of_how_it_is_deployed_is_another_template(deploy: Deploy) -> None:
    """Else the pipeline would find nothing to do. Hooks change nothing that runs: the next deployment calls them."""
    without, hooked = stored(deploy), stored(deploy, hooks={"BeforeAllowTraffic": HOOK})
    on_demand = stored(deploy, cluster={"spot": False})
    assert without == hooked != on_demand


def test_the_first_release_takes_out_the_hooks(deploy: Deploy, new: Recorder) -> None:
    plain = new.inputs(OBJECT, "chuoi-appspec")["content"]
    hooks = {"AfterInstall": HOOK, "BeforeAllowTraffic": HOOK}
    hooked = run(deploy, hooks=hooks).inputs(OBJECT, "chuoi-appspec")["content"]
    assert HOOKS.sub("", hooked) == HOOKS.sub("", plain) == plain


def test_the_steps_read_the_template(new: Recorder) -> None:
    variables = new.inputs("aws:lambda/function:Function", "chuoi-steps")["environment"]["variables"]
    settings = json.loads(variables["SERVICE"])
    bucket = new.inputs(OBJECT, "chuoi-taskdef")["bucket"]
    assert (settings["template_bucket"], settings["template_folder"]) == (bucket, "templates/chuoi")
    policy = json.loads(new.inputs("aws:iam/rolePolicy:RolePolicy", "chuoi-steps-policy")["policy"])
    granted = {each["Sid"]: (each["Action"], each["Resource"]) for each in policy["Statement"]}
    assert granted["ReadTemplate"] == (["s3:GetObject"], [f"arn:aws:s3:::{bucket}/templates/chuoi/*"])
    record = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/chuoi/release"
    assert granted["ReadReleases"] == (["ssm:GetParameterHistory"], [record])


def test_a_route_of_another_priority_keeps_its_target_groups(deploy: Deploy) -> None:
    """A new one would be empty until the next deployment, and so would be the answers."""
    recorder = run(deploy, SHIFTED, test_port=8443)
    aliases = {name: _former(recorder, type, name) for type in (GROUP, RULE) for name in recorder.named(type)}
    assert aliases == {
        "chuoi-blue": ["chuoi-rgstd", "chuoi-crkzg", "chuoi-10"],
        "chuoi-green": [],
        "chuoi-blue-rule": ["chuoi-rgstd-rule", "chuoi-crkzg-rule", "chuoi-10-rule"],
        "chuoi-blue-test-rule": [],
    }
    declared = json.loads(stack_config("dev")["fargate-delivery:services"])
    declared["chuoi"]["routes"] = declared["chuoi"]["routes"][:1]
    rolling = deploy(program, config=stack_config("dev", services=declared), secret_keys=SECRET_KEYS)
    assert _former(rolling, GROUP, "chuoi-rgstd") == ["chuoi-crkzg", "chuoi-10", "chuoi-blue"]
    assert _former(rolling, RULE, "chuoi-rgstd-rule")[-1] == "chuoi-blue-rule"


def _former(recorder: Recorder, type: str, name: str) -> list[str]:
    return [alias.spec.name for alias in recorder.named(type)[name].aliases if alias.spec.name]


def test_the_deploy_stage(new: Recorder) -> None:
    stages = new.inputs(PIPELINE, "chuoi-pipeline")["stages"]
    actions = stages[-1]["actions"]
    assert [(action["name"], action["provider"], action["runOrder"]) for action in actions] == [
        ("Template", "Lambda", 1),
        ("Migrate", "Lambda", 2),
        ("Deploy", "CodeDeployToECS", 3),
        ("Release", "Lambda", 4),
    ]
    assert [action.get("inputArtifacts") for action in actions] == [None, ["deployment"], ["deployment"], None]
    assert actions[0]["outputArtifacts"] == ["deployment"]
    parameters = [json.loads(actions[step]["configuration"]["UserParameters"]) for step in (0, 1, 3)]
    assert parameters[0] == {
        "step": "template",
        "image": "#{variables.image}",
        "digest": "#{Package.IMAGE_DIGEST}",
        "source": "#{Package.SOURCE}",
        "commit": "#{Package.COMMIT}",
        "repository": "#{Package.COMMIT_REPOSITORY}",
    }
    for step in parameters[1:]:
        assert step["digest"] == "#{Template.IMAGE_DIGEST}", "what Template has chosen"
    assert actions[0]["namespace"] == "Template"
    assert actions[2]["configuration"] == {
        "ApplicationName": "dev-chuoi",
        "DeploymentGroupName": "dev-chuoi",
        "TaskDefinitionTemplateArtifact": "deployment",
        "TaskDefinitionTemplatePath": "taskdef.json",
        "AppSpecTemplateArtifact": "deployment",
        "AppSpecTemplatePath": "appspec.yaml",
        "Image1ArtifactName": "deployment",
        "Image1ContainerName": "IMAGE1_NAME",
    }


def test_another_strategy_replaces_the_service(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    recorder = run(deploy, RUNS, replace=True)
    service = recorder.inputs(SERVICE, "chuoi-service")
    assert service["desiredCount"] == 3
    request = recorder.named(SERVICE)["chuoi-service"]
    assert list(request.ignoreChanges) == []
    assert list(request.hooks.after_create) == ["chuoi-take-over"]
    target = recorder.inputs("aws:appautoscaling/target:Target", "chuoi-scaling")
    assert set(target["suspendedState"].values()) == {False}
    assert warned == [
        "chuoi: the ECS service dev-chuoi is replaced, because AWS cannot change the controller of one: a new one takes "
        "over its image and its 3 task(s), and serves before it goes"
    ]


@pytest.mark.parametrize(
    ("state", "how", "words"),
    [
        (RUNS, {}, "that is refused unless the stack file says deploy.replace: true"),
        (replace(RUNS, execution="e1"), {"replace": True}, "pipeline execution e1 is in flight"),
    ],
)
def test_a_replacement_is_refused(deploy: Deploy, state: ServiceState, how: dict[str, Any], words: str) -> None:
    with pytest.raises(pulumi.RunError, match=words):
        run(deploy, state, **how)


def test_a_change_of_the_template_is_guarded(deploy: Deploy) -> None:
    recorder = run(deploy, SHIFTED)
    guarded = {request.name for request in recorder.requests() if "chuoi-guard" in request.hooks.before_update}
    assert guarded == {"chuoi-taskdef"}


def stored(deploy: Deploy, cluster: dict[str, Any] | None = None, **how: Any) -> str:
    """The fingerprint of the program's template."""
    content: str = run(deploy, cluster=cluster, **how).inputs(OBJECT, "chuoi-appspec")["content"]
    return content.split()[2]


def test_a_template_that_was_tried_ends_up_with_the_command(deploy: Deploy) -> None:
    fingerprint = stored(deploy)
    failed = replace(SHIFTED, template=StoredTemplate(fingerprint, "e9", reason="ended as Failed: unhealthy"))
    with pytest.raises(pulumi.RunError, match=r"execution e9 ended as Failed: unhealthy; .*`delivery redeploy chuoi"):
        run(deploy, failed)
    at_it = replace(SHIFTED, template=StoredTemplate(fingerprint, "e9", running=True))
    with pytest.raises(pulumi.RunError, match="because execution e9 of the pipeline goes on"):
        run(deploy, at_it)
    with pytest.raises(pulumi.RunError, match="no execution of the pipeline has begun since it was written; run this"):
        run(deploy, replace(SHIFTED, template=StoredTemplate(fingerprint)))
    done = replace(failed, record=json.dumps({**RECORD, "template_fingerprint": fingerprint}))
    run(deploy, done)
    run(deploy, replace(failed, template=StoredTemplate("another", "e9", reason="ended as Failed")))
    run(deploy, replace(failed, record="none"))


@pytest.mark.parametrize("states", [(), (SHIFTED,)])
def test_a_preview(deploy: Deploy, states: tuple[ServiceState, ...]) -> None:
    recorder = run(deploy, *states, preview=True, test_port=8443, alarms={})
    assert recorder.named(OBJECT).keys() == {"chuoi-taskdef", "chuoi-appspec", "delivery-store-steps"}
