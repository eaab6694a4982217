"""Parameters that a stack file leaves to somebody else, whom the sandbox has not: it puts them itself, and says so."""

import secrets
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.stacks import Say

KEY = "external"
"""Of a config value: the name of a parameter of Parameter Store that the program reads and does not make, or a mapping
of its `name` and the KMS `key` that it is encrypted with."""


def put(ssm: Any, parameters: Mapping[str, str | None], say: Say) -> None:
    """Put those of these parameters that are not there, each with a value of its own.

    Args:
        ssm: a client.
        parameters: name → KMS key; None is the one that AWS keeps.
        say: prints a line.
    """
    wanted = sorted(parameters)
    missing = [name for first in range(0, len(wanted), 10) for name in _missing(ssm, wanted[first : first + 10])]
    for name in missing:
        key = {"KeyId": parameters[name]} if parameters[name] else {}
        ssm.put_parameter(Name=name, Value=secrets.token_urlsafe(24), Type="SecureString", **key)
    if missing:
        say("Made up for the sandbox, since nobody has put these parameters: " + ", ".join(missing))


def named(config: Any) -> Iterator[tuple[str, str | None]]:
    """The parameters that a config names so, wherever in it, and their keys."""
    if isinstance(config, dict):
        for key, value in config.items():
            if key == KEY and isinstance(value, str):
                yield value, None
            elif key == KEY and isinstance(value, dict) and isinstance(value.get("name"), str):
                yield value["name"], value.get("key")
            yield from named(value)
    elif isinstance(config, list):
        for item in config:
            yield from named(item)


def _missing(ssm: Any, names: list[str]) -> list[str]:
    invalid: list[str] = ssm.get_parameters(Names=names)["InvalidParameters"]
    return invalid
