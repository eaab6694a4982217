"""The processes that a server has started: builds and task containers, and whatever those started."""

from __future__ import annotations

import ctypes
import logging
import os
import signal
import time
from pathlib import Path

log = logging.getLogger(__name__)

_PR_SET_CHILD_SUBREAPER = 36


def adopt_orphans() -> None:
    """Let descendants whose parent has died become this process's children, so that none is lost."""
    library = ctypes.CDLL(None, use_errno=True)
    if library.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        log.warning("orphaned processes will not be adopted: %s", os.strerror(ctypes.get_errno()))


def end_descendants(grace: float = 2.0) -> None:
    """End every descendant of this process: SIGTERM, then after ``grace`` seconds SIGKILL."""
    for sign, seconds in ((signal.SIGTERM, grace), (signal.SIGKILL, grace)):
        for pid in _descendants(os.getpid()):
            _send(pid, sign)
        end = time.monotonic() + seconds
        while _descendants(os.getpid()) and time.monotonic() < end:
            time.sleep(0.05)


def _send(pid: int, sign: signal.Signals) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return
    except PermissionError:
        log.warning("process %d cannot be ended", pid)


def _descendants(root: int) -> list[int]:
    """Living descendants (zombies are not), by the parent of every process."""
    children: dict[int, list[int]] = {}
    zombies: set[int] = set()
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit():
            continue
        try:
            state, parent = (folder / "stat").read_text().rpartition(")")[2].split()[:2]
        except (FileNotFoundError, ProcessLookupError):
            continue
        children.setdefault(int(parent), []).append(int(folder.name))
        if state == "Z":
            zombies.add(int(folder.name))
    descendants: list[int] = []
    pending = [root]
    while pending:
        pending += (below := children.get(pending.pop(), []))
        descendants += below
    return [pid for pid in descendants if pid not in zombies]
