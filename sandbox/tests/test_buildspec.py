"""Buildspecs: what the parser takes and refuses, and how artifacts are collected."""

from __future__ import annotations

from pathlib import Path

import pytest

from sandbox.codebuild.artifacts import ArtifactError, collect, pack
from sandbox.codebuild.buildspec import Artifact, BuildspecError, parse

FULL = """
version: 0.2
env:
  shell: bash
  variables: {A: 1, B: true, C: text}
  parameter-store: {P: /x/p}
  exported-variables: [D]
phases:
  install:
    runtime-versions: {python: 3.12}
    commands: one
  build:
    on-failure: CONTINUE
    commands:
      - a
      - |
        b
        c
    finally: [z]
artifacts:
  files: ['**/*']
  base-directory: out
  secondary-artifacts:
    Other: {files: x.json, discard-paths: yes}
cache: {paths: [/root/.cache]}
"""


def test_a_full_buildspec() -> None:
    spec = parse(FULL)
    assert spec.shell == "/bin/bash"
    assert spec.variables == {"A": "1", "B": "true", "C": "text"}
    assert spec.parameter_store == {"P": "/x/p"}
    assert spec.exported_variables == ["D"]
    assert spec.phases["install"].commands == ["one"]
    assert spec.phases["build"].commands == ["a", "b\nc\n"]
    assert (spec.phases["build"].finally_commands, spec.phases["build"].on_failure) == (["z"], "CONTINUE")
    assert spec.artifacts == Artifact(["**/*"], "out")
    assert spec.secondary_artifacts == {"Other": Artifact(["x.json"], discard_paths=True)}


def test_the_shell_is_sh_by_default() -> None:
    spec = parse("version: 0.2\nphases: {build: {commands: [x]}}")
    assert (spec.shell, spec.artifacts) == ("/bin/sh", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a: [", "no valid YAML"),
        ("- a", "must be a mapping"),
        ("version: 0.1\nphases: {}", "only 0.2"),
        ("version: 0.2", "phases must be a mapping"),
        ("version: 0.2\nphases: {pre-build: {commands: [x]}}", "unknown or not simulated: 'pre-build'"),
        ("version: 0.2\nphases: {build: {comands: [x]}}", "unknown or not simulated: 'comands'"),
        (
            "version: 0.2\nphases: {build: {commands: [{echo: x}]}}",
            r"commands\[0\] to be of string type: found subkeys",
        ),
        ("version: 0.2\nphases: {build: {commands: [x], on-failure: RETRY}}", "neither ABORT nor CONTINUE"),
        ("version: 0.2\nenv: {shell: zsh}\nphases: {}", "the shell 'zsh'"),
        ("version: 0.2\nenv: {git-credential-helper: yes}\nphases: {}", "git-credential-helper"),
        ("version: 0.2\nbatch: {}\nphases: {}", "'batch'"),
        ("version: 0.2\nphases: {}\nartifacts: {files: []}", "files is required"),
    ],
)
def test_what_is_refused(text: str, message: str) -> None:
    with pytest.raises(BuildspecError, match=message):
        parse(text)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for name in ("a.json", "b.txt", "dir/c.json", "dir/sub/d.json", ".hidden"):
        path = tmp_path / "src" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(name)
    return tmp_path


@pytest.mark.parametrize(
    ("artifact", "names"),
    [
        (Artifact(["a.json", "./b.txt"]), ["a.json", "b.txt"]),
        (Artifact(["*.json"]), ["a.json"]),
        (Artifact(["dir/*"]), ["dir/c.json"]),
        (Artifact(["**/*.json"]), ["a.json", "dir/c.json", "dir/sub/d.json"]),
        (Artifact(["**/*"]), [".hidden", "a.json", "b.txt", "dir/c.json", "dir/sub/d.json"]),
        (Artifact(["**/*"], "dir"), ["c.json", "sub/d.json"]),
        (Artifact(["**/*"], discard_paths=True, base_directory="dir"), ["c.json", "d.json"]),
        (Artifact(["**/*"], exclude_paths=["dir/**/*", ".*"]), ["a.json", "b.txt"]),
        (Artifact(["*"], "d*"), ["c.json"]),
    ],
)
def test_artifacts(root: Path, artifact: Artifact, names: list[str]) -> None:
    assert sorted(collect(root, "/src", artifact)) == names


@pytest.mark.parametrize(
    ("artifact", "message"),
    [
        (Artifact(["none"]), "no matching artifact paths found: none"),
        (Artifact(["a.json", "none*"]), r"no matching artifact paths found: none\*"),
        (Artifact(["*"], "none"), "no matching base directory path found for none"),
        (Artifact(["b.txt"], exclude_paths=["*"]), "no matching artifact paths found"),
    ],
)
def test_artifacts_that_are_missing(root: Path, artifact: Artifact, message: str) -> None:
    with pytest.raises(ArtifactError, match=message):
        collect(root, "/src", artifact)


def test_artifacts_do_not_follow_links_out_of_the_build(root: Path, tmp_path_factory: pytest.TempPathFactory) -> None:
    outside = tmp_path_factory.mktemp("outside") / "secret"
    outside.write_text("host")
    (root / "src/evil").symlink_to(outside)
    (root / "src/up").symlink_to("../../../../../../../../etc/hostname")
    assert "evil" not in collect(root, "/src", Artifact(["*"]))
    with pytest.raises(ArtifactError):
        collect(root, "/src", Artifact(["secret"], base_directory=str(outside.parent)))


def test_a_zip_of_the_same_content_is_the_same(root: Path) -> None:
    files = collect(root, "/src", Artifact(["**/*"]))
    assert pack(files) == pack(dict(reversed(files.items())))
