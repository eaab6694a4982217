"""What `sandbox slack` prints: a line for each message, of one service where that is asked for, or all of it."""

from types import SimpleNamespace
from typing import Any

import pytest
from click.testing import CliRunner

from sandbox.cli import main, receivers


def message(title: str, *lines: str, links: str = "<https://example.com/1|Pipeline>") -> dict[str, Any]:
    sections = [{"type": "section", "text": {"type": "plain_text", "text": line}} for line in lines]
    context = {"type": "context", "elements": [{"type": "mrkdwn", "text": links}]}
    header = {"type": "header", "text": {"type": "plain_text", "text": title}}
    return {"time": "12:00:00", "text": title, "attachments": [{"blocks": [header, *sections, context]}]}


POSTED = [
    message("[dev] dev-web has failed", "Deploy: it is\nill"),
    message("[dev] dev-web-two has started"),
    {"time": "12:00:01", "text": "plain\nwords"},
]


@pytest.fixture(autouse=True)
def told(monkeypatch: pytest.MonkeyPatch) -> None:
    inbox = {"posted": POSTED, "idle": True, "failure_mode": "ok"}
    monkeypatch.setattr(receivers, "StackFolder", lambda _: SimpleNamespace(running_server=lambda: None))
    monkeypatch.setattr(receivers, "Session", lambda _: SimpleNamespace(control=lambda *_: inbox))
    monkeypatch.setattr(receivers, "names_in_aws", lambda stack, name: [name, f"{stack}-{name}"])


@pytest.mark.parametrize(
    ("arguments", "lines"),
    [
        (
            (),
            [
                "12:00:00  [dev] dev-web has failed  Deploy: it is ill",
                "12:00:00  [dev] dev-web-two has started",
                "12:00:01  plain words",
            ],
        ),
        (("web",), ["12:00:00  [dev] dev-web has failed  Deploy: it is ill"]),
        (
            ("web", "--verbose"),
            [
                "12:00:00  [dev] dev-web has failed",
                "          Deploy: it is",
                "          ill",
                "          Pipeline (https://example.com/1)",
            ],
        ),
        (("we",), ["Slack was told nothing yet; a stack tells it where its file has notifications.slack."]),
    ],
)
def test_what_is_shown(arguments: tuple[str, ...], lines: list[str]) -> None:
    done = CliRunner().invoke(main, ["slack", *arguments, "--stack", "dev"])
    assert (done.exit_code, done.output.splitlines()) == (0, lines)
