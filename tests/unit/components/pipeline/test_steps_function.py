"""The Lambda function of a deploy pipeline's own steps: its code, what it is given, and what it may do."""

import ast
import base64
import io
import json
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest
from mocked import ACCOUNT, REGION, ROOT, Recorder

from components.platform import steps_code
from pipeline_steps.settings import VARIABLE, Migration, Settings
from releases.controllers import CONTROLLERS
from sandbox.functions.runtime import PROVIDED

FUNCTION, OBJECT = "aws:lambda/function:Function", "aws:s3/bucketObjectv2:BucketObjectv2"
POLICY, PIPELINE = "aws:iam/rolePolicy:RolePolicy", "aws:codepipeline/pipeline:Pipeline"
ECS = f"arn:aws:ecs:{REGION}:{ACCOUNT}"


def statements(recorder: Recorder, policy: str) -> dict[str, Any]:
    document = json.loads(recorder.inputs(POLICY, policy)["policy"])
    return {statement["Sid"]: statement for statement in document["Statement"]}


def test_the_code_needs_nothing_that_lambda_does_not_provide() -> None:
    allowed = {steps_code.STEPS, "releases", *PROVIDED, *sys.stdlib_module_names}
    for name in zipfile.ZipFile(io.BytesIO(steps_code.archive())).namelist():
        tree = ast.parse((ROOT / name).read_text())
        imported = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names} | {
            node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)
        }
        assert {module.partition(".")[0] for module in imported} <= allowed, name


def test_what_finds_itself_is_in_the_code_too(tmp_path: Path) -> None:
    zipfile.ZipFile(io.BytesIO(steps_code.archive())).extractall(tmp_path)
    found = "import pipeline_steps.handler; from releases.controllers import CONTROLLERS; print(*sorted(CONTROLLERS))"
    printed = subprocess.check_output([sys.executable, "-c", found], cwd=tmp_path, text=True)
    assert printed.split() == sorted(CONTROLLERS)


def test_the_code_is_an_object_named_by_its_content(dev: Recorder) -> None:
    stored = dev.inputs(OBJECT, "delivery-store-steps")
    assert stored["key"] == steps_code.key()
    content = base64.b64decode(stored["contentBase64"])
    names = zipfile.ZipFile(io.BytesIO(content)).namelist()
    assert {"pipeline_steps/handler.py", "releases/record.py"} <= set(names)
    assert {name.partition("/")[0] for name in names} == {steps_code.STEPS, "releases"}
    assert "releases/service_state.py" not in names, "no step imports it, so that its change makes no function anew"
    assert dev.named(OBJECT)["delivery-store-steps"].retainOnDelete


def test_the_same_files_make_the_same_object(monkeypatch: pytest.MonkeyPatch) -> None:
    before = steps_code.archive()
    steps_code.archive.cache_clear()
    assert steps_code.archive() == before


def test_the_function(dev: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    inputs = dev.inputs(FUNCTION, "mailer-steps")
    variables = inputs.pop("environment")["variables"]
    assert {name: value for name, value in inputs.items() if not name.startswith("__")} == {
        "name": "dev-mailer-steps",
        "role": f"arn:aws:iam:{REGION}:{ACCOUNT}:role/dev-mailer-steps",
        "runtime": "python3.13",
        "architectures": ["arm64"],
        "handler": "pipeline_steps.handler.handle",
        "memorySize": 512,
        "timeout": 900,
        "s3Bucket": "delivery-store-bucket-0a1b2c3",
        "s3Key": steps_code.key(),
        "loggingConfig": {"logFormat": "Text", "logGroup": "/aws/lambda/dev-mailer-steps"},
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert variables.keys() == {"SERVICE"}
    assert Settings.from_environment() == Settings(
        pipeline="dev-mailer",
        cluster="dev",
        service="dev-mailer",
        controller="ECS",
        containers=["worker"],
        sidecars=[],
        minimum_tasks=1,
        deploy_minutes=15,
        repository="dev-mailer",
        record="/fargate-delivery/dev/mailer/release",
        repository_uri=f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/dev-mailer",
        platform="linux/arm64",
    )


def test_the_function_of_a_service_with_migrations(dev: Recorder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, dev.inputs(FUNCTION, "chuoi-steps")["environment"]["variables"][VARIABLE])
    settings = Settings.from_environment()
    assert settings.migration == Migration(command=["bin/migrate"], minutes=15, family="dev-chuoi-migrate")
    assert (settings.containers, settings.template_bucket) == (["web"], "")


def test_what_the_function_of_a_service_with_migrations_may_do_besides(dev: Recorder) -> None:
    in_cluster = {"ArnEquals": {"ecs:cluster": f"{ECS}:cluster/dev"}}
    granted, others = statements(dev, "chuoi-steps-policy"), statements(dev, "mailer-steps-policy")
    besides = {
        sid: (granted[sid]["Action"], granted[sid]["Resource"], granted[sid].get("Condition"))
        for sid in granted.keys() - others.keys()
    }
    assert besides == {
        "RegisterMigration": (["ecs:RegisterTaskDefinition"], ["*"], None),
        "RunMigration": (["ecs:RunTask"], [f"{ECS}:task-definition/dev-chuoi-migrate:*"], in_cluster),
        "TagTasks": (
            ["ecs:TagResource"],
            [f"{ECS}:task/dev/*"],
            {"StringEquals": {"ecs:CreateAction": ["RunTask"]}},
        ),
        "StopMigration": (["ecs:StopTask"], [f"{ECS}:task/dev/*"], None),
        "FindTasks": (["ecs:ListTasks"], ["*"], in_cluster),
        "ReadTasks": (["ecs:DescribeTasks"], [f"{ECS}:task/dev/*"], None),
        "ReadLog": (["logs:GetLogEvents"], [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-chuoi:*"], None),
    }
    assert granted.keys() > others.keys()


def test_what_the_function_may_do(dev: Recorder) -> None:
    granted = statements(dev, "mailer-steps-policy")
    roles = [f"arn:aws:iam:{REGION}:{ACCOUNT}:role/dev-mailer-{kind}" for kind in ("execution", "task")]
    plain: dict[str, tuple[Any, ...]] = {
        sid: (
            statement["Action"],
            statement["Resource"],
            *([statement["Condition"]] if "Condition" in statement else []),
        )
        for sid, statement in granted.items()
    }
    assert plain == {
        "WriteLogs": (
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/dev-mailer-steps:*"],
        ),
        "AnswerJobs": (["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], ["*"]),
        "ReadRevision": (["ecs:DescribeTaskDefinition"], ["*"]),
        "StartService": (["ecs:DescribeServices", "ecs:UpdateService"], [f"{ECS}:service/cluster/dev-mailer"]),
        "PassRoles": (
            ["iam:PassRole"],
            roles,
            {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}},
        ),
        "ResumeScaling": (
            ["application-autoscaling:RegisterScalableTarget"],
            [f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/*"],
        ),
        "WatchScaling": (
            [f"cloudwatch:{verb}" for verb in ("PutMetricAlarm", "DeleteAlarms", "DescribeAlarms")],
            ["*"],
        ),
        "TagImage": (
            ["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage"],
            [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-mailer"],
        ),
        "WriteRelease": (
            ["ssm:GetParameter", "ssm:PutParameter"],
            [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/mailer/release"],
        ),
        "Announce": (
            ["events:PutEvents"],
            [f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"],
            {
                "StringEquals": {
                    "events:source": "fargate-delivery",
                    "events:detail-type": ["Release Started", "Release Packaged", "Service Released"],
                }
            },
        ),
        "ReadExecution": (
            ["codepipeline:GetPipelineExecution"],
            [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:dev-mailer"],
        ),
        "ReadActions": (
            ["codepipeline:ListActionExecutions"],
            [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:dev-mailer"],
        ),
        "ReadLabels": (
            ["ecr:GetDownloadUrlForLayer"],
            [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-mailer"],
        ),
        "ReadReleases": (
            ["ssm:GetParameterHistory"],
            [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/mailer/release"],
        ),
        "Measure": (
            ["cloudwatch:PutMetricData"],
            ["*"],
            {"StringEquals": {"cloudwatch:namespace": "fargate-delivery"}},
        ),
    }


def test_the_pipeline_may_run_its_own_function_only(dev: Recorder) -> None:
    for service in ("chuoi", "mailer"):
        arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dev-{service}-steps"
        granted = statements(dev, f"{service}-pipeline-policy")
        assert granted["RunSteps"] == {
            "Sid": "RunSteps", "Effect": "Allow", "Action": ["lambda:InvokeFunction"], "Resource": [arn],
        }  # fmt: skip
        stages = dev.inputs(PIPELINE, f"{service}-pipeline")["stages"]
        (release,) = [action for action in stages[-1]["actions"] if action["name"] == "Release"]
        assert release["configuration"]["FunctionName"] == f"dev-{service}-steps"
        assert len(json.dumps(release["configuration"]["UserParameters"])) < 1000
