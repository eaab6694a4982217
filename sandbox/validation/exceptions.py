"""Where a model says more than the service holds to."""

from __future__ import annotations

LENIENT: dict[tuple[str, str, str], str] = {}
"""(service, shape, what is not held to) to the reason with its source.

What is not held to is ``pattern``, ``length``, ``enum``, or the name of a required member.
"""
