"""The nightly test files in parts of ten minutes, one for each day: `python -m tests.support.parts DAY` prints one."""

import itertools
import json
import re
import sys
from collections.abc import Mapping
from datetime import date
from pathlib import Path

REPOSITORY = Path(__file__).parents[2]
SECONDS_FILE = REPOSITORY / "tests/seconds.json"
"""Test file → seconds it takes beside others on two cores, of files that take long; `make test-times` writes it."""
LIMIT = 300
"""How many seconds a part may take by the recorded times; what is left of ten minutes is for a slower machine."""
WORKERS = 3
"""How many files run at once (the Makefile's `--numprocesses`)."""
NIGHTLY = re.compile(r"^pytestmark = pytest\.mark\.nightly$", re.MULTILINE)


def recorded_seconds() -> dict[str, float]:
    """Test file → seconds."""
    seconds: dict[str, float] = json.loads(SECONDS_FILE.read_text())
    return seconds


def is_nightly(file: Path) -> bool:
    """Whether all tests of a file are left out of `make test`."""
    return bool(NIGHTLY.search(file.read_text()))


def nightly_files() -> list[str]:
    """The files whose tests are left out of `make test`, as paths within the repository."""
    files = sorted((REPOSITORY / "tests").rglob("test_*.py"))
    return [str(file.relative_to(REPOSITORY)) for file in files if is_nightly(file)]


def balanced(seconds: Mapping[str, float], bins: int) -> list[list[str]]:
    """The files in this many bins: the longest file first, each into the bin that has least."""
    filled: list[list[str]] = [[] for _ in range(bins)]
    for file in sorted(seconds, key=lambda file: (-seconds[file], file)):
        min(filled, key=lambda bin: sum(seconds[each] for each in bin)).append(file)
    return filled


def parts(seconds: Mapping[str, float], limit: float = LIMIT, workers: int = WORKERS) -> list[list[str]]:
    """The fewest parts of which none takes longer than the limit; a file is never split.

    Args:
        seconds: file → how long it takes.
        limit: seconds that a part may take. A file that takes longer is alone with its worker.
        workers: how many files of a part run at once.
    """
    for count in range(1, len(seconds) + 1):
        bins = balanced(seconds, count * workers)
        if all(len(each) == 1 or sum(seconds[file] for file in each) <= limit for each in bins):
            return [sorted(itertools.chain(*bins[number::count])) for number in range(count)]
    raise ValueError("there are no files")


def part_of_day(day: int, seconds: Mapping[str, float]) -> tuple[int, list[list[str]]]:
    """The number of a day's part, from 0, and all parts."""
    every = parts(seconds)
    return day % len(every), every


def main() -> None:
    """Print the files of the part of a day, and to stderr which part that is. The day of the year is the argument, or today's."""
    day = int(sys.argv[1]) if len(sys.argv) > 1 else date.today().timetuple().tm_yday
    known = recorded_seconds()
    typical = sorted(known.values())[len(known) // 2]
    number, every = part_of_day(day, {file: known.get(file, typical) for file in nightly_files()})
    sys.stderr.write(f"Day {day}: part {number + 1} of {len(every)} of the nightly tests\n")
    sys.stdout.write(" ".join(every[number]) + "\n")


if __name__ == "__main__":
    main()
