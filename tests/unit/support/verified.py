"""A service for the checks of `verify`: FakeAws, and a table of what AWS answers besides."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from botocore.awsrequest import AWSResponse
from delivery_aws import STACK, FakeAws, RefusedError, digest

from delivery.verification.subject import Subject, read_subjects

REGION, ACCOUNT = "eu-west-1", "111111111111"
SERVICE_ARN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev/dev-web"
A = digest("a")
Answer = dict[str, Any] | RefusedError | Callable[[dict[str, Any]], dict[str, Any]]


def arn(service: str, resource: str, account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{REGION}:{account}:{resource}"


def role(name: str) -> str:
    return f"arn:aws:iam::{ACCOUNT}:role/{name}"


@dataclass
class Answers(FakeAws):
    """Operation → what is answered, or how it is refused."""

    answers: dict[str, Answer] = field(default_factory=dict)

    def answer(self, service: str, operation: str, given: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
        found = self.answers.get(operation)
        if found is None:
            return super().answer(service, operation, given)
        self.calls.append((service, operation, given))
        try:
            if isinstance(found, RefusedError):
                raise found
            content = found if isinstance(found, dict) else found(given)
        except RefusedError as refused:
            error = {"Error": {"Code": refused.code, "Message": refused.message}}
            return AWSResponse("", 400, {}, None), {**error, "ResponseMetadata": {}}
        return AWSResponse("", 200, {}, None), {**content, "ResponseMetadata": {}}


def released(container: dict[str, Any] | None = None, **fields: Any) -> Answers:
    """The service `web`, released, with these fields of its container and of its task definition."""
    aws = Answers()
    aws.image(A, "live", "release-1")
    revision = aws.revision(1, f"@{A}", container=container or {}, **fields)
    aws.release(1, A, revision)
    aws.service(revision, A)
    aws.services["dev-web"]["serviceArn"] = SERVICE_ARN
    aws.answers["DescribeTaskDefinition"] = lambda given: {
        "taskDefinition": aws.definitions.get(given["taskDefinition"]) or aws.definitions[revision]
    }
    return aws


def subject(aws: FakeAws) -> Subject:
    (found,) = read_subjects(aws.session(), STACK, ["web"])
    return found
