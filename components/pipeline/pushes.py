"""Releases of a pushed image: the inbox that an app team pushes to; the pipeline's own step takes it from there."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies, policies
from components.iam.policies import Statement
from components.pipeline.builds import DeployPipelineArgs
from components.pipeline.copies import Copies
from components.pipeline.inbox import inbox_repository
from components.pipeline.sources import TAG
from releases.executions import DIGEST, NO_PUSH, NO_SOURCE, PUSHED


class Pushes(Copies):
    """An image that is pushed to the service's inbox, a repository that nothing is deployed from.

    ECR publishes an event of each push of the tag, by the image's digest, and none with a tag of the images that an
    index lists (ECR, "Amazon ECR events and EventBridge").
    """

    place: pulumi.Output[str]
    inbox: aws.ecr.Repository
    variables = (
        (DIGEST, NO_SOURCE, f"the pushed image that is taken; {NO_SOURCE}: what the inbox's tag is on"),
        (PUSHED, NO_PUSH, "when the image was pushed that is taken"),
    )

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(name, args, opts)
        self._tag = args["source"].tag or TAG
        self.inbox = inbox_repository(name, self._full_name, protect=self._platform.protect, opts=opts)
        self.place = pulumi.Output.concat(self.inbox.repository_url, ":", self._tag)

    @property
    def uploading(self) -> list[Statement]:
        return policies.push_image(self.inbox.arn)

    @property
    def pushed(self) -> Mapping[str, str]:
        return {
            "source": f"#{{variables.{DIGEST}}}",
            "pushed": f"#{{variables.{PUSHED}}}",
            "tag": self._tag,
        }

    @property
    def events(self) -> Mapping[str, Any]:
        return {
            "source": ["aws.ecr"],
            "detail-type": ["ECR Image Action"],
            "detail": {
                "action-type": ["PUSH"],
                "result": ["SUCCESS"],
                "repository-name": [self.inbox.name],
                "image-tag": [self._tag],
            },
        }

    @property
    def started_with(self) -> Mapping[str, Any]:
        """Exactly the image that was pushed, and when: a second push of the tag takes nothing from the first."""
        variables = [{"name": DIGEST, "value": "<digest>"}, {"name": PUSHED, "value": "<pushed>"}]
        return {
            "input_paths": {"digest": "$.detail.image-digest", "pushed": "$.time"},
            "input_template": json.dumps({"variables": variables}),
        }

    @property
    def step_settings(self) -> Mapping[str, pulumi.Input[str]]:
        return {"inbox": self.inbox.name}

    @property
    def step_permissions(self) -> list[Statement]:
        return delivery_policies.fetch_pushed_image(self.inbox.arn)
