"""The images of an ECR repository, read and copied by ECR's API, which needs no Docker."""

import contextlib
import io
import json
import math
import time
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, BinaryIO

from pipeline_steps.job import StepError
from releases.errors import MissingImageError

SECONDS = 60
"""That ECR's storage may take to begin to answer."""
TRIES = 3
"""For a layer whose download is cut off."""
MOST_LAYERS = 100
"""That one call asks for (ECR, BatchCheckLayerAvailability: layerDigests)."""
Json = Mapping[str, Any]


class UnfinishedError(Exception):
    """The time is up before all is copied; what is copied stays, so another call goes on."""


@dataclass(frozen=True)
class Manifest:
    """What ECR has stored as an image.

    Attributes:
        digest: of the text.
        text: as it was pushed.
        media_type: its kind; "" where it is older than kinds.
    """

    digest: str
    text: str
    media_type: str

    @property
    def content(self) -> Json:
        """As JSON."""
        content: Json = json.loads(self.text)
        return content

    @property
    def children(self) -> list[str]:
        """The digests of what an index lists: the image of each platform, and attestations."""
        return [str(each["digest"]) for each in self.content.get("manifests", [])]

    @property
    def platforms(self) -> list[str]:
        """The platforms that an index has an image for, such as `linux/arm64`."""
        platforms = [each.get("platform", {}) for each in self.content.get("manifests", [])]
        return [platform_of(each) for each in platforms if each.get("os", "unknown") != "unknown"]

    @property
    def blobs(self) -> list[str]:
        """The digests of an image's configuration and layers; an index has none."""
        parts = [self.content[key] for key in ("config",) if key in self.content]
        return list(dict.fromkeys(str(part["digest"]) for part in [*parts, *self.content.get("layers", [])]))

    def child(self, platform: str) -> str | None:
        """The digest of an index's image for a platform; None in an image's own manifest too."""
        listed = self.content.get("manifests", [])
        return next((str(each["digest"]) for each in listed if platform_of(each.get("platform", {})) == platform), None)


def platform_of(described: Json) -> str:
    """A platform without its variant, `linux/arm64`, as an index and a configuration describe it."""
    return f"{described.get('os', '')}/{described.get('architecture', '')}"


@dataclass(frozen=True)
class Images:
    """A repository.

    Attributes:
        ecr: a client.
        name: the repository's.
        registry: the account; "" is the client's own.
    """

    ecr: Any
    name: str
    registry: str = ""

    def manifest(self, digest: str) -> Manifest:
        """What is stored under a digest.

        Raises:
            MissingImageError: nothing is; in words.
        """
        images = self.ecr.batch_get_image(**self._place, imageIds=[{"imageDigest": digest}])["images"]
        if not images:
            raise MissingImageError(f"{self.name} does not have the image {digest}")
        return Manifest(digest, images[0]["imageManifest"], images[0].get("imageManifestMediaType", ""))

    def configuration(self, digest: str, platform: str) -> Json:
        """An image's configuration, of an index that of its image for a platform; empty where there is none.

        Raises:
            MissingImageError: there is no such image.
        """
        manifest = self.manifest(digest)
        if child := manifest.child(platform):
            manifest = self.manifest(child)
        if "config" not in manifest.content:
            return {}
        with self.open(manifest.content["config"]["digest"]) as stream:
            configuration: Json = json.load(stream)
        return configuration

    def labels(self, digest: str, platform: str) -> Mapping[str, str]:
        """An image's labels, of an index those of its image for a platform.

        Raises:
            MissingImageError: there is no such image.
        """
        labels: Mapping[str, str] = (self.configuration(digest, platform).get("config") or {}).get("Labels") or {}
        return labels

    def misfit(self, digest: str, platform: str) -> str:
        """Why tasks on a platform cannot run an image, in words that follow its name; "" when they can.

        Raises:
            MissingImageError: there is no such image.
        """
        manifest = self.manifest(digest)
        has = manifest.platforms or [platform_of(self.configuration(digest, platform))]
        if platform in has:
            return ""
        if has == [platform_of({})]:
            return "is no image of a container"
        return f"is for {' and '.join(has)}, and the service's tasks run {platform}"

    def open(self, blob: str) -> Any:
        """A layer, or a configuration: the answer of `urlopen`."""
        answer = self.ecr.get_download_url_for_layer(**self._place, layerDigest=blob)
        return urllib.request.urlopen(answer["downloadUrl"], timeout=SECONDS)  # noqa: S310 (ECR names it)

    def copy(self, digest: str, source: "Images", tag: str = "", until: float = math.inf) -> None:
        """Copy an image from another repository, with all that it lists; what is here already is left.

        Args:
            digest: the image's, which stays.
            source: where it is.
            tag: what it is called here; "" calls it nothing, as what an index lists.
            until: when no other layer is begun, by the monotonic clock.

        Raises:
            MissingImageError: there is no such image.
            UnfinishedError: the time is up.
            StepError: a layer's download is cut off again and again.
        """
        manifest = source.manifest(digest)
        for child in manifest.children:
            self.copy(child, source, until=until)
        for blob in self.missing(manifest.blobs):
            if time.monotonic() > until:
                raise UnfinishedError("The image is being copied")
            self._copy_blob(blob, source)
        self.put(manifest, tag)

    def put(self, manifest: Manifest, tag: str) -> None:
        """Store a manifest whose blobs are here.

        Args:
            manifest: what is stored.
            tag: what it is called; "" calls it nothing.
        """
        named = {"imageTag": tag} if tag else {}
        kind = {"imageManifestMediaType": manifest.media_type} if manifest.media_type else {}
        try:
            self.ecr.put_image(**self._place, imageManifest=manifest.text, imageDigest=manifest.digest, **named, **kind)
        except self.ecr.exceptions.ImageAlreadyExistsException:
            return

    def upload(self, blob: str, content: BinaryIO) -> None:
        """Store a layer, or a configuration; one that is here already is left.

        Args:
            blob: its digest.
            content: a file that can be sought in.
        """
        if list(self.missing([blob])):
            size = content.seek(0, io.SEEK_END)
            content.seek(0)
            self._upload(blob, content, size)

    @property
    def _place(self) -> dict[str, str]:
        return {"repositoryName": self.name, **({"registryId": self.registry} if self.registry else {})}

    def missing(self, blobs: list[str]) -> Iterator[str]:
        """Those of an image's configuration and layers that the repository does not have."""
        for first in range(0, len(blobs), MOST_LAYERS):
            asked = blobs[first : first + MOST_LAYERS]
            answer = self.ecr.batch_check_layer_availability(**self._place, layerDigests=asked)
            known = {each["layerDigest"] for each in answer["layers"] if each["layerAvailability"] == "AVAILABLE"}
            yield from (blob for blob in asked if blob not in known)

    def _copy_blob(self, blob: str, source: "Images") -> None:
        for _ in range(TRIES):
            with source.open(blob) as stream:
                size = stream.headers.get("Content-Length")
                if self._upload(blob, stream, None if size is None else int(size)):
                    return
        raise StepError(f"The download of layer {blob} was cut off {TRIES} times: release it again.")

    def _upload(self, blob: str, stream: Any, size: int | None) -> bool:
        """Whether the stream went to its end, of so many bytes; None where nobody has said how many."""
        begun = self.ecr.initiate_layer_upload(**self._place)
        upload, place = begun["uploadId"], 0
        while part := stream.read(begun["partSize"]):
            last = place + len(part) - 1
            try:
                self.ecr.upload_layer_part(
                    **self._place, uploadId=upload, partFirstByte=place, partLastByte=last, layerPartBlob=part
                )
            except self.ecr.exceptions.InvalidLayerPartException as error:
                if error.response.get("lastValidByteReceived") != last:  # else ECR has it, and its answer was lost
                    raise
            place = last + 1
        if size not in (None, place):
            return False
        with contextlib.suppress(self.ecr.exceptions.LayerAlreadyExistsException):
            self.ecr.complete_layer_upload(**self._place, uploadId=upload, layerDigests=[blob])
        return True
