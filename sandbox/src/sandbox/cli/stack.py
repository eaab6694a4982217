"""The commands that run the real Pulumi engine: up, preview, refresh, export, down."""

import json
import os
from pathlib import Path
from typing import Any

import click

from sandbox import program_hooks
from sandbox.cli.options import columns, json_option, one_message, say, stack_option
from sandbox.clients import external_parameters, external_secrets
from sandbox.engine import Engine, EngineError
from sandbox.live_line import LiveLine
from sandbox.program import with_variables
from sandbox.reports import DONE, Outcome, resource_label
from sandbox.stacks import SandboxError, StackFolder

WOULD = "Would change"

diff_option = click.option(
    "--diff",
    "show_diff",
    is_flag=True,
    help="The engine's own list: each resource, old and new values of what changes.",
)
target_option = click.option(
    "--target", "targets", multiple=True, metavar="URN", help="Only this resource; repeatable."
)
policy_option = click.option(
    "--policy-pack",
    "policy_packs",
    multiple=True,
    type=click.Path(exists=True, file_okay=False, path_type=Path),
    help="A policy pack that must pass; repeatable.",
)

as_option = click.option("--as", "identity", metavar="IDENTITY", help="Call AWS as this IAM user or role, not as root.")

host_option = click.option(
    "--in", "host", metavar="STACK", help="Put it into the sandbox of this stack, whose resources it uses."
)


def _engine(stack: str, show_diff: bool = False, host: str | None = None, identity: str | None = None) -> Engine:
    folder, line = StackFolder(stack), LiveLine()
    if host is not None:
        folder.settle_in(host)
    lists = show_diff or not program_hooks.offered("preview_words")
    return Engine(folder, folder.ensure_server(say), line.say, lists, identity, line)


def _document(outcome: Outcome) -> dict[str, Any]:
    """What `--json` prints, in the form of `pulumi preview --json`."""
    return {
        "config": outcome.config,
        "steps": outcome.steps,
        "diagnostics": outcome.diagnostics,
        "changeSummary": outcome.summary,
        "outputs": outcome.outputs,
    }


def _print(outcome: Outcome, as_json: bool, nothing: str, done: str, words: str | None = None) -> None:
    """Print what the program says, or else how many of the engine's steps were what: programs count by themselves."""
    if as_json:
        click.echo(json.dumps(_document(outcome), indent=2))
        return
    if words:
        click.echo(f"{words}\n")
    changes = outcome.changes()
    counted = ", ".join(f"{count} to {op}" if done == WOULD else f"{count} {DONE[op]}" for op, count in changes.items())
    numbers = f": {counted}" if changes and not words else ""
    click.echo(f"{done if changes else nothing}{numbers} ({outcome.seconds:.1f} s)")


@click.command()
@stack_option
@json_option
@diff_option
@target_option
@policy_option
@host_option
@as_option
@click.option("--wait", is_flag=True, help="An edit waits for what is in flight, instead of an error that says so.")
@one_message
def up(
    stack: str,
    as_json: bool,
    show_diff: bool,
    targets: tuple[str, ...],
    policy_packs: tuple[Path, ...],
    host: str | None,
    identity: str | None,
    wait: bool,
) -> None:
    """Deploy the program, starting the sandbox when it is not running.

    Example: sandbox up --stack dev
    """
    if wait:
        variables = program_hooks.wait_variables()
        if variables is None:
            raise SandboxError(f"--wait: no entry point wait_variables of the program, group {program_hooks.GROUP}")
        os.environ.update(variables)
    engine = _engine(stack, show_diff, host, identity)
    config = engine.folder.config()
    parameters, secrets = program_hooks.external_parameters(config), program_hooks.external_secrets(config)
    if parameters or secrets:
        from sandbox.clients.session import Session  # its boto3 takes longer to load than all else here

        session, server = Session(engine.server), engine.server
        external_parameters.put(session.client("ssm"), parameters, say)
        external_secrets.put(session.client("secretsmanager"), f"{server.region}:{server.account}", secrets, say)
    outcome = engine.run("up", targets=list(targets), policy_packs=list(policy_packs))
    words = None if as_json else _up_words(engine, outcome)
    _print(outcome, as_json, f"Stack {stack} is up, nothing changed", f"Stack {stack} is up", words)


def _up_words(engine: Engine, outcome: Outcome) -> str | None:
    from sandbox.clients.session import Session  # its boto3 takes longer to load than all else here
    from sandbox.clients.sites import addresses

    if not program_hooks.offered("up_words"):
        outputs = outcome.outputs.items()
        return "\n".join(f"{name}: {each if isinstance(each, str) else json.dumps(each)}" for name, each in outputs)
    opens = addresses(Session(engine.server))
    with with_variables(engine.variables()):
        return program_hooks.up_words(engine.folder.stack, _document(outcome), opens, columns())


@click.command()
@stack_option
@json_option
@diff_option
@click.option("--refresh/--no-refresh", default=None, help="Read everything anew first [default: as Pulumi.yaml says].")
@target_option
@policy_option
@host_option
@as_option
@one_message
def preview(
    stack: str,
    as_json: bool,
    show_diff: bool,
    refresh: bool | None,
    targets: tuple[str, ...],
    policy_packs: tuple[Path, ...],
    host: str | None,
    identity: str | None,
) -> None:
    """Show what `up` would do, and do nothing.

    Example: sandbox preview --stack dev --diff
    """
    engine = _engine(stack, show_diff, host, identity)
    outcome = engine.run("preview", refresh=refresh, targets=list(targets), policy_packs=list(policy_packs))
    words = None
    if outcome.changes() and not as_json and not show_diff:
        with with_variables(engine.variables()):
            words = program_hooks.preview_words(stack, _document(outcome), columns())
    _print(outcome, as_json, "Nothing would change", WOULD, words)


@click.command()
@stack_option
@json_option
@click.option("--clear-pending-creates", is_flag=True, help="Forget creations that a kill cut off.")
@one_message
def refresh(stack: str, as_json: bool, clear_pending_creates: bool) -> None:
    """Read everything anew from the sandbox's AWS into the state."""
    outcome = _engine(stack).run("refresh", clear_pending_creates=clear_pending_creates)
    _print(outcome, as_json, "The state is as AWS is", "Found changed")


@click.command()
@stack_option
@click.option("--show-secrets", is_flag=True, help="Print secrets in plain text.")
@one_message
def export(stack: str, show_secrets: bool) -> None:
    """Print the stack's deployment, as `pulumi stack export` does."""
    folder = StackFolder(stack)
    click.echo(Engine(folder, folder.running_server(), say).export_text(show_secrets), nl=False)


@click.command()
@stack_option
@json_option
@as_option
@one_message
def down(stack: str, as_json: bool, identity: str | None) -> None:
    """Destroy everything that the program made. A protected stack refuses."""
    folder = StackFolder(stack)
    line = LiveLine()
    engine = Engine(folder, folder.running_server(), line.say, identity=identity, live=line)
    protected = _protected(engine.export())
    if protected:
        names = "\n".join(f"  {resource_label(urn)}" for urn in protected)
        raise EngineError(
            f"stack {stack} is protected, nothing was destroyed. Protected are:\n{names}\n"
            f"To destroy it all the same: take the protection out of Pulumi.{stack}.yaml, deploy that "
            f"(sandbox up --stack {stack}), and destroy again."
        )
    outcome = engine.run("destroy")
    _print(outcome, as_json, "There was nothing to destroy", "Destroyed")


def _protected(export: dict[str, Any]) -> list[str]:
    resources = export["deployment"].get("resources", [])
    return [resource["urn"] for resource in resources if resource.get("protect")]


COMMANDS = [up, preview, refresh, export, down]
