"""Services of ECS: deployments, the tag of an image, health of their tasks, and what is refused."""

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from ecs_account import REPO, Aws, FakeContainer, container, ecs_account, moto_client

from sandbox.account.errors import AwsError
from sandbox.ecs.tasks import provider_of
from sandbox.readings import Readings

Json = dict[str, Any]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with ecs_account(tmp_path, monkeypatch) as prepared:
        yield prepared


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


def test_the_tasks_of_a_service_are_shared_by_base_and_weight(aws: Aws) -> None:
    aws.register()
    strategy = [
        {"capacityProvider": "FARGATE_SPOT", "weight": 3},
        {"capacityProvider": "FARGATE", "weight": 1, "base": 2},
    ]
    aws.service(launchType=None, desiredCount=7, capacityProviderStrategy=strategy)
    eventually(lambda: aws.described()["runningCount"] == 7, 15)
    arns = aws.ecs.list_tasks(cluster="main", serviceName="web")["taskArns"]
    tasks = aws.ecs.describe_tasks(cluster="main", tasks=arns)["tasks"]
    assert Counter(task["capacityProviderName"] for task in tasks) == {"FARGATE": 3, "FARGATE_SPOT": 4}


@pytest.mark.parametrize(
    ("placed", "expected"),
    [
        ({}, "FARGATE"),
        ({"FARGATE": 1}, "FARGATE_SPOT"),
        ({"FARGATE": 1, "FARGATE_SPOT": 4}, "FARGATE"),
        ({"FARGATE_SPOT": 9}, "FARGATE"),
    ],
)
def test_where_the_next_task_runs(placed: dict[str, int], expected: str) -> None:
    strategy = [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]
    assert provider_of(strategy, placed) == expected
    assert provider_of([], placed) is None
    assert provider_of([{"capacityProvider": "FARGATE"}], placed) == "FARGATE"


@pytest.mark.parametrize(
    ("strategy", "words"),
    [
        ([{"capacityProvider": "FARGATE"}, {"capacityProvider": "FARGATE_SPOT"}], "a weight value greater than zero"),
        (
            [{"capacityProvider": name, "weight": 1, "base": 1} for name in ("FARGATE", "FARGATE_SPOT")],
            "can have a base",
        ),
    ],
)
def test_strategies_that_ecs_refuses(aws: Aws, strategy: list[Json], words: str) -> None:
    aws.register()
    with pytest.raises(AwsError, match=words):
        aws.service(launchType=None, capacityProviderStrategy=strategy)


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
    ({"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}, "InvalidParameterException", "advancedConfiguration field is required for all loadBalancers"),
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
