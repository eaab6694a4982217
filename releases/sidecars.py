"""What the task's containers beside the service's own run, as a release record holds it."""

from collections.abc import Collection, Iterable, Mapping
from typing import Any


def running(tasks: Iterable[Mapping[str, Any]], containers: Collection[str]) -> list[tuple[str, str]]:
    """(container, digest) of each image that tasks run in these containers, sorted; one may run several."""
    return sorted(
        {
            (container["name"], container["imageDigest"])
            for task in tasks
            for container in task["containers"]
            if container["name"] in containers and container.get("imageDigest")
        }
    )


def changes(before: str, now: str) -> list[str]:
    """`NAME from DIGEST to DIGEST` of each container that runs another image than before; a new one has no before.

    Args:
        before: a release's `sidecars`.
        now: those of a later one, or of what runs.
    """
    then: dict[str, list[str]] = {}
    for name, digest in _pairs(before):
        then.setdefault(name, []).append(digest)
    return [
        f"{name} from {' and '.join(then[name])} to {digest}"
        for name, digest in _pairs(now)
        if name in then and digest not in then[name]
    ]


def written(run: Iterable[tuple[str, str]]) -> str:
    """(container, digest) as a release record has it."""
    return " ".join(f"{name}={digest}" for name, digest in run)


def _pairs(text: str) -> list[tuple[str, str]]:
    return [(name, digest) for name, _, digest in (pair.partition("=") for pair in text.split())]
