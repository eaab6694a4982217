"""What Package decides of a source: buildspecs/package.yaml under bash, with an `aws` that answers from a table."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import yaml
from mocked import ROOT

MINE, EARLIER, LATER = "exec-mine", "exec-earlier", "exec-later"
DIGEST = "sha256:" + "a" * 64
MANIFEST = json.dumps({"config": {"digest": "sha256:c0f"}, "layers": []})
AWS = """\
#!/bin/bash
case "$1 $2" in
  'codepipeline list-pipeline-executions') printf '%s\\n' "$UNDER_WAY" ;;
  'codepipeline get-pipeline-execution') echo "$GIVEN_IMAGE" ;;
  'ssm get-parameter-history') printf '1\\tnone\\n%s\\n' "$RELEASED" ;;
  's3api head-object') printf '%s\\t%s\\t2030-01-04T00:00:00Z\\n' ${UPLOAD:-None None} ;;
  'ecr batch-get-image')
    case "$*" in *sha256:c41d*) echo "$CHILD" ;; *) echo "$MANIFEST" ;; esac ;;
  'ecr get-download-url-for-layer') [[ $* == *sha256:c0f* ]] && echo "file://$CONFIG" ;;
  'ecr describe-images')
    [[ -n ${NEW_CONTENT:-} && $* == *imageTag=content-* && ! -e $HOME/pushed ]] \
      && { echo 'An error occurred (ImageNotFoundException)' >&2; exit 254; }
    echo "$*" >> "$HOME/looked"; echo "$DIGEST" ;;
  'ecr get-login-password') echo "token of ${4:-here}" ;;
  'secretsmanager get-secret-value') echo "$*" >> "$HOME/secrets"; printf '%s' "$SECRET" ;;
  'events put-events') echo "$4" >> "$HOME/announced" ;;
  *) echo "nobody answers $*" >&2; exit 1 ;;
esac
"""


DOCKER = """\
#!/bin/bash
printf '%s\\0' "$@" >> "$HOME/docker"; echo >> "$HOME/docker"
env > "$HOME/environment"
case $1 in
  login) echo "${*: -1} $(cat)" >> "$HOME/logins"; [[ ${*: -1} != "${REFUSES:-}" ]] ;;
  push) touch "$HOME/pushed"; [[ -z ${CUT_OFF:-} ]] || { echo 'cut off' >&2; exit 137; } ;;
  build)
    echo x >> "$HOME/builds"
    (($(wc -l < "$HOME/builds") > ${FAILING:-0})) || { echo "$REFUSAL" >&2; exit 1; } ;;
esac
"""


class Failed(Exception):
    """The step failed, saying this."""


def package(folder: Path, **answers: str) -> tuple[dict[str, str], str]:
    """The exported variables, and what was said. The image of the source exists already, unless NEW_CONTENT is given."""
    bin, source = folder / "bin", folder / "source"
    for place in (bin, source):
        place.mkdir()
    (source / "Dockerfile").write_text("FROM scratch\n")
    pause = '#!/bin/bash\necho "$1" >> "$HOME/pauses"\n'
    for name, script in {"aws": AWS, "docker": DOCKER, "sleep": pause}.items():
        (bin / name).write_text(script)
        (bin / name).chmod(0o755)
    given = {
        "IMAGE": "none", "SOURCE_BUCKET": "bucket", "SOURCE_KEY": "key", "SOURCE_VERSION": "v5", "EXECUTION": MINE,
        "REPOSITORY_URI": "registry/web", "CONTAINERS": "web", "PLATFORM": "linux/amd64", "RELEASE_RECORD": "/record",
        "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "", "TEMPLATE_FOLDER": "", "REGISTRY_LOGINS": "", "ECR_REGISTRIES": "", "CODEBUILD_INITIATOR": "codepipeline/dev-web",
    }  # fmt: skip
    environment = {
        **given, "DIGEST": DIGEST, "UNDER_WAY": MINE, "GIVEN_IMAGE": "none", "RELEASED": "", "MANIFEST": MANIFEST, "CHILD": MANIFEST,
        "CONFIG": str(folder / "config.json"), **answers,
    }  # fmt: skip
    buildspec = yaml.safe_load((ROOT / "buildspecs/package.yaml").read_text())
    show = [f'echo "{name}=${name}"' for name in buildspec["env"]["exported-variables"]]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join([*buildspec["phases"]["build"]["commands"], "echo VARIABLES", *show])],
        cwd=source,
        env={**environment, "HOME": str(folder), "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        raise Failed(done.stdout + done.stderr)
    said, _, variables = done.stdout.rpartition("VARIABLES\n")
    return dict(line.split("=", 1) for line in variables.splitlines()), said


def lines(file: Path) -> list[str]:
    """A file's, none when it is not there."""
    return file.read_text().splitlines() if file.exists() else []


def docker(folder: Path) -> list[list[str]]:
    """The arguments of each call."""
    return [line.split("\0")[:-1] for line in (folder / "docker").read_text().splitlines()]


def content_tag(folder: Path) -> str:
    """What the image of the source is looked for by."""
    first = (folder / "looked").read_text().splitlines()[0]
    return first.partition("imageTag=")[2].split()[0]


def test_a_parameter_may_have_any_name(tmp_path: Path) -> None:
    """Also one that the step, its shell, CodeBuild or the tools use for themselves."""
    arguments = ["SOURCE_BUCKET", "IMAGE", "PATH", "AWS_REGION", "IFS", "name", "HOME"]
    secrets = ["EXECUTION", "AWS_SECRET_ACCESS_KEY", "DOCKER_HOST", "BASH_ENV", "content"]
    values = {f"PARAMETER_{name}": f"the {name}" for name in [*arguments, *secrets]}
    listed = {"BUILD_ARGUMENTS": " ".join(arguments), "BUILD_SECRETS": " ".join(secrets)}
    exported, said = package(tmp_path, NEW_CONTENT="yes", **listed, **values)
    assert (exported["IMAGE_DIGEST"], exported["SOURCE"], exported["DEPLOY"]) == (DIGEST, "v5", "yes"), said
    (build,) = [call for call in docker(tmp_path) if call[0] == "build"]
    given = [f"--build-arg\0{name}=the {name}" for name in arguments]
    given += [f"--secret\0id={name},env=PARAMETER_{name}" for name in secrets]
    assert "\0".join(build).partition("linux/amd64\0")[2].startswith("\0".join(given) + "\0")
    assert not [each for call in docker(tmp_path) for each in call if "the EXECUTION" in each], (
        "no secret is an argument"
    )
    assert "the EXECUTION" not in said


def test_an_image_is_built_without_attestations(tmp_path: Path) -> None:
    package(tmp_path, NEW_CONTENT="yes")
    (build,) = [call for call in docker(tmp_path) if call[0] == "build"]
    assert build[1:3] == ["--provenance=false", "--sbom=false"]
    environment = (tmp_path / "environment").read_text().splitlines()
    assert environment.count("BUILDX_NO_DEFAULT_ATTESTATIONS=1") == 1


ARN = "arn:aws:secretsmanager:eu-west-1:111111111111:secret:hub-a1B2c3"
OTHER_ECR = "222222222222.dkr.ecr.us-east-1.amazonaws.com"
REGISTRIES = {"REGISTRY_LOGINS": f"docker.io={ARN} ghcr.io={ARN}", "ECR_REGISTRIES": OTHER_ECR}


@pytest.mark.parametrize("key", ["password", "accessToken"])
def test_the_build_logs_in_where_base_images_come_from(tmp_path: Path, key: str) -> None:
    secret = json.dumps({"username": "team", key: "s3cret"})
    _, said = package(tmp_path, NEW_CONTENT="yes", SECRET=secret, **REGISTRIES)
    assert lines(tmp_path / "logins") == [
        "registry token of here", f"{OTHER_ECR} token of us-east-1", "docker.io s3cret", "ghcr.io s3cret",
    ]  # fmt: skip
    assert [call[:4] for call in docker(tmp_path)][2:4] == [["login", "--username", "team", "--password-stdin"]] * 2
    asked = f"secretsmanager get-secret-value --region eu-west-1 --secret-id {ARN} --query SecretString --output text"
    assert lines(tmp_path / "secrets") == [asked] * 2
    assert "s3cret" not in said


@pytest.mark.parametrize(
    "secret", ["s3cret", '"s3cret"', '["s3cret"]', '{"username": "team"}', '{"password": "s3cret"}', ""]
)
def test_a_secret_that_is_no_login_is_named_and_not_shown(tmp_path: Path, secret: str) -> None:
    with pytest.raises(Failed) as failed:
        package(tmp_path, NEW_CONTENT="yes", SECRET=secret, **REGISTRIES)
    said = str(failed.value)
    assert said.endswith("The secret of registry docker.io is not JSON with username, and password or accessToken.\n")
    assert ("s3cret" in said, lines(tmp_path / "builds")) == (False, [])


def test_a_login_that_is_refused(tmp_path: Path) -> None:
    secret = json.dumps({"username": "team", "password": "s3cret"})
    with pytest.raises(Failed, match=r"Registry ghcr\.io refused the login that its secret keeps\."):
        package(tmp_path, NEW_CONTENT="yes", SECRET=secret, REFUSES="ghcr.io", **REGISTRIES)
    assert lines(tmp_path / "builds") == []


def test_nothing_is_logged_in_to_when_there_is_an_image(tmp_path: Path) -> None:
    package(tmp_path, SECRET="", **REGISTRIES)
    assert lines(tmp_path / "logins") == []


LIMIT = (
    "ERROR: failed to solve: node:22: failed to resolve source metadata for docker.io/library/node:22: unexpected status "
    "from HEAD request to https://registry-1.docker.io/v2/library/node/manifests/22: 429 Too Many Requests"
)
PRIVATE = (
    "ERROR: failed to solve: team/base:1: failed to resolve source metadata for docker.io/team/base:1: pull access denied, "
    "repository does not exist or may require authorization"
)


@pytest.mark.parametrize("failing", [1, 2])
def test_a_registry_that_allows_no_more_pulls_is_asked_again(tmp_path: Path, failing: int) -> None:
    exported, _ = package(tmp_path, NEW_CONTENT="yes", FAILING=str(failing), REFUSAL=LIMIT)
    assert exported["IMAGE_DIGEST"] == DIGEST
    assert len(lines(tmp_path / "builds")) == failing + 1
    assert lines(tmp_path / "pauses") == ["20", "60"][:failing]


@pytest.mark.parametrize(
    ("refusal", "builds", "words"),
    [
        (LIMIT, 3, "The registry of docker.io/library/node:22 allows no more pulls from this address for now (429). Upload again later, or: name an image of public.ecr.aws in the Dockerfile, or set build.registries (a login, a pull-through cache)."),
        (
            "ERROR: failed to solve: docker/dockerfile:1: failed to resolve source metadata for docker.io/docker/dockerfile:1: toomanyrequests: You have reached your pull rate limit.",
            3,
            "The registry of docker.io/docker/dockerfile:1 allows no more pulls from this address for now (429).",
        ),
        ("ERROR: failed to solve: toomanyrequests: Rate exceeded", 3, "The registry of a base image allows no more pulls from this address"),
        (PRIVATE, 1, "The base image docker.io/team/base:1 may not be pulled, or there is none: set build.registries in the stack file."),
        ("#9 1.2 npm ERR! 429 Too Many Requests\nERROR: failed to solve: process npm ci did not complete: exit code: 1", 1, "exit code: 1"),
        ("#9 1.2 npm ERR! 403 Forbidden\nERROR: failed to solve: process npm ci did not complete: exit code: 3", 1, "exit code: 3"),
        ("ERROR: failed to solve: process /bin/sh did not complete: exit code: 2", 1, "exit code: 2"),
    ],
)  # fmt: skip
def test_a_build_that_fails_says_what_to_do(tmp_path: Path, refusal: str, builds: int, words: str) -> None:
    with pytest.raises(Failed) as failed:
        package(tmp_path, NEW_CONTENT="yes", FAILING="9", REFUSAL=refusal)
    assert words in str(failed.value).splitlines()[-1]
    assert len(lines(tmp_path / "builds")) == builds
    assert not (tmp_path / "pushed").exists()


def test_a_retry_finds_the_image_that_a_build_cut_off_has_pushed(tmp_path: Path) -> None:
    """So one content has one digest for ever, whether or not it could be built the same again."""
    cut_off, retry = tmp_path / "cut-off", tmp_path / "retry"
    for folder in (cut_off, retry):
        folder.mkdir()
    with pytest.raises(Failed, match="cut off"):
        package(cut_off, NEW_CONTENT="yes", CUT_OFF="yes")
    assert (cut_off / "pushed").exists()
    (retry / "pushed").touch()
    exported, said = package(retry, NEW_CONTENT="yes")
    assert (exported["IMAGE_DIGEST"], exported["DEPLOY"]) == (DIGEST, "yes")
    assert "An image of this content exists: no build." in said
    assert lines(retry / "builds") == []


CHANGES = {
    "nothing": ({}, True),
    "the value of a build argument": ({"PARAMETER_LEVEL": "2"}, False),
    "another build argument": ({"BUILD_ARGUMENTS": "LEVEL MORE", "PARAMETER_MORE": "x"}, False),
    "the platform": ({"PLATFORM": "linux/arm64"}, False),
    "the value of a secret": ({"PARAMETER_TOKEN": "another"}, True),
    "the execution": ({"EXECUTION": LATER}, True),
}


@pytest.mark.parametrize("case", CHANGES)
def test_the_content_tag_is_of_all_that_the_image_is_made_of(tmp_path: Path, case: str) -> None:
    changes, same = CHANGES[case]
    given = {"BUILD_ARGUMENTS": "LEVEL", "PARAMETER_LEVEL": "1", "BUILD_SECRETS": "TOKEN", "PARAMETER_TOKEN": "t"}
    tags = []
    for number, answers in enumerate([given, {**given, **changes}]):
        folder = tmp_path / str(number)
        folder.mkdir()
        package(folder, **answers)
        tags.append(content_tag(folder))
        assert not (folder / "docker").exists(), "there is an image of it"
    assert (tags[0] == tags[1]) is same


ON_ITS_WAY = f"{MINE}\t{EARLIER}"
RELEASED = f'2\t{{"schema":1,"release":1,"image_digest":"{DIGEST}","source_version":"v5"}}'
FIRST = RELEASED.replace("v5", "v3").replace("2\t", "9\t")
LAST = (
    RELEASED.replace("v5", "v4")
    .replace("2\t", "10\t")
    .replace('"release":1', '"release":9')
    .replace("a" * 64, "b" * 64)
)
CASES = {
    "a new source": ({}, "yes", "An image of this content exists"),
    "it is on its way": ({"UNDER_WAY": ON_ITS_WAY}, "no", "Source v5 is on its way in an earlier execution"),
    "what is on its way was given an image": ({"UNDER_WAY": ON_ITS_WAY, "GIVEN_IMAGE": DIGEST}, "yes", "exists"),
    "a later execution waits": ({"UNDER_WAY": f"{LATER}\t{MINE}"}, "yes", "exists"),
    "this one is not listed": ({"UNDER_WAY": LATER}, "yes", "exists"),
    "it has been released": ({"UNDER_WAY": ON_ITS_WAY, "RELEASED": RELEASED}, "no", "Source v5 has been released already"),
    "another one has been released": ({"RELEASED": RELEASED.replace("v5", "v4")}, "yes", "the image of release 1 again"),
    "the history is not in order": ({"RELEASED": f"{LAST}\n{FIRST}"}, "yes", "it replaces release 9, sha256:bbbbbbbbbbbb"),
    "an image was asked for": ({"IMAGE": DIGEST, "UNDER_WAY": ON_ITS_WAY}, "yes", "from source unknown"),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_what_is_deployed(tmp_path: Path, case: str) -> None:
    answers, deploy, words = CASES[case]
    exported, said = package(tmp_path, **answers)
    assert exported["DEPLOY"] == deploy, said
    assert words in said


COMMIT, OTHER = "89abcdef" * 5, "01234567" * 5
REVISION, SOURCE = "org.opencontainers.image.revision", "org.opencontainers.image.source"
LABELS = {REVISION: COMMIT, SOURCE: "https://github.com/team/web.git"}
ATTESTATION = {"digest": "sha256:a77e", "platform": {"os": "unknown", "architecture": "unknown"}}
CHILDREN = {
    name: {"digest": digest, "platform": {"os": "linux", "architecture": name}}
    for name, digest in {"arm64": "sha256:0a64", "amd64": "sha256:c41d"}.items()
}
INDEX = json.dumps({"manifests": [ATTESTATION, CHILDREN["arm64"], CHILDREN["amd64"]]})
OF_ANOTHER_PLATFORM = json.dumps({"manifests": [ATTESTATION, CHILDREN["arm64"]]})
WITH_COMMIT = RELEASED.replace("v5", "v4").replace("}", f',"commit":"{OTHER}","repository":"team/other"}}')
UNNAMED = ("unknown", "unknown")
NAMES = {
    "labels": (LABELS, {}, (COMMIT, "team/web"), ""),
    "no labels": (None, {}, UNNAMED, ""),
    "labels of others": ({"maintainer": "x"}, {}, UNNAMED, ""),
    "an upload that names a commit": (LABELS, {"UPLOAD": f"{OTHER} team/other"}, (OTHER, "team/other"), ""),
    "a short hash": ({**LABELS, REVISION: "89abcde"}, {}, ("unknown", "team/web"), "The image's commit is not one: 89abcde"),
    "words": ({REVISION: "$(id) x", SOURCE: "a b"}, {}, UNNAMED, "The image's commit is not one: $(id)"),
    "a repository of 256 characters": ({**LABELS, SOURCE: f"https://x.example/{'g' * 256}"}, {}, (COMMIT, "g" * 256), ""),
    "a repository of 257": ({**LABELS, SOURCE: f"https://x.example/{'g' * 257}"}, {}, (COMMIT, "unknown"), "repository is not one"),
    "no address": ({**LABELS, SOURCE: "git@github.com:team/web"}, {}, (COMMIT, "unknown"), "repository is not one"),
    "an index of images": (LABELS, {"MANIFEST": INDEX}, (COMMIT, "team/web"), ""),
    "an index without an image for the tasks": (LABELS, {"MANIFEST": OF_ANOTHER_PLATFORM}, UNNAMED, ""),
    "no manifest": (LABELS, {"MANIFEST": "None"}, UNNAMED, "The image's labels were not read."),
    "an image that was pushed": (LABELS, {"IMAGE": DIGEST}, (COMMIT, "team/web"), ""),
    "an image that was released": (LABELS, {"IMAGE": DIGEST, "RELEASED": WITH_COMMIT}, (OTHER, "team/other"), ""),
}  # fmt: skip


@pytest.mark.parametrize("case", NAMES)
def test_the_commit_is_what_the_upload_names_or_the_image(tmp_path: Path, case: str) -> None:
    labels, answers, named, words = NAMES[case]
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "amd64", "config": {"Labels": labels}}))
    exported, said = package(tmp_path, **answers)
    assert (exported["COMMIT"], exported["COMMIT_REPOSITORY"]) == named
    assert words in said
    assert exported["DEPLOY"] == "yes"


def test_what_the_labels_name_is_told_as_soon_as_it_is_known(tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text(json.dumps({"config": {"Labels": LABELS}}))
    package(tmp_path)
    entries = [json.loads(line)[0] for line in (tmp_path / "announced").read_text().splitlines()]
    told = [(entry["DetailType"], json.loads(entry["Detail"])["commit"]) for entry in entries]
    assert told == [("Release Started", "unknown"), ("Release Started", COMMIT), ("Release Packaged", COMMIT)]
