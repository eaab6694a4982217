"""tools/setup.py: what is good enough, which source of the CLI is taken, and what is said about the others."""

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tools import setup
from tools.programs import Unavailable, printed
from tools.setup import SetupError, Source, Version

WANTED = Version(3, 259, 0)


@pytest.mark.parametrize(
    ("printed", "version"),
    [
        ("v3.259.0\n", Version(3, 259, 0)),
        ("3.260.1", Version(3, 260, 1)),
        ("v3.260.0-alpha.1712345678+abc", Version(3, 260, 0, final=False)),
        ("v3.259.0+dirty", Version(3, 259, 0)),
        ("uv 0.13.9 (x86_64-unknown-linux-gnu)", Version(0, 13, 9)),
        ("go version go1.26.8 linux/amd64", Version(1, 26, 8)),
        ("go version go1.26 darwin/arm64", Version(1, 26, 0)),
        ("go version go1.27rc1 linux/amd64", Version(1, 27, 0, final=False)),
        ("", None),
        ("exit status 127", None),
    ],
)
def test_version_of_what_a_tool_prints(printed: str, version: Version | None) -> None:
    assert Version.find(printed) == version


def test_versions_sort_by_number_and_a_pre_release_comes_first() -> None:
    texts = ["3.9.0", "3.10.0-rc.1", "3.10.0", "3.10.1", "3.100.0", "4.0.0"]
    versions = [Version.find(text) or WANTED for text in texts]
    assert sorted(versions, reverse=True) == versions[::-1]


@pytest.mark.parametrize(
    ("printed", "reason"),
    [
        (None, "not on PATH"),
        ("v3.259.0\n", None),
        ("v3.300.2\n", None),
        ("v3.258.9\n", "3.258.9 is older than 3.259.0"),
        ("v3.259.0-rc.1\n", "3.259.0 (pre-release) is older than 3.259.0"),
        ("v2.999.0\n", "2.999.0 is another major version than 3.259.0"),
        ("v4.0.0\n", "4.0.0 is another major version than 3.259.0"),
        ("exit status 127", "`pulumi version` fails (exit status 127)"),
        ("", "`pulumi version` fails (no output)"),
    ],
)
def test_which_cli_is_good_enough(printed: str | None, reason: str | None) -> None:
    assert setup.cli_refusal(printed, WANTED) == reason


@pytest.mark.parametrize(
    ("refusal", "printed", "reason"),
    [
        (setup.uv_refusal, None, "not on PATH"),
        (setup.uv_refusal, "uv 0.13.9", None),
        (setup.uv_refusal, "uv 0.4.30", "0.4.30 is older than 0.8.0"),
        (setup.uv_refusal, "exit status 127", "`uv --version` fails (exit status 127)"),
        (setup.go_refusal, None, "not on PATH"),
        (setup.go_refusal, "go version go1.21.0 linux/amd64", None),
        (setup.go_refusal, "go version go1.19.8 linux/amd64", "1.19.8 is older than 1.21.0"),
        (setup.go_refusal, "exit status 2", "`go version` fails (exit status 2)"),
    ],
)
def test_which_uv_and_go_are_good_enough(
    refusal: Callable[[str | None], str | None], printed: str | None, reason: str | None
) -> None:
    assert refusal(printed) == reason


@pytest.mark.parametrize(
    "go_mod",
    [
        "module tools\n\nrequire github.com/pulumi/pulumi/pkg/v3 v3.259.0\n",
        "require (\n\tgithub.com/pulumi/pulumi/pkg/v3 v3.259.0\n)\n",
        "require github.com/pulumi/pulumi/sdk/v3 v3.1.0\nrequire github.com/pulumi/pulumi/pkg/v3 v3.259.0\n",
    ],
)
def test_the_pinned_cli_is_what_go_mod_requires(go_mod: str) -> None:
    assert setup.pinned_cli(go_mod) == WANTED


def test_go_mod_of_this_repository_pins_the_cli() -> None:
    assert setup.pinned_cli((setup.MODULE / "go.mod").read_text()) >= WANTED


def test_go_mod_without_the_cli_is_an_error() -> None:
    with pytest.raises(SetupError, match=r"does not require github.com/pulumi/pulumi/pkg/v3: restore"):
        setup.pinned_cli("module tools\n\nrequire github.com/pulumi/pulumi/sdk/v3 v3.259.0\n")


def source(name: str, reason: str | None = None) -> Source:
    """A source that installs, or is unavailable for a reason."""

    def install(wanted: Version) -> None:
        if reason:
            raise Unavailable(reason)

    return Source(name, install)


@pytest.mark.parametrize(
    ("path", "download", "build", "taken", "said"),
    [
        (None, None, None, "path", ["path: installed"]),
        ("old", None, None, "download", ["path: old", "download: installed"]),
        ("old", "offline", None, "build", ["path: old", "download: offline", "build: installed"]),
    ],
)
def test_the_first_source_that_works_is_taken_and_the_others_are_explained(
    path: str | None,
    download: str | None,
    build: str | None,
    taken: str,
    said: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    sources = [source("path", path), source("download", download), source("build", build)]
    assert setup.install_first(sources, WANTED).name == taken
    assert [line.strip() for line in capsys.readouterr().out.splitlines()] == said


def test_no_source_at_all_lists_all_reasons_and_what_to_do() -> None:
    with pytest.raises(SetupError) as raised:
        setup.install_first([source("path", "too old"), source("build", "no Go")], WANTED)
    message = str(raised.value)
    for part in ("3.259.0", "path: too old", "build: no Go", "make setup", setup.CLI_DOCUMENTATION, "go.dev"):
        assert part in message


def test_the_order_of_sources() -> None:
    assert [source.name for source in setup.SOURCES] == [
        "pulumi on PATH",
        "official download",
        "build with Go",
    ]


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine whose PATH has one folder, `bin`, and whose repository installs into `tools`."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "tools").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}")
    monkeypatch.setattr(setup, "CLI", tmp_path / "tools" / "pulumi")
    return tmp_path


def program(path: Path, script: str) -> None:
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)


def test_a_new_enough_cli_on_path_is_linked(machine: Path) -> None:
    program(machine / "bin" / "pulumi", "echo v3.260.0")
    setup.link_from_path(WANTED)
    assert setup.CLI.readlink() == machine / "bin" / "pulumi"
    assert printed(setup.CLI, "version") == "v3.260.0\n"


def test_an_old_cli_on_path_is_not_linked(machine: Path) -> None:
    program(machine / "bin" / "pulumi", "echo v3.100.0")
    with pytest.raises(Unavailable, match=r"^3\.100\.0 is older than 3\.259\.0$"):
        setup.link_from_path(WANTED)
    assert not os.path.lexists(setup.CLI)


def test_a_working_cli_is_left_alone(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program(setup.CLI, "echo v3.300.0")
    monkeypatch.setattr(setup, "SOURCES", ())
    setup.install_cli()
    assert setup.CLI.exists()


def test_a_download_site_that_hangs_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "bin").mkdir()
    program(tmp_path / "bin" / "python", f"sleep 60 & echo $! > {tmp_path / 'pid'}; wait")
    monkeypatch.setattr(setup, "VENV", tmp_path)
    monkeypatch.setattr(setup, "PROBE_SECONDS", 2)
    started = time.monotonic()
    with pytest.raises(Unavailable, match=r"install\.sh cannot be reached \(not finished after"):
        setup.download(WANTED)
    assert time.monotonic() - started < 30
    assert not is_running((tmp_path / "pid").read_text().strip())


def is_running(pid: str) -> bool:
    state = subprocess.run(["ps", "-o", "stat=", "-p", pid], capture_output=True, text=True).stdout
    return state.strip() not in ("", "Z")


@pytest.mark.parametrize("beside", [True, False])
def test_a_real_account_needs_the_language_host_beside_the_real_cli(machine: Path, beside: bool) -> None:
    official = machine / "official"
    official.mkdir()
    program(official / "pulumi", "echo v3.260.0")
    setup.CLI.symlink_to(official / "pulumi")
    if beside:
        program(official / "pulumi-language-python", "")
        setup.require_language_host()
    else:
        with pytest.raises(SetupError, match=r"no Python language host"):
            setup.require_language_host()


def test_go_that_fails_is_unavailable_with_its_message(machine: Path) -> None:
    program(
        machine / "bin" / "go",
        'case "$1" in version) echo go version go1.22.0 linux/amd64;;'
        " *) echo go: downloading a v1; echo fmt; echo 'go: go.mod requires go >= 1.25'; exit 1;; esac",
    )
    with pytest.raises(Unavailable) as raised:
        setup.build(WANTED)
    assert str(raised.value) == "`go list` failed: go: go.mod requires go >= 1.25"


def test_the_build_replaces_the_cli_only_when_it_is_finished(machine: Path) -> None:
    script = f"""case "$1" in
        version) echo go version go1.26.0 linux/amd64;;
        list) echo fmt;;
        build) while [ "$1" != -o ]; do shift; done; {sys.executable} -c 'open("'$2'", "w").write("new")';;
    esac"""
    program(machine / "bin" / "go", script)
    setup.build(WANTED)
    assert setup.CLI.read_text() == "new"
    assert [path.name for path in setup.CLI.parent.iterdir()] == ["pulumi"]


def test_actionlint_is_built_of_its_own_module(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "ACTIONLINT", machine / "actionlint")
    script = f"""case "$1" in
        version) echo go version go1.26.0 linux/amd64;;
        build) while [ "$1" != -o ]; do shift; done; {sys.executable} -c 'import os; open("'$2'", "w").write(os.getcwd())';;
    esac"""
    program(machine / "bin" / "go", script)
    setup.install_actionlint()
    assert Path(setup.ACTIONLINT.read_text()) == setup.MODULE / "actionlint"


def test_without_go_there_is_no_actionlint(machine: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot be built with Go: not on PATH\.\nInstall Go"):
        setup.install_actionlint()


def test_the_plugin_is_built_of_its_own_module(machine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(setup, "PLUGIN", machine / "session-manager-plugin")
    script = f"""case "$1" in
        version) echo go version go1.26.0 linux/amd64;;
        build) while [ "$1" != -o ]; do shift; done; {sys.executable} -c 'import os; open("'$2'", "w").write(os.getcwd())';;
    esac"""
    program(machine / "bin" / "go", script)
    setup.install_plugin()
    assert Path(setup.PLUGIN.read_text()) == setup.MODULE / "session_manager_plugin"


def test_a_plugin_on_path_is_left_alone(
    machine: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(setup, "PLUGIN", machine / "session-manager-plugin")
    program(machine / "bin" / "session-manager-plugin", "exit 0")
    setup.install_plugin()
    assert capsys.readouterr().out == f"Session Manager plugin: {machine / 'bin' / 'session-manager-plugin'}\n"
    assert not setup.PLUGIN.exists()


def test_without_go_there_is_no_plugin(machine: Path) -> None:
    with pytest.raises(SetupError, match=r"cannot be built with Go: not on PATH\.\nInstall it \(https://docs.aws"):
        setup.install_plugin()


def test_progress_counts_what_go_prints() -> None:
    lines = ["go: downloading a v1.0.0", "go: downloading b v2.0.0", "fmt", "a/b/c", "", "# a/b", "x.go:1:2: no"]
    assert setup.fetched(lines) == "2 modules fetched"
    assert setup.compiled(lines, 10) == "2 packages compiled, of 10 at most"


@pytest.mark.parametrize("arguments", [[], ["nothing"], ["cli", "cli"]])
def test_usage(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert setup.main(arguments) == 2
    assert capsys.readouterr().err.startswith("usage: ")


def test_an_error_is_one_message_and_status_1(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise SetupError("Do this.")

    monkeypatch.setitem(setup.STEPS, "cli", fail)
    assert setup.main(["cli"]) == 1
    assert capsys.readouterr().err == "\nDo this.\n"
