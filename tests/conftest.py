"""What holds for every test."""

import os
from collections.abc import Iterator

import pytest

from tests.support.parts import REPOSITORY, recorded_seconds

pytest_plugins = ["tests.support.progress"]

os.environ.setdefault("SANDBOX_PATIENCE", "200")
"""The tests' apps crash early or never; what tells one that crashes late is tested with a patience of its own."""

os.environ["SANDBOX_IMAGES"] = "stand-in"
"""No test asks a registry but one that it serves itself."""


@pytest.fixture(scope="module", autouse=True)
def _environment_stays() -> Iterator[None]:
    """The tests of a worker share one process: what one leaves in `os.environ` decides what another's clients reach."""
    before = _own()
    yield
    left = {name for name, _ in _own() ^ before}
    assert left == set(), f"left in the environment: {sorted(left)}"


def _own() -> set[tuple[str, str]]:
    """The variables without those that pytest sets."""
    return {(name, value) for name, value in os.environ.items() if not name.startswith("PYTEST_")}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, so that no process ends long after the others."""
    seconds = recorded_seconds()
    items.sort(key=lambda item: -seconds.get(str(item.path.relative_to(REPOSITORY)), 0))
