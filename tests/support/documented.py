"""The commands that documents tell somebody to type, and the forms that they have.

A form is a command without what differs from one place to the next: `delivery rollback … --to` is program, verb, a `…` for
each argument, and its options by name. Left out are which stack it is, that nobody is asked, and how `aws` prints.
"""

import functools
import re
import shlex
from collections.abc import Iterator, Sequence
from pathlib import Path

import click

from delivery.__main__ import main as delivery
from sandbox.cli import WHERE
from sandbox.cli import main as sandbox

ROOT = Path(__file__).parents[2]
PAGES = ("*.md", "docs/**/*.md", "sandbox/*.md", "tests/README.md", "examples/**/*.md")
GROUPS = {"delivery": delivery, "sandbox": sandbox}
VERBS = {"aws": 2, "docker": 2, "gh": 1, "git": 1, "pulumi": 1, "terraform": 1}
"""How many words of a command line are its verb."""
GROUPS_OF_PULUMI = ("config", "stack", "state")
"""Whose verb is a word longer."""
PROGRAMS = (*GROUPS, *VERBS, "curl", "make", "python")
RECORDS = re.compile(r"docs/(aws-assumptions\.md|open\.md|decisions/)")
"""What is checked by hand, was tried, or is not there: commands of other programs are no instructions there."""
LOOKS = re.compile(
    r"delivery (completion|cost|diff|history|live|logs|open|page|parameters (diff|list)|preview-report|render|status|validate|verify)\b"
)
"""What changes nothing, and needs no more than a stack."""
FAILED = "--failed"
"""Looks at what there is after a failure only."""
NUMBERS = {"COUNT", "DAY", "MINUTES", "SAMPLE", "SEED"}
"""How much of it `make` is to do."""
LEFT_OUT = {"delivery": {"--stack", "--yes"}, "aws": {"--output", "--query"}}
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
IN_WORDS = re.compile(r"`([^`]+)`")
INDENTED = re.compile(r"^ {4,}(\S.*)$", re.MULTILINE)
INNER = re.compile(r"\$\(((?:[^()]|\([^()]*\))*)\)")
PREFIX = re.compile(r"[A-Za-z_]+=.*|eval|export|until|timeout|--preserve-status|--signal=INT|\d+")
"""What may stand before a command."""
SESSION = "console"


def pages() -> list[Path]:
    """All documents."""
    return sorted({page for pattern in PAGES for page in ROOT.glob(pattern)})


@functools.cache
def commands() -> dict[str, tuple[str, ...]]:
    """Each command that a document or a `--help` of the sandbox's has, as it is written, → where; sessions apart."""
    found: dict[str, list[str]] = {}
    texts = [(page.relative_to(ROOT).as_posix(), page.read_text("utf-8")) for page in pages()]
    helps = [(f"sandbox {name} --help", _help(name)) for name in WHERE]
    for where, text in [*texts, *helps]:
        for command in dict.fromkeys(of_page(text)):
            if RECORDS.match(where) and command.split()[0] not in (*GROUPS, "make"):
                continue
            found.setdefault(command, []).append(where)
    return {command: tuple(where) for command, where in found.items()}


def _help(name: str) -> str:
    command = sandbox.get_command(click.Context(sandbox), name)
    text = (command.help if command else "") or ""
    return re.sub(r"^.*Example: *", "\n\n    ", text, flags=re.MULTILINE)


def of_page(text: str) -> Iterator[str]:
    """Those of one page, a pipe's and a list's one by one."""
    text = text.replace("\\\n", " ")
    blocks = FENCE.findall(text)
    words = FENCE.sub("\n\n", text)
    lines = [
        re.sub(r"(?<=\S) {3,}[^-\s].*", "", line)  # a remark
        for kind, block in blocks
        if kind != SESSION
        for line in block.splitlines()
    ]
    examples = [example for line in lines if (example := re.search(r"(?:Example: +)(.+)$", line.strip()))]
    spans = [" ".join(each.split()) for paragraph in words.split("\n\n") for each in IN_WORDS.findall(paragraph)]
    for each in [*lines, *(example[1] for example in examples), *INDENTED.findall(words), *spans]:
        for command in simple(each.strip().removeprefix("$ ")):
            if command[0] in PROGRAMS and "VERB" not in command:
                yield shlex.join(command)


def simple(line: str) -> Iterator[list[str]]:
    """The commands of a line of the shell, without their variables and redirections, each in words."""
    line = re.sub(r"<([a-z]+)>", r"\1", line)
    lexer = shlex.shlex(line, posix=True, punctuation_chars="();<>|&")
    lexer.commenters = ""
    lexer.whitespace_split = True
    try:
        tokens = list(lexer)
    except ValueError:  # an apostrophe of a sentence's
        return
    command: list[str] = []
    for token in [*tokens, ";"]:
        if token.startswith("#") or not set(token) - set("();|&"):
            yield from _trimmed(command)
            command = []
            if token.startswith("#"):
                return
        else:
            yield from (inner for text in INNER.findall(token) for inner in simple(text))
            command.append(token)


def _trimmed(words: list[str]) -> Iterator[list[str]]:
    while words and PREFIX.fullmatch(words[0]):
        words = words[1:]
    cut = next((at for at, word in enumerate(words) if set(word) <= set("<>")), len(words))
    words = [word for word in words[:cut] if word != "$"]
    if len(words) > 1:
        program = words[0].rpartition("/")[2]
        yield [program, *words[1:]]


def form(command: str) -> str:
    """Program, verb, arguments and options, as the module says."""
    program, *words = shlex.split(command)
    if program == "make":
        return " ".join([program, *sorted({word.partition("=")[0] for word in words} - NUMBERS)])
    if program == "python":
        return " ".join([program, *words[: 1 + (words[0] == "-m")]])
    options: dict[str, click.Option] = {}
    if program in GROUPS:
        verb, words, options = _verb_of_click(program, words)
        if program == "sandbox" and verb[0] in delivery.commands and verb[0] not in WHERE:
            program = "delivery"
    else:
        count = VERBS.get(program, 0) + (words[0] in GROUPS_OF_PULUMI)
        count = next((at for at, word in enumerate(words[:count]) if word.startswith("-")), count)
        verb, words = words[:count], words[count:]
    arguments, names = _sorted(words, options)
    return " ".join(
        [program, *verb, *["…"] * len(arguments), *sorted(set(names) - LEFT_OUT.get(program, LEFT_OUT["delivery"]))]
    )


def _command(program: str, verb: Sequence[str]) -> click.Command | None:
    """What the command line has of that name; the program's own command where the sandbox hands all words to it."""
    found: click.Command | None = GROUPS[program]
    for word in verb:
        found = found.get_command(click.Context(found), word) if isinstance(found, click.Group) else None
    if found is not None and found.context_settings.get("ignore_unknown_options"):
        return _command("delivery", verb)
    return found


def _verb_of_click(program: str, words: Sequence[str]) -> tuple[list[str], list[str], dict[str, click.Option]]:
    count = 1
    while count < len(words) and isinstance(_command(program, words[:count]), click.Group):
        count += 1
    found = _command(program, words[:count])
    parameters = found.params if found else []
    options = {name: each for each in parameters if isinstance(each, click.Option) for name in each.opts}
    return list(words[:count]), list(words[count:]), options


def _sorted(words: list[str], options: dict[str, click.Option]) -> tuple[list[str], list[str]]:
    """Arguments, and options by name; the value of an option is neither."""
    arguments, names, rest = [], [], list(words)
    while rest:
        word = rest.pop(0)
        if word == "--":
            arguments.append("--")  # whatever is behind it
            break
        if not word.startswith("-") or word == "-":
            arguments.append(word)
            continue
        name = word.partition("=")[0]
        names.append(name)
        takes = not options[name].is_flag if name in options else bool(rest) and not options and rest[0][:1] != "-"
        if takes and "=" not in word and rest:
            rest.pop(0)
    return arguments, names


def is_name(command: str) -> bool:
    """Whether that only names a verb, as `delivery rollback --to` does: what is typed has its arguments, too."""
    program, *words = shlex.split(command)
    if program in ("make", "python"):
        return False
    if program not in GROUPS:
        return "…" not in form(command) and " -" not in form(command)
    verb, _, _ = _verb_of_click(program, words)
    found = _command(program, verb)
    if found is None or isinstance(found, click.Group):
        return True
    needs = sum(each.required for each in found.params if isinstance(each, click.Argument))
    options = [each.opts for each in found.params if isinstance(each, click.Option) and each.required]
    return form(command).count("…") < needs or any(
        not set(names) & {*words, *LEFT_OUT["delivery"]} for names in options
    )


def looks(command: str) -> bool:
    """Whether a command is run as it is written, for whatever stack there is."""
    found = form(command)
    return (
        command.startswith("delivery ")
        and LOOKS.match(found) is not None
        and not is_name(command)
        and FAILED not in found
    )
