"""Lambda functions: moto keeps them, and those in Python run as processes of this machine, with their role."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
import tempfile
import zipfile
from typing import TYPE_CHECKING, Any

from moto.awslambda.exceptions import UnknownFunctionException
from moto.backends import get_backend

from sandbox.server.errors import AwsError

if TYPE_CHECKING:
    from sandbox.server.world import Principal, World

log = logging.getLogger(__name__)
Json = dict[str, Any]

RUN = """
import importlib, json, sys
sys.path.insert(0, "")
module, _, name = sys.argv[1].rpartition(".")
getattr(importlib.import_module(module.replace("/", ".")), name)(json.load(sys.stdin), None)
"""
"""What hands the event on standard input to the handler that is named."""


def invoke(world: World, principal: Principal, params: Json) -> Json:
    """Start a function; nobody waits for what it answers."""
    name = str(params["FunctionName"])
    try:
        function = get_backend("lambda")[world.account][world.region].get_function(name)
    except UnknownFunctionException as error:
        raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    if params.get("InvocationType") != "Event":
        raise NotImplementedError("functions are invoked as an Event only")
    if not str(function.run_time).startswith("python"):
        raise NotImplementedError(f"functions in Python only, and this one is in {function.run_time}")
    payload = params.get("Payload") or b"{}"
    world.spawn(f"function {name}", lambda: _run(world, function, payload))
    return {"Payload": b""}


def _run(world: World, function: Any, payload: bytes) -> None:
    credentials = world.assume(function.role, "lambda.amazonaws.com", function.function_name)
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_REGION": world.region,
        "AWS_DEFAULT_REGION": world.region,
        "AWS_ENDPOINT_URL": world.endpoint,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
        **function.environment_vars,
    }
    with tempfile.TemporaryDirectory(prefix="function-") as folder:
        zipfile.ZipFile(io.BytesIO(function.code_bytes)).extractall(folder)
        done = subprocess.run(
            [sys.executable, "-c", RUN, function.handler],
            cwd=folder, env=variables, input=payload, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=function.timeout, check=False,
        )  # fmt: skip
    said = done.stdout.decode(errors="replace").rstrip()
    log.info("function %s ended with exit code %d: %s", function.function_name, done.returncode, said)


HANDLERS = {("lambda", "Invoke"): invoke}
