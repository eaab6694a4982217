"""A stack's folder: its server, its private copy of the stack file, and the locks on both."""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

import yaml

from sandbox import base_images, readings
from sandbox.made_up_secrets import MadeUpSecrets
from sandbox.progress import Progress, Say
from sandbox.stack_yaml import NotYamlError, read

DEFAULT_ACCOUNT = "123456789012"
DEFAULT_REGION = "us-east-1"
SECONDS_TO_START = 60
HOURS_OF_ANOTHER_COMMAND = 4
"""More than the longest command takes, an `up --wait` that waits for an hour and then deploys."""
NOT_COPIED = ("encryptionsalt", "encryptedkey", "secretsprovider", "environment")
"""What belongs to the real stack's secrets; the copy has a passphrase of its own."""


class SandboxError(Exception):
    """A command cannot do its work; the message says what to do next."""


@dataclass(frozen=True)
class Server:
    """A running server, as `server.json` describes it."""

    pid: int
    port: int
    aws_port: int
    awsx_port: int
    account: str
    region: str

    @property
    def endpoint(self) -> str:
        """Where any AWS client reaches it."""
        return f"http://127.0.0.1:{self.port}"

    def is_alive(self) -> bool:
        """Whether the process is still there, and no other one that got its number."""
        if not _runs(self.pid):
            return False
        with socket.socket() as connection:
            connection.settimeout(5)
            return connection.connect_ex(("127.0.0.1", self.aws_port)) == 0


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.exists() and state.read_text().rpartition(")")[2].split()[0] == "Z")


def _command_line(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def repository() -> Path:
    """The folder with `Pulumi.yaml`: this one or the nearest above.

    Raises:
        SandboxError: there is none.
    """
    current = Path.cwd()
    for folder in (current, *current.parents):
        if (folder / "Pulumi.yaml").is_file():
            return folder
    raise SandboxError(f"no Pulumi.yaml in {current} or above; run this inside the repository")


class StackFolder:
    """`.sandbox/<stack>/` of a repository."""

    def __init__(self, stack: str, root: Path | None = None) -> None:
        self.stack = stack
        self.root = root or repository()
        self.folder = self.root / ".sandbox" / stack
        self.work = self.folder / "work" / stack
        self.state = self.folder / "pulumi" / "state"
        self.home = self.folder / "pulumi" / "home"
        self.secrets = MadeUpSecrets(self.work / "made-up.json")
        self._stack_file = self.root / f"Pulumi.{stack}.yaml"
        if not self._stack_file.is_file():
            stacks = ", ".join(sorted(p.name.split(".")[1] for p in self.root.glob("Pulumi.*.yaml")))
            raise SandboxError(f"there is no Pulumi.{stack}.yaml; the stacks are: {stacks}")

    def settle_in(self, host: str) -> None:
        """Put this stack into another one's sandbox: one account and one Pulumi backend for both.

        Raises:
            SandboxError: the other stack is not up, or this one has a sandbox of its own.
        """
        StackFolder(host, self.root).running_server()
        if self.folder.is_symlink():
            self.folder.unlink()
        elif self.folder.exists():
            raise SandboxError(f"stack {self.stack} has a sandbox of its own; run: sandbox stop --stack {self.stack}")
        self.folder.symlink_to(host)

    def config(self) -> dict[str, Any]:
        """The stack file's `config`.

        Raises:
            SandboxError: the file is not YAML, or not a stack file.
        """
        config = self._read().get("config") or {}
        if not isinstance(config, dict):
            raise SandboxError(f"Pulumi.{self.stack}.yaml: config must be an object")
        return config

    def _read(self) -> dict[str, Any]:
        return _yaml(self._stack_file)

    @property
    def account(self) -> str:
        """The account that the stack may be in, or a stand-in.

        Raises:
            SandboxError: the stack file names none that could be one.
        """
        key = "aws:allowedAccountIds"
        value = self.config().get(key) or [DEFAULT_ACCOUNT]
        allowed = yaml.safe_load(value) if isinstance(value, str) else value
        if not isinstance(allowed, list) or not all(re.fullmatch(r"\d{12}", str(each)) for each in allowed):
            raise SandboxError(
                f"Pulumi.{self.stack}.yaml: {key}: {value!r} is not allowed: must be a list of account numbers, "
                "12 digits in quotes each"
            )
        return str(allowed[0])

    @property
    def region(self) -> str:
        """The stack's region."""
        return str(self.config().get("aws:region", DEFAULT_REGION))

    def known_region(self) -> str:
        """The stack's region.

        Raises:
            SandboxError: botocore knows none of this name, and the stack file does not take it all the same.
        """
        from botocore.session import Session  # which takes longer to load than all else here

        session, region = Session(), self.region
        regions = [
            name for each in session.get_available_partitions() for name in session.get_available_regions("ecs", each)
        ]
        if region not in regions and str(self.config().get("aws:skipRegionValidation")).lower() != "true":
            raise SandboxError(
                f"Pulumi.{self.stack}.yaml: aws:region: {region!r} is not a region that is known here "
                "(a new one: aws:skipRegionValidation: true)"
            )
        return region

    def server(self) -> Server | None:
        """The running server, None when there is none."""
        try:
            server = Server(**json.loads((self.folder / "server.json").read_text()))
        except FileNotFoundError:
            return None
        return server if server.is_alive() else None

    def running_server(self) -> Server:
        """The running server.

        Raises:
            SandboxError: there is none.
        """
        server = self.server()
        if server is None:
            raise SandboxError(f"stack {self.stack} is not up; run: sandbox up --stack {self.stack}")
        return server

    def ensure_server(self, say: Say) -> Server:
        """The running server, started when there is none; then nothing of an earlier one is left.

        Raises:
            SandboxError: it did not start; the message has the end of its log. Or SANDBOX_AWS or SANDBOX_IMAGES names
                what there is not.
        """
        try:
            readings.chosen()
            base_images.chosen()
        except ValueError as error:
            raise SandboxError(str(error)) from None
        server = self.server()
        if server is not None:
            return server
        if self.folder.is_symlink():
            host = self.folder.readlink()
            raise SandboxError(
                f"stack {self.stack} is in the sandbox of stack {host}, which is not up; run: sandbox up --stack {host}"
            )
        if self.state.exists():
            say(f"The sandbox's server of stack {self.stack} is gone and what it held with it: starting from empty.")
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        account, region = self.account, self.known_region()
        say(f"Starting the sandbox: account {account}, {region}")
        arguments = ["--stack", self.stack, "--folder", str(self.folder), "--account", account, "--region", region]
        with (self.folder / "server.log").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "sandbox.server", *arguments],
                cwd=self.root,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        end = time.monotonic() + SECONDS_TO_START
        while (server := self.server()) is None:
            if process.poll() is not None or time.monotonic() > end:
                tail = "\n".join((self.folder / "server.log").read_text(errors="replace").splitlines()[-15:])
                raise SandboxError(f"the sandbox's server did not start; the end of its log:\n{tail}")
            time.sleep(0.1)
        return server

    def copy_stack_files(self, say: Say, *, keep_refresh: bool = True) -> bool:
        """Make the private copy that the engine works on, so that no committed file is written to.

        Args:
            say: is told of secrets that are made up.
            keep_refresh: whether `options.refresh` of `Pulumi.yaml` holds.

        Returns:
            Whether the copy is new, so that the made-up secrets must be set in it (`copied` then says so).
        """
        self.work.mkdir(parents=True, exist_ok=True)
        self.state.mkdir(parents=True, exist_ok=True)
        document = {key: value for key, value in self._read().items() if key not in NOT_COPIED}
        plain, locked = _unlocked(document.get("config") or {})
        document["config"] = plain
        self.secrets.make_up(locked, say)
        project = _yaml(self.root / "Pulumi.yaml")
        project["main"] = str(self.root)  # relative paths of assets are the repository's
        if not keep_refresh:
            project.get("options", {}).pop("refresh", None)
        text = yaml.safe_dump(project, sort_keys=False)
        self._source = hashlib.sha256(repr((text, document, self.secrets.values())).encode()).hexdigest()
        stamp = self.work / ".source"
        if stamp.exists() and stamp.read_text() == self._source:
            return False
        copy = self.work / self._stack_file.name
        salt = (yaml.safe_load(copy.read_text()) or {}).get("encryptionsalt") if copy.exists() else None
        if salt:
            document["encryptionsalt"] = salt
        stamp.unlink(missing_ok=True)
        (self.work / "Pulumi.yaml").write_text(text)
        copy.write_text(yaml.safe_dump(document, sort_keys=False))
        return True

    def copied(self) -> None:
        """The private copy is complete."""
        (self.work / ".source").write_text(self._source)

    @contextlib.contextmanager
    def locked(self, say: Say) -> Iterator[None]:
        """Nothing else works on this stack meanwhile; waits until nothing does.

        Raises:
            SandboxError: something still does after hours.
        """
        place = self.folder.with_suffix(".lock")
        place.parent.mkdir(exist_ok=True)
        with place.open("w") as lock:
            waited, progress = 0.0, Progress(say)
            while not _locked(lock):
                if waited > HOURS_OF_ANOTHER_COMMAND * 3600:
                    hours = f"{HOURS_OF_ANOTHER_COMMAND} hours"
                    raise SandboxError(f"another command has worked on stack {self.stack} for {hours}; end it first")
                waited = progress.waits(f"Waiting for another command on stack {self.stack} to end")
                time.sleep(0.2)
            yield

    def lock_files(self) -> list[Path]:
        """Pulumi's own locks on the state."""
        return list((self.state / ".pulumi" / "locks").rglob("*.json"))

    def locking_processes(self) -> list[int]:
        """The engines that hold such a lock and still run."""
        pids = []
        for file in self.lock_files():
            with contextlib.suppress(FileNotFoundError, ValueError, KeyError):
                pids.append(int(json.loads(file.read_text())["pid"]))
        return [pid for pid in pids if _runs(pid) and "pulumi" in _command_line(pid)]

    def has(self, path: str) -> bool:
        """Whether the stack file has something at a config path, such as `project:secrets.app.KEY`."""
        at: Any = self.config()
        for part in path.split("."):
            if not isinstance(at, dict) or part not in at:
                return False
            at = at[part]
        return True


def _locked(lock: IO[str]) -> bool:
    """Whether an open file is this process's alone now."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _yaml(file: Path) -> dict[str, Any]:
    """A file's keys and values.

    Raises:
        SandboxError: it is not YAML, or not an object.
    """
    try:
        return read(file)
    except NotYamlError as error:
        raise SandboxError(f"{file.name} {error}") from None


def _unlocked(config: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The config without its encrypted values, and the paths of those."""
    locked: list[str] = []

    def walk(value: Any, path: str) -> Any:
        if isinstance(value, dict):
            if set(value) == {"secure"}:
                locked.append(path)
                return None
            items = {key: walk(item, f"{path}.{key}" if path else key) for key, item in value.items()}
            return {key: item for key, item in items.items() if item is not None or value[key] is None}
        if isinstance(value, list):
            return [walk(item, f"{path}[{index}]") for index, item in enumerate(value)]
        return value

    return walk(config, ""), locked
