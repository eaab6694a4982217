"""What a stack's export says of who may reach what, and of its pipelines."""

import copy
from collections.abc import Iterator
from typing import Any

import pytest
from stack_export import (
    ALB,
    API,
    BALANCER,
    WORKER,
    exported,
    ingress,
    pipeline,
    resource,
    resources,
    rule,
    service,
)

from delivery.page.export import Entrance, Reached, Stage, read_export
from releases.errors import DeliveryError


def test_a_stack() -> None:
    found = read_export(exported())
    assert found.stack == "dev"
    assert found.entrance == Entrance(
        "dev", False, {80: "HTTP, redirects", 443: "HTTPS"}, ["0.0.0.0/0", "::/0", "pl-1"]
    )
    assert found.entrance.public
    paths = ["api.example.com/v1/*", "api.example.com/v2/*"]
    assert found.services == [
        Reached("api", [*paths, "api.example.com"], [4000], {}, False),
        Reached("web", ["web.example.com"], [4000], {}, False),
        Reached("worker", [], [], {"api": "all ports", "sg-db": "port 5432"}, True),
    ]
    start, end = (Stage("Source", [("Source", "S3")]), Stage("Build", [("Build", "CodeBuild")])), ("Release", "Lambda")
    found_pipelines = [([each.name for each in stages], names) for stages, names in found.pipelines.items()]
    assert found_pipelines == [
        (["Source", "Build", "Deploy"], ["api", "worker"]),
        (["Source", "Build", "Approve", "Deploy"], ["web"]),
    ]
    first = next(iter(found.pipelines))
    assert [[*stage.actions] for stage in first] == [[*start[0].actions], [*start[1].actions], [("Deploy", "ECS"), end]]


@pytest.mark.parametrize(
    ("ports", "words"),
    [
        ({"fromPort": 1, "toPort": 65535}, "all ports"),
        ({}, "all ports"),
        ({"fromPort": 80, "toPort": 80}, "port 80"),
        ({"fromPort": 80, "toPort": 90}, "ports 80 to 90"),
    ],
)
def test_ports(ports: dict[str, int], words: str) -> None:
    let_in = ingress(API, referencedSecurityGroupId=WORKER, **ports)
    (_, worker) = read_export(exported(service("api", API), service("worker", WORKER), let_in)).services
    assert worker.connects_to == {"api": words}


def test_an_internal_load_balancer() -> None:
    internal = {**BALANCER, "outputs": {**BALANCER["outputs"], "internal": True}}
    found = read_export(exported(internal, ingress(ALB, cidrIpv4="0.0.0.0/0"))).entrance
    assert found is not None
    assert (found.internal, found.public) == (True, False)


def test_a_load_balancer_that_some_may_reach() -> None:
    found = read_export(exported(BALANCER, ingress(ALB, cidrIpv4="192.0.2.0/24"))).entrance
    assert found is not None
    assert (found.allowed, found.public) == (["192.0.2.0/24"], False)


def test_a_load_balancer_of_another_stack_and_none() -> None:
    assert read_export(exported(service("web", "sg", "target"))).entrance == Entrance("", False, {}, [])
    assert read_export(exported(service("worker", "sg"))).entrance is None


def test_what_a_running_update_is_about_to_delete_is_not_there() -> None:
    gone = {**service("old", "sg"), "delete": True}
    assert [each.name for each in read_export(exported(service("new", "sg"), gone)).services] == ["new"]


HIDDEN = {"4dabf18193072939515e22adb298388d": "1b47061264138c4ac30d75fd1eb44270", "plaintext": '"hidden"'}


def test_nothing_of_a_secret_is_kept() -> None:
    parameter = resource("aws:ssm/parameter:Parameter", "p", value=HIDDEN, name="n")
    assert "hidden" not in str(read_export(exported(*resources(), parameter)))


def hidden(value: Any) -> Iterator[Any]:
    """The value with each of its parts, and the parts of those, a secret in turn."""
    if isinstance(value, dict | list):
        for key, item in value.items() if isinstance(value, dict) else list(enumerate(value)):
            for other in [HIDDEN, *hidden(item)]:
                changed = copy.copy(value)
                changed[key] = other
                yield changed


def test_any_output_may_be_a_secret() -> None:
    tried = 0
    for number, each in enumerate(whole := resources()):
        for outputs in hidden(each["outputs"]):
            others = [*whole[:number], {**each, "outputs": outputs}, *whole[number + 1 :]]
            assert "hidden" not in str(read_export(exported(*others)))
            tried += 1
        whole_hidden = [*whole[:number], {**each, "outputs": HIDDEN}, *whole[number + 1 :]]
        assert "hidden" not in str(read_export(exported(*whole_hidden)))
    assert tried > 100


def test_what_is_not_secret_stays() -> None:
    balancer = {**BALANCER, "outputs": {**BALANCER["outputs"], "dnsName": HIDDEN}}
    found = read_export(exported(balancer)).entrance
    assert found is not None
    assert found.name == "dev"


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "{}", '{"deployment": {}}', '{"deployment": {"resources": []}}', "null"]
)
def test_what_is_no_export(text: str) -> None:
    with pytest.raises(
        DeliveryError, match=r"this is not an export; write one with `pulumi stack export --file export\.json`"
    ):
        read_export(text)


def test_a_rule_without_hosts_and_a_pipeline_without_stages() -> None:
    found = read_export(exported(service("web", "sg", "t"), rule("t", []), pipeline("web")))
    assert found.services[0].hosts == []
    assert list(found.pipelines.values()) == [["web"]]
