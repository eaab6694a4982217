"""How the traffic of a deployment shifted, from what AWS keeps of it.

ECS keeps no history of weights: it tells when a deployment began, went back and ended, and which share its new tasks
have now (ECS API, ServiceDeployment). What lies between follows from the deployment's configuration and from the lives
of its tasks. CodeDeploy tells when it began and ended to allow traffic (CodeDeploy API, LifecycleEvent).
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from delivery.page.facts import Share, TaskRun

Plan = Sequence[tuple[float, float]]
"""Shares in per cent, and for how many minutes each stays."""


def plan_of(configuration: Mapping[str, Any]) -> Plan:
    """The steps of ECS's strategy, the last one with the bake time.

    Args:
        configuration: a deployment's; ECS fills in what was left out (API, CanaryConfiguration, LinearConfiguration).
    """
    bake = float(configuration.get("bakeTimeInMinutes") or 0)
    if canary := configuration.get("canaryConfiguration"):
        return [(float(canary["canaryPercent"]), float(canary["canaryBakeTimeInMinutes"])), (100.0, bake)]
    if linear := configuration.get("linearConfiguration"):
        percent, minutes = float(linear["stepPercent"]), float(linear["stepBakeTimeInMinutes"])
        return [*((share, minutes) for share in _below_all(percent)), (100.0, bake)]
    return [(100.0, bake)]


def of_completed(plan: Plan, ready: datetime, cleaned: datetime) -> list[Share]:
    """The shares of a deployment that has succeeded: its plan's steps end when the old tasks go.

    Args:
        plan: its steps.
        ready: when its last task ran, before which nothing shifts.
        cleaned: when the first old task was stopped.
    """
    planned, given = timedelta(minutes=sum(minutes for _, minutes in plan)), cleaned - ready
    pace = min(1.0, given / planned) if planned else 0.0
    return _steps(plan, max(ready, cleaned - planned), pace)


def of_interrupted(plan: Plan, ready: datetime | None, back: datetime) -> list[Share]:
    """The shares of a deployment that went back.

    Args:
        plan: its steps.
        ready: when its last task ran; None when not all have.
        back: when it went back.
    """
    if ready is None or ready >= back:
        return []
    return [*(share for share in _steps(plan, ready, 1.0) if share.at < back), Share(back, 0.0)]


def of_tasks(runs: Iterable[TaskRun]) -> list[Share]:
    """The shares in a rolling update: those that new tasks are of all that run."""
    listed = list(runs)
    moments = sorted({moment for run in listed for moment in (run.started, run.ended) if moment is not None})
    shares = list[Share]()
    for moment in moments:
        running = [run for run in listed if run.started <= moment and (run.ended is None or run.ended > moment)]
        percent = 100.0 * sum(run.new for run in running) / len(running) if running else 0.0
        if percent != (shares[-1].percent if shares else 0.0):
            shares.append(Share(moment, percent))
    return shares


def of_code_deploy(routing: Mapping[str, Any], began: datetime, ended: datetime | None) -> list[Share]:
    """The shares while CodeDeploy allows traffic.

    Args:
        routing: a deployment configuration's `trafficRoutingConfig`.
        began: when AllowTraffic began.
        ended: when it ended; None while it goes on.
    """
    if canary := routing.get("timeBasedCanary"):
        first = [(float(canary["canaryPercentage"]), float(canary["canaryInterval"]))]
    elif linear := routing.get("timeBasedLinear"):
        percent, minutes = float(linear["linearPercentage"]), float(linear["linearInterval"])
        first = [(share, minutes) for share in _below_all(percent)]
    else:
        first = []
    if ended is None:
        return _steps(first or [(100.0, 0.0)], began, 1.0)[:1]
    planned = timedelta(minutes=sum(minutes for _, minutes in first))
    return _steps([*first, (100.0, 0.0)], began, min(1.0, (ended - began) / planned) if planned else 0.0)


def _steps(plan: Plan, began: datetime, pace: float) -> list[Share]:
    shares, at = list[Share](), began
    for percent, minutes in plan:
        shares.append(Share(at, percent))
        at += timedelta(minutes=minutes) * pace
    return shares


def _below_all(step: float) -> list[float]:
    """The shares of a linear shift before its last one."""
    return [round(step * number, 1) for number in range(1, 101) if step * number < 100]
