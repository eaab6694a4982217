"""The cluster of a stack's services: they stay in it, and one that was given to the stack has what they need."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pulumi
import pytest
from aws_fakes import denied
from mocked import ACCOUNT, REGION, Recorder, deploy, of_stack, stack_config

from components.platform.cluster import Cluster
from components.scope import Scope
from components.service.existing_cluster import check_cluster
from components.service.update_hooks import Snapshot
from tests.unit.components.service.test_update_hooks import QUIET

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
SERVICE = "aws:ecs/service:Service"
SHARED = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT, adopted_cluster="shared")
OWN = replace(SHARED, adopted_cluster=None)
BOTH = ["FARGATE", "FARGATE_SPOT"]


class _Ecs:
    """A session of an account with these clusters; None refuses to tell."""

    def __init__(self, clusters: list[dict[str, Any]] | None) -> None:
        self.clusters = clusters

    def client(self, name: str) -> "_Ecs":
        assert name == "ecs"
        return self

    def describe_clusters(self, **given: list[str]) -> dict[str, Any]:
        assert given == {"clusters": ["shared"]}
        if self.clusters is None:
            raise denied(
                "DescribeClusters", "User: u is not authorized to perform: ecs:DescribeClusters on resource: *"
            )
        return {"clusters": self.clusters}


def snapshot(clusters: list[dict[str, Any]] | None, **cluster_of: str) -> Snapshot:
    session: Any = _Ecs(clusters)
    return Snapshot(session, {name: replace(QUIET, cluster=cluster) for name, cluster in cluster_of.items()})


@pytest.mark.parametrize(
    ("clusters", "spot", "refusal"),
    [
        ([{"status": "ACTIVE", "capacityProviders": BOTH}], True, None),
        ([{"status": "ACTIVE", "capacityProviders": ["FARGATE"]}], False, None),
        (
            [{"status": "ACTIVE", "capacityProviders": ["FARGATE"]}],
            True,
            "cluster.name: shared lacks the capacity provider FARGATE_SPOT; who has made it adds it (ECS, "
            "PutClusterCapacityProviders), beside those that it has",
        ),
        ([{"status": "ACTIVE"}], True, "lacks the capacity provider FARGATE and FARGATE_SPOT"),
        ([], False, f"cluster.name: there is no cluster shared in {REGION} of account {ACCOUNT}"),
        ([{"status": "INACTIVE", "capacityProviders": BOTH}], False, "there is no cluster shared"),
        (None, False, "the program looks at its cluster: these credentials may not ecs:DescribeClusters"),
    ],
)
def test_what_one_that_exists_needs(clusters: list[dict[str, Any]] | None, spot: bool, refusal: str | None) -> None:
    if refusal is None:
        check_cluster(snapshot(clusters, chuoi="shared"), SHARED, spot=spot)
        return
    with pytest.raises(pulumi.RunError) as refused:
        check_cluster(snapshot(clusters, chuoi="shared"), SHARED, spot=spot)
    assert refusal in str(refused.value)


@pytest.mark.parametrize(
    ("scope", "now", "back"),
    [
        (SHARED, "dev", "take cluster.name away"),
        (SHARED, "another", "name another again"),
        (OWN, "shared", "name shared again"),
    ],
)
def test_no_service_moves(scope: Scope, now: str, back: str) -> None:
    with pytest.raises(pulumi.RunError) as refused:
        check_cluster(snapshot([], chuoi=now), scope, spot=False)
    assert str(refused.value) == (
        f"cluster.name: chuoi is in the cluster {now}, and no service moves to another; declare another stack there, "
        f"and take this one down when it serves, or {back}"
    )


def test_one_of_the_stack_s_own_is_not_looked_at() -> None:
    check_cluster(snapshot(None, chuoi="dev"), OWN, spot=True)
    check_cluster(snapshot(None), OWN, spot=True)


def test_a_stack_makes_none_beside_one_that_exists() -> None:
    config = stack_config("dev", cluster={"name": "shared", "log_retention_days": 30})
    services = {name: {**each, "exec": False} for name, each in json.loads(config["fargate-delivery:services"]).items()}
    recorder = of_stack("dev", services=services, cluster={"name": "shared", "log_retention_days": 30})
    kinds = recorder.types()
    assert not [kind for kind in kinds if kind.startswith("aws:ecs/cluster")]
    assert recorder.inputs("aws:ssm/parameter:Parameter", "cluster-name") == {
        "name": "/fargate-delivery/dev/cluster",
        "type": "String",
        "insecureValue": "shared",
        "description": "The ECS cluster that the stack's services are in",
    }
    assert {recorder.inputs(SERVICE, name)["cluster"] for name in recorder.named(SERVICE)} == {"shared"}
    targets = "aws:appautoscaling/target:Target"
    assert recorder.inputs(targets, "chuoi-scaling")["resourceId"] == "service/shared/dev-chuoi"
    texts = {
        text
        for name in recorder.named("aws:iam/rolePolicy:RolePolicy")
        for text in re.findall(r"arn:aws:ecs:[^\"]+", recorder.inputs("aws:iam/rolePolicy:RolePolicy", name)["policy"])
    }
    assert {text.split(":")[5].split("/")[1] for text in texts if ":cluster/" in text or ":task/" in text} == {"shared"}
    rules = "aws:cloudwatch/eventRule:EventRule"
    impaired = json.loads(recorder.inputs(rules, "slack-impaired")["eventPattern"])
    assert impaired["resources"] == [{"prefix": f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/shared/dev-"}]
    memory = json.loads(recorder.inputs(rules, "slack-out_of_memory")["eventPattern"])["detail"]
    assert (memory["clusterArn"], memory["group"]) == (
        [f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/shared"],
        [{"prefix": "service:dev-"}],
    )


def test_sessions_are_for_a_cluster_of_the_stack_s_own(deploy: Deploy) -> None:
    def program() -> None:
        cluster = Cluster("cluster", {"scope": SHARED, "log_retention_days": 14})
        with pytest.raises(ValueError, match="ECS Exec needs a cluster of the stack's own"):
            cluster.session_statements()

    deploy(program)
