"""The commands about the server itself: env, stop."""

import json
import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path
from typing import Any

import click

from sandbox.cli.options import json_option, one_message, stack_option
from sandbox.identities import credentials
from sandbox.stacks import SandboxError, Server, StackFolder, repository

SECONDS_TO_END = 15.0


@click.command()
@stack_option
@json_option
@click.option("--as", "identity", metavar="IDENTITY", help="An IAM user or role, by name or unique ending.")
@one_message
def env(stack: str, as_json: bool, identity: str | None) -> None:
    """Print the AWS_* variables with which any AWS client talks to the sandbox.

    Without --as it is the account's root, who may do everything. A user gets an access key that stays the same, a
    role a session of one hour.

    \b
    Example: eval "$(sandbox env --as hello-uploader)"
             aws sts get-caller-identity
    """
    server = StackFolder(stack).running_server()
    variables = environment(server, credentials(server, identity, stack))
    if as_json:
        click.echo(json.dumps({name: value for name, value in variables.items() if value}, indent=2))
    else:
        click.echo(shell(variables))


@click.command()
@stack_option
@click.option("--all", "everything", is_flag=True, help="Every stack's sandbox.")
@one_message
def stop(stack: str, everything: bool) -> None:
    """End the sandbox and forget what it holds: AWS, images, logs, the Pulumi state.

    Example: sandbox stop --stack dev
    """
    home = repository() / ".sandbox"
    folders = sorted(folder for folder in home.glob("[!.]*") if folder.is_dir()) if everything else [home / stack]
    ended = [folder.name for folder in folders if end(folder)]
    click.echo(f"Ended and forgotten: {', '.join(ended)}" if ended else "Nothing was running")


def environment(server: Server, credentials: dict[str, Any]) -> dict[str, str | None]:
    """Variable → value; None for one that must not be set."""
    variables: dict[str, str | None] = {
        "AWS_ACCESS_KEY_ID": credentials["access_key"],
        "AWS_SECRET_ACCESS_KEY": credentials["secret_key"],
        "AWS_SESSION_TOKEN": credentials["session_token"],
        "AWS_REGION": server.region,
        "AWS_DEFAULT_REGION": server.region,
        "AWS_ENDPOINT_URL": server.endpoint,
        "AWS_PROFILE": None,
    }
    if shutil.which("aws") is None:
        variables["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    return variables


def shell(variables: dict[str, str | None]) -> str:
    """Lines for a shell's `eval`."""
    return "\n".join(
        f"unset {name}" if value is None else f"export {name}={shlex.quote(value)}" for name, value in variables.items()
    )


def end(folder: Path) -> bool:
    """End the server of a stack's folder, then remove the folder. False: there was none.

    Raises:
        SandboxError: the process does not end, or the folder cannot be removed.
    """
    if folder.is_symlink():  # a stack in another one's sandbox
        folder.unlink()
        return True
    if not folder.exists():
        return False
    pid = _process(folder)
    if pid is not None:
        _end_process(pid)
    shutil.rmtree(folder, ignore_errors=True)
    if folder.exists():
        raise SandboxError(f"{folder} cannot be removed")
    return True


def _process(folder: Path) -> int | None:
    """The id of the server process of this folder, even of one that does not answer any more."""
    try:
        pid = int(json.loads((folder / "server.json").read_text(encoding="utf-8"))["pid"])
    except FileNotFoundError:
        return None
    return pid if _is_server(pid) else None


def _is_server(pid: int) -> bool:
    """Whether that process lives and is a server, not another one which got an old id."""
    try:
        return b"sandbox.server" in Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except (FileNotFoundError, ProcessLookupError):
        return False


def _end_process(pid: int) -> None:
    for number in (signal.SIGTERM, signal.SIGKILL):
        os.kill(pid, number)
        deadline = time.monotonic() + SECONDS_TO_END
        while time.monotonic() < deadline:
            if not _is_server(pid):
                return
            time.sleep(0.05)
    raise SandboxError(f"the sandbox's server (process {pid}) does not end")


COMMANDS = [env, stop]
