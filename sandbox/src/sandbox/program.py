"""Runs a repository's program in this process, as the CLI's own language host would in one of its own."""

import asyncio
import contextlib
import gc
import os
import runpy
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

import pulumi

NOT_THE_PROGRAMS = ("sandbox", "tests")
"""Packages beside a program that it does not use."""
SECONDS_TO_END = 30.0
"""For a program to see that its engine has ended."""
_LOOPS: list[asyncio.AbstractEventLoop] = []
"""Of the programs that have begun. One stops when its program is over; the SDK does not always close it then."""


def run(root: Path, declared: Callable[[Any], None] | None = None) -> None:
    """Run `__main__.py` as it is now.

    Args:
        root: its folder.
        declared: is told of each resource that the program makes.
    """
    with contextlib.suppress(RuntimeError):
        _LOOPS.append(asyncio.get_running_loop())
    if declared is not None:
        pulumi.runtime.register_stack_transformation(declared)
    runpy.run_path(str(root / "__main__.py"), run_name="__main__")


@contextlib.contextmanager
def as_if_started(root: Path, aws: Mapping[str, str]) -> Iterator[None]:
    """What a program finds when it starts, and nothing of it once it is over.

    The folder, `sys.path` and `sys.argv` are those of `python __main__.py`; its modules are none that an earlier run,
    another folder's program or this process has imported; of the AWS variables there are only those in `aws`, so that
    nothing it calls reaches a real account; what it prints goes to standard error, since standard output is the
    command's.
    """
    modules = _taken_out(root)
    path, arguments, thresholds = list(sys.path), list(sys.argv), gc.get_threshold()
    sys.path.insert(0, str(root))
    sys.argv = [str(root / "__main__.py")]
    try:
        with with_variables(aws), contextlib.chdir(root), contextlib.redirect_stdout(sys.stderr), _quiet_event_loops():
            try:
                yield
            finally:
                _wait_until_over()
    finally:
        sys.path[:], sys.argv = path, arguments
        _taken_out(root)
        sys.modules.update(modules)
        gc.unfreeze()
        gc.set_threshold(*thresholds)


@contextlib.contextmanager
def with_variables(aws: Mapping[str, str]) -> Iterator[None]:
    """This process with these variables of AWS's, and no others of it; then as it was before."""
    environment = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(aws)
    try:
        yield
    finally:
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


def _wait_until_over() -> None:
    """An engine may end before its program: that goes on, in a thread of the SDK's, until a call of it fails."""
    end = time.monotonic() + SECONDS_TO_END
    while any(loop.is_running() for loop in _LOOPS) and time.monotonic() < end:
        time.sleep(0.01)
    _LOOPS.clear()


def _taken_out(root: Path) -> dict[str, ModuleType]:
    """The modules that go by the names of a program's own, out of those that are imported."""
    names = {file.stem for file in root.glob("*.py")} | {file.parent.name for file in root.glob("*/*.py")}
    names -= {"__main__", *NOT_THE_PROGRAMS}
    return {name: sys.modules.pop(name) for name in list(sys.modules) if name.partition(".")[0] in names}


@contextlib.contextmanager
def _quiet_event_loops() -> Iterator[None]:
    """A program that failed leaves tasks behind, about which asyncio would print many lines."""
    handler: Callable[..., Any] = asyncio.BaseEventLoop.default_exception_handler
    asyncio.BaseEventLoop.default_exception_handler = lambda *_: None  # type: ignore[method-assign]
    hook = sys.unraisablehook
    sys.unraisablehook = lambda _: None
    try:
        yield
    finally:
        gc.collect()
        sys.unraisablehook = hook
        asyncio.BaseEventLoop.default_exception_handler = handler  # type: ignore[method-assign]
