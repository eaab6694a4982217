"""Running a command once, in a task like a service's: what migrations and jobs have in common."""

from collections.abc import Iterator, Mapping
from typing import Any

import boto3
from botocore.exceptions import ClientError

from pipeline_steps.failure_line import failure_line
from pipeline_steps.job import StepError
from releases.command_task import CommandTask
from releases.ecs import describe_revision, describe_tasks, log_stream
from releases.failure import last_messages

Json = Mapping[str, Any]
LOG_LINES = 50
"""How much of a failed command's log is searched for the cause."""


def start(ecs: Any, cluster: str, service: Json, definition: str, started_by: str, token: str) -> str:
    """Run a task where a service's run; the task's ARN, of this call or of one before with the same token.

    It has the service's tags, by which its costs are found: RunTask takes none from a service itself (ECS, RunTask:
    propagateTags), and none that begin with `aws:`.

    Args:
        ecs: ECS's client.
        cluster: the ECS cluster's name.
        service: as DescribeServices has it, with its tags.
        definition: the task definition's ARN.
        started_by: what the task says of its starter.
        token: RunTask's client token.

    Raises:
        StepError: ECS has started none; its reason.
    """
    strategy = service.get("capacityProviderStrategy")
    placement = {"capacityProviderStrategy": strategy} if strategy else {"launchType": service["launchType"]}
    try:
        answer = ecs.run_task(
            cluster=cluster,
            taskDefinition=definition,
            startedBy=started_by,
            clientToken=token,
            networkConfiguration=service["networkConfiguration"],
            tags=[tag for tag in service.get("tags", []) if not tag["key"].startswith("aws:")],
            enableECSManagedTags=True,
            **placement,
        )
    except ecs.exceptions.ConflictException as conflict:
        # The call before has run another revision, so this is another request with its token.
        if started := conflict.response.get("resourceIds"):
            return str(started[0])
        raise
    if not answer["tasks"]:
        raise StepError(str(answer["failures"][0]["reason"]))
    return str(answer["tasks"][0]["taskArn"])


def unfinished(ecs: Any, cluster: str, family: str) -> Iterator[Json]:
    """The tasks of a family of which something runs; ListTasks has those that are to stop as STOPPED."""
    for status in ("RUNNING", "STOPPED"):
        for task in describe_tasks(ecs, cluster, family=family, desiredStatus=status):
            if task["lastStatus"] != "STOPPED":
                yield task


def log_place(ecs: Any, task: CommandTask, container: str) -> tuple[str, str] | None:
    """The log group and the stream of the container that runs the command; None where they are not CloudWatch's."""
    containers = describe_revision(ecs, task.definition)["containerDefinitions"]
    running: Json = next((each for each in containers if each["name"] == container), {})
    return log_stream(running, task.arn)


def log_words(place: tuple[str, str] | None, container: str) -> str:
    """Where a log is, for people."""
    return "{}, stream {}".format(*place) if place else f"where the logConfiguration of {container} sends it"


def failure(session: boto3.Session, task: CommandTask, container: str, what: str) -> str:
    """Why a command has failed, in one line, with the last one of its log.

    Args:
        session: AWS.
        task: its task, which has stopped.
        container: the one that runs the command.
        what: the command, in words.
    """
    place = log_place(session.client("ecs"), task, container)
    last_line = _last_line(session, *place) if place and task.code is not None else ""
    return task.failure(what, last_line, log_words(place, container))


def _last_line(session: boto3.Session, group: str, stream: str) -> str:
    try:
        return failure_line(last_messages(session.client("logs"), group, stream, LOG_LINES))
    except ClientError as error:
        print(f"The command's log cannot be read: {error}")
        return ""
