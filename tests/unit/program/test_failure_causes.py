"""What everybody is told of a failed delivery: the same cause, in one line, and no script."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession

from components.notifications.slack_messages import MESSAGES
from components.notifications.slack_rules import webhook_transformer
from components.scope import Scope
from pipeline_steps import report
from releases.failure import marked
from releases.pipeline import Pipeline
from sandbox.eventbridge.transform import target_input

Json = dict[str, Any]
SCRIPT = "bash -euo pipefail -c 'fail() {\n  echo \"$*\" >&2\n  exit 1\n}'"
COMMAND = (
    "Build terminated with state: FAILED. Phase: BUILD, Code: COMMAND_EXECUTION_ERROR, Message: Error while executing "
    f"command: {SCRIPT}. Reason: exit status 1"
)
LOG = [
    f"[Container] 2026/01/01 00:00:00 Running command {SCRIPT}\n",
    "#5 ERROR: process did not complete\n",
    f"{marked('Dockerfile:2: exit code: 3')}\n",
    "[Container] 2026/01/01 00:00:01 Phase complete: BUILD State: FAILED\n",
]
MIGRATION = "The migration ended with exit code 1: bin/migrate: no such file. Its log: /ecs/dev-web, stream s"
ASKED = "The load balancer asked for /healthz at port 80: Request timed out."
EVENT = "(service dev-web) (port 80) is unhealthy in (target-group arn:group) due to (reason Request timed out)"
UNHEALTHY = "ECS deployment circuit breaker: tasks failed ELB health checks."
ROLLED_BACK = (
    "The service runs repository@sha256:0 in web, not sha256:1: it was rolled back. (service dev-web) is steady."
)
FAILURES = {
    # stage, action, provider, category, what CodePipeline says, the cause
    "build": ("Package", "Package", "CodeBuild", "Build", COMMAND, "Dockerfile:2: exit code: 3"),
    "build that was not begun": ("Package", "Package", "CodeBuild", "Build", "No capacity\nfor it", "No capacity for it"),
    "migration": ("Deploy", "Migrate", "Lambda", "Invoke", MIGRATION, MIGRATION),
    "health check": ("Deploy", "Deploy", "ECS", "Deploy", f"{UNHEALTHY}\n", f"{ASKED} {UNHEALTHY}"),
    "rollback": ("Deploy", "Release", "Lambda", "Invoke", ROLLED_BACK, ROLLED_BACK),
}  # fmt: skip
PIPELINE: Json = {"name": "dev-web", "stages": [{"name": stage, "actions": []} for stage in ("Package", "Deploy")]}


def session(stage: str, action: str, provider: str, category: str, message: str) -> FakeSession:
    """An account in which one execution has failed."""
    moment = datetime(2026, 1, 1, tzinfo=UTC)
    kind = {"provider": provider, "category": category}
    configuration = {"ClusterName": "dev", "ServiceName": "dev-web"}
    result = {"externalExecutionId": "p:1", "externalExecutionSummary": message, "errorDetails": {"message": message}}
    failed = {
        "stageName": stage, "actionName": action, "status": "Failed", "actionExecutionId": "a", "startTime": moment,
        "lastUpdateTime": moment, "output": {"executionResult": result},
        "input": {"actionTypeId": kind, "configuration": configuration},
    }  # fmt: skip
    packaged = {"COMMIT": "0" * 40, "COMMIT_REPOSITORY": "team/web"}
    source = {"BucketName": "b", "ObjectKey": "sources/a/source.zip", "VersionId": "v"}
    before = [
        {**failed, "stageName": name, "actionName": name, "status": "Succeeded", "actionExecutionId": name,
         "output": {"outputVariables": variables}}
        for name, variables in (("Package", packaged), ("Source", source))
        if name != stage
    ]  # fmt: skip
    variables = [{"name": "image", "resolvedValue": "none"}]
    metadata = {"commit": packaged["COMMIT"], "repository": packaged["COMMIT_REPOSITORY"]}
    answers: dict[str, Callable[[Json], Any]] = {
        "GetPipelineExecution": lambda _: {"pipelineExecution": {"status": "Failed", "variables": variables}},
        "GetPipelineState": lambda _: {"stageStates": []},
        "ListActionExecutions": lambda _: {"actionExecutionDetails": [failed, *before]},
        "HeadObject": lambda _: {"Metadata": metadata},
        "BatchGetBuilds": lambda _: {"builds": [{"logs": {"groupName": "g", "streamName": "s"}}]},
        "GetLogEvents": lambda given: {
            "events": [] if "nextToken" in given else [{"message": line} for line in LOG],
            "nextForwardToken": "end",
        },
        "DescribeServices": lambda _: {"services": [{"events": [{"message": EVENT, "createdAt": moment}]}]},
        "DescribeTargetGroups": lambda _: {"TargetGroups": [{"HealthCheckPath": "/healthz"}]},
        "FilterLogEvents": lambda _: {"events": []},
        "ListClusters": lambda _: {"clusterArns": []},
        "PutEvents": lambda _: {"FailedEntryCount": 0},
    }
    return FakeSession(answers)


@pytest.fixture(params=FAILURES)
def case(request: pytest.FixtureRequest) -> tuple[str, str, str, str, str, str]:
    return FAILURES[request.param]


Case = tuple[str, str, str, str, str, str]


def test_the_commit(case: Case) -> None:
    *failed, cause = case
    aws = session(*failed)
    report.run(cast(boto3.Session, aws), "b", report.Ended("dev-web", "e", "FAILED", 0.0), "r")
    detail = json.loads(aws.called("PutEvents")[0]["Entries"][0]["Detail"])
    assert (detail["stage"], detail["action"], detail["message"]) == (failed[0], failed[1], cause)
    assert detail["reason"] == cause[:127] + ("…" if len(cause) > 128 else cause[127:])


def test_the_operators_commands(case: Case) -> None:
    stage, action, *_, cause = case
    pipeline = Pipeline(cast(boto3.Session, session(*case[:-1])), "dev-web")
    assert pipeline.failure_reason("e") == f"ended as Failed: {stage} / {action}: {cause}"


@pytest.mark.parametrize("name", [name for name in FAILURES if name != "build"])
def test_slack(name: str) -> None:
    """Of a failed build CodePipeline's event has the command only, and of no health check what it asked for."""
    stage, action, provider, category, message, cause = FAILURES[name]
    kind = "not_deployed" if provider == "ECS" else "failed"
    result = {"external-execution-summary": message, "external-execution-url": "https://…"}
    detail = {
        "pipeline": "dev-web", "execution-id": "e", "stage": stage, "action": action, "state": "FAILED",
        "type": {"provider": provider, "category": category}, "execution-result": result,
    }  # fmt: skip
    scope = Scope(stack="dev", partition="aws", region="eu-west-1", account="1" * 12)
    body = webhook_transformer(MESSAGES[kind], scope, production=False)
    transformer = {"InputPathsMap": body["input_paths"], "InputTemplate": body["input_template"]}
    told = json.loads(target_input({"InputTransformer": transformer}, {"detail": detail}, "rule"))
    header, line, *more, _ = told["attachments"][0]["blocks"]
    assert header["text"]["text"] == f"[dev] dev-web has failed in {stage}"
    assert " ".join(line["text"]["text"].split()) == f"{action}: {cause.removeprefix(ASKED).lstrip()}"
    commands = ["Path, port and answer of a failed health check: `delivery status SERVICE --stack dev`"]
    assert [block["text"]["text"] for block in more] == (commands if kind == "not_deployed" else [])
