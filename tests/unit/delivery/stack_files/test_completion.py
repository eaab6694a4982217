"""What a shell completes, in the shells that are installed here."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from click.shell_completion import ShellComplete

from delivery.__main__ import main

PROJECT = "name: fargate-delivery\nruntime: python\n"
COMMON = "config:\n  fargate-delivery:common:\n    value: {services: {mailer: {}}}\n"
DEV = "config:\n  fargate-delivery:services:\n    chuoi: {}\n    chat: {}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the stacks dev and prd."""
    (tmp_path / "Pulumi.yaml").write_text(PROJECT + COMMON)
    (tmp_path / "Pulumi.dev.yaml").write_text(DEV)
    (tmp_path / "Pulumi.prd.yaml").write_text("config: {}\n")
    monkeypatch.chdir(tmp_path)
    for name in ("DELIVERY_STACK", "PULUMI_STACK"):
        monkeypatch.delenv(name, raising=False)
    return tmp_path


def completed(*words: str) -> list[str]:
    *before, last = words
    items = ShellComplete(main, {}, "delivery", "_DELIVERY_COMPLETE").get_completions(before, last)
    return [item.value for item in items]


@pytest.mark.usefixtures("folder")
@pytest.mark.parametrize(
    ("words", "found"),
    [
        (("hist",), ["history"]),
        (("status", "--stack", ""), ["dev", "prd"]),
        (("status", "--stack", "p"), ["prd"]),
        (("status", "--stack", "dev", ""), ["chat", "chuoi", "mailer"]),
        (("rollback", "--stack", "dev", "ch"), ["chat", "chuoi"]),
        (("promote", "--from", "dev", "--to", "prd", ""), ["mailer"]),
        (("status", "ch"), []),
        (("completion", "z"), ["zsh"]),
    ],
)
def test_what_is_completed(words: tuple[str, ...], found: list[str]) -> None:
    assert completed(*words) == found


@pytest.mark.usefixtures("folder")
def test_the_stack_may_be_remembered(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DELIVERY_STACK", "dev")
    assert completed("status", "cha") == ["chat"]


@pytest.mark.parametrize("stack", ["none", "broken"])
def test_nothing_is_completed_where_nothing_can_be_read(folder: Path, stack: str) -> None:
    (folder / "Pulumi.broken.yaml").write_text("config: [")
    assert completed("status", "--stack", stack, "") == []


BASH = 'eval "$(delivery completion bash)"; COMP_WORDS=(delivery status --stack dev cha); COMP_CWORD=4; _delivery_completion delivery cha; echo "${COMPREPLY[*]}"'
ZSH = 'compdef() { true }; compadd() { print -r -- ${completions[*]} }; eval "$(delivery completion zsh)"; words=(delivery status --stack dev cha); CURRENT=5; _delivery_completion'
FISH = 'delivery completion fish | source; complete --do-complete "delivery status --stack dev cha"'


@pytest.mark.parametrize(
    ("shell", "options", "script"),
    [("bash", ["--norc", "-c"], BASH), ("zsh", ["-fc"], ZSH), ("fish", ["--no-config", "-c"], FISH)],
)
def test_in_the_shell_itself(folder: Path, shell: str, options: list[str], script: str) -> None:
    if (program := shutil.which(shell)) is None:
        pytest.skip(f"{shell} is not installed")
    variables = {**os.environ, "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}"}
    done = subprocess.run(
        [program, *options, script], capture_output=True, text=True, cwd=folder, env=variables, check=True
    )
    assert (done.stdout.split(), done.stderr) == (["chat"], "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_of_all_shells(shell: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "delivery", "completion", shell],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[4],
    )
    assert f"_DELIVERY_COMPLETE={shell}_complete" in done.stdout
