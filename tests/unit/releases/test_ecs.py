"""In which cluster a stack's services are, and which of a cluster's services are a stack's."""

from typing import Any, cast

import pytest
from botocore.exceptions import ClientError

from releases.ecs import cluster_of, list_services
from releases.names import aws_name


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

    def paginate(self, cluster: str = "", **which: Any) -> list[dict[str, Any]]:
        if "ParameterFilters" in which:
            self.asked.append(which["ParameterFilters"])
            return [{"Parameters": [{"Name": name} for name in self.parameters]}]
        return [{"serviceArns": [f"arn:aws:ecs:r:1:service/{cluster}/{name}" for name in self.services]}]


class Refused(Aws):
    """Of which nobody may list the parameters."""

    def __init__(self, code: str, *services: str) -> None:
        super().__init__({}, *services)
        self.code = code

    def paginate(self, cluster: str = "", **which: Any) -> list[dict[str, Any]]:
        if "ParameterFilters" in which:
            raise ClientError({"Error": {"Code": self.code, "Message": "no"}}, "DescribeParameters")
        return super().paginate(cluster, **which)


def test_a_stack_s_own_cluster_has_its_name() -> None:
    aws: Any = Aws({})
    assert [cluster_of(aws, "dev"), cluster_of(aws, "dev"), cluster_of(aws, "prd")] == ["dev", "dev", "prd"]
    assert aws.asked == [["/fargate-delivery/dev/cluster"], ["/fargate-delivery/prd/cluster"]], "once for each"


def test_in_a_cluster_that_exists_are_others_services_too() -> None:
    aws: Any = Aws({"/fargate-delivery/dev/cluster": "shared"}, "dev-web", "billing", "devil-web", "dev-api-codedeploy")
    assert cluster_of(aws, "dev") == "shared"
    assert list_services(aws, "dev") == ["api", "web"]


def test_a_long_name_is_found_in_full_among_the_parameters() -> None:
    long = "customer-notifications"
    names = (aws_name("dev", long), f"{aws_name('dev', long)}-codedeploy", "dev-web")
    aws: Any = Aws({f"/fargate-delivery/dev/{each}/release": "{}" for each in ("web", long)}, *names)
    assert list_services(aws, "dev") == [long, "web"]
    (asked,) = [each for each in aws.asked if isinstance(each[0], dict)]
    assert asked == [{"Key": "Name", "Option": "BeginsWith", "Values": ["/fargate-delivery/dev/"]}]
    unrecorded: Any = Aws({f"/fargate-delivery/dev/{long}/runtime/KEY-0a1b2c3": ""}, *names)
    assert list_services(unrecorded, "dev") == [long, "web"], "whose values are not taken for those of one that is gone"
    with pytest.raises(ClientError):
        list_services(cast("Any", Refused("ThrottlingException", *names)), "dev")
    short = aws_name("dev", long).removeprefix("dev-")
    assert list_services(cast("Any", Refused("AccessDeniedException", *names)), "dev") == [short, "web"]
    gone: Any = Aws({"/fargate-delivery/dev/cluster": "shared"}, *names)
    assert list_services(gone, "dev") == [aws_name("dev", long).removeprefix("dev-"), "web"]
