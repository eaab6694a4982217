"""The interface that ECS has to containers and images; `sandbox.containers` provides it."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from sandbox.containers.image import Image
from sandbox.containers.registry import pull
from sandbox.containers.rootfs import Bind
from sandbox.containers.task import ContainerSpec, RunningContainer
from sandbox.containers.terminal import Terminal
from sandbox.ecs.model import Json


class Container(Protocol):
    """A started container."""

    @property
    def exit_code(self) -> int | None: ...

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int: ...

    def http2_ask(self, port: int, path: str, host: str, timeout: float, *, grpc: bool) -> int: ...

    def run(self, argv: list[str], timeout: float | None = None) -> int: ...

    def open_terminal(self, argv: list[str], environment: Mapping[str, str]) -> Terminal: ...

    def connect(self, port: int, timeout: float | None = None, host: str | None = None) -> socket.socket: ...

    @property
    def names(self) -> Mapping[str, str]: ...

    def stop(self, timeout: float) -> None: ...

    def memory(self, *, exact: bool = False) -> int: ...

    def kill(self) -> None: ...


class Proxy(Protocol):
    """What leads a task to other services: their names with the addresses that it listens on in the task."""

    @property
    def addresses(self) -> dict[str, str]: ...

    @property
    def listens(self) -> list[tuple[str, int]]: ...

    def connected(self, number: int, client: socket.socket) -> None: ...


class ContainerEngine(Protocol):
    """Pulls images and starts containers; the containers of a task share one network: `peer` is one that runs.

    Each of a definition's `mountPoints` has a `source`: the folder of this machine that its volume is. Its
    `serviceConnect`, where it has that, is what leads it to other services by their names.
    """

    def pull(self, ecr: Any, uri: str) -> Any: ...

    def start(
        self, folder: Path, image: Any, definition: Json, environment: dict[str, str], peer: Any | None
    ) -> Container: ...


@dataclass(frozen=True)
class ForeignContainer:
    """A container whose program is of another architecture: it ends at once.

    So it does on Fargate (aws-samples/amazon-bedrock-serverless-prompt-chaining#213), and its log says why.
    """

    exit_code: int | None = 1
    names: Mapping[str, str] = field(default_factory=dict)

    def http_get(self, port: int, path: str, host: str, timeout: float) -> int:
        raise ConnectionRefusedError(f"port {port}")

    def http2_ask(self, port: int, path: str, host: str, timeout: float, *, grpc: bool) -> int:
        raise ConnectionRefusedError(f"port {port}")

    def run(self, argv: list[str], timeout: float | None = None) -> int:
        raise ConnectionRefusedError("the container has ended")

    def open_terminal(self, argv: list[str], environment: Mapping[str, str]) -> Terminal:
        raise ConnectionRefusedError("the container has ended")

    def connect(self, port: int, timeout: float | None = None, host: str | None = None) -> socket.socket:
        raise ConnectionRefusedError("the container has ended")

    def stop(self, timeout: float) -> None:
        """It has ended."""

    def memory(self, *, exact: bool = False) -> int:
        return 0

    def kill(self) -> None:
        """It has ended."""


class LocalEngine:
    """Containers as processes of this machine, which stands for one of an architecture; images are kept in `blobs`."""

    def __init__(self, blobs: Path, architecture: str) -> None:
        self.blobs = blobs
        self.architecture = architecture

    def pull(self, ecr: Any, uri: str) -> Image:
        return pull(ecr, uri, self.blobs, f"linux/{self.architecture}")

    def start(
        self,
        folder: Path,
        image: Image,
        definition: Json,
        environment: dict[str, str],
        peer: RunningContainer | None,
    ) -> Container:
        proxy: Proxy | None = definition.get("serviceConnect")
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
            hosts=proxy.addresses if proxy else {},
            listens=proxy.listens if proxy else (),
            connected=proxy.connected if proxy else None,
        )
        if spec.argv and image.configuration["architecture"] != self.architecture:
            (folder / "output.log").write_text(f"exec {spec.argv[0]}: exec format error\n")
            return ForeignContainer()
        return RunningContainer(folder, spec, network=peer)
