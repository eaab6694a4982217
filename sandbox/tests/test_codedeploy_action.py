"""The CodeDeployToECS action: what it makes of its artifacts, what it calls, and how it fails."""

import json
import threading
from typing import Any

import pytest

from sandbox.codepipeline.actions import codedeploy_ecs
from sandbox.codepipeline.actions.codedeploy_ecs import run
from sandbox.codepipeline.actions.context import ActionFailure
from sandbox.codepipeline.artifacts import zip_of
from sandbox.codepipeline.model import Artifact

Json = dict[str, Any]
DIGEST = "repository@sha256:1"
TASK = {"family": "web", "containerDefinitions": [{"name": "web", "image": "<IMAGE1_NAME>"}]}
APPSPEC = '{"TaskDefinition": "<TASK_DEFINITION>"}'
FILES = {
    "taskdef.json": json.dumps(TASK).encode(),
    "appspec.yaml": APPSPEC.encode(),
    "imageDetail.json": json.dumps({"ImageURI": DIGEST}).encode(),
}
CONFIGURATION = {
    "ApplicationName": "app",
    "DeploymentGroupName": "group",
    "TaskDefinitionTemplateArtifact": "deployment",
    "AppSpecTemplateArtifact": "deployment",
    "Image1ArtifactName": "deployment",
    "Image1ContainerName": "IMAGE1_NAME",
}


class Context:
    """An action whose AWS answers from a table."""

    def __init__(self, files: dict[str, bytes], **changes: str) -> None:
        self.configuration = {**CONFIGURATION, **changes}
        self.inputs = [Artifact("deployment", "bucket", "key", None)]
        self.content = zip_of(files)
        self.calls: list[tuple[str, Json]] = []
        self.statuses = ["InProgress", "InProgress", "Succeeded"]
        self.action = type("Action", (), {"external_id": None})()
        self.abandon = threading.Event()

    def console(self, service: str, place: str) -> str:
        return f"{service}/{place}"

    def client(self, service: str) -> Any:
        return type("Client", (), {"__getattr__": lambda _, name: lambda **given: self.answer(name, given)})()

    def answer(self, name: str, given: Json) -> Json:
        self.calls.append((name, given))
        if name == "register_task_definition":
            return {"taskDefinition": {"taskDefinitionArn": "arn/web:7"}}
        if name == "get_deployment":
            error = {"code": "ALARM_ACTIVE", "message": "an alarm"}
            status = self.statuses.pop(0)
            return {"deploymentInfo": {"status": status, "deploymentConfigName": "config", "errorInformation": error}}
        return {"deploymentId": "d-1"}

    def pause(self, seconds: float) -> None:
        pass


@pytest.fixture(autouse=True)
def artifacts(monkeypatch: pytest.MonkeyPatch) -> dict[str, bytes]:
    """What the artifact's object holds."""
    content: dict[str, bytes] = {}
    monkeypatch.setattr(codedeploy_ecs, "get", lambda s3, artifact: content["zip"])
    return content


def act(artifacts: dict[str, bytes], files: dict[str, bytes] | None = None, **changes: str) -> Context:
    context = Context(FILES if files is None else files, **changes)
    artifacts["zip"] = context.content
    return context


def test_a_deployment(artifacts: dict[str, bytes]) -> None:
    context = act(artifacts)
    result = run(context)  # type: ignore[arg-type]
    assert (result.summary, result.variables) == ("Deployment d-1 succeeded", {})
    assert (context.action.external_id, context.action.external_url) == ("d-1", "codedeploy/deployments/d-1")
    assert [name for name, _ in context.calls] == [
        "register_task_definition", "get_application", "register_application_revision", "get_application_revision",
        "create_deployment", "get_deployment", "get_deployment_config", "get_deployment", "get_deployment",
    ]  # fmt: skip
    given = dict(context.calls)
    assert given["register_task_definition"]["containerDefinitions"] == [{"name": "web", "image": DIGEST}]
    revision = given["create_deployment"]["revision"]
    assert revision["appSpecContent"]["content"] == '{"TaskDefinition": "arn/web:7"}'
    assert given["register_application_revision"]["revision"] == revision


@pytest.mark.parametrize("status", ["Failed", "Stopped"])
def test_a_deployment_that_does_not_succeed(artifacts: dict[str, bytes], status: str) -> None:
    context = act(artifacts)
    context.statuses = ["InProgress", status]
    with pytest.raises(ActionFailure, match=f"Deployment d-1 {status.lower()}: ALARM_ACTIVE: an alarm"):
        run(context)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("files", "changes", "words"),
    [
        ({"taskdef.json": b"{}"}, {}, "no placeholder <IMAGE1_NAME>"),
        ({"taskdef.json": b'{"a": "<IMAGE1_NAME>"'}, {}, "not valid JSON"),
        ({"imageDetail.json": b"{}"}, {}, "has no ImageURI"),
        ({"appspec.yaml": b"version: 0.0"}, {}, "The AppSpec has no placeholder <TASK_DEFINITION>"),
        ({"appspec.yaml": b"\xff"}, {}, "appspec.yaml is not UTF-8"),
        ({}, {"AppSpecTemplatePath": "other.yaml"}, "The artifact deployment has no file other.yaml"),
        ({}, {"AppSpecTemplateArtifact": "other"}, "The artifact other is none of the action's inputs"),
        ({"more": bytes(range(256)) * 20_000}, {}, None),
    ],
)
def test_what_is_wrong_is_said(
    artifacts: dict[str, bytes], files: dict[str, bytes], changes: dict[str, str], words: str | None
) -> None:
    context = act(artifacts, {**FILES, **files}, **changes)
    if words is None:
        artifacts["zip"] += bytes(codedeploy_ecs.MOST_BYTES)
        words = "The artifact deployment has more than 3 MB"
    with pytest.raises(ActionFailure, match=words):
        run(context)  # type: ignore[arg-type]


def test_what_is_no_zip(artifacts: dict[str, bytes]) -> None:
    context = act(artifacts)
    artifacts["zip"] = b"text"
    with pytest.raises(ActionFailure, match="The artifact deployment is not a zip file"):
        run(context)  # type: ignore[arg-type]
