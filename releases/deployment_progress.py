"""How far a deployment is, in words."""

import math
from collections.abc import Sequence
from datetime import datetime

from releases.controllers.controller import Deployment
from releases.service_deployments import ServiceDeployment

END = {"pause": "and then it goes back", "bake": "and then the old tasks go", "step": "until more of it shifts"}
"""What comes after each kind of waiting."""


def task_words(listed: Sequence[Deployment], desired: int = 0) -> str:
    """How many tasks of the primary deployment run, and how many old ones, of the deployments before it.

    Args:
        listed: a service's deployments, the primary one first.
        desired: how many tasks the service wants, where its deployments may not say it.
    """
    primary, *others = listed
    failed = f", {primary.failed} failed" if primary.failed else ""
    before = sum(other.tasks for other in others)
    old = f"; {before} old" if before else ""
    return f"{primary.running} of {max(primary.wanted, desired)} tasks run{failed}{old}"


def shift_words(deployment: ServiceDeployment, now: datetime) -> str:
    """How far ECS is with shifting the traffic."""
    left = minutes_left(deployment, now)
    waits = f"; {left} min left of its {deployment.waits_in}, {END[deployment.waits_in]}" if left is not None else ""
    back = ", and it goes back" if deployment.goes_back else ""
    where = deployment.stage or deployment.status
    return f"{where}: its new tasks have {deployment.share:g} % of the traffic{waits}{back}"


def minutes_left(deployment: ServiceDeployment, now: datetime) -> int | None:
    """How long it waits in its pause, bake or step; None when it waits in none."""
    if deployment.until is None:
        return None
    return max(0, math.ceil((deployment.until - now).total_seconds() / 60))
