"""Parses a Dockerfile: instructions with flags, heredocs and variables, grouped into stages."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

INSTRUCTIONS = {
    *("ADD", "ARG", "CMD", "COPY", "ENTRYPOINT", "ENV", "EXPOSE", "FROM", "HEALTHCHECK", "LABEL"),
    *("RUN", "SHELL", "STOPSIGNAL", "USER", "VOLUME", "WORKDIR"),
}
NOT_SUPPORTED = {"ONBUILD", "MAINTAINER"}
WITH_HEREDOC = {"RUN", "COPY", "ADD"}
HEREDOC = re.compile(r"(?<!<)<<(?P<strip>-?)(?P<quote>['\"]?)(?P<name>[A-Za-z_][\w.]*)(?P=quote)(?=\s|$|[;|&>)])")
VARIABLE = re.compile(r"\$(?:(?P<plain>[A-Za-z_]\w*)|\{(?P<name>[A-Za-z_]\w*)(?P<rest>(?:[^{}]|\{[^{}]*\})*)\})")


class DockerfileError(Exception):
    """What is wrong in a Dockerfile, with its line (0: the file as a whole)."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(f"dockerfile parse error on line {line}: {message}" if line else message)
        self.line = line


@dataclass(frozen=True)
class Heredoc:
    name: str
    text: str
    literal: bool


@dataclass(frozen=True)
class Instruction:
    """One instruction. `rest` is what follows its flags, not yet expanded."""

    line: int
    last_line: int
    name: str
    flags: tuple[tuple[str, str], ...]
    rest: str
    heredocs: tuple[Heredoc, ...] = ()
    escape: str = "\\"

    @property
    def exec_form(self) -> list[str] | None:
        """The words of a JSON array; None for the shell form."""
        try:
            words = json.loads(self.rest)
        except ValueError:
            return None
        if isinstance(words, list) and all(isinstance(word, str) for word in words):
            return words
        return None

    @property
    def text(self) -> str:
        """The instruction as it is written, on one line."""
        flags = (f"--{name}={value}" if value else f"--{name}" for name, value in self.flags)
        return " ".join([self.name, *flags, self.rest])

    @property
    def origins(self) -> list[str]:
        """The stages or images that COPY --from and RUN --mount=from= name."""
        mounts = (value.split(",") for name, value in self.flags if name == "mount")
        from_mounts = [part.removeprefix("from=") for parts in mounts for part in parts if part.startswith("from=")]
        return [*from_mounts, *(value for name, value in self.flags if name == "from")]

    def flag(self, name: str, default: str = "") -> str:
        return dict(self.flags).get(name, default)

    def only_flags(self, *allowed: str) -> None:
        """Raise DockerfileError for a flag that is not in `allowed`."""
        for name, _ in self.flags:
            if name not in allowed:
                raise DockerfileError(self.line, f"{self.name}: the flag --{name} is not supported")

    def words(self, variables: Mapping[str, str]) -> list[str]:
        """The expanded words of the exec or the shell form."""
        raw = self.exec_form
        if raw is None:
            raw = list(split_words(self.rest, self.escape))
        return [self.expand(word, variables) for word in raw]

    def pairs(self, variables: Mapping[str, str]) -> dict[str, str]:
        """The `key=value …` of ENV and LABEL, or the old form `key value`."""
        words = list(split_words(self.rest, self.escape))
        if words and "=" not in words[0]:
            key, _, value = self.rest.partition(" ")
            if not value.strip():
                raise DockerfileError(self.line, f"{self.name} must have two arguments")
            return {self.expand(key, variables): self.expand(value.strip(), variables)}
        pairs = {}
        for word in words:
            key, equals, value = word.partition("=")
            if not equals:
                raise DockerfileError(
                    self.line, f"Syntax error - can't find = in {word!r}. Must be of the form: name=value"
                )
            pairs[self.expand(key, variables)] = self.expand(value, variables)
        return pairs

    def expand(self, word: str, variables: Mapping[str, str]) -> str:
        """A word with its variables replaced and its quotes removed."""
        try:
            return expand(word, variables, self.escape)
        except ValueError as error:
            raise DockerfileError(self.line, str(error)) from error

    def expand_text(self, text: str, variables: Mapping[str, str]) -> str:
        """A heredoc's text with its variables replaced; quotes stay."""
        try:
            return VARIABLE.sub(lambda match: _variable(match, variables, self.escape), text)
        except ValueError as error:
            raise DockerfileError(self.line, str(error)) from error


@dataclass
class Stage:
    """A FROM and what follows it. `base` and `platform` are not yet expanded."""

    index: int
    line: int
    base: str
    name: str
    platform: str = ""
    instructions: list[Instruction] = field(default_factory=list)


@dataclass(frozen=True)
class Dockerfile:
    """A parsed Dockerfile: the ARGs before the first FROM, and the stages."""

    arguments: list[Instruction]
    stages: list[Stage]
    lines: list[str]


def parse(text: str) -> Dockerfile:
    """Parse a Dockerfile; raises DockerfileError."""
    arguments: list[Instruction] = []
    stages: list[Stage] = []
    for instruction in instructions(text):
        if instruction.name == "FROM":
            stages.append(_stage(instruction, len(stages)))
        elif stages:
            stages[-1].instructions.append(instruction)
        elif instruction.name == "ARG":
            arguments.append(instruction)
        else:
            raise DockerfileError(instruction.line, "no build stage in current context")
    if not stages:
        raise DockerfileError(0, "the Dockerfile has no build stage (no FROM)")
    return Dockerfile(arguments, stages, text.splitlines())


def instructions(text: str) -> Iterator[Instruction]:
    """The instructions of a Dockerfile in their order."""
    lines = text.splitlines()
    escape = _escape_directive(lines)
    position = 0
    while position < len(lines):
        if _is_comment(lines[position]) or not lines[position].strip():
            position += 1
            continue
        first = position
        logical, position = _logical_line(lines, position, escape)
        name, _, rest = logical.strip().partition(" ")
        if "\t" in name:
            name, _, rest = logical.strip().partition("\t")
        name = name.upper()
        if name in NOT_SUPPORTED:
            raise DockerfileError(first + 1, f"{name} is not supported")
        if name not in INSTRUCTIONS:
            raise DockerfileError(first + 1, f"unknown instruction: {name}")
        heredocs: list[Heredoc] = []
        if name in WITH_HEREDOC:
            for match in HEREDOC.finditer(rest):
                heredoc, position = _heredoc(lines, position, match, first)
                heredocs.append(heredoc)
        flags, rest = _flags(rest.strip())
        if not rest:
            raise DockerfileError(first + 1, f"{name} requires at least one argument")
        yield Instruction(first + 1, position, name, flags, rest, tuple(heredocs), escape)


def expand(word: str, variables: Mapping[str, str], escape: str = "\\") -> str:
    """Replace `$x`, `${x}`, `${x:-default}`, `${x:+other}`, `${x:?message}` and remove quotes.

    Raises ValueError for a form that Docker does not know either.
    """
    parts: list[str] = []
    position, quote = 0, ""
    while position < len(word):
        char = word[position]
        if quote == "'":
            quote = "" if char == "'" else quote
            parts.append("" if char == "'" else char)
        elif char == escape and position + 1 < len(word):
            following = word[position + 1]
            backslash = char if quote == '"' and following not in ('"', "$", escape) else ""
            parts.append(backslash + following)
            position += 1
        elif char == quote:
            quote = ""
        elif char in "'\"" and not quote:
            quote = char
        elif char == "$" and (match := VARIABLE.match(word, position)):
            parts.append(_variable(match, variables, escape))
            position = match.end() - 1
        elif word.startswith("${", position):
            raise ValueError(f"failed to process {word!r}: unsupported variable form")
        else:
            parts.append(char)
        position += 1
    if quote:
        raise ValueError(f"failed to process {word!r}: unexpected end of statement while looking for matching {quote}")
    return "".join(parts)


def split_words(text: str, escape: str = "\\") -> Iterator[str]:
    """Split at white space outside of quotes; quotes and escapes are kept."""
    word, quote, position = "", "", 0
    while position < len(text):
        char = text[position]
        if char == escape and quote != "'" and position + 1 < len(text):
            word += char + text[position + 1]
            position += 1
        elif quote:
            word += char
            quote = "" if char == quote else quote
        elif char.isspace():
            if word:
                yield word
            word = ""
        else:
            word += char
            quote = char if char in "'\"" else ""
        position += 1
    if word:
        yield word


def _variable(match: re.Match[str], variables: Mapping[str, str], escape: str) -> str:
    name, rest = match["plain"] or match["name"], match["rest"] or ""
    value = variables.get(name)
    if not rest:
        return value or ""
    operator = re.match(r":?[-+?]", rest)
    if operator is None:
        raise ValueError(f"unsupported modifier ({rest}) in substitution")
    word = expand(rest[operator.end() :], variables, escape)
    present = value is not None and (value != "" or not operator[0].startswith(":"))
    kind = operator[0][-1]
    if kind == "+":
        return word if present else ""
    if present:
        return value or ""
    if kind == "?":
        raise ValueError(f"{name}: {word or 'not allowed to be unset'}")
    return word


def _stage(instruction: Instruction, index: int) -> Stage:
    words = list(split_words(instruction.rest))
    instruction.only_flags("platform")
    if len(words) == 3 and words[1].upper() == "AS":
        return Stage(index, instruction.line, words[0], words[2].lower(), instruction.flag("platform"))
    if len(words) != 1:
        raise DockerfileError(instruction.line, "FROM requires either one or three arguments")
    return Stage(index, instruction.line, words[0], "", instruction.flag("platform"))


def _escape_directive(lines: list[str]) -> str:
    for line in lines:
        match = re.fullmatch(r"#\s*(\w+)\s*=\s*(.*?)\s*", line)
        if match is None:
            break
        if match[1].lower() == "escape":
            return match[2]
    return "\\"


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _logical_line(lines: list[str], position: int, escape: str) -> tuple[str, int]:
    """The line at `position` with its continuations, and the position after them."""
    text = ""
    started = False
    while position < len(lines):
        line = lines[position]
        position += 1
        if started and (_is_comment(line) or not line.strip()):
            continue
        started = True
        stripped = line.rstrip()
        if not stripped.endswith(escape):
            return text + line, position
        text += stripped[: -len(escape)]
    return text, position


def _heredoc(lines: list[str], position: int, match: re.Match[str], first: int) -> tuple[Heredoc, int]:
    body: list[str] = []
    while position < len(lines):
        line = lines[position].lstrip("\t") if match["strip"] else lines[position]
        position += 1
        if line == match["name"]:
            text = "".join(f"{entry}\n" for entry in body)
            return Heredoc(match["name"], text, bool(match["quote"])), position
        body.append(line)
    raise DockerfileError(first + 1, f"unterminated heredoc {match['name']}")


def _flags(rest: str) -> tuple[tuple[tuple[str, str], ...], str]:
    flags: list[tuple[str, str]] = []
    while match := re.match(r"--([a-z][a-z-]*)(?:=((?:\"[^\"]*\"|\S)*))?(?:\s+|$)", rest):
        flags.append((match[1], (match[2] or "").strip('"')))
        rest = rest[match.end() :]
    return tuple(flags), rest
