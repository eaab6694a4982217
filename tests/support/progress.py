"""One line of progress instead of a letter for each test, where several processes run the tests.

On a terminal it is written anew each second; in a log there is one every half minute. A failed test has a line of its
own at once.
"""

import shutil
import threading
import time
from collections.abc import Generator
from typing import Any

import pytest

SECONDS_ON_A_TERMINAL, SECONDS_IN_A_LOG = 1, 30
WIDTH_OF_A_LOG = 200


def progress_line(done: int, total: int, seconds: float, running: list[str]) -> str:
    """How far the tests are.

    Args:
        done: how many tests have ended.
        total: how many there are, 0 while that is unknown.
        seconds: since the beginning.
        running: the node ids of the tests that run now.
    """
    minutes, rest = divmod(int(seconds), 60)
    share = f"{100 * done // total:3d} % of {total}" if total else "collecting"
    tests = ", ".join(test.rpartition("/")[2].replace(".py::", "::") for test in running)
    return f"{share}, {minutes} min {rest:02d} s: {tests}".rstrip(": ")


class Progress:
    """What pytest tells of the tests, as lines of its terminal.

    Args:
        terminal: pytest's terminal reporter.
        is_terminal: whether lines can be written anew.
    """

    def __init__(self, terminal: Any, is_terminal: bool) -> None:
        self._terminal, self._is_terminal = terminal, is_terminal
        self._total, self._done, self._began = 0, 0, time.monotonic()
        self._running: list[str] = []
        self._lock, self._ended = threading.Lock(), threading.Event()
        self._thread = threading.Thread(target=self._repeat, daemon=True)
        self._thread.start()

    def _repeat(self) -> None:
        while not self._ended.wait(SECONDS_ON_A_TERMINAL if self._is_terminal else SECONDS_IN_A_LOG):
            self._write()

    def _write(self, message: str = "") -> None:
        """The line, below a message if there is one."""
        with self._lock:
            line = progress_line(self._done, self._total, time.monotonic() - self._began, self._running)
            if not self._is_terminal:
                self._terminal.write_line(message or line[:WIDTH_OF_A_LOG])
                return
            if message:
                self._terminal.rewrite(message, erase=True)
                self._terminal.write_line("")
            self._terminal.rewrite(line[: shutil.get_terminal_size().columns - 1], erase=True)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, ids: list[str]) -> None:
        """Each process has collected the same."""
        self._total = len(ids)

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        with self._lock:
            self._running.append(nodeid)

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        with self._lock:
            self._done += 1
            if nodeid in self._running:
                self._running.remove(nodeid)

    @pytest.hookimpl(wrapper=True)
    def pytest_report_teststatus(
        self, report: pytest.TestReport
    ) -> Generator[None, tuple[str, str, object], tuple[str, str, object]]:
        """Leave out the letter of a test; the summary at the end has its word."""
        category, letter, word = yield
        if self._ended.is_set():
            return category, letter, word
        if category in ("failed", "error") and letter:
            self._write(f"{category.upper()} {report.nodeid}")
        return category, "", ""

    def pytest_sessionfinish(self) -> None:
        self._ended.set()
        self._thread.join()
        if self._is_terminal:
            self._terminal.write_line("")


def pytest_sessionstart(session: pytest.Session) -> None:
    """Take the place of the letters, unless more was asked for."""
    config = session.config
    terminal: Any = config.pluginmanager.get_plugin("terminalreporter")
    if terminal and config.get_verbosity() <= 0 and config.getoption("numprocesses", None):
        config.pluginmanager.register(Progress(terminal, terminal.isatty), "progress")
