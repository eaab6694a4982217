"""Least privilege: who may upload what, and that no grant is there for nothing."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.iam.evaluator import Policy, Request, evaluate
from tests.scenarios.conftest import WORKER, Apps, Stack
from tests.support.deliveries import ship_with_its_event_twice

pytestmark = pytest.mark.nightly


def test_the_uploader_may_put_its_own_source_and_nothing_else(dev: Stack) -> None:
    outputs = dev.outputs()
    bucket, _, key = outputs["chuoi"]["upload_to"].removeprefix("s3://").partition("/")
    other = outputs["mailer"]["upload_to"].removeprefix("s3://").partition("/")[2]

    def s3(operation: str, *arguments: str) -> str:
        done = dev.aws("chuoi-uploader", "s3api", operation, "--bucket", bucket, *arguments)
        return "ok" if done.code == 0 else done.err

    body = str(dev.root / "Pulumi.yaml")
    assert s3("put-object", "--key", key, "--body", body) == "ok"
    refused = {
        "s3:GetObject": s3("get-object", "--key", key, "/dev/null"),
        "s3:ListBucket": s3("list-objects-v2"),
        "s3:DeleteObject": s3("delete-object", "--key", key),
        "s3:PutObject": s3("put-object", "--key", other, "--body", body),
    }
    for action, message in refused.items():
        assert "AccessDenied" in message
        assert f"is not authorized to perform: {action}" in message


def start_with_live_image(stack: Stack, service: str) -> None:
    """Start the pipeline by hand, with the image that is live and no source named."""
    pipeline, name = stack.client("codepipeline"), f"{stack.name}-{service}"
    started = pipeline.start_pipeline_execution(name=name, variables=[{"name": "image", "value": "live"}])
    execution = started["pipelineExecutionId"]
    for _ in range(300):
        found = pipeline.get_pipeline_execution(pipelineName=name, pipelineExecutionId=execution)
        if found["pipelineExecution"]["status"] not in ("InProgress", "Queued"):
            break
        time.sleep(0.2)
    assert found["pipelineExecution"]["status"] == "Succeeded"


MIGRATES_FOR_EVER = "#!/bin/sh\ntrap 'echo interrupted; exit 0' TERM\nwhile true; do sleep 1; done\n"


def let_a_migration_run_out_of_time(stack: Stack, app: Path) -> None:
    """It is stopped and fails the release, even if it then ends in peace."""
    before = stack.status("chuoi")["release"]
    stack.edit("Pulumi.yaml", "migrate: {command: [bin/migrate]}", "migrate: {command: [bin/migrate], timeout: 1}")
    stack.ok("up")
    done = stack.ship("chuoi", app)
    assert done.code == 1
    assert "The migration did not end in 1 min" in done.out + done.err
    assert "interrupted" in done.out + done.err
    assert stack.status("chuoi")["release"] == before


BY_AWS_GUIDES = {
    ("s3:GetBucketAcl", "FindArtifacts", ""),
    ("s3:GetBucketLocation", "FindArtifacts", ""),
    ("s3:GetObjectVersion", "ReadArtifacts", ""),
    ("s3:PutObjectAcl", "WriteArtifacts", ""),
    ("ecs:ListTasks", "FindTasks", "-pipeline"),
    ("ecs:DescribeTasks", "ReadTasks", "-pipeline"),
    ("iam:PassRole", "PassRoles", "-steps"),
}
"""Action, statement and how the role ends: what nothing asks for in the sandbox, and AWS's own examples of such a role
grant (docs/aws-assumptions.md)."""
OF_A_FAILURE = {("codepipeline:PutJobFailureResult", "AnswerJobs", "-mailer-steps")}
"""What is granted for a failure, and this service has none here."""
OF_AN_OVERLAP = {("dev-mailer-package", "FindExecutions", "codepipeline:GetPipelineExecution")}
"""Role, statement and action that is asked for while an earlier execution of the same source is at work; the worker's may
be over by then, and the other service's never is."""


def granted(stack: Stack) -> Iterator[tuple[str, str, dict[str, Any], int, str]]:
    """Role, policy name, policy, statement's index and action, of every action that the program grants."""
    iam = stack.client("iam")
    for role in iam.list_roles()["Roles"]:
        for name in iam.list_role_policies(RoleName=role["RoleName"])["PolicyNames"]:
            document = iam.get_role_policy(RoleName=role["RoleName"], PolicyName=name)["PolicyDocument"]
            for index, statement in enumerate(document["Statement"]):
                for action in statement["Action"]:
                    yield role["RoleName"], name, document, index, action


def without(document: dict[str, Any], index: int, action: str) -> dict[str, Any]:
    """The policy less one action of one statement."""
    copy: dict[str, Any] = json.loads(json.dumps(document))
    copy["Statement"][index]["Action"].remove(action)
    if not copy["Statement"][index]["Action"]:
        del copy["Statement"][index]
    return copy


def test_every_grant_is_needed(dev: Stack, apps: Apps) -> None:
    """What a delivery asks for, asked again with each granted action taken out: one answer at least is no."""
    for service, app in (("chuoi", apps.make("g1")), ("mailer", apps.make("g2", server=WORKER))):
        done = ship_with_its_event_twice(dev, service, app)
        assert done.code == 0, done.out + done.err
    for service in ("chuoi", "mailer"):
        start_with_live_image(dev, service)
    let_a_migration_run_out_of_time(dev, apps.make("g3", migrate=MIGRATES_FOR_EVER))
    decisions = [d for d in dev.control("decisions") if d["allowed"]]
    needless = {
        (role, document["Statement"][index].get("Sid", name), action)
        for role, name, document, index, action in granted(dev)
        if not _is_needed(role, without(document, index, action), action, decisions)
    }
    explained = {
        (role, sid, action)
        for role, sid, action in needless
        for known, statement, end in BY_AWS_GUIDES | OF_A_FAILURE
        if (known, statement) == (action, sid) and role.endswith(end)
    }
    assert needless - explained - OF_AN_OVERLAP == set()
    known = {(action, sid) for action, sid, _ in BY_AWS_GUIDES | OF_A_FAILURE}
    assert {(action, sid) for _, sid, action in explained} == known


def _is_needed(role: str, policy: dict[str, Any], action: str, decisions: list[dict[str, Any]]) -> bool:
    asked = [d for d in decisions if f":assumed-role/{role}/" in d["principal"] and d["action"] == action]
    return any(
        not evaluate(
            Request(action=d["action"], resource=d["resource"], context=d["context"]), [Policy("less", policy)]
        ).allowed
        for d in asked
    )
