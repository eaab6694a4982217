"""Runs a repository's program in this process, as the CLI's own language host would in one of its own."""

import asyncio
import contextlib
import gc
import os
import runpy
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any


def run(root: Path) -> None:
    """Run `__main__.py` as it is now: no module of an earlier run is used again."""
    kept = (f"{root}/.venv/", f"{root}/sandbox/", f"{root}/tests/")
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if name != "__main__" and file.startswith(f"{root}/") and not file.startswith(kept):
            del sys.modules[name]
    runpy.run_path(str(root / "__main__.py"), run_name="__main__")


@contextlib.contextmanager
def as_if_started(root: Path, aws: Mapping[str, str]) -> Iterator[None]:
    """What a program finds when it starts, and nothing of it afterwards.

    The folder, `sys.path` and `sys.argv` are those of `python __main__.py`; of the AWS variables there are only
    those in `aws`, so that nothing it calls reaches a real account; what it prints goes to standard error, since
    standard output is the command's.
    """
    path, arguments, thresholds = list(sys.path), list(sys.argv), gc.get_threshold()
    environment = dict(os.environ)
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ.update(aws)
    sys.path.insert(0, str(root))
    sys.argv = [str(root / "__main__.py")]
    try:
        with contextlib.chdir(root), contextlib.redirect_stdout(sys.stderr), _quiet_event_loops():
            yield
    finally:
        sys.path[:], sys.argv = path, arguments
        gc.unfreeze()
        gc.set_threshold(*thresholds)
        for name in os.environ.keys() - environment.keys():
            del os.environ[name]
        os.environ.update(environment)


@contextlib.contextmanager
def _quiet_event_loops() -> Iterator[None]:
    """A program that failed leaves tasks behind, of which asyncio would tell at length."""
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
