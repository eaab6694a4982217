"""Looking again and again."""

import re

import click
import pytest

from delivery.output import terminal


def watched(monkeypatch: pytest.MonkeyPatch, tty: bool, *looks: list[str]) -> None:
    """Watch until there is nothing more to see."""
    left = iter(looks)

    def look() -> list[str]:
        try:
            return next(left)
        except StopIteration:
            raise KeyboardInterrupt from None

    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    monkeypatch.setattr("time.sleep", lambda _: None)
    with pytest.raises(KeyboardInterrupt):
        terminal.watch(look)


def test_other_output_than_a_terminal_gets_what_is_new(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    watched(monkeypatch, False, ["a", "b"], ["a", "b"], ["a", "c"])
    lines = capsys.readouterr().out.splitlines()
    assert [line.split(" ", 1)[1] for line in lines] == ["a", "b", "c"]
    assert all(re.fullmatch(r"\d\d:\d\d:\d\d \w", line) for line in lines)


def test_a_terminal_is_drawn_anew(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("click.clear", lambda: click.echo("CLEAR"))
    watched(monkeypatch, True, ["a"], ["a"])
    lines = capsys.readouterr().out.splitlines()
    assert lines[:3] == ["CLEAR", "a", ""]
    assert lines[3].endswith(", again every 5 s until Ctrl-C")
    assert lines.count("a") == 2


@pytest.mark.parametrize(("tty", "columns"), [(False, None), (True, 70)])
def test_the_width(monkeypatch: pytest.MonkeyPatch, tty: bool, columns: int | None) -> None:
    monkeypatch.setattr("sys.stdout.isatty", lambda: tty, raising=False)
    monkeypatch.setenv("COLUMNS", "70")
    assert terminal.width() == columns


@pytest.mark.parametrize("err", [False, True])
def test_a_closed_output_has_no_columns(err: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """As Python has it after `>&-`."""
    monkeypatch.setattr("sys.stderr" if err else "sys.stdout", None)
    assert terminal.width(err=err) is None
    terminal.StatusLine(err=err).show("half")
