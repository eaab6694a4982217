"""The state that each service keeps for an account, by its class."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, TypeVar, cast

Part = TypeVar("Part")


class Parts:
    """One object of each class, made at its first use."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._parts: dict[Any, Any] = {}

    def of(self, kind: Callable[[], Part]) -> Part:
        """The account's object of this class."""
        with self._lock:
            if kind not in self._parts:
                self._parts[kind] = kind()
            return cast(Part, self._parts[kind])
