"""Builds an image and pushes it with the deployed uploader's permissions, and finds the execution that it starts.

Or it pushes one for an upload to find, which starts nothing.
"""

from __future__ import annotations

import base64
import contextlib
import json
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox.clients.pipelines import ecs_services, executions, rules_of, started, wait_for_turn
from sandbox.clients.session import Session
from sandbox.clients.uploader import find_uploader
from sandbox.containers.docker import Docker, DockerError
from sandbox.containers.flags import UsageError
from sandbox.containers.image import ImageError
from sandbox.containers.store import ImageStore
from sandbox.machines import DEFAULT, TASKS
from sandbox.program_hooks import upload_image
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
        starts: whether a push of this tag starts the pipeline; False where the image is for an upload to find.
    """

    name: str
    digest: str
    user: str
    earlier: frozenset[str]
    moved: bool
    starts: bool


@dataclass(frozen=True)
class Image:
    """What is to be pushed.

    Attributes:
        repository: where to.
        tag: under which tag.
        arguments: of `docker build`, with the context, in the folder of the source.
        environment: of that.
        starts: whether the push starts the pipeline.
    """

    repository: str
    tag: str
    arguments: Sequence[str]
    environment: Mapping[str, str]
    starts: bool


def platform_of_tasks(session: Session, pipeline: Json, service: str) -> str:
    """What the tasks of a service run on, such as `linux/arm64`."""
    ecs, machine = session.client("ecs"), DEFAULT
    for cluster, name in ecs_services(session, pipeline, service):
        for described in ecs.describe_services(cluster=cluster, services=[name])["services"]:
            if definition := described.get("taskDefinition"):
                task = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
                machine = TASKS[task.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")]
    return f"linux/{machine}"


def find_image(session: Session, pipeline: Json, service: str, folder: Path, platform: str | None) -> Image:
    """What a pipeline wants to have pushed of a folder: where an event rule starts it by a push, or an upload looks.

    Args:
        session: the account.
        pipeline: the service's.
        service: its name.
        folder: has a Dockerfile.
        platform: what it is built for, such as `linux/arm64`, instead of the service's tasks.

    Raises:
        SandboxError: nothing is pushed for it.
    """
    for rule in rules_of(session, pipeline["name"]):
        pattern = json.loads(rule.get("EventPattern", "{}"))
        if pattern.get("source") == ["aws.ecr"]:
            (repository,), (tag,) = (pattern["detail"][key] for key in ("repository-name", "image-tag"))
            machine = platform or platform_of_tasks(session, pipeline, service)
            return Image(repository, tag, ["--platform", machine, "."], {}, starts=True)
    try:
        found = upload_image(session.client, pipeline["name"], folder)
    except (OSError, ValueError) as error:
        raise SandboxError(f"{folder} cannot be built: {error}") from error
    if found is None:
        raise SandboxError(f"no push starts the pipeline {pipeline['name']}; sandbox ship uploads a source")
    if platform:
        raise SandboxError("--platform: an image that an upload is to find is built for the service's tasks")
    return Image(**found, starts=False)


def build_and_push(session: Session, pipeline: Json, folder: Path, image: Image, say: Say) -> Pushed:
    """Build a folder's Dockerfile, and push the image where it is looked for, with the uploader's own key.

    Args:
        session: the account.
        pipeline: the service's.
        folder: has a Dockerfile.
        image: what is pushed.
        say: is told what docker says.

    Raises:
        SandboxError: there is no image, or it was refused.
    """
    repository, tag = image.repository, image.tag
    ecr = session.client("ecr")
    (described,) = ecr.describe_repositories(repositoryNames=[repository])["repositories"]
    arn, name = described["repositoryArn"], f"{described['repositoryUri']}:{tag}"
    user = find_uploader(session.client("iam"), "ecr:PutImage", arn, f"{arn}-not")
    credentials = session.credentials(user)
    earlier = frozenset(execution["pipelineExecutionId"] for execution in executions(session, pipeline))
    before = _digest(ecr, repository, tag)
    token = session.client_of("ecr", credentials).get_authorization_token()["authorizationData"][0]
    _, _, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    with tempfile.TemporaryDirectory() as state, contextlib.chdir(folder):
        environment = dict(image.environment)
        docker = Docker(ImageStore(Path(state)), environment, say, say, lambda _: session.client_of("ecr", credentials))
        host = name.partition("/")[0]
        try:
            docker.run(["login", "--username", "AWS", "--password-stdin", host], lambda: password)
            docker.run(["build", "--tag", name, *image.arguments], str)
            docker.run(["push", name], str)
        except (DockerError, ImageError, UsageError) as error:
            raise SandboxError(str(error)) from error
    digest = _digest(ecr, repository, tag)
    return Pushed(name, str(digest), user, earlier, digest != before, image.starts)


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
