"""Deployments that ECS shifts itself: canary, pause, alarm, edits, and each strategy after another on one service."""

import itertools
import re
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Done, Stack, new_stack
from tests.scenarios.test_slack import told
from tests.soak.beside import Running
from tests.support.deliveries import scaling
from tests.support.page_views import seen

pytestmark = pytest.mark.nightly

ROUTE = "      routes: [{host: hello.local.example.com, priority: 10}]\n"
CANARY = "{strategy: canary, percent: 10, interval: 120, bake: 3, test_port: 8443}"
PAUSES = "{strategy: canary, percent: 20, interval: 1, bake: 1, test_port: 8443, pause: 300}"
BLUE_GREEN = "{strategy: blue_green, bake: 3, test_port: 8443}"
LINEAR = "{strategy: linear, percent: 25, interval: 4, bake: 1}"
ROLLING = "{strategy: rolling}"
GREETING = "GREETING: {value: Hello from the sandbox"
ANSWERS = "`sandbox continue hello --stack local` or `sandbox abort hello --stack local`"
ALARM = "local-hello-server-errors"
SECONDS_OF_A_HEALTH_CHECK = 10
"""From one to the next, by default."""


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """Stack `local` with the service hello alone, whose deployments ECS pauses from the first one on."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(["hello"])
        stack.edit("Pulumi.local.yaml", ROUTE, f"{ROUTE}      deploy: {PAUSES}\n")
        stack.up()
        yield stack


def described(stack: Stack) -> dict[str, Any]:
    found: dict[str, Any] = stack.client("ecs").describe_services(cluster="local", services=["local-hello"])
    service: dict[str, Any] = found["services"][0]
    return service


def shares(stack: Stack, port: int = 443) -> list[int]:
    """The weights of a listener's rule, in per cent, sorted."""
    elbv2 = stack.client("elbv2")
    balancer = elbv2.describe_load_balancers()["LoadBalancers"][0]["LoadBalancerArn"]
    listeners = elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]
    arn = next(listener["ListenerArn"] for listener in listeners if listener["Port"] == port)
    (rule,) = [rule for rule in elbv2.describe_rules(ListenerArn=arn)["Rules"] if not rule["IsDefault"]]
    weights = [each["Weight"] for each in rule["Actions"][0]["ForwardConfig"]["TargetGroups"]]
    return sorted(round(100 * weight / sum(weights)) for weight in weights)


def answer(stack: Stack, port: int = 443) -> str:
    """What the service says to a request on a port of the load balancer."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == port]
    return opened(f"http://hello.local.example.com.localhost:{address.rpartition(':')[2]}")


def opened(address: str) -> str:
    """What answers at an address; not every machine resolves names of its own, as browsers and curl do."""
    host, port = address.removeprefix("http://").split(":")
    request = urllib.request.Request(f"http://127.0.0.1:{port}/healthz", headers={"Host": host})
    with urllib.request.urlopen(request, timeout=10) as page:  # noqa: S310
        text: str = page.read().decode()
        return text


def until(what: Callable[[], bool], beside: Running[Done]) -> None:
    """Wait for something that comes while a command runs."""
    for _ in range(1200):
        if what():
            return
        assert not beside.over(), beside.result().out + beside.result().err
        time.sleep(0.05)
    raise AssertionError("it does not come")


def newest(stack: Stack) -> dict[str, Any]:
    """The service deployment that began last."""
    ecs = stack.client("ecs")
    listed = ecs.list_service_deployments(cluster="local", service="local-hello")["serviceDeployments"]
    arn = max(listed, key=lambda each: each["createdAt"])["serviceDeploymentArn"]
    found: dict[str, Any] = ecs.describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"][0]
    return found


def waits(stack: Stack) -> bool:
    """Whether a deployment is in its pause."""
    return any(hook["status"] == "AWAITING_ACTION" for hook in newest(stack).get("lifecycleHookDetails", []))


def ship(stack: Stack, apps: Apps, version: str) -> None:
    done = stack.ship("hello", apps.make(version))
    assert done.code == 0, done.out + done.err


def use(stack: Stack, before: str, after: str) -> list[str]:
    """Deploy with another strategy: what a preview makes of it, which replaces and removes nothing but a test rule."""
    stack.edit("Pulumi.local.yaml", f"deploy: {before}", f"deploy: {after}")
    steps = {(step["op"], step["urn"].rpartition("::")[2]) for step in stack.ok("preview", "--json").json["steps"]}
    assert not [urn for op, urn in steps if "replace" in op]
    gone = {urn for op, urn in steps if op == "delete"}
    assert all(urn.startswith("load-balancer-") or urn.endswith("-test-rule") for urn in gone), gone
    assert ("update", "hello-service") in steps
    up = stack.ok("up")
    assert stack.changes() == {}
    return (up.out + up.err).splitlines()


def test_the_first_release_starts_the_tasks_with_its_deployment(local: Stack, apps: Apps) -> None:
    """It takes the place of the one of no tasks, whose pause nobody answers."""
    assert local.status("hello")["desired"] == 0
    source = apps.make("v1")
    release = Running(lambda: local.ship("hello", source))
    until(lambda: waits(local) and described(local)["runningCount"] == 1, release)
    local.ok("continue", "hello", "--yes")
    assert release.result().code == 0, release.result().out
    status = local.status("hello")
    assert (status["running"], status["release"]["release"]) == (1, 1)
    assert scaling(local, "hello") == {False}
    assert (shares(local), answer(local)) == ([0, 100], "v1")
    assert local.changes() == {}


def test_a_canary_gets_a_part_of_the_traffic_and_then_all(local: Stack, apps: Apps) -> None:
    """And pauses no longer, where the stack file has no pause any more. An `up` in the middle leaves it alone."""
    use(local, PAUSES, CANARY)
    assert not described(local)["deploymentConfiguration"].get("lifecycleHooks")
    source = apps.make("v2")
    release = Running(lambda: local.ship("hello", source))
    until(lambda: shares(local) == [10, 90], release)
    shift = local.status("hello")["shift"]
    assert (shift["stage"], shift["percent"], shift["waits_in"]) == ("PRODUCTION_TRAFFIC_SHIFT", 10, "step")
    local.edit("Pulumi.local.yaml", GREETING, f"{GREETING} today")
    refused = local.run("up")
    local.edit("Pulumi.local.yaml", f"{GREETING} today", GREETING)
    assert refused.code == 1
    assert "is in flight; " in refused.err
    assert "then run this again" in refused.err
    done = release.result()
    assert done.code == 0, done.out + done.err
    assert (shares(local), answer(local)) == ([0, 100], "v2")
    status = local.status("hello")
    assert status["image_digest"] == status["live"] == status["release"]["image_digest"]
    assert not status["in_flight"]
    local.ok("up")  # the edit that was refused, and taken back, has left a revision
    assert local.changes() == {}


def test_an_alarm_brings_a_canary_back(local: Stack, apps: Apps) -> None:
    """From 10 % to none, and no request fails."""
    before, source = local.status("hello"), apps.make("alarming")
    cloudwatch = local.client("cloudwatch")
    with seen(local, "hello") as views:
        release = Running(lambda: local.ship("hello", source))
        until(lambda: shares(local) == [10, 90], release)
        cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="for a test")
        done = release.result()
        assert shares(local) == [0, 100]
        assert {answer(local) for _ in range(50)} == {"v2"}
    assert views["hello"]["server_errors"] == 0
    assert views["hello"]["views"] > 100
    cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="for a test")
    assert done.code == 1
    assert "has ended as ROLLBACK_SUCCESSFUL" in done.out + done.err
    after = local.settled("hello")
    assert {key: after[key] for key in ("image_digest", "live", "release")} == {
        key: before[key] for key in ("image_digest", "live", "release")
    }
    assert (shares(local), answer(local)) == ([0, 100], "v2")
    assert local.changes() == {}


def test_a_rollback_takes_a_canary_back_at_once(local: Stack, apps: Apps) -> None:
    """With no build and no other deployment; record, `live` and what runs agree, and no request fails after it."""
    before, builds = local.status("hello"), local.builds()
    source = apps.make("bad", server=SERVER.replace("else 404", "else 500"))
    release = Running(lambda: local.ship("hello", source))
    until(lambda: shares(local) == [10, 90], release)
    began = time.monotonic()
    said = local.ok("rollback", "hello", "--yes", "--no-wait").out
    while shares(local) != [0, 100]:
        assert time.monotonic() < began + SECONDS_OF_A_HEALTH_CHECK
        time.sleep(0.1)
    assert re.search(
        r"hello: back from local-hello:\d+, which has 10 % of the traffic, to the image of release-\d+,", said
    )
    with seen(local, "hello") as views:
        assert release.result().code == 1
        after = local.settled("hello")
    assert (views["hello"]["server_errors"], answer(local)) == (0, "v2")
    assert {key: after[key] for key in ("image_digest", "live", "release")} == {
        key: before[key] for key in ("image_digest", "live", "release")
    }
    assert local.builds() == builds + 1, "that of the release"
    assert local.changes() == {}


def test_a_release_whose_tasks_fail_goes_back(local: Stack, apps: Apps) -> None:
    done = local.ship("hello", apps.make("exits", server="raise SystemExit(3)\n"))
    assert done.code == 1
    assert "has ended as ROLLBACK_SUCCESSFUL" in done.out + done.err
    local.settled("hello")
    assert (shares(local), answer(local)) == ([0, 100], "v2")
    assert local.changes() == {}


def test_a_pause_shows_the_new_version_on_the_test_port_until_somebody_answers(local: Stack, apps: Apps) -> None:
    """An `up` with an edit waits for it; and an edit that `up` deploys pauses, too."""
    use(local, CANARY, PAUSES)
    source, slack = apps.make("v3"), len(told(local))
    release = Running(lambda: local.ship("hello", source))
    until(lambda: waits(local), release)
    assert (answer(local), answer(local, 8443)) == ("v2", "v3")
    shown = local.ok("status", "hello").out
    assert f"it waits for {ANSWERS}" in shown
    assert re.search(r"POST_TEST_TRAFFIC_SHIFT: its new tasks have 0 % of the traffic; \d min left of its pause", shown)
    (port,) = [line.split()[-1] for line in shown.splitlines() if line.startswith("test port")]
    assert port.startswith("http://hello.localhost:")
    assert opened(port) == "v3"
    assert "Let it go on with `sandbox continue SERVICE --stack local`" in str(told(local, slack))
    local.edit("Pulumi.local.yaml", GREETING, "GREETING: {value: Hello again")
    refused = local.run("up")
    assert refused.code == 1
    assert f"is in flight; it waits for {ANSWERS}, then run this again" in refused.err
    said = local.ok("continue", "hello", "--yes").out
    assert "which is at POST_TEST_TRAFFIC_SHIFT, goes on: 20 % of the traffic shifts, and the rest 1 min later" in said
    assert re.search(r"local-hello:\d+ serves until then", said)
    done = release.result()
    assert done.code == 0, done.out + done.err
    assert answer(local) == "v3"


def test_an_edit_that_pauses_ends_the_up_well_and_goes_on_by_an_answer(local: Stack) -> None:
    """The edit of the test before. The preview says that it will pause; another `up` meanwhile has nothing to do."""
    secrets = local.status("hello")["secrets"]
    said = f"hello: its deployment pauses with its new tasks on the test port, for 300 minutes at most, until {ANSWERS}"
    assert said in local.ok("preview").err
    up = local.ok("up")
    assert waits(local), "and has not waited for its end"
    assert re.search(rf"hello: deployment ecs-svc/\d+ of local-hello:\d+ goes on; it waits for {ANSWERS}", up.err)
    again = local.ok("up")
    assert "Stack local is up, nothing changed" in again.out
    assert f"its task definition is left alone in this run; it waits for {ANSWERS}" in again.err
    local.ok("continue", "hello", "--yes")
    assert local.settled("hello")["secrets"] != secrets
    assert answer(local) == "v3"
    assert local.changes() == {}
    assert "nothing changed" in local.ok("up").out


def test_a_pause_that_is_aborted_fails_the_release_and_what_ran_goes_on(local: Stack, apps: Apps) -> None:
    before, source = local.status("hello"), apps.make("v4")
    release = Running(lambda: local.ship("hello", source))
    until(lambda: waits(local), release)
    assert "goes back, as a failed one. local-hello:" in local.ok("abort", "hello", "--yes").out
    done = release.result()
    assert done.code == 1
    assert "has ended as ROLLBACK_SUCCESSFUL" in done.out + done.err
    assert local.settled("hello")["image_digest"] == before["image_digest"]
    assert answer(local) == "v3"
    assert (
        local.run("continue", "hello").err == "error: ECS does not shift the traffic of hello: nothing is in flight\n"
    )
    assert local.changes() == {}


def test_an_edit_that_is_aborted_is_tried_again_and_fails_an_up_that_follows_it(local: Stack, apps: Apps) -> None:
    local.edit("Pulumi.local.yaml", "GREETING: {value: Hello again", "GREETING: {value: Hello no more")
    local.ok("up")
    local.ok("abort", "hello", "--yes")
    local.settled("hello")
    assert answer(local) == "v3"
    local.edit("Pulumi.local.yaml", "pause: 300", "pause: 300, follow: 60")
    up = Running(lambda: local.run("up"))
    until(lambda: waits(local), up)
    local.ok("abort", "hello", "--yes")
    assert up.result().code == 1
    assert "ContinueServiceDeployment was called with the action ROLLBACK" in up.result().err
    local.settled("hello")
    up = Running(lambda: local.run("up"))
    until(lambda: waits(local), up)
    local.ok("continue", "hello", "--yes")
    assert up.result().code == 0, "it is tried again"
    assert local.changes() == {}
    local.edit("Pulumi.local.yaml", ", follow: 60", "")


def test_each_strategy_follows_another_by_the_stack_file_alone(local: Stack, apps: Apps) -> None:
    """Nothing is replaced, and no request fails."""
    use(local, PAUSES, ROLLING)
    ship(local, apps, "v5")
    order = [ROLLING, CANARY, BLUE_GREEN, LINEAR, ROLLING]
    with seen(local, "hello") as views:
        for number, (before, after) in enumerate(itertools.pairwise(order), 6):
            lines = use(local, before, after)
            if after is BLUE_GREEN:
                assert any("hello: blue_green deployments by ECS instead of canary" in line for line in lines)
            if after is ROLLING:
                assert any("it keeps its second target group" in line for line in lines)
            ship(local, apps, f"v{number}")
            assert answer(local) == f"v{number}"
    assert views["hello"]["server_errors"] == 0
    assert views["hello"]["views"] > 100
    assert len(described(local)["deployments"]) == 1
    assert local.changes() == {}


def test_a_rolling_service_becomes_one_whose_traffic_shifts(tmp_path: Path, apps: Apps) -> None:
    with new_stack(tmp_path / "repository", "local") as stack:
        stack.keep_services(["hello"])
        stack.edit("Pulumi.local.yaml", ROUTE, f"{ROUTE}      deploy: {ROLLING}\n")
        stack.up()
        ship(stack, apps, "v1")
        lines = use(stack, ROLLING, CANARY)
        assert any("its route gets a second target group" in line for line in lines)
        assert answer(stack) == "v1"
        ship(stack, apps, "v2")
        assert (shares(stack), answer(stack)) == ([0, 100], "v2")
        stack.ok("down")
