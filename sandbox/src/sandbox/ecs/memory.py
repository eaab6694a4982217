"""Which container of a task exceeds its memory, with ECS's reason."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sandbox.ecs.containers import Container
from sandbox.ecs.model import Json

KILLED = "OutOfMemoryError: Container killed due to memory usage"
"""https://docs.aws.amazon.com/AmazonECS/latest/developerguide/stopped-task-error-codes.html"""
_MEBIBYTE = 1024 * 1024


def over_limit(definition: Mapping[str, Any], containers: Mapping[str, Container]) -> str | None:
    """The container that the kernel would kill: one over its own hard limit, else the largest of a task over its."""
    limits = {each["name"]: each["memory"] for each in definition["containerDefinitions"] if each.get("memory")}
    total = str(definition.get("memory") or "")
    return _exceeding(limits, int(total) if total.isdigit() else None, containers)


def _exceeding(limits: Json, total: int | None, containers: Mapping[str, Container]) -> str | None:
    running = {name: each for name, each in containers.items() if each.exit_code is None}

    def reason(measure: Callable[[Container], int]) -> str | None:
        used = {name: measure(each) / _MEBIBYTE for name, each in running.items()}
        for name, size in used.items():
            if size > limits.get(name, size):
                return name
        return max(used, key=lambda name: used[name]) if total is not None and sum(used.values()) > total else None

    return reason(lambda each: each.memory()) and reason(lambda each: each.memory(exact=True))
