"""`python -m acceptance`: one life of the smallest stack, on the account of a stack."""

import shutil
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import boto3
import click
import yaml

from acceptance.certificate import imported
from acceptance.checks import CHECKS
from acceptance.life import Life
from acceptance.stack import STACK, stack_file
from acceptance.table import PAGE, judged, markdown
from delivery.commands.up import Project, right_account
from releases.errors import EXPECTED, DeliveryError, explained

PLAN = f"""\
This makes the stack `{STACK}` in account {{account}}, {{region}}: a VPC without NAT, a load balancer with a certificate
of its own making, a cluster, one service with a task of 0.25 vCPU, its alarms and its pipeline. It releases two
versions, each after a migration and an approval that it gives itself, edits, ships one that fails, rolls back, and
takes all of it away again. It takes about an hour and costs less than one US
dollar: load balancer, task, addresses and keys by the hour, and some builds of a few minutes. Nothing of another stack
is touched."""


@click.command()
@click.option("--stack", required=True, help="Whose account, region and secrets provider to use, such as dev.")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--keep", is_flag=True, help="Leave the stack there when a step fails, to look at it.")
@click.option("--every", type=click.FloatRange(0.1), default=3.0, show_default=True, help="Seconds between two looks.")
def main(stack: str, yes: bool, keep: bool, every: float) -> None:
    """Deploy the smallest stack, release, edit, fail, roll back, destroy; print which assumptions of AWS held.

    The table is Markdown, at the end of standard output, to paste into docs/aws-assumptions.md.
    """
    try:
        life = _begin(Path.cwd(), stack, yes, every)
    except EXPECTED as error:
        _fail(explained(error))
    failed = _live(life, keep)
    rows = judged(PAGE.read_text(encoding="utf-8"), CHECKS, life.evidence)
    click.echo(markdown(rows, f"{datetime.now(UTC):%Y-%m-%d}, {life.session.region_name}"))
    if failed:
        _fail("; ".join(failed))
    if untrue := [text for text, found in rows if found and found.verdict == "did not hold"]:
        _fail(f"{len(untrue)} of the assumptions did not hold, as the table says")


def _begin(root: Path, stack: str, yes: bool, every: float) -> Life:
    """The right account, an answer, and a stack in Pulumi's state.

    Raises:
        DeliveryError: what is wrong; then nothing was made.
    """
    if stack == STACK:
        raise DeliveryError(f"{STACK} is the stack that this makes; name the one whose account it is to be in")
    of, mine = Project(root, stack), Project(root, STACK)
    session = right_account(of)
    if shutil.which("pulumi") is None:
        raise DeliveryError("there is no Pulumi CLI on PATH; run it by make")
    _refuse_what_is_there(session, mine)
    say(PLAN.format(account=session.client("sts").get_caller_identity()["Account"], region=session.region_name))
    if not yes:
        if not sys.stdin.isatty():
            raise DeliveryError("nothing was made; there is no terminal on which to ask, so run it again with --yes")
        if not click.confirm("Go on?", err=True):
            raise DeliveryError("nothing was made")
    document = yaml.safe_load(of.file.read_text(encoding="utf-8"))
    certificate = imported(session.client("acm"))
    mine.file.write_text(stack_file(document["config"], certificate), encoding="utf-8")
    encrypted = ["--secrets-provider", document["secretsprovider"]] if document.get("secretsprovider") else []
    try:
        mine.pulumi("stack", "init", "--stack", STACK, *encrypted)
    except DeliveryError:
        mine.file.unlink()
        session.client("acm").delete_certificate(CertificateArn=certificate)
        raise
    return Life(session, mine, certificate, say, every)


def _refuse_what_is_there(session: boto3.Session, mine: Project) -> None:
    found = session.client("ecs").describe_clusters(clusters=[STACK])["clusters"]
    active = any(cluster["status"] == "ACTIVE" for cluster in found)
    if active or mine.file.exists():
        what = f"a cluster {STACK} in this account" if active else f"a file {mine.file.name}"
        raise DeliveryError(
            f"there is {what}, of a run that was kept or cut off, or somebody's stack. When it is not wanted: "
            f"`pulumi destroy --stack {STACK} --remove`, and remove {mine.file.name}; then run this again"
        )


def _live(life: Life, keep: bool) -> list[str]:
    """Take the steps, and destroy whatever happens; what failed, in words."""
    failed: list[str] = []
    for title, step in life.steps():
        say(f"\n== {title}")
        if error := _tried(step):
            failed.append(f"{title}: {error}")
            say(failed[-1])
            break
    by_hand = (
        f"`pulumi destroy --stack {STACK} --remove`, then `aws acm delete-certificate --certificate-arn "
        f"{life.certificate}`, and remove {life.project.file.name}"
    )
    if failed and keep:
        say(f"Kept. Take it away with {by_hand}")
        return failed
    say("\n== Taking it all away")
    if error := _tried(life.destroy):
        failed.append(f"NOT all is taken away: {error}. Go on with {by_hand}")
    return failed


def _tried(step: Callable[[], None]) -> str | None:
    try:
        step()
    except KeyboardInterrupt:
        return "interrupted"
    except Exception as error:  # whatever it is, what was made must go
        return _words(error)
    return None


def _words(error: Exception) -> str:
    return explained(error) if isinstance(error, EXPECTED) else repr(error)


def say(line: str) -> None:
    """Progress, beside the table."""
    click.echo(line, err=True)


def _fail(message: str) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(1)


if __name__ == "__main__":
    main(prog_name="acceptance")
