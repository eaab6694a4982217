"""What `push` builds and pushes where, which execution it follows, and what it refuses before anything is built."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from brought import A, B, BringAws, folder, reached, run
from click.testing import Result
from delivery_aws import REGISTRY

from pipeline_steps.build.content import Content

NAME = f"{REGISTRY}/dev-web/inbox:latest"
BUILD = ("build", "--tag", NAME, "--platform", "linux/amd64", ".")
WATCHED = [
    "Execution run-1 of dev-web",
    "Source / Source: Succeeded",
    "Package / Package: Succeeded",
    "Execution run-1: Succeeded",
    "Delivered in 0.0 s; it answers at https://web.example.com/",
]


@dataclass
class Docker:
    """Stands for docker: what it was told, in which folder, and with which variables."""

    aws: BringAws
    digest: str = B
    said: list[tuple[str, ...]] = field(default_factory=list)
    folders: set[Path] = field(default_factory=set)
    environment: dict[str, str] = field(default_factory=dict)

    def __call__(self, session: Any, show: Any, folder: Path, environment: Any) -> "Docker":
        self.folders.add(folder)
        self.environment = dict(environment)
        return self

    def log_in(self, registry: str) -> None:
        self.said.append(("login", registry))

    def run(self, *arguments: str) -> None:
        self.said.append(arguments)
        if arguments[0] == "push":
            repository, _, tag = arguments[1].partition("/")[2].rpartition(":")
            assert repository == "dev-web/inbox"
            if self.aws.inbox.get(tag) != self.digest and self.aws.tells and tag == "latest":
                self.aws.starts(digest=self.digest)
            self.aws.inbox[tag] = self.digest


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> BringAws:
    return reached(monkeypatch, "ecr")


@pytest.fixture
def docker(aws: BringAws, monkeypatch: pytest.MonkeyPatch) -> Docker:
    docker = Docker(aws)
    monkeypatch.setattr("delivery.commands.push.Docker", docker)
    return docker


@pytest.fixture
def app(tmp_path: Path) -> Path:
    return folder(tmp_path)


def push(*arguments: Any) -> Result:
    return run("push", *arguments)


def test_a_folder_is_built_for_the_tasks_and_pushed_and_its_release_followed(docker: Docker, app: Path) -> None:
    done = push("--image", app, "--yes")
    assert docker.said == [("login", REGISTRY), BUILD, ("push", NAME)]
    assert (docker.folders, done.exit_code) == ({app}, 0)
    assert done.output.splitlines() == [
        f"web: pushes {app} to {NAME}, and releases it",
        f"Pushed {app} to {NAME}, {B}",
        *WATCHED,
    ]


def test_an_image_that_docker_has_is_pushed_under_the_tag(docker: Docker) -> None:
    assert push("--image", "mine:1", "--yes").exit_code == 0
    assert docker.said == [("login", REGISTRY), ("tag", "mine:1", NAME), ("push", NAME)]


def test_another_platform_is_built_where_it_is_named(docker: Docker, app: Path) -> None:
    push("--image", app, "--platform", "linux/arm64", "--yes")
    assert docker.said[1] == ("build", "--tag", NAME, "--platform", "linux/arm64", ".")


def test_a_push_of_what_is_live_starts_nothing(docker: Docker, aws: BringAws, app: Path) -> None:
    aws.inbox["latest"] = docker.digest = A
    done = push("--image", app, "--yes", "--json")
    assert "It is live and already had its tag: ECR sends no event, and nothing starts." in done.stderr
    assert (json.loads(done.stdout), aws.writes) == ({"image": NAME, "digest": A}, [])


def test_what_has_the_tag_and_is_not_live_is_started_by_hand(docker: Docker, aws: BringAws, app: Path) -> None:
    aws.inbox["latest"] = B
    done = push("--image", app, "--yes")
    (started,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    assert started["variables"] == [{"name": "digest", "value": B}]
    assert "It already had its tag, so ECR sends no event: this command starts the pipeline." in done.output
    assert done.output.splitlines()[-5:] == WATCHED


def test_an_image_that_ecr_tells_nobody_of_is_started_by_hand(docker: Docker, aws: BringAws, app: Path) -> None:
    aws.tells = False
    done = push("--image", app, "--yes")
    assert "ECR has sent no event: this command starts the pipeline with this image." in done.output
    assert (done.exit_code, aws.writes) == (0, ["StartPipelineExecution"])


def test_json_keeps_its_fields(docker: Docker, app: Path) -> None:
    shown = json.loads(push("--image", app, "--yes", "--json").stdout)
    assert (shown["image"], shown["digest"], shown["status"], shown["execution"]) == (NAME, B, "Succeeded", "run-1")
    assert shown["variables"]["variables.digest"] == B


def of_uploads(aws: BringAws) -> None:
    aws.source = "s3"
    aws.project |= {"INBOX": "dev-web/inbox", "BUILD_ARGUMENTS": "MIX_ENV", "BUILD_SECRETS": "TOKEN"}
    aws.stored = [
        {"name": f"PARAMETER_{name}", "value": f"/{name}", "type": "PARAMETER_STORE"} for name in ("MIX_ENV", "TOKEN")
    ]
    for name in ("MIX_ENV", "TOKEN"):
        aws.record(f"value of {name}", name)
        aws.parameters[f"/{name}"] = aws.parameters.pop(f"/fargate-delivery/dev/{name}/release")


def test_a_build_of_an_older_version_is_not_guessed(docker: Docker, aws: BringAws, app: Path) -> None:
    of_uploads(aws)
    del aws.project["PLATFORM"]
    assert push("--image", app, "--yes").output.splitlines()[-1] == (
        "error: the CodeBuild project dev-web-package was created by an older version of this program, and has no variable "
        "PLATFORM; `up` adds it"
    )
    assert docker.said == []


def test_an_image_of_uploads_to_come_is_pushed_where_they_look(docker: Docker, aws: BringAws, app: Path) -> None:
    of_uploads(aws)
    done = push("--image", app, "--yes", "--json")
    content = Content(app, ".", "Dockerfile", "", "linux/arm64", {"MIX_ENV": "value of MIX_ENV"})
    name = f"{REGISTRY}/dev-web/inbox:{content.tag()}"
    assert docker.said[1:] == [
        ("build", "--tag", name, "--platform", "linux/arm64", "--file", "Dockerfile", "--build-arg", "MIX_ENV=value of MIX_ENV",
         "--secret", "id=TOKEN,env=PARAMETER_TOKEN", "."),
        ("push", name),
    ]  # fmt: skip
    assert docker.environment["PARAMETER_TOKEN"] == "value of TOKEN"  # noqa: S105
    assert json.loads(done.stdout) == {"image": name, "digest": B}
    assert f"`delivery ship web --source {app} --stack dev` finds it, and builds nothing." in done.stderr
    assert ("value of TOKEN" in done.output, aws.writes) == (False, [])


def refused(*arguments: Any) -> str:
    done = push(*arguments, "--yes")
    assert done.exit_code == 1
    return done.stderr.removeprefix("error: ").rstrip("\n")


def test_what_is_refused_before_anything_is_built(docker: Docker, aws: BringAws, app: Path) -> None:
    (app / "Dockerfile").rename(app / "other")
    assert refused("--image", app) == f"{app} has no Dockerfile"
    aws.source = "promote"
    assert refused("--image", app).startswith("web of dev takes the images of another stack only")
    aws.source = "s3"
    assert refused("--image", app) == (
        f"no image is pushed for web, without source.images in the stack file: `delivery ship web --source {app} --stack dev` uploads a source"
    )
    of_uploads(aws)
    assert refused("--image", app) == f"{app} has no Dockerfile"
    assert refused("--image", "mine:1") == "mine:1 is no folder; of web sources are built, so --image is the top of one"
    assert refused("--image", app, "--platform", "linux/arm64").startswith(
        "--platform: an image that an upload is to find"
    )
    (app / "other").rename(app / "Dockerfile")
    (app / ".dockerignore").write_text("[\n")
    assert refused("--image", app) == f"{app} cannot be built: '[' is not a pattern for .dockerignore"
    assert docker.said == []


def test_a_platform_is_of_what_is_built(docker: Docker) -> None:
    assert refused("--image", "mine:1", "--platform", "linux/arm64") == (
        "--platform is of a folder that is built; mine:1 is an image, and has its own"
    )
    assert docker.said == []


@pytest.mark.parametrize(
    ("more", "given"),
    [
        ("", {}),
        (":json::", {}),
        (":json:AWSPENDING:", {"VersionStage": "AWSPENDING"}),
        ("::AWSPENDING:", {"VersionStage": "AWSPENDING"}),
        (f":json::{'1' * 32}", {"VersionId": "1" * 32}),
    ],
)
def test_a_build_secret_has_the_version_that_the_build_takes(
    docker: Docker, aws: BringAws, app: Path, more: str, given: dict[str, str]
) -> None:
    of_uploads(aws)
    secret = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:npm-AbCdEf"  # noqa: S105 (its name)
    aws.stored[1] |= {"value": f"{secret}{more}", "type": "SECRETS_MANAGER"}
    push("--image", app, "--yes")
    value = "of json" if more.startswith(":json") else json.dumps({"json": "of json"})
    assert docker.environment["PARAMETER_TOKEN"] == value
    asked = [asked for _, operation, asked in aws.calls if operation == "GetSecretValue"]
    assert asked == [{"SecretId": secret, **given}]


def test_a_secret_without_the_key_is_told(docker: Docker, aws: BringAws, app: Path) -> None:
    of_uploads(aws)
    aws.stored[1] |= {"value": "arn:aws:secretsmanager:eu-west-1:1:secret:npm-AbCdEf:gone::", "type": "SECRETS_MANAGER"}
    assert refused("--image", app) == "the build's secret PARAMETER_TOKEN has no key gone"
    assert docker.said == []
