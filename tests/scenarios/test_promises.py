"""One story through the promises of a delivery, on one stack: the scenarios that `make test` runs.

The nightly files go through each at length; tests/README.md tells which.
"""

import json
import time
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from tests.scenarios.conftest import Apps, Stack
from tests.scenarios.test_alarms import ERRORS, put, while_deployed
from tests.scenarios.test_commits import NAMED, cause, shortened, states
from tests.scenarios.test_commits import told as commits_told
from tests.scenarios.test_guards import GREETING, HELLO, PICKY, failed
from tests.scenarios.test_migrate import TELLS, actions, log_of, migrations
from tests.scenarios.test_operators import agree, images, move_live
from tests.scenarios.test_slack import ROUTE, titles
from tests.scenarios.test_slack import told as slack_told
from tests.soak.beside import Running
from tests.support.deliveries import KEPT, executions, scaling, tags, wait_for_pipeline

SERVICES = ("hello", "shop")
"""One that ECS deploys, and one that CodeDeploy does."""
FIRST_MEMORY, NEXT_MEMORY = f"{HELLO}512", f"{HELLO}1024"
SHOP_GREETING = "Hello from the shop"


def slack_titles(stack: Stack, seen: int) -> list[str]:
    """The titles of Slack's messages but for the first ones, without the stack's and the service's name."""
    return [title.removeprefix("[local] ").removeprefix("local-hello ") for title in titles(slack_told(stack, seen))]


def test_a_mistake_in_the_stack_file_is_one_message_and_nothing_is_made(local: Stack) -> None:
    local.edit("Pulumi.local.yaml", "cpu: 256, memory: 512, port", "cpu: 300, memory: 512, port")
    done = local.run("up", "--diff")
    local.edit("Pulumi.local.yaml", "cpu: 300, memory: 512, port", "cpu: 256, memory: 512, port")
    assert done.code == 1
    assert "fargate-delivery:services.hello.task.cpu: 300 is not allowed" in done.err
    assert "created:" not in done.err


def test_an_upload_alone_migrates_releases_and_starts_a_service(local: Stack, apps: Apps) -> None:
    before, slack = local.status("hello"), len(slack_told(local))
    assert (before["desired"], before["release"], before["image_digest"]) == (0, None, None)
    assert scaling(local, "hello") == {True}
    done = local.ship("hello", apps.make("v1", server=PICKY, migrate=TELLS), *NAMED)
    assert (done.code, len((done.out + done.err).splitlines()) < 40) == (0, True), done.out + done.err
    after = agree(local)
    assert (after["desired"], after["running"], after["release"]["release"]) == (1, 1, 1)
    tagged = tags(local, "hello")
    assert tagged["live"] == tagged["release-1"] == after["image_digest"]
    assert scaling(local, "hello") == {False}
    assert actions(local, "hello") == ["Source", "Build", "Package", "Migrate", "Deploy", "Release"]
    (migration,) = migrations(local, "hello")
    assert f"v1, {GREETING}, " in log_of(local, migration)
    assert slack_titles(local, slack) == [
        "has started", "has an image to deploy", "deploys", "has released release-1"
    ]  # fmt: skip
    assert [state for state, _ in states(commits_told(local))] == ["pending", "success"]
    assert local.changes() == {}


def test_an_uploader_may_put_the_source_of_its_own_service_and_nothing_else(local: Stack) -> None:
    uploader = local.ok("env", "--as", "hello-uploader", "--json").json
    s3 = boto3.client(
        "s3",
        endpoint_url=local.account.server.endpoint,
        region_name=local.account.server.region,
        aws_access_key_id=uploader["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=uploader["AWS_SECRET_ACCESS_KEY"],
        aws_session_token=uploader.get("AWS_SESSION_TOKEN"),
    )
    outputs = local.outputs()
    bucket, _, key = outputs["hello"]["upload_to"].removeprefix("s3://").partition("/")
    other = outputs["shop"]["upload_to"].removeprefix("s3://").partition("/")[2]
    refused: dict[str, Callable[[], Any]] = {
        "s3:GetObject": lambda: s3.get_object(Bucket=bucket, Key=key),
        "s3:DeleteObject": lambda: s3.delete_object(Bucket=bucket, Key=key),
        "s3:ListBucket": lambda: s3.list_objects_v2(Bucket=bucket),
        "s3:PutObject": lambda: s3.put_object(Bucket=bucket, Key=other, Body=b""),
    }
    for action, call in refused.items():
        with pytest.raises(ClientError, match=f"is not authorized to perform: {action}"):
            call()


FAULTS: dict[str, tuple[dict[str, Any], str, str]] = {
    "a build": ({"dockerfile": "FROM nowhere\n"}, "Build / Build", "The image was not built: nowhere: "),
    "a migration": (
        {"migrate": "#!/bin/sh\necho no such column at postgres://app:s3cret@db >&2\nexit 3\n"},
        "Deploy / Migrate",
        "The migration ended with exit code 3: no such column at postgres://***@db. Its log: /ecs/local-hello",
    ),
    "a health check": ({"status": 500}, "Deploy / Deploy", ""),
}
"""What fails → the app's fault, the stage and action, and how the cause begins. CodePipeline's words for a deployment
that ECS rolls back may be either of two."""


@pytest.mark.parametrize("what", FAULTS)
def test_a_release_that_fails_says_why_in_one_line_and_changes_nothing(local: Stack, apps: Apps, what: str) -> None:
    faults, place, words = FAULTS[what]
    before, slack, commits = agree(local), len(slack_told(local)), len(commits_told(local))
    done = local.ship("hello", apps.make(what.replace(" ", "-"), **faults), *NAMED)
    why = cause(local, done, place)
    assert why.startswith(words)
    stage = place.partition(" / ")[0]
    assert slack_titles(local, slack)[-1] == f"has failed in {stage}"
    state, description = states(commits_told(local, commits))[-1]
    assert (state, description.startswith(f"{stage}: ")) == ("failure", True)
    if words:
        assert description == f"{stage}: {shortened(why)}"
    else:
        assert "circuit breaker" in why or "failed ELB health checks" in why
    after = local.settled("hello")
    same = ("image_digest", "live", "release", "running", *KEPT)
    assert {key: after[key] for key in same} == {key: before[key] for key in same}


def test_an_edit_ships_with_the_live_image_and_without_a_build(local: Stack) -> None:
    before, builds = agree(local), local.builds()
    local.edit("Pulumi.local.yaml", FIRST_MEMORY, NEXT_MEMORY)
    local.edit("Pulumi.local.yaml", GREETING, "Another greeting")
    local.ok("up")
    after = agree(local)
    assert (after["memory"], after["image_digest"]) == (1024, before["image_digest"])
    old, new = ({secret["name"]: secret["arn"] for secret in each["secrets"]} for each in (before, after))
    assert old["SECRET_KEY_BASE"] == new["SECRET_KEY_BASE"]
    names = [each["GREETING"].partition(":parameter")[2] for each in (old, new)]
    kept = local.client("ssm").get_parameters(Names=names)["Parameters"]
    values = {parameter["Name"]: parameter["Value"] for parameter in kept}
    assert [values[name] for name in names] == [GREETING, "Another greeting"], "a new value is a new parameter"
    assert local.builds() == builds


def test_the_release_after_an_edit_keeps_the_edit(local: Stack, apps: Apps) -> None:
    before = agree(local)
    assert local.ship("hello", apps.make("v2", server=PICKY)).code == 0
    after = agree(local)
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert after["image_digest"] != before["image_digest"]
    assert local.changes() == {}


def test_an_edit_that_fails_its_health_check_says_why_and_what_ran_goes_on(local: Stack) -> None:
    before = agree(local)
    local.edit("Pulumi.local.yaml", "Another greeting", "broken")
    said = failed(local.run("up"))
    (line,) = [line for line in said.splitlines() if "Its last task stopped" in line]
    assert ". Its last task stopped: Task failed ELB health checks in (target-group " in line
    assert f"{line}\n  web: greeting with broken\n" in said
    after = local.settled("hello")
    assert "which `up` registered, was rolled back" in after["edit"]
    assert {**after, "edit": None} == before
    local.edit("Pulumi.local.yaml", "broken", "Another greeting")
    local.ok("up")
    after = agree(local)
    assert (after["image_digest"], after["release"]) == (before["image_digest"], before["release"])


def test_an_edit_while_a_release_is_deployed_is_left_alone_and_ships_after_it(local: Stack, apps: Apps) -> None:
    before = agree(local)
    held = local.control("hold", {"operation": "ecs:UpdateService", "by": "role/", "mentions": "local-hello"})["hold"]
    source = apps.make("v3", server=PICKY)
    release = Running(lambda: local.ship("hello", source))
    while not local.control("held", {"hold": held})["held"]:
        assert not release.over(), release.result()
        time.sleep(0.1)
    execution = executions(local, "hello")[0]["pipelineExecutionId"]
    local.edit("Pulumi.local.yaml", NEXT_MEMORY, FIRST_MEMORY)
    said = failed(local.run("up"))
    assert f"hello: pipeline execution {execution} is in flight; its task definition is left alone in this run" in said
    assert local.status("hello")["task_definition"] == before["task_definition"]
    local.control("release", {"hold": held})
    assert release.result().code == 0
    released = agree(local)
    assert (released["memory"], released["release"]["release"]) == (1024, before["release"]["release"] + 1)
    local.ok("up")
    after = agree(local)
    assert (after["memory"], after["image_digest"]) == (512, released["image_digest"])


def test_an_event_that_comes_twice_ends_in_package(local: Stack) -> None:
    before, count = agree(local), len(executions(local, "hello"))
    key = "sources/hello/source.zip"
    uploads = [e for e in local.control("events") if e.get("detail", {}).get("object", {}).get("key") == key]
    local.control("replay-event", {"id": uploads[-1]["id"]})
    assert wait_for_pipeline(local, "hello", count + 1)[0]["status"] == "Succeeded"
    assert actions(local, "hello") == ["Source", "Build", "Package"]
    assert agree(local) == before


def test_a_rollback_changes_the_image_only_and_builds_nothing(local: Stack) -> None:
    before, built = agree(local), images(local)
    earlier = local.ok("history", "hello", "--json").json[1]
    local.ok("rollback", "hello", "--yes")
    after = agree(local)
    assert after["image_digest"] == earlier["image_digest"] != before["image_digest"]
    assert {key: after[key] for key in KEPT} == {key: before[key] for key in KEPT}
    assert after["release"]["release"] == before["release"]["release"] + 1
    assert images(local) == built
    assert local.changes() == {}


def test_a_disagreement_is_named_and_repaired(local: Stack) -> None:
    before = agree(local)
    move_live(local, tags(local, "hello")["release-1"])
    shown = local.status("hello")
    assert shown["disagreement"]
    assert shown["repair"] == "sandbox repair hello --stack local"
    local.edit("Pulumi.local.yaml", FIRST_MEMORY, NEXT_MEMORY)
    warned = local.ok("preview")
    local.edit("Pulumi.local.yaml", NEXT_MEMORY, FIRST_MEMORY)
    assert "hello: what runs, what is live and what was released disagree: " in warned.err
    assert "hello: deployment by ECS: memory " in warned.out
    local.ok("repair", "hello", "--yes")
    assert agree(local) == before


def test_an_alarm_rolls_a_release_back(local: Stack, apps: Apps) -> None:
    before, source = agree(local), apps.make("alarming", server=PICKY)
    done = while_deployed(local, lambda: local.ship("hello", source))
    put(local, ERRORS, "OK")
    assert "ECS deployment alarm: " in failed(done)
    after = local.settled("hello")
    assert (after["image_digest"], after["live"]) == (before["image_digest"], before["live"])


def test_a_release_waits_for_approval_where_that_is_wanted(local: Stack, apps: Apps) -> None:
    local.edit("Pulumi.local.yaml", ROUTE, f"approve: true\n      {ROUTE}")
    local.ok("up")
    before, source = agree(local), apps.make("v4", server=PICKY)
    ran, slack = len(executions(local, "hello")), len(slack_told(local))
    assert "sandbox approve hello --stack local" in local.ship("hello", source).out
    assert slack_titles(local, slack)[-1] == "waits for approval"
    local.ok("reject", "hello", "--reason", "not today", "--yes")
    assert wait_for_pipeline(local, "hello", ran + 1)[0]["status"] == "Failed"
    assert "Rejected: not today" in (local.failure("hello") or "")
    assert agree(local) == before
    local.ship("hello", source)
    local.ok("approve", "hello", "--yes")
    assert wait_for_pipeline(local, "hello", ran + 2)[0]["status"] == "Succeeded"
    assert agree(local)["image_digest"] != before["image_digest"]


def blue_green_weights(stack: Stack) -> dict[str, int]:
    """Target group's ARN → its weight, in the one rule that has two of them."""
    elbv2 = stack.client("elbv2")
    (listener,) = [found["arn"] for found in stack.control("listeners") if int(found["port"]) == 443]
    forwards = [
        rule["Actions"][0].get("ForwardConfig", {}).get("TargetGroups", [])
        for rule in elbv2.describe_rules(ListenerArn=listener)["Rules"]
    ]
    (groups,) = [each for each in forwards if len(each) == 2]
    return {each["TargetGroupArn"]: each["Weight"] for each in groups}


def serving_group(stack: Stack) -> str:
    """The target group that has all the traffic of the service that CodeDeploy deploys."""
    weights = blue_green_weights(stack)
    (group,) = [arn for arn, weight in weights.items() if weight]
    assert weights[group] == 100
    return group


def test_a_blue_green_release_shifts_the_traffic_and_an_unhealthy_one_does_not(local: Stack, apps: Apps) -> None:
    assert local.ship("shop", apps.make("s1")).code == 0
    first, group = local.status("shop"), serving_group(local)
    assert (first["running"], first["release"]["release"]) == (1, 1)
    done = local.ship("shop", apps.make("sick", status=500))
    assert "timed out while waiting for the replacement task set to become healthy" in failed(done)
    assert (local.status("shop")["image_digest"], serving_group(local)) == (first["image_digest"], group)
    assert local.ship("shop", apps.make("s2")).code == 0
    second = local.status("shop")
    assert second["image_digest"] == second["live"] == second["release"]["image_digest"] != first["image_digest"]
    assert serving_group(local) != group
    assert local.changes() == {}


def test_an_edit_of_a_blue_green_service_is_deployed_by_its_pipeline_with_the_live_image(local: Stack) -> None:
    before, group = local.status("shop"), serving_group(local)
    ran, builds = len(executions(local, "shop")), local.builds()
    local.edit("Pulumi.local.yaml", SHOP_GREETING, "A changed shop")
    local.ok("up")
    assert wait_for_pipeline(local, "shop", ran + 1)[0]["status"] == "Succeeded"
    after = local.status("shop")
    assert after["image_digest"] == after["live"] == before["image_digest"]
    assert after["secrets"] != before["secrets"]
    assert local.builds() == builds, "what is live is built already"
    assert serving_group(local) != group
    assert local.changes() == {}


def logged(stack: Stack) -> str:
    """Everything in the account's logs."""
    logs = stack.client("logs")
    groups = [group["logGroupName"] for group in logs.describe_log_groups()["logGroups"]]
    return "\n".join(
        event["message"] for group in groups for event in logs.filter_log_events(logGroupName=group)["events"]
    )


def test_no_secret_is_logged_or_told_to_anybody(local: Stack) -> None:
    made_up = json.loads((local.root / ".sandbox/local/work/local/made-up.json").read_text())
    log = logged(local)
    told = {
        "log": log,
        "state": local.ok("export").out,
        "slack": local.ok("slack", "--verbose").out,
        "commits": local.ok("commits").out,
    }
    assert "greeting with Another greeting" in log, "the apps' output is there"
    assert len(made_up) >= 2
    for value in (*made_up.values(), "s3cret@db"):
        places = [place for place, text in told.items() if value in text and (place, value) != ("log", "s3cret@db")]
        assert places == [], "what the migration itself prints is in its own log only"


NO_SUCH_OBJECT = ("s3:GetObject", "s3:ListBucket")
"""Who may not list a bucket is told that an object is forbidden and not that it is missing: a new pipeline's first source."""


def test_every_role_could_do_what_it_tried(local: Stack) -> None:
    refused = [each for each in local.control("decisions") if not each["allowed"]]
    by_role = [each for each in refused if "local-hello-uploader" not in each["principal"]]
    assert len(by_role) < len(refused), "the uploader tried what it may not"
    assert [each for each in by_role if (each["call"], each["action"]) != NO_SUCH_OBJECT] == []


def test_destroy_leaves_nothing(local: Stack) -> None:
    local.ok("down")
    assert json.loads(local.ok("export").out)["deployment"].get("resources", []) == []
    clusters = local.client("ecs").describe_clusters(clusters=["local"])["clusters"]
    left = {
        "buckets": local.client("s3").list_buckets()["Buckets"],
        "roles": local.client("iam").list_roles()["Roles"],
        "users": local.client("iam").list_users()["Users"],
        "clusters": [each for each in clusters if each["status"] == "ACTIVE"],
        "load balancers": local.client("elbv2").describe_load_balancers()["LoadBalancers"],
        "repositories": local.client("ecr").describe_repositories()["repositories"],
        "pipelines": local.client("codepipeline").list_pipelines()["pipelines"],
        "log groups": local.client("logs").describe_log_groups()["logGroups"],
        "rules": local.client("events").list_rules()["Rules"],
        "queues": local.client("sqs").list_queues().get("QueueUrls", []),
    }
    assert {what: found for what, found in left.items() if found} == {}
