"""What CodeDeploy is given to deploy, and what the later actions are told of it."""

from __future__ import annotations

import io
import json
import zipfile
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import template
from pipeline_steps.job import Done, Job, StepError
from pipeline_steps.settings import Settings

Json = dict[str, Any]
BUILT, LIVE, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
APPSPEC = '# template f1\n{\n  "version": 0.0,\n  "Hooks": [\n    {\n      "AfterInstall": "arn"\n    }\n  ],\n  "Resources": []\n}\n'
KEYS = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": "c"}
SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web-codedeploy", controller="CODE_DEPLOY", containers=("web",),
    sidecars=(), minimum_tasks=1, deploy_minutes=15, repository="web", record="/record", repository_uri="registry/web",
    template_bucket="store", template_folder="templates/web",
)  # fmt: skip
PACKAGED = {"digest": BUILT, "source": "v11", "commit": "b" * 40, "repository": "team/web"}


def record(version: int, digest: str, source: str, commit: str) -> Json:
    """A version of the release record."""
    value = {
        "schema": 1, "release": version, "image_digest": digest, "task_definition": "arn", "template_fingerprint": "f",
        "source_version": source, "execution": "e", "time": "t", "commit": commit, "repository": "team/web",
    }  # fmt: skip
    return {"Version": version, "Value": json.dumps(value)}


FIRST, AGAIN, LAST = (
    record(2, LIVE, "v1", "1" * 40),
    record(9, LIVE, "v9", "9" * 40),
    record(10, OTHER, "v10", "a" * 40),
)
UNREADABLE = {"Version": 2, "Value": '{"schema": 2}'}


def aws(*records: Json, live: str | None = LIVE, **answers: Any) -> FakeSession:
    """An account whose release record has these versions, the first ones on a page of their own."""
    pages = [[{"Version": 1, "Value": "none"}, *records[:1]], list(records[1:])]
    stored = {"templates/web/taskdef.json": '{"family": "dev-web"}', "templates/web/appspec.yaml": APPSPEC}
    return FakeSession({
        "GetParameterHistory": lambda _: [{"Parameters": page} for page in pages],
        "DescribeImages": lambda _: {"imageDetails": [{"imageDigest": live}]} if live else error("ImageNotFoundException"),
        "GetObject": lambda given: {"Body": io.BytesIO(stored[given["Key"]].encode())},
        **answers,
    })  # fmt: skip


def run(session: FakeSession, image: str = "none") -> Done:
    outputs = {"deployment": {"Bucket": "store", "Key": "web/1"}}
    job = Job("job", "template", {**PACKAGED, "image": image}, {}, outputs, KEYS, {})
    return template.run(cast(boto3.Session, session), SETTINGS, job)


def written(session: FakeSession) -> dict[str, str]:
    """The artifact's files."""
    put = session.called("PutObject")[-1]
    assert (put["Bucket"], put["Key"]) == ("store", "web/1")
    with zipfile.ZipFile(io.BytesIO(put["Body"])) as archive:
        return {name: archive.read(name).decode() for name in archive.namelist()}


@pytest.mark.parametrize("records", [(FIRST, AGAIN, LAST), (LAST, AGAIN, FIRST)], ids=["in order", "not in order"])
def test_the_image_that_is_live_is_of_the_last_release_that_had_it(records: tuple[Json, ...]) -> None:
    session = aws(*records)
    assert run(session, "live").variables == {
        "IMAGE_DIGEST": LIVE,
        "SOURCE": "v9",
        "COMMIT": "9" * 40,
        "COMMIT_REPOSITORY": "team/web",
    }
    assert json.loads(written(session)["imageDetail.json"]) == {"ImageURI": f"registry/web@{LIVE}"}


def test_an_image_that_no_record_names_is_of_an_unknown_source() -> None:
    variables = run(aws(LAST), "live").variables
    assert {variables[name] for name in ("SOURCE", "COMMIT", "COMMIT_REPOSITORY")} == {"unknown"}


def test_nothing_live_is_nothing_to_deploy() -> None:
    session = aws(LAST, live=None)
    with pytest.raises(StepError, match="No image of web has the tag live"):
        run(session, "live")
    assert session.called("PutObject") == []


@pytest.mark.parametrize("image", ["none", OTHER])
def test_what_package_has_chosen_is_deployed_else(image: str) -> None:
    session = aws(LAST)
    done = run(session, image)
    assert done.summary == f"Deploying {BUILT} with template f1"
    assert done.variables == {
        "IMAGE_DIGEST": BUILT,
        "SOURCE": "v11",
        "COMMIT": "b" * 40,
        "COMMIT_REPOSITORY": "team/web",
    }
    assert written(session) == {
        "taskdef.json": '{"family": "dev-web"}',
        "appspec.yaml": APPSPEC,
        "imageDetail.json": json.dumps({"ImageURI": f"registry/web@{BUILT}"}),
    }


@pytest.mark.parametrize(
    ("records", "hooked"),
    [((), False), ((LAST,), True), ((UNREADABLE,), True)],
    ids=["first", "later", "of another version of the program"],
)
def test_hooks_are_not_called_before_there_is_a_release(records: tuple[Json, ...], hooked: bool) -> None:
    session = aws(*records)
    run(session)
    spec = written(session)["appspec.yaml"]
    assert ("AfterInstall" in spec) is hooked
    assert json.loads(spec.split("\n", 1)[1])["Resources"] == []


def test_the_artifact_is_written_with_the_job_s_credentials_as_the_bucket_encrypts() -> None:
    session = aws(LAST)
    run(session)
    assert session.credentials == [("s3", KEYS)], "objects are read with the function's role"
    (put,) = session.called("PutObject")
    assert not {name for name in put if "Encryption" in name or "KMS" in name}


def test_a_call_that_is_repeated_writes_the_same_again() -> None:
    session = aws(LAST)
    first, files = run(session), written(session)
    assert (run(session), written(session)) == (first, files)


def test_without_a_template_it_is_said_who_writes_one() -> None:
    session = aws(LAST, GetObject=lambda _: error("NoSuchKey"))
    with pytest.raises(StepError, match=r"There is no s3://store/templates/web/taskdef.json; `up` writes it"):
        run(session)


def test_a_record_that_is_gone_is_no_first_release() -> None:
    session = aws(GetParameterHistory=lambda _: error("ParameterNotFound"))
    with pytest.raises(Exception, match="ParameterNotFound"):
        run(session)
    assert session.called("PutObject") == []
