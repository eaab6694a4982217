"""RUN: one command in a container over the stage's root folder, with its mounts."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import uuid4

from sandbox.containers.dockerfile import DockerfileError, Instruction
from sandbox.containers.namespace import Command, Container, StartError, User
from sandbox.containers.rootfs import Bind, Layout, Runtime, composed, inside

MOUNT_OPTIONS = {
    "secret": {"id", "target", "dst", "destination", "env", "required", "mode", "uid", "gid"},
    "cache": {"id", "target", "dst", "destination", "sharing", "mode", "uid", "gid", "ro", "readonly"},
    "bind": {"from", "source", "src", "target", "dst", "destination", "rw", "readwrite"},
    "tmpfs": {"target", "dst", "destination", "size"},
}
PACKAGE_MANAGERS = ("apt-get ", "apt ", "apk ", "yum ", "dnf ", "microdnf ")


class RunError(Exception):
    """A RUN did not complete, in BuildKit's words."""


@dataclass(frozen=True)
class RunStep:
    """Where and as which user a RUN runs. `other_root` gives the root of a stage or image, "" the context.

    `native`: whether its programs are the machine's; CodeBuild's have no emulation, and BuildKit's words are those of
    bitwalker/alpine-elixir-phoenix#79.
    """

    root: Path
    runtime: Runtime
    shell: list[str]
    folder: str
    user: User
    environment: dict[str, str]
    secrets: dict[str, bytes]
    caches: Path
    scratch: Path
    other_root: Callable[[str], Path]
    output: Callable[[str], None]
    native: bool = True

    def run(self, instruction: Instruction) -> None:
        """Run the instruction's command; raises RunError when it fails."""
        work = self.scratch / uuid4().hex
        work.mkdir(parents=True)
        binds, variables = self._mounts(instruction, work)
        argv = self._argv(instruction, work, binds)
        environment = {"HOME": self.user.home, **self.environment, **variables}
        network = instruction.flag("network", "default")
        if network not in ("default", "none", "host"):
            raise DockerfileError(instruction.line, f"invalid network mode {network!r}")
        if network != "none":
            binds.append(Bind(Path(os.path.realpath("/etc/resolv.conf")), "/etc/resolv.conf"))
        command_line = " ".join(argv)
        if not self.native:
            self.output(f"exec {argv[0]}: exec format error")
            raise RunError(f'process "{command_line}" did not complete successfully: exit code: 1')
        command = Command(argv, environment, self.folder, self.user)
        with composed(self.root, self.runtime, binds) as layout:
            try:
                code = self._run(layout, command, work / "sock", "own" if network == "none" else "host")
            except StartError as error:
                raise RunError(f'process "{command_line}" did not complete successfully: {error}') from error
        if code != 0:
            if self.runtime.machine and any(name in command_line for name in PACKAGE_MANAGERS):
                self.output("note: programs come from this machine, read-only: package managers cannot add any")
            raise RunError(f'process "{command_line}" did not complete successfully: exit code: {code}')

    def _run(self, layout: Layout, command: Command, address: Path, network: str) -> int | None:
        reader, writer = os.pipe()
        lines = threading.Thread(target=self._copy_output, args=(reader,))
        lines.start()
        try:
            container = Container(layout, command, address=address, output=writer, network=network)
        finally:
            os.close(writer)
        code = container.wait()
        lines.join()
        return code

    def _copy_output(self, reader: int) -> None:
        with os.fdopen(reader, errors="replace", newline="\n") as stream:
            for line in stream:
                self.output(line.rstrip("\n").rpartition("\r")[2])

    def _argv(self, instruction: Instruction, work: Path, binds: list[Bind]) -> list[str]:
        if instruction.exec_form is not None:
            return instruction.exec_form
        if not instruction.heredocs:
            return [*self.shell, instruction.rest]
        only = instruction.heredocs[0]
        if instruction.rest.lstrip("<-").strip("'\"") != only.name:
            bodies = "".join(f"{heredoc.text}{heredoc.name}\n" for heredoc in instruction.heredocs)
            return [*self.shell, f"{instruction.rest}\n{bodies}"]
        if not only.text.startswith("#!"):
            return [*self.shell, only.text]
        script = work / "script"
        script.write_text(only.text)
        script.chmod(0o755)
        target = f"/run/{only.name}.heredoc"
        binds.append(Bind(script, target))
        return [target]

    def _mounts(self, instruction: Instruction, work: Path) -> tuple[list[Bind], dict[str, str]]:
        binds: list[Bind] = []
        variables: dict[str, str] = {}
        for number, text in enumerate(value for name, value in instruction.flags if name == "mount"):
            options = _options(instruction, text)
            kind = options.get("type", "bind")
            if kind == "secret":
                self._secret(instruction, options, work / f"secret-{number}", binds, variables)
                continue
            target = options.get("target", "")
            if not target:
                raise DockerfileError(instruction.line, f"--mount=type={kind} needs a target")
            target = str(Path(self.folder) / target)
            if kind == "cache":
                name = hashlib.sha256(options.get("id", target).encode()).hexdigest()[:16]
                source = self.caches / name
                source.mkdir(parents=True, exist_ok=True)
                binds.append(Bind(source, target, writable=not _is_true(options, "ro", "readonly")))
            elif kind == "tmpfs":
                source = work / f"tmpfs-{number}"
                source.mkdir()
                binds.append(Bind(source, target, writable=True))
            else:
                path = options.get("source", "/")
                source = inside(self.other_root(options.get("from", "")), path)
                if not source.exists():
                    raise RunError(f'failed to compute cache key: "/{path.lstrip("/")}": not found')
                binds.append(Bind(source, target))
        return binds, variables

    def _secret(
        self,
        instruction: Instruction,
        options: dict[str, str],
        file: Path,
        binds: list[Bind],
        variables: dict[str, str],
    ) -> None:
        name = options.get("id") or Path(options.get("target", "")).name
        if not name:
            raise DockerfileError(instruction.line, "--mount=type=secret needs an id")
        value = self.secrets.get(name)
        if value is None:
            if _is_true(options, "required"):
                raise RunError(f"secret {name}: not found")
            return
        if "env" in options:
            variables[options["env"]] = value.decode()
        if "target" in options or "env" not in options:
            file.touch(mode=0o600)
            file.write_bytes(value)
            file.chmod(int(options.get("mode", "0400"), 8))
            if os.geteuid() == 0:
                os.chown(file, int(options.get("uid", "0")), int(options.get("gid", "0")))
            binds.append(Bind(file, str(Path(self.folder) / options.get("target", f"/run/secrets/{name}"))))


def _options(instruction: Instruction, text: str) -> dict[str, str]:
    options: dict[str, str] = {}
    for part in text.split(","):
        key, equals, value = part.partition("=")
        key = {"dst": "target", "destination": "target", "src": "source"}.get(key, key)
        options[key] = value if equals else "true"
    kind = options.get("type", "bind")
    if kind not in MOUNT_OPTIONS:
        raise DockerfileError(instruction.line, f"--mount=type={kind} is not supported")
    for key in options:
        if key != "type" and key not in MOUNT_OPTIONS[kind]:
            raise DockerfileError(instruction.line, f"unexpected key '{key}' in --mount=type={kind}")
    return options


def _is_true(options: dict[str, str], *names: str) -> bool:
    return any(options.get(name, "false") in ("true", "1") for name in names)
