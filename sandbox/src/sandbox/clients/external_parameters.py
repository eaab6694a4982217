"""Parameters that are kept outside of the stack: the sandbox puts them itself, with made-up values."""

import secrets
from collections.abc import Mapping
from typing import Any

from sandbox.progress import Say


def put(ssm: Any, parameters: Mapping[str, str | None], say: Say) -> None:
    """Put those of these parameters that are not there, each with a value of its own.

    Args:
        ssm: a client.
        parameters: name → KMS key; None is the one that AWS keeps.
        say: prints a line.
    """
    names = sorted(parameters)
    pages = (ssm.get_parameters(Names=names[first : first + 10]) for first in range(0, len(names), 10))
    missing = [name for page in pages for name in page["InvalidParameters"]]
    for name in missing:
        key = {"KeyId": parameters[name]} if parameters[name] else {}
        ssm.put_parameter(Name=name, Value=secrets.token_urlsafe(24), Type="SecureString", **key)
    if missing:
        say("Made up for the sandbox, since nobody has put these parameters: " + ", ".join(missing))
