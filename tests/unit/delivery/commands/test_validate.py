"""What `validate` finds in stack files, which is what `up` refuses; without the engine and AWS."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner, Result

from delivery.__main__ import main
from delivery.command_line import Connection
from tests.support.example import EXAMPLE, copy_program

SECURE = {"secure": "v1:abc:def"}
WEB: dict[str, Any] = {
    "task": {"template": "web.json", "cpu": 256, "memory": 512, "port": 80},
    "parameters": {"KEY": {"secret": True, "for": ["runtime"]}},
}
WHOLE = {
    "aws:region": "eu-west-1",
    "fargate-delivery:domain": {"zone": "example.com"},
    "fargate-delivery:services": {"chuoi": WEB},
    "fargate-delivery:secrets": {"chuoi": {"KEY": SECURE}},
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program's folder, without stack files; AWS may not be asked."""

    def asked(_: Connection) -> None:
        raise AssertionError("AWS was asked")

    monkeypatch.setattr(Connection, "session", property(asked))
    (tmp_path / "Pulumi.yaml").write_text("name: fargate-delivery\nruntime: python\n")
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DELIVERY_STACK", raising=False)
    return tmp_path


def write(folder: Path, stack: str, config: dict[str, Any]) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text(yaml.safe_dump({"config": config}))


def validate(*arguments: str) -> Result:
    return CliRunner().invoke(main, ["validate", *arguments])


def without(key: str, **more: Any) -> dict[str, Any]:
    return {**{name: value for name, value in WHOLE.items() if not name.endswith(key)}, **more}


def test_the_example_has_no_mistake(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(EXAMPLE)
    done = validate("--without-secrets")
    assert (done.exit_code, done.stderr) == (0, "")
    assert [line.partition(":")[0] for line in done.stdout.splitlines()] == [
        "Pulumi.dev.yaml", "Pulumi.local.yaml", "Pulumi.pr.yaml", "Pulumi.prd.yaml",
    ]  # fmt: skip


def test_all_are_checked_and_one_by_its_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(folder, "dev", WHOLE)
    write(folder, "prd", without("region"))
    assert validate().stdout == "Pulumi.dev.yaml: 1 service, no mistake\nPulumi.prd.yaml: 1 service, no mistake\n"
    assert validate("--stack", "prd").stdout == "Pulumi.prd.yaml: 1 service, no mistake\n"
    monkeypatch.setenv("DELIVERY_STACK", "dev")
    assert validate().stdout == "Pulumi.dev.yaml: 1 service, no mistake\n"


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"fargate-delivery:servces": {}}, "line 9: fargate-delivery:servces: there is no such key; did you mean services?"),
        ({"aws:regoin": "eu-west-1"}, "line 3: aws:regoin: there is no such key; did you mean aws:region?"),
        ({"aws:region": "eu-west-9"}, "aws:region: 'eu-west-9' is not a region"),
        (
            {"fargate-delivery:services": {"chuoi": {**WEB, "task": {**WEB["task"], "memory": 100}}}},
            "fargate-delivery:services.chuoi.task: memory 100 does not go with cpu 256",
        ),
        ({"fargate-delivery:services": {"chuoi": {**WEB, "task": {**WEB["task"], "template": "no.json"}}}}, "there is no such template"),
        ({"fargate-delivery:secrets": {"chuoi": {"OTHER": SECURE}}}, "secrets.chuoi.OTHER: no service has a parameter"),
        ({"fargate-delivery:secrets": {"chuoi": {"KEY": "hunter2"}}}, "secrets.chuoi.KEY: is in plain text, and must be encrypted"),
        ({"fargate-delivery:notifications": {"slack": True}}, "notifications.slack: the webhook is not set"),
        ({"fargate-delivery:common": "text"}, "fargate-delivery:common: "),
    ],
)  # fmt: skip
def test_a_mistake_is_told_as_up_tells_it(folder: Path, config: dict[str, Any], words: str) -> None:
    write(folder, "dev", {**WHOLE, **config})
    done = validate()
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr.startswith("error: Pulumi.dev.yaml is not valid:\n")
    assert words in done.stderr
    assert "hunter2" not in done.stderr


def test_a_file_with_a_mistake_stops_no_other(folder: Path) -> None:
    write(folder, "dev", without("secrets"))
    write(folder, "prd", WHOLE)
    done = validate()
    assert (done.exit_code, done.stdout) == (1, "Pulumi.prd.yaml: 1 service, no mistake\n")
    assert "services.chuoi.parameters.KEY: the secret is not set" in done.stderr


@pytest.mark.parametrize(
    "config",
    [
        without("secrets"),
        {**WHOLE, "fargate-delivery:notifications": {"slack": True}},
        {**WHOLE, "fargate-delivery:notifications": {"slack": {"level": "releases"}}},
        {**WHOLE, "fargate-delivery:notifications": {"slack": False}},
        {**WHOLE, "fargate-delivery:notifications": {"commits": {"host": "github"}}},
        {**WHOLE, "fargate-delivery:notifications": {"slack": True}, "fargate-delivery:slack_webhook": SECURE},
    ],
)
def test_secrets_may_be_still_to_be_set(folder: Path, config: dict[str, Any]) -> None:
    write(folder, "dev", config)
    done = validate("--without-secrets")
    assert (done.exit_code, done.stderr) == (0, "")


def test_what_is_encrypted_is_not_looked_at(folder: Path) -> None:
    slack = {"fargate-delivery:notifications": {"slack": True}, "fargate-delivery:slack_webhook": SECURE}
    write(folder, "dev", {**WHOLE, **slack})
    assert validate().exit_code == 0


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("config: [", "Pulumi.dev.yaml is not YAML: line 1, column 10"),
        ("a: 1", "Pulumi.dev.yaml has no keys below `config:`"),
    ],
)
def test_a_file_that_is_none(folder: Path, text: str, words: str) -> None:
    (folder / "Pulumi.dev.yaml").write_text(text)
    done = validate()
    assert done.exit_code == 1
    assert words in done.stderr


def test_a_folder_without_stack_files(folder: Path) -> None:
    assert "this folder has no stack files, Pulumi.STACK.yaml" in validate().stderr
    assert "there is no Pulumi.dev.yaml" in validate("--stack", "dev").stderr
    assert not list(folder.glob("Pulumi.*.yaml"))


LOADED = """
import sys
from delivery.__main__ import main
try:
    main(["validate", "--stack", "dev", "--without-secrets"])
finally:
    print(sorted({name.split(".")[1] for name in sys.modules if name.startswith("pulumi_aws.") and name.count(".") == 2}))
"""


def test_it_loads_no_service_of_the_provider_s_sdk(tmp_path: Path) -> None:
    """Which would be more than half of its time: components name those in annotations only, which are not evaluated."""
    copy_program(tmp_path)
    done = subprocess.run([sys.executable, "-c", LOADED], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines() == ["Pulumi.dev.yaml: 2 services, no mistake", "[]"]
