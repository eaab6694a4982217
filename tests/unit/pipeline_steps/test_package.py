"""What is deployed: a build's image, one that was pushed, or one that was asked for; what later actions are told."""

from __future__ import annotations

import io
import json
import zipfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps.job import Done, Job, Outcome, StepError, Waiting
from pipeline_steps.package import step
from pipeline_steps.package.assets import Assets
from pipeline_steps.package.built import Built
from pipeline_steps.package.images import Images
from pipeline_steps.settings import Settings
from releases.events import Commit

Json = dict[str, Any]
DIGEST, LIVE, OLD = ("sha256:" + letter * 64 for letter in "abc")
COMMIT, OTHER = "89abcdef" * 5, "01234567" * 5
REVISION, SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"
LABELS = {REVISION: COMMIT, SOURCE: "https://github.com/team/web.git"}
MANIFEST = json.dumps({"config": {"digest": "sha256:c0f"}, "layers": []})
SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web", "worker"),
    sidecars=(), minimum_tasks=1, deploy_minutes=15, repository="dev-web", record="/record", repository_uri="registry/dev-web",
    inbox="dev-web/inbox", platform="linux/arm64",
)  # fmt: skip
UPLOADED = 1893715200
BUILT = Built(DIGEST, "", Commit(), UPLOADED)
PUSH = {"source": DIGEST, "pushed": "2030-01-04T00:00:00Z"}


def record(number: int, digest: str, source: str = "v4", **more: str) -> str:
    return json.dumps({
        "schema": 1, "release": number, "image_digest": digest, "task_definition": "…:8", "template_fingerprint": f"f{number}",
        "source_version": source, "execution": f"exec-{number}", "time": "t", **more,
    })  # fmt: skip


@dataclass
class Package:
    """A call of Package: of the upload v5, unless something else is said."""

    folder: Path
    settings: Settings = SETTINGS
    parameters: Mapping[str, str] = field(default_factory=dict)
    built: Built | None = BUILT
    records: Sequence[str] = ()
    live: str = ""
    appspec: str = ""
    labels: Json | None = None
    architecture: str = "arm64"
    manifests: Mapping[str, str] = field(default_factory=dict)
    answers: Json = field(default_factory=dict)
    aws: FakeSession = field(init=False)

    def __post_init__(self) -> None:
        image = {"os": "linux", "architecture": self.architecture, "config": {"Labels": self.labels}}
        (self.folder / "config.json").write_text(json.dumps(image))
        versions = [{"Version": n, "Value": v} for n, v in enumerate(("none", *self.records), 1)]
        self.aws = FakeSession({
            "ListActionExecutions": lambda _: {"actionExecutionDetails": self._actions()},
            "ListPipelineExecutions": lambda _: {"pipelineExecutionSummaries": []},
            "GetPipelineExecution": lambda _: error("PipelineExecutionNotFoundException"),
            "GetParameterHistory": lambda _: {"Parameters": versions},
            "BatchGetImage": self._manifest,
            "BatchCheckLayerAvailability": lambda given: {"layers": [{"layerDigest": each, "layerAvailability": "AVAILABLE"} for each in given["layerDigests"]]},
            "DescribeImages": self._image,
            "GetDownloadUrlForLayer": lambda _: {"downloadUrl": (self.folder / "config.json").as_uri()},
            "GetObject": lambda _: {"Body": io.BytesIO(self.appspec.encode())},
            **{name: _always(answer) for name, answer in self.answers.items()},
        })  # fmt: skip

    def call(self) -> Outcome:
        given = {"image": "none", "source": "v5", "pushed": "none", "execution": "exec-1", **self.parameters}
        keys = {"aws_access_key_id": "a", "aws_secret_access_key": "b", "aws_session_token": "c"}
        job = Job("job", "package", given, {}, {"package": {"Bucket": "store", "Key": "web/1"}}, keys, {})
        return step.run(cast(boto3.Session, self.aws), self.settings, job)

    def run(self) -> Mapping[str, str]:
        """The output variables."""
        outcome = self.call()
        assert isinstance(outcome, Done)
        assert outcome.variables["SUMMARY"] == outcome.summary
        return outcome.variables

    def artifact(self) -> Any:
        (put,) = self.aws.called("PutObject")
        assert (put["Bucket"], put["Key"]) == ("store", "web/1")
        with zipfile.ZipFile(io.BytesIO(put["Body"])) as archive:
            (name,) = archive.namelist()
            assert name == "imagedefinitions.json"
            return json.loads(archive.read(name))

    def announced(self) -> list[tuple[str, str]]:
        entries = [given["Entries"][0] for given in self.aws.called("PutEvents")]
        return [(entry["DetailType"], json.loads(entry["Detail"])["commit"]) for entry in entries]

    def _actions(self) -> list[Json]:
        """As AWS lists them, the newest first."""
        states = ["Failed"] if self.built is None else ["Succeeded", "Failed"]
        return [{
            "actionName": "Build", "status": state, "startTime": 2 if state == "Succeeded" else 1,
            "output": {"outputVariables": self.built.variables()} if self.built and state == "Succeeded" else {},
        } for state in states]  # fmt: skip

    def _manifest(self, given: Json) -> Json:
        (image,) = given["imageIds"]
        manifest = self.manifests.get(image["imageDigest"], MANIFEST)
        return {"images": [{"imageManifest": manifest}] if manifest else []}

    def _image(self, given: Json) -> Any:
        (wanted,) = given["imageIds"]
        found = self.live if wanted.get("imageTag") == "live" else wanted.get("imageDigest", DIGEST)
        return {"imageDetails": [{"imageDigest": found}]} if found else error("ImageNotFoundException")


def _always(answer: Any) -> Any:
    return lambda _: answer


def test_the_image_of_a_build(tmp_path: Path) -> None:
    package = Package(tmp_path, built=replace(BUILT, commit=Commit(COMMIT, "team/web")))
    summary = (
        f"sha256:aaaaaaaaaaaa from source v5, commit {COMMIT}. It is the first release, unless another comes first"
    )
    assert package.run() == {
        "IMAGE_DIGEST": DIGEST, "DEPLOY": "yes", "SOURCE": "v5", "COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/web",
        "UPLOADED": str(UPLOADED), "SUMMARY": summary,
    }  # fmt: skip
    assert package.aws.called("ListActionExecutions") == [
        {"pipelineName": "dev-web", "filter": {"pipelineExecutionId": "exec-1"}}
    ]
    assert package.artifact() == [
        {"name": name, "imageUri": f"registry/dev-web@{DIGEST}"} for name in ("web", "worker")
    ]
    assert package.announced() == [("Release Packaged", COMMIT)], "the build has announced the start"
    assert package.aws.called("ListPipelineExecutions") == [], "the build has looked for others of this upload"


def test_a_build_that_had_nothing_to_do(tmp_path: Path) -> None:
    package = Package(tmp_path, built=Built(nothing="Source v5 has been released already"))
    variables = package.run()
    assert (variables["DEPLOY"], variables["IMAGE_DIGEST"], variables["SUMMARY"]) == ("no", "", "nothing to deploy")
    assert package.announced() == []


@pytest.mark.parametrize("empty", [{}, {"DIGEST": "", "NOTHING": ""}])
def test_an_empty_variable_may_be_handed_on_or_not(empty: Json) -> None:
    assert Built.parse({"COMMIT": "unknown", "COMMIT_REPOSITORY": "unknown", "UPLOADED": "0", **empty}) == Built()


def test_a_build_whose_end_is_not_listed_is_waited_for(tmp_path: Path) -> None:
    assert Package(tmp_path, built=None).call() == Waiting("The end of the build is not listed yet", {"waiting": True})


def test_a_pushed_image_is_copied_and_named_by_its_digest(tmp_path: Path) -> None:
    package = Package(tmp_path, parameters=PUSH, labels=LABELS)
    summary = (
        f"sha256:aaaaaaaaaaaa as it was pushed, commit {COMMIT}. It is the first release, unless another comes first"
    )
    assert package.run() == {
        "IMAGE_DIGEST": DIGEST, "DEPLOY": "yes", "SOURCE": DIGEST, "COMMIT": COMMIT, "COMMIT_REPOSITORY": "team/web",
        "UPLOADED": str(UPLOADED), "SUMMARY": summary,
    }  # fmt: skip
    (put,) = package.aws.called("PutImage")
    assert (put["repositoryName"], put["imageDigest"], put["imageTag"]) == ("dev-web", DIGEST, "content-" + "a" * 40)
    assert {each["imageUri"] for each in package.artifact()} == {f"registry/dev-web@{DIGEST}"}
    assert package.announced() == [
        ("Release Started", "unknown"), ("Release Started", COMMIT), ("Release Packaged", COMMIT),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("image", "tagged", "variables"),
    [
        ("none", DIGEST, ("yes", DIGEST)),
        ("none", "", ("no", "none")),
        (OLD, DIGEST, ("yes", "unknown")),
    ],
    ids=["what the tag is on", "nothing was pushed", "an image that was asked for"],
)
def test_without_a_push_it_is_what_the_inbox_s_tag_is_on(
    tmp_path: Path, image: str, tagged: str, variables: tuple[str, str]
) -> None:
    given = {"image": image, "source": "none", "pushed": "none", "tag": "stable"}
    package = Package(tmp_path, parameters=given)

    def describe(asked: Json) -> Any:
        (wanted,) = asked["imageIds"]
        if asked["repositoryName"] == "dev-web":
            return {"imageDetails": [{"imageDigest": wanted["imageDigest"]}]}
        assert (asked["repositoryName"], wanted) == ("dev-web/inbox", {"imageTag": "stable"})
        return {"imageDetails": [{"imageDigest": tagged}]} if tagged else error("ImageNotFoundException")

    package.aws.answers["DescribeImages"] = describe
    found = package.run()
    assert (found["DEPLOY"], found["SOURCE"]) == variables


def test_without_a_push_no_time_is_known(tmp_path: Path) -> None:
    assert Package(tmp_path, parameters={**PUSH, "pushed": "none"}).run()["UPLOADED"] == "0"


def test_a_push_of_what_is_live_does_nothing(tmp_path: Path) -> None:
    package = Package(tmp_path, parameters=PUSH, records=(record(1, DIGEST, DIGEST),))
    variables = package.run()
    assert (variables["SUMMARY"], variables["DEPLOY"]) == ("nothing to deploy", "no")
    assert package.aws.called("PutImage") == []


def test_an_older_image_that_is_pushed_again_is_released_again(tmp_path: Path) -> None:
    """CodePipeline has forgotten the execution that released it first."""
    records = (record(1, DIGEST, DIGEST), record(2, LIVE, LIVE))
    variables = Package(tmp_path, parameters=PUSH, records=records).run()
    assert variables["DEPLOY"] == "yes"
    assert variables["SUMMARY"].endswith(
        ". It replaces release-2 (sha256:bbbbbbbbbbbb), unless another release comes first"
    )


@pytest.mark.parametrize(
    ("account", "words"),
    [
        (
            {"architecture": "amd64"},
            f"The pushed image {DIGEST} is for linux/amd64, and the service's tasks run linux/arm64: build it with "
            "--platform linux/arm64, and push that.",
        ),
        (
            {"answers": {"BatchGetImage": {"images": []}}},
            f"dev-web/inbox does not have the image {DIGEST} any more: push it again.",
        ),
    ],
)
def test_a_pushed_image_that_cannot_be_taken(tmp_path: Path, account: Json, words: str) -> None:
    package = Package(tmp_path, parameters=PUSH, **account)
    with pytest.raises(StepError) as caught:
        package.call()
    assert str(caught.value) == words
    assert not package.aws.called("PutImage") + package.aws.called("PutObject")


def test_a_large_image_is_copied_in_several_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """CodePipeline waits for an answer to a call for 20 minutes."""
    package = Package(tmp_path, parameters=PUSH, answers={"BatchCheckLayerAvailability": {"layers": []}})
    monkeypatch.setattr("pipeline_steps.package.step.SECONDS_OF_A_CALL", -1)
    assert package.call() == Waiting("The image is being copied", {"waiting": True})
    assert (
        not package.aws.called("PutImage") + package.aws.called("InitiateLayerUpload") + package.aws.called("PutObject")
    )


def test_a_new_pipeline_where_nothing_is_uploaded(tmp_path: Path) -> None:
    assert Package(tmp_path, parameters={"source": "none"}).run()["DEPLOY"] == "no"


LAST = record(9, LIVE)
LIVE_IS_ASKED, TEMPLATE = {"parameters": {"image": "live"}}, replace(SETTINGS, template_folder="t", template_bucket="b")
CASES: dict[str, tuple[Json, str, str]] = {
    "the image of an earlier release": ({"records": (record(1, DIGEST),)}, "yes", ". It is the image of release-1 again"),
    "the history is not in order": ({"records": (record(1, DIGEST, "v3"), *["{}"] * 8, LAST)}, "yes", ". It replaces release-9 (sha256:bbbbbbbbbbbb), unless another release comes first"),
    "what it replaces names its commit": ({"records": (record(1, LIVE, commit="c"),)}, "yes", ". It replaces release-1 (sha256:bbbbbbbbbbbb, commit c), unless"),
    "an image is asked for": ({"parameters": {"image": OLD}}, "yes", "from source unknown"),
    "an image that was released": ({"parameters": {"image": OLD}, "records": (record(1, OLD, "v1"), LAST)}, "yes", "from source v1. It replaces release-9 (sha256:bbbbbbbbbbbb), unless another release comes first"),
    "nothing is live": (LIVE_IS_ASKED, "no", "nothing to deploy"),
    "what is live, with a new template": ({**LIVE_IS_ASKED, "settings": TEMPLATE, "live": LIVE, "records": (LAST,), "appspec": "# template f8\n"}, "yes", ". It is the image of release-9 again"),
    "what is live, with its template": ({**LIVE_IS_ASKED, "settings": TEMPLATE, "live": LIVE, "records": (LAST,), "appspec": "# template f9\n"}, "no", "nothing to deploy"),
    "what is live was not released last": ({**LIVE_IS_ASKED, "settings": TEMPLATE, "live": OLD, "records": (LAST,), "appspec": "# template f9\n"}, "yes", ". It replaces release-9 ("),
    "what is live, deployed by ECS": ({**LIVE_IS_ASKED, "live": LIVE, "records": (LAST,)}, "yes", "from source v4"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_deployed(tmp_path: Path, case: str) -> None:
    given, deploy, words = CASES[case]
    package = Package(tmp_path, **given)
    variables = package.run()
    assert variables["DEPLOY"] == deploy
    assert words in variables["SUMMARY"]
    assert ("Release Packaged" in [kind for kind, _ in package.announced()]) is (deploy == "yes")
    if "parameters" in given:
        assert package.aws.called("ListActionExecutions") == [], "no build has run"
        assert {each["repositoryName"] for each in package.aws.called("BatchGetImage")} <= {"dev-web"}


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (
            {"parameters": {"image": OLD}, "answers": {"DescribeImages": error("ImageNotFoundException")}},
            f"There is no image {OLD} in dev-web.",
        ),
        (
            {"records": (LAST, '{"schema":2}')},
            "Version 3 of /record is no release record that this program reads.",
        ),
    ],
)
def test_what_cannot_be_deployed(tmp_path: Path, given: Json, words: str) -> None:
    with pytest.raises(StepError) as caught:
        Package(tmp_path, **given).call()
    assert str(caught.value) == words


ATTESTATION = {"digest": "sha256:a77e", "platform": {"os": "unknown", "architecture": "unknown"}}
CHILDREN = {
    name: {"digest": digest, "platform": {"os": "linux", "architecture": name}}
    for name, digest in {"amd64": "sha256:0a65", "arm64": "sha256:c41d"}.items()
}
WINDOWS = {"digest": "sha256:0a64", "platform": {"os": "windows", "architecture": "arm64"}}
INDEX = json.dumps({"manifests": [ATTESTATION, WINDOWS, CHILDREN["amd64"], CHILDREN["arm64"]]})
OF_ANOTHER_PLATFORM = json.dumps({"manifests": [ATTESTATION, CHILDREN["amd64"]]})
WITH_COMMIT = record(1, OLD, commit=OTHER, repository="team/other")
UNNAMED = ("unknown", "unknown")
NAMES: dict[str, tuple[Json | None, Json, tuple[str, str], str]] = {
    "labels": (LABELS, {}, (COMMIT, "team/web"), ""),
    "no labels": (None, {}, UNNAMED, ""),
    "labels of others": ({"maintainer": "x"}, {}, UNNAMED, ""),
    "an upload that names a commit": (LABELS, {"built": replace(BUILT, commit=Commit(OTHER, "team/other"))}, (OTHER, "team/other"), ""),
    "an upload that names a repository": (LABELS, {"built": replace(BUILT, commit=Commit(repository="team/other"))}, (COMMIT, "team/web"), ""),
    "a hash of SHA-256": ({REVISION: "ab" * 32}, {}, ("ab" * 32, "unknown"), ""),
    "more than a hash": ({REVISION: f"{COMMIT}-dirty"}, {}, UNNAMED, "The image's commit is not one: "),
    "a short hash": ({**LABELS, REVISION: "89abcde"}, {}, ("unknown", "team/web"), "The image's commit is not one: 89abcde"),
    "words": ({REVISION: "$(id) x", SOURCE: "a b"}, {}, UNNAMED, "The image's commit is not one: $(id)"),
    "a repository of 256 characters": ({**LABELS, SOURCE: f"https://x.example/{'g' * 256}"}, {}, (COMMIT, "g" * 256), ""),
    "a repository of 257": ({**LABELS, SOURCE: f"https://x.example/{'g' * 257}"}, {}, (COMMIT, "unknown"), "repository is not one"),
    "no address": ({**LABELS, SOURCE: "git@github.com:team/web"}, {}, (COMMIT, "unknown"), "repository is not one"),
    "an index of images": (LABELS, {"manifests": {DIGEST: INDEX, WINDOWS["digest"]: "[]", CHILDREN["amd64"]["digest"]: "[]"}}, (COMMIT, "team/web"), ""),
    "an index without an image for the tasks": (LABELS, {"manifests": {DIGEST: OF_ANOTHER_PLATFORM}}, UNNAMED, ""),
    "no manifest": (LABELS, {"manifests": {DIGEST: ""}}, UNNAMED, "The image's labels were not read."),
    "a manifest that is none": (LABELS, {"manifests": {DIGEST: "[]"}}, UNNAMED, "The image's labels were not read."),
    "an image that is asked for": (LABELS, {"parameters": {"image": OLD}}, (COMMIT, "team/web"), ""),
    "an image that was released": (LABELS, {"parameters": {"image": OLD}, "records": (WITH_COMMIT, LAST)}, (OTHER, "team/other"), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_the_commit_is_what_the_upload_names_or_the_image(
    tmp_path: Path, case: str, capsys: pytest.CaptureFixture[str]
) -> None:
    labels, given, named, words = NAMES[case]
    package = Package(tmp_path, labels=labels, **given)
    variables = package.run()
    assert (variables["COMMIT"], variables["COMMIT_REPOSITORY"]) == named
    assert words in capsys.readouterr().out
    started = [commit for kind, commit in package.announced() if kind == "Release Started"]
    assert started == ([named[0]] if named[0] == COMMIT or named[0] == "ab" * 32 else [])


@pytest.mark.parametrize("layer", [error("LayersNotFoundException"), {"downloadUrl": "file:///nowhere"}])
def test_a_commit_that_cannot_be_looked_for_is_unknown(
    tmp_path: Path, layer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    package = Package(tmp_path, labels=LABELS, answers={"GetDownloadUrlForLayer": layer})
    assert package.run()["COMMIT"] == "unknown"
    assert "The image's labels were not read." in capsys.readouterr().out


@pytest.mark.parametrize("answer", [error("AccessDenied"), {"FailedEntryCount": 1, "Entries": [{"ErrorCode": "x"}]}])
def test_a_release_goes_on_when_it_cannot_be_announced(
    tmp_path: Path, answer: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert Package(tmp_path, answers={"PutEvents": answer}).run()["DEPLOY"] == "yes"
    assert "Release Packaged was not announced: " in capsys.readouterr().out


PROMOTES = replace(SETTINGS, promotion="staging 1 eu-west-1 staging-web")


@pytest.mark.parametrize(
    ("parameters", "kept"),
    [
        ({}, True),
        ({"image": "rebuild"}, True),
        (PUSH, True),
        ({"image": f"staging@{DIGEST}"}, True),
        ({"image": OLD}, False),
        ({"image": "live"}, False),
    ],
    ids=["an upload", "a rebuild", "a push", "a promotion", "a rollback", "what is live"],
)
def test_a_new_image_gets_the_assets_of_what_was_released(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: Mapping[str, str], kept: bool
) -> None:
    asked = list[Any]()

    def add_assets(images: Images, *given: Any) -> str:
        asked.append((images.name, *given))
        return "sha256:" + "d" * 64

    monkeypatch.setattr("pipeline_steps.package.step.add_assets", add_assets)
    records = (record(1, OLD, "v1"), record(2, LIVE, "v2"))
    settings = replace(PROMOTES, assets="2 /app/public")
    variables = Package(tmp_path, settings, parameters, records=records, live=LIVE).run()
    assert asked == [("dev-web", DIGEST, "linux/arm64", Assets(2, "/app/public"), [LIVE, OLD])] * kept
    image = {OLD: OLD, "live": LIVE}.get(parameters.get("image", ""))
    assert variables["IMAGE_DIGEST"] == ("sha256:" + "d" * 64 if kept else image)


def test_assets_are_added_in_another_call_where_the_copy_took_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline_steps.package.step.add_assets", lambda *_: pytest.fail("the time is up"))
    monkeypatch.setattr("pipeline_steps.package.step.SECONDS_OF_A_CALL", -1)
    package = Package(tmp_path, replace(SETTINGS, assets="2 /app"), PUSH)
    assert package.call() == Waiting("The image is copied, and its assets are not added yet", {"waiting": True})


def test_without_a_word_an_image_is_left_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_steps.package.step.add_assets", lambda *_: pytest.fail("nothing is to be kept"))
    assert Package(tmp_path).run()["IMAGE_DIGEST"] == DIGEST


def test_what_has_nothing_to_do_gets_no_assets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline_steps.package.step.add_assets", lambda *_: pytest.fail("nothing is deployed"))
    package = Package(tmp_path, replace(SETTINGS, assets="2 /app"), built=Built(nothing="Source v5 was released"))
    assert package.run()["DEPLOY"] == "no"


FIRST, SECOND, BACK = record(1, OLD, "v1"), record(2, DIGEST, "v2"), record(3, OLD, "v1")
ON_ITS_WAY = [{"pipelineExecutionId": each, "status": "InProgress"} for each in ("exec-1", "exec-0")]
SHARED: dict[str, tuple[Sequence[str], str, Json, bool]] = {
    "the first": ((), "none", {}, True),
    "other content": ([FIRST], "none", {}, True),
    "what is live": ([record(1, DIGEST, "v1")], "none", {}, False),
    "what was rolled back": ([FIRST, SECOND, BACK], "none", {}, False),
    "what is live, by a rollback": ([record(1, DIGEST, "v1"), record(2, OLD, "v2"), record(3, DIGEST, "v1")], "none", {}, False),
    "what was before, and is uploaded again": ([record(1, DIGEST, "v1"), record(2, OLD, "v2")], "none", {}, True),
    "what was built anew": ([FIRST, record(2, DIGEST, "v1")], "none", {}, False),
    "what is live, and is built anew": ([record(1, DIGEST, "v1")], "rebuild", {}, True),
    "what is live, while another one is on its way": (
        [record(1, DIGEST, "v1")], "none",
        {
            "ListPipelineExecutions": {"pipelineExecutionSummaries": ON_ITS_WAY},
            "GetPipelineExecution": {"pipelineExecution": {"variables": [], "artifactRevisions": []}},
        }, True,
    ),
}  # fmt: skip
"""The records, the oldest first; what is asked for; what AWS answers; and whether the service is deployed."""


@pytest.mark.parametrize(("records", "image", "answers", "deploys"), SHARED.values(), ids=SHARED)
def test_of_an_upload_of_several_services_what_has_changed_is_deployed(
    tmp_path: Path, records: Sequence[str], image: str, answers: Json, deploys: bool
) -> None:
    settings, built = replace(SETTINGS, is_shared=True), replace(BUILT, commit=Commit(COMMIT, "team/web"))
    package = Package(tmp_path, settings, {"image": image}, built, records, answers=answers)
    assert package.run()["DEPLOY"] == ("yes" if deploys else "no")
    assert package.announced() == [("Release Started", COMMIT), ("Release Packaged", COMMIT)] * deploys
