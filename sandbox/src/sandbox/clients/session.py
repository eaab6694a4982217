"""AWS clients of a running sandbox, and its routes below ``/_sandbox/``."""

from __future__ import annotations

import json
from typing import Any
from urllib.request import Request, urlopen

import boto3

from sandbox.stacks import Server

Json = dict[str, Any]


class Session:
    """AWS clients of a running sandbox, as the account root or as one of its users."""

    def __init__(self, server: Server) -> None:
        self.server = server
        self._root = self.credentials(None)
        self._clients: dict[str, Any] = {}

    def client(self, service: str) -> Any:
        """A client of the account root."""
        if service not in self._clients:
            self._clients[service] = self.client_of(service, self._root)
        return self._clients[service]

    def client_of(self, service: str, credentials: Json) -> Any:
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=self.server.region,
            aws_access_key_id=credentials["access_key"],
            aws_secret_access_key=credentials["secret_key"],
            aws_session_token=credentials.get("session_token"),
        )

    def credentials(self, user: str | None) -> Json:
        """A user's own access key; the root's without a name."""
        body = json.dumps({"identity": user}).encode()
        return dict(self.control("credentials", body))

    def control(self, path: str, body: bytes | None = None) -> Any:
        """The sandbox's own `/_sandbox/…` interface; a body makes it a POST."""
        request = Request(f"{self.server.endpoint}/_sandbox/{path}", data=body)  # noqa: S310
        with urlopen(request, timeout=30) as response:  # noqa: S310
            return json.load(response)
