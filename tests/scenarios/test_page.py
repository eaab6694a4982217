"""The page of a stack after deliveries: what it says, and what a real browser makes of it."""

import os
import subprocess
from pathlib import Path

import pytest
from page_facts import Page

from tests.scenarios.conftest import DOCKERFILE, REPOSITORY, Apps, Stack
from tests.support import browser

pytestmark = pytest.mark.nightly

SERVICES = ("hello",)
COMMIT = "c0ffee" * 6 + "c0de"
WIDTHS = (360, 768, 1200, 1600)
needs_browser = pytest.mark.skipif(browser.browser() is None, reason=browser.MISSING)


@pytest.fixture(scope="module")
def page(local: Stack, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page after a release, a build that fails, and the first image again; as an account's operator writes it."""
    apps = Apps(tmp_path_factory.mktemp("apps"))
    assert local.ship("hello", apps.make("v1"), "--commit", COMMIT, "--repository", "team/hello").code == 0
    assert local.ship("hello", apps.make("v2", dockerfile=f"{DOCKERFILE}RUN test -f missing\n")).code == 1
    local.ok("redeploy", "hello", "--yes")
    file = tmp_path_factory.mktemp("page") / "local.html"
    export = file.with_name("export.json")
    export.write_text(local.ok("export").out)
    command = [str(REPOSITORY / ".venv/bin/delivery"), "page", "--stack", "local", "--output", str(file)]
    command += ["--export", str(export)]
    variables = {**os.environ, **local.ok("env", "--json").json}
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return file


def test_it_says_what_was_delivered(page: Path, local: Stack) -> None:
    read = Page(page.read_text(encoding="utf-8"))
    assert read.problems == []
    for words in (
        "account 123456789012 · ap-northeast-1 · cluster local",
        "All well 1 service",
        "hello.local.example.com",
        "2 of 3 of the last deliveries succeeded",
        "The last 3 deliveries",
        "release-2 the image of release-1 again",
        "release-1 an upload",
        "team/hello",
        "c0ffeec0ffee",
        "Build / Build: ",
        "Traffic, by its tasks",
        "ROLLING deployment of local-hello:",
        "the internet 0.0.0.0/0",
        "hello Source Source: S3 Build Build: CodeBuild Package Package: Lambda Deploy Migrate: Lambda Deploy: ECS",
    ):
        assert words in read.text, words
    revision = local.status("hello")["task_definition"].rpartition("/")[2]
    assert f"{revision} c0ffeec0ffee" in read.text


def test_it_has_no_value_of_a_parameter(page: Path, local: Stack) -> None:
    text, ssm = page.read_text(encoding="utf-8"), local.client("ssm")
    pages = ssm.get_paginator("get_parameters_by_path").paginate(
        Path="/fargate-delivery/local/hello", Recursive=True, WithDecryption=True
    )
    values = {p["Name"]: p["Value"] for each in pages for p in each["Parameters"] if not p["Name"].endswith("/release")}
    assert len(values) == 3
    assert [name for name, value in values.items() if value in text] == []


@needs_browser
def test_a_browser_opens_it_and_has_nothing_to_say(page: Path) -> None:
    seen = browser.opened(page)
    assert seen.said == []
    assert "<h1><span>Stack</span>local</h1>" in seen.document
    assert seen.document.count("<details") == page.read_text(encoding="utf-8").count("<details")


@needs_browser
def test_what_a_browser_would_say_is_seen(page: Path, tmp_path: Path) -> None:
    file = tmp_path / "bad.html"
    file.write_text(page.read_text(encoding="utf-8").replace("<main>", "<main><script>let x = 1</script>"))
    (said,) = browser.opened(file).said
    assert "Content Security Policy" in said


@needs_browser
@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_of_it_is_wider_than_its_window(page: Path, width: int) -> None:
    assert browser.size(page, width)[0] == width


@needs_browser
def test_it_can_be_printed_and_photographed(page: Path, tmp_path: Path) -> None:
    browser.printed(page, tmp_path / "page.pdf")
    browser.picture(page, tmp_path / "page.png", 360, 640, dark=True)
    assert (tmp_path / "page.pdf").read_bytes().startswith(b"%PDF-")
    png = (tmp_path / "page.png").read_bytes()
    assert (png[:8], int.from_bytes(png[16:20]), int.from_bytes(png[20:24])) == (b"\x89PNG\r\n\x1a\n", 360, 640)
