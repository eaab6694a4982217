"""What a task is given beside its image: volumes, file systems and environment files."""

import io
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_fakes import FakeAccount, denied

from sandbox.ecs import volumes
from sandbox.ecs.environment_files import environment_files
from sandbox.ecs.model import Task
from sandbox.ecs.start_error import TaskStartError
from sandbox.iam.calls import Need
from sandbox.network.vpc import Interface

EFS = {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1", "iam": "ENABLED"}}
FILE = {"type": "s3", "value": "arn:aws:s3:::conf/web/app.env"}


def task(*declared: dict[str, Any]) -> Task:
    return Task(
        cluster_arn="arn:aws:ecs:eu-west-1:123456789012:cluster/main",
        task_definition={"containerDefinitions": [], "volumes": list(declared)},
        region="eu-west-1",
        account="123456789012",
        group="family:web",
    )


def source(of: Task, volume: str, folder: Path) -> Path:
    container = {"mountPoints": [{"sourceVolume": volume, "containerPath": "/data"}]}
    (point,) = volumes.mounted(container, of, folder)["mountPoints"]
    return Path(point["source"])


def test_a_volume_is_its_task_s_and_a_file_system_everybody_s(tmp_path: Path) -> None:
    one, other = (task({"name": "tmp"}, {"name": "shared", "efsVolumeConfiguration": EFS}) for _ in range(2))
    assert source(one, "tmp", tmp_path) == source(one, "tmp", tmp_path) != source(other, "tmp", tmp_path)
    assert source(one, "shared", tmp_path) == source(other, "shared", tmp_path) == tmp_path / "efs/fs-1/fsap-1"
    assert all(source(one, name, tmp_path).is_dir() for name in ("tmp", "shared"))


@pytest.mark.parametrize(("may", "reason"), [(True, None), (False, volumes.EFS_DENIED)])
def test_a_file_system_that_asks_for_iam_is_mounted_as_the_task_s_role(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, may: bool, reason: str | None
) -> None:
    asked: list[Need] = []

    def role_may(account: object, role: object, need: Need) -> bool:
        asked.append(need)
        return may

    monkeypatch.setattr(volumes, "role_may", role_may)
    account: Any = FakeAccount(folder=tmp_path, id="123456789012")
    role: Any = SimpleNamespace()
    efs = task({"name": "shared", "efsVolumeConfiguration": EFS})
    assert volumes.denied(account, efs, role) == reason
    prefix = f"arn:aws:elasticfilesystem:{account.region}:123456789012"
    (need,) = asked
    assert (need.action, need.resource) == ("elasticfilesystem:ClientMount", f"{prefix}:file-system/fs-1")
    assert need.context == {"elasticfilesystem:AccessPointArn": [f"{prefix}:access-point/fsap-1"]}
    assert volumes.denied(account, efs, None) == volumes.EFS_DENIED
    assert volumes.denied(account, task({"name": "tmp"}), None) is None


NETWORK = {"awsvpcConfiguration": {"subnets": ["subnet-1"], "securityGroups": ["sg-task"]}}


class Efs:
    """A file system with one mount target, which is in the subnet's zone or in another one."""

    exceptions = SimpleNamespace(FileSystemNotFound=KeyError)

    def __init__(self, zone: str = "a") -> None:
        self.zone = zone

    def describe_mount_targets(self, FileSystemId: str) -> dict[str, Any]:
        if FileSystemId != "fs-1":
            raise KeyError(FileSystemId)
        return {"MountTargets": [{"MountTargetId": "m", "SubnetId": "subnet-2", "AvailabilityZoneName": self.zone}]}

    def describe_mount_target_security_groups(self, MountTargetId: str) -> dict[str, Any]:
        return {"SecurityGroups": [f"sg-of-{MountTargetId}"]}


@pytest.mark.parametrize(
    ("file_system", "zone", "problem", "words"),
    [
        ("fs-1", "a", None, None),
        ("fs-1", "a", "no ingress rule", "code: 32 [no ingress rule]"),
        ("fs-1", "b", None, '"fs-1.efs.eu-west-1.amazonaws.com" - check that your file system ID is correct'),
        ("fs-2", "b", "no ingress rule", None),
    ],
)
def test_a_file_system_is_reached_by_its_mount_target_in_the_task_s_zone(
    monkeypatch: pytest.MonkeyPatch, file_system: str, zone: str, problem: str | None, words: str | None
) -> None:
    asked: list[Any] = []

    def between(*given: Any) -> str | None:
        asked.append(given)
        return problem

    vpc = SimpleNamespace(subnets={"subnet-1": {"AvailabilityZone": "a"}}, between=between)
    monkeypatch.setattr(volumes, "vpc_of", lambda _: vpc)
    account: Any = FakeAccount(clients={"efs": Efs(zone)})
    mounts = task({"name": "shared", "efsVolumeConfiguration": {"fileSystemId": file_system}})
    assert volumes.unreachable(account, mounts) is None, "without a network of its own"
    mounts.network_configuration, mounts.subnet = NETWORK, "subnet-1"
    found = volumes.unreachable(account, mounts)
    assert (found is None) if words is None else (found is not None and words in found)
    if asked:
        assert asked == [(Interface("subnet-1", ["sg-task"]), Interface("subnet-2", ["sg-of-m"]), 2049)]
    assert volumes.unreachable(account, task({"name": "tmp"})) is None


class S3:
    """One file, or none that this role may read."""

    def __init__(self, text: str | None) -> None:
        self.text = text

    def get_bucket_location(self, Bucket: str) -> None:
        assert Bucket == "conf"

    def get_object(self, Bucket: str, Key: str) -> dict[str, Any]:
        assert (Bucket, Key) == ("conf", "web/app.env")
        if self.text is None:
            raise denied("GetObject")
        return {"Body": io.BytesIO(self.text.encode())}


def read(text: str | None, tmp_path: Path, file: dict[str, str] = FILE) -> dict[str, str]:
    account: Any = FakeAccount(folder=tmp_path, id="123456789012")
    account.clients["s3"] = S3(text)
    execution: Any = SimpleNamespace()
    return environment_files(account, execution, [file])


def test_an_environment_file(tmp_path: Path) -> None:
    assert read("# comment\nA=1\nB=x=y\n\nA=2\nnothing\n", tmp_path) == {"A": "1", "B": "x=y"}


def test_environment_files_that_a_task_does_not_start_with(tmp_path: Path) -> None:
    with pytest.raises(TaskStartError, match=r"failed to download env files: file download command: .*AccessDenied"):
        read(None, tmp_path)
    with pytest.raises(TaskStartError, match=r"app\.txt: the file must have the extension \.env"):
        read("", tmp_path, {**FILE, "value": "arn:aws:s3:::conf/app.txt"})
