"""What Package decides of a source: buildspecs/package.yaml under bash, with an `aws` that answers from a table."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from mocked import ROOT

MINE, EARLIER, LATER = "exec-mine", "exec-earlier", "exec-later"
DIGEST = "sha256:" + "a" * 64
AWS = """\
#!/bin/bash
case "$1 $2" in
  'codepipeline list-pipeline-executions') printf '%s\\n' "$UNDER_WAY" ;;
  'codepipeline get-pipeline-execution') echo "$GIVEN_IMAGE" ;;
  'ssm get-parameter-history') printf '1\\tnone\\n%s\\n' "$RELEASED" ;;
  's3api head-object') printf 'None\\tNone\\t2030-01-04T00:00:00Z\\n' ;;
  'ecr describe-images') echo "$DIGEST" ;;
  'events put-events') ;;
  *) echo "nobody answers $*" >&2; exit 1 ;;
esac
"""


def package(folder: Path, **answers: str) -> tuple[str, str]:
    """Whether it is to be deployed, and what was said. The image of the source exists already."""
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
    environment = {**given, "DIGEST": DIGEST, "UNDER_WAY": MINE, "GIVEN_IMAGE": "none", "RELEASED": "", **answers}
    commands = yaml.safe_load((ROOT / "buildspecs/package.yaml").read_text())["phases"]["build"]["commands"]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join([*commands, 'echo "DEPLOY=$DEPLOY"'])],
        cwd=source,
        env={**environment, "HOME": str(folder), "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    said, _, deploy = done.stdout.rpartition("DEPLOY=")
    return deploy.strip(), said


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
    decided, said = package(tmp_path, **answers)
    assert decided == deploy, said
    assert words in said
