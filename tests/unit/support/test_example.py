"""Which files are the team's own, that no test opens them by mistake, and that a copy of the program has none."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.example import EXAMPLE, ROOT, copy_parts, copy_program, is_own, own_files, reading_own_files


@pytest.mark.parametrize(
    ("path", "own"),
    [
        ("Pulumi.yaml", True),
        ("Pulumi.staging.yaml", True),
        ("Pulumi.pr-7.yaml", True),
        ("bootstrap/Pulumi.dev.yaml", True),
        ("bootstrap/Pulumi.yaml", False),
        ("deployments/Pulumi.settings.yaml", True),
        ("deployments/Pulumi.yaml", False),
        ("task_templates/web.json", True),
        ("task_templates/web.env", True),
        ("policy/PulumiPolicy.yaml", False),
        ("examples/own-program/Pulumi.yaml", False),
        ("tests/stacks/example/Pulumi.dev.yaml", False),
        ("../Pulumi.dev.yaml", False),
    ],
)
def test_what_is_the_team_s_own(path: str, own: bool) -> None:
    assert is_own(ROOT / path) is own


OPENERS: list[Callable[[Path, Path], object]] = [
    lambda file, _: file.read_text(),
    lambda file, _: os.open(file, os.O_RDONLY),
    lambda file, made: shutil.copy(file, made),
    lambda file, _: Path(os.path.relpath(file)).read_bytes(),
]


@pytest.mark.parametrize("opens", OPENERS)
def test_a_test_that_opens_one_fails(opens: Callable[[Path, Path], object], tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"Pulumi\.yaml is the team's own: read the one of tests/stacks/example"):
        opens(ROOT / "Pulumi.yaml", tmp_path)
    with reading_own_files():
        opens(ROOT / "Pulumi.yaml", tmp_path)


def test_a_copy_of_the_program_has_the_example_s_files(tmp_path: Path) -> None:
    copy_program(tmp_path)
    copy_parts(tmp_path, "bootstrap")
    copied = {file.relative_to(tmp_path): file.read_bytes() for file in tmp_path.rglob("*") if file.is_file()}
    example = {file.relative_to(EXAMPLE): file.read_bytes() for file in EXAMPLE.rglob("*") if file.is_file()}
    assert {path: copied[path] for path in copied if is_own(ROOT / path)} == example
    assert {Path("__main__.py"), Path("bootstrap/Pulumi.yaml"), Path("buildspecs/build.yaml")} <= copied.keys()


def test_the_team_s_own_files_are_listed() -> None:
    listed = own_files()
    assert ROOT / "Pulumi.yaml" in listed
    assert ROOT / "bootstrap/Pulumi.yaml" not in listed
    assert all(map(is_own, listed))
