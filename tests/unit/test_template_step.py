"""What CodeDeploy is given to deploy: buildspecs/template.yaml under bash, with an `aws` that answers from a table."""

import json
import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml
from mocked import ROOT

BUILDSPEC = yaml.safe_load((ROOT / "buildspecs/template.yaml").read_text())
BUILT, LIVE, OTHER = (f"sha256:{letter * 64}" for letter in "abc")
APPSPEC = '# template f1\n{\n  "version": 0.0,\n  "Hooks": [\n    {\n      "AfterInstall": "arn"\n    }\n  ],\n  "Resources": []\n}\n'
AWS = """\
#!/bin/bash
case "$1 $2" in
  'ssm get-parameter-history') printf '%s\\n' "$RECORDS" ;;
  'ecr describe-images') echo "$LIVE" ;;
  's3api get-object') case "$6" in */appspec.yaml) echo "$WRITTEN" > "$7" ;; *) echo "{}" > "$7" ;; esac ;;
  *) echo "nobody answers $*" >&2; exit 1 ;;
esac
"""


def record(version: int, digest: str, source: str, commit: str) -> str:
    """A version of the release record, as the step asks for it."""
    value = {"image_digest": digest, "source_version": source, "commit": commit, "repository": "team/web"}
    return f"{version}\t{json.dumps(value, separators=(',', ':'))}"


FIRST, AGAIN, LAST = (
    record(2, LIVE, "v1", "1" * 40),
    record(9, LIVE, "v9", "9" * 40),
    record(10, OTHER, "v10", "a" * 40),
)


@dataclass(frozen=True)
class Given:
    """What the step has made.

    Attributes:
        variables: those that it exports.
        image: of imageDetail.json.
        app_spec: appspec.yaml.
    """

    variables: Mapping[str, str]
    image: str
    app_spec: str


def template(folder: Path, *records: str, image: str) -> Given:
    """The step's result, of a release record with these versions."""
    bin = folder / "bin"
    bin.mkdir()
    (bin / "aws").write_text(AWS)
    (bin / "aws").chmod(0o755)
    environment = {
        "IMAGE": image, "IMAGE_DIGEST": BUILT, "SOURCE": "v11", "COMMIT": "b" * 40, "COMMIT_REPOSITORY": "team/web",
        "REPOSITORY_URI": "registry/web", "TEMPLATE_BUCKET": "store", "TEMPLATE_FOLDER": "templates/web",
        "RELEASE_RECORD": "/record", "LIVE": LIVE, "RECORDS": "\n".join(["1\tnone", *records]), "WRITTEN": APPSPEC,
        "HOME": str(folder), "PATH": f"{bin}{os.pathsep}{os.environ['PATH']}",
    }  # fmt: skip
    show = [f'echo "{name}=${name}"' for name in BUILDSPEC["env"]["exported-variables"]]
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join([*BUILDSPEC["phases"]["build"]["commands"], "echo VARIABLES", *show])],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    made = folder / BUILDSPEC["artifacts"]["base-directory"]
    assert sorted(file.name for file in made.iterdir()) == sorted(BUILDSPEC["artifacts"]["files"])
    return Given(
        dict(line.split("=", 1) for line in done.stdout.rpartition("VARIABLES\n")[2].splitlines()),
        json.loads((made / "imageDetail.json").read_text())["ImageURI"],
        (made / "appspec.yaml").read_text(),
    )


@pytest.mark.parametrize("records", [(FIRST, AGAIN, LAST), (LAST, AGAIN, FIRST)], ids=["in order", "not in order"])
def test_the_image_that_is_live_is_of_the_last_release_that_had_it(tmp_path: Path, records: tuple[str, ...]) -> None:
    given = template(tmp_path, *records, image="live")
    assert given.image == f"registry/web@{LIVE}"
    assert given.variables == {
        "IMAGE_DIGEST": LIVE,
        "SOURCE": "v9",
        "COMMIT": "9" * 40,
        "COMMIT_REPOSITORY": "team/web",
    }


def test_an_image_that_no_record_names_is_of_an_unknown_source(tmp_path: Path) -> None:
    given = template(tmp_path, LAST, image="live")
    assert {given.variables[name] for name in ("SOURCE", "COMMIT", "COMMIT_REPOSITORY")} == {"unknown"}


def test_what_package_has_chosen_is_deployed_else(tmp_path: Path) -> None:
    given = template(tmp_path, LAST, image="none")
    assert (given.image, given.variables["SOURCE"]) == (f"registry/web@{BUILT}", "v11")


@pytest.mark.parametrize(("records", "hooked"), [((), False), ((LAST,), True)], ids=["first", "later"])
def test_hooks_are_not_called_before_there_is_a_release(tmp_path: Path, records: tuple[str, ...], hooked: bool) -> None:
    assert ("AfterInstall" in template(tmp_path, *records, image="none").app_spec) is hooked
