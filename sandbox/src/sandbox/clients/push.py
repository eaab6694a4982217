"""Builds an image and pushes it with the deployed uploader's permissions, and finds the execution that it starts."""

from __future__ import annotations

import base64
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.clients.pipelines import ecs_services, executions, source_of, started, wait_for_turn
from sandbox.clients.session import Session
from sandbox.clients.uploader import find_uploader
from sandbox.containers.docker import Docker, DockerError
from sandbox.containers.flags import UsageError
from sandbox.containers.image import ImageError
from sandbox.containers.store import ImageStore
from sandbox.machines import DEFAULT, TASKS
from sandbox.progress import Progress, Say
from sandbox.stacks import SandboxError

Json = dict[str, Any]
START_SECONDS = 15.0
"""Until the event of a push has started its pipeline."""


@dataclass(frozen=True)
class Pushed:
    """A push that should start a pipeline.

    Attributes:
        name: the image's, with its tag.
        digest: the image's.
        user: who pushed.
        earlier: executions that were there before.
        moved: whether the tag points to another image now; ECR tells of no other push.
    """

    name: str
    digest: str
    user: str
    earlier: frozenset[str]
    moved: bool


def platform_of_tasks(session: Session, pipeline: Json, service: str) -> str:
    """What the tasks of a service run on, such as `linux/arm64`."""
    ecs, machine = session.client("ecs"), DEFAULT
    for cluster, name in ecs_services(session, pipeline, service):
        for described in ecs.describe_services(cluster=cluster, services=[name])["services"]:
            if definition := described.get("taskDefinition"):
                task = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
                machine = TASKS[task.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")]
    return f"linux/{machine}"


def build_and_push(session: Session, pipeline: Json, folder: Path, platform: str, say: Say) -> Pushed:
    """Build a folder's Dockerfile, and push the image where the pipeline looks for it, with the uploader's own key.

    Args:
        session: the account.
        pipeline: takes its source from ECR.
        folder: has a Dockerfile.
        platform: what it is built for, such as `linux/arm64`.
        say: is told what docker says.

    Raises:
        SandboxError: there is no image, or it was refused.
    """
    configuration = source_of(pipeline, "ECR")["configuration"]
    repository, tag = configuration["RepositoryName"], configuration.get("ImageTag", "latest")
    ecr = session.client("ecr")
    (described,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    arn, name = described["repositoryArn"], f"{described['repositoryUri']}:{tag}"
    user = find_uploader(session.client("iam"), "ecr:PutImage", arn, f"{arn}-not")
    credentials = session.credentials(user)
    earlier = frozenset(execution["pipelineExecutionId"] for execution in executions(session, pipeline))
    before = _digest(ecr, repository, tag)
    token = session.client_of("ecr", credentials).get_authorization_token()["authorizationData"][0]
    _, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    with tempfile.TemporaryDirectory() as state:
        docker = Docker(ImageStore(Path(state)), {}, say, say, lambda _: session.client_of("ecr", credentials))
        host = name.partition("/")[0]
        try:
            docker.run(["login", "--username", "AWS", "--password-stdin", host], lambda: password)
            docker.run(["build", "--platform", platform, "--tag", name, str(folder)], str)
            docker.run(["push", name], str)
        except (DockerError, ImageError, UsageError) as error:
            raise SandboxError(str(error)) from error
    digest = _digest(ecr, repository, tag)
    return Pushed(name, str(digest), user, earlier, digest != before)


def wait_for_execution(session: Session, pipeline: Json, pushed: Pushed, say: Say) -> str:
    """The execution of the pushed image.

    Raises:
        SandboxError: none starts, or it does not get its turn.
    """
    deadline, progress = time.monotonic() + START_SECONDS, Progress(say)
    patience = time.monotonic() + 2.0
    while True:
        found = started(session, pipeline, pushed.digest, pushed.earlier)
        if found.execution is not None:
            return found.execution
        if found.waits and time.monotonic() > patience:
            wait_for_turn(progress, "push")
        if not found.waits and time.monotonic() > deadline:
            raise SandboxError(f"nothing started after the push of {pushed.name}: no rule starts {pipeline['name']}")
        time.sleep(0.3)


def _digest(ecr: Any, repository: str, tag: str) -> str | None:
    try:
        details = ecr.describe_images(repositoryName=repository, imageIds=[{"imageTag": tag}])["imageDetails"]
    except ecr.exceptions.ImageNotFoundException:
        return None
    return str(details[0]["imageDigest"])
