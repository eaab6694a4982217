"""Where a stack is: all that an ARN needs beside a name (`releases/names.py`)."""

from dataclasses import dataclass

from releases.names import aws_name


@dataclass(frozen=True)
class Scope:
    """Where a stack lives: all that an ARN needs beside a name.

    Attributes:
        stack: the Pulumi stack, such as `dev`.
        partition: `aws`, `aws-cn`, …
        region: the region's code.
        account: 12 digits.
        permissions_boundary: the ARN of the policy beyond which no role that the stack makes may do anything; None
            without one.
        adopted_cluster: the name of an ECS cluster that exists and that the stack's services are in; None where the
            stack has its own.
    """

    stack: str
    partition: str
    region: str
    account: str
    permissions_boundary: str | None = None
    adopted_cluster: str | None = None

    @property
    def cluster(self) -> str:
        """The name of the ECS cluster of the stack's services; one of its own has its name."""
        return self.adopted_cluster or self.stack

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
