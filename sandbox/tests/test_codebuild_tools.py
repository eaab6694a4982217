"""What a build finds in its container: aws, python3, docker and the tools of its image."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from build_site import ACCOUNT, REGISTRY, Site, build_site, context, phases, spec
from image_registry import image_registry, layer

from sandbox import base_images


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    with build_site(tmp_path, monkeypatch) as prepared:
        yield prepared


DOCKERFILE = (
    'FROM python:3.12-slim\nARG NOTE\nWORKDIR /app\nCOPY app.py .\nRUN echo $NOTE > note\nCMD ["python", "app.py"]\n'
)


IMAGE = f"{REGISTRY}/app:one"


def test_each_aws_command_has_its_own_streams_folder_variables_and_exit_code(site: Site) -> None:
    commands = [
        "AWS_DEFAULT_OUTPUT=text aws sts get-caller-identity --query Account",
        "aws sts get-caller-identity --query Account",
        "mkdir below && cd below && echo '{\"a\": 1}' > input.json",
        "aws ssm get-parameter --cli-input-json file://input.json 2>&1 | grep -o 'Missing required parameter'",
        "aws sts nonsense 2> /dev/null || echo code $?",
        "for n in 1 2; do aws sts get-caller-identity --query Account --output text & done; wait",
    ]
    site.project()
    build = site.build(spec(build=commands))
    assert build["buildStatus"] == "SUCCEEDED", site.log(build)
    missing = "Missing required parameter"
    assert site.output(build) == [ACCOUNT, f'"{ACCOUNT}"', missing, "code 2", *[ACCOUNT] * 2]


def test_python_has_boto3_and_nothing_else_and_a_folder_may_ask_for_another(site: Site) -> None:
    commands = [
        'python3 -c \'import boto3; print(boto3.client("sts").get_caller_identity()["Account"])\'',
        'for name in click moto pulumi sandbox yaml; do python3 -I -c "import $name" 2> /dev/null && echo $name; done; true',
        "python3 -I -c 'import s3transfer, sys; print(sys.argv)' a 'b c'",
        "mkdir -p below/it && cd below/it && echo 3.11 > .python-version && python3 -c 'print(1)'",
        "cd .. && echo 3.99 > .python-version; python3 -c 'print(2)' 2>&1",
    ]
    site.project()
    build = site.build(spec(build=commands))
    said, ended = site.output(build), build["buildStatus"]
    assert said[:3] == [ACCOUNT, "['-c', 'a', 'b c']", "1"], site.log(build)
    assert said[3].startswith("pyenv: version `3.99' is not installed (set by /codebuild/")
    assert ended == "FAILED"


LOGIN = f"aws ecr get-login-password | docker login --username AWS --password-stdin {REGISTRY}"


def test_an_image_is_built_and_pushed(site: Site) -> None:
    site.account.client("ecr").create_repository(repositoryName="app")
    site.project(environment={"privilegedMode": True})
    files: dict[str, str | bytes] = {
        "Dockerfile": DOCKERFILE,
        "app.py": "print('hi')",
        "buildspec.yml": spec(
            pre_build=[LOGIN],
            build=[f"docker build -t {IMAGE} --build-arg NOTE=n .", f"docker push {IMAGE}"],
            post_build=["test $CODEBUILD_BUILD_SUCCEEDING = 1", f"docker pull {IMAGE}", f"docker tag {IMAGE} x:y"],
        ),
    }
    build = site.build(files)
    assert build["buildStatus"] == "SUCCEEDED", site.log(build)
    (detail,) = site.account.client("ecr").describe_images(repositoryName="app")["imageDetails"]
    assert detail["imageTags"] == ["one"]
    assert f"one: digest: {detail['imageDigest']} size: " in site.log(build)


def test_a_base_image_is_pulled_and_kept_for_other_builds(site: Site) -> None:
    site.account.base_images = base_images.Settings(base_images.REGISTRY)
    site.project(environment={"privilegedMode": True})
    with image_registry() as registry:
        registry.put("base:1", [layer(("own", "1"))], {"Env": ["A=b"]})
        files: dict[str, str | bytes] = {
            "Dockerfile": f"FROM {registry.host}/base:1\nWORKDIR /x\nCOPY Dockerfile .\n",
            "buildspec.yml": spec(build=["docker build -t x ."]),
        }
        build = site.build(files)
    assert build["buildStatus"] == "SUCCEEDED", site.log(build)
    assert f"{registry.host}/base:1 is {registry.host}/base@sha256:" in site.log(build)
    kept = {f"sha256:{path.name}" for path in (site.account.folder / ".images/blobs").iterdir()}
    assert kept >= registry.blobs.keys()


def test_images_need_a_login_and_a_privileged_environment(site: Site) -> None:
    site.account.client("ecr").create_repository(repositoryName="app")
    commands = [f"docker build -t {IMAGE} .", f"docker push {IMAGE}"]
    files: dict[str, str | bytes] = {"Dockerfile": "FROM debian", "buildspec.yml": spec(build=commands)}
    site.project(environment={"privilegedMode": True})
    build = site.build(files)
    assert site.output(build)[-1] == "no basic auth credentials"
    assert "Reason: exit status 1" in context(build, "BUILD")[1]
    build = site.build(files, privilegedModeOverride=False)
    assert "Cannot connect to the Docker daemon" in site.log(build)
    site.deny("ecr:PutImage")
    build = site.build({**files, "buildspec.yml": spec(pre_build=[LOGIN], build=commands)})
    assert site.output(build)[-1].startswith("denied: User: ")


def test_a_build_has_the_tools_of_its_image_and_the_architecture_of_its_machine(site: Site) -> None:
    arm = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    site.project(environment={"privilegedMode": True, "type": "ARM_CONTAINER", "image": arm})
    files: dict[str, str | bytes] = {
        "Dockerfile": "FROM debian\nRUN true\n",
        "buildspec.yml": spec(
            pre_build=["docker build --platform linux/arm64 ."],
            build=["docker build --platform linux/amd64 ."],
            post_build=["apt-get --version || dpkg --version"],
        ),
    }
    build = site.build(files)
    assert [phases(build)[name] for name in ("PRE_BUILD", "BUILD", "POST_BUILD")] == ["SUCCEEDED", "FAILED", "FAILED"]
    assert "exec /bin/sh: exec format error" in site.log(build)
    assert "apt-get: command not found" in site.log(build)
    assert "Reason: exit status 127" in context(build, "POST_BUILD")[1]
