"""The sandbox's calls to itself: its application answers them without a connection."""

from __future__ import annotations

from io import BytesIO
from typing import Any
from urllib.parse import unquote, urlsplit

from botocore.awsrequest import AWSPreparedRequest, AWSResponse
from moto.core.botocore_stubber import MockRawResponse
from urllib3 import HTTPHeaderDict

from sandbox.account.protocol import Answer, Environ


def answer(application: Any, request: AWSPreparedRequest, **_: Any) -> AWSResponse | None:
    """For botocore's `before-send`; None, and the request is sent, where WSGI would lose a header or the body's end."""
    if any("_" in name or name.lower() == "transfer-encoding" for name in request.headers):
        return None
    response = call(application, environ_of(request))
    return AWSResponse(request.url, response.status, HTTPHeaderDict(response.headers), MockRawResponse(response.body))


def call(application: Any, environ: Environ) -> Answer:
    """What a WSGI application answers."""
    answered = Answer(500)

    def start_response(status: str, headers: list[tuple[str, str]], error: Any = None) -> None:
        answered.status = int(status.split(" ", 1)[0])
        answered.headers = list(headers)

    chunks = application(environ, start_response)
    try:
        answered.body = b"".join(chunks)
    finally:
        if hasattr(chunks, "close"):
            chunks.close()
    return answered


def environ_of(request: AWSPreparedRequest) -> Environ:
    """A request as PEP 3333 has it, with the variables that a server adds."""
    url, body = urlsplit(request.url), request.body or b""
    if hasattr(body, "read"):
        body = body.read()
    content = body.encode() if isinstance(body, str) else bytes(body)
    headers = {
        name.upper().replace("-", "_"): value.decode() if isinstance(value, bytes) else str(value)
        for name, value in request.headers.items()
    }
    target = f"{url.path}?{url.query}" if url.query else url.path
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": url.scheme,
        "wsgi.input": BytesIO(content),
        "wsgi.multithread": True,
        "wsgi.multiprocess": False,
        "wsgi.run_once": False,
        "REQUEST_METHOD": request.method,
        "SCRIPT_NAME": "",
        "PATH_INFO": unquote(url.path, "latin-1"),
        "QUERY_STRING": url.query,
        "REQUEST_URI": target,
        "RAW_URI": target,
        "REMOTE_ADDR": "127.0.0.1",
        "SERVER_NAME": url.hostname,
        "SERVER_PORT": str(url.port),
        "SERVER_PROTOCOL": "HTTP/1.1",
        "CONTENT_TYPE": headers.pop("CONTENT_TYPE", ""),
        "HTTP_HOST": url.netloc,
        **{f"HTTP_{name}": value for name, value in headers.items() if name != "CONTENT_LENGTH"},
        "CONTENT_LENGTH": str(len(content)),
    }
