"""`#{namespace.variable}` references.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-variables.html
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

REFERENCE = re.compile(r"#\{([^{}]*)\}")


class UnknownVariable(Exception):
    """A reference that names nothing; the text says which part is unknown."""


def references(text: str) -> Iterator[tuple[str, str]]:
    """The (namespace, variable) pairs that `text` refers to; a malformed one has an empty variable."""
    for match in REFERENCE.finditer(text):
        namespace, _, name = match.group(1).strip().partition(".")
        yield namespace, name


def resolve(text: str, scopes: Mapping[str, Mapping[str, str]]) -> str:
    """Replace every reference; UnknownVariable when one names no variable that has a value."""

    def value(match: re.Match[str]) -> str:
        namespace, _, name = match.group(1).strip().partition(".")
        if namespace not in scopes:
            raise UnknownVariable(
                f"The variable reference {match.group(0)} could not be resolved: no action that has run"
                f" declares the namespace '{namespace}'."
            )
        if name not in scopes[namespace]:
            names = ", ".join(sorted(scopes[namespace])) or "none"
            raise UnknownVariable(
                f"The variable reference {match.group(0)} could not be resolved: the namespace"
                f" '{namespace}' has no variable '{name}' (it has: {names})."
            )
        return scopes[namespace][name]

    return REFERENCE.sub(value, text)


def resolve_all(configuration: Mapping[str, str], scopes: Mapping[str, Mapping[str, str]]) -> dict[str, str]:
    return {key: resolve(str(value), scopes) for key, value in configuration.items()}
