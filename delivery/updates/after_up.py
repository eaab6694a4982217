"""What an `up` has done, in numbers by service, and where its services are."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from delivery.output.text_table import text_table
from delivery.pull_request.preview import Action, Change

DONE: Mapping[Action, str] = {
    "create": "created",
    "update": "changed",
    "replace": "replaced",
    "delete": "deleted",
    "import": "imported",
}


def numbers(changes: Sequence[Change]) -> list[str]:
    """How many resources of each service were changed, and of what all share, in a table; nothing where none was."""
    owners = sorted({(change.service is None, change.owner) for change in changes})
    counts = Counter((change.service is None, change.owner, change.action) for change in changes)
    rows = [(owner, *(str(counts[shared, owner, action] or "") for action in DONE)) for shared, owner in owners]
    return text_table(("", *DONE.values()), rows) if rows else []


def places(outputs: Mapping[str, Any], opens: Callable[[str], str], width: int | None = None) -> list[str]:
    """Where each service answers and takes its uploads, in a table; then the other outputs, each in a line.

    Args:
        outputs: of the stack (`stack/service.py`, `stack/platform.py`).
        opens: what opens a host.
        width: of the terminal; None: as wide as it is.
    """
    services = {name: each for name, each in outputs.items() if isinstance(each, Mapping) and "pipeline" in each}
    head = ("service", "at", "upload to", "push to")
    rows = [
        (
            name,
            _address(name, each.get("hosts", ()), opens),
            *(str(each.get(key, "")) for key in ("upload_to", "push_to")),
        )
        for name, each in sorted(services.items())
    ]
    others = [line for name, each in sorted(outputs.items()) if name not in services for line in _other(name, each)]
    return [*(text_table(head, rows, width) if rows else []), *others]


def _address(service: str, hosts: Sequence[str], opens: Callable[[str], str]) -> str:
    """What opens a service; the host that has its name comes first."""
    ordered = sorted(hosts, key=lambda host: host.partition(".")[0] != service)
    more = f" and {len(hosts) - 1} more" if len(hosts) > 1 else ""
    return opens(ordered[0]) + more if ordered else "no route"


def _other(name: str, value: Any) -> Iterator[str]:
    """An output; of one that has parts of parts, which they are."""
    if not isinstance(value, Mapping):
        yield f"{name}: {value}"
    elif any(isinstance(each, Mapping) for each in value.values()):
        yield f"{name}: {', '.join(value)}"
    else:
        yield from (f"{name}.{key}: {each}" for key, each in value.items())
