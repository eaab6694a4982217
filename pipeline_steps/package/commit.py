"""Which commit an image was made of, as the source's upload or the image's labels name it."""

import json
import re
import urllib.request
from collections.abc import Mapping
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from releases.events import Commit
from releases.failure import one_line

REVISION, SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"
"""The labels' names (OCI image specification, annotations)."""
COMMIT = re.compile("[0-9a-f]{40}([0-9a-f]{24})?")
REPOSITORY = re.compile("[A-Za-z0-9][A-Za-z0-9._-]*(/[A-Za-z0-9][A-Za-z0-9._-]*)*")
LONGEST_REPOSITORY = 256
"""Later actions are handed it, and CodePipeline takes 1,000 characters of an action's configuration."""
SECONDS = 60
"""That ECR's storage may take."""


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
        labels = _labels(session.client("ecr"), repository, digest, platform)
    except (BotoCoreError, ClientError, OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        print(f"The image's labels were not read. {type(error).__name__}: {one_line(str(error))}")
        return commit
    return named(commit, "image", labels.get(REVISION) or None, path_of(labels.get(SOURCE, "")) or None)


def path_of(address: str) -> str:
    """The repository that an address on a code host names."""
    return urlsplit(address).path.strip("/").removesuffix(".git")


def image_in(index: Mapping[str, Any], platform: str) -> str | None:
    """The digest of the image for a platform that an index lists; None in an image's own manifest too."""
    system, _, architecture = platform.partition("/")
    wanted = {"os": system, "architecture": architecture}
    fitting = (each for each in index.get("manifests", []) if wanted.items() <= each.get("platform", {}).items())
    return next((str(each["digest"]) for each in fitting), None)


def _labels(ecr: Any, repository: str, digest: str, platform: str) -> Mapping[str, str]:
    manifest = _manifest(ecr, repository, digest)
    if child := image_in(manifest, platform):
        manifest = _manifest(ecr, repository, child)
    if "config" not in manifest:
        return {}
    configuration = manifest["config"]["digest"]
    answer = ecr.get_download_url_for_layer(repositoryName=repository, layerDigest=configuration)
    with urllib.request.urlopen(answer["downloadUrl"], timeout=SECONDS) as response:  # noqa: S310 (ECR names it)
        image = json.load(response)
    return (image.get("config") or {}).get("Labels") or {}


def _manifest(ecr: Any, repository: str, digest: str) -> Any:
    images = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": digest}])["images"]
    return json.loads(images[0]["imageManifest"])
