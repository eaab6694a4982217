"""Alarms that roll back what ECS deploys, what ECS does with one that is on already, and how they are switched off."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.scenarios.conftest import Apps, Done, Stack
from tests.soak.beside import Running

pytestmark = pytest.mark.nightly
SERVICES = ("hello",)

ERRORS, LATENCY, HOSTS = (f"local-hello-{alarm}" for alarm in ("server-errors", "latency", "unhealthy-hosts"))
HELLO = "hello:\n      task: {template: web.json, cpu: 256, memory: "


def put(stack: Stack, alarm: str, state: str) -> None:
    stack.client("cloudwatch").set_alarm_state(AlarmName=alarm, StateValue=state, StateReason="for a test")


def alarms(stack: Stack) -> dict[str, str]:
    """Of the service hello: each alarm's state."""
    types = ["MetricAlarm", "CompositeAlarm"]
    found = stack.client("cloudwatch").describe_alarms(AlarmNamePrefix="local-hello", AlarmTypes=types)
    return {alarm["AlarmName"]: alarm["StateValue"] for kind in types for alarm in found[f"{kind}s"]}


def described(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("ecs").describe_services(cluster="local", services=["local-hello"])
    service: dict[str, Any] = found["services"][0]
    return service


def while_deployed(stack: Stack, work: Callable[[], Done]) -> Done:
    """Do something that deploys; the alarm on errors is on as soon as ECS runs a task of the new deployment."""
    known = described(stack)["deployments"][0]["id"]
    going_on = Running(work)
    while (new := described(stack)["deployments"][0])["id"] == known or not new["runningCount"]:
        assert not going_on.over(), going_on.result()
        time.sleep(0.05)
    put(stack, ERRORS, "ALARM")
    done = going_on.result()
    while stack.status("hello")["in_flight"]:
        time.sleep(0.1)
    return done


def test_an_alarm_rolls_a_release_back(local: Stack, apps: Apps) -> None:
    assert alarms(local) == dict.fromkeys(("local-hello", ERRORS, LATENCY, HOSTS), "OK")
    assert local.ship("hello", apps.make("v1")).code == 0
    before, source = local.status("hello"), apps.make("v2")
    done = while_deployed(local, lambda: local.ship("hello", source))
    assert done.code == 1
    assert "ECS deployment alarm: " in done.out + done.err
    assert alarms(local) == {**dict.fromkeys(("local-hello", ERRORS), "ALARM"), LATENCY: "OK", HOSTS: "OK"}
    after = local.status("hello")
    assert {key: after[key] for key in ("image_digest", "live", "release", "running")} == {
        key: before[key] for key in ("image_digest", "live", "release", "running")
    }
    assert local.changes() == {}
    assert "Stack local is up, nothing changed" in local.ok("up").out


def test_one_that_is_on_already_stops_no_release(local: Stack, apps: Apps) -> None:
    before = local.status("hello")
    assert alarms(local)["local-hello"] == "ALARM"
    done = local.ship("hello", apps.make("fixed"))
    assert done.code == 0, done.out + done.err
    put(local, ERRORS, "OK")
    after = local.status("hello")
    assert after["image_digest"] == after["live"] != before["image_digest"]


def test_an_edit_is_rolled_back_too_and_up_says_why(local: Stack) -> None:
    before = local.status("hello")
    local.edit("Pulumi.local.yaml", f"{HELLO}512", f"{HELLO}1024")
    done = while_deployed(local, lambda: local.run("up"))
    put(local, ERRORS, "OK")
    assert done.code == 1
    assert "alarm detected" in done.out + done.err
    assert (local.status("hello")["memory"], before["memory"]) == (512, 512)
    local.edit("Pulumi.local.yaml", f"{HELLO}1024", f"{HELLO}512")
    local.ok("up")


def test_an_alarm_that_is_switched_off_is_gone(local: Stack) -> None:
    port = "port: 4000}\n      health_check: {path: /healthz}\n      routes: [{host: hello."
    on, off = port, port.replace("4000}\n", "4000}\n      alarms: {latency: false}\n")
    deployment = described(local)["deployments"][0]["id"]
    local.edit("Pulumi.local.yaml", on, off)
    local.ok("up")
    assert set(alarms(local)) == {"local-hello", ERRORS, HOSTS}
    assert described(local)["deploymentConfiguration"]["alarms"]["alarmNames"] == [ERRORS, HOSTS]
    local.edit(
        "Pulumi.local.yaml", "{latency: false}", "{latency: false, server_errors: false, unhealthy_hosts: false}"
    )
    local.ok("up")
    assert alarms(local) == {}
    assert described(local)["deploymentConfiguration"]["alarms"] == {
        "alarmNames": ["local-hello"], "enable": False, "rollback": False,
    }  # fmt: skip
    assert described(local)["deployments"][0]["id"] == deployment, "nothing was deployed for it"
    assert local.changes() == {}
