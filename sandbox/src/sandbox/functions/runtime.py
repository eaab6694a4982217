"""The environment of a Python function: its own code, the standard library, and Lambda's boto3."""

from __future__ import annotations

import importlib
import importlib.abc
import json
import os
import sys
import time
from collections.abc import Mapping, Sequence
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType, SimpleNamespace

PROVIDED = frozenset(("boto3", "botocore", "s3transfer", "jmespath", "dateutil", "six", "urllib3"))
"""The packages of Lambda's Python runtimes.

https://docs.aws.amazon.com/lambda/latest/dg/lambda-python.html#python-package-searchpath
"""


class OwnCodeOnly(importlib.abc.MetaPathFinder):
    """Lets a function import its own code and what Lambda provides, and nothing else of this machine."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        top = name.partition(".")[0]
        in_package = (self._folder / top).is_dir() or (self._folder / f"{top}.py").is_file()
        if in_package or top in PROVIDED or top in sys.stdlib_module_names:
            return None
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)


def run(
    folder: Path,
    handler: str,
    event: bytes,
    variables: Mapping[str, str],
    printed: Path,
    returned: Path,
    seconds: float,
    request: str,
) -> None:
    """Call a handler in this process, which ends with an exit code of 1 when it raises.

    Args:
        folder: where the function's code is.
        handler: `module.function`.
        event: as JSON.
        variables: its whole environment.
        printed: the file that gets what it prints.
        returned: the file that gets what it returns, as JSON.
        seconds: what it may take.
        request: its request id.
    """
    output = os.open(printed, os.O_WRONLY | os.O_CREAT)
    for stream in (sys.stdout, sys.stderr):
        os.dup2(output, stream.fileno())
    os.environ.clear()
    os.environ.update(variables)
    os.chdir(folder)
    for name in [each for each in sys.modules if each.partition(".")[0] in ("sandbox", "tests")]:
        del sys.modules[name]
    sys.path.insert(0, str(folder))
    sys.meta_path.insert(0, OwnCodeOnly(folder))
    end = time.monotonic() + seconds
    context = SimpleNamespace(
        function_name=variables["AWS_LAMBDA_FUNCTION_NAME"],
        aws_request_id=request,
        get_remaining_time_in_millis=lambda: int(1000 * max(0, end - time.monotonic())),
    )
    module, _, function = handler.rpartition(".")
    result = getattr(importlib.import_module(module.replace("/", ".")), function)(json.loads(event), context)
    returned.write_text(json.dumps(result), encoding="utf-8")
