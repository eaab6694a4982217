"""The volumes of a task: folders of this machine, its own or, for EFS, one for each file system and access point."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.account.authorization import role_may
from sandbox.ecs import connections
from sandbox.ecs.model import Json, Task
from sandbox.iam.calls import Need
from sandbox.network.vpc import Interface, vpc_of

if TYPE_CHECKING:
    from sandbox.account.account import Account
    from sandbox.account.credentials import Credentials

EFS_DENIED = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: b'mount.nfs4:"
    " access denied by server while mounting 127.0.0.1:/' : unsuccessful EFS utils command execution; code: 32"
)
EFS_NOT_RESOLVED = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Failed to resolve"
    ' "{name}" - check that your file system ID is correct, and ensure that the VPC has an EFS mount target for this'
    " file system ID. [no mount target in {zone}] : unsuccessful EFS utils command execution; code: 1"
)
EFS_TIMED_OUT = (
    "ResourceInitializationError: failed to invoke EFS utils commands to set up EFS volumes: stderr: Mount attempt 3/3"
    " failed due to timeout after 15 sec, wait 0 sec before next attempt. b'mount.nfs4: mount system call failed' :"
    " unsuccessful EFS utils command execution; code: 32"
)
"""In the words of efs-utils, which Fargate runs."""
SECONDS_TO_MOUNT = 45.0
"""Three attempts of 15 seconds."""
NFS = 2049


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


def unreachable(account: Account, task: Task) -> str | None:
    """Why a file system of this account is not reached, as a task's `stoppedReason`; None when all are.

    One that the account lacks is taken for somebody else's, and reached. The cause in brackets is the sandbox's.
    """
    source = connections.interface(account, task)
    for volume in task.task_definition.get("volumes", []):
        efs = volume.get("efsVolumeConfiguration")
        if efs is None or source is None:
            continue
        client, file_system = account.client("efs"), str(efs["fileSystemId"])
        try:
            targets = client.describe_mount_targets(FileSystemId=file_system)["MountTargets"]
        except client.exceptions.FileSystemNotFound:
            continue
        vpc = vpc_of(account)
        zone = vpc.subnets[source.subnet]["AvailabilityZone"]
        near = [target for target in targets if target["AvailabilityZoneName"] == zone]
        if not near:
            return EFS_NOT_RESOLVED.format(name=f"{file_system}.efs.{account.region}.amazonaws.com", zone=zone)
        target = near[0]["MountTargetId"]
        groups = client.describe_mount_target_security_groups(MountTargetId=target)["SecurityGroups"]
        if problem := vpc.between(source, Interface(near[0]["SubnetId"], groups), NFS):
            task.stop_requested.wait(account.clock.scale(SECONDS_TO_MOUNT))
            return f"{EFS_TIMED_OUT} [{problem}]"
    return None


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
