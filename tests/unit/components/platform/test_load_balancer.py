"""The load balancer: redirects, with a rule and a record for each host; and one that the internet does not reach."""

import json
from collections.abc import Callable
from typing import Any

import pulumi
import pytest
from mocked import INVOKES, SECRET_KEYS, Recorder, program, stack_config

from components.platform.load_balancer import LoadBalancer, LoadBalancerArgs

RULE, RECORD = "aws:lb/listenerRule:ListenerRule", "aws:route53/record:Record"
Deploy = Callable[..., Recorder]
APEX = {"host": "dev.example.com", "to": "www.dev.example.com", "priority": 5}
OLD = {"host": "old.dev.example.com", "to": "shop.example.org", "priority": 6, "permanent": False}


def declared(deploy: Deploy, **domain: Any) -> Recorder:
    config = stack_config("dev", domain={"zone": "dev.example.com", **domain})
    return deploy(program, config=config, secret_keys=SECRET_KEYS)


def test_a_host_that_leads_to_another_one(deploy: Deploy) -> None:
    recorder = declared(deploy, redirects=[APEX, OLD])
    rules = {name: recorder.inputs(RULE, name) for name in recorder.named(RULE) if "redirect" in name}
    assert rules.keys() == {f"load-balancer-redirect-{each['host']}" for each in (APEX, OLD)}
    to = {"protocol": "HTTPS", "port": "443"}
    assert rules["load-balancer-redirect-dev.example.com"] == {
        "listenerArn": "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener/load-balancer-https",
        "priority": 5,
        "conditions": [{"hostHeader": {"values": ["dev.example.com"]}}],
        "actions": [{"type": "redirect", "redirect": {**to, "host": "www.dev.example.com", "statusCode": "HTTP_301"}}],
    }
    assert rules["load-balancer-redirect-old.dev.example.com"]["actions"] == [
        {"type": "redirect", "redirect": {**to, "host": "shop.example.org", "statusCode": "HTTP_302"}}
    ]
    records = {recorder.inputs(RECORD, name)["name"] for name in recorder.named(RECORD)}
    assert {"dev.example.com", "old.dev.example.com", "chuoi.dev.example.com"} <= records
    assert "www.dev.example.com" not in records


def test_no_record_where_dns_is_somebody_else_s(deploy: Deploy) -> None:
    recorder = declared(deploy, redirects=[APEX], records=False)
    records = {recorder.inputs(RECORD, name)["name"] for name in recorder.named(RECORD)}
    assert not {name for name in records if not name.startswith("_")}
    assert "load-balancer-redirect-dev.example.com" in recorder.named(RULE)


def test_without_redirects_there_is_no_such_rule(deploy: Deploy) -> None:
    assert not [name for name in declared(deploy).named(RULE) if "redirect" in name]


BALANCER, INGRESS = "aws:lb/loadBalancer:LoadBalancer", "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"


def let_in(recorder: Recorder) -> set[tuple[str, int]]:
    """Who may connect to the load balancer at which ports."""
    rules = [recorder.inputs(INGRESS, name) for name in recorder.named(INGRESS) if name.startswith("load-balancer-in-")]
    return {(rule.get("cidrIpv4") or rule["cidrIpv6"], rule["fromPort"]) for rule in rules}


def test_an_internal_one_is_in_the_subnets_of_the_tasks_and_lets_their_vpc_in(deploy: Deploy) -> None:
    config = stack_config("dev", load_balancer={"internal": True}, network={"cidr": "10.9.0.0/16", "nat": "single"})
    recorder = deploy(program, config=config, secret_keys=SECRET_KEYS)
    (balancer,) = [recorder.inputs(BALANCER, name) for name in recorder.named(BALANCER)]
    service = recorder.inputs("aws:ecs/service:Service", "chuoi-service")
    assert balancer["internal"] is True
    assert balancer["subnets"] == service["networkConfiguration"]["subnets"]
    assert let_in(recorder) == {("10.9.0.0/16", 80), ("10.9.0.0/16", 443)}


def test_an_internal_one_lets_in_who_is_named(deploy: Deploy) -> None:
    config = stack_config("dev", load_balancer={"internal": True}, cluster={"allowed_cidrs": ["10.8.0.0/16"]})
    recorder = deploy(program, config=config, secret_keys=SECRET_KEYS)
    assert let_in(recorder) == {("10.8.0.0/16", 80), ("10.8.0.0/16", 443)}


def test_without_the_key_it_faces_the_internet_and_nothing_is_said_of_it(dev: Recorder) -> None:
    (balancer,) = [dev.inputs(BALANCER, name) for name in dev.named(BALANCER)]
    assert "internal" not in balancer
    assert let_in(dev) == {("0.0.0.0/0", 80), ("0.0.0.0/0", 443)}


def test_a_component_of_its_own_never_lets_everybody_in_where_it_is_internal(deploy: Deploy) -> None:
    """Without `allowed_cidrs` too."""
    inputs: LoadBalancerArgs = {
        "load_balancer_name": "own",
        "vpc_id": "vpc-1",
        "subnet_ids": ["subnet-1", "subnet-2"],
        "internal": True,
        "domain": "example.com",
        "certificate_arn": "arn:aws:acm:eu-west-1:123456789012:certificate/1",
    }
    assert let_in(deploy(lambda: LoadBalancer("load-balancer", inputs))) == set()
    assert let_in(deploy(lambda: LoadBalancer("load-balancer", {**inputs, "reaches": ["10.0.0.0/16"]}))) == {
        ("10.0.0.0/16", 80),
        ("10.0.0.0/16", 443),
    }


CERTIFICATE, SHOWN = "aws:acm/certificate:Certificate", "aws:lb/listenerCertificate:ListenerCertificate"
ADOPTED = "arn:aws:acm:ap-northeast-1:123456789012:certificate/adopted"
MORE = [
    {"zone": "example.org"},
    {"zone": "example.net", "certificate_arn": ADOPTED, "records": False},
    {"zone": "inner.dev.example.com", "certificate_arn": ADOPTED},
]


def zoned(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, hosts: list[str], **domain: Any
) -> tuple[Recorder, list[str]]:
    """The dev stack with a route for each host, and the hosts whose records are to be made by somebody else; a zone's id is its name."""
    exported: dict[str, Any] = {}
    monkeypatch.setattr(pulumi, "export", exported.__setitem__)
    monkeypatch.setitem(INVOKES, "aws:route53/getZone:getZone", lambda args: {"zoneId": f"zone of {args['name']}"})
    config = stack_config("dev", domain={"zone": "dev.example.com", **domain})
    services = json.loads(config["fargate-delivery:services"])
    services["chuoi"]["routes"] = [
        {"host": host, "priority": 10 * number} for number, host in enumerate(hosts, start=1)
    ]
    config["fargate-delivery:services"] = json.dumps(services)
    recorder = deploy(program, config=config, secret_keys=SECRET_KEYS)
    return recorder, list(exported.get("dns_records", {}))


def test_each_zone_has_a_certificate_that_the_listener_shows_for_its_hosts(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    recorder, elsewhere = zoned(deploy, monkeypatch, ["dev.example.com"], more_zones=MORE)
    made = {name: recorder.inputs(CERTIFICATE, name)["domainName"] for name in recorder.named(CERTIFICATE)}
    assert made == {
        "load-balancer-certificate": "dev.example.com",
        "load-balancer-example.org-certificate": "example.org",
    }
    validated = recorder.inputs(RECORD, "load-balancer-example.org-certificate-record")
    assert validated["zoneId"] == "zone of example.org"
    listener = "arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener/load-balancer-https"
    assert {name: recorder.inputs(SHOWN, name) for name in recorder.named(SHOWN)} == {
        f"load-balancer-{certificate}-443": {"listenerArn": listener, "certificateArn": arn}
        for certificate, arn in (
            ("example.org", "arn:aws:acm:ap-northeast-1:123456789012:certificate/made"),
            (ADOPTED.rpartition("/")[2], ADOPTED),
        )
    }, "one of two zones is shown once, and goes when both have gone"
    assert elsewhere == []


def test_a_record_is_made_in_the_zone_that_its_host_is_in(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    hosts = ["www.dev.example.com", "example.org", "a.example.net", "b.inner.dev.example.com"]
    redirect = {"host": "www.example.org", "to": "example.org", "priority": 900}
    recorder, elsewhere = zoned(deploy, monkeypatch, hosts, more_zones=MORE, redirects=[redirect])
    records = {
        record["name"]: record["zoneId"]
        for record in (recorder.inputs(RECORD, name) for name in recorder.named(RECORD))
        if "aliases" in record
    }
    assert records == {
        "www.dev.example.com": "zone of dev.example.com",
        "example.org": "zone of example.org",
        "www.example.org": "zone of example.org",
        "b.inner.dev.example.com": "zone of inner.dev.example.com",
    }
    assert recorder.invoked("aws:route53/getZone:getZone") == 3, "nothing is written into example.net"
    assert elsewhere == ["a.example.net"]


def test_where_the_first_zone_is_somebody_else_s_the_others_have_their_records(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosts = ["www.dev.example.com", "example.org"]
    recorder, elsewhere = zoned(deploy, monkeypatch, hosts, more_zones=MORE[:1], records=False)
    aliases = [name for name in recorder.named(RECORD) if "aliases" in recorder.inputs(RECORD, name)]
    assert aliases == ["load-balancer-example.org"]
    assert elsewhere == ["www.dev.example.com"]


def test_with_one_zone_nothing_more_is_shown_or_said(dev: Recorder) -> None:
    assert dev.types()[SHOWN] == 0


ZONE = "aws:route53/zone:Zone"


def test_a_private_zone_of_a_vpc_that_is_made_is_made_and_has_the_records(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    inner = {"zone": "inner.example.org", "private": True, "validated_in": "example.org"}
    hosts = ["www.dev.example.com", "api.inner.example.org"]
    recorder, elsewhere = zoned(deploy, monkeypatch, hosts, private=True, more_zones=[inner])
    made = {name: recorder.inputs(ZONE, name) for name in recorder.named(ZONE)}
    assert made == {
        f"private-{zone}-zone": {
            "name": zone,
            "comment": "The names of what is reached within the VPC",
            "vpcs": [{"vpcId": "vpc-0123"}],
        }
        for zone in ("dev.example.com", "inner.example.org")
    }
    records = {
        name: recorder.inputs(RECORD, f"load-balancer-{name}")["zoneId"]
        for name in ("www.dev.example.com", "api.inner.example.org", "certificate-record")
    }
    assert records == {
        "www.dev.example.com": "private-dev.example.com-zone-zone",
        "api.inner.example.org": "private-inner.example.org-zone-zone",
        "certificate-record": "zone of dev.example.com",
    }
    validated = recorder.inputs(RECORD, "load-balancer-inner.example.org-certificate-record")
    assert validated["zoneId"] == "zone of example.org"
    assert elsewhere == []


def test_a_private_zone_of_a_vpc_that_exists_is_found_there(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[dict[str, Any]] = []

    def answer(args: dict[str, Any]) -> dict[str, str]:
        asked.append(dict(args))
        return {"zoneId": f"{'private' if args.get('privateZone') else 'public'} {args['name']}"}

    monkeypatch.setitem(INVOKES, "aws:route53/getZone:getZone", answer)
    config = stack_config(
        "dev",
        domain={"zone": "dev.example.com", "private": True, "certificate_arn": ADOPTED},
        network={"vpc_id": "vpc-0a", "private_subnet_ids": ["subnet-1", "subnet-2"]},
        load_balancer={"internal": True},
    )
    recorder = deploy(program, config=config, secret_keys=SECRET_KEYS)
    assert recorder.types()[ZONE] == 0
    assert asked == [{"name": "dev.example.com", "privateZone": True, "vpcId": "vpc-0a"}]
    aliases = [name for name in recorder.named(RECORD) if "aliases" in recorder.inputs(RECORD, name)]
    assert {recorder.inputs(RECORD, name)["zoneId"] for name in aliases} == {"private dev.example.com"}


PROVIDER = "pulumi:providers:aws"
ROLE, OTHER = (f"arn:aws:iam::{account}:role/network/zones" for account in ("999988887777", "111122223333"))


def written_by(recorder: Recorder) -> dict[str, str]:
    """Record → the name of the explicit provider that makes it; all else is made by the default one."""
    by = {request.name: request.provider for request in recorder.requests() if request.provider}
    assert by.keys() <= recorder.named(RECORD).keys()
    return {name: provider.split("::")[3] for name, provider in by.items()}


def test_what_a_role_is_named_for_is_read_and_written_by_it_and_nothing_else_is(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    more = [
        {"zone": "example.org", "role": ROLE},
        {"zone": "example.net", "role": OTHER, "records": False},
        {"zone": "in.example.org", "role": ROLE, "private": True, "validated_in": "example.org"},
    ]
    hosts = ["www.dev.example.com", "www.example.org", "www.example.net", "a.in.example.org"]
    recorder, elsewhere = zoned(deploy, monkeypatch, hosts, more_zones=more)
    assert written_by(recorder) == {
        "load-balancer-www.example.org": "zones-999988887777-zones",
        "load-balancer-example.org-certificate-record": "zones-999988887777-zones",
        "load-balancer-in.example.org-certificate-record": "zones-999988887777-zones",
        "load-balancer-example.net-certificate-record": "zones-111122223333-zones",
    }
    assert {zone: by.split("::")[3] for zone, by in recorder.invoked_by().items()} == {
        "example.org": "zones-999988887777-zones",
        "example.net": "zones-111122223333-zones",
    }
    assert recorder.inputs(PROVIDER, "zones-999988887777-zones") == {
        "region": "ap-northeast-1",
        "assumeRoles": json.dumps([{"roleArn": ROLE, "sessionName": "fargate-delivery"}]),
        "defaultTags": json.dumps({"tags": {"project": "fargate-delivery", "stack": "dev"}}),
        "skipCredentialsValidation": "false",
        "skipRegionValidation": "true",
    }
    assert recorder.types()[PROVIDER] == 2
    assert elsewhere == ["www.example.net"]


def test_a_provider_with_a_role_signs_in_as_the_stack_s_own_first(deploy: Deploy) -> None:
    config = stack_config("dev", domain={"zone": "dev.example.com", "role": ROLE})
    config |= {"aws:profile": "deploys", "aws:assumeRoles": json.dumps([{"roleArn": OTHER, "externalId": "agreed"}])}
    recorder = deploy(program, config=config, secret_keys=SECRET_KEYS)
    made = recorder.inputs(PROVIDER, "zones-999988887777-zones")
    assert made["profile"] == "deploys"
    assert json.loads(made["assumeRoles"]) == [
        {"roleArn": OTHER, "externalId": "agreed"},
        {"roleArn": ROLE, "sessionName": "fargate-delivery"},
    ]
    assert set(written_by(recorder)) == set(recorder.named(RECORD))


def test_without_a_role_the_default_provider_makes_everything(dev: Recorder) -> None:
    assert dev.types()[PROVIDER] == 0
    assert written_by(dev) == {}


def test_where_nothing_is_validated_or_recorded_no_role_is_assumed(deploy: Deploy) -> None:
    """The certificates of a load balancer that exists are its owner's."""
    config = stack_config(
        "dev",
        network={"vpc_id": "vpc-0123456789abcdef0", "private_subnet_ids": ["subnet-3"]},
        domain={"zone": "dev.example.com", "records": False, "role": ROLE},
        load_balancer={
            "listener_arn": f"arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener/app/shared/{'0' * 16}/{'1' * 16}"
        },
    )
    assert deploy(program, config=config, secret_keys=SECRET_KEYS).types()[PROVIDER] == 0
