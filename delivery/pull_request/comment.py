"""A report as a comment on a pull request of GitHub's or a merge request of GitLab's: one, edited in place."""

import itertools
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3

from releases.errors import DeliveryError
from releases.failure import one_line

PAGE = 100
"""Comments that either host gives at once, at most."""
SECONDS = 30.0
TRIES = urllib3.Retry(total=4, backoff_factor=1, status_forcelist=(429, 500, 502, 503, 504), raise_on_status=False)
"""For what may be asked twice; a comment is posted once."""
ACTIONS_USER = "github-actions[bot]"
"""Whose comments those are that a workflow's own token writes (GitHub, GITHUB_TOKEN)."""


@dataclass(frozen=True)
class Host:
    """A pull request, and how its host is asked.

    Attributes:
        api: the REST API's address.
        headers: of each request; the token is one of them.
        comments: the path of the pull request's comments.
        comment: the path of one, but for its id.
        edit: the method that edits one.
        is_own: whether this token has written a comment.
    """

    api: str
    headers: Mapping[str, str]
    comments: str
    comment: str
    edit: str
    is_own: Callable[[Mapping[str, Any]], bool]


def github(environment: Mapping[str, str] = os.environ) -> Host:
    """The pull request that a workflow runs for, by the variables that GitHub sets, and `GITHUB_TOKEN`.

    Raises:
        DeliveryError: one of them is missing, or the workflow runs for no pull request.
    """
    repository = _variable(environment, "GITHUB_REPOSITORY")
    event = json.loads(Path(_variable(environment, "GITHUB_EVENT_PATH")).read_text("utf-8"))
    if "pull_request" not in event:
        raise DeliveryError("this workflow does not run for a pull request, so there is nothing to comment on")
    comments = f"/repos/{repository}/issues"
    return Host(
        api=_variable(environment, "GITHUB_API_URL"),
        headers={
            "Authorization": f"Bearer {_variable(environment, 'GITHUB_TOKEN')}",
            "Accept": "application/vnd.github+json",
        },
        comments=f"{comments}/{event['pull_request']['number']}/comments",
        comment=f"{comments}/comments",
        edit="PATCH",
        is_own=lambda comment: (comment.get("user") or {}).get("login") == ACTIONS_USER,
    )


def gitlab(environment: Mapping[str, str] = os.environ) -> Host:
    """The merge request that a job runs for, by the variables that GitLab sets, and `GITLAB_TOKEN`.

    Raises:
        DeliveryError: one of them is missing, as in a job for no merge request, or GitLab does not take the token.
    """
    api = _variable(environment, "CI_API_V4_URL")
    project = _variable(environment, "CI_PROJECT_ID")
    request = _variable(environment, "CI_MERGE_REQUEST_IID")
    headers = {"PRIVATE-TOKEN": _variable(environment, "GITLAB_TOKEN")}
    notes = f"/projects/{project}/merge_requests/{request}/notes"
    user = json.loads(_send(api, headers, "GET", "/user").data)["id"]
    return Host(
        api=api,
        headers=headers,
        comments=notes,
        comment=notes,
        edit="PUT",
        is_own=lambda note: (note.get("author") or {}).get("id") == user,
    )


def post(host: Host, text: str) -> bool:
    """Write a report, in place of the one for the same stack if there is one.

    Args:
        host: the pull request.
        text: the report; its first line is the marker that the stack's comment is found by.

    Returns:
        Whether there was one.

    Raises:
        DeliveryError: the host refuses, or does not answer.
    """
    marker = text.partition("\n")[0]
    if not marker.startswith("<!--"):
        raise DeliveryError("the report does not begin with its marker; make it with `delivery preview-report`")
    for comment in _all(host):
        if host.is_own(comment) and str(comment.get("body", "")).startswith(marker):
            _send(host.api, host.headers, host.edit, f"{host.comment}/{comment['id']}", {"body": text})
            return True
    _send(host.api, host.headers, "POST", host.comments, {"body": text})
    return False


def _all(host: Host) -> Iterator[Mapping[str, Any]]:
    """All comments, page by page."""
    for page in itertools.count(1):
        comments = json.loads(_send(host.api, host.headers, "GET", f"{host.comments}?per_page={PAGE}&page={page}").data)
        yield from comments
        if len(comments) < PAGE:
            return


def _send(
    api: str, headers: Mapping[str, str], method: str, path: str, body: Mapping[str, Any] | None = None
) -> urllib3.BaseHTTPResponse:
    """Ask the API; the token goes nowhere else, so no redirection is followed."""
    try:
        answer = urllib3.request(
            method, f"{api}{path}", headers=headers, json=body, retries=TRIES, redirect=False, timeout=SECONDS
        )
    except urllib3.exceptions.HTTPError as error:
        raise DeliveryError(f"{method} {api}{path} fails: {error}") from None
    if answer.status >= 300:
        message = one_line(answer.data.decode("utf-8", "replace"))[:300]
        raise DeliveryError(f"{method} {api}{path} is answered with {answer.status}: {message}")
    return answer


def _variable(environment: Mapping[str, str], name: str) -> str:
    if not environment.get(name):
        raise DeliveryError(f"{name} is not set; a job for a pull request or a merge request has it")
    return environment[name]
