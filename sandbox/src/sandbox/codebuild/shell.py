"""Runs the commands of a buildspec's phases in a build container.

Each phase has its own shell. What the commands leave behind (variables, functions, options, the folder) is
saved after each of them and on exit, and is there again in the next phase; so an `exit 1` ends its phase and
nothing else. With /bin/sh functions and options do not outlive a phase.
"""

from __future__ import annotations

import shlex
from pathlib import Path

from sandbox.containers.namespace import Command, Container

STATE = "/codebuild/state"

SAVE_BASH = """\
__codebuild_save() {
  { declare -p; declare -f; shopt -p; set +o; printf 'cd %q\\n' "$PWD"; } >"$__codebuild/new" 2>/dev/null
  mv -f "$__codebuild/new" "$__codebuild/saved"
  env -0 >"$__codebuild/environment"
}
"""
SAVE_SH = """\
__codebuild_save() {
  { set; export -p; } >"$__codebuild/new" 2>/dev/null
  pwd >"$__codebuild/folder"
  mv -f "$__codebuild/new" "$__codebuild/saved"
  env -0 >"$__codebuild/environment"
}
"""
RESTORE_BASH = '[ ! -f "$__codebuild/saved" ] || . "$__codebuild/saved" 2>/dev/null\n'
RESTORE_SH = """\
[ ! -f "$__codebuild/saved" ] || . "$__codebuild/saved" 2>/dev/null
[ ! -f "$__codebuild/folder" ] || cd "$(cat "$__codebuild/folder")"
"""
COMMAND = """\
printf {number} >"$__codebuild/running"
printf '[Container] %s Running command %s\\n' "$(date '+%Y/%m/%d %H:%M:%S')" "$(cat {file})"
eval "$(cat {file})"
__codebuild_code=$?
[ "$__codebuild_code" -eq 0 ] || exit "$__codebuild_code"
__codebuild_save
"""


class CommandFailed(Exception):
    """A command of a phase ended with a non-zero exit code."""

    def __init__(self, command: str, code: int) -> None:
        super().__init__(f"Error while executing command: {command}. Reason: exit status {code}")
        self.command = command
        self.code = code


class BuildShell:
    """The shell of one build. `root` is the container's root folder, `folder` the source inside it."""

    def __init__(self, container: Container, root: Path, shell: str, folder: str, environment: dict[str, str]) -> None:
        self._container = container
        self._root = root
        self._shell = shell
        self._folder = folder
        self._environment = environment
        self._count = 0
        (root / STATE.lstrip("/")).mkdir(parents=True, exist_ok=True)

    def run(self, commands: list[str], *, succeeding: bool, timeout: float) -> None:
        """Run commands to the first that fails.

        Raises CommandFailed, TimeoutError after `timeout` seconds and ConnectionError when the container ends.
        """
        if not commands:
            return
        self._count += 1
        state = self._root / STATE.lstrip("/")
        script = state / f"phase-{self._count}"
        (state / "running").write_text("0")
        script.write_text(self._script(commands, script, succeeding))
        first = not (state / "saved").exists()
        environment = self._environment if first else {"PATH": self._environment["PATH"]}
        command = Command([self._shell, f"{STATE}/{script.name}"], environment, self._folder)
        code = self._container.run(command, timeout)
        if code != 0:
            raise CommandFailed(commands[int((state / "running").read_text() or 0)], code)

    def exported(self, names: list[str]) -> dict[str, str]:
        """The values that exported variables of these names have now."""
        file = self._root / STATE.lstrip("/") / "environment"
        if not file.is_file():
            return {name: self._environment[name] for name in names if name in self._environment}
        entries = (entry.partition("=") for entry in file.read_text(errors="replace").split("\0"))
        environment = {name: value for name, equals, value in entries if equals}
        return {name: environment[name] for name in names if name in environment}

    def _script(self, commands: list[str], script: Path, succeeding: bool) -> str:
        bash = self._shell.endswith("bash")
        parts = [
            f"__codebuild={STATE}\n",
            RESTORE_BASH if bash else RESTORE_SH,
            f"export CODEBUILD_BUILD_SUCCEEDING={int(succeeding)}\n",
            SAVE_BASH if bash else SAVE_SH,
            "trap '__codebuild_code=$?; __codebuild_save; exit \"$__codebuild_code\"' EXIT\n",
        ]
        for number, command in enumerate(commands):
            file = script.with_name(f"{script.name}-{number}")
            file.write_text(command)
            parts.append(COMMAND.format(number=number, file=shlex.quote(f"{STATE}/{file.name}")))
        return "".join(parts)
