"""Blue/green deployments by CodeDeploy, edits and rollbacks of such a service, and the change of strategy."""

import io
import json
import time
import zipfile
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Stack, new_stack
from tests.soak.beside import Running
from tests.support.deliveries import executions, scaling_of, wait_for_pipeline

pytestmark = pytest.mark.nightly

SERVICE = "dev-chuoi-codedeploy"
ROUTE = "        - {host: api.dev.example.com, paths: [/v1/*], priority: 20}\n"
TASKS = "      tasks: {max: 2}\n"
SMOKE = "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke"
HOOKS = f", hooks: {{AfterAllowTestTraffic: '{SMOKE}'}}"
STRATEGY = (
    "      deploy: {strategy: codedeploy, shift: canary, percent: 20, interval: 1, wait: 1, test_port: 8443"
    + HOOKS
    + "}\n"
)
HOST, OTHER_HOST = "PHX_HOST: {value: chuoi.dev.example.com", "PHX_HOST: {value: www.dev.example.com"
PICKY = SERVER.replace("STATUS", '(500 if os.environ["PHX_HOST"] == "broken" else 200)')
"""An app that is not healthy under one value of a parameter."""


SMOKE_TEST = """
import boto3, os, urllib.request

def handler(event, context):
    request = urllib.request.Request(os.environ["URL"], headers={"Host": "chuoi.dev.example.com"})
    status = "Failed" if b"wrong" in urllib.request.urlopen(request).read() else "Succeeded"
    names = {name[0].lower() + name[1:]: value for name, value in event.items()}
    boto3.client("codedeploy").put_lifecycle_event_hook_execution_status(status=status, **names)
"""
"""Asks the new tasks on the test port, and reports to CodeDeploy."""


def make_smoke_test(stack: Stack) -> None:
    """The Lambda function that the AppSpec names; somebody else's, like the listener's address that it is given."""
    service = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "lambda.amazonaws.com"}}
    report = {"Effect": "Allow", "Action": "codedeploy:PutLifecycleEventHookExecutionStatus", "Resource": "*"}
    trusts, allows = (json.dumps({"Version": "2012-10-17", "Statement": [each]}) for each in (service, report))
    iam, code = stack.client("iam"), io.BytesIO()
    role = iam.create_role(RoleName="smoke", AssumeRolePolicyDocument=trusts)["Role"]["Arn"]
    iam.put_role_policy(RoleName="smoke", PolicyName="report", PolicyDocument=allows)
    with zipfile.ZipFile(code, "w") as archive:
        archive.writestr("smoke.py", SMOKE_TEST)
    (address,) = [found["address"] for found in stack.control("listeners") if int(found["port"]) == 8443]
    stack.client("lambda").create_function(
        FunctionName="smoke", Runtime="python3.12", Role=role, Handler="smoke.handler", Timeout=60,
        Code={"ZipFile": code.getvalue()}, Environment={"Variables": {"URL": f"http://{address}/healthz"}},
    )  # fmt: skip


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev`, whose service chuoi CodeDeploy deploys."""
    with new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        stack.keep_services(["chuoi"])
        stack.edit("Pulumi.dev.yaml", ROUTE, "")
        stack.edit("Pulumi.dev.yaml", TASKS, TASKS + STRATEGY)
        stack.up()
        make_smoke_test(stack)
        yield stack


def ship(stack: Stack, apps: Apps, version: str, **faults: Any) -> None:
    done = stack.ship("chuoi", apps.make(version, server=faults.pop("server", PICKY), **faults))
    assert done.code == 0, done.out + done.err


def described(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("ecs").describe_services(cluster="dev", services=[SERVICE])["services"][0]
    return found


def weights(stack: Stack) -> dict[str, int]:
    """Target group's name → weight, in the listener's rule."""
    elbv2 = stack.client("elbv2")
    groups = {
        group["TargetGroupArn"]: group["TargetGroupName"] for group in elbv2.describe_target_groups()["TargetGroups"]
    }
    listeners = elbv2.describe_listeners(
        LoadBalancerArn=elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    )["Listeners"]
    arn = next(listener["ListenerArn"] for listener in listeners if listener["Port"] == 443)
    (rule,) = [rule for rule in elbv2.describe_rules(ListenerArn=arn)["Rules"] if not rule["IsDefault"]]
    forwards = rule["Actions"][0]["ForwardConfig"]["TargetGroups"]
    return {groups[each["TargetGroupArn"]].rpartition("-")[0]: each["Weight"] for each in forwards}


def serves(stack: Stack) -> str:
    """The target group with all the traffic, which is the one of the only task set."""
    shares = weights(stack)
    (group,) = [name for name, weight in shares.items() if weight]
    (task_set,) = described(stack)["taskSets"]
    assert f"/{group}-" in task_set["loadBalancers"][0]["targetGroupArn"]
    return group


def newest(stack: Stack) -> dict[str, Any]:
    """CodeDeploy's newest deployment that is no rollback."""
    codedeploy = stack.client("codedeploy")
    ids = codedeploy.list_deployments(applicationName="dev-chuoi", deploymentGroupName="dev-chuoi")["deployments"]
    found = [codedeploy.get_deployment(deploymentId=id)["deploymentInfo"] for id in ids]
    return next(info for info in found if info["creator"] == "user")


def test_a_release_shifts_the_traffic(dev: Stack, apps: Apps) -> None:
    assert dev.status("chuoi")["desired"] == 0
    ship(dev, apps, "v1")
    assert serves(dev) == "chuoi-green"
    first = dev.status("chuoi")
    assert (first["running"], first["release"]["release"]) == (1, 1)
    assert scaling_of(dev, SERVICE) == {False}
    assert dev.changes() == {}
    ship(dev, apps, "v2")
    assert serves(dev) == "chuoi-blue"
    second = dev.status("chuoi")
    assert second["image_digest"] == second["live"] == second["release"]["image_digest"] != first["image_digest"]
    assert second["revision"] == first["revision"] + 1
    assert dev.changes() == {}


def test_an_edit_starts_the_pipeline_which_builds_nothing(dev: Stack) -> None:
    before, ran = dev.status("chuoi"), len(executions(dev, "chuoi"))
    images = len(dev.client("ecr").describe_images(repositoryName="dev-chuoi")["imageDetails"])
    dev.edit("Pulumi.dev.yaml", "cpu: 512, memory: 1024", "cpu: 1024, memory: 2048")
    steps = {(step["op"], step["urn"].rpartition("::")[2]) for step in dev.ok("preview", "--json").json["steps"]}
    assert not [urn for op, urn in steps if op != "same" and urn == "chuoi-service"]
    dev.ok("up")
    wait_for_pipeline(dev, "chuoi", ran + 1)
    after = dev.status("chuoi")
    assert after["image_digest"] == before["image_digest"]
    assert (before["cpu"], after["cpu"], after["memory"]) == (512, 1024, 2048)
    migrated = dev.client("ecs").describe_task_definition(taskDefinition="dev-chuoi-migrate")["taskDefinition"]
    assert migrated["cpu"] == "1024", "it migrates with what is deployed, not with what runs"
    assert len(dev.client("ecr").describe_images(repositoryName="dev-chuoi")["imageDetails"]) == images
    assert len(executions(dev, "chuoi")) == ran + 1
    assert dev.changes() == {}
    dev.ok("up")


def test_an_up_in_the_middle_of_a_deployment_moves_no_traffic(dev: Stack, apps: Apps) -> None:
    hold = dev.control(
        "hold", {"operation": "ecs:UpdateServicePrimaryTaskSet", "by": "", "mentions": "", "after": False}
    )
    source, ran = apps.make("v3", server=PICKY), len(executions(dev, "chuoi"))
    release = Running(lambda: dev.ship("chuoi", source))
    while not dev.control("held", {"hold": hold["hold"]})["held"]:
        assert not release.over()
        time.sleep(0.1)
    before = weights(dev)
    assert before[serving := max(before, key=lambda name: before[name])] == 100
    dev.edit("Pulumi.dev.yaml", "priority: 10}", "priority: 15}")
    dev.edit("Pulumi.dev.yaml", HOST, OTHER_HOST)
    secrets = dev.status("chuoi")["secrets"]
    dev.ok("up")
    assert weights(dev) == before
    dev.control("release", {"hold": hold["hold"], "abort": False})
    assert release.result().code == 0
    wait_for_pipeline(dev, "chuoi", ran + 2)
    assert dev.status("chuoi")["secrets"] != secrets
    assert serves(dev) != serving, "the edit is another deployment"


def test_an_unhealthy_release_leaves_the_traffic(dev: Stack, apps: Apps) -> None:
    before, group = dev.status("chuoi"), serves(dev)
    done = dev.ship("chuoi", apps.make("sick", status=500))
    assert done.code == 1
    assert "timed out while waiting for the replacement task set to become healthy" in done.out + done.err
    after = dev.status("chuoi")
    assert {**after, "running": 1} == {**before, "running": 1}
    assert serves(dev) == group
    assert dev.changes() == {}
    dev.ok("up")


def set_alarm(stack: Stack, value: str) -> None:
    stack.client("cloudwatch").set_alarm_state(
        AlarmName="dev-chuoi-server-errors", StateValue=value, StateReason="for a test"
    )


def stop(stack: Stack) -> None:
    stack.client("codedeploy").stop_deployment(deploymentId=newest(stack)["deploymentId"])


ENDS: dict[str, tuple[Callable[[Stack], None], str]] = {
    "alarm": (
        lambda stack: set_alarm(stack, "ALARM"),
        "ALARM_ACTIVE: One or more alarms have been activated according to the Amazon CloudWatch metrics you selected, "
        "and the affected deployments have been stopped. Activated alarms: dev-chuoi-server-errors",
    ),
    "stop": (stop, "MANUAL_STOP: The deployment was stopped by a user."),
}
"""What ends a deployment whose traffic has shifted, and the pipeline's words for it."""


def test_a_release_that_fails_its_smoke_test_never_has_traffic(dev: Stack, apps: Apps) -> None:
    before, group = dev.status("chuoi"), serves(dev)
    done = dev.ship("chuoi", apps.make("wrong", server=PICKY))
    assert done.code == 1
    assert "HOOK_EXECUTION_FAILURE: The hook at AfterAllowTestTraffic did not succeed" in done.out + done.err
    assert dev.status("chuoi")["image_digest"] == before["image_digest"]
    assert serves(dev) == group
    assert dev.changes() == {}


@pytest.mark.parametrize("ended_by", ENDS)
def test_the_traffic_goes_back(dev: Stack, apps: Apps, ended_by: str) -> None:
    end, words = ENDS[ended_by]
    before, group = dev.status("chuoi"), serves(dev)
    hold = dev.control(
        "hold", {"operation": "ecs:UpdateServicePrimaryTaskSet", "by": "", "mentions": "", "after": True}
    )
    source = apps.make(ended_by, server=PICKY)
    release = Running(lambda: dev.ship("chuoi", source))
    while not dev.control("held", {"hold": hold["hold"]})["held"]:
        assert not release.over()
        time.sleep(0.1)
    assert weights(dev)[group] == 0
    end(dev)
    dev.control("release", {"hold": hold["hold"], "abort": False})
    done = release.result()
    set_alarm(dev, "OK")
    assert done.code == 1
    assert words in done.out + done.err
    assert newest(dev)["rollbackInfo"]["rollbackDeploymentId"].startswith("d-")
    wait_until_one_task_set(dev)
    assert serves(dev) == group
    assert dev.status("chuoi")["image_digest"] == before["image_digest"]
    assert dev.changes() == {}


def wait_until_one_task_set(stack: Stack) -> None:
    while len(described(stack)["taskSets"]) > 1:
        time.sleep(0.1)


def test_an_edit_that_fails_is_named_until_it_is_deployed(dev: Stack, apps: Apps) -> None:
    before, ran = dev.status("chuoi"), len(executions(dev, "chuoi"))
    dev.edit("Pulumi.dev.yaml", OTHER_HOST, "PHX_HOST: {value: broken")
    dev.ok("up")
    wait_for_pipeline(dev, "chuoi", ran + 1)
    wait_until_one_task_set(dev)
    assert dev.status("chuoi")["task_definition"] == before["task_definition"]
    edit = executions(dev, "chuoi")[0]["pipelineExecutionId"]
    assert dev.ship("chuoi", apps.make("no-build", dockerfile="FROM python:3.12-slim\nRUN false\n")).code == 1
    for _ in range(2):
        refused = dev.run("up")
        assert refused.code == 1
        assert (
            f"chuoi: what is declared does not run, because its deployment has failed: execution {edit} ended as"
            in (refused.err)
        )
        assert "timed out while waiting for the replacement task set to become healthy" in refused.err
        assert "redeploy chuoi --stack dev`" in refused.err
    assert len(executions(dev, "chuoi")) == ran + 2, "it is not tried again by itself"
    told = str(dev.status("chuoi")["edit"])
    assert told.startswith(f"the template that `up` wrote does not run, because execution {edit} ended as Failed: ")
    assert told.endswith("redeploy chuoi --stack dev`")
    dev.edit("Pulumi.dev.yaml", "PHX_HOST: {value: broken", OTHER_HOST)
    dev.ok("up")
    wait_for_pipeline(dev, "chuoi", ran + 3)
    assert (dev.status("chuoi")["image_digest"], dev.status("chuoi")["edit"]) == (before["image_digest"], None)
    assert dev.changes() == {}
    dev.ok("up")


def test_a_redeployment_and_a_rollback_build_nothing(dev: Stack) -> None:
    before, images = dev.status("chuoi"), dev.client("ecr").describe_images(repositoryName="dev-chuoi")["imageDetails"]
    dev.ok("redeploy", "chuoi", "--yes")
    assert dev.status("chuoi")["image_digest"] == before["image_digest"]
    dev.ok("rollback", "chuoi", "--yes")
    after = dev.status("chuoi")
    assert after["image_digest"] != before["image_digest"]
    assert after["cpu"] == before["cpu"]
    assert len(dev.client("ecr").describe_images(repositoryName="dev-chuoi")["imageDetails"]) == len(images)
    assert dev.changes() == {}


def test_another_strategy_replaces_the_service_when_that_is_allowed(dev: Stack, apps: Apps) -> None:
    if serves(dev) == "chuoi-green":
        dev.ok("redeploy", "chuoi", "--yes")
    before = dev.status("chuoi")
    dev.edit("Pulumi.dev.yaml", STRATEGY, "")
    refused = dev.run("up")
    assert refused.code == 1
    assert "refused unless the stack file says deploy.replace: true" in refused.err
    assert dev.status("chuoi") == before
    dev.edit("Pulumi.dev.yaml", TASKS, TASKS + "      deploy: {replace: true}\n")
    assert f"chuoi: the ECS service {SERVICE} is replaced" in dev.ok("preview").err
    dev.ok("up")
    after = dev.status("chuoi")
    assert (after["image_digest"], after["running"]) == (before["image_digest"], before["running"])
    assert scaling_of(dev, "dev-chuoi") == {False}
    assert dev.changes() == {}
    ship(dev, apps, "rolling")
    # Without the test port the one rule alone makes the second target group the load balancer's.
    again = "      deploy: {strategy: codedeploy, wait: 1, replace: true}\n"
    dev.edit("Pulumi.dev.yaml", "      deploy: {replace: true}\n", again)
    rolling, ran = dev.status("chuoi"), len(executions(dev, "chuoi"))
    dev.ok("up")
    assert wait_for_pipeline(dev, "chuoi", ran + 1)[0]["status"] == "Succeeded"
    assert dev.status("chuoi")["image_digest"] == rolling["image_digest"]
    assert serves(dev) == "chuoi-green", "the AppSpec is an edit: the pipeline has deployed it"
    ship(dev, apps, "shifted")
    assert serves(dev) == "chuoi-blue"
    assert dev.status("chuoi")["image_digest"] != rolling["image_digest"]
    assert json.loads(dev.ok("export").out)["deployment"].get("pending_operations", []) == []
    assert dev.changes() == {}
