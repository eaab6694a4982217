"""Collects the files that a buildspec's `artifacts` name, as a reproducible zip."""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Iterator
from pathlib import Path

from sandbox.codebuild.buildspec import Artifact
from sandbox.containers.rootfs import inside


class ArtifactError(Exception):
    """No file matches, in CodeBuild's words."""


def collect(root: Path, folder: str, artifact: Artifact) -> dict[str, Path]:
    """The files of an artifact by their names in it.

    `root` is the build's root folder and `folder` the source folder inside it; links are followed inside
    `root` only. Raises ArtifactError.
    """
    files: dict[str, Path] = {}
    for base in _bases(root, folder, artifact.base_directory):
        names = list(_files(root, base))
        excluded = [_pattern(text) for text in artifact.exclude_paths]
        for text in artifact.files:
            pattern = _pattern(text)
            matches = [name for name in names if pattern.fullmatch(name)]
            if not matches:
                raise ArtifactError(f"no matching artifact paths found: {text}")
            for name in matches:
                if any(rule.fullmatch(name) for rule in excluded):
                    continue
                files[name.rsplit("/", 1)[-1] if artifact.discard_paths else name] = inside(root, f"{base}/{name}")
    if not files:
        raise ArtifactError("no matching artifact paths found")
    return files


def pack(files: dict[str, Path]) -> bytes:
    """A zip of files, the same for the same content."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(files):
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            info.external_attr = (files[name].stat().st_mode & 0xFFFF) << 16
            info.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(info, files[name].read_bytes())
    return buffer.getvalue()


def _bases(root: Path, folder: str, text: str) -> list[str]:
    """The base directories that a name or pattern means, as paths inside the build's root."""
    if not any(char in text for char in "*?["):
        base = os.path.normpath(os.path.join(folder, text))  # noqa: PTH118 (a path inside the build's root)
        if not inside(root, base).is_dir():
            raise ArtifactError(f"no matching base directory path found for {text}")
        return [base]
    pattern = _pattern(text)
    folders = sorted({name.rsplit("/", 1)[0] for name in _files(root, folder) if "/" in name})
    bases = [f"{folder}/{name}" for name in folders if pattern.fullmatch(name)]
    if not bases:
        raise ArtifactError(f"no matching base directory path found for {text}")
    return bases


def _files(root: Path, base: str) -> Iterator[str]:
    """The regular files below a folder, by their names relative to it."""
    start = inside(root, base)
    for folder, _, names in os.walk(start):
        for name in sorted(names):
            relative = str(Path(folder, name).relative_to(start))
            if inside(root, f"{base}/{relative}").is_file():
                yield relative


def _pattern(text: str) -> re.Pattern[str]:
    """`*` stays in a folder, `**` does not."""
    text = text.removeprefix("./")
    parts = re.split(r"(\*\*/|\*\*|\*|\?)", text)
    rules = {"**/": "(?:.*/)?", "**": ".*", "*": "[^/]*", "?": "[^/]"}
    return re.compile("".join(rules.get(part, re.escape(part)) for part in parts), re.DOTALL)
