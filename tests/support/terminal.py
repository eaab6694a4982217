"""A command at a terminal: what is typed there, what it shows, how large it is."""

import fcntl
import os
import re
import select
import struct
import subprocess
import termios
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS = 60.0
CTRL_C = "\x03"


class Terminal:
    """One whose command runs."""

    def __init__(self, descriptor: int, process: subprocess.Popen[bytes]) -> None:
        self._descriptor, self._process = descriptor, process
        self.text = ""

    def type(self, keys: str) -> None:
        os.write(self._descriptor, keys.encode())

    def resize(self, rows: int, columns: int) -> None:
        _resize(self._descriptor, rows, columns)

    def shows(self, pattern: str, seconds: float = SECONDS) -> "re.Match[str]":
        """What is shown that matches; the next look begins after it.

        Raises:
            AssertionError: nothing does, in time or before the command's end.
        """
        end = time.monotonic() + seconds
        while (found := re.search(pattern, self.text)) is None:
            goes_on = time.monotonic() < end and self._read(end)
            assert goes_on, f"{pattern!r} is not in {self.text!r}"
        self.text = self.text[found.end() :]
        return found

    def ends(self, seconds: float = SECONDS) -> int:
        """The command's exit code; `text` is all that it has shown since the last look."""
        end = time.monotonic() + seconds
        while self._read(end):
            assert time.monotonic() < end, f"it does not end: {self.text!r}"
        return self._process.wait(seconds)

    def _read(self, end: float) -> bool:
        """Wait for more; False at the end of all."""
        readable, _, _ = select.select([self._descriptor], [], [], max(0.0, end - time.monotonic()))
        data = b""
        with suppress(OSError):  # EIO: nobody has the terminal any more
            data = os.read(self._descriptor, 65536) if readable else b""
        self.text += data.decode(errors="replace").replace("\r", "")
        return bool(data) or not readable


def _resize(descriptor: int, rows: int, columns: int) -> None:
    fcntl.ioctl(descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@contextmanager
def at_terminal(
    command: Sequence[str], folder: Path, variables: Mapping[str, str], size: tuple[int, int] = (24, 80)
) -> Iterator[Terminal]:
    """A command at a terminal of its own, of so many rows and columns; it is ended afterwards."""
    ours, theirs = os.openpty()
    _resize(ours, *size)
    process = subprocess.Popen(
        command,
        cwd=folder,
        env=dict(variables),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
    )
    os.close(theirs)
    try:
        yield Terminal(ours, process)
    finally:
        process.kill()
        process.wait()
        os.close(ours)
