"""What `ship` shows of a delivery: a build's log without the buildspec's scripts, and where the service answers."""

from types import SimpleNamespace
from typing import Any

import pytest

from sandbox.cli import delivery
from sandbox.codepipeline.watching import Folding
from sandbox.load import Site
from sandbox.stacks import SandboxError

SCRIPT = "[Container] 2026/11/29 10:00:33 Running command cat > \"$HOME/release.sh\" <<'SCRIPT'"
COMMAND = '[Container] 2026/11/29 10:00:34 Running command bash -euo pipefail "$HOME/release.sh"'


@pytest.mark.parametrize(
    ("polls", "shown"),
    [
        ([[SCRIPT, "set -e", "SCRIPT", COMMAND, "Released"]], [f"{SCRIPT} …", COMMAND, "Released"]),
        ([[SCRIPT, "a"], [], ["SCRIPT", SCRIPT], ["b", "  SCRIPT"], ["c"]], [f"{SCRIPT} …", f"{SCRIPT} …", "c"]),
        ([["SCRIPT", "cat <<'SCRIPT'", "x"]], ["SCRIPT", "cat <<'SCRIPT'", "x"]),
        ([[COMMAND, "ERROR: failed"]], [COMMAND, "ERROR: failed"]),
    ],
)
def test_a_script_of_the_buildspec_is_one_line(polls: list[list[str]], shown: list[str]) -> None:
    folding = Folding()
    assert [line for poll in polls for line in folding.shown(poll)] == shown


@pytest.mark.parametrize(
    ("site", "words"),
    [
        (
            Site("hello.example.com", "127.0.0.1:80"),
            "; to see it: curl -H 'Host: hello.example.com' http://127.0.0.1:80/",
        ),
        (SandboxError("no listener's rule leads to it"), ""),
    ],
)
def test_where_a_delivered_service_answers(
    monkeypatch: pytest.MonkeyPatch, site: Site | SandboxError, words: str
) -> None:
    def find(*_: Any) -> Site:
        if isinstance(site, SandboxError):
            raise site
        return site

    monkeypatch.setattr(delivery, "find_site", find)
    account: Any = SimpleNamespace(client=None, control=lambda _: [])
    assert delivery._where_it_answers(account, "local", "hello") == words
