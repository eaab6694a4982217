"""ECR: digests, tags that move or do not, layers, and pushes and pulls with a client's permissions."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.backends import get_backend

from sandbox.account.account import Account
from sandbox.containers.image import Image, make_image
from sandbox.containers.registry import Reference, RegistryError, pull, push
from sandbox.ecr import control
from sandbox.ecr.api import HANDLERS
from sandbox.ecr.tokens import token_account
from sandbox.ecs.provision import pull_failure
from sandbox.server.control import Rejected
from sandbox.server.listener import Listener

ACCOUNT, REGION = "123456789012", "eu-west-1"
REGISTRY = f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com"
TRUST = {"Effect": "Allow", "Principal": {"Service": "codebuild.amazonaws.com"}, "Action": "sts:AssumeRole"}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", ACCOUNT)
    for service in ("ecr", "iam", "sts"):
        get_backend(service).reset()
    listener = Listener(tmp_path / "account", ACCOUNT, REGION, HANDLERS)
    yield listener.account
    listener.stop()


def policy(*statements: dict[str, Any]) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": statements})


def role(account: Account, *statements: dict[str, Any]) -> Any:
    """ECR's client of a role with a policy of these statements."""
    iam = account.client("iam")
    iam.create_role(RoleName="role", AssumeRolePolicyDocument=policy(TRUST))
    iam.put_role_policy(RoleName="role", PolicyName="p", PolicyDocument=policy(*statements))
    return account.client("ecr", account.assume(f"arn:aws:iam::{ACCOUNT}:role/role", "codebuild.amazonaws.com", "s"))


@pytest.fixture
def ecr(account: Account) -> Any:
    return account.client("ecr")


def repository(ecr: Any, mutability: str = "MUTABLE", *filters: str) -> None:
    extra: dict[str, Any] = {}
    if filters:
        extra["imageTagMutabilityExclusionFilters"] = [{"filterType": "WILDCARD", "filter": text} for text in filters]
    ecr.create_repository(repositoryName="app", imageTagMutability=mutability, **extra)


def put(ecr: Any, content: str, tag: str | None = None) -> str:
    manifest = json.dumps({"schemaVersion": 2, "mediaType": "application/x", "layers": [], "note": content})
    extra = {"imageTag": tag} if tag else {}
    answer = ecr.put_image(repositoryName="app", imageManifest=manifest, **extra)
    digest: str = answer["image"]["imageId"]["imageDigest"]
    assert digest == "sha256:" + hashlib.sha256(manifest.encode()).hexdigest()
    return digest


def tags(ecr: Any) -> dict[str, list[str]]:
    details = ecr.describe_images(repositoryName="app")["imageDetails"]
    return {detail["imageDigest"]: sorted(detail.get("imageTags", [])) for detail in details}


def code(caught: pytest.ExceptionInfo[ClientError]) -> str:
    return str(caught.value.response["Error"]["Code"])


def small_image(folder: Path, text: str = "x") -> Image:
    root = folder / "root"
    root.mkdir(parents=True)
    (root / "file").write_text(text)
    return make_image(root, {"Cmd": ["true"]}, "", "amd64", folder / "blobs")


def test_a_mutable_tag_moves_and_the_other_image_stays(ecr: Any) -> None:
    repository(ecr)
    first, second = put(ecr, "1", "live"), put(ecr, "2", "new")
    assert put(ecr, "2", "live") == second
    assert tags(ecr) == {first: [], second: ["live", "new"]}
    third = put(ecr, "3", "live")
    assert tags(ecr) == {first: [], second: ["new"], third: ["live"]}
    found = ecr.batch_get_image(repositoryName="app", imageIds=[{"imageTag": "live"}, {"imageTag": "none"}])
    assert [image["imageId"] for image in found["images"]] == [{"imageDigest": third, "imageTag": "live"}]
    assert [failure["failureCode"] for failure in found["failures"]] == ["ImageNotFound"]


def test_the_same_image_under_the_same_tag_is_refused(ecr: Any) -> None:
    repository(ecr)
    put(ecr, "1", "a")
    with pytest.raises(ClientError) as caught:
        put(ecr, "1", "a")
    assert code(caught) == "ImageAlreadyExistsException"


def scan(account: Account, tag: str = "v1", **counts: int) -> dict[str, Any]:
    return control.scan(account, {"repository": "app", "tag": tag, "counts": counts})


def test_a_scan_of_a_pushed_image_ends_with_what_it_is_told_to_find(account: Account, ecr: Any) -> None:
    repository(ecr)
    ecr.put_image_scanning_configuration(repositoryName="app", imageScanningConfiguration={"scanOnPush": True})
    digest = put(ecr, "1", "v1")
    event = scan(account, CRITICAL=10, HIGH=0, MEDIUM=9)
    assert (event["source"], event["detail-type"]) == ("aws.ecr", "ECR Image Scan")
    assert event["resources"] == [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/app"]
    assert event["detail"] == {
        "scan-status": "COMPLETE", "repository-name": "app", "image-digest": digest, "image-tags": ["v1"],
        "finding-severity-counts": {"CRITICAL": 10, "MEDIUM": 9},
    }  # fmt: skip
    assert account.bus.history[-1] == event


def test_what_is_not_scanned(account: Account, ecr: Any) -> None:
    with pytest.raises(Rejected, match="does not exist"):
        scan(account)
    repository(ecr)
    put(ecr, "1", "v1")
    with pytest.raises(Rejected, match="app scans nothing that is pushed"):
        scan(account)
    with pytest.raises(Rejected, match="does not exist"):
        scan(account, "v2")
    with pytest.raises(Rejected, match="BAD is no severity; there are CRITICAL, HIGH"):
        scan(account, BAD=1)


@pytest.mark.parametrize(
    ("mutability", "filters", "tag", "moves"),
    [
        ("IMMUTABLE", (), "v1", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("live", "cache*"), "live", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("live", "cache*"), "cache-main", True),
        ("IMMUTABLE_WITH_EXCLUSION", ("live", "cache*"), "live2", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("live", "cache*"), "cach", False),
        ("IMMUTABLE_WITH_EXCLUSION", ("l.ve",), "live", False),
        ("MUTABLE_WITH_EXCLUSION", ("release-*",), "release-1", False),
        ("MUTABLE_WITH_EXCLUSION", ("release-*",), "live", True),
    ],
)
def test_immutable_tags(ecr: Any, mutability: str, filters: tuple[str, ...], tag: str, moves: bool) -> None:
    repository(ecr, mutability, *filters)
    first, second = put(ecr, "1", tag), put(ecr, "2", "other")
    if moves:
        put(ecr, "2", tag)
        assert tags(ecr) == {first: [], second: sorted(["other", tag])}
        return
    for content in ("2", "3"):
        with pytest.raises(ClientError, match="cannot be overwritten because the tag is immutable") as caught:
            put(ecr, content, tag)
        assert code(caught) == "ImageTagAlreadyExistsException"
    assert tags(ecr)[first] == [tag]
    put(ecr, "1", "another-tag-of-the-same-image")


def test_what_put_image_refuses(ecr: Any) -> None:
    with pytest.raises(ClientError) as caught:
        put(ecr, "1")
    assert code(caught) == "RepositoryNotFoundException"
    repository(ecr)
    for manifest, expected in [
        ("{", "InvalidParameterException"),
        ("{}", "InvalidParameterException"),
        (json.dumps({"mediaType": "x", "layers": [{"digest": "sha256:no"}]}), "LayersNotFoundException"),
    ]:
        with pytest.raises(ClientError) as caught:
            ecr.put_image(repositoryName="app", imageManifest=manifest)
        assert code(caught) == expected
    with pytest.raises(ClientError) as caught:
        ecr.put_image(repositoryName="app", imageManifest='{"mediaType": "x"}', imageDigest=f"sha256:{'0' * 64}")
    assert code(caught) == "ImageDigestDoesNotMatchException"


def test_a_push_is_announced_once(account: Account, ecr: Any) -> None:
    repository(ecr)
    digest = put(ecr, "1", "v1")
    (event,) = account.bus.history
    assert (event["source"], event["detail-type"]) == ("aws.ecr", "ECR Image Action")
    assert event["detail"] == {
        **{"action-type": "PUSH", "result": "SUCCESS", "repository-name": "app"},
        **{"image-digest": digest, "image-tag": "v1", "manifest-media-type": "application/x"},
    }


def test_layers(ecr: Any) -> None:
    repository(ecr)
    content, digest = b"layer", "sha256:" + hashlib.sha256(b"layer").hexdigest()

    def upload(announced: str) -> None:
        name = ecr.initiate_layer_upload(repositoryName="app")["uploadId"]
        ecr.upload_layer_part(
            repositoryName="app", uploadId=name, partFirstByte=0, partLastByte=4, layerPartBlob=content
        )
        ecr.complete_layer_upload(repositoryName="app", uploadId=name, layerDigests=[announced])

    with pytest.raises(ClientError) as caught:
        upload(f"sha256:{'0' * 64}")
    assert code(caught) == "InvalidLayerException"
    with pytest.raises(ClientError) as caught:
        ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest)
    assert code(caught) == "LayersNotFoundException"
    upload(digest)
    url = ecr.get_download_url_for_layer(repositoryName="app", layerDigest=digest)["downloadUrl"]
    assert Path(url.removeprefix("file://")).read_bytes() == content
    with pytest.raises(ClientError) as caught:
        upload(digest)
    assert code(caught) == "LayerAlreadyExistsException"


def test_tokens(ecr: Any) -> None:
    (data,) = ecr.get_authorization_token()["authorizationData"]
    user, _, password = base64.b64decode(data["authorizationToken"]).decode().partition(":")
    assert (user, token_account(password)) == ("AWS", ACCOUNT)
    assert token_account("x") == ""


def test_push_and_pull(account: Account, ecr: Any, tmp_path: Path) -> None:
    repository(ecr)
    image = small_image(tmp_path / "client")
    lines: list[str] = []
    push(ecr, Reference.parse(f"{REGISTRY}/app:v1"), image, lines.append)
    push(ecr, Reference.parse(f"{REGISTRY}/app:v1"), image, lines.append)
    assert [line.split(": ")[1] for line in lines] == ["Pushed", "Pushed", *["Layer already exists"] * 2]
    for name in (f"{REGISTRY}/app:v1", f"{REGISTRY}/app@{image.digest}"):
        found = pull(ecr, name, tmp_path / "other")
        assert found.digest == image.digest
        found.extract(tmp_path / "out")
        assert (tmp_path / "out/file").read_text() == "x"


def test_of_an_index_the_image_of_the_platform_is_pulled(account: Account, ecr: Any, tmp_path: Path) -> None:
    repository(ecr)
    image = small_image(tmp_path / "client")
    push(ecr, Reference.parse(f"{REGISTRY}/app:v1"), image, lambda _: None)
    listed = [(f"sha256:{'0' * 64}", "windows", "amd64"), (image.digest, "linux", "amd64")]
    manifests = [{"digest": each, "platform": {"os": system, "architecture": of}} for each, system, of in listed]
    manifest = json.dumps({"mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests})
    put = ecr.put_image(repositoryName="app", imageManifest=manifest, imageTag="both")
    index, uri = put["image"]["imageId"]["imageDigest"], f"{REGISTRY}/app:both"
    for name in (uri, f"{REGISTRY}/app@{index}"):
        pulled = pull(ecr, name, tmp_path / "other", "linux/amd64")
        assert (pulled.digest, pulled.index) == (image.digest, index)
    with pytest.raises(RegistryError) as missing:
        pull(ecr, uri, tmp_path / "other", "linux/arm64")
    assert pull_failure(uri, missing.value) == (
        "CannotPullContainerError: pull image manifest has been retried 1 time(s): image Manifest does not contain"
        " descriptor matching platform 'linux/arm64'"
    )


def test_errors_of_push_and_pull_are_in_docker_words(account: Account, ecr: Any, tmp_path: Path) -> None:
    image, other = small_image(tmp_path / "a"), small_image(tmp_path / "b", "y")
    v1 = Reference.parse(f"{REGISTRY}/app:v1")
    with pytest.raises(RegistryError, match="name unknown: The repository with name 'app' does not exist"):
        push(ecr, v1, image, lambda _: None)
    repository(ecr, "IMMUTABLE")
    push(ecr, v1, image, lambda _: None)
    with pytest.raises(RegistryError, match="tag invalid: The image tag 'v1' already exists"):
        push(ecr, v1, other, lambda _: None)
    with pytest.raises(RegistryError, match="not found"):
        pull(ecr, f"{REGISTRY}/app:v2", tmp_path / "c")
    with pytest.raises(RegistryError, match="only images of ECR"):
        pull(ecr, "docker.io/library/nginx", tmp_path / "c")


@pytest.mark.parametrize(
    ("denied", "pulls"),
    [
        *((name, False) for name in ("BatchGetImage", "BatchCheckLayerAvailability", "InitiateLayerUpload")),
        *((name, False) for name in ("UploadLayerPart", "CompleteLayerUpload", "PutImage")),
        *((name, True) for name in ("GetAuthorizationToken", "BatchGetImage", "GetDownloadUrlForLayer")),
    ],
)
def test_each_call_of_a_push_and_a_pull_needs_its_permission(
    account: Account, ecr: Any, tmp_path: Path, denied: str, pulls: bool
) -> None:
    repository(ecr)
    image = small_image(tmp_path / "client")
    reference = Reference.parse(f"{REGISTRY}/app:v1")
    if pulls:
        push(ecr, reference, image, lambda _: None)
    granted = role(
        account,
        {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
        {"Effect": "Deny", "Action": f"ecr:{denied}", "Resource": "*"},
    )
    words = f"denied: User: .* is not authorized to perform: ecr:{denied}"
    if pulls:
        with pytest.raises(RegistryError, match=words):
            pull(granted, str(reference), account.folder / "blobs")
    else:
        with pytest.raises(RegistryError, match=words):
            push(granted, reference, image, lambda _: None)


def test_the_calls_that_aws_documents_are_enough(account: Account, ecr: Any, tmp_path: Path) -> None:
    repository(ecr)
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/app"
    actions = ["BatchCheckLayerAvailability", "InitiateLayerUpload", "UploadLayerPart", "CompleteLayerUpload"]
    actions += ["PutImage", "BatchGetImage", "GetDownloadUrlForLayer"]
    granted = role(
        account,
        {"Effect": "Allow", "Action": [f"ecr:{action}" for action in actions], "Resource": arn},
        {"Effect": "Allow", "Action": "ecr:GetAuthorizationToken", "Resource": "*"},
    )
    reference = Reference.parse(f"{REGISTRY}/app:v1")
    push(granted, reference, small_image(tmp_path / "client"), lambda _: None)
    pull(granted, str(reference), tmp_path / "other")


def test_there_is_no_pull_through_cache(account: Account, ecr: Any) -> None:
    assert ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
    with pytest.raises(ClientError, match="PullThroughCacheRuleNotFoundException"):
        ecr.describe_pull_through_cache_rules(ecrRepositoryPrefixes=["hub"])
    allowed = {"Effect": "Allow", "Action": "ecr:DescribePullThroughCacheRules", "Resource": "*"}
    assert role(account, allowed).describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
