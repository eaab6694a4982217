"""Whether the next deployment of a stack's services could go well."""

import sys

import boto3
import click

from delivery.command_line import json_option, optional_service_argument, print_json, stack_option, with_session
from delivery.verification.verify import Report, verify

DOCUMENT = Report
FOUND = 2
"""The exit code when something is wrong, or could not be looked at."""


@click.command("verify")
@optional_service_argument
@stack_option
@json_option
@with_session
def command(session: boto3.Session, service: str | None, stack: str, as_json: bool) -> None:
    """Check whether the next deployment of SERVICE, or of all services, can succeed; it changes nothing.

    It checks values, permissions, roles, images, target groups, certificates, pipelines, quotas, addresses and
    notifications. Each finding says how to fix it. The exit code is 2 when there are findings, including checks that
    the credentials do not permit.

    Example: delivery verify chuoi --stack dev
    """
    report = verify(session, stack, service)
    if as_json:
        print_json(report)
    else:
        click.echo("\n".join(report.lines()))
    if report.findings:
        sys.exit(FOUND)
