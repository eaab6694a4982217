"""Redirects of the load balancer: a rule and a record for each host."""

from collections.abc import Callable
from typing import Any

from mocked import SECRET_KEYS, Recorder, program, stack_config

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
