"""What holds for every test."""

import pytest
from process_environment import environment_stays

from tests.support.example import refuse_own_files
from tests.support.parts import REPOSITORY, recorded_seconds

__all__ = ["environment_stays"]

pytest_plugins = ["tests.support.progress"]
refuse_own_files()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest file first, so that no process ends long after the others."""
    seconds = recorded_seconds()
    items.sort(key=lambda item: -seconds.get(str(item.path.relative_to(REPOSITORY)), 0))
