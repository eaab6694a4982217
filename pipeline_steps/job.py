"""A job of CodePipeline's: what it hands to a Lambda function for one action, and how the action ends.

https://docs.aws.amazon.com/codepipeline/latest/userguide/actions-invoke-lambda-function.html
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

State = Mapping[str, Any]
"""What a step remembers from one call to the next, as JSON of up to 2,048 characters (CodePipeline's API reference)."""

S3Location = Mapping[str, str]
"""Where an artifact is: the arguments `Bucket` and `Key` of S3's operations."""


class StepError(Exception):
    """Why a step failed: one line for whoever shipped, which becomes the action's own error."""


@dataclass(frozen=True)
class Done:
    """A step has succeeded.

    Attributes:
        summary: the result, in one line.
        variables: the action's output variables.
    """

    summary: str
    variables: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Waiting:
    """A step waits for AWS. CodePipeline calls the function again some seconds later, so none is held meanwhile.

    Attributes:
        summary: what it waits for, in one line.
        state: what the next call is given.
    """

    summary: str
    state: State


Outcome = Done | Waiting


@dataclass(frozen=True)
class Job:
    """One call for an action.

    Attributes:
        id: names the job in the answer.
        step: which step.
        parameters: what the pipeline hands to the step.
        inputs: input artifacts by name.
        outputs: the artifacts that the step has to write, by name.
        credentials: arguments of a boto3 client that may read and write the artifacts.
        state: what the call before has left; empty in the first.
    """

    id: str
    step: str
    parameters: Mapping[str, str]
    inputs: Mapping[str, S3Location]
    outputs: Mapping[str, S3Location]
    credentials: Mapping[str, str]
    state: State

    @classmethod
    def parse(cls, event: Mapping[str, Any]) -> "Job":
        """The event's job."""
        job = event["CodePipeline.job"]
        data = job["data"]
        parameters = json.loads(data["actionConfiguration"]["configuration"]["UserParameters"])
        credentials = data["artifactCredentials"]
        return cls(
            id=job["id"],
            step=parameters.pop("step"),
            parameters=parameters,
            inputs=_locations(data["inputArtifacts"]),
            outputs=_locations(data["outputArtifacts"]),
            credentials={
                "aws_access_key_id": credentials["accessKeyId"],
                "aws_secret_access_key": credentials["secretAccessKey"],
                "aws_session_token": credentials["sessionToken"],
            },
            state=json.loads(data.get("continuationToken", "{}")),
        )

    def remembered(self, progress: type[Any]) -> dict[str, Any]:
        """What the call before has left of a dataclass; one of another version of the step may have left less, or
        more."""
        return {each.name: self.state[each.name] for each in fields(progress) if each.name in self.state}


def _locations(artifacts: list[dict[str, Any]]) -> dict[str, S3Location]:
    locations = {each["name"]: each["location"]["s3Location"] for each in artifacts}
    return {name: {"Bucket": place["bucketName"], "Key": place["objectKey"]} for name, place in locations.items()}
