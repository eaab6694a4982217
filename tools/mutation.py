"""`make mutation SAMPLE=200 SEED=1` breaks functions, one at a time, and runs the unit tests that reach them.

mutmut makes the mutants. Those that no test notices, the survivors, are printed.
"""

import argparse
import contextlib
import functools
import io
import itertools
import os
import random
import re
import shutil
import sys
from collections import Counter
from collections.abc import Container, Iterable, Mapping
from datetime import date
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORK = ROOT / ".tools/mutation"  # mutmut's working folder; `mutants/` in it is the mutated repository
SOURCES = ("components", "config", "delivery", "pipeline_steps", "releases")
PAGE = ROOT / "tests/README.md"
SCORE_LINE = re.compile(r"(?<=<!-- mutation -->\n).*?(?=<!-- end of mutation -->)", re.DOTALL)
LEAST_PERCENT = 85
SECONDS_OF_TESTS = 60  # of one mutant's tests together, as measured without a mutant
SECONDS_OF_A_MUTANT = 600  # of processor time, and twice as many as pass on the clock; then it counts as killed
SHARED_FIXTURE = re.compile(r"\b(?:committed: Mapping|dev: Recorder)")
KILLED = {"killed", "timeout", "segfault"}


def spread_sample(names: Iterable[str], size: int, seed: int) -> list[str]:
    """Mutants (`package.module.x_function__mutmut_3`) that the seed chooses, from each module in proportion."""
    names = sorted(names)
    shuffled = random.Random(seed).sample(names, len(names))  # noqa: S311 - no secret
    ordered = sorted(shuffled, key=lambda name: name.rpartition(".")[0])
    size = min(size, len(ordered))
    return [ordered[number * len(ordered) // size] for number in range(size)]


def file_of(test: str) -> str:
    """The file of a test, by its node id."""
    return test.partition("::")[0]


def reaching_tests(known: Iterable[str], every: Iterable[str], sharing: Container[str]) -> set[str]:
    """The tests that reach a function; of those that share what a fixture made, mutmut knows the first only.

    Args:
        known: the tests that mutmut knows to reach it. A fixture may be shared by all tests of their files.
        every: all tests.
        sharing: the files whose tests share a fixture of the session.
    """
    files = {file_of(test) for test in known}
    shared = any(file in sharing for file in files)
    return {test for test in every if file_of(test) in files or (shared and file_of(test) in sharing)}


def chosen_tests(module: str, seconds: Mapping[str, float], limit: float = SECONDS_OF_TESTS) -> list[str]:
    """The tests that fit the limit in seconds, at least one: the quickest of each file, the second of each, and so on.

    Those of the module's folder (`tests/unit/components/iam` for `components.iam.roles`) come before the others.
    """
    folder = f"tests/unit/{module.rpartition('.')[0].replace('.', '/')}/"
    place: Counter[str] = Counter()  # how many of a file's tests are quicker
    order = {}
    for test in sorted(seconds, key=lambda test: (seconds[test], test)):
        order[test] = (not test.startswith(folder), place[file_of(test)], seconds[test])
        place[file_of(test)] += 1
    tests = sorted(order, key=lambda test: order[test])
    fitting = sum(total <= limit for total in itertools.accumulate(seconds[test] for test in tests))
    return tests[: max(fitting, 1)]


def score_line(killed: int, tried: int, total: int, seed: int, day: date) -> str:
    """What tests/README.md says of a run."""
    command = f"`make mutation SAMPLE={tried} SEED={seed}`"
    return (
        f"On {day} {command} killed {killed} of {tried} mutants, of {total:,} that there are: {killed / tried:.1%}.\n"
    )


@functools.cache
def files_that_share() -> frozenset[str]:
    """The test files that ask for the program of a committed stack file, which is run once in a session."""
    files = (ROOT / "tests/unit").rglob("test_*.py")
    return frozenset(str(file.relative_to(ROOT)) for file in files if SHARED_FIXTURE.search(file.read_text("utf-8")))


def copy_repository() -> None:
    """Lay out mutmut's working folder anew: a copy of the repository, with links to what mutmut reads."""
    shutil.rmtree(WORK, ignore_errors=True)
    shutil.copytree(ROOT, WORK / "mutants", ignore=shutil.ignore_patterns(".*", "__pycache__"))
    for link in (*SOURCES, "tests", "pyproject.toml", "mutants/.venv", "mutants/.tools"):
        (WORK / link).symlink_to(ROOT / Path(link).name)


def run(size: int, seed: int) -> tuple[int, int, int]:
    """Try mutants: how many were killed, how many were tried, and how many there are."""
    copy_repository()
    os.chdir(WORK)  # mutmut reads its settings there as soon as it is imported
    from mutmut import __main__ as mutmut

    mutmut.setup_source_paths()
    print("Mutants are generated", flush=True)
    with contextlib.redirect_stdout(io.StringIO()):
        mutmut.create_mutants(os.cpu_count() or 1)
    files = {name: file for file, name, _ in mutmut.collect_source_file_mutation_data(mutant_names=())[0]}
    names = spread_sample(files, size, seed)
    print(f"{len(files)} mutants; now the unit tests without one, and which functions they reach", flush=True)
    runner = mutmut.get_mutant_runner(1)
    mutmut.set_mutant_under_test("stats")
    if runner.collect_stats([]) != 0:
        sys.exit("The unit tests fail without any mutant.")
    mutmut.save_stats()
    mutmut.set_mutant_under_test("")
    runner.startup()
    killed = sum(is_killed(mutmut, runner, files[name], name, f"{n}/{len(names)}") for n, name in enumerate(names, 1))
    return killed, len(names), len(files)


def is_killed(mutmut: Any, runner: Any, file: Any, name: str, number: str) -> bool:
    """Whether the tests notice a mutant; prints a line, and the difference where they do not."""
    known = mutmut.state().tests_by_mangled_function_name[mutmut.mangled_name_from_mutant_name(name)]
    durations = mutmut.state().duration_by_test
    seconds = {test: durations[test] for test in reaching_tests(known, durations, files_that_share())}
    status = "no tests"
    if chosen := chosen_tests(name.rpartition(".")[0], seconds):
        runner.submit(name, chosen, SECONDS_OF_A_MUTANT, 0)
        status = mutmut.status_by_exit_code[runner.wait_for_result().exit_code]
    print(f"{number} {status}: {name}", flush=True)
    if status not in KILLED:
        print(mutmut.get_diff_for_mutant(name, path=file.path), flush=True)
    return status in KILLED


def main() -> None:
    """Exit status: 0 when enough mutants were killed, 1 when not."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sample", type=int, default=200, help="how many mutants are tried")
    parser.add_argument("--seed", type=int, default=1, help="which ones")
    parser.add_argument("--write", action="store_true", help="write the score into tests/README.md")
    options = parser.parse_args()
    killed, tried, total = run(options.sample, options.seed)
    line = score_line(killed, tried, total, options.seed, date.today())
    print(line, end="")
    if options.write:
        PAGE.write_text(SCORE_LINE.sub(lambda _: line, PAGE.read_text()))
    sys.exit(100 * killed < LEAST_PERCENT * tried)


if __name__ == "__main__":
    main()
