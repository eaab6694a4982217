"""Promotion: a stack releases the image that another stack runs, copied into its own repository and never built again."""

import time
from collections.abc import Iterator

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack
from tests.support.deliveries import executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly
FROM = "promote_from: {stack: local}"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, whose images are promoted."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(("hello", "shop"))
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def live(local: Stack) -> Stack:
    """Another stack in the same account: one service takes promoted images only, and the other one uploads too."""
    text = (local.root / "Pulumi.local.yaml").read_text()
    text = text.replace("local.example.com", "live.example.com").replace("stack: local}", "stack: live}")
    text = text.replace("commits: {host: github}", "").replace("slack: true, }", "slack: true}")
    text = text.replace("        APP_ENV: {value: sandbox-app, for: [build]}\n", "")
    migrate = "      migrate: {command: [bin/migrate]}\n"
    text = text.replace(migrate, f"{migrate}      approve: true\n      source: {{type: promote, {FROM}}}\n")
    deploy = "      deploy: {strategy: codedeploy, wait: 1}\n"
    text = text.replace(deploy, f"{deploy}      source: {{{FROM}}}\n")
    (local.root / "Pulumi.live.yaml").write_text(text)
    stack = Stack(local.root, "live")
    stack.ok("up", "--in", "local")
    return stack


def approved(stack: Stack, service: str) -> None:
    """Approve a release as soon as it waits, and wait for its end."""
    for _ in range(200):
        if stack.run("approve", service, "--yes", "--no-wait").code == 0:
            wait_for_pipeline(stack, service, len(executions(stack, service)))
            return
        time.sleep(0.1)
    raise AssertionError("nothing waits for an approval")


def test_the_image_that_one_stack_runs_is_released_by_the_other(local: Stack, live: Stack, apps: Apps) -> None:
    local.ship("hello", apps.make("v1"), "--commit", "c" * 40, "--repository", "team/hello")
    digest = local.settled("hello")["image_digest"]
    promoted = live.ok("promote", "hello", "--from", "local", "--yes", "--no-wait")
    assert promoted.out.startswith(
        f"live is to release hello as release-1 of local, {digest[:19]}, commit cccccccccccc"
    )
    approved(live, "hello")
    status = live.settled("hello")
    release = status["release"]
    assert (status["image_digest"], release["image_digest"]) == (digest, digest)
    assert release["source_version"] == f"local@{digest}"
    assert release["by"].endswith(":root")
    assert tags(live, "hello")["live"] == digest
    assert "of stack local" in live.ok("slack", "--verbose").out
    assert local.builds() == 1, "the first stack's release"


def test_it_stays_when_the_other_stack_s_is_deleted(local: Stack, live: Stack) -> None:
    ecr = local.client("ecr")
    ecr.batch_delete_image(
        repositoryName="local-hello", imageIds=ecr.list_images(repositoryName="local-hello")["imageIds"]
    )
    digest = live.status("hello")["image_digest"]
    assert ecr.batch_get_image(repositoryName="live-hello", imageIds=[{"imageDigest": digest}])["images"]
    live.edit("Pulumi.live.yaml", "Hello from the sandbox", "Hello from live")
    live.ok("up", "--in", "local")
    assert live.settled("hello")["image_digest"] == digest


def test_what_was_promoted_already_is_not_promoted_again(live: Stack, local: Stack) -> None:
    again = live.run("promote", "shop", "--from", "live")
    assert (again.code, "--from and --to are both live" in again.err) == (1, True)
    nothing = live.run("promote", "shop", "--from", "local")
    assert (nothing.code, "shop has no live release in stack local" in nothing.err) == (1, True)


def test_a_service_that_builds_takes_over_an_image_too(local: Stack, live: Stack, apps: Apps) -> None:
    local.ship("shop", apps.make("s1"))
    digest = local.settled("shop")["image_digest"]
    live.ship("shop", apps.make("s2"))
    assert live.settled("shop")["image_digest"] != digest
    live.ok("promote", "shop", "--from", "local", "--yes")
    status = live.settled("shop")
    assert (status["image_digest"], status["release"]["source_version"]) == (digest, f"local@{digest}")
    assert live.changes() == {}


def test_a_stack_that_is_not_named_is_refused_in_one_line(local: Stack, live: Stack) -> None:
    before, digest = live.status("shop")["release"], live.status("shop")["image_digest"]
    count = len(executions(live, "shop"))
    live.client("codepipeline").start_pipeline_execution(
        name="live-shop", variables=[{"name": "image", "value": f"staging@{digest}"}]
    )
    wait_for_pipeline(live, "shop", count + 1)
    assert "does not say source.promote_from: {stack: staging} for this service" in str(live.failure("shop"))
    assert live.status("shop")["release"] == before
