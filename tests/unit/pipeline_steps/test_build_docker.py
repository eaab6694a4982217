"""How Package runs `docker`: what it gives to it, and what becomes of its output."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from pipeline_steps.build.content import Content
from pipeline_steps.build.docker import LINES_KEPT, Docker, client
from pipeline_steps.build.settings import Settings

SAYS_ALL = """\
import os, sys
print(os.path.realpath("."), sys.argv[1:], [os.environ.get(n) for n in ("PARAMETER_TOKEN", "BUILDX_NO_DEFAULT_ATTESTATIONS")])
print("read", sys.stdin.read(), file=sys.stderr)
sys.exit(3)
"""


def put_docker(folder: Path, script: str) -> Mapping[str, str]:
    """A `docker` that is this Python script; the environment that finds it."""
    (folder / "bin").mkdir()
    (folder / "bin/docker").write_text(f"#!{sys.executable}\n{script}")
    (folder / "bin/docker").chmod(0o755)
    return {**os.environ, "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"}


@pytest.fixture
def on_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}")
    return tmp_path


def test_the_client_has_the_source_and_the_secrets(on_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    variables = put_docker(on_path, SAYS_ALL)
    code, output = client(on_path, {**variables, "PARAMETER_TOKEN": "t0ken"})(["build", "."], "in")
    lines = [f"{os.path.realpath(on_path)} ['build', '.'] ['t0ken', '1']", "read in"]
    assert (code, sorted(output)) == (3, sorted(lines))
    assert sorted(capfd.readouterr().out.splitlines()) == sorted(lines)


def test_who_refuses_at_once_reads_nothing(on_path: Path) -> None:
    variables = put_docker(on_path, "import os; os.close(0); print('no', flush=True); os._exit(1)")
    code, output = client(on_path, variables)(["login"], "p" * 1_000_000)
    assert (code, list(output)) == (1, ["no"])
    assert not Docker(client(on_path, variables)).login("registry", "team", "p" * 1_000_000)


def test_the_end_of_a_long_output_is_kept(on_path: Path) -> None:
    variables = put_docker(on_path, "import sys; sys.stdout.buffer.write(b'x\\n' * 5000 + b'\\xff\\n')")
    code, output = client(on_path, variables)(["build"], "")
    assert (code, len(output), output[-1]) == (0, LINES_KEPT, "\ufffd")


def test_settings() -> None:
    variables = {
        "IMAGE": "none", "SOURCE_BUCKET": "b", "SOURCE_KEY": "k", "SOURCE_VERSION": "v", "EXECUTION": "e",
        "INBOX": "dev-web/inbox", "REBUILD": "", "REPOSITORY_URI": "registry:5000/team/web", "PLATFORM": "linux/arm64", "RELEASE_RECORD": "/r",
        "BUILD_ARGUMENTS": "B A", "BUILD_SECRETS": "S", "PARAMETER_A": "1", "PARAMETER_B": "2", "PARAMETER_S": "s",
        "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "x y", "CODEBUILD_INITIATOR": "codepipeline/dev-web",
        "CONTEXT": "web", "DOCKERFILE": "docker/web", "TARGET": "",
    }  # fmt: skip
    settings = Settings.parse(variables, Path("/source"))
    assert (settings.pipeline, settings.registry, settings.repository) == ("dev-web", "registry:5000", "team/web")
    arguments = {"B": "2", "A": "1"}
    assert settings.content == Content(Path("/source"), "web", "docker/web", "", "linux/arm64", arguments)
    assert (list(settings.content.build_arguments), settings.build_secrets) == (["B", "A"], {"S": "s"})
    assert (settings.logins, settings.ecr_registries) == ((), ("x", "y"))
