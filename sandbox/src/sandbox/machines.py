"""Which machine runs what: architectures of tasks and build machines, and what CodeBuild's own images have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

DEFAULT = "amd64"
TASKS = {"X86_64": "amd64", "ARM64": "arm64"}
"""An image's architecture by a task's `cpuArchitecture`, X86_64 where there is none (ECS API, RuntimePlatform)."""
BUILDS = {"ARM_CONTAINER": "arm64", "ARM_EC2": "arm64", "ARM_LAMBDA_CONTAINER": "arm64"}
"""The architecture of a project's environment type; the other types are amd64 (CodeBuild API, ProjectEnvironment)."""
CURATED = {
    "amd64": re.compile(
        r"(amazonlinux-x86_64-standard:(4\.0|5\.0|corretto8|corretto11)"
        r"|amazonlinux2-x86_64-standard:([1-5]\.0|corretto8|corretto11)|standard:[4-8]\.0)(-\d\d\.\d\d\.\d\d)?"
    ),
    "arm64": re.compile(r"(amazonlinux-aarch64-standard:[23]\.0|amazonlinux2-aarch64-standard:[1-3]\.0)(-[\d.]+)?"),
}
"""CodeBuild's own images, after `aws/codebuild/`, by the machines that take them.

https://docs.aws.amazon.com/codebuild/latest/userguide/build-env-ref-available.html; the older names are those of CDK's
`LinuxBuildImage` and `LinuxArmBuildImage`. A version may be followed by a date.
"""
_CURATED_PREFIX = "aws/codebuild/"
_DEBIAN = {*("apt", "apt-get", "apt-cache", "apt-key", "apt-mark", "aptitude", "add-apt-repository")}
_DEBIAN |= {*("dpkg", "dpkg-deb", "dpkg-query", "dpkg-reconfigure", "debconf-set-selections")}
_DEBIAN |= {
    *("dpkg-divert", "dpkg-maintscript-helper", "dpkg-realpath", "dpkg-split", "dpkg-statoverride", "dpkg-trigger")
}
_DEBIAN |= {*("dpkg-preconfigure", "debconf", "debconf-apt-progress", "debconf-communicate", "debconf-copydb")}
_DEBIAN |= {
    *("debconf-escape", "debconf-show", "apt-config", "apt-cdrom", "start-stop-daemon", "deluser", "ucf", "ucfr")
}
_DEBIAN |= {
    *("deb-systemd-helper", "deb-systemd-invoke", "invoke-rc.d", "update-rc.d", "ischroot", "savelog", "tempfile")
}
"""The commands of Debian's own packages: apt, dpkg, debconf, adduser, ucf, init-system-helpers, debianutils."""
_RED_HAT = {"yum", "dnf", "microdnf", "amazon-linux-extras"}
_NOWHERE = {*("terraform", "helm", "yq", "trivy", "hadolint", "shellcheck", "pandoc", "ffmpeg", "redis-cli", "podman")}
_NOWHERE |= {*("buildah", "skopeo", "nano", "htop", "tmux", "socat", "nmap", "tree")}
"""What a developer's machine may have, and neither CodeBuild's Amazon Linux nor its Ubuntu."""
_OTHERS = {"apk", "pacman", "zypper", "snap", "emerge"}


def task_architecture(definition: Mapping[str, Any]) -> str:
    """The architecture of the images that a task definition's tasks can run."""
    return TASKS[(definition.get("runtimePlatform") or {}).get("cpuArchitecture", "X86_64")]


def build_architecture(environment: Mapping[str, Any]) -> str:
    """The architecture of a CodeBuild project's machine."""
    return BUILDS.get(environment["type"], DEFAULT)


def refused_image(environment: Mapping[str, Any]) -> str:
    """Why CodeBuild does not take an environment's image; "" when it does, or pulls it from another registry.

    The words are those of published errors, of another machine type (aws/copilot-cli#3110) and of a version that there
    is not (aws/aws-codebuild-docker-images#509).
    """
    image, kind = environment["image"], environment["type"]
    name = image.removeprefix(_CURATED_PREFIX)
    if (
        name == image
        or "LAMBDA" in kind
        or "WINDOWS" in kind
        or CURATED[build_architecture(environment)].fullmatch(name)
    ):
        return ""
    return (
        f"AWS CodeBuild curated image {image} is not supported for projects with environment type {kind} and compute"
        f" type {environment['computeType']}"
    )


def lacking_tools(image: str) -> set[str]:
    """Commands that a CodeBuild image lacks, as far as known; none for an unknown image.

    Amazon Linux has yum and dnf, Ubuntu apt and what else is Debian's own; others are installed by neither Dockerfile:
    https://github.com/aws/aws-codebuild-docker-images/blob/master/al/x86_64/standard/5.0/Dockerfile and
    ubuntu/standard/7.0/Dockerfile. Those name packages, so a list of all commands cannot be made of them.
    """
    name = image.removeprefix(_CURATED_PREFIX)
    if name == image:
        return set()
    return _OTHERS | _NOWHERE | (_RED_HAT if name.startswith("standard:") else _DEBIAN)
