"""Base images: which are asked for where, and what their absence is."""

import io
import json
import urllib.request
from typing import Any

import pytest
from delivery_aws import RefusedError, digest
from verified import ACCOUNT, A, Answers, released, subject

from delivery.verification import registries
from delivery.verification.bases import bases
from delivery.verification.registries import NotAskedError
from delivery.verification.subject import Note
from pipeline_steps.build.base_images import BASE, OTHERS

OWN = f"{ACCOUNT}.dkr.ecr.eu-west-1.amazonaws.com"
PYTHON = "docker.io/library/python:3.12-slim"
MEND = "name one that there is in the Dockerfile, and upload that"


def gone(image: str) -> tuple[str, str]:
    """What is found of a base image that is gone."""
    return f"the base image {image} is gone: what is released runs on, and its source cannot be built again", MEND


class Account:
    """The service `web`, whose live image has labels, and what registries have."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, labels: dict[str, str] | None) -> None:
        self.aws: Answers = released()
        self.there: dict[str, bool | str] = {}
        self.asked: list[str] = []
        self.described: list[dict[str, Any]] = []
        self.in_ecr: dict[tuple[str, str], str] = {}
        self.rules: list[dict[str, str]] = []
        self.projects: list[dict[str, Any]] = []
        self.manifest: dict[str, Any] | None = {"config": {"digest": digest("c")}, "layers": []}
        self.aws.answers |= {
            "BatchGetImage": self._manifest,
            "GetDownloadUrlForLayer": {"downloadUrl": "https://config"},
            "DescribeImages": self._describe,
            "BatchGetProjects": lambda _: {"projects": self.projects},
            "DescribePullThroughCacheRules": lambda _: {"pullThroughCacheRules": self.rules},
        }
        text = json.dumps({"os": "linux", "architecture": "amd64", "config": {"Labels": labels}}).encode()
        monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(text))
        monkeypatch.setattr(registries, "has", self._has)

    def found(self) -> list[Any]:
        return list(bases(subject(self.aws)))

    def _manifest(self, given: dict[str, Any]) -> dict[str, Any]:
        image = {"imageId": {"imageDigest": A}, "imageManifest": json.dumps(self.manifest)}
        return {"images": [image] if self.manifest else [], "failures": []}

    def _describe(self, given: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = given["imageIds"]
        if given["repositoryName"] == "dev-web":
            return {"imageDetails": [{"imageDigest": A}]}
        self.described.append(given)
        name = next(iter(wanted.values()))
        answer = self.in_ecr.get((given["repositoryName"], name), "ImageNotFoundException")
        if answer != "there":
            raise RefusedError(answer)
        return {"imageDetails": [{"imageDigest": A}]}

    def _has(self, image: str) -> bool:
        self.asked.append(image)
        answer = self.there[image]
        if isinstance(answer, str):
            raise NotAskedError(answer)
        return answer


def test_an_image_without_labels_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    for labels in (None, {}, {"maintainer": "x"}):
        account = Account(monkeypatch, labels)
        assert account.found() == []
        assert account.asked == []


def test_base_images_of_public_registries_are_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, {BASE: PYTHON, OTHERS: "ghcr.io/a/b:1 quay.io/c:2"})
    account.there = {PYTHON: True, "ghcr.io/a/b:1": False, "quay.io/c:2": "quay.io answers 429"}
    assert account.found() == [
        gone("ghcr.io/a/b:1"),
        ("whether the base image quay.io/c:2 is still there is not known: quay.io answers 429", ""),
    ]
    assert [isinstance(each, Note) for each in account.found()] == [False, True]


@pytest.mark.parametrize("host", ["docker.io", "public.ecr.aws", "ghcr.io", "quay.io", "registry.k8s.io", "registry.gitlab.com"])  # fmt: skip
def test_whoever_labels_an_image_may_name_what_ecr_can_cache(monkeypatch: pytest.MonkeyPatch, host: str) -> None:
    account = Account(monkeypatch, {BASE: f"{host}/a/b:1"})
    account.there = {f"{host}/a/b:1": True}
    assert account.found() == []
    assert account.asked == [f"{host}/a/b:1"]
    assert "BatchGetProjects" not in [operation for _, operation, _ in account.aws.calls]


UNKNOWN = ["evil.example.com", "169.254.169.254", "localhost:8080", "docker.io@evil.example.com", "docker.io:8443", "DOCKER.IO.", "registry-1.docker.io.evil.example.com"]  # fmt: skip


@pytest.mark.parametrize("host", UNKNOWN)
@pytest.mark.parametrize("built", [True, False], ids=["a build with another login", "nothing is built"])
def test_no_request_goes_to_a_host_that_only_the_image_names(
    monkeypatch: pytest.MonkeyPatch, host: str, built: bool
) -> None:
    account = Account(monkeypatch, {BASE: f"{host}/a/b:1"})
    account.projects = [project("registry.example.com=arn:1 cgr.dev=arn:2")] if built else []
    (found,) = account.found()
    assert isinstance(found, Note)
    assert found.what == (
        f"the base image {host}/a/b:1 is not looked at: {host} is neither a public registry that `verify` knows nor one "
        "of `build.registries.logins`"
    )
    assert account.asked == []


def test_a_registry_of_the_stack_file_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, {BASE: "registry.example.com/a/b:1", OTHERS: "cgr.dev/c:2"})
    account.projects = [project("cgr.dev=arn:2 registry.example.com=arn:1")]
    account.there = {"registry.example.com/a/b:1": True, "cgr.dev/c:2": False}
    assert account.found() == [gone("cgr.dev/c:2")]


def project(logins: str) -> dict[str, Any]:
    """The build of an image, which logs in to these."""
    return {"environment": {"environmentVariables": [{"name": "REGISTRY_LOGINS", "value": logins}]}}


@pytest.mark.parametrize(
    ("version", "wanted"),
    [
        ("", {"imageTag": "latest"}),
        (":1", {"imageTag": "1"}),
        (f"@{A}", {"imageDigest": A}),
        (f":1@{A}", {"imageDigest": A}),
    ],
)
def test_base_images_of_ecr_are_described(
    monkeypatch: pytest.MonkeyPatch, version: str, wanted: dict[str, str]
) -> None:
    account = Account(monkeypatch, {BASE: f"{OWN}/base{version}"})
    account.in_ecr["base", next(iter(wanted.values()))] = "there"
    assert account.found() == []
    assert account.described == [{"registryId": ACCOUNT, "repositoryName": "base", "imageIds": [wanted]}]


@pytest.mark.parametrize("error", ["ImageNotFoundException", "RepositoryNotFoundException"])
def test_a_base_image_of_ecr_that_is_gone_is_found(monkeypatch: pytest.MonkeyPatch, error: str) -> None:
    account = Account(monkeypatch, {BASE: f"{OWN}/base:1"})
    account.in_ecr["base", "1"] = error
    account.rules = [{"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}]
    assert account.found() == [gone(f"{OWN}/base:1")]
    assert account.asked == []


def test_another_account_s_repository_may_be_closed(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, {BASE: f"{OWN.replace(ACCOUNT, '2' * 12)}/base:1"})
    account.in_ecr["base", "1"] = "AccessDeniedException"
    ((what, _),) = account.found()
    assert what.endswith("/base:1 is still there is not known: ECR answers AccessDeniedException")


@pytest.mark.parametrize(
    ("rule", "repository", "upstream"),
    [
        ({"ecrRepositoryPrefix": "hub", "upstreamRegistryUrl": "registry-1.docker.io"}, "hub/library/python", "docker.io/library/python"),
        ({"ecrRepositoryPrefix": "ROOT", "upstreamRegistryUrl": "quay.io"}, "a/b", "quay.io/a/b"),
        ({"ecrRepositoryPrefix": "q", "upstreamRegistryUrl": "quay.io", "upstreamRepositoryPrefix": "team"}, "q/b", "quay.io/team/b"),
    ],
)  # fmt: skip
def test_what_a_cache_has_no_more_is_asked_for_where_it_comes_from(
    monkeypatch: pytest.MonkeyPatch, rule: dict[str, str], repository: str, upstream: str
) -> None:
    account = Account(monkeypatch, {BASE: f"{OWN}/{repository}:1"})
    account.rules = [{"ecrRepositoryPrefix": "other", "upstreamRegistryUrl": "ghcr.io"}, rule]
    for there in (True, False):
        account.there[f"{upstream}:1"] = there
        assert account.found() == ([] if there else [gone(f"{OWN}/{repository}:1")])


def test_a_cache_that_may_not_be_looked_at_is_a_note(monkeypatch: pytest.MonkeyPatch) -> None:
    account = Account(monkeypatch, {BASE: f"{OWN}/hub/python:1"})
    account.aws.answers["DescribePullThroughCacheRules"] = RefusedError("AccessDeniedException")
    (found,) = account.found()
    assert isinstance(found, Note)


def test_before_the_first_release_and_without_its_image_there_is_nothing_to_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    account = Account(monkeypatch, {BASE: PYTHON})
    account.manifest = None
    assert account.found() == []
    account.aws.answers["DescribeImages"] = RefusedError("ImageNotFoundException")
    assert account.found() == []


def test_the_longest_prefix_says_whose_cache_a_repository_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """ECR's rule for ROOT is for what no other is for."""
    account = Account(monkeypatch, {BASE: f"{OWN}/hub/python:1"})
    account.rules = [
        {"ecrRepositoryPrefix": prefix, "upstreamRegistryUrl": host}
        for prefix, host in (("ROOT", "quay.io"), ("hub", "registry-1.docker.io"))
    ]
    account.there["docker.io/python:1"] = True
    assert account.found() == []
    assert account.asked == ["docker.io/python:1"]
