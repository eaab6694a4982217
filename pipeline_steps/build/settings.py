"""What a build knows of its service and is asked by its execution: the build's environment variables."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_steps.build.content import Content
from pipeline_steps.package.start import Start
from releases.executions import REBUILD

PARAMETER = "PARAMETER_"
"""What the variables begin with that are the service's own parameters, and no other does: so no parameter is taken for
one of the step, of CodeBuild or of a tool. A Dockerfile sees the parameter's name."""


@dataclass(frozen=True)
class Login:
    """A login to a registry that base images come from.

    Attributes:
        host: the registry's.
        secret: ARN of the secret that keeps it.
    """

    host: str
    secret: str

    @property
    def region(self) -> str:
        """The secret's."""
        return self.secret.split(":")[3]


@dataclass(frozen=True)
class Settings:
    """A build's environment.

    Attributes:
        image: NO_IMAGE or REBUILD; there is no build of others.
        is_built_anew: whether the source is built though its content has an image.
        is_shared: whether the source is other services', too.
        bucket: where the source is.
        key: the source's.
        start: what the execution was started with; its source is the version of the upload.
        execution: the pipeline's execution.
        pipeline: the pipeline's name.
        repository_uri: `<registry>/<repository>`.
        cache: the name, with its tag, under which builds keep what their steps have made; "" where they keep nothing.
        inbox: the repository that images of uploads to come are pushed to; "" without one.
        record: the release record's Parameter Store name.
        build_secrets: what the Dockerfile may mount, by name. Docker reads each from `PARAMETER_<name>`.
        logins: registries that base images come from.
        ecr_registries: hosts of other ECR registries that base images come from.
        content: what the image is built of.
    """

    image: str
    is_built_anew: bool
    is_shared: bool
    bucket: str
    key: str
    start: Start
    execution: str
    pipeline: str
    repository_uri: str
    cache: str
    inbox: str
    record: str
    build_secrets: Mapping[str, str]
    logins: tuple[Login, ...]
    ecr_registries: tuple[str, ...]
    content: Content

    @classmethod
    def parse(cls, variables: Mapping[str, str], source_folder: Path) -> "Settings":
        """A build's environment variables, the project's, the action's, and CodeBuild's own; and an empty folder."""
        return cls(
            image=variables["IMAGE"],
            is_built_anew=variables["REBUILD"] == "yes" or variables["IMAGE"] == REBUILD,
            is_shared=variables.get("SHARED") == "yes",
            bucket=variables["SOURCE_BUCKET"],
            key=variables["SOURCE_KEY"],
            start=Start(variables["SOURCE_VERSION"]),
            execution=variables["EXECUTION"],
            pipeline=variables["CODEBUILD_INITIATOR"].partition("/")[2],
            repository_uri=variables["REPOSITORY_URI"],
            cache=variables.get("CACHE", ""),
            inbox=variables["INBOX"],
            record=variables["RELEASE_RECORD"],
            build_secrets={name: variables[PARAMETER + name] for name in variables["BUILD_SECRETS"].split()},
            logins=tuple(Login(*each.split("=", 1)) for each in variables["REGISTRY_LOGINS"].split()),
            ecr_registries=tuple(variables["ECR_REGISTRIES"].split()),
            content=Content(
                source_folder,
                variables["CONTEXT"],
                variables["DOCKERFILE"],
                variables["TARGET"],
                variables["PLATFORM"],
                {name: variables[PARAMETER + name] for name in variables["BUILD_ARGUMENTS"].split()},
            ),
        )

    @property
    def platform(self) -> str:
        """The tasks', such as `linux/arm64`."""
        return self.content.platform

    @property
    def registry(self) -> str:
        """The host of the service's own registry."""
        return self.repository_uri.partition("/")[0]

    @property
    def repository(self) -> str:
        """The service's own repository."""
        return self.repository_uri.partition("/")[2]

    def masked(self, text: str) -> str:
        """A text without the secrets' values, which CodeBuild masks in the log only."""
        for value in sorted(filter(None, self.build_secrets.values()), key=len, reverse=True):
            text = text.replace(value, "***")
        return text
