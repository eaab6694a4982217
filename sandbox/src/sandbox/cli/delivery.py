"""The commands that deliver and show deliveries: ship, push, log."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import Any

import click

from sandbox.cli.options import json_option, one_message, say, stack_option, wait_option
from sandbox.clients.deployments import progress
from sandbox.clients.follow import ExecutionFollower, container_logs, failure, how_to_answer
from sandbox.clients.pipelines import executions, find_pipeline
from sandbox.clients.push import build_and_push, find_image
from sandbox.clients.push import wait_for_execution as wait_for_push
from sandbox.clients.session import Session
from sandbox.clients.sites import find_site
from sandbox.clients.upload import source_zip, upload, wait_for_execution
from sandbox.program_hooks import approval_commands, names_in_aws
from sandbox.stacks import SandboxError, StackFolder


@click.command()
@click.argument("service")
@click.option("--source", required=True, type=click.Path(path_type=Path), metavar="DIR|ZIP", help="The app's sources.")
@click.option("--commit", metavar="SHA", help="Metadata of the upload: the commit that the sources are.")
@click.option("--repository", metavar="OWNER/NAME", help="Metadata of the upload: where that commit is.")
@click.option("--verbose", is_flag=True, help="Each line of the builds' logs, too.")
@wait_option
@stack_option
@json_option
@one_message
def ship(
    service: str,
    source: Path,
    commit: str | None,
    repository: str | None,
    verbose: bool,
    wait: bool,
    stack: str,
    as_json: bool,
) -> None:
    """Upload a source as the service's own uploader and follow the pipeline that this starts.

    Exits with 1 when the pipeline fails, and with 0 as soon as it waits for somebody's approval.

    Example: sandbox ship hello --source examples/hello
    """
    report = say if as_json else click.echo
    session = Session(StackFolder(stack).running_server())
    pipeline = find_pipeline(session.client("codepipeline"), service, names_in_aws(stack, service))
    content = source_zip(source)
    metadata = {name: value for name, value in (("commit", commit), ("repository", repository)) if value}
    uploaded = upload(session, pipeline, content, metadata)
    report(
        f"Uploaded {source} ({uploaded.size:,} bytes) as {uploaded.user} to s3://{uploaded.bucket}/{uploaded.key},"
        f" version {uploaded.version}"
    )
    execution = wait_for_execution(session, pipeline, uploaded, report)
    report(f"Execution {execution} of {pipeline['name']}")
    brought = {"sourceVersion": uploaded.version}
    _follow(session, pipeline, stack, service, execution, brought, verbose, as_json, wait=wait)


@click.command()
@click.argument("service")
@click.option("--image", required=True, type=click.Path(path_type=Path), metavar="DIR", help="Has a Dockerfile.")
@click.option("--platform", metavar="OS/MACHINE", help="What the image is built for, instead of the service's tasks.")
@click.option("--verbose", is_flag=True, help="Each line of the build, too.")
@wait_option
@stack_option
@json_option
@one_message
def push(service: str, image: Path, platform: str | None, verbose: bool, wait: bool, stack: str, as_json: bool) -> None:
    """Build an image here, push it as the service's own uploader, and follow the pipeline that this starts.

    Where sources are uploaded, and images of uploads to come may be pushed, it pushes the one of this source.
    Exits with 1 when the pipeline fails, and with 0 as soon as it waits for somebody's approval.

    Example: sandbox push mailer --image examples/hello
    """
    report = say if as_json else click.echo
    session = Session(StackFolder(stack).running_server())
    pipeline = find_pipeline(session.client("codepipeline"), service, names_in_aws(stack, service))
    wanted = find_image(session, pipeline, service, image, platform)
    pushed = build_and_push(session, pipeline, image, wanted, report if verbose else lambda _: None)
    report(f"Pushed {image} as {pushed.user} to {pushed.name}, {pushed.digest}")
    if not pushed.starts:
        report(f"`sandbox ship {service} --source {image} --stack {stack}` finds it, and builds nothing.")
        if as_json:
            click.echo(json.dumps({"image": pushed.name, "digest": pushed.digest}, indent=2))
        return
    if not pushed.moved:
        report("The tag points to this image already: ECR tells of no push, and nothing starts.")
        return
    execution = wait_for_push(session, pipeline, pushed, report)
    report(f"Execution {execution} of {pipeline['name']}")
    _follow(session, pipeline, stack, service, execution, {"digest": pushed.digest}, verbose, as_json, wait=wait)


def _follow(
    session: Session,
    pipeline: dict[str, Any],
    stack: str,
    service: str,
    execution: str,
    brought: dict[str, str],
    verbose: bool,
    as_json: bool,
    *,
    wait: bool,
) -> None:
    """Follow an execution, or say how to; `brought` tells a machine what has started it."""
    report = say if as_json else click.echo
    if not wait:
        _leave(pipeline, stack, service, execution)
        if as_json:
            click.echo(json.dumps({"execution": execution, **brought}, indent=2))
        return
    follower = ExecutionFollower(
        session, pipeline, execution, report, logs=verbose, progress=lambda: progress(session, pipeline, service)
    )
    started = time.monotonic()
    try:
        approval = follower.follow(past_approvals=False)
    except KeyboardInterrupt:
        _leave(pipeline, stack, service, execution)
        raise
    summary = follower.summary()
    if approval:
        for line in how_to_answer(approval, execution, approval_commands(stack, service)):
            report(line)
    elif summary["status"] == "Succeeded":
        report(f"Delivered in {time.monotonic() - started:.1f} s{_where_it_answers(session, pipeline, service)}")
    else:
        for line in failure(session, summary, follower, service):
            say(line)
        say(f"Mend it and ship again; `sandbox log {service} --stack {stack}` has all of it.")
    if as_json:
        click.echo(json.dumps({**summary, **brought}, indent=2))
    if not approval and summary["status"] != "Succeeded":
        sys.exit(1)


def _leave(pipeline: dict[str, Any], stack: str, service: str, execution: str) -> None:
    """Say how to watch an execution that goes on, and how to end it."""
    say(f"Execution {execution} goes on; `sandbox log {service} --stack {stack} --follow` shows it, and to end it:")
    say(f'  eval "$(sandbox env --stack {stack})"')
    say(
        f"  aws codepipeline stop-pipeline-execution --pipeline-name {pipeline['name']} --abandon "
        f"--pipeline-execution-id {execution}"
    )


def _where_it_answers(session: Session, pipeline: dict[str, Any], service: str) -> str:
    """How to look at it; nothing where no route leads to it."""
    try:
        site = find_site(session, pipeline, service)
    except SandboxError:
        return ""
    return f"; it answers at {site.url}"


@click.command()
@click.argument("service")
@stack_option
@click.option("--execution", metavar="ID", help="This execution instead of the last one.")
@click.option("--follow", is_flag=True, help="Go on until interrupted.")
@one_message
def log(service: str, stack: str, execution: str | None, follow: bool) -> None:
    """Print the last delivery's actions and build logs, then what the service's containers say.

    Example: sandbox log hello --follow
    """
    session = Session(StackFolder(stack).running_server())
    pipeline = find_pipeline(session.client("codepipeline"), service, names_in_aws(stack, service))
    name = pipeline["name"]
    chosen = [e for e in executions(session, pipeline) if execution in (None, e["pipelineExecutionId"])]
    if not chosen:
        missing = f"an execution {execution}" if execution else "any execution"
        raise SandboxError(f"the pipeline {name} does not have {missing}")
    newest = chosen[0]
    click.echo(f"Execution {newest['pipelineExecutionId']} of {name}: {newest['status']}")
    follower = ExecutionFollower(session, pipeline, newest["pipelineExecutionId"], click.echo)
    if follow:
        follower.follow()
    else:
        follower.report()
    readers = dict(container_logs(session, pipeline, service))
    while True:
        for title, reader in readers.items():
            for line in reader.new_lines():
                click.echo(f"{title} | {line}")
        if not follow:
            return
        time.sleep(1.0)
        for title, reader in container_logs(session, pipeline, service):
            readers.setdefault(title, reader)


COMMANDS: list[click.Command] = [ship, push, log]
