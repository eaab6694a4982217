"""Each message that the page of messages explains is one that the code says."""

import ast
import re
from collections.abc import Iterator

from mocked import ROOT

PAGE = (ROOT / "docs/how-to/troubleshooting.md").read_text("utf-8")
OURS = PAGE.partition("## What AWS says")[0]
FOLDERS = ("components", "config", "delivery", "pipeline_steps", "releases", "stack")
SHORTEST = 8
"""Letters of a message that tell it from others."""


def texts() -> Iterator[str]:
    """Each text of the code, with `…` for what it is filled with."""
    for file in (file for folder in FOLDERS for file in (ROOT / folder).rglob("*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if isinstance(node, ast.JoinedStr):
                yield "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield node.value


def test_each_message_is_said_by_the_code() -> None:
    messages = re.findall(r"^\| `([^`]+)` \|", OURS, re.MULTILINE)
    said = list(texts())
    assert len(messages) > 15
    assert min(map(len, messages)) >= SHORTEST
    patterns = {message: ".*".join(map(re.escape, message.split("…"))) for message in messages}
    assert [each for each, pattern in patterns.items() if not any(re.search(pattern, text) for text in said)] == []
