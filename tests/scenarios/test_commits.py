"""What the commits are told that uploads name: how their release goes, and why there was none."""

from typing import Any

import pytest

from tests.scenarios.conftest import DOCKERFILE, SERVER, Apps, Done, Stack

pytestmark = pytest.mark.nightly

SERVICES = ("hello",)
COMMIT = "89abcdef0123456789abcdef0123456789abcdef"
NAMED = ("--commit", COMMIT, "--repository", "team/hello")


def told(stack: Stack, seen: int = 0) -> list[dict[str, Any]]:
    """The statuses and comments but for the first ones."""
    found: list[dict[str, Any]] = stack.ok("commits", "--json").json
    assert all((each["repository"], each["commit"]) == ("team/hello", COMMIT) for each in found)
    return found[seen:]


def states(entries: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """The statuses among them."""
    return [(entry["state"], entry["description"]) for entry in entries if "state" in entry]


def cause(stack: Stack, done: Done, place: str) -> str:
    """Why a delivery has failed: one line, which `ship` and `status` say."""
    assert done.code == 1
    failure = stack.failure("hello") or ""
    assert failure.startswith(f"ended as Failed: {place}: ")
    why = failure.removeprefix(f"ended as Failed: {place}: ")
    (line,) = [line for line in (done.out + done.err).splitlines() if line.startswith("error: ")]
    assert line.endswith(f" of local-hello {failure}")
    assert "Running command" not in done.out
    return why


def shortened(line: str) -> str:
    """As a status has it."""
    return line if len(line) <= 128 else f"{line[:127]}…"


def test_a_release(local: Stack, apps: Apps) -> None:
    done = local.ship("hello", apps.make("one"), *NAMED)
    assert (done.code, len((done.out + done.err).splitlines()) < 40) == (0, True), done.out + done.err
    assert local.failure("hello") is None
    entries = told(local)
    assert [entry["state"] for entry in entries] == ["pending", "success"]
    assert entries[0]["context"] == "local-hello"
    assert entries[1]["description"].startswith("release-1, ")
    assert entries[1]["description"].endswith(" s after its upload")


def test_an_upload_that_names_no_commit_is_nobody_s(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    assert local.ship("hello", apps.make("nameless")).code == 0
    assert local.ship("hello", apps.make("unbuildable", dockerfile="FROM nowhere\n")).code == 1
    assert told(local, before) == []


def test_an_image_s_labels_name_the_commit_that_the_upload_does_not(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    source = "https://github.com/team/hello.git"
    labels = f"LABEL org.opencontainers.image.revision={COMMIT} org.opencontainers.image.source={source}\n"
    assert local.ship("hello", apps.make("labelled", dockerfile=DOCKERFILE + labels)).code == 0
    entries = told(local, before)
    assert [entry["state"] for entry in entries] == ["pending", "success"]
    assert local.status("hello")["release"]["commit"] == COMMIT


def test_a_failed_build_is_a_comment_with_the_log_s_end(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    why = cause(local, local.ship("hello", apps.make("broken", dockerfile="FROM nowhere\n"), *NAMED), "Build / Build")
    assert why.startswith("The image was not built: nowhere: ")
    entries = told(local, before)
    assert [state for state, _ in states(entries)] == ["pending", "failure"]
    assert states(entries)[1][1] == f"Build: {shortened(why)}"
    (comment,) = [entry["body"] for entry in entries if "body" in entry]
    assert comment.startswith(f"`local-hello` did not release this commit. Build, Build: {why}\n\n```\n")
    assert "State: FAILED" in comment


def test_a_failed_migration(local: Stack, apps: Apps) -> None:
    before = len(told(local))
    migrate = "#!/bin/sh\necho no such column at postgres://app:s3cret@db >&2\nexit 3\n"
    why = cause(local, local.ship("hello", apps.make("unmigrated", migrate=migrate), *NAMED), "Deploy / Migrate")
    assert why.startswith("The migration ended with exit code 3: no such column at postgres://***@db. Its log: /ecs/")
    entries = told(local, before)
    assert states(entries)[1][1] == f"Deploy: {shortened(why)}"
    (comment,) = [entry["body"] for entry in entries if "body" in entry]
    assert comment.startswith(f"`local-hello` did not release this commit. Deploy, Migrate: {why}")
    assert "s3cret" not in str(entries)


def test_a_deployment_that_is_rolled_back(local: Stack, apps: Apps) -> None:
    """The app says in its log that it was not let write a file, among what is nobody's business."""
    before = len(told(local))
    says = "print('s3cret: Read-only file system: /srv/cache', flush=True)\n"
    done = local.ship("hello", apps.make("sick", status=500, server=says + SERVER), *NAMED)
    why = cause(local, done, "Deploy / Deploy")
    entries = told(local, before)
    assert [state for state, _ in states(entries)] == ["pending", "failure"]
    assert states(entries)[1][1].startswith("Deploy: Read-only file system: /srv/cache. ")
    assert "s3cret" not in str(entries)
    (comment,) = [entry["body"] for entry in entries if "body" in entry]
    assert "circuit breaker: tasks failed ELB health checks" in comment
    assert "Last stopped task: Task failed ELB health checks" in comment
    asked = "The load balancer asked for /healthz at port 4000: Health checks failed with these codes: [500]."
    assert (asked in comment, why.startswith(asked)) == (True, True)
    (service,) = [each for each in local.ok("status", "--json").json if each["service"] == "hello"]
    assert service["failure"] == f"Deploy / Deploy: {why}"
    assert f"Deploy / Deploy: {why}" in [
        each.get("cause") for each in local.ok("history", "hello", "--all", "--json").json
    ]


def test_nothing_was_left_undelivered(local: Stack) -> None:
    assert local.control("undelivered") == []
    sqs = local.client("sqs")
    url = sqs.get_queue_url(QueueName="local-commits-undelivered")["QueueUrl"]
    assert sqs.receive_message(QueueUrl=url, VisibilityTimeout=0).get("Messages", []) == []
