"""The HTTP front: authenticates and authorises a call, answers it by a handler or moto, and publishes its events."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable, Mapping
from http import HTTPStatus
from typing import Any

from flask import Flask
from moto.backends import SERVICE_NAMES
from moto.core.exceptions import JsonRESTError
from moto.iam.access_control import PermissionResult
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import FakeBucket

from sandbox import moto_fixes, validation
from sandbox.account import authorization, identity, in_process, protocol
from sandbox.account.account import Account, Principal
from sandbox.account.errors import AwsError
from sandbox.account.new_roles import check_new_roles
from sandbox.account.protocol import Answer, Environ, Operation, Signature
from sandbox.account.resource_lookup import MotoLookup
from sandbox.cloudwatch.composite import serve_composite_alarms
from sandbox.cloudwatch.history import serve_alarm_history
from sandbox.cloudwatch.queries import serve_query_definitions
from sandbox.iam.calls import Call
from sandbox.iam.users import keep_users_with_credentials
from sandbox.server import call_events, control
from sandbox.validation.account import check_account

log = logging.getLogger(__name__)

Handler = Callable[[Account, Principal, dict[str, Any]], Mapping[str, Any]]
Handlers = Mapping[tuple[str, str], Handler]

INVALID_TOKEN = "The security token included in the request is invalid."  # noqa: S105 (AWS's message)


def leave_authorisation_to_the_front() -> None:
    """Stop moto from judging bucket policies a second time: it ignores their conditions."""

    def neutral(self: FakeBucket, action: str, resource: str) -> PermissionResult:
        return PermissionResult.NEUTRAL

    FakeBucket.get_permission = neutral  # type: ignore[method-assign]


class Application:
    """WSGI application of one account.

    Args:
        account: the account.
        handlers: the operations that moto does not serve.
        routes: what the parts of the sandbox offer at ``/_sandbox/``.
    """

    def __init__(self, account: Account, handlers: Handlers, routes: control.Routes) -> None:
        leave_authorisation_to_the_front()
        moto_fixes.apply()
        serve_composite_alarms(account.bus.publish)
        serve_alarm_history()
        serve_query_definitions()
        keep_users_with_credentials()
        self.account = account
        self.handlers = handlers
        self.routes = routes
        self._moto = _Dispatcher(_backend_app)
        self._moto_lock = threading.RLock()

    def __call__(self, environ: Environ, start_response: Any) -> Iterable[bytes]:
        body = protocol.read_body(environ)
        if environ.get("PATH_INFO", "").startswith(control.PREFIX):
            answer = control.answer(self.account, environ, body, self.routes)
        else:
            answer = self._answer(environ, body)
        if environ["REQUEST_METHOD"] == "HEAD":
            answer.body = b""
        elif answer.header("Content-Length") is None:
            answer.headers.append(("Content-Length", str(len(answer.body))))
        start_response(f"{answer.status} {_phrase(answer.status)}", answer.headers)
        return [answer.body]

    def _answer(self, environ: Environ, body: bytes) -> Answer:
        signature = protocol.signature_of(environ)
        if signature is None:
            error = AwsError("MissingAuthenticationToken", "Missing Authentication Token", 403)
            return protocol.error_answer("s3", "rest-xml", error)
        wire = protocol.protocol_of(signature.service, environ.get("CONTENT_TYPE"))
        try:
            operation = protocol.operation_of(environ, body, signature.service)
            with self._moto_lock:
                principal = self._principal(signature, wire)
                validation.check(operation)
                self._authorise(principal, signature, operation, environ)
                check_account(self.account, operation)
                check_new_roles(self.account, operation)
            self.account.breakpoints.pass_by(operation, principal.arn, after=False)
            answer = self._perform(principal, operation, environ, body)
            self.account.breakpoints.pass_by(operation, principal.arn, after=True)
        except AwsError as error:
            return protocol.error_answer(signature.service, wire, error)
        except JsonRESTError as error:  # moto's own, of what a handler has asked it
            refusal = AwsError(error.error_type, error.message, error.code)
            return protocol.error_answer(signature.service, wire, refusal)
        except NotImplementedError as error:
            reason = f"the sandbox does not implement this operation of {signature.service}: {error}"
            return protocol.error_answer(signature.service, wire, AwsError("NotImplemented", reason, 501))
        except Exception as error:
            log.exception("%s %s failed", environ["REQUEST_METHOD"], environ.get("PATH_INFO"))
            reason = f"the sandbox failed: {type(error).__name__}: {error}"
            return protocol.error_answer(signature.service, wire, AwsError("InternalFailure", reason, 500))
        if answer.status < HTTPStatus.MULTIPLE_CHOICES:
            call_events.after(self.account, operation, answer, environ.get("REMOTE_ADDR", ""))
        return answer

    def _principal(self, signature: Signature, wire: str) -> Principal:
        try:
            return identity.principal_of(self.account, signature.access_key, signature.token)
        except identity.ExpiredToken as error:
            code = "ExpiredTokenException" if wire.endswith("json") else "ExpiredToken"
            raise AwsError(code, "The security token included in the request is expired", 403) from error
        except identity.UnknownKey as error:
            raise _unknown_key(signature.service, wire) from error

    def _authorise(self, principal: Principal, signature: Signature, operation: Operation, environ: Environ) -> None:
        call = Call(
            operation.service,
            operation.name,
            operation.params,
            self.account.id,
            signature.region,
            MotoLookup(self.account.id, signature.region),
        )
        source_ip = environ.get("REMOTE_ADDR", "127.0.0.1")
        try:
            authorization.authorise(self.account, principal, signature.access_key, call, source_ip)
        except authorization.Denied as error:
            raise _access_denied(operation, str(error)) from error
        except authorization.Missing as error:
            raise AwsError("ValidationException", str(error)) from error

    def _perform(self, principal: Principal, operation: Operation, environ: Environ, body: bytes) -> Answer:
        handler = self.handlers.get((operation.service, operation.name))
        if handler is not None:
            return protocol.serialize(operation, handler(self.account, principal, operation.params))
        with self._moto_lock:
            return in_process.call(self._moto, protocol.rewound(environ, body))


class _Dispatcher(DomainDispatcherApplication):
    """moto's, which goes through its folders and patterns only once for each host."""

    def __init__(self, create_app: Callable[[SERVICE_NAMES], Flask]) -> None:
        super().__init__(create_app)
        self._backends: dict[str | None, Any] = {}

    def get_backend_for_host(self, host: str | None) -> Any:
        if host not in self._backends:
            self._backends[host] = super().get_backend_for_host(host)
        return self._backends[host]


def _backend_app(service: SERVICE_NAMES | None) -> Flask:
    if service is None:
        raise NotImplementedError("moto does not have this service")
    return create_backend_app(service)


def _unknown_key(service: str, wire: str) -> AwsError:
    if service == "s3":
        message = "The AWS Access Key Id you provided does not exist in our records."
        return AwsError("InvalidAccessKeyId", message, 403)
    if wire == "ec2":
        return AwsError("AuthFailure", "AWS was not able to validate the provided access credentials", 401)
    if wire == "query":
        return AwsError("InvalidClientTokenId", INVALID_TOKEN, 403)
    return AwsError("UnrecognizedClientException", INVALID_TOKEN, 400)


def _access_denied(operation: Operation, message: str) -> AwsError:
    if operation.protocol == "ec2":
        return AwsError("UnauthorizedOperation", f"You are not authorized to perform this operation. {message}", 403)
    if operation.protocol in ("json", "rest-json"):
        return AwsError("AccessDeniedException", message, 400)
    return AwsError("AccessDenied", message, 403)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return "Unknown"
