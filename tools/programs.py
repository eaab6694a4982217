"""Runs other programs for the set-up, and says how far they are. Standard library only, as all of it."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PROGRESS_SECONDS = 15


class Unavailable(Exception):
    """A program cannot be used on this machine; the message is the reason."""


def is_fetch(line: str) -> bool:
    """Whether Go printed this line because it fetches a module or its own toolchain."""
    return line.startswith("go: downloading ")


def is_package(line: str) -> bool:
    """Whether Go printed this line as the name of a package, not as a message."""
    return bool(line) and " " not in line


def last_line(output: str) -> str:
    """The last line that says something: where tools put the reason of a failure."""
    return next((line.strip() for line in reversed(output.splitlines()) if line.strip()), "no output")


def say(message: str) -> None:
    """One line of progress, at once."""
    print(message, flush=True)


def printed(program: str | Path | None, *arguments: str) -> str | None:
    """What a program prints; the error when it cannot run; None when there is no program."""
    if program is None:
        return None
    environment = {**os.environ, "PULUMI_SKIP_UPDATE_CHECK": "true"}
    try:
        result = subprocess.run(
            [program, *arguments], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return f"cannot run: {type(error).__name__}"
    return result.stdout if result.returncode == 0 else f"exit status {result.returncode}"


def run(program: str | Path, *arguments: str, seconds: float | None = None) -> None:
    """Runs a program quietly; Unavailable with its last line when it fails or takes longer than `seconds`."""
    with subprocess.Popen(
        [program, *arguments],
        cwd=ROOT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except BaseException as error:
            os.killpg(process.pid, signal.SIGKILL)
            if isinstance(error, subprocess.TimeoutExpired):
                raise Unavailable(f"not finished after {seconds:.0f} s") from None
            raise
    if process.returncode != 0:
        raise Unavailable(last_line(output))


def run_go(arguments: Sequence[str], describe: Callable[[Sequence[str]], str], module: Path) -> list[str]:
    """Runs `go` in a module and says every few seconds how far it is; returns the lines it printed."""
    started = time.monotonic()
    lines: list[str] = []
    with subprocess.Popen(
        ["go", *arguments],
        cwd=module,
        env={**os.environ, "GOWORK": "off"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as process:

        def read() -> None:
            for line in process.stdout or ():
                lines.append(line.rstrip())

        reader = threading.Thread(target=read)
        reader.start()
        while True:
            reader.join(PROGRESS_SECONDS)
            if not reader.is_alive():
                break
            minutes, seconds = divmod(round(time.monotonic() - started), 60)
            say(f"    {minutes} min {seconds:02} s: {describe(lines)}")
    if process.returncode != 0:
        messages = [line for line in lines if line and not is_package(line) and not is_fetch(line)]
        raise Unavailable(f"`go {arguments[0]}` failed: " + " / ".join(messages[-3:]))
    return lines
