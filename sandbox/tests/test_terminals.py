"""Terminals in containers: what runs at one, its keys, its size and its end."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from aws_fakes import eventually

from sandbox.containers.image import make_image
from sandbox.containers.namespace import StartError
from sandbox.containers.runtimes import base_image
from sandbox.containers.task import ContainerSpec, RunningContainer
from sandbox.containers.terminal import Terminal


@pytest.fixture
def container(tmp_path: Path) -> Iterator[RunningContainer]:
    """One whose own command runs as another user."""
    root = tmp_path / "image"
    (root / "app").mkdir(parents=True)
    base = base_image("python:3.12")
    config = {"Env": [f"{k}={v}" for k, v in base.environment.items()], "Cmd": ["sleep", "600"], "WorkingDir": "/app"}
    image = make_image(root, config, base.runtime, "amd64", tmp_path / "blobs")
    folder = tmp_path / "task"
    folder.mkdir()
    running = RunningContainer(folder, ContainerSpec(image, environment={"GREETING": "hello"}, user="nobody"))
    yield running
    running.kill()


class Screen:
    """What is written at a terminal, while it is read in a thread of its own."""

    def __init__(self, terminal: Terminal) -> None:
        self.text = ""
        self.reader = threading.Thread(target=self._read, args=(terminal,), daemon=True)
        self.reader.start()

    def _read(self, terminal: Terminal) -> None:
        for data in terminal.written():
            self.text += data.decode()

    def shows(self, text: str) -> bool:
        return bool(eventually(lambda: text in self.text))

    @property
    def ended(self) -> bool:
        self.reader.join(5)
        return not self.reader.is_alive()


def test_a_command_has_the_containers_surroundings_and_is_root(container: RunningContainer) -> None:
    script = "tty; id -u; pwd; echo $GREETING $TERM; echo out of $0 >&2"
    screen = Screen(container.open_terminal(["sh", "-c", script], {"TERM": "xterm"}))
    assert screen.ended
    assert screen.text.splitlines() == ["/dev/pts/0", "0", "/app", "hello xterm", "out of sh"]


def test_keys_size_and_ctrl_c(container: RunningContainer) -> None:
    terminal = container.open_terminal(["sh"], {})
    screen = Screen(terminal)
    terminal.resize(33, 101)
    terminal.type(b"stty size\n")
    assert screen.shows("33 101")
    terminal.type(b"sleep 100; echo status $?\n")
    time.sleep(0.3)
    terminal.type(b"\x03")
    terminal.type(b"echo still he''re\n")
    assert screen.shows("still here")
    assert "status 0" not in screen.text
    terminal.type(b"exit\n")
    assert screen.ended


def test_who_hangs_up_ends_what_runs(container: RunningContainer) -> None:
    terminal = container.open_terminal(["sh", "-c", "trap '' HUP; echo begun; sleep 1000"], {})
    screen = Screen(terminal)
    assert screen.shows("begun")
    terminal.hang_up()
    assert screen.ended


def test_the_end_of_the_container_is_the_end_of_the_terminal(container: RunningContainer) -> None:
    screen = Screen(container.open_terminal(["sleep", "1000"], {}))
    container.kill()
    assert screen.ended
    eventually(lambda: container.exit_code is not None)
    with pytest.raises(ConnectionError):
        container.open_terminal(["sh"], {})


def test_a_command_that_is_not_there(container: RunningContainer) -> None:
    with pytest.raises(StartError, match=r'exec: "bash4": executable file not found in \$PATH'):
        container.open_terminal(["bash4"], {})
