"""The answer of a service outside of AWS."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """An HTTP answer; `retry_after` in seconds."""

    status: int
    text: str
    retry_after: int | None = None
