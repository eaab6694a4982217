"""What a test asks of a service's pipeline, its images and its scaling, and how it waits for a delivery."""

import time
from pathlib import Path
from typing import Any

from tests.scenarios.conftest import Done, Stack
from tests.soak.beside import Running

KEPT = ("cpu", "memory", "environment", "secrets")
"""What a release does not change of a service's status."""


def executions(stack: Stack, service: str) -> list[dict[str, Any]]:
    """Newest first."""
    pages = stack.client("codepipeline").list_pipeline_executions(pipelineName=f"{stack.name}-{service}")
    found: list[dict[str, Any]] = pages["pipelineExecutionSummaries"]
    return found


def wait_for_pipeline(stack: Stack, service: str, count: int) -> list[dict[str, Any]]:
    """The executions, once there are this many and none runs."""
    for _ in range(600):
        found = executions(stack, service)
        if len(found) >= count and not any(e["status"] in ("InProgress", "Queued") for e in found):
            return found
        time.sleep(0.2)
    raise AssertionError(f"still {executions(stack, service)}")


def upload(stack: Stack, service: str, source: bytes, **metadata: str) -> dict[str, Any]:
    """Put any bytes where the service's sources are uploaded, as its uploader; their execution, once it is over."""
    count, account = len(executions(stack, service)), stack.account
    bucket, _, key = stack.outputs()[service]["upload_to"].removeprefix("s3://").partition("/")
    uploader = account.client_of("s3", account.credentials(f"{stack.name}-{service}-uploader"))
    uploader.put_object(Bucket=bucket, Key=key, Body=source, Metadata=metadata)
    return wait_for_pipeline(stack, service, count + 1)[0]


def tags(stack: Stack, service: str) -> dict[str, str]:
    """Tag → digest in the service's repository."""
    images = stack.client("ecr").list_images(repositoryName=f"{stack.name}-{service}")["imageIds"]
    return {image["imageTag"]: image["imageDigest"] for image in images if "imageTag" in image}


def scaling(stack: Stack, service: str) -> set[bool]:
    """Whether each kind of scaling is suspended."""
    return scaling_of(stack, f"{stack.name}-{service}")


def scaling_of(stack: Stack, name: str) -> set[bool]:
    """The same of an ECS service."""
    found = stack.client("application-autoscaling").describe_scalable_targets(
        ServiceNamespace="ecs", ResourceIds=[f"service/{stack.name}/{name}"]
    )
    return set(found["ScalableTargets"][0]["SuspendedState"].values())


def deploy_stage(stack: Stack, service: str) -> str:
    """Its status."""
    state = stack.client("codepipeline").get_pipeline_state(name=f"{stack.name}-{service}")
    found: str = state["stageStates"][-1].get("latestExecution", {}).get("status", "")
    return found


def ship_with_its_event_twice(stack: Stack, service: str, source: Path) -> Done:
    """Ship a source, and deliver the event of its upload again while it is deployed."""
    shipped = Running(lambda: stack.ship(service, source))
    while deploy_stage(stack, service) != "InProgress":
        assert not shipped.over(), shipped.result()
        time.sleep(0.05)
    key = f"sources/{service}/source.zip"
    uploads = [e for e in stack.control("events") if e.get("detail", {}).get("object", {}).get("key") == key]
    stack.control("replay-event", {"id": uploads[-1]["id"]})
    return shipped.result()
