"""Tasks of ECS: their containers, variables, secrets and logs, why they do not start, and how they end."""

import re
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_fakes import denied, eventually
from ecs_account import REPO, Aws, FakeContainer, container, ecs_account

from sandbox.account.errors import AwsError
from sandbox.ecs.provision import parameter_name
from sandbox.ecs.state import state_of

Json = dict[str, Any]


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    with ecs_account(tmp_path, monkeypatch) as prepared:
        yield prepared


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
