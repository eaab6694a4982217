"""The `docker` command of this machine, which builds an image and pushes it to ECR."""

import base64
import os
import subprocess
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import boto3

from releases.errors import DeliveryError
from releases.progress import Log

CREDENTIALS = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE")
LAST = 10
"""Lines of a command that has failed."""


@dataclass(frozen=True)
class Docker:
    """Runs it.

    Attributes:
        session: whose credentials it has, as a credential helper of ECR's asks with them.
        show: takes each line of a build and a push.
        folder: where it runs.
        environment: more variables, such as secrets of a build.
    """

    session: boto3.Session
    show: Log
    folder: Path = Path()
    environment: Mapping[str, str] = field(default_factory=dict)

    def log_in(self, registry: str) -> None:
        """Log in to this account's registry.

        Args:
            registry: its host.

        Raises:
            DeliveryError: there is no docker, or it refuses.
            botocore.exceptions.ClientError: ECR refuses.
        """
        token = self.session.client("ecr").get_authorization_token()["authorizationData"][0]["authorizationToken"]
        user, _, password = base64.b64decode(token).decode().partition(":")
        self._run(["login", "--username", user, "--password-stdin", registry], password, lambda _: None)

    def run(self, *arguments: str) -> None:
        """Run a command.

        Raises:
            DeliveryError: it has failed, with the end of what it said; or there is no docker.
        """
        self._run(arguments, "", self.show)

    def _run(self, arguments: Sequence[str], given: str, show: Log) -> None:
        variables, lines = self._variables(), list[str]()
        try:
            with subprocess.Popen(
                ["docker", *arguments],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                cwd=self.folder,
                env=variables,
                text=True,
                errors="replace",
            ) as process:
                assert process.stdin is not None
                assert process.stdout is not None
                with suppress(BrokenPipeError):  # it has ended, and says why
                    process.stdin.write(given)
                    process.stdin.close()
                for line in process.stdout:
                    lines.append(line.rstrip("\n"))
                    show(lines[-1])
        except FileNotFoundError:
            raise DeliveryError("there is no `docker` on PATH, which builds and pushes images; install it") from None
        if process.returncode:
            said = [f"  | {line}" for line in lines if line.strip()][-LAST:]
            raise DeliveryError(f"`docker {arguments[0]}` has failed with exit code {process.returncode}", said)

    def _variables(self) -> dict[str, str]:
        """This process's, with the session's credentials in the place of any others."""
        kept = {name: value for name, value in os.environ.items() if name not in CREDENTIALS}
        found = self.session.get_credentials()
        key = found.get_frozen_credentials() if found else None
        given = zip(CREDENTIALS, (key.access_key, key.secret_key, key.token) if key else (), strict=False)
        return {**kept, **{name: value for name, value in given if value}, **self.environment}
