"""Services whose deployments shift traffic, with moto's load balancer and tasks that the test controls."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually, misfits
from ecs_account import Aws, FakeContainer, ecs_account

from sandbox.account.errors import AwsError
from sandbox.readings import Readings

Json = dict[str, Any]
ROLE = "arn:aws:iam::111111111111:role/infrastructure"
BREAKER = {"enable": True, "rollback": True}
PAUSE = {"targetType": "PAUSE", "lifecycleStages": ["POST_TEST_TRAFFIC_SHIFT"]}


class Shifting:
    """An account with a service `web` that has two target groups, in a weighted rule each of two listeners."""

    def __init__(self, aws: Aws) -> None:
        self.aws, self.elb = aws, aws.account.clients["elbv2"]
        (group,) = self.elb.describe_target_groups(TargetGroupArns=[aws.target_group])["TargetGroups"]
        self.blue = aws.target_group
        self.green = self.elb.create_target_group(
            Name="green", Protocol="HTTP", Port=80, VpcId=group["VpcId"], TargetType="ip", UnhealthyThresholdCount=2
        )["TargetGroups"][0]["TargetGroupArn"]
        balancer = group["LoadBalancerArns"][0]
        (listener,) = self.elb.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
        test = self.elb.create_listener(
            LoadBalancerArn=balancer, Protocol="HTTP", Port=8080, DefaultActions=self.forward(100)
        )["Listeners"][0]
        self.rule, self.test_rule = self.make_rule(listener), self.make_rule(test)

    def make_rule(self, listener: Json) -> str:
        conditions = [{"Field": "path-pattern", "Values": ["/*"]}]
        rules = self.elb.create_rule(
            ListenerArn=listener["ListenerArn"], Priority=1, Conditions=conditions, Actions=self.forward(100)
        )
        return str(rules["Rules"][0]["RuleArn"])

    def forward(self, share: int) -> list[Json]:
        groups = [
            {"TargetGroupArn": self.blue, "Weight": share},
            {"TargetGroupArn": self.green, "Weight": 100 - share},
        ]
        return [{"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}]

    def weights(self, rule: str | None = None) -> list[int]:
        """Of blue and green."""
        (described,) = self.elb.describe_rules(RuleArns=[rule or self.rule])["Rules"]
        groups = described["Actions"][0]["ForwardConfig"]["TargetGroups"]
        by_arn = {each["TargetGroupArn"]: int(each["Weight"]) for each in groups}
        return [by_arn[self.blue], by_arn[self.green]]

    def targets(self, group: str) -> int:
        return len(self.elb.describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"])

    @property
    def balancers(self) -> list[Json]:
        advanced = {
            "alternateTargetGroupArn": self.green,
            "productionListenerRule": self.rule,
            "testListenerRule": self.test_rule,
            "roleArn": ROLE,
        }
        return [
            {
                "targetGroupArn": self.blue,
                "containerName": "app",
                "containerPort": 80,
                "advancedConfiguration": advanced,
            }
        ]

    def create(self, strategy: str = "BLUE_GREEN", **how: Any) -> Json:
        self.aws.register()
        configuration = {"strategy": strategy, "bakeTimeInMinutes": 0, **how}
        self.aws.service(loadBalancers=self.balancers, deploymentConfiguration=configuration)
        return self.ended()

    def update(self, **changes: Any) -> Json:
        return dict(self.aws.ecs.update_service(cluster="main", service="web", **changes)["service"])

    def newest(self) -> Json:
        answer = self.aws.ecs.list_service_deployments(cluster="main", service="web")
        assert misfits("ecs", "ListServiceDeployments", answer) == []
        arns = [answer["serviceDeployments"][0]["serviceDeploymentArn"]]
        described = self.aws.ecs.describe_service_deployments(serviceDeploymentArns=arns)
        stage = described["serviceDeployments"][0].get("lifecycleStage")
        unknown = [m for m in misfits("ecs", "DescribeServiceDeployments", described) if str(stage) not in m]
        assert unknown == [], unknown
        return dict(described["serviceDeployments"][0])

    def ended(self) -> Json:
        done = ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED")
        eventually(lambda: self.newest()["status"] in done, 15)
        return self.newest()

    def at(self, stage: str) -> Json:
        eventually(lambda: self.newest().get("lifecycleStage") == stage, 15)
        return self.newest()

    def revision(self, summary: Json) -> Json:
        answer = self.aws.ecs.describe_service_revisions(serviceRevisionArns=[summary["arn"]])
        assert misfits("ecs", "DescribeServiceRevisions", answer) == []
        return dict(answer["serviceRevisions"][0])


@pytest.fixture
def shifting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shifting]:
    with ecs_account(tmp_path, monkeypatch) as prepared:
        yield Shifting(prepared)


def test_a_release_shifts_the_weights_when_somebody_lets_it_and_its_history_is_told(shifting: Shifting) -> None:
    first = shifting.create()
    assert (first["status"], shifting.weights(), first["sourceServiceRevisions"]) == ("SUCCESSFUL", [100, 0], [])
    second = shifting.aws.register()
    started = shifting.update(taskDefinition=second, deploymentConfiguration={"lifecycleHooks": [PAUSE]})
    assert [each["status"] for each in started["deployments"]] == ["PRIMARY", "ACTIVE"]
    assert started["taskDefinition"] == second
    answers(shifting, shifting.at("POST_TEST_TRAFFIC_SHIFT"))
    done = shifting.ended()
    assert started["currentServiceDeployment"] == done["serviceDeploymentArn"]
    assert (done["status"], done["lifecycleStage"]) == ("SUCCESSFUL", "CLEAN_UP")
    assert (shifting.weights(), shifting.weights(shifting.test_rule)) == ([0, 100], [0, 100])
    assert (shifting.targets(shifting.blue), shifting.targets(shifting.green)) == (0, 1)
    (source,), target = done["sourceServiceRevisions"], done["targetServiceRevision"]
    assert (source["requestedProductionTrafficWeight"], target["requestedProductionTrafficWeight"]) == (0.0, 100.0)
    assert (source["runningTaskCount"], target["runningTaskCount"]) == (0, 1)
    revision = shifting.revision(target)
    assert (revision["taskDefinition"], revision["containerImages"][0]["imageDigest"]) == (second, "sha256:1")
    assert revision["resolvedConfiguration"]["loadBalancers"] == [
        {"targetGroupArn": shifting.green, "productionListenerRule": shifting.rule}
    ]
    described = shifting.aws.described()
    assert described["loadBalancers"] == shifting.balancers, "as declared, wherever the traffic is"
    assert [(d["status"], d["rolloutState"]) for d in described["deployments"]] == [("PRIMARY", "COMPLETED")]
    assert target["arn"].rpartition("/")[2] == described["deployments"][0]["id"].rpartition("/")[2]
    assert {role for role, _ in shifting.aws.account.assumed if "infrastructure" in role} == {ROLE}
    shifting.update(deploymentConfiguration={"lifecycleHooks": []})
    assert shifting.aws.described()["deploymentConfiguration"]["lifecycleHooks"] == []


def answers(shifting: Shifting, paused: Json) -> None:
    """What a pause looks like, what it is not answered by, and what it is."""
    (hook,) = paused["lifecycleHookDetails"]
    assert {k: v for k, v in hook.items() if k not in ("hookId", "expiresAt")} == {
        "targetType": "PAUSE", "status": "AWAITING_ACTION", "timeoutAction": "ROLLBACK",
    }  # fmt: skip
    assert (shifting.weights(), shifting.weights(shifting.test_rule)) == ([100, 0], [0, 100])
    arn, go_on = paused["serviceDeploymentArn"], shifting.aws.ecs.continue_service_deployment
    (told,) = [e for e in shifting.aws.account.bus.events if e["detail-type"] == "ECS Hook State Change"]
    assert told["resources"] == [arn]
    names = ("eventName", "hookId", "hookType", "lifecycleStage", "serviceDeploymentArn")
    assert [told["detail"][name] for name in names] == [
        "HOOK_AWAITING_ACTION", hook["hookId"], "PAUSE", "POST_TEST_TRAFFIC_SHIFT", arn,
    ]  # fmt: skip
    for given, code, words in (
        ({"hookId": "x"}, "InvalidParameterException", "must follow the format: ecs-{hookType}-{id}"),
        ({"hookId": "ecs-pause-x"}, "InvalidParameterException", "Provided hookId is either completed, unavailable"),
        ({"serviceDeploymentArn": f"{arn}x"}, "ServiceDeploymentNotFoundException", "does not exist"),
    ):
        with pytest.raises(AwsError, match=words) as caught:
            go_on(**{"serviceDeploymentArn": arn, "hookId": hook["hookId"], **given})
        assert caught.value.code == code
    assert go_on(serviceDeploymentArn=arn, hookId=hook["hookId"]) == {"serviceDeploymentArn": arn}
    shifting.ended()
    with pytest.raises(AwsError, match="in terminal states"):
        go_on(serviceDeploymentArn=arn, hookId=hook["hookId"])


def test_unhealthy_green_tasks_leave_the_traffic_with_blue(shifting: Shifting) -> None:
    shifting.create(deploymentCircuitBreaker=BREAKER)
    shifting.aws.engine.prepared["app"] = FakeContainer(status=500)
    shifting.update(taskDefinition=shifting.aws.register())
    done = shifting.ended()
    assert (done["status"], shifting.weights(), shifting.targets(shifting.blue)) == ("ROLLBACK_SUCCESSFUL", [100, 0], 1)
    assert done["statusReason"] == "Service deployment rolled back because the circuit breaker threshold was exceeded."
    assert (done["deploymentCircuitBreaker"]["status"], done["rollback"]["reason"]) == (
        "TRIGGERED",
        done["statusReason"],
    )
    assert shifting.aws.described()["taskDefinition"].endswith(":1")
    events = [e["detail"]["eventName"] for e in shifting.aws.account.bus.events if "Deployment" in e["detail-type"]]
    assert events[-3:] == [
        "SERVICE_DEPLOYMENT_FAILED",
        "SERVICE_DEPLOYMENT_IN_PROGRESS",
        "SERVICE_DEPLOYMENT_COMPLETED",
    ]


def test_a_user_stops_it_and_another_strategy_has_to_wait(shifting: Shifting) -> None:
    shifting.create("CANARY", canaryConfiguration={"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 1440})
    shifting.update(taskDefinition=shifting.aws.register())
    arn = shifting.at("PRODUCTION_TRAFFIC_SHIFT")["serviceDeploymentArn"]
    eventually(lambda: shifting.weights() == [90, 10], 5)
    with pytest.raises(AwsError, match="Unable to change the deployment strategy from CANARY to ROLLING while"):
        shifting.update(deploymentConfiguration={"strategy": "ROLLING"})
    stop = shifting.aws.ecs.stop_service_deployment
    with pytest.raises(AwsError, match="The valid values are ROLLBACK"):
        stop(serviceDeploymentArn=arn, stopType="ABORT")
    with pytest.raises(AwsError, match="ServiceDeploymentNotFoundException"):
        stop(serviceDeploymentArn=f"{arn}x")
    shifting.aws.account.readings = Readings(unstated_rollouts=True)
    assert all("rolloutState" not in deployment for deployment in shifting.aws.described()["deployments"])
    assert stop(serviceDeploymentArn=arn) == {"serviceDeploymentArn": arn}
    done = shifting.ended()
    assert (done["status"], shifting.weights()) == ("ROLLBACK_SUCCESSFUL", [100, 0])
    with pytest.raises(AwsError, match="ConflictException"):
        stop(serviceDeploymentArn=arn)
    shifting.update(deploymentConfiguration={"strategy": "ROLLING"})
    assert len(shifting.aws.ecs.list_service_deployments(cluster="main", service="web")["serviceDeployments"]) == 2


def test_a_rolling_service_has_service_deployments_too(shifting: Shifting) -> None:
    shifting.create("ROLLING")
    shifting.aws.engine.prepared["app"] = FakeContainer(status=500)
    shifting.update(taskDefinition=shifting.aws.register())
    eventually(shifting.aws.stopped, 15)
    shifting.aws.engine.prepared.clear()
    shifting.aws.ecs.stop_service_deployment(serviceDeploymentArn=shifting.newest()["serviceDeploymentArn"])
    done = shifting.ended()
    assert (done["status"], "lifecycleStage" in done) == ("ROLLBACK_SUCCESSFUL", False)
    assert done["statusReason"] == "Service deployment rolled back because a user requested it."
    assert "requestedProductionTrafficWeight" not in done["targetServiceRevision"]
    only = shifting.aws.ecs.list_service_deployments(cluster="main", service="web", status=["SUCCESSFUL"], maxResults=1)
    assert [each["status"] for each in only["serviceDeployments"]] == ["SUCCESSFUL"]
    page = shifting.aws.ecs.list_service_deployments(cluster="main", service="web", maxResults=1)
    rest = shifting.aws.ecs.list_service_deployments(cluster="main", service="web", nextToken=page["nextToken"])
    assert [len(page["serviceDeployments"]), len(rest["serviceDeployments"])] == [1, 1]


def test_targets_are_registered_as_the_infrastructure_role(shifting: Shifting) -> None:
    aws = shifting.aws
    aws.account.untrusted.add(ROLE)
    aws.register()
    aws.service(loadBalancers=shifting.balancers)
    said = f"(service web) failed to register targets in target-group {shifting.blue} with (error AccessDenied: ecs.amazonaws.com may not assume {ROLE})"
    eventually(lambda: said in [event["message"] for event in aws.described()["events"]], 5)
    assert (shifting.targets(shifting.blue), aws.described()["deployments"][0]["rolloutState"]) == (0, "IN_PROGRESS")
    aws.account.untrusted.clear()
    assert aws.completed()["runningCount"] == shifting.targets(shifting.blue) == 1
    assert [event["message"] for event in aws.described()["events"]].count(said) == 1
