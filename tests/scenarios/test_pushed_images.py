"""Images that an app team pushes: each push of the tag releases exactly that image, and nothing is built.

Then images of uploads to come, which the CI of pull requests builds.
"""

import base64
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sandbox.containers.docker import Docker
from sandbox.containers.store import ImageStore
from tests.scenarios.conftest import INDEX, REPOSITORY, Apps, Done, Stack, new_stack
from tests.support.deliveries import KEPT, executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly
UPLOADER = "local-hello-uploader"


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with two services whose images are pushed; the first of them is deployed by ECS and migrates."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(("hello", "shop", "chuoi"))
        file = "Pulumi.local.yaml"
        stack.edit(file, "        APP_ENV: {value: sandbox-app, for: [build]}\n", "")
        stack.edit(
            file,
            "      migrate: {command: [bin/migrate]}\n",
            "      migrate: {command: [bin/migrate]}\n      source: {type: ecr}\n",
        )
        stack.edit(
            file,
            "      deploy: {strategy: codedeploy, wait: 1}\n",
            "      deploy: {strategy: codedeploy, wait: 1}\n      source: {type: ecr, tag: stable}\n",
        )
        chuoi = "      tasks: {min: 1, max: 2, target_cpu: 60}\n"
        stack.edit(file, chuoi, f"{chuoi}      source: {{images: true}}\n")
        stack.up()
        yield stack


def push(stack: Stack, service: str, app: Path) -> Done:
    return stack.run("push", service, "--image", str(app), "--yes", "--json")


def pushed(stack: Stack, service: str, app: Path) -> Any:
    done = push(stack, service, app)
    assert done.code == 0, done.out + done.err
    return done.json


def inbox(stack: Stack, app: Path, tag: str, service: str = "hello", *arguments: str) -> str:
    """Push an image under a tag that starts nothing, as the uploader; its digest."""
    ecr = stack.account.client_of("ecr", stack.account.credentials(f"local-{service}-uploader"))
    token = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    host = stack.outputs()["hello"]["upload_to"].partition("/")[0]
    name = f"{host}/local-{service}/inbox:{tag}"
    docker = Docker(ImageStore(app.with_name(f"docker-{tag}")), {}, print, print, lambda _: ecr)
    docker.run(["login", "--username", "AWS", "--password-stdin", host], lambda: base64.b64decode(token).decode()[4:])
    docker.run(["build", *arguments, "--tag", name, str(app)], str)
    docker.run(["push", name], str)
    found = ecr.batch_get_image(repositoryName=f"local-{service}/inbox", imageIds=[{"imageTag": tag}])["images"]
    return str(found[0]["imageId"]["imageDigest"])


def move_tag(stack: Stack, *digests: str, pause: float = 0) -> None:
    """Give the tag that starts releases to each of these images in turn; without a pause as fast as it goes."""
    ecr, place = stack.client("ecr"), {"repositoryName": "local-hello/inbox"}
    images = {each: ecr.batch_get_image(**place, imageIds=[{"imageDigest": each}])["images"][0] for each in digests}
    for digest in digests:
        kind = images[digest]["imageManifestMediaType"]
        manifest = images[digest]["imageManifest"]
        ecr.put_image(**place, imageManifest=manifest, imageManifestMediaType=kind, imageTag="latest")
        time.sleep(pause)


def digest_of(stack: Stack, execution: dict[str, Any]) -> str:
    """The image that an execution was started with."""
    codepipeline, identifier = stack.client("codepipeline"), execution["pipelineExecutionId"]
    found = codepipeline.get_pipeline_execution(pipelineName="local-hello", pipelineExecutionId=identifier)
    variables = {each["name"]: each["resolvedValue"] for each in found["pipelineExecution"]["variables"]}
    return str(variables["digest"])


def test_before_the_first_push_there_is_nothing_to_do(local: Stack) -> None:
    wait_for_pipeline(local, "hello", 1)
    assert local.status("hello")["first_upload"] == "local-hello/inbox:latest"
    assert local.failure("hello") is None


def test_a_push_alone_releases_that_image_and_nothing_is_built(local: Stack, apps: Apps) -> None:
    done = pushed(local, "hello", apps.make("v1"))
    assert done["status"] == "Succeeded"
    assert [stage["name"] for stage in done["stages"]] == ["Source", "Package", "Deploy"]
    status = local.settled("hello")
    digest = done["digest"]
    assert (status["image_digest"], status["live"], status["release"]["image_digest"]) == (digest, digest, digest)
    assert status["release"]["source_version"] == digest
    assert local.builds() == 0
    assert local.client("codebuild").list_projects()["projects"] == ["local-chuoi-package"]
    assert tags(local, "hello") == dict.fromkeys(("live", "release-1", f"content-{digest[7:47]}"), digest)
    assert local.changes() == {}


def test_a_push_of_what_is_live_starts_nothing(local: Stack, apps: Apps) -> None:
    before = len(executions(local, "hello"))
    done = local.ok("push", "hello", "--image", str(apps.make("v1")), "--yes")
    assert "nothing starts" in done.out
    assert len(executions(local, "hello")) == before


def test_two_quick_pushes_of_one_tag_are_two_releases_and_the_later_one_is_live(local: Stack, apps: Apps) -> None:
    first, second = (inbox(local, apps.make(version), version) for version in ("v2", "v3"))
    before = len(executions(local, "hello"))
    move_tag(local, first, second)
    found = wait_for_pipeline(local, "hello", before + 2)
    assert [digest_of(local, each) for each in found[: len(found) - before]] == [second, first]
    assert local.settled("hello")["image_digest"] == second
    assert {tags(local, "hello")[f"release-{number}"] for number in (2, 3)} == {first, second}


def test_what_was_live_before_is_released_again_when_it_is_pushed_again(local: Stack) -> None:
    """There and back: three pushes, each in a second of its own, and the last one wins."""
    first, second = (tags(local, "hello")[f"release-{number}"] for number in (2, 3))
    before = len(executions(local, "hello"))
    move_tag(local, first, second, first, pause=1.1)
    wait_for_pipeline(local, "hello", before + 3)
    assert local.settled("hello")["image_digest"] == first


def test_an_event_that_comes_twice_or_late_releases_nothing(local: Stack) -> None:
    released, before = local.status("hello")["release"], len(executions(local, "hello"))
    pushes = [event for event in local.control("events") if event["source"] == "aws.ecr"]
    latest = [event for event in pushes if event["detail"].get("image-tag") == "latest"]
    local.control("replay-event", {"id": latest[-1]["id"]})
    local.control("replay-event", {"id": latest[1]["id"]})
    wait_for_pipeline(local, "hello", before + 2)
    assert local.settled("hello")["release"] == released


def test_an_index_with_an_attestation_is_one_release_of_all_that_it_lists(local: Stack, apps: Apps) -> None:
    image = inbox(local, apps.make("v4"), "v4")
    ecr, place = local.client("ecr"), {"repositoryName": "local-hello/inbox"}
    text = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": []})
    other = ecr.put_image(**place, imageManifest=text)["image"]["imageId"]["imageDigest"]
    unknown = {"os": "unknown", "architecture": "unknown"}
    entries = [
        {"digest": image, "platform": {"os": "linux", "architecture": "amd64"}},
        {"digest": other, "platform": unknown},
    ]
    manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries})
    before = len(executions(local, "hello"))
    index = ecr.put_image(**place, imageManifest=manifest, imageTag="latest")["image"]["imageId"]["imageDigest"]
    found = wait_for_pipeline(local, "hello", before + 1)
    assert (len(found), found[0]["status"]) == (before + 1, "Succeeded")
    assert local.settled("hello")["release"]["image_digest"] == index
    copied = {each["imageDigest"] for each in ecr.list_images(repositoryName="local-hello")["imageIds"]}
    assert {image, other, index} <= copied


def test_an_image_for_another_machine_fails_in_one_line_and_changes_nothing(local: Stack, apps: Apps) -> None:
    released = local.status("hello")["release"]
    app = apps.make("v5", dockerfile="FROM python:3.12-slim\nCOPY . .\n")
    done = local.run("push", "hello", "--image", str(app), "--platform", "linux/arm64", "--yes")
    assert done.code == 1
    assert (
        "is for linux/arm64, and the service's tasks run linux/amd64: build it with --platform linux/amd64" in done.err
    )
    assert local.settled("hello")["release"] == released


def test_an_edit_and_a_rollback_need_no_push(local: Stack) -> None:
    before = local.settled("hello")
    local.edit("Pulumi.local.yaml", "Hello from the sandbox", "Hello again")
    local.ok("up")
    edited = local.settled("hello")
    assert (edited["image_digest"], edited["secrets"] == before["secrets"]) == (before["image_digest"], False)
    target = tags(local, "hello")["release-3"]
    local.ok("rollback", "hello", "--to", "release-3", "--yes")
    after = local.settled("hello")
    assert after["image_digest"] == target
    assert {key: after[key] for key in KEPT} == {key: edited[key] for key in KEPT}


def test_the_uploader_may_push_to_the_inbox_and_nothing_else(local: Stack) -> None:
    images = "--repository-name", "local-hello/inbox", "--image-ids", "imageTag=latest"
    assert local.aws(UPLOADER, "ecr", "batch-get-image", *images).code == 0
    layer = json.loads(
        local.client("ecr").batch_get_image(repositoryName="local-hello/inbox", imageIds=[{"imageTag": "v2"}])[
            "images"
        ][0]["imageManifest"]
    )["layers"][0]["digest"]
    for refused in (
        ("ecr", "get-download-url-for-layer", "--repository-name", "local-hello/inbox", "--layer-digest", layer),
        ("ecr", "batch-delete-image", *images),
        ("ecr", "initiate-layer-upload", "--repository-name", "local-hello"),
        ("ecr", "initiate-layer-upload", "--repository-name", "local-shop/inbox"),
        ("codepipeline", "start-pipeline-execution", "--name", "local-hello"),
    ):
        done = local.aws(UPLOADER, *refused)
        assert (done.code != 0, "AccessDenied" in done.err) == (True, True), (refused, done.err)


def test_a_pushed_image_is_deployed_blue_green_and_an_edit_takes_it_again(local: Stack, apps: Apps) -> None:
    done = pushed(local, "shop", apps.make("s1"))
    assert done["status"] == "Succeeded"
    assert local.settled("shop")["release"]["image_digest"] == done["digest"]
    second = pushed(local, "shop", apps.make("s2"))
    assert local.settled("shop")["image_digest"] == second["digest"]
    count = len(executions(local, "shop"))
    local.edit("Pulumi.local.yaml", "Hello from the shop", "Hello from the second shop")
    local.ok("up")
    wait_for_pipeline(local, "shop", count + 1)
    assert local.settled("shop")["release"]["source_version"] == second["digest"]
    assert local.changes() == {}


def test_an_upload_whose_image_a_pull_request_has_built_is_released_without_a_build(local: Stack, apps: Apps) -> None:
    """Whatever Docker ignores changes nothing."""
    app, arguments = apps.make("c1"), ("--build-arg", "MIX_ENV=prod")
    (app / ".dockerignore").write_text("*.md\n")
    script = REPOSITORY / "examples/ci/image_tag.py"
    command = [sys.executable, str(script), "--platform", "linux/amd64", *arguments, str(app)]
    tag = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    before = len(executions(local, "chuoi"))
    digest = inbox(local, app, tag, "chuoi", *arguments)
    assert len(executions(local, "chuoi")) == before, "a push starts nothing"
    shipped = local.ship("chuoi", app, "--verbose")
    assert shipped.code == 0, shipped.out + shipped.err
    assert f"An image of this content was pushed to local-chuoi/inbox, {digest}: no build." in shipped.out
    assert local.settled("chuoi")["image_digest"] == digest
    assert tags(local, "chuoi") == dict.fromkeys(("live", "release-1", tag), digest)
    (app / "notes.md").write_text("ignored")
    again = local.ship("chuoi", app, "--verbose")
    assert "An image of this content exists: no build." in again.out
    assert local.settled("chuoi")["release"]["image_digest"] == digest
    built = local.ship("chuoi", apps.make("c2"), "--verbose")
    assert "no build" not in built.out
    assert local.settled("chuoi")["image_digest"] != digest


def test_a_push_for_an_upload_is_found_by_it(local: Stack, apps: Apps) -> None:
    app, builds = apps.make("c3"), len(executions(local, "chuoi"))
    pushed_for = local.ok("push", "chuoi", "--image", str(app), "--yes", "--json").json
    assert "/local-chuoi/inbox:content-" in pushed_for["image"]
    assert len(executions(local, "chuoi")) == builds
    shipped = local.ship("chuoi", app, "--verbose")
    assert f"pushed to local-chuoi/inbox, {pushed_for['digest']}: no build." in shipped.out
    assert local.settled("chuoi")["image_digest"] == pushed_for["digest"]
    refused = local.run("push", "chuoi", "--image", str(app), "--platform", "linux/arm64", "--yes")
    assert (refused.code, "built for the service's tasks" in refused.err) == (1, True)


def test_a_rebuild_makes_another_image_of_the_same_upload(local: Stack) -> None:
    before = local.settled("chuoi")
    local.ok("rebuild", "chuoi", "--yes")
    after = local.settled("chuoi")
    assert after["release"]["source_version"] == before["release"]["source_version"]
    assert after["release"]["release"] == before["release"]["release"] + 1
    refused = local.run("rebuild", "hello")
    assert (refused.code, "hello is not built here: its images are pushed or promoted" in refused.err) == (1, True)


def test_after_a_change_of_source_a_rollback_needs_no_push(local: Stack) -> None:
    """Chuoi's sources were uploaded until now."""
    before = tags(local, "chuoi")
    local.edit("Pulumi.local.yaml", "      source: {images: true}\n", "      source: {type: ecr}\n")
    local.edit("Pulumi.local.yaml", "        MIX_ENV: {value: prod, for: [build]}\n", "")
    local.edit("Pulumi.local.yaml", "        HEX_API_KEY: {secret: true, for: [build]}\n", "")
    local.ok("up")
    local.ok("rollback", "chuoi", "--to", "release-1", "--yes")
    assert local.settled("chuoi")["image_digest"] == before["release-1"]


def test_every_role_could_do_what_it_tried(local: Stack) -> None:
    """Who may not list a bucket is told that an object is forbidden, as of a new pipeline's first source."""
    refused = [each for each in local.control("decisions") if not each["allowed"]]
    tried = [each for each in refused if (each["call"], each["action"]) != ("s3:GetObject", "s3:ListBucket")]
    assert {each["principal"].rpartition("/")[2] for each in tried} == {UPLOADER}
