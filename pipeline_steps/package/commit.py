"""Which commit an image was made of, as the source's upload or the image's labels name it."""

import re
from dataclasses import replace
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from pipeline_steps.package.images import Images
from releases.errors import ReleaseError
from releases.events import Commit
from releases.failure import one_line

REVISION, SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"
"""The labels' names (OCI image specification, annotations)."""
COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
REPOSITORY = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
LONGEST_REPOSITORY = 256
"""Later actions are handed it, and CodePipeline takes 1,000 characters of an action's configuration."""


def named(known: Commit, by: str, commit: str | None, repository: str | None) -> Commit:
    """A commit, with what somebody names; what is not a commit or a repository is printed and left out.

    Args:
        known: what is known of it already.
        by: who names it, for people.
        commit: a whole hash; None when nothing is named.
        repository: None when nothing is named.
    """
    result = known
    if commit is not None:
        if COMMIT.fullmatch(commit):
            result = replace(result, hash=commit)
        else:
            print(f"The {by}'s commit is not one: {one_line(commit)}")
    if repository is not None:
        if REPOSITORY.fullmatch(repository) and len(repository) <= LONGEST_REPOSITORY:
            result = replace(result, repository=repository)
        else:
            print(f"The {by}'s repository is not one: {one_line(repository)}")
    return result


def from_labels(session: boto3.Session, repository: str, digest: str, platform: str, commit: Commit) -> Commit:
    """What an image's labels name, of an index those of its image for the tasks' platform.

    Args:
        session: AWS.
        repository: the image's.
        digest: the image's.
        platform: the tasks', such as `linux/arm64`.
        commit: what is known of it already.
    """
    try:
        labels = Images(session.client("ecr"), repository).labels(digest, platform)
    except (
        BotoCoreError,
        ClientError,
        ReleaseError,
        OSError,
        ValueError,
        LookupError,
        TypeError,
        AttributeError,
    ) as error:
        print(f"The image's labels were not read. {type(error).__name__}: {one_line(str(error))}")
        return commit
    return named(commit, "image", labels.get(REVISION) or None, path_of(labels.get(SOURCE, "")) or None)


def path_of(address: str) -> str:
    """The repository that an address on a code host names."""
    return urlsplit(address).path.strip("/").removesuffix(".git")
