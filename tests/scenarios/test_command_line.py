"""The commands that look, after scripted deliveries: as tables, and as the documents that docs/reference/json.md has."""

import dataclasses
import re
import typing
from pathlib import Path
from typing import Any

import pytest

from docs.json_documents import documents
from tests.scenarios.conftest import REPOSITORY, Apps, Stack

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "chuoi")


@pytest.fixture(scope="module")
def delivered(local: Stack, tmp_path_factory: pytest.TempPathFactory) -> Stack:
    """Two releases of `hello`, of which the second has a commit; `chuoi` was never released."""
    apps = Apps(tmp_path_factory.mktemp("apps"))
    for version, more in (("one", ()), ("two", ("--commit", "a" * 40, "--repository", "shop/hello"))):
        done = local.ship("hello", apps.make(version), *more)
        assert done.code == 0, done.out + done.err
    return local


def rows(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines() if line[:1] not in ("", " ")]


def assert_document(verb: str, found: Any) -> None:
    """That a document has the fields of one that the reference has for the command."""
    document = documents()[verb]
    kinds = [part for each in (document, *typing.get_args(document)) for part in (each, *typing.get_args(each))]
    known = [{field.name for field in dataclasses.fields(kind)} for kind in kinds if dataclasses.is_dataclass(kind)]
    assert (found[0] if isinstance(found, list) else found).keys() in known


def test_all_services_in_a_table(delivered: Stack) -> None:
    shown = delivered.ok("status").out
    head, chuoi, hello = rows(shown)
    assert head == ["SERVICE", "RELEASE", "AGE", "IMAGE", "TASKS", "URL"]
    assert (chuoi[:3], hello[:2]) == (["chuoi", "none", "yet"], ["hello", "release-2"])
    assert "  it waits for its first upload, to s3://" in shown
    assert hello[-1].startswith("http://hello.localhost:")
    found = delivered.ok("status", "--json").json
    assert_document("status", found)
    assert [(each["service"], each["running"], each["desired"], each["disagreement"]) for each in found] == [
        ("chuoi", 0, 0, None), ("hello", 1, 1, None),
    ]  # fmt: skip


def test_one_service(delivered: Stack) -> None:
    found = delivered.ok("status", "hello", "--json").json
    assert_document("status", found)
    lines = dict(line.split(None, 1) for line in delivered.ok("status", "hello").out.splitlines())
    assert lines["url"] == found["urls"][0]
    assert (found["going_on"], found["waits"], found["asleep"], found["jobs"]) == ([], [], False, [])


def test_the_releases(delivered: Stack) -> None:
    found = delivered.ok("history", "hello", "--json").json
    assert_document("history", found)
    assert [(each["release"], each["live"], each["seconds"] >= 0) for each in found] == [
        (2, True, True),
        (1, False, True),
    ]
    two, one = delivered.ok("history", "hello").out.splitlines()
    assert ("commit aaaaaaaaaaaa" in two, "commit" in one) == (True, False)
    assert (two.endswith("live"), one.endswith("live")) == (True, False)


def test_what_two_releases_differ_in(delivered: Stack) -> None:
    lines = delivered.ok("diff", "hello", "1", "2").out.splitlines()
    assert lines[0] == "hello: from release-1 to release-2"
    assert [line.partition(":")[0] for line in lines[1:]] == ["image"]
    found = delivered.ok("diff", "hello", "release-1", "live", "--json").json
    assert_document("diff", found)
    assert (found["after"]["what"], found["differences"]) == ("live", [])


def test_where_a_service_is(delivered: Stack) -> None:
    found = delivered.ok("open", "hello", "--json").json
    assert found["urls"][0] in delivered.ok("open", "hello").out
    assert found["console"]["pipeline"].endswith("/pipelines/local-hello/view?region=ap-northeast-1")


def test_the_checkout_makes_what_runs(delivered: Stack) -> None:
    now = delivered.ok("status", "hello", "--json").json
    assert delivered.ok("render", "hello", "--diff").out == (
        f"hello: from local-hello:{now['revision']}, which runs, to this checkout: nothing differs\n"
    )
    (made,) = delivered.ok("render", "hello").json["containerDefinitions"]
    assert made["image"].endswith(f"/local-hello@{now['image_digest']}")
    fingerprint = made["dockerLabels"]["fargate-delivery.fingerprint"]
    assert fingerprint == now["release"]["template_fingerprint"]


def test_a_preview_after_a_delivery_changes_nothing(delivered: Stack) -> None:
    for done in (
        delivered.ok("preview", "--diff"),
        delivered.ok("preview", "--policy-pack", str(REPOSITORY / "policy")),
    ):
        assert done.out.splitlines()[-1].startswith("Nothing would change (")


def test_the_release_that_is_live_is_the_one_that_went_out_last(delivered: Stack) -> None:
    lines = delivered.ok("rollback", "hello", "--to", "1", "--yes").out.splitlines()
    assert lines[-1].endswith(": Succeeded")
    assert [each["live"] for each in delivered.ok("history", "hello", "--json").json] == [True, False, False]


@pytest.mark.parametrize("anew", [False, True], ids=["an upload", "a rebuild"])
def test_a_delivery_that_fails_says_what_serves_and_what_the_task_said(
    delivered: Stack, tmp_path: Path, anew: bool
) -> None:
    sick = Apps(tmp_path).make("sick", status=500)
    done = delivered.run("ship", "hello", "--rebuild", "--yes") if anew else delivered.ship("hello", sick)
    assert done.code == 1
    assert "\ndeployment of local-hello:" in done.out
    error, serves, *rest = done.err.splitlines()
    assert error.startswith("error: execution ")
    assert " of local-hello ended as Failed: Deploy / Deploy: " in error
    assert any(line.startswith("  | ") for line in rest)
    assert serves == "release-3 still serves."
    command = re.fullmatch(r"All of its log: `sandbox (logs hello --stack local --task \w{8})`\. Fix it .*", rest[-1])
    assert command is not None, rest[-1]
    assert delivered.ok(*command[1].split()).out.splitlines() != []
