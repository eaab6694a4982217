"""Source zips are uploaded by people who are not trusted with the machine."""

from __future__ import annotations

import io
import stat
import warnings
import zipfile
from pathlib import Path

import pytest

from sandbox.codebuild.source import Location, SourceError, unpack


def make_zip(files: dict[str, str]) -> bytes:
    return zip_of(*files.items())


def link(name: str, target: str) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    info.comment = target.encode()
    return info


def zip_of(*members: zipfile.ZipInfo | tuple[str, str]) -> bytes:
    buffer = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(buffer, "w") as archive:
        warnings.simplefilter("ignore")  # names that are there twice are wanted
        for member in members:
            if isinstance(member, zipfile.ZipInfo):
                archive.writestr(member, member.comment)
            else:
                archive.writestr(*member)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "zip: not a valid zip file"),
        (b"not a zip", "zip: not a valid zip file"),
        (make_zip({"a": "x"})[:-30], "zip: not a valid zip file"),
        (make_zip({}), "the archive has no files"),
        (make_zip({"dir/": ""}), "the archive has no files"),
        (make_zip({"../evil": "x"}), r"illegal file path '\.\./evil'"),
        (make_zip({"a/../../evil": "x"}), "illegal file path"),
        (make_zip({"/evil": "x"}), "illegal file path '/evil'"),
        (make_zip({"..\\evil": "x"}), "illegal file path"),
        (zip_of(link("a", "/etc"), ("a/evil", "x")), "illegal link 'a' to '/etc'"),
        (zip_of(link("a", "../.."), ("a/evil", "x")), "illegal link 'a'"),
        (zip_of(link("b/a", "../../out"), ("f", "x")), "illegal link 'b/a'"),
        (zip_of(link("a", "b"), ("a", "evil")), "is in the archive twice"),
        (zip_of(("a", "x"), ("a/b", "x")), "cannot be unpacked"),
    ],
    ids=lambda given: "" if isinstance(given, bytes) else given,  # bytes of a zip hold the time
)
def test_archives_that_are_refused(tmp_path: Path, content: bytes, message: str) -> None:
    folder = tmp_path / "a/b/src"
    with pytest.raises(SourceError, match=message + r".* for primary source$"):
        unpack(content, folder, "primary source")
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_relative_to(folder)) == [
        tmp_path / "a",
        tmp_path / "a/b",
    ]


def test_a_damaged_member_is_refused(tmp_path: Path) -> None:
    content = bytearray(make_zip({"a": "hello account"}))
    content[content.index(b"hello")] ^= 1
    with pytest.raises(SourceError, match="zip"):
        unpack(bytes(content), tmp_path, "primary source")


def test_files_links_and_modes(tmp_path: Path) -> None:
    script = zipfile.ZipInfo("bin/run")
    script.external_attr = 0o4755 << 16
    script.comment = b"#!/bin/sh"
    unpack(zip_of(script, ("dir/a", "text"), link("dir/b", "a"), link("c", "dir/a")), tmp_path, "primary source")
    assert (tmp_path / "bin/run").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "dir/b").read_text() == (tmp_path / "c").read_text() == "text"


def test_locations() -> None:
    assert Location.parse("b/k/1.zip") == Location.parse("arn:aws:s3:::b/k/1.zip") == Location("b", "k/1.zip")
    with pytest.raises(ValueError, match="no bucket/key"):
        Location.parse("bucket")
