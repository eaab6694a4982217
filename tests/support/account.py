"""A clone whose stacks are on an account: the real Pulumi CLI with its login, and the sandbox in AWS's place."""

import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.stacks import Server
from tests.real_cli import Installed, install
from tests.support.console import Step, of_make, run
from tests.support.example import ROOT, copy_parts, copy_program

SOMEBODY = {
    f"GIT_{role}_{what}": value
    for role in ("AUTHOR", "COMMITTER")
    for what, value in (("NAME", "somebody"), ("EMAIL", "somebody@example.com"))
}


@dataclass(frozen=True)
class Account:
    """What somebody has who follows the documents: a clone, an administrator's credentials, `.venv` and `.tools` on PATH.

    Attributes:
        root: the clone.
        server: the account.
    """

    root: Path
    server: Server

    @property
    def _cli(self) -> Installed:
        return install(self.root / ".cli", {"aws": self.server.aws_port, "awsx": self.server.awsx_port})

    @property
    def variables(self) -> dict[str, str]:
        """The whole environment."""
        aws = {
            "AWS_ACCESS_KEY_ID": ROOT_CREDENTIALS.access_key,
            "AWS_SECRET_ACCESS_KEY": ROOT_CREDENTIALS.secret_key,
            "AWS_REGION": self.server.region,
            "AWS_DEFAULT_REGION": self.server.region,
            "AWS_ENDPOINT_URL": self.server.endpoint,
            "AWS_EC2_METADATA_DISABLED": "true",
        }
        once = {"PULUMI_EXPERIMENTAL": "true", "PULUMI_SKIP_CHECKPOINTS": "true"}  # a state is written at its end only
        return self._cli.variables({**aws, **once, **SOMEBODY}, PWD=str(self.root))

    def type(self, command: str, printed: Sequence[str] = ("…",)) -> str:
        """Type a command in the clone; what it prints.

        Raises:
            AssertionError: it fails, or prints something else.
        """
        return run(Step(command, tuple(printed)), self.root, self.variables, of_make)

    def run(self, command: str) -> subprocess.CompletedProcess[str]:
        """The same of a command that may fail."""
        return subprocess.run(
            ["bash", "-c", command],
            cwd=self.root,
            env=self.variables,
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
        )


def clone(folder: Path) -> Path:
    """The program in a folder, as `make setup` leaves it there."""
    copy_program(folder)
    copy_parts(folder, "bootstrap", "examples", "bench")
    for link in (".venv", "policy"):
        (folder / link).symlink_to(ROOT / link)
    (folder / ".tools/bin").mkdir(parents=True)
    (folder / ".tools/bin/pulumi").symlink_to(folder / ".cli/bin/pulumi")
    for command in (
        ["init", "--quiet"],
        ["add", "Pulumi.dev.yaml", "examples"],
        ["commit", "--quiet", "--message", "a clone"],
    ):
        subprocess.run(["git", *command], cwd=folder, check=True, env={**os.environ, **SOMEBODY})
    return folder
