"""Run a job or a command by hand, see its log, and end as it has ended."""

import json
import shlex
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from delivery.command_line import WithCommand, service_command, wait_option
from delivery.output.confirmation import agreed, yes_option
from delivery.tasks import one_off
from releases.command_task import JOB_LABEL, CommandTask
from releases.ecs import describe_revision, log_stream
from releases.errors import PROGRAM, DeliveryError
from releases.failure import one_line
from releases.names import aws_name, jobs_function, release_tag
from releases.progress import Log, Progress
from releases.record import Release
from releases.service_state import read_state

PAUSE = 2.0
"""Seconds between two looks."""
MOST_MISSING = 5
"""ECS may not show a task so often after it has started it (its API is eventually consistent)."""
NOT_RUN = 1
"""The exit code of a run whose command has given none, or was stopped."""


@dataclass(frozen=True)
class Plan:
    """A run of a job, or of a command.

    Attributes:
        stack: the stack.
        service: the service's name in the stack file.
        job: the job's name there; None where it is a command.
        command: the command and its arguments; empty where it is a job.
        release: whose image it is; None before the first.
    """

    stack: str
    service: str
    job: str | None
    command: Sequence[str]
    release: Release | None

    @property
    def name(self) -> str:
        """What runs, in a word."""
        return self.job or self.command[0]

    def lines(self) -> list[str]:
        """What will happen, for people."""
        named = f"its job {self.job}" if self.job else f"`{shlex.join(self.command)}`"
        what = f"{self.service}: runs {named} now"
        if self.release is None:
            return [f"{what}, before a release"]
        return [f"{what}, with the image of {release_tag(self.release.release)}, {self.release.image_digest}"]


def plan(session: boto3.Session, stack: str, service: str, job: str | None, command: Sequence[str] = ()) -> Plan:
    """What a run would be.

    Raises:
        DeliveryError: there is no such service, or a command would have no image.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    release = read_state(session, stack, service).release
    if command and release is None:
        raise DeliveryError(f"{service} has no release yet, so there is no image in which a command could run")
    return Plan(stack, service, job, command, release)


def run(session: boto3.Session, chosen: Plan, log_progress: Log, show: Log, *, wait: bool) -> int:
    """Start a run, and follow it to its end when asked.

    Args:
        session: AWS.
        chosen: the run.
        log_progress: is told how far it is.
        show: is given each line of its log.
        wait: whether it is followed.

    Returns:
        The command's exit code; 0 of one that is not followed.

    Raises:
        DeliveryError: it was not started, or did not run.
        KeyboardInterrupt: somebody does not want to follow it any more, and was told how to go on.
        botocore.exceptions.ClientError: AWS refuses.
    """
    name, task = chosen.name, start(session, chosen)
    log_progress(f"Started {name} in {task}.")
    if not wait:
        _leave(chosen, task, log_progress)
        return 0
    try:
        ended = _follow(session, task, Progress(log_progress), show)
    except KeyboardInterrupt:
        _leave(chosen, task, log_progress)
        raise
    except (BotoCoreError, ClientError) as error:
        _leave(chosen, task, log_progress)
        raise DeliveryError(f"{name} is followed no longer: {one_line(str(error))}") from None
    if ended.succeeded:
        return 0
    if ended.code is None:
        raise DeliveryError(f"{name} did not run: {ended.stopped_reason or ended.container_reason}")
    reason = ended.container_reason if ended.ended_by_itself else ended.stopped_reason
    log_progress(f"error: {name} ended with exit code {ended.code}{f': {reason}' if reason else ''}")
    log_progress("Its log is above. Mend it, release that, and run it again.")
    return ended.code or NOT_RUN


def _leave(chosen: Plan, task: str, log_progress: Log) -> None:
    """Say how to watch a run that goes on, and how to stop it."""
    watch = f"`{PROGRAM} logs {chosen.service} --stack {chosen.stack} --follow`"
    log_progress(f"{chosen.name} goes on. Watch it: {watch}")
    log_progress(f"Stop it: `aws ecs stop-task --cluster {task.split('/')[1]} --task {task.rpartition('/')[2]}`")


def start(session: boto3.Session, chosen: Plan) -> str:
    """Start a run; the ARN of its task.

    Raises:
        DeliveryError: it was not started.
        botocore.exceptions.ClientError: AWS refuses.
    """
    if chosen.job:
        return _start_job(session, chosen.stack, chosen.service, chosen.job)
    assert chosen.release is not None, "a plan with a command has a release"
    return one_off.start(session, chosen.stack, chosen.service, chosen.release, chosen.command)


def _start_job(session: boto3.Session, stack: str, service: str, job: str) -> str:
    """Have a job started by the function that runs jobs.

    Raises:
        DeliveryError: it was not started.
    """
    client = session.client("lambda")
    wanted = {"job": job, "by": "hand", "token": uuid.uuid4().hex}
    try:
        answer = client.invoke(FunctionName=jobs_function(aws_name(stack, service)), Payload=json.dumps(wanted))
    except client.exceptions.ResourceNotFoundException:
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


@service_command("run", WithCommand)
@click.argument("job", required=False)
@yes_option
@wait_option
def command(
    session: boto3.Session, service: str, job: str | None, stack: str, yes: bool, wait: bool, command: tuple[str, ...]
) -> None:
    """Run JOB of SERVICE, or what stands after `--`, now with the released image; print its log and end as it ends.

    Both run in a task of their own, with the parameters, roles and network of the service.

    \b
    delivery run chuoi --stack dev -- bin/report --month 11

    Example: delivery run chuoi clean --stack dev
    """
    if bool(job) == bool(command):
        raise click.UsageError("write the name of a job, or a command after `--`")

    def progress(line: str) -> None:
        click.echo(line, err=True)

    chosen = agreed(partial(plan, session, stack, service, job, command), "Run it?", yes=yes, err=True)
    sys.exit(run(session, chosen, progress, click.echo, wait=wait))
