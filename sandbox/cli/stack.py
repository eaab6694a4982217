"""The commands that run the real Pulumi engine: up, preview, refresh, export, down."""

import json
import time
from typing import Any

import click

from sandbox.cli.options import json_option, one_message, say, stack_option
from sandbox.engine import Engine, EngineError, Outcome
from sandbox.stacks import StackFolder

diff_option = click.option("--diff", "show_diff", is_flag=True, help="Show each changed property, old and new.")
target_option = click.option(
    "--target", "targets", multiple=True, metavar="URN", help="Only this resource; repeatable."
)


def _engine(stack: str, show_diff: bool = False) -> Engine:
    folder = StackFolder(stack)
    return Engine(folder, folder.ensure_server(say), say, show_diff)


def _print(outcome: Outcome, as_json: bool, seconds: float, nothing: str, done: str) -> None:
    if as_json:
        click.echo(json.dumps({"steps": outcome.steps, "changeSummary": outcome.summary}, indent=2))
        return
    changes = outcome.changes()
    counted = ", ".join(f"{count} to {op}" for op, count in sorted(changes.items()))
    click.echo(f"{done if changes else nothing}{': ' + counted if changes else ''} ({seconds:.1f} s)")


@click.command()
@stack_option
@json_option
@diff_option
@target_option
@one_message
def up(stack: str, as_json: bool, show_diff: bool, targets: tuple[str, ...]) -> None:
    """Deploy the program, starting the sandbox when it is not running.

    Example: sandbox up --stack dev
    """
    started = time.monotonic()
    outcome = _engine(stack, show_diff).run("up", targets=list(targets))
    _print(
        outcome, as_json, time.monotonic() - started, f"Stack {stack} is up, nothing changed", f"Stack {stack} is up"
    )


@click.command()
@stack_option
@json_option
@diff_option
@click.option("--refresh/--no-refresh", default=None, help="Read everything anew first [default: as Pulumi.yaml says].")
@target_option
@one_message
def preview(stack: str, as_json: bool, show_diff: bool, refresh: bool | None, targets: tuple[str, ...]) -> None:
    """Show what `up` would do, and do nothing.

    Example: sandbox preview --stack dev --diff
    """
    started = time.monotonic()
    outcome = _engine(stack, show_diff).run("preview", refresh=refresh, targets=list(targets))
    _print(outcome, as_json, time.monotonic() - started, "Nothing would change", "Would change")


@click.command()
@stack_option
@json_option
@one_message
def refresh(stack: str, as_json: bool) -> None:
    """Read everything anew from the sandbox's AWS into the state."""
    started = time.monotonic()
    outcome = _engine(stack).run("refresh")
    _print(outcome, as_json, time.monotonic() - started, "The state is as AWS is", "Found changed")


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
@one_message
def down(stack: str, as_json: bool) -> None:
    """Destroy everything that the program made. A protected stack refuses."""
    started = time.monotonic()
    folder = StackFolder(stack)
    engine = Engine(folder, folder.running_server(), say)
    protected = _protected(engine.export())
    if protected:
        names = "\n".join(f"  {urn.split('::')[2].split('$')[-1]} {urn.split('::')[-1]}" for urn in protected)
        raise EngineError(
            f"stack {stack} is protected, nothing was destroyed. Protected are:\n{names}\n"
            f"To destroy it all the same: take the protection out of Pulumi.{stack}.yaml, deploy that "
            f"(sandbox up --stack {stack}), and destroy again."
        )
    outcome = engine.run("destroy")
    _print(outcome, as_json, time.monotonic() - started, "There was nothing to destroy", "Destroyed")


def _protected(export: dict[str, Any]) -> list[str]:
    resources = export["deployment"].get("resources", [])
    return [resource["urn"] for resource in resources if resource.get("protect")]


COMMANDS = [up, preview, refresh, export, down]
