"""Somebody at the terminal, who is asked."""

from collections.abc import Callable
from types import SimpleNamespace

import pytest


def somebody(monkeypatch: pytest.MonkeyPatch, answers: Callable[..., bool]) -> None:
    """Standard input is a terminal, and a question is answered so."""
    monkeypatch.setattr("delivery.output.confirmation.sys", SimpleNamespace(stdin=SimpleNamespace(isatty=lambda: True)))
    monkeypatch.setattr("delivery.output.confirmation.click.confirm", answers)
