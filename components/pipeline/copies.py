"""Releases of an image that is there already, pushed or another stack's: nothing is built."""

from abc import abstractmethod
from collections.abc import Mapping

import pulumi

from components.iam import delivery_policies
from components.iam.policies import Statement
from components.pipeline import stages
from components.pipeline.origin import Origin
from components.pipeline.stages import Stage


class Copies(Origin):
    """What takes an image over.

    CodePipeline begins with a source action, which fails where its source is not there. Here it fetches what is always
    there and nobody uses, the code of the pipeline's own steps; the execution's variables say what is released.
    """

    @property
    @abstractmethod
    def pushed(self) -> Mapping[str, str]:
        """What Package is told of a push, as `stages.package` takes it."""

    def stages(self, steps: pulumi.Input[str]) -> list[Stage]:
        store = self._platform.delivery_store
        return [stages.source(store.bucket, store.steps_key), stages.package(steps, self.pushed)]

    @property
    def permissions(self) -> list[Statement]:
        store = self._platform.delivery_store
        return delivery_policies.fetch_source(store.arn, pulumi.Output.concat(store.arn, "/", store.steps_key))
