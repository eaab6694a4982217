"""How `ship` finds a pipeline and its uploader, packs a source, and says why nothing started."""

import json
import zipfile
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from moto import mock_aws

from sandbox.clients import upload
from sandbox.clients.pipelines import deploys
from sandbox.clients.upload import Uploaded, source_zip, why_nothing_started
from sandbox.clients.uploader import find_uploader
from sandbox.stacks import SandboxError

Json = dict[str, Any]


def pipeline(name: str, provider: str = "ECS", **configuration: str) -> Json:
    deploy = {"name": "D", "actionTypeId": {"category": "Deploy", "provider": provider}, "configuration": configuration}
    place = {"S3Bucket": "b", "S3ObjectKey": "web.zip", "PollForSourceChanges": "false"}
    source = {"name": "S", "actionTypeId": {"category": "Source", "provider": "S3"}, "configuration": place}
    return {"name": name, "stages": [{"name": "A", "actions": [source]}, {"name": "B", "actions": [deploy]}]}


@pytest.mark.parametrize(
    ("declared", "service", "found"),
    [
        (pipeline("x", ServiceName="local-web"), "web", True),
        (pipeline("x", ServiceName="web"), "web", True),
        (pipeline("x", ServiceName="cobweb"), "web", False),
        (pipeline("local-web", ServiceName="other"), "web", True),
        (pipeline("x", "CodeDeployToECS", ApplicationName="local-web"), "web", True),
        (pipeline("x", ServiceName="local-web"), "local-web", True),
        (pipeline("x", ServiceName="local-web"), "local", False),
    ],
)
def test_which_pipeline_deploys_a_service(declared: Json, service: str, found: bool) -> None:
    assert deploys(declared, service) is found


@pytest.fixture
def iam() -> Iterator[Any]:
    with mock_aws():
        yield boto3.client("iam", region_name="eu-west-1")


PUT = "s3:PutObject", "arn:aws:s3:::b/web.zip", "arn:aws:s3:::b/not-web.zip"


def allow(iam: Any, user: str, resource: str, effect: str = "Allow") -> None:
    statement = {"Effect": effect, "Action": "s3:PutObject", "Resource": resource}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_user_policy(UserName=user, PolicyName=f"{effect}-{len(resource)}", PolicyDocument=document)


def test_the_uploader_is_the_user_of_exactly_that_key(iam: Any) -> None:
    for user in ("admin", "mine", "other", "refused"):
        iam.create_user(UserName=user)
    allow(iam, "admin", "*")
    allow(iam, "other", "arn:aws:s3:::b/other.zip")
    allow(iam, "refused", "arn:aws:s3:::b/web.zip")
    allow(iam, "refused", "arn:aws:s3:::b/*", "Deny")
    assert find_uploader(iam, *PUT) == "admin"
    allow(iam, "mine", "arn:aws:s3:::b/web.zip")
    assert find_uploader(iam, *PUT) == "mine"


def test_policies_of_groups_and_attached_ones_count(iam: Any) -> None:
    iam.create_user(UserName="member")
    with pytest.raises(
        SandboxError, match=r"no IAM user has a policy that allows s3:PutObject on arn:aws:s3:::b/web\.zip"
    ):
        find_uploader(iam, *PUT)
    statement = {"Effect": "Allow", "Action": "s3:Put*", "Resource": "arn:aws:s3:::b/web.zip"}
    document = json.dumps({"Version": "2012-10-17", "Statement": statement})
    arn = iam.create_policy(PolicyName="p", PolicyDocument=document)["Policy"]["Arn"]
    iam.create_group(GroupName="g")
    iam.attach_group_policy(GroupName="g", PolicyArn=arn)
    iam.add_user_to_group(GroupName="g", UserName="member")
    assert find_uploader(iam, *PUT) == "member"


def test_a_folder_is_packed_the_same_way_each_time(tmp_path: Path) -> None:
    for root in ("one", "two"):
        folder = tmp_path / root
        (folder / "bin").mkdir(parents=True)
        (folder / ".git").mkdir()
        (folder / ".git" / "HEAD").write_text(root)
        (folder / ".hidden").write_text("kept")
        (folder / "bin" / "run").write_text("#!/bin/sh\n")
        (folder / "bin" / "run").chmod(0o755)
    packed = source_zip(tmp_path / "one")
    assert packed == source_zip(tmp_path / "two")
    with zipfile.ZipFile(BytesIO(packed)) as archive:
        assert archive.namelist() == [".hidden", "bin/run"]
        assert archive.getinfo("bin/run").external_attr >> 16 == 0o100755
    (tmp_path / "ready.zip").write_bytes(packed)
    assert source_zip(tmp_path / "ready.zip") == packed


def test_a_file_is_uploaded_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "any").write_text("this is no archive")
    assert source_zip(tmp_path / "any") == b"this is no archive"


def test_a_source_that_does_not_exist(tmp_path: Path) -> None:
    with pytest.raises(SandboxError, match="none does not exist"):
        source_zip(tmp_path / "none")


ARN = "arn:aws:codepipeline:r:1:x"
EVENT = {"id": "e", "source": "aws.s3", "detail": {"object": {"key": "web.zip", "version-id": "v"}}}


class FakeSession:
    def __init__(self, events: list[Json], undelivered: list[Json], rules: dict[str, str]) -> None:
        self.answers = {"events": events, "undelivered": undelivered}
        listed = [{"Name": name, "State": "ENABLED", "EventPattern": "{pattern}"} for name in rules]
        self.clients = {
            "events": SimpleNamespace(
                list_rules=lambda: {"Rules": listed},
                list_targets_by_rule=lambda Rule: {"Targets": [{"Arn": rules[Rule]}]},
            ),
            "codepipeline": SimpleNamespace(get_pipeline=lambda name: {"metadata": {"pipelineArn": ARN}}),
        }

    def control(self, path: str) -> list[Json]:
        return self.answers[path]

    def client(self, service: str) -> Any:
        return self.clients[service]


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (FakeSession([], [], {}), "the bucket b sends no events"),
        (FakeSession([EVENT], [{"event": EVENT, "rule": "r", "error": "no trust"}], {}), "the rule r matched, but its target was not reached: no trust"),
        (FakeSession([EVENT], [], {"r": "arn:else"}), "no event rule has the pipeline x as its target"),
        (FakeSession([EVENT], [], {"r": ARN}), "the event did not match the rule r (ENABLED): {pattern}"),
    ],
)  # fmt: skip
def test_why_nothing_started(account: Any, words: str) -> None:
    uploaded = Uploaded("b", "web.zip", "v", "me", 1, frozenset())
    assert words in why_nothing_started(account, pipeline("x", ServiceName="web"), uploaded)


UPLOADED = Uploaded("b", "web.zip", "v", "me", 1, frozenset({"e0"}))


class NewBucket(FakeSession):
    """A bucket whose events come after `late` looks at them."""

    def __init__(self, late: int, **notifications: Json) -> None:
        super().__init__([], [], {"r": ARN})
        self.late, self.started = late, list[Json]()
        self.clients["s3"] = SimpleNamespace(get_bucket_notification_configuration=lambda Bucket: notifications)
        self.clients["codepipeline"].list_pipeline_executions = self.executions
        self.clients["codepipeline"].start_pipeline_execution = self.start

    def executions(self, pipelineName: str) -> Json:
        self.late -= 1
        took = {"pipelineExecutionId": "e1", "status": "InProgress", "sourceRevisions": [{"revisionId": "v"}]}
        return {"pipelineExecutionSummaries": [took] if self.late < 0 else []}

    def start(self, **given: Any) -> Json:
        self.started.append(given)
        return {"pipelineExecutionId": "by hand"}


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(10_000))
    monkeypatch.setattr(upload, "time", SimpleNamespace(monotonic=lambda: next(now), sleep=lambda _: None))


@pytest.mark.parametrize(
    ("late", "execution", "said"),
    [(3, "e1", []), (50, "e1", ["Nothing"]), (5000, "by hand", ["Nothing", "S3 has told nobody"])],
)
def test_s3_may_be_five_minutes_late(quickly: None, late: int, execution: str, said: list[str]) -> None:
    account, told = NewBucket(late, EventBridgeConfiguration={}), list[str]()
    known: Any = account
    found = upload.wait_for_execution(known, pipeline("x", ServiceName="web"), UPLOADED, told.append)
    assert found == execution
    assert [line[: len(begins)] for line, begins in zip(told, said, strict=True)] == said
    revision = {"actionName": "S", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v"}
    by_hand = [{"name": "x", "sourceRevisions": [revision]}]
    assert account.started == (by_hand if execution == "by hand" else [])


def test_the_first_execution_of_an_upload_is_followed_when_s3_tells_of_it_twice(quickly: None) -> None:
    account = NewBucket(0)
    took = {"status": "InProgress", "sourceRevisions": [{"revisionId": "v"}]}
    newest_first = [{"pipelineExecutionId": name, **took} for name in ("again", "first")]
    account.clients["codepipeline"].list_pipeline_executions = lambda pipelineName: {
        "pipelineExecutionSummaries": newest_first
    }
    known: Any = account
    assert upload.wait_for_execution(known, pipeline("x", ServiceName="web"), UPLOADED, lambda _: None) == "first"


def test_an_execution_of_another_rule_is_not_the_upload_s(quickly: None) -> None:
    """One that was started for something else a moment later has found the upload too."""
    account = NewBucket(0)
    took = {"status": "InProgress", "sourceRevisions": [{"revisionId": "v"}]}
    rules = {"r": json.dumps({"detail": {"object": {"key": [UPLOADED.key]}}}), "template": "{}"}
    account.clients["events"].list_rules = lambda: {
        "Rules": [{"Name": name, "EventPattern": pattern} for name, pattern in rules.items()]
    }
    account.clients["events"].list_targets_by_rule = lambda Rule: {"Targets": [{"Arn": ARN}]}
    newest_first = [
        {"pipelineExecutionId": name, "trigger": {"triggerDetail": f"arn:aws:events:r:1:rule/{name}"}, **took}
        for name in ("r", "template")
    ]
    account.clients["codepipeline"].list_pipeline_executions = lambda pipelineName: {
        "pipelineExecutionSummaries": newest_first
    }
    known: Any = account
    assert upload.wait_for_execution(known, pipeline("x", ServiceName="web"), UPLOADED, lambda _: None) == "r"


@pytest.mark.parametrize("notifications", [{}, {"QueueConfigurations": []}])
def test_a_bucket_that_is_not_to_tell_is_not_waited_for(quickly: None, notifications: Json) -> None:
    account, told = NewBucket(5000, **notifications), list[str]()
    known: Any = account
    with pytest.raises(SandboxError, match="its EventBridge notifications are off"):
        upload.wait_for_execution(known, pipeline("x", ServiceName="web"), UPLOADED, told.append)
    assert (told, account.started) == ([], [])
