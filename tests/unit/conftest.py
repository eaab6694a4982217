"""The program under mocks, on the example's stack files."""

from collections.abc import Iterator

import pytest
from mocked import committed, deploy, dev

from bootstrap import account_file
from config import settings
from tests.support.example import EXAMPLE

__all__ = ["committed", "deploy", "dev"]


@pytest.fixture(scope="session", autouse=True)
def example() -> Iterator[None]:
    """The program reads the example's files, wherever a test runs it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(settings, "ROOT", EXAMPLE)
        patch.setattr(settings, "TEMPLATES", EXAMPLE / "task_templates")
        patch.setattr(account_file, "FOLDER", EXAMPLE / "bootstrap")
        yield
