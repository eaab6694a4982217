"""The image that an app team has pushed, which a release takes over from the inbox as it is."""

from datetime import datetime

import boto3

from pipeline_steps.job import StepError
from pipeline_steps.package.images import Images
from releases.errors import MissingImageError
from releases.executions import NO_PUSH
from releases.names import content_tag


def copy(session: boto3.Session, digest: str, inbox: str, repository: str, platform: str, until: float) -> None:
    """Copy a pushed image into the service's own repository.

    Args:
        session: AWS.
        digest: the image's.
        inbox: the repository that it was pushed to.
        repository: the service's own.
        platform: the tasks', such as `linux/arm64`.
        until: when no other layer is begun, by the monotonic clock.

    Raises:
        StepError: it is not there, or is for other machines.
        UnfinishedError: the time is up.
    """
    ecr = session.client("ecr")
    pushed = Images(ecr, inbox)
    try:
        if misfit := pushed.misfit(digest, platform):
            build = f"build it with --platform {platform}, and push that"
            raise StepError(f"The pushed image {digest} {misfit}: {build}.")
        Images(ecr, repository).copy(digest, pushed, content_tag(digest), until)
    except MissingImageError as error:
        raise StepError(f"{error} any more: push it again.") from None


def moment(pushed: str) -> int:
    """When an image was pushed, in seconds since 1970; 0 when no push has started the execution."""
    return 0 if pushed == NO_PUSH else int(datetime.fromisoformat(pushed).timestamp())
