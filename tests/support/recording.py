"""Records the tutorial's first sessions in a terminal, and writes docs/session.svg: `make recording`.

An SVG that moves by itself, so it needs no player: each line appears when it was printed, and what does not fit scrolls.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from tests.scenarios.conftest import REPOSITORY, new_stack
from tests.support.console import Step, of_make, steps

PICTURE = REPOSITORY / "docs/session.svg"
COLUMNS, ROWS, CHARACTER, LINE = 108, 28, 7.8, 18
MARGIN = 14
LONGEST_PAUSE, TYPING, AT_THE_END = 0.8, 1.0, 6.0
"""Seconds: of what was waited for, before a command is run, and until it begins again."""
PAPER, INK, TYPED, GREY = "#0d1117", "#e6edf3", "#7ee787", "#8b949e"
PORT = re.compile(r"(?<=localhost:)\d+(?=/)")
"""Of the sandbox's load balancer, which is 8080 where that is nobody else's; the picture says that one."""
UNTIL = "status notes"
"""The last command that is recorded."""


@dataclass(frozen=True)
class Line:
    """A line of the terminal.

    Attributes:
        at: seconds from the beginning.
        text: what it says.
        typed: whether somebody has typed it.
    """

    at: float
    text: str
    typed: bool = False


def picture(lines: Sequence[Line]) -> str:
    """The recording as SVG."""
    length = lines[-1].at + AT_THE_END
    width, height = round(COLUMNS * CHARACTER + 2 * MARGIN), ROWS * LINE + 2 * MARGIN
    font = 'font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, monospace" font-size="13"'
    texts = "\n".join(_text(number, line, length) for number, line in enumerate(lines))
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" viewBox="0 0 {width} {height}" {font}>\n'
        f"<title>{escape(_summary(lines))}</title>\n"
        f'<rect width="100%" height="100%" rx="8" fill="{PAPER}"/>\n'
        f'<svg x="{MARGIN}" y="{MARGIN}" width="{width - 2 * MARGIN}" height="{ROWS * LINE}">\n'
        f"<g>\n{_scroll(lines, length)}{texts}\n</g>\n</svg>\n</svg>\n"
    )


def _summary(lines: Sequence[Line]) -> str:
    return "A terminal: " + "; ".join(line.text.removeprefix("$ ") for line in lines if line.typed)


def _text(number: int, line: Line, length: float) -> str:
    text = line.text if len(line.text) <= COLUMNS else line.text[: COLUMNS - 1] + "…"
    color = TYPED if line.typed else GREY if text.startswith("  ") else INK
    appears = f'<animate attributeName="opacity" values="0;1;1" keyTimes="0;{line.at / length:.4f};1" calcMode="discrete" dur="{length:.2f}s" repeatCount="indefinite"/>'
    y = (number + 1) * LINE - 5
    return f'<text y="{y}" fill="{color}" xml:space="preserve">{escape(text)}{appears if line.at else ""}</text>'


def _scroll(lines: Sequence[Line], length: float) -> str:
    """What moves all lines up when one more would be below the last row."""
    if len(lines) <= ROWS:
        return ""
    moves = [(0.0, 0), *((line.at, -(number - ROWS + 1) * LINE) for number, line in enumerate(lines) if number >= ROWS)]
    values = ";".join(f"0 {y}" for _, y in moves)
    times = ";".join(f"{at / length:.4f}" for at, _ in moves)
    return (
        f'<animateTransform attributeName="transform" type="translate" values="{values}" keyTimes="{times}" '
        f'calcMode="discrete" dur="{length:.2f}s" repeatCount="indefinite"/>\n'
    )


def shortened(lines: Sequence[Line]) -> Iterator[Line]:
    """With no pause longer than LONGEST_PAUSE, and one for typing before each command."""
    at, before = 0.0, 0.0
    for line in lines:
        at += TYPING if line.typed and at else min(line.at - before, LONGEST_PAUSE)
        before = line.at
        yield Line(round(at, 2), line.text, line.typed)


def record(sessions: Sequence[Step], folder: Path) -> Iterator[Line]:
    """Type them."""
    began = time.monotonic()
    for step in sessions:
        first, *more = step.command.splitlines()
        yield Line(time.monotonic() - began, f"$ {first}", typed=True)
        yield from (Line(time.monotonic() - began, f"> {line}", typed=True) for line in more)
        command = of_make(step.command)
        with subprocess.Popen(
            ["bash", "-c", command],
            cwd=folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "SANDBOX_SPEED": "60"},
        ) as process:
            for line in process.stdout or ():
                yield Line(time.monotonic() - began, line.rstrip("\n"))
        if process.returncode:
            raise RuntimeError(f"{step.command} has failed")


def main() -> None:
    """Record, and write the picture."""
    found = [each for each in steps((REPOSITORY / "docs/tutorial.md").read_text("utf-8")) if isinstance(each, Step)]
    last = next(number for number, each in enumerate(found) if UNTIL in each.command)
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made) / "fargate-delivery"
        folder.mkdir()
        with new_stack(folder, "local") as stack:
            stack.keep_services(["hello"])
            for link in (".venv", "examples"):
                (folder / link).symlink_to(REPOSITORY / link)
            lines = []
            for line in record(found[: last + 1], folder):
                sys.stderr.write(f"{line.text}\n")
                lines.append(Line(line.at, PORT.sub("8080", line.text), line.typed))
    PICTURE.write_text(picture(list(shortened(lines))), "utf-8")


if __name__ == "__main__":
    main()
