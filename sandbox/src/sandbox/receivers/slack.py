"""Slack's side of an incoming webhook.

https://api.slack.com/messaging/webhooks and https://api.slack.com/changelog/2016-05-17-changes-to-errors-for-incoming-webhooks
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal, get_args

from sandbox.receivers.answer import Answer

HOSTS = ("hooks.slack.com", "hooks.slack-gov.com")
WEBHOOKS = "/services/"
LONGEST_HEADER, LONGEST_TEXT, MOST_BLOCKS = 150, 3000, 50
"""Block Kit's limits."""

LINK = re.compile(r"<([^|<>]+)\|([^<>]+)>")
"""In `mrkdwn`: an address, and what is shown for it."""

FailureMode = Literal["ok", "down", "rate_limited", "gone"]
FAILURE_MODES: tuple[FailureMode, ...] = get_args(FailureMode)


REFUSALS: Mapping[FailureMode, Answer] = {
    "down": Answer(503, "service_unavailable"),
    "rate_limited": Answer(429, "rate_limited", retry_after=30),
    "gone": Answer(404, "no_service"),
}


@dataclass
class Slack:
    """A workspace.

    Attributes:
        failure_mode: how it answers.
        posted: what it has taken, with the time.
    """

    failure_mode: FailureMode = "ok"
    posted: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, body: str) -> Answer:
        """A POST to a webhook."""
        if self.failure_mode != "ok":
            return REFUSALS[self.failure_mode]
        try:
            message = json.loads(body)
        except ValueError:
            return Answer(400, "invalid_payload")
        if not isinstance(message, dict):
            return Answer(400, "invalid_payload")
        if not message.get("text") and not message.get("attachments"):
            return Answer(400, "no_text")
        if any(True for _ in problems(message)):
            return Answer(400, "invalid_blocks")
        with self._lock:
            self.posted.append({"time": datetime.now(UTC).strftime("%H:%M:%S"), **message})
        return Answer(200, "ok")


def problems(message: Mapping[str, Any]) -> Iterator[str]:
    """What Slack refuses in a message's blocks."""
    for attachment in [message, *message.get("attachments", [])]:
        blocks = attachment.get("blocks", [])
        if len(blocks) > MOST_BLOCKS:
            yield f"{len(blocks)} blocks"
        for block in blocks:
            longest = LONGEST_HEADER if block["type"] == "header" else LONGEST_TEXT
            for text in texts(block):
                if not 1 <= len(text) <= longest:
                    yield f"a {block['type']} of {len(text)} characters"


def texts(block: Mapping[str, Any], *, shown: bool = False) -> list[str]:
    """The texts of a block; with `shown` links are as a person sees them, with their targets."""
    elements = [element for element in [block.get("text"), *block.get("elements", [])] if element]
    return [
        LINK.sub(r"\2 (\1)", element["text"]) if shown and element["type"] == "mrkdwn" else element["text"]
        for element in elements
    ]


def in_short(message: Mapping[str, Any]) -> list[str]:
    """A message in one line: its header and what follows, without context, which is where links are."""
    blocks = [block for attachment in message.get("attachments", []) for block in attachment.get("blocks", [])]
    if not blocks:
        return [" ".join(str(message["text"]).split())]
    told = [" ".join(text.split()) for block in blocks if block["type"] != "context" for text in texts(block)]
    return ["  ".join(LINK.sub(r"\2", text) for text in told)]


def names(message: Mapping[str, Any], things: Sequence[str]) -> bool:
    """Whether a message names one of these things, as a word of its own."""
    pattern = rf"(?<![\w-])({'|'.join(map(re.escape, things))})(?![\w-])"
    return any(re.search(pattern, line) for line in [str(message.get("text", "")), *as_seen(message)])


def as_seen(message: Mapping[str, Any]) -> list[str]:
    """A message's lines, as a person sees them."""
    attachments = message.get("attachments", [])
    if not attachments:
        return str(message["text"]).splitlines()
    return [
        line
        for attachment in attachments
        for block in attachment.get("blocks", [])
        for text in texts(block, shown=True)
        for line in text.splitlines()
    ]
