"""One request by HTTP/2 without TLS, as a load balancer asks the targets of a group of version HTTP2 or GRPC."""

from __future__ import annotations

import http.client
import socket

from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.events import ConnectionTerminated, ResponseReceived, StreamEnded, StreamReset, TrailersReceived
from h2.exceptions import ProtocolError

EMPTY_MESSAGE = b"\0" * 5
"""Of gRPC: not compressed, and of no bytes (gRPC over HTTP2, Length-Prefixed-Message)."""
AT_ONCE = 65536


class Http2Error(http.client.HTTPException):
    """What answers speaks no HTTP/2, or no gRPC."""


def ask(connection: socket.socket, path: str, host: str, *, grpc: bool) -> int:
    """The answer's HTTP status, or gRPC's: of a GET, or of a call with an empty message.

    Raises:
        OSError: it is cut off, or takes too long.
        Http2Error: it is not answered in this protocol.
    """
    try:
        headers = _headers(connection, path, host, grpc=grpc)
    except ProtocolError as error:
        raise Http2Error(f"no HTTP/2: {error}") from error
    code = headers.get("grpc-status" if grpc else ":status", "")
    if not code.isdigit():
        raise Http2Error(f"no status of {'gRPC' if grpc else 'HTTP/2'}: {headers}")
    return int(code)


def _headers(connection: socket.socket, path: str, host: str, *, grpc: bool) -> dict[str, str]:
    """Those of the answer, with its trailers."""
    protocol = H2Connection(H2Configuration(client_side=True, header_encoding="utf-8"))
    protocol.initiate_connection()
    request = {":method": "POST" if grpc else "GET", ":path": path, ":scheme": "http", ":authority": host}
    request["user-agent"] = "ELB-HealthChecker/2.0"
    if grpc:
        request |= {"content-type": "application/grpc", "te": "trailers"}
    protocol.send_headers(1, list(request.items()), end_stream=not grpc)
    if grpc:
        protocol.send_data(1, EMPTY_MESSAGE, end_stream=True)
    connection.sendall(protocol.data_to_send())
    found: dict[str, str] = {}
    while received := connection.recv(AT_ONCE):
        for event in protocol.receive_data(received):
            if isinstance(event, (ResponseReceived, TrailersReceived)):
                found |= {str(name): str(value) for name, value in event.headers or []}
            elif isinstance(event, (StreamReset, ConnectionTerminated)):
                raise Http2Error("the target has ended the request")
            elif isinstance(event, StreamEnded):
                return found
        connection.sendall(protocol.data_to_send())
    raise ConnectionResetError("the target has closed the connection")
