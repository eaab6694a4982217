"""Builders beside the daemon's own, and the caches that they keep in ECR."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from build_site import REGISTRY, build_account

from sandbox.containers.build_cache import CacheError
from sandbox.containers.docker import Docker, DockerError
from sandbox.containers.store import ImageStore

CACHE = f"type=registry,ref={REGISTRY}/app/cache:cache"
KEEPING = f"{CACHE},mode=max,image-manifest=true,oci-mediatypes=true"
BUILDER = ["--builder", "own"]
Run = Callable[..., str]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A command of docker's, logged in to ECR, beside a Dockerfile; what it says."""
    with build_account(tmp_path / "account", monkeypatch) as account:
        ecr = account.client("ecr")
        ecr.create_repository(repositoryName="app")
        (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY Dockerfile /x\n")
        said: list[str] = []
        docker = Docker(ImageStore(tmp_path / "docker"), {}, said.append, said.append, lambda _: ecr)
        docker.run(["login", "--username", "AWS", "--password-stdin", REGISTRY], lambda: token(ecr))

        def command(*arguments: str) -> str:
            said.clear()
            docker.run(list(arguments), str)
            return "\n".join(said)

        def build(*arguments: str) -> str:
            return command("buildx", "build", *arguments, "--tag", f"{REGISTRY}/app:1", str(tmp_path))

        yield command, build, ecr


def token(ecr: Any) -> str:
    import base64

    data = ecr.get_authorization_token()["authorizationData"][0]["authorizationToken"]
    return base64.b64decode(data).decode().removeprefix("AWS:")


def tags(ecr: Any, repository: str) -> list[str]:
    return [each["imageTag"] for each in ecr.list_images(repositoryName=repository)["imageIds"] if "imageTag" in each]


def test_what_a_builder_keeps_the_next_build_finds(run: Any) -> None:
    command, build, ecr = run
    ecr.create_repository(repositoryName="app/cache")
    assert command("buildx", "create", "--name", "own", "--driver", "docker-container", "--bootstrap") == "own"
    caching = ["--cache-from", CACHE, "--cache-to", KEEPING, "--push"]
    assert f"{REGISTRY}/app/cache:cache: not found" in build(*BUILDER, *caching)
    assert (tags(ecr, "app"), tags(ecr, "app/cache")) == (["1"], ["cache"])
    assert f"{REGISTRY}/app/cache:cache: found" in build(*BUILDER, *caching)


def test_the_daemons_own_builder_keeps_none(run: Any) -> None:
    _, build, ecr = run
    with pytest.raises(CacheError, match="Cache export is not supported for the docker driver"):
        build("--cache-to", KEEPING, "--push")
    assert tags(ecr, "app") == []


def test_a_cache_that_cannot_be_kept_fails_the_build_unless_that_is_ignored(run: Any) -> None:
    command, build, _ = run
    command("buildx", "create", "--name", "own", "--driver", "docker-container")
    with pytest.raises(CacheError, match="app/cache"):
        build(*BUILDER, "--cache-to", KEEPING, "--push")
    said = build(*BUILDER, "--cache-to", f"{KEEPING},ignore-error=true", "--push")
    assert "(ignored)" in said


def test_a_manifest_that_ecr_refuses(run: Any) -> None:
    command, build, ecr = run
    ecr.create_repository(repositoryName="app/cache")
    command("buildx", "create", "--name", "own", "--driver", "docker-container")
    with pytest.raises(CacheError, match="image-manifest"):
        build(*BUILDER, "--cache-to", f"{CACHE},image-manifest=false", "--push")


def test_builders(run: Any) -> None:
    command, build, _ = run
    with pytest.raises(DockerError, match='no builder "own" found'):
        build(*BUILDER, "--push")
    command("buildx", "create", "--name", "own")
    with pytest.raises(DockerError, match='existing instance for "own"'):
        command("buildx", "create", "--name", "own")


def test_an_image_of_another_builder_is_not_the_daemons(run: Any) -> None:
    command, build, _ = run
    command("buildx", "create", "--name", "own")
    build(*BUILDER)
    with pytest.raises(DockerError, match="does not exist locally"):
        command("push", f"{REGISTRY}/app:1")
    build(*BUILDER, "--load")
    command("push", f"{REGISTRY}/app:1")
