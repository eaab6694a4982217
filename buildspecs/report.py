"""Looks why a pipeline's execution has ended without a release, and publishes it for whoever uploaded.

The event is `Release Failed`. Given: PIPELINE, EXECUTION. Nobody is told when the upload has named no commit.
"""

import json
import os
import re
import subprocess
from datetime import datetime
from typing import Any

LONGEST_REASON, LOG_LINES, LONGEST_LOG = 128, 40, 8000
"""Characters, lines, characters. A status takes 140 characters, and the stage's name comes first."""
UNKNOWN = "unknown"
READ_ONLY = ("Read-only file system", "read-only file system")
"""A read-only root's refusal in a log, as C libraries and as Go and Node write it."""
FILE = re.compile(r"""(?:^|[\s'"`(:=\u2018\u201c])(/[\w.@+-]+(?:/[\w.@+-]+)*)""")
LONGEST_FILE = 80


def main() -> None:
    """Look, and publish."""
    pipeline, execution = os.environ["PIPELINE"], os.environ["EXECUTION"]
    found = aws(
        "codepipeline", "get-pipeline-execution", "--pipeline-name", pipeline, "--pipeline-execution-id", execution
    )
    listed = aws(
        "codepipeline", "list-action-executions",
        "--pipeline-name", pipeline, "--filter", f"pipelineExecutionId={execution}",
    )  # fmt: skip
    actions = listed["actionExecutionDetails"]
    commit, repository = named(found["pipelineExecution"], actions)
    if UNKNOWN in (commit, repository):
        print("The upload named no commit and repository: nobody to tell.")
        return
    failed = next((action for action in actions if action["status"] in ("Failed", "Abandoned")), None)
    told = why(failed, refused(failed, pipeline))
    owner, _, name = repository.partition("/")
    detail = {
        "pipeline": pipeline, "execution-id": execution, "commit": commit, "repository": repository,
        "owner": owner, "name": name, **told, "log": log(failed),
    }  # fmt: skip
    entry = {"Source": "fargate-delivery", "DetailType": "Release Failed", "Detail": json.dumps(detail)}
    answer = aws("events", "put-events", "--entries", json.dumps([entry]))
    if answer["FailedEntryCount"]:
        raise SystemExit(f"EventBridge did not take the event: {answer['Entries'][0]}")
    print(f"Told {repository} {commit}: {detail['stage']}, {detail['action']}: {detail['reason']}")


def named(execution: dict[str, Any], actions: list[dict[str, Any]]) -> tuple[str, str]:
    """The commit and the repository of what was to be released."""
    outputs = {a["actionName"]: a.get("output", {}).get("outputVariables", {}) for a in actions}
    packaged, source = outputs.get("Package", {}), outputs.get("Source", {})
    if "COMMIT" in packaged:
        return packaged["COMMIT"], packaged["COMMIT_REPOSITORY"]
    built = any(v["name"] == "image" and v["resolvedValue"] == "none" for v in execution.get("variables", []))
    if not built or "VersionId" not in source:
        return UNKNOWN, UNKNOWN
    place = ["--bucket", source["BucketName"], "--key", source["ObjectKey"], "--version-id", source["VersionId"]]
    metadata = aws("s3api", "head-object", *place)["Metadata"]
    return metadata.get("commit", UNKNOWN), metadata.get("repository", UNKNOWN)


def why(action: dict[str, Any] | None, refused: str = "") -> dict[str, str]:
    """Where an execution has ended, and why: the whole message, and as much of it as a status takes."""
    if action is None:
        stopped = "somebody has stopped it"
        return {"stage": "Pipeline", "action": "none", "reason": stopped, "message": stopped}
    result = action.get("output", {}).get("executionResult", {})
    reason = result.get("errorDetails", {}).get("message") or result.get("externalExecutionSummary", "")
    line = refused + (" ".join(reason.split()) or "CodePipeline gives no reason")
    short = line if len(line) <= LONGEST_REASON else f"{line[: LONGEST_REASON - 1]}…"
    return {"stage": action["stageName"], "action": action["actionName"], "reason": short, "message": line}


def refused(action: dict[str, Any] | None, pipeline: str) -> str:
    """The file that tasks were not let write, by their log, since the action began; "" when none is named.

    CodePipeline and ECS know how a task ended, and its log why. A line of it may hold whatever the app had at hand, a
    password in an address too, and who reads a commit is not who may read the log. So no line is repeated: what is told
    is a file's name, in words of our own.
    """
    if action is None or action["stageName"] != "Deploy":
        return ""
    for words in READ_ONLY:
        since = ["--log-group-name", f"/ecs/{pipeline}", "--start-time", str(milliseconds(action["startTime"]))]
        asked = [*since, "--filter-pattern", f'"{words}"', "--max-items", str(LOG_LINES)]
        for event in aws("logs", "filter-log-events", *asked).get("events", []):
            if name := file_in(event["message"], words):
                return f"Read-only file system: {name}. "
    return ""


def file_in(line: str, words: str) -> str:
    """The file that a refusal names: after the words or, as shells and Java have it, before them."""
    before, found, after = line.partition(words)
    if not found:
        return ""
    names = FILE.findall(after)[:1] or FILE.findall(before)[-1:]
    return names[0][:LONGEST_FILE] if names else ""


def milliseconds(moment: float | str) -> int:
    """Since 1970; version 1 of the command line gives seconds, version 2 ISO 8601."""
    seconds = datetime.fromisoformat(moment).timestamp() if isinstance(moment, str) else moment
    return int(seconds * 1000)


def log(action: dict[str, Any] | None) -> str:
    """The end of a failed build's log."""
    build = (action or {}).get("output", {}).get("executionResult", {}).get("externalExecutionId")
    if action is None or not build or action["input"]["actionTypeId"]["provider"] != "CodeBuild":
        return "There is no log of a build."
    logs = aws("codebuild", "batch-get-builds", "--ids", build)["builds"][0]["logs"]
    if "streamName" not in logs:
        return "The build has not come as far as a log."
    place = ["--log-group-name", logs["groupName"], "--log-stream-name", logs["streamName"]]
    events = aws("logs", "get-log-events", *place, "--limit", str(LOG_LINES))["events"]
    return "".join(event["message"] for event in events)[-LONGEST_LOG:].replace("```", "'''")


def aws(*arguments: str) -> Any:
    """What the command line answers."""
    done = subprocess.run(["aws", *arguments, "--output", "json"], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
