"""The source of a build: a zip in S3, read with the build's role; a path that leaves its folder is refused."""

from __future__ import annotations

import io
import shutil
import stat
import zipfile
import zlib
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import ClientError

MAX_BYTES = 2 * 1024**3
MAX_FILES = 100_000


class SourceError(Exception):
    """A source cannot be had or unpacked."""


@dataclass(frozen=True)
class Location:
    """An object in S3."""

    bucket: str
    key: str

    @classmethod
    def parse(cls, text: str) -> Location:
        """`bucket/key` or `arn:aws:s3:::bucket/key`; raises ValueError."""
        bucket, slash, key = text.removeprefix("arn:aws:s3:::").partition("/")
        if not (bucket and slash and key):
            raise ValueError(f"{text!r} is no bucket/key")
        return cls(bucket, key)

    def __str__(self) -> str:
        return f"{self.bucket}/{self.key}"


def download(s3: Any, location: Location, version: str = "") -> bytes:
    """An object's content; raises SourceError in CodeBuild's words."""
    extra = {"VersionId": version} if version else {}
    try:
        content: bytes = s3.get_object(Bucket=location.bucket, Key=location.key, **extra)["Body"].read()
    except ClientError as error:
        detail = error.response["Error"]
        status = error.response["ResponseMetadata"].get("HTTPStatusCode")
        raise SourceError(f"{detail['Code']}: {detail['Message']} status code: {status} for {location}") from error
    return content


def unpack(content: bytes, folder: Path, name: str) -> None:
    """Unpack a zip into `folder`. Nothing is written outside of it; raises SourceError naming the source."""
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            members = archive.infolist()
            _check(members)
            for member in members:
                _extract(archive, member, folder)
    except zipfile.BadZipFile:
        raise SourceError(f"zip: not a valid zip file for {name}") from None
    except SourceError as error:
        raise SourceError(f"{error} for {name}") from None
    except (OSError, RuntimeError, NotImplementedError, ValueError, EOFError, zlib.error) as error:
        raise SourceError(f"zip: cannot be unpacked: {error} for {name}") from error


def _check(members: list[zipfile.ZipInfo]) -> None:
    if not any(not member.is_dir() for member in members):
        raise SourceError("zip: the archive has no files")
    if len(members) > MAX_FILES:
        raise SourceError(f"zip: the archive has more than {MAX_FILES} files")
    if sum(member.file_size for member in members) > MAX_BYTES:
        raise SourceError(f"zip: the archive's content is larger than {MAX_BYTES} bytes")
    for member in members:
        path = PurePosixPath(member.filename)
        if path.is_absolute() or ".." in path.parts or "\\" in member.filename or "\0" in member.orig_filename:
            raise SourceError(f"zip: illegal file path {member.orig_filename!r}")


def _extract(archive: zipfile.ZipFile, member: zipfile.ZipInfo, folder: Path) -> None:
    root = folder.resolve()
    target = root / member.filename
    if not target.parent.resolve().is_relative_to(root):
        raise SourceError(f"zip: illegal file path {member.filename!r}")
    mode = member.external_attr >> 16
    if member.is_dir():
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_symlink():
        raise SourceError(f"zip: {member.filename!r} is in the archive twice")
    if stat.S_ISLNK(mode):
        link = archive.read(member).decode()
        if PurePosixPath(link).is_absolute() or not (target.parent / link).resolve().is_relative_to(root):
            raise SourceError(f"zip: illegal link {member.filename!r} to {link!r}")
        target.unlink(missing_ok=True)
        target.symlink_to(link)
        return
    with archive.open(member) as source, target.open("wb") as sink:
        shutil.copyfileobj(source, sink)
    target.chmod(stat.S_IMODE(mode) & 0o777 | 0o600 if mode else 0o644)
