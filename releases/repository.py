"""A service's image repository: which image a tag points to, and moving a tag."""

import json

import boto3

from releases.errors import MissingImageError
from releases.names import release_tag


def is_of(repository: str, image: str) -> bool:
    """Whether an image's name, `registry/repository`, is of a repository."""
    return image.partition("@")[0].partition("/")[2].partition(":")[0] == repository


class Repository:
    """The release repository `{stack}-{service}`."""

    def __init__(self, session: boto3.Session, name: str) -> None:
        self._ecr, self.name = session.client("ecr"), name

    def digest(self, tag: str) -> str | None:
        """The digest that a tag points to."""
        return self._digest({"imageTag": tag})

    def has(self, digest: str) -> bool:
        """Whether the image is still there."""
        return self._digest({"imageDigest": digest}) is not None

    def platforms(self, digest: str) -> frozenset[str]:
        """What an index lists: the digest of each platform's image; empty when the image is none, or is gone."""
        try:
            images = self._ecr.batch_get_image(repositoryName=self.name, imageIds=[{"imageDigest": digest}])["images"]
        except self._ecr.exceptions.RepositoryNotFoundException:
            return frozenset()
        listed = json.loads(images[0]["imageManifest"]).get("manifests", []) if images else []
        return frozenset(str(each["digest"]) for each in listed)

    def next_release(self, digest: str, version: int) -> int:
        """The number of the next release; one that was cut off between its tag and its record keeps its own.

        Args:
            digest: the image to be released.
            version: the release record's version in Parameter Store, which each release makes one higher.
        """
        number = version
        while self.digest(release_tag(number)) not in (None, digest):
            number += 1
        return number

    def tag(self, digest: str, tag: str) -> None:
        """Point a tag to an image that is there, from wherever it points now.

        Raises:
            MissingImageError: the image is not in the repository.
        """
        images = self._ecr.batch_get_image(repositoryName=self.name, imageIds=[{"imageDigest": digest}])["images"]
        if not images:
            raise MissingImageError(f"the image {digest} is not in {self.name}, so it cannot get the tag {tag}")
        media_type = {key: images[0][key] for key in ("imageManifestMediaType",) if key in images[0]}
        try:
            self._ecr.put_image(
                repositoryName=self.name,
                imageTag=tag,
                imageDigest=digest,
                imageManifest=images[0]["imageManifest"],
                **media_type,
            )
        except self._ecr.exceptions.ImageAlreadyExistsException:
            return  # the tag points there already

    def _digest(self, image: dict[str, str]) -> str | None:
        try:
            details = self._ecr.describe_images(repositoryName=self.name, imageIds=[image])["imageDetails"]
        except (self._ecr.exceptions.ImageNotFoundException, self._ecr.exceptions.RepositoryNotFoundException):
            return None
        return str(details[0]["imageDigest"])
