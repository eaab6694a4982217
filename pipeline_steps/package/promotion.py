"""The image of another stack, which a release takes over as it is."""

from dataclasses import dataclass

import boto3

from pipeline_steps.job import StepError
from pipeline_steps.package.images import Images
from releases.errors import MissingImageError
from releases.executions import promoted
from releases.names import content_tag


@dataclass(frozen=True)
class Promotion:
    """Whose images a service may take over.

    Attributes:
        stack: the other stack.
        registry: the account that its images are in.
        region: where that registry is.
        repository: the service's own repository there.
    """

    stack: str
    registry: str
    region: str
    repository: str

    @classmethod
    def parse(cls, value: str) -> "Promotion | None":
        """What `value` has written; None where nothing may be taken over."""
        return cls(*value.split()) if value else None


def take_over(
    session: boto3.Session, image: str, allowed: Promotion | None, repository: str, platform: str, until: float
) -> str:
    """Copy an image of another stack into the service's own repository.

    Args:
        session: AWS.
        image: what the execution was given, `STACK@DIGEST`.
        allowed: whose images the service may take over.
        repository: the service's own.
        platform: the tasks', such as `linux/arm64`.
        until: when no other layer is begun, by the monotonic clock.

    Returns:
        The image's digest.

    Raises:
        StepError: it may not be taken over, is not there, or is for other machines.
        UnfinishedError: the time is up.
    """
    stack, digest = promoted(image)
    if allowed is None or allowed.stack != stack:
        raise StepError(
            f"The release is to take over an image of stack {stack}, and the stack file does not say "
            f"source.promote_from: {{stack: {stack}}} for this service."
        )
    other = Images(session.client("ecr", region_name=allowed.region), allowed.repository, allowed.registry)
    try:
        if misfit := other.misfit(digest, platform):
            raise StepError(f"The image {digest} of {allowed.repository} {misfit}.")
        Images(session.client("ecr"), repository).copy(digest, other, content_tag(digest), until)
    except MissingImageError as error:
        raise StepError(f"{error} any more.") from None
    return digest
