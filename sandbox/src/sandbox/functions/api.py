"""The Lambda API that calls functions, and how each call is run."""

from __future__ import annotations

import io
import json
import logging
import multiprocessing
import tempfile
import time
import uuid
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError
from moto.awslambda.exceptions import UnknownEventConfig, UnknownFunctionException
from moto.backends import get_backend

from sandbox.account.errors import AwsError
from sandbox.functions import runtime

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

log = logging.getLogger(__name__)
Json = dict[str, Any]

_PYTHON = multiprocessing.get_context("forkserver")
_PYTHON.set_forkserver_preload(["sandbox.functions.preload", "sandbox.functions.runtime"])

PAUSES = (60.0, 120.0)
"""AWS seconds before a function that returned an error is run again.

https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-error-handling.html
"""


@dataclass(frozen=True)
class Outcome:
    """What a function printed, how it failed, if it did, and what it returned, as JSON."""

    printed: str
    failed: str
    returned: bytes


def invoke(account: Account, principal: Principal, params: Json) -> Json:
    """Put an event into a function's queue, or run it at once and answer with what it returned."""
    name = str(params["FunctionName"])
    backend = get_backend("lambda")[account.id][account.region]
    try:
        function = backend.get_function(name)
    except UnknownFunctionException as error:
        raise AwsError("ResourceNotFoundException", f"Function not found: {name}", 404) from error
    if not str(function.run_time).startswith("python"):
        raise NotImplementedError(f"functions in Python only, and this one is in {function.run_time}")
    payload = params.get("Payload") or b"{}"
    if params.get("InvocationType", "RequestResponse") == "RequestResponse":
        return _answer(_run(account, function, payload, str(uuid.uuid4())))
    if params["InvocationType"] != "Event":
        raise NotImplementedError(f"a function is not invoked as {params['InvocationType']}")
    retries = _retries(backend, name)
    account.spawn(f"function {name}", lambda: _until_it_succeeds(account, function, payload, retries))
    return {"Payload": b""}


def _answer(outcome: Outcome) -> Json:
    """https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html: an error is told in the payload, with 200."""
    if not outcome.failed:
        return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "Payload": outcome.returned}
    error = json.dumps({"errorMessage": outcome.failed}).encode()
    return {"StatusCode": 200, "ExecutedVersion": "$LATEST", "FunctionError": "Unhandled", "Payload": error}


def _retries(backend: Any, name: str) -> int:
    """How often a function that returned an error is run again."""
    try:
        return int(backend.get_function_event_invoke_config(name).get("MaximumRetryAttempts", len(PAUSES)))
    except UnknownEventConfig:
        return len(PAUSES)


def _until_it_succeeds(account: Account, function: Any, payload: bytes, retries: int) -> None:
    request = str(uuid.uuid4())
    for pause in PAUSES[:retries]:
        if not _run(account, function, payload, request).failed:
            return
        account.clock.sleep(pause)
    _run(account, function, payload, request)


def _run(account: Account, function: Any, payload: bytes, request: str) -> Outcome:
    """Run a function once and keep its log."""
    credentials = account.assume(function.role, "lambda.amazonaws.com", function.function_name)
    variables = {
        "AWS_LAMBDA_FUNCTION_NAME": function.function_name,
        "AWS_REGION": account.region,
        "AWS_DEFAULT_REGION": account.region,
        "AWS_ENDPOINT_URL": account.endpoint,
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_SESSION_TOKEN": credentials.session_token or "",
        **function.environment_vars,
    }
    began = time.monotonic()
    outcome = _process(function, payload, variables, request)
    lines = [
        f"START RequestId: {request} Version: $LATEST",
        *outcome.printed.splitlines(),
        *([f"{request} {outcome.failed}"] if outcome.failed else []),
        f"END RequestId: {request}",
        f"REPORT RequestId: {request}\tDuration: {1000 * (time.monotonic() - began):.2f} ms",
    ]
    log.info("function %s: %s", function.function_name, "\n".join(lines))
    _keep_log(account.client("logs", credentials), f"/aws/lambda/{function.function_name}", request, lines)
    return outcome


def _process(function: Any, payload: bytes, variables: Mapping[str, str], request: str) -> Outcome:
    """Run a function in a process of its own."""
    with tempfile.TemporaryDirectory(prefix="function-") as folder:
        code, printed, returned = (Path(folder, name) for name in ("code", "printed", "returned"))
        zipfile.ZipFile(io.BytesIO(function.code_bytes)).extractall(code)
        arguments = (code, function.handler, payload, variables, printed, returned, float(function.timeout), request)
        process = _PYTHON.Process(target=runtime.run, args=arguments, daemon=True)
        process.start()
        process.join(function.timeout)
        failed = "Runtime exited with an error" if process.exitcode else ""
        if process.exitcode is None:
            failed = f"Task timed out after {function.timeout:.2f} seconds"
            process.kill()
            process.join()
        said = printed.read_text(encoding="utf-8", errors="replace") if printed.exists() else ""
        return Outcome(said, failed, returned.read_bytes() if returned.exists() else b"null")


def _keep_log(logs: Any, group: str, request: str, lines: list[str]) -> None:
    """In a stream of its own, as far as the function's role may."""
    stream = f"{datetime.now(UTC):%Y/%m/%d}/[$LATEST]{request.replace('-', '')}"
    now = int(time.time() * 1000)
    try:
        try:
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        except logs.exceptions.ResourceNotFoundException:
            logs.create_log_group(logGroupName=group)
            logs.create_log_stream(logGroupName=group, logStreamName=stream)
        except logs.exceptions.ResourceAlreadyExistsException:
            pass
        logs.put_log_events(
            logGroupName=group,
            logStreamName=stream,
            logEvents=[{"timestamp": now, "message": line or " "} for line in lines],
        )
    except ClientError as error:
        log.info("no log of the function: %s", error)


HANDLERS = {("lambda", "Invoke"): invoke}
