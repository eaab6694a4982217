"""The logs of builds: each line once, as it comes, without the buildspec's scripts."""

from typing import Any

import pytest
from delivery_aws import FakeAws, RefusedError, action

from delivery.executions.build_logs import BuildLogs, Folding

SCRIPT = "[Container] 2026/11/29 10:00:33 Running command cat > \"$HOME/release.sh\" <<'SCRIPT'"
COMMAND = '[Container] 2026/11/29 10:00:34 Running command bash -euo pipefail "$HOME/release.sh"'


@pytest.mark.parametrize(
    ("polls", "shown"),
    [
        ([[SCRIPT, "set -e", "SCRIPT", COMMAND, "Released"]], [f"{SCRIPT} …", COMMAND, "Released"]),
        ([[SCRIPT, "a"], [], ["SCRIPT", SCRIPT], ["b", "  SCRIPT"], ["c"]], [f"{SCRIPT} …", f"{SCRIPT} …", "c"]),
        ([["SCRIPT", "cat <<'SCRIPT'", "x"]], ["SCRIPT", "cat <<'SCRIPT'", "x"]),
        ([["[Container] x Running command a\nb\nc", "one\ntwo"]], ["[Container] x Running command a …", "one", "two"]),
        ([[COMMAND, "ERROR: failed"]], [COMMAND, "ERROR: failed"]),
    ],
)
def test_a_script_of_the_buildspec_is_one_line(polls: list[list[str]], shown: list[str]) -> None:
    folding = Folding()
    assert [line for poll in polls for line in folding.shown(poll)] == shown


class Builds(FakeAws):
    """A build that has logged so far what `lines` has, two events to a page; None: it has no log yet."""

    lines: list[str] | None = None
    place: dict[str, str] | None = {"groupName": "g", "streamName": "s"}  # noqa: RUF012

    def _BatchGetBuilds(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"ids": ["p:1"]}
        return {"builds": [{"logs": self.place} if self.place else {}]}

    def _GetLogEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.lines is None:
            raise RefusedError("ResourceNotFoundException")
        start = int(given.get("nextToken", 0))
        page = self.lines[start : start + 2]
        return {"events": [{"message": f"{line}\n"} for line in page], "nextForwardToken": str(start + len(page))}


def built(provider: str = "CodeBuild", build: str = "p:1") -> dict[str, Any]:
    kind = {"actionTypeId": {"category": "Build", "provider": provider}}
    return action(
        "Build", "Build", "Build", "InProgress", input=kind, result={"externalExecutionId": build} if build else {}
    )


def test_each_line_is_shown_once() -> None:
    aws, shown = Builds(), list[str]()
    logs = BuildLogs(aws.session(), shown.append)
    logs.look([built()])
    aws.lines = ["one", "two", "three"]
    logs.look([built()])
    aws.lines += ["four"]
    logs.look([built()])
    logs.look([built()])
    assert shown == ["  | one", "  | two", "  | three", "  | four"]


@pytest.mark.parametrize("actions", [[], [built("Lambda")], [built(build="")]])
def test_what_is_no_build_has_no_log(actions: list[dict[str, Any]]) -> None:
    aws = Builds()
    BuildLogs(aws.session(), pytest.fail).look(actions)
    assert aws.calls == []


def test_a_build_that_keeps_no_log_shows_none() -> None:
    aws = Builds()
    aws.place = None
    BuildLogs(aws.session(), pytest.fail).look([built()])
