"""The Pulumi CLI as a child process that may outlive this one."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pulumi import automation as auto
from pulumi.automation._cmd import CommandResult
from pulumi.automation.errors import create_command_error


class PatientCommand(auto.PulumiCommand):
    """Runs the CLI with its output in files.

    With pipes the CLI would die in the middle of an operation when this process is killed, and forget what it had
    just created; so it misses the program, ends what it is about and records it. An interrupt it gets itself.
    """

    def run(
        self,
        args: list[str],
        cwd: str,
        additional_env: Mapping[str, str],
        on_output: Any = None,
        on_error: Any = None,
    ) -> CommandResult:
        """Run `pulumi ARGS`; the callbacks are not called.

        Raises:
            auto.CommandError: it failed.
        """
        plugins = [Path(self.command).parent, Path(sys.executable).parent]  # the CLI's own, and sandbox.analyzer
        path = os.pathsep.join([*map(str, plugins), os.environ.get("PATH", os.defpath)])
        environment = {**os.environ, **additional_env, "PATH": path, "PULUMI_AUTOMATION_API": "true"}
        with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
            process = subprocess.Popen(
                [self.command, "--non-interactive", *args], stdout=out, stderr=err, cwd=cwd, env=environment
            )
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.wait()
                raise
            out.seek(0)
            err.seek(0)
            result = CommandResult(out.read().rstrip("\n"), err.read().rstrip("\n"), code)
        if code != 0:
            raise create_command_error(result)
        return result
