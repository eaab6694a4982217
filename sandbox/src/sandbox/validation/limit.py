"""A row of the tables of what services refuse."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Limit:
    """One thing that a service refuses.

    Attributes:
        operations: names of the operations that refuse it, all of ``service``.
        path: where the value is: members by name, ``[]`` for each item of a list; the whole request where empty.
        refused: what is wrong with a value, to be filled into ``message`` as ``{wrong}``; None where nothing is.
        code: the service's error code.
        message: the service's message, with ``{value}`` and ``{wrong}``.
        source: where this is documented or was seen.
    """

    service: str
    operations: tuple[str, ...]
    path: str
    refused: Callable[[Any], str | None]
    code: str
    message: str
    source: str
