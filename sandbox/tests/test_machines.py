"""Which machine takes what: images of builds, tools, architectures, memory."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers.image import make_image
from sandbox.ecs.containers import Container, ForeignContainer, LocalEngine
from sandbox.ecs.memory import over_limit
from sandbox.machines import build_architecture, lacking_tools, refused_image, task_architecture

X86, ARM = "aws/codebuild/amazonlinux-x86_64-standard:5.0", "aws/codebuild/amazonlinux-aarch64-standard:3.0"


@pytest.mark.parametrize(
    ("image", "kind", "taken"),
    [
        (X86, "LINUX_CONTAINER", True),
        (ARM, "ARM_CONTAINER", True),
        (f"{X86}-24.10.29", "LINUX_CONTAINER", True),
        ("aws/codebuild/standard:7.0", "LINUX_CONTAINER", True),
        ("aws/codebuild/standard:7:0", "LINUX_CONTAINER", False),
        ("aws/codebuild/amazonlinux-x86_64-standard:50.0", "LINUX_CONTAINER", False),
        (X86, "ARM_CONTAINER", False),
        (ARM, "LINUX_CONTAINER", False),
        ("public.ecr.aws/docker/library/docker:28", "ARM_CONTAINER", True),
    ],
)
def test_an_image_of_codebuild_s_own_belongs_to_a_machine_type(image: str, kind: str, taken: bool) -> None:
    environment = {"image": image, "type": kind, "computeType": "BUILD_GENERAL1_SMALL"}
    words = (
        f"AWS CodeBuild curated image {image} is not supported for projects with environment type {kind} and compute"
        " type BUILD_GENERAL1_SMALL"
    )
    assert refused_image(environment) == ("" if taken else words)


def test_architectures() -> None:
    assert [build_architecture({"type": kind}) for kind in ("LINUX_CONTAINER", "ARM_CONTAINER")] == ["amd64", "arm64"]
    assert task_architecture({}) == task_architecture({"runtimePlatform": {"cpuArchitecture": "X86_64"}}) == "amd64"
    assert task_architecture({"runtimePlatform": {"cpuArchitecture": "ARM64"}}) == "arm64"


@pytest.mark.parametrize(
    ("image", "has", "lacks"),
    [
        (X86, "dnf", "apt-get"),
        (ARM, "yum", "apk"),
        (X86, "jq", "yq"),
        (X86, "update-alternatives", "invoke-rc.d"),
        ("aws/codebuild/standard:7.0", "apt-get", "dnf"),
        ("aws/codebuild/standard:7.0", "invoke-rc.d", "terraform"),
        ("public.ecr.aws/docker/library/docker:28", "apk", "-"),
    ],
)
def test_an_image_has_the_tools_of_its_system(image: str, has: str, lacks: str) -> None:
    assert (has in lacking_tools(image), lacks in lacking_tools(image)) == (False, lacks != "-")


@pytest.mark.parametrize(("architecture", "foreign"), [("amd64", False), ("arm64", True)])
def test_a_program_of_another_architecture_ends_at_once(tmp_path: Path, architecture: str, foreign: bool) -> None:
    (tmp_path / "root").mkdir()
    image = make_image(tmp_path / "root", {"Cmd": ["/bin/true", "x"]}, "", "amd64", tmp_path / "blobs")
    container = LocalEngine(tmp_path / "blobs", architecture).start(tmp_path, image, {}, {}, None)
    try:
        log = (tmp_path / "output.log").read_text()
        assert isinstance(container, ForeignContainer) is foreign
        assert log == ("exec /bin/true: exec format error\n" if foreign else "")
        assert not foreign or container.exit_code == 1
    finally:
        container.stop(1)


@dataclass(frozen=True)
class Using(ForeignContainer):
    """A container that uses so many MiB, `alone` without what its processes share."""

    used: int = 0
    alone: int | None = None
    exit_code: int | None = None

    def memory(self, *, exact: bool = False) -> int:
        return (self.used if self.alone is None or not exact else self.alone) * 1024 * 1024


def task(total: str | None, **limits: int | None) -> dict[str, Any]:
    named = [{"name": name, **({"memory": limit} if limit else {})} for name, limit in limits.items()]
    return {"memory": total, "containerDefinitions": named}


@pytest.mark.parametrize(
    ("definition", "used", "killed"),
    [
        (task("512", a=None), {"a": 511}, None),
        (task("512", a=None), {"a": 513}, "a"),
        (task("512", a=128, b=None), {"a": 129, "b": 10}, "a"),
        (task("512", a=128, b=None), {"a": 127, "b": 386}, "b"),
        (task(None, a=None), {"a": 9999}, None),
    ],
)
def test_who_exceeds_its_memory(definition: dict[str, Any], used: dict[str, int], killed: str | None) -> None:
    containers: dict[str, Container] = {name: Using(used=size) for name, size in used.items()}
    assert over_limit(definition, containers) == killed


def test_memory_that_processes_share_counts_once() -> None:
    for container in (Using(used=600, alone=400), Using(used=600, exit_code=1)):
        assert over_limit(task("512", a=None), {"a": container}) is None
