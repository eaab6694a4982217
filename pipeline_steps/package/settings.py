"""What Package knows of its service and is asked by its execution: the build's environment variables."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pipeline_steps.package.content import Content
from pipeline_steps.package.promotion import Promotion
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
        image: NO_IMAGE, REBUILD, `live`, a digest, or STACK@DIGEST.
        is_built_anew: whether the source is built though its content has an image.
        bucket: where the source, and the template that CodeDeploy deploys, are.
        key: the source's.
        start: what the execution was started with; its source is the version of the upload.
        execution: the pipeline's execution.
        pipeline: the pipeline's name.
        repository_uri: `<registry>/<repository>`.
        inbox: the repository that images of uploads to come are pushed to; "" without one.
        containers: the containers that run the image.
        record: the release record's Parameter Store name.
        build_secrets: what the Dockerfile may mount, by name. Docker reads each from `PARAMETER_<name>`.
        template_folder: where in the bucket CodeDeploy's template is; "" when ECS deploys.
        promotion: whose images may be taken over; None where none may.
        logins: registries that base images come from.
        ecr_registries: hosts of other ECR registries that base images come from.
        folder: where CodeBuild takes the build's artifact from.
        content: what the image is built of.
    """

    image: str
    is_built_anew: bool
    bucket: str
    key: str
    start: Start
    execution: str
    pipeline: str
    repository_uri: str
    inbox: str
    containers: tuple[str, ...]
    record: str
    build_secrets: Mapping[str, str]
    template_folder: str
    promotion: Promotion | None
    logins: tuple[Login, ...]
    ecr_registries: tuple[str, ...]
    folder: Path
    content: Content

    @classmethod
    def parse(cls, variables: Mapping[str, str], source_folder: Path) -> "Settings":
        """A build's environment variables, the project's, the action's, and CodeBuild's own; and an empty folder."""
        return cls(
            image=variables["IMAGE"],
            is_built_anew=variables["REBUILD"] == "yes" or variables["IMAGE"] == REBUILD,
            bucket=variables["SOURCE_BUCKET"],
            key=variables["SOURCE_KEY"],
            start=Start(variables["SOURCE_VERSION"]),
            execution=variables["EXECUTION"],
            pipeline=variables["CODEBUILD_INITIATOR"].partition("/")[2],
            repository_uri=variables["REPOSITORY_URI"],
            inbox=variables["INBOX"],
            containers=tuple(variables["CONTAINERS"].split()),
            record=variables["RELEASE_RECORD"],
            build_secrets={name: variables[PARAMETER + name] for name in variables["BUILD_SECRETS"].split()},
            template_folder=variables["TEMPLATE_FOLDER"],
            promotion=Promotion.parse(variables["PROMOTE_FROM"]),
            logins=tuple(Login(*each.split("=", 1)) for each in variables["REGISTRY_LOGINS"].split()),
            ecr_registries=tuple(variables["ECR_REGISTRIES"].split()),
            folder=Path(variables["CODEBUILD_SRC_DIR"]),
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
    def until(self) -> float:
        """A build ends by its own time-out."""
        return math.inf

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
