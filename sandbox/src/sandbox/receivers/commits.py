"""GitHub's and GitLab's side of commit statuses and comments.

https://docs.github.com/en/rest/commits/statuses, …/comments and https://docs.gitlab.com/api/commits/
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from sandbox.receivers.answer import Answer


@dataclass(frozen=True)
class Route:
    """A path that takes POSTs.

    Attributes:
        path: groups `repository` and `commit`.
        header: must be there with `credential` before the token.
        needs: fields that a body must have.
        states: what `state` may be; empty for a comment.
        longest: characters of `description`.
    """

    path: re.Pattern[str]
    header: str
    credential: str
    needs: Sequence[str]
    states: Sequence[str] = ()
    longest: int = 0


GITHUB, GITLAB = ("pending", "success", "failure", "error"), ("pending", "running", "success", "failed", "canceled")
NAMED, NUMBERED, COMMIT = r"(?P<repository>[^/]+/[^/]+)", r"(?P<repository>\d+)", r"(?P<commit>[0-9a-f]{40,64})"
ROUTES = (
    Route(re.compile(rf"/repos/{NAMED}/statuses/{COMMIT}"), "authorization", "Bearer ", ["context"], GITHUB, 140),
    Route(re.compile(rf"/repos/{NAMED}/commits/{COMMIT}/comments"), "authorization", "Bearer ", ["body"]),
    Route(re.compile(rf"/projects/{NUMBERED}/statuses/{COMMIT}"), "private-token", "", ["name"], GITLAB, 255),
    Route(re.compile(rf"/projects/{NUMBERED}/repository/commits/{COMMIT}/comments"), "private-token", "", ["note"]),
)


@dataclass
class Commits:
    """Statuses and comments that the commits of all repositories have got.

    Attributes:
        posted: in order: time, repository, commit and the body of each.
    """

    posted: list[dict[str, Any]] = field(default_factory=list)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def post(self, path: str, headers: Mapping[str, str], body: str) -> Answer:
        """A POST to a REST API; `headers` by their names in lower case."""
        matches = ((route, match) for route in ROUTES if (match := re.search(f"{route.path.pattern}$", path)))
        route, match = next(matches, (None, None))
        if route is None or match is None:
            return Answer(404, "Not Found")
        credential = headers.get(route.header, "")
        if not credential.startswith(route.credential) or credential == route.credential:
            return Answer(401, "Bad credentials")
        try:
            sent = json.loads(body)
        except ValueError:
            return Answer(400, "Problems parsing JSON")
        if problem := _problem(route, sent):
            return Answer(422, problem)
        with self._lock:
            self.posted.append({"time": datetime.now(UTC).strftime("%H:%M:%S"), **match.groupdict(), **sent})
        return Answer(201, "Created")


def is_api(path: str) -> bool:
    """Whether a path is one of GitHub's or GitLab's, wherever they are."""
    return re.search(r"/(repos|projects)/[^/]+/", path) is not None


def _problem(route: Route, sent: Mapping[str, Any]) -> str:
    """Why a body is refused; empty when it is not."""
    if missing := [name for name in route.needs if not sent.get(name)]:
        return f"missing: {', '.join(missing)}"
    if not route.states:
        return ""
    if sent.get("state") not in route.states:
        return f"state: {sent.get('state')!r} is not included in the list"
    if len(sent.get("description", "")) > route.longest:
        return f"description is too long (maximum is {route.longest} characters)"
    return ""


def as_seen(entry: Mapping[str, Any]) -> list[str]:
    """A status or comment of a commit, in lines as a person sees them."""
    about = f"{entry['repository']} {entry['commit'][:12]}"
    if "state" in entry:
        return [f"{about}  {entry['state']}", f"{entry.get('context') or entry.get('name')}: {entry['description']}"]
    return [f"{about}  comment", *str(entry.get("body") or entry.get("note")).splitlines()]
