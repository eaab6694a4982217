"""ECS's own strategies under mocks: exact inputs, what the roles may do, and what a change of strategy leaves."""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, SECRET_KEYS, Recorder, of_stack, program, stack_config

from components.service.strategies import STRATEGIES
from components.service.strategies.native import NativeStrategy
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.service_state import ServiceState

Deploy = Callable[..., Recorder]
SERVICE, RULE, GROUP = "aws:ecs/service:Service", "aws:lb/listenerRule:ListenerRule", "aws:lb/targetGroup:TargetGroup"
PIPELINE, POLICY, ROLE = "aws:codepipeline/pipeline:Pipeline", "aws:iam/rolePolicy:RolePolicy", "aws:iam/role:Role"
FIRST, OTHER = "chuoi-rgstd", "chuoi-ypeyu"
OFF = dict.fromkeys(("server_errors", "latency", "unhealthy_hosts"), False)
HOOK = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:smoke"
ECS, ELB = f"arn:aws:ecs:{REGION}:{ACCOUNT}", f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}"
REVISION = f"{ECS}:task-definition/dev-chuoi:7"
ROLLS = ServiceState(
    service="chuoi",
    name="dev-chuoi",
    cluster="dev",
    controller=CONTROLLERS["ECS"],
    task_definition=REVISION,
    fingerprint="f1",
    desired=3,
    target_groups=(),
    deployments=(Deployment("ecs-svc/7", REVISION, "COMPLETED", "", 3),),
    record="none",
    execution=None,
)
SHIFTS = replace(ROLLS, strategy="CANARY", alternates=True)
ROLLS_AGAIN = replace(ROLLS, alternates=True)


def services(alarms: dict[str, Any] | None = None, **how: Any) -> dict[str, Any]:
    """The dev stack's; `how` is the `deploy` of chuoi, which has one route."""
    declared: dict[str, Any] = json.loads(stack_config("dev")["fargate-delivery:services"])
    declared["chuoi"]["routes"] = declared["chuoi"]["routes"][:1]
    declared["chuoi"]["deploy"] = how
    declared["chuoi"]["alarms"] = OFF if alarms is None else alarms
    return declared


def run(deploy: Deploy, *states: ServiceState, alarms: dict[str, Any] | None = None, **how: Any) -> Recorder:
    return deploy(
        program,
        config=stack_config("dev", services=services(alarms, **how)),
        secret_keys=SECRET_KEYS,
        states={state.service: state for state in states},
    )


@pytest.fixture(scope="module")
def new() -> Recorder:
    """The dev stack, whose service chuoi is new, has a test port, a hook and a pause."""
    how: dict[str, Any] = {"strategy": "blue_green", "test_port": 8443, "pause": 30, "hooks": {"POST_SCALE_UP": HOOK}}
    return of_stack("dev", services=services(**how))


def statements(recorder: Recorder, policy: str) -> dict[str, Any]:
    document = json.loads(recorder.inputs(POLICY, policy)["policy"])
    return {s["Sid"]: (s["Action"], s["Resource"], s.get("Condition")) for s in document["Statement"]}


@pytest.mark.parametrize(
    ("how", "configuration"),
    [
        ({"strategy": "blue_green"}, {"strategy": "BLUE_GREEN", "bakeTimeInMinutes": "5"}),
        (
            {"strategy": "canary", "bake": 0},
            {
                "strategy": "CANARY",
                "bakeTimeInMinutes": "0",
                "canaryConfiguration": {"canaryPercent": 10, "canaryBakeTimeInMinutes": "10"},
            },
        ),
        (
            {"strategy": "linear", "percent": 25, "interval": 2},
            {
                "strategy": "LINEAR",
                "bakeTimeInMinutes": "5",
                "linearConfiguration": {"stepPercent": 25, "stepBakeTimeInMinutes": "2"},
            },
        ),
    ],
)
def test_how_ecs_deploys(deploy: Deploy, how: dict[str, Any], configuration: dict[str, Any]) -> None:
    service = run(deploy, **how).inputs(SERVICE, "chuoi-service")
    assert service["deploymentConfiguration"] == configuration
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    assert (service["deploymentMinimumHealthyPercent"], service["deploymentMaximumPercent"]) == (100, 200)
    assert "deploymentController" not in service
    assert "testListenerRule" not in service["loadBalancers"][0]["advancedConfiguration"]


def test_a_hook_and_a_pause(new: Recorder) -> None:
    role = f"arn:aws:iam:{REGION}:{ACCOUNT}:role/dev-chuoi-shift"
    assert new.inputs(SERVICE, "chuoi-service")["deploymentConfiguration"]["lifecycleHooks"] == [
        {"targetType": "AWS_LAMBDA", "hookTargetArn": HOOK, "roleArn": role, "lifecycleStages": ["POST_SCALE_UP"]},
        {
            "targetType": "PAUSE",
            "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"],
            "timeoutConfiguration": {"timeoutInMinutes": "30", "action": "ROLLBACK"},
        },
    ]


def test_a_new_service(new: Recorder) -> None:
    service = new.inputs(SERVICE, "chuoi-service")
    assert (service["name"], service["desiredCount"]) == ("dev-chuoi", 0)
    (balancer,) = service["loadBalancers"]
    assert balancer["targetGroupArn"] == f"{ELB}:targetgroup/{FIRST}"
    assert balancer["advancedConfiguration"] == {
        "alternateTargetGroupArn": f"{ELB}:targetgroup/{OTHER}",
        "productionListenerRule": f"{ELB}:listener-rule/{FIRST}-rule",
        "testListenerRule": f"{ELB}:listener-rule/{FIRST}-test-rule",
        "roleArn": f"arn:aws:iam:{REGION}:{ACCOUNT}:role/dev-chuoi-shift",
    }
    request = new.named(SERVICE)["chuoi-service"]
    assert list(request.ignoreChanges) == ["desiredCount"]
    assert any(dependency.endswith("::chuoi-shift-policy") for dependency in request.dependencies)
    assert {name for name in new.named(GROUP) if name.startswith("chuoi-")} == {FIRST, OTHER}


def test_all_traffic_goes_to_the_first_group_until_ecs_has_the_service(deploy: Deploy) -> None:
    for states, ignored in (((), []), ((ROLLS,), []), ((SHIFTS,), ["actions"]), ((ROLLS_AGAIN,), ["actions"])):
        recorder = run(deploy, *states, strategy="canary", test_port=8443)
        for name in (f"{FIRST}-rule", f"{FIRST}-test-rule"):
            (action,) = recorder.inputs(RULE, name)["actions"]
            weights = [(g["arn"].rsplit("/", 1)[1], g["weight"]) for g in action["forward"]["targetGroups"]]
            assert weights == [(FIRST, 1), (OTHER, 0)]
            assert list(recorder.named(RULE)[name].ignoreChanges) == ignored
        listener = recorder.inputs(RULE, f"{FIRST}-test-rule")["listenerArn"]
        assert listener.endswith("load-balancer-test-8443")


@pytest.mark.parametrize("before", [{"strategy": "rolling"}, {"strategy": "canary"}, {"strategy": "linear"}])
def test_another_strategy_of_ecs_s_replaces_nothing(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, before: dict[str, Any]
) -> None:
    """Every resource that was there is there, by its name; nor has the service another one."""
    told: list[str] = []
    monkeypatch.setattr("pulumi.log.info", told.append)
    state = ROLLS if before["strategy"] == "rolling" else replace(SHIFTS, strategy=before["strategy"].upper())
    earlier, later = run(deploy, state, **before), run(deploy, state, strategy="blue_green")
    assert {r.name for r in earlier.requests()} <= {r.name for r in later.requests()}
    assert "replace" not in told[-1] or "replaces nothing" in told[-1]
    assert any(
        line.startswith(f"chuoi: blue_green deployments by ECS instead of {before['strategy']}: an update of the ECS ")
        for line in told
    )
    for recorder in (earlier, later):
        assert recorder.inputs(SERVICE, "chuoi-service")["name"] == "dev-chuoi"


def test_a_service_that_rolls_again_keeps_what_its_tasks_may_be_in(deploy: Deploy) -> None:
    """The weights, too; and ECS is told, as the provider keeps a deployment configuration that is left out."""
    recorder = run(deploy, SHIFTS, strategy="rolling")
    service = recorder.inputs(SERVICE, "chuoi-service")
    assert service["deploymentConfiguration"] == {"strategy": "ROLLING"}
    assert service["deploymentCircuitBreaker"] == {"enable": True, "rollback": True}
    advanced = service["loadBalancers"][0]["advancedConfiguration"]
    assert advanced["alternateTargetGroupArn"] == f"{ELB}:targetgroup/{OTHER}"
    assert "testListenerRule" not in advanced
    assert list(recorder.named(RULE)[f"{FIRST}-rule"].ignoreChanges) == ["actions"]
    assert "chuoi-shift-role" in recorder.named(ROLE)
    assert "deploymentConfiguration" in run(deploy, ROLLS_AGAIN, strategy="rolling").inputs(SERVICE, "chuoi-service")


def test_a_service_that_rolls_again_cannot_be_sticky(deploy: Deploy) -> None:
    """It keeps the second target group, behind which ELB takes no sticky one; a service that always rolled may."""
    sticky = services(strategy="rolling")
    sticky["chuoi"]["stickiness"] = {}
    config, keys = stack_config("dev", services=sticky), SECRET_KEYS
    with pytest.raises(pulumi.RunError, match="chuoi: stickiness is refused for a service that has had a strategy"):
        deploy(program, config=config, secret_keys=keys, states={"chuoi": ROLLS_AGAIN})
    recorder = deploy(program, config=config, secret_keys=keys, states={"chuoi": ROLLS})
    assert recorder.inputs(GROUP, FIRST)["stickiness"]["enabled"] is True


def test_a_service_that_always_rolled_has_none_of_it(deploy: Deploy) -> None:
    recorder = run(deploy, ROLLS, strategy="rolling")
    service = recorder.inputs(SERVICE, "chuoi-service")
    assert "deploymentConfiguration" not in service
    assert "advancedConfiguration" not in service["loadBalancers"][0]
    assert {name for name in recorder.named(GROUP) if name.startswith("chuoi-")} == {FIRST}
    assert "chuoi-shift-role" not in recorder.named(ROLE)


def test_what_ecs_may_do_with_the_traffic(new: Recorder) -> None:
    found = statements(new, "chuoi-shift-policy")
    assert found["RegisterTasks"][1] == [f"{ELB}:targetgroup/{FIRST}", f"{ELB}:targetgroup/{OTHER}"]
    assert found["ShiftTraffic"][1] == [f"{ELB}:listener-rule/{FIRST}-rule", f"{ELB}:listener-rule/{FIRST}-test-rule"]
    assert found["CallHooks"] == (["lambda:InvokeFunction"], [HOOK], None)
    (trust,) = json.loads(new.inputs(ROLE, "chuoi-shift-role")["assumeRolePolicy"])["Statement"]
    assert trust["Principal"] == {"Service": "ecs.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": ACCOUNT}}


def test_without_hooks_it_calls_none(deploy: Deploy) -> None:
    assert "CallHooks" not in statements(run(deploy, strategy="linear"), "chuoi-shift-policy")


def test_the_deploy_stage_has_a_step_of_its_own(new: Recorder) -> None:
    actions = new.inputs(PIPELINE, "chuoi-pipeline")["stages"][-1]["actions"]
    assert [(action["name"], action["provider"], action["runOrder"]) for action in actions] == [
        ("Migrate", "Lambda", 1),
        ("Deploy", "Lambda", 2),
        ("Release", "Lambda", 3),
    ]
    assert json.loads(actions[1]["configuration"]["UserParameters"]) == {
        "step": "deploy",
        "digest": "#{Package.IMAGE_DIGEST}",
        "execution": "#{codepipeline.PipelineExecutionId}",
    }
    assert [action.get("inputArtifacts") for action in actions] == [None, None, None]


def test_what_the_pipeline_and_its_step_may_do(new: Recorder) -> None:
    pipeline, steps = statements(new, "chuoi-pipeline-policy"), statements(new, "chuoi-steps-policy")
    assert "DeployService" not in pipeline
    assert "RunSteps" in pipeline
    service = "dev/dev-chuoi"
    assert steps["FindDeployments"][0] == ["ecs:ListServiceDeployments"]
    follows = steps["FollowDeployments"][1]
    assert (follows[0][-10:], follows[1:]) == ("/dev-chuoi", [f"{ECS}:service-deployment/{service}/*"])
    assert steps["TagRevision"][1] == [f"{ECS}:task-definition/dev-chuoi:*"]
    assert [arn.rsplit("/", 1)[1] for arn in steps["PassRoles"][1]] == [
        "dev-chuoi-execution",
        "dev-chuoi-task",
        "dev-chuoi-shift",
    ]


@pytest.mark.parametrize(
    ("how", "in_up", "in_release"),
    [
        ({"strategy": "blue_green", "bake": 7}, 22, 22),
        ({"strategy": "blue_green", "timeout": 10, "bake": 0, "pause": 60, "test_port": 8443}, 10, 70),
        ({"strategy": "canary", "interval": 20}, 40, 40),
        ({"strategy": "linear", "percent": 30, "interval": 2, "bake": 1}, 22, 22),
    ],
)
def test_how_long_it_may_take(how: dict[str, Any], in_up: int, in_release: int) -> None:
    strategy = STRATEGIES[how["strategy"]](**how)
    assert isinstance(strategy, NativeStrategy)
    assert (strategy.up_minutes, strategy.release_minutes) == (in_up, in_release)
    assert strategy.follow_minutes is None
    assert STRATEGIES[how["strategy"]](**{**how, "follow": 5}).follow_minutes == 5


def test_the_step_waits_for_the_whole_deployment(new: Recorder) -> None:
    variables = new.inputs("aws:lambda/function:Function", "chuoi-steps")["environment"]["variables"]
    assert json.loads(variables["SERVICE"])["deploy_minutes"] == 15 + 5 + 30


def test_alarms_watch_both_groups(deploy: Deploy) -> None:
    recorder = run(deploy, strategy="canary", alarms={})
    names = [f"dev-chuoi-{alarm}" for alarm in ("server-errors", "latency", "unhealthy-hosts")]
    alarms = recorder.inputs(SERVICE, "chuoi-service")["alarms"]
    assert alarms == {"alarmNames": names, "enable": True, "rollback": True}
    queries = recorder.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", "chuoi-server-errors")["metricQueries"]
    watched = {query["metric"]["dimensions"]["TargetGroup"] for query in queries if "metric" in query}
    assert watched == {f"targetgroup/{FIRST}/1", f"targetgroup/{OTHER}/1"}


def test_code_deploy_does_not_take_over_what_ecs_shifts(deploy: Deploy) -> None:
    """Its new service's tasks would join the first target group, and the traffic may be on the other."""
    for state in (SHIFTS, ROLLS_AGAIN):
        with pytest.raises(pulumi.RunError, match="ECS may have its traffic on the second target group"):
            run(deploy, state, strategy="codedeploy", replace=True)
