"""Where AWS's documents leave two readings, which of the two this AWS follows."""

from __future__ import annotations

import os
from dataclasses import dataclass, fields, replace

VARIABLE = "SANDBOX_AWS"
AWKWARD = "awkward"
BY_NAME = frozenset({"refused_builds"})
"""Those that `awkward` leaves out, because no delivery ends by itself under them."""


@dataclass(frozen=True)
class Readings:
    """Each is the awkward reading of something; docs/aws-assumptions.md has what is known of it.

    Attributes:
        early_action: CodePipeline's ECS action ends when the new tasks run, before ECS has completed the deployment.
        hanging_action: that action goes on when ECS has given up a deployment, until its own timeout.
        late_roles: a role can be assumed ten seconds after it was made, and is refused by the services that something
            is made with it for; so are service-linked roles when an account first needs them.
        stale_services: the first answer after a change of a service is what it was before.
        late_uploads: S3 tells EventBridge of an object minutes later, twice, and not in the order of the uploads.
        queued_builds: a build waits a minute for a machine.
        platform_digests: of a task's image that is an index, DescribeTasks gives the digest of its platform's image.
        late_tags: a task resolves an image's tag when it starts, not once for its deployment.
        rolling_breaker: the circuit breaker does nothing to deployments that shift traffic.
        unstated_rollouts: DescribeServices gives no rolloutState of deployments that shift traffic.
        aborted_deployments: StopServiceDeployment takes ABORT, which leaves traffic and tasks as they are.
        sparse_logs: a log's end is on the second page that GetLogEvents answers with, and the first one is empty.
        refused_builds: a project's first two builds are refused for a quota. Not one of `awkward`: nobody but `delivery
            retry` goes on with a release then.
    """

    early_action: bool = False
    hanging_action: bool = False
    late_roles: bool = False
    stale_services: bool = False
    late_uploads: bool = False
    queued_builds: bool = False
    platform_digests: bool = False
    late_tags: bool = False
    rolling_breaker: bool = False
    unstated_rollouts: bool = False
    aborted_deployments: bool = False
    sparse_logs: bool = False
    refused_builds: bool = False


def chosen(text: str | None = None) -> Readings:
    """The readings that a text names, by default the variable `SANDBOX_AWS`: `awkward` is all but BY_NAME.

    Raises:
        ValueError: it names one that there is not.
    """
    text = os.environ.get(VARIABLE, "") if text is None else text
    names = [field.name for field in fields(Readings)]
    chosen_names = [name.strip() for name in text.split(",") if name.strip()]
    if unknown := [name for name in chosen_names if name not in (*names, AWKWARD)]:
        raise ValueError(f"{VARIABLE} names {unknown[0]}; there are {AWKWARD} and {', '.join(names)}")
    awkward = {*names} - BY_NAME if AWKWARD in chosen_names else set()
    return replace(Readings(), **{name: True for name in names if name in awkward or name in chosen_names})
