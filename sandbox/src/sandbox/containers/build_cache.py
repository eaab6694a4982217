"""`--cache-from` and `--cache-to` of `docker buildx build`: who may keep a cache in a registry, and whether it has one.

Every step runs in this stand-in. What is kept is the image, in the cache's place, so that a build needs the repository
and the permissions that BuildKit would need (Docker, cache storage backends; BuildKit, registry cache).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

ECR_NEEDS = {"image-manifest": "true", "oci-mediatypes": "true"}
"""ECR takes no index of layers; older versions of BuildKit make one unless they are told not to (the same page)."""


class CacheError(Exception):
    """A build fails for its cache; the text is what docker prints."""


@dataclass(frozen=True)
class BuildCache:
    """Where a build looks for what earlier ones have kept, and where it keeps its own.

    Attributes:
        sources: of `--cache-from`.
        targets: of `--cache-to`.
        in_container: whether a builder in a container builds, and not the daemon's own.
    """

    sources: Sequence[str]
    targets: Sequence[str]
    in_container: bool

    def look_up(self, find: Callable[[str], Any], report: Callable[[str], None]) -> None:
        """Look what is kept; a cache that is not there, or may not be read, is no error.

        Raises:
            CacheError: this builder keeps none.
        """
        if not self.in_container and self.targets:
            raise CacheError(
                "ERROR: failed to build: Cache export is not supported for the docker driver.\n"
                "Switch to a different driver, or turn on the containerd image store, and try again."
            )
        for text in self.sources:
            reference = _options(text)["ref"]
            found = "found" if find(reference) is not None else "not found"
            report(f"importing cache manifest from {reference}: {found}")
        if self.sources:
            report("note: this stand-in for docker runs every step, whatever the cache has")

    def keep(self, push: Callable[[str], None], report: Callable[[str], None]) -> None:
        """Keep what a build has made.

        Raises:
            CacheError: it cannot, and the build is not to go on without.
        """
        for text in self.targets:
            options = _options(text)
            try:
                if missing := [name for name, value in ECR_NEEDS.items() if options.get(name, "true") != value]:
                    raise CacheError(f"ERROR: failed to build: failed to solve: error writing manifest blob: {missing}")
                push(options["ref"])
                report(f"exporting cache to registry: {options['ref']}")
            except Exception as error:
                if options.get("ignore-error") != "true":
                    raise CacheError(f"ERROR: failed to build: failed to solve: {error}") from error
                report(f"exporting cache to registry: {error} (ignored)")


def _options(text: str) -> dict[str, str]:
    options = dict(part.partition("=")[::2] for part in text.split(","))
    if options.get("type") != "registry" or "ref" not in options:
        raise CacheError(f"ERROR: this stand-in for docker keeps caches in registries only: {text}")
    return options
