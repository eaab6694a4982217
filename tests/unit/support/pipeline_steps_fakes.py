"""A session whose clients answer from a table, and refuse what botocore's models refuse."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

from botocore import xform_name
from botocore.exceptions import ClientError
from botocore.session import Session
from botocore.validate import validate_parameters

Json = dict[str, Any]
_BOTOCORE = Session()


def error(code: str, operation: str = "Call", message: str = "no", **fields: Any) -> ClientError:
    """An error of AWS's, with what else its response has."""
    return ClientError({"Error": {"Code": code, "Message": message}, **fields}, operation)


class FakeSession:
    """Answers each operation by a function of its arguments, and remembers the calls in their order."""

    def __init__(self, answers: dict[str, Callable[[Json], Any]]) -> None:
        self.answers, self.calls = answers, list[tuple[str, Json]]()
        self.credentials, self.regions = list[tuple[str, Json]](), list[tuple[str, str]]()

    def client(self, service: str, region_name: str | None = None, **credentials: str) -> Any:
        """`regions` and `credentials` have the clients that were asked for with these."""
        self.regions += [(service, region_name)] if region_name else []
        self.credentials += [(service, credentials)] if credentials else []
        return _Client(self, service)

    def called(self, operation: str) -> list[Json]:
        """The arguments of each call of an operation."""
        return [given for name, given in self.calls if name == operation]


class _Client:
    def __init__(self, session: FakeSession, service: str) -> None:
        self._session, self._model = session, _BOTOCORE.get_service_model(service)
        self.meta = SimpleNamespace(service_model=self._model)
        self._operations = {xform_name(name): name for name in self._model.operation_names}
        self.exceptions = SimpleNamespace(**{shape.name: _named(shape.name) for shape in self._model.error_shapes})

    def __getattr__(self, method: str) -> Callable[..., Any]:
        operation = self._operations[method]

        def call(**given: Any) -> Any:
            validate_parameters(given, self._model.operation_model(operation).input_shape)
            self._session.calls.append((operation, given))
            answer = self._session.answers[operation](given) if operation in self._session.answers else {}
            if isinstance(answer, ClientError):
                raise self._as_named(answer)
            return answer

        return call

    def get_paginator(self, method: str) -> Any:
        def paginate(**given: Any) -> Iterator[Any]:
            answer = getattr(self, method)(
                **{name: value for name, value in given.items() if name != "PaginationConfig"}
            )
            yield from answer if isinstance(answer, list) else [answer]

        return SimpleNamespace(paginate=paginate)

    def _as_named(self, answer: ClientError) -> ClientError:
        kind = getattr(self.exceptions, answer.response["Error"]["Code"], ClientError)
        return kind(answer.response, answer.operation_name)


_KINDS: dict[str, Any] = {}


def _named(code: str) -> Any:
    return _KINDS.setdefault(code, type(code, (ClientError,), {}))
