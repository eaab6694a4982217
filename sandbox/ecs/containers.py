"""What ECS asks of containers and images; `sandbox.containers` provides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from sandbox.containers.image import Image
from sandbox.containers.registry import pull
from sandbox.containers.rootfs import Bind
from sandbox.containers.task import ContainerSpec, RunningContainer
from sandbox.ecs.model import Json


class Container(Protocol):
    """A started container."""

    @property
    def exit_code(self) -> int | None: ...

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int: ...

    def run(self, argv: list[str], timeout: float | None = None) -> int: ...

    def stop(self, timeout: float) -> None: ...


class ContainerEngine(Protocol):
    """Pulls images and starts containers; the containers of a task share one network: `peer` is one that runs.

    Each of a definition's `mountPoints` has a `source`: the folder of this machine that its volume is.
    """

    def pull(self, ecr: Any, uri: str) -> Any: ...

    def start(
        self, folder: Path, image: Any, definition: Json, environment: dict[str, str], peer: Any | None
    ) -> Container: ...


class LocalEngine:
    """Containers as processes of this machine, images kept in `blobs`."""

    def __init__(self, blobs: Path) -> None:
        self.blobs = blobs

    def pull(self, ecr: Any, uri: str) -> Image:
        return pull(ecr, uri, self.blobs)

    def start(
        self,
        folder: Path,
        image: Image,
        definition: Json,
        environment: dict[str, str],
        peer: RunningContainer | None,
    ) -> RunningContainer:
        mounts, linux = definition.get("mountPoints", []), definition.get("linuxParameters", {})
        spec = ContainerSpec(
            image=image,
            command=definition.get("command"),
            entry_point=definition.get("entryPoint"),
            environment=environment,
            working_directory=definition.get("workingDirectory"),
            ports=[int(mapping["containerPort"]) for mapping in definition.get("portMappings", [])],
            user=definition.get("user"),
            read_only=bool(definition.get("readonlyRootFilesystem")),
            mounts=[Bind(Path(m["source"]), m["containerPath"], not m.get("readOnly")) for m in mounts],
            tmpfs={each["containerPath"]: int(each["size"]) for each in linux.get("tmpfs", [])},
        )
        return RunningContainer(folder, spec, network=peer)
