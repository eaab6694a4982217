"""The stand-in for docker as a command of this machine."""

import os
from pathlib import Path

import pytest

from sandbox.containers.on_path import write_docker


def test_it_is_written_anew_without_a_change_of_the_one_that_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each command of an operator writes it, and several run at once."""
    docker = write_docker(tmp_path) / "docker"
    running = tmp_path / "running"
    os.link(docker, running)
    before = running.read_text()
    monkeypatch.setattr("sys.executable", "/another/python")
    assert write_docker(tmp_path) == docker.parent
    assert running.read_text() == before
    assert docker.read_text() == before.replace(before.split()[2], "/another/python")
    assert (docker.stat().st_mode & 0o777, [*docker.parent.iterdir()]) == (0o755, [docker])
