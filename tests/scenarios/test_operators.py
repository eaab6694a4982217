"""The operators' commands against a stack that is up: history, rollback, repair, prune, one after another."""

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
import pytest

from delivery import prune
from tests.scenarios.conftest import Apps, Stack
from tests.scenarios.test_delivery import executions, wait_for_pipeline

RECORD = "/fargate-delivery/local/hello/release"


def agree(stack: Stack) -> dict[str, Any]:
    """The service's status, in which running, live and record agree."""
    found = stack.status("hello")
    assert found["image_digest"] == found["live"] == found["release"]["image_digest"]
    assert (found["in_flight"], found["disagreement"], found["repair"]) == (None, None, None)
    return found


def images(stack: Stack) -> set[str]:
    """The digests in the service's repository."""
    listed = stack.client("ecr").list_images(repositoryName="local-hello")["imageIds"]
    return {image["imageDigest"] for image in listed}


def move_live(stack: Stack, digest: str) -> None:
    """Somebody moves the tag by hand."""
    ecr = stack.client("ecr")
    (image,) = ecr.batch_get_image(repositoryName="local-hello", imageIds=[{"imageDigest": digest}])["images"]
    ecr.put_image(repositoryName="local-hello", imageTag="live", imageManifest=image["imageManifest"])


def put_record(stack: Stack, value: str) -> None:
    stack.client("ssm").put_parameter(Name=RECORD, Value=value, Overwrite=True)


def record(stack: Stack) -> str:
    value: str = stack.client("ssm").get_parameter(Name=RECORD)["Parameter"]["Value"]
    return value


def test_before_the_first_release_there_is_nothing_to_do(local: Stack) -> None:
    assert local.ok("history", "hello").out == "Nothing was released yet.\n"
    assert local.ok("repair", "hello").out == "Nothing to repair: no task runs.\n"
    refused = local.run("rollback", "hello", "--yes")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "hello has no releases yet" in refused.err
    refused = local.run("approve", "hello")
    assert (refused.code, refused.err.count("\n")) == (1, 1)
    assert "no approval is pending in local-hello" in refused.err
    refused = local.run("repair", "helo")
    assert "there is no service helo in stack local; there are: " in refused.err


def test_history_has_the_releases(local: Stack, apps: Apps) -> None:
    assert local.ship("hello", apps.make("v1")).code == 0
    assert local.ship("hello", apps.make("v2")).code == 0
    found = local.ok("history", "hello", "--json").json
    assert [release["release"] for release in found] == [2, 1]
    assert found[0] == agree(local)["release"]


def test_a_rollback_changes_the_image_only_and_says_what_else_differs(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", "hello:\n      task: {template: web.json, cpu: 256, memory: 512",
               "hello:\n      task: {template: web.json, cpu: 256, memory: 1024")  # fmt: skip
    local.ok("up")
    first = local.ok("history", "hello", "--json").json[1]
    asked = local.run("rollback", "hello")
    assert (asked.code, asked.err.count("\n")) == (1, 1)
    assert "run it again with --yes" in asked.err
    before = images(local)
    done = local.ok("rollback", "hello", "--yes", "--wait")
    assert "memory: then 512, now 1024" in done.out
    assert "services.hello.task.memory in Pulumi.local.yaml" in done.out
    after = agree(local)
    assert (after["image_digest"], after["memory"]) == (first["image_digest"], 1024)
    assert after["release"]["release"] == 3
    assert images(local) == before, "no build"
    assert local.changes() == {}
    assert "runs the image of release-3 already" in local.run("rollback", "hello", "--to", "3", "--yes").err


def test_live_moved_by_hand_is_moved_back(local: Stack) -> None:
    before = agree(local)
    move_live(local, local.ok("history", "hello", "--json").json[1]["image_digest"])
    shown = local.status("hello")
    assert shown["repair"] == "sandbox repair hello --stack local"
    local.ok("repair", "hello")
    assert agree(local) == before
    assert local.ok("repair", "hello").out.startswith("Nothing to repair")


def test_a_release_cut_off_before_its_record_is_ended(local: Stack) -> None:
    before, history = agree(local), local.ok("history", "hello", "--json").json
    put_record(local, json.dumps({"schema": 1, **history[1]}))
    assert local.status("hello")["disagreement"] is not None
    assert "the release record says release-" in local.ok("repair", "hello").out.lower()
    after = agree(local)
    assert after["release"]["task_definition"] == before["task_definition"]
    assert after["release"]["execution"] == history[0]["execution"]
    assert local.changes() == {}


def test_the_first_release_cut_off_before_its_record_is_ended(local: Stack) -> None:
    before, written = agree(local), record(local)
    put_record(local, "none")
    assert "Scaling is not suspended." in local.ok("repair", "hello").out
    assert agree(local)["release"]["source_version"] == before["release"]["source_version"]
    assert json.loads(record(local)).keys() == json.loads(written).keys()
    assert local.changes() == {}


def test_prune_removes_the_value_that_no_release_needs(
    local: Stack, apps: Apps, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = []
    for old, new in (("Hello from the sandbox", "never released"), ("never released", "released")):
        local.edit("Pulumi.local.yaml", old, new)
        local.ok("up")
        secrets = {secret["name"]: secret["arn"] for secret in local.status("hello")["secrets"]}
        names.append(secrets["GREETING"].partition(":parameter")[2])
    assert local.ship("hello", apps.make("v3")).code == 0
    listed = local.ok("prune").out
    assert "/runtime/" not in listed, "values of this hour may be about to be named"
    assert "local-hello-migrate:1  an old migration" in listed
    local.ok("prune", "--yes")
    assert local.ok("prune").out == "Nothing to remove.\n"
    for variable, value in local.ok("env", "--json").json.items():
        monkeypatch.setenv(variable, value)
    later = datetime.now(UTC) + timedelta(hours=2)
    found = prune.leftovers(boto3.Session(), local.name, later)
    assert [value.name for value in found.values] == [names[0]]
    prune.remove(boto3.Session(), found)
    assert local.changes() == {}
    assert local.ship("hello", apps.make("v4")).code == 0


def test_a_release_that_waits_is_rejected_or_approved(local: Stack, apps: Apps) -> None:
    local.edit("Pulumi.local.yaml", "    hello:\n", "    hello:\n      approve: true\n")
    local.ok("up")
    before = agree(local)
    assert local.ship("hello", apps.make("v5")).code == 0
    rejected = local.ok("reject", "hello", "--reason", "not today")
    assert f"it replaces release {before['release']['release']}" in rejected.out
    count = len(executions(local, "hello"))
    assert wait_for_pipeline(local, "hello", count)[0]["status"] == "Failed"
    assert agree(local) == before
    assert local.ship("hello", apps.make("v6")).code == 0
    assert "nothing was decided" in local.run("approve", "hello", "--execution", "another").err
    local.ok("approve", "hello")
    assert wait_for_pipeline(local, "hello", count + 1)[0]["status"] == "Succeeded"
    assert agree(local)["image_digest"] != before["image_digest"]
