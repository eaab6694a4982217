"""An empty AWS for any client: `sandbox serve`."""

import contextlib
import json
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import boto3
import pytest
from click.testing import CliRunner

from sandbox.cli import main

ACCOUNT, REGION = "210987654321", "eu-west-1"


@contextlib.contextmanager
def serving(folder: Path, *options: str) -> Iterator[subprocess.Popen[str]]:
    """A server of its own, in a directory that is no repository."""
    command = [str(Path(sys.executable).parent / "sandbox"), "serve", "--account", ACCOUNT, "--region", REGION]
    command += ["--folder", str(folder), *options]
    process = subprocess.Popen(command, cwd="/", stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def variables(process: subprocess.Popen[str], last: str) -> str:
    """What it prints when clients can connect."""
    assert process.stdout is not None
    printed = ""
    while last not in printed:
        line = process.stdout.readline()
        assert line, process.stderr and process.stderr.read()
        printed += line
    return printed


def test_a_client_finds_an_empty_account_and_nothing_is_left_of_it(tmp_path: Path) -> None:
    given, made = tmp_path / "given", tmp_path / "to" / "make"
    given.mkdir()
    with serving(given) as one, serving(made, "--json") as other:
        found = json.loads(variables(other, "}\n"))
        port = json.loads((made / "server.json").read_text())["port"]
        assert found["AWS_ENDPOINT_URL"] == f"http://127.0.0.1:{port}"
        assert found["AWS_REGION"] == found["AWS_DEFAULT_REGION"] == REGION
        session = boto3.Session(found["AWS_ACCESS_KEY_ID"], found["AWS_SECRET_ACCESS_KEY"], region_name=REGION)
        sts = session.client("sts", endpoint_url=found["AWS_ENDPOINT_URL"])
        assert sts.get_caller_identity()["Arn"] == f"arn:aws:iam::{ACCOUNT}:root"
        s3 = session.client("s3", endpoint_url=found["AWS_ENDPOINT_URL"])
        assert s3.list_buckets()["Buckets"] == []

        shell = variables(one, "unset AWS_PROFILE\n")
        port = json.loads((given / "server.json").read_text())["port"]
        assert f"export AWS_ENDPOINT_URL=http://127.0.0.1:{port}\n" in shell

        for process, number in ((one, signal.SIGTERM), (other, signal.SIGINT)):
            process.send_signal(number)
            assert process.wait(20) == 0
    assert list(given.iterdir()) == []
    assert not made.exists()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--folder", "full"], "error: --folder full: is not empty; what is in it would be removed with the sandbox\n"),
        (["--account", "12"], "error: --account 12: must be 12 digits\n"),
        (["--region", "Tokyo"], "error: --region Tokyo: must be a region, such as us-east-1\n"),
        (["--folder", "full/file/below"], "error: --folder full/file/below: cannot be made: Not a directory\n"),
    ],
)
def test_what_cannot_be_served_is_said(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "file").touch()
    result = CliRunner().invoke(main, ["serve", *options])
    assert (result.exit_code, result.stderr) == (1, message)
    assert (tmp_path / "full" / "file").exists()
    assert [each.name for each in tmp_path.iterdir()] == ["full"]


def test_help_has_an_example() -> None:
    result = CliRunner().invoke(main, ["serve", "--help"])
    assert result.exit_code == 0
    assert "Example: sandbox serve --account 123456789012 --region eu-west-1 --folder /tmp/aws" in result.stdout
