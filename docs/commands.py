"""Writes the reference of the operators' commands from the commands themselves, by `make docs`."""

import re
from collections.abc import Iterator
from pathlib import Path

import click

from delivery.__main__ import main as delivery

PAGE = Path(__file__).parent / "reference/commands.md"
HEAD = """\
# The commands

`make docs` generates this page from the commands' own help. In the sandbox they are `sandbox VERB`, beside
[the sandbox's own commands](../../sandbox/README.md). [Another page](json.md) describes what `--json` prints.

## What a command asks

| a command that | such as | |
|---|---|---|
| starts, decides or removes something | `rollback`, `promote`, `run`, `approve`, `abort`, `repair`, `prune` | first says what will happen, and asks; `--yes` answers yes. Without a terminal it changes nothing and ends with 1 |
| continues what waits | `unfreeze` | asks if releases wait, because they are then deployed |
| changes nothing that runs, and can be undone | `freeze`, `parameters set` | says what it has done; Parameter Store keeps the old values |
| deploys a stack | `up`, `bootstrap` | asks for `yes`, or for the stack's name if something is deleted or replaced; CI deploys with `.ci/up` |

The command then follows what it has started to its end: the pipeline's stages, tasks, health, traffic, and on a terminal how
much of the usual time of the last releases has passed. With `--no-wait` it prints how to watch it instead. After Ctrl-C the
work continues, and the command prints how to watch it and how to end it. A failure is one line with its cause. Below it are what
still serves, the last ten lines of the failed task's log, and what to do. If ECS is still deploying then, or brings back what ran
before, the command first follows that to its end, for 30 minutes at most; after that it says what is still in flight. It does not follow a
deployment that waits for somebody, nor one of another release.

## Exit codes

| code | |
|---|---|
| 0 | done |
| 1 | failed: one line, `error: …`, says what to do |
| 2 | wrong usage, also one line; or `verify` has findings |
| 130 | interrupted by Ctrl-C; what was started goes on |
| 141 | whoever read the output, such as `head`, has closed it |

`delivery run` ends with the exit code of the job or the command, and `exec` with that of the `aws` command.

## All commands

Options that stand before the verb, as in `delivery --profile prd status`: `--profile` is a profile of `~/.aws/config`, and `--region`
an AWS region. Without them boto3's usual order decides.

| | |
|---|---|
"""  # noqa: E501 (a table)


def page() -> str:
    """The whole page."""
    context = click.Context(delivery, info_name="delivery", **delivery.context_settings)
    rows = "".join(f"| {_link(name)} | {_first(command)} |\n" for name, command in _commands(delivery, context))
    return HEAD + rows + "".join(_section(name, command) for name, command in _commands(delivery, context))


def _commands(group: click.Group, context: click.Context) -> Iterator[tuple[str, click.Command]]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None and not command.hidden:
            yield name, command


def _link(name: str) -> str:
    return f"[`{name}`](#delivery-{name})"


def _first(command: click.Command) -> str:
    """The first sentence of a command's help."""
    text = " ".join((command.help or "").split("\n\n")[0].split())
    return re.split(r"(?<=[.;:]) ", text)[0].rstrip(";:").replace("|", "\\|")


def _section(name: str, command: click.Command) -> str:
    context = click.Context(
        command, info_name=name, parent=click.Context(delivery, info_name="delivery", **delivery.context_settings)
    )
    formatter = context.make_formatter()
    formatter.width = 100
    command.format_help(context, formatter)
    return f"\n## `delivery {name}`\n\n```\n{formatter.getvalue().rstrip()}\n```\n"


def main() -> None:
    """Write the page."""
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
