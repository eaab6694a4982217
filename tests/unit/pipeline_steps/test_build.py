"""How an image is made of a source, and what is handed on to Package."""

from __future__ import annotations

import base64
import io
import json
import shlex
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
import yaml
from mocked import ROOT
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps.build.__main__ import main
from pipeline_steps.package.built import Built
from releases.events import Commit
from releases.failure import MARK, TOLD

Json = dict[str, Any]
MINE, EARLIER, LATER = "exec-mine", "exec-earlier", "exec-later"
DIGEST, REPLACED = ("sha256:" + letter * 64 for letter in "ab")
MANIFEST = json.dumps({"config": {"digest": "sha256:c0f"}, "layers": []})
UPLOADED = datetime(2030, 1, 4, tzinfo=UTC)


def record(number: int, digest: str, source: str, **more: str) -> str:
    return json.dumps({
        "schema": 1, "release": number, "image_digest": digest, "task_definition": "…:8", "template_fingerprint": f"f{number}",
        "source_version": source, "execution": f"exec-{number}", "time": "2026-01-01T00:00:00Z", **more,
    })  # fmt: skip


@dataclass
class Build:
    """A build. The image of the source exists already, unless `new`."""

    folder: Path
    variables: dict[str, str] = field(default_factory=dict)
    records: Sequence[str] = ("none",)
    under_way: Sequence[str] = (MINE,)
    given_image: str = "none"
    metadata: dict[str, str] = field(default_factory=dict)
    new: bool = False
    pushed: bool = False
    inbox: str = ""
    architecture: str = "amd64"
    secret: str = ""
    upload: bytes = b""
    refused: dict[str, Any] = field(default_factory=dict)
    outcomes: Sequence[tuple[int, str]] = ()
    aws: FakeSession = field(init=False)
    docker: list[tuple[Sequence[str], str]] = field(default_factory=list)
    code: int = -1

    def __post_init__(self) -> None:
        self.source = self.folder / "source"
        self.source.mkdir(parents=True)
        (self.source / "Dockerfile").write_text("FROM scratch\n")
        image = {"os": "linux", "architecture": self.architecture, "config": {}}
        (self.folder / "config.json").write_text(json.dumps(image))

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Build:
        variables = {
            "IMAGE": "none", "SOURCE_BUCKET": "bucket", "SOURCE_KEY": "key", "SOURCE_VERSION": "v5", "EXECUTION": MINE,
            "REPOSITORY_URI": "registry/web", "INBOX": "", "REBUILD": "", "PLATFORM": "linux/amd64", "RELEASE_RECORD": "/record",
            "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "", "CONTEXT": ".", "DOCKERFILE": "Dockerfile", "TARGET": "", "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "",
            "CODEBUILD_INITIATOR": "codepipeline/dev-web", **self.variables,
        }  # fmt: skip
        versions = [{"Version": number, "Value": value} for number, value in enumerate(self.records, 1)]
        self.aws = FakeSession({
            "ListPipelineExecutions": lambda _: {"pipelineExecutionSummaries": [self._summary(each) for each in self.under_way]},
            "GetPipelineExecution": lambda given: {"pipelineExecution": self._execution(given["pipelineExecutionId"])},
            "GetParameterHistory": lambda _: [{"Parameters": [each]} for each in reversed(versions)],
            "HeadObject": lambda _: {"Metadata": self.metadata, "LastModified": UPLOADED},
            "GetObject": self._object,
            "BatchGetImage": lambda _: {"images": [{"imageManifest": MANIFEST}]},
            "GetDownloadUrlForLayer": self._layer,
            "BatchCheckLayerAvailability": lambda given: {"layers": [{"layerDigest": each, "layerAvailability": "AVAILABLE"} for each in given["layerDigests"]]},
            "DescribeImages": self._image,
            "GetAuthorizationToken": lambda _: {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:token").decode()}]},
            "GetSecretValue": lambda _: {"SecretString": self.secret},
            **{name: partial(_answer, why) for name, why in self.refused.items()},
        })  # fmt: skip
        left = list(self.outcomes)

        def docker(arguments: Sequence[str], stdin: str) -> tuple[int, Sequence[str]]:
            self.docker.append((arguments, stdin))
            self.pushed |= arguments[0] == "push" or "--push" in arguments
            code, output = left.pop(0) if left else (0, "")
            return code, output.splitlines()

        monkeypatch.setattr("pipeline_steps.build.__main__.client", lambda folder, _: docker)
        self.code = main(cast(boto3.Session, self.aws), variables, self.folder / "exports")
        return self

    @property
    def exported(self) -> dict[str, str]:
        lines = (self.folder / "exports").read_text().splitlines()
        return dict(shlex.split(line)[1].split("=", 1) for line in lines)

    def called(self, command: str) -> list[Sequence[str]]:
        """The arguments of each `docker <command>`."""
        return [arguments for arguments, _ in self.docker if arguments[0] == command]

    def announced(self) -> list[tuple[str, Json]]:
        entries = [given["Entries"][0] for given in self.aws.called("PutEvents")]
        assert {entry["Source"] for entry in entries} <= {"fargate-delivery"}
        return [(entry["DetailType"], json.loads(entry["Detail"])) for entry in entries]

    def _object(self, given: Json) -> Json:
        assert (given["Bucket"], given["Key"], given["VersionId"]) == ("bucket", "key", "v5")
        return {"Body": io.BytesIO(self.upload or self._zip())}

    def _zip(self) -> bytes:
        content = io.BytesIO()
        with zipfile.ZipFile(content, "w") as archive:
            for path in sorted(self.source.rglob("*")):
                archive.write(path, path.relative_to(self.source))
        return content.getvalue()

    def _summary(self, execution: str) -> Json:
        source = "v4" if execution.endswith("other") else "v5"
        status = "Succeeded" if execution.endswith("over") else "InProgress"
        return {"pipelineExecutionId": execution, "status": status, "sourceRevisions": [{"revisionId": source}]}

    def _execution(self, execution: str) -> Json:
        variables = [{"name": "image", "resolvedValue": self.given_image}]
        return {"variables": variables, "artifactRevisions": self._summary(execution)["sourceRevisions"]}

    def _layer(self, given: Json) -> Json:
        assert given["layerDigest"] == "sha256:c0f"
        return {"downloadUrl": (self.folder / "config.json").as_uri()}

    def _image(self, given: Json) -> Any:
        (wanted,) = given["imageIds"]
        if given["repositoryName"] == "dev-web/inbox":
            return {"imageDetails": [{"imageDigest": self.inbox}]} if self.inbox else error("ImageNotFoundException")
        found: str | None = wanted.get("imageDigest", DIGEST)
        if "imageTag" in wanted and self.new and not self.pushed:
            found = None
        return {"imageDetails": [{"imageDigest": found}]} if found else error("ImageNotFoundException")


def _answer(answer: Any, _: Json) -> Any:
    return answer


def cause(output: str) -> str:
    """The log's last line, which is the cause."""
    last = output.splitlines()[-1]
    assert last.startswith(MARK)
    return last.removeprefix(MARK)


def test_what_is_handed_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(tmp_path, metadata={"commit": COMMIT, "repository": "team/web"}).run(monkeypatch)
    assert build.exported == {
        "DIGEST": DIGEST, "NOTHING": "", "COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/web",
        "UPLOADED": str(int(UPLOADED.timestamp())),
    }  # fmt: skip
    assert Built.parse(build.exported) == Built(DIGEST, "", Commit(COMMIT, "team/web"), int(UPLOADED.timestamp()))
    assert build.aws.called("HeadObject") == [{"Bucket": "bucket", "Key": "key", "VersionId": "v5"}]
    assert build.announced() == [("Release Started", {
        "pipeline": "dev-web", "execution-id": MINE, "commit": COMMIT, "repository": "team/web", "owner": "team",
        "name": "web", "summary": "",
    })]  # fmt: skip


def test_the_buildspec_exports_what_is_handed_on() -> None:
    buildspec = yaml.safe_load((ROOT / "buildspecs/build.yaml").read_text())
    assert set(buildspec["env"]["exported-variables"]) == Built().variables().keys()


def test_a_parameter_may_have_any_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also one that the step, its shell, CodeBuild or the tools use for themselves."""
    arguments = ["SOURCE_BUCKET", "IMAGE", "PATH", "AWS_REGION", "IFS", "name", "HOME"]
    secrets = ["EXECUTION", "AWS_SECRET_ACCESS_KEY", "DOCKER_HOST", "BASH_ENV", "content"]
    values = {f"PARAMETER_{name}": f"the {name}" for name in [*arguments, *secrets]}
    listed = {"BUILD_ARGUMENTS": " ".join(arguments), "BUILD_SECRETS": " ".join(secrets)}
    build = Build(tmp_path, {**listed, **values}, new=True).run(monkeypatch)
    assert (build.exported["DIGEST"], build.exported["NOTHING"]) == (DIGEST, "")
    (call,) = build.called("build")
    given = [each for name in arguments for each in ("--build-arg", f"{name}=the {name}")]
    given += [each for name in secrets for each in ("--secret", f"id={name},env=PARAMETER_{name}")]
    assert list(call[call.index("Dockerfile") + 1 : -3]) == given
    assert not [each for call, _ in build.docker for each in call if "the EXECUTION" in each]


def test_an_image_is_built_without_attestations(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(tmp_path, new=True).run(monkeypatch)
    ((command, *rest),) = build.called("build")
    assert (command, rest[:2], rest[-3]) == ("build", ["--provenance=false", "--sbom=false"], "--tag")
    assert build.called("push") == [["push", rest[-2]]]


ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:hub-a1B2c3"
OTHER_ECR = "222222222222.dkr.ecr.us-east-1.amazonaws.com"
REGISTRIES = {"REGISTRY_LOGINS": f"docker.io={ARN} ghcr.io={ARN}", "ECR_REGISTRIES": OTHER_ECR}


@pytest.mark.parametrize("key", ["password", "accessToken"])
def test_the_build_logs_in_where_base_images_come_from(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = json.dumps({"username": "team", key: "s3cret"})
    build = Build(tmp_path, REGISTRIES, new=True, secret=secret).run(monkeypatch)
    assert [(*arguments[1:], stdin) for arguments, stdin in build.docker if arguments[0] == "login"] == [
        ("--username", "AWS", "--password-stdin", "registry", "token"),
        ("--username", "AWS", "--password-stdin", OTHER_ECR, "token"),
        ("--username", "team", "--password-stdin", "docker.io", "s3cret"),
        ("--username", "team", "--password-stdin", "ghcr.io", "s3cret"),
    ]
    assert build.aws.regions == [("ecr", "us-east-1"), *[("secretsmanager", "eu-west-1")] * 2]
    assert build.aws.called("GetSecretValue") == [{"SecretId": ARN}] * 2
    assert "s3cret" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "secret", ["s3cret", '"s3cret"', '["s3cret"]', '{"username": "team"}', '{"password": "s3cret"}', ""]
)
def test_a_secret_that_is_no_login_is_named_and_not_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, secret: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path, REGISTRIES, new=True, secret=secret).run(monkeypatch)
    output = capsys.readouterr().out
    assert cause(output) == "The secret of registry docker.io is not JSON with username, and password or accessToken."
    assert ("s3cret" in output, build.called("build"), build.code) == (False, [], TOLD)


@pytest.mark.parametrize(
    ("logins", "words"),
    [
        (0, "ECR refused the login to registry."),
        (3, "Registry ghcr.io refused the login in its secret."),
    ],
)
def test_a_login_that_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, logins: int, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    secret = json.dumps({"username": "team", "password": "s3cret"})
    outcomes = [*[(0, "")] * logins, (1, "unauthorized")]
    build = Build(tmp_path, REGISTRIES, new=True, secret=secret, outcomes=outcomes).run(monkeypatch)
    assert (cause(capsys.readouterr().out), build.called("build")) == (words, [])


def test_nothing_is_logged_in_to_when_there_is_an_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert Build(tmp_path, REGISTRIES).run(monkeypatch).docker == []


LIMIT = (
    "ERROR: failed to solve: node:22: failed to resolve source metadata for docker.io/library/node:22: unexpected status "
    "from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/22: 429 Too Many Requests"
)
PRIVATE = (
    "ERROR: failed to solve: team/base:1: failed to resolve source metadata for docker.io/team/base:1: pull access denied, "
    "repository does not exist or may require authorization"
)
LOGIN = (0, "Login Succeeded")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    waited: list[float] = []
    monkeypatch.setattr("time.sleep", waited.append)
    return waited


@pytest.mark.parametrize("failing", [1, 2])
def test_a_registry_that_allows_no_more_pulls_is_asked_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failing: int, pauses: list[float]
) -> None:
    build = Build(tmp_path, new=True, outcomes=[LOGIN, *[(1, LIMIT)] * failing]).run(monkeypatch)
    assert build.exported["DIGEST"] == DIGEST
    assert (len(build.called("build")), pauses) == (failing + 1, [20, 60][:failing])


@pytest.mark.parametrize(
    ("refusal", "builds", "words"),
    [
        (LIMIT, 3, "The registry of docker.io/library/node:22 allows no more pulls from this address for now (429). Upload again later, or: name an image of public.ecr.aws in the Dockerfile, or set build.registries (a login, a pull-through cache)."),
        (
            "ERROR: failed to solve: docker/dockerfile:1: failed to resolve source metadata for docker.io/docker/dockerfile:1: toomanyrequests: You have reached your pull rate limit.",
            3,
            "The registry of docker.io/docker/dockerfile:1 allows no more pulls from this address for now (429).",
        ),
        ("ERROR: failed to solve: toomanyrequests: Rate exceeded", 3, "The registry of a base image allows no more pulls from this address"),
        (PRIVATE, 1, "The base image docker.io/team/base:1 may not be pulled, or there is none: set build.registries in the stack file."),
        (PRIVATE.replace("denied,", "denied, 429 Too Many Requests,"), 1, "The base image docker.io/team/base:1 may not be pulled, or there is none"),
        ("Error: the first\nERROR: the last\nat line 3", 1, "The image was not built: the last"),
        ("no basic auth credentials", 1, "The base image of the Dockerfile may not be pulled, or there is none"),
        ("#9 1.2 npm ERR! 429 Too Many Requests\nERROR: failed to solve: process npm ci did not complete: exit code: 1", 1, "The image was not built: process npm ci did not complete: exit code: 1"),
        ("#9 1.2 npm ERR! 403 Forbidden\nERROR: failed to solve: process npm ci did not complete: exit code: 3", 1, "exit code: 3"),
        ("ERROR: failed to build: failed to solve: process /bin/sh did not complete: exit code: 2", 1, "The image was not built: process /bin/sh did not complete: exit code: 2"),
        ("killed", 1, "The image was not built: docker build has failed"),
    ],
)  # fmt: skip
def test_a_build_that_fails_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refusal: str, builds: int, words: str, pauses: list[float],
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    build = Build(tmp_path, new=True, outcomes=[LOGIN, *[(1, refusal)] * 9]).run(monkeypatch)
    line = cause(capsys.readouterr().out)
    assert line.startswith(words) or line.endswith(words)
    assert (len(build.called("build")), len(pauses), build.code) == (builds, builds - 1, TOLD)
    assert not build.pushed
    assert not (tmp_path / "exports").exists()
    assert build.announced()[-1] == ("Release Not Packaged", {
        "pipeline": "dev-web", "execution-id": MINE, "commit": "unknown", "repository": "unknown", "owner": "unknown",
        "name": "unknown", "summary": "", "reason": line, "url": "",
    })  # fmt: skip


def test_a_long_reason(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    build = Build(tmp_path, new=True, outcomes=[LOGIN, (1, f"ERROR: {'x' * 2000}")]).run(monkeypatch)
    assert cause(capsys.readouterr().out) == f"The image was not built: {'x' * 2000}"
    assert build.announced()[-1][1]["reason"] == f"The image was not built: {'x' * 975}"


def test_no_event_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refusal = "ERROR: failed to solve: process t0ken-and-more t0ken"
    variables = {
        "BUILD_SECRETS": "LONG TOKEN NONE",
        "PARAMETER_LONG": "t0ken-and-more",
        "PARAMETER_TOKEN": "t0ken",
        "PARAMETER_NONE": "",
    }
    build = Build(tmp_path, variables, new=True, outcomes=[LOGIN, (1, refusal)]).run(monkeypatch)
    assert build.announced()[-1][1]["reason"] == "The image was not built: process *** ***"


def test_a_source_without_a_dockerfile(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path)
    (build.source / "Dockerfile").unlink()
    for number in range(25):
        (build.source / f"f{number:02}").touch()
    build.run(monkeypatch)
    names = " ".join(f"f{number:02}" for number in range(20))
    assert cause(capsys.readouterr().out) == f"The source has no Dockerfile; at its top it has: {names}"


def test_what_of_the_source_is_built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(tmp_path, {"CONTEXT": "web", "DOCKERFILE": "docker/web", "TARGET": "release"}, new=True)
    for folder in ("web", "docker"):
        (build.source / folder).mkdir()
    (build.source / "docker/web").write_text("FROM scratch\n")
    ((_, *arguments),) = build.run(monkeypatch).called("build")
    assert arguments[2:8] == ["--platform", "linux/amd64", "--file", "docker/web", "--target", "release"]
    assert arguments[-1] == "web"


@pytest.mark.parametrize(
    ("files", "upload", "words"),
    [
        ({}, b"\x1f\x8b", "The source is not a complete zip: File is not a zip file. Zip it again and upload it."),
        ({".dockerignore": "["}, b"", "The source cannot be built: '[' is not a pattern for .dockerignore."),
    ],
)
def test_a_source_that_cannot_be_built(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    files: dict[str, str],
    upload: bytes,
    words: str,
    capsys: pytest.CaptureFixture[str],
) -> None:
    build = Build(tmp_path, upload=upload, new=True)
    for name, text in files.items():
        (build.source / name).write_text(text)
    build.run(monkeypatch)
    assert (cause(capsys.readouterr().out), build.code, build.docker) == (words, TOLD, [])


def test_the_image_is_built_of_what_was_in_the_one_folder_of_the_zip(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    plain, inside = Build(tmp_path / "plain", new=True), Build(tmp_path / "inside", new=True)
    (inside.source / "app-1.0").mkdir()
    (inside.source / "Dockerfile").rename(inside.source / "app-1.0/Dockerfile")
    built = [build.run(monkeypatch).called("build") for build in (plain, inside)]
    assert built[0] == built[1] != []


@pytest.mark.parametrize(
    ("refused", "words"),
    [
        (
            {"DescribeImages": error("AccessDeniedException", "DescribeImages", "no\nright")},
            "An error occurred (AccessDeniedException) when calling the DescribeImages operation: no right",
        ),
        ({"HeadObject": {}}, "KeyError: 'Metadata'"),
    ],
)
def test_whatever_goes_wrong_is_the_last_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, refused: Json, words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path, refused=refused).run(monkeypatch)
    assert (cause(capsys.readouterr().out), build.code) == (words, TOLD)


def test_a_failure_that_cannot_be_announced_has_another_exit_code(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """By that CodePipeline's event is told of, which has no cause, rather than nothing."""
    refused = {"DescribeImages": error("AccessDeniedException"), "PutEvents": error("AccessDeniedException")}
    assert Build(tmp_path, refused=refused).run(monkeypatch).code == 1
    assert cause(capsys.readouterr().out).startswith("An error occurred (AccessDeniedException)")


def test_a_failure_is_announced_with_the_build_s_page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables, refused = {"CODEBUILD_BUILD_URL": "https://build"}, {"DescribeImages": error("AccessDeniedException")}
    build = Build(tmp_path, refused=refused, variables=variables).run(monkeypatch)
    (told,) = [detail for kind, detail in build.announced() if kind == "Release Not Packaged"]
    assert (told["url"], told["pipeline"]) == ("https://build", "dev-web")
    assert told["reason"].startswith("An error occurred (AccessDeniedException)")


def test_an_image_names_its_base_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By labels, which change no tag: that is of the content."""
    build = Build(tmp_path, new=True)
    (build.source / "Dockerfile").write_text("FROM node:22 AS assets\nFROM python:3.12\nCOPY --from=assets /a /a\n")
    (arguments,) = build.run(monkeypatch).called("build")
    named = [arguments[place + 1] for place, each in enumerate(arguments) if each == "--label"]
    assert named == [
        "org.opencontainers.image.base.name=docker.io/library/python:3.12",
        "fargate-delivery.base-images=docker.io/library/node:22",
    ]


def test_a_build_without_a_variable(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(cast(boto3.Session, FakeSession({})), {"IMAGE": "none", "REBUILD": ""}, tmp_path / "exports") == 1
    assert cause(capsys.readouterr().out) == "The build has no variable 'SOURCE_BUCKET'."


@pytest.mark.parametrize("answer", [error("AccessDenied"), {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]}])
def test_a_release_goes_on_when_it_cannot_be_announced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path, refused={"PutEvents": answer}).run(monkeypatch)
    output = capsys.readouterr().out
    assert build.code == 0
    assert "Release Started was not announced: " in output


def test_an_image_that_was_pushed_must_be_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"DescribeImages": error("ImageNotFoundException")}
    build = Build(tmp_path, refused=refused).run(monkeypatch)
    ((_, tag),) = build.called("push")
    assert cause(capsys.readouterr().out) == f"The pushed image {tag.partition(':')[2]} is not in web."


def test_a_retry_finds_the_image_that_a_build_cut_off_has_pushed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """So one content has one digest for ever, whether or not it could be built the same again."""
    outcomes = [LOGIN, (0, "built"), (137, "waiting\ncut off\n\n")]
    cut_off = Build(tmp_path / "cut-off", new=True, outcomes=outcomes).run(monkeypatch)
    assert cut_off.pushed
    assert cause(capsys.readouterr().out) == "The image was not pushed: cut off"
    retry = Build(tmp_path / "retry", new=True, pushed=True).run(monkeypatch)
    assert (retry.exported["DIGEST"], retry.docker) == (DIGEST, [])
    assert "An image of this content exists: no build." in capsys.readouterr().out


CASES: dict[str, tuple[Json, str]] = {
    "a new source": ({}, ""),
    "it is on its way": ({"under_way": (MINE, EARLIER)}, "Source v5 is on its way in an earlier execution"),
    "an earlier one is of another source": ({"under_way": (MINE, "exec-other")}, ""),
    "an earlier one is over": ({"under_way": (MINE, "exec-over")}, ""),
    "what is on its way was given an image": ({"under_way": (MINE, EARLIER), "given_image": DIGEST}, ""),
    "a later execution waits": ({"under_way": (LATER, MINE)}, ""),
    "this one is not listed": ({"under_way": (LATER,)}, ""),
    "it has been released": ({"under_way": (MINE, EARLIER), "records": (record(1, DIGEST, "v5"), record(9, REPLACED, "v4"))}, "Source v5 has been released already"),
    "it has been released, and is built anew": ({"variables": {"IMAGE": "rebuild"}, "records": (record(1, DIGEST, "v5"),)}, ""),
    "another one has been released": ({"records": (record(1, DIGEST, "v4"),)}, ""),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given, nothing = CASES[case]
    build = Build(tmp_path, **given).run(monkeypatch)
    assert (build.exported["NOTHING"], build.exported["DIGEST"]) == (nothing, "" if nothing else DIGEST)
    assert [kind for kind, _ in build.announced()] == ([] if nothing else ["Release Started"])
    assert bool(build.aws.called("GetObject")) is not nothing.startswith("Source")
    assert ("nothing to do." in capsys.readouterr().out) is bool(nothing)


def test_a_record_that_cannot_be_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path, records=(record(1, DIGEST, "v4"), '{"schema":2}')).run(monkeypatch)
    words = "Version 2 of /record is no release record that this program reads."
    assert (cause(capsys.readouterr().out), build.code) == (words, TOLD)


COMMIT, OTHER = "89abcdef" * 5, "01234567" * 5
NAMES: dict[str, tuple[Json, tuple[str, str], str]] = {
    "nothing": ({}, ("unknown", "unknown"), ""),
    "a commit": ({"commit": OTHER, "repository": "team/other"}, (OTHER, "team/other"), ""),
    "a repository": ({"repository": "team/other"}, ("unknown", "team/other"), ""),
    "no commit": ({"commit": "main\nx"}, ("unknown", "unknown"), "The upload's commit is not one: main x\n"),
}


@pytest.mark.parametrize("case", NAMES)
def test_the_commit_that_the_upload_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata, named, words = NAMES[case]
    build = Build(tmp_path, metadata=metadata).run(monkeypatch)
    assert (build.exported["COMMIT"], build.exported["COMMIT_REPOSITORY"]) == named
    assert words in capsys.readouterr().out


IN_INBOX = {"INBOX": "dev-web/inbox"}


def test_an_image_that_a_pull_request_has_built_is_copied_and_nothing_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    build = Build(tmp_path, IN_INBOX, new=True, inbox=REPLACED).run(monkeypatch)
    assert (build.exported["DIGEST"], build.docker) == (REPLACED, [])
    (put,) = build.aws.called("PutImage")
    (asked,) = {
        each["imageIds"][0]["imageTag"]
        for each in build.aws.called("DescribeImages")
        if "imageTag" in each["imageIds"][0]
    }
    assert (put["repositoryName"], put["imageDigest"], put["imageTag"]) == ("web", REPLACED, asked)
    assert f"An image of this content was pushed to dev-web/inbox, {REPLACED}: no build." in capsys.readouterr().out


@pytest.mark.parametrize(
    ("inbox", "architecture", "said"),
    [("", "amd64", "(linux/amd64): it is built here."), (REPLACED, "arm64", "The image of this content in dev-web/inbox is for linux/arm64, and the service's tasks run linux/amd64: it is built here.")],
)  # fmt: skip
def test_without_an_image_that_fits_it_is_built(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], inbox: str, architecture: str, said: str
) -> None:  # fmt: skip
    build = Build(tmp_path, IN_INBOX, new=True, inbox=inbox, architecture=architecture).run(monkeypatch)
    assert (build.exported["DIGEST"], len(build.called("build")), build.aws.called("PutImage")) == (DIGEST, 1, [])
    assert said in capsys.readouterr().out


def test_what_the_service_has_is_not_looked_for_in_the_inbox(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build = Build(tmp_path, IN_INBOX, inbox=REPLACED).run(monkeypatch)
    assert build.exported["DIGEST"] == DIGEST
    assert "dev-web/inbox" not in {each["repositoryName"] for each in build.aws.called("DescribeImages")}


@pytest.mark.parametrize("asked", [{"IMAGE": "rebuild"}, {"REBUILD": "yes"}], ids=["by a command", "by the stack file"])
def test_a_content_that_has_an_image_is_built_anew_where_that_is_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, asked: dict[str, str]
) -> None:
    build = Build(tmp_path, {**IN_INBOX, **asked}, inbox=REPLACED).run(monkeypatch)
    assert build.exported["DIGEST"] == DIGEST
    assert (len(build.called("build")), len(build.called("push"))) == (1, 1)


def test_of_an_upload_of_several_services_package_announces_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build = Build(tmp_path, {"SHARED": "yes"}, metadata={"commit": COMMIT}).run(monkeypatch)
    assert (build.exported["DIGEST"], build.exported["COMMIT"], build.announced()) == (DIGEST, COMMIT, [])


CACHE = {"CACHE": "registry/web/cache:cache"}
KEPT = "type=registry,ref=registry/web/cache:cache"


@pytest.mark.parametrize("rebuild", ["", "yes"])
def test_a_build_takes_and_keeps_what_its_steps_make(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rebuild: str
) -> None:
    build = Build(tmp_path, {**CACHE, "REBUILD": rebuild}, new=True).run(monkeypatch)
    create, command = build.called("buildx")
    assert create == ["buildx", "create", "--name", "cached", "--driver", "docker-container", "--bootstrap"]
    assert command[:9] == [
        "buildx", "build", "--builder", "cached", "--push", "--cache-from", KEPT,
        "--cache-to", f"{KEPT},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true",
    ]  # fmt: skip
    assert ("--no-cache" in command) is (rebuild == "yes")
    assert list(command[9:11]) == ["--provenance=false", "--sbom=false"]
    assert (build.called("build"), build.called("push")) == ([], [])
    assert build.exported["DIGEST"] == DIGEST


def test_without_a_builder_the_image_is_built_without_a_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """BuildKit's own image may not be pulled for now."""
    build = Build(tmp_path, CACHE, new=True, outcomes=[LOGIN, (1, LIMIT)]).run(monkeypatch)
    assert (len(build.called("build")), len(build.called("push")), build.exported["DIGEST"]) == (1, 1, DIGEST)


def test_a_cached_build_that_is_refused_is_tried_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, pauses: list[float]
) -> None:
    build = Build(tmp_path, CACHE, new=True, outcomes=[LOGIN, (0, ""), (1, LIMIT)]).run(monkeypatch)
    assert (len(build.called("buildx")), pauses, build.code) == (3, [20], 0)
