"""Where AWS's documents leave two readings: deliveries under the awkward one of each (`SANDBOX_AWS=awkward`)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.scenarios.conftest import Apps, Done, Stack, new_stack
from tests.soak.beside import Running
from tests.support.deliveries import executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, in an AWS that is awkward, and refuses the first build of every project."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(BODY)
        done = stack.run("up", SANDBOX_AWS="awkward,refused_builds")
        assert done.code == 0, done.out + done.err
        yield stack


BODY = {
    "hello": "hello:\n      task: {template: web.json, cpu: 256, memory: ",
    "shop": "shop:\n      task: {template: web.json, cpu: 256, memory: ",
}
"""A service that ECS deploys, and one that CodeDeploy does: the start of each in the stack file, up to its memory."""


REFUSED = "Cannot have more than 0 builds in queue for the account"


def ship(stack: Stack, source: Path) -> dict[str, Done]:
    """The same source for each of the services, at once."""
    ships = {service: Running(partial(stack.ship, service, source)) for service in BODY}
    return {service: running.result() for service, running in ships.items()}


def deploy_an_index(stack: Stack, service: str, platform: str) -> str:
    """What another tool does that pushes an index: of an image that is there, and for the execution's `image`."""
    digest, ran = stack.push_index(service, platform, "of-another-tool"), len(executions(stack, service))
    stack.client("codepipeline").start_pipeline_execution(
        name=f"local-{service}", variables=[{"name": "image", "value": digest}]
    )
    assert wait_for_pipeline(stack, service, ran + 1)[0]["status"] == "Succeeded"
    return digest


MOST_TRIES = 8
PATIENCE_IS_OVER = "CodeBuild has accepted no build for 0 minutes"
SAME_UPLOAD_AGAIN = "is InProgress; only a failed one can be retried"
"""S3's second event of the upload has begun an execution of its own."""


def go_on(stack: Stack, service: str) -> None:
    """Go on with a release whose builds are refused, until it is through; nothing is released before."""
    for _ in range(MOST_TRIES):
        if wait_for_pipeline(stack, service, 1)[0]["status"] == "Succeeded":
            return
        assert [tag for tag in tags(stack, service) if tag == "live" or tag.startswith("release-")] == []
        done = stack.run("retry", service, "--minutes", "0", "--yes")
        if done.code == 0:
            return
        assert PATIENCE_IS_OVER in done.err or SAME_UPLOAD_AGAIN in done.err, done.out + done.err
    raise AssertionError(f"{service} is not through after {MOST_TRIES} tries")


def test_a_release_goes_on_when_its_builds_were_refused(local: Stack, apps: Apps) -> None:
    for done in ship(local, apps.make("v1")).values():
        assert (done.code, REFUSED in done.err) == (1, True), done.out + done.err
    through = {service: Running(partial(go_on, local, service)) for service in BODY}
    for service, running in through.items():
        running.result()
        assert executions(local, service)[0]["status"] == "Succeeded"
        (release,) = local.ok("history", service, "--json").json
        runs = local.settled(service)
        assert runs["image_digest"] == runs["live"] == release["image_digest"]
        assert runs["disagreement"] is None
    assert local.changes() == {}


def test_services_are_released_edited_and_rolled_back(local: Stack, apps: Apps) -> None:
    for done in ship(local, apps.make("v2")).values():
        assert done.code == 0, done.out + done.err
    past = {service: local.ok("history", service, "--json").json for service in BODY}
    first, second = ({service: each[at]["image_digest"] for service, each in past.items()} for at in (1, 0))
    assert all(first[service] != second[service] for service in BODY)
    for done in ship(local, apps.make("sick", status=500)).values():
        assert done.code == 1, done.out + done.err
    for service in BODY:
        left = local.settled(service)
        assert (left["image_digest"], left["live"], left["disagreement"]) == (second[service], second[service], None)
    assert local.changes() == {}
    ran = len(executions(local, "shop"))
    for line in BODY.values():
        local.edit("Pulumi.local.yaml", f"{line}512", f"{line}1024")
    local.ok("up")
    wait_for_pipeline(local, "shop", ran + 1)
    for service in BODY:
        edited = local.settled(service)
        assert (edited["memory"], edited["image_digest"]) == (1024, second[service])
        assert edited["disagreement"] is None
    assert local.changes() == {}
    for back in [Running(partial(local.run, "rollback", service, "--yes")) for service in BODY]:
        done = back.result()
        assert done.code == 0, done.out + done.err
    for service in BODY:
        after = local.settled(service)
        assert (after["memory"], after["image_digest"], after["live"]) == (1024, first[service], first[service])
        assert after["disagreement"] is None
    index = deploy_an_index(local, "hello", second["hello"])
    (task,) = local.client("ecs").list_tasks(cluster="local", serviceName="local-hello")["taskArns"]
    (described,) = local.client("ecs").describe_tasks(cluster="local", tasks=[task])["tasks"]
    assert second["hello"] in {container["imageDigest"] for container in described["containers"]}
    left = local.settled("hello")
    assert (left["image_digest"], left["live"], left["release"]["image_digest"]) == (index, index, index)
    assert left["disagreement"] is None
    local.ok("up")
