"""Moves images to and from ECR, by its API and with the caller's permissions.

The calls are those that AWS documents for a push (image-push-iam) and a pull. Errors are in the words of
`docker push` and `docker pull`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.request import urlopen

from botocore.exceptions import ClientError, EndpointConnectionError

from sandbox.containers.image import (
    MANIFEST_TYPE,
    Image,
    ImageError,
    blob_path,
    check_blob,
    digest_of,
    write_blob,
)
from sandbox.machines import DEFAULT

PART_SIZE = 5 * 1024 * 1024
ECR_HOST = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(\.cn)?")
DOCKER_MANIFEST_TYPE = "application/vnd.docker.distribution.manifest.v2+json"


class RegistryError(Exception):
    """A push or pull failed; the text is what `docker` would print after "Error response from daemon"."""


class PlatformError(RegistryError):
    """An index has no image for a platform."""

    def __init__(self, platform: str) -> None:
        super().__init__(f"no matching manifest for {platform} in the manifest list entries")
        self.platform = platform


@dataclass(frozen=True)
class Reference:
    """An image's name: `host/repository:tag` or `host/repository@digest`."""

    host: str
    repository: str
    tag: str = ""
    digest: str = ""

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Parse a reference as Docker does; raises ValueError."""
        name, _, digest = text.partition("@")
        head, slash, rest = name.partition("/")
        host, path = (head, rest) if slash and ("." in head or ":" in head or head == "localhost") else ("", name)
        repository, _, tag = path.partition(":")
        pattern = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"
        if not re.fullmatch(pattern, repository) or (tag and not re.fullmatch(r"\w[\w.-]{0,127}", tag)):
            raise ValueError(f'invalid reference format: "{text}"')
        if digest and not re.fullmatch(r"sha256:[0-9a-f]{64}", digest):
            raise ValueError(f'invalid reference format: "{text}"')
        return cls(host, repository, tag or ("" if digest else "latest"), digest)

    def __str__(self) -> str:
        host = f"{self.host}/" if self.host else ""
        return (
            host + self.repository + (f":{self.tag}" if self.tag else "") + (f"@{self.digest}" if self.digest else "")
        )

    @property
    def account(self) -> str:
        """The AWS account of an ECR registry; "" for another registry."""
        match = ECR_HOST.fullmatch(self.host)
        return match["account"] if match else ""


def pull(ecr_client: Any, uri: str, blobs: Path, platform: str = f"linux/{DEFAULT}") -> Image:
    """Fetch an image from ECR into `blobs`, as ECS does with a task's execution role; of an index that of `platform`.

    Calls GetAuthorizationToken, BatchGetImage and GetDownloadUrlForLayer. Raises RegistryError.
    """
    reference = Reference.parse(uri)
    if not reference.account:
        raise RegistryError(f"failed to resolve ref {uri}: only images of ECR can be pulled here")
    try:
        ecr_client.get_authorization_token()
        return fetch(ecr_client, reference, blobs, platform)
    except (ClientError, EndpointConnectionError) as error:
        raise RegistryError(explain(error, reference)) from error


def fetch(ecr_client: Any, reference: Reference, blobs: Path, platform: str) -> Image:
    """Fetch an image after the registry has let us in; PlatformError when an index has none of `platform`."""
    image_id = {"imageDigest": reference.digest} if reference.digest else {"imageTag": reference.tag}
    image = _find_image(ecr_client, reference, image_id)
    if image is None:
        raise RegistryError(f"failed to resolve ref {reference}: {reference}: not found")
    manifest = image["imageManifest"].encode()
    if reference.digest and digest_of(manifest) != reference.digest:
        raise RegistryError(f"the manifest of {reference} has another digest, {digest_of(manifest)}")
    description = json.loads(manifest)
    if "manifests" in description:
        fitting = replace(reference, tag="", digest=of_platform(description["manifests"], platform))
        return replace(fetch(ecr_client, fitting, blobs, platform), index=digest_of(manifest))
    if "layers" not in description:
        raise RegistryError(f"{reference} is neither an image nor an index")
    image_files = Image(manifest, blobs)
    for digest in image_files.blob_digests:
        answer = ecr_client.get_download_url_for_layer(**_in_repository(reference), layerDigest=digest)
        if blob_path(blobs, digest).is_file():
            continue
        with urlopen(answer["downloadUrl"], timeout=60) as response:  # noqa: S310 (the registry's own URL)
            write_blob(blobs, response.read())
    try:
        for digest in image_files.blob_digests:
            check_blob(blob_path(blobs, digest), digest)
    except ImageError as error:
        raise RegistryError(str(error)) from error
    return image_files


def of_platform(index: list[dict[str, Any]], platform: str) -> str:
    """The digest of an index's image for a platform such as `linux/arm64`; raises PlatformError."""
    for entry in index:
        entry_platform = entry.get("platform") or {}
        if f"{entry_platform.get('os')}/{entry_platform.get('architecture')}" == platform:
            return str(entry["digest"])
    raise PlatformError(platform)


def push(ecr_client: Any, reference: Reference, image: Image, report: Callable[[str], None]) -> None:
    """Send an image's blobs and manifest to ECR under the reference's tag; raises RegistryError."""
    target = _in_repository(reference)
    try:
        stored = _find_image(ecr_client, reference, {"imageTag": reference.tag})
        digests = image.blob_digests
        answer = ecr_client.batch_check_layer_availability(**target, layerDigests=digests)
        present = {layer["layerDigest"] for layer in answer["layers"] if layer["layerAvailability"] == "AVAILABLE"}
        for digest in digests:
            if digest in present:
                report(f"{digest[7:19]}: Layer already exists")
            else:
                _upload(ecr_client, target, image.blobs, digest)
                report(f"{digest[7:19]}: Pushed")
        if stored is None or stored["imageManifest"].encode() != image.manifest:
            ecr_client.put_image(
                **target,
                imageManifest=image.manifest.decode(),
                imageManifestMediaType=MANIFEST_TYPE,
                imageTag=reference.tag,
            )
    except ClientError as error:
        if error.response["Error"]["Code"] != "ImageAlreadyExistsException":
            raise RegistryError(explain(error, reference)) from error
    except EndpointConnectionError as error:
        raise RegistryError(explain(error, reference)) from error


def explain(error: Exception, reference: Reference) -> str:
    """An API error in the words of the registry protocol."""
    if not isinstance(error, ClientError):
        return str(error)
    code, message = error.response["Error"]["Code"], error.response["Error"]["Message"]
    if code == "RepositoryNotFoundException":
        return (
            f"name unknown: The repository with name '{reference.repository}' does not exist in the registry "
            f"with id '{reference.account}'"
        )
    if code == "ImageTagAlreadyExistsException":
        return f"tag invalid: {message}"
    if code in ("AccessDenied", "AccessDeniedException"):
        return f"denied: {message}"
    if code == "UnrecognizedClientException":
        return "denied: Your authorization token has expired. Reauthenticate and try again."
    return f"{code}: {message}"


def _in_repository(reference: Reference) -> dict[str, str]:
    return {"registryId": reference.account, "repositoryName": reference.repository}


def _find_image(ecr_client: Any, reference: Reference, image_id: dict[str, str]) -> dict[str, Any] | None:
    answer = ecr_client.batch_get_image(
        **_in_repository(reference),
        imageIds=[image_id],
        acceptedMediaTypes=[MANIFEST_TYPE, DOCKER_MANIFEST_TYPE],
    )
    images: list[dict[str, Any]] = answer["images"]
    return images[0] if images else None


def _upload(ecr_client: Any, target: dict[str, str], blobs: Path, digest: str) -> None:
    upload = ecr_client.initiate_layer_upload(**target)["uploadId"]
    first = 0
    with blob_path(blobs, digest).open("rb") as file:
        while part := file.read(PART_SIZE):
            ecr_client.upload_layer_part(
                **target,
                uploadId=upload,
                partFirstByte=first,
                partLastByte=first + len(part) - 1,
                layerPartBlob=part,
            )
            first += len(part)
    try:
        ecr_client.complete_layer_upload(**target, uploadId=upload, layerDigests=[digest])
    except ClientError as error:
        if error.response["Error"]["Code"] != "LayerAlreadyExistsException":
            raise
