"""Images that go from one stack to another: what is read, by whom, and how the steps are told.

Functions without resources.
"""

from collections.abc import Sequence

from components.iam import delivery_policies
from components.iam.policies import Statement
from components.pipeline.sources import Source
from components.scope import Scope
from releases.names import aws_name, function_of_steps


def setting(source: Source, scope: Scope, service: str) -> str:
    """Whose images a service may take over, as `pipeline_steps.package.promotion` reads it; "" where none."""
    return " ".join((source.promote_from.stack, *_place(source, scope, service))) if source.promote_from else ""


def permissions(source: Source, scope: Scope, service: str) -> list[Statement]:
    """What taking them over needs beside what copies into the service's own repository."""
    if source.promote_from is None:
        return []
    account, region, repository = _place(source, scope, service)
    return delivery_policies.fetch_promoted(f"arn:{scope.partition}:ecr:{region}:{account}:repository/{repository}")


def readers(source: Source, scope: Scope, service: str) -> Sequence[str]:
    """The roles of other accounts that take over a service's images: those of the steps there."""
    return [
        f"arn:{scope.partition}:iam::{reader.account}:role/{function_of_steps(aws_name(reader.stack, service))}"
        for reader in source.promote_to
    ]


def _place(source: Source, scope: Scope, service: str) -> tuple[str, str, str]:
    """Account, Region and name of the repository that images are taken over from."""
    assert source.promote_from is not None
    promoted = source.promote_from
    return promoted.account or scope.account, promoted.region or scope.region, aws_name(promoted.stack, service)
