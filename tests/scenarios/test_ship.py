"""`delivery ship` and `delivery push` as on an account: by an operator who may what access.md says, and nothing else."""

import json
import os
import subprocess
from collections.abc import Iterator

import pytest

from components.iam.policies import document
from components.scope import Scope
from docs.access import shipping
from sandbox.containers.on_path import write_docker
from tests.scenarios.conftest import REPOSITORY, Apps, Done, Stack, new_stack
from tests.support.deliveries import executions

pytestmark = pytest.mark.nightly
OPERATOR = "operator"
UNUSED = {"ecs:ListServices", "ecs:ListServiceDeployments", "ecs:DescribeServiceDeployments"}
"""What is asked only where a service is not there, to name those that are; and of one whose traffic ECS shifts."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, where sources of `chuoi` are built, or images of pull requests found, and those of `shop` pushed."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(("chuoi", "shop"))
        file = "Pulumi.local.yaml"
        deploy = "      deploy: {strategy: codedeploy, wait: 1}\n"
        stack.edit(file, deploy, f"{deploy}      source: {{type: ecr}}\n")
        tasks = "      tasks: {min: 1, max: 2, target_cpu: 60}\n"
        stack.edit(file, tasks, f"{tasks}      source: {{images: true}}\n")
        stack.up()
        scope = Scope(
            stack="local", partition="aws", region=stack.account.server.region, account=stack.account.server.account
        )
        policy = json.dumps(document(shipping(scope)))
        iam = stack.client("iam")
        iam.create_user(UserName=OPERATOR)
        iam.put_user_policy(UserName=OPERATOR, PolicyName="ship", PolicyDocument=policy)
        yield stack


def granted(stack: Stack) -> set[str]:
    """The actions that the operator may call."""
    policy = stack.client("iam").get_user_policy(UserName=OPERATOR, PolicyName="ship")["PolicyDocument"]
    return {action for statement in policy["Statement"] for action in statement["Action"]}


def delivery(stack: Stack, *arguments: str) -> Done:
    """One of the commands, as the operator."""
    tools = write_docker(stack.root / "docker")
    variables = {**os.environ, **stack.ok("env", "--as", OPERATOR, "--json").json}
    variables["PATH"] = f"{tools}{os.pathsep}{os.environ['PATH']}"
    command = [str(REPOSITORY / ".venv/bin/delivery"), *arguments, "--stack", stack.name]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=400)
    assert "Traceback" not in done.stderr, done.stderr
    return Done(done.returncode, done.stdout, done.stderr)


def test_a_source_is_shipped(local: Stack, apps: Apps) -> None:
    done = delivery(local, "ship", "chuoi", "--source", str(apps.make("v1")), "--yes", "--json")
    assert done.code == 0, done.err
    shown, released = done.json, local.settled("chuoi")["release"]
    assert (shown["status"], shown["sourceVersion"]) == ("Succeeded", released["source_version"])
    assert [stage["name"] for stage in shown["stages"]] == ["Source", "Build", "Package", "Deploy"]
    assert "; it answers at https://chuoi." in done.err.splitlines()[-1]


def test_a_release_that_fails_says_why_and_what_serves(local: Stack, apps: Apps) -> None:
    done = delivery(local, "ship", "chuoi", "--source", str(apps.make("sick", dockerfile="FROM nowhere\n")), "--yes")
    assert done.code == 1
    error, serves, *rest = done.err.splitlines()
    assert error.startswith("error: execution ")
    assert " ended as Failed: Build / Build: " in error
    assert serves == "release-1 still serves."
    assert any(line.startswith("  | ") for line in rest[:-1]), rest


def test_a_version_that_nobody_was_told_of_is_started_by_hand(local: Stack, apps: Apps) -> None:
    """The rule is there, as in a new stack, and S3's events do not come to it."""
    events, rule = local.client("events"), "local-chuoi-upload"
    pattern, ran = events.describe_rule(Name=rule)["EventPattern"], len(executions(local, "chuoi"))
    events.put_rule(Name=rule, EventPattern=pattern.replace("sources/chuoi", "sources/nothing"))
    try:
        done = delivery(local, "ship", "chuoi", "--source", str(apps.make("v2")), "--yes")
    finally:
        events.put_rule(Name=rule, EventPattern=pattern)
    assert done.code == 0, done.err
    assert "this command starts this version." in done.out
    assert len(executions(local, "chuoi")) == ran + 1
    assert local.settled("chuoi")["release"]["release"] == 2


def test_an_image_is_pushed(local: Stack, apps: Apps) -> None:
    app = apps.make("v3")
    done = delivery(local, "push", "shop", "--image", str(app), "--yes", "--json")
    assert done.code == 0, done.err
    assert (done.json["status"], done.json["digest"]) == ("Succeeded", local.settled("shop")["image_digest"])
    ran = len(executions(local, "shop"))
    again = delivery(local, "push", "shop", "--image", str(app), "--yes")
    assert (again.code, "It is live and already had its tag" in again.out) == (0, True)
    assert len(executions(local, "shop")) == ran


def test_an_image_of_a_source_is_found_by_its_upload(local: Stack, apps: Apps) -> None:
    app = apps.make("v4")
    done = delivery(local, "push", "chuoi", "--image", str(app), "--yes", "--json")
    assert done.code == 0, done.err
    shipped = delivery(local, "ship", "chuoi", "--source", str(app), "--yes", "--verbose")
    assert (
        f"  | An image of this content was pushed to local-chuoi/inbox, {done.json['digest']}: no build." in shipped.out
    )
    assert local.settled("chuoi")["image_digest"] == done.json["digest"]


def test_the_operator_could_do_all_that_was_tried_and_was_granted_nothing_else(local: Stack) -> None:
    asked = [each for each in local.control("decisions") if each["principal"].endswith(f"/{OPERATOR}")]
    assert [each for each in asked if not each["allowed"]] == []
    unused = granted(local) - {each["action"] for each in asked}
    assert unused == UNUSED
