"""The AWS wire protocols: an HTTP request to an operation with parameters, an answer or error back to HTTP.

Operations, shapes and serialisation come from botocore's models by way of moto's routers and parsers.
"""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Mapping
from dataclasses import dataclass, field
from io import BytesIO
from typing import Any
from urllib.parse import parse_qs
from xml.sax.saxutils import escape

from botocore.exceptions import UnknownServiceError
from moto.core.model import OperationModel
from moto.core.parse import PROTOCOL_PARSERS
from moto.core.request import Request, determine_request_protocol
from moto.core.routing import get_service_router
from moto.core.serialize import SerializationContext, get_serializer_class
from moto.core.utils import get_service_model
from werkzeug.exceptions import HTTPException

from sandbox.account.errors import AwsError

Environ = dict[str, Any]

_CREDENTIAL = re.compile(r"Credential=([^/,\s]+)/\d+/([^/]*)/([^/]+)/aws4_request")
_SIGNING_NAMES = {
    **{"monitoring": "cloudwatch", "elasticloadbalancing": "elbv2", "states": "stepfunctions"},
    **{"elasticfilesystem": "efs", "servicequotas": "service-quotas"},
}
"""Signing names that are not botocore's service names."""


@dataclass(frozen=True)
class Signature:
    """The access key, region and service of a request's SigV4 signature, which itself is not verified."""

    access_key: str
    token: str | None
    region: str
    service: str


@dataclass(frozen=True)
class Operation:
    """The operation that a request asks for, with its parameters in botocore's input shape."""

    service: str
    name: str
    protocol: str
    params: dict[str, Any]
    model: OperationModel


@dataclass
class Answer:
    """An HTTP response."""

    status: int
    headers: list[tuple[str, str]] = field(default_factory=list)
    body: bytes = b""

    def header(self, name: str) -> str | None:
        """The first header of that name, in any letter case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)


def read_body(environ: Environ) -> bytes:
    """Read the request's body and put it back, so that it can be read again."""
    stream = environ["wsgi.input"]
    if environ.get("wsgi.input_terminated"):
        body: bytes = stream.read()
    else:
        body = stream.read(int(environ.get("CONTENT_LENGTH") or 0))
    environ.pop("HTTP_TRANSFER_ENCODING", None)
    environ["CONTENT_LENGTH"] = str(len(body))
    environ["wsgi.input"] = BytesIO(body)
    return body


def rewound(environ: Environ, body: bytes) -> Environ:
    """A copy of ``environ`` whose body has not been read."""
    return {**environ, "wsgi.input": BytesIO(body)}


def signature_of(environ: Environ) -> Signature | None:
    """The credential scope of the Authorization header or of a presigned URL, None without either."""
    query = {name: values[0] for name, values in parse_qs(environ.get("QUERY_STRING", "")).items()}
    text = environ.get("HTTP_AUTHORIZATION") or f"Credential={query.get('X-Amz-Credential', '')}"
    match = _CREDENTIAL.search(text)
    if match is None:
        return None
    token = environ.get("HTTP_X_AMZ_SECURITY_TOKEN") or query.get("X-Amz-Security-Token")
    access_key, region, service = match.groups()
    return Signature(access_key, token, region, _SIGNING_NAMES.get(service, service))


def protocol_of(service: str, content_type: str | None) -> str:
    """The protocol in which an answer to this request must be; JSON for a service that does not exist."""
    try:
        return determine_request_protocol(get_service_model(service), content_type)
    except (UnknownServiceError, NotImplementedError):
        return "json"


def present(members: Mapping[str, Any]) -> dict[str, Any]:
    """An answer's members that have a value: AWS leaves the others out."""
    return {name: value for name, value in members.items() if value is not None}


def operation_of(environ: Environ, body: bytes, service: str) -> Operation:
    """The operation of a request. Raises ``AwsError`` when there is none or it cannot be read."""
    request = Request(rewound(environ, body))
    try:
        model = get_service_model(service)
        operation, uri = get_service_router(service).match(request)
        protocol = determine_request_protocol(model, request.content_type)
    except (UnknownServiceError, HTTPException, NotImplementedError) as error:
        operation_name = request.headers.get("X-Amz-Target") or request.values.get("Action")
        requested = operation_name or f"{request.method} {request.path}"
        raise AwsError("UnknownOperationException", f"{service} has no operation for {requested}") from error
    try:
        params = PROTOCOL_PARSERS[protocol](operation).parse(
            {
                "method": request.method,
                "values": request.values,
                "headers": request.headers,
                "body": request.data,
                "url_path": request.path,
                "url_params": uri,
            }
        )
    except Exception as error:
        raise AwsError("SerializationException", f"the request of {operation.name} cannot be read: {error}") from error
    return Operation(service, str(operation.name), protocol, params or {}, operation)


def serialize(operation: Operation, result: Mapping[str, Any]) -> Answer:
    """An operation's result, in botocore's output shape, as HTTP."""
    serializer = get_serializer_class(operation.service, operation.protocol)
    request_id = str(uuid.uuid4())
    answer = serializer(operation.model, context=SerializationContext(request_id)).serialize(dict(result))
    body = answer["body"]
    headers = [(name, str(value)) for name, value in answer["headers"].items()]
    if operation.protocol == "json":
        version = operation.model.service_model.metadata.get("jsonVersion", "1.0")
        headers = [(k, v) for k, v in headers if k.lower() != "content-type"]
        headers.append(("Content-Type", f"application/x-amz-json-{version}"))
    return Answer(
        int(answer["status_code"]),
        [*headers, ("x-amzn-RequestId", request_id)],
        body.encode() if isinstance(body, str) else bytes(body),
    )


def error_answer(service: str, protocol: str, error: AwsError) -> Answer:
    """An error in the shape of its protocol."""
    request_id = str(uuid.uuid4())
    headers = [("x-amzn-RequestId", request_id)]
    code, message = error.code, error.message
    if protocol in ("json", "rest-json"):
        body = json.dumps({"__type": code, "message": message, "Message": message, **error.fields})
        kind = "application/x-amz-json-1.1" if protocol == "json" else "application/json"
        headers += [("x-amzn-ErrorType", code), ("Content-Type", kind)]
        return Answer(error.status, headers, body.encode())
    inner = f"<Code>{escape(code)}</Code><Message>{escape(message)}</Message>"
    if service == "s3":
        body = f"<Error>{inner}<RequestId>{request_id}</RequestId><HostId>sandbox</HostId></Error>"
    elif protocol == "ec2":
        body = f"<Response><Errors><Error>{inner}</Error></Errors><RequestID>{request_id}</RequestID></Response>"
    else:
        fault = "Sender" if error.status < 500 else "Receiver"
        body = (
            f"<ErrorResponse><Error><Type>{fault}</Type>{inner}</Error>"
            f"<RequestId>{request_id}</RequestId></ErrorResponse>"
        )
    headers.append(("Content-Type", "application/xml" if service == "s3" else "text/xml"))
    return Answer(error.status, headers, ('<?xml version="1.0" encoding="UTF-8"?>\n' + body).encode())
