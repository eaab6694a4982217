"""Which mutants of a sample are tried, with which tests, and what the page says of a run; `make mutation` runs them."""

import tomllib
from collections import Counter
from datetime import date

import pytest

from tests.support.parts import REPOSITORY
from tools.mutation import (
    PAGE,
    SCORE_LINE,
    SOURCES,
    chosen_tests,
    files_that_share,
    reaching_tests,
    score_line,
    spread_sample,
)

NAMES = [f"{module}.x_f__mutmut_{n}" for module, many in (("a.b", 60), ("a.c", 30), ("d.e", 10)) for n in range(many)]


@pytest.mark.parametrize(
    ("size", "counts"), [(10, {"a.b": 6, "a.c": 3, "d.e": 1}), (100, {"a.b": 60, "a.c": 30, "d.e": 10})]
)
def test_each_module_has_its_share_of_a_sample(size: int, counts: dict[str, int]) -> None:
    sample = spread_sample(NAMES, size, seed=1)
    assert Counter(name.rpartition(".")[0] for name in sample) == counts
    assert len(set(sample)) == size


def test_the_seed_alone_chooses() -> None:
    assert spread_sample(NAMES, 10, seed=1) == spread_sample(reversed(NAMES), 10, seed=1)
    assert spread_sample(NAMES, 10, seed=1) != spread_sample(NAMES, 10, seed=2)


def test_a_sample_is_no_larger_than_what_there_is() -> None:
    assert sorted(spread_sample(NAMES, 1000, seed=1)) == sorted(NAMES)


NEAR, FAR = "tests/unit/config/rules/test_a.py", "tests/unit/program/test_b.py"


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({}, []),
        ({f"{FAR}::x": 1, f"{NEAR}::slow": 4, f"{NEAR}::quick": 2}, [f"{NEAR}::quick", f"{NEAR}::slow", f"{FAR}::x"]),
        ({f"{FAR}::x": 1, f"{NEAR}::slow": 8, f"{NEAR}::quick": 2}, [f"{NEAR}::quick", f"{NEAR}::slow"]),
        ({f"{FAR}::x": 1, f"{NEAR}::slow": 11}, [f"{NEAR}::slow"]),
        ({f"{FAR}::x": 1, f"{FAR}::y": 2, "tests/unit/test_c.py::z": 3}, [f"{FAR}::x", "tests/unit/test_c.py::z", f"{FAR}::y"]),
        ({f"{FAR}::x": 10, f"{FAR}::y": 0.5}, [f"{FAR}::y"]),
    ],
    ids=["none", "the nearest first", "up to the limit", "one at least", "one of each file first", "the quickest first"],
)  # fmt: skip
def test_the_tests_of_a_mutant(seconds: dict[str, float], chosen: list[str]) -> None:
    assert chosen_tests("config.rules.names", seconds, limit=10) == chosen


@pytest.mark.parametrize(
    ("known", "reaching"),
    [
        (set(), set()),
        ({"a.py::x"}, {"a.py::x", "a.py::y"}),
        ({"b.py::x"}, {"b.py::x", "c.py::x"}),
        ({"a.py::y", "c.py::x"}, {"a.py::x", "a.py::y", "b.py::x", "c.py::x"}),
    ],
    ids=["none", "a fixture of the file", "a fixture of the session", "both"],
)
def test_who_shares_a_fixture_reaches_what_the_first_test_does(known: set[str], reaching: set[str]) -> None:
    assert reaching_tests(known, ["a.py::x", "a.py::y", "b.py::x", "c.py::x", "d.py::x"], {"b.py", "c.py"}) == reaching


def test_the_files_that_share_the_program() -> None:
    assert {"tests/unit/program/test_program.py", "tests/unit/bootstrap/test_access_policies.py"} <= files_that_share()
    assert "tests/unit/config/test_limits.py" not in files_that_share()


def test_the_page_says_how_many_were_killed() -> None:
    line = score_line(183, 200, 12345, seed=7, day=date(2026, 11, 30))
    assert (
        line
        == "On 2026-11-30 `make mutation SAMPLE=200 SEED=7` killed 183 of 200 mutants, of 12,345 that there are: 91.5%.\n"
    )
    assert len(SCORE_LINE.findall(PAGE.read_text())) == 1


def test_mutmut_has_the_same_folders() -> None:
    settings = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())
    assert sorted(settings["tool"]["mutmut"]["source_paths"]) == sorted(SOURCES)
    assert not {"mutation"} & set(settings["tool"]["uv"]["default-groups"]), "only `make mutation` installs it"
