"""What browsers see while something is deployed: hashed assets, rolling and blue/green; and priorities that change."""

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from components.service.route_names import Route, route_names
from sandbox.engine import Engine
from sandbox.stacks import StackFolder
from tests.scenarios.conftest import Stack, new_stack
from tests.support.page_views import seen, source

pytestmark = pytest.mark.nightly

SPEED = "10"
"""Slow enough that two versions serve at once for a while."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with three tasks of `hello`, which rolls, and of `shop`, which CodeDeploy deploys."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        patch.setattr("tests.scenarios.conftest.SPEED", SPEED)
        for host in ("hello", "shop"):
            route = next(
                line for line in (stack.root / "Pulumi.local.yaml").read_text().splitlines() if f"{host}.local" in line
            )
            stack.edit("Pulumi.local.yaml", route, f"{route}\n      tasks: {{min: 3}}")
        stack.up()
        yield stack


def seen_while_shipping(stack: Stack, service: str, app: Path) -> dict[str, Any]:
    """What page views came to from before a release until after it."""
    with seen(stack, service) as views:
        done = stack.ship(service, app)
    assert done.code == 0, done.out + done.err
    return views[service]


def shift(stack: Stack) -> float:
    """How long CodeDeploy's newest shift of traffic took, in seconds."""
    codedeploy = stack.client("codedeploy")
    (newest, *_) = codedeploy.list_deployments(applicationName="local-shop", deploymentGroupName="local-shop")[
        "deployments"
    ]
    (target,) = codedeploy.list_deployment_targets(deploymentId=newest)["targetIds"]
    found = codedeploy.get_deployment_target(deploymentId=newest, targetId=target)["deploymentTarget"]["ecsTarget"]
    (event,) = [e for e in found["lifecycleEvents"] if e["lifecycleEventName"] == "AllowTraffic"]
    return float((event["endTime"] - event["startTime"]).total_seconds())


def test_rolling_breaks_page_views_and_blue_green_only_those_within_the_shift(stack: Stack, tmp_path: Path) -> None:
    for service in ("hello", "shop"):
        assert stack.ship(service, source(tmp_path / service, "red")).code == 0
    rolling = seen_while_shipping(stack, "hello", source(tmp_path / "hello", "blue"))
    blue_green = seen_while_shipping(stack, "shop", source(tmp_path / "shop", "blue"))
    for views in (rolling, blue_green):
        assert views["views"] > 100
        assert views["server_errors"] == 0
    assert rolling["broken"] > blue_green["broken"]
    longest = max(blue_green["broken_at"], default=0) - min(blue_green["broken_at"], default=0)
    assert longest <= shift(stack) + 1, "a view that began before the shift and ended after it"
    assert max(rolling["broken_at"]) - min(rolling["broken_at"]) > longest


HOSTS = {"hello": "hello.local.example.com", "shop": "shop.local.example.com"}


def set_priority(stack: Stack, service: str, priority: int) -> None:
    file = stack.root / "Pulumi.local.yaml"
    file.write_text(re.sub(rf"(?<={HOSTS[service]}, priority: )\d+", str(priority), file.read_text()))


def priorities(stack: Stack) -> dict[str, tuple[str, str]]:
    """Host → its rule's priority, and the rule with the target groups behind it."""
    elbv2 = stack.client("elbv2")
    (listener,) = [found["arn"] for found in stack.control("listeners") if int(found["port"]) == 443]
    found = {}
    for rule in elbv2.describe_rules(ListenerArn=listener)["Rules"]:
        for condition in rule["Conditions"]:
            if condition["Field"] == "host-header":
                groups = [each["TargetGroupArn"] for each in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]
                found[condition["HostHeaderConfig"]["Values"][0]] = (
                    rule["Priority"],
                    " ".join([rule["RuleArn"], *sorted(groups)]),
                )
    return found


def records(stack: Stack) -> list[dict[str, Any]]:
    route53 = stack.client("route53")
    (zone,) = route53.list_hosted_zones()["HostedZones"]
    found: list[dict[str, Any]] = route53.list_resource_record_sets(HostedZoneId=zone["Id"])["ResourceRecordSets"]
    return found


def as_an_earlier_program_called_them(stack: Stack) -> int:
    """Give the rolling services' routes and all records their former names in Pulumi's state; how many there are."""
    engine = Engine(StackFolder(stack.name, stack.root), stack.account.server, print)
    document = json.loads(engine.export_text(show_secrets=False))
    resources = document["deployment"]["resources"]
    file = yaml.safe_load((stack.root / "Pulumi.local.yaml").read_text())
    services = file["config"]["fargate-delivery:services"]
    components = {
        each["urn"].rpartition("::")[2]: each["urn"] for each in resources if each["type"].endswith(":EcsService")
    }
    renamed = {}
    for service, given in services.items():
        routes = [Route.model_validate(route) for route in given.get("routes", [])]
        for each in routes:
            former = f"$aws:route53/record:Record::{service}-{each.host}"
            (urn,) = [
                found["urn"] for found in resources if found["urn"].endswith(f"Record::load-balancer-{each.host}")
            ]
            renamed[urn] = components[service].rpartition("::")[0] + former
        if given.get("deploy"):
            continue
        for route, called in zip(routes, route_names(service, routes, blue_green=False), strict=True):
            for urn in (found["urn"] for found in resources):
                scope, _, name = urn.rpartition("::")
                if name in (called.name, f"{called.name}-rule"):
                    by_priority = f"{service}-{route.priority}"
                    renamed[urn] = f"{scope}::{name.replace(called.name, by_priority)}"
    moved = [each for each in resources if each["type"] == "aws:route53/record:Record" and each["urn"] in renamed]
    for each in moved:  # below its parent, which is made later than the load balancer
        service = next(
            name for name in components if renamed[each["urn"]].endswith(f"::{name}-{each['inputs']['name']}")
        )
        each["parent"] = components[service]
        resources.remove(each)
        resources.append(each)
    text = json.dumps(document)
    for now, former in renamed.items():
        text = text.replace(json.dumps(now), json.dumps(former))
    former_state = stack.root / "former.json"
    former_state.write_text(text)
    engine.pulumi("stack", "import", "--file", str(former_state))
    return len(renamed)


def test_priorities_change_hands_while_requests_come(stack: Stack) -> None:
    before, named = priorities(stack), records(stack)
    assert as_an_earlier_program_called_them(stack) == 4 + 2 * 3
    with seen(stack, "hello", "shop", workers=1) as views:
        adopted = stack.ok("up", "--json").json["changeSummary"]
        set_priority(stack, "hello", 40)
        set_priority(stack, "shop", 10)
        stack.ok("up")
        swapped = priorities(stack)
        set_priority(stack, "hello", 15)
        stack.ok("up")
    after = priorities(stack)
    assert adopted.keys() <= {"same", "read"}
    for which in views.values():
        assert which["views"] > 20
        assert (which["broken"], which["server_errors"]) == (0, 0), which
    assert {host: swapped[host][0] for host in HOSTS.values()} == {HOSTS["hello"]: "40", HOSTS["shop"]: "10"}
    assert {host: after[host][0] for host in HOSTS.values()} == {HOSTS["hello"]: "15", HOSTS["shop"]: "10"}
    kept = {host: same for host, (_, same) in before.items()}
    assert {host: same for host, (_, same) in swapped.items()} == kept
    assert {host: same for host, (_, same) in after.items()} == kept
    assert records(stack) == named
