"""The volumes of a task: folders of this machine, its own or, for EFS, one for each file system and access point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.account.authorization import role_may
from sandbox.ecs.model import Json, Task
from sandbox.iam.calls import Need

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

EFS_DENIED = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4:"
    " access denied by server while mounting 127.0.0.1:/' : unsuccessful EFS utils command execution; code: 32"
)


def mounted(container: Json, task: Task, folder: Path) -> Json:
    """The container with the folder of this machine, `source`, at each of its mount points; they are made."""
    volumes = {volume["name"]: volume for volume in task.task_definition.get("volumes", [])}
    points = []
    for point in container.get("mountPoints", []):
        source = _folder(volumes.get(point["sourceVolume"], {}), point["sourceVolume"], task, folder)
        source.mkdir(parents=True, exist_ok=True)
        points.append({**point, "source": str(source)})
    return {**container, "mountPoints": points}


def _folder(volume: Json, name: str, task: Task, folder: Path) -> Path:
    efs = volume.get("efsVolumeConfiguration")
    if efs is None:
        return folder / "tasks" / task.id / ".volumes" / name
    root = efs.get("authorizationConfig", {}).get("accessPointId") or efs.get("rootDirectory", "/").strip("/") or "root"
    return folder / "efs" / str(efs["fileSystemId"]) / str(root).replace("/", "_")


def denied(account: Account, task: Task, role: Credentials | None) -> str | None:
    """Why a file system that asks for IAM is not mounted, as a task's `stoppedReason`; None when all are."""
    prefix = f"arn:aws:elasticfilesystem:{account.region}:{account.id}"
    for volume in task.task_definition.get("volumes", []):
        efs = volume.get("efsVolumeConfiguration", {})
        authorization = efs.get("authorizationConfig", {})
        if authorization.get("iam") != "ENABLED":
            continue
        point = authorization.get("accessPointId")
        context = {"elasticfilesystem:AccessPointArn": [f"{prefix}:access-point/{point}"]} if point else {}
        need = Need("elasticfilesystem:ClientMount", f"{prefix}:file-system/{efs['fileSystemId']}", context)
        if role is None or not role_may(account, role, need):
            return EFS_DENIED
    return None
