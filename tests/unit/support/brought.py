"""An AWS to which sources are uploaded and images are pushed, each of which starts an execution."""

from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from delivery_aws import REGISTRY, FakeAws, RefusedError, action, digest

from delivery.__main__ import main
from delivery.command_line import Connection

A, B, C = digest("a"), digest("b"), digest("c")
PROJECT = {
    "REPOSITORY_URI": f"{REGISTRY}/dev-web", "INBOX": "", "SOURCE_BUCKET": "bucket", "SOURCE_KEY": "sources/web/source.zip",
    "STEPS_KEY": "s", "PLATFORM": "linux/arm64", "CONTEXT": ".", "DOCKERFILE": "Dockerfile", "TARGET": "", "REBUILD": "",
    "RELEASE_RECORD": "/r", "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "", "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "",
}  # fmt: skip
PACKAGED = {"DEPLOY": "yes", "SUMMARY": "an image"}


class Bring(FakeAws):
    """Attributes say what becomes of what is brought for the service `web`."""

    def __init__(self, source: str = "s3") -> None:
        super().__init__(source=source)
        self.project: dict[str, str] = dict(PROJECT)
        self.stored: list[dict[str, str]] = []
        self.versions: dict[str, str] = {"VersionId": "v1"}
        self.ends, self.packaged, self.tells = "Succeeded", PACKAGED, True
        self.key = "sources/web/source.zip"
        self.inbox: dict[str, str] = {}
        self.uploaded: list[tuple[bytes, dict[str, Any]]] = []

    def starts(self, revision: str = "steps", **variables: str) -> str:
        """An event starts an execution."""
        actions = (
            action("Source", "Source", "Source", variables={"VersionId": revision}, input=_input("Source", "S3", "Source")),
            action("Package", "Package", "Invoke", self.ends, variables=self.packaged, input=_input("Invoke", "Lambda", "Package"),
                   result={} if self.ends == "Succeeded" else {"errorDetails": {"message": "no such column"}}),
        )  # fmt: skip
        execution = self.executing(self.ends, *({**each, "lastUpdateTime": each["startTime"]} for each in actions))
        found = self.pipeline["executions"][0]
        found |= {"sourceRevisions": [{"actionName": "Source", "revisionId": revision}]}
        found["variables"] = [{"name": name, "resolvedValue": value} for name, value in variables.items()]
        return execution

    def _GetPipeline(self, given: dict[str, Any]) -> dict[str, Any]:
        found = super()._GetPipeline(given)
        if self.source == "s3":
            found["pipeline"]["stages"][0]["actions"][0]["configuration"]["S3ObjectKey"] = self.key
        return found

    def _PutObject(self, given: dict[str, Any]) -> dict[str, Any]:
        self.uploaded.append((given["Body"].read(), {key: given[key] for key in ("Bucket", "Key", "Metadata")}))
        if self.tells:
            self.starts("v1", image="none")
        return self.versions

    def _BatchGetProjects(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"names": ["dev-web-package"]}
        variables = [*({"name": name, "value": value} for name, value in self.project.items()), *self.stored]
        return {"projects": [{"environment": {"environmentVariables": variables}}]}

    def _GetSecretValue(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"SecretString": '{"json": "of json"}'}

    def _DescribeRule(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"State": "ENABLED"}

    def _GetBucketNotificationConfiguration(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"EventBridgeConfiguration": {}}

    def _StartPipelineExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        variables = {each["name"]: each["value"] for each in given.get("variables", [])}
        revisions = [each["revisionValue"] for each in given.get("sourceRevisions", [])]
        return {"pipelineExecutionId": self.starts(*revisions[:1], **variables)}

    def _DescribeRepositories(self, given: dict[str, Any]) -> dict[str, Any]:
        (name,) = given["repositoryNames"]
        return {"repositories": [{"repositoryUri": f"{REGISTRY}/{name}"}]}

    def _DescribeImages(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["repositoryName"] != "dev-web/inbox":
            return super()._DescribeImages(given)
        (wanted,) = given["imageIds"]
        if wanted["imageTag"] not in self.inbox:
            raise RefusedError("ImageNotFoundException")
        return {"imageDetails": [{"imageDigest": self.inbox[wanted["imageTag"]]}]}


class BringAws(Bring):
    """The service `web` runs its release 1, and has a route."""

    def __init__(self, source: str = "s3") -> None:
        super().__init__(source)
        revision = self.revision(1, f"@{A}")
        self.record("none")
        self.release(1, A, revision)
        self.image(A, "live", "release-1")
        self.service(revision, A)
        host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["web.example.com"]}}
        forward = {"Type": "forward", "TargetGroupArn": "group"}
        self.listeners[443] = [{"Priority": "1", "Conditions": [host], "Actions": [forward]}]
        self.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": "group"}]


def reached(monkeypatch: pytest.MonkeyPatch, source: str = "s3") -> BringAws:
    """The AWS of the commands; time passes only while somebody sleeps, 10 seconds at a time."""
    aws, clock = BringAws(source), [0.0]
    monkeypatch.setattr(Connection, "session", property(lambda _: aws.session()))
    monkeypatch.setattr("time.monotonic", lambda: clock[0])
    monkeypatch.setattr("time.sleep", lambda _: clock.__setitem__(0, clock[0] + 10))
    return aws


def folder(tmp_path: Path) -> Path:
    """An app's."""
    (tmp_path / "app").mkdir()
    (tmp_path / "app/Dockerfile").write_text("FROM scratch\n")
    return tmp_path / "app"


def run(verb: str, *arguments: object) -> Result:
    """A command about the service `web`, which ends as commands do."""
    result = CliRunner().invoke(main, [verb, "web", "--stack", "dev", *map(str, arguments)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def _input(category: str, provider: str, namespace: str) -> dict[str, Any]:
    return {"actionTypeId": {"category": category, "provider": provider}, "namespace": namespace}
