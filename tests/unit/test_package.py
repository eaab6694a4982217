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
  'ecr batch-get-image') echo "$MANIFEST" ;;
  'ecr get-download-url-for-layer') [[ $* == *sha256:c0f* ]] && echo "file://$CONFIG" ;;
  'ecr describe-images') echo "$DIGEST" ;;
  'events put-events') echo "$4" >> "$HOME/announced" ;;
  *) echo "nobody answers $*" >&2; exit 1 ;;
esac
"""


def package(folder: Path, **answers: str) -> tuple[dict[str, str], str]:
    """The exported variables, and what was said. The image of the source exists already."""
    bin, source = folder / "bin", folder / "source"
    for place in (bin, source):
        place.mkdir()
    (source / "Dockerfile").write_text("FROM scratch\n")
    (bin / "aws").write_text(AWS)
    (bin / "aws").chmod(0o755)
    given = {
        "IMAGE": "none", "SOURCE_BUCKET": "bucket", "SOURCE_KEY": "key", "SOURCE_VERSION": "v5", "EXECUTION": MINE,
        "REPOSITORY_URI": "registry/web", "CONTAINERS": "web", "PLATFORM": "linux/amd64", "RELEASE_RECORD": "/record",
        "BUILD_ARGUMENTS": "", "BUILD_SECRETS": "", "TEMPLATE_FOLDER": "", "CODEBUILD_INITIATOR": "codepipeline/dev-web",
    }  # fmt: skip
    environment = {
        **given, "DIGEST": DIGEST, "UNDER_WAY": MINE, "GIVEN_IMAGE": "none", "RELEASED": "", "MANIFEST": MANIFEST,
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
    assert done.returncode == 0, done.stdout + done.stderr
    said, _, variables = done.stdout.rpartition("VARIABLES\n")
    return dict(line.split("=", 1) for line in variables.splitlines()), said


ON_ITS_WAY = f"{MINE}\t{EARLIER}"
RELEASED = f'2\t{{"schema":1,"release":1,"image_digest":"{DIGEST}","source_version":"v5"}}'
CASES = {
    "a new source": ({}, "yes", "An image of this content exists"),
    "it is on its way": ({"UNDER_WAY": ON_ITS_WAY}, "no", "Source v5 is on its way in an earlier execution"),
    "what is on its way was given an image": ({"UNDER_WAY": ON_ITS_WAY, "GIVEN_IMAGE": DIGEST}, "yes", "exists"),
    "a later execution waits": ({"UNDER_WAY": f"{LATER}\t{MINE}"}, "yes", "exists"),
    "this one is not listed": ({"UNDER_WAY": LATER}, "yes", "exists"),
    "it has been released": ({"UNDER_WAY": ON_ITS_WAY, "RELEASED": RELEASED}, "no", "Source v5 has been released already"),
    "another one has been released": ({"RELEASED": RELEASED.replace("v5", "v4")}, "yes", "the image of release 1 again"),
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
INDEX = json.dumps({"manifests": [{"digest": DIGEST}]})
WITH_COMMIT = RELEASED.replace("v5", "v4").replace("}", f',"commit":"{OTHER}","repository":"team/other"}}')
UNNAMED = ("unknown", "unknown")
NAMES = {
    "labels": (LABELS, {}, (COMMIT, "team/web"), ""),
    "no labels": (None, {}, UNNAMED, ""),
    "labels of others": ({"maintainer": "x"}, {}, UNNAMED, ""),
    "an upload that names a commit": (LABELS, {"UPLOAD": f"{OTHER} team/other"}, (OTHER, "team/other"), ""),
    "a short hash": ({**LABELS, REVISION: "89abcde"}, {}, ("unknown", "team/web"), "The image's commit is not one: 89abcde"),
    "words": ({REVISION: "$(id) x", SOURCE: "a b"}, {}, UNNAMED, "The image's commit is not one: $(id)"),
    "no address": ({**LABELS, SOURCE: "git@github.com:team/web"}, {}, (COMMIT, "unknown"), "repository is not one"),
    "an index of images": (LABELS, {"MANIFEST": INDEX}, UNNAMED, ""),
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
