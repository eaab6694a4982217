"""The times of a run, as they are written down; and the table that says which test holds which promise."""

import ast
import re

from tests.support.parts import LIMIT, REPOSITORY, is_nightly, recorded_seconds
from tests.support.times import PAGE, ROW, cases_of, seconds_by_file, with_times

REPORT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest">
<testcase classname="tests.scenarios.test_a" name="test_x[one]" time="1.5"/>
<testcase classname="tests.scenarios.test_a" name="test_x[two]" time="2.0"/>
<testcase classname="tests.unit.test_b" name="test_y" time="0.25"><failure message="no"/></testcase>
</testsuite></testsuites>
"""


def test_the_times_of_a_report() -> None:
    cases = cases_of(REPORT)
    assert cases[0] == ("tests/scenarios/test_a.py", "test_x", 1.5)
    assert seconds_by_file(cases) == {"tests/scenarios/test_a.py": 3.5, "tests/unit/test_b.py": 0.25}


def test_a_row_takes_the_seconds_of_its_test() -> None:
    page = "| p | `test_x` | | `test_a` |\n| q | `test_z` | 7 | `test_a` |\n"
    assert with_times(page, {"test_x": 3.6}) == "| p | `test_x` | 4 | `test_a` |\n| q | `test_z` | 7 | `test_a` |\n"


def test_each_test_of_the_story_has_a_row_and_each_row_a_test() -> None:
    story = REPOSITORY / "tests/scenarios/test_promises.py"
    tests = [each.name for each in ast.parse(story.read_text()).body if isinstance(each, ast.FunctionDef)]
    assert not is_nightly(story)
    assert [found[2] for found in ROW.finditer(PAGE.read_text())] == [
        name for name in tests if name.startswith("test_")
    ]


def test_the_nightly_files_that_the_page_names_are_nightly_and_all_are_named() -> None:
    pages = set(re.findall(r"`(?:soak/)?(test_\w+)`", PAGE.read_text()))
    files = {
        file.stem
        for folder in ("scenarios", "soak")
        for file in (REPOSITORY / "tests" / folder).glob("test_*.py")
        if is_nightly(file)
    }
    assert files <= pages


def test_no_file_takes_longer_than_a_part() -> None:
    longest = 1.6 * LIMIT
    assert {file: seconds for file, seconds in recorded_seconds().items() if seconds > longest} == {}
