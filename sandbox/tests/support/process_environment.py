"""The environment of a process that runs tests against the sandbox, for the `conftest.py` of such tests."""

import os
from collections.abc import Iterator

import pytest

os.environ.setdefault("SANDBOX_PATIENCE", "200")
"""The tests' apps crash early or never; what tells one that crashes late is tested with a patience of its own."""

os.environ["SANDBOX_IMAGES"] = "stand-in"
"""No test asks a registry but one that it serves itself."""


@pytest.fixture(scope="module", autouse=True)
def environment_stays() -> Iterator[None]:
    """The tests of a worker share one process: what one leaves in `os.environ` decides what another's clients reach."""
    before = _variables()
    yield
    left = {name for name, _ in _variables() ^ before}
    assert left == set(), f"left in the environment: {sorted(left)}"


def _variables() -> set[tuple[str, str]]:
    """The variables without those that pytest sets."""
    return {(name, value) for name, value in os.environ.items() if not name.startswith("PYTEST_")}
