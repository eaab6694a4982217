"""What runs, was released and is in flight in a stack, as a page for a wiki or a bucket."""

from typing import TextIO

import click

from delivery.command_line import Connection, stack_option
from delivery.page.collect import collect
from delivery.page.export import read_export
from releases.errors import DeliveryError


@click.command("page")
@stack_option
@click.option(
    "--output", type=click.Path(dir_okay=False), help="The file; - for standard output.  [default: STACK.html]"
)
@click.option("--compare", "other", metavar="STACK", help="Add what differs from this stack.")
@click.option(
    "--compare-profile", metavar="PROFILE", help="The AWS profile for that stack, if it is in another account."
)
@click.option(
    "--deliveries",
    type=click.IntRange(1, 100),
    default=10,
    show_default=True,
    help="How many of the last deliveries of each service to show.",
)
@click.option(
    "--export", type=click.File(), help="The stack's export, from which diagrams are drawn; - for standard input."
)
@click.pass_obj
def command(
    connection: Connection,
    stack: str,
    output: str | None,
    other: str | None,
    compare_profile: str | None,
    deliveries: int,
    export: TextIO | None,
) -> None:
    """Write one HTML file about a stack: what runs where and since when, the last releases, what is in flight, alarms.

    The file needs no server, script or network. It contains no value of a variable or a secret. It does say why
    deliveries have failed: for a build or a migration with the last line of its log, as the app wrote it.

    Example: delivery page --stack prd --compare dev --output prd.html
    """
    from delivery.page.render import render  # which loads Jinja

    if compare_profile and not other:
        raise click.UsageError("--compare-profile needs --compare")
    exported = read_export(export.read()) if export else None
    if exported and exported.stack != stack:
        raise DeliveryError(
            f"the export is of stack {exported.stack}; write that of {stack} with `pulumi stack export`"
        )
    elsewhere = Connection(compare_profile, None) if compare_profile else connection
    compared = collect(elsewhere.session, other, 1) if other else None
    facts = collect(connection.session, stack, deliveries, connection.address)
    page = render(facts, compared, exported)
    file = output or f"{stack}.html"
    with click.open_file(file, "w", encoding="utf-8") as opened:
        opened.write(page)
    if file != "-":
        click.echo(f"wrote {file}, {len(page.encode()) // 1024} KiB")
