"""Edits beside releases and edits that fail: what `up` says, what the service runs then, and how it goes on."""

import re
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import pytest

from tests.scenarios.conftest import SERVER, Apps, Done, Stack
from tests.scenarios.test_operators import agree, move_live
from tests.support.deliveries import executions, tags

pytestmark = pytest.mark.nightly

SERVICES = ("hello", "mailer")
GREETING = "Hello from the sandbox"
HELLO = "hello:\n      task: {template: web.json, cpu: 256, memory: "
PICKY = SERVER.replace(
    "STATUS", '(500 if "broken" in (os.environ["GREETING"], os.environ.get("MODE")) else 200)'
).replace('print("listening"', 'print("greeting with", os.environ["GREETING"]')
"""An app that is not healthy under one greeting, and in one mode."""
TEMPLATE, PLAIN = "task_templates/web.json", '"environment": ['
BROKEN = f'{PLAIN}{{"name": "MODE", "value": "broken"}}, '


@pytest.fixture(scope="module")
def beside() -> Iterator[ThreadPoolExecutor]:
    """Where something runs beside the test."""
    with ThreadPoolExecutor(3) as pool:
        yield pool


def until_held(stack: Stack, hold: int, work: "Future[Done]") -> None:
    """Wait until a call stands still; it is a failure when what should make it ends before."""
    while not stack.control("held", {"hold": hold})["held"]:
        assert not work.done(), work.result()
        time.sleep(0.1)


def failed(done: Done) -> str:
    """What a command that had to fail said."""
    assert done.code == 1, done.out
    return done.out + done.err


def running(stack: Stack) -> dict[str, Any]:
    """What the service is, but for how it is doing."""
    return {key: value for key, value in agree(stack).items() if key not in ("deployment", "desired", "running")}


def test_an_edit_while_a_release_is_in_deploy_is_left_alone(
    local: Stack, apps: Apps, beside: ThreadPoolExecutor
) -> None:
    assert local.ship("hello", apps.make("v1", server=PICKY)).code == 0
    before = running(local)
    held = local.control("hold", {"operation": "ecs:UpdateService", "by": "role/", "mentions": "local-hello"})["hold"]
    release = beside.submit(local.ship, "hello", apps.make("v2", server=PICKY))
    until_held(local, held, release)
    execution = executions(local, "hello")[0]["pipelineExecutionId"]
    local.edit("Pulumi.local.yaml", f"{HELLO}512", f"{HELLO}1024")
    said = failed(local.run("up"))
    assert f"hello: pipeline execution {execution} is in flight; its task definition is left alone in this run" in said
    assert (
        f"hello: what is declared does not run yet or may still be rolled back, because pipeline execution {execution} is in flight; wait "
        f"until execution {execution} is over, as `sandbox status hello --stack local --watch` shows, then run this again"
    ) in said
    assert local.status("hello")["task_definition"] == before["task_definition"]
    local.control("release", {"hold": held})
    done = release.result()
    assert done.code == 0, done.out + done.err
    after = running(local)
    assert (after["release"]["release"], after["memory"]) == (2, 512)
    assert after["image_digest"] != before["image_digest"]


def test_the_edit_is_refused_while_live_disagrees_and_ships_after_the_repair(local: Stack) -> None:
    before, tagged = running(local), tags(local, "hello")
    move_live(local, tagged["release-1"])
    refusal = (
        f"what runs, what is live and what was released disagree: running {tagged['release-2'][:19]}, live "
        f"{tagged['release-1'][:19]}, release record {tagged['release-2'][:19]}; an edit would ship with the wrong image."
    )
    warned = local.ok("preview")
    assert f"hello: {refusal}" in warned.err
    why = "an edit that was registered and does not run"
    assert re.search(rf"hello: deployment by ECS: {why}; image: release 2 stays live \(sha256:", warned.out)
    said = failed(local.run("up"))
    assert f"hello is left as it is: {refusal}" in said
    assert "repair hello --stack local`, then run this again" in said
    assert local.status("hello")["task_definition"] == before["task_definition"]
    local.ok("repair", "hello", "--yes")
    up = local.ok("up")
    assert "created: aws:" not in up.err
    assert re.search(r"^ +changed\nhello +1$", up.out, re.MULTILINE)
    assert re.search(r"^hello +http://hello\.localhost:\d+/ +s3://\S+/source\.zip$", up.out, re.MULTILINE)
    after = running(local)
    assert (after["memory"], after["image_digest"], after["live"]) == (1024, tagged["release-2"], tagged["release-2"])
    assert after["release"] == before["release"]


def test_an_edit_that_fails_its_health_check_says_why_and_what_ran_goes_on(local: Stack) -> None:
    before = running(local)
    local.edit("Pulumi.local.yaml", GREETING, "broken")
    said = failed(local.run("up"))
    (line,) = [line for line in said.splitlines() if "Its last task stopped" in line]
    assert "hello: " in line
    assert "deployment ecs-svc/" in line
    assert ". Its last task stopped: Task failed ELB health checks in (target-group " in line
    assert line.endswith("(web exit code 143)")
    assert f"{line}\n  web: greeting with broken\n" in said
    local.settled("hello")
    now = running(local)
    assert {**now, "edit": None} == before
    told = re.fullmatch(
        r"revision (\d+), which `up` registered, was rolled back at (\S+Z): (.+); revision (\d+) serves; mend it and run "
        "`up` again, or take it back",
        str(now["edit"]),
    )
    assert told is not None, now["edit"]
    assert int(told[1]) > int(told[4]) == before["revision"]
    assert now["edit"] in local.ok("status", "hello").out
    assert now["edit"] in " ".join(local.ok("status").out.split())
    found = local.run("verify", "--json")
    (finding,) = [each for each in found.json["findings"] if each["check"] == "edit"]
    assert (found.code, f"{finding['problem']}; {finding['mend']}") == (2, now["edit"])


def test_when_it_is_taken_back_nothing_is_left_to_do(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", "broken", GREETING)
    local.ok("up")
    before = running(local)
    assert before["edit"] is None
    assert "Stack local is up, nothing changed" in local.ok("up").out
    assert running(local) == before


def test_an_edit_of_the_template_that_was_rolled_back_is_taken_back_without_a_deployment(local: Stack) -> None:
    """What runs is what was released: the service keeps it."""
    local.ok("redeploy", "hello", "--yes")
    before = running(local)
    local.edit(TEMPLATE, PLAIN, BROKEN)
    failed(local.run("up"))
    local.settled("hello")
    assert "which `up` registered, was rolled back at" in str(running(local)["edit"])
    local.edit(TEMPLATE, BROKEN, PLAIN)
    planned = local.ok("preview").out
    assert "hello: task definition: " in planned
    assert "deployment by ECS" not in planned, planned
    local.ok("up")
    assert running(local) == before


def set_memory(stack: Stack, service: str, memory: int) -> None:
    """Edit how much memory a service's task has."""
    file = stack.root / "Pulumi.local.yaml"
    file.write_text(re.sub(rf"(?<=    {service}:\n)(.*memory: )\d+", rf"\g<1>{memory}", file.read_text()))


def memory(stack: Stack, service: str) -> int:
    """How much the task has that a service is to run."""
    ecs = stack.client("ecs")
    (found,) = ecs.describe_services(cluster="local", services=[f"local-{service}"])["services"]
    return int(ecs.describe_task_definition(taskDefinition=found["taskDefinition"])["taskDefinition"]["memory"])


def test_edits_beside_releases_that_follow_each_other_are_deployed(
    local: Stack, apps: Apps, beside: ThreadPoolExecutor
) -> None:
    """One of another service at once; with --wait also one of the service that is being released."""
    before = local.status("hello")["release"]["release"]
    set_memory(local, "hello", 2048)
    local.ok("up")
    held = local.control("hold", {"operation": "ssm:GetParameters", "by": "role/local-hello-execution", "mentions": ""})
    releases = [beside.submit(local.ship, "hello", apps.make("v3", server=PICKY))]
    until_held(local, held["hold"], releases[0])
    first = executions(local, "hello")[0]["pipelineExecutionId"]

    set_memory(local, "mailer", 1024)
    local.ok("up")
    assert memory(local, "mailer") == 1024
    assert not releases[0].done(), "it was a release of the edit of before"

    releases.append(beside.submit(local.ship, "hello", apps.make("v4", server=PICKY)))
    set_memory(local, "hello", 512)
    set_memory(local, "mailer", 2048)
    up = beside.submit(local.run, "up", "--wait")
    while memory(local, "mailer") != 2048:
        assert not up.done(), up.result()
        time.sleep(0.3)
    assert not up.done(), "only the edit of the service that is being released waits"
    local.control("release", {"hold": held["hold"]})
    done = up.result()
    assert done.code == 0, done.out + done.err
    assert f"hello: its edit waits for pipeline execution {first}, at most 60 minutes" in done.out + done.err
    for release in releases:
        assert release.result().code == 0, release.result()
    local.settled("hello")
    after = agree(local)
    assert (after["memory"], after["release"]["release"]) == (512, before + 2)
    assert local.changes() == {}
