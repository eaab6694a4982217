"""EFS file systems that a service's tasks mount: those that are there, by id.

Each is mounted encrypted and as the task's role, which may mount this one, through its access point where there is one
(ECS, Using Amazon EFS volumes).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components import types
from components.model import Model

NFS = 2049
"""The port of a mount target (EFS, Using VPC security groups)."""


class FileSystem(Model):
    """An EFS file system, which outlives the tasks, and where a task mounts it."""

    file_system: types.FileSystemId
    """The id of an existing file system; it outlives the stack."""
    path: types.ContainerPath
    """The folder of the container; it hides what the image has there."""
    access_point: types.AccessPointId | None = None
    """A folder of the file system with its own owner. Without one a task sees the whole file system, and its root
    user has no root rights there (EFS, IAM: ClientRootAccess is not granted)."""
    read_only: bool = False
    """Whether the tasks may only read it."""
    security_group: types.SecurityGroupId | None = None
    """The security group of its mount targets. The stack opens port 2049 of it to these tasks; without this key its
    owner must do so."""

    def volume(self, name: str) -> dict[str, Any]:
        """The task definition's volume."""
        point = {"accessPointId": self.access_point} if self.access_point is not None else {}
        return {
            "name": name,
            "efsVolumeConfiguration": {
                "fileSystemId": self.file_system,
                "transitEncryption": "ENABLED",
                "authorizationConfig": {**point, "iam": "ENABLED"},
            },
        }

    def mount_point(self, name: str) -> dict[str, Any]:
        """Where a container has it."""
        return {"sourceVolume": name, "containerPath": self.path, "readOnly": self.read_only}


def let_in(
    service: str, volumes: Mapping[str, FileSystem], tasks: aws.ec2.SecurityGroup, parent: pulumi.Resource
) -> list[aws.vpc.SecurityGroupIngressRule]:
    """A rule for each security group of mount targets: a service's tasks reach it."""
    groups = sorted({volume.security_group for volume in volumes.values() if volume.security_group is not None})
    return [
        aws.vpc.SecurityGroupIngressRule(
            f"{service}-efs-{group}",
            security_group_id=group,
            referenced_security_group_id=tasks.id,
            description=f"Tasks of {service} mount the file system",
            ip_protocol="tcp",
            from_port=NFS,
            to_port=NFS,
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for group in groups
    ]
