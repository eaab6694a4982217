"""Sessions of ECS Exec in a task: a shell, and a tunnel to a port.

Both are the `aws` command's, which needs the Session Manager plugin (ECS, Monitor containers with ECS Exec; Systems
Manager, StartSession: Target `ecs:CLUSTER_TASK_RUNTIME`).
"""

import json
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from releases.ecs import describe_revision, describe_service, describe_tasks
from releases.ecs_exec import closed
from releases.errors import DeliveryError
from releases.names import aws_name
from releases.service_state import ServiceState, read_state, service_containers

AGENT = "ExecuteCommandAgent"
PROGRAMS = {
    "aws": "https://docs.aws.amazon.com/cli/latest/userguide/getting-started-install.html",
    "session-manager-plugin": "https://docs.aws.amazon.com/systems-manager/latest/userguide/"
    "session-manager-working-with-install-plugin.html",
}
"""What a session needs on PATH → how to install it."""
OWN_FOLDERS = (Path(sys.executable).parent, Path(__file__).parents[2] / ".tools/bin")
"""Where this repository has them, if it does: they do where PATH has none."""
SHELL = ("/bin/sh",)


@dataclass(frozen=True)
class Place:
    """A container of a task that runs.

    Attributes:
        cluster: the ECS cluster.
        task: the task's id.
        container: its name.
        runtime: what Fargate calls the container.
    """

    cluster: str
    task: str
    container: str
    runtime: str

    @property
    def target(self) -> str:
        """What Session Manager calls it."""
        return f"ecs:{self.cluster}_{self.task}_{self.runtime}"


def find(session: boto3.Session, stack: str, service: str, container: str | None) -> Place:
    """A container in which a session can be opened, of a task of the newest revision where there is one.

    Args:
        session: AWS.
        stack: the stack.
        service: the service's name in the stack file.
        container: its name; None for the service's own.

    Raises:
        DeliveryError: ECS Exec is off, no task runs, the container is not there, or its agent does not run.
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    state, ecs = read_state(session, stack, service), session.client("ecs")
    described = describe_service(ecs, state.cluster, state.name)
    if not described.get("enableExecuteCommand"):
        raise DeliveryError(f"ECS Exec is off for {service}; write `exec: true` in the stack file, then `up`")
    definition = describe_revision(ecs, state.task_definition)
    name = container or _own(definition, aws_name(stack, service), service)
    tasks = list(describe_tasks(ecs, state.cluster, serviceName=state.name))
    tasks.sort(key=lambda task: task["taskDefinitionArn"] != state.task_definition)
    if not tasks:
        raise DeliveryError(f"no task of {service} runs")
    places = [_place(state, task, each) for task in tasks for each in task["containers"] if each["name"] == name]
    if not places:
        known = ", ".join(each["name"] for each in tasks[0]["containers"])
        raise DeliveryError(f"{service} has no container {name}; it has: {known}")
    if (place := next((each for each in places if each is not None), None)) is not None:
        return place
    why = [line for line in closed(described, definition) if f" in {name}:" in line]
    raise DeliveryError(
        why[0]
        if why
        else f"the agent of ECS Exec runs in no container {name} of {service}: a task that is older than "
        "`exec: true` has none, and a new one needs some seconds; else its role or its way to Systems Manager lacks"
    )


def _own(definition: Mapping[str, Any], repository: str, service: str) -> str:
    containers = service_containers(definition, repository)
    if not containers:
        raise DeliveryError(f"no container of {service} is its own; name one with --container")
    return containers[0]


def _place(state: ServiceState, task: Mapping[str, Any], container: Mapping[str, Any]) -> Place | None:
    """A container whose agent runs."""
    agents = [each for each in container.get("managedAgents", []) if each["name"] == AGENT]
    if not any(each["lastStatus"] == "RUNNING" for each in agents) or "runtimeId" not in container:
        return None
    return Place(state.cluster, task["taskArn"].rpartition("/")[2], container["name"], container["runtimeId"])


def shell(session: boto3.Session, place: Place, command: Sequence[str]) -> list[str]:
    """The command line that runs a command in a container, with this terminal.

    Args:
        session: whose profile and region it takes.
        place: the container.
        command: it and its arguments; none for a shell.
    """
    return [
        *_aws(session), "ecs", "execute-command",
        "--cluster", place.cluster, "--task", place.task, "--container", place.container,
        "--interactive", "--command", shlex.join(command or SHELL),
    ]  # fmt: skip


def tunnel(session: boto3.Session, place: Place, port: int, local_port: int, host: str | None) -> list[str]:
    """The command line that leads a port of this machine to one of a container, or of a host that it reaches.

    Args:
        session: whose profile and region it takes.
        place: the container.
        port: the port there.
        local_port: of this machine.
        host: None for the container itself.
    """
    document = "AWS-StartPortForwardingSession" + ("ToRemoteHost" if host else "")
    parameters = {"portNumber": [str(port)], "localPortNumber": [str(local_port)], **({"host": [host]} if host else {})}
    return [
        *_aws(session), "ssm", "start-session",
        "--target", place.target, "--document-name", document, "--parameters", json.dumps(parameters),
    ]  # fmt: skip


def _aws(session: boto3.Session) -> list[str]:
    profile = [] if session.profile_name == "default" else ["--profile", session.profile_name]
    return ["aws", *profile, *(["--region", session.region_name] if session.region_name else [])]


def find_programs() -> None:
    """Put what a session needs on this process's PATH: `aws` calls the plugin by its name.

    Raises:
        DeliveryError: it is not there; the message says how to install it.
    """
    os.environ["PATH"] = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, OWN_FOLDERS)])
    for program, page in PROGRAMS.items():
        if shutil.which(program) is None:
            built = " (for the sandbox, `make session-manager-plugin` builds it with Go)" * (program != "aws")
            raise DeliveryError(f"there is no {program} on PATH; install it: {page}{built}")


def check_terminal() -> None:
    """Look whether there is something to type at: the plugin ends with its standard input, and with exit code 0.

    Raises:
        DeliveryError: there is none.
    """
    if sys.stdin is None or not sys.stdin.isatty():  # None where it is closed
        raise DeliveryError('exec needs a terminal; where there is none, `script -qec "…" /dev/null` makes one')


def become(command: Sequence[str]) -> None:
    """Run a command in place of this process, so that keys and signals are its."""
    os.execvp(command[0], list(command))  # noqa: S606 (no shell: each argument is one)
