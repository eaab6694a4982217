"""The files of a folder in an image, read from the image's layers in ECR without Docker.

By the OCI image specification, "Image Layer Filesystem Changeset": an entry replaces what a lower layer has in its
place, a folder is merged with a lower one, a whiteout takes away what lower layers have.
"""

import io
import shutil
import tarfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from pipeline_steps.job import StepError
from pipeline_steps.package.images import TRIES, Images, Json

WHITEOUT, OPAQUE = ".wh.", ".wh..wh..opq"


@dataclass(frozen=True)
class File:
    """What is at a place in a folder.

    Attributes:
        entry: as the layer's archive has it.
        content: where its bytes are; None of what is no file of its own, such as a link.
    """

    entry: tarfile.TarInfo
    content: Path | None


Files = Mapping[str, File]
"""By their paths in the image, without the slash at the beginning. Folders are not among them."""


@dataclass
class _Changes:
    """What a layer does to a folder.

    Attributes:
        files: what it puts there.
        gone: what it takes away with all that is below, in the folder and above.
        emptied: folders that it takes everything out of.
        folders: what is a folder from here on, whatever it was.
    """

    files: dict[str, File] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    emptied: set[str] = field(default_factory=set)
    folders: set[str] = field(default_factory=set)

    def keep(self, path: str) -> bool:
        """Whether this layer leaves what a lower one has at a path."""
        if path in self.gone or path in self.folders:
            return False
        return not any(above in self.gone or above in self.emptied for above in parents(path))


class Layers:
    """Reads the layers of one repository's images, each once: images have many in common.

    Attributes:
        images: the repository.
        folder: the path in the images, from the root.
        scratch: a folder of this machine for the files' bytes.
    """

    def __init__(self, images: Images, folder: str, scratch: Path) -> None:
        self._images, self._folder, self._scratch = images, _path(folder), scratch
        self._read: dict[str, _Changes] = {}

    def files(self, layers: Sequence[Json]) -> Files:
        """What an image has in the folder.

        Args:
            layers: the image's, as its manifest describes them, the lowest first.

        Raises:
            StepError: one cannot be read.
        """
        found: dict[str, File] = {}
        for layer in layers:
            changes = self._changes(layer)
            found = {path: file for path, file in found.items() if changes.keep(path)} | changes.files
        return found

    def _changes(self, layer: Json) -> _Changes:
        digest = str(layer["digest"])
        if digest not in self._read:
            self._read[digest] = self._read_layer(layer)
        return self._read[digest]

    def _read_layer(self, layer: Json) -> _Changes:
        digest = layer["digest"]
        if str(layer.get("mediaType", "")).endswith("zstd"):
            raise StepError(f"Layer {digest} is compressed with zstd, which cannot be read for its assets: use gzip.")
        for _ in range(TRIES):
            with self._images.open(digest) as answer:
                stream = _Counted(answer)
                try:
                    changes = self._unpack(stream)
                except (tarfile.TarError, EOFError, OSError) as error:
                    print(f"Layer {digest} could not be read: {error}")
                    continue
                if stream.all() == layer["size"]:
                    return changes
        raise StepError(f"Layer {digest} could not be read {TRIES} times: release it again.")

    def _unpack(self, stream: "_Counted") -> _Changes:
        changes = _Changes()
        with tarfile.open(fileobj=stream, mode="r|*") as archive:
            for entry in archive:
                self._add(changes, archive, entry)
        return changes

    def _add(self, changes: _Changes, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> None:
        path = _path(entry.name)
        above, _, name = path.rpartition("/")
        concerned = f"{self._folder}/".startswith(f"{path}/") or self._folder in parents(path)
        if name == OPAQUE:
            changes.emptied.add(above)
        elif name.startswith(WHITEOUT):
            changes.gone.add(f"{above}/{name.removeprefix(WHITEOUT)}".lstrip("/"))
        elif not concerned:
            return
        elif entry.isdir():
            changes.folders.add(path)
        else:
            changes.gone.add(path)
            if path != self._folder and self._folder in parents(path):
                changes.files[path] = File(entry, self._kept(archive, entry))

    def _kept(self, archive: tarfile.TarFile, entry: tarfile.TarInfo) -> Path | None:
        content = archive.extractfile(entry) if entry.isreg() else None
        if content is None:
            return None
        place = self._scratch / uuid.uuid4().hex
        with place.open("wb") as file:
            shutil.copyfileobj(content, file)
        return place


class _Counted(io.RawIOBase):
    """A stream, and how many of its bytes were read."""

    def __init__(self, stream: Any) -> None:
        super().__init__()
        self._stream, self._count = stream, 0

    def read(self, size: int = -1) -> bytes:
        part: bytes = self._stream.read(size)
        self._count += len(part)
        return part

    def all(self) -> int:
        """Read to the end; how many bytes there were."""
        while self.read(1 << 16):
            pass
        return self._count


def parents(path: str) -> Iterator[str]:
    """The folders that a path is in."""
    return (str(each) for each in PurePosixPath(path).parents)


def _path(name: str) -> str:
    """A path from an image's root, as archives and people write it."""
    return "/".join(part for part in name.split("/") if part not in ("", "."))
