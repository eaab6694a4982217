"""An account served over HTTP on this machine."""

from __future__ import annotations

import importlib
import logging
import threading
from pathlib import Path
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler
from werkzeug.serving import BaseWSGIServer, make_server

from sandbox.account.account import Account
from sandbox.account.roles import ServiceRoles
from sandbox.clock import Clock
from sandbox.eventbridge.bus import EventBus, Target
from sandbox.server import control
from sandbox.server.app import Application, Handler, Handlers

log = logging.getLogger(__name__)

HANDLER_MODULES = (
    "sandbox.sts.api",
    "sandbox.eventbridge.api",
    "sandbox.ecs.api",
    "sandbox.codepipeline.api",
    "sandbox.codebuild.api",
    "sandbox.codedeploy.api",
    "sandbox.ecr.api",
    "sandbox.functions.api",
    "sandbox.scheduler.api",
    "sandbox.ssm.api",
    "sandbox.policy_simulator.api",
    "sandbox.service_quotas.api",
)
"""Modules with ``HANDLERS``: the operations that moto does not serve, or not rightly."""

TARGET_MODULES = (
    "sandbox.codepipeline.event_target",
    "sandbox.functions.event_target",
    "sandbox.eventbridge.destinations",
)
"""Modules with ``TARGETS``: what delivers events to the targets of rules, by the service in the target's ARN."""
CONTROL_MODULES = (
    "sandbox.balancer.control",
    "sandbox.codebuild.control",
    "sandbox.ecr.control",
    "sandbox.scheduler.control",
)
"""Modules with ``ROUTES``: what parts of the sandbox offer at ``/_sandbox/``."""


def all_routes() -> control.Routes:
    """The routes below ``/_sandbox/`` of all parts."""
    return {route: answer for name in CONTROL_MODULES for route, answer in importlib.import_module(name).ROUTES.items()}


def all_targets() -> dict[str, Target]:
    """What delivers events, by the service in a target's ARN."""
    return {
        service: target for name in TARGET_MODULES for service, target in importlib.import_module(name).TARGETS.items()
    }


def new_account(folder: Path, account_id: str, region: str, endpoint: str, clock: Clock | None = None) -> Account:
    """An empty account, with the parts registered that all others use."""
    account = Account(folder, account_id, region, endpoint, clock)
    account.roles = ServiceRoles(account)
    account.bus = EventBus(account, all_targets())
    return account


def all_handlers() -> dict[tuple[str, str], Handler]:
    """The sandbox's own operations."""
    handlers: dict[tuple[str, str], Handler] = {}
    for name in HANDLER_MODULES:
        of_module: Handlers = importlib.import_module(name).HANDLERS
        handlers.update(of_module)
    return handlers


SECONDS_TO_STOP = 0.02
"""How long the server takes at most to see that it shall stop."""


class _QuietHandler(MotoRequestHandler):
    """Logs what goes wrong, not every request."""

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        log.debug("%s %s", self.requestline, code)

    def log(self, type: str, message: str, *args: Any) -> None:
        log.log(logging.getLevelNamesMapping().get(type.upper(), logging.INFO), message, *args)


class Listener:
    """Serves a new account from construction to ``stop``."""

    def __init__(
        self,
        folder: Path,
        account: str,
        region: str,
        handlers: Handlers | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._application: Application | None = None
        self._server: BaseWSGIServer = make_server(
            "127.0.0.1", 0, self._call, threaded=True, request_handler=_QuietHandler
        )
        self.port = int(self._server.server_port)
        self.account = new_account(folder, account, region, f"http://127.0.0.1:{self.port}", clock)
        self._application = Application(self.account, all_handlers() if handlers is None else handlers, all_routes())
        self.account.application = self._application
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=[SECONDS_TO_STOP], name="http", daemon=True
        )
        self._thread.start()

    def _call(self, environ: dict[str, Any], start_response: Any) -> Any:
        if self._application is None:
            raise RuntimeError("the application is not ready")
        return self._application(environ, start_response)

    def stop(self) -> None:
        """Stop serving. Threads of the account go on until their work ends or the process does."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
