"""Two things at once: work beside the test, and calls that stand still until the test lets them go."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from tests.soak.expected import Violation

SECONDS_TO_SETTLE = 240.0
PAUSE = 0.3
"""In seconds, between two looks: a look is work for the sandbox, which has other work."""
T = TypeVar("T")


class Running(Generic[T]):
    """Something that runs beside the test."""

    def __init__(self, work: Callable[[], T]) -> None:
        self._result: T | None = None
        self._error: BaseException | None = None

        def run() -> None:
            try:
                self._result = work()
            except BaseException as error:
                self._error = error

        self._thread = threading.Thread(target=run, daemon=True)
        self._thread.start()

    def over(self) -> bool:
        """Whether it has ended."""
        return not self._thread.is_alive()

    def error(self) -> BaseException | None:
        """Wait for its end; what it raised."""
        self._thread.join(SECONDS_TO_SETTLE)
        if self._thread.is_alive():
            raise Violation("never ends")
        return self._error

    def result(self) -> T:
        """Wait for its end, and raise what it raised."""
        error = self.error()
        if error:
            raise error
        return self._result  # type: ignore[return-value]


@dataclass(frozen=True)
class Call:
    """A call that a hold waits for.

    Attributes:
        operation: such as `ecs:UpdateService`.
        by: a part of the caller's ARN; "" is any.
        mentions: a part of the call's parameters; "" is any.
        after: whether it is held when it was done, and not before.
    """

    operation: str
    by: str = ""
    mentions: str = ""
    after: bool = False

    def __str__(self) -> str:
        mentioned = f" of {self.mentions}" if self.mentions else ""
        return f"{'after' if self.after else 'before'} {self.operation}{mentioned}"


@dataclass(frozen=True)
class Held:
    """A call that stands still at the sandbox's door.

    Attributes:
        control: the sandbox's own interface.
        number: the hold's.
    """

    control: Callable[..., Any]
    number: int

    def wait(self, over: Callable[[], bool]) -> bool:
        """Until the call is there, or what should make it is over; whether it is there."""
        while not self._there():
            if over():
                return self._there()
            time.sleep(PAUSE)
        return True

    def release(self, *, abort: bool = False) -> None:
        """Let the call go on, or end it with an error."""
        self.control("release", hold=self.number, abort=abort)

    def _there(self) -> bool:
        return bool(self.control("held", hold=self.number)["held"])
