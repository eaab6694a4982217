"""Waiting for what changes a service, so that whoever comes next need not be started again."""

import os
import time
from collections.abc import Callable

import boto3

from releases.progress import Log, Progress
from releases.service_state import ServiceState, read_states

VARIABLE = "FARGATE_DELIVERY_WAIT"
"""Tells `pulumi up` for how many minutes it waits for what is in flight; without it, it does not."""
MINUTES = 60
"""That `delivery up --wait` waits for one service: longer than a release takes, even one that fails."""
PAUSE = 5.0
"""Seconds between two looks."""


def minutes() -> float:
    """For how long this process waits for what is in flight."""
    return float(os.environ.get(VARIABLE) or 0)


def wait_while_busy(
    session: boto3.Session,
    stack: str,
    state: ServiceState,
    busy: Callable[[ServiceState], bool],
    log_progress: Log,
    minutes: float,
) -> ServiceState | None:
    """Look at a service again and again while it is busy, and tell what it is waited for.

    Returns:
        The service when it is no longer busy, or after so many minutes; None when it is gone.
    """
    end, progress = time.monotonic() + minutes * 60, Progress(log_progress)
    while busy(state) and time.monotonic() <= end:
        progress.waits(f"{state.service}: waits for {state.in_flight or 'its pipeline'}")
        time.sleep(PAUSE)
        now = read_states(session, stack, [state.service]).get(state.service)
        if now is None:
            return None
        state = now
    return state
