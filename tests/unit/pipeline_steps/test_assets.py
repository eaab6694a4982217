"""The assets of earlier releases in a new image, in the sandbox's ECR, whose own code lays the layers over each other."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from build_site import build_account

from pipeline_steps.job import StepError
from pipeline_steps.package.assets import ANNOTATION, Assets, add_assets
from pipeline_steps.package.image_files import Layers
from pipeline_steps.package.images import Images, Manifest
from sandbox.containers.layers import apply_layer

Json = dict[str, Any]
OCI, DOCKER = "application/vnd.oci.image", "application/vnd.docker"
PLATFORM = "linux/amd64"
ASSETS = Assets(3, "/app/assets")
BASE = {"etc/os": "linux", "app/": ""}
Layer = Mapping[str, str]
"""Path → content; `x/` is a folder, `-> y` a link to y, `=> y` a hard link."""


def packed(layer: Layer) -> bytes:
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as archive:
        for path, text in layer.items():
            entry = tarfile.TarInfo(path.rstrip("/"))
            entry.mode, entry.uid, entry.gid, entry.mtime = 0o640, 1000, 1001, 86_400
            kind, _, target = text.partition("> ")
            if path.endswith("/"):
                entry.type, entry.mode = tarfile.DIRTYPE, 0o755
            elif target and kind in "-=":
                entry.type, entry.linkname = (tarfile.SYMTYPE if kind == "-" else tarfile.LNKTYPE), target
            entry.size = len(text) if entry.isreg() else 0
            archive.addfile(entry, io.BytesIO(text.encode()))
    return gzip.compress(content.getvalue(), mtime=0)


@dataclass(frozen=True)
class Repository:
    """A repository in the sandbox's ECR, and what images in it come to when all layers are unpacked."""

    images: Images
    folder: Path

    def image(self, *layers: Layer, docker: bool = False, architecture: str = "amd64", **more: Any) -> str:
        blobs = [packed(layer) for layer in (BASE, *layers)]
        kind = f"{DOCKER}.image.rootfs.diff.tar.gzip" if docker else f"{OCI}.layer.v1.tar+gzip"
        diffs = [digest(gzip.decompress(blob)) for blob in blobs]
        config = {
            "os": "linux", "architecture": architecture, "config": {"Labels": {"a": "b"}},
            "rootfs": {"type": "layers", "diff_ids": diffs}, "history": [{"created_by": "COPY"} for _ in diffs],
        }  # fmt: skip
        media = f"{DOCKER}.distribution.manifest.v2+json" if docker else f"{OCI}.manifest.v1+json"
        described = [self._put(blob, kind) for blob in blobs]
        known = self._put(json.dumps(config).encode(), f"{OCI}.config.v1+json")
        return self.manifest({"mediaType": media, "config": known, "layers": described, **more})

    def index(self, **images: str) -> str:
        listed = [{"digest": each, "platform": {"os": "linux", "architecture": name}} for name, each in images.items()]
        return self.manifest({"mediaType": f"{OCI}.index.v1+json", "manifests": listed})

    def manifest(self, content: Json) -> str:
        text = json.dumps({"schemaVersion": 2, **content})
        self.images.put(Manifest(digest(text.encode()), text, content["mediaType"]), "")
        return digest(text.encode())

    def _put(self, content: bytes, kind: str) -> Json:
        self.images.upload(digest(content), io.BytesIO(content))
        return {"mediaType": kind, "digest": digest(content), "size": len(content)}

    def files(self, image: str, folder: str = "app/assets") -> dict[str, str]:
        """What tasks of an image see in a folder."""
        root = self.folder / image.removeprefix("sha256:")
        if not root.exists():
            root.mkdir()
            for layer in self.images.manifest(image).content["layers"]:
                file = self.folder / "layer"
                with self.images.open(layer["digest"]) as stream:
                    file.write_bytes(stream.read())
                apply_layer(file, root)
        top = root / folder
        return {str(each.relative_to(top)): each.read_text() for each in sorted(top.rglob("*")) if each.is_file()}

    def add(self, image: str, *released: str, assets: Assets = ASSETS) -> str:
        return add_assets(self.images, image, PLATFORM, assets, released)


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


@pytest.fixture
def web(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Repository]:
    with build_account(tmp_path / "account", monkeypatch) as account:
        client = account.client("ecr")
        client.create_repository(repositoryName="web")
        (tmp_path / "roots").mkdir()
        yield Repository(Images(client, "web"), tmp_path / "roots")


def release(number: int, **more: str) -> Layer:
    """A release whose stylesheet is its own, and whose logo never changes."""
    assets = {f"app-{number}.css": str(number), "logo-0.svg": "logo", "manifest.json": str(number), **more}
    return {f"app/assets/{name}": text for name, text in assets.items()}


def test_a_new_image_has_what_the_last_releases_had(web: Repository) -> None:
    one, two = web.image(release(1)), web.image(release(2))
    new = web.add(two, one)
    assert web.files(new) == {**web.files(two), "app-1.css": "1"}
    assert web.files(new)["manifest.json"] == "2"
    assert web.files(new, "etc") == {"os": "linux"}


def test_what_was_added_is_no_release_s_own_so_an_image_does_not_grow_for_ever(web: Repository) -> None:
    released: list[str] = []
    for number in range(1, 8):
        released.insert(0, web.add(web.image(release(number)), *released))
    last = {f"app-{number}.css" for number in (4, 5, 6, 7)}
    assert {name for name in web.files(released[0]) if name.startswith("app-")} == last
    layers = [len(web.images.manifest(each).content["layers"]) for each in reversed(released)]
    assert layers == [2, *[3] * 6]
    (*_, added) = web.images.manifest(released[0]).content["layers"]
    with web.images.open(added["digest"]) as stream, tarfile.open(fileobj=stream, mode="r|gz") as archive:
        assert archive.getnames() == [f"app/assets/app-{number}.css" for number in (4, 5, 6)]


def test_an_asset_that_went_and_came_stays_as_long_as_the_last_release_that_had_it(web: Repository) -> None:
    """In the first it was new, in the third old: what each has of its own counts, not what was new in it."""
    released: list[str] = []
    for number, more in enumerate([{"old.js": "x"}, {"old.js": "x"}, {"old.js": "x"}, {}, {}, {}, {}]):
        released.insert(0, web.add(web.image(release(number, **more)), *released))
    assert ["old.js" in web.files(each) for each in reversed(released)] == [True] * 6 + [False]


@pytest.mark.parametrize(
    ("released", "kept"),
    [
        ([], []),
        ([3, 2, 1, 0], [1, 2, 3]),
        ([3, 3, 1, 3, 2, 0], [1, 2, 3]),
        ([9, 3, 9, 2, 1, 0], [1, 2, 3]),
    ],
    ids=["none", "the last three", "one several times", "the new image itself"],
)
def test_which_releases_count(web: Repository, released: Sequence[int], kept: Sequence[int]) -> None:
    images = {number: web.image(release(number)) for number in {9, *released}}
    new = web.add(images[9], *(images[number] for number in released))
    assert [name for name in web.files(new) if name.startswith("app-")] == [
        f"app-{number}.css" for number in (*kept, 9)
    ]


def test_the_same_again_is_the_same_image(web: Repository) -> None:
    """A step that is called again, and an upload that is released again: its own image is no release before."""
    one, two = web.image(release(1)), web.image(release(2))
    new = web.add(two, one)
    assert web.add(two, one) == new
    assert web.add(two, new, one) == new
    assert web.add(new, one) == new
    (tags,) = [
        each["imageTags"]
        for each in web.images.ecr.describe_images(repositoryName="web")["imageDetails"]
        if each["imageDigest"] == new
    ]
    assert tags == [f"content-{new[7:47]}"]


def test_an_image_without_anything_to_keep_is_left_as_it_is(web: Repository) -> None:
    one = web.image(release(1))
    assert web.add(one) == one
    assert web.add(web.image({"app/more": "x"}, release(1)), one) != one
    assert web.add(web.image({"app/more": "y"}, release(1, other="z")), web.image(release(1))) == web.image(
        {"app/more": "y"}, release(1, other="z")
    )


def test_what_another_stack_has_added_is_taken_away(web: Repository) -> None:
    """A promoted image comes with the assets of the other stack's releases."""
    promoted = web.add(web.image(release(5)), web.image(release(4)))
    new = web.add(promoted, web.image(release(1)))
    assert {name for name in web.files(new) if name.startswith("app-")} == {"app-1.css", "app-5.css"}
    manifest = web.images.manifest(new).content
    with web.images.open(manifest["config"]["digest"]) as stream:
        configuration = json.load(stream)
    assert len(configuration["rootfs"]["diff_ids"]) == len(manifest["layers"]) == 3
    assert [each["created_by"] for each in configuration["history"]] == ["COPY", "COPY", "assets of earlier releases"]


def test_manifest_and_configuration_know_the_layer(web: Repository) -> None:
    one, two = web.image(release(1)), web.image(release(2), annotations={"x": "y"})
    new = web.images.manifest(web.add(two, one))
    before = web.images.manifest(two).content
    (*own, added) = new.content["layers"]
    assert own == before["layers"]
    with web.images.open(added["digest"]) as stream:
        blob = stream.read()
    assert added == {
        "mediaType": f"{OCI}.layer.v1.tar+gzip", "digest": digest(blob), "size": len(blob), "annotations": {ANNOTATION: "/app/assets"},
    }  # fmt: skip
    with web.images.open(new.content["config"]["digest"]) as stream:
        config = stream.read()
    assert new.content["config"] == {
        "mediaType": f"{OCI}.config.v1+json",
        "digest": digest(config),
        "size": len(config),
    }
    assert json.loads(config)["rootfs"]["diff_ids"][-1] == digest(gzip.decompress(blob))
    assert json.loads(config)["config"] == {"Labels": {"a": "b"}}
    assert (new.content["annotations"], new.content["mediaType"], new.media_type) == (
        {"x": "y"},
        *[f"{OCI}.manifest.v1+json"] * 2,
    )
    with tarfile.open(fileobj=io.BytesIO(blob)) as archive:
        (entry,) = archive.getmembers()
    assert (entry.name, entry.mode, entry.uid, entry.gid, entry.mtime) == (
        "app/assets/app-1.css",
        0o640,
        1000,
        1001,
        86_400,
    )


def test_an_image_of_docker_s_form_becomes_one_of_oci_s(web: Repository) -> None:
    one, two = (web.image(release(number), docker=True) for number in (1, 2))
    new = web.images.manifest(web.add(two, one)).content
    assert {each["mediaType"] for each in new["layers"]} == {f"{OCI}.layer.v1.tar+gzip"}
    assert [each["digest"] for each in new["layers"][:2]] == web.images.manifest(two).blobs[1:]
    assert web.add(web.image(release(2), docker=True), digest_of_new := web.add(two, one), one) == digest_of_new


def test_of_an_index_the_image_of_the_tasks_platform_is_taken(web: Repository) -> None:
    """Its attestations and signatures are those of the index, which stays in the repository."""
    one, two = web.index(amd64=web.image(release(1))), web.image(release(2))
    both = web.index(arm64=web.image(release(2), architecture="arm64"), amd64=two)
    new = web.add(both, one)
    assert web.files(new) == {**web.files(two), "app-1.css": "1"}
    assert web.add(both) == both


def test_images_that_are_gone_are_left_out(web: Repository) -> None:
    gone, one, two = "sha256:" + "0" * 64, web.image(release(1)), web.image(release(2))
    assert "app-1.css" in web.files(web.add(two, gone, one))


@pytest.mark.parametrize(
    ("old", "new", "kept"),
    [
        ({"a.css": "1"}, {"b.css": "2"}, ["a.css"]),
        ({"deep/er/a.css": "1"}, {"b.css": "2"}, ["deep/er/a.css"]),
        ({"a": "1"}, {"a": "2"}, []),
        ({"a": "1"}, {"a/b.css": "2"}, []),
        ({"a/b.css": "1"}, {"a": "2"}, []),
        ({"a/b.css": "1"}, {"a": "-> /etc"}, []),
        ({"a.css": "1"}, {"a.css": "-> /etc/os"}, []),
        ({"link.css": "-> /etc/os"}, {"b.css": "2"}, []),
        ({"a.css": "1", "hard.css": "=> app/assets/a.css"}, {"b.css": "2"}, ["a.css"]),
        ({".sprockets-manifest-1.json": "1", ".vite/manifest.json": "1"}, {"b.css": "2"}, []),
        ({"naïve-1.css": "1"}, {"b.css": "2"}, ["naïve-1.css"]),
    ],
)  # fmt: skip
def test_what_is_kept_and_changes_nothing_of_the_new_image(
    web: Repository, old: Layer, new: Layer, kept: Sequence[str]
) -> None:
    before, image = (web.image({f"app/assets/{name}": text for name, text in each.items()}) for each in (old, new))
    after = web.add(image, before)
    own = web.files(image)
    assert {name: text for name, text in web.files(after).items() if name in own} == own
    assert sorted(web.files(after).keys() - own.keys()) == kept


def test_of_two_releases_the_newer_one_s_file_is_kept(web: Repository) -> None:
    one, two, three = (web.image(release(number, same=str(number))) for number in (1, 2, 3))
    bare = web.image({"app/assets/b.css": "4"})
    assert web.files(web.add(bare, three, two, one))["same"] == "3"


@pytest.mark.parametrize(
    "layers",
    [
        [{"app/assets/": "", "app/assets/a": "1"}, {"app/assets/b": "2"}],
        [{"app/assets/a": "1", "app/assets/b": "1"}, {"app/assets/.wh.a": ""}],
        [{"app/assets/a": "1"}, {"app/.wh.assets": ""}, {"app/assets/b": "3"}],
        [{"app/assets/a": "1"}, {".wh.app": "", "app/assets/b": "2"}],
        [{"app/assets/d/a": "1", "app/assets/b": "1"}, {"app/assets/d/.wh..wh..opq": "", "app/assets/d/c": "2"}],
        [{"app/assets/d/a": "1", "app/assets/b": "1"}, {"app/.wh..wh..opq": "", "app/assets/c": "2"}],
        [{"app/assets/d/a": "1", "app/assets/b": "1"}, {"app/assets/d": "2"}],
        [{"app/assets/d": "1", "app/assets/b": "1"}, {"app/assets/d/": "", "app/assets/d/a": "2"}],
        [{"app/assets/a": "1"}, {"app/assets": "-> /etc"}, {"app/assets/": "", "app/assets/b": "3"}],
        [{"./app/assets/a": "1", "/app/assets/b": "1"}, {"./app/assets/.wh.b": ""}],
        [{"app/assets/a": "1"}, {"app/assets2/b": "2", "app/asset": "2"}],
        [{"app/assets/a": "1"}, {"app/assets/a": "2"}],
    ],
)  # fmt: skip
def test_layers_are_read_as_they_are_unpacked(web: Repository, tmp_path: Path, layers: Sequence[Layer]) -> None:
    image = web.image(*layers)
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    found = Layers(web.images, "/app/assets", scratch).files(web.images.manifest(image).content["layers"])
    contents = {
        path.removeprefix("app/assets/"): file.content.read_text() for path, file in found.items() if file.content
    }
    assert contents == web.files(image)


def test_a_layer_that_images_have_in_common_is_read_once(web: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    images, opened = [web.image(release(number)) for number in (1, 2, 3)], list[str]()
    monkeypatch.setattr(Images, "open", lambda self, blob, real=Images.open: opened.append(blob) or real(self, blob))  # type: ignore[func-returns-value]
    web.add(images[2], *images[:2])
    assert len(opened) == len(set(opened)) == 1 + 3 + 1


@pytest.mark.parametrize(
    ("kind", "folder", "words"),
    [
        ("gzip", "/app/public", "The image has no file in /app/public, which assets.path names."),
        ("zstd", "/app/assets", "is compressed with zstd, which cannot be read for its assets: use gzip."),
    ],
)
def test_an_image_that_cannot_be_read(web: Repository, kind: str, folder: str, words: str) -> None:
    content = web.images.manifest(web.image(release(1))).content
    layers = [{**each, "mediaType": f"{OCI}.layer.v1.tar+{kind}"} for each in content["layers"]]
    with pytest.raises(StepError) as caught:
        web.add(web.manifest({**content, "layers": layers}), assets=Assets(3, folder))
    assert str(caught.value).endswith(words)


@pytest.mark.parametrize("cut", [0, 1, -1])
def test_a_layer_that_is_cut_off_is_read_again(web: Repository, monkeypatch: pytest.MonkeyPatch, cut: int) -> None:
    image, opened = web.image(release(1)), list[str]()
    content = web.images.manifest(image).content
    layer = content["layers"][1]

    def short(self: Images, blob: str, real: Any = Images.open) -> Any:
        opened.append(blob)
        if blob != layer["digest"] or len(opened) > tries:
            return real(self, blob)
        with real(self, blob) as stream:
            return io.BytesIO(stream.read()[:cut])

    monkeypatch.setattr(Images, "open", short)
    tries = 3
    assert web.add(image) == image
    opened, tries = [], 99
    with pytest.raises(StepError, match=f"Layer {layer['digest']} could not be read 3 times: release it again."):
        web.add(image)


def test_the_setting_is_read_as_it_is_written() -> None:
    assert Assets.parse(ASSETS.value()) == ASSETS
    assert Assets.parse("") is None
