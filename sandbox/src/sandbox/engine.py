"""The real Pulumi engine, run on the repository's program against the sandbox's providers."""

import contextlib
import json
import logging
import os
import shutil
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any, Literal

from pulumi import automation as auto
from pulumi.automation._stack import StackInitMode

from sandbox import program, program_hooks
from sandbox.event_log import EventLog
from sandbox.identities import credentials, providers
from sandbox.live_line import LiveLine
from sandbox.made_up_secrets import missing_secrets
from sandbox.progress import Progress, Say
from sandbox.pulumi_cli import PatientCommand
from sandbox.reports import Outcome, Reporter
from sandbox.stacks import SandboxError, Server, StackFolder

Operation = Literal["preview", "up", "refresh", "destroy"]
_EventLog = tuple[str, EventLog, None, tempfile.TemporaryDirectory[str], None]
PASSPHRASE = "sandbox"  # noqa: S105 - encrypts made-up values only
LOCKED = "the stack is currently locked"
MINUTES_OF_AN_ENGINE = 10
"""More than an engine takes whose program was killed: it ends the calls that are under way, and begins none."""


class EngineError(SandboxError):
    """The operation failed.

    Attributes:
        outcome: what it had done before.
    """

    def __init__(self, message: str, outcome: Outcome | None = None) -> None:
        super().__init__(message)
        self.outcome = outcome or Outcome()


@dataclass
class Engine:
    """Runs the program of a repository in this process, with the CLI as engine.

    Attributes:
        folder: the stack's folder.
        server: the sandbox's server that the stack is in.
        say: takes messages, line by line.
        show_diff: whether each resource that changes is told, with its old and new values.
        identity: the IAM user or role that program and provider call AWS as; the account's root without one.
        live: shows how far an operation is; nothing does without one.
    """

    folder: StackFolder
    server: Server
    say: Say
    show_diff: bool = False
    identity: str | None = None
    live: LiveLine | None = None
    _opened: "_Stack | None" = field(default=None, init=False)
    _declared: Callable[[Any], None] = field(default=lambda _: None, init=False)

    def run(
        self,
        operation: Operation,
        *,
        refresh: bool | None = None,
        targets: list[str] | None = None,
        policy_packs: list[Path] | None = None,
        clear_pending_creates: bool = False,
    ) -> Outcome:
        """Run one operation, making up secrets that the program asks for.

        Args:
            operation: what to do.
            refresh: whether to read the state anew first; by default as `Pulumi.yaml` says.
            targets: URNs; everything without them.
            policy_packs: for `preview` and `up`: the folders of the policy packs that must pass.
            clear_pending_creates: for `refresh`: forget the creations of which a kill left unknown how they ended.

        Raises:
            EngineError: it failed; the message is the program's, or AWS's with the resource's name.
        """
        options: dict[str, Any] = {"target": targets} if targets else {}
        if refresh and operation in ("preview", "up"):
            options["refresh"] = True
        if policy_packs:
            options["policy_packs"] = [str(pack.resolve()) for pack in policy_packs]
        if clear_pending_creates:
            options["clear_pending_creates"] = True
        secrets = self.folder.secrets
        with self.folder.locked(self.say), secrets.preview() if operation == "preview" else contextlib.nullcontext():
            outcome = self._again_with_secrets(operation, refresh, options)
            secrets.keep_forgotten()
        return outcome

    def _again_with_secrets(self, operation: Operation, refresh: bool | None, options: dict[str, Any]) -> Outcome:
        """Run it until the program lacks no secret and has none too many."""
        earlier, forgot = Outcome(), False
        while True:
            try:
                return self._once(operation, refresh, options).after(earlier)
            except EngineError as error:
                missing = [key for key in missing_secrets(str(error)) if not self.folder.has(key)]
                if LOCKED in str(error):
                    self._release_lock()
                elif not self.folder.secrets.make_up(missing, self.say):
                    if forgot or not self.folder.secrets.forget(str(error), self.say):
                        raise
                    forgot = True
                if operation != "preview":
                    earlier = error.outcome.after(earlier)

    def export(self) -> dict[str, Any]:
        """The stack's deployment, secrets encrypted."""
        exported: dict[str, Any] = json.loads(self.export_text(show_secrets=False))
        return exported

    def export_text(self, show_secrets: bool) -> str:
        """What `pulumi stack export` prints."""
        return self.pulumi("stack", "export", *(["--show-secrets"] if show_secrets else []))

    def pulumi(self, *arguments: str) -> str:
        """Run the CLI on the stack without the program: what it prints.

        Raises:
            pulumi.automation.CommandError: it failed.
        """
        workspace = self._stack().workspace
        environment = {**workspace.env_vars, "PULUMI_HOME": str(self.folder.home), "PULUMI_STACK": self.folder.stack}
        return str(workspace.pulumi_command.run(list(arguments), workspace.work_dir, environment).stdout)

    def _once(self, operation: Operation, refresh: bool | None, options: dict[str, Any]) -> Outcome:
        reporter = Reporter(operation, self.say, self.show_diff, self.live.show if self.live else lambda _: None)
        self._declared = reporter.count.declare
        started = time.monotonic()
        outcome = reporter.outcome
        try:
            stack = self._stack(refresh)
            with program.as_if_started(self.folder.root, self.variables()):
                getattr(stack, operation)(on_event=reporter.take, on_output=lambda _: None, **options)
        except auto.CommandError as error:
            if os.environ.get("SANDBOX_DEBUG"):
                logging.getLogger(__name__).exception("engine")
            raise EngineError(reporter.reason(error), outcome) from None
        finally:
            if self.live:
                self.live.end()
            outcome.seconds = time.monotonic() - started
        return outcome

    def _stack(self, refresh: bool | None = None) -> "_Stack":
        """The stack of the private copy, which is copied again when the repository's files have changed."""
        changed = self.folder.copy_stack_files(self.say, keep_refresh=refresh is not False)
        if self._opened is None:
            self._keep_no_logs()
            workspace = auto.LocalWorkspace(
                work_dir=str(self.folder.work),
                pulumi_home=str(self.folder.home),
                pulumi_command=_command(self.folder.root),
                program=lambda: program.run(self.folder.root, self._declared),
                env_vars=self._environment(),
            )
            self._opened = _Stack(self.folder.stack, workspace, StackInitMode.CREATE_OR_SELECT)
        made_up = {key: auto.ConfigValue(value, secret=True) for key, value in self.folder.secrets.values().items()}
        if changed:
            if made_up:
                self._opened.set_all_config(made_up, path=True)
            self.folder.copied()
        return self._opened

    def _keep_no_logs(self) -> None:
        """The CLI writes all it does to `logs`, for a third of its time, unless that can be no folder."""
        self.folder.home.mkdir(parents=True, exist_ok=True)
        (self.folder.home / "logs").touch()

    def _release_lock(self) -> None:
        """Wait for the engine of a run that was killed to end; take away its lock if that was killed too.

        No other run is alive: this process holds the folder.

        Raises:
            EngineError: the engine does not end; its process.
        """
        progress = Progress(self.say)
        while engines := self.folder.locking_processes():
            message = "An earlier run was killed; waiting for its engine to end"
            if progress.waits(message) > MINUTES_OF_AN_ENGINE * 60:
                process = f"process {engines[0]}"
                raise EngineError(f"an earlier run was killed, and its engine, {process}, does not end; end it first")
            time.sleep(0.2)
        if self.folder.lock_files():
            self.say("An earlier run was killed; its lock is taken away.")
            self._stack().cancel()

    @cached_property
    def _signed_in(self) -> dict[str, Any]:
        """Credentials and the providers that sign with them."""
        if self.identity:
            return providers(self.server, self.identity, self.folder.stack)
        ports = {"aws": self.server.aws_port, "awsx": self.server.awsx_port}
        return {"credentials": credentials(self.server, None, self.folder.stack), **ports}

    def _environment(self) -> dict[str, str]:
        return {
            # Without sidecar files: they are not written at once, so a kill could leave one that cannot be read.
            "PULUMI_BACKEND_URL": f"{self.folder.state.as_uri()}?metadata=skip",
            "PULUMI_CONFIG_PASSPHRASE": PASSPHRASE,
            "PULUMI_DEBUG_PROVIDERS": f"aws:{self._signed_in['aws']},awsx:{self._signed_in['awsx']}",
            "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION": "true",
            "PULUMI_SKIP_UPDATE_CHECK": "true",
        }

    def variables(self) -> dict[str, str]:
        """The variables of the person who deploys: AWS's, and the program's own."""
        signed = self._signed_in["credentials"]
        token = {"AWS_SESSION_TOKEN": signed["session_token"]} if signed["session_token"] else {}
        return {
            "AWS_ACCESS_KEY_ID": signed["access_key"],
            "AWS_SECRET_ACCESS_KEY": signed["secret_key"],
            **token,
            "AWS_REGION": self.server.region,
            "AWS_DEFAULT_REGION": self.server.region,
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": os.devnull,
            "AWS_SHARED_CREDENTIALS_FILE": os.devnull,
            **program_hooks.variables(),
        }


class _Stack(auto.Stack):
    """A stack whose events come by a file, and whose `up` does not ask the CLI for what they have told already."""

    def outputs(self) -> auto.OutputMap:
        return {}

    def info(self, show_secrets: bool = True) -> auto.UpdateSummary | None:
        return auto.UpdateSummary("", datetime.now(UTC), "", {}, {}, "")

    def _setup_event_log(self, command: str, on_event: auto.OnEvent, pulumi_version: str) -> _EventLog:
        """Instead of the SDK's, which can lose events. (The file, the thread that reads it, and what removes it.)"""
        log = EventLog(on_event)
        log.start()
        return str(log.path), log, None, log.folder, None


@cache
def _command(root: Path) -> auto.PulumiCommand:
    for folder in (root, *root.parents):
        if (folder / ".tools/bin/pulumi").exists():
            return PatientCommand(root=str(folder / ".tools"))
    if program := shutil.which("pulumi"):
        return PatientCommand(root=str(Path(program).parents[1]))
    raise SandboxError("there is no Pulumi CLI; run: make setup")
