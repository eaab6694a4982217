"""What the documentation in botocore's models says of IAM beyond the Service Authorization Reference."""

import re
from collections.abc import Iterable, Iterator
from functools import cache

from botocore.loaders import Loader

SERVICES = {"elasticloadbalancing": "elbv2"}
"""Prefixes of actions that are not botocore's name of the service."""
SCOPED = re.compile(r"permission that is scoped to *<code>\*</code>|permission that is scoped to \*")


@cache
def scoped_to_everything(prefix: str) -> frozenset[str]:
    """The operations of a service that must be granted on `*`, at least for some answers."""
    model = Loader().load_service_model(SERVICES.get(prefix, prefix), "service-2")
    return frozenset(
        name for name, operation in model["operations"].items() if SCOPED.search(_documentation(operation))
    )


def all_scoped_to_everything(prefixes: Iterable[str]) -> Iterator[str]:
    """The same of several, as IAM's actions."""
    known = set(Loader().list_available_services("service-2"))
    for prefix in prefixes:
        if SERVICES.get(prefix, prefix) in known:
            yield from (f"{prefix}:{name}" for name in sorted(scoped_to_everything(prefix)))


def _documentation(operation: dict[str, str]) -> str:
    return operation.get("documentation", "")
