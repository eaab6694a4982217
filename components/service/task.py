"""The size of a service's tasks."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from components import types
from components.model import Model
from components.service.file_systems import FileSystem
from components.service.task_rules import EPHEMERAL_GIB, MEMORY

Port = Annotated[int, Field(ge=1, le=65535)]


class Task(Model):
    """The size of a service's tasks, and where they listen."""

    cpu: Literal[256, 512, 1024, 2048, 4096, 8192, 16384, 32768]
    """CPU units; 1024 is one vCPU."""
    memory: int
    """MiB; an amount that Fargate offers for this `cpu`."""
    architecture: Literal["x86_64", "arm64"] = "x86_64"
    """The architecture of the tasks, and of the machine that builds the image."""
    port: Port | None = None
    """The port on which the container listens. A service with routes needs one."""
    ephemeral_storage: Annotated[int, Field(ge=EPHEMERAL_GIB[0], le=EPHEMERAL_GIB[1])] | None = None
    """GiB of the task's own disk, which ends with the task; the default is 20. Images use part of it (ECS, Fargate
    task ephemeral storage)."""
    volumes: dict[types.VolumeName, FileSystem] = Field(default_factory=dict)
    """EFS file systems, each under a name of your own, for the containers of the service's image."""
    kms_keys: list[types.KeyArn] = Field(default_factory=list)
    """Your own KMS keys that encrypt what the template itself names: secrets, parameters, environment files."""

    def placeholders(self) -> dict[str, int | str | None]:
        """What a task template's placeholders stand for; None for the port where the tasks listen nowhere."""
        return {"cpu": self.cpu, "memory": self.memory, "architecture": self.architecture.upper(), "port": self.port}

    @model_validator(mode="after")
    def _a_folder_each(self) -> Self:
        paths = [volume.path for volume in self.volumes.values()]
        if twice := sorted({path for path in paths if paths.count(path) > 1}):
            raise ValueError(f"volumes: {twice[0]} is the path of two volumes; give each its own")
        return self

    @model_validator(mode="after")
    def _offered_by_fargate(self) -> Self:
        offered = MEMORY[self.cpu]
        if self.memory not in offered:
            raise ValueError(
                f"memory {self.memory} does not go with cpu {self.cpu}; Fargate offers {', '.join(map(str, offered))}"
            )
        return self
