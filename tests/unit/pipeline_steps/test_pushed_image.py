"""What Package does of a pushed image, and what the later actions are told."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps.job import Done, Job, StepError, Waiting
from pipeline_steps.package import pushed_image
from pipeline_steps.settings import Settings

Json = dict[str, Any]
PUSHED, LIVE = ("sha256:" + letter * 64 for letter in "ab")
COMMIT = "c" * 40
LABELS = {"org.opencontainers.image.revision": COMMIT, "org.opencontainers.image.source": "https://github.com/team/web"}
SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web", "worker"),
    sidecars=(), minimum_tasks=1, deploy_minutes=15, repository="dev-web", record="/record", repository_uri="registry/dev-web",
    inbox="dev-web/inbox", platform="linux/arm64",
)  # fmt: skip


def aws(folder: Path, *, architecture: str = "arm64", records: tuple[str, ...] = (), gone: bool = False) -> FakeSession:
    """An account with an image in both repositories, so that nothing of it is missing."""
    config = {"os": "linux", "architecture": architecture, "config": {"Labels": LABELS}}
    (folder / "config.json").write_text(json.dumps(config))
    manifest = json.dumps({"config": {"digest": "sha256:c0f"}, "layers": []})
    return FakeSession({
        "ListPipelineExecutions": lambda _: {"pipelineExecutionSummaries": []},
        "GetPipelineExecution": lambda _: error("PipelineExecutionNotFoundException"),
        "GetParameterHistory": lambda _: {"Parameters": [{"Version": n, "Value": v} for n, v in enumerate(("none", *records), 1)]},
        "BatchGetImage": lambda _: {"images": [] if gone else [{"imageManifest": manifest}]},
        "BatchCheckLayerAvailability": lambda given: {"layers": [
            {"layerDigest": each, "layerAvailability": "AVAILABLE"} for each in given["layerDigests"]
        ]},
        "DescribeImages": lambda given: {"imageDetails": [{"imageDigest": given["imageIds"][0].get("imageDigest", LIVE)}]},
        "GetDownloadUrlForLayer": lambda _: {"downloadUrl": (folder / "config.json").as_uri()},
    })  # fmt: skip


def run(session: FakeSession, image: str = "none", pushed: str = "2030-01-04T00:00:00Z") -> Done:
    given = {"image": image, "digest": PUSHED, "pushed": pushed, "execution": "exec-1"}
    keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": "c"}
    job = Job("job", "package", given, {}, {"package": {"Bucket": "store", "Key": "web/1"}}, keys, {})
    outcome = pushed_image.run(cast(boto3.Session, session), SETTINGS, job)
    assert isinstance(outcome, Done)
    return outcome


def artifact(session: FakeSession) -> Any:
    (put,) = session.called("PutObject")
    assert (put["Bucket"], put["Key"]) == ("store", "web/1")
    with zipfile.ZipFile(io.BytesIO(put["Body"])) as archive:
        (name,) = archive.namelist()
        assert name == "imagedefinitions.json"
        return json.loads(archive.read(name))


def record(digest: str) -> str:
    return json.dumps({
        "schema": 1, "release": 1, "image_digest": digest, "task_definition": "arn", "template_fingerprint": "f",
        "source_version": digest, "execution": "e", "time": "t",
    })  # fmt: skip


def test_a_pushed_image_is_copied_and_named_by_its_digest(tmp_path: Path) -> None:
    session = aws(tmp_path)
    done = run(session)
    assert done.variables == {
        "IMAGE_DIGEST": PUSHED, "DEPLOY": "yes", "SOURCE": PUSHED, "COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/web",
        "UPLOADED": "1893715200", "SUMMARY": done.summary,
    }  # fmt: skip
    assert done.summary == f"sha256:aaaaaaaaaaaa as it was pushed, commit {COMMIT}; when packaged, the first release"
    (put,) = session.called("PutImage")
    assert (put["repositoryName"], put["imageDigest"], put["imageTag"]) == ("dev-web", PUSHED, "content-" + "a" * 40)
    assert artifact(session) == [{"name": name, "imageUri": f"registry/dev-web@{PUSHED}"} for name in ("web", "worker")]
    events = [json.loads(each["Entries"][0]["Detail"]) for each in session.called("PutEvents")]
    types = [each["Entries"][0]["DetailType"] for each in session.called("PutEvents")]
    assert types == ["Release Started", "Release Started", "Release Packaged"]
    assert [each["commit"] for each in events] == ["unknown", COMMIT, COMMIT]


def test_without_a_push_no_time_is_known(tmp_path: Path) -> None:
    assert run(aws(tmp_path), pushed="none").variables["UPLOADED"] == "0"


def test_a_push_of_what_is_live_does_nothing(tmp_path: Path) -> None:
    session = aws(tmp_path, records=(record(PUSHED),))
    done = run(session)
    assert (done.summary, done.variables["DEPLOY"]) == ("nothing to deploy", "no")
    assert session.called("PutImage") == []


def test_an_older_image_that_is_pushed_again_is_released_again(tmp_path: Path) -> None:
    """CodePipeline has forgotten the execution that released it first."""
    done = run(aws(tmp_path, records=(record(PUSHED), record(LIVE))))
    assert done.variables["DEPLOY"] == "yes"
    assert done.summary.endswith("it replaces release 1, sha256:bbbbbbbbbbbb")


def test_what_is_live_is_deployed_again_without_a_look_at_the_inbox(tmp_path: Path) -> None:
    session = aws(tmp_path, records=(record(LIVE),))
    assert run(session, "live").variables["IMAGE_DIGEST"] == LIVE
    assert {each["repositoryName"] for each in session.called("BatchGetImage")} == {"dev-web"}
    assert artifact(session)[0]["imageUri"] == f"registry/dev-web@{LIVE}"


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (
            {"architecture": "amd64"},
            f"The pushed image {PUSHED} is for linux/amd64, and the service's tasks run linux/arm64: build it with "
            "--platform linux/arm64, and push that.",
        ),
        ({"gone": True}, f"dev-web/inbox does not have the image {PUSHED} any more: push it again."),
    ],
)
def test_an_image_that_cannot_be_taken(tmp_path: Path, account: Json, words: str) -> None:
    session = aws(tmp_path, **account)
    with pytest.raises(StepError) as caught:
        run(session)
    assert str(caught.value) == words
    assert not session.called("PutImage") + session.called("PutObject")


def test_a_large_image_is_copied_in_several_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CodePipeline waits for an answer to a call for 20 minutes."""
    session = aws(tmp_path)
    session.answers["BatchCheckLayerAvailability"] = lambda given: {"layers": []}
    monkeypatch.setattr("pipeline_steps.package.pushed_image.SECONDS_OF_A_CALL", -1)
    given = {"image": "none", "digest": PUSHED, "pushed": "2030-01-04T00:00:00Z", "execution": "exec-1"}
    job = Job("job", "package", given, {}, {"package": {"Bucket": "store", "Key": "web/1"}}, {}, {})
    outcome = pushed_image.run(cast(boto3.Session, session), SETTINGS, job)
    assert outcome == Waiting("The image is being copied", {"copying": True})
    assert not session.called("PutImage") + session.called("InitiateLayerUpload") + session.called("PutObject")
