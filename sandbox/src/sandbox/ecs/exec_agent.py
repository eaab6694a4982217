"""The agent of ECS Exec in the containers of a task: whether it runs, and whether Session Manager reaches it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.account.authorization import role_may
from sandbox.account.errors import AwsError
from sandbox.ecs.connections import interface
from sandbox.ecs.model import Json, Task
from sandbox.iam.calls import Need
from sandbox.network.vpc import vpc_of

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

CHANNELS = tuple(f"ssmmessages:{act}{kind}Channel" for act in ("Create", "Open") for kind in ("Control", "Data"))
"""What the agent asks for; none takes a resource (Service Authorization Reference, ssmmessages)."""
FOLDERS = ("/var/lib/amazon", "/var/log/amazon")
"""Where it writes in each container (aws/containers-roadmap#1359, #2824)."""
TASKS = "ecs-tasks.amazonaws.com"


def opens_channels(account: Account, task: Task, role: Credentials) -> bool:
    """Whether the agent, which has the task's role, may open its channels, and reaches who does it."""
    source = interface(account, task)
    reached = source is None or vpc_of(account).to_service(source, "ssmmessages") is None
    return reached and all(role_may(account, role, Need(action, "*")) for action in CHANNELS)


def is_connected(account: Account, task: Task) -> bool:
    """Whether Session Manager reaches the agents of a task now."""
    role = task_role(account, task)
    return role is not None and opens_channels(account, task, role)


def task_role(account: Account, task: Task) -> Credentials | None:
    """A session of a task's role; None where it has none, or ECS may not assume it any more."""
    role = task.overrides.get("taskRoleArn") or task.task_definition.get("taskRoleArn")
    try:
        return account.assume(role, TASKS, task.id) if role else None
    except AwsError:
        return None


def status(task: Task, container: str) -> str:
    """The `lastStatus` of the agent in a container of a task in which ECS Exec is on."""
    definition = next(each for each in task.task_definition["containerDefinitions"] if each["name"] == container)
    if task.stopped or task.container(container).last_status == "STOPPED" or not _writes(definition):
        return "STOPPED"
    return task.agent_status


def _writes(container: Json) -> bool:
    """Whether there is a place for the agent's files."""
    if not container.get("readonlyRootFilesystem"):
        return True
    mounts = [each for each in container.get("mountPoints", []) if not each.get("readOnly")]
    mounts += (container.get("linuxParameters") or {}).get("tmpfs", [])
    paths = [str(each["containerPath"]).rstrip("/") for each in mounts]
    return all(any(folder == path or folder.startswith(f"{path}/") for path in paths) for folder in FOLDERS)
