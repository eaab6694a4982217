"""What a service's function of jobs knows of the service and of each job."""

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

VARIABLE = "JOBS"
"""The function's environment variable that holds the settings as JSON. Lambda takes 4 KB of variables in all."""


@dataclass(frozen=True)
class JobCommand:
    """A job.

    Attributes:
        command: run by the entry point of the first of the service's containers.
        minutes: how long a run may take.
        retries: how often a run by schedule that has failed is tried again.
    """

    command: Sequence[str]
    minutes: int
    retries: int


@dataclass(frozen=True)
class JobSettings:
    """A service, as its jobs see it.

    Attributes:
        name: its name in AWS, which its pipeline has too.
        cluster: its ECS cluster's name.
        service: its ECS service's name.
        controller: the type of who deploys it, a key of `releases.controllers.CONTROLLERS`.
        containers: the containers that run its own image; the first one runs the jobs.
        repository_uri: its image repository's address, without a tag.
        record: its release record's Parameter Store name.
        function: the ARN of the function that has these settings.
        schedule_group: where the schedules are that stop runs.
        schedule_role: the ARN of the role that calls the function by a schedule.
        jobs: the jobs, by their names.
    """

    name: str
    cluster: str
    service: str
    controller: str
    containers: Sequence[str]
    repository_uri: str
    record: str
    function: str
    schedule_group: str
    schedule_role: str
    jobs: Mapping[str, JobCommand]

    @classmethod
    def from_environment(cls) -> "JobSettings":
        """Those that this function was made with."""
        fields = json.loads(os.environ[VARIABLE])
        return cls(**{**fields, "jobs": {name: JobCommand(**job) for name, job in fields["jobs"].items()}})
