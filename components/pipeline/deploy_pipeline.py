"""The pipeline that turns an uploaded source into a running release."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pulumi
import pulumi_aws as aws

from components.iam import delivery_policies, policies
from components.iam.roles import attach_policy, create_role, retry_until_role_is_known, service_role
from components.lambda_function import python_function
from components.pipeline import sources, stages, steps_function
from components.pipeline.builds import DeployPipelineArgs
from components.pipeline.origin import Origin
from components.pipeline.promotions import Promotions
from components.pipeline.pushes import Pushes
from components.pipeline.sources import Source
from components.pipeline.uploads import Uploads
from components.service.strategies.strategy import Template
from pipeline_steps.settings import VARIABLE
from releases import template
from releases.executions import IMAGE, MIGRATION, NO_IMAGE, REBUILD, RUN_MIGRATION, SKIP_MIGRATION
from releases.names import (
    LIVE,
    TEMPLATE_CHANGED,
    UPLOADED,
    artifact_prefix,
    function_of_steps,
    starting_rule,
    template_folder,
    uploader,
)

CHOICE = (
    IMAGE,
    NO_IMAGE,
    f"{NO_IMAGE}: take the source; {REBUILD}: build it anew; {LIVE}: the image that runs; or a digest",
)
"""The variable of every pipeline, as `Origin.variables`."""
MIGRATES = (MIGRATION, RUN_MIGRATION, f"{RUN_MIGRATION}: that of the image runs first; {SKIP_MIGRATION}: it does not")
"""That of a pipeline that migrates."""
ORIGINS: Mapping[str, type[Origin]] = {"s3": Uploads, "ecr": Pushes, "promote": Promotions}
"""By the source's type."""
Starter = tuple[aws.iam.Role, aws.iam.RolePolicy]
"""Who starts the pipeline, and that it may."""


class DeployPipeline(pulumi.ComponentResource):
    """Source → Build → Package → Approve → Deploy (Migrate, Deploy, Release), started only by an upload or a push.

    Build exists where images are built, Approve and Migrate for a service that configures them.

    Produces: the uploader (an IAM user that may put one object, or push to one repository) and, if configured, a
    role with the same permissions; a CodeBuild project for uploads, or the repository that images are pushed to; a
    Lambda function; a CodePipeline V2; and the EventBridge rule that starts it with what was uploaded. Each of these
    has its own role.
    """

    name: pulumi.Output[str]
    """The pipeline's name."""
    uploader: pulumi.Output[str] | None
    """The IAM user of the on-premises CI; None where nobody uploads. Its access key is created outside Pulumi, so no
    state contains it."""
    upload_role_arn: pulumi.Output[str] | None
    """The role of a hosted CI; None where only the user uploads."""
    push_role_arn: pulumi.Output[str] | None
    """The role of pull requests' jobs, which push images of later uploads; None where they do not."""
    push_to: pulumi.Output[str] | None
    """The repository of the inbox, without a tag; None where there is no inbox."""
    upload_to: pulumi.Output[str] | None
    """The destination of uploads: `s3://…`, or the name of an image with its tag; None where nobody uploads."""

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:DeployPipeline", name, {"service": args["service"].service}, opts)
        self._name, self._args, self._service = name, args, args["service"]
        self._platform = self._service.args["platform"]
        self._store, self._full_name = self._platform.delivery_store, self._platform.scope.name(self._service.service)
        self._child = pulumi.ResourceOptions(parent=self)
        self._deployer = self._service.deploy.deployer(name, self._service.deployable, opts)
        artifacts_arn = pulumi.Output.concat(self._store.arn, "/", artifact_prefix(self._full_name), "/*")
        source = args.get("source", Source())
        self._origin = origin = ORIGINS[source.type](name, args, self._child)
        self.upload_to, scope = origin.place, self._platform.scope
        self.uploader = self._user(origin.uploading) if origin.uploading else None
        self.upload_role_arn = self._upload_role("upload", sources.uploaders(source, scope), origin.uploading)
        self.push_to = origin.inbox.repository_url if origin.inbox else None
        pushing = policies.push_image(origin.inbox.arn) if origin.inbox else []
        self.push_role_arn = self._upload_role("push", sources.pushers(source, scope), pushing)
        steps = self._steps()
        role, permissions = self._role(
            "pipeline",
            "codepipeline",
            [
                *origin.permissions,
                *delivery_policies.read_and_write_artifacts(self._store.arn, artifacts_arn),
                *delivery_policies.run_steps(steps.arn),
                *self._deployer.permissions(),
            ],
        )
        pipeline = self._pipeline(steps, role, permissions)
        starter = self._role("start", "events", delivery_policies.start_pipeline(pipeline.arn))
        if origin.events:
            self._start_on(UPLOADED, origin.events, pipeline, starter, input_transformer=origin.started_with)
        if self._service.deployable.template is not None:
            self._start_on_template(self._service.deployable.template, pipeline, starter)
        self.name = pipeline.name
        self.register_outputs({"name": self.name, "uploader": self.uploader})

    def _user(self, statements: Sequence[policies.Statement]) -> pulumi.Output[str]:
        """The name of the user that uploads."""
        name = f"{self._name}-uploader"
        user = aws.iam.User(
            name,
            name=uploader(self._full_name),
            force_destroy=True,  # IAM deletes no user that has an access key, and this one's is made by hand
            opts=self._child,
        )
        policy = pulumi.Output.json_dumps(policies.document(statements))
        aws.iam.UserPolicy(f"{name}-policy", user=user.name, policy=policy, opts=self._child)
        return user.name

    def _upload_role(
        self, purpose: str, trust: Sequence[policies.Statement], statements: Sequence[policies.Statement]
    ) -> pulumi.Output[str] | None:
        """The ARN of a role that somebody is let in to; None where nobody is."""
        if not trust:
            return None
        name = f"{self._name}-{purpose}"
        role = create_role(name, f"{self._full_name}-{purpose}", trust, self._platform.scope, self._child)
        policy = attach_policy(name, role, statements, self._child)
        return pulumi.Output.all(role.arn, policy.id).apply(lambda known: str(known[0]))

    def _role(
        self, purpose: str, service: str, statements: Sequence[policies.Statement]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        return service_role(
            f"{self._name}-{purpose}",
            f"{self._full_name}-{purpose}",
            service,
            statements,
            self._platform.scope,
            self._child,
        )

    def _steps(self) -> aws.lambda_.Function:
        """The function that runs the pipeline's own steps, with its log group and role."""
        return python_function(
            f"{self._name}-steps",
            function_of_steps(self._full_name),
            handler=steps_function.HANDLER,
            store=self._store,
            variables={VARIABLE: steps_function.settings(self._args, self._origin)},
            timeout=steps_function.SECONDS,
            permissions=[
                *steps_function.permissions(self._args, self._origin),
                *self._deployer.step_permissions(),
            ],
            scope=self._platform.scope,
            log_retention_days=self._platform.log_retention_days,
            opts=self._child,
        )

    def _pipeline(
        self,
        steps: aws.lambda_.Function,
        role: aws.iam.Role,
        permissions: aws.iam.RolePolicy,
    ) -> aws.codepipeline.Pipeline:
        declared = self._origin.stages(steps.name)
        actions, migrates = self._deployer.actions(steps.name), self._args.get("migrate") is not None
        if self._args.get("approve", False):
            declared.append(stages.approve(migrates=migrates))
        declared.append(
            stages.deploy(actions=actions, migrates=migrates, sleeps=self._service.tasks.sleeps, steps=steps.name)
        )
        return aws.codepipeline.Pipeline(
            f"{self._name}-pipeline",
            name=self._full_name,
            pipeline_type="V2",
            execution_mode="QUEUED",
            role_arn=role.arn,
            artifact_stores=[{"type": "S3", "location": self._store.bucket}],
            variables=[
                {"name": name, "default_value": value, "description": words}
                for name, value, words in (CHOICE, *self._origin.variables, *([MIGRATES] if migrates else []))
            ],
            stages=declared,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )

    def _start_on_template(self, deployed: Template, pipeline: aws.codepipeline.Pipeline, starter: Starter) -> None:
        """Writes the task definition; when it changes, the image that is live is deployed with it, without a build."""
        folder = template_folder(self._service.service)
        started_by = self._start_on(
            TEMPLATE_CHANGED,
            stages.object_created(self._store.bucket, f"{folder}/{template.APPSPEC}"),
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
        events: Mapping[str, Any],
        pipeline: aws.codepipeline.Pipeline,
        starter: Starter,
        **event: Any,
    ) -> aws.cloudwatch.EventTarget:
        """Starts the pipeline on events of a pattern; `event` is what the execution takes of one."""
        role, permissions = starter
        known = retry_until_role_is_known(f"{self._name}-pipeline-{purpose}-target")
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-{purpose}",
            name=starting_rule(self._full_name, purpose),
            event_pattern=pulumi.Output.json_dumps(events),
            # What starts a pipeline changes after the pipeline: another source has other events.
            opts=pulumi.ResourceOptions(parent=self, depends_on=[pipeline]),
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
