"""The assets of releases before, which an image gets as one more layer: pages of theirs that are open still find them.

The layer is added to manifest and configuration by ECR's API (OCI image specification), so it is the same for an image
that was built, pushed or promoted.
"""

import gzip
import hashlib
import io
import json
import tarfile
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, BinaryIO

from pipeline_steps.job import StepError
from pipeline_steps.package.image_files import File, Files, Layers, parents
from pipeline_steps.package.images import Images, Json, Manifest
from releases.errors import MissingImageError
from releases.names import content_tag

ANNOTATION = "fargate-delivery.assets"
"""Marks the layer that was added, in the manifest: it is none of the image's own."""
ADDED = {"created_by": "assets of earlier releases"}
"""What an image's history says of that layer."""
OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
MANIFEST, CONFIG, LAYER = f"{OCI}.manifest.v1+json", f"{OCI}.config.v1+json", f"{OCI}.layer.v1.tar"
LAYERS = {f"{DOCKER}.image.rootfs.diff.tar{kind}": f"{LAYER}{oci}" for kind, oci in (("", ""), (".gzip", "+gzip"))}
"""Docker's kinds → OCI's, of the same bytes (OCI image specification, compatibility matrix)."""


@dataclass(frozen=True)
class Assets:
    """What is kept.

    Attributes:
        releases: of how many.
        folder: where they are in the image, such as `/app/public/assets`.
    """

    releases: int
    folder: str

    @classmethod
    def parse(cls, value: str) -> "Assets | None":
        """What `value` has written; None where nothing is kept."""
        releases, _, folder = value.partition(" ")
        return cls(int(releases), folder) if value else None

    def value(self) -> str:
        """As a setting."""
        return f"{self.releases} {self.folder}"


@dataclass(frozen=True)
class _Image:
    """An image of one platform, without the layer that was added to it."""

    manifest: Json
    layers: Sequence[Json]

    @classmethod
    def of(cls, manifest: Manifest) -> "_Image":
        content = manifest.content
        return cls(content, [each for each in content["layers"] if ANNOTATION not in each.get("annotations", {})])

    @property
    def digests(self) -> list[str]:
        """The layers'."""
        return [str(each["digest"]) for each in self.layers]


def add_assets(images: Images, digest: str, platform: str, assets: Assets, released: Sequence[str]) -> str:
    """Add the assets of the last releases to an image that is in the repository; where it has a file, its own stays.

    Args:
        images: the service's own repository.
        digest: the image, or an index; of that the image of the platform is taken.
        platform: the tasks', such as `linux/arm64`.
        assets: what is kept.
        released: the digests of what was released, the newest first; one may come several times.

    Returns:
        The new image's digest; the given one, when there is nothing to add.

    Raises:
        StepError: the image has no assets, or a layer cannot be read.
    """
    image = _Image.of(_of_platform(images, digest, platform))
    with tempfile.TemporaryDirectory() as scratch:
        layers = Layers(images, assets.folder, Path(scratch))
        own = layers.files(image.layers)
        if not own:
            raise StepError(f"The image has no file in {assets.folder}, which assets.path names.")
        before = _before(images, image, platform, assets, released)
        added = _missing(own, [_servable(layers.files(each.layers), assets.folder) for each in before])
        if not added:
            return digest
        with tempfile.TemporaryFile() as file:
            new = _with_layer(images, image, *_write(added, file), file, assets.folder)
    print(f"{len(added)} assets of earlier releases are kept: {new}.")
    return new


def _of_platform(images: Images, digest: str, platform: str) -> Manifest:
    manifest = images.manifest(digest)
    child = manifest.child(platform)
    return images.manifest(child) if child else manifest


def _before(images: Images, image: _Image, platform: str, assets: Assets, released: Sequence[str]) -> Iterator[_Image]:
    """What was released last and is another image, the newest first."""
    left = assets.releases
    for digest in dict.fromkeys(released):
        try:
            found = _Image.of(_of_platform(images, digest, platform))
        except MissingImageError:
            continue  # a lifecycle rule has taken it, and whatever was older
        if left and found.digests != image.digests:
            left -= 1
            yield found
        if not left:
            return


def _servable(files: Files, folder: str) -> Files:
    """Files that browsers ask for: no links, and none that is hidden, as bundlers' own manifests are."""
    top = PurePosixPath(folder.lstrip("/"))
    return {
        path: file
        for path, file in files.items()
        if file.content and not any(part.startswith(".") for part in PurePosixPath(path).relative_to(top).parts)
    }


def _missing(own: Files, before: Iterable[Files]) -> Files:
    """What an image does not have and can be given, so that nothing of its own changes; of two, the newer one."""
    files, folders, added = set(own), {folder for path in own for folder in parents(path)}, dict[str, File]()
    for each in before:
        for path, file in each.items():
            if path in files or path in folders or any(above in files for above in parents(path)):
                continue
            added[path] = file
            files.add(path)
            folders.update(parents(path))
    return dict(sorted(added.items()))


def _write(files: Files, file: BinaryIO) -> tuple[str, str]:
    """Write a layer, the same for the same files; its digest, and that of its archive before it is compressed."""
    compressed = _Hashed(file)
    with gzip.GzipFile(filename="", mode="wb", fileobj=compressed, mtime=0) as packed:
        unpacked = _Hashed(packed)
        with tarfile.open(fileobj=unpacked, mode="w|", format=tarfile.PAX_FORMAT) as archive:
            for path, each in files.items():
                assert each.content is not None
                entry = tarfile.TarInfo(path)
                entry.size, entry.mode, entry.mtime = each.entry.size, each.entry.mode, int(each.entry.mtime)
                entry.uid, entry.gid = each.entry.uid, each.entry.gid
                with each.content.open("rb") as content:
                    archive.addfile(entry, content)
    return _digest_of(compressed.hash), _digest_of(unpacked.hash)


class _Hashed(io.RawIOBase):
    """A file that is written, and the digest of what was."""

    def __init__(self, file: Any) -> None:
        super().__init__()
        self._file, self.hash = file, hashlib.sha256()

    def write(self, content: Any) -> int:
        self.hash.update(content)
        return int(self._file.write(content))


def _with_layer(images: Images, image: _Image, digest: str, unpacked: str, file: BinaryIO, folder: str) -> str:
    """Put an image with one more layer into the repository, with a tag of its own; its digest."""
    size = file.seek(0, io.SEEK_END)
    images.upload(digest, file)
    with images.open(image.manifest["config"]["digest"]) as stream:
        configuration = _with_added(json.load(stream), len(image.layers), unpacked)
    config = json.dumps(configuration).encode()
    config_digest = _digest_of(hashlib.sha256(config))
    images.upload(config_digest, io.BytesIO(config))
    added = {"mediaType": f"{LAYER}+gzip", "digest": digest, "size": size, "annotations": {ANNOTATION: folder}}
    layers = [{**each, "mediaType": LAYERS.get(each["mediaType"], each["mediaType"])} for each in image.layers]
    manifest = json.dumps({
        **image.manifest,
        "schemaVersion": 2,
        "mediaType": MANIFEST,
        "config": {"mediaType": CONFIG, "digest": config_digest, "size": len(config)},
        "layers": [*layers, added],
    })  # fmt: skip
    new = _digest_of(hashlib.sha256(manifest.encode()))
    images.put(Manifest(new, manifest, MANIFEST), content_tag(new))
    return new


def _with_added(configuration: Json, own: int, unpacked: str) -> Json:
    """A configuration that knows one more layer than the image's own ones."""
    history = [each for each in configuration.get("history", []) if each != ADDED]
    known = configuration["rootfs"]["diff_ids"][:own]
    return {
        **configuration,
        "rootfs": {**configuration["rootfs"], "diff_ids": [*known, unpacked]},
        **({"history": [*history, ADDED]} if history else {}),
    }


def _digest_of(hashed: Any) -> str:
    return f"sha256:{hashed.hexdigest()}"
