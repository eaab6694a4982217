"""The docker of PATH: what it is given, who it is, and how it fails."""

import base64
from pathlib import Path
from typing import Any

import boto3
import pytest
from delivery_aws import FakeAws

from delivery.uploads.docker import CREDENTIALS, Docker
from releases.errors import DeliveryError

SCRIPT = """\
#!/bin/sh
{ echo "$@"; pwd; echo "$AWS_ACCESS_KEY_ID $AWS_SECRET_ACCESS_KEY ${AWS_SESSION_TOKEN-none} ${AWS_PROFILE-none} $SECRET"; cat; } > "$CALL"
echo one
echo two >&2
exit ${CODE:-0}
"""


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What it was called with."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/docker").write_text(SCRIPT)
    (tmp_path / "bin/docker").chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:/usr/bin:/bin")
    monkeypatch.setenv("CALL", str(tmp_path / "call"))
    return tmp_path / "call"


class Ecr(FakeAws):
    def _GetAuthorizationToken(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"authorizationData": [{"authorizationToken": base64.b64encode(b"AWS:token").decode()}]}


SESSION = boto3.Session("key", "secret", region_name="eu-west-1")


def test_it_runs_in_the_folder_as_who_pushes(call: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said: list[str] = []
    for name in CREDENTIALS:
        monkeypatch.setenv(name, "another's")
    Docker(SESSION, said.append, tmp_path / "bin", {"SECRET": "s3cret"}).run("build", "--tag", "a:b", ".")
    assert call.read_text() == f"build --tag a:b .\n{tmp_path / 'bin'}\nkey secret none none s3cret\n"
    assert said == ["one", "two"]


def test_it_logs_in_by_a_token_that_no_command_line_has(call: Path) -> None:
    said: list[str] = []
    Docker(Ecr().session(), said.append).log_in("1.dkr.ecr.eu-west-1.amazonaws.com")
    first, *_, given = call.read_text().splitlines()
    assert (first, given) == ("login --username AWS --password-stdin 1.dkr.ecr.eu-west-1.amazonaws.com", "token")
    assert said == []


def test_a_command_that_fails_is_told_with_the_end_of_what_it_said(call: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CODE", "17")
    with pytest.raises(DeliveryError) as failed:
        Docker(SESSION, lambda _: None).run("push", "a:b")
    assert str(failed.value) == "`docker push` has failed with exit code 17"
    assert failed.value.more == ["  | one", "  | two"]


def test_where_there_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(DeliveryError, match="there is no `docker` on PATH"):
        Docker(SESSION, print).run("push", "a:b")


def test_a_login_that_ends_without_a_look_at_the_token(call: Path) -> None:
    """More than a pipe holds, so that it is not written when docker ends."""
    (call.parent / "bin/docker").write_text("#!/bin/sh\necho no daemon\nexit 1\n")
    token = base64.b64encode(b"AWS:" + b"t" * 1_000_000).decode()

    class Long(FakeAws):
        def _GetAuthorizationToken(self, given: dict[str, Any]) -> dict[str, Any]:
            return {"authorizationData": [{"authorizationToken": token}]}

    with pytest.raises(DeliveryError) as failed:
        Docker(Long().session(), lambda _: None).log_in("1.dkr.ecr.eu-west-1.amazonaws.com")
    assert (str(failed.value), failed.value.more) == ("`docker login` has failed with exit code 1", ["  | no daemon"])
