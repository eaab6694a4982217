"""Installs what the project needs: packages into each `.venv`, and `.tools` (uv, Pulumi CLI, actionlint, plugin).

`make setup` runs it. Standard library only, because it runs before anything is installed.
"""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from tools.programs import ROOT, Unavailable, is_fetch, is_package, last_line, printed, run, run_go, say

MODULE = ROOT / "tools"
VENV = ROOT / ".venv"
POLICY = ROOT / "policy"
DEPLOYMENTS = ROOT / "deployments"
TOOLS = ROOT / ".tools"
CLI = TOOLS / "bin" / "pulumi"

ACTIONLINT = TOOLS / "lint" / "actionlint"
ACTIONLINT_MODULE = MODULE / "actionlint"

PLUGIN = CLI.parent / "session-manager-plugin"
PLUGIN_MODULE = MODULE / "session_manager_plugin"
PLUGIN_DOCUMENTATION = (
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/session-manager-working-with-install-plugin.html"
)

CLI_MODULE = "github.com/pulumi/pulumi/pkg/v3"
CLI_PACKAGE = f"{CLI_MODULE}/cmd/pulumi"
CLI_INSTALLER = "https://get.pulumi.com/install.sh"
CLI_DOCUMENTATION = "https://www.pulumi.com/docs/install/"
UV_DOCUMENTATION = "https://docs.astral.sh/uv/getting-started/installation/"

PROBE_SECONDS = 8
DOWNLOAD_SECONDS = 600


class SetupError(Exception):
    """The set-up cannot go on; the message says what failed and what to do next."""


class Version(NamedTuple):
    """A release of a tool. A pre-release sorts before its release."""

    major: int
    minor: int
    patch: int
    final: bool = True

    @classmethod
    def find(cls, text: str) -> Version | None:
        """The first version in what a tool prints: `v3.259.0`, `uv 0.13.9 (…)`, `go version go1.26 …`."""
        match = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?(-[0-9A-Za-z]|rc|beta)?", text)
        if match is None:
            return None
        major, minor, patch, pre_release = match.groups()
        return cls(int(major), int(minor), int(patch or 0), pre_release is None)

    def __str__(self) -> str:
        return f"{self.major}.{self.minor}.{self.patch}{'' if self.final else ' (pre-release)'}"


UV_VERSION = Version(0, 13, 9)
UV_MINIMUM = Version(0, 8, 0)
GO_MINIMUM = Version(1, 21, 0)


# ── What is good enough ──────────────────────────────────────────────────────────────────────────────────


def pinned_cli(go_mod: str) -> Version:
    """The CLI version that tools/go.mod requires: the only place where it is written."""
    match = re.search(rf"^\s*(?:require\s+)?{re.escape(CLI_MODULE)}\s+(v\S+)", go_mod, re.MULTILINE)
    version = Version.find(match[1]) if match else None
    if version is None:
        raise SetupError(f"tools/go.mod does not require {CLI_MODULE}: restore it from git.")
    return version


def tool_refusal(printed: str | None, command: str, minimum: Version) -> str | None:
    """Why the tool that printed this for a command is not used; None: it is. `printed` None: there is none."""
    if printed is None:
        return "not on PATH"
    version = Version.find(printed)
    if version is None:
        return f"`{command}` fails ({last_line(printed)})"
    return f"{version} is older than {minimum}" if version < minimum else None


def cli_refusal(printed: str | None, wanted: Version) -> str | None:
    """Why the CLI that printed this for `pulumi version` is not used; None: it is."""
    version = Version.find(printed or "")
    if version is not None and version.major != wanted.major:
        return f"{version} is another major version than {wanted}"
    return tool_refusal(printed, "pulumi version", wanted)


def uv_refusal(printed: str | None) -> str | None:
    """Why the uv that printed this for `uv --version` is not used; None: it is."""
    return tool_refusal(printed, "uv --version", UV_MINIMUM)


def go_refusal(printed: str | None) -> str | None:
    """Why the Go that printed this for `go version` cannot build the CLI; None: it can.

    From 1.21 on, Go fetches by itself the newer toolchain that go.mod asks for.
    """
    return tool_refusal(printed, "go version", GO_MINIMUM)


def fetched(lines: Sequence[str]) -> str:
    """What `go list` has done so far, from the lines it printed."""
    return f"{sum(map(is_fetch, lines))} modules fetched"


def compiled(lines: Sequence[str], total: int) -> str:
    """What `go build -v` has done so far, from the lines it printed; it leaves out what Go's cache has."""
    return f"{sum(map(is_package, lines))} packages compiled, of {total} at most"


# ── Python packages ──────────────────────────────────────────────────────────────────────────────────────


def install_packages(project: Path = ROOT, *options: str) -> None:
    """Makes the `.venv` of a project what its uv.lock says, with more options for `uv sync`."""
    uv, venv = find_uv(), project / ".venv"
    say(f"Python packages of {(project / 'uv.lock').relative_to(ROOT)} → {venv.relative_to(ROOT)}")
    python = [] if (venv / "bin" / "python").exists() else ["--python", sys.executable]
    environment = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(venv),
        "UV_PYTHON_DOWNLOADS": "never",
        "UV_NO_PROGRESS": "1",
    }
    environment.pop("VIRTUAL_ENV", None)
    sync = subprocess.run(
        [uv, "sync", "--locked", "--quiet", "--compile-bytecode", *python, *options], cwd=project, env=environment
    )
    if sync.returncode != 0:
        raise SetupError(
            "uv sync failed (above). If pypi.org is unreachable, set HTTPS_PROXY; "
            "if uv.lock is out of date, run `uv lock` and commit it. Then run `make setup` again."
        )


def find_uv() -> Path:
    """uv: the one on PATH when new enough, else our own from PyPI in .tools/uv."""
    own = TOOLS / "uv" / "bin" / "uv"
    if Version.find(printed(own, "--version") or "") == UV_VERSION:
        return own
    on_path = shutil.which("uv")
    reason = uv_refusal(printed(on_path, "--version"))
    if on_path and reason is None:
        return Path(on_path)
    say(f"uv: {reason}: installing {UV_VERSION} from PyPI → .tools/uv")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise SetupError(
            f"{sys.executable} cannot make virtual environments (no venv or ensurepip module). "
            "On Debian and Ubuntu: `apt install python3-venv`. "
            f"Or install uv ({UV_DOCUMENTATION}), which needs neither. Then run `make setup` again."
        )
    try:
        run(sys.executable, "-m", "venv", "--clear", str(TOOLS / "uv"))
        run(TOOLS / "uv" / "bin" / "pip", "install", "--no-input", f"uv=={UV_VERSION}")
    except Unavailable as error:
        raise SetupError(
            f"uv cannot be installed from PyPI: {error}\n"
            "Check the network (HTTPS_PROXY, PIP_INDEX_URL), or install uv yourself "
            f"({UV_DOCUMENTATION}). Then run `make setup` again."
        ) from None
    return own


# ── The Pulumi CLI ───────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True)
class Source:
    """A place to get the CLI from. `install` leaves it at .tools/bin/pulumi or raises Unavailable."""

    name: str
    install: Callable[[Version], None]


def install_cli() -> None:
    """Makes .tools/bin/pulumi the pinned CLI or a newer one."""
    wanted = pinned_cli((MODULE / "go.mod").read_text())
    if cli_refusal(printed(CLI, "version"), wanted) is None:
        return
    shutil.rmtree(CLI.parent, ignore_errors=True)
    CLI.parent.mkdir(parents=True)
    say(f"Pulumi CLI {wanted} or newer → .tools/bin/pulumi")
    install_first(SOURCES, wanted)
    if refusal := cli_refusal(printed(CLI, "version"), wanted):
        raise SetupError(f".tools/bin/pulumi does not work: {refusal}. Remove .tools, then `make setup`.")


def install_first(sources: Sequence[Source], wanted: Version) -> Source:
    """Installs from the first source that works, saying why each one before it did not."""
    reasons = []
    for source in sources:
        try:
            source.install(wanted)
        except Unavailable as reason:
            reasons.append(f"  {source.name}: {reason}")
            say(reasons[-1])
        else:
            say(f"  {source.name}: installed")
            return source
    raise SetupError(
        f"There is no way to get the Pulumi CLI {wanted} on this machine:\n" + "\n".join(reasons) + "\n"
        f"Do one of these, then run `make setup` again: install the CLI ({CLI_DOCUMENTATION}), "
        "give this machine a network (HTTPS_PROXY), or install Go (https://go.dev/dl/)."
    )


def link_from_path(wanted: Version) -> None:
    """Links the CLI that is on PATH."""
    found = shutil.which("pulumi")
    if refusal := cli_refusal(printed(found, "version"), wanted):
        raise Unavailable(refusal)
    CLI.symlink_to(Path(found or "").absolute())


def download(wanted: Version) -> None:
    """The official release, with its Python language host. Gives up within seconds when offline."""
    own = (VENV / "bin" / "python", "-m", "tools.setup")
    try:
        run(*own, "probe", seconds=PROBE_SECONDS)
    except Unavailable as reason:
        raise Unavailable(f"{CLI_INSTALLER} cannot be reached ({reason})") from None
    say(f"  downloading, up to {DOWNLOAD_SECONDS // 60} minutes")
    run(*own, "download", seconds=DOWNLOAD_SECONDS)


def probe_in_this_process() -> None:
    """Fails when the download site cannot be reached. A process of its own, because DNS has no time limit."""
    try:
        urllib.request.urlopen(CLI_INSTALLER, timeout=PROBE_SECONDS).close()
    except OSError as error:
        raise SetupError(str(error)) from None


def download_in_this_process() -> None:
    """Downloads with Pulumi's own installer. Needs the packages of `.venv`."""
    from pulumi.automation import PulumiCommand
    from semver import VersionInfo

    wanted = pinned_cli((MODULE / "go.mod").read_text())
    PulumiCommand.install(root=str(TOOLS), version=VersionInfo(wanted.major, wanted.minor, wanted.patch))


def build(wanted: Version) -> None:
    """Compiles the Go module that tools/go.mod and go.sum pin."""
    if refusal := go_refusal(printed(shutil.which("go"), "version")):
        raise Unavailable(refusal)
    say("  building from Go modules: 5 minutes and 3 GB in Go's caches the first time, seconds after that")
    tags = ("-tags", "osusergo,grpcnotrace")
    total = sum(map(is_package, run_go(["list", "-deps", *tags, CLI_PACKAGE], fetched, MODULE)))
    version = f"-X github.com/pulumi/pulumi/sdk/v3/go/common/version.Version=v{wanted}"
    unfinished = CLI.with_suffix(".new")
    run_go(
        ["build", "-v", *tags, "-ldflags", f"-s -w {version}", "-o", str(unfinished), CLI_PACKAGE],
        lambda lines: compiled(lines, total),
        MODULE,
    )
    unfinished.replace(CLI)


SOURCES = (
    Source("pulumi on PATH", link_from_path),
    Source("official download", download),
    Source("build with Go", build),
)


def build_program(program: Path, package: str, module: Path) -> None:
    """Builds a program of the versions that its own Go module pins; Unavailable when Go cannot."""
    if refusal := go_refusal(printed(shutil.which("go"), "version")):
        raise Unavailable(refusal)
    run_go(["build", "-v", "-ldflags", "-s -w", "-o", str(program), package], fetched, module)


def install_actionlint() -> None:
    """Makes .tools/lint/actionlint the linter of GitHub's workflows that tools/actionlint pins. Go alone builds it."""
    say("actionlint → .tools/lint")
    try:
        build_program(ACTIONLINT, "github.com/rhysd/actionlint/cmd/actionlint", ACTIONLINT_MODULE)
    except Unavailable as reason:
        raise SetupError(
            f"actionlint, which `make check` runs, cannot be built with Go: {reason}.\n"
            "Install Go (https://go.dev/dl/), then run `make check` again."
        ) from None


def install_plugin() -> None:
    """AWS's Session Manager plugin: the one on PATH, else .tools/bin/session-manager-plugin, which Go builds."""
    if found := shutil.which("session-manager-plugin"):
        say(f"Session Manager plugin: {found}")
        return
    say("Session Manager plugin → .tools/bin: building from Go modules, 2 minutes the first time, seconds after that")
    try:
        build_program(PLUGIN, "github.com/aws/session-manager-plugin/src/sessionmanagerplugin-main", PLUGIN_MODULE)
    except Unavailable as reason:
        raise SetupError(
            f"The Session Manager plugin, which `exec` and `tunnel` need, cannot be built with Go: {reason}.\n"
            f"Install it ({PLUGIN_DOCUMENTATION}), or Go (https://go.dev/dl/)."
        ) from None


def require_language_host() -> None:
    """Fails unless the CLI can run a Python program by itself. A real account needs that, the sandbox not."""
    folders = os.pathsep.join([str(CLI.resolve().parent), os.environ.get("PATH", "")])
    if shutil.which("pulumi-language-python", path=folders) is None:
        raise SetupError(
            "The Pulumi CLI in .tools/bin was built from Go and has no Python language host, "
            "which a real account needs (the sandbox does not).\n"
            f"Install the official CLI ({CLI_DOCUMENTATION}), remove .tools, then run this again."
        )


STEPS: dict[str, Callable[[], None]] = {
    "packages": install_packages,
    "policy": lambda: install_packages(POLICY),
    "deployments": lambda: install_packages(DEPLOYMENTS),
    "mutation": lambda: install_packages(ROOT, "--group", "mutation"),
    "cli": install_cli,
    "actionlint": install_actionlint,
    "plugin": install_plugin,
    "language-host": require_language_host,
    "probe": probe_in_this_process,
    "download": download_in_this_process,
}


def main(arguments: Sequence[str]) -> int:
    """Exit status: 0 done, 1 failed with one message, 2 usage, 130 interrupted."""
    if len(arguments) != 1 or arguments[0] not in STEPS:
        print(f"usage: setup.py {'|'.join(STEPS)}", file=sys.stderr)
        return 2
    try:
        STEPS[arguments[0]]()
    except SetupError as error:
        print(f"\n{error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
