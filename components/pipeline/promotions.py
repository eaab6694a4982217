"""Releases of images that another stack runs, and of nothing else: nobody uploads, and no event starts one."""

from collections.abc import Mapping

import pulumi

from components.iam import delivery_policies
from components.iam.policies import Statement
from components.pipeline import promotion, stages
from components.pipeline.builds import DOCKER_PLATFORMS
from components.pipeline.origin import Origin
from components.pipeline.stages import Stage
from releases.events import PACKAGED, STARTED
from releases.executions import NO_PUSH, NO_SOURCE


class Promotions(Origin):
    """An image that `delivery promote` names.

    CodePipeline begins with a source action, which here fetches what is always there and nobody uses: the code of the
    pipeline's own steps.
    """

    published = (STARTED, PACKAGED)
    step_seconds = 900  # as of a pushed image

    def stages(self, steps: pulumi.Input[str]) -> list[Stage]:
        store = self._platform.delivery_store
        return [stages.source(store.bucket, store.steps_key), stages.package_image(steps, NO_SOURCE, NO_PUSH)]

    @property
    def permissions(self) -> list[Statement]:
        store = self._platform.delivery_store
        return delivery_policies.fetch_source(store.arn, pulumi.Output.concat(store.arn, "/", store.steps_key))

    @property
    def step_settings(self) -> Mapping[str, pulumi.Input[str]]:
        return {
            "platform": DOCKER_PLATFORMS[self._service.args["task"].architecture],
            "promotion": promotion.setting(self._args["source"], self._platform.scope, self._service.service),
        }

    @property
    def step_permissions(self) -> list[Statement]:
        scope, service = self._platform.scope, self._service.service
        return [
            *promotion.permissions(self._args["source"], scope, service),
            *delivery_policies.copy_image(self._service.args["images"].arn),
            *delivery_policies.find_executions(scope.arn("codepipeline", self._full_name)),
        ]
