"""Why an execution has ended without a release: by CodePipeline, the build's log and the tasks' log."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import boto3
from botocore.exceptions import ClientError

from releases import failure
from releases.failure import CODEBUILD_LINE, COMMAND_FAILED, LOG_LINES, NO_REASON, Action, one_line
from releases.names import log_group

STOPPED = "STOPPED"
"""The state of an execution that somebody has stopped, in CodePipeline's events."""
LONGEST_LOG = 8000
"""How many characters of a log a comment shows."""
PHASE_FAILED = "State: FAILED"
READ_ONLY = ("Read-only file system", "read-only file system")
"""A read-only root's refusal in a log, as C libraries and as Go and Node write it."""
FILE = re.compile(r"""(?:^|[\s'"`(:=\u2018\u201c])(/[\w.@+-]+(?:/[\w.@+-]+)*)""")
LONGEST_FILE = 80
UNREADABLE = frozenset(("AccessDeniedException", "ResourceNotFoundException"))


class NotListedYet(Exception):
    """AWS does not yet answer with what its event speaks of."""


@dataclass(frozen=True)
class Failure:
    """Where an execution has ended, and why.

    Attributes:
        stage: the stage's name; `Pipeline` when no action has failed.
        action: the action's name, or `none`.
        message: the cause, in one line.
        log: the end of the failed build's log; "" where there is none to show.
    """

    stage: str
    action: str
    message: str
    log: str = ""


def action_of(actions: Sequence[Action]) -> Action | None:
    """The newest action that has failed or was abandoned, of actions listed with the newest first."""
    return next((action for action in actions if action["status"] in ("Failed", "Abandoned")), None)


def without_action(state: str, summary: str, *, fresh: bool) -> Failure:
    """Why an execution has ended of which no action has failed.

    Args:
        state: the execution's, by the event.
        summary: CodePipeline's words for it, or "".
        fresh: whether the event is so new that a failed action may not be listed yet.

    Raises:
        NotListedYet: an action may still have failed.
    """
    if state == STOPPED:
        return Failure("Pipeline", "none", "somebody has stopped it")
    if fresh:
        raise NotListedYet("CodePipeline does not list yet which action has failed")
    return Failure("Pipeline", "none", one_line(summary) or NO_REASON)


def of_action(session: boto3.Session, pipeline: str, action: Action, *, fresh: bool) -> Failure:
    """Why an action has failed.

    Args:
        session: AWS.
        pipeline: its pipeline's name, which the service's log group has too.
        action: the action.
        fresh: whether it is so new that its log may not be whole yet.

    Raises:
        NotListedYet: the log is not whole yet.
    """
    message, log = failure.with_health_check(session, action, failure.reason(action)), ""
    if lines := _build_log(session, action):
        if fresh and COMMAND_FAILED in message and not _has_failed(lines):
            raise NotListedYet("The build's log has not come as far as its failure")
        message = failure.last_words(message, lines)
        log = "\n".join(lines)[-LONGEST_LOG:]
    return Failure(action["stageName"], action["actionName"], _refused_file(session, pipeline, action) + message, log)


def file_in(line: str, words: str) -> str:
    """The file that a refusal names: after the words or, as shells and Java have it, before them."""
    before, separator, after = line.partition(words)
    if not separator:
        return ""
    names = FILE.findall(after)[:1] or FILE.findall(before)[-1:]
    return names[0][:LONGEST_FILE] if names else ""


def _has_failed(lines: Sequence[str]) -> bool:
    """Whether a build's log has come as far as its failure."""
    phases = [line for line in lines if line.startswith(CODEBUILD_LINE)]
    return bool(failure.cause(lines)) or any(line.rstrip().endswith(PHASE_FAILED) for line in phases)


def _build_log(session: boto3.Session, action: Action) -> list[str]:
    """The last lines of a build's log; none when it cannot be read."""
    try:
        return failure.build_log(session, action)
    except ClientError as error:
        _print_unreadable("The build's log", error)
        return []


def _refused_file(session: boto3.Session, pipeline: str, action: Action) -> str:
    """The file that tasks were not let write, by their log, since the action began; "" when none is named.

    CodePipeline and ECS know how a task ended, and its log why. A line of it may hold whatever the app had at hand, a
    password in an address too, and who reads a commit is not who may read the log. So no line is repeated: only the
    file's name is, in words of this project's own.
    """
    if action["stageName"] != "Deploy":
        return ""
    group, since = log_group(pipeline), int(action["startTime"].timestamp() * 1000)
    events_since = session.client("logs").get_paginator("filter_log_events").paginate
    most = {"MaxItems": LOG_LINES}
    for words in READ_ONLY:
        pages = events_since(logGroupName=group, startTime=since, filterPattern=f'"{words}"', PaginationConfig=most)
        try:
            for event in (event for page in pages for event in page["events"]):
                if name := file_in(event["message"], words):
                    return f"Read-only file system: {name}. "
        except ClientError as error:
            _print_unreadable(group, error)
            return ""
    return ""


def _print_unreadable(group: str, error: ClientError) -> None:
    """A log that cannot be read is done without; a call that may succeed later is the function's error."""
    if error.response["Error"]["Code"] not in UNREADABLE:
        raise error
    print(f"{group} cannot be read: {error}")
