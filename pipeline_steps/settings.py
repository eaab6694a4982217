"""What a service's function knows of the service, whichever step it runs."""

import json
import os
from collections.abc import Sequence
from dataclasses import dataclass

VARIABLE = "SERVICE"
"""The function's environment variable that holds the settings as JSON. Lambda takes 4 KB of variables in all."""


@dataclass(frozen=True)
class Migration:
    """What runs once per release, before the new version serves.

    Attributes:
        command: run by the entry point of the first of the service's containers.
        minutes: how long it may take.
        family: the task definitions' family.
    """

    command: Sequence[str]
    minutes: int
    family: str


@dataclass(frozen=True)
class Settings:
    """A service, as its steps see it.

    Attributes:
        pipeline: its pipeline's name.
        cluster: its ECS cluster's name.
        service: its ECS service's name.
        controller: the type of who deploys it, a key of `releases.controllers.CONTROLLERS`.
        containers: the containers that run its own image; the first one runs the migration.
        sidecars: the task's other containers.
        minimum_tasks: how many tasks the first release starts.
        deploy_minutes: how long a deployment may take.
        repository: its image repository's name.
        record: its release record's Parameter Store name.
        repository_uri: its image repository's address, without a tag.
        template_bucket: where the program writes the template that is deployed; "" where the image alone is.
        template_folder: in which folder there, see `releases.template`.
        inbox: the repository that its images are pushed to; "" where they are built.
        platform: its tasks', such as `linux/arm64`.
        promotion: whose images it may take over; see `pipeline_steps.package.promotion`.
        assets: what of the last releases a new image gets; see `pipeline_steps.package.assets`.
        is_shared: whether its uploads are other services', too, so that it may be in one as it was.
        migration: None for a service without migrations.
    """

    pipeline: str
    cluster: str
    service: str
    controller: str
    containers: Sequence[str]
    sidecars: Sequence[str]
    minimum_tasks: int
    deploy_minutes: int
    repository: str
    record: str
    repository_uri: str
    template_bucket: str = ""
    template_folder: str = ""
    inbox: str = ""
    platform: str = ""
    promotion: str = ""
    assets: str = ""
    is_shared: bool = False
    migration: Migration | None = None

    @classmethod
    def from_environment(cls) -> "Settings":
        """Those that this function was made with."""
        return cls.parse(os.environ[VARIABLE])

    @classmethod
    def parse(cls, text: str) -> "Settings":
        """Those that a function has in VARIABLE."""
        fields = json.loads(text)
        migration = fields.pop("migration", None)
        return cls(**fields, migration=Migration(**migration) if migration else None)
