"""A stage of a build while its instructions are followed, and what it starts from."""

from __future__ import annotations

import tarfile
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from sandbox.containers.image import OWN_ROOT, Image, ImageError, extract_archive, write_layer
from sandbox.containers.runtimes import base_image


@dataclass
class Built:
    """A stage's root folder, configuration and variables, and whose programs it has."""

    root: Path
    config: dict[str, Any]
    runtime: str
    environment: dict[str, str]
    architecture: str
    arguments: dict[str, str] = field(default_factory=dict)

    @property
    def variables(self) -> dict[str, str]:
        return {**self.arguments, **self.environment}

    @property
    def folder(self) -> str:
        return str(self.config.get("WorkingDir") or "/")

    @property
    def shell(self) -> list[str]:
        shell: list[str] = self.config.get("Shell") or ["/bin/sh", "-c"]
        return shell


def from_stage(base: Built, root: Path) -> Built:
    """What starts from an earlier stage."""
    with TemporaryFile() as file:
        write_layer(base.root, file)
        file.seek(0)
        root.mkdir(parents=True)
        with tarfile.open(fileobj=file) as archive:
            extract_archive(archive, root)
    return Built(root, deepcopy(base.config), base.runtime, dict(base.environment), base.architecture)


def from_image(image: Image, root: Path) -> Built:
    """What starts from an image, with all of its configuration; raises ImageError."""
    if image.config.get("OnBuild"):
        raise ImageError("ONBUILD of a base image is not supported")
    image.extract(root)
    config = {key: value for key, value in image.config.items() if key != "Env" and value is not None}
    return Built(root, config, image.runtime, image.environment, str(image.configuration["architecture"]))


def from_scratch(root: Path, architecture: str) -> Built:
    """What starts from nothing."""
    root.mkdir(parents=True)
    return Built(root, {}, OWN_ROOT, {}, architecture)


def from_stand_in(name: str, root: Path, architecture: str) -> tuple[Built, str]:
    """What starts from a runtime of this machine in an image's place, and which that is; raises UnknownBaseImage."""
    base = base_image(name)
    root.mkdir(parents=True)
    base.furnish(root)
    config: dict[str, Any] = {"Cmd": base.command} if base.command else {}
    if base.user:
        config["User"] = base.user
    return Built(root, config, base.runtime, dict(base.environment), architecture), base.description
