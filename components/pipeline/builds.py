"""The builds of a deploy pipeline: which machine runs them, what they are given, and what they may do.

Functions without resources; `DeployPipeline` makes a CodeBuild project of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Literal, NotRequired, TypedDict

import pulumi
from pydantic import Field

from components.iam import delivery_policies, policies
from components.model import Model
from components.pipeline import registries
from components.pipeline.registries import Registries
from components.pipeline.uploaders import Source
from components.platform import steps_code
from components.service.ecs_service import EcsService
from pipeline_steps.package.settings import PARAMETER
from releases.events import NOT_PACKAGED, PACKAGED, SOURCE, STARTED
from releases.names import source_key, template_folder


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

PLATFORMS: Mapping[str, str] = {"X86_64": "linux/amd64", "ARM64": "linux/arm64"}


class Migrate(Model):
    """What runs once per release with the new image, after the build and before the deployment.

    It runs in a task of its own, with the service's network, roles and parameters. An exit code other than 0
    ends the release, and what runs stays. A release that is tried again runs it again.
    """

    command: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """Run by the image's entry point, such as `[bin/migrate]`."""
    timeout: Annotated[int, Field(ge=1, le=120)] = 15
    """Minutes until it is stopped, and the release with it."""


class Build(Model):
    """The machine that builds the image, and where its base images come from."""

    compute: Literal["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE"] = "BUILD_GENERAL1_SMALL"
    timeout: Annotated[int, Field(ge=5, le=480)] = 60
    """Minutes."""
    registries: Registries = Registries()


class DeployPipelineArgs(TypedDict):
    """Inputs of `DeployPipeline`."""

    service: EcsService
    """The service whose images it releases."""
    source: NotRequired[Source]
    """Who uploads by a role, besides the user that has a key."""
    build: NotRequired[Build]
    """The machine of the image's build."""
    approve: NotRequired[bool]
    """Whether somebody has to approve each release."""
    migrate: NotRequired[Migrate | None]
    """Without it a release migrates nothing."""


@dataclass(frozen=True)
class Project:
    """A CodeBuild project to be.

    Attributes:
        purpose: its buildspec's name, and what its own ends with.
        machine: what runs it.
        variables: plain environment variables.
        permissions: what it may do besides writing its log.
        timeout: minutes.
        parameters: environment variable → Parameter Store name.
    """

    purpose: str
    machine: Machine
    variables: Mapping[str, pulumi.Input[str]]
    permissions: Sequence[policies.Statement]
    timeout: int
    parameters: Mapping[str, pulumi.Input[str]] = field(default_factory=dict)


def package(args: DeployPipelineArgs, artifacts_arn: pulumi.Input[str]) -> Project:
    """Makes an image of a source, unless there is one."""
    service, build = args["service"], args.get("build", Build())
    platform, images, parameters = service.args["platform"], service.args["images"], service.args["parameters"].build
    scope, store, architecture = platform.scope, platform.delivery_store, service.args["task"].architecture.upper()
    machine: Machine = {
        **BUILDERS[architecture],
        "compute_type": build.compute,
        "privileged_mode": True,  # docker build needs it
    }
    return Project(
        "package",
        machine,
        {
            "REPOSITORY_URI": images.url,
            "CONTAINERS": " ".join(service.args["template"].image_containers()),
            "SOURCE_BUCKET": store.bucket,
            "SOURCE_KEY": source_key(service.service),
            "STEPS_KEY": store.steps_key,
            "PLATFORM": PLATFORMS[architecture],
            "RELEASE_RECORD": service.record_name,
            "BUILD_ARGUMENTS": " ".join(sorted(parameters.names.keys() - parameters.secret)),
            "BUILD_SECRETS": " ".join(sorted(parameters.secret)),
            "TEMPLATE_FOLDER": template_folder(service.service) if service.deploy.controller.deploys_template else "",
            **registries.variables(build.registries, scope.dns_suffix),
        },
        [
            *registries.statements(build.registries, scope),
            *policies.push_image(images.arn),
            *policies.read_labels(images.arn),
            *delivery_policies.read_release(service.record_arn),
            *delivery_policies.find_executions(scope.arn("codepipeline", scope.name(service.service))),
            *delivery_policies.put_events(
                scope.arn("events", "event-bus/default"), SOURCE, STARTED, PACKAGED, NOT_PACKAGED
            ),
            *delivery_policies.read_steps(pulumi.Output.concat(store.arn, "/", steps_code.FOLDER, "/*")),
            *delivery_policies.read_upload(pulumi.Output.concat(store.arn, "/", source_key(service.service))),
            *(
                delivery_policies.read_template(template_arn(service))
                if service.deploy.controller.deploys_template
                else []
            ),
            *parameters.statements,
            *delivery_policies.read_and_write_artifacts(store.arn, artifacts_arn),
        ],
        build.timeout,
        {f"{PARAMETER}{name}": stored for name, stored in parameters.names.items()},
    )


def template_arn(service: EcsService) -> pulumi.Output[str]:
    """The objects of the template that CodeDeploy deploys."""
    store = service.args["platform"].delivery_store
    return pulumi.Output.concat(store.arn, "/", template_folder(service.service), "/*")
