"""What the tag of an image is made of."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pipeline_steps.build.content import Content

GIVEN: dict[str, Any] = {
    "context": ".",
    "dockerfile": "Dockerfile",
    "target": "",
    "platform": "linux/arm64",
    "build_arguments": {"LEVEL": "1"},
}


def tag(source: Path, **given: Any) -> str:
    return Content(source, **{**GIVEN, **given}).tag()


@pytest.fixture
def source(tmp_path: Path) -> Path:
    for folder in ("bin", "a", "a.d"):
        (tmp_path / folder).mkdir()
    for name, text in {"Dockerfile": "FROM scratch\n", "bin/migrate": "#!/bin/sh\n", "a/x": "", "a.d/y": ""}.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "link").symlink_to("bin/migrate")
    for path in (tmp_path, *tmp_path.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.name == "migrate" else 0o644)
    return tmp_path


def test_the_tag_is_what_it_was_when_gnu_tar_made_it(source: Path) -> None:
    """So a source that was built before this was Python is not built again."""
    assert tag(source) == "content-a1b3a298737a55205e6cf74008718702c251e06a"


def touch(source: Path) -> None:
    os.utime(source / "Dockerfile", (0, 1))


def give_away(source: Path) -> None:
    if os.geteuid() == 0:
        os.chown(source / "Dockerfile", 1, 1)


def relink(source: Path) -> None:
    (source / "link").unlink()
    (source / "link").symlink_to("bin")


CHANGES: dict[str, tuple[Callable[[Path], object], dict[str, Any], bool]] = {
    "nothing": (lambda _: None, {}, True),
    "a file's time": (touch, {}, True),
    "a file's owner": (give_away, {}, True),
    "a file's content": (lambda source: (source / "a/x").write_text("1"), {}, False),
    "a file's name": (lambda source: (source / "a/x").rename(source / "a/z"), {}, False),
    "whether a file can be executed": (lambda source: (source / "a/x").chmod(0o755), {}, False),
    "what an umask does to modes": (lambda source: (source / "a/x").chmod(0o600), {}, True),
    "what an umask does to a folder": (lambda source: (source / "a").chmod(0o700), {}, True),
    "another empty folder": (lambda source: (source / "b").mkdir(), {}, False),
    "where a link leads": (relink, {}, False),
    "the value of a build argument": (lambda _: None, {"build_arguments": {"LEVEL": "2"}}, False),
    "another build argument": (lambda _: None, {"build_arguments": {"LEVEL": "1", "MORE": "x"}}, False),
    "the platform": (lambda _: None, {"platform": "linux/amd64"}, False),
    "the stage that is built": (lambda _: None, {"target": "release"}, False),
    "another Dockerfile": (lambda _: None, {"dockerfile": "bin/migrate"}, False),
    "another context": (lambda _: None, {"context": "a"}, False),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_tag_is_of_all_that_the_image_is_made_of(source: Path, case: str) -> None:
    change, given, same = CHANGES[case]
    before = tag(source)
    change(source)
    assert (tag(source, **given) == before) is same


@pytest.mark.parametrize(
    ("lines", "file", "same"),
    [
        ("a\n", "a/x", True),
        ("a/x\n", "a/x", True),
        ("**/x\n", "a/x", True),
        ("*\n!bin\n", "a/x", True),
        ("*\n!a/x\n", "a/x", False),
        ("b\n", "a/x", False),
        ("*\n", "Dockerfile", False),
        ("*\n!.dockerignore\n", ".dockerignore", False),
        ("*\n!bin\n", ".dockerignore", True),
    ],
)
def test_what_docker_ignores_is_no_part_of_it(source: Path, lines: str, file: str, same: bool) -> None:
    (source / ".dockerignore").write_text(lines)
    before = tag(source)
    (source / file).write_text(f"{(source / file).read_text()}# changed\n")
    assert (tag(source) == before) is same


def test_a_folder_that_is_ignored_is_there_for_what_is_not(source: Path) -> None:
    (source / ".dockerignore").write_text("*\n!a/x\n")
    before = tag(source)
    (source / "c").mkdir()
    assert tag(source) == before
    (source / "a/x").unlink()
    without = tag(source)
    assert without != before
    (source / "a").rmdir()
    assert tag(source) == without


@pytest.mark.parametrize(
    ("context", "dockerfile", "file", "same"),
    [
        ("a", "a/Dockerfile", "a/x", False),
        ("a", "a/Dockerfile", "a/Dockerfile", False),
        ("a", "a/Dockerfile", "bin/migrate", True),
        ("a", "a/Dockerfile", "Dockerfile", True),
        ("a", "Dockerfile", "Dockerfile", False),
        ("a", "Dockerfile", "bin/migrate", True),
        (".", "a/Dockerfile", "bin/migrate", False),
    ],
)
def test_what_is_outside_of_the_context_is_no_part_of_it(
    source: Path, context: str, dockerfile: str, file: str, same: bool
) -> None:
    (source / "a/Dockerfile").write_text("FROM scratch\n")
    before = tag(source, context=context, dockerfile=dockerfile)
    (source / file).write_text(f"{(source / file).read_text()}# changed\n")
    assert (tag(source, context=context, dockerfile=dockerfile) == before) is same


def test_the_ignore_file_beside_the_dockerfile_comes_first(source: Path) -> None:
    (source / ".dockerignore").write_text("a.d/y\n")
    (source / "bin/migrate.dockerignore").write_text("a/x\n")
    before = tag(source, dockerfile="bin/migrate")
    (source / "a/x").write_text("changed")
    assert tag(source, dockerfile="bin/migrate") == before
    (source / "a.d/y").write_text("changed")
    assert tag(source, dockerfile="bin/migrate") != before


@pytest.mark.parametrize(
    ("given", "missing"),
    [
        ({}, []),
        ({"context": "c", "dockerfile": "c/Dockerfile"}, ["folder c", "c/Dockerfile"]),
        ({"context": "Dockerfile"}, ["folder Dockerfile"]),
        ({"dockerfile": "a"}, ["a"]),
    ],
)
def test_what_a_source_does_not_have(source: Path, given: dict[str, Any], missing: list[str]) -> None:
    assert list(Content(source, **{**GIVEN, **given}).missing()) == missing
