"""How long the tests take: `python -m tests.support.times REPORT` writes a run's times into tests/seconds.json and tests/README.md.

The report is a JUnit file of pytest's; what it does not have keeps its time.
"""

import ast
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from xml.etree import ElementTree

from tests.support.parts import REPOSITORY, SECONDS_FILE, is_nightly, recorded_seconds

PAGE = REPOSITORY / "tests/README.md"
LEAST = 10
"""Files that take fewer seconds are not listed."""
ROW = re.compile(r"^(\| .+ \| `(test_\w+)` \| )[^|]*(\| .+ \|)$", re.MULTILINE)
"""A promise, the test that `make test` has for it, that test's seconds, and the nightly files."""
TABLE = re.compile(r"(?<=<!-- files -->\n).*?(?=<!-- end of files -->)", re.DOTALL)

Case = tuple[str, str, float]
"""A test's file, its name without parameters, and its seconds."""


def cases_of(report: str) -> list[Case]:
    """The tests of a JUnit report."""
    found = []
    for case in ElementTree.fromstring(report).iter("testcase"):  # noqa: S314 - pytest's own file
        file = f"{case.attrib['classname'].replace('.', '/')}.py"
        found.append((file, case.attrib["name"].partition("[")[0], float(case.attrib["time"])))
    return found


def seconds_by_file(cases: Iterable[Case]) -> dict[str, float]:
    """Test file → seconds of all its tests."""
    total: Counter[str] = Counter()
    for file, _, seconds in cases:
        total[file] += seconds  # type: ignore[assignment]
    return dict(total)


def with_times(page: str, tests: Mapping[str, float]) -> str:
    """The page with the seconds of the tests in its table of promises."""

    def row(found: re.Match[str]) -> str:
        return f"{found[1]}{tests[found[2]]:.0f} {found[3]}" if found[2] in tests else found[0]

    return ROW.sub(row, page)


def table_of_files(seconds: Mapping[str, float]) -> str:
    """The files that take long, each with when it runs and what it is about."""
    rows = ["| file | s | runs | |", "|---|---|---|---|"]
    for file in sorted(seconds, key=lambda file: -seconds[file]):
        about = (ast.get_docstring(ast.parse((REPOSITORY / file).read_text())) or "").partition("\n")[0]
        when = "nightly" if is_nightly(REPOSITORY / file) else "`make test`"
        rows.append(f"| `{file.removeprefix('tests/')}` | {seconds[file]:.0f} | {when} | {about.replace('|', '/')} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    """Write the times of a run that is over."""
    cases = cases_of(Path(sys.argv[1]).read_text())
    known = {**recorded_seconds(), **seconds_by_file(cases)}
    long = {file: round(each) for file, each in known.items() if each >= LEAST and (REPOSITORY / file).is_file()}
    long = dict(sorted(long.items(), key=lambda item: -item[1]))
    SECONDS_FILE.write_text(json.dumps(long, indent=2) + "\n")
    tests: Counter[str] = Counter()
    for file, name, seconds in cases:
        if file.endswith("/test_promises.py"):
            tests[name] += seconds  # type: ignore[assignment]
    page = with_times(PAGE.read_text(), tests)
    PAGE.write_text(TABLE.sub(lambda _: table_of_files(long), page))


if __name__ == "__main__":
    main()
