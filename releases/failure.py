"""Why an action of a pipeline has failed, in one line: as a commit, the operators' commands and the sandbox show it.

CodeBuild tells CodePipeline which command has failed and its exit status, and takes no words from a build (CodeBuild
API, PhaseContext). So the build's own last line is the cause, behind a mark by which readers know it.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from releases.health_check import asked

Action = Mapping[str, Any]
"""An element of ListActionExecutions' `actionExecutionDetails`."""

MARK = "This build has failed: "
TOLD = 79
"""The exit status of a build whose cause an event has told: whoever hears of both need not say it again without the
cause. Below it are those of sysexits.h, above 125 the shell's."""
LOG_LINES = 40
"""How many lines of a build's log are read."""
MOST_PAGES = 20
"""Of a log that are asked for, the newest first; a stream that says nothing for longer is given up."""
NO_REASON = "CodePipeline gives no reason"
COMMAND_FAILED = "COMMAND_EXECUTION_ERROR"
"""CodeBuild's status code of a phase whose command has failed: its message has the command, and not the cause."""
LONGEST_CAUSE = 500
"""How many characters of a command's last line are shown."""
CODEBUILD_LINE = "[Container]"
"""How each line of a build's log begins that is not a command's."""


def marked(cause: str) -> str:
    """The log's line."""
    return MARK + one_line(cause)


def cause(lines: Iterable[str]) -> str:
    """What the last marked line of a log says; "" when there is none."""
    marked_lines = [line.strip().removeprefix(MARK) for line in lines if line.startswith(MARK)]
    return marked_lines[-1] if marked_lines else ""


def cause_of(session: Any, action: Action) -> str:
    """Why an action has failed: CodePipeline's words, before them what a load balancer asked for and got; or of a
    build's failed command its own words.

    A log that cannot be read is done without.
    """
    message = reason(action)
    if COMMAND_FAILED not in message:
        return with_health_check(session, action, message)
    try:
        return last_words(message, build_log(session, action))
    except ClientError:
        return message


def reason(action: Action) -> str:
    """Why CodePipeline says that an action has failed."""
    result = action.get("output", {}).get("executionResult", {})
    message = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", "")
    return one_line(message) or NO_REASON


def with_health_check(session: Any, action: Action, message: str) -> str:
    """Why an action has failed; of CodePipeline's ECS action it begins with what a load balancer asked for and got.

    CodePipeline's own words name the target group at most, neither path nor port.

    Args:
        session: AWS.
        action: the action.
        message: CodePipeline's.
    """
    if action["input"]["actionTypeId"].get("provider") != "ECS":
        return message
    deployed = action["input"]["configuration"]
    during = action["startTime"], action["lastUpdateTime"]
    return f"{asked(session, deployed['ClusterName'], deployed['ServiceName'], *during)} {message}".lstrip()


def last_words(message: str, lines: Sequence[str]) -> str:
    """Why a build has failed.

    Args:
        message: CodePipeline's, which repeats the command.
        lines: the end of the build's log. Without a marked one the last that the command printed is the cause.
    """
    if COMMAND_FAILED not in message:
        return message
    printed = [line for line in lines if line.strip() and not line.startswith(CODEBUILD_LINE)]
    words = cause(lines) or (one_line(printed[-1]) if printed else message)
    return words[:LONGEST_CAUSE]


def build_log(session: Any, action: Action) -> list[str]:
    """The last lines of a build's log; none when the action is no build, or has no log.

    Raises:
        botocore.exceptions.ClientError: AWS refuses.
    """
    build = action.get("output", {}).get("executionResult", {}).get("externalExecutionId")
    if not build or action["input"]["actionTypeId"]["provider"] != "CodeBuild":
        return []
    builds = session.client("codebuild").batch_get_builds(ids=[build])["builds"]
    place = builds[0].get("logs", {}) if builds else {}
    if "streamName" not in place:
        return []
    messages = last_messages(session.client("logs"), place["groupName"], place["streamName"], LOG_LINES)
    return "".join(messages).splitlines()


def last_messages(logs: Any, group: str, stream: str, most: int) -> list[str]:
    """The end of a log stream in CloudWatch Logs, the oldest message first.

    A page is of a time, in which few or none may have been written while there are others before (CloudWatch Logs,
    GetLogEvents: nextBackwardToken; boto3#3718). The same token again is the stream's beginning.

    Raises:
        botocore.exceptions.ClientError: AWS refuses, or there is no such stream.
    """
    messages, token = list[str](), dict[str, str]()
    for _ in range(MOST_PAGES):
        page = logs.get_log_events(logGroupName=group, logStreamName=stream, limit=most, **token)
        messages = [*(event["message"] for event in page["events"]), *messages]
        before = page.get("nextBackwardToken")
        if len(messages) >= most or before in (None, token.get("nextToken")):
            break
        token = {"nextToken": before}
    return messages[-most:]


def shortened(text: str, most: int) -> str:
    """A text without its end, if it has more characters."""
    return text if len(text) <= most else f"{text[: most - 1]}…"


def one_line(text: str) -> str:
    """A text with one space for whatever is between its words."""
    return " ".join(text.split())
