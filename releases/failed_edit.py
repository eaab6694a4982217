"""An edit that `up` has registered and that does not run, because its deployment has failed.

DescribeServices forgets a deployment once it has been rolled back; ListServiceDeployments keeps it (ECS API,
ServiceDeploymentBrief). Whether it is still declared is told by the revisions: when the edit is taken back, or mended,
`up` registers another one.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import boto3

from releases.ecs import active_revisions, describe_revision, fingerprint_in
from releases.errors import PROGRAM
from releases.failure import one_line
from releases.names import aws_name
from releases.service_deployments import LONGEST, described, listed_since, task_definitions
from releases.service_state import ServiceState, named_digest, revision_name

ENDS = {
    "ROLLBACK_SUCCESSFUL": "was rolled back",
    "ROLLBACK_FAILED": "failed, as did its rollback,",
    "STOPPED": "was stopped",
}
"""ECS's states of a service deployment that has ended without success, in words."""


@dataclass(frozen=True)
class FailedEdit:
    """What is declared and does not run.

    Attributes:
        what: it, with when and why, and what serves, in one line.
        mend: what to do, in one line.
    """

    what: str
    mend: str

    @property
    def words(self) -> str:
        """All of it."""
        return f"{self.what}; {self.mend}"


def failed_edit(session: boto3.Session, stack: str, state: ServiceState) -> FailedEdit | None:
    """A service's edit whose deployment has failed, and that was neither mended nor taken back since.

    None without one, and while something is in flight.

    Args:
        session: AWS.
        stack: the stack.
        state: the service as it is.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    if state.in_flight:
        return None
    return _of_template(stack, state) if state.controller.deploys_template else _of_ecs(session, stack, state)


def _of_template(stack: str, state: ServiceState) -> FailedEdit | None:
    """One that the pipeline has CodeDeploy deploy."""
    template = state.template
    if template is None or template.execution is None or template.running:
        return None
    return FailedEdit(
        f"the template that `up` wrote does not run, because execution {template.execution} {template.reason}; "
        f"{_serves(state)}",
        f"mend it and run `up` again, or try it once more with `{PROGRAM} redeploy {state.service} --stack {stack}`",
    )


def _of_ecs(session: boto3.Session, stack: str, state: ServiceState) -> FailedEdit | None:
    """One that `up` has had ECS deploy. The pipeline's releases name a digest, and their failures are its own."""
    ecs, repository = session.client("ecs"), aws_name(stack, state.service)
    after = datetime.now(UTC) - LONGEST
    listed = listed_since(ecs, state.cluster, state.name, after, list(ENDS))
    revisions = task_definitions(ecs, [each["targetServiceRevisionArn"] for each in listed])
    for failed in sorted(listed, key=lambda each: each["createdAt"].timestamp(), reverse=True):
        arn = revisions.get(failed["targetServiceRevisionArn"], "")
        definition = _known(ecs, arn) if arn else None
        if definition is None or named_digest(definition, repository) is not None:
            continue
        fingerprint = fingerprint_in(definition)
        if not fingerprint:
            continue
        if fingerprint == state.fingerprint or _is_replaced(ecs, arn, fingerprint, repository):
            return None
        reason = one_line(described(ecs, failed["serviceDeploymentArn"]).reason) or "ECS gives no reason"
        ended = failed.get("finishedAt") or failed["createdAt"]
        return FailedEdit(
            f"revision {_number(arn)}, which `up` registered, {ENDS[failed['status']]} at "
            f"{ended.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}: {reason.rstrip('.')}; {_serves(state)}",
            "mend it and run `up` again, or take it back",
        )
    return None


def _known(ecs: Any, arn: str) -> Mapping[str, Any] | None:
    """A revision; None when it was deleted."""
    try:
        return describe_revision(ecs, arn)
    except ecs.exceptions.ClientException:
        return None


def _is_replaced(ecs: Any, arn: str, fingerprint: str, repository: str) -> bool:
    """Whether `up` has registered another template since."""
    family = revision_name(arn).rpartition(":")[0]
    newer = sorted((each for each in active_revisions(ecs, family) if _number(each) > _number(arn)), key=_number)
    return any(each != fingerprint for each in _registered_by_up(ecs, newer, repository))


def _registered_by_up(ecs: Any, arns: Collection[str], repository: str) -> Iterator[str]:
    """The templates of those revisions that are none of the pipeline's."""
    for definition in (describe_revision(ecs, arn) for arn in arns):
        if named_digest(definition, repository) is None:
            yield fingerprint_in(definition)


def _serves(state: ServiceState) -> str:
    return f"revision {_number(state.task_definition)} serves"


def _number(arn: str) -> int:
    return int(arn.rpartition(":")[2])
