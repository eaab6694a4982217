"""The operators' commands against a stack that is up: history, logs, rollback, repair, freeze, break glass.

Then faults that are planted in it.
"""

import contextlib
import json
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from delivery.commands import prune
from tests.scenarios.conftest import Apps, Stack
from tests.scenarios.planted import (
    SERVICE,
    Planter,
    build_machine,
    build_role_without,
    index_of_the_live_image,
    refusal,
    webhook_at,
    without_a_way_out,
    without_rules,
)
from tests.support.deliveries import executions, wait_for_pipeline

pytestmark = pytest.mark.nightly
SERVICES = ("hello",)

RECORD = "/fargate-delivery/local/hello/release"


def agree(stack: Stack) -> dict[str, Any]:
    """The service's status, in which running, live and record agree."""
    found = stack.status("hello")
    assert found["image_digest"] == found["live"] == found["release"]["image_digest"]
    assert (found["in_flight"], found["disagreement"], found["repair"]) == (None, None, None)
    return found


def images(stack: Stack) -> set[str]:
    """The digests in the service's repository."""
    listed = stack.client("ecr").list_images(repositoryName="local-hello")["imageIds"]
    return {image["imageDigest"] for image in listed}


def move_live(stack: Stack, digest: str) -> None:
    """Somebody moves the tag by hand."""
    ecr = stack.client("ecr")
    (image,) = ecr.batch_get_image(repositoryName="local-hello", imageIds=[{"imageDigest": digest}])["images"]
    ecr.put_image(repositoryName="local-hello", imageTag="live", imageManifest=image["imageManifest"])


def put_record(stack: Stack, value: str) -> None:
    stack.client("ssm").put_parameter(Name=RECORD, Value=value, Overwrite=True)


def record(stack: Stack) -> str:
    value: str = stack.client("ssm").get_parameter(Name=RECORD)["Parameter"]["Value"]
    return value


def test_before_the_first_release_there_is_nothing_to_do(local: Stack) -> None:
    assert local.ok("history", "hello").out == "Nothing was released yet.\n"
    assert local.ok("repair", "hello").out == "Nothing to repair: no task runs.\n"
    refused = local.run("rollback", "hello", "--yes")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "hello has no releases yet" in refused.err
    refused = local.run("approve", "hello")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "no approval is pending in local-hello" in refused.err
    refused = local.run("repair", "helo")
    assert "there is no service helo in stack local; there are: " in refused.err


def test_history_has_the_releases(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("v1")).code == 0
    assert local.ship("hello", apps.make("v2")).code == 0
    found = local.ok("history", "hello", "--json").json
    assert [release["release"] for release in found] == [2, 1]
    assert found[0].items() >= agree(local)["release"].items()


def test_logs_are_those_of_stopped_tasks_too(local: Stack) -> None:
    lines = local.ok("logs", "hello", "--since", "1h", "--json").json
    assert [line["message"] for line in lines if "migrating" in line["message"]] == [
        "migrating to v1",
        "migrating to v2",
    ]
    assert {line["container"] for line in lines} == {"web"}
    running = local.ok("logs", "hello", "--since", "1h", "--release", "2", "--json").json
    (task,) = {line["task"] for line in running}
    stopped = {line["task"] for line in local.ok("logs", "hello", "--release", "1", "--json").json}
    assert stopped
    assert task not in stopped
    assert f" {task[:8]} web | listening\n" in local.ok("logs", "hello", "--container", "web").out
    assert local.ok("logs", "hello", "--container", "proxy").out == ""
    off = local.run("exec", "hello")
    assert (off.code, off.err.count("\n")) == (1, 1)


def test_parameters_are_listed_without_values_and_pulumi_s_are_not_set(local: Stack) -> None:
    found = {each["variable"]: each for each in local.ok("parameters", "list", "hello", "--json").json}
    kinds = {name: (each["reader"], each["type"], each["owner"], each["value"]) for name, each in found.items()}
    assert kinds == {
        "APP_ENV": ("build", "String", "program", None),
        "GREETING": ("runtime", "String", "program", None),
        "SECRET_KEY_BASE": ("runtime", "SecureString", "program", None),
    }
    assert " GREETING = Hello from the sandbox: " in local.ok("parameters", "list", "--values").out
    refused = local.run("parameters", "set", found["SECRET_KEY_BASE"]["name"])
    assert (refused.code, "fargate-delivery:secrets.hello.SECRET_KEY_BASE" in refused.err) == (1, True)
    assert local.ok("parameters", "diff", "local", "local").out == "local and local have the same parameters.\n"


def test_what_the_stack_costs_a_month(local: Stack) -> None:
    found = local.ok("cost", "--json").json
    assert [(each["service"], each["what"]) for each in found["amounts"]] == [
        ("hello", "1 task of 0.25 vCPU, 0.5 GB, a public address"),
        ("hello", "4 alarms"),
        ("hello", "KMS key of its secrets"),
        (None, "load balancer local and its 2 public addresses"),
        (None, "dashboard"),
    ]
    assert found["month"] == round(sum(each["month"] for each in found["amounts"]), 2)


def test_a_rollback_changes_the_image_only_and_says_what_else_differs(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", "hello:\n      task: {template: web.json, cpu: 256, memory: 512",
               "hello:\n      task: {template: web.json, cpu: 256, memory: 1024")  # fmt: skip
    local.ok("up")
    first = local.ok("history", "hello", "--json").json[1]
    asked = local.run("rollback", "hello")
    assert (asked.code, asked.err.count("\n")) == (1, 1)
    assert "run it again with --yes" in asked.err
    before = images(local)
    done = local.ok("rollback", "hello", "--yes")
    assert "memory: then 512, now 1024" in done.out
    assert "services.hello.task.memory in Pulumi.local.yaml" in done.out
    after = agree(local)
    assert (after["image_digest"], after["memory"]) == (first["image_digest"], 1024)
    assert after["release"]["release"] == 3
    assert images(local) == before, "no build"
    assert local.changes() == {}
    assert "runs the image of release-3 already" in local.run("rollback", "hello", "--to", "3", "--yes").err


def test_live_moved_by_hand_is_moved_back(local: Stack) -> None:
    before = agree(local)
    move_live(local, local.ok("history", "hello", "--json").json[1]["image_digest"])
    shown = local.status("hello")
    assert shown["repair"] == "sandbox repair hello --stack local"
    local.ok("repair", "hello", "--yes")
    assert agree(local) == before
    assert local.ok("repair", "hello").out.startswith("Nothing to repair")


def test_a_release_cut_off_before_its_record_is_ended(local: Stack) -> None:
    before, history = agree(local), local.ok("history", "hello", "--json").json
    put_record(local, json.dumps({"schema": 1, **history[1]}))
    assert local.status("hello")["disagreement"] is not None
    assert "the release record says release-" in local.ok("repair", "hello", "--yes").out.lower()
    after = agree(local)
    assert after["release"]["task_definition"] == before["task_definition"]
    assert after["release"]["execution"] == history[0]["execution"]
    assert local.changes() == {}


def test_the_first_release_cut_off_before_its_record_is_ended(local: Stack) -> None:
    before, written = agree(local), record(local)
    put_record(local, "none")
    assert "Scaling is not suspended." in local.ok("repair", "hello", "--yes").out
    assert agree(local)["release"]["source_version"] == before["release"]["source_version"]
    assert json.loads(record(local)).keys() == json.loads(written).keys()
    assert local.changes() == {}


def test_prune_removes_the_value_that_no_release_needs(
    local: Stack, apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for old, new in (("Hello from the sandbox", "never released"), ("never released", "released")):
        local.edit("Pulumi.local.yaml", old, new)
        local.ok("up")
        secrets = {secret["name"]: secret["arn"] for secret in local.status("hello")["secrets"]}
        names.append(secrets["GREETING"].partition(":parameter")[2])
    assert local.ship("hello", apps.make("v3")).code == 0
    asked = local.run("prune")
    assert (asked.code, "run it again with --yes" in asked.err) == (1, True)
    listed = asked.out
    assert "/runtime/" not in listed, "values of this hour may be about to be named"
    assert "local-hello-migrate:1  an old migration" in listed
    local.ok("prune", "--yes")
    assert local.ok("prune").out == "Nothing to remove.\n"
    for variable, value in local.ok("env", "--json").json.items():
        monkeypatch.setenv(variable, value)
    later = datetime.now(UTC) + timedelta(hours=2)
    found = prune.leftovers(boto3.Session(), local.name, later)
    assert [value.name for value in found.values] == [names[0]]
    prune.remove(boto3.Session(), found)
    assert local.changes() == {}
    assert local.ship("hello", apps.make("v4")).code == 0


def test_a_release_that_waits_is_rejected_or_approved(local: Stack, apps: Apps) -> None:
    local.edit("Pulumi.local.yaml", "    hello:\n", "    hello:\n      approve: true\n")
    local.ok("up")
    before = agree(local)
    assert local.ship("hello", apps.make("v5")).code == 0
    rejected = local.ok("reject", "hello", "--reason", "not today", "--yes")
    assert f"It replaces release-{before['release']['release']} (" in rejected.out
    count = len(executions(local, "hello"))
    assert wait_for_pipeline(local, "hello", count)[0]["status"] == "Failed"
    assert agree(local) == before
    assert "Rejected: not today" in (local.failure("hello") or "")
    assert local.ship("hello", apps.make("v6")).code == 0
    assert "nothing was decided" in local.run("approve", "hello", "--execution", "another").err
    local.ok("approve", "hello", "--yes")
    assert wait_for_pipeline(local, "hello", count + 1)[0]["status"] == "Succeeded"
    assert agree(local)["image_digest"] != before["image_digest"]


def test_frozen_releases_wait_and_an_edit_of_the_pipeline_leaves_them_frozen(local: Stack) -> None:
    count = len(executions(local, "hello"))
    frozen = local.ok("freeze", "--reason", "a sale, until Monday")
    assert "a sale- until Monday); `sandbox unfreeze hello --stack local` lets them go on" in frozen.out
    local.edit("Pulumi.local.yaml", "      approve: true\n", "")
    local.ok("up")
    assert "It waits: releases of hello wait" in local.ok("redeploy", "hello", "--yes", "--no-wait").out
    waits: list[str] = []
    for _ in range(100):
        waits = local.ok("status", "hello", "--json").json["waits"]
        if any("waits for Deploy to open" in each for each in waits):
            break
        time.sleep(0.1)
    assert any(each.startswith("no release enters Deploy") and "a sale- until Monday" in each for each in waits), waits
    (execution,) = [each.split()[1] for each in waits if each.endswith("waits for Deploy to open")]
    assert f"Releases of hello go on: {execution}.\n" in local.ok("unfreeze", "hello", "--yes").out
    assert wait_for_pipeline(local, "hello", count + 1)[0]["status"] == "Succeeded"
    assert local.ok("unfreeze").out == "Nothing is frozen.\n"
    assert local.ok("status", "hello", "--json").json["waits"] == []


def test_an_image_is_released_without_the_pipeline(local: Stack, apps: Apps) -> None:
    before, runs, built = agree(local), len(executions(local, "hello")), local.builds()
    first = local.ok("history", "hello", "--json").json[-1]
    assert first["image_digest"] != before["image_digest"]
    refused = local.run("deploy", "hello", "--image", first["image_digest"], "--without-pipeline")
    assert (refused.code, "run it again with --yes" in refused.err) == (1, True)
    done = local.ok("deploy", "hello", "--image", first["image_digest"], "--without-pipeline", "--yes")
    assert "Migrate: Migrated with" in done.out
    assert f"Release: Released {first['image_digest']} as release-{before['release']['release'] + 1}" in done.out
    after = agree(local)
    assert after["image_digest"] == first["image_digest"]
    assert after["release"]["by"] == f"arn:aws:iam::{local.account.server.account}:root"
    assert after["release"]["source_version"] == first["source_version"]
    assert (len(executions(local, "hello")), local.builds()) == (runs, built)
    told = [e for e in local.control("events") if e["detail"].get("execution-id") == after["release"]["execution"]]
    assert [e["detail-type"] for e in told] == ["Service Released"]
    assert local.changes() == {}
    assert local.ship("hello", apps.make("v7")).code == 0
    assert agree(local)["release"]["release"] == after["release"]["release"] + 1


@pytest.fixture(scope="module")
def running(local: Stack, tmp_path_factory: pytest.TempPathFactory) -> Planter:
    """A service that runs."""
    apps = Apps(tmp_path_factory.mktemp("running"))
    if local.status(SERVICE)["release"] is None:
        assert local.ship(SERVICE, apps.make("first")).code == 0
    return Planter(local)


REFUSED: dict[str, tuple[Callable[[Planter], Any], str]] = {
    "300 CPU units": (lambda p: p.register({"cpu": "300"}), "ClientException: No Fargate configuration exists for given values: 300 CPU"),
    "network mode bridge": (lambda p: p.register({"networkMode": "bridge"}), "ClientException: Fargate only supports network mode"),
    "another host port": (lambda p: p.register(portMappings=[{"containerPort": 4000, "hostPort": 4001}]), "ClientException: When networkMode=awsvpc, the host ports and container ports in port mappings must match."),
    "privileged": (lambda p: p.register(privileged=True), "ClientException: Fargate requires that the 'privileged' setting be 'false'"),
    "a stop timeout of 300": (lambda p: p.register(stopTimeout=300), "ClientException: Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds."),
    "an unknown capacity provider": (lambda p: p.client("ecs").update_service(cluster=p.stack.name, service=p.name, forceNewDeployment=True, capacityProviderStrategy=[{"capacityProvider": "FARGATE_SPOTTY", "weight": 1}]), "InvalidParameterException: The specified capacity provider strategy cannot contain a capacity provider that is not associated with the cluster."),
    "a key for another log group": (lambda p: p.key_for("/other"), "AccessDeniedException: The specified KMS key does not exist or is not allowed to be used with LogGroup"),
    "an alias to nothing": (lambda p: p.alias(DNSName="gone-1.ap-northeast-1.elb.amazonaws.com"), "but that target was not found]"),
    "an alias with another zone id": (lambda p: p.alias(HostedZoneId="Z00000000000"), "but the alias target name does not lie within the target zone]"),
    "an unknown TLS policy": (lambda p: p.client("elbv2").modify_listener(ListenerArn=p.listener("HTTPS")["ListenerArn"], SslPolicy="ELBSecurityPolicy-1999"), "SSLPolicyNotFound: SSL policy 'ELBSecurityPolicy-1999' not found"),
    "a retention of 31 days": (lambda p: p.client("logs").put_retention_policy(logGroupName=p.log_group(), retentionInDays=31), "InvalidParameterException: 1 validation error detected: Value '31' at 'retentionInDays'"),
    "a health path without a slash": (lambda p: p.client("elbv2").modify_target_group(TargetGroupArn=p.service()["loadBalancers"][0]["targetGroupArn"], HealthCheckPath="healthz"), "ValidationError: Health check path 'healthz' must begin with a '/' character"),
    "six values in a rule": (lambda p: p.client("elbv2").create_rule(ListenerArn=p.listener("HTTPS")["ListenerArn"], Priority=999, Conditions=[{"Field": "path-pattern", "Values": [f"/{n}" for n in range(6)]}], Actions=p.listener("HTTPS")["DefaultActions"]), "ValidationError: A rule can only have '5' condition values"),
    "a balancer in one zone": (lambda p: p.client("elbv2").create_load_balancer(Name="one-zone", Subnets=p.service()["networkConfiguration"]["awsvpcConfiguration"]["subnets"][:1]), "ValidationError: At least two subnets in two different Availability Zones must be specified"),
    "a Sid with a hyphen": (lambda p: p.put_build_policy(lambda document: document["Statement"][0].update(Sid="a-b")), "MalformedPolicyDocument: Statement IDs (SID) must be alpha-numeric."),
    "a build image of another machine type": (lambda p: p.build_on("LINUX_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"), "InvalidInputException: AWS CodeBuild curated image aws/codebuild/amazonlinux-aarch64-standard:3.0 is not supported for projects with environment type LINUX_CONTAINER"),
    "a build image that there is not": (lambda p: p.build_on("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:9.9"), "InvalidInputException: AWS CodeBuild curated image aws/codebuild/amazonlinux-x86_64-standard:9.9 is not supported"),
    "a log stream that is missing": (lambda p: p.client("logs").get_log_events(logGroupName=p.log_group(), logStreamName="none"), "ResourceNotFoundException: The specified log stream does not exist."),
}  # fmt: skip
"""A fault of what the stack declares → how it is planted, and the error of AWS's that it meets."""


@pytest.mark.parametrize("fault", REFUSED)
def test_a_planted_fault_is_refused(running: Planter, fault: str) -> None:
    plant, words = REFUSED[fault]
    assert words in refusal(plant, running)


@contextlib.contextmanager
def nothing(planter: Planter) -> Iterator[None]:
    """The fault is in the task definition."""
    yield


ARM = {"runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}}
NO_START: dict[str, tuple[Callable[[Planter], Any], Callable[[Planter], str | None], str]] = {
    "tasks without egress": (lambda p: without_rules(p, "egress", "tasks"), lambda p: None, "ResourceInitializationError: unable to pull secrets or registry auth"),
    "subnets without a way out": (without_a_way_out, lambda p: None, "ResourceInitializationError: unable to pull secrets or registry auth"),
    "a log in another region": (nothing, lambda p: p.register(logConfiguration={"logDriver": "awslogs", "options": {"awslogs-group": p.log_group(), "awslogs-region": "us-east-1", "awslogs-stream-prefix": "x"}}), "ResourceInitializationError: failed to validate logger args"),
    "an index without the task's platform": (nothing, lambda p: p.register(ARM, image=index_of_the_live_image(p, "index")), "image Manifest does not contain descriptor matching platform 'linux/arm64'"),
    "an image of another architecture": (nothing, lambda p: p.register(ARM), "app 1 None exec format error"),
    "more memory than there is": (nothing, lambda p: p.register(memory=64, entryPoint=["python", "-c", "import time; a = b'x' * (96 << 20); time.sleep(60)"]), "app 137 OutOfMemoryError: Container killed due to memory usage"),
}  # fmt: skip
"""A fault that lets a task not start or end → how it is planted, the task's definition (None: the service's), and what
the task's `stoppedReason`, exit code, reason and log say."""


@pytest.mark.parametrize("fault", NO_START)
def test_a_planted_fault_ends_the_task(running: Planter, fault: str) -> None:
    plant, definition, words = NO_START[fault]
    with plant(running):
        task = running.run_task(definition(running))
    (container,) = task["containers"]
    log = running.stack.root / ".sandbox" / running.stack.name / "tasks" / task["taskArn"].rpartition("/")[2]
    file = log / container["name"] / "output.log"
    said = file.read_text() if file.is_file() else ""
    ends = f"app {container.get('exitCode')} {container.get('reason')} {said[said.rfind(': ') + 2 :]}"
    assert words in f"{task['stoppedReason']} {ends}", task


NO_HEALTH: dict[str, tuple[str, str]] = {
    "no ingress from the balancer": ("ingress", "tasks"),
    "no egress of the balancer": ("egress", "balancer"),
}


@pytest.mark.parametrize("fault", NO_HEALTH)
def test_a_task_that_its_load_balancer_does_not_reach_is_replaced(running: Planter, fault: str) -> None:
    direction, of = NO_HEALTH[fault]
    seen = {event["id"] for event in running.service()["events"]}
    with without_rules(running, direction, of):
        for _ in range(600):
            new = [e["message"] for e in running.service()["events"] if e["id"] not in seen]
            if any("failed ELB health checks" in each or "is unhealthy" in each for each in new):
                break
            time.sleep(0.1)
        else:
            raise AssertionError(f"the load balancer reaches its tasks: {new}")
    running.stack.settled(SERVICE)


def test_a_build_fails_on_another_machine_and_without_one_of_its_role_s_actions(running: Planter, apps: Apps) -> None:
    arm = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    with build_machine(running, "ARM_CONTAINER", arm):
        done = running.stack.ship(SERVICE, apps.make("on-arm"))
    assert (done.code, "exec /bin/sh: exec format error" in done.out + done.err) == (1, True), done.out + done.err
    with build_role_without(running, "ecr:PutImage"), webhook_at(running, "wrong/path"):
        done = running.stack.ship(SERVICE, apps.make("not-pushed"))
        lost = running.stack.control("undelivered")
    assert (done.code, "is not authorized to perform: ecr:PutImage" in done.out + done.err) == (1, True)
    assert "404 no_service" in str(lost)
