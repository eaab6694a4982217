"""What commits are told: the component under mocks, and the patterns, calls and bodies."""

import importlib
import json
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pulumi
import pytest
from mocked import ACCOUNT, REGION, Recorder
from pulumi.runtime import rpc

from components.notifications.commit_messages import (
    DETAIL_TYPES,
    HOSTS,
    Outcome,
    comment_transformer,
    ended_pattern,
    event_pattern,
    path_parameters,
    report_transformer,
    status_transformer,
)
from components.notifications.commit_status import OUTCOMES, CommitFeedback
from components.notifications.slack_rules import MAX_TEMPLATE_LENGTH
from components.scope import Scope
from pipeline_steps.report import Ended, fenced
from sandbox.eventbridge.destinations import filled
from sandbox.eventbridge.patterns import matches
from sandbox.eventbridge.transform import TransformError, target_input
from sandbox.receivers.answer import Answer
from sandbox.receivers.commits import Commits, as_seen

RULE, TARGET = "aws:cloudwatch/eventRule:EventRule", "aws:cloudwatch/eventTarget:EventTarget"
DESTINATION = "aws:cloudwatch/eventApiDestination:EventApiDestination"
SCOPE = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT)
STORE: Any = SimpleNamespace(bucket="store", arn="arn:aws:s3:::store", steps_key="steps/0.zip")
PIPELINES = ["dev-a", "dev-b"]
COMMIT = "0123456789abcdef0123456789abcdef01234567"
NASTY = 'an "error" in\nline 2\\n of C:\\app'


def feedback(deploy: Callable[..., Recorder], host: str = "github", api: str | None = None) -> Recorder:
    def program() -> None:
        CommitFeedback(
            "commits",
            {
                "scope": SCOPE,
                "pipelines": PIPELINES,
                "host": host,
                "api": api,
                "token": pulumi.Output.secret("t0ken"),
                "store": STORE,
                "log_retention_days": 7,
            },
        )

    return deploy(program, stack="dev")


def event(outcome: Outcome, **detail: Any) -> dict[str, Any]:
    """An event of this project's own."""
    common = {"pipeline": "dev-a", "execution-id": "e", "commit": COMMIT, "repository": "team/a"}
    details: dict[Outcome, dict[str, Any]] = {
        "started": {},
        "released": {"release": 12, "took": "3 min 20 s after its upload"},
        "failed": {
            "stage": "Package",
            "action": "Package",
            "reason": "the build failed",
            "message": "the build failed",
            "log": fenced("line 1\nline 2"),
        },
    }
    owned = {"owner": "team", "name": "a"}
    return {
        "source": "fargate-delivery",
        "detail-type": DETAIL_TYPES[outcome],
        "detail": {**common, **owned, **details[outcome], **detail},
    }


def test_a_rule_for_each_outcome_and_a_function_that_looks_why(deploy: Callable[..., Recorder]) -> None:
    made = feedback(deploy)
    assert {kind: made.types()[kind] for kind in (RULE, TARGET, DESTINATION)} == {RULE: 4, TARGET: 5, DESTINATION: 2}
    queue = f"arn:aws:sqs:{REGION}:{ACCOUNT}:dev-commits-undelivered"
    for outcome in OUTCOMES:
        assert made.inputs(RULE, f"commits-{outcome}")["eventPattern"] == event_pattern(
            HOSTS["github"], outcome, PIPELINES
        )
        target = made.inputs(TARGET, f"commits-{outcome}-status")
        assert (target["rule"], target["deadLetterConfig"]) == (f"dev-commits-{outcome}", {"arn": queue})
        assert target["httpTarget"] == {"pathParameterValues": ["$.detail.owner", "$.detail.name", "$.detail.commit"]}
    assert made.inputs(TARGET, "commits-failed-comment")["rule"] == "dev-commits-failed"
    report = made.inputs(TARGET, "commits-ended-report")
    arn = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:dev-commits-report"
    assert (report["arn"], "roleArn" in report, report["deadLetterConfig"]) == (arn, False, {"arn": queue})
    assert made.inputs(TARGET, "commits-started-status")["roleArn"]
    permission = made.inputs("aws:lambda/permission:Permission", "commits-report-permission")
    assert permission == {
        "statementId": "ended", "function": "dev-commits-report", "action": "lambda:InvokeFunction",
        "principal": "events.amazonaws.com", "sourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/dev-commits-ended",
    }  # fmt: skip
    function = made.inputs("aws:lambda/function:Function", "commits-report")
    assert function["environment"] == {"variables": {"BUCKET": "store"}}
    assert (function["s3Bucket"], function["s3Key"]) == ("store", "steps/0.zip")
    module, _, name = function["handler"].rpartition(".")
    assert callable(getattr(importlib.import_module(module), name))


def test_what_the_function_is_called_with() -> None:
    happened = {
        "time": "2026-01-02T03:04:05Z",
        "detail": {"pipeline": "dev-a", "execution-id": "e", "state": "STOPPED", "start-time": "x"},
    }
    transformer = report_transformer()
    target = {
        "InputTransformer": {
            "InputPathsMap": transformer["input_paths"],
            "InputTemplate": transformer["input_template"],
        }
    }
    ended_pattern = Ended.parse(json.loads(target_input(target, happened, "arn:aws:events:eu-west-1:1:rule/r")))
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC).timestamp()
    assert ended_pattern == Ended(pipeline="dev-a", execution="e", state="STOPPED", time=moment)


@pytest.mark.parametrize(
    ("host", "api", "urls"),
    [
        ("github", None, ("https://api.github.com/repos/*/*/statuses/*",
                          "https://api.github.com/repos/*/*/commits/*/comments")),
        ("gitlab", "https://git.example.com/api/v4/", ("https://git.example.com/api/v4/projects/*/statuses/*",
                                                       "https://git.example.com/api/v4/projects/*/repository/commits/*/comments")),
    ],
)  # fmt: skip
def test_where_it_calls(deploy: Callable[..., Recorder], host: str, api: str | None, urls: tuple[str, str]) -> None:
    made = feedback(deploy, host, api)
    found = [made.inputs(DESTINATION, f"commits-{kind}")["invocationEndpoint"] for kind in ("statuses", "comments")]
    assert tuple(found) == urls


def test_what_each_role_may(deploy: Callable[..., Recorder]) -> None:
    made = feedback(deploy)
    policy = "aws:iam/rolePolicy:RolePolicy"
    report = json.loads(made.inputs(policy, "commits-report-policy")["policy"])["Statement"]
    assert {s["Sid"]: (s["Action"], s["Resource"]) for s in report} == {
        "WriteLogs": (["logs:CreateLogStream", "logs:PutLogEvents"],
                      [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/aws/lambda/dev-commits-report:*"]),
        "ReadExecutions": (["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"],
                           [f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:{name}" for name in PIPELINES]),
        "ReadBuilds": (["codebuild:BatchGetBuilds"], [f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/dev-*"]),
        "ReadLogs": (["logs:GetLogEvents"],
                     [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/codebuild/dev-*:log-stream:*"]),
        "SearchTasksLogs": (["logs:FilterLogEvents"], [f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-*"]),
        "ReadEvents": (["ecs:DescribeServices"], [f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev/dev-*"]),
        "ReadHealthChecks": (["elasticloadbalancing:DescribeTargetGroups"], ["*"]),
        "ReadUpload": (["s3:GetObjectVersion"], ["arn:aws:s3:::store/sources/*"]),
        "KeepReports": (["s3:GetObject", "s3:PutObject"], ["arn:aws:s3:::store/reports/*"]),
        "Announce": (["events:PutEvents"], [f"arn:aws:events:{REGION}:{ACCOUNT}:event-bus/default"]),
    }  # fmt: skip
    events = json.loads(made.inputs(policy, "commits-events-policy")["policy"])["Statement"]
    destinations = [made.inputs(TARGET, f"commits-failed-{kind}")["arn"] for kind in ("status", "comment")]
    assert {s["Sid"]: (s["Action"], s["Resource"]) for s in events} == {
        "Call": (["events:InvokeApiDestination"], destinations),
    }


def test_the_token_is_a_secret(deploy: Callable[..., Recorder]) -> None:
    (request,) = [r for r in feedback(deploy).requests() if r.type.endswith(":EventConnection")]
    given = rpc.deserialize_properties(request.object, keep_unknowns=True)["authParameters"]
    key = given["apiKey"] if not rpc.is_rpc_secret(given) else rpc.unwrap_rpc_secret(given)["apiKey"]
    value = key["value"]
    assert rpc.is_rpc_secret(given) or rpc.is_rpc_secret(value)
    assert (key["key"], rpc.unwrap_rpc_secret(value) if rpc.is_rpc_secret(value) else value) == (
        "Authorization", "Bearer t0ken"
    )  # fmt: skip


@pytest.mark.parametrize("outcome", OUTCOMES)
@pytest.mark.parametrize(
    ("host", "detail", "told"),
    [
        ("github", {}, True),
        ("github", {"pipeline": "prd-a"}, False),
        ("github", {"commit": "unknown"}, False),
        ("github", {"repository": "unknown"}, False),
        ("gitlab", {"repository": "4711"}, True),
        ("gitlab", {"repository": "team/a"}, False),
        ("gitlab", {"repository": "unknown"}, False),
    ],
)
def test_only_commits_that_somebody_named(outcome: Outcome, host: str, detail: dict[str, str], told: bool) -> None:
    assert matches(json.loads(event_pattern(HOSTS[host], outcome, PIPELINES)), event(outcome, **detail)) is told


@pytest.mark.parametrize(
    ("state", "trigger", "pipeline", "looked"),
    [
        ("FAILED", "StartPipelineExecution", "dev-a", True),
        ("STOPPED", "StartPipelineExecution", "dev-b", True),
        ("FAILED", "CreatePipeline", "dev-a", False),
        ("FAILED", None, "dev-a", True),
        ("SUCCEEDED", "StartPipelineExecution", "dev-a", False),
        ("FAILED", "StartPipelineExecution", "prd-a", False),
    ],
)
def test_which_executions_are_looked_into(state: str, trigger: str | None, pipeline: str, looked: bool) -> None:
    triggered = {} if trigger is None else {"execution-trigger": {"trigger-type": trigger}}
    detail = {"pipeline": pipeline, "state": state, **triggered}
    happened = {
        "source": "aws.codepipeline",
        "detail-type": "CodePipeline Pipeline Execution State Change",
        "detail": detail,
    }
    assert matches(json.loads(ended_pattern(PIPELINES)), happened) is looked


def called(host: str, path: str, transformer: dict[str, Any], happened: dict[str, Any]) -> tuple[Answer, Commits]:
    """A call as EventBridge makes it."""
    assert len(transformer["input_template"]) <= MAX_TEMPLATE_LENGTH
    target = {
        "InputTransformer": {
            "InputPathsMap": transformer["input_paths"],
            "InputTemplate": transformer["input_template"],
        }
    }
    body = target_input(target, happened, "arn:aws:events:eu-west-1:1:rule/r")
    receiver = Commits()
    headers = {HOSTS[host].header.lower(): HOSTS[host].credential.format("t0ken")}
    return receiver.post(f"/{filled(path, path_parameters(HOSTS[host]), happened)}", headers, body), receiver


@pytest.mark.parametrize(
    ("outcome", "state", "text"),
    [
        ("started", {"github": "pending", "gitlab": "running"}, "is on its way"),
        ("released", {"github": "success", "gitlab": "success"}, "release-12, 3 min 20 s after its upload"),
        ("failed", {"github": "failure", "gitlab": "failed"}, "Package: the build failed"),
    ],
)
@pytest.mark.parametrize(("host", "repository"), [("github", "team/a"), ("gitlab", "42")])
def test_a_status(outcome: Outcome, state: dict[str, str], text: str, host: str, repository: str) -> None:
    happened = event(outcome, repository=repository)
    answer, receiver = called(host, HOSTS[host].statuses, status_transformer(HOSTS[host], outcome, SCOPE), happened)
    assert answer == Answer(201, "Created")
    (told,) = receiver.posted
    assert (told["repository"], told["commit"]) == (repository, COMMIT)
    assert as_seen(told) == [f"{repository} {COMMIT[:12]}  {state[host]}", f"dev-a: {text}"]
    assert told["target_url"].startswith(
        f"https://{REGION}.console.aws.amazon.com/codesuite/codepipeline/pipelines/dev-a/"
    )


@pytest.mark.parametrize(
    ("log", "shown"),
    [(f"{NASTY}\n" * 100, "\n\n```\n" + f"{NASTY}\n" * 100 + "\n```"), ("", "")],
    ids=["a build's", "none"],
)
@pytest.mark.parametrize(("host", "repository"), [("github", "team/a"), ("gitlab", "42")])
def test_a_comment_has_the_log_s_end_where_there_is_one(host: str, repository: str, log: str, shown: str) -> None:
    happened = event("failed", repository=repository, message=NASTY, log=fenced(log))
    answer, receiver = called(host, HOSTS[host].comments, comment_transformer(HOSTS[host]), happened)
    assert answer == Answer(201, "Created")
    (told,) = receiver.posted
    assert told[HOSTS[host].text] == f"`dev-a` did not release this commit. Package, Package: {NASTY}{shown}"


@pytest.mark.parametrize(
    ("path", "headers", "body", "answer"),
    [
        ("/repos/a/b/statuses/0123", {"authorization": "Bearer t"}, "{}", Answer(404, "Not Found")),
        (f"/repos/a/b/statuses/{COMMIT}", {}, "{}", Answer(401, "Bad credentials")),
        (f"/repos/a/b/statuses/{COMMIT}", {"authorization": "Bearer "}, "{}", Answer(401, "Bad credentials")),
        (f"/repos/a/b/statuses/{COMMIT}", {"authorization": "Bearer t"}, "{", Answer(400, "Problems parsing JSON")),
        (f"/repos/a/b/statuses/{COMMIT}", {"authorization": "Bearer t"}, "{}", Answer(422, "missing: context")),
        (f"/repos/a/b/statuses/{COMMIT}", {"authorization": "Bearer t"}, '{"context": "c", "state": "running"}',
         Answer(422, "state: 'running' is not included in the list")),
        (f"/repos/a/b/statuses/{COMMIT}", {"authorization": "Bearer t"},
         json.dumps({"context": "c", "state": "failure", "description": "x" * 141}),
         Answer(422, "description is too long (maximum is 140 characters)")),
        (f"/projects/team%2Fa/statuses/{COMMIT}", {"private-token": "t"}, "{}", Answer(404, "Not Found")),
    ],
)  # fmt: skip
def test_what_a_host_refuses(path: str, headers: dict[str, str], body: str, answer: Answer) -> None:
    receiver = Commits()
    assert receiver.post(path, headers, body) == answer
    assert receiver.posted == []


@pytest.mark.parametrize(
    ("path", "values", "error"),
    [
        ("a/*/b", [], "takes 1 values, and there are 0"),
        ("a/*", ["$.detail.nothing"], r"the event has no \$\.detail\.nothing"),
        ("a/*", ["$.detail.release"], r"the event has no \$\.detail\.release"),
    ],
)
def test_a_path_that_cannot_be_filled(path: str, values: list[str], error: str) -> None:
    with pytest.raises(TransformError, match=error):
        filled(path, values, event("released"))


def test_a_value_is_one_part_of_a_path() -> None:
    assert filled("a/*/b/*", ["$.detail.repository", "x y"], event("started")) == "a/team%2Fa/b/x%20y"
