"""Releases of an uploaded zip: the object in the delivery store, and the build that makes an image of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies, policies
from components.iam.policies import Statement
from components.iam.roles import service_role
from components.pipeline import builds, stages
from components.pipeline.build_cache import cache_repository
from components.pipeline.builds import Build, DeployPipelineArgs
from components.pipeline.inbox import inbox_repository
from components.pipeline.origin import Origin
from components.pipeline.sources import Source
from components.pipeline.stages import Stage
from releases.executions import NO_PUSH
from releases.names import artifact_prefix, build_log_group, build_project

BUILDSPEC = Path(__file__).parents[2] / "buildspecs/build.yaml"


class Uploads(Origin):
    """A zip that is put into the delivery store, for this service or for another one."""

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions) -> None:
        super().__init__(name, args, opts)
        self._store, self._key = self._platform.delivery_store, builds.upload_key(args)
        self._is_another_s = args.get("source", Source()).upload_of is not None
        if not self._is_another_s:
            self.place = pulumi.Output.concat("s3://", self._store.bucket, "/", self._key)
        self._arn = pulumi.Output.concat(self._store.arn, "/", self._key)
        if args.get("source", Source()).images:
            self.inbox = inbox_repository(name, self._full_name, protect=self._platform.protect, opts=opts)
        self._cache = cache_repository(name, self._full_name, opts) if args.get("build", Build()).cache else None
        self._project = self._build()

    @property
    def uploading(self) -> list[Statement]:
        if self._is_another_s:
            return []
        return [*policies.upload(self._arn), *(policies.push_image(self.inbox.arn) if self.inbox else [])]

    def stages(self, steps: pulumi.Input[str]) -> list[Stage]:
        return [
            stages.source(self._store.bucket, self._key),
            stages.build(self._project.name),
            stages.package(steps, {"source": stages.SOURCE_VERSION, "pushed": NO_PUSH}),
        ]

    @property
    def permissions(self) -> list[Statement]:
        return [
            *delivery_policies.fetch_source(self._store.arn, self._arn),
            *delivery_policies.run_builds([self._project.arn]),
        ]

    @property
    def events(self) -> Mapping[str, Any]:
        return stages.object_created(self._store.bucket, self._key)

    @property
    def started_with(self) -> Mapping[str, Any]:
        """Exactly the version that was uploaded, so a later upload is not taken twice."""
        revision = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "<version>"}
        return {
            "input_paths": {"version": "$.detail.object.version-id"},
            "input_template": json.dumps({"sourceRevisions": [revision]}),
        }

    @property
    def step_permissions(self) -> list[Statement]:
        return delivery_policies.read_actions(self._platform.scope.arn("codepipeline", self._full_name))

    def _build(self) -> aws.codebuild.Project:
        """The CodeBuild project that makes an image of a source, unless there is one; with its log group and role.

        Its name is from when it was Package, so that no stack that is up loses its logs.
        """
        name, full_name = f"{self._name}-package", build_project(self._full_name)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=build_log_group(full_name),
            retention_in_days=self._platform.log_retention_days,
            opts=self._opts,
        )
        artifacts_arn = pulumi.Output.concat(self._store.arn, "/", artifact_prefix(self._full_name), "/*")
        granted = builds.permissions(self._args, artifacts_arn, self.inbox, self._cache)
        permissions = [*policies.write_logs(logs.arn), *granted]
        role, policy = service_role(name, full_name, "codebuild", permissions, self._platform.scope, self._opts)
        return aws.codebuild.Project(
            name,
            name=full_name,
            service_role=role.arn,
            build_timeout=self._args.get("build", Build()).timeout,
            source={"type": "CODEPIPELINE", "buildspec": BUILDSPEC.read_text("utf-8")},
            artifacts={"type": "CODEPIPELINE"},
            environment=builds.environment(self._args, self.inbox, self._cache),
            logs_config={"cloudwatch_logs": {"group_name": logs.name}},
            opts=pulumi.ResourceOptions.merge(self._opts, pulumi.ResourceOptions(depends_on=[policy])),
        )
