"""What a build hands on to Package: the output variables of the action Build."""

from collections.abc import Mapping
from dataclasses import dataclass, field

import boto3

from pipeline_steps.package.images import UnfinishedError
from releases.events import Commit
from releases.pipeline import Pipeline

BUILD = "Build"
"""The action's name."""


@dataclass(frozen=True)
class Built:
    """The end of a build that has not failed.

    Attributes:
        digest: the image, in the service's own repository; "" when nothing is to be deployed.
        nothing: why nothing is; "" when something is.
        commit: what the upload names.
        uploaded: when the source came, in seconds since 1970; 0 when nothing is to be deployed.
    """

    digest: str = ""
    nothing: str = ""
    commit: Commit = field(default_factory=Commit)
    uploaded: int = 0

    @classmethod
    def parse(cls, variables: Mapping[str, str]) -> "Built":
        """What `variables` has made; whether CodePipeline hands on an empty one is not documented."""
        return cls(
            digest=variables.get("DIGEST", ""),
            nothing=variables.get("NOTHING", ""),
            commit=Commit(variables["COMMIT"], variables["COMMIT_REPOSITORY"]),
            uploaded=int(variables["UPLOADED"]),
        )

    def variables(self) -> dict[str, str]:
        """As the build exports them (`buildspecs/build.yaml`)."""
        return {
            "DIGEST": self.digest,
            "NOTHING": self.nothing,
            "COMMIT": self.commit.hash,
            "COMMIT_REPOSITORY": self.commit.repository,
            "UPLOADED": str(self.uploaded),
        }


def built_by(session: boto3.Session, pipeline: str, execution: str) -> Built:
    """What an execution's build has handed on.

    It is asked for, and not a parameter of the job, because an action may not name a variable of a stage that was
    skipped.

    Raises:
        UnfinishedError: CodePipeline does not list it yet.
    """
    for action in reversed(Pipeline(session, pipeline).actions(execution)):
        if action["actionName"] == BUILD and action["status"] == "Succeeded":
            return Built.parse(action.get("output", {}).get("outputVariables", {}))
    raise UnfinishedError("The end of the build is not listed yet")
