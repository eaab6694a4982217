"""Page views: what a page loads, what is broken, and where a service answers."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.clients.load import Views, assets_of, load, view
from sandbox.clients.pipelines import deploys, ecs_services
from sandbox.clients.sites import Site, addresses, find_site
from sandbox.stacks import SandboxError

PAGE = """<link rel="stylesheet" href="/assets/app-1.css"><img src='logo-2.svg'>
<a href="#top">up</a><script src="https://cdn.example.com/x.js"></script><img src="/assets/app-1.css">"""


def test_the_assets_of_a_page() -> None:
    assert assets_of(PAGE, "/shop/") == ["/assets/app-1.css", "/shop/logo-2.svg"]
    assert assets_of('<a href="/">home</a>', "/") == []


@pytest.mark.parametrize(
    ("statuses", "broken", "errors"),
    [([200, 200], 0, 0), ([200, 404], 1, 0), ([503], 1, 1), ([200, 502, 404], 1, 1), ([0], 1, 1)],
)
def test_what_is_counted(statuses: list[int], broken: int, errors: int) -> None:
    views = Views()
    views.add(statuses, 1.234)
    found = views.document()
    assert (found["views"], found["broken"], found["server_errors"]) == (1, broken, errors)
    assert found["missing"] == statuses.count(404)
    assert found["broken_at"] == ([1.23] if broken else [])


def test_the_shares_of_versions_over_time() -> None:
    views = Views()
    for at, text in ((0.1, "v1"), (0.9, "v2\nmore"), (0.95, "v1"), (2.0, "v2\nelse"), (2.1, "x" * 50)):
        views.add([200], at, text)
    assert views.shares() == [
        {"second": 0, "pages": {"v1": 2, "v2": 1}},
        {"second": 2, "pages": {"v2": 1, "x" * 40: 1}},
    ]


class App(BaseHTTPRequestHandler):
    there = True

    def do_GET(self) -> None:
        status = 200 if self.path == "/" or (self.there and self.headers["Host"] == "www.example.com") else 404
        body = PAGE.encode() if self.path == "/" else b""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: Any) -> None:
        pass


@pytest.fixture
def site() -> Iterator[Site]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    threading.Thread(target=server.serve_forever, args=[0.01], daemon=True).start()
    App.there = True
    yield Site("www.example.com", f"127.0.0.1:{server.server_address[1]}")
    server.shutdown()


def test_a_view_with_and_without_assets(site: Site) -> None:
    assert view(site, "/", 0, assets=False) == ([200], PAGE)
    assert view(site, "/", 0, assets=True) == ([200, 200, 200], PAGE)
    App.there = False
    assert view(site, "/", 0, assets=True) == ([200, 404, 404], PAGE)
    assert Site("h", "127.0.0.1:1").get("/") == (0, b"")


def test_views_until_it_is_over(site: Site) -> None:
    left = [20]

    def over() -> bool:
        left[0] -= 1
        return left[0] < 0

    views = Views()
    load(site, views, "/", 2, 0, over, assets=True)
    assert views.total == 20
    assert views.line() == "20 page views: 0 broken; 0 answers 404, 0 answers 5xx"


def session(*services: str, paths_only: bool = False) -> Any:
    """Services that all have group `g`, and two listeners whose rules lead there; the first of some paths only."""
    described = {"taskSets": [{"loadBalancers": [{"targetGroupArn": "g"}]}]}
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "g"}]}}
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["www.example.com"]}}
    api = {"Field": "host-header", "HostHeaderConfig": {"Values": ["api.example.com"]}}
    paths = {"Field": "path-pattern", "PathPatternConfig": {"Values": ["/v1/*"]}}
    rules = [
        {"Actions": [{"Type": "fixed-response"}], "Conditions": [], "IsDefault": True, "Priority": "default"},
        {"Actions": [forward], "Conditions": [api, paths], "IsDefault": False, "Priority": "1"},
        *([] if paths_only else [{"Actions": [forward], "Conditions": [host], "IsDefault": False, "Priority": "2"}]),
    ]
    clients = {
        "ecs": SimpleNamespace(
            list_clusters=lambda: {"clusterArns": ["dev"]},
            list_services=lambda cluster: {"serviceArns": [f"arn/{name}" for name in services]},
            describe_services=lambda cluster, services: {
                "services": [{**described, "serviceName": name} for name in services if cluster == "dev"]
            },
        ),
        "codedeploy": SimpleNamespace(
            get_deployment_group=lambda applicationName, deploymentGroupName: {
                "deploymentGroupInfo": {
                    "ecsServices": [{"clusterName": applicationName, "serviceName": deploymentGroupName}]
                }
            }
        ),
        "elbv2": SimpleNamespace(describe_rules=lambda **_: {"Rules": rules}),
    }
    return SimpleNamespace(client=clients.__getitem__, control=lambda _: LISTENERS)


def pipeline(provider: str, **configuration: str) -> Any:
    """A pipeline of one action."""
    action = {"actionTypeId": {"category": "Deploy", "provider": provider}, "configuration": configuration}
    return {"name": "dev-web", "stages": [{"actions": [action]}]}


def test_what_opens_each_host() -> None:
    with_ports = session()
    with_ports.control = lambda _: [{**each, "address": f"127.0.0.1:{each['port']}"} for each in LISTENERS]
    assert addresses(with_ports) == {
        "api.example.com": "http://api.localhost:443/",
        "www.example.com": "http://www.localhost:443/",
    }


LISTENERS = [{"arn": "test", "port": 8443, "address": "b"}, {"arn": "prod", "port": 443, "address": "a"}]
BY_ECS = pipeline("ECS", ClusterName="dev", ServiceName="blue")
BY_CODEDEPLOY = pipeline("CodeDeployToECS", ApplicationName="dev", DeploymentGroupName="green")
BY_ITSELF = pipeline("Lambda")


@pytest.mark.parametrize(
    ("deployed_by", "services"),
    [
        (BY_ECS, [("dev", "blue")]),
        (BY_CODEDEPLOY, [("dev", "green")]),
        (BY_ITSELF, [("dev", "dev-web")]),
    ],
)
def test_where_a_service_answers(deployed_by: Any, services: list[tuple[str, str]]) -> None:
    two = session("dev-web", "dev-webs")
    assert ecs_services(two, deployed_by, "web") == services
    assert find_site(two, deployed_by, "web") == Site("www.example.com", "a", "www")
    assert find_site(session("dev-web", paths_only=True), deployed_by, "web") == Site("api.example.com", "a", "api")


def test_a_service_that_is_not_there_or_has_no_route(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = pipeline("ECS", ClusterName="other", ServiceName="blue")
    with pytest.raises(SandboxError, match="the pipeline dev-web deploys no ECS service that there is"):
        find_site(session(), elsewhere, "web")
    unreached = session()
    unreached.control = lambda _: []
    with pytest.raises(SandboxError, match="no listener's rule leads to the ECS service blue: it has no route"):
        find_site(unreached, BY_ECS, "web")


def declared(name: str, provider: str = "ECS", **configuration: str) -> dict[str, Any]:
    deploy = {"name": "D", "actionTypeId": {"category": "Deploy", "provider": provider}, "configuration": configuration}
    return {"name": name, "stages": [{"name": "B", "actions": [deploy]}]}


@pytest.mark.parametrize(
    ("pipeline", "service", "found"),
    [
        (declared("x", ServiceName="local-web"), "web", True),
        (declared("x", ServiceName="web"), "web", True),
        (declared("x", ServiceName="cobweb"), "web", False),
        (declared("local-web", ServiceName="other"), "web", True),
        (declared("x", "CodeDeployToECS", ApplicationName="local-web"), "web", True),
        (declared("x", ServiceName="local-web"), "local-web", True),
        (declared("x", ServiceName="local-web"), "local", False),
    ],
)
def test_which_pipeline_deploys_a_service(pipeline: dict[str, Any], service: str, found: bool) -> None:
    assert deploys(pipeline, service) is found
