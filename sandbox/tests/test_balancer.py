"""The load balancer's rules as tables, and its proxy with a server of the test's as the target."""

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.balancer import proxy
from sandbox.balancer.proxy import Listener
from sandbox.balancer.rules import NotSimulated, decide, fits, labels, target_group, whole_host
from sandbox.ecs.in_flight import InFlight

Json = dict[str, Any]


@pytest.mark.parametrize(
    ("pattern", "text", "expected"),
    [
        ("www.example.com", "www.example.com", True),
        ("www.example.com", "wwwxexample.com", False),
        ("*.example.com", "a.b.example.com", True),
        ("*.example.com", "example.com", False),
        ("/v?/*", "/v1/users", True),
        ("/v?/*", "/v10/users", False),
    ],
)
def test_patterns(pattern: str, text: str, expected: bool) -> None:
    assert fits(pattern, text) is expected


def rule(priority: int, name: str, **conditions: list[str]) -> Json:
    """A rule that answers its name; `host` and `path` are its conditions."""
    known = {"host": ("host-header", "HostHeaderConfig"), "path": ("path-pattern", "PathPatternConfig")}
    fields = [{"Field": known[n][0], known[n][1]: {"Values": values}} for n, values in conditions.items()]
    return {"Priority": str(priority), "IsDefault": False, "Conditions": fields, "Actions": [{"Type": name}]}


RULES = [
    {"Priority": "default", "IsDefault": True, "Conditions": [], "Actions": [{"Type": "default"}]},
    rule(20, "site", host=["www.example.com"]),
    rule(3, "api", host=["www.example.com", "api.example.com"], path=["/v1/*", "/v2/*"]),
]


@pytest.mark.parametrize(
    ("host", "path", "expected"),
    [
        ("www.example.com", "/", "site"),
        ("WWW.example.com", "/", "site"),
        ("www.example.com", "/v2/x", "api"),
        ("api.example.com", "/v1/x", "api"),
        ("api.example.com", "/", "default"),
        ("other.example.com", "/v1/x", "default"),
    ],
)
def test_the_first_rule_that_fits_decides(host: str, path: str, expected: str) -> None:
    assert decide(RULES, host, path)["Type"] == expected


def test_a_condition_that_is_not_simulated_is_said() -> None:
    other = {"Priority": "1", "IsDefault": False, "Conditions": [{"Field": "source-ip"}], "Actions": []}
    with pytest.raises(NotSimulated, match="source-ip"):
        decide([other], "h", "/")


@pytest.mark.parametrize(
    ("label", "host"),
    [
        ("www", "www.example.com"),
        ("api", "api.example.com"),
        ("www.example.com", "www.example.com"),
        ("other", "other"),
        ("w", "w"),
    ],
)
def test_a_label_stands_for_the_host_that_begins_with_it(label: str, host: str) -> None:
    assert whole_host(RULES, label) == host


def test_of_two_hosts_with_one_label_the_first_rule_s_counts() -> None:
    assert (
        whole_host([rule(9, "b", host=["www.b.com"]), rule(5, "a", host=["x.com", "www.a.com"])], "www") == "www.a.com"
    )


def test_labels_that_alone_lead_to_a_host() -> None:
    rules = [rule(9, "b", host=["www.b.com", "*.c.com"]), rule(5, "a", host=["x.com", "www.a.com"])]
    assert labels(rules) == {"x.com": "x", "www.a.com": "www"}


def test_a_listener_s_port_is_the_first_that_is_free() -> None:
    taken = socket.create_server(("127.0.0.1", 0))
    first: int = taken.getsockname()[1]
    servers = [proxy._serve(first, Target) for _ in range(2)]
    ports = [server.server_address[1] for server in servers]
    for server in servers:
        server.server_close()
    taken.close()
    assert first < ports[0] < ports[1] < first + proxy.PORTS


@pytest.mark.parametrize(
    ("weights", "lot", "expected"),
    [
        ([("a", 1)], 0.99, "a"),
        ([("a", 100), ("b", 0)], 0.999, "a"),
        ([("a", 0), ("b", 100)], 0.0, "b"),
        ([("a", 90), ("b", 10)], 0.89, "a"),
        ([("a", 90), ("b", 10)], 0.9, "b"),
        ([("a", 0), ("b", 0)], 0.5, None),
    ],
)
def test_weights(weights: list[tuple[str, int]], lot: float, expected: str | None) -> None:
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in weights]
    assert target_group({"Type": "forward", "ForwardConfig": {"TargetGroups": groups}}, lot) == expected
    assert target_group({"Type": "forward", "TargetGroupArn": "plain"}, lot) == "plain"


class Target(BaseHTTPRequestHandler):
    """Answers what it was asked; /slow waits until the test lets it go on."""

    go_on = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path == "/slow":
            self.go_on.wait(5)
        asked = {"method": self.command, "path": self.path, "body": body.decode(), "headers": dict(self.headers)}
        answer = json.dumps(asked).encode()
        self.send_response(201)
        self.send_header("X-App", "yes")
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_GET = do_POST

    def log_message(self, *_: Any) -> None:
        pass


@dataclass(eq=False)
class Account:
    """A listener's rules and the attributes of its target groups, which the test changes."""

    rules: list[Json] = field(default_factory=list)
    attributes: dict[str, str] = field(default_factory=dict)
    version: str = "HTTP1"

    def client(self, service: str) -> Any:
        attributes = [{"Key": key, "Value": value} for key, value in self.attributes.items()]
        return SimpleNamespace(
            describe_rules=lambda **_: {"Rules": self.rules},
            describe_target_group_attributes=lambda **_: {"Attributes": attributes},
            describe_target_groups=lambda **_: {"TargetGroups": [{"ProtocolVersion": self.version}]},
        )

    def spawn(self, name: str, work: Any) -> None:
        threading.Thread(target=work, daemon=True).start()

    def answer(self, type: str, **config: Any) -> None:
        action = {"Type": type, **config}
        self.rules = [{"Priority": "default", "IsDefault": True, "Conditions": [], "Actions": [action]}]


@pytest.fixture
def target() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Target)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    Target.go_on.clear()
    yield server.server_address[1]
    server.shutdown()


@pytest.fixture
def listener(target: int, monkeypatch: pytest.MonkeyPatch) -> Iterator[Listener]:
    """A listener that forwards to group `g`, whose one target is the test's server; `refusing` has nobody."""
    import socket

    def connect(port: int, timeout: float) -> socket.socket:
        return socket.create_connection(("127.0.0.1", port), timeout)

    container = SimpleNamespace(connect=connect)
    tasks = {
        "g": [(SimpleNamespace(id="task-1"), container, target)],
        "two": [(SimpleNamespace(id=name), container, target) for name in ("task-2", "task-3")],
        "refusing": [(SimpleNamespace(id="t"), container, 1)],
    }
    monkeypatch.setattr(proxy, "targets", lambda account, arn: tasks.get(arn, []))
    monkeypatch.setattr(proxy, "SECONDS_OF_RULES", 0.0)
    account = Account()
    account.answer("forward", TargetGroupArn="g")
    made = Listener(account, {"ListenerArn": "l", "Protocol": "HTTPS", "Port": 443}, InFlight())  # type: ignore[arg-type]
    yield made
    made.server.shutdown()


def ask(
    listener: Listener,
    path: str = "/",
    method: str = "GET",
    body: bytes | None = None,
    cookie: str = "a=b",
    host: str = "www.example.com",
) -> tuple[int, Json, str]:
    connection = http.client.HTTPConnection(listener.address, timeout=5)
    connection.request(method, path, body, {"Host": host, "X-Mine": "1", "Cookie": cookie})
    answer = connection.getresponse()
    return answer.status, dict(answer.getheaders()), answer.read().decode()


def test_a_request_is_passed_on_as_it_is(listener: Listener) -> None:
    status, headers, text = ask(listener, "/a?b=c", "POST", b"data")
    asked = json.loads(text)
    assert (status, headers["X-App"]) == (201, "yes")
    assert (asked["method"], asked["path"], asked["body"]) == ("POST", "/a?b=c", "data")
    assert (asked["headers"]["Host"], asked["headers"]["X-Mine"]) == ("www.example.com", "1")
    assert asked["headers"]["X-Forwarded-Proto"] == "https"
    assert asked["headers"]["X-Forwarded-Port"] == "443"


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("www.example.com.localhost:1234", 201),
        ("www.example.com.localhost", 201),
        ("www.localhost:1234", 201),
        ("www", 404),
        ("localhost", 404),
        ("www.example.com.other", 404),
    ],
)
def test_a_host_is_reached_by_its_name_on_this_machine(listener: Listener, host: str, status: int) -> None:
    account: Any = listener.account
    account.answer("fixed-response", FixedResponseConfig={"StatusCode": "404"})
    site = rule(1, "forward", host=["www.example.com"])
    account.rules.append({**site, "Actions": [{"Type": "forward", "TargetGroupArn": "g"}]})
    assert ask(listener, host=host)[0] == status


STICKY = {
    "stickiness.enabled": "true",
    "stickiness.type": "lb_cookie",
    "stickiness.lb_cookie.duration_seconds": "3600",
}


def test_a_browser_stays_with_the_task_that_it_has_the_cookie_of(listener: Listener) -> None:
    account: Any = listener.account
    account.attributes = STICKY
    account.answer("forward", TargetGroupArn="two")
    for task in ("task-2", "task-3"):
        for _ in range(8):
            given = ask(listener, cookie=f"a=b; AWSALB={task}")[1]["Set-Cookie"]
            assert given.startswith(f"AWSALB={task}; Expires=")
            assert given.endswith(" GMT; Path=/")
    found = {ask(listener, cookie=cookie)[1]["Set-Cookie"].split(";")[0] for cookie in ["a=b", "AWSALB=gone"] * 10}
    assert found == {"AWSALB=task-2", "AWSALB=task-3"}


@pytest.mark.parametrize("changed", [{"stickiness.enabled": "false"}, {"stickiness.type": "app_cookie"}])
def test_without_stickiness_there_is_no_cookie(listener: Listener, changed: dict[str, str]) -> None:
    account: Any = listener.account
    account.attributes = STICKY | changed
    assert "Set-Cookie" not in ask(listener, cookie="AWSALB=task-1")[1]


@pytest.mark.parametrize(
    ("action", "status"),
    [
        ({"type": "forward", "TargetGroupArn": "nobody"}, 503),
        ({"type": "forward", "TargetGroupArn": "refusing"}, 502),
        ({"type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404", "MessageBody": "no"}}, 404),
        ({"type": "authenticate-oidc"}, 501),
    ],
)
def test_what_the_balancer_answers_itself(listener: Listener, action: Json, status: int) -> None:
    listener.account.answer(**action)  # type: ignore[attr-defined]
    assert ask(listener)[0] == status


def test_a_redirect(listener: Listener) -> None:
    config = {"Protocol": "HTTPS", "Port": "8443", "StatusCode": "HTTP_301"}
    listener.account.answer("redirect", RedirectConfig=config)  # type: ignore[attr-defined]
    status, headers, _ = ask(listener, "/a?b=c")
    assert (status, headers["Location"]) == (301, "https://www.example.com:8443/a?b=c")


def test_a_changed_rule_counts_at_once(listener: Listener) -> None:
    assert ask(listener)[0] == 201
    listener.account.answer("fixed-response", FixedResponseConfig={"StatusCode": "200"})  # type: ignore[attr-defined]
    assert ask(listener)[0] == 200


def test_a_task_that_stops_answers_what_it_was_asked(listener: Listener) -> None:
    asking = threading.Thread(target=lambda: ask(listener, "/slow"))
    asking.start()
    while not listener.in_flight.any("task-1"):
        time.sleep(0.01)
    began = time.monotonic()
    listener.in_flight.drain("task-1", 0.05)
    assert time.monotonic() - began >= 0.05, "the delay is over, and the answer is not there"
    threading.Timer(0.05, Target.go_on.set).start()
    listener.in_flight.drain("task-1", threading.TIMEOUT_MAX)
    asking.join()
    assert not listener.in_flight.any("task-1")


@pytest.mark.parametrize("version", ["GRPC", "HTTP2"])
def test_http_1_is_no_protocol_for_a_group_of_another_version(listener: Listener, version: str) -> None:
    """ELB, HTTP 464."""
    account: Any = listener.account
    account.version = version
    assert ask(listener)[0] == 464
