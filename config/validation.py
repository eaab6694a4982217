"""All that is wrong with a stack file in one go, though a mistake in one place leaves others half known."""

import copy
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from components.suggestions import path_in_file
from config.error_messages import format_error
from config.layers import NAMESPACE
from config.lines import Line, StackLines
from config.stack_file import Stack

MAX_ROUNDS = 20
"""Of taking away what is wrong; each takes away something, and a path has fewer parts than this."""

Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Validated:
    """What could be read.

    Attributes:
        stack: the configuration without what is wrong in it; None where too much is.
        problems: what is wrong, one key by itself.
        doubtful: places that something was taken away from, as key paths: what is said of them could be wrong.
    """

    stack: Stack | None
    problems: list[str]
    doubtful: frozenset[str]

    def sure(self, problem: str) -> bool:
        """Whether a problem that shows between keys has nothing to do with what was taken away."""
        path = problem.partition(": ")[0]
        return not any(_within(path, place) or _within(place, path) for place in self.doubtful)


def _within(path: str, place: str) -> bool:
    return path == place or path.startswith((f"{place}.", f"{place}["))


def validate(raw: Mapping[str, Any]) -> Validated:
    """Check a configuration, and go on without the parts that do not fit."""
    rest, problems, doubtful = copy.deepcopy(dict(raw)), list[str](), set[str]()
    for _ in range(MAX_ROUNDS):
        try:
            return Validated(Stack.model_validate(rest), problems, frozenset(doubtful))
        except ValidationError as error:
            errors = error.errors(include_url=False)
        problems = problems or [format_error(each, Stack) for each in errors]
        for place in {_wrong_part(each) for each in errors}:
            if not place:
                return Validated(None, problems, frozenset(doubtful))
            doubtful |= _affected(place)
            _remove(rest, place)
    return Validated(None, problems, frozenset(doubtful))


def _wrong_part(error: Any) -> Place:
    """What makes the error go; a list as a whole, so that its other items keep their numbers."""
    place: list[str | int] = [part for part in path_in_file(Stack, error["loc"]) if part != "[key]"]
    if error["type"] == "missing":
        place.pop()
    numbers = [index for index, part in enumerate(place) if isinstance(part, int)]
    return tuple(place[: numbers[0]] if numbers else place)


def _affected(place: Place) -> set[str]:
    if place[0] != "services" or len(place) == 1:
        of_secrets = {"notifications": {"slack_webhook", "commit_token"}, "services": {"secrets"}}
        return {str(place[0]), *of_secrets.get(str(place[0]), set())}
    return {f"services.{place[1]}", f"secrets.{place[1]}"}


def _remove(rest: dict[str, Any], place: Place) -> None:
    at: Any = rest
    for part in place[:-1]:
        at = at.get(part) if isinstance(at, dict) else None
    if isinstance(at, dict):
        at.pop(place[-1], None)


def check_plain_text(given: Mapping[str, Any], is_secret: Callable[[str], bool], lines: StackLines) -> Iterator[str]:
    """Secrets that somebody has written without `--secret`; their values are never shown.

    Args:
        given: the keys that hold secrets, with their values.
        is_secret: whether the engine says so of a key, which it does as soon as one value in it is encrypted.
        lines: the stack file, which knows of each.
    """
    for key, value in given.items():
        for path, text in _leaves(key, value):
            if not is_secret(f"{NAMESPACE}:{key}") or (text and lines.plain.get(path) == text):
                yield (
                    f"{path}: is in plain text, and must be encrypted; set it with "
                    f"`pulumi config set --secret --path '{NAMESPACE}:{path}' <value>`, with a new value if this one "
                    "was ever committed or deployed"
                )


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, below in value.items():
            yield from _leaves(f"{path}.{key}", below)
    elif value is not None:
        yield path, value


def format_stack_problems(stack: str, problems: Sequence[str], lines: StackLines) -> str:
    """All of them, in the order of the file's lines; those of `Pulumi.yaml` come last."""

    def whole(problem: str) -> str:
        return problem if problem.startswith("aws:") else f"{NAMESPACE}:{problem}"

    return format_problems(f"Pulumi.{stack}.yaml", problems, lines, whole)


def format_problems(file: str, problems: Iterable[str], lines: StackLines, whole: Callable[[str], str] = str) -> str:
    """A file's problems in the order of its lines, each once.

    Args:
        file: its name.
        problems: the part of each before `: ` is a path that `lines` knows.
        lines: where keys are.
        whole: a problem as it is shown, with what its path begins with in the file.
    """
    numbered = []
    for problem in dict.fromkeys(problems):
        line, words = lines.line(problem.partition(": ")[0]), whole(problem)
        numbered.append((line or Line("", 0), f"  {line}: {words}" if line else f"  {words}"))
    numbered.sort(key=lambda each: each[0])
    return "\n".join([f"{file} is not valid:", *(text for _, text in numbered)])
