"""How many tasks run, and where: none at night, with a release that proves its image all the same; Spot with a base."""

import time
from collections import Counter
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Stack
from tests.support.deliveries import scaling

pytestmark = pytest.mark.nightly
SERVICES = ("hello",)
FILE = "Pulumi.local.yaml"
BEFORE = "      migrate: {command: [bin/migrate]}\n"
NIGHT = """\
      tasks:
        min: 2
        max: 4
        schedule:
          - {at: "cron(0 22 * * ? *)", timezone: Asia/Tokyo, min: 0, max: 0}
          - {at: "cron(0 7 * * ? *)", timezone: Asia/Tokyo}
"""
SPOT = "      capacity: {spot: 2, on_demand_base: 1}\n"


def falls(stack: Stack, action: int) -> None:
    """A scheduled action of hello's is due: 0 the night, 1 the morning."""
    assert stack.control("scale", {"name": f"hello-{action}"})["suspended"] is False


def runs(stack: Stack, count: int) -> list[dict[str, Any]]:
    """The service's tasks, once so many run and no other does."""
    ecs = stack.client("ecs")
    for _ in range(300):
        arns = ecs.list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
        tasks = ecs.describe_tasks(cluster="local", tasks=arns)["tasks"] if arns else []
        if len(tasks) == count and all(task["lastStatus"] == "RUNNING" for task in tasks):
            return list(tasks)
        time.sleep(0.2)
    raise AssertionError(f"still {[(task['lastStatus'], task['desiredStatus']) for task in tasks]}")


def started(stack: Stack, definition: str) -> int:
    """How many tasks of a task definition the service has started that have ended."""
    ecs = stack.client("ecs")
    arns = ecs.list_tasks(cluster="local", serviceName="local-hello", desiredStatus="STOPPED")["taskArns"]
    tasks = ecs.describe_tasks(cluster="local", tasks=arns)["tasks"] if arns else []
    return [task["taskDefinitionArn"] for task in tasks].count(definition)


def greetings(stack: Stack, definition: str) -> list[str]:
    """What a task definition has the app say."""
    ecs, ssm = stack.client("ecs"), stack.client("ssm")
    described = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
    secrets = {s["name"]: s["valueFrom"] for c in described["containerDefinitions"] for s in c.get("secrets", [])}
    return [ssm.get_parameter(Name=secrets["GREETING"].partition(":parameter")[2])["Parameter"]["Value"]]


def actions(stack: Stack) -> dict[str, str]:
    """Name → status, of the newest execution's actions in Deploy."""
    found = stack.client("codepipeline").list_action_executions(pipelineName="local-hello")["actionExecutionDetails"]
    newest = found[0]["pipelineExecutionId"]
    return {
        each["actionName"]: each["status"]
        for each in reversed(found)
        if each["pipelineExecutionId"] == newest and each["stageName"] == "Deploy"
    }


def test_by_day_it_is_as_ever(local: Stack, apps: Apps) -> None:
    local.edit(FILE, BEFORE, BEFORE + NIGHT)
    local.ok("up")
    assert local.ship("hello", apps.make("one")).code == 0
    assert scaling(local, "hello") == {False}
    runs(local, 2)
    assert local.changes() == {}


def test_at_night_nothing_runs_and_nothing_is_left_to_do(local: Stack) -> None:
    falls(local, 0)
    runs(local, 0)
    assert local.changes() == {}
    target = local.client("application-autoscaling").describe_scalable_targets(ServiceNamespace="ecs")[
        "ScalableTargets"
    ][0]
    assert (target["MinCapacity"], target["MaxCapacity"]) == (0, 0)


def test_a_release_at_night_proves_its_image_and_leaves_nothing_running(local: Stack, apps: Apps) -> None:
    before = local.status("hello")["release"]["release"]
    done = local.ship("hello", apps.make("two"))
    assert done.code == 0, done.out + done.err
    assert list(actions(local)) == ["Migrate", "Wake", "Deploy", "Release"]
    runs(local, 0)
    stopped = local.client("ecs").list_tasks(cluster="local", serviceName="local-hello", desiredStatus="STOPPED")[
        "taskArns"
    ]
    tasks = local.client("ecs").describe_tasks(cluster="local", tasks=stopped)["tasks"]
    status = local.status("hello")
    assert status["release"]["release"] == before + 1
    digest = status["release"]["image_digest"]
    assert digest in {container.get("imageDigest") for task in tasks for container in task["containers"]}
    assert status["desired"] == 0
    assert local.changes() == {}


def test_an_edit_at_night_is_proven_by_a_redeployment(local: Stack) -> None:
    before = local.status("hello")
    local.edit(FILE, "GREETING: {value: Hello from the sandbox", "GREETING: {value: Good night")
    local.ok("up")
    runs(local, 0)
    edited = local.status("hello")["task_definition"]
    assert (edited != before["task_definition"], started(local, edited)) == (True, 0), "no task has proven it"
    local.ok("redeploy", "hello", "--yes")
    assert list(actions(local)) == ["Migrate", "Wake", "Deploy", "Release"]
    runs(local, 0)
    after = local.status("hello")
    assert (after["image_digest"], after["desired"]) == (before["image_digest"], 0)
    assert started(local, after["task_definition"]) == 1
    assert "Good night" in greetings(local, after["task_definition"])
    assert local.changes() == {}


def test_a_bad_image_is_found_at_night_and_what_ran_before_comes_back_in_the_morning(local: Stack, apps: Apps) -> None:
    released = local.status("hello")["release"]
    done = local.ship("hello", apps.make("bad", status=500))
    assert done.code == 1
    assert actions(local)["Deploy"] == "Failed"
    assert local.settled("hello")["release"] == released
    falls(local, 1)
    tasks = runs(local, 2)
    assert {c["imageDigest"] for task in tasks for c in task["containers"]} == {released["image_digest"]}
    assert local.changes() == {}


def test_tasks_are_shared_between_spot_and_on_demand(local: Stack, apps: Apps) -> None:
    local.edit(FILE, NIGHT, NIGHT.replace("min: 2\n        max: 4", "min: 4\n        max: 4") + SPOT)
    local.ok("up")
    falls(local, 1)
    tasks = runs(local, 4)
    assert Counter(task["capacityProviderName"] for task in tasks) == {"FARGATE": 2, "FARGATE_SPOT": 2}
    local.edit(FILE, "on_demand_base: 1", "on_demand_base: 3")
    assert local.changes() == {"update": 1}
    local.ok("up")
    tasks = runs(local, 4)
    assert Counter(task["capacityProviderName"] for task in tasks) == {"FARGATE": 3, "FARGATE_SPOT": 1}
    assert local.changes() == {}
