"""An account that was bootstrapped: its roles preview, deploy, watch and destroy a stack, for every strategy; the stack's
own roles have a permissions boundary, and no others may be made.
"""

import os
import re
import subprocess
import time
from collections.abc import Iterator

import pytest

from sandbox.stacks import StackFolder
from tests.scenarios.conftest import REPOSITORY, SERVER, SPEED, WORKER, Apps, Done, Stack, bootstrapped, new_stack
from tests.soak.beside import Running
from tests.support.deliveries import executions, wait_for_pipeline

pytestmark = pytest.mark.nightly

DEPLOY, PREVIEW, DRIFT = "dev-deploy", "dev-preview", "dev-drift"
SHOP = """\
    shop:
      task: {template: web.json, cpu: 256, memory: 512, port: 4000}
      health_check: {path: /healthz}
      routes: [{host: shop.dev.example.com, priority: 40}]
      deploy: {}
      parameters:
        GREETING: {value: hello, for: [runtime]}
"""
BOUNDARY = "arn:aws:iam::123456789012:policy/boundary"
BOUNDED = f"  fargate-delivery:permissions_boundary: {BOUNDARY}\n"
ROLLING, BY_CODEDEPLOY = "deploy: {}", "deploy: {strategy: codedeploy, wait: 1}"
PAUSED = "deploy: {strategy: canary, interval: 1, bake: 1, test_port: 8443, pause: 300}"
PICKY = SERVER.replace("STATUS", '(500 if os.environ["GREETING"] == "broken" else 200)')
"""An app that is not healthy under one value of a parameter."""
MAILER = WORKER.replace("import time", "import os, time; os.environ['SMTP_HOST'] == 'broken' and exit(1)")
"""A worker that ends at once under one value of a parameter."""


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev` and one service more, in an account where nothing but the bootstrap was."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        patch.setenv("SANDBOX_SPEED", SPEED)
        stack.edit("Pulumi.dev.yaml", "    mailer:\n", f"{SHOP}    mailer:\n")
        stack.edit("Pulumi.dev.yaml", "  fargate-delivery:services:\n", f"{BOUNDED}  fargate-delivery:services:\n")
        StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
        document = (REPOSITORY / "docs/how-to/environments.md").read_text().partition("```\n{")[2].partition("\n```")[0]
        stack.client("iam").create_policy(PolicyName="boundary", PolicyDocument=f"{{{document}")
        bootstrapped(stack, BOUNDED.replace("delivery:", "delivery-bootstrap:"))
        yield stack


def preview(stack: Stack) -> dict[str, int]:
    """What the preview role sees that `up` would change."""
    done = stack.ok("preview", "--as", PREVIEW, "--no-refresh", "--json")
    return {op: count for op, count in done.json["changeSummary"].items() if op not in ("same", "read")}


def refused_to(stack: Stack, role: str) -> set[tuple[str, str]]:
    """Action and resource of what a role has asked for and may not; it has asked for something."""
    asked = [d for d in stack.control("decisions") if f":assumed-role/{role}/" in d["principal"]]
    assert asked
    return {(d["action"], d["resource"]) for d in asked if not d["allowed"]}


def delivery(stack: Stack, *arguments: str) -> str:
    """One of the operators' commands, as the role that deploys."""
    variables = {**os.environ, **stack.ok("env", "--as", DEPLOY, "--json").json}
    command = [str(REPOSITORY / ".venv/bin/delivery"), *arguments, "--stack", stack.name]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=400)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def ship(stack: Stack, apps: Apps, service: str, version: str, server: str) -> None:
    done = stack.ship(service, apps.make(version, server=server))
    assert done.code == 0, done.out + done.err


def change_strategy(stack: Stack, old: str, new: str) -> None:
    """As docs/how-to/operations.md tells it; what runs is the released image all the time, and one more deployment's after."""
    before, allowed = stack.status("shop"), f"{new.removesuffix('}')}, replace: true}}".replace("{, ", "{")
    stack.edit("Pulumi.dev.yaml", old, allowed)
    said = stack.ok("preview", "--as", PREVIEW, "--no-refresh").err
    assert re.search(r"shop: the ECS service dev-shop(-codedeploy)? is replaced", said)
    ran = len(executions(stack, "shop"))
    stack.ok("up", "--as", DEPLOY)
    if new == BY_CODEDEPLOY:
        assert wait_for_pipeline(stack, "shop", ran + 1)[0]["status"] == "Succeeded"
    stack.edit("Pulumi.dev.yaml", allowed, new)
    assert preview(stack) == {}
    after = stack.settled("shop")
    assert (after["image_digest"], after["running"]) == (before["image_digest"], before["running"])
    names = {arn.rpartition("/")[2] for arn in stack.client("ecs").list_services(cluster="dev")["serviceArns"]}
    assert {name for name in names if "shop" in name} == {"dev-shop-codedeploy" if new == BY_CODEDEPLOY else "dev-shop"}


def answer(stack: Stack, verb: str, deploying: Running[Done]) -> Done:
    """Answer the pause of a deployment, as the role that deploys, and how what has begun it ends."""
    while "waits for `delivery continue shop" not in delivery(stack, "status", "shop"):
        assert not deploying.over(), deploying.result().out + deploying.result().err
        time.sleep(0.5)
    delivery(stack, verb, "shop", "--yes")
    return deploying.result()


def test_the_roles_suffice_for_a_stack_s_whole_life(dev: Stack, apps: Apps) -> None:
    assert preview(dev).keys() == {"create"}
    refused = dev.run("up", "--diff", "--as", PREVIEW)
    assert refused.code == 1
    assert re.search(r"assumed-role/dev-preview/\S+ is not authorized to perform: \w+:Create", refused.err)
    assert "created: aws:" not in refused.err
    make = ("iam", "create-role", "--role-name", "dev-admin", "--assume-role-policy-document", "{}")
    assert "is not authorized to perform: iam:CreateRole" in dev.aws(DEPLOY, *make).err
    dev.ok("up", "--as", DEPLOY)
    assert {
        dev.client("iam").get_role(RoleName=role["RoleName"])["Role"]["PermissionsBoundary"]["PermissionsBoundaryArn"]
        for role in dev.client("iam").list_roles(PathPrefix="/")["Roles"]
        if role["Path"] == "/"
    } == {BOUNDARY}
    assert preview(dev) == {}
    # What `.ci/drift` does, with everything that a stack has: it refreshes.
    watched = dev.ok("preview", "--as", DRIFT, "--json").json["changeSummary"]
    assert watched.keys() == {"same"}
    assert refused_to(dev, DRIFT) == set()

    for service, version, server in (("mailer", "m1", MAILER), ("shop", "s1", PICKY)):
        ship(dev, apps, service, version, server)
    change_strategy(dev, ROLLING, BY_CODEDEPLOY)
    ship(dev, apps, "shop", "s2", PICKY)
    assert dev.ship("shop", apps.make("shop-broken", status=500)).code == 1
    assert preview(dev).keys() <= {"update"}
    dev.ok("up", "--as", DEPLOY)

    for good, bad in (("GREETING: {value: hello", "GREETING: {value: broken"), ("smtp.dev.example.com", "broken")):
        ran = len(executions(dev, "shop"))
        dev.edit("Pulumi.dev.yaml", good, bad)
        edited = dev.run("up", "--as", DEPLOY)
        assert "is not authorized" not in edited.out + edited.err
        if "GREETING" in good:
            assert wait_for_pipeline(dev, "shop", ran + 1)[0]["status"] == "Failed"
        else:
            assert edited.code == 1
            assert "ECS has failed deployment" in edited.err or "is deployed instead" in edited.err
        assert preview(dev).keys() <= {"update"}
        dev.edit("Pulumi.dev.yaml", bad, good)
        dev.ok("up", "--as", DEPLOY)
        if "GREETING" in good:
            assert wait_for_pipeline(dev, "shop", ran + 2)[0]["status"] == "Succeeded"
    assert preview(dev).keys() <= {"update"}

    assert "Succeeded" in delivery(dev, "rollback", "shop", "--yes")
    assert "release-1" in delivery(dev, "history", "shop")
    assert "release-1" in delivery(dev, "history", "mailer")

    change_strategy(dev, BY_CODEDEPLOY, ROLLING)
    ship(dev, apps, "shop", "s3", PICKY)

    dev.edit("Pulumi.dev.yaml", ROLLING, PAUSED)
    assert not [op for op in preview(dev) if "replace" in op]
    dev.ok("up", "--as", DEPLOY)
    assert "waits for `delivery continue shop" in delivery(dev, "status", "shop"), "`up` ends where it pauses"
    delivery(dev, "continue", "shop", "--yes")
    dev.settled("shop")
    assert preview(dev) == {}
    source = apps.make("s4", server=PICKY)
    assert answer(dev, "continue", Running(lambda: dev.ship("shop", source))).code == 0
    unwanted = apps.make("s5", server=PICKY)
    assert answer(dev, "abort", Running(lambda: dev.ship("shop", unwanted))).code == 1
    assert preview(dev).keys() <= {"update"}

    dev.client("iam").create_access_key(UserName="dev-mailer-uploader")
    dev.edit("Pulumi.dev.yaml", "    mailer:\n", "    #\n")
    text = (dev.root / "Pulumi.dev.yaml").read_text()
    (dev.root / "Pulumi.dev.yaml").write_text(text[: text.index("    #\n")] + "    mailer: false\n")
    assert "delete" in preview(dev)
    dev.ok("up", "--as", DEPLOY)
    assert "dev-mailer-uploader" not in {user["UserName"] for user in dev.client("iam").list_users()["Users"]}

    dev.ok("down", "--as", DEPLOY)
    assert refused_to(dev, DEPLOY) == {("iam:CreateRole", "arn:aws:iam::123456789012:role/dev-admin")}
