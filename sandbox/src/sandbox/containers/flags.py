"""Parses command lines in Docker's style: `--flag value`, `--flag=value`, `-f value`, operands anywhere."""

from __future__ import annotations

from dataclasses import dataclass


class UsageError(Exception):
    """A command line has what the command does not know."""


@dataclass(frozen=True)
class Arguments:
    command: str
    values: list[tuple[str, str]]
    operands: list[str]

    def has(self, flag: str) -> bool:
        return any(name == flag and value != "false" for name, value in self.values)

    def all(self, flag: str) -> list[str]:
        return [value for name, value in self.values if name == flag]

    def last(self, flag: str) -> str:
        """The last value of a flag, "" without one."""
        return (self.all(flag) or [""])[-1]

    def only_operand(self, usage: str) -> str:
        if len(self.operands) != 1:
            raise UsageError(f"'docker {self.command}' requires 1 argument: docker {usage}")
        return self.operands[0]


def parse_arguments(command: str, arguments: list[str], valued: dict[str, str], switches: dict[str, str]) -> Arguments:
    """Parse flags. `valued` and `switches` map each known flag to its long name ("" for itself)."""
    values: list[tuple[str, str]] = []
    operands: list[str] = []
    todo = list(arguments)
    while todo:
        word = todo.pop(0)
        if not word.startswith("-") or word == "-":
            operands.append(word)
            continue
        if word == "--":
            operands.extend(todo)
            break
        flag, equals, value = word.partition("=")
        if flag in switches:
            values.append((switches[flag] or flag, value if equals else "true"))
        elif flag in valued and (equals or todo):
            values.append((valued[flag] or flag, value if equals else todo.pop(0)))
        elif flag in valued:
            raise UsageError(f"'docker {command}': flag needs an argument: {flag}")
        else:
            raise UsageError(f"'docker {command}': the flag {flag} is not known to this stand-in for docker")
    return Arguments(command, values, operands)
