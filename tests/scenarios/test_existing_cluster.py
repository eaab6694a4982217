"""A stack whose services are in an ECS cluster that exists, beside those of others."""

from collections.abc import Iterator

import pytest

from sandbox.stacks import StackFolder
from tests.scenarios.conftest import SPEED, Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

FILE = "Pulumi.local.yaml"
OWN, SHARED = "cluster: {log_retention_days: 1}", "cluster: {name: shared, log_retention_days: 1}"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, whose file names a cluster that there is not yet."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        patch.setenv("SANDBOX_SPEED", SPEED)
        stack.keep_services(["hello"])
        stack.edit(FILE, OWN, SHARED)
        StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
        yield stack


def test_what_it_lacks_is_told_before_anything_is_made(local: Stack) -> None:
    assert "cluster.name: there is no cluster shared in " in local.run("up").err
    ecs = local.client("ecs")
    ecs.create_cluster(clusterName="shared")
    assert "shared lacks the capacity provider FARGATE;" in local.run("up").err
    assert local.client("iam").list_roles()["Roles"] == []
    ecs.put_cluster_capacity_providers(
        cluster="shared", capacityProviders=["FARGATE"], defaultCapacityProviderStrategy=[]
    )


def test_a_service_is_released_and_looked_after_there(local: Stack, apps: Apps) -> None:
    local.up()
    assert local.client("ecs").list_clusters()["clusterArns"] == [
        f"arn:aws:ecs:{local.account.server.region}:123456789012:cluster/shared"
    ]
    assert local.ship("hello", apps.make("c1")).code == 0
    assert local.ship("hello", apps.make("c2")).code == 0
    assert local.settled("hello")["running"] == 1
    assert local.changes() == {}
    local.ok("rollback", "hello", "--yes")
    local.ok("redeploy", "hello", "--yes")
    local.ok("repair", "hello")
    local.ok("prune", "--yes")
    local.edit(FILE, "memory: 512", "memory: 1024")
    local.ok("up")
    assert local.changes() == {}


def test_it_does_not_move(local: Stack) -> None:
    local.edit(FILE, SHARED, OWN)
    refused = local.run("up").err
    assert "cluster.name: hello is in the cluster shared, and no service moves to another; " in refused
    assert local.settled("hello")["running"] == 1
    local.edit(FILE, OWN, SHARED)
    local.ok("down")
    assert local.client("ecs").describe_clusters(clusters=["shared"])["clusters"][0]["status"] == "ACTIVE"
