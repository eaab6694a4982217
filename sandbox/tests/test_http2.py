"""Targets that speak HTTP/2: a server of gRPC's own, and one of HTTP/1.1 that does not."""

import http.client
import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import grpc
import h2.config
import h2.connection
import h2.events
import pytest

from sandbox.containers.http2 import Http2Error, ask
from sandbox.ecs.health import target_check

CHECK = "/grpc.health.v1.Health/Check"


class Health(grpc.GenericRpcHandler):  # type: ignore[misc]  # grpcio has no types
    """One method, which says the status that it was made with."""

    def __init__(self, code: grpc.StatusCode) -> None:
        self.code = code

    def service(self, details: Any) -> Any:
        if details.method != CHECK:
            return None

        def answer(request: bytes, context: Any) -> bytes:
            assert request == b""
            context.set_code(self.code)
            return b""

        return grpc.unary_unary_rpc_method_handler(answer)


@pytest.fixture(params=[grpc.StatusCode.OK])
def served(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a gRPC server."""
    server = grpc.server(ThreadPoolExecutor(2), handlers=[Health(request.param)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    yield port
    server.stop(None)


def at(port: int) -> socket.socket:
    return socket.create_connection(("127.0.0.1", port), timeout=5)


def test_a_method_s_own_status(served: int) -> None:
    with at(served) as connection:
        assert ask(connection, CHECK, "127.0.0.1", grpc=True) == 0


@pytest.mark.parametrize("served", [grpc.StatusCode.UNAVAILABLE], indirect=True)
def test_a_service_that_is_not_well(served: int) -> None:
    with at(served) as connection:
        assert ask(connection, CHECK, "127.0.0.1", grpc=True) == 14


def test_a_method_that_there_is_not(served: int) -> None:
    with at(served) as connection:
        assert ask(connection, "/AWS.ALB/healthcheck", "127.0.0.1", grpc=True) == 12, "what AWS asks by itself"


@pytest.mark.parametrize("of_grpc", [True, False])
def test_one_that_speaks_http_1(of_grpc: bool) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), BaseHTTPRequestHandler)
    threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
    try:
        with at(server.server_address[1]) as connection, pytest.raises((Http2Error, OSError)):
            ask(connection, "/healthz", "127.0.0.1", grpc=of_grpc)
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def plain() -> Iterator[int]:
    """The port of a server of HTTP/2 that answers 204 to a GET of /healthz, and else 404."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        connection, _ = listening.accept()
        protocol = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False, header_encoding="utf-8"))
        protocol.initiate_connection()
        connection.sendall(protocol.data_to_send())
        with connection:
            while received := connection.recv(65536):
                for event in protocol.receive_data(received):
                    if isinstance(event, h2.events.RequestReceived):
                        asked: dict[Any, Any] = dict(event.headers or [])
                        well = (asked[":method"], asked[":path"]) == ("GET", "/healthz")
                        protocol.send_headers(1, [(":status", "204" if well else "404")], end_stream=True)
                connection.sendall(protocol.data_to_send())

    threading.Thread(target=serve, daemon=True).start()
    yield listening.getsockname()[1]
    listening.close()


@pytest.mark.parametrize(("path", "status"), [("/healthz", 204), ("/", 404)])
def test_the_status_of_a_get(plain: int, path: str, status: int) -> None:
    with at(plain) as connection:
        assert ask(connection, path, "127.0.0.1", grpc=False) == status


@pytest.mark.parametrize(
    ("version", "matcher", "code", "healthy"),
    [
        ("GRPC", {"GrpcCode": "0,12"}, 12, True),
        ("GRPC", {"GrpcCode": "0-9"}, 12, False),
        ("GRPC", {}, 12, True),
        ("HTTP2", {"HttpCode": "200-299"}, 204, True),
        ("HTTP2", {}, 204, False),
    ],
)
def test_a_target_group_is_asked_in_its_own_protocol(
    version: str, matcher: dict[str, str], code: int, healthy: bool
) -> None:
    asked: list[Any] = []

    def http2_ask(*given: Any, grpc: bool) -> int:
        asked.append((*given, grpc))
        return code

    group = {
        "TargetGroupArn": "arn", "TargetGroupName": "web", "ProtocolVersion": version, "Matcher": matcher,
        "HealthyThresholdCount": 2, "UnhealthyThresholdCount": 2, "HealthCheckIntervalSeconds": 10,
        "HealthCheckTimeoutSeconds": 5, "HealthCheckPath": "/a",
    }  # fmt: skip
    container: Any = SimpleNamespace(http2_ask=http2_ask)
    check = target_check(group, {"containerName": "web", "containerPort": 50051}, container, 0)
    assert check.probe(5) is healthy
    assert asked == [(50051, "/a", "127.0.0.1:50051", 5, version == "GRPC")]


def test_a_target_that_does_not_answer_so_is_asked_again() -> None:
    def http2_ask(*given: Any, grpc: bool) -> int:
        raise Http2Error("no HTTP/2")

    group = {
        "TargetGroupArn": "arn", "TargetGroupName": "web", "ProtocolVersion": "GRPC", "HealthyThresholdCount": 2,
        "UnhealthyThresholdCount": 2, "HealthCheckIntervalSeconds": 10, "HealthCheckTimeoutSeconds": 5,
    }  # fmt: skip
    container: Any = SimpleNamespace(http2_ask=http2_ask)
    assert target_check(group, {"containerName": "web", "containerPort": 1}, container, 0).probe(5) is None
    assert issubclass(Http2Error, http.client.HTTPException)
