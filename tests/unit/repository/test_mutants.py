"""Each way of breaking the contract still fits the program; `make mutants` runs them."""

import shutil
from pathlib import Path

import pytest

from tests.soak.mutants import MUTANTS, Edit, StaleError, break_contract

ROOT = Path(__file__).parents[3]


@pytest.mark.parametrize("name", MUTANTS)
def test_a_break_fits_the_program(tmp_path: Path, name: str) -> None:
    files = {edit.file for edit in MUTANTS[name]}
    for file in files:
        (tmp_path / file).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / file, tmp_path / file)
    break_contract(tmp_path, name)
    for file in files:
        broken = (tmp_path / file).read_text("utf-8")
        assert broken != (ROOT / file).read_text("utf-8")
        compile(broken, file, "exec")


@pytest.mark.parametrize("text", ["", "old old"])
def test_a_break_that_does_not_fit_is_an_error(tmp_path: Path, text: str) -> None:
    (tmp_path / "program.py").write_text(text)
    with pytest.raises(StaleError, match=r"program\.py has \d times: old"):
        Edit("program.py", "old", "new").apply(tmp_path)
