"""`python -m acceptance`, with the real CLI, on an AWS as it is believed to be, and on one that is not."""

import re
import subprocess
from pathlib import Path

import boto3
import pytest
import yaml

from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.stacks import Server
from tests.engine.conftest import ACCOUNT, REGION, REPOSITORY, new_server
from tests.real_cli import install
from tests.scenarios.conftest import SPEED
from tests.support.example import copy_parts, copy_program

pytestmark = pytest.mark.nightly

UNTRUE = "Right after `UpdateService`"
"""What this AWS does otherwise: its first answer after a change is what was before."""
ROW = re.compile(r"^\| (?P<text>.+?) \| (?P<verdict>held|did not hold|could not be checked|by hand) \|", re.MULTILINE)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """The program, with a stack whose account is to be tried."""
    root = tmp_path / "repository"
    copy_program(root)
    copy_parts(root, "acceptance", "docs")
    config = {"aws:region": REGION, "aws:allowedAccountIds": [ACCOUNT], "aws:defaultTags": {"tags": {"stack": "dev"}}}
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump({"config": config}))
    return root


def accept(root: Path, server: Server, *arguments: str) -> subprocess.CompletedProcess[str]:
    """The command, as who follows docs/aws-assumptions.md runs it; AWS is the sandbox."""
    installed = install(root / ".cli", {"aws": server.aws_port, "awsx": server.awsx_port})
    aws = {
        "AWS_ACCESS_KEY_ID": ROOT_CREDENTIALS.access_key,
        "AWS_SECRET_ACCESS_KEY": ROOT_CREDENTIALS.secret_key,
        "AWS_REGION": REGION,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_EC2_METADATA_DISABLED": "true",
    }
    backend = root / ".state"
    backend.mkdir(exist_ok=True)
    variables = installed.variables(aws, PULUMI_BACKEND_URL=backend.as_uri(), PULUMI_CONFIG_PASSPHRASE="")
    command = [str(REPOSITORY / ".venv/bin/python"), "-m", "acceptance", *arguments]
    return subprocess.run(
        command,
        cwd=root,
        env=variables,
        capture_output=True,
        text=True,
        check=False,
        timeout=500,
        stdin=subprocess.DEVNULL,
    )


def test_a_whole_life_prints_what_held_and_one_wrong_belief(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_SPEED", SPEED)
    monkeypatch.setenv("SANDBOX_AWS", "stale_services")
    place = tmp_path / "server"
    place.mkdir()
    with new_server(place) as server:
        asked = accept(root, server, "--stack", "dev")
        assert (asked.returncode, asked.stderr.splitlines()[-1]) == (
            1,
            "error: nothing was made; there is no terminal on which to ask, so run it again with --yes",
        )
        done = accept(root, server, "--stack", "dev", "--yes", "--every", "0.3")
        rows = {found["text"]: found["verdict"] for found in ROW.finditer(done.stdout)}
        assert list(rows.values()).count("held") >= 27, done.stdout + done.stderr
        others = {text: verdict for text, verdict in rows.items() if verdict not in ("held", "by hand")}
        assert [verdict for text, verdict in others.items() if text.startswith(UNTRUE)] == ["did not hold"], others
        assert "did not hold" not in [v for text, v in others.items() if not text.startswith(UNTRUE)], done.stdout
        last = "error: 1 of the assumptions did not hold, as the table says"
        assert (done.returncode, done.stderr.splitlines()[-1]) == (1, last)
        ecs = boto3.client(
            "ecs",
            endpoint_url=server.endpoint,
            region_name=REGION,
            aws_access_key_id=ROOT_CREDENTIALS.access_key,
            aws_secret_access_key=ROOT_CREDENTIALS.secret_key,
        )
        clusters = ecs.describe_clusters(clusters=["acceptance"])["clusters"]
        assert "ACTIVE" not in [cluster["status"] for cluster in clusters]
        assert not (root / "Pulumi.acceptance.yaml").exists()
