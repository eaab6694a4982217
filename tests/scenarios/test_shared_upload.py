"""One upload of a repository with several services: each of them whose content has changed is released, and no other."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.scenarios.conftest import Apps, Stack, new_stack
from tests.support.deliveries import executions, tags, wait_for_pipeline

pytestmark = pytest.mark.nightly
SERVICES = ("hello", "shop")


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, where `shop` is built of the uploads of `hello`, each from a folder of its own."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        stack.keep_services(SERVICES)
        file = "Pulumi.local.yaml"
        stack.edit(file, "        APP_ENV: {value: sandbox-app, for: [build]}\n", "")
        migrate = "      migrate: {command: [bin/migrate]}\n"
        stack.edit(file, migrate, f"{migrate}      build: {{context: services/hello, cache: true}}\n")
        deploy = "      deploy: {strategy: codedeploy, wait: 1}\n"
        built = "      source: {upload_of: hello}\n      build: {context: services/shop}\n"
        stack.edit(file, deploy, f"{deploy}{built}")
        stack.up()
        yield stack


def repository(apps: Apps, name: str, **versions: str) -> Path:
    """A repository with an app of this version for each service."""
    top = apps.folder / name / "services"
    for service, version in versions.items():
        made = apps.make(f"{name}-{service}-{version}")
        (made / "server.py").write_text((made / "server.py").read_text().replace(f"{name}-{service}-", ""))
        (made / "bin/migrate").write_text("#!/bin/sh\n")
        shutil.move(made, top / service)
    return top.parent


def shipped(stack: Stack, source: Path) -> None:
    """Upload, and wait for both pipelines."""
    before = len(executions(stack, "shop"))
    done = stack.ship("hello", source)
    assert done.code == 0, done.out + done.err
    assert wait_for_pipeline(stack, "shop", before + 1)[0]["status"] == "Succeeded"


def released(stack: Stack) -> dict[str, int]:
    """Service → how many releases it has."""
    return {service: sum(tag.startswith("release-") for tag in tags(stack, service)) for service in SERVICES}


def test_one_upload_releases_both(local: Stack, apps: Apps) -> None:
    shipped(local, repository(apps, "first", hello="1", shop="1"))
    assert released(local) == {"hello": 1, "shop": 1}
    versions = {local.settled(service)["release"]["source_version"] for service in SERVICES}
    assert len(versions) == 1
    assert local.changes() == {}


def test_what_a_build_has_made_is_kept_for_the_next(local: Stack) -> None:
    """That of `hello` alone keeps it; what BuildKit makes of it is not seen here."""
    repositories = {each["repositoryName"] for each in local.client("ecr").describe_repositories()["repositories"]}
    assert {name for name in repositories if name.endswith("/cache")} == {"local-hello/cache"}
    (kept,) = local.client("ecr").list_images(repositoryName="local-hello/cache")["imageIds"]
    assert kept["imageTag"] == "cache"


def test_what_has_not_changed_is_not_released(local: Stack, apps: Apps) -> None:
    shipped(local, repository(apps, "second", hello="1", shop="2"))
    assert released(local) == {"hello": 1, "shop": 2}
    shipped(local, repository(apps, "third", hello="2", shop="2"))
    assert released(local) == {"hello": 2, "shop": 2}


def test_an_upload_for_another_service_takes_no_rollback_back(local: Stack, apps: Apps) -> None:
    local.ok("rollback", "hello", "--to", "release-1", "--yes")
    before = local.settled("hello")
    shipped(local, repository(apps, "fourth", hello="2", shop="3"))
    assert local.settled("hello")["image_digest"] == before["image_digest"]
    assert released(local)["shop"] == 3


def test_the_one_uploader_may_put_the_one_object(local: Stack, tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"x")
    bucket = local.outputs()["hello"]["upload_to"].removeprefix("s3://").partition("/")[0]
    assert "upload_to" not in local.outputs()["shop"]
    put = "s3api", "put-object", "--bucket", bucket, "--body", str(tmp_path / "x.zip"), "--key"
    refused = local.aws("local-hello-uploader", *put, "sources/shop/source.zip")
    assert (refused.code != 0, "AccessDenied" in refused.err) == (True, True)


def test_every_role_could_do_what_it_tried(local: Stack) -> None:
    refused = [each for each in local.control("decisions") if not each["allowed"]]
    tried = [each for each in refused if (each["call"], each["action"]) != ("s3:GetObject", "s3:ListBucket")]
    assert {each["principal"].rpartition("/")[2] for each in tried} <= {"local-hello-uploader"}
