"""Event patterns, input transformers, and delivery to pipelines."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account, Principal
from sandbox.account.errors import AwsError
from sandbox.codepipeline.event_target import pipeline_parameters
from sandbox.codepipeline.model import StartingRules
from sandbox.eventbridge import api
from sandbox.eventbridge.patterns import PatternError, check_pattern, matches
from sandbox.eventbridge.transform import TransformError, apply_template, lookup
from sandbox.server.app import Handler
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
RULE = f"arn:aws:events:{R}:{A}:rule/on-upload"
PIPELINE = f"arn:aws:codepipeline:{R}:{A}:web"
EVENT: dict[str, Any] = {
    "id": "e1",
    "source": "aws.s3",
    "detail-type": "Object Created",
    "time": "2026-01-02T03:04:05Z",
    "resources": ["arn:aws:s3:::b"],
    "detail": {
        "object": {"key": 'a "quoted" key', "size": 3, "version-id": "v1"},
        "tags": ["x", "y"],
        "none": None,
        "parts": [{"name": "a", "code": 0}, {"name": "b", "code": 1}],
        "empty": [],
    },
}


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [
        ({"source": ["aws.s3"]}, True),
        ({"source": ["aws.ecr"]}, False),
        ({"detail": {"object": {"key": [{"prefix": "a "}]}}}, True),
        ({"detail": {"object": {"key": [{"suffix": "zip"}]}}}, False),
        ({"detail": {"object": {"key": [{"wildcard": "a*key"}]}}}, True),
        ({"detail": {"object": {"size": [{"numeric": [">", 0, "<=", 3]}]}}}, True),
        ({"detail": {"object": {"key": [{"anything-but": {"prefix": "a"}}]}}}, False),
        ({"detail": {"absent": [{"exists": False}]}}, True),
        ({"detail": {"object": {"key": [{"equals-ignore-case": 'A "QUOTED" KEY'}]}}}, True),
        ({"$or": [{"source": ["x"]}, {"detail-type": ["Object Created"]}]}, True),
        ({"resources": ["arn:aws:s3:::b"]}, True),
        ({"detail": {"tags": [{"prefix": "y"}]}}, True),
        ({"detail": {"parts": {"name": ["b"]}}}, True),
        ({"detail": {"parts": {"name": ["b"], "code": [1]}}}, True),
        ({"detail": {"parts": {"name": ["a"], "code": [1]}}}, False),
        ({"detail": {"empty": {"name": ["a"]}}}, False),
        ({"detail": {"$or": [{"parts": {"name": ["b"]}}, {"none": ["x"]}]}}, True),
    ],
)
def test_patterns(pattern: dict[str, Any], expected: bool) -> None:
    check_pattern(pattern)
    assert matches(pattern, EVENT) is expected


@pytest.mark.parametrize(
    "pattern",
    [
        {"source": [{"begins-with": "aws"}]},
        {"source": [{"prefix": "a", "suffix": "b"}]},
        {"source": [{}]},
        {"source": "aws.s3"},
        {"source": [["aws.s3"]]},
        {"detail": {}},
        {"$or": [{"source": ["a"]}]},
        {"$or": [{"source": ["a"]}, {"source": [{"like": "b"}]}]},
        {"source": [{"anything-but": {"regex": "b"}}]},
        {"source": [{"numeric": {"prefix": "b"}}]},
        [],
    ],
    ids=str,
)
def test_patterns_that_would_match_everything_are_refused(pattern: Any) -> None:
    with pytest.raises(PatternError):
        check_pattern(pattern)


PATHS = {
    "key": "$.detail.object.key",
    "size": "$.detail.object.size",
    "object": "$.detail.object",
    "tags": "$.detail.tags",
    "absent": "$.detail.absent",
    "none": "$.detail.none",
}


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ('{"k": <key>}', {"k": 'a "quoted" key'}),
        ('{"k": "is <key>."}', {"k": 'is a "quoted" key.'}),
        ('{"k": <size>, "t": <tags>}', {"k": 3, "t": ["x", "y"]}),
        ('{"k": "<size>"}', {"k": "3"}),
        ('{"k": <object>}', {"k": {"key": 'a "quoted" key', "size": 3, "version-id": "v1"}}),
        ('{"k": <none>}', {"k": None}),
        ('{"k": <absent>, "q": "[<absent>]"}', {"k": "", "q": "[]"}),
        (r'{"k": "a \" <size>", "s": <size>}', {"k": 'a " 3', "s": 3}),
        ('"<aws.events.rule-name> at <aws.events.event.ingestion-time>"', "on-upload at 2026-01-02T03:04:05Z"),
        ("<aws.events.rule-arn>", RULE),
        ("<aws.events.event.json>", EVENT),
        ("<aws.events.event>", {key: value for key, value in EVENT.items() if key != "detail"}),
    ],
)
def test_input_template(template: str, expected: Any) -> None:
    assert json.loads(apply_template(template, PATHS, EVENT, RULE)) == expected


def test_an_undefined_variable_is_an_error() -> None:
    with pytest.raises(TransformError, match="<other>"):
        apply_template('{"k": <other>}', PATHS, EVENT, RULE)


@pytest.mark.parametrize(
    ("path", "expected"),
    [("$.resources[0]", "arn:aws:s3:::b"), ("$.detail.tags[*]", ["x", "y"]), ("$.detail-type", "Object Created")],
)
def test_paths(path: str, expected: Any) -> None:
    assert lookup(EVENT, path) == expected


@pytest.mark.parametrize("path", ["detail.key", "$..key", "$.a[?(@.b)]", "$.a["])
def test_paths_that_eventbridge_does_not_know(path: str) -> None:
    with pytest.raises(TransformError):
        lookup(EVENT, path)


TRANSFORMER = {
    "InputPathsMap": {"version": "$.detail.object.version-id"},
    "InputTemplate": '{"sourceRevisions": [{"actionName": "Upload", "revisionType": "S3_OBJECT_VERSION_ID",'
    ' "revisionValue": <version>}]}',
}


def test_parameters_of_a_pipeline() -> None:
    found = pipeline_parameters({"InputTransformer": TRANSFORMER}, EVENT, RULE)
    assert found["sourceRevisions"][0]["revisionValue"] == "v1"
    assert pipeline_parameters({}, EVENT, RULE) == {}
    assert pipeline_parameters({"Input": '{"variables": []}'}, EVENT, RULE) == {"variables": []}
    for wrong in ("text", "[]", '{"name": "other"}'):
        with pytest.raises(TransformError):
            pipeline_parameters({"Input": wrong}, EVENT, RULE)


class Started:
    """Stands for CodePipeline: keeps what StartPipelineExecution was called with, and by whom."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []

    def __call__(self, account: Account, principal: Principal, params: dict[str, Any]) -> dict[str, Any]:
        if params["name"] != "web":
            raise AwsError("PipelineNotFoundException", "no such pipeline")
        self.calls.append((principal.role_arn or "", params))
        return {"pipelineExecutionId": "1"}


@pytest.fixture
def started() -> Started:
    return Started()


@pytest.fixture
def account(tmp_path: Path, started: Started, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    handlers: dict[tuple[str, str], Handler] = {**api.HANDLERS, ("codepipeline", "StartPipelineExecution"): started}
    listener = Listener(tmp_path, A, R, handlers)
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def statement(action: str, resource: str = "*", **elements: Any) -> str:
    found = {"Effect": "Allow", "Action": action, **({"Resource": resource} if resource else {}), **elements}
    return json.dumps({"Version": "2012-10-17", "Statement": [found]})


def make_role(account: Account, trusted: str = "events.amazonaws.com", pipeline: str = PIPELINE) -> str:
    iam = account.client("iam")
    trust = statement("sts:AssumeRole", "", Principal={"Service": trusted})
    arn = str(iam.create_role(RoleName="starter", AssumeRolePolicyDocument=trust)["Role"]["Arn"])
    document = statement("codepipeline:StartPipelineExecution", pipeline)
    iam.put_role_policy(RoleName="starter", PolicyName="p", PolicyDocument=document)
    return arn


def make_rule(account: Account, target: dict[str, Any], pattern: dict[str, Any] | None = None) -> None:
    events = account.client("events")
    pattern = pattern or {"source": ["aws.s3"], "detail": {"object": {"key": ["app.zip"]}}}
    events.put_rule(Name="on-upload", EventPattern=json.dumps(pattern))
    events.put_targets(Rule="on-upload", Targets=[{"Id": "t", **target}])


def make_bucket(account: Account, *, event_bridge: bool = True) -> Any:
    s3 = account.client("s3")
    s3.create_bucket(Bucket="uploads", CreateBucketConfiguration={"LocationConstraint": R})
    s3.put_bucket_versioning(Bucket="uploads", VersioningConfiguration={"Status": "Enabled"})
    if event_bridge:
        configuration: dict[str, Any] = {"EventBridgeConfiguration": {}}
        s3.put_bucket_notification_configuration(Bucket="uploads", NotificationConfiguration=configuration)
    return s3


def test_an_upload_starts_its_pipeline_with_that_version(account: Account, started: Started) -> None:
    s3 = make_bucket(account)
    role = make_role(account)
    make_rule(account, {"Arn": PIPELINE, "RoleArn": role, "InputTransformer": TRANSFORMER})
    version = s3.put_object(Bucket="uploads", Key="app.zip", Body=b"zip")["VersionId"]
    s3.put_object(Bucket="uploads", Key="other.zip", Body=b"zip")
    account.bus.wait()
    (by, params), *more = started.calls
    assert not more
    assert by == role
    (uploaded, _) = account.bus.history
    session = uploaded["id"].replace("-", "")
    assert account.parts.of(StartingRules) == {("starter", session): f"arn:aws:events:{R}:{A}:rule/on-upload"}
    assert params["sourceRevisions"][0]["revisionValue"] == version
    assert account.undelivered == []


def test_the_event_of_an_upload(account: Account) -> None:
    s3 = make_bucket(account)
    put = s3.put_object(Bucket="uploads", Key="a b/app.zip", Body=b"zip")
    s3.copy_object(Bucket="uploads", Key="copy", CopySource="uploads/a b/app.zip")
    upload = s3.create_multipart_upload(Bucket="uploads", Key="big")["UploadId"]
    part = s3.upload_part(Bucket="uploads", Key="big", UploadId=upload, PartNumber=1, Body=b"1")["ETag"]
    parts = {"Parts": [{"ETag": part, "PartNumber": 1}]}
    s3.complete_multipart_upload(Bucket="uploads", Key="big", UploadId=upload, MultipartUpload=parts)
    first, copied, completed = account.bus.history
    assert [event["detail"]["reason"] for event in (first, copied, completed)] == [
        "PutObject",
        "CopyObject",
        "CompleteMultipartUpload",
    ]
    assert (first["source"], first["detail-type"], first["account"], first["region"]) == (
        "aws.s3",
        "Object Created",
        A,
        R,
    )
    assert first["resources"] == ["arn:aws:s3:::uploads"]
    assert first["detail"]["bucket"] == {"name": "uploads"}
    described = first["detail"]["object"]
    assert described.pop("sequencer") < copied["detail"]["object"]["sequencer"]
    etag = put["ETag"].strip('"')
    assert described == {"key": "a b/app.zip", "size": 3, "etag": etag, "version-id": put["VersionId"]}


def test_a_bucket_without_eventbridge_tells_nothing(account: Account) -> None:
    make_bucket(account, event_bridge=False).put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    assert account.bus.history == []


@pytest.mark.parametrize(
    ("trusted", "pipeline", "because"),
    [
        ("codebuild.amazonaws.com", PIPELINE, "sts:AssumeRole"),
        ("events.amazonaws.com", PIPELINE + "-other", "codepipeline:StartPipelineExecution"),
    ],
)
def test_a_start_that_is_not_allowed(
    account: Account, started: Started, trusted: str, pipeline: str, because: str
) -> None:
    make_rule(account, {"Arn": PIPELINE, "RoleArn": make_role(account, trusted, pipeline)})
    make_bucket(account).put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.wait()
    assert started.calls == []
    (undelivered,) = account.undelivered
    assert because in undelivered.error
    assert undelivered.target == PIPELINE


def test_what_cannot_be_delivered_is_kept(account: Account) -> None:
    role = make_role(account, pipeline="*")
    make_rule(account, {"Arn": PIPELINE.replace("web", "gone"), "RoleArn": role})
    s3 = make_bucket(account)
    s3.put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.wait()
    make_rule(account, {"Arn": f"arn:aws:codebuild:{R}:{A}:project/p", "RoleArn": role})
    s3.put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.wait()
    first, second = (undelivered.error for undelivered in account.undelivered)
    assert "PipelineNotFoundException" in first
    assert "does not deliver" in second


@pytest.mark.parametrize(("source", "kept"), [("rule/on-*", 1), ("rule/after-*", 0)])
def test_a_start_that_failed_is_in_the_target_s_dead_letter_queue(account: Account, source: str, kept: int) -> None:
    sqs, arn = account.client("sqs"), f"arn:aws:sqs:{R}:{A}:dead"
    only = {"ArnEquals": {"aws:SourceArn": f"arn:aws:events:{R}:{A}:{source}"}}
    policy = statement("sqs:SendMessage", arn, Principal={"Service": "events.amazonaws.com"}, Condition=only)
    url = sqs.create_queue(QueueName="dead", Attributes={"Policy": policy})["QueueUrl"]
    role = make_role(account, pipeline="*")
    make_rule(account, {"Arn": PIPELINE.replace("web", "gone"), "RoleArn": role, "DeadLetterConfig": {"Arn": arn}})
    make_bucket(account).put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.wait()
    messages = sqs.receive_message(QueueUrl=url, MessageAttributeNames=["All"]).get("Messages", [])
    assert len(messages) == kept
    for message in messages:
        assert json.loads(message["Body"])["detail"]["object"]["key"] == "app.zip"
        assert "PipelineNotFoundException" in message["MessageAttributes"]["ERROR_MESSAGE"]["StringValue"]


def test_a_disabled_rule_and_an_unknown_operator(account: Account, started: Started) -> None:
    role = make_role(account)
    make_rule(account, {"Arn": PIPELINE, "RoleArn": role})
    account.client("events").disable_rule(Name="on-upload")
    s3 = make_bucket(account)
    s3.put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    make_rule(account, {"Arn": PIPELINE, "RoleArn": role}, {"source": [{"starts-with": "aws"}]})
    account.client("events").enable_rule(Name="on-upload")
    s3.put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.wait()
    assert started.calls == []
    assert all("unknown operator" in undelivered.error for undelivered in account.undelivered)
    assert account.undelivered


def test_the_last_event_again(account: Account, started: Started) -> None:
    make_rule(account, {"Arn": PIPELINE, "RoleArn": make_role(account), "InputTransformer": TRANSFORMER})
    assert account.bus.replay("last") is None
    make_bucket(account).put_object(Bucket="uploads", Key="app.zip", Body=b"zip")
    account.bus.publish({"source": "aws.ecs", "detail-type": "other", "detail": {}})
    account.bus.replay("last")
    account.bus.replay(account.bus.history[0]["id"])
    account.bus.wait()
    versions = [params["sourceRevisions"][0]["revisionValue"] for _, params in started.calls]
    assert len(versions) == 3
    assert len(set(versions)) == 1


def test_put_events(account: Account, started: Started) -> None:
    make_rule(account, {"Arn": PIPELINE, "RoleArn": make_role(account)}, {"source": ["mine"], "detail": {"go": [True]}})
    entries = [
        {"Source": "mine", "DetailType": "t", "Detail": '{"go": true}'},
        {"Source": "mine", "DetailType": "t", "Detail": "{"},
        {"Source": "aws.s3", "DetailType": "t", "Detail": "{}"},
    ]
    answer = account.client("events").put_events(Entries=entries)
    account.bus.wait()
    assert answer["FailedEntryCount"] == 2
    assert [result.get("ErrorCode") for result in answer["Entries"]] == [
        None,
        "MalformedDetail",
        "NotAuthorizedForSourceException",
    ]
    assert len(started.calls) == 1
