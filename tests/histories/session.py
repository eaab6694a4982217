"""A session whose clients answer by functions, and refuse what botocore's models refuse."""

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import Any

from botocore import xform_name
from botocore.errorfactory import ClientExceptionsFactory
from botocore.exceptions import ClientError
from botocore.session import get_session
from botocore.validate import validate_parameters

Json = dict[str, Any]
_BOTOCORE, _ERRORS = get_session(), ClientExceptionsFactory()


class Refused(Exception):
    """An operation's error: AWS's code, and its words."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Client:
    """Answers each operation by the function of its name; one that has none answers nothing."""

    def __init__(self, service: str, answers: Mapping[str, Callable[[Json], Any]]) -> None:
        self._model, self._answers = _BOTOCORE.get_service_model(service), answers
        self._operations = {xform_name(name): name for name in self._model.operation_names}
        self.meta, self.exceptions = (
            SimpleNamespace(service_model=self._model),
            _ERRORS.create_client_exceptions(self._model),
        )

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = self._operations[method]

        def call(**given: Any) -> Any:
            validate_parameters(given, self._model.operation_model(operation).input_shape)
            try:
                return self._answers[operation](given) if operation in self._answers else {}
            except Refused as refused:
                response: Any = {"Error": {"Code": refused.code, "Message": str(refused)}}
                known = {shape.error_code: getattr(self.exceptions, shape.name) for shape in self._model.error_shapes}
                raise known.get(refused.code, ClientError)(response, operation) from None

        return call

    def get_paginator(self, method: str) -> Any:
        """Of one page."""
        return SimpleNamespace(paginate=lambda **given: [getattr(self, method)(**given)])


class Session:
    """Gives clients of all services."""

    def __init__(self, answers: Mapping[str, Callable[[Json], Any]]) -> None:
        self._answers, self._clients = answers, dict[str, Client]()

    def client(self, service: str) -> Client:
        """The client of a service."""
        if service not in self._clients:
            self._clients[service] = Client(service, self._answers)
        return self._clients[service]
