"""Releases of an image that is there already: the pipeline's own function copies it, and nothing is built."""

from collections.abc import Mapping

import pulumi

from components.iam import delivery_policies
from components.iam.policies import Statement
from components.pipeline import promotion
from components.pipeline.builds import DOCKER_PLATFORMS
from components.pipeline.origin import Origin
from releases.events import PACKAGED, STARTED


class Copies(Origin):
    """What takes an image over, from an inbox or from another stack."""

    published = (STARTED, PACKAGED)
    step_seconds = 900  # the most that Lambda allows: a large image takes minutes

    @property
    def step_settings(self) -> Mapping[str, pulumi.Input[str]]:
        return {
            "platform": DOCKER_PLATFORMS[self._service.args["task"].architecture],
            "promotion": promotion.setting(self._args["source"], self._platform.scope, self._service.service),
        }

    @property
    def step_permissions(self) -> list[Statement]:
        scope, service = self._platform.scope, self._service
        return [
            *promotion.permissions(self._args["source"], scope, service.service),
            *delivery_policies.copy_image(service.args["images"].arn),
            *delivery_policies.find_executions(scope.arn("codepipeline", self._full_name)),
        ]
