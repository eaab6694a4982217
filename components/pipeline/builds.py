"""The build of a deploy pipeline: which machine runs it, what it is told, and what it may do.

Functions without resources; `DeployPipeline` makes the CodeBuild project.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from typing import Annotated, Literal, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field

from components import types
from components.iam import delivery_policies, policies
from components.model import Model
from components.pipeline import registries
from components.pipeline.assets import Assets
from components.pipeline.registries import Registries
from components.pipeline.sources import Source
from components.platform import steps_code
from components.service.ecs_service import EcsService
from pipeline_steps.build.content import DOCKERFILE
from pipeline_steps.build.settings import PARAMETER
from releases.events import NOT_PACKAGED, SOURCE, STARTED
from releases.names import CACHE, source_key

BUILDERS: Mapping[str, tuple[str, str]] = {
    "x86_64": ("LINUX_CONTAINER", "aws/codebuild/amazonlinux-x86_64-standard:5.0"),
    "arm64": ("ARM_CONTAINER", "aws/codebuild/amazonlinux-aarch64-standard:3.0"),
}
"""Architecture of a task → CodeBuild's type of machine and image: no image is built for another architecture."""
DOCKER_PLATFORMS: Mapping[str, str] = {"x86_64": "linux/amd64", "arm64": "linux/arm64"}
"""Architecture of a task → Docker's platform."""


class Migrate(Model):
    """A command that runs once per release with the new image, after the build and before the deployment. It runs in
    its own task, with the service's network, roles and parameters. If the exit code is not 0, the release fails
    and the running image stays. A retry of the release runs it again."""

    command: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """The command for the image's entry point, such as `[bin/migrate]`."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 15
    """Minutes after which the command is stopped and the release fails."""


Compute = Literal[
    "BUILD_GENERAL1_SMALL",
    "BUILD_GENERAL1_MEDIUM",
    "BUILD_GENERAL1_LARGE",
    "BUILD_GENERAL1_XLARGE",
    "BUILD_GENERAL1_2XLARGE",
]
"""The machines that have Docker, of 2, 4, 8, 36 and 72 vCPUs (CodeBuild, ProjectEnvironment: computeType); the two
largest of ARM have less, and not every Region has them."""


class Build(Model):
    """Which part of the source the image is built from, on which machine, and where its base images come from."""

    context: types.SourcePath = "."
    """The folder of the source that Docker builds from. Several services may be in one repository."""
    dockerfile: types.SourcePath | None = None
    """The Dockerfile's path from the top of the source, not of the context; the default is `Dockerfile` in the
    context."""
    target: types.StageName | None = None
    """The stage to build; the default is the last one."""
    rebuild: bool = False
    """Whether each release is built even if its content has an image, so that it gets the current base images."""
    cache: bool = False
    """Whether the results of the Dockerfile's steps are kept for the next build, in a repository of the service's
    own."""
    compute: Compute = "BUILD_GENERAL1_SMALL"
    """The machine that builds: SMALL has 2 vCPUs, MEDIUM 4, LARGE 8, XLARGE 36, 2XLARGE 72."""
    timeout: Annotated[int, Field(ge=5, le=480)] = 60
    """Minutes after which the build fails."""
    registries: Registries = Registries()


class DeployPipelineArgs(TypedDict):
    """Inputs of `DeployPipeline`."""

    service: EcsService
    """The service whose images the pipeline releases."""
    source: NotRequired[Source]
    """What is uploaded, and who uploads with a role, besides the IAM user."""
    build: NotRequired[Build]
    """The settings of the image's build."""
    shares_upload: NotRequired[bool]
    """Whether another service is built from this service's uploads."""
    assets: NotRequired[Assets | None]
    """Which assets of the last releases a new image gets; by default none."""
    approve: NotRequired[bool]
    """Whether somebody must approve each release."""
    migrate: NotRequired[Migrate | None]
    """A command that each release runs before its deployment. Without it a release migrates nothing."""


def upload_key(args: DeployPipelineArgs) -> str:
    """The object of the delivery store that the service's sources are uploaded to."""
    return source_key(args.get("source", Source()).upload_of or args["service"].service)


def is_shared(args: DeployPipelineArgs) -> bool:
    """Whether the service's uploads are another one's, too."""
    return args.get("shares_upload", False) or args.get("source", Source()).upload_of is not None


def environment(
    args: DeployPipelineArgs, inbox: aws.ecr.Repository | None, cache: aws.ecr.Repository | None
) -> aws.codebuild.ProjectEnvironmentArgs:
    """The machine that builds, and what it is told.

    Args:
        args: those of the pipeline.
        inbox: where images of uploads to come may be.
        cache: what keeps what a build's steps have made.
    """
    service, build = args["service"], args.get("build", Build())
    platform, images, parameters = service.args["platform"], service.args["images"], service.args["parameters"].build
    architecture = service.args["task"].architecture
    kind, image = BUILDERS[architecture]
    variables: dict[str, pulumi.Input[str]] = {
        "REPOSITORY_URI": images.url,
        "INBOX": inbox.name if inbox else "",
        "SOURCE_BUCKET": platform.delivery_store.bucket,
        "SOURCE_KEY": upload_key(args),
        "STEPS_KEY": platform.delivery_store.steps_key,
        "PLATFORM": DOCKER_PLATFORMS[architecture],
        "CONTEXT": build.context,
        "DOCKERFILE": build.dockerfile or posixpath.normpath(f"{build.context}/{DOCKERFILE}"),
        "TARGET": build.target or "",
        "REBUILD": "yes" if build.rebuild else "",
        "RELEASE_RECORD": service.record_name,
        "BUILD_ARGUMENTS": " ".join(sorted(parameters.names.keys() - parameters.secret)),
        "BUILD_SECRETS": " ".join(sorted(parameters.secret)),
        **registries.variables(build.registries, platform.scope.dns_suffix),
        **({"SHARED": "yes"} if is_shared(args) else {}),
        **({"CACHE": pulumi.Output.concat(cache.repository_url, ":", CACHE)} if cache else {}),
    }
    variable = aws.codebuild.ProjectEnvironmentEnvironmentVariableArgs
    return aws.codebuild.ProjectEnvironmentArgs(
        type=kind,
        image=image,
        compute_type=build.compute,
        privileged_mode=True,  # docker build needs it
        environment_variables=[
            *(variable(name=name, value=value) for name, value in variables.items()),
            *(
                variable(
                    name=f"{PARAMETER}{name}",
                    value=stored,
                    type="SECRETS_MANAGER" if name in parameters.managed else "PARAMETER_STORE",
                )
                for name, stored in parameters.names.items()
            ),
        ],
    )


def permissions(
    args: DeployPipelineArgs,
    artifacts_arn: pulumi.Input[str],
    inbox: aws.ecr.Repository | None,
    cache: aws.ecr.Repository | None,
) -> list[policies.Statement]:
    """What a build may do besides writing its log."""
    service, login = args["service"], args.get("build", Build()).registries
    platform, images = service.args["platform"], service.args["images"]
    scope, store = platform.scope, platform.delivery_store
    return [
        *registries.statements(login, scope),
        *policies.push_image(images.arn),
        *(delivery_policies.fetch_pushed_image(inbox.arn) if inbox else []),
        *(delivery_policies.keep_build_cache(cache.arn) if cache else []),
        *delivery_policies.read_release(service.record_arn),
        *delivery_policies.find_executions(scope.arn("codepipeline", scope.name(service.service))),
        *delivery_policies.put_events(scope.arn("events", "event-bus/default"), SOURCE, STARTED, NOT_PACKAGED),
        *delivery_policies.read_steps(pulumi.Output.concat(store.arn, "/", steps_code.FOLDER, "/*")),
        *delivery_policies.read_upload(pulumi.Output.concat(store.arn, "/", upload_key(args))),
        *service.args["parameters"].build.statements,
        *delivery_policies.read_artifacts(store.arn, artifacts_arn),
    ]
