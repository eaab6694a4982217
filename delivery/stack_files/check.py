"""Stack files checked and read as `up` does it, without the engine, the state and AWS."""

import gc
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from config.layers import NAMESPACE, merge
from delivery.stack_files.config import read_config
from releases.errors import DeliveryError

WEBHOOK = "https://hooks.slack.com/services/T/B/stand-in"
STAND_INS = {"slack_webhook": WEBHOOK, "commit_token": "stand-in"}
"""What a secret stands for that only the engine can decrypt; of a service's any text does."""
REVIEW = "pr-1"
"""The stack that a file of pull requests' stacks is checked as."""


def check_file(folder: Path, stack: str, *, unset: bool = False) -> Any:
    """Check a stack file, and give what could be read of it: `config.settings.Checked`.

    Args:
        folder: the program's.
        stack: the stack.
        unset: whether secrets may be missing that are still to be set.

    Raises:
        DeliveryError: there is no such file, or it is none; or its mistakes, a line each, as `up` tells them.
    """
    gc.disable()  # half of the time would be spent on what lives to the end
    from config.lines import StackLines  # which load the SDKs of Pulumi
    from config.settings import check
    from config.validation import format_stack_problems

    config = read_config(folder, stack)
    encrypted = {key for key, value in config.items() if _is_encrypted(value)}
    written = _of_namespace(config, NAMESPACE)
    if unset:
        written = _with_secrets(written)
        encrypted |= {f"{NAMESPACE}:{key}" for key in ("secrets", *STAND_INS)}
    lines = StackLines.read(folder / f"Pulumi.{stack}.yaml", folder / "Pulumi.yaml")
    name = REVIEW if "review" in written else stack
    checked = check(name, written, _of_namespace(config, "aws"), lines, encrypted.__contains__)
    if checked.problems:
        raise DeliveryError(format_stack_problems(stack, checked.problems, lines))
    return checked


def _of_namespace(config: Mapping[str, Any], namespace: str) -> dict[str, Any]:
    prefix = f"{namespace}:"
    keys = {key.removeprefix(prefix): value for key, value in config.items() if key.startswith(prefix)}
    return {key: _stood_in(value, STAND_INS.get(key, "stand-in")) for key, value in keys.items()}


def _is_encrypted(value: Any) -> bool:
    """Whether there is an encrypted value in it: `{secure: …}`."""
    if not isinstance(value, dict):
        return False
    return value.keys() == {"secure"} or any(map(_is_encrypted, value.values()))


def _stood_in(value: Any, stand_in: str) -> Any:
    """A value with something in the place of what is encrypted."""
    if not isinstance(value, dict):
        return value
    if value.keys() == {"secure"}:
        return stand_in
    return {key: _stood_in(below, stand_in) for key, below in value.items()}


def _with_secrets(written: Mapping[str, Any]) -> dict[str, Any]:
    """The keys with each secret set that is declared; what is no service that could be read has none."""
    secrets = {name: dict(values) for name, values in _keys(written.get("secrets")).items() if isinstance(values, dict)}
    for name, service in _keys(merge(written).services).items():
        for variable, parameter in _keys(_keys(service).get("parameters")).items():
            if _keys(parameter).get("secret") is True:
                secrets.setdefault(name, {}).setdefault(variable, "stand-in")
    notifications = _keys(written.get("notifications"))
    wanted = {
        "slack_webhook": notifications.get("slack") not in (None, False),
        "commit_token": notifications.get("commits"),
    }
    more = {key: STAND_INS[key] for key, is_wanted in wanted.items() if is_wanted and key not in written}
    return {**written, **({"secrets": secrets} if secrets else {}), **more}


def _keys(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}
