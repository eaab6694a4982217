"""What an account needs before a stack: first the bucket that Pulumi keeps states in, then the bootstrap program."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import boto3
import click
from botocore.exceptions import ClientError

from delivery.command_line import stack_option, with_session
from delivery.commands.up import Ask, Project, ask_person, project_of, right_account, up
from delivery.quotas import report
from releases.errors import DeliveryError
from releases.progress import Log


def ensure_state_bucket(s3: Any, account: str, region: str) -> bool:
    """Make the bucket unless it is there. Everything about it is set by the bootstrap program.

    Returns:
        Whether it is new.

    Raises:
        DeliveryError: somebody else's bucket has the name.
    """
    from bootstrap.account_file import state_bucket_name

    name = state_bucket_name(account, region)
    try:
        s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
    except ClientError as error:
        if error.response["Error"]["Code"] in ("403", "AccessDenied"):
            raise DeliveryError(f"bucket {name} is another account's, or these credentials may not see it") from None
        if error.response["Error"]["Code"] not in ("404", "NoSuchBucket"):
            raise
    else:
        return False
    where = {} if region == "us-east-1" else {"CreateBucketConfiguration": {"LocationConstraint": region}}
    s3.create_bucket(Bucket=name, **where)
    return True


def bootstrap(project: Project, ask: Ask, say: Log) -> None:
    """Bring an account to what its file says; the same command the first time and every time after.

    Pulumi keeps the state of this in the bucket that comes first, or in Pulumi Cloud where the file says so; there are
    no secrets in it. At the end it says which quotas of the account are too low for its stacks.

    Raises:
        DeliveryError: the wrong account, a mistake in its file, or the answer was no, or a step failed; the message
            says which. Nothing is made before the file is right.
    """
    from bootstrap.account_file import NAMESPACE, check_account, state_bucket_name
    from config.lines import StackLines
    from config.validation import format_problems  # which loads the SDK of Pulumi

    session, config = right_account(project), project.config()
    if problems := check_account(config):
        file = f"{project.folder.name}/{project.file.name}"
        raise DeliveryError(format_problems(file, problems, StackLines.read(project.file)))
    if config.get(f"{NAMESPACE}:backend", "s3") == "s3":
        account, region = session.client("sts").get_caller_identity()["Account"], session.region_name
        name = state_bucket_name(account, region)
        if ensure_state_bucket(session.client("s3"), account, region):
            say(f"Made bucket {name}")
        backend = {"PULUMI_BACKEND_URL": f"s3://{name}?region={region}", "PULUMI_CONFIG_PASSPHRASE": ""}
        project = replace(project, environment={**project.environment, **backend})
    project.pulumi("stack", "select", "--create", project.stack)
    up(project, ask, say, words=False)
    project.pulumi("stack", "output", "--stack", project.stack)
    for line in report(session, _stacks(project, config.get(f"{NAMESPACE}:stacks") or {})):
        say(line)


def _stacks(project: Project, names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """The config of the account's stacks whose files are there already."""
    stacks = [Project(project.folder.parent, str(name)) for name in names]
    return {stack.stack: stack.config() for stack in stacks if stack.file.is_file()}


@click.command("bootstrap")
@stack_option
@with_session
def command(session: boto3.Session, stack: str) -> None:
    """Create or update in an account what bootstrap/Pulumi.STACK.yaml declares: state bucket, OIDC providers, roles.
    You can run it again.

    Example: delivery bootstrap --stack dev
    """
    bootstrap(project_of(session, Path.cwd() / "bootstrap", stack), ask_person, click.echo)
