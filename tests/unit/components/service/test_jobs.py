"""A service's jobs under mocks: what is made for them, who may do what, and what a stack file may say of them."""

import json
from typing import Any

import pytest
import yaml
from mocked import ACCOUNT, REGION, Recorder, of_stack
from pydantic import ValidationError

from components.service.jobs import Job
from pipeline_steps.job_settings import VARIABLE
from tests.support.example import EXAMPLE

FUNCTION, SCHEDULE = "aws:lambda/function:Function", "aws:scheduler/schedule:Schedule"
GROUP, POLICY = "aws:scheduler/scheduleGroup:ScheduleGroup", "aws:iam/rolePolicy:RolePolicy"
RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
JOBS = {
    "clean": {"command": ["bin/clean"], "schedule": "cron(0 3 * * ? *)", "timezone": "Asia/Tokyo", "timeout": 30, "retries": 2},
    "import": {"command": ["bin/import"]},
}  # fmt: skip
QUEUE = f"arn:aws:sqs:{REGION}:{ACCOUNT}:local-starts-undelivered"
JOBS_FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:local-hello-jobs"
CLUSTER = f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/local"


def with_jobs(jobs: dict[str, Any] = JOBS, **changes: Any) -> Recorder:
    services = yaml.safe_load((EXAMPLE / "Pulumi.local.yaml").read_text())["config"]["fargate-delivery:services"]
    services["hello"]["jobs"] = jobs
    return of_stack("local", services=services, **changes)


@pytest.fixture(scope="module")
def local() -> Recorder:
    return with_jobs()


def statements(local: Recorder, policy: str) -> dict[str, tuple[Any, Any, Any]]:
    document = json.loads(local.inputs(POLICY, policy)["policy"])
    return {s["Sid"]: (s["Action"], s["Resource"], s.get("Condition")) for s in document["Statement"]}


def test_a_schedule_calls_the_function_with_its_time_as_the_token(local: Recorder) -> None:
    assert local.named(SCHEDULE).keys() == {"hello-clean-schedule"}, "a job without one has none"
    assert local.inputs(SCHEDULE, "hello-clean-schedule") == {
        "name": "clean", "groupName": "local-hello", "scheduleExpression": "cron(0 3 * * ? *)",
        "scheduleExpressionTimezone": "Asia/Tokyo", "flexibleTimeWindow": {"mode": "OFF"},
        "target": {
            "arn": JOBS_FUNCTION, "roleArn": f"arn:aws:iam:{REGION}:{ACCOUNT}:role/local-hello-schedule",
            "input": '{"job": "clean", "token": "<aws.scheduler.scheduled-time>"}',
            "retryPolicy": {"maximumEventAgeInSeconds": 900}, "deadLetterConfig": {"arn": QUEUE},
        },
    }  # fmt: skip
    assert local.inputs(GROUP, "hello-schedules") == {"name": "local-hello"}
    assert statements(local, "hello-schedule-policy") == {
        "CallFunction": (["lambda:InvokeFunction"], [JOBS_FUNCTION], None),
        "KeepUndelivered": (["sqs:SendMessage"], [QUEUE], None),
    }


def test_what_the_function_knows(local: Recorder) -> None:
    inputs = local.inputs(FUNCTION, "hello-jobs")
    assert (inputs["name"], inputs["handler"], inputs["timeout"]) == (
        "local-hello-jobs",
        "pipeline_steps.jobs.handle",
        60,
    )
    (variable,) = inputs["environment"]["variables"]
    known = json.loads(inputs["environment"]["variables"][variable])
    assert (variable, known.pop("record")) == (VARIABLE, "/fargate-delivery/local/hello/release")
    assert known == {
        "name": "local-hello", "cluster": "local", "service": "local-hello", "controller": "ECS", "containers": ["web"],
        "repository_uri": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/local-hello", "function": JOBS_FUNCTION,
        "schedule_group": "local-hello", "schedule_role": f"arn:aws:iam:{REGION}:{ACCOUNT}:role/local-hello-schedule",
        "jobs": {
            "clean": {"command": ["bin/clean"], "minutes": 30, "retries": 2},
            "import": {"command": ["bin/import"], "minutes": 60, "retries": 0},
        },
    }  # fmt: skip


def test_what_the_function_may_do(local: Recorder) -> None:
    found = statements(local, "hello-jobs-policy")
    ecs, in_cluster = f"arn:aws:ecs:{REGION}:{ACCOUNT}", {"ArnEquals": {"ecs:cluster": CLUSTER}}
    roles = [f"arn:aws:iam:{REGION}:{ACCOUNT}:role/local-hello-{kind}" for kind in ("execution", "task")]
    tasks = f"{ecs}:task/local/*"
    assert found == {
        "WriteLogs": (["logs:CreateLogStream", "logs:PutLogEvents"], [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/local-hello-jobs:*"], None),
        "FindTasks": (["ecs:ListTasks"], ["*"], in_cluster),
        "ReadTasks": (["ecs:DescribeTasks"], [tasks], None),
        "ReadRelease": (["ssm:GetParameter"], [f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/local/hello/release"], None),
        "ReadService": (["ecs:DescribeServices"], [f"{ecs}:service/cluster/local-hello"], None),
        "Definitions": (["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], ["*"], None),
        "RunJobs": (["ecs:RunTask"], [f"{ecs}:task-definition/local-hello_*:*"], in_cluster),
        "TagTasks": (["ecs:TagResource"], [tasks], {"StringEquals": {"ecs:CreateAction": ["RunTask"]}}),
        "PassRoles": (["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        "StopJobs": (["ecs:StopTask"], [tasks], None),
        "ReadLog": (["logs:GetLogEvents"], [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/local-hello:*"], None),
        "StopLater": (["scheduler:CreateSchedule"], [f"arn:aws:scheduler:{REGION}:{ACCOUNT}:schedule/local-hello/stop-*"], None),
        "PassScheduleRole": (["iam:PassRole"], [f"arn:aws:iam:{REGION}:{ACCOUNT}:role/local-hello-schedule"], {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}),
        "Measure": (["cloudwatch:PutMetricData"], ["*"], {"StringEquals": {"cloudwatch:namespace": "fargate-delivery"}}),
        "Announce": (["events:PutEvents"], [f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"], {
            "StringEquals": {"events:source": "fargate-delivery", "events:detail-type": ["Job Failed", "Job Skipped"]},
        }),
    }  # fmt: skip


def test_the_function_is_told_of_the_jobs_ends_and_of_no_others(local: Recorder) -> None:
    rule = local.inputs(RULE, "hello-job-ended")
    assert (rule["name"], json.loads(rule["eventPattern"])) == ("local-hello-job-ended", {
        "source": ["aws.ecs"], "detail-type": ["ECS Task State Change"],
        "detail": {"clusterArn": [CLUSTER], "group": [{"prefix": "family:local-hello_"}], "lastStatus": ["STOPPED"]},
    })  # fmt: skip
    target = local.inputs(TARGET, "hello-job-ended-target")
    assert (target["arn"], target["deadLetterConfig"]) == (JOBS_FUNCTION, {"arn": QUEUE})
    assert "roleArn" not in target
    permission = local.inputs("aws:lambda/permission:Permission", "hello-job-ended-permission")
    assert permission["sourceArn"] == f"arn:aws:events:{REGION}:{ACCOUNT}:rule/local-hello-job-ended"


@pytest.mark.parametrize(
    ("alarm", "metric"),
    [
        ("jobs", ("fargate-delivery", "FailedJobs", {"PipelineName": "local-hello"})),
        ("jobs-lost", ("AWS/Lambda", "AsyncEventsDropped", {"FunctionName": "local-hello-jobs"})),
    ],
)
def test_whoever_has_no_slack_has_alarms(alarm: str, metric: tuple[Any, ...]) -> None:
    topic = f"arn:aws:sns:{REGION}:{ACCOUNT}:pages"
    recorder = with_jobs(notifications={"page": topic, "slack": True, "commits": {"host": "github"}})
    found = recorder.inputs("aws:cloudwatch/metricAlarm:MetricAlarm", f"hello-{alarm}")
    assert (found["namespace"], found["metricName"], found["dimensions"]) == metric
    assert (found["name"], found["statistic"], found["threshold"]) == (f"local-hello-{alarm}", "Sum", 0)
    assert (found["period"], found["evaluationPeriods"], found["datapointsToAlarm"]) == (60, 5, 1)
    assert (found["comparisonOperator"], found["treatMissingData"]) == ("GreaterThanThreshold", "notBreaching")
    assert (found["alarmActions"], found["okActions"]) == ([topic], [topic])
    assert found["alarmDescription"].endswith("; /aws/lambda/local-hello-jobs says why")


def test_failures_to_start_a_job_are_kept_and_told(local: Recorder) -> None:
    (policy,) = (name for name in local.named("aws:sqs/queuePolicy:QueuePolicy") if name.startswith("starts"))
    text = json.dumps(local.inputs("aws:sqs/queuePolicy:QueuePolicy", policy))
    assert "rule/local-*-job-ended" in text
    assert {"slack-job_failed", "slack-job_skipped"} <= local.named(RULE).keys()
    pattern = json.loads(local.inputs(RULE, "slack-job_failed")["eventPattern"])
    assert pattern["source"] == ["fargate-delivery"]
    assert pattern["detail-type"] == ["Job Failed"]
    assert "local-hello" in pattern["detail"]["pipeline"]


def test_without_jobs_nothing_is_there_for_them() -> None:
    plain = of_stack("local")
    assert not {SCHEDULE, GROUP} & plain.types().keys()
    assert not [name for name in plain.named(FUNCTION) if name.endswith("-jobs")]
    assert not [name for name in plain.named(RULE) if "job" in name]
    assert "job" not in json.dumps(
        [plain.inputs("aws:sqs/queuePolicy:QueuePolicy", n) for n in plain.named("aws:sqs/queuePolicy:QueuePolicy")]
    )


@pytest.mark.parametrize(
    "given",
    [
        "cron(0 3 * * ? *)",
        "cron(0/5 8-17 ? * MON-FRI *)",
        "cron(0 0 L * ? *)",
        "rate(1 minute)",
        "rate(15 minutes)",
        "rate(1 day)",
    ],
)
def test_schedules(given: str) -> None:
    assert Job(command=["x"], schedule=given).schedule == given


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"schedule": "0 3 * * *"}, "String should match pattern"),
        ({"schedule": "cron(0 3 * * *)"}, "String should match pattern"),
        (
            {"schedule": "cron(0 3 * * * *)"},
            "'cron(0 3 * * * *)' is not a schedule: Invalid combination of day-of-month",
        ),
        ({"schedule": "cron(0 24 * * ? *)"}, "'cron(0 24 * * ? *)' is not a schedule: Invalid hour value '24'."),
        ({"schedule": "rate(0 minutes)"}, "String should match pattern"),
        ({"schedule": "at(2026-03-01T00:00:00)"}, "String should match pattern"),
        ({"timezone": "Mars"}, "'Mars' is not a time zone; use a name of the IANA database, such as Asia/Tokyo or UTC"),
        ({"timeout": 0}, "greater than or equal to 1"),
        ({"retries": 6}, "less than or equal to 5"),
        ({"command": []}, "at least 1 item"),
    ],
    ids=json.dumps,
)
def test_what_is_no_job(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError) as caught:
        Job(**{"command": ["x"], **given})
    assert words in str(caught.value)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"retries": 1}, "retries: only with schedule"),
        ({"timezone": "Asia/Tokyo"}, "timezone: only with a schedule of the form cron"),
        ({"timezone": "Asia/Tokyo", "schedule": "rate(5 minutes)"}, "timezone: only with a schedule of the form cron"),
    ],
)
def test_a_key_without_effect_is_refused(given: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        Job.model_validate({"command": ["x"], **given})
