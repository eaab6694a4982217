"""A project of CodeBuild and its builds, for tests."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from moto.backends import get_backend

from sandbox.account.account import Account
from sandbox.codebuild.api import HANDLERS as CODEBUILD
from sandbox.codebuild.api import builds_of
from sandbox.ecr.api import HANDLERS as ECR
from sandbox.server.listener import Listener

ACCOUNT, REGION = "123456789012", "eu-west-1"


REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"


ROLE = f"arn:aws:iam::{ACCOUNT}:role/build"


TRUST = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}


ENVIRONMENT = {"type": "LINUX_CONTAINER", "image": "aws/codebuild/standard:7.0", "computeType": "BUILD_GENERAL1_SMALL"}


BUCKET = "artifacts"


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


class Site:
    """A project of CodePipeline, a bucket, and builds that are waited for."""

    def __init__(self, account: Account) -> None:
        self.account = account
        self.codebuild = account.client("codebuild")
        self.s3 = account.client("s3")
        self.s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self.iam = account.client("iam")
        self.iam.create_role(RoleName="build", AssumeRolePolicyDocument=policy(TRUST))
        self.deny()

    def deny(self, *actions: str) -> None:
        """Let the build's role do everything but these actions."""
        statements = [{"Effect": "Allow", "Action": "*", "Resource": "*"}]
        statements += [{"Effect": "Deny", "Action": action, "Resource": "*"} for action in actions]
        self.iam.put_role_policy(RoleName="build", PolicyName="p", PolicyDocument=policy(*statements))

    def count(self, action: str) -> int:
        """How often the build's role asked for an action."""
        return sum(1 for decision in self.account.decisions if decision.action == action)

    def project(self, **settings: Any) -> None:
        environment = {**ENVIRONMENT, **settings.pop("environment", {})}
        self.codebuild.create_project(
            name="proj",
            source={"type": "CODEPIPELINE", **settings.pop("source", {})},
            artifacts={"type": "CODEPIPELINE"},
            environment=environment,
            serviceRole=ROLE,
            **settings,
        )

    def start(self, files: dict[str, str | bytes] | bytes, **parameters: Any) -> str:
        body = files if isinstance(files, bytes) else make_zip(files)
        self.s3.put_object(Bucket=BUCKET, Key="in.zip", Body=body)
        answer = self.codebuild.start_build(
            projectName="proj", sourceLocationOverride=f"{BUCKET}/in.zip", sourceVersion="v-1", **parameters
        )
        assert answer["build"]["buildStatus"] == "IN_PROGRESS"
        name: str = answer["build"]["id"]
        return name

    def get(self, name: str) -> Any:
        return self.codebuild.batch_get_builds(ids=[name])["builds"][0]

    def wait(self, name: str) -> Any:
        record = builds_of(self.account).records[name]
        eventually(lambda: record.data.get("buildComplete"), 60)
        return self.get(name)

    def build(self, files: dict[str, str | bytes] | bytes | str, **parameters: Any) -> Any:
        """Run a build; a text is the buildspec of a source that has nothing else."""
        return self.wait(self.start({"buildspec.yml": files} if isinstance(files, str) else files, **parameters))

    def log(self, build: Any) -> str:
        folder: str = build["id"].split(":")[1]
        return (self.account.folder / "builds" / folder / "build.log").read_text()

    def output(self, build: Any) -> list[str]:
        """What the commands of a build wrote."""
        return [line for line in self.log(build).splitlines() if not line.startswith("[Container]")]


@contextmanager
def build_account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    """An account with CodeBuild and ECR, behind a listener of its own."""
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    for service in ("codebuild", "ecr", "iam", "logs", "s3", "ssm", "sts"):
        get_backend(service).reset()
    listener = Listener(tmp_path / "account", ACCOUNT, REGION, {**CODEBUILD, **ECR})
    yield listener.account
    listener.stop()


@contextmanager
def build_site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """A project and its builds in such an account."""
    with build_account(tmp_path, monkeypatch) as account:
        yield Site(account)


def make_zip(files: Mapping[str, str | bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def names_in(body: bytes) -> list[str]:
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        return archive.namelist()


def phases(build: Any) -> dict[str, str]:
    return {phase["phaseType"]: phase.get("phaseStatus", "") for phase in build["phases"]}


def context(build: Any, phase: str) -> tuple[str, str]:
    (found,) = (entry for entry in build["phases"] if entry["phaseType"] == phase)
    return found["contexts"][0].get("statusCode", ""), found["contexts"][0].get("message", "")


def spec(**phase_commands: Any) -> str:
    content = {"version": 0.2, "env": {"shell": "bash"}, "phases": {}}
    for name, commands in phase_commands.items():
        content["phases"][name] = commands if isinstance(commands, dict) else {"commands": commands}  # type: ignore[index]
    return json.dumps(content)
