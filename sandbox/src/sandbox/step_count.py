"""How far an operation of the engine is: resources that are done, of those that it knows of."""

import time
from typing import Any

SECONDS_OF_A_REMARK = 20.0
"""After which what a resource waits for is no longer news."""


class StepCount:
    """Counts the resources of one operation.

    Args:
        operation: such as `up`.
    """

    def __init__(self, operation: str) -> None:
        self._operation = operation
        self._declared, self._read = 0, 0
        self._begun, self._done = set[str](), set[str]()
        self._remark, self._since = "", 0.0

    def declare(self, _: Any) -> None:
        """The program declares a resource, maybe long before the engine hears of it, since it waits for its inputs."""
        self._declared += 1

    def begin(self, urn: str) -> None:
        """The engine begins with a resource; a replaced one has several beginnings."""
        self._begun.add(urn)

    def end(self, urn: str) -> None:
        """It is done with one, whether something has changed or not."""
        self._done.add(urn)

    def read(self) -> None:
        """It has read one anew, before the operation itself."""
        self._read += 1

    def remark(self, text: str) -> None:
        """The program or a provider says what a resource waits for."""
        self._remark, self._since = text, time.monotonic()

    def __str__(self) -> str:
        if self._begun:
            done = f"{len(self._done)} of {max(self._declared, len(self._begun))} resources"
        elif self._read:
            done = f"{self._read} resources read"
        else:
            done = "the program starts"
        fresh = self._remark and time.monotonic() < self._since + SECONDS_OF_A_REMARK
        return f"  {self._operation}: {done}{f'; {self._remark}' if fresh else ''}"
