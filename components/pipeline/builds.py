"""The builds of a deploy pipeline: which machine runs them, what they are given, and what they may do.

Functions without resources; `DeployPipeline` makes a CodeBuild project of each.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, TypedDict

import pulumi
from pydantic import Field

from components.iam import policies
from components.model import Model
from components.naming import Scope, source_key
from components.pipeline import registries
from components.pipeline.registries import Registries
from components.platform import steps_code
from components.service.parameter_store import View
from components.service.strategies.strategy import Deployer
from pipeline_steps.package.settings import PARAMETER
from releases import template
from releases.events import NOT_PACKAGED, PACKAGED, SOURCE, STARTED


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


class DeployPipelineArgs(TypedDict):
    """Inputs of `DeployPipeline`."""

    scope: Scope
    service: str
    bucket: pulumi.Input[str]
    """Where sources arrive and artifacts are kept."""
    bucket_arn: pulumi.Input[str]
    steps_key: pulumi.Input[str]
    """The object, in that bucket, that is the code of the pipeline's steps."""
    uploaders: Sequence[policies.Statement]
    """Who uploads by a role, besides the user that has a key: the role's trust."""
    dead_letters_arn: pulumi.Input[str]
    """The queue of the events that did not start it."""
    repository_name: pulumi.Input[str]
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    deployer: Deployer
    """What deploys the service's images."""
    log_group_arn: pulumi.Input[str]
    """Where the service's containers log."""
    record_name: pulumi.Input[str]
    record_arn: pulumi.Input[str]
    containers: Sequence[str]
    """The containers that run the service's own image."""
    sidecars: Sequence[str]
    """The other containers of its task."""
    migrate: Migrate | None
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
    registries: Registries
    """Where base images come from, besides what everybody may pull."""
    log_retention_days: int


@dataclass(frozen=True)
class Build:
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


def package(args: DeployPipelineArgs, artifacts_arn: pulumi.Input[str]) -> Build:
    """Makes an image of a source, unless there is one."""
    build, template_deploys = args["build"], args["deployer"].template is not None
    machine: Machine = {
        **BUILDERS[args["architecture"]],
        "compute_type": args["compute_type"],
        "privileged_mode": True,  # docker build needs it
    }
    return Build(
        "package",
        machine,
        {
            "REPOSITORY_URI": args["repository_url"],
            "CONTAINERS": " ".join(args["containers"]),
            "SOURCE_BUCKET": args["bucket"],
            "SOURCE_KEY": source_key(args["service"]),
            "STEPS_KEY": args["steps_key"],
            "PLATFORM": PLATFORMS[args["architecture"]],
            "RELEASE_RECORD": args["record_name"],
            "BUILD_ARGUMENTS": " ".join(sorted(build.names.keys() - build.secret)),
            "BUILD_SECRETS": " ".join(sorted(build.secret)),
            "TEMPLATE_FOLDER": template.folder(args["service"]) if template_deploys else "",
            **registries.variables(args["registries"], args["scope"].dns_suffix),
        },
        [
            *registries.statements(args["registries"], args["scope"]),
            *policies.push_image(args["repository_arn"]),
            *policies.read_labels(args["repository_arn"]),
            *policies.read_release(args["record_arn"]),
            *policies.find_executions(args["scope"].arn("codepipeline", args["scope"].name(args["service"]))),
            *policies.announce(
                args["scope"].arn("events", "event-bus/default"), SOURCE, STARTED, PACKAGED, NOT_PACKAGED
            ),
            *policies.read_steps(pulumi.Output.concat(args["bucket_arn"], "/", steps_code.FOLDER, "/*")),
            *policies.read_upload(pulumi.Output.concat(args["bucket_arn"], "/", source_key(args["service"]))),
            *(policies.read_template(template_arn(args)) if template_deploys else []),
            *build.statements,
            *policies.read_and_write_artifacts(args["bucket_arn"], artifacts_arn),
        ],
        args["build_timeout"],
        {f"{PARAMETER}{name}": stored for name, stored in build.names.items()},
    )


def template_arn(args: DeployPipelineArgs) -> pulumi.Output[str]:
    return pulumi.Output.concat(args["bucket_arn"], "/", template.folder(args["service"]), "/*")
