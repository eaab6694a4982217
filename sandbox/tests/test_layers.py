"""Layers of images: what they leave in a root folder together, and what none of them may do."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path

import pytest
from image_registry import layer, special

from sandbox.containers.layers import LayerError, apply_layer


def apply(root: Path, *layers: bytes) -> None:
    for number, content in enumerate(layers):
        file = root.parent / f"layer-{number}"
        file.write_bytes(content)
        apply_layer(file, root)


def found(root: Path) -> dict[str, str]:
    """Path → content, target of a link, or "/" of a folder that is empty."""
    files: dict[str, str] = {}
    for path in sorted(root.rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            files[name] = f"→ {path.readlink()}"
        elif path.is_file():
            files[name] = path.read_text()
        elif not any(path.iterdir()):
            files[name] = "/"
    return files


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "root"
    folder.mkdir()
    return folder


A = layer(("d/a", "1"), ("d/b", "1"), ("d/e/f", "1"), ("g", "1"))


@pytest.mark.parametrize(
    ("layers", "files"),
    [
        ([A, layer(("./d/a", "2"), ("/h", "2"))], {"d/a": "2", "d/b": "1", "d/e/f": "1", "g": "1", "h": "2"}),
        ([A, layer(("d/.wh.a", ""), ("d/.wh.e", ""), (".wh.none", ""), ("no/.wh.x", ""))], {"d/b": "1", "g": "1"}),
        ([A, layer(("d/.wh..wh..opq", ""), ("d/new", "2"))], {"d/new": "2", "g": "1"}),
        ([A, layer(("d/e/new", "2"), ("d/.wh..wh..opq", ""))], {"d/e/new": "2", "g": "1"}),
        ([A, layer(("d/a", "2"), ("d/.wh.a", ""))], {"d/a": "2", "d/b": "1", "d/e/f": "1", "g": "1"}),
        ([A, layer(("d/.wh..wh.plnk", ""))], {"d/a": "1", "d/b": "1", "d/e/f": "1", "g": "1"}),
        ([A, layer(("d", "2"), ("g", None))], {"d": "2", "g": "/"}),
        ([A, layer(("d", None))], {"d/a": "1", "d/b": "1", "d/e/f": "1", "g": "1"}),
        ([A, layer(special("d", tarfile.SYMTYPE, "g"))], {"d": "→ g", "g": "1"}),
        ([layer(("usr/lib/a", "1"), special("lib", tarfile.SYMTYPE, "usr/lib")), layer(("lib/b", "2"))], {"usr/lib/a": "1", "usr/lib/b": "2", "lib": "→ usr/lib"}),
        ([layer(special("out", tarfile.SYMTYPE, "/"), ("out/etc/x", "1"))], {"etc/x": "1", "out": "→ /"}),
        ([layer(special("out", tarfile.SYMTYPE, "../../.."), ("out/x", "1"))], {"x": "1", "out": "→ ../../.."}),
        ([layer(("a", "1"), special("out", tarfile.SYMTYPE, "/")), layer(("out/.wh.a", ""))], {"out": "→ /"}),
        ([layer(special("a", tarfile.SYMTYPE, "/etc/hostname")), layer(("a", "1"))], {"a": "1"}),
        ([layer(special("null", tarfile.CHRTYPE), special("pipe", tarfile.FIFOTYPE), ("a", "1"))], {"a": "1"}),
    ],
)  # fmt: skip
def test_what_layers_leave(root: Path, layers: list[bytes], files: dict[str, str]) -> None:
    beside = root.parent / "etc"
    beside.mkdir()
    apply(root, *layers)
    assert found(root) == files
    assert list(beside.iterdir()) == []


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (layer(("../x", "1")), "member '../x' is outside of its root"),
        (layer(("a/../../x", "1")), "is outside of its root"),
        (layer(special("x", tarfile.LNKTYPE, "../secret")), "is outside of its root"),
        (layer(special("x", tarfile.LNKTYPE, "/secret")), "is a link to '/secret', which is no file"),
        (layer(special("up", tarfile.SYMTYPE, ".."), special("x", tarfile.LNKTYPE, "up/secret")), "which is no file"),
        (layer(("a", None), special("x", tarfile.LNKTYPE, "a")), "which is no file"),
        (layer(("d/.wh...", "")), "names no file"),
        (layer(("a", "1"), ("a/b", "1")), "the layer cannot be unpacked"),
        (layer(("a", os.urandom(1000)))[:-200], "the layer cannot be read"),
        (b"\x28\xb5\x2f\xfd" + b"x" * 1000, "compressed with zstd"),
        (b"no archive", "the layer cannot be read"),
    ],
    ids=lambda value: value if isinstance(value, str) else "layer",
)
def test_what_a_layer_must_not_have(root: Path, content: bytes, words: str) -> None:
    (root.parent / "secret").write_text("s")
    with pytest.raises(LayerError, match=words):
        apply(root, content)
    assert {path.name for path in root.parent.iterdir()} == {"root", "secret", "layer-0"}
    assert not (root / "x").exists()


def test_hard_links_times_modes_and_owners(root: Path) -> None:
    below = layer(("exe", b"1", 0o4755), special("d", tarfile.DIRTYPE, mode=0o555, uid=7, gid=8, mtime=9), ("d/a", "1"))
    apply(
        root, below, layer(("new", "2"), special("same", tarfile.LNKTYPE, "exe"), special("n", tarfile.LNKTYPE, "new"))
    )
    assert (root / "same").samefile(root / "exe")
    assert (root / "n").samefile(root / "new")
    assert (root / "exe").stat().st_mode & 0o7777 == 0o4755
    folder = (root / "d").stat()
    owner = os.geteuid() == 0
    assert (folder.st_uid, folder.st_gid) == ((7, 8) if owner else (os.geteuid(), os.getegid()))
    assert (folder.st_mode & 0o7777, folder.st_mtime) == (0o555 if owner else 0o755, 9)
