"""A function's logging configuration, which moto lacks.

https://docs.aws.amazon.com/lambda/latest/api/API_LoggingConfig.html
"""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaFunction

_make, _report, _change = (
    LambdaFunction.__init__,
    LambdaFunction.get_configuration,
    LambdaFunction.update_configuration,
)


def apply() -> None:
    """Have moto keep it."""
    LambdaFunction.__init__ = _created  # type: ignore[method-assign]
    LambdaFunction.get_configuration = _reported  # type: ignore[method-assign]
    LambdaFunction.update_configuration = _changed  # type: ignore[method-assign]


def _created(self: Any, account_id: str, spec: dict[str, Any], region: str, version: str | int = 1) -> None:
    _make(self, account_id, spec, region, version)
    default = {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{self.function_name}"}
    self.logging_config = default | spec.get("LoggingConfig", {})


def _reported(self: Any, on_create: bool = False) -> dict[str, Any]:
    return {**_report(self, on_create), "LoggingConfig": self.logging_config}


def _changed(self: Any, config_updates: dict[str, Any]) -> dict[str, Any]:
    self.logging_config = self.logging_config | config_updates.get("LoggingConfig", {})
    return _change(self, config_updates)
