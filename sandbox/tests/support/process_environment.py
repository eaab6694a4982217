"""The environment of a process that runs tests against the sandbox, for the `conftest.py` of such tests."""

import functools
import gc
import os
import sys
from collections.abc import Iterator

import botocore.session
import pytest

os.environ.setdefault("SANDBOX_PATIENCE", "200")
"""The tests' apps crash early or never; what tells one that crashes late is tested with a patience of its own."""

os.environ["SANDBOX_IMAGES"] = "stand-in"
"""No test asks a registry but one that it serves itself."""

os.environ["MOTO_EC2_LOAD_DEFAULT_AMIS"] = "false"
"""Nothing here starts instances, and moto makes up 1,300 images with volumes and snapshots for each account of each test."""

sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
"""Each worker and each process that a test starts would compile all modules anew, which takes it seconds."""

gc.set_threshold(50_000, 20, 20)
"""With Python's own thresholds a third of a mocked program's time is the collector's."""

botocore.session.create_loader = functools.cache(botocore.session.create_loader)
"""All sessions share the descriptions of AWS's services, as they would within one; reading EC2's takes 0.2 s."""


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
