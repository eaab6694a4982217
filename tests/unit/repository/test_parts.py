"""Which tests run when: `make test`, and for each day a part of the others."""

from collections import Counter
from pathlib import Path

import pytest

from tests.support.parts import REPOSITORY, WORKERS, balanced, is_nightly, nightly_files, part_of_day, parts
from tests.support.progress import progress_line

SLOW_FOLDERS = ("scenarios", "soak")


def slow_files() -> list[str]:
    """Every file of scenarios."""
    files = [file for folder in SLOW_FOLDERS for file in (REPOSITORY / "tests" / folder).glob("test_*.py")]
    return sorted(str(file.relative_to(REPOSITORY)) for file in files)


def test_each_file_of_scenarios_is_in_make_test_or_in_the_part_of_one_day() -> None:
    nightly = nightly_files()
    _, every = part_of_day(1, dict.fromkeys(nightly, 100.0))
    days = Counter(
        file for number in range(len(every)) for file in every[part_of_day(number, dict.fromkeys(nightly, 100.0))[0]]
    )
    assert set(days.values()) == {1}
    fast = {file for file in slow_files() if not is_nightly(REPOSITORY / file)}
    assert sorted([*days, *fast]) == sorted({*nightly, *slow_files()})
    assert fast & days.keys() == set()
    assert fast, "make test has scenarios"


def test_the_marker_is_for_whole_files() -> None:
    marker = "mark." + "nightly"
    used = {
        str(file.relative_to(REPOSITORY)): file.read_text().count(marker)
        for file in (REPOSITORY / "tests").rglob("*.py")
    }
    del used["tests/support/parts.py"]
    assert {file: count for file, count in used.items() if count} == dict.fromkeys(nightly_files(), 1)


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        ({"a": 400, "b": 300, "c": 200, "d": 100}, [["a", "b", "c", "d"]]),
        ({"a": 500, "b": 300, "c": 300, "d": 300, "e": 300, "f": 300, "g": 10}, [["a", "c", "e"], ["b", "d", "f", "g"]]),
        ({"a": 9000, "b": 1}, [["a", "b"]]),
    ],
)  # fmt: skip
def test_the_fewest_parts_that_fit(seconds: dict[str, float], expected: list[list[str]]) -> None:
    made = parts(seconds, limit=500, workers=3)
    assert sorted(sorted(part) for part in made) == expected


def test_a_file_is_in_the_bin_that_has_least() -> None:
    assert balanced({"a": 5, "b": 4, "c": 3, "d": 3}, 2) == [["a", "d"], ["b", "c"]]


def test_the_makefile_runs_as_many_at_once() -> None:
    assert f"--numprocesses {WORKERS} " in Path(REPOSITORY, "Makefile").read_text()


@pytest.mark.parametrize(
    ("done", "total", "seconds", "running", "line"),
    [
        (0, 0, 3.2, [], "collecting, 0 min 03 s"),
        (1930, 4580, 200, ["tests/unit/test_a.py::test_b"], " 42 % of 4580, 3 min 20 s: test_a::test_b"),
        (9, 9, 61, [], "100 % of 9, 1 min 01 s"),
    ],
)  # fmt: skip
def test_the_line_of_progress(done: int, total: int, seconds: float, running: list[str], line: str) -> None:
    assert progress_line(done, total, seconds, running) == line
