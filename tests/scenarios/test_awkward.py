"""Where AWS's documents leave two readings: deliveries under the awkward one of each (`SANDBOX_AWS=awkward`)."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.scenarios.conftest import Apps, Done, Stack, new_stack
from tests.scenarios.test_delivery import executions, wait_for_pipeline
from tests.soak.beside import Running


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, in an AWS that is awkward."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        done = stack.run("up", SANDBOX_AWS="awkward")
        assert done.code == 0, done.out + done.err
        yield stack


BODY = {
    "hello": "hello:\n      task: {template: web.json, cpu: 256, memory: ",
    "shop": "shop:\n      task: {template: web.json, cpu: 256, memory: ",
}
"""A service that ECS deploys, and one that CodeDeploy does: the start of each in the stack file, up to its memory."""


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


def test_services_are_released_edited_and_rolled_back(local: Stack, apps: Apps) -> None:
    for version in ("v1", "v2"):
        for done in ship(local, apps.make(version)).values():
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
    for back in [Running(partial(local.run, "rollback", service, "--yes", "--wait")) for service in BODY]:
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
