"""Images: each that a task would run is there, in ECR whole and for its platform; what runs is what was released."""

from collections.abc import Iterator, Mapping
from typing import Any

from delivery.services.sidecars import ECR
from delivery.verification import registries
from delivery.verification.registries import NotAskedError
from delivery.verification.subject import Note, Problem, Subject
from pipeline_steps.build.base_images import qualified
from pipeline_steps.package.images import Images
from releases.consistency import disagreement, observe, repair_command
from releases.errors import PROGRAM
from releases.failed_edit import failed_edit
from releases.names import LIVE
from releases.repository import Repository, is_of
from releases.service_state import revision_name

ARCHITECTURES = {"X86_64": "amd64", "ARM64": "arm64"}
"""ECS's name of a task's architecture → that of images (OCI image index, platform)."""


def images(subject: Subject) -> Iterator[Problem]:
    """Images that no task could be started with. Of those of other registries it is asked whether they are there."""
    released = Repository(subject.session, subject.name).digest(LIVE) is not None
    looked: set[tuple[str, str]] = set()
    for definition in subject.definitions:
        platform = platform_of(definition)
        for container in definition["containerDefinitions"]:
            image = str(container["image"])
            unreleased = image.endswith(f":{LIVE}") and is_of(subject.name, image) and not released
            if unreleased and subject.state.release is None:
                continue  # before the first release
            if (image, platform) not in looked:
                looked.add((image, platform))
                yield from _problems(subject, image, platform)


def platform_of(definition: Mapping[str, Any]) -> str:
    """What its tasks run, such as `linux/arm64`; without a word X86_64 (ECS, RuntimePlatform)."""
    architecture = definition.get("runtimePlatform", {}).get("cpuArchitecture", "X86_64")
    return f"linux/{ARCHITECTURES[architecture]}"


def image_id(version: str) -> dict[str, str]:
    """What ECR knows an image by, of `@DIGEST`, `:TAG`, both or nothing, which follows its repository."""
    tag, _, digest = version.partition("@")
    return {"imageDigest": digest} if digest else {"imageTag": tag[1:] or "latest"}


def _problems(subject: Subject, image: str, platform: str) -> Iterator[Problem]:
    place = ECR.match(image)
    if place is None:
        yield from _elsewhere(image)
        return
    ecr = subject.session.client("ecr", region_name=place["region"])
    repository, own = Images(ecr, place["name"], place["account"]), is_of(subject.name, image)
    name = image_id(image[place.end() :])
    again = (
        f"release again: upload, or `{PROGRAM} rollback {subject.service} --stack {subject.stack}` to one that is there"
        if own
        else "push it again, or name another one in the task's template"
    )
    try:
        found = ecr.batch_get_image(
            registryId=place["account"], repositoryName=place["name"], imageIds=[name]
        )["images"]  # fmt: skip
    except ecr.exceptions.RepositoryNotFoundException:
        found = []
    if not found:
        yield Problem(f"the image {image} is gone from ECR: no task starts with it", again)
        return
    digest = found[0]["imageId"]["imageDigest"]
    if misfit := repository.misfit(digest, platform):
        yield Problem(
            f"the image {image} {misfit}: no task starts with it",
            "build it for that platform, or set `task.architecture` in the stack file",
        )
        return
    manifest = repository.manifest(digest)
    if child := manifest.child(platform):
        manifest = repository.manifest(child)
    if missing := list(repository.missing(manifest.blobs)):
        yield Problem(f"of the image {image} ECR lacks {len(missing)} layer(s): no task starts with it", again)


def _elsewhere(image: str) -> Iterator[Problem]:
    """One of a registry that is not ECR."""
    try:
        if not registries.has(qualified(image)):
            yield Problem(
                f"the image {image} is gone from its registry: no task starts with it",
                "name another one in the task's template",
            )
    except NotAskedError as error:
        yield Note(f"whether the image {image} is still there is not known: {error}", "")


def edit(subject: Subject) -> Iterator[Problem]:
    """What was declared last and does not run, because its deployment has failed."""
    if failed := failed_edit(subject.session, subject.stack, subject.state):
        yield Problem(failed.what, failed.mend)


def deployment(subject: Subject) -> Iterator[Problem]:
    """Tasks of the deployment in flight have failed, one after another; failed health checks count, too.

    ECS counts them until one runs (ECS, Deployment: failedTasks).
    """
    primary = subject.state.deployments[0]
    if primary.state == "IN_PROGRESS" and primary.failed:
        revision, target = revision_name(primary.task_definition), f"{subject.service} --stack {subject.stack}"
        yield Problem(
            f"{primary.failed} of the tasks that the deployment of {revision} started have failed, one after another",
            f"`{PROGRAM} logs {target} --failed` has the last one's log; `{PROGRAM} status {target}` says what goes on",
        )


def record(subject: Subject) -> Iterator[Problem]:
    """What runs, what is live and what was recorded disagree, while nothing is in flight that may make them agree."""
    release = subject.state.release
    if subject.state.in_flight:
        return
    if release is not None and not Repository(subject.session, subject.name).has(release.image_digest):
        return  # `images` says so
    if found := disagreement(subject.state, observe(subject.session, subject.stack, subject.state)):
        yield Problem(f"they disagree: {found.summary}", f"`{repair_command(subject.stack, subject.service)}`")
