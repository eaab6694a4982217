"""What a preview would do, as a comment for whoever reviews it."""

from dataclasses import replace
from typing import TextIO

import click

from delivery.command_line import Connection, stack_option
from delivery.pull_request.as_markdown import as_markdown
from delivery.pull_request.live import read_live
from delivery.pull_request.preview import Preview, judged, parse
from delivery.pull_request.report import report
from releases.errors import DeliveryError


@click.command("preview-report")
@click.argument("preview", type=click.File("r", encoding="utf-8"), default="-")
@stack_option
@click.option("--log", type=click.File("r", encoding="utf-8"), help="What Pulumi wrote to standard error.")
@click.option(
    "--events", type=click.File("r", encoding="utf-8"), help="What `--event-log` wrote; it has the policies' messages."
)
@click.option("--failed", is_flag=True, help="Pulumi ended with an error, whatever PREVIEW says.")
@click.option("--live/--no-live", default=True, show_default=True, help="Ask AWS which release each service has.")
@click.pass_obj
def command(
    connection: Connection,
    preview: TextIO,
    stack: str,
    log: TextIO | None,
    events: TextIO | None,
    failed: bool,
    live: bool,
) -> None:
    """Explain in Markdown, for a reviewer, what PREVIEW would do to the stack.

    PREVIEW is a file with the output of `pulumi preview --json`; without it, or with -, standard input. For each
    service the report says whether something is deployed or a pipeline starts, which image stays live, what is replaced
    or deleted and what that interrupts, who gets more permissions, what becomes public, how the monthly cost changes;
    and it lists every change, folded. It fits into a GitHub comment, and `delivery comment` posts it. For a failed
    preview it has the error.

    \b
    pulumi preview --stack dev --json --refresh=false > preview.json 2> preview.log
    delivery preview-report preview.json --log preview.log --stack dev > report.md
    delivery comment report.md --github
    """
    text, log_text = preview.read(), log.read() if log else ""
    try:
        document = parse(text)
    except DeliveryError as error:
        document = Preview(errors=(log_text or str(error),))
    policies = judged(events.read()) if events else Preview()
    document = replace(
        document, errors=(*policies.errors, *document.errors), warnings=(*document.warnings, *policies.warnings)
    )
    if failed and not document.errors:
        document = replace(document, errors=(log_text or "Pulumi did not say why",))
    asked = read_live(lambda: connection.session, stack, document) if live else None
    click.echo(as_markdown(report(stack, document, asked)), nl=False)
