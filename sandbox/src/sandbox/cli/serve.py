"""The command that serves an empty AWS for any client: serve."""

import json
import logging
import re
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import click

from sandbox.cli.options import json_option, one_message, say
from sandbox.cli.server import environment, shell
from sandbox.stacks import DEFAULT_ACCOUNT, DEFAULT_REGION, SandboxError, Server


@click.command()
@click.option("--account", default=DEFAULT_ACCOUNT, show_default=True, help="The account's number, 12 digits.")
@click.option("--region", default=DEFAULT_REGION, show_default=True, help="The region that it is in.")
@click.option(
    "--folder",
    type=click.Path(file_okay=False, path_type=Path),
    help="An empty folder, or one to make, for server.json and what the server keeps [default: a temporary one].",
)
@json_option
@one_message
def serve(account: str, region: str, folder: Path | None, as_json: bool) -> None:
    """Serve an empty AWS to any client, in the foreground, until Ctrl-C or SIGTERM. Then nothing of it is left.

    It belongs to no stack. Prints the account root's AWS_* variables when clients can connect; FOLDER/server.json has
    the port.

    \b
    Example: sandbox serve --account 123456789012 --region eu-west-1 --folder /tmp/aws > /tmp/variables &
             source /tmp/variables && aws s3 mb s3://some-bucket
    """
    if not re.fullmatch(r"\d{12}", account):
        raise SandboxError(f"--account {account}: must be 12 digits")
    if not re.fullmatch(r"[a-z]{2,}(-[a-z]+)+-\d", region):
        raise SandboxError(f"--region {region}: must be a region, such as {DEFAULT_REGION}")
    place, clear = _place(folder)

    from sandbox.server.__main__ import run  # loads moto

    say(f"Starting an empty AWS: account {account}, {region}")
    logging.getLogger("sandbox").setLevel(logging.WARNING)
    run(place, account, region, ready=lambda: _print_variables(place, as_json), ended=clear)


def _place(folder: Path | None) -> tuple[Path, Callable[[], None]]:
    """The folder to serve from, and what removes everything in it.

    Raises:
        SandboxError: it has something in it already, or cannot be made.
    """
    if folder is None:
        temporary = Path(tempfile.mkdtemp(prefix="sandbox-"))
        return temporary, lambda: shutil.rmtree(temporary, ignore_errors=True)
    existed = folder.exists()
    if existed and any(folder.iterdir()):
        raise SandboxError(f"--folder {folder}: is not empty; what is in it would be removed with the sandbox")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SandboxError(f"--folder {folder}: cannot be made: {error.strerror}") from error

    def clear() -> None:
        shutil.rmtree(folder, ignore_errors=True)
        if existed:
            folder.mkdir(exist_ok=True)

    return folder, clear


def _print_variables(folder: Path, as_json: bool) -> None:
    from sandbox.account.credentials import ROOT_CREDENTIALS

    server = Server(**json.loads((folder / "server.json").read_text(encoding="utf-8")))
    root = {
        "access_key": ROOT_CREDENTIALS.access_key,
        "secret_key": ROOT_CREDENTIALS.secret_key,
        "session_token": ROOT_CREDENTIALS.session_token,
    }
    variables = environment(server, root)
    click.echo(json.dumps({k: v for k, v in variables.items() if v}, indent=2) if as_json else shell(variables))
    say("Ready; Ctrl-C ends it and removes everything")


COMMANDS = [serve]
