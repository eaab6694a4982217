"""One comment for each stack, on GitHub's and GitLab's side of the API."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from code_hosts import OTHER, OWN, TOKEN, CodeHost, serving

from delivery.__main__ import main
from delivery.pull_request.as_markdown import marker

DEV, PRD = marker("dev"), marker("prd")


@pytest.fixture(params=["github", "gitlab"])
def host(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[CodeHost]:
    """A pull request, and the variables of a job that runs for it."""
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"pull_request": {"number": 12}}))
    with serving(CodeHost(request.param)) as started:
        variables = {
            "github": {
                "GITHUB_API_URL": started.address,
                "GITHUB_REPOSITORY": "team/infra",
                "GITHUB_EVENT_PATH": str(event),
                "GITHUB_TOKEN": TOKEN,
            },
            "gitlab": {
                "CI_API_V4_URL": started.address,
                "CI_PROJECT_ID": "5",
                "CI_MERGE_REQUEST_IID": "12",
                "GITLAB_TOKEN": TOKEN,
            },
        }
        for name, value in variables[started.kind].items():
            monkeypatch.setenv(name, value)
        yield started


def post(host: CodeHost, text: str) -> Any:
    return CliRunner().invoke(main, ["comment", f"--{host.kind}"], input=text)


def test_the_first_is_posted_and_the_next_edits_it(host: CodeHost) -> None:
    host.write("Looks good")
    assert post(host, f"{DEV}\nfirst\n").output == "The comment is posted.\n"
    assert post(host, f"{DEV}\nsecond\n").output == "The comment is edited.\n"
    assert [comment["body"] for comment in host.comments] == ["Looks good", f"{DEV}\nsecond\n"]


def test_each_stack_has_its_own(host: CodeHost) -> None:
    for text in (f"{DEV}\n1", f"{PRD}\n1", f"{DEV}\n2"):
        post(host, text)
    assert [comment["body"] for comment in host.comments] == [f"{DEV}\n2", f"{PRD}\n1"]


def test_it_is_found_behind_a_hundred_others(host: CodeHost) -> None:
    for number in range(150):
        host.write(f"comment {number}")
    host.write(f"{DEV}\nfirst", OWN)
    assert post(host, f"{DEV}\nsecond").output == "The comment is edited.\n"
    assert host.comments[-1]["body"] == f"{DEV}\nsecond"
    assert len(host.comments) == 151


def test_somebody_elses_with_the_same_marker_is_left_alone(host: CodeHost) -> None:
    host.write(f"{DEV}\nplanted", OTHER)
    assert post(host, f"{DEV}\nours").output == "The comment is posted.\n"
    assert [comment["body"] for comment in host.comments] == [f"{DEV}\nplanted", f"{DEV}\nours"]


def test_a_refusal_is_one_line_without_the_token(host: CodeHost) -> None:
    host.refuse = 403
    done = post(host, f"{DEV}\ntext")
    assert done.exit_code == 1
    assert done.stderr.startswith(f"error: POST {host.address}")
    assert done.stderr.endswith('is answered with 403: {"message": "refused"}\n')
    assert TOKEN not in done.output


def test_without_a_token_nothing_is_asked(host: CodeHost, monkeypatch: pytest.MonkeyPatch) -> None:
    name = f"{host.kind.upper()}_TOKEN"
    monkeypatch.delenv(name)
    assert post(host, f"{DEV}\ntext").stderr.startswith(f"error: {name} is not set")
    assert host.asked == []


def test_what_is_no_report_is_not_posted(host: CodeHost) -> None:
    assert "does not begin with its marker" in post(host, "text").stderr
    assert host.comments == []


def test_a_push_has_nothing_to_comment_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    event = tmp_path / "event.json"
    event.write_text(json.dumps({"ref": "refs/heads/main"}))
    monkeypatch.setenv("GITHUB_EVENT_PATH", str(event))
    monkeypatch.setenv("GITHUB_REPOSITORY", "team/infra")
    done = CliRunner().invoke(main, ["comment", "--github"], input=f"{DEV}\n")
    assert done.stderr == "error: this workflow does not run for a pull request, so there is nothing to comment on\n"


def test_it_is_said_where(tmp_path: Path) -> None:
    assert CliRunner().invoke(main, ["comment"], input=f"{DEV}\n").exit_code == 2
