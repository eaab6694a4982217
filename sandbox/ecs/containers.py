"""What ECS asks of containers and images; `sandbox.containers` provides it."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Protocol

from sandbox.containers.image import Image
from sandbox.containers.registry import pull
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
    """Pulls images and starts containers; the containers of a task share one network: `peer` is one that runs."""

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
        spec = ContainerSpec(
            image=image,
            command=definition.get("command"),
            entry_point=definition.get("entryPoint"),
            environment=environment,
            working_directory=definition.get("workingDirectory"),
            ports=[int(mapping["containerPort"]) for mapping in definition.get("portMappings", [])],
            user=definition.get("user"),
        )
        return RunningContainer(folder, spec, network=peer)
