"""Releases of images that another stack runs, and of nothing else: nobody uploads, and no event starts one."""

import pulumi

from components.iam import delivery_policies
from components.iam.policies import Statement
from components.pipeline import stages
from components.pipeline.origin import Origin
from components.pipeline.stages import Stage
from releases.executions import NO_PUSH, NO_SOURCE


class Promotions(Origin):
    """An image that `delivery promote` names.

    CodePipeline begins with a source action, which here fetches what is always there and nobody uses: the code of the
    pipeline's own steps.
    """

    def stages(self, steps: pulumi.Input[str]) -> list[Stage]:
        store = self._platform.delivery_store
        return [stages.source(store.bucket, store.steps_key), stages.package(steps, NO_SOURCE, NO_PUSH)]

    @property
    def permissions(self) -> list[Statement]:
        store = self._platform.delivery_store
        return delivery_policies.fetch_source(store.arn, pulumi.Output.concat(store.arn, "/", store.steps_key))
