"""Builds an image from a Dockerfile, stage by stage, in containers of this machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from sandbox.containers.bases import NotPulledError
from sandbox.containers.built import Built, from_image, from_scratch, from_stage, from_stand_in
from sandbox.containers.context import Context, CopyError, Ownership, copy, write_text
from sandbox.containers.dockerfile import Dockerfile, DockerfileError, Instruction, Stage, split_words
from sandbox.containers.image import OWN_ROOT, Image, ImageError, make_image
from sandbox.containers.namespace import NamespaceError, find_user, signal_number
from sandbox.containers.progress import Progress
from sandbox.containers.registry import RegistryError
from sandbox.containers.rootfs import inside
from sandbox.containers.runstep import RunError, RunStep
from sandbox.containers.runtimes import UnknownBaseImage, runtime
from sandbox.containers.store import ImageStore
from sandbox.machines import DEFAULT

PREDEFINED = {"HTTP_PROXY", "HTTPS_PROXY", "FTP_PROXY", "NO_PROXY", "ALL_PROXY", "SOURCE_DATE_EPOCH"}
HEALTHCHECK_TIMES = {
    "interval": "Interval",
    "timeout": "Timeout",
    "start-period": "StartPeriod",
    "start-interval": "StartInterval",
}
Pull = Callable[[str, str], Image | None]
_SHOWN = ("RUN", "COPY", "ADD", "WORKDIR")
_STEP_ERRORS = (
    CopyError,
    RunError,
    ImageError,
    UnknownBaseImage,
    NamespaceError,
    LookupError,
    OSError,
    ValueError,
)


class BuildError(Exception):
    """A build failed; the text is what follows "ERROR: failed to solve: "."""

    def __init__(self, message: str, line: int = 0) -> None:
        super().__init__(message)
        self.line = line


@dataclass(frozen=True)
class BuildOptions:
    """The options of a build's command line. `machine` is the architecture of the building machine."""

    context: Path
    arguments: dict[str, str] = field(default_factory=dict)
    secrets: dict[str, bytes] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    ignore: str = ""
    target: str = ""
    platform: str = ""
    machine: str = DEFAULT


class Builder:
    """One build.

    `pull` fetches the image of a name for an architecture. It answers None, or raises NotPulledError, where a runtime
    of this machine has to stand in; with `real_scratch` an image that starts from nothing has nothing of this machine,
    unless a stage of its build has.
    """

    def __init__(
        self,
        dockerfile: Dockerfile,
        options: BuildOptions,
        store: ImageStore,
        progress: Progress,
        scratch: Path,
        pull: Pull,
        *,
        real_scratch: bool = False,
    ) -> None:
        self._dockerfile = dockerfile
        self._options = options
        self._store = store
        self._progress = progress
        self._scratch = scratch
        self._pull = pull
        self._real_scratch = real_scratch
        self._context = Context(options.context, options.ignore)
        self._built: dict[int, Built] = {}
        self._global: dict[str, str] = {}
        self._consumed: set[str] = set()
        for argument in dockerfile.arguments:
            self._declare(argument, self._global, self._platform_variables)

    def build(self) -> Image:
        """Build the target stage and what it needs; raises BuildError or DockerfileError."""
        stage = self._target()
        built = self._stage(stage)
        self._warn_unused()
        config = {**built.config, "Env": [f"{key}={value}" for key, value in built.environment.items()]}
        if self._options.labels:
            config["Labels"] = {**config.get("Labels", {}), **self._options.labels}
        self._progress.start("exporting to image")
        image = make_image(built.root, config, built.runtime, built.architecture, self._store.blobs)
        self._progress.line(f"writing image {image.digest}")
        self._progress.done()
        return image

    @property
    def _architecture(self) -> str:
        return _architecture(self._options.platform) or self._options.machine

    @property
    def _platform_variables(self) -> dict[str, str]:
        machine = self._options.machine
        return {
            **{"TARGETPLATFORM": f"linux/{self._architecture}", "TARGETOS": "linux", "TARGETVARIANT": ""},
            **{"TARGETARCH": self._architecture, "BUILDPLATFORM": f"linux/{machine}", "BUILDOS": "linux"},
            **{"BUILDARCH": machine, "BUILDVARIANT": ""},
        }

    def _target(self) -> Stage:
        stages = self._dockerfile.stages
        if not self._options.target:
            return stages[-1]
        stage = self._find_stage(self._options.target, len(stages))
        if stage is None:
            raise BuildError(f'target stage "{self._options.target}" could not be found')
        return stage

    def _find_stage(self, name: str, before: int) -> Stage | None:
        """The stage of a name or index among the first `before` stages."""
        stages = self._dockerfile.stages[:before]
        for stage in reversed(stages):
            if (name.lower() == stage.name and stage.name) or name == str(stage.index):
                return stage
        return None

    def _stage(self, stage: Stage) -> Built:
        if stage.index in self._built:
            return self._built[stage.index]
        for instruction in stage.instructions:
            for name in instruction.origins:
                if other := self._find_stage(name, stage.index):
                    self._stage(other)
        built = self._from(stage)
        self._built[stage.index] = built
        title = stage.name or f"stage-{stage.index}"
        steps = [instruction for instruction in stage.instructions if instruction.name in _SHOWN]
        for instruction in stage.instructions:
            number = steps.index(instruction) + 2 if instruction in steps else 0
            self._step(f"[{title} {number}/{len(steps) + 1}] {instruction.text}", stage, built, instruction)
        return built

    def _step(self, title: str, stage: Stage, built: Built, instruction: Instruction) -> None:
        action = getattr(self, f"_do_{instruction.name.lower()}")
        is_shown = instruction.name in _SHOWN
        if is_shown:
            self._progress.start(title)
        try:
            action(stage, built, instruction)
        except _STEP_ERRORS as error:
            if is_shown:
                self._progress.failed(str(error))
            raise BuildError(str(error), instruction.line) from error
        if is_shown:
            self._progress.done()

    def _from(self, stage: Stage) -> Built:
        instruction = Instruction(stage.line, stage.line, "FROM", (), stage.base)
        variables = {**self._platform_variables, **self._global}
        name = instruction.expand(stage.base, variables)
        architecture = _architecture(instruction.expand(stage.platform, variables)) or self._architecture
        if not name:
            raise DockerfileError(stage.line, f"base name ({stage.base}) should not be blank")
        root = self._scratch / f"stage-{stage.index}"
        earlier = self._find_stage(name, stage.index)
        if earlier is not None and not name.isdigit():
            return from_stage(self._stage(earlier), root)
        self._progress.start(f"[internal] load metadata for {name}")
        try:
            built = self._base(name, root, architecture)
        except (RegistryError, ImageError, UnknownBaseImage) as error:
            self._progress.failed(str(error))
            raise BuildError(f"{name}: {error}", stage.line) from error
        self._progress.done()
        return built

    def _base(self, name: str, root: Path, architecture: str) -> Built:
        stood_in = any(built.runtime != OWN_ROOT for built in self._built.values())
        if name == "scratch" and self._real_scratch and not stood_in:
            return from_scratch(root, architecture)
        reason = ""
        image = self._store.find(name)
        if image is None and name != "scratch":
            try:
                image = self._pull(name, architecture)
            except NotPulledError as error:
                reason = str(error)
        if image is not None:
            return from_image(image, root)
        try:
            built, description = from_stand_in(name, root, architecture)
        except UnknownBaseImage as error:
            raise UnknownBaseImage(f"{reason or 'failed to resolve source metadata'}: {error}") from error
        self._progress.line(f"{name} stands for {description}" + (f", since {reason}" if reason else ""))
        return built

    def _declare(self, instruction: Instruction, scope: dict[str, str], variables: dict[str, str]) -> None:
        for word in split_words(instruction.rest, instruction.escape):
            name, equals, default = word.partition("=")
            if name in self._options.arguments:
                self._consumed.add(name)
                scope[name] = self._options.arguments[name]
            elif equals:
                scope[name] = instruction.expand(default, {**variables, **scope})
            elif name in self._platform_variables:
                scope[name] = self._platform_variables[name]
            elif name in self._global:
                scope[name] = self._global[name]

    def _warn_unused(self) -> None:
        unused = sorted(set(self._options.arguments) - self._consumed - PREDEFINED)
        if unused:
            self._progress.start("[internal] build arguments")
            self._progress.line(f"[Warning] One or more build-args {unused} were not consumed")

    def _do_arg(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        self._declare(instruction, built.arguments, built.variables)

    def _do_env(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.environment.update(instruction.pairs(built.variables))

    def _do_label(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.config.setdefault("Labels", {}).update(instruction.pairs(built.variables))

    def _do_workdir(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        path = PurePosixPath(built.folder) / instruction.expand(instruction.rest, built.variables)
        built.config["WorkingDir"] = str(path)
        folder = inside(built.root, str(path))
        missing = [parent for parent in (folder, *folder.parents) if not parent.exists()]
        for parent in reversed(missing):
            parent.mkdir(mode=0o755)
            Ownership().apply(parent)

    def _do_user(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.config["User"] = instruction.expand(instruction.rest, built.variables)

    def _do_cmd(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.config["Cmd"] = self._command(built, instruction)

    def _do_entrypoint(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.config["Entrypoint"] = self._command(built, instruction)
        if not any(other.name == "CMD" for other in stage.instructions):
            built.config.pop("Cmd", None)

    def _command(self, built: Built, instruction: Instruction) -> list[str]:
        return instruction.exec_form or [*built.shell, instruction.rest]

    def _do_shell(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        if instruction.exec_form is None:
            raise DockerfileError(instruction.line, "SHELL requires the arguments to be in JSON form")
        built.config["Shell"] = instruction.exec_form

    def _do_stopsignal(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        name = instruction.expand(instruction.rest, built.variables)
        signal_number(name)
        built.config["StopSignal"] = name

    def _do_volume(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        built.config.setdefault("Volumes", {}).update({path: {} for path in instruction.words(built.variables)})

    def _do_expose(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        for word in instruction.words(built.variables):
            port, _, protocol = word.partition("/")
            if not port.replace("-", "").isdigit():
                raise DockerfileError(instruction.line, f"invalid containerPort: {word}")
            built.config.setdefault("ExposedPorts", {})[f"{port}/{protocol or 'tcp'}"] = {}

    def _do_healthcheck(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        instruction.only_flags(*HEALTHCHECK_TIMES, "retries")
        kind, _, rest = instruction.rest.partition(" ")
        if kind.upper() == "NONE":
            built.config["Healthcheck"] = {"Test": ["NONE"]}
            return
        if kind.upper() != "CMD":
            raise DockerfileError(instruction.line, f"unknown type {kind} in HEALTHCHECK (try CMD)")
        command = Instruction(instruction.line, instruction.last_line, "CMD", (), rest.strip())
        argv = command.exec_form
        check: dict[str, Any] = {"Test": ["CMD", *argv] if argv else ["CMD-SHELL", command.rest]}
        check.update({HEALTHCHECK_TIMES.get(name, "Retries"): value for name, value in instruction.flags})
        built.config["Healthcheck"] = check

    def _do_copy(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        instruction.only_flags("from", "chown", "chmod", "link")
        self._copy(stage, built, instruction, unpack=False)

    def _do_add(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        instruction.only_flags("chown", "chmod", "link")
        if any("://" in word or word.startswith("git@") for word in instruction.words(built.variables)[:-1]):
            raise DockerfileError(instruction.line, "ADD of a remote source is not supported")
        self._copy(stage, built, instruction, unpack=True)

    def _copy(self, stage: Stage, built: Built, instruction: Instruction, *, unpack: bool) -> None:
        *names, last = instruction.words(built.variables)
        if not names:
            raise DockerfileError(instruction.line, f"{instruction.name} requires at least two arguments")
        destination = str(PurePosixPath(built.folder) / last)
        if last.endswith(("/", "/.", "/..")) or last in (".", ".."):
            destination = destination.rstrip("/") + "/"
        ownership = self._ownership(built, instruction)
        origin = self._context
        if instruction.flag("from"):
            origin = Context(self._other_root(stage, instruction.expand(instruction.flag("from"), built.variables)))
        texts = {heredoc.name: heredoc for heredoc in instruction.heredocs}
        many = len(names) > 1
        for name in names:
            heredoc = texts.get(name.lstrip("<-"))
            if name.startswith("<<") and heredoc is not None:
                text = heredoc.text if heredoc.literal else instruction.expand_text(heredoc.text, built.variables)
                write_text(built.root, destination, heredoc.name, text, ownership)
            else:
                copy(origin, origin.find(name), built.root, destination, ownership, many=many, unpack=unpack)

    def _ownership(self, built: Built, instruction: Instruction) -> Ownership:
        mode = instruction.expand(instruction.flag("chmod"), built.variables)
        owner = instruction.expand(instruction.flag("chown"), built.variables)
        number = int(mode, 8) if mode else None
        if not owner:
            return Ownership(mode=number)
        user = find_user(built.root, owner)
        group = user.gid if ":" in owner or not owner.isdigit() else int(owner)
        return Ownership(user.uid, group, number)

    def _other_root(self, stage: Stage, name: str) -> Path:
        """The root of another stage or image that COPY --from or a bind mount names."""
        other = self._find_stage(name, stage.index)
        if other is not None:
            return self._stage(other).root
        try:
            image = self._store.find(name) or self._pull(name, self._architecture)
        except (RegistryError, NotPulledError) as error:
            raise CopyError(f"{name}: {error}") from error
        if image is None:
            raise CopyError(f"{name}: failed to resolve source metadata: not found")
        root = self._scratch / f"image-{image.digest[7:19]}"
        if not root.exists():
            image.extract(root)
        return root

    def _do_run(self, stage: Stage, built: Built, instruction: Instruction) -> None:
        instruction.only_flags("mount", "network")
        name = str(built.config.get("User") or "root")
        predefined = {name: value for name, value in self._options.arguments.items() if name in PREDEFINED}
        RunStep(
            root=built.root,
            runtime=runtime(built.runtime),
            shell=built.shell,
            folder=built.folder,
            user=find_user(built.root, name),
            environment={**predefined, **built.variables},
            secrets=self._options.secrets,
            caches=self._store.folder / "caches",
            scratch=self._scratch,
            other_root=lambda name: self._other_root(stage, name) if name else self._options.context,
            output=self._progress.output,
            native=built.architecture == self._options.machine,
        ).run(instruction)


def _architecture(platform: str) -> str:
    """That of `linux/arm64`, or of `linux/arm64/v8`."""
    return platform.partition("/")[2].partition("/")[0]
