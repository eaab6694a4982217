"""Records of the server's decisions and events, for debugging and tests."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class DecisionRecord:
    """One decision, as ``GET /_sandbox/decisions`` shows it. ``policy`` and ``statement`` decided it."""

    time: str
    principal: str
    call: str
    action: str
    resource: str
    context: dict[str, Any]
    allowed: bool
    reason: str
    policy: str | None
    statement: str | None

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Undelivered:
    """An event that matched a rule and did not reach a target."""

    event: dict[str, Any]
    rule: str
    target: str
    error: str

    def json(self) -> dict[str, Any]:
        """As a JSON object."""
        return asdict(self)
