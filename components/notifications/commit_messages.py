"""What a commit is told on GitHub or GitLab: its status, and a comment when its release has failed.

The events are this project's own; they name the commit that the upload's metadata or the image's labels named
(`pipeline_steps/package/commit.py`).
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from components.notifications.slack_messages import EXECUTION, EXECUTION_PAGE, INPUT_PATHS
from components.notifications.slack_rules import console_url
from components.scope import Scope
from releases.events import FAILED, RELEASED, SOURCE, STARTED
from releases.names import release_tag

Outcome = Literal["started", "released", "failed"]
DETAIL_TYPES: Mapping[Outcome, str] = {"started": STARTED, "released": RELEASED, "failed": FAILED}
DESCRIPTIONS: Mapping[Outcome, str] = {
    "started": "is on its way",
    "released": f"{release_tag('<release>')}, <took>",
    "failed": "<stage>: <reason>",
}
"""GitHub takes 140 characters (REST API, commit statuses); pipeline_steps/report.py cuts the reason."""
COMMENT = "`<pipeline>` did not release this commit. <stage>, <action>: <message><log>"
"""The log is Markdown, or empty where there is none."""
DETAIL_PATHS = ("release", "took", "stage", "action", "reason", "message", "log")


@dataclass(frozen=True)
class Host:
    """Where commits are, and how it is called.

    Attributes:
        api: the REST API's address, unless it is the user's own.
        header: the request header that has the token.
        credential: its value; `{}` is the token.
        repository: the fields of an event that its paths name a repository by.
        repository_filter: the event pattern's filter of that: a repository that this host can be asked for.
        statuses: the path that takes statuses; a `*` for each of `repository` and one for the commit.
        comments: and comments.
        states: what it calls each outcome.
        context: the field of a status that says whose it is.
        text: the field of a comment.
    """

    api: str
    header: str
    credential: str
    repository: Sequence[str]
    repository_filter: Sequence[Mapping[str, str]]
    statuses: str
    comments: str
    states: Mapping[Outcome, str]
    context: str
    text: str


KNOWN = [{"anything-but": "unknown"}]
HOSTS: Mapping[str, Host] = {
    # https://docs.github.com/en/rest/commits/statuses and …/comments
    "github": Host(
        api="https://api.github.com",
        header="Authorization",
        credential="Bearer {}",
        repository=("owner", "name"),
        repository_filter=KNOWN,
        statuses="repos/*/*/statuses/*",
        comments="repos/*/*/commits/*/comments",
        states={"started": "pending", "released": "success", "failed": "failure"},
        context="context",
        text="body",
    ),
    # https://docs.gitlab.com/api/commits/: a project is named by its number, because a path would need %2F.
    "gitlab": Host(
        api="https://gitlab.com/api/v4",
        header="PRIVATE-TOKEN",
        credential="{}",
        repository=("repository",),
        repository_filter=[{"prefix": digit} for digit in "123456789"],
        statuses="projects/*/statuses/*",
        comments="projects/*/repository/commits/*/comments",
        states={"started": "running", "released": "success", "failed": "failed"},
        context="name",
        text="note",
    ),
}


def event_pattern(host: Host, outcome: Outcome, pipelines: Sequence[str]) -> str:
    """The events of an outcome, of these pipelines and of commits that somebody named, as a rule's JSON."""
    detail = {"pipeline": list(pipelines), "commit": KNOWN, "repository": list(host.repository_filter)}
    events = {"source": [SOURCE], "detail-type": [DETAIL_TYPES[outcome]], "detail": detail}
    return json.dumps(events, separators=(",", ":"))


def ended_pattern(pipelines: Sequence[str]) -> str:
    """The executions that have ended without a release; not the one that CodePipeline starts by itself.

    AWS documents the trigger for the event of a start only, so one without it is looked into too.
    """
    detail = {
        "pipeline": list(pipelines),
        "state": ["FAILED", "STOPPED"],
        "execution-trigger": {"trigger-type": [{"anything-but": "CreatePipeline"}, {"exists": False}]},
    }
    events = {"source": ["aws.codepipeline"], "detail-type": [EXECUTION], "detail": detail}
    return json.dumps(events, separators=(",", ":"))


def longest_pattern_length(pipelines: Sequence[str]) -> int:
    """Characters of the longest pattern, which must not be more than EventBridge takes."""
    outcomes = (event_pattern(host, outcome, pipelines) for host in HOSTS.values() for outcome in DETAIL_TYPES)
    return max(len(text) for text in (ended_pattern(pipelines), *outcomes))


def path_parameters(host: Host) -> list[str]:
    """What fills a path's `*`, of the event."""
    return [f"$.detail.{name}" for name in (*host.repository, "commit")]


def status_transformer(host: Host, outcome: Outcome, scope: Scope) -> dict[str, Any]:
    """The input transformer of a status."""
    body = {
        "state": host.states[outcome],
        host.context: "<pipeline>",
        "description": DESCRIPTIONS[outcome],
        "target_url": console_url(scope, EXECUTION_PAGE),
    }
    return _transformer(body)


def comment_transformer(host: Host) -> dict[str, Any]:
    """The input transformer of a comment: why there was no release, with the end of the build's log."""
    return _transformer({host.text: COMMENT})


def report_transformer() -> dict[str, Any]:
    """The input transformer of the function that looks why an execution has ended."""
    paths = {**INPUT_PATHS["pipeline"], "state": "$.detail.state", "time": "$.time"}
    return {"input_paths": paths, "input_template": json.dumps({name: f"<{name}>" for name in paths})}


def _transformer(body: Mapping[str, str]) -> dict[str, Any]:
    template = json.dumps(body)
    paths = {**INPUT_PATHS["pipeline"], **{name: f"$.detail.{name}" for name in DETAIL_PATHS}}
    used = {name: path for name, path in paths.items() if f"<{name}>" in template}
    return {"input_paths": used, "input_template": template}
