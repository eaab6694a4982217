"""Names: what a thing is called in AWS, and the ARNs that follow from a name."""

from dataclasses import dataclass

from releases.names import aws_name

PIPELINE_PREFIX_LENGTH = 20
"""CodePipeline cuts a pipeline's name to this many characters where it stores artifacts."""


@dataclass(frozen=True)
class Scope:
    """Where a stack lives: all that an ARN needs beside a name.

    Attributes:
        stack: the Pulumi stack, such as `dev`.
        partition: `aws`, `aws-cn`, …
        region: the region's code.
        account: 12 digits.
    """

    stack: str
    partition: str
    region: str
    account: str

    @property
    def dns_suffix(self) -> str:
        """What the hosts of AWS's services end in."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    def name(self, service: str) -> str:
        """The AWS name of a service's things: `{stack}-{service}`."""
        return aws_name(self.stack, service)

    def arn(self, service: str, resource: str) -> str:
        """An ARN in this stack's region and account."""
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def parameter_path(self, service: str, *parts: str) -> str:
        """A Parameter Store name of a service's."""
        return "/".join(("/fargate-delivery", self.stack, service, *parts))


SOURCES = "sources"
"""The bucket's folder that uploads go to."""


def source_key(service: str) -> str:
    """The object that an upload of a service's source goes to."""
    return f"{SOURCES}/{service}/source.zip"


def artifact_prefix(pipeline: str) -> str:
    """The folder, in the artifact bucket, where CodePipeline keeps a pipeline's artifacts."""
    return pipeline[:PIPELINE_PREFIX_LENGTH]
