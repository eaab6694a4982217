"""What a service's function knows of the service, whichever step it runs."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass

from releases.names import Controller

VARIABLE = "SERVICE"
"""The function's environment variable that holds the settings as JSON. Lambda takes 4 KB of variables in all."""


@dataclass(frozen=True)
class Settings:
    """A service, as its steps see it.

    Attributes:
        pipeline: its pipeline's name.
        cluster: its ECS cluster's name.
        service: its ECS service's name.
        controller: who deploys it: ECS itself, or CodeDeploy.
        containers: the containers that run its own image; the first one runs the migration.
        sidecars: the task's other containers.
        minimum_tasks: how many tasks the first release starts.
        deploy_minutes: how long a deployment may take.
        repository: its image repository's name.
        record: its release record's Parameter Store name.
    """

    pipeline: str
    cluster: str
    service: str
    controller: Controller
    containers: tuple[str, ...]
    sidecars: tuple[str, ...]
    minimum_tasks: int
    deploy_minutes: int
    repository: str
    record: str

    @classmethod
    def from_environment(cls) -> Settings:
        """Those that this function was made with."""
        fields = json.loads(os.environ[VARIABLE])
        lists = {name: tuple(value) for name, value in fields.items() if isinstance(value, list)}
        return cls(**fields | lists)

    def value(self) -> str:
        """The environment variable's value."""
        return json.dumps(asdict(self), separators=(",", ":"))
