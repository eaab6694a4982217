"""Where a service answers, and where it is in AWS's console."""

import webbrowser
from dataclasses import dataclass
from urllib.parse import quote

import click

from delivery.command_line import Connection, json_option, print_json, service_argument, stack_option
from delivery.services.addresses import addresses
from releases.names import aws_name, log_group
from releases.service_state import ServiceState, read_state


@dataclass(frozen=True)
class Links:
    """Where a service is.

    Attributes:
        service: its name in the stack file.
        urls: where it answers; empty where no route leads to it.
        console: pages of AWS's console, by what they are about.
    """

    service: str
    urls: list[str]
    console: dict[str, str]


DOCUMENT = Links


def console(state: ServiceState, stack: str, region: str) -> dict[str, str]:
    """Pages of AWS's console in the partition `aws`, by what they are about."""
    name, home = aws_name(stack, state.service), f"https://{region}.console.aws.amazon.com/"
    query, cloudwatch = f"?region={region}", f"{home}cloudwatch/home?region={region}"
    return {
        "pipeline": f"{home}codesuite/codepipeline/pipelines/{name}/view{query}",
        "service": f"{home}ecs/v2/clusters/{state.cluster}/services/{state.name}/health{query}",
        "log": f"{cloudwatch}#logsV2:log-groups/log-group/{_encoded(log_group(name))}",
        "dashboard": f"{cloudwatch}#dashboards/dashboard/{stack}",
        "parameters": f"{home}systems-manager/parameters{query}",
    }


def _encoded(text: str) -> str:
    """As CloudWatch's pages have a name after their `#`: encoded twice, with `$` in the place of `%`."""
    return quote(quote(text, safe=""), safe="").replace("%", "$")


@click.command("open")
@service_argument
@stack_option
@click.option("--browser", is_flag=True, help="Also open the URL in the browser.")
@json_option
@click.pass_obj
def command(connection: Connection, service: str, stack: str, browser: bool, as_json: bool) -> None:
    """Print the URL of SERVICE and its pages in AWS's console: pipeline, service, log, dashboard, parameters.

    Example: delivery open chuoi --stack dev --browser
    """
    session = connection.session
    state = read_state(session, stack, service)
    urls = addresses(session.client("elbv2"), {service: state.target_groups}, connection.address).get(service, [])
    links = Links(service, urls, console(state, stack, str(session.region_name)))
    if as_json:
        print_json(links)
    else:
        for label, url in [*(("url", url) for url in urls), *links.console.items()]:
            click.echo(f"{label:<12} {url}")
    if browser and urls:
        webbrowser.open(urls[0])
