"""The build that runs Package: its buildspec under the sandbox's CodeBuild, with the build image's own Python."""

from __future__ import annotations

import io
import json
import time
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from build_site import REGION, REGISTRY, TRUST, build_account, make_zip
from mocked import ROOT

from components.platform import steps_code
from releases.failure import cause
from sandbox.account.account import Account

BUCKET = "delivery-store"
URI, GONE = f"{REGISTRY}/dev-web", "sha256:" + "d" * 64
ANYTHING = {"Effect": "Allow", "Action": "*", "Resource": "*"}
ENVIRONMENT = {
    "SOURCE_BUCKET": BUCKET, "SOURCE_KEY": "sources/web.zip", "STEPS_KEY": steps_code.key(), "REPOSITORY_URI": URI, "INBOX": "", "PROMOTE_FROM": "", "REBUILD": "", "CONTAINERS": "web",
    "PLATFORM": "linux/amd64", "RELEASE_RECORD": "/record", "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "", "TEMPLATE_FOLDER": "",
    "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "", "SOURCE_VERSION": "v", "EXECUTION": "exec-1",
    "CONTEXT": ".", "DOCKERFILE": "Dockerfile", "TARGET": "",
}  # fmt: skip
TRAPS = {".python-version": "3.99\n", "boto3.py": "raise SystemExit", "json.py": "raise SystemExit", "Dockerfile": ""}
"""What a source may have at its top that would lead a `python3` astray which is started there."""


class PackageAccount:
    """An account with a repository, a release record, the steps' code, and Package's project."""

    def __init__(self, account: Account) -> None:
        self._account, self._s3, self._codebuild = account, account.client("s3"), account.client("codebuild")
        self._s3.create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": REGION})
        self._s3.put_object(Bucket=BUCKET, Key=steps_code.key(), Body=steps_code.archive())
        self._s3.put_object(Bucket=BUCKET, Key="in.zip", Body=make_zip(TRAPS))
        account.client("ecr").create_repository(repositoryName="dev-web")
        account.client("ssm").put_parameter(Name="/record", Value="none", Type="String")
        iam = account.client("iam")
        role = iam.create_role(RoleName="build", AssumeRolePolicyDocument=policy(TRUST))["Role"]["Arn"]
        iam.put_role_policy(RoleName="build", PolicyName="p", PolicyDocument=policy(ANYTHING))
        self._codebuild.create_project(
            name="package",
            source={"type": "CODEPIPELINE", "buildspec": (ROOT / "buildspecs/package.yaml").read_text()},
            artifacts={"type": "CODEPIPELINE"},
            environment={
                "type": "LINUX_CONTAINER",
                "image": "aws/codebuild/amazonlinux-x86_64-standard:5.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": name, "value": value} for name, value in ENVIRONMENT.items()],
            },
            serviceRole=role,
        )

    def build(self, image: str) -> tuple[dict[str, Any], list[str]]:
        """The build's record, and its log."""
        name = self._codebuild.start_build(
            projectName="package",
            sourceLocationOverride=f"{BUCKET}/in.zip",
            artifactsOverride={"type": "S3", "location": BUCKET, "name": "out.zip", "packaging": "ZIP"},
            environmentVariablesOverride=[{"name": "IMAGE", "value": image}],
        )["build"]["id"]
        for _ in range(1200):
            (build,) = self._codebuild.batch_get_builds(ids=[name])["builds"]
            if build["buildComplete"]:
                log = self._account.folder / "builds" / name.split(":")[1] / "build.log"
                return build, log.read_text().splitlines()
            time.sleep(0.05)
        raise AssertionError("the build does not end")

    def artifact(self) -> Mapping[str, bytes]:
        body = self._s3.get_object(Bucket=BUCKET, Key="out.zip")["Body"].read()
        with zipfile.ZipFile(io.BytesIO(body)) as files:
            return {name: files.read(name) for name in files.namelist()}


def policy(statement: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[PackageAccount]:
    with build_account(tmp_path, monkeypatch) as account:
        yield PackageAccount(account)


def test_what_a_build_hands_on(account: PackageAccount) -> None:
    build, log = account.build("live")
    assert build["buildStatus"] == "SUCCEEDED", log
    exported = {each["name"]: each["value"] for each in build["exportedEnvironmentVariables"]}
    assert exported == {
        "IMAGE_DIGEST": "", "DEPLOY": "no", "SOURCE": "unknown", "COMMIT": "unknown", "COMMIT_REPOSITORY": "unknown",
        "UPLOADED": "0", "SUMMARY": "nothing to deploy",
    }  # fmt: skip
    assert [line for line in log if not line.startswith("[Container]")] == [
        "No image is live yet: nothing to do.", "nothing to deploy",
    ]  # fmt: skip
    assert account.artifact() == {"imagedefinitions.json": b'[{"name": "web", "imageUri": "%s@"}]' % URI.encode()}


def test_a_build_that_fails_says_why_in_one_line(account: PackageAccount) -> None:
    build, log = account.build(GONE)
    assert build["buildStatus"] == "FAILED"
    assert cause(log) == f"There is no image {GONE} in dev-web."
    own = [line for line in log if not line.startswith("[Container]")]
    assert cause(own[-1:]) == cause(log)
    assert [line for line in own if "import" in line or "Traceback" in line] == []
