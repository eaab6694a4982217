"""Which mutants of a sample are tried, with which tests, and what the page says of a run; `make mutation` runs them."""

import tomllib
from collections import Counter
from datetime import date

import pytest

from tests.support.parts import REPOSITORY
from tools.mutation import PAGE, SCORE_LINE, SOURCES, chosen_tests, score_line, spread_sample

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


@pytest.mark.parametrize(
    ("seconds", "chosen"),
    [
        ({}, []),
        ({"tests/unit/program/x": 1, "tests/unit/config/slow": 4, "tests/unit/config/quick": 2}, ["tests/unit/config/quick", "tests/unit/config/slow", "tests/unit/program/x"]),
        ({"tests/unit/program/x": 1, "tests/unit/config/slow": 8, "tests/unit/config/quick": 2}, ["tests/unit/config/quick", "tests/unit/config/slow"]),
        ({"tests/unit/config_files/x": 1, "tests/unit/config/slow": 11}, ["tests/unit/config/slow"]),
        ({"tests/unit/program/x": 10, "tests/unit/program/y": 0.5}, ["tests/unit/program/y"]),
    ],
)  # fmt: skip
def test_the_tests_of_a_mutant(seconds: dict[str, float], chosen: list[str]) -> None:
    assert chosen_tests("config.settings", seconds, limit=10) == chosen


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
