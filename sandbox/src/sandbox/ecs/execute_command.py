"""ExecuteCommand: a session of Session Manager in which a command runs in a container."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.account.errors import AwsError
from sandbox.ecs import exec_agent
from sandbox.ecs.exec_log import NoLog, SessionLog, destination, opened
from sandbox.ecs.model import Json, Task
from sandbox.ecs.state import cluster_arn, short_name, state_of
from sandbox.ecs.validation import invalid
from sandbox.session_manager.server import open_session
from sandbox.session_manager.sessions import Session, new_id
from sandbox.session_manager.shell import Shell

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

NOT_ENABLED = (
    "The execute command failed because execute command was not enabled when the task was run or the execute command"
    " agent isn't running. Wait and try again or run a new task with execute command enabled and try again."
)
"""ECS's words (keidarcy/e1s#206)."""
NOT_CONNECTED = "The execute command failed due to an internal error. Try again later."
"""ECS's words (aws/aws-cli#6070, #6562)."""
NO_CONTAINER = "The container name must be one of the task's containers."  # wording not seen
PREFIX = "ecs-execute-command"


def execute_command(account: Account, principal: Principal, params: Json) -> Json:
    """A session that its caller may connect to, once. What it does not check is checked when it begins."""
    cluster = cluster_arn(account, params.get("cluster"))
    if not params["interactive"]:
        raise invalid("Interactive is the only mode supported currently.")
    task = state_of(account).tasks.get(short_name(params["task"]))
    if task is None or task.cluster_arn != cluster:
        raise invalid("The referenced task was not found.")
    name = _container(task, params.get("container"))
    place = running(account, task, name)
    if place is None:
        raise invalid(NOT_ENABLED)
    if not exec_agent.is_connected(account, task):
        raise AwsError("TargetNotConnectedException", NOT_CONNECTED, 400)
    id, command, goes = new_id(PREFIX), params["command"], destination(account, task, name)

    def log() -> SessionLog | NoLog:
        return opened(account, task, name, id, goes)

    session = Session(
        id=id,
        target=target(task, name),
        type="InteractiveCommands",
        properties={"linux": {"commands": command, "runAsElevated": True}},
        work=lambda: Shell(place, command, log),
    )
    return {
        "clusterArn": cluster,
        "containerArn": task.container(name).arn,
        "containerName": name,
        "interactive": True,
        "session": open_session(account, session),
        "taskArn": task.arn,
    }


def running(account: Account, task: Task, container: str) -> Any | None:
    """A container whose agent runs; None where none does."""
    containers = state_of(account).containers.get(task.id)
    enabled = bool(task.launch.get("enableExecuteCommand"))
    if containers is None or not enabled or exec_agent.status(task, container) != "RUNNING":
        return None
    return containers[container]


def target(task: Task, container: str) -> str:
    """What Session Manager calls a container."""
    return f"ecs:{task.cluster_name}_{task.id}_{task.container(container).runtime_id}"


def _container(task: Task, name: str | None) -> str:
    """A name needs to be given for tasks of several containers only (ECS API, ExecuteCommand)."""
    names = [container.name for container in task.containers]
    if name is None and len(names) == 1:
        return names[0]
    if name not in names:
        raise invalid(NO_CONTAINER)
    return name
