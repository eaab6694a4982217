"""The script with which an app's CI computes the tag that Package looks for."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline_steps.build.content import Content
from tools.image_tag_script import FILE, script

ARGUMENTS = ["--build-arg", "B=two", "--build-arg", "A=one=1", "--target", "release", "--context", "web"]


def run(*arguments: str, cwd: Path) -> "subprocess.CompletedProcess[str]":
    """As an app's CI does: with nothing but Python."""
    command = [sys.executable, "-I", str(FILE), *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env={})


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "web").mkdir()
    (tmp_path / "web/Dockerfile").write_text("FROM scratch\n")
    (tmp_path / "web/.dockerignore").write_text("*.log\n")
    (tmp_path / "web/run").write_text("#!/bin/sh\n")
    (tmp_path / "web/run").chmod(0o755)
    (tmp_path / "web/hard").hardlink_to(tmp_path / "web/run")
    return tmp_path


def test_it_is_what_the_pipeline_runs() -> None:
    assert FILE.read_text("utf-8") == script(), "write it anew: make docs"


def test_its_tag_is_package_s(source: Path) -> None:
    wanted = Content(source, "web", "web/Dockerfile", "release", "linux/arm64", {"A": "one=1", "B": "two"}).tag()
    assert run("--platform", "linux/arm64", *ARGUMENTS, cwd=source).stdout == f"{wanted}\n"
    (source / "web/a.log").write_text("ignored")
    assert run("--platform", "linux/arm64", *ARGUMENTS, str(source), cwd=source.parent).stdout == f"{wanted}\n"
    (source / "web/run").write_text("#!/bin/sh\necho\n")
    assert run("--platform", "linux/arm64", *ARGUMENTS, cwd=source).stdout != f"{wanted}\n"


def test_a_file_with_two_names_is_a_file(source: Path) -> None:
    """As in the zip that is uploaded; package managers link files to their cache."""
    before = run("--platform", "linux/arm64", *ARGUMENTS, cwd=source).stdout
    (source / "web/hard").unlink()
    (source / "web/hard").write_bytes((source / "web/run").read_bytes())
    (source / "web/hard").chmod(0o755)
    assert run("--platform", "linux/arm64", *ARGUMENTS, cwd=source).stdout == before


def test_a_source_without_a_dockerfile(source: Path) -> None:
    done = run("--platform", "linux/arm64", cwd=source)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[-1].endswith("error: the source has no Dockerfile")
