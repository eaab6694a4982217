"""The pipeline that turns an uploaded source into a running release."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import pipeline_stages, policies
from components.naming import Scope, artifact_prefix, source_key
from components.parameter_store import View
from delivery.record import FINGERPRINT_LABEL

BUILDSPECS = Path(__file__).parent.parent / "buildspecs"


class Builder(TypedDict):
    """A kind of CodeBuild machine."""

    type: str
    image: str


class Machine(Builder):
    """A CodeBuild machine."""

    compute_type: str
    privileged_mode: bool


BUILDERS: Mapping[str, Builder] = {
    "X86_64": {"type": "LINUX_CONTAINER", "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0"},
    "ARM64": {"type": "ARM_CONTAINER", "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0"},
}
"""The CodeBuild machine for each architecture of a task, so that no image is built for another one."""

CALLER: Machine = {**BUILDERS["ARM64"], "compute_type": "BUILD_GENERAL1_SMALL", "privileged_mode": False}
"""The machine of a build that only calls AWS."""

PLATFORMS: Mapping[str, str] = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}
DEPLOY_MINUTES = 60
SPARE_MINUTES = 15
"""What a build needs beside the waiting that it is there for."""


class MigrationArgs(TypedDict):
    """What runs once per release, before the new version serves."""

    command: Sequence[str]
    """Run by the entry point of the first of `containers`, in a task of its own."""
    timeout: int
    """Minutes."""


class DeployPipelineArgs(TypedDict):
    """Inputs of `DeployPipeline`."""

    scope: Scope
    service: str
    bucket: pulumi.Input[str]
    """Where sources arrive and artifacts are kept."""
    bucket_arn: pulumi.Input[str]
    repository_name: pulumi.Input[str]
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    cluster_name: pulumi.Input[str]
    service_name: pulumi.Input[str]
    service_arn: pulumi.Input[str]
    role_arns: Sequence[pulumi.Input[str]]
    """The execution and task roles, to be passed with a new revision."""
    log_group_arn: pulumi.Input[str]
    """Where the service's containers log."""
    record_name: pulumi.Input[str]
    record_arn: pulumi.Input[str]
    containers: Sequence[str]
    """The containers that run the service's own image."""
    migrate: NotRequired[MigrationArgs]
    """Without it a release migrates nothing."""
    approve: bool
    """Whether somebody has to approve each release."""
    minimum_tasks: int
    """What the first release starts."""
    build: View
    """The parameters that the image's build reads."""
    architecture: str
    """`X86_64` or `ARM64`."""
    compute_type: str
    """CodeBuild's compute type for the image's build."""
    build_timeout: int
    """Minutes."""
    log_retention_days: int


class DeployPipeline(pulumi.ComponentResource):
    """Source → Package → Approve → Deploy (Migrate, Deploy, Release), started by the upload of a source only.

    Approve and Migrate are there for a service that asks for them.

    Produces: the uploader (an IAM user that may put one object), two or three CodeBuild projects with log groups
    and roles, a CodePipeline V2 with its role, and the EventBridge rule that starts it with the uploaded version.
    """

    name: pulumi.Output[str]
    """The pipeline's name."""
    uploader: pulumi.Output[str]
    """The IAM user of the on-premises CI. Its access key is made outside Pulumi, so no state holds it."""
    source_key: str
    """The object that the uploader may put."""

    def __init__(self, name: str, args: DeployPipelineArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:DeployPipeline", name, {"service": args["service"]}, opts)
        self._name, self._args = name, args
        self._full_name = args["scope"].name(args["service"])
        self._child = pulumi.ResourceOptions(parent=self)
        self._artifacts_arn = pulumi.Output.concat(args["bucket_arn"], "/", artifact_prefix(self._full_name), "/*")
        self.source_key = source_key(args["service"])
        source_arn = pulumi.Output.concat(args["bucket_arn"], "/", self.source_key)
        uploader = aws.iam.User(f"{name}-uploader", name=f"{self._full_name}-uploader", opts=self._child)
        aws.iam.UserPolicy(
            f"{name}-uploader-policy",
            user=uploader.name,
            policy=pulumi.Output.json_dumps(policies.document(policies.upload(source_arn))),
            opts=self._child,
        )
        package = self._package_project()
        migrate = self._migrate_project(args["migrate"]) if "migrate" in args else None
        release = self._release_project()
        role, permissions = self._role(
            "pipeline",
            "codepipeline",
            [
                *policies.fetch_source(args["bucket_arn"], source_arn),
                *policies.read_and_write_artifacts(self._artifacts_arn),
                *policies.run_builds([project.arn for project in (package, migrate, release) if project]),
                *policies.deploy_service(
                    args["service_arn"],
                    args["scope"].arn("ecs", f"task-definition/{self._full_name}:*"),
                    args["role_arns"],
                ),
            ],
        )
        pipeline = self._pipeline(package, migrate, release, role, permissions)
        self._start_on_upload(pipeline)
        self.name = pipeline.name
        self.uploader = uploader.name
        self.register_outputs({"name": self.name, "uploader": self.uploader})

    def _role(
        self, purpose: str, service: str, statements: Sequence[policies.Statement]
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        role = aws.iam.Role(
            f"{self._name}-{purpose}-role",
            name=f"{self._full_name}-{purpose}",
            assume_role_policy=pulumi.Output.json_dumps(policies.trust(service, self._args["scope"].account)),
            opts=self._child,
        )
        policy = aws.iam.RolePolicy(
            f"{self._name}-{purpose}-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(statements)),
            opts=self._child,
        )
        return role, policy

    def _package_project(self) -> aws.codebuild.Project:
        args, build = self._args, self._args["build"]
        machine: Machine = {
            **BUILDERS[args["architecture"]],
            "compute_type": args["compute_type"],
            "privileged_mode": True,  # docker build needs it
        }
        variables: dict[str, pulumi.Input[str]] = {
            "REPOSITORY_URI": args["repository_url"],
            "CONTAINERS": " ".join(args["containers"]),
            "PLATFORM": PLATFORMS[args["architecture"]],
            "RELEASE_RECORD": args["record_name"],
            "BUILD_ARGUMENTS": " ".join(sorted(build.names.keys() - build.secret)),
            "BUILD_SECRETS": " ".join(sorted(build.secret)),
        }
        permissions = [
            *policies.push_image(args["repository_arn"]),
            *policies.read_release(args["record_arn"]),
            *build.statements,
            *policies.read_and_write_artifacts(self._artifacts_arn),
        ]
        return self._project("package", machine, variables, build.names, permissions, args["build_timeout"])

    def _migrate_project(self, migrate: MigrationArgs) -> aws.codebuild.Project:
        args, scope = self._args, self._args["scope"]
        family = f"{self._full_name}-migrate"
        variables: dict[str, pulumi.Input[str]] = {
            "CLUSTER": args["cluster_name"],
            "SERVICE": args["service_name"],
            "CONTAINERS": " ".join(args["containers"]),
            "REPOSITORY_URI": args["repository_url"],
            "FAMILY": family,
            "COMMAND": json.dumps(list(migrate["command"])),
            "TIMEOUT": str(migrate["timeout"]),
        }
        permissions = [
            *policies.migrate_service(
                service_arn=args["service_arn"],
                cluster_arn=pulumi.Output.concat(scope.arn("ecs", "cluster/"), args["cluster_name"]),
                task_definition_arn=scope.arn("ecs", f"task-definition/{family}:*"),
                tasks_arn=pulumi.Output.concat(scope.arn("ecs", "task/"), args["cluster_name"], "/*"),
                role_arns=args["role_arns"],
                log_group_arn=args["log_group_arn"],
            ),
            *policies.read_artifacts(self._artifacts_arn),
        ]
        # Besides its own migration it may have to wait for one that an execution before left running.
        timeout = 2 * migrate["timeout"] + SPARE_MINUTES
        return self._project("migrate", CALLER, variables, {}, permissions, timeout)

    def _release_project(self) -> aws.codebuild.Project:
        args = self._args
        variables: dict[str, pulumi.Input[str]] = {
            "CLUSTER": args["cluster_name"],
            "SERVICE": args["service_name"],
            "CONTAINERS": " ".join(args["containers"]),
            "MINIMUM_TASKS": str(args["minimum_tasks"]),
            "TIMEOUT": str(DEPLOY_MINUTES),
            "REPOSITORY": args["repository_name"],
            "RELEASE_RECORD": args["record_name"],
            "FINGERPRINT_LABEL": FINGERPRINT_LABEL,
        }
        scalable_targets = args["scope"].arn("application-autoscaling", "scalable-target/*")
        permissions = [
            # A scalable target's ARN ends in an id that AWS makes up and no output gives.
            *policies.release_service(args["service_arn"], scalable_targets),
            *policies.tag_image(args["repository_arn"]),
            *policies.write_release(args["record_arn"]),
            *policies.read_artifacts(self._artifacts_arn),
        ]
        return self._project("release", CALLER, variables, {}, permissions, DEPLOY_MINUTES + SPARE_MINUTES)

    def _project(
        self,
        purpose: str,
        machine: Machine,
        variables: Mapping[str, pulumi.Input[str]],
        parameters: Mapping[str, pulumi.Input[str]],
        permissions: Sequence[policies.Statement],
        timeout: int,
    ) -> aws.codebuild.Project:
        """A CodeBuild project of the pipeline's, with its log group and role."""
        logs = aws.cloudwatch.LogGroup(
            f"{self._name}-{purpose}-logs",
            name=f"/codebuild/{self._full_name}-{purpose}",
            retention_in_days=self._args["log_retention_days"],
            opts=self._child,
        )
        role, policy = self._role(purpose, "codebuild", [*policies.write_logs(logs.arn), *permissions])
        environment = [
            *(aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=n, value=v) for n, v in variables.items()),
            *(
                aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs(name=n, value=v, type="PARAMETER_STORE")
                for n, v in parameters.items()
            ),
        ]
        return aws.codebuild.Project(
            f"{self._name}-{purpose}",
            name=f"{self._full_name}-{purpose}",
            service_role=role.arn,
            build_timeout=timeout,
            source={"type": "CODEPIPELINE", "buildspec": (BUILDSPECS / f"{purpose}.yaml").read_text("utf-8")},
            artifacts={"type": "CODEPIPELINE"},
            environment=aws.codebuild.ProjectEnvironmentArgs(**machine, environment_variables=environment),
            logs_config={"cloudwatch_logs": {"group_name": logs.name}},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[policy]),
        )

    def _pipeline(
        self,
        package: aws.codebuild.Project,
        migrate: aws.codebuild.Project | None,
        release: aws.codebuild.Project,
        role: aws.iam.Role,
        permissions: aws.iam.RolePolicy,
    ) -> aws.codepipeline.Pipeline:
        args = self._args
        stages = [pipeline_stages.source(args["bucket"], self.source_key), pipeline_stages.package(package.name)]
        if args["approve"]:
            stages.append(pipeline_stages.approve())
        stages.append(
            pipeline_stages.deploy(
                cluster_name=args["cluster_name"],
                service_name=args["service_name"],
                timeout=DEPLOY_MINUTES,
                migrate=None if migrate is None else migrate.name,
                release=release.name,
            )
        )
        return aws.codepipeline.Pipeline(
            f"{self._name}-pipeline",
            name=self._full_name,
            pipeline_type="V2",
            execution_mode="QUEUED",
            role_arn=role.arn,
            artifact_stores=[{"type": "S3", "location": args["bucket"]}],
            variables=[
                {
                    "name": "image",
                    "default_value": "none",
                    "description": "none: build the source; live: the image that runs; or a digest",
                }
            ],
            stages=stages,
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )

    def _start_on_upload(self, pipeline: aws.codepipeline.Pipeline) -> None:
        """Starts the pipeline with exactly the version that was uploaded, so a later upload is not taken twice."""
        role, permissions = self._role("start", "events", policies.start_pipeline(pipeline.arn))
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-upload",
            name=f"{self._full_name}-upload",
            event_pattern=pulumi.Output.json_dumps(
                {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {
                        "bucket": {"name": [self._args["bucket"]]},
                        "object": {"key": [self.source_key]},
                    },
                }
            ),
            opts=self._child,
        )
        revision = {
            "actionName": "Source",
            "revisionType": "S3_OBJECT_VERSION_ID",
            "revisionValue": "<version>",
        }
        aws.cloudwatch.EventTarget(
            f"{self._name}-upload-target",
            rule=rule.name,
            arn=pipeline.arn,
            role_arn=role.arn,
            input_transformer={
                "input_paths": {"version": "$.detail.object.version-id"},
                "input_template": json.dumps({"sourceRevisions": [revision]}),
            },
            opts=pulumi.ResourceOptions(parent=self, depends_on=[permissions]),
        )
