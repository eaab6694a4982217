"""A source as it comes: zips of each tool and system are unpacked to the same files, or one line says what to do."""

from __future__ import annotations

import io
import stat
import struct
import subprocess
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from pipeline_steps.build import source_zip
from pipeline_steps.job import StepError

WINDOWS, UNIX = 0, 3
SCRIPT = b"#!/bin/sh\necho hello\n"
UPLOAD = ", and upload that."


def entry(
    name: str, mode: int = stat.S_IFREG | 0o644, system: int = UNIX, flags: int = 0, extra: bytes = b""
) -> zipfile.ZipInfo:
    info = zipfile.ZipInfo(name)
    info.create_system, info.external_attr, info.extra = system, mode << 16 if system == UNIX else 0x20, extra
    info.flag_bits |= flags
    return info


def zipped(*entries: tuple[zipfile.ZipInfo | str, bytes]) -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        for info, content in entries:
            opened.writestr(entry(info) if isinstance(info, str) else info, content)
    archive.seek(0)
    return archive


def unpacked(folder: Path, archive: io.BytesIO, *named: str) -> dict[str, str]:
    """Path → mode and content, or where a link leads; `/` for an empty folder."""
    target = folder / "unpacked"
    target.mkdir()
    source_zip.unpack(archive, target, named or (".", "Dockerfile"))
    files = {}
    for path in sorted(target.rglob("*")):
        name = str(path.relative_to(target))
        if path.is_symlink():
            files[name] = f"→ {path.readlink()}"
        elif path.is_file():
            files[name] = f"{stat.S_IMODE(path.stat().st_mode):o} {path.read_bytes().decode()}"
        elif not any(path.iterdir()):
            files[name] = "/"
    return files


FLAGS, METHOD, CRC = (6, 8, "<H"), (8, 10, "<H"), (14, 16, "<I")
"""Where a field is in an entry's own header and in the directory, and its type (APPNOTE.TXT, 4.3.7 and 4.3.12)."""


def patched(archive: io.BytesIO, field: tuple[int, int, str], change: Callable[[int], int]) -> io.BytesIO:
    """The archive with a field of each entry changed, as other tools write it."""
    content = bytearray(archive.getvalue())
    in_header, in_directory, kind = field
    for signature, offset in ((b"PK\x03\x04", in_header), (b"PK\x01\x02", in_directory)):
        at = content.find(signature)
        while at >= 0:
            (value,) = struct.unpack_from(kind, content, at + offset)
            struct.pack_into(kind, content, at + offset, change(value))
            at = content.find(signature, at + 4)
    return io.BytesIO(bytes(content))


def renamed(archive: io.BytesIO, old: bytes, new: bytes) -> io.BytesIO:
    """The archive with another name of the same length, without a word on its encoding."""
    content = io.BytesIO(archive.getvalue().replace(old, new))
    return patched(content, FLAGS, lambda bits: bits & ~0x800)


def streamed() -> io.BytesIO:
    """Written to what cannot be sought in: each entry's sizes are in a data descriptor behind it."""
    content = io.BytesIO()

    class Pipe(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: bytes) -> int:  # type: ignore[override]
            return content.write(data)

    with zipfile.ZipFile(Pipe(), "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr(entry("Dockerfile"), b"FROM scratch\n")
        assert opened.infolist()[0].flag_bits & 0x8
    content.seek(0)
    return content


def zip64() -> io.BytesIO:
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as opened, opened.open(entry("Dockerfile"), "w", force_zip64=True) as file:
        file.write(b"FROM scratch\n")
    archive.seek(0)
    return archive


DOCKERFILE = ("Dockerfile", b"FROM scratch\n")
UNPACKED = {"Dockerfile": "644 FROM scratch\n"}
EXTRA = struct.pack("<HHBI", 0x7075, 5 + len("データ".encode()), 1, 0) + "データ".encode()

TAKEN: dict[str, tuple[Callable[[], io.BytesIO], dict[str, str]]] = {
    "files": (lambda: zipped(DOCKERFILE, ("bin/run", b"x")), {**UNPACKED, "bin/run": "644 x"}),
    "modes are git's": (
        lambda: zipped(DOCKERFILE, (entry("a", stat.S_IFREG | 0o4711), b"a"), (entry("b", stat.S_IFREG | 0o600), b"b")),
        {**UNPACKED, "a": "755 a", "b": "644 b"},
    ),
    "of Windows, which has no modes": (
        lambda: zipped(
            (entry("Dockerfile", system=WINDOWS), b"F"),
            (entry("run", system=WINDOWS), SCRIPT),
            (entry("app", system=WINDOWS), b"\x7fELF"),
        ),
        {"Dockerfile": "644 F", "run": f"755 {SCRIPT.decode()}", "app": "755 \x7fELF"},
    ),
    "no modes for plain files, as git archive": (
        lambda: zipped((entry("a", system=WINDOWS), SCRIPT), (entry("b", stat.S_IFREG | 0o755), b"x")),
        {"a": f"644 {SCRIPT.decode()}", "b": "755 x"},
    ),
    "backslashes of Windows": (
        lambda: renamed(zipped((entry("bin/run", system=WINDOWS), b"x"), (entry("Dockerfile", system=WINDOWS), b"F")), b"bin/run", b"bin\\run"),
        {"Dockerfile": "644 F", "bin/run": "644 x"},
    ),
    "a folder of Windows": (
        lambda: renamed(
            zipped(DOCKERFILE, (entry("bin/", system=WINDOWS), b""), (entry("bin/run", system=WINDOWS), b"x")), b"bin/", b"bin\\"
        ),
        {**UNPACKED, "bin/run": "644 x"},
    ),
    "a name with a backslash, of Unix": (lambda: zipped(DOCKERFILE, ("a\\b", b"x")), {**UNPACKED, "a\\b": "644 x"}),
    "line ends of Windows in a script": (
        lambda: zipped(DOCKERFILE, ("run", SCRIPT.replace(b"\n", b"\r\n"))), {**UNPACKED, "run": f"644 {SCRIPT.decode()}"},
    ),
    "line ends of Windows elsewhere": (lambda: zipped(DOCKERFILE, ("a.txt", b"a\r\nb")), {**UNPACKED, "a.txt": "644 a\r\nb"}),
    "one folder at the top": (
        lambda: zipped((entry("app-1.0/", stat.S_IFDIR | 0o755), b""), ("app-1.0/Dockerfile", b"F"), ("app-1.0/a/b", b"x")),
        {"Dockerfile": "644 F", "a/b": "644 x"},
    ),
    "one folder at the top, and macOS's own": (
        lambda: zipped(("app/Dockerfile", b"F"), ("__MACOSX/app/._Dockerfile", b"\0"), ("__MACOSX/._app", b"\0")),
        {"Dockerfile": "644 F"},
    ),
    "one file": (lambda: zipped(DOCKERFILE), UNPACKED),
    "an empty folder": (lambda: zipped(DOCKERFILE, (entry("tmp/", stat.S_IFDIR), b"")), {**UNPACKED, "tmp": "/"}),
    "a symbolic link": (
        lambda: zipped(DOCKERFILE, (entry("now", stat.S_IFLNK | 0o777), b"releases/1"), (entry("out", stat.S_IFLNK), b"/app/../x")),
        {**UNPACKED, "now": "→ releases/1", "out": "→ /app/../x"},
    ),
    "a name in UTF-8": (lambda: zipped(DOCKERFILE, ("データ", b"x")), {**UNPACKED, "データ": "644 x"}),
    "a name in UTF-8 that nothing calls so": (
        lambda: renamed(zipped(DOCKERFILE, ("データ", b"x")), b"", b""), {**UNPACKED, "データ": "644 x"},
    ),
    "a name in Shift JIS, and in UTF-8 beside it": (
        lambda: renamed(
            zipped(DOCKERFILE, (entry("xxxxxx", extra=EXTRA), b"x")), b"xxxxxx", "データ".encode("shift_jis")
        ),
        {**UNPACKED, "データ": "644 x"},
    ),
    "data descriptors": (streamed, UNPACKED),
    "ZIP64": (zip64, UNPACKED),
    "nothing": (zipped, {}),
}  # fmt: skip
"""What a zip has → what docker builds from."""


@pytest.mark.parametrize("what", TAKEN)
def test_a_zip_is_taken_as_it_comes(tmp_path: Path, what: str) -> None:
    archive, files = TAKEN[what]
    assert unpacked(tmp_path, archive()) == files


@pytest.mark.parametrize("named", [(".", "app/Dockerfile"), ("app", "Dockerfile"), ("app/web", "app/web/Dockerfile")])
def test_one_folder_stays_where_the_stack_file_names_it(tmp_path: Path, named: tuple[str, str]) -> None:
    archive = zipped(("app/Dockerfile", b"F"), ("app/a", b"x"))
    assert unpacked(tmp_path, archive, *named) == {"app/Dockerfile": "644 F", "app/a": "644 x"}


def test_a_script_whose_line_ends_are_mended_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    unpacked(tmp_path, zipped(DOCKERFILE, ("bin/run", b"#!/bin/sh\r\necho\r\n"), ("b", b"#!/bin/sh\n")))
    assert capsys.readouterr().out == "bin/run: a script with Windows line ends, which are Linux's now.\n"


REFUSED: dict[str, tuple[Callable[[], io.BytesIO], str]] = {
    "no zip": (
        lambda: io.BytesIO(b"\x1f\x8b\x08"),
        "The source is not a complete zip: File is not a zip file. Zip it again and upload it.",
    ),
    "a zip that is cut off": (
        lambda: io.BytesIO(zipped(DOCKERFILE).getvalue()[:-30]),
        "The source is not a complete zip: File is not a zip file. Zip it again and upload it.",
    ),
    "a file that is broken": (
        lambda: patched(zipped(DOCKERFILE), CRC, lambda value: value ^ 1),
        "The source is not a complete zip: Bad CRC-32 for file 'Dockerfile'. Zip it again and upload it.",
    ),
    "another encoding": (
        lambda: renamed(zipped(DOCKERFILE, (entry("xxxxxx"), b"x")), b"xxxxxx", "データ".encode("shift_jis")),
        "The source's entry âfü[â^ has a name in an encoding that the zip does not declare: zip with UTF-8 names, as git "
        f"archive does{UPLOAD}",
    ),
    "a parent": (
        lambda: zipped(("../Dockerfile", b"F")),
        f"The source's entry ../Dockerfile is outside of the source: zip the folder's content with relative names{UPLOAD}",
    ),
    "a root": (
        lambda: renamed(zipped(("xetc/passwd", b"F")), b"xetc", b"/etc"),
        f"The source's entry /etc/passwd is outside of the source: zip the folder's content with relative names{UPLOAD}",
    ),
    "a password": (
        lambda: patched(zipped(DOCKERFILE), FLAGS, lambda bits: bits | 1),
        f"The source's entry Dockerfile is encrypted: zip without a password{UPLOAD}",
    ),
    "one file twice": (
        lambda: zipped(DOCKERFILE, ("./Dockerfile", b"F")),
        f"The source's entry Dockerfile is there twice: zip each file once{UPLOAD}",
    ),
    "what is behind a link": (
        lambda: zipped((entry("now", stat.S_IFLNK), b"/etc"), ("now/passwd", b"x")),
        f"The source's entry now/passwd is in now, which is not a folder: zip the files themselves{UPLOAD}",
    ),
    "what is behind a file": (
        lambda: zipped(("a", b"x"), ("a/b", b"x")),
        f"The source's entry a/b is in a, which is not a folder: zip the files themselves{UPLOAD}",
    ),
    "a pipe": (
        lambda: zipped((entry("pipe", stat.S_IFIFO), b"")),
        f"The source's entry pipe is neither a file nor a folder nor a symbolic link: leave it out{UPLOAD}",
    ),
    "another compression": (
        lambda: patched(zipped(DOCKERFILE), METHOD, lambda _: 9),
        "The source's entry Dockerfile cannot be unpacked (That compression method is not supported): zip with deflate"
        f"{UPLOAD}",
    ),
}  # fmt: skip
"""What a zip has → the line that says so."""


@pytest.mark.parametrize("what", REFUSED)
def test_what_cannot_be_taken_is_one_line(tmp_path: Path, what: str) -> None:
    archive, line = REFUSED[what]
    with pytest.raises(StepError) as error:
        unpacked(tmp_path, archive())
    assert str(error.value) == line


def test_nothing_is_written_outside_of_the_folder(tmp_path: Path) -> None:
    for archive in (
        zipped(("../x", b"")),
        zipped((entry("out", stat.S_IFLNK), str(tmp_path).encode()), ("out/x", b"")),
    ):
        (tmp_path / "unpacked").mkdir()
        with pytest.raises(StepError):
            source_zip.unpack(archive, tmp_path / "unpacked", ["Dockerfile"])
        assert not (tmp_path / "x").exists()
        (tmp_path / "unpacked").rmdir()


def test_what_git_archives_is_taken(tmp_path: Path) -> None:
    repository = tmp_path / "repository"
    (repository / "bin").mkdir(parents=True)
    (repository / "Dockerfile").write_text("FROM scratch\n")
    (repository / "bin/run").write_bytes(SCRIPT)
    (repository / "bin/run").chmod(0o755)
    (repository / "link").symlink_to("bin/run")
    (repository / "データ").write_text("x")
    user = ["-c", "user.name=a", "-c", "user.email=a@b"]
    for command in (["init", "-q"], ["add", "."], [*user, "commit", "-qm", "one"]):
        subprocess.run(["git", *command], cwd=repository, check=True)
    files = {**UNPACKED, "bin/run": f"755 {SCRIPT.decode()}", "link": "→ bin/run", "データ": "644 x"}
    for prefix in ([], ["--prefix=app-1.0/"]):
        (tmp_path / str(len(prefix))).mkdir()
        command = ["git", "archive", "--format=zip", *prefix, "HEAD"]
        content = subprocess.run(command, cwd=repository, check=True, capture_output=True).stdout
        assert unpacked(tmp_path / str(len(prefix)), io.BytesIO(content)) == files
