"""A function has one configuration of its asynchronous calls, which is replaced; moto adds another and reads the first.

https://docs.aws.amazon.com/lambda/latest/api/API_PutFunctionEventInvokeConfig.html
"""

from __future__ import annotations

from typing import Any

from moto.awslambda.models import LambdaBackend

_put = LambdaBackend.put_function_event_invoke_config


def apply() -> None:
    """Have moto replace it."""
    LambdaBackend.put_function_event_invoke_config = _replace  # type: ignore[method-assign]


def _replace(self: LambdaBackend, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
    self.get_function(function_name).event_invoke_config.clear()
    return _put(self, function_name, config)
