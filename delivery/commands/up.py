"""`pulumi up` from a laptop, on an account: the right one, what would happen first, and a question that fits it."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TextIO

import boto3
import click

from delivery.command_line import stack_option, with_session
from delivery.output.terminal import width
from delivery.pull_request.as_text import as_text
from delivery.pull_request.live import read_live
from delivery.pull_request.preview import parse
from delivery.pull_request.report import Report, report
from delivery.stack_files.config import read_config
from delivery.updates.after_up import numbers, places
from delivery.updates.engine_log import EngineLog
from releases import waiting
from releases.aws_session import Provider, sign_in
from releases.errors import NO_CLI, DeliveryError
from releases.progress import Log

Ask = Callable[[str], str]
"""Asks a person, and gives what was typed."""

EVENTS = {"PULUMI_DEBUG_COMMANDS": "true"}
"""The option `--event-log` is one of Pulumi's debug commands, as which Pulumi's Automation API uses it, too."""
NO_CHANGE = ("same", "read", "refresh")
ENDS = ("delete", "delete-replaced")
SECONDS_BETWEEN_READS = 0.2
"""Of what the engine says."""


@dataclass(frozen=True)
class Project:
    """One stack of a Pulumi program.

    Attributes:
        folder: the program's, with `Pulumi.yaml`.
        stack: its name.
        options: more options of `pulumi preview` and `pulumi up`.
        environment: variables beside those of this process.
        waits: whether edits wait for what is in flight, which they are left out for else.
    """

    folder: Path
    stack: str
    options: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict)
    waits: bool = False

    @property
    def file(self) -> Path:
        """The stack file."""
        return self.folder / f"Pulumi.{self.stack}.yaml"

    def config(self) -> dict[str, Any]:
        """The stack file's `config`, and each key that only `Pulumi.yaml`'s has, as Pulumi puts them together.

        Raises:
            DeliveryError: there is no such file, or it is none, or `Pulumi.yaml` is none.
        """
        return read_config(self.folder, self.stack)

    def pulumi(self, *arguments: str, **environment: str) -> None:
        """Run the CLI, which talks to the person itself; with more variables, if any.

        An interrupt is the CLI's too, which ends what it is about; it is waited for.

        Raises:
            DeliveryError: it failed, and has said why; or it is not there.
        """
        process = self._started(arguments, environment)
        try:
            code = process.wait()
        except KeyboardInterrupt:
            process.wait()
            raise
        if code != 0:
            raise DeliveryError(f"pulumi {arguments[0]} failed, as it says above")

    def watch(self, log: EngineLog, *arguments: str) -> str:
        """Run the CLI, and say what the engine says and how far it is, instead of what the CLI shows.

        Returns:
            What it printed.

        Raises:
            DeliveryError: it failed; what the program, AWS and the policies refuse, or else what it printed.
        """
        interrupted = False
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = self._started([*arguments, "--event-log", str(log.path)], EVENTS, stdout=out, stderr=err)
            while True:
                try:
                    ended = process.poll() is not None
                    log.read()
                    if ended:
                        break
                    time.sleep(SECONDS_BETWEEN_READS)
                except KeyboardInterrupt:
                    interrupted = True
            log.end()
            printed, complaints = (_text(file) for file in (out, err))
        if interrupted:
            raise KeyboardInterrupt
        if process.returncode != 0 or log.errors:
            why = "\n".join(log.errors) or complaints or printed
            raise DeliveryError(f"pulumi {arguments[0]} failed:\n{why}")
        return printed

    def _started(
        self, arguments: Sequence[str], environment: Mapping[str, str], **files: Any
    ) -> "subprocess.Popen[bytes]":
        if shutil.which("pulumi") is None:
            raise DeliveryError(NO_CLI)
        waits = {waiting.VARIABLE: str(waiting.MINUTES)} if self.waits else {}
        whole = {**os.environ, **self.environment, **environment, **waits}
        return subprocess.Popen(["pulumi", *arguments], cwd=self.folder, env=whole, **files)


def _text(file: TextIO) -> str:
    file.seek(0)
    return file.read().strip()


@dataclass(frozen=True)
class Changes:
    """What a preview would do.

    Attributes:
        count: resources that change in any way.
        ends: those whose present form AWS would no longer have: deleted, or replaced by another.
    """

    count: int
    destructive: Sequence[str]


def changes(events: Iterable[str]) -> Changes:
    """Read the engine's events, JSON by line, as `--event-log` writes them.

    What the program keeps when Pulumi lets go of it is no end: a value of Parameter Store (`retainOnDelete`), a
    revision of a task definition (`skipDestroy`). Else every edit of a task would count as destructive.
    """
    count, destructive = 0, []
    for line in events:
        metadata = json.loads(line).get("resourcePreEvent", {}).get("metadata")
        if metadata is None or metadata["op"] in NO_CHANGE:
            continue
        count += 1
        old = metadata.get("old") or {}
        kept = old.get("retainOnDelete") or (old.get("inputs") or {}).get("skipDestroy")
        if metadata["op"] in ENDS and old.get("custom") and not kept:
            destructive.append(f"{metadata['type']} {metadata['urn'].split('::')[-1]}")
    return Changes(count, destructive)


def right_account(project: Project) -> boto3.Session:
    """A session of the account that the stack file names.

    Raises:
        DeliveryError: it names none or is wrong about AWS's keys, or the credentials are another one's.
        botocore.exceptions.BotoCoreError: there are no credentials.
    """
    from config.lines import StackLines
    from config.provider_keys import check_provider
    from config.validation import format_problems  # which loads the SDK of Pulumi

    config, file = project.config(), project.file.name
    if problems := list(check_provider(config)):
        raise DeliveryError(format_problems(file, problems, StackLines.read(project.file)))
    session = sign_in(Provider.parse(config))
    caller = session.client("sts").get_caller_identity()
    allowed = config.get("aws:allowedAccountIds") or []
    if not allowed:
        raise DeliveryError(
            f"{file} does not say which account it is for; if it is the one of these credentials, write "
            f'`aws:allowedAccountIds: ["{caller["Account"]}"]` into its config'
        )
    if caller["Account"] not in allowed:
        raise DeliveryError(
            f"stack {project.stack} is for account {' or '.join(allowed)} (aws:allowedAccountIds in {file}), and these "
            f"credentials are of account {caller['Account']}, {caller['Arn']}; choose others with AWS_PROFILE"
        )
    return session


def up(project: Project, ask: Ask, say: Log, *, words: bool = True) -> None:
    """Show what would happen in the right account, ask, and do it.

    Args:
        project: the stack.
        ask: asks a person.
        say: takes what there is to say.
        words: whether that is told in services, and how far `up` is, instead of what Pulumi shows.

    Raises:
        DeliveryError: the wrong account, or the answer was no, or a step failed; the message says which.
    """
    session = right_account(project)
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder) / "preview.json", Path(folder) / "up.json"
        if words:
            log = EngineLog(first, "preview", say)
            shown = as_text(_report(project, session, log), width())
        else:
            project.pulumi("preview", "--stack", project.stack, "--event-log", str(first), *project.options, **EVENTS)
        with first.open(encoding="utf-8") as events:
            planned = changes(events)
        if not planned.count and not project.waits:  # a preview leaves out what waits
            say("Nothing would change.")
            return
        if words:
            say(f"{shown}\n")
        confirm(project.stack, planned, ask, say)
        command = ["up", "--stack", project.stack, "--yes", "--skip-preview", *project.options]
        if not words:
            project.pulumi(*command)
            return
        log = EngineLog(second, "up", say, total=log.resources)
        project.watch(log, *command)
        for line in [*numbers(log.changes()), "", *places(log.outputs(), "https://{}/".format, width())]:
            say(line)


def _report(project: Project, session: boto3.Session, log: EngineLog) -> Report:
    """What a preview says, and AWS."""
    preview = parse(project.watch(log, "preview", "--stack", project.stack, "--json", *project.options))
    return report(project.stack, preview, read_live(lambda: session, project.stack, preview))


def confirm(stack: str, planned: Changes, ask: Ask, say: Log) -> None:
    """Ask whether to go on: by the stack's name, typed, where something ends.

    Raises:
        DeliveryError: the answer is anything else.
    """
    if planned.destructive:
        say("\n".join(["This deletes, or replaces by new ones:", *(f"  {end}" for end in planned.destructive)]))
        wanted, question = stack, f"Type the stack's name, {stack}, to go on"
    else:
        wanted, question = "yes", "Go on? Only yes is yes"
    if ask(question).strip() != wanted:
        raise DeliveryError("nothing was changed")


@click.command("up")
@stack_option
@click.option("--wait", is_flag=True, help="Wait for what is in flight before deploying an edit, instead of failing.")
@click.option(
    "--diff", is_flag=True, help="Show what Pulumi prints for each resource, instead of services and progress."
)
@with_session
def command(session: boto3.Session, stack: str, wait: bool, diff: bool) -> None:
    """Deploy a stack to the account that its file names: shows what would happen, asks, and does it.

    If something is deleted or replaced, you must answer with the stack's name.

    Example: delivery up --stack dev
    """
    project = project_of(session, Path.cwd(), stack, "--policy-pack", "policy")
    if diff:
        project = replace(project, options=[*project.options, "--diff"])
    up(replace(project, waits=wait), ask_person, click.echo, words=not diff)


def project_of(session: boto3.Session, folder: Path, stack: str, *options: str) -> Project:
    """A stack of the program in a folder, deployed with the profile that was chosen for this command."""
    chosen = {"AWS_PROFILE": session.profile_name} if session.profile_name != "default" else {}
    os.environ.update(chosen)
    return Project(folder, stack, options)


def ask_person(question: str) -> str:
    """What a person types.

    Raises:
        DeliveryError: there is nobody to ask.
    """
    if not sys.stdin.isatty():
        raise DeliveryError("nothing was changed; there is no terminal on which to ask. In CI, deploy with .ci/up")
    return str(click.prompt(question, default="", show_default=False))
