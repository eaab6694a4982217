"""The build that runs Package: its buildspec under the sandbox's CodeBuild, with the build image's own Python."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from build_site import REGION, REGISTRY, TRUST, build_account, make_zip
from mocked import ROOT

from components.platform import steps_code
from releases.failure import cause
from sandbox.account.account import Account

BUCKET = "delivery-store"
URI, GONE = f"{REGISTRY}/dev-web", "no-such-version"
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ENVIRONMENT: dict[str, str] = {
    "SOURCE_BUCKET": BUCKET, "SOURCE_KEY": "sources/web.zip", "STEPS_KEY": steps_code.key(), "REPOSITORY_URI": URI, "INBOX": "", "REBUILD": "",
    "PLATFORM": "linux/amd64", "RELEASE_RECORD": "/record", "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "",
    "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "", "IMAGE": "rebuild", "EXECUTION": "exec-1",
    "CONTEXT": ".", "DOCKERFILE": "Dockerfile", "TARGET": "",
}  # fmt: skip
TRAPS = {
    ".python-version": "3.99\n",
    "boto3.py": "raise SystemExit",
    "json.py": "raise SystemExit",
    "Dockerfile": "FROM scratch\n",
}
"""What a source may have at its top that would lead a `python3` astray which is started there."""


class BuildAccount:
    """An account with a repository, a release record, the steps' code, an upload, and the build's project."""

    def __init__(self, account: Account) -> None:
        self._account, self._s3, self._codebuild = account, account.client("s3"), account.client("codebuild")
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._s3.put_object(Bucket=BUCKET, Key=steps_code.key(), Body=steps_code.archive())
        self._s3.put_object(Bucket=BUCKET, Key="in.zip", Body=make_zip(TRAPS))
        versioning = {"Status": "Enabled"}
        self._s3.put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration=versioning)
        upload = self._s3.put_object(Bucket=BUCKET, Key=ENVIRONMENT["SOURCE_KEY"], Body=make_zip(TRAPS))
        self.version = upload["VersionId"]
        account.client("ecr").create_repository(repositoryName="dev-web")
        account.client("ssm").put_parameter(Name="/record", Value="none", Type="String")
        iam = account.client("iam")
        role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="build", PolicyName="p", PolicyDocument=policy(ANYTHING))
        self._codebuild.create_project(
            name="package",
            source={"type": "CODEPIPELINE", "buildspec": (ROOT / "buildspecs/build.yaml").read_text()},
            artifacts={"type": "CODEPIPELINE"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "privilegedMode": True,
                "environmentVariables": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
            },
            serviceRole=role,
        )

    def build(self, version: str) -> tuple[dict[str, Any], list[str]]:
        """The build's record, and its log."""
        name = self._codebuild.start_build(
            projectName="package",
            sourceLocationOverride=f"{BUCKET}/in.zip",
            artifactsOverride={"type": "NO_ARTIFACTS"},
            environmentVariablesOverride=[{"name": "SOURCE_VERSION", "value": version}],
        )["build"]["id"]
        for _ in range(1200):
            (build,) = self._codebuild.batch_get_builds(ids=[name])["builds"]
            if build["buildComplete"]:
                log = self._account.folder / "builds" / name.split(":")[1] / "build.log"
                return build, log.read_text().splitlines()
            time.sleep(0.05)
        raise AssertionError("the build does not end")


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[BuildAccount]:
    with build_account(tmp_path, monkeypatch) as account:
        yield BuildAccount(account)


def test_what_a_build_hands_on(account: BuildAccount) -> None:
    build, log = account.build(account.version)
    assert build["buildStatus"] == "SUCCEEDED", log[-14:]
    exported = {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
    assert exported.pop("DIGEST").startswith("sha256:")
    assert int(exported.pop("UPLOADED")) > 0
    assert exported == {"NOTHING": "", "COMMIT": "unknown", "COMMIT_REPOSITORY": "unknown"}


def test_a_build_that_fails_says_why_in_one_line(account: BuildAccount) -> None:
    build, log = account.build(GONE)
    assert build["buildStatus"] == "FAILED"
    assert cause(log).startswith("An error occurred (")
    own = [line for line in log if not line.startswith("[Container]")]
    assert cause(own[-1:]) == cause(log)
    assert [line for line in own if "import" in line or "Traceback" in line] == []
