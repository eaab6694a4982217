"""What Release asks of ECS: buildspecs/release.yaml under bash, with an `aws` that answers from a table."""

import os
import subprocess
from pathlib import Path

import pytest
import yaml
from mocked import ROOT

DIGEST = "sha256:" + "a" * 64
AWS = """\
#!/bin/bash
case "$1 $2" in
  'ssm get-parameter') echo none ;;
  'ecs describe-services')
    case "$*" in
      *taskSets*stabilityStatus*) printf '0\\tSTABILIZING\\n' ;;
      *taskSets*) echo ecs-svc/1 ;;
      *desiredCount*) echo 0 ;;
      *) echo 'an event' ;;
    esac ;;
  'ecs update-service') echo "$*" >> "$HOME/updated" ;;
  'ecs list-tasks')
    [[ $* != *--started-by* ]] || { echo 'cannot specify startedBy with other arguments' >&2; exit 254; }
    [[ $* == *"--service-name web --desired-status STOPPED"* ]] && seq -f 'arn:task/%g' "$STOPPED" ;;
  'ecs describe-tasks')
    echo $# >> "$HOME/described"
    [[ $* == *"startedBy=='ecs-svc/1'"* ]] && for each in ${*##*--tasks }; do echo "$each"; done ;;
  *) echo "nobody answers $*" >&2; exit 1 ;;
esac
"""


def release(folder: Path, stopped: int) -> str:
    """What a first release by CodeDeploy said, whose tasks do not become steady. It waits for half a minute."""
    (folder / "bin").mkdir()
    for name, script in {"aws": AWS, "sleep": "#!/bin/bash\nexec /bin/sleep 0.05\n"}.items():
        (folder / "bin" / name).write_text(script)
        (folder / "bin" / name).chmod(0o755)
    given = {
        "IMAGE_DIGEST": DIGEST, "SOURCE_VERSION": "v5", "COMMIT": "unknown", "COMMIT_REPOSITORY": "unknown",
        "UPLOADED": "0", "EXECUTION": "e", "CLUSTER": "dev", "SERVICE": "web", "CONTROLLER": "CODE_DEPLOY",
        "CONTAINERS": "web", "MINIMUM_TASKS": "1", "TIMEOUT": "0", "REPOSITORY": "web", "RELEASE_RECORD": "/record",
        "FINGERPRINT_LABEL": "f", "CODEBUILD_INITIATOR": "codepipeline/dev-web", "STOPPED": str(stopped),
    }  # fmt: skip
    if stopped:
        given["TIMEOUT"] = "1"
    buildspec = yaml.safe_load((ROOT / "buildspecs/release.yaml").read_text())
    done = subprocess.run(
        ["bash", "-e", "-c", "\n".join(buildspec["phases"]["build"]["commands"])],
        cwd=folder,
        env={**given, "HOME": str(folder), "PATH": f"{folder / 'bin'}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert (folder / "updated").read_text().count("--desired-count 0") == 1, done.stderr
    return done.stdout + done.stderr


@pytest.mark.parametrize(("stopped", "calls"), [(3, 1), (250, 3)])
def test_stopped_tasks_are_listed_by_the_service_and_told_apart_by_who_started_them(
    tmp_path: Path, stopped: int, calls: int
) -> None:
    said = release(tmp_path, stopped)
    assert said.rstrip().endswith("The first release failed and the service is back at 0 tasks:  an event"), said
    assert "startedBy" not in said
    assert len((tmp_path / "described").read_text().splitlines()) == calls


def test_without_a_stopped_task_it_waits_for_its_time(tmp_path: Path) -> None:
    said = release(tmp_path, 0)
    assert said.rstrip().endswith("the service is back at 0 tasks:  an event"), said
    assert not (tmp_path / "described").exists()
