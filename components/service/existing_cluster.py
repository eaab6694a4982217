"""The ECS cluster that a stack's services are in: whether it is the one that is declared, and one that exists does."""

import boto3
import pulumi

from components.looks import looking_at
from components.platform.cluster import PROVIDERS
from components.scope import Scope
from components.service.update_hooks import Snapshot


def check_cluster(snapshot: Snapshot, scope: Scope, *, spot: bool) -> None:
    """See that services that are up stay in their cluster, and that one that was given to the stack has what they need.

    Args:
        snapshot: the services as they are.
        scope: of the stack, with its cluster.
        spot: whether any of their tasks are to run on Spot.

    Raises:
        pulumi.RunError: it is not so; the message says what to do. Or AWS refuses to tell.
    """
    clusters = sorted((name, state.cluster) for name, state in snapshot.states.items())
    if moved := [(name, cluster) for name, cluster in clusters if cluster != scope.cluster]:
        name, cluster = moved[0]
        back = "take cluster.name away" if cluster == scope.stack else f"name {cluster} again"
        raise pulumi.RunError(
            f"cluster.name: {name} is in the cluster {cluster}, and no service moves to another; declare another stack "
            f"there, and take this one down when it serves, or {back}"
        )
    if scope.adopted_cluster is None:
        return
    with looking_at("its cluster"):
        providers = read_providers(snapshot.session, scope.cluster)
    if providers is None:
        raise pulumi.RunError(
            f"cluster.name: there is no cluster {scope.cluster} in {scope.region} of account {scope.account}"
        )
    needed = PROVIDERS if spot else PROVIDERS[:1]
    if missing := [provider for provider in needed if provider not in providers]:
        raise pulumi.RunError(
            f"cluster.name: {scope.cluster} lacks the capacity provider {' and '.join(missing)}; who has made it adds "
            "it (ECS, PutClusterCapacityProviders), beside those that it has"
        )


def read_providers(session: boto3.Session, cluster: str) -> list[str] | None:
    """The capacity providers of a cluster; None where there is no such cluster.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    found = session.client("ecs").describe_clusters(clusters=[cluster])["clusters"]
    return next((list(each.get("capacityProviders", [])) for each in found if each["status"] == "ACTIVE"), None)
