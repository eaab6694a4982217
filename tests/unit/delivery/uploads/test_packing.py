"""How a source becomes an upload: the same bytes for the same files, and what is refused before anything is uploaded."""

import io
import os
import zipfile
from pathlib import Path
from typing import Any

import pytest

from delivery.uploads.packing import packed, size
from pipeline_steps.build import source_zip
from pipeline_steps.build.content import Content
from releases.errors import DeliveryError

BUILD = {"CONTEXT": ".", "DOCKERFILE": "Dockerfile"}


def make(folder: Path) -> Path:
    (folder / "bin").mkdir(parents=True)
    (folder / ".git").mkdir()
    (folder / ".git/HEAD").write_text(folder.name)
    (folder / ".dockerignore").write_text("*.md\n")
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / "bin/run").write_text("#!/bin/sh\n")
    (folder / "bin/run").chmod(0o700)
    (folder / "link").symlink_to("./bin/run")
    (folder / "folder").symlink_to("bin")
    (folder / "nowhere").symlink_to("gone")
    (folder / "empty").mkdir()
    return folder


def test_a_folder_is_packed_the_same_way_each_time(tmp_path: Path) -> None:
    one = packed(make(tmp_path / "one"), BUILD)
    os.utime(make(tmp_path / "two") / "Dockerfile", (1, 1))
    two = packed(tmp_path / "two", BUILD)
    content = one.read()
    assert (content, size(one)) == (two.read(), len(content))
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        modes = {each.filename: oct(each.external_attr >> 16) for each in archive.infolist()}
        assert archive.read("link") == b"./bin/run"
    assert modes == {
        ".dockerignore": "0o100644",
        "Dockerfile": "0o100644",
        "bin/run": "0o100755",
        "empty/": "0o40755",
        "folder": "0o120777",
        "link": "0o120777",
        "nowhere": "0o120777",
    }


def test_the_build_has_the_content_of_the_folder(tmp_path: Path) -> None:
    """So an image that is pushed for an upload is found by it."""
    folder = make(tmp_path / "one")
    (tmp_path / "unpacked").mkdir()
    source_zip.unpack(packed(folder, BUILD), tmp_path / "unpacked", [])
    (folder / ".git/HEAD").unlink()
    (folder / ".git").rmdir()
    tags = {Content(path, ".", "Dockerfile", "", "linux/arm64", {}).tag() for path in (folder, tmp_path / "unpacked")}
    assert len(tags) == 1


def test_a_zip_is_uploaded_as_it_is(tmp_path: Path) -> None:
    file = zipped(tmp_path, {"app/Dockerfile": "FROM scratch\n"})
    assert packed(file, BUILD).read() == file.read_bytes()


def zipped(folder: Path, entries: dict[str, str]) -> Path:
    with zipfile.ZipFile(folder / "source.zip", "w") as archive:
        for name, text in entries.items():
            archive.writestr(name, text)
    return folder / "source.zip"


@pytest.mark.parametrize(
    ("entries", "build", "words"),
    [
        (None, BUILD, " cannot be built: The source is not a complete zip: File is not a zip file. Zip it again and upload it"),
        ({}, BUILD, " has no Dockerfile; at its top it has: nothing"),
        ({"server.py": "", "bin/run": ""}, BUILD, " has no Dockerfile; at its top it has: bin server.py"),
        ({"../x": "", "Dockerfile": ""}, BUILD, " cannot be built: The source's entry ../x is outside of the source: zip the folder's content with relative names, and upload that"),
        ({"Dockerfile": ""}, {**BUILD, "CONTEXT": "app"}, " has no folder app; at its top it has: Dockerfile"),
        ({"app/x": "", "y": ""}, {"CONTEXT": "app", "DOCKERFILE": "app/Dockerfile"}, " has no app/Dockerfile; at its top it has: app y"),
    ],
)  # fmt: skip
def test_what_cannot_be_built_is_refused(tmp_path: Path, entries: Any, build: dict[str, str], words: str) -> None:
    file = zipped(tmp_path, entries or {})
    if entries is None:
        file.write_text("this is no archive")
    with pytest.raises(DeliveryError) as refused:
        packed(file, build)
    assert str(refused.value) == f"{file}{words}"


def test_a_source_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DeliveryError) as refused:
        packed(tmp_path / "none", BUILD)
    assert str(refused.value) == f"there is no {tmp_path / 'none'}; --source is a folder, or a zip"


def test_one_upload_has_so_many_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("delivery.uploads.packing.MOST", 100)
    with pytest.raises(DeliveryError, match="bytes as a zip; S3 takes 100 in one upload"):
        packed(make(tmp_path / "one"), BUILD)


def test_windows_line_ends_are_said_by_the_build_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    packed(zipped(tmp_path, {"Dockerfile": "", "run": "#!/bin/sh\r\n"}), BUILD)
    assert capsys.readouterr().out == ""


def test_a_folder_that_cannot_be_read_is_not_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder, scandir = make(tmp_path / "one"), os.scandir

    def closed(path: Any) -> Any:
        if Path(path).name == "bin":
            raise PermissionError(13, "Permission denied", str(path))
        return scandir(path)

    monkeypatch.setattr("os.scandir", closed)
    with pytest.raises(DeliveryError) as refused:
        packed(folder, BUILD)
    assert str(refused.value) == f"{folder} cannot be packed: [Errno 13] Permission denied: '{folder / 'bin'}'"


def test_a_name_that_no_zip_takes_is_refused(tmp_path: Path) -> None:
    folder = make(tmp_path / "one")
    (folder / os.fsdecode(b"caf\xe9")).write_text("")
    with pytest.raises(DeliveryError) as refused:
        packed(folder, BUILD)
    assert str(refused.value).startswith(f"{folder} cannot be packed: 'utf-8' codec can't encode")
