"""Small programs on the real engine, against the sandbox's own server."""

import contextlib
import json
import subprocess
import textwrap
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest

from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.engine import Engine, Operation
from sandbox.reports import Outcome
from sandbox.stacks import Server, StackFolder

REPOSITORY = Path(__file__).parents[2]
ACCOUNT, REGION = "123456789012", "eu-west-1"
PARAMETER = """
    secret = pulumi.Config().require_secret("password")
    bucket = aws.s3.Bucket("things")
    parameter = aws.ssm.Parameter("login", type="SecureString", value=secret)
    pulumi.export("bucket", bucket.bucket)
"""
"""A program with a secret of its configuration."""


@contextlib.contextmanager
def new_server(root: Path) -> Iterator[Server]:
    """A server of its own, with its files in a folder."""
    (root / "Pulumi.yaml").write_text("name: server\nruntime: python\n")
    (root / "Pulumi.shared.yaml").write_text(
        json.dumps({"config": {"aws:region": REGION, "aws:allowedAccountIds": [ACCOUNT]}})
    )
    folder = StackFolder("shared", root)
    folder.root = REPOSITORY  # where `python -m sandbox.server` is found
    started = folder.ensure_server(lambda _: None)
    try:
        yield started
    finally:
        subprocess.run(["kill", str(started.pid)], check=True)


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """One server for all tests: names must differ between them."""
    with new_server(tmp_path_factory.mktemp("server")) as started:
        yield started


@dataclass
class Program:
    """A repository of one program, and what the commands said."""

    root: Path
    server: Server
    stack: str = "test"
    said: list[str] = field(default_factory=list)
    project: dict[str, Any] = field(default_factory=lambda: {"name": "tiny", "runtime": "python"})
    config: dict[str, Any] = field(default_factory=lambda: {"aws:region": REGION, "aws:allowedAccountIds": [ACCOUNT]})
    environment: dict[str, Any] = field(default_factory=dict)

    def write(self, source: str) -> None:
        """Make this the program; `aws`, `awsx` and `pulumi` are imported."""
        head = "import pulumi\nimport pulumi_aws as aws\nimport pulumi_awsx as awsx\n"
        (self.root / "__main__.py").write_text(head + textwrap.dedent(source))

    @property
    def folder(self) -> StackFolder:
        """The stack's folder, of the shared server."""
        (self.root / "Pulumi.yaml").write_text(json.dumps(self.project))
        (self.root / f"Pulumi.{self.stack}.yaml").write_text(json.dumps({"config": self.config, **self.environment}))
        folder = StackFolder(self.stack, self.root)
        folder.folder.mkdir(parents=True, exist_ok=True)
        (folder.folder / "server.json").write_text(json.dumps(self.server.__dict__))
        return folder

    def run(self, operation: Operation, **options: Any) -> Outcome:
        """One operation on it."""
        return Engine(self.folder, self.server, self.said.append).run(operation, **options)

    def resources(self) -> list[dict[str, Any]]:
        """What `pulumi stack export` has."""
        exported = Engine(self.folder, self.server, self.said.append).export()
        return list(exported["deployment"].get("resources", []))

    def state(self) -> dict[str, Any]:
        """Name → resource."""
        return {resource["urn"].split("::")[-1]: resource for resource in self.resources()}

    def client(self, service: str) -> Any:
        """A boto3 client of the sandbox, as the account's root."""
        return boto3.client(
            service,
            endpoint_url=self.server.endpoint,
            region_name=self.server.region,
            aws_access_key_id=ROOT_CREDENTIALS.access_key,
            aws_secret_access_key=ROOT_CREDENTIALS.secret_key,
        )


@pytest.fixture
def program(tmp_path: Path, server: Server) -> Program:
    """A repository of its own for a test."""
    (tmp_path / ".tools").symlink_to(REPOSITORY / ".tools")
    return Program(tmp_path, server)


def changed(outcome: Outcome) -> dict[str, str]:
    """Name → operation, of the resources that AWS has or would have changed."""
    return {
        step["urn"].split("::")[-1]: step["op"]
        for step in outcome.steps
        if step["op"] not in ("read", "refresh") and "pulumi:" not in step["urn"].split("::")[2]
    }
