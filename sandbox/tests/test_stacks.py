"""A stack's folder: the private copy, made-up secrets, the server."""

import json
import os
import socket
import threading
from pathlib import Path
from typing import Any

import pytest
import yaml
from click.testing import CliRunner

from sandbox.cli import main
from sandbox.made_up_secrets import missing_secrets
from sandbox.stacks import SandboxError, Server, StackFolder, repository


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: tiny\nruntime: python\noptions: {refresh: always}\n")
    return tmp_path


def stack(root: Path, document: dict[str, Any] | None = None) -> StackFolder:
    (root / "Pulumi.dev.yaml").write_text(yaml.safe_dump(document or {}))
    return StackFolder("dev", root)


def copy_of(folder: StackFolder) -> dict[str, Any]:
    document: dict[str, Any] = yaml.safe_load((folder.work / "Pulumi.dev.yaml").read_text())
    return document


def test_what_belongs_to_the_real_stack_is_taken_out_of_the_copy(root: Path) -> None:
    said: list[str] = []
    secure = {"secure": "v1:abc"}
    document = {
        "encryptionsalt": "v1:real",
        "secretsprovider": "awskms://alias/x",
        "encryptedkey": "abc",
        "environment": ["some/where"],
        "config": {
            "aws:region": "eu-west-1",
            "tiny:token": secure,
            "tiny:nested": {"a": {"password": secure, "kept": 1}, "list": [secure, "x"]},
        },
    }
    folder = stack(root, document)
    before = (root / "Pulumi.dev.yaml").read_text()
    assert folder.copy_stack_files(said.append)
    assert copy_of(folder) == {
        "config": {"aws:region": "eu-west-1", "tiny:nested": {"a": {"kept": 1}, "list": [None, "x"]}}
    }
    assert said == [
        "Made up for the sandbox, since these secrets are not set: "
        "tiny:nested.a.password, tiny:nested.list[0], tiny:token"
    ]
    assert (root / "Pulumi.dev.yaml").read_text() == before


def test_made_up_values_stay_and_differ(root: Path) -> None:
    folder = stack(root)
    folder.work.mkdir(parents=True)
    assert folder.secrets.make_up(["a", "b", "a"], lambda _: None)
    values = folder.secrets.values()
    assert len(set(values.values())) == 2
    assert not folder.secrets.make_up(["a"], lambda _: None)
    assert folder.secrets.make_up(["a", "c"], lambda _: None)
    assert {key: folder.secrets.values()[key] for key in ("a", "b")} == values


def test_a_value_of_one_s_own_takes_the_place_of_a_made_up_one(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(root)
    folder, key = stack(root), "app:secrets.web.KEY"
    done = CliRunner().invoke(main, ["secret", key, "--stack", "dev"], input="mine\n")
    assert (done.exit_code, done.output) == (0, f"{key} has your value from the next up on: sandbox up --stack dev\n")
    assert folder.secrets.values() == {key: "mine"}
    assert not folder.secrets.make_up([key], lambda _: None)
    assert [file.stat().st_mode & 0o777 for file in folder.work.glob("made-up.json")] == [0o600]
    assert CliRunner().invoke(main, ["secret", key, "--stack", "dev"], input="other\nline\n").exit_code == 0
    assert folder.secrets.values() == {key: "other\nline"}
    for arguments, given in (([key], "\n"), (["KEY"], "x")):
        refused = CliRunner().invoke(main, ["secret", *arguments, "--stack", "dev"], input=given)
        assert (refused.exit_code, refused.output.count("\n")) == (1, 1)
    assert folder.secrets.values() == {key: "other\nline"}


def test_made_up_values_that_a_program_refuses_are_forgotten(root: Path) -> None:
    folder, said = stack(root), list[str]()
    folder.work.mkdir(parents=True)
    folder.secrets.make_up(["app:services.old.secrets.KEY", "app:services.new.secrets.KEY"], lambda _: None)
    kept = folder.secrets.values()["app:services.new.secrets.KEY"]
    refusal = "app:services.old: unknown service\napp:services.old.secrets.KEY: a value without its declaration"
    assert folder.secrets.forget(refusal, said.append)
    assert folder.secrets.values() == {"app:services.new.secrets.KEY": kept}
    assert said == ["Forgot what was made up for: app:services.old.secrets.KEY"]
    assert not folder.secrets.forget(refusal, said.append)
    assert len(StackFolder("dev", root).secrets.values()) == 2, "until what they were for is gone"
    folder.secrets.keep_forgotten()
    assert StackFolder("dev", root).secrets.values() == {"app:services.new.secrets.KEY": kept}


def test_a_preview_forgets_and_makes_up_nothing_for_good(root: Path) -> None:
    folder = stack(root)
    folder.work.mkdir(parents=True)
    folder.secrets.make_up(["app:a", "app:b"], lambda _: None)
    values = folder.secrets.values()
    with folder.secrets.preview():
        assert folder.secrets.forget("app:a: there is no such key", lambda _: None)
        assert folder.secrets.make_up(["app:c"], lambda _: None)
        assert sorted(folder.secrets.values()) == ["app:b", "app:c"]
    folder.secrets.keep_forgotten()
    assert folder.secrets.values() == values == StackFolder("dev", root).secrets.values()


def test_what_a_stack_file_has_in_plain_text_is_known(root: Path) -> None:
    folder = stack(root, {"config": {"app:secrets": {"web": {"KEY": "x", "LOCKED": {"secure": "v1:a"}}}}})
    found = [folder.has(f"app:secrets.web.{key}") for key in ("KEY", "LOCKED", "OTHER", "KEY.x")]
    assert found == [True, True, False, False]
    assert not folder.has("app:webhook")


def test_an_empty_key_reaches_the_program(root: Path) -> None:
    folder = stack(root, {"config": {"tiny:services": {"web": None, "key": {"secure": "v1:a"}}}})
    folder.copy_stack_files(lambda _: None)
    assert copy_of(folder) == {"config": {"tiny:services": {"web": None}}}


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            "config:\n  a: 1\n\tb: 2\n",
            "is not valid YAML: line 3, column 1: there is a tab; YAML is indented with spaces\n  \tb: 2\n  ^",
        ),
        ("config:\n  a: {b: 1\n  c: 2\n", "is not valid YAML: line 3, column 4: "),
        (
            "config:\n  - a: 1\n  b: 2\n",
            "is not valid YAML: line 3, column 3: this is not indented as what it goes on with, or is no item of the "
            "list before it\n    b: 2\n    ^",
        ),
        ("config: {a: b: c}\n", "is not valid YAML: line 1, column 14: "),
        ("config:\n  a: 1\n  a: 2\n", 'is not valid YAML: line 3: mapping key "a" already defined at line 2'),
    ],
)
def test_what_is_no_yaml_is_shown(root: Path, text: str, words: str) -> None:
    folder = stack(root)
    (root / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(SandboxError) as refused:
        folder.config()
    assert str(refused.value).startswith(f"Pulumi.dev.yaml {words}")


def test_the_copy_is_made_anew_only_when_something_changed(root: Path) -> None:
    folder = stack(root, {"config": {"tiny:a": 1}})
    assert folder.copy_stack_files(lambda _: None)
    assert folder.copy_stack_files(lambda _: None), "an interrupted copy is made again"
    folder.copied()
    assert not folder.copy_stack_files(lambda _: None)
    stack(root, {"config": {"tiny:a": 2}})
    assert folder.copy_stack_files(lambda _: None)
    folder.copied()
    folder.secrets.make_up(["tiny:b"], lambda _: None)
    assert folder.copy_stack_files(lambda _: None)


def test_the_copys_own_salt_survives(root: Path) -> None:
    folder = stack(root, {"config": {"tiny:a": 1}, "encryptionsalt": "v1:real"})
    folder.copy_stack_files(lambda _: None)
    (folder.work / "Pulumi.dev.yaml").write_text("encryptionsalt: v1:own\n")
    folder.copy_stack_files(lambda _: None)
    assert copy_of(folder)["encryptionsalt"] == "v1:own"


def test_refresh_always_can_be_left_out(root: Path) -> None:
    folder = stack(root)
    folder.copy_stack_files(lambda _: None)
    assert yaml.safe_load((folder.work / "Pulumi.yaml").read_text())["options"] == {"refresh": "always"}
    folder.copy_stack_files(lambda _: None, keep_refresh=False)
    assert yaml.safe_load((folder.work / "Pulumi.yaml").read_text())["options"] == {}


@pytest.mark.parametrize(
    ("config", "account", "region"),
    [
        ({}, "123456789012", "us-east-1"),
        (
            {"aws:allowedAccountIds": ["222222222222", "333333333333"], "aws:region": "eu-west-1"},
            "222222222222",
            "eu-west-1",
        ),
        ({"aws:allowedAccountIds": '["222222222222"]'}, "222222222222", "us-east-1"),
    ],
)
def test_account_and_region_are_the_stacks(root: Path, config: dict[str, Any], account: str, region: str) -> None:
    folder = stack(root, {"config": config})
    assert (folder.account, folder.region) == (account, region)


@pytest.mark.parametrize(
    ("message", "keys"),
    [
        (
            "Missing required configuration variable 'tiny:pw'\n\tplease set a value using the command "
            "`pulumi config set --secret tiny:pw <value>`",
            ["tiny:pw"],
        ),
        (
            "two are missing:\n  pulumi config set --secret --path 'tiny:secrets.web.A' <value>\n"
            "  pulumi config set --secret --path 'tiny:secrets.web.B' <value>",
            ["tiny:secrets.web.A", "tiny:secrets.web.B"],
        ),
        ("  pulumi config set --path --secret 'tiny:secrets.web.A' <value>", ["tiny:secrets.web.A"]),
        ("pulumi config set tiny:colour <value>", []),
        ("something else", []),
    ],
)
def test_the_secrets_that_a_message_asks_for(message: str, keys: list[str]) -> None:
    assert missing_secrets(message) == keys


def test_a_stack_that_is_not_there_names_those_that_are(root: Path) -> None:
    stack(root)
    with pytest.raises(SandboxError, match=r"no Pulumi\.prd\.yaml; the stacks are: dev"):
        StackFolder("prd", root)


@pytest.mark.parametrize(
    "text",
    ["config: [", "- a", "config: 3", "config: {aws:allowedAccountIds: 7}", "config: {aws:allowedAccountIds: [abc]}"],
)
def test_a_stack_file_that_is_none_is_one_message(root: Path, text: str) -> None:
    folder = stack(root)
    (root / "Pulumi.dev.yaml").write_text(text)
    with pytest.raises(SandboxError, match=r"Pulumi\.dev\.yaml"):
        _ = folder.account


def test_a_key_that_is_there_twice_is_no_yaml(root: Path) -> None:
    """The last one would win without a word, and Pulumi refuses it."""
    folder = stack(root)
    (root / "Pulumi.dev.yaml").write_text("config:\n  aws:region: eu-west-1\n  aws:region: eu-west-2\n")
    with pytest.raises(SandboxError, match='line 3: mapping key "aws:region" already defined at line 2'):
        _ = folder.region
    (root / "Pulumi.dev.yaml").write_text("base: &base {a: 1}\nconfig: {<<: *base, a: 2}\n")
    assert folder.config() == {"a": 2}


def test_the_repository_is_found_from_below(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = root / "a" / "b"
    below.mkdir(parents=True)
    monkeypatch.chdir(below)
    assert repository() == root


def test_a_server_that_is_gone_is_none(root: Path) -> None:
    folder = stack(root)
    folder.work.mkdir(parents=True)
    gone = Server(pid=2**22 - 1, port=1, aws_port=1, awsx_port=1, account="1", region="r")
    (folder.folder / "server.json").write_text(json.dumps(gone.__dict__))
    assert folder.server() is None
    another = {**gone.__dict__, "pid": os.getpid()}
    (folder.folder / "server.json").write_text(json.dumps(another))
    assert folder.server() is None, "another process that got the number serves nothing"
    with pytest.raises(SandboxError, match="sandbox up --stack dev"):
        folder.running_server()


def test_commands_on_one_stack_wait_for_each_other(root: Path) -> None:
    folder, said, order = stack(root), [], []  # type: ignore[var-annotated]
    inside = threading.Event()

    def second() -> None:
        inside.wait()
        with StackFolder("dev", root).locked(said.append):
            order.append("second")

    thread = threading.Thread(target=second)
    thread.start()
    with folder.locked(said.append):
        inside.set()
        while not said:
            pass
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert said == ["Waiting for another command on stack dev to end"]


def test_a_stack_in_another_one_s_sandbox(root: Path) -> None:
    host = stack(root)
    (root / "Pulumi.pr-7.yaml").write_text("")
    guest = StackFolder("pr-7", root)
    with pytest.raises(SandboxError, match="stack dev is not up"):
        guest.settle_in("dev")
    host.work.mkdir(parents=True)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        running = Server(pid=os.getpid(), port=port, aws_port=port, awsx_port=port, account="1", region="r")
        (host.folder / "server.json").write_text(json.dumps(running.__dict__))
        guest.settle_in("dev")
        guest.settle_in("dev")
        assert guest.running_server() == running
        assert (guest.state.resolve(), guest.work == host.work) == (host.state, False)
    assert guest.server() is None
    with pytest.raises(SandboxError, match="in the sandbox of stack dev, which is not up; run: sandbox up --stack dev"):
        guest.ensure_server(print)


def test_a_stack_with_a_sandbox_of_its_own_stays_there(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    stack(root)
    (root / "Pulumi.pr-7.yaml").write_text("")
    guest = StackFolder("pr-7", root)
    guest.work.mkdir(parents=True)
    monkeypatch.setattr(StackFolder, "running_server", lambda _: None)
    with pytest.raises(SandboxError, match="has a sandbox of its own; run: sandbox stop --stack pr-7"):
        guest.settle_in("dev")


def test_no_sandbox_starts_in_a_region_that_there_is_not(root: Path) -> None:
    with pytest.raises(SandboxError, match=r"Pulumi\.dev\.yaml: aws:region: 'eu-west-9' is not a region that is known"):
        stack(root, {"config": {"aws:region": "eu-west-9"}}).ensure_server(lambda _: None)
    for config in ({"aws:region": "eu-west-1"}, {"aws:region": "eu-west-9", "aws:skipRegionValidation": True}):
        assert stack(root, {"config": config}).known_region() == config["aws:region"]
