"""Parameters that a stack file leaves to somebody else, whom the sandbox has not: it puts them itself, and says so."""

import secrets
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.stacks import Say

KEY = "external"
"""Of a config value: the name of a parameter of Parameter Store that the program reads and does not make."""


def put(ssm: Any, names: Iterable[str], say: Say) -> None:
    """Put those of these parameters that are not there, each with a value of its own."""
    wanted = sorted(set(names))
    missing = [name for first in range(0, len(wanted), 10) for name in _missing(ssm, wanted[first : first + 10])]
    for name in missing:
        ssm.put_parameter(Name=name, Value=secrets.token_urlsafe(24), Type="SecureString")
    if missing:
        say("Made up for the sandbox, since nobody has put these parameters: " + ", ".join(missing))


def named(config: Any) -> Iterator[str]:
    """The parameters that a config names so, wherever in it."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == KEY and isinstance(value, str):
                yield value
            yield from named(value)
    elif isinstance(config, list):
        for item in config:
            yield from named(item)


def _missing(ssm: Any, names: list[str]) -> list[str]:
    invalid: list[str] = ssm.get_parameters(Names=names)["InvalidParameters"]
    return invalid
