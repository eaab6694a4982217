"""Environment files: what is refused of them, and under mocks where they are put, who reads them, and what pins them."""

import json
from pathlib import Path
from typing import Any

import pytest
from mocked import Recorder, of_stack, stack_config

from components.service.environment_files import EnvironmentFile
from config import settings
from tests.unit.program.test_program import statements

ROLE_POLICY, OBJECT = "aws:iam/rolePolicy:RolePolicy", "aws:s3/bucketObjectv2:BucketObjectv2"
SHARED = "arn:aws:s3:::team-settings/shared.env"
TEXT = "# of the shop\nREGION=eu\n\nNAME=the best  shop = ours\nEMPTY=\n"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (TEXT, []),
        ("", []),
        ("A=1\nsome words\n", ["a.env, line 2: must be VARIABLE=VALUE, a comment that begins with #, or empty"]),
        ("export A=1", ["a.env, line 1: must be VARIABLE=VALUE, a comment that begins with #, or empty"]),
        ("1A=1", ["a.env, line 1: must be VARIABLE=VALUE, a comment that begins with #, or empty"]),
        (" # indented", ["a.env, line 1: must be VARIABLE=VALUE, a comment that begins with #, or empty"]),
        ("A='1'", ["a.env, line 1: A begins with a quotation mark, which would be part of the value; remove it"]),
        ("A=1\nB=2\nA=3", ["a.env: A is there twice"]),
        ("PASSWORD_LENGTH=8\nTOKEN_SECONDS=60\nDB_PASSWORD=\nURL=https://example.com/@me:x", []),
    ],
)
def test_what_ecs_would_not_understand_is_named(text: str, found: list[str]) -> None:
    assert list(EnvironmentFile("a.env", text).problems()) == found


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("DB_PASSWORD=hunter2", "DB_PASSWORD is a secret by its name"),
        ("github_token=x", "github_token is a secret by its name"),
        ("SECRET_KEY_BASE=x", "SECRET_KEY_BASE is a secret by its name"),
        ("DATABASE_URL=ecto://app:hunter2@db/shop", "DATABASE_URL holds an address with a password"),
        ("KEY=-----BEGIN RSA PRIVATE KEY-----", "KEY holds a private key"),
        ("ID=AKIA1234567890ABCDEF", "ID holds a key of AWS's"),
        ("HOOK=glpat-abc", "HOOK holds a token"),
    ],
)
def test_a_secret_is_refused_and_not_told(line: str, why: str) -> None:
    (problem,) = EnvironmentFile("a.env", line).problems()
    assert problem == f"a.env, line 1: {why}; make it one of `parameters`, with secret: true"


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "b.env").write_bytes(b"\xff")
    with pytest.raises(ValueError, match=r"a\.env: there is no such file in .*; there are: b\.env"):
        EnvironmentFile.load(tmp_path / "a.env")
    with pytest.raises(ValueError, match=r"b\.env: must be UTF-8"):
        EnvironmentFile.load(tmp_path / "b.env")


def dev(folder: Path, monkeypatch: pytest.MonkeyPatch, text: str) -> Recorder:
    """Stack dev, whose chuoi reads a file of its own and one of somebody else's."""
    for name in ("web.json", "worker.json"):
        (folder / name).write_text((settings.TEMPLATES / name).read_text())
    (folder / "chuoi.env").write_text(text)
    monkeypatch.setattr(settings, "TEMPLATES", folder)
    services = json.loads(stack_config("dev")["fargate-delivery:services"])
    services["chuoi"]["task"] = {**services["chuoi"].get("task", {}), "environment_files": ["chuoi.env", SHARED]}
    return of_stack("dev", services=services)


def named(recorder: Recorder, service: str = "chuoi") -> Any:
    definition = recorder.inputs("aws:ecs/taskDefinition:TaskDefinition", f"{service}-task")
    (container,) = json.loads(definition["containerDefinitions"])
    return container.get("environmentFiles")


def put(recorder: Recorder) -> dict[str, str]:
    return {
        recorder.inputs(OBJECT, name)["key"]: recorder.inputs(OBJECT, name)["content"]
        for name in recorder.named(OBJECT)
        if ".env-" in name
    }


def test_a_file_is_an_object_by_its_content_which_the_task_definition_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = dev(tmp_path, monkeypatch, TEXT)
    ((key, content),) = put(first).items()
    digest = EnvironmentFile("chuoi.env", TEXT).digest
    assert (key, content) == (f"environment/chuoi/{digest}/chuoi.env", TEXT)
    bucket = "arn:aws:s3:::delivery-store-bucket-0a1b2c3"
    assert named(first) == [{"type": "s3", "value": f"{bucket}/{key}"}, {"type": "s3", "value": SHARED}]
    assert named(first, "mailer") is None
    found = statements(first, ROLE_POLICY, "chuoi-execution-policy")
    assert {sid: each["Resource"] for sid, each in found.items() if "Files" in sid} == {
        "ReadOwnEnvironmentFiles": [f"{bucket}/environment/chuoi/*"],
        "FindOwnEnvironmentFiles": [bucket],
        "ReadEnvironmentFiles": [SHARED],
        "FindEnvironmentFiles": ["arn:aws:s3:::team-settings"],
    }
    assert "Files" not in json.dumps(statements(first, ROLE_POLICY, "mailer-execution-policy"))
    (request,) = [each for name, each in first.named(OBJECT).items() if ".env-" in name]
    assert request.retainOnDelete, "what was deployed before reads it"
    assert put(dev(tmp_path, monkeypatch, f"{TEXT}MORE=1\n")).keys() != {key}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("PORT=1", "chuoi.env: PORT is in the template's environment too; a name may have one value"),
        ("PHX_HOST=a", "chuoi.env: PHX_HOST is in parameters.PHX_HOST too; a name may have one value"),
        ("A_TOKEN=b", "chuoi.env, line 1: A_TOKEN is a secret by its name"),
    ],
)
def test_the_stack_file_s_key_is_named_with_the_mistake(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, words: str
) -> None:
    with pytest.raises(Exception, match="is not valid") as refused:
        dev(tmp_path, monkeypatch, text)
    assert f"services.chuoi.task.environment_files[0]: {words}" in str(refused.value)
