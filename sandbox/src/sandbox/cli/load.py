"""The command that asks a service for pages: load."""

from __future__ import annotations

import json
import signal
import threading
import time

import click

from sandbox.cli.options import json_option, one_message, say, stack_option
from sandbox.clients.load import Views
from sandbox.clients.load import load as ask
from sandbox.clients.pipelines import find_pipeline
from sandbox.clients.session import Session
from sandbox.clients.sites import find_site
from sandbox.program_hooks import names_in_aws
from sandbox.stacks import StackFolder


@click.command()
@click.argument("service")
@click.option("--assets", is_flag=True, help="Ask for the assets that each page names, too, as a browser does.")
@click.option("--seconds", default=30.0, show_default=True, help="How long; Ctrl-C ends it earlier.")
@click.option("--workers", default=4, show_default=True, help="Page views at a time.")
@click.option("--path", default="/", show_default=True, help="The page.")
@click.option("--shares", is_flag=True, help="With --json, how often each version answered, by its page's first line.")
@click.option("--pause", default=0.02, show_default=True, help="Seconds before each request.")
@stack_option
@json_option
@one_message
def load(
    service: str,
    assets: bool,
    seconds: float,
    workers: int,
    path: str,
    shares: bool,
    pause: float,
    stack: str,
    as_json: bool,
) -> None:
    """Ask a service for pages through its load balancer, and count those that are broken.

    A page view is broken when the page, or an asset that it names, is not there: while two versions serve, a page may
    name assets that only the other one has. Run it beside `sandbox ship`; Ctrl-C, or SIGTERM, ends it and counts.

    Example: sandbox load hello --assets --seconds 60
    """
    session = Session(StackFolder(stack).running_server())
    pipeline = find_pipeline(session.client("codepipeline"), service, names_in_aws(stack, service))
    site = find_site(session, pipeline, service)
    say(f"Asking {site.host}{path} at {site.address} for {seconds:g} seconds.")
    stopped, end = threading.Event(), time.monotonic() + seconds

    def is_over() -> bool:
        return stopped.is_set() or time.monotonic() > end

    for ending in (signal.SIGINT, signal.SIGTERM):  # a shell's background job ignores SIGINT unless it asks for it
        signal.signal(ending, lambda *_: stopped.set())
    views = Views()
    ask(site, views, path, workers, pause, is_over, assets=assets)
    document = views.document() | ({"shares": views.shares()} if shares else {})
    click.echo(json.dumps(document, indent=2) if as_json else views.line())


COMMANDS = [load]
