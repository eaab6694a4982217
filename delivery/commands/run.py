"""Run a job by hand, see its log, and end as it has ended."""

import json
import sys
import time
import uuid
from collections.abc import Callable, Mapping
from typing import Any

import boto3
import click
from botocore.exceptions import ClientError

from delivery.command_line import service_command
from releases.command_task import JOB_LABEL, CommandTask
from releases.ecs import describe_revision, log_stream
from releases.errors import DeliveryError
from releases.names import aws_name, jobs_function
from releases.progress import Log, Progress
from releases.service_state import read_state

PAUSE = 2.0
"""Seconds between two looks."""
MOST_MISSING = 5
"""ECS may not show a task so often after it has started it (its API is eventually consistent)."""
NOT_RUN = 1
"""The exit code of a run whose command has given none, or was stopped."""


def run(session: boto3.Session, stack: str, service: str, job: str, log_progress: Log, show: Log) -> int:
    """Start a run of a job, and follow it to its end.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        job: the job's name there.
        log_progress: is told how far it is.
        show: is given each line of its log.

    Returns:
        The command's exit code.

    Raises:
        DeliveryError: it was not started, or did not run.
        botocore.exceptions.ClientError: AWS refuses.
    """
    task = start(session, stack, service, job)
    log_progress(f"Started {job} in {task}. It goes on if this command is interrupted.")
    ended = _follow(session, task, Progress(log_progress), show)
    if ended.succeeded:
        return 0
    if ended.code is None:
        raise DeliveryError(f"{job} did not run: {ended.stopped_reason or ended.container_reason}")
    reason = ended.container_reason if ended.ended_by_itself else ended.stopped_reason
    log_progress(f"{job} ended with exit code {ended.code}{f': {reason}' if reason else ''}")
    return ended.code or NOT_RUN


def start(session: boto3.Session, stack: str, service: str, job: str) -> str:
    """Have a job started; the ARN of its task.

    Raises:
        DeliveryError: it was not started.
    """
    client = session.client("lambda")
    wanted = {"job": job, "by": "hand", "token": uuid.uuid4().hex}
    try:
        answer = client.invoke(FunctionName=jobs_function(aws_name(stack, service)), Payload=json.dumps(wanted))
    except client.exceptions.ResourceNotFoundException:
        read_state(session, stack, service)
        raise DeliveryError(
            f"{service} of stack {stack} has no jobs; declare one in its `jobs` in the stack file"
        ) from None
    said = json.loads(answer["Payload"].read())
    if "FunctionError" in answer:
        raise DeliveryError(f"the function that runs the jobs has failed: {said.get('errorMessage', said)}")
    if "task" not in said:
        raise DeliveryError(f"{job} was not started: {said['reason']}")
    return str(said["task"])


def _follow(session: boto3.Session, task: str, progress: Progress, show: Log) -> CommandTask:
    ecs, cluster, missing, lines = session.client("ecs"), task.split("/")[1], 0, None
    while True:
        shown = ecs.describe_tasks(cluster=cluster, tasks=[task])["tasks"]
        if shown:
            container = _container(describe_revision(ecs, shown[0]["taskDefinitionArn"]))
            now = CommandTask.parse(shown[0], container["name"])
            progress.waits(f"The task is {now.status}")
            lines = lines or _lines(session, container, task)
            for line in lines():
                show(line)
            if now.over:
                return now
        elif (missing := missing + 1) >= MOST_MISSING:
            raise DeliveryError(f"ECS does not know the task {task}")
        time.sleep(PAUSE)


def _container(definition: Mapping[str, Any]) -> dict[str, Any]:
    """The one that runs the job."""
    containers: list[dict[str, Any]] = definition["containerDefinitions"]
    return next(each for each in containers if JOB_LABEL in each.get("dockerLabels", {}))


def _lines(session: boto3.Session, container: Mapping[str, Any], task: str) -> Callable[[], list[str]]:
    """What a container has logged since the last call; nothing where its log is not in CloudWatch Logs."""
    logs, place = session.client("logs"), log_stream(container, task)
    token: dict[str, str] = {}

    def new() -> list[str]:
        if place is None:
            return []
        found: list[str] = []
        while True:
            try:
                answer = logs.get_log_events(logGroupName=place[0], logStreamName=place[1], startFromHead=True, **token)
            except ClientError as error:
                if error.response["Error"]["Code"] == "ResourceNotFoundException":  # it has logged nothing yet
                    return found
                raise
            found += [event["message"].rstrip("\n") for event in answer["events"]]
            if answer["nextForwardToken"] == token.get("nextToken"):
                return found
            token["nextToken"] = answer["nextForwardToken"]

    return new


@service_command("run")
@click.argument("job")
def command(session: boto3.Session, service: str, job: str, stack: str) -> None:
    """Run JOB of SERVICE now, with the released image: its log is printed, and its exit code is this command's.

    Example: delivery run chuoi clean --stack dev
    """

    def progress(line: str) -> None:
        click.echo(line, err=True)

    sys.exit(run(session, stack, service, job, progress, click.echo))
