"""The account that all parts of the server share. It imports none of them: those that others use register with it."""

from __future__ import annotations

import functools
import logging
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol

import boto3
from botocore.config import Config

from sandbox import base_images, readings
from sandbox.account import in_process
from sandbox.account.breakpoints import Breakpoints
from sandbox.account.credentials import ROOT_CREDENTIALS, Credentials
from sandbox.account.parts import Parts
from sandbox.account.records import DecisionRecord, Undelivered
from sandbox.clock import Clock

log = logging.getLogger(__name__)

KEPT_CLIENTS = 64
"""Clients that are kept for their next use; each role session has its own."""


@dataclass(frozen=True)
class Principal:
    """Who makes a call. A role session's ``arn`` is its ``assumed-role`` ARN, ``role_arn`` its role."""

    arn: str
    kind: Literal["root", "user", "role"]
    role_arn: str | None = None


class Roles(Protocol):
    """What AWS services do with roles. Each raises ``AwsError`` AccessDenied when they may not assume the role."""

    def assume(self, role_arn: str, service: str, session: str, source_arn: str | None = None) -> Credentials: ...

    def validate(self, role_arn: str, service: str) -> None: ...


class Bus(Protocol):
    """EventBridge's default event bus."""

    @property
    def history(self) -> list[dict[str, Any]]: ...

    def publish(self, event: Mapping[str, Any], bus: str = "default") -> dict[str, Any]: ...

    def replay(self, event_id: str, source: str = "aws.s3") -> dict[str, Any] | None: ...

    def wait(self) -> None: ...

    def fail(self, event: dict[str, Any], rule_arn: str, target: str, error: str) -> None: ...


class Account:
    """One account in one region, served at ``endpoint`` by this process.

    Attributes:
        network_changes: how many calls have changed something of EC2, for who keeps what was read of the network.
        application: answers the calls of the account's own clients; without it they go to ``endpoint``.
        roles: how AWS services assume roles; registered, as the next one.
        bus: takes events.
        parts: what the services keep for the account, by class.
    """

    application: Any = None
    roles: Roles
    bus: Bus

    def __init__(self, folder: Path, account_id: str, region: str, endpoint: str, clock: Clock | None = None) -> None:
        self.folder = folder
        self.id = account_id
        self.region = region
        self.endpoint = endpoint
        self.clock = clock or Clock()
        self.readings = readings.chosen()
        self.base_images = base_images.chosen()
        self.decisions: list[DecisionRecord] = []
        self.undelivered: list[Undelivered] = []
        self.network_changes = 0
        self.breakpoints = Breakpoints()
        self.parts = Parts()
        self._clients: OrderedDict[tuple[str, Credentials], Any] = OrderedDict()
        self._session = boto3.session.Session(region_name=region)
        self._lock = threading.Lock()

    def client(self, service: str, credentials: Credentials | None = None) -> Any:
        """A boto3 client at ``endpoint``. Without ``credentials`` it is the account root."""
        key = (service, credentials or ROOT_CREDENTIALS)
        with self._lock:
            if key not in self._clients:
                self._clients[key] = self._new_client(*key)
            self._clients.move_to_end(key)
            if len(self._clients) > KEPT_CLIENTS:
                self._clients.popitem(last=False)
            return self._clients[key]

    def sign_in(self, credentials: Credentials) -> Callable[[str], Any]:
        """Service → boto3 client that signs with these credentials."""
        return functools.partial(self.client, credentials=credentials)

    def _new_client(self, service: str, credentials: Credentials) -> Any:
        config = Config(
            retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=300, max_pool_connections=32
        )
        client = self._session.client(
            service,
            endpoint_url=self.endpoint,
            aws_access_key_id=credentials.access_key,
            aws_secret_access_key=credentials.secret_key,
            aws_session_token=credentials.session_token,
            config=config,
        )
        if self.application is not None:
            client.meta.events.register_first("before-send", functools.partial(in_process.answer, self.application))
        return client

    def assume(self, role_arn: str, service: str, session: str, source_arn: str | None = None) -> Credentials:
        """A session of ``role_arn`` for an AWS service such as ``codebuild.amazonaws.com``.

        ``source_arn`` is the resource on whose behalf the service acts (``aws:SourceArn``). Raises
        ``AwsError`` AccessDenied when the role does not exist or its trust policy refuses.
        """
        return self.roles.assume(role_arn, service, session, source_arn)

    def validate_role(self, role_arn: str, service: str) -> None:
        """What ``service`` does with a role that something is made with: AccessDenied when it may not assume it."""
        self.roles.validate(role_arn, service)

    def spawn(self, name: str, target: Callable[[], None]) -> threading.Thread:
        """Run ``target`` in a daemon thread; an exception is logged, not lost."""

        def run() -> None:
            try:
                target()
            except Exception:
                log.exception("background work %s failed", name)

        thread = threading.Thread(target=run, name=name, daemon=True)
        thread.start()
        return thread
