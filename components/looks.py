"""What the program asks AWS before it declares anything."""

from collections.abc import Iterator
from contextlib import contextmanager

import pulumi
from botocore.exceptions import BotoCoreError, ClientError

from releases.errors import explained


@contextmanager
def looking_at(what: str) -> Iterator[None]:
    """Calls of AWS that only read.

    Args:
        what: they look at, to follow "the program looks at".

    Raises:
        pulumi.RunError: AWS refuses; one line says what, and what to do next.
    """
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise pulumi.RunError(f"the program looks at {what}: {explained(error)}") from None
