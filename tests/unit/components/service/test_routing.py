"""How requests reach a service: names that last, one record per host, one rule for all tasks, priorities that move."""

import json
from collections.abc import Callable, Iterator
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from mocked import Recorder, deploy, stack_config
from moto import mock_aws

from components.service.route_names import Route, addresses, route_names
from components.service.rule_priorities import LAST, make_room, take_back
from releases.errors import DeliveryError
from tests.unit.program.test_program import run

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
GROUP, RULE = "aws:lb/targetGroup:TargetGroup", "aws:lb/listenerRule:ListenerRule"
RECORD, EGRESS = "aws:route53/record:Record", "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def route(host: str, *paths: str, priority: int = 10) -> Route:
    return Route(host=f"{host}.example.com", paths=list(paths), priority=priority)


def names(*routes: Route, blue_green: bool = False) -> list[str]:
    return [each.name for each in route_names("shop", routes, blue_green=blue_green)]


@pytest.mark.parametrize(
    ("routes", "urls"),
    [
        ([], []),
        ([route("a")], ["https://a.example.com/"]),
        ([route("b", priority=20), route("a", priority=10)], ["https://a.example.com/", "https://b.example.com/"]),
        (
            [route("a", "/v1/*", "/v?/x", "/exact")],
            [f"https://a.example.com{path}" for path in ("/v1/", "/v", "/exact")],
        ),
        ([route("a", "/*"), route("a", priority=20)], ["https://a.example.com/"]),
    ],
)
def test_where_a_service_answers(routes: list[Route], urls: list[str]) -> None:
    assert addresses(routes) == urls


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([route("a")], [route("a", priority=20)]),
        ([route("a")], [route("a", "/x")]),
        ([route("a", "/x")], [route("a", "/y", priority=20)]),
        ([route("a", "/x", "/y"), route("a", "/z")], [route("a", "/y", "/x", priority=7), route("a", "/z")]),
    ],
)
def test_an_edit_keeps_the_names(before: list[Route], after: list[Route]) -> None:
    assert names(*before) == names(*after)


def test_another_route_leaves_the_names_of_the_others() -> None:
    (name,) = names(route("a"))
    assert names(route("b", priority=5), route("a"))[1] == name
    assert names(route("c"), route("a"), route("b"))[1] == name


def test_what_a_route_was_called_before() -> None:
    """By its priority; by its host or paths, with another number of routes of the host; by nothing, at CodeDeploy."""
    (only,) = route_names("shop", [route("a", "/x")], blue_green=False)
    first, second = route_names("shop", [route("a", "/x"), route("a", "/y", priority=20)], blue_green=False)
    assert only.former == [first.name, "shop-10", "shop-blue"]
    assert first.former == [only.name, "shop-10"]
    assert second.former == ["shop-20"]
    assert only.other_former == [first.other]
    assert (first.other_former, second.other_former) == ([only.other], [])
    (shifted,) = route_names("shop", [route("a", "/x")], blue_green=True)
    assert (shifted.name, shifted.former) == ("shop-blue", [only.name, first.name, "shop-10"])


def test_no_name_is_another_s() -> None:
    """Nor one by priority, which an alias would take for it; with the provider's eight characters it has 32 at most."""
    many = [route(f"host-{number}", priority=number + 1) for number in range(500)]
    found = route_names("s" * 18, many, blue_green=False)
    assert len({each.name for each in found} | {each.other for each in found}) == 1000
    assert all(name[19:].isalpha() and len(name) == 24 for each in found for name in (each.name, each.other))


def services(**routes: list[dict[str, Any]]) -> dict[str, Any]:
    """A stack file's, of their routes."""
    task = {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000}
    return {name: {"task": task, "routes": of} for name, of in routes.items()}


def declare(deploy: Deploy, **routes: list[dict[str, Any]]) -> Recorder:
    return run(deploy, "dev", services=services(**routes), secrets={})


def test_a_host_has_one_record_however_many_services_it_has(deploy: Deploy) -> None:
    """Of the stack: on another service, or on a service that is renamed, it is the same one."""
    recorder = declare(
        deploy,
        api=[{"host": "www.dev.example.com", "paths": ["/api/*"], "priority": 10}],
        site=[{"host": "www.dev.example.com", "priority": 20}, {"host": "dev.example.com", "priority": 30}],
    )
    records = {name: request for name, request in recorder.named(RECORD).items() if "certificate" not in name}
    assert records.keys() == {"load-balancer-dev.example.com", "load-balancer-www.dev.example.com"}
    assert {recorder.inputs(RECORD, name)["name"] for name in records} == {"dev.example.com", "www.dev.example.com"}
    owner = "urn:pulumi:dev::fargate-delivery::fargate-delivery:index:EcsService$aws:route53/record:Record"
    for name, request in records.items():
        host = name.removeprefix("load-balancer-")
        assert [alias.urn for alias in request.aliases] == [f"{owner}::api-{host}", f"{owner}::site-{host}"]
        assert request.parent.endswith("fargate-delivery:index:LoadBalancer::load-balancer")


def test_each_host_of_a_service_has_a_record(deploy: Deploy) -> None:
    recorder = declare(
        deploy,
        site=[{"host": "www.dev.example.com", "priority": 20}, {"host": "dev.example.com", "priority": 30}],
    )
    hosts = {recorder.inputs(RECORD, name)["name"] for name in recorder.named(RECORD)} - {"_validate.example.com"}
    assert hosts == {"www.dev.example.com", "dev.example.com"}


def test_the_health_check_s_thresholds_are_two(deploy: Deploy) -> None:
    config = services(site=[{"host": "www.dev.example.com", "priority": 20}])
    config["site"]["health_check"] = {"path": "/up", "healthy": 4, "unhealthy": 7, "interval": 20, "timeout": 9}
    recorder = run(deploy, "dev", services=config, secrets={})
    (name,) = recorder.named(GROUP)
    assert recorder.inputs(GROUP, name)["healthCheck"] == {
        "path": "/up",
        "matcher": "200",
        "interval": 20,
        "timeout": 9,
        "healthyThreshold": 4,
        "unhealthyThreshold": 7,
    }


@pytest.mark.parametrize(
    ("protocol", "check", "version", "path", "matcher"),
    [
        ("http1", {"path": "/up"}, None, "/up", "200"),
        ("http2", {"path": "/up", "matcher": "200-299"}, "HTTP2", "/up", "200-299"),
        ("grpc", {"path": "/grpc.health.v1.Health/Check"}, "GRPC", "/grpc.health.v1.Health/Check", "0"),
        ("grpc", {"path": "/AWS.ALB/healthcheck", "matcher": "12"}, "GRPC", "/AWS.ALB/healthcheck", "12"),
    ],
)
def test_what_the_balancer_speaks_with_the_tasks(
    deploy: Deploy, protocol: str, check: dict[str, str], version: str | None, path: str, matcher: str
) -> None:
    config = services(site=[{"host": "www.dev.example.com", "priority": 20}])
    config["site"] |= {"protocol": protocol, "health_check": check}
    recorder = run(deploy, "dev", services=config, secrets={})
    (name,) = recorder.named(GROUP)
    group = recorder.inputs(GROUP, name)
    assert (group["protocol"], group.get("protocolVersion")) == ("HTTP", version)
    assert (group["healthCheck"]["path"], group["healthCheck"]["matcher"]) == (path, matcher)


@pytest.mark.parametrize(("given", "seconds"), [({}, 30), ({"drain": 0}, 0), ({"drain": 600}, 600)])
def test_how_long_a_task_that_leaves_has_for_its_requests(deploy: Deploy, given: dict[str, int], seconds: int) -> None:
    config = services(site=[{"host": "www.dev.example.com", "priority": 20}])
    config["site"] |= given
    recorder = run(deploy, "dev", services=config, secrets={})
    (name,) = recorder.named(GROUP)
    assert recorder.inputs(GROUP, name)["deregistrationDelay"] == seconds


def test_one_rule_lets_the_balancer_reach_all_tasks(deploy: Deploy) -> None:
    recorder = declare(
        deploy,
        **{f"s{number}": [{"host": f"s{number}.dev.example.com", "priority": number}] for number in range(1, 4)},
    )
    of_balancer = {
        name: recorder.inputs(EGRESS, name)
        for name in recorder.named(EGRESS)
        if recorder.inputs(EGRESS, name)["securityGroupId"] == "load-balancer-sg-id"
    }
    assert of_balancer == {
        "load-balancer-out-10.0.0.0/16": {
            "securityGroupId": "load-balancer-sg-id",
            "description": "To the tasks in 10.0.0.0/16",
            "ipProtocol": "tcp",
            "fromPort": 1,
            "toPort": 65535,
            "cidrIpv4": "10.0.0.0/16",
        }
    }


def test_the_balancer_reaches_every_range_of_an_adopted_vpc(deploy: Deploy) -> None:
    network = {"vpc_id": "vpc-0a", "public_subnet_ids": ["subnet-1", "subnet-2"], "private_subnet_ids": ["subnet-3"]}
    recorder = run(deploy, "dev", network=network)
    found = {name for name in recorder.named(EGRESS) if name.startswith("load-balancer")}
    assert found == {"load-balancer-out-10.1.0.0/16", "load-balancer-out-100.64.0.0/16"}


def test_every_rule_makes_room_for_itself(deploy: Deploy) -> None:
    recorder = run(deploy, "local", services=json.loads(stack_config("local")["fargate-delivery:services"]))
    assert recorder.named(RULE)
    for request in recorder.named(RULE).values():
        assert list(request.hooks.before_create) == list(request.hooks.before_update) == ["rule-makes-room"]
        assert list(request.hooks.after_update) == ["rule-keeps-place"]


@pytest.fixture
def listener() -> Iterator[tuple[Any, str, list[str], list[str]]]:
    """A client, a listener, and two target groups: of this program, and of somebody else's."""
    with mock_aws():
        ec2 = boto3.client("ec2", "eu-west-1")
        vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"eu-west-1{zone}")["Subnet"][
                "SubnetId"
            ]
            for n, zone in enumerate("ab")
        ]
        elbv2 = boto3.client("elbv2", "eu-west-1")
        balancer = elbv2.create_load_balancer(Name="dev", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
        fixed = {"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}
        made = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=[fixed])
        groups = [
            elbv2.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc)["TargetGroups"][0][
                "TargetGroupArn"
            ]
            for name in ("shop-10-0a1b2c3", "shop-abcde-1234567", "somebody-elses")
        ]
        yield elbv2, made["Listeners"][0]["ListenerArn"], groups[:2], groups[2:]


def rule(elbv2: Any, listener: str, priority: int, group: str) -> str:
    found: str = elbv2.create_rule(
        ListenerArn=listener,
        Priority=priority,
        Conditions=[{"Field": "host-header", "HostHeaderConfig": {"Values": [f"h{priority}.example.com"]}}],
        Actions=[{"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": group, "Weight": 1}]}}],
    )["Rules"][0]["RuleArn"]
    return found


def priorities(elbv2: Any, listener: str) -> dict[str, str]:
    return {each["RuleArn"]: each["Priority"] for each in elbv2.describe_rules(ListenerArn=listener)["Rules"]}


def test_two_rules_swap_their_priorities(listener: tuple[Any, str, list[str], list[str]]) -> None:
    elbv2, arn, (first, second), _ = listener
    a, b = rule(elbv2, arn, 10, first), rule(elbv2, arn, 20, second)
    make_room(elbv2, arn, 20, a)
    make_room(elbv2, arn, 10, b)
    assert {priorities(elbv2, arn)[each] for each in (a, b)} == {str(LAST), str(LAST - 1)}
    for each, wanted in ((a, 20), (b, 10)):  # as the provider does
        elbv2.set_rule_priorities(RulePriorities=[{"RuleArn": each, "Priority": wanted}])
    take_back(elbv2, arn, 20, a)
    found = priorities(elbv2, arn)
    assert (found[a], found[b]) == ("20", "10")


def test_a_new_rule_takes_over_a_priority(listener: tuple[Any, str, list[str], list[str]]) -> None:
    elbv2, arn, (first, _), _ = listener
    old = rule(elbv2, arn, 10, first)
    make_room(elbv2, arn, 10, None)
    assert priorities(elbv2, arn)[old] == str(LAST)


def test_a_rule_that_had_to_make_room_takes_its_place_again(listener: tuple[Any, str, list[str], list[str]]) -> None:
    elbv2, arn, (first, _), _ = listener
    moved = rule(elbv2, arn, LAST, first)
    take_back(elbv2, arn, 10, moved)
    assert priorities(elbv2, arn)[moved] == "10"


def test_a_rule_of_somebody_else_s_stays(listener: tuple[Any, str, list[str], list[str]]) -> None:
    elbv2, arn, _, (other,) = listener
    theirs = rule(elbv2, arn, 10, other)
    with pytest.raises(DeliveryError, match=r"priority 10 of the listener is taken by .* give the route another"):
        make_room(elbv2, arn, 10, None)
    assert priorities(elbv2, arn)[theirs] == "10"


def test_nothing_is_changed_where_nobody_has_the_priority(listener: tuple[Any, str, list[str], list[str]]) -> None:
    elbv2, arn, (first, _), _ = listener
    own = rule(elbv2, arn, 10, first)
    rules = elbv2.describe_rules(ListenerArn=arn)
    with Stubber(elbv2) as stubbed:
        for _ in range(3):
            stubbed.add_response("describe_rules", {"Rules": rules["Rules"]}, {"ListenerArn": arn})
        make_room(elbv2, arn, 10, own)
        make_room(elbv2, arn, 11, None)
        take_back(elbv2, arn, 10, own)
        stubbed.assert_no_pending_responses()


@pytest.mark.parametrize(
    ("said", "sticky"),
    [
        ({}, {"enabled": False, "cookieDuration": 86400}),
        ({"stickiness": {}}, {"enabled": True, "cookieDuration": 86400}),
        ({"stickiness": {"seconds": 3600}}, {"enabled": True, "cookieDuration": 3600}),
    ],
)
def test_whether_a_browser_stays_with_a_task(deploy: Deploy, said: dict[str, Any], sticky: dict[str, Any]) -> None:
    of_web = services(web=[{"host": "web.dev.example.com", "priority": 10}])
    of_web["web"] |= said
    recorder = run(deploy, "dev", services=of_web, secrets={})
    (name,) = recorder.named("aws:lb/targetGroup:TargetGroup")
    assert recorder.inputs("aws:lb/targetGroup:TargetGroup", name)["stickiness"] == {"type": "lb_cookie", **sticky}
