"""Images that are copied from one repository to another, in the sandbox's ECR."""

from __future__ import annotations

import hashlib
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, cast

import pytest
from build_site import build_account
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps.job import StepError
from pipeline_steps.package.images import Images
from releases.errors import MissingImageError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
ARM, AMD = ({"os": "linux", "architecture": architecture} for architecture in ("arm64", "amd64"))
ATTESTATION = {"os": "unknown", "architecture": "unknown"}


@pytest.fixture
def ecr(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    with build_account(tmp_path, monkeypatch) as account:
        client = account.client("ecr")
        for name in ("inbox", "own"):
            client.create_repository(repositoryName=name)
        yield client


def blob(ecr: Any, content: bytes) -> str:
    """Put a layer or a configuration into the inbox; its digest."""
    digest = f"sha256:{hashlib.sha256(content).hexdigest()}"
    upload = ecr.initiate_layer_upload(repositoryName="inbox")["uploadId"]
    last = len(content) - 1
    ecr.upload_layer_part(
        repositoryName="inbox", uploadId=upload, partFirstByte=0, partLastByte=last, layerPartBlob=content
    )
    ecr.complete_layer_upload(repositoryName="inbox", uploadId=upload, layerDigests=[digest])
    return digest


def put(ecr: Any, manifest: dict[str, Any], tag: str = "") -> str:
    text = json.dumps({"schemaVersion": 2, **manifest})
    named = {"imageTag": tag} if tag else {}
    stored = ecr.put_image(
        repositoryName="inbox", imageManifest=text, imageManifestMediaType=manifest["mediaType"], **named
    )
    return str(stored["image"]["imageId"]["imageDigest"])


def image(ecr: Any, platform: dict[str, str], layers: list[bytes], tag: str = "") -> str:
    config = {"digest": blob(ecr, json.dumps({**platform, "config": {"Labels": platform}}).encode())}
    digests = {layer: blob(ecr, layer) for layer in set(layers)}
    listed = [{"digest": digests[layer]} for layer in layers]
    return put(ecr, {"mediaType": MANIFEST, "config": config, "layers": listed}, tag)


def index(ecr: Any, *platforms: dict[str, str]) -> str:
    listed = [
        {"digest": image(ecr, each, [f"{n} {each}".encode()]), "platform": each} for n, each in enumerate(platforms)
    ]
    return put(ecr, {"mediaType": INDEX, "manifests": listed}, "latest")


def stored(ecr: Any, repository: str) -> dict[str, tuple[str, ...]]:
    details = ecr.describe_images(repositoryName=repository)["imageDetails"]
    return {each["imageDigest"]: tuple(each.get("imageTags", [])) for each in details}


def test_an_image_and_its_layers(ecr: Any) -> None:
    digest = image(ecr, ARM, [b"one", b"two", b"one"], "latest")
    own, inbox = Images(ecr, "own"), Images(ecr, "inbox")
    own.copy(digest, inbox, "content-1")
    assert stored(ecr, "own") == {digest: ("content-1",)}
    assert own.manifest(digest) == inbox.manifest(digest)
    for layer in own.manifest(digest).blobs:
        with own.open(layer) as copied, inbox.open(layer) as pushed:
            assert copied.read() == pushed.read()


def test_all_that_an_index_lists(ecr: Any) -> None:
    """Attestations, too: the digest is that of the index, which names them."""
    digest = index(ecr, ARM, AMD, ATTESTATION)
    Images(ecr, "own").copy(digest, Images(ecr, "inbox"), "content-1")
    assert stored(ecr, "own") == {**dict.fromkeys(stored(ecr, "inbox"), ()), digest: ("content-1",)}


def test_a_copy_that_was_cut_off_goes_on_and_a_second_one_changes_nothing(ecr: Any) -> None:
    digest = index(ecr, ARM, AMD)
    own, inbox = Images(ecr, "own"), Images(ecr, "inbox")
    own.copy(inbox.manifest(digest).children[0], inbox)
    for _ in range(2):
        own.copy(digest, inbox, "content-1")
    assert stored(ecr, "own")[digest] == ("content-1",)
    assert len(stored(ecr, "own")) == 3


def test_an_image_that_is_not_there(ecr: Any) -> None:
    gone = "sha256:" + "0" * 64
    with pytest.raises(MissingImageError) as caught:
        Images(ecr, "own").copy(gone, Images(ecr, "inbox"), "content-1")
    assert str(caught.value) == f"inbox does not have the image {gone}"


@pytest.mark.parametrize(
    ("platforms", "words"),
    [
        ([ARM], ""),
        ([AMD], "is for linux/amd64, and the service's tasks run linux/arm64"),
        ([AMD, ARM], ""),
        ([AMD, {**ARM, "os": "windows"}], "is for linux/amd64 and windows/arm64, and the service's tasks run linux/arm64"),
        ([AMD, ATTESTATION], "is for linux/amd64, and the service's tasks run linux/arm64"),
        ([ARM, ATTESTATION], ""),
        ([{**ARM, "variant": "v8"}], ""),
        ([{}], "is no image of a container"),
        ([ATTESTATION, {**ATTESTATION, "architecture": "other"}], "is no image of a container"),
    ],
)  # fmt: skip
def test_whether_tasks_can_run_it(ecr: Any, platforms: list[dict[str, str]], words: str) -> None:
    digest = image(ecr, platforms[0], [b"layer"]) if len(platforms) == 1 else index(ecr, *platforms)
    assert Images(ecr, "inbox").misfit(digest, "linux/arm64") == words


def test_the_configuration_of_an_index_is_that_of_a_platform(ecr: Any) -> None:
    digest = index(ecr, AMD, ARM)
    assert Images(ecr, "inbox").configuration(digest, "linux/arm64")["config"] == {"Labels": ARM}
    assert Images(ecr, "inbox").configuration(digest, "linux/386") == {}


def uploads(tmp_path: Path, lost: int, has: int | None) -> FakeSession:
    """Repositories with a layer of five bytes, of which ECR wants two at a time; its answer to a part is `lost`."""
    (tmp_path / "layer").write_bytes(b"abcde")
    manifest = json.dumps({"mediaType": MANIFEST, "layers": [{"digest": "sha256:5"}]})
    received: dict[str, Any] = {} if has is None else {"lastValidByteReceived": has}
    refusal = error("InvalidLayerPartException", **received)
    return FakeSession({
        "BatchGetImage": lambda _: {"images": [{"imageManifest": manifest, "imageManifestMediaType": MANIFEST}]},
        "BatchCheckLayerAvailability": lambda given: {"layers": [
            {"layerDigest": each, "layerAvailability": "UNAVAILABLE"} for each in given["layerDigests"]
        ]},
        "GetDownloadUrlForLayer": lambda _: {"downloadUrl": (tmp_path / "layer").as_uri()},
        "InitiateLayerUpload": lambda _: {"uploadId": "0a0a0a0a-0a0a-0a0a-0a0a-0a0a0a0a0a0a", "partSize": 2},
        "UploadLayerPart": lambda given: refusal if given["partFirstByte"] == lost else {},
    })  # fmt: skip


def test_a_layer_goes_in_parts_of_ecr_s_size(tmp_path: Path) -> None:
    session = uploads(tmp_path, lost=2, has=3)
    ecr = session.client("ecr")
    Images(ecr, "own", "111111111111").copy("sha256:1", Images(ecr, "inbox"))
    parts = [
        (each["partFirstByte"], each["partLastByte"], each["layerPartBlob"])
        for each in session.called("UploadLayerPart")
    ]
    assert parts == [(0, 1, b"ab"), (2, 3, b"cd"), (4, 4, b"e")]
    assert {each.get("registryId") for each in session.called("UploadLayerPart")} == {"111111111111"}
    assert session.called("CompleteLayerUpload")[0]["layerDigests"] == ["sha256:5"]


@pytest.mark.parametrize("has", [None, 1])
def test_a_part_that_ecr_does_not_have_is_an_error(tmp_path: Path, has: int | None) -> None:
    ecr = cast(Any, uploads(tmp_path, lost=2, has=has).client("ecr"))
    with pytest.raises(ecr.exceptions.InvalidLayerPartException):
        Images(ecr, "own").copy("sha256:1", Images(ecr, "inbox"))


def test_a_download_that_is_cut_off_is_begun_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    session, opened = uploads(tmp_path, lost=9, has=None), list[str]()

    class Short(io.BytesIO):
        headers: ClassVar = {"Content-Length": "5"}

    def urlopen(url: str, timeout: int) -> io.BytesIO:
        opened.append(url)
        return Short(b"abcde" if len(opened) > cut else b"abc")

    monkeypatch.setattr("urllib.request.urlopen", urlopen)
    ecr, cut = session.client("ecr"), 2
    Images(ecr, "own").copy("sha256:1", Images(ecr, "inbox"))
    assert (len(opened), len(session.called("CompleteLayerUpload"))) == (3, 1)
    cut, opened[:] = 9, []
    with pytest.raises(StepError) as caught:
        Images(ecr, "own").copy("sha256:1", Images(ecr, "inbox"))
    assert (str(caught.value), len(opened)) == (
        "The download of layer sha256:5 was cut off 3 times: release it again.",
        3,
    )
