"""Where base images come from: `SANDBOX_IMAGES`, read when a sandbox starts.

- `auto`, where it is not set: pulled where the registry answers. Where it does not, or allows no more pulls, the image
  is the one that was pulled before, else a stand-in, and the build's log says why.
- `registry`: pulled, or the build fails.
- `stand-in`: never pulled, and no registry is asked.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass

VARIABLE = "SANDBOX_IMAGES"
AUTO, REGISTRY, STAND_IN = "auto", "registry", "stand-in"
MODES = (AUTO, REGISTRY, STAND_IN)


@dataclass(frozen=True)
class Settings:
    """One of MODES, and how registries are reached: a proxy's URL, hosts without it, a file of trusted roots."""

    mode: str = STAND_IN
    proxy: str = ""
    no_proxy: str = ""
    roots: str = ""


def chosen(environment: Mapping[str, str] | None = None) -> Settings:
    """The settings of an environment, by default this process's.

    Raises:
        ValueError: SANDBOX_IMAGES is none of MODES.
    """
    variables = os.environ if environment is None else environment

    def value(*names: str) -> str:
        return next((variables[name] for name in names if variables.get(name)), "")

    mode = value(VARIABLE) or AUTO
    if mode not in MODES:
        raise ValueError(f"{VARIABLE} is {mode}; it may be {', '.join(MODES)}")
    proxy, no_proxy = value("HTTPS_PROXY", "https_proxy"), value("NO_PROXY", "no_proxy")
    return Settings(mode, proxy, no_proxy, value("REQUESTS_CA_BUNDLE", "SSL_CERT_FILE"))
