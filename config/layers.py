"""A stack's services, of all that is written of them: in `Pulumi.yaml` and in the stack file, of every service and of
one.

Keys are merged, the later over the earlier: `common.defaults`, `defaults`, `common.services.NAME`, `services.NAME`.
Pulumi itself takes a key of a stack file for the whole one of `Pulumi.yaml` (pulumi/pulumi#13176), so what all stacks
share has a key of its own, `common`. Pure functions: whatever reads a stack file reads it by these.
"""

import heapq
import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

NAMESPACE = "fargate-delivery"
"""What the keys of a stack file start with."""
LAYERS = ("common", "defaults", "services")
"""The keys of a stack's config that say something of services."""
OF_ROUTES = ("protocol", "drain", "health_check", "stickiness", "alarms", "task.port")
"""What of the defaults is nothing for a service without routes."""
OF_BUILDS = ("build",)
"""What of them is nothing for a service whose image is pushed."""
KIND, ROLLING = "strategy", "rolling"
"""The key that says which other keys there are: of another kind, keys replace the former ones as a whole."""
MOST_NAMES = 3
"""Services that a problem of the defaults names."""

Layer = tuple[str, Any]
"""The path where it is written, and what."""


@dataclass(frozen=True)
class Merged:
    """A stack's services.

    Attributes:
        services: by name, as a stack file without layers would have them. What is no service is as it is written.
        origins: path of each key of theirs → path where it is written, such as `common.defaults.task.cpu`.
    """

    services: Any
    origins: Mapping[str, str]

    def written(self, path: str) -> str:
        """Where something of a service is written; what is nowhere would be where the service is."""
        key, bracket, item = path.partition("[")
        if key in self.origins:
            return f"{self.origins[key]}{bracket}{item}"
        service = ".".join(path.split(".", 2)[:2])
        return f"{self.origins.get(service, service)}{path.removeprefix(service)}"

    def placed(self, problems: Iterable[str]) -> Iterator[str]:
        """Each `key.path: the problem` by the path where it is written; what defaults do to several services is one.

        At the end, how to be without a service of all stacks that the stack says nothing of.
        """
        services: dict[str, list[str]] = {}
        for problem in problems:
            path, _, words = problem.partition(": ")
            services.setdefault(f"{self.written(path)}: {words}", []).append(path.split(".")[1] if "." in path else "")
        for problem, names in services.items():
            default = problem.startswith(("defaults.", "common.defaults."))
            yield f"{problem} (in {_some(list(dict.fromkeys(names)))})" if default else problem
        named = {names[0] for problem, names in services.items() if problem.startswith("common.services.")}
        for name in sorted(name for name in named if self.written(f"services.{name}").startswith("common.")):
            yield f"services: {name} is a service of every stack: say what it lacks, or leave it out, `{name}: false`"


def _some(names: list[str]) -> str:
    more = len(names) - MOST_NAMES
    return f"{', '.join(names[:MOST_NAMES])}{f' and {more} more' if more > 0 else ''}"


def merge(config: Mapping[str, Any]) -> Merged:
    """Merge what a stack's config says of its services.

    Args:
        config: the values of `LAYERS`; `common` is the stack file's own, else `Pulumi.yaml`'s. What `problems` finds
            counts for nothing.
    """
    written, common = config.get("services", {}), _keys(config.get("common"))
    if not isinstance(written, dict):
        return Merged(written, {})
    shared = _keys(common.get("services"))
    defaults = [("common.defaults", _keys(common.get("defaults"))), ("defaults", _keys(config.get("defaults")))]
    services: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for name in dict.fromkeys(heapq.merge(shared, written, key=str)):  # the engine has sorted each of them
        if written.get(name) is False:
            continue
        own = [(f"common.services.{name}", shared[name])] if name in shared else []
        own += [(f"services.{name}", written[name])] if name in written else []
        services[name] = _merge(f"services.{name}", [*_fitting(defaults, own), *own], origins)
    return Merged(services, origins)


def _fitting(defaults: list[Layer], own: list[Layer]) -> list[Layer]:
    """The defaults for a service: those of routes, and of how their traffic shifts, only where it has some; those of
    builds only where it is built.
    """
    said = [_keys(layer) for _, layer in [*defaults, *own]]
    routes = next((layer["routes"] for layer in reversed(said) if "routes" in layer), None)
    sources = [layer["source"] for layer in reversed(said) if "source" in layer]
    since = itertools.takewhile(lambda source: source is not None, sources)  # null takes away what is said before
    source = next((each["type"] for each in since if "type" in _keys(each)), None)
    if not routes and not any("deploy" in _keys(layer) for _, layer in own):
        defaults = [(where, _without(layer, "deploy") if _shifts(layer) else layer) for where, layer in defaults]
    for path in [*(() if routes else OF_ROUTES), *(OF_BUILDS if source in ("ecr", "promote") else ())]:
        defaults = [(where, _without(layer, *path.split("."))) for where, layer in defaults]
    return defaults


def _shifts(layer: Any) -> bool:
    return bool(_keys(_keys(layer).get("deploy")).get(KIND, ROLLING) != ROLLING)


def _without(layer: Any, key: str, *below: str) -> Any:
    if not isinstance(layer, dict) or key not in layer:
        return layer
    rest = {name: value for name, value in layer.items() if name != key}
    return {**layer, key: _without(layer[key], *below)} if below else rest


def _merge(path: str, layers: list[Layer], origins: dict[str, str]) -> Any:
    """Keys by key; anything else is what the last layer says. `null` takes away what an earlier layer has said."""
    where, value = layers[-1]
    origins[path] = where
    if not isinstance(value, dict):
        return value
    merged: dict[str, Any] = {}
    layers = _of_one_kind(layers)
    for key in dict.fromkeys(key for _, layer in layers for key in layer):
        of_key = [(f"{place}.{key}", layer[key]) for place, layer in layers if key in layer]
        if len(of_key) == 1 or of_key[-1][1] is not None:
            merged[key] = _merge(f"{path}.{key}", of_key, origins)
    return merged


def _of_one_kind(layers: list[Layer]) -> list[Layer]:
    """The last layers, as far back as they are keys of one kind."""
    same: list[Layer] = []
    kind = None
    for where, value in reversed(layers):
        if not isinstance(value, dict) or (kind is not None and value.get(KIND, kind) != kind):
            break
        same.insert(0, (where, value))
        kind = value.get(KIND) if kind is None else kind
    return same


def problems(config: Mapping[str, Any]) -> Iterator[str]:
    """What keeps the layers from being merged, as `key.path: the problem`."""
    common = config.get("common", {})
    if not isinstance(common, dict):
        yield f"common: {_MUST}; they are defaults, services"
    shared = _keys(common)
    for key in shared.keys() - {"defaults", "services"}:
        yield f"common.{key}: there is no such key; there are: defaults, services"
    for path, value in {
        "defaults": config.get("defaults", {}),
        **{f"common.{key}": shared.get(key, {}) for key in ("defaults", "services")},
        **{f"common.services.{name}": service for name, service in _keys(shared.get("services")).items()},
    }.items():
        if not isinstance(value, dict):
            yield f"{path}: {'is empty: ' if value in (None, '') else ''}{_MUST}"
    for name, value in _keys(config.get("services")).items():
        if value is False and name not in _keys(shared.get("services")):
            yield f"services.{name}: false leaves out a service of common.services, which has none of this name"


_MUST = "must be keys, each with its value"


def _keys(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
