"""What `ship` says of a deployment that goes on, and of what serves after one that has failed."""

from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.clients import deployments

PIPELINE = {
    "stages": [
        {
            "actions": [
                {"actionTypeId": {"provider": "ECS"}, "configuration": {"ClusterName": "c", "ServiceName": "web"}}
            ]
        }
    ]
}


class Aws:
    """An AWS with one service."""

    class exceptions:
        ClientError = ClientError

    def __init__(self, *found: dict[str, Any], shift: dict[str, Any] | None = None, desired: int = 2) -> None:
        strategy = {"strategy": "CANARY" if shift else "ROLLING"}
        self._service = {"serviceName": "web", "clusterArn": "c", "desiredCount": desired, "deployments": list(found), "deploymentConfiguration": strategy}  # fmt: skip
        self._shift = shift

    def client(self, _: str) -> Any:
        return self

    def describe_services(self, **_: Any) -> dict[str, Any]:
        return {"services": [self._service]}

    def list_service_deployments(self, **_: Any) -> dict[str, Any]:
        return {"serviceDeployments": [{"serviceDeploymentArn": "d"}] if self._shift else []}

    def describe_service_deployments(self, **_: Any) -> dict[str, Any]:
        return {"serviceDeployments": [self._shift]}

    def list_tasks(self, **_: Any) -> dict[str, Any]:
        return {"taskArns": ["1", "2"]}

    def describe_tasks(self, **_: Any) -> dict[str, Any]:
        image = {"image": "111.dkr.ecr.r.amazonaws.com/web@sha256:a", "imageDigest": "sha256:a"}
        other = {"image": "public/agent:1", "imageDigest": "sha256:b"}
        arns = [each["taskDefinition"] for each in self._service["deployments"]]  # type: ignore[attr-defined]
        return {"tasks": [{"taskDefinitionArn": arn, "containers": [image, other]} for arn in arns[-1:]]}

    def describe_images(self, repositoryName: str, **_: Any) -> dict[str, Any]:
        if repositoryName != "web":
            raise ClientError({"Error": {"Code": "RepositoryNotFoundException"}}, "DescribeImages")
        return {"imageDetails": [{"imageTags": ["live", "release-1", "content-" + "a" * 40]}]}


def deployment(revision: int, status: str, running: int, state: str = "COMPLETED", failed: int = 0) -> dict[str, Any]:
    shown = {"status": status, "runningCount": running, "desiredCount": 2, "failedTasks": failed, "rolloutState": state}
    return {"taskDefinition": f"arn:task-definition/web:{revision}", **shown}


SHIFT = {
    "status": "IN_PROGRESS",
    "lifecycleStage": "BAKE_TIME",
    "targetServiceRevision": {"requestedProductionTrafficWeight": 10.0},
}


@pytest.mark.parametrize(
    ("aws", "words"),
    [
        (Aws(deployment(1, "PRIMARY", 2)), ""),
        (Aws(deployment(2, "PRIMARY", 0, "IN_PROGRESS")), "web:2: 0 of 2 tasks run"),
        (Aws(deployment(1, "ACTIVE", 2), deployment(2, "PRIMARY", 1, "IN_PROGRESS", 3)), "web:2: 1 of 2 tasks run, 3 failed; 2 of before"),
        (Aws(deployment(2, "PRIMARY", 2), deployment(1, "ACTIVE", 2), shift=SHIFT), "web:2: 2 of 2 tasks run; 2 of before; BAKE_TIME, with 10 % of the traffic"),
        (Aws(), ""),
    ],
)  # fmt: skip
def test_how_far_a_deployment_is(aws: Any, words: str) -> None:
    assert deployments.progress(aws, PIPELINE, "web") == words


@pytest.mark.parametrize(
    ("aws", "words"),
    [
        (Aws(deployment(1, "PRIMARY", 2)), "web:1 still serves, live, release-1"),
        (Aws(deployment(2, "PRIMARY", 1, "IN_PROGRESS"), deployment(1, "ACTIVE", 2)), "web:1 still serves, live, release-1"),
        (Aws(deployment(2, "PRIMARY", 2), deployment(1, "ACTIVE", 2)), "web:1 and web:2 still serve, live, release-1"),
        (Aws(deployment(1, "PRIMARY", 0)), "no task of web runs"),
        (Aws(), "no task of web runs"),
    ],
)  # fmt: skip
def test_what_serves(aws: Any, words: str) -> None:
    assert deployments.serving(aws, PIPELINE, "web") == words
