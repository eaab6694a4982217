"""`python -m delivery`: look at and act on services, with the AWS credentials of the environment."""

import functools
import json
import os
import sys
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

import boto3
import click
from botocore.exceptions import BotoCoreError, ClientError

from delivery.commands import approval, prune, rollback
from delivery.commands.history import history, history_lines
from delivery.commands.redeploy import redeploy
from delivery.commands.repair import repair
from delivery.commands.retry import retry
from delivery.commands.status import status
from delivery.pull_request import comment, report
from delivery.pull_request.preview import Preview, judged, parse
from delivery.pull_request.stacks import Reviews
from releases.errors import PROGRAM, DeliveryError, ReleaseError, explained
from releases.history import KEPT
from releases.lookup import find
from releases.names import aws_name
from releases.repository import LIVE, Repository
from releases.service_state import look

if TYPE_CHECKING:
    from delivery.commands import up

stack_option = click.option("--stack", required=True, help="The stack, such as dev.")
service_argument = click.argument("service")
number_argument = click.argument("number", type=click.IntRange(min=1))
json_option = click.option("--json", "as_json", is_flag=True, help="Print one JSON document for machines to read.")
reason_option = click.option("--reason", default="", metavar="TEXT", help="Kept with the decision in CodePipeline.")
execution_option = click.option("--execution", metavar="ID", help="Decide only if this execution is the one waiting.")


def release_number(text: str) -> int:
    """A release as its number, or as `history` and `status` print it.

    Raises:
        click.BadParameter: it is neither.
    """
    number = text.removeprefix("release-")
    if not number.isdecimal():
        raise click.BadParameter(f"{text!r} is no release; write its number, as `{PROGRAM} history` shows it")
    return int(number)


class Connection:
    """AWS, by boto3's chain of credentials; made when a command first needs it, so that --help needs none."""

    def __init__(self, profile: str | None, region: str | None) -> None:
        self._profile, self._region = profile, region

    @functools.cached_property
    def session(self) -> boto3.Session:
        """The session of the chosen profile and region."""
        return boto3.Session(profile_name=self._profile, region_name=self._region)


def one_line(command: Callable[..., None]) -> Callable[..., None]:
    """A command that fails says why in one line, without a traceback, and exits with 1."""

    @functools.wraps(command)
    def run(*args: Any, **kwargs: Any) -> None:
        try:
            command(*args, **kwargs)
        except (DeliveryError, ReleaseError) as error:
            message = str(error)
        except (ClientError, BotoCoreError) as error:
            message = explained(error)
        except KeyboardInterrupt:
            click.echo("interrupted; what was started at AWS goes on", err=True)
            sys.exit(130)
        else:
            return
        click.echo(f"error: {message}", err=True)
        sys.exit(1)

    return run


def with_session(command: Callable[..., None]) -> Callable[..., None]:
    """A command that is given AWS's session."""

    @click.pass_obj
    @functools.wraps(command)
    def run(connection: Connection, *args: Any, **kwargs: Any) -> None:
        command(connection.session, *args, **kwargs)

    return one_line(run)


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.option("--profile", help="A profile of ~/.aws/config; without it, boto3's usual order decides.")
@click.option("--region", help="The AWS region; without it, AWS_REGION or the profile's.")
@click.pass_context
def main(context: click.Context, profile: str | None, region: str | None) -> None:
    """Look at and act on the services of a stack, with the AWS credentials of the environment.

    \b
    delivery status chuoi --stack dev               what runs, and what was released
    delivery rollback chuoi --stack dev             back to the image before
    delivery --profile prd approve chuoi --stack prd
    """
    context.obj = Connection(profile, region)


@main.command("status")
@service_argument
@stack_option
@json_option
@with_session
def status_command(session: boto3.Session, service: str, stack: str, as_json: bool) -> None:
    """What SERVICE runs, what was released, what is in flight, and whether it all agrees.

    Example: delivery status chuoi --stack dev
    """
    found = status(session, stack, service)
    if as_json:
        click.echo(json.dumps(found.document(), indent=2))
    else:
        for label, text in found.lines():
            click.echo(f"{label:<16} {text}")


@main.command("history", epilog=f"Parameter Store keeps the last {KEPT} releases.")
@service_argument
@stack_option
@json_option
@with_session
def history_command(session: boto3.Session, service: str, stack: str, as_json: bool) -> None:
    """The releases of SERVICE, the newest first.

    Example: delivery history chuoi --stack dev
    """
    find(session, stack, service)
    past = history(session, stack, service)
    if as_json:
        click.echo(json.dumps([release.document() for release in past.releases], indent=2))
    else:
        click.echo("\n".join(history_lines(past, Repository(session, aws_name(stack, service)).digest(LIVE))))


@main.command("rollback")
@service_argument
@stack_option
@click.option(
    "--to",
    "number",
    type=release_number,
    metavar="N",
    help="This release, as 3 or release-3; else the newest with another image.",
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--wait", is_flag=True, help="Follow the pipeline to its end; exit with 1 when it fails.")
@with_session
def rollback_command(
    session: boto3.Session, service: str, stack: str, number: int | None, yes: bool, wait: bool
) -> None:
    """Deploy the image of an earlier release of SERVICE again, without a build.

    Shows first what else differs from that release: only the image goes back, the rest is Pulumi's.

    Example: delivery rollback chuoi --stack dev --to 12
    """
    chosen = rollback.plan(session, stack, service, number)
    click.echo("\n".join(chosen.lines()))
    _confirm("Roll back?", yes)
    rollback.start(session, chosen, click.echo, wait=wait)


@main.command("retry")
@service_argument
@stack_option
@click.option("--minutes", type=click.IntRange(0, 24 * 60), default=60, show_default=True, help="How long to try.")
@with_session
def retry_command(session: boto3.Session, service: str, stack: str, minutes: int) -> None:
    """Go on with a release of SERVICE whose build CodeBuild refused, because a quota allowed no other one.

    Example: delivery retry chuoi --stack dev
    """
    retry(session, stack, service, click.echo, minutes=minutes)


@main.command("redeploy")
@service_argument
@stack_option
@click.option("--wait", is_flag=True, help="Follow the pipeline to its end; exit with 1 when it fails.")
@with_session
def redeploy_command(session: boto3.Session, service: str, stack: str, wait: bool) -> None:
    """Deploy the live image of SERVICE once more, without a build.

    Where CodeDeploy deploys, it takes the newest template: so an edit is tried again that has failed.

    Example: delivery redeploy chuoi --stack dev --wait
    """
    redeploy(session, stack, service, click.echo, wait=wait)


@main.command("repair")
@service_argument
@stack_option
@with_session
def repair_command(session: boto3.Session, service: str, stack: str) -> None:
    """Make what runs, what is live and the release record of SERVICE agree again, after a crash.

    What runs wins. Can be run again after a crash of its own. docs/operations.md has all cases.

    Example: delivery repair chuoi --stack dev
    """
    repair(session, stack, service, click.echo)


@main.command("approve")
@service_argument
@stack_option
@reason_option
@execution_option
@with_session
def approve_command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None) -> None:
    """Let the release of SERVICE go on that waits for an approval.

    Example: delivery approve chuoi --stack prd
    """
    _decide(session, stack, service, "Approved", reason, execution)


@main.command("reject")
@service_argument
@stack_option
@reason_option
@execution_option
@with_session
def reject_command(session: boto3.Session, service: str, stack: str, reason: str, execution: str | None) -> None:
    """End the release of SERVICE that waits for an approval; what runs stays.

    Example: delivery reject chuoi --stack prd --reason "not before the holidays"
    """
    _decide(session, stack, service, "Rejected", reason, execution)


@main.command("prune")
@stack_option
@click.option("--yes", is_flag=True, help="Remove what is listed.")
@with_session
def prune_command(session: boto3.Session, stack: str, yes: bool) -> None:
    """List what no release of the stack needs any more, and with --yes remove it.

    Runtime values in Parameter Store that were replaced, and old revisions of migrations.

    Example: delivery prune --stack dev --yes
    """
    found = prune.leftovers(session, stack, datetime.now(UTC))
    lines = found.lines()
    click.echo("\n".join(lines) if lines else "Nothing to remove.")
    if lines and yes:
        prune.remove(session, found)
        click.echo(f"Removed {len(lines)}.")
    elif lines:
        click.echo(f"Nothing was removed; `{PROGRAM} prune --stack {stack} --yes` removes these {len(lines)}.")


@main.command("preview-report")
@click.argument("preview", type=click.File("r", encoding="utf-8"), default="-")
@stack_option
@click.option("--log", type=click.File("r", encoding="utf-8"), help="What Pulumi wrote to standard error.")
@click.option("--events", type=click.File("r", encoding="utf-8"), help="What `--event-log` wrote: the policies' words.")
@click.option("--failed", is_flag=True, help="Pulumi ended with an error, whatever PREVIEW says.")
@click.option("--live/--no-live", default=True, show_default=True, help="Ask AWS which release each service has.")
@click.pass_obj
@one_line
def preview_report_command(
    connection: Connection,
    preview: TextIO,
    stack: str,
    log: TextIO | None,
    events: TextIO | None,
    failed: bool,
    live: bool,
) -> None:
    """Say in Markdown, for a reviewer, what PREVIEW would do to the stack.

    PREVIEW is what `pulumi preview --json` printed, - or nothing is standard input. Service by service: whether
    something is deployed or a pipeline starts, which image stays live, what is replaced or deleted and what that
    interrupts, who may do more, what becomes public, what a month costs more; and every change, folded. It fits a
    comment on GitHub, and `delivery comment` posts it. Of a preview that failed it has the error.

    \b
    pulumi preview --stack dev --json --refresh=false > preview.json 2> preview.log
    delivery preview-report preview.json --log preview.log --stack dev > report.md
    delivery comment report.md --github
    """
    text, said = preview.read(), log.read() if log else ""
    try:
        document = parse(text)
    except DeliveryError as error:
        document = Preview(errors=(said or str(error),))
    policies = judged(events.read()) if events else Preview()
    document = replace(
        document, errors=(*policies.errors, *document.errors), warnings=(*document.warnings, *policies.warnings)
    )
    if failed and not document.errors:
        document = replace(document, errors=(said or "Pulumi did not say why",))
    services = sorted({change.service for change in document.changes if change.service})
    asked = _live(connection, stack, services) if live and services and not document.errors else None
    click.echo(report.report(stack, document, asked), nl=False)


@main.command("comment")
@click.argument("text", type=click.File("r", encoding="utf-8"), metavar="REPORT", default="-")
@click.option("--github", "host", flag_value="github", help="By GITHUB_TOKEN and the variables of a workflow.")
@click.option("--gitlab", "host", flag_value="gitlab", help="By GITLAB_TOKEN and the variables of a job.")
@one_line
def comment_command(text: TextIO, host: str | None) -> None:
    """Post REPORT on the pull request or merge request that this job is for, or edit the one that is there.

    REPORT is what `delivery preview-report` printed, - or nothing is standard input. There is one comment for each
    stack, which its hidden first line tells. The token needs "Pull requests: write" on GitHub, and on GitLab is a
    project access token with the scope api.

    Example: delivery comment report.md --github
    """
    if host is None:
        raise click.UsageError("say where: --github or --gitlab")
    found = comment.post({"github": comment.github, "gitlab": comment.gitlab}[host](), text.read())
    click.echo("The comment is edited." if found else "The comment is posted.")


@main.group("review", context_settings={"help_option_names": ["-h", "--help"]})
def review_group() -> None:
    """Pull requests' own stacks: pr-<number>, on another stack's network and load balancer, from Pulumi.pr.yaml.

    The Pulumi CLI does the work, with the backend and the credentials of the environment.
    """


@review_group.command("up")
@number_argument
@one_line
def review_up_command(number: int) -> None:
    """Put up the stack of pull request NUMBER, or bring it up to date.

    Example: delivery review up 12
    """
    _reviews().up(number)


@review_group.command("down")
@number_argument
@one_line
def review_down_command(number: int) -> None:
    """Take down the stack of pull request NUMBER, with all that is in it.

    Example: delivery review down 12
    """
    _reviews().down(number)


@review_group.command("sweep")
@one_line
def review_sweep_command() -> None:
    """Take down those whose last update is longer ago than review.days of Pulumi.pr.yaml.

    Example: delivery review sweep
    """
    _reviews().sweep(datetime.now(UTC))


def _reviews() -> Reviews:
    return Reviews(Path.cwd(), functools.partial(click.echo, err=True))


def _live(connection: Connection, stack: str, services: list[str]) -> report.Live:
    """What AWS says of services; a preview is worth reading without it too."""
    try:
        states = look(connection.session, stack, services)
        for state in states.values():
            state.check_record()
    except ReleaseError as error:
        return report.Live({}, str(error))
    except (ClientError, BotoCoreError) as error:
        return report.Live({}, explained(error))
    return report.Live(states)


@main.command("up")
@stack_option
@click.option("--wait", is_flag=True, help="An edit waits for what is in flight, instead of an error that says so.")
@with_session
def up_command(session: boto3.Session, stack: str, wait: bool) -> None:
    """Deploy a stack to the account that its file names: shows what would happen, asks, and does it.

    Where something is deleted or replaced, the answer is the stack's name.

    Example: delivery up --stack dev
    """
    from delivery.commands import up

    project = _project(session, Path.cwd(), stack, "--policy-pack", "policy")
    up.up(replace(project, waits=wait), _answer, click.echo)


@main.command("bootstrap")
@stack_option
@with_session
def bootstrap_command(session: boto3.Session, stack: str) -> None:
    """Bring an account to what bootstrap/Pulumi.STACK.yaml says: state, OIDC providers, roles. It can be run again.

    Example: delivery bootstrap --stack dev
    """
    from delivery.commands.bootstrap import bootstrap  # as laptop, above

    bootstrap(_project(session, Path.cwd() / "bootstrap", stack), _answer, click.echo)


def _project(session: boto3.Session, folder: Path, stack: str, *options: str) -> "up.Project":
    """A stack of the program in a folder, deployed with the profile that was chosen for this command."""
    chosen = {"AWS_PROFILE": session.profile_name} if session.profile_name != "default" else {}
    os.environ.update(chosen)
    from delivery.commands import up

    return up.Project(folder, stack, options)


def _answer(question: str) -> str:
    """What a person types.

    Raises:
        DeliveryError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise DeliveryError("nothing was changed; nobody can be asked here. Pipelines deploy with .ci/up")
    return str(click.prompt(question, default="", show_default=False))


def _decide(
    session: boto3.Session, stack: str, service: str, decision: approval.Decision, reason: str, execution: str | None
) -> None:
    waiting = approval.pending(session, stack, service)
    click.echo(f"Execution {waiting.execution} waits in {waiting.stage}.")
    if waiting.details:
        click.echo(waiting.details)
    if execution not in (None, waiting.execution):
        raise DeliveryError(f"execution {waiting.execution} is waiting, not {execution}; nothing was decided")
    approval.decide(session, aws_name(stack, service), waiting, decision, reason)
    click.echo(f"{decision}.")


def _confirm(question: str, yes: bool) -> None:
    """Ask, unless the answer was given.

    Raises:
        DeliveryError: the answer is no, or there is nobody to ask.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise DeliveryError("nothing was changed; nobody can be asked here, so run it again with --yes")
    if not click.confirm(question):
        raise DeliveryError("nothing was changed")


if __name__ == "__main__":
    main(prog_name=PROGRAM)
