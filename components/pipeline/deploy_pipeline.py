"""The pipeline that turns an uploaded source into a running release."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies, policies
from components.iam.roles import attach_policy, create_role, retry_until_role_is_known, service_role
from components.lambda_function import python_function
from components.pipeline import builds, stages, steps_function, uploaders
from components.pipeline.builds import Build, DeployPipelineArgs
from components.pipeline.uploaders import Source
from components.service.strategies.strategy import Template
from pipeline_steps.settings import VARIABLE
from releases import template
from releases.executions import IMAGE, NO_IMAGE
from releases.names import (
    LIVE,
    TEMPLATE_CHANGED,
    UPLOADED,
    artifact_prefix,
    build_log_group,
    source_key,
    starting_rule,
    template_folder,
)

BUILDSPEC = Path(__file__).parents[2] / "buildspecs/package.yaml"
Starter = tuple[aws.iam.Role, aws.iam.RolePolicy]
"""Who starts the pipeline, and that it may."""


class DeployPipeline(pulumi.ComponentResource):
    """Source → Package → Approve → Deploy (Migrate, Deploy, Release), started by the upload of a source only.

    Approve and Migrate are there for a service that asks for them.

    Produces: the uploader (an IAM user that may put one object) and, where asked for, a role that may the same; a
    CodeBuild project and a Lambda function, each with log group and role; a CodePipeline V2 with its role; and the
    EventBridge rule that starts it with the uploaded version.
    """

    name: pulumi.Output[str]
    """The pipeline's name."""
    uploader: pulumi.Output[str]
    """The IAM user of the on-premises CI. Its access key is made outside Pulumi, so no state holds it."""
    upload_role_arn: pulumi.Output[str] | None
    """The role of a hosted CI; None where only the user uploads."""
    source_key: str
    """The object that the uploader may put."""
    upload_to: pulumi.Output[str]
    """Where that is, as `s3://…`."""

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:DeployPipeline", name, {"service": args["service"].service}, opts)
        self._name, self._args, self._service = name, args, args["service"]
        self._platform = self._service.args["platform"]
        self._store, self._full_name = self._platform.delivery_store, self._platform.scope.name(self._service.service)
        self._child = pulumi.ResourceOptions(parent=self)
        self._deployer = self._service.deploy.deployer(name, self._service.deployable, opts)
        self._artifacts_arn = pulumi.Output.concat(self._store.arn, "/", artifact_prefix(self._full_name), "/*")
        self.source_key = source_key(self._service.service)
        self.upload_to = pulumi.Output.concat("s3://", self._store.bucket, "/", self.source_key)
        source_arn = pulumi.Output.concat(self._store.arn, "/", self.source_key)
        uploader = aws.iam.User(
            f"{name}-uploader",
            name=f"{self._full_name}-uploader",
            force_destroy=True,  # IAM deletes no user that has an access key, and this one's is made by hand
            opts=self._child,
        )
        aws.iam.UserPolicy(
            f"{name}-uploader-policy",
            user=uploader.name,
            policy=pulumi.Output.json_dumps(policies.document(policies.upload(source_arn))),
            opts=self._child,
        )
        trust = uploaders.statements(args.get("source", Source()), self._platform.scope)
        self.upload_role_arn = self._upload_role(trust, source_arn) if trust else None
        package = self._package()
        steps = self._steps()
        role, permissions = self._role(
            "pipeline",
            "codepipeline",
            [
                *delivery_policies.fetch_source(self._store.arn, source_arn),
                *delivery_policies.read_and_write_artifacts(self._store.arn, self._artifacts_arn),
                *delivery_policies.run_builds([package.arn]),
                *delivery_policies.run_steps(steps.arn),
                *self._deployer.permissions(),
            ],
        )
        pipeline = self._pipeline(package, steps, role, permissions)
        starter = self._role("start", "events", delivery_policies.start_pipeline(pipeline.arn))
        self._start_on_upload(pipeline, starter)
        if self._service.deployable.template is not None:
            self._start_on_template(self._service.deployable.template, pipeline, starter)
        self.name = pipeline.name
        self.uploader = uploader.name
        self.register_outputs({"name": self.name, "uploader": self.uploader})

    def _upload_role(self, trust: Sequence[policies.Statement], source_arn: pulumi.Output[str]) -> pulumi.Output[str]:
        name = f"{self._name}-upload"
        role = create_role(name, f"{self._full_name}-upload", trust, self._child)
        policy = attach_policy(name, role, policies.upload(source_arn), self._child)
        return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))

    def _role(
        self, purpose: str, service: str, statements: Sequence[policies.Statement]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        return service_role(
            f"{self._name}-{purpose}",
            f"{self._full_name}-{purpose}",
            service,
            statements,
            self._platform.scope.account,
            self._child,
        )

    def _package(self) -> aws.codebuild.Project:
        """The CodeBuild project that makes an image of a source, unless there is one; with its log group and role."""
        full_name = f"{self._full_name}-package"
        logs = aws.cloudwatch.LogGroup(
            f"{self._name}-package-logs",
            name=build_log_group(full_name),
            retention_in_days=self._platform.log_retention_days,
            opts=self._child,
        )
        permissions = [*policies.write_logs(logs.arn), *builds.permissions(self._args, self._artifacts_arn)]
        role, policy = self._role("package", "codebuild", permissions)
        return aws.codebuild.Project(
            f"{self._name}-package",
            name=full_name,
            service_role=role.arn,
            build_timeout=self._args.get("build", Build()).timeout,
            source={"type": "CODEPIPELINE", "buildspec": BUILDSPEC.read_text("utf-8")},
            artifacts={"type": "CODEPIPELINE"},
            environment=builds.environment(self._args),
            logs_config={"cloudwatch_logs": {"group_name": logs.name}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _steps(self) -> aws.lambda_.Function:
        """The function that runs the pipeline's own steps, with its log group and role."""
        return python_function(
            f"{self._name}-steps",
            f"{self._full_name}-steps",
            handler=steps_function.HANDLER,
            store=self._store,
            variables={VARIABLE: steps_function.settings(self._args)},
            timeout=steps_function.TIMEOUT,
            permissions=[*steps_function.permissions(self._args), *self._deployer.step_permissions()],
            account=self._platform.scope.account,
            log_retention_days=self._platform.log_retention_days,
            opts=self._child,
        )

    def _pipeline(
        self,
        package: aws.codebuild.Project,
        steps: aws.lambda_.Function,
        role: aws.iam.Role,
        permissions: aws.iam.RolePolicy,
    ) -> aws.codepipeline.Pipeline:
        declared = [stages.source(self._store.bucket, self.source_key), stages.package(package.name)]
        if self._args.get("approve", False):
            declared.append(stages.approve())
        actions, migrates = self._deployer.actions(steps.name), self._args.get("migrate") is not None
        declared.append(stages.deploy(actions=actions, migrates=migrates, steps=steps.name))
        return aws.codepipeline.Pipeline(
            f"{self._name}-pipeline",
            name=self._full_name,
            pipeline_type="V2",
            execution_mode="QUEUED",
            role_arn=role.arn,
            artifact_stores=[{"type": "S3", "location": self._store.bucket}],
            variables=[
                {
                    "name": IMAGE,
                    "default_value": NO_IMAGE,
                    "description": f"{NO_IMAGE}: build the source; {LIVE}: the image that runs; or a digest",
                }
            ],
            stages=declared,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )

    def _start_on_upload(self, pipeline: aws.codepipeline.Pipeline, starter: Starter) -> None:
        """Starts the pipeline with exactly the version that was uploaded, so a later upload is not taken twice."""
        revision = {
            "actionName": "Source",
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": "<version>",
        }
        self._start_on(
            UPLOADED,
            self.source_key,
            pipeline,
            starter,
            input_transformer={
                "input_paths": {"version": "$.detail.object.version-id"},
                "input_template": json.dumps({"sourceRevisions": [revision]}),
            },
        )

    def _start_on_template(self, deployed: Template, pipeline: aws.codepipeline.Pipeline, starter: Starter) -> None:
        """Writes the task definition; when it changes, the image that is live is deployed with it, without a build."""
        folder = template_folder(self._service.service)
        started_by = self._start_on(
            TEMPLATE_CHANGED,
            f"{folder}/{template.APPSPEC}",
            pipeline,
            starter,
            input=json.dumps({"variables": [{"name": IMAGE, "value": LIVE}]}),
        )
        definition = aws.s3.BucketObjectv2(
            f"{self._name}-taskdef",
            bucket=self._store.bucket,
            key=f"{folder}/{template.TASK_DEFINITION}",
            content=deployed.task_definition,
            content_type="application/json",
            opts=pulumi.ResourceOptions(parent=self, hooks=deployed.hooks),
        )
        aws.s3.BucketObjectv2(
            f"{self._name}-appspec",
            bucket=self._store.bucket,
            key=f"{folder}/{template.APPSPEC}",
            content=deployed.app_spec,
            content_type="application/yaml",
            opts=pulumi.ResourceOptions(parent=self, depends_on=[definition, started_by]),
        )

    def _start_on(
        self,
        purpose: str,
        key: str,
        pipeline: aws.codepipeline.Pipeline,
        starter: Starter,
        **event: Any,
    ) -> aws.cloudwatch.EventTarget:
        """Starts the pipeline when an object is written; `event` is what the execution takes from it."""
        role, permissions = starter
        known = retry_until_role_is_known(f"{self._name}-pipeline-{purpose}-target")
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-{purpose}",
            name=starting_rule(self._full_name, purpose),
            event_pattern=pulumi.Output.json_dumps(
                {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {"bucket": {"name": [self._store.bucket]}, "object": {"key": [key]}},
                }
            ),
            opts=self._child,
        )
        return aws.cloudwatch.EventTarget(
            f"{self._name}-{purpose}-target",
            rule=rule.name,
            arn=pipeline.arn,
            role_arn=role.arn,
            dead_letter_config={"arn": self._platform.start_failures.queue_arn},
            **event,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions], hooks=known),
        )
