"""Deploy strategies, each one module: its keys in a stack file, and all that follows from them."""

import importlib
import pkgutil
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, Union

from pydantic import Discriminator, Tag

from components.service.strategies.rolling import RollingStrategy
from components.service.strategies.strategy import Strategy, kinds_of, name_of

for module in pkgutil.iter_modules(__path__):
    importlib.import_module(f"{__name__}.{module.name}")

STRATEGIES: Mapping[str, type[Strategy]] = {name_of(each): each for each in kinds_of(Strategy)}
"""By the name that a stack file has for it."""


def _which(deploy: Any) -> Any:
    return deploy.get("strategy", "rolling") if isinstance(deploy, dict) else getattr(deploy, "strategy", "rolling")


if TYPE_CHECKING:
    Deploy = Strategy
else:
    Deploy = Annotated[
        Union[tuple(Annotated[each, Tag(name)] for name, each in sorted(STRATEGIES.items()))],  # noqa: UP007
        Discriminator(_which),
    ]
"""The key `deploy` of a service in a stack file."""

__all__ = ["STRATEGIES", "Deploy", "RollingStrategy", "Strategy"]
