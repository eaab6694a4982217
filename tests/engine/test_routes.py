"""The listener rules of services, changed in one `up`: priorities that are swapped, hosts that change their service."""

import json
from collections.abc import Mapping
from typing import Any

from tests.engine.conftest import ACCOUNT, REGION, Program, changed

Routes = Mapping[str, list[dict[str, Any]]]

PROGRAM = """
from components.service.rule_priorities import rule_hooks
from components.service.route_names import Route
from components.service.routing import ContainerTarget, HealthCheck, route_requests, task_security_group
from releases.aws_session import Provider, connect

vpc = aws.ec2.Vpc("routes", cidr_block="10.8.0.0/16")
subnets = [
    aws.ec2.Subnet(f"routes-{{zone}}", vpc_id=vpc.id, cidr_block=f"10.8.{{n}}.0/24", availability_zone=f"{region}{{zone}}")
    for n, zone in enumerate("ab")
]
group = aws.ec2.SecurityGroup("routes-balancer", description="The load balancer", vpc_id=vpc.id)
balancer = aws.lb.LoadBalancer(
    "routes", name="routes", load_balancer_type="application", security_groups=[group.id], subnets=[s.id for s in subnets]
)
listener = aws.lb.Listener(
    "routes",
    load_balancer_arn=balancer.arn,
    port=80,
    protocol="HTTP",
    default_actions=[{{"type": "fixed-response", "fixed_response": {{"content_type": "text/plain", "status_code": "404"}}}}],
)
hooks = rule_hooks(connect(Provider(region="{region}", profile=None, roles=[]), "{account}"))
for service, routes in {services}.items():
    component = pulumi.ComponentResource("fargate-delivery:index:EcsService", service)
    route_requests(
        ContainerTarget(service, "web", 4000, vpc.id, task_security_group(service, vpc.id, component)),
        {{
            "routes": [Route(**route) for route in routes],
            "health_check": HealthCheck(),
            "listener_arn": listener.arn,
            "balancer_security_group_id": group.id,
            "rule_hooks": hooks,
        }},
        component,
    )
"""


def route(host: str, priority: int, *paths: str) -> dict[str, Any]:
    return {"host": f"{host}.example.com", "paths": list(paths), "priority": priority}


def up(program: Program, **services: list[dict[str, Any]]) -> dict[str, str]:
    program.write(PROGRAM.format(region=REGION, account=ACCOUNT, services=json.dumps(services)))
    return changed(program.run("up"))


def served(program: Program) -> dict[str, tuple[str, str]]:
    """Host → priority and target group, as it is called in Pulumi."""
    elbv2 = program.client("elbv2")
    (balancer,) = elbv2.describe_load_balancers(Names=["routes"])["LoadBalancers"]
    (found,) = elbv2.describe_listeners(LoadBalancerArn=balancer["LoadBalancerArn"])["Listeners"]
    rules = [each for each in elbv2.describe_rules(ListenerArn=found["ListenerArn"])["Rules"] if not each["IsDefault"]]
    hosts = {}
    for each in rules:
        (host,) = next(c for c in each["Conditions"] if c["Field"] == "host-header")["HostHeaderConfig"]["Values"]
        (target,) = each["Actions"][0]["ForwardConfig"]["TargetGroups"]
        hosts[host.partition(".")[0]] = (each["Priority"], target["TargetGroupArn"].split("/")[1].rpartition("-")[0])
    return hosts


def test_routes_change_in_one_up(program: Program) -> None:
    up(program, shop=[route("a", 10), route("b", 20)], mail=[route("c", 30)])
    first = served(program)
    assert {host: priority for host, (priority, _) in first.items()} == {"a": "10", "b": "20", "c": "30"}

    swapped = up(program, shop=[route("a", 30), route("b", 10, "/x")], mail=[route("c", 20)])
    assert set(swapped.values()) == {"update"}
    assert len(swapped) == 3
    assert served(program) == {"a": ("30", first["a"][1]), "b": ("10", first["b"][1]), "c": ("20", first["c"][1])}

    up(program, shop=[route("a", 30)], mail=[route("c", 20), route("b", 10)])
    moved = served(program)
    assert {host: priority for host, (priority, _) in moved.items()} == {"a": "30", "b": "10", "c": "20"}
    assert moved["b"][1].startswith("mail-")

    up(program, store=[route("a", 30)], mail=[route("c", 20), route("b", 10)])
    renamed = served(program)
    assert renamed == {**moved, "a": ("30", renamed["a"][1])}
    assert renamed["a"][1].startswith("store-")

    program.run("destroy")
