"""What holds for every test."""

import gc

import pytest
from process_environment import environment_stays

from tests.support.parts import REPOSITORY, WORKERS, balanced, recorded_seconds, with_seconds

__all__ = ["environment_stays"]

pytest_plugins = ["tests.support.progress"]


def pytest_collection_finish() -> None:
    """A fifth of the unit tests' time would be collecting what was loaded for all of them, as in the program itself."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 50)


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """The longest file first, so that no process ends long after the others.

    With `--dist loadgroup` each process has files that take as long as those of any other: with `loadfile` a file of
    one long test has another one behind it from the start, as xdist gives each process two tests at least.
    """
    seconds = recorded_seconds()
    items.sort(key=lambda item: -seconds.get(str(item.path.relative_to(REPOSITORY)), 0))
    if config.getoption("loadgroup", False):
        files = {str(item.path.relative_to(REPOSITORY)) for item in items}
        bins = balanced(with_seconds(files), WORKERS)
        number = {file: str(bin) for bin, its_files in enumerate(bins) for file in its_files}
        for item in items:
            item.add_marker(pytest.mark.xdist_group(number[str(item.path.relative_to(REPOSITORY))]))
