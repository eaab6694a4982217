"""Stand-ins of the GitHub and GitLab REST APIs, as far as comments on pull and merge requests go.

https://docs.github.com/en/rest/issues/comments and https://docs.gitlab.com/api/notes/#merge-requests
"""

import contextlib
import json
import re
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, urlsplit

TOKEN = "t0ken"  # noqa: S105
OWN, OTHER = {"login": "github-actions[bot]", "id": 7}, {"login": "someone", "id": 8}
BODY_LIMITS = {"github": 65_536, "gitlab": 1_000_000}
PATHS = {
    "github": (
        re.compile(r"/repos/team/infra/issues/12/comments"),
        re.compile(r"/repos/team/infra/issues/comments/(\d+)"),
    ),
    "gitlab": (
        re.compile(r"/projects/5/merge_requests/12/notes"),
        re.compile(r"/projects/5/merge_requests/12/notes/(\d+)"),
    ),
}
"""Of all comments, and of one."""
HEADERS = {"github": ("Authorization", f"Bearer {TOKEN}"), "gitlab": ("PRIVATE-TOKEN", TOKEN)}
EDITS = {"github": "PATCH", "gitlab": "PUT"}


@dataclass
class CodeHost:
    """A pull request's comments, and what was asked.

    Attributes:
        kind: whose API it is.
        comments: in the order in which they were written.
        asked: method and path of each request.
        refuse: the status that writing is answered with; 0: it is not refused.
    """

    kind: Literal["github", "gitlab"]
    comments: list[dict[str, Any]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    refuse: int = 0
    address: str = ""

    def write(self, body: str, by: dict[str, Any] = OTHER) -> dict[str, Any]:
        """Somebody's comment."""
        author = {"user": by} if self.kind == "github" else {"author": {"id": by["id"], "username": by["login"]}}
        self.comments.append({"id": 1000 + len(self.comments), "body": body, **author})
        return self.comments[-1]

    def answer(self, method: str, url: str, headers: Any, sent: bytes) -> tuple[int, Any]:
        """Status and JSON."""
        path, query = urlsplit(url).path, parse_qs(urlsplit(url).query)
        self.asked.append(f"{method} {path}")
        name, value = HEADERS[self.kind]
        if headers.get(name) != value:
            return 401, {"message": "Bad credentials"}
        if (method, path) == ("GET", "/user") and self.kind == "gitlab":
            return 200, {"id": OWN["id"]}
        everything, one = PATHS[self.kind]
        if method != "GET" and self.refuse:
            return self.refuse, {"message": "refused"}
        if method == "GET" and everything.fullmatch(path):
            size, page = (int(query.get(key, [default])[0]) for key, default in (("per_page", "20"), ("page", "1")))
            size = min(size, 100)
            return 200, self.comments[(page - 1) * size : page * size]
        body = json.loads(sent or b"{}").get("body", "")
        if len(body) > BODY_LIMITS[self.kind]:
            return 422, {"message": "body is too long"}
        if method == "POST" and everything.fullmatch(path):
            return 201, self.write(body, OWN)
        found = one.fullmatch(path)
        if method == EDITS[self.kind] and found:
            (comment,) = [comment for comment in self.comments if comment["id"] == int(found[1])]
            comment["body"] = body
            return 200, comment
        return 404, {"message": "Not Found"}


@contextlib.contextmanager
def serving(host: CodeHost) -> Iterator[CodeHost]:
    """The host at an address of its own."""

    class Handler(BaseHTTPRequestHandler):
        def handle_one(self) -> None:
            sent = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            status, answer = host.answer(self.command, self.path, self.headers, sent)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(json.dumps(answer).encode())

        do_GET = do_POST = do_PATCH = do_PUT = handle_one

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        host.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield host
        finally:
            server.shutdown()
