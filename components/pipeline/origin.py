"""What a pipeline's releases are made of, as the pipeline sees it: one subclass for each `source.type`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam.policies import Statement
from components.pipeline.builds import DeployPipelineArgs
from components.pipeline.stages import Stage


class Origin(ABC):
    """Uploads or pushed images: what is there to take them, and the stages from Source to Package."""

    place: pulumi.Output[str] | None = None
    """Where a release is uploaded or pushed to; None where neither is done."""
    inbox: aws.ecr.Repository | None = None
    """Where images are pushed, of releases or of uploads to come."""
    variables: Sequence[tuple[str, str, str]] = ()
    """Variables of the pipeline besides the image's: name, default and description."""

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions) -> None:
        """Makes what these stages need.

        Args:
            name: what its resources' names begin with.
            args: those of the pipeline.
            opts: of each resource.
        """
        service = args["service"]
        self._name, self._args, self._service, self._opts = name, args, service, opts
        self._platform = service.args["platform"]
        self._full_name = self._platform.scope.name(service.service)

    @property
    def uploading(self) -> list[Statement]:
        """What the uploader may do, and nothing else; empty where there is none."""
        return []

    @abstractmethod
    def stages(self, steps: pulumi.Input[str]) -> list[Stage]:
        """From Source to Package.

        Args:
            steps: the Lambda function of the pipeline's own steps.
        """

    @property
    @abstractmethod
    def permissions(self) -> list[Statement]:
        """What the pipeline's role may do for them."""

    @property
    def events(self) -> Mapping[str, Any]:
        """The pattern of the events that start the pipeline; empty where none does."""
        return {}

    @property
    def started_with(self) -> Mapping[str, Any]:
        """What an execution takes of such an event, as an input transformer."""
        return {}

    @property
    def step_settings(self) -> Mapping[str, pulumi.Input[str]]:
        """Settings of the pipeline's own steps (`pipeline_steps.settings.Settings`)."""
        return {}

    @property
    def step_permissions(self) -> list[Statement]:
        """What the pipeline's own steps may do besides, for Package."""
        return []
