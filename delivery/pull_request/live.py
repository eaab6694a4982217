"""What AWS says of the services that a preview changes."""

from collections.abc import Callable

import boto3

from delivery.pull_request.preview import Preview
from delivery.pull_request.report import Live
from releases.errors import EXPECTED, explained
from releases.service_state import read_states


def read_live(connect: Callable[[], boto3.Session], stack: str, preview: Preview) -> Live | None:
    """Which release each service has; without an answer, why there is none: a preview is worth reading without it too.

    Args:
        connect: makes AWS's session.
        stack: the stack's name.
        preview: what Pulumi says.

    Returns:
        None where there is nothing to ask.
    """
    services = sorted({change.service for change in preview.changes if change.service})
    if preview.errors or not services:
        return None
    try:
        states = read_states(connect(), stack, services)
        for state in states.values():
            state.check_record()
    except EXPECTED as error:
        return Live({}, explained(error))
    return Live(states)
