"""The listeners' local ports: a request goes to a healthy task of the target group that the rules choose."""

from __future__ import annotations

import contextlib
import http.client
import random
import threading
import time
from email.utils import formatdate
from http.cookies import SimpleCookie
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any

from sandbox.balancer.rules import Json, NotSimulated, decide, labels, target_group, whole_host
from sandbox.ecs.in_flight import InFlight, in_flight_of
from sandbox.ecs.state import targets

if TYPE_CHECKING:
    from sandbox.account.account import Account

SECONDS_TO_ANSWER = 60.0
"""How long a target may take: the idle timeout of a load balancer by default."""
SECONDS_OF_RULES = 0.02
"""How long rules are taken for what they were, so that not every request asks for them."""
HERE = ".localhost"
"""What may follow a host, or its first label, so that its name is this machine's to whoever opens it (RFC 6761)."""
FIRST_PORTS = {443: 8080, 80: 8180}
"""A listener's port → the first one tried on this machine, so that its address stays; others keep their number."""
PORTS = 100
"""How many are tried, should some be somebody else's."""
COOKIE = "AWSALB"
"""What keeps a browser at a target (ELB, Sticky sessions). AWS encrypts what is in it; here it is the task's id."""
HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "upgrade", "content-length", "host"}


class Listener:
    """One listener's local port."""

    def __init__(self, account: Account, described: Json, in_flight: InFlight) -> None:
        self.account, self.arn, self.in_flight = account, described["ListenerArn"], in_flight
        self.protocol, self.port = described["Protocol"], described["Port"]
        self._rules: list[Json] = []
        self._read = 0.0
        self._sticky: dict[str, tuple[float, int | None]] = {}
        self._versions: dict[str, str] = {}
        self._lock = threading.Lock()
        port: int = described["Port"]
        self.server = _serve(FIRST_PORTS.get(port, port), _handler(self))
        self.server.daemon_threads = True
        account.spawn(f"listener {self.port}", lambda: self.server.serve_forever(0.05))

    @property
    def address(self) -> str:
        host, port = self.server.server_address[:2]
        return f"{host!s}:{port}"

    def rules(self) -> list[Json]:
        with self._lock:
            if time.monotonic() > self._read + SECONDS_OF_RULES:
                self._rules = self.account.client("elbv2").describe_rules(ListenerArn=self.arn)["Rules"]
                self._read = time.monotonic()
            return self._rules

    def sticky_seconds(self, group: str) -> int | None:
        """How long a browser stays with a target of a group; None where it does not."""
        read, seconds = self._sticky.get(group, (0.0, None))
        if time.monotonic() > read + SECONDS_OF_RULES:
            described = self.account.client("elbv2").describe_target_group_attributes(TargetGroupArn=group)
            attributes = {each["Key"]: each["Value"] for each in described["Attributes"]}
            on = attributes.get("stickiness.enabled") == "true" and attributes.get("stickiness.type") == "lb_cookie"
            seconds = int(attributes.get("stickiness.lb_cookie.duration_seconds", "86400")) if on else None
            self._sticky[group] = time.monotonic(), seconds
        return seconds

    def version(self, group: str) -> str:
        """What a group's targets speak, which never changes: HTTP1, HTTP2 or GRPC."""
        if group not in self._versions:
            (described,) = self.account.client("elbv2").describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
            self._versions[group] = described.get("ProtocolVersion") or "HTTP1"
        return self._versions[group]


def _serve(first: int, handler: type[BaseHTTPRequestHandler]) -> ThreadingHTTPServer:
    """At the first port from this one on that is free, or at any."""
    for port in range(first, min(first + PORTS, 65536)):
        with contextlib.suppress(OSError):
            return ThreadingHTTPServer(("127.0.0.1", port), handler)
    return ThreadingHTTPServer(("127.0.0.1", 0), handler)


def _handler(listener: Listener) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, headers, answer = self._answer(body)
            self.send_response(status)
            for name, value in headers:
                if name.lower() not in HOP_BY_HOP:
                    self.send_header(name, value)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(answer)

        do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_GET

        def _answer(self, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            host, path = self.headers.get("Host", "").partition(":")[0], self.path.partition("?")[0]
            if host.endswith(HERE):
                host = whole_host(listener.rules(), host.removesuffix(HERE))
            try:
                action = decide(listener.rules(), host, path)
            except NotSimulated as error:
                return _page(501, str(error))
            if action["Type"] == "forward":
                return self._forward(target_group(action, random.random()), body)  # noqa: S311
            if action["Type"] == "fixed-response":
                fixed = action["FixedResponseConfig"]
                kind = [("Content-Type", fixed.get("ContentType", "text/plain"))]
                return int(fixed["StatusCode"]), kind, str(fixed.get("MessageBody", "")).encode()
            if action["Type"] == "redirect":
                return self._redirect(action["RedirectConfig"], host)
            return _page(501, f"the sandbox's load balancer does not do {action['Type']}")

        def _redirect(self, config: Json, host: str) -> tuple[int, list[tuple[str, str]], bytes]:
            path, _, query = self.path.partition("?")
            placeholders = {
                "protocol": listener.protocol,
                "host": host,
                "port": str(listener.port),
                "path": path.lstrip("/"),
            }
            redirect = {"Protocol": "#{protocol}", "Host": "#{host}", "Port": "#{port}", "Path": "/#{path}"} | config
            parts = {name: str(redirect[name]) for name in ("Protocol", "Host", "Port", "Path")}
            for placeholder, value in placeholders.items():
                parts = {name: text.replace(f"#{{{placeholder}}}", value) for name, text in parts.items()}
            url = f"{parts['Protocol'].lower()}://{parts['Host']}:{parts['Port']}{parts['Path']}"
            return int(config["StatusCode"].removeprefix("HTTP_")), [("Location", url + (query and f"?{query}"))], b""

        def _forward(self, group: str | None, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            if group and listener.version(group) != "HTTP1":
                return _page(464, "Incompatible protocol")
            sticky = listener.sticky_seconds(group) if group else None
            while group and (reachable := targets(listener.account, group)):
                kept = [each for each in reachable if sticky and each[0].id == self._cookie()]
                task, container, port = random.choice(kept or reachable)  # noqa: S311
                with listener.in_flight.request(task.id):
                    if not any(task is each for each, *_ in targets(listener.account, group)):
                        continue  # it began to stop before this request counted
                    try:
                        status, headers, answer = self._ask(container, port, body)
                        if sticky:
                            expires = formatdate(time.time() + sticky, usegmt=True)
                            headers.append(("Set-Cookie", f"{COOKIE}={task.id}; Expires={expires}; Path=/"))
                        return status, headers, answer
                    except TimeoutError:
                        return _page(504, "Gateway Time-out")
                    except (OSError, http.client.HTTPException):
                        return _page(502, "Bad Gateway")
            return _page(503, "Service Temporarily Unavailable")

        def _cookie(self) -> str | None:
            cookies = SimpleCookie(self.headers.get("Cookie", ""))
            return cookies[COOKIE].value if COOKIE in cookies else None

        def _ask(self, container: Any, port: int, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
            headers = {name: value for name, value in self.headers.items() if name.lower() not in HOP_BY_HOP}
            headers |= {
                "Host": self.headers.get("Host", ""),
                "X-Forwarded-For": self.client_address[0],
                "X-Forwarded-Proto": listener.protocol.lower(),
                "X-Forwarded-Port": str(listener.port),
                "Connection": "close",
            }
            connection = http.client.HTTPConnection("target", port, timeout=SECONDS_TO_ANSWER)
            connection.sock = container.connect(port, SECONDS_TO_ANSWER)
            try:
                connection.request(self.command, self.path, body or None, headers)
                answer = connection.getresponse()
                return answer.status, answer.getheaders(), answer.read()
            finally:
                connection.close()

        def log_message(self, format: str, *args: Any) -> None:
            """Requests are not logged."""

    return Handler


def _page(status: int, title: str) -> tuple[int, list[tuple[str, str]], bytes]:
    """What a load balancer answers by itself."""
    text = f"<html><head><title>{status} {title}</title></head><body><h1>{status} {title}</h1></body></html>"
    return status, [("Content-Type", "text/html"), ("Server", "awselb/2.0")], text.encode()


class Balancers:
    """All listeners of one account; each opens its port at its first use."""

    def __init__(self) -> None:
        self._listeners: dict[str, Listener] = {}
        self._lock = threading.Lock()

    def listeners(self, account: Account) -> list[Json]:
        """Every listener with its local address."""
        elbv2, listeners = account.client("elbv2"), []
        for balancer in elbv2.describe_load_balancers()["LoadBalancers"]:
            for described in elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]:
                with self._lock:
                    listener = self._listeners.get(described["ListenerArn"])
                    if listener is None:
                        listener = Listener(account, described, in_flight_of(account))
                        self._listeners[described["ListenerArn"]] = listener
                listeners.append(
                    {
                        "load_balancer": balancer["LoadBalancerName"],
                        "dns_name": balancer["DNSName"],
                        "arn": listener.arn,
                        "protocol": listener.protocol,
                        "port": listener.port,
                        "address": listener.address,
                        "labels": labels(elbv2.describe_rules(ListenerArn=listener.arn)["Rules"]),
                    }
                )
        return listeners


def balancers_of(account: Account) -> Balancers:
    """An account's listeners."""
    return account.parts.of(Balancers)
