"""In which cluster a stack's services are, and which of a cluster's services are a stack's."""

from typing import Any

from releases.ecs import cluster_of, list_services


class Aws:
    """A session of an account whose parameters these are, and whose cluster has these services."""

    def __init__(self, parameters: dict[str, str], *services: str) -> None:
        self.parameters, self.services, self.asked = parameters, services, []  # type: ignore[var-annotated]

    class exceptions:
        class ClusterNotFoundException(Exception):
            pass

    def client(self, _: str) -> "Aws":
        return self

    def get_parameters(self, Names: list[str]) -> dict[str, Any]:
        self.asked.append(Names)
        return {"Parameters": [{"Name": n, "Value": self.parameters[n]} for n in Names if n in self.parameters]}

    def get_paginator(self, _: str) -> "Aws":
        return self

    def paginate(self, cluster: str, **_: int) -> list[dict[str, Any]]:
        return [{"serviceArns": [f"arn:aws:ecs:r:1:service/{cluster}/{name}" for name in self.services]}]


def test_a_stack_s_own_cluster_has_its_name() -> None:
    aws: Any = Aws({})
    assert [cluster_of(aws, "dev"), cluster_of(aws, "dev"), cluster_of(aws, "prd")] == ["dev", "dev", "prd"]
    assert aws.asked == [["/fargate-delivery/dev/cluster"], ["/fargate-delivery/prd/cluster"]], "once for each"


def test_in_a_cluster_that_exists_are_others_services_too() -> None:
    aws: Any = Aws({"/fargate-delivery/dev/cluster": "shared"}, "dev-web", "billing", "devil-web", "dev-api-codedeploy")
    assert cluster_of(aws, "dev") == "shared"
    assert list_services(aws, "dev") == ["api", "web"]
