"""A stack's export, as `pulumi stack export` prints it."""

import json
from typing import Any

ALB, WEB, API, WORKER, DATABASE = "sg-alb", "sg-web", "sg-api", "sg-worker", "sg-db"
RULES = "aws:vpc/securityGroup{0}Rule:SecurityGroup{0}Rule"


def resource(kind: str, called: str, parent: str = "", /, **outputs: Any) -> dict[str, Any]:
    urn = f"urn:pulumi:dev::fargate-delivery::component${kind}::{called}"
    above = {"parent": f"urn:pulumi:dev::fargate-delivery::component::{parent}"} if parent else {}
    return {"urn": urn, "type": kind, "outputs": outputs, **above}


def ingress(group: str, **what: Any) -> dict[str, Any]:
    return resource(RULES.format("Ingress"), f"in-{group}-{len(str(what))}", securityGroupId=group, **what)


def service(name: str, group: str, *targets: str, other: str = "") -> dict[str, Any]:
    advanced = {"advancedConfiguration": {"alternateTargetGroupArn": other}} if other else {}
    balancers = [{"containerPort": 4000, "targetGroupArn": target, **advanced} for target in targets]
    network = {"securityGroups": [group]}
    return resource(
        "aws:ecs/service:Service", f"{name}-service", name, loadBalancers=balancers, networkConfiguration=network
    )


def rule(target: str, hosts: list[str], paths: list[str] | None = None, *, forward: bool = True) -> dict[str, Any]:
    conditions = [{"hostHeader": {"values": hosts}}, *([{"pathPattern": {"values": paths}}] if paths else [])]
    action = {"forward": {"targetGroups": [{"arn": target, "weight": 1}]}} if forward else {"targetGroupArn": target}
    return resource("aws:lb/listenerRule:ListenerRule", f"{target}-rule", conditions=conditions, actions=[action])


def pipeline(name: str, *stages: tuple[str, str], deploy: str = "ECS") -> dict[str, Any]:
    listed = [{"name": stage, "actions": [{"name": stage, "provider": by}]} for stage, by in stages]
    last = {
        "name": "Deploy",
        "actions": [{"name": "Deploy", "provider": deploy}, {"name": "Release", "provider": "Lambda"}],
    }
    return resource("aws:codepipeline/pipeline:Pipeline", f"{name}-pipeline", name, stages=[*listed, last])


SOURCE, BUILD, APPROVE = ("Source", "S3"), ("Build", "CodeBuild"), ("Approve", "Manual")
BALANCER = resource("aws:lb/loadBalancer:LoadBalancer", "alb", name="dev", internal=False, securityGroups=[ALB])
LISTENERS = [
    resource(
        "aws:lb/listener:Listener", "https", port=443, protocol="HTTPS", defaultActions=[{"type": "fixed-response"}]
    ),
    resource("aws:lb/listener:Listener", "http", port=80, protocol="HTTP", defaultActions=[{"type": "redirect"}]),
]


def resources() -> list[dict[str, Any]]:
    """Three services: two behind the load balancer, of which one shifts its traffic, and a worker that calls one of them
    and a database.
    """
    return [
        resource("pulumi:pulumi:Stack", "fargate-delivery-dev"),
        BALANCER,
        *LISTENERS,
        ingress(ALB, cidrIpv4="0.0.0.0/0", fromPort=443, toPort=443),
        ingress(ALB, cidrIpv6="::/0", fromPort=443, toPort=443),
        ingress(ALB, prefixListId="pl-1", fromPort=80, toPort=80),
        service("web", WEB, "blue", other="green"),
        service("api", API, "api", "second"),
        service("worker", WORKER),
        rule("green", ["web.example.com"]),
        rule("api", ["api.example.com"], ["/v1/*", "/v2/*"]),
        rule("second", ["api.example.com"], forward=False),
        ingress(WEB, referencedSecurityGroupId=ALB, fromPort=1, toPort=65535),
        ingress(API, referencedSecurityGroupId=WORKER, fromPort=1, toPort=65535),
        ingress(DATABASE, referencedSecurityGroupId=WORKER, fromPort=5432, toPort=5432),
        resource(RULES.format("Egress"), "out", securityGroupId=WORKER, cidrIpv4="0.0.0.0/0", ipProtocol="-1"),
        resource(RULES.format("Egress"), "out2", securityGroupId=WEB, cidrIpv4="10.0.0.0/16", ipProtocol="-1"),
        pipeline("worker", SOURCE, BUILD),
        pipeline("api", SOURCE, BUILD),
        pipeline("web", SOURCE, BUILD, APPROVE, deploy="Lambda"),
    ]


def exported(*listed: dict[str, Any]) -> str:
    return json.dumps({"version": 3, "deployment": {"resources": listed or resources()}})
