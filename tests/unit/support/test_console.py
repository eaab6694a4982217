"""How the sessions of a page are read, and what they are held against."""

import os
from pathlib import Path

import pytest
import yaml

from tests.support.console import Edit, Step, fits, run, steps

PAGE = """\
Text.

```console
$ echo one
one
$ cat > a <<'END'
two
END
$ cat a
…
```

```
$ no session
```

```yaml
# a.yaml
config:
  b: {c: 1, d: [2]}
```

```yaml
config: {}
```

```console
$ true
```
"""


def test_the_steps_of_a_page() -> None:
    assert steps(PAGE) == [
        Step("echo one", ("one",)),
        Step("cat > a <<'END'\ntwo\nEND"),
        Step("cat a", ("…",)),
        Edit("a.yaml", {"config": {"b": {"c": 1, "d": [2]}}}),
        Step("true"),
    ]


def test_an_edit_puts_keys_into_a_file(tmp_path: Path) -> None:
    edit = Edit("a.yaml", {"config": {"b": {"c": 1, "d": [2]}}})
    edit.write(tmp_path)
    (tmp_path / "a.yaml").write_text("config: {b: {c: 0, d: [0, 0], e: 3}, f: 4}\n")
    edit.write(tmp_path)
    assert yaml.safe_load((tmp_path / "a.yaml").read_text()) == {"config": {"b": {"c": 1, "d": [2], "e": 3}, "f": 4}}


@pytest.mark.parametrize(
    ("printed", "output", "expected"),
    [
        ((), "", True),
        ((), "a\n", False),
        (("a",), "a\n", True),
        (("a",), "a", True),
        (("a",), "b\n", False),
        (("a … s",), "a 12.5 s\n", True),
        (("a … s",), "a\ns\n", False),
        (("…", "b"), "a\na\nb\n", True),
        (("…", "b"), "b\n", True),
        (("…", "b"), "a\n", False),
        (("a.c",), "abc\n", False),
        (("Sure? Only yes is yes: yes", "a"), "Sure? Only yes is yes: a\n", True),
        (("Sure? Only yes is yes: yes", "a"), "Sure? Only yes is yes: yes\na\n", False),
    ],
)
def test_what_is_printed_is_what_the_page_shows(printed: tuple[str, ...], output: str, expected: bool) -> None:
    assert fits(printed, output) is expected


def test_the_steps_are_typed(tmp_path: Path) -> None:
    for step in steps(PAGE):
        if isinstance(step, Step):
            run(step, tmp_path, os.environ)
    assert run(Step("echo two", ("3",)), tmp_path, os.environ, lambda text: text.replace("two", "3")) == "3\n"
    with pytest.raises(AssertionError, match="four"):
        run(Step("echo four", ("five",)), tmp_path, os.environ)
    with pytest.raises(AssertionError, match="oops"):
        run(Step("echo oops >&2; exit 3"), tmp_path, os.environ)


@pytest.mark.parametrize(("command", "terminal"), [("sandbox exec", True), ("delivery exec", True), ("exec", False)])
def test_a_shell_is_typed_at_a_terminal(tmp_path: Path, command: str, terminal: bool) -> None:
    shown = run(Step(f"test -t 0; echo $? # {command}", ("…",)), tmp_path, os.environ)
    assert shown == ("0\n" if terminal else "1\n")


def test_an_answer_is_typed_at_a_terminal(tmp_path: Path) -> None:
    asks = "test -t 0 && read -p 'Sure? Only yes is yes: ' answer && echo said $answer"
    step = Step(asks, ("Sure? Only yes is yes: yes", "said yes"))
    assert run(step, tmp_path, {"PATH": os.environ["PATH"]}) == "Sure? Only yes is yes: said yes\n"
