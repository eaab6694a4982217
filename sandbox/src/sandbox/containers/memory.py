"""The memory that processes use, from /proc."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

_RESIDENT = re.compile(r"^Rss(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)
_PROPORTIONAL = re.compile(r"^Pss_(?:Anon|Shmem):\s+(\d+) kB", re.MULTILINE)


def resident(pid: int) -> int:
    """The bytes of all processes below `pid`, not its own; what several share counts for each. Quick."""
    return _sum(pid, lambda each: _RESIDENT.findall(Path(f"/proc/{each}/status").read_text()))


def proportional(pid: int) -> int:
    """The same with what is shared counted once, as a memory limit of Linux does. Takes milliseconds a process."""
    return _sum(pid, lambda each: _PROPORTIONAL.findall(Path(f"/proc/{each}/smaps_rollup").read_text()))


def _sum(pid: int, kilobytes: Callable[[int], list[str]]) -> int:
    total = 0
    for each in _descendants(pid):
        with suppress(OSError):
            total += 1024 * sum(map(int, kilobytes(each)))
    return total


def _descendants(pid: int) -> Iterator[int]:
    with suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            for child in map(int, (thread / "children").read_text().split()):
                yield child
                yield from _descendants(child)
