"""The stand-in for the `docker` command line: build, push, pull, tag, login, images.

It follows Dockerfiles in namespaces of this machine and speaks ECR's API with the AWS credentials of its
environment. A command or flag that it does not have is an error (exit code 125) that names it.
"""

from __future__ import annotations

import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.base_images import Settings
from sandbox.containers.bases import Bases
from sandbox.containers.build_cache import BuildCache, CacheError
from sandbox.containers.builder import Builder, BuildError, BuildOptions
from sandbox.containers.dockerfile import DockerfileError, parse
from sandbox.containers.flags import Arguments, UsageError, parse_arguments
from sandbox.containers.image import Image, ImageError
from sandbox.containers.progress import Progress
from sandbox.containers.registry import Reference, RegistryError, fetch, push
from sandbox.containers.remote import HUB
from sandbox.containers.rootfs import remove_tree
from sandbox.containers.store import ImageStore
from sandbox.ecr.tokens import token_account
from sandbox.machines import DEFAULT

BUILD_VALUES = {
    **{"-t": "--tag", "-f": "--file", "--tag": "", "--file": "", "--build-arg": "", "--secret": ""},
    **{"--platform": "", "--label": "", "--target": "", "--provenance": "", "--sbom": "", "--progress": ""},
    **{"--builder": "", "--iidfile": "", "--metadata-file": "", "--cache-from": "", "--cache-to": ""},
}
BUILDER_VALUES = {"--name": "", "--driver": "", "--driver-opt": ""}
BUILDER_SWITCHES = {"--bootstrap": "", "--use": ""}
BUILD_SWITCHES = {"--push": "", "--load": "", "--pull": "", "--no-cache": "", "-q": "--quiet", "--quiet": ""}


class DockerError(Exception):
    """A command failed; the text is printed, and the process ends with `code`."""

    def __init__(self, message: str, code: int = 1) -> None:
        super().__init__(message)
        self.code = code


class Docker:
    """One call of the command on a `machine` of an architecture.

    `ecr` makes a client of a region with the environment's credentials. Without `bases` no other registry is asked.
    """

    def __init__(
        self,
        store: ImageStore,
        environment: dict[str, str],
        write: Callable[[str], None],
        note: Callable[[str], None],
        ecr: Callable[[str], Any],
        machine: str = DEFAULT,
        bases: Bases | None = None,
    ) -> None:
        self._store = store
        self._environment = environment
        self._write = write
        self._note = note
        self._ecr = ecr
        self._machine = machine
        self._bases = bases or Bases(store.folder / "bases", Settings())

    def run(self, arguments: list[str], stdin: Callable[[], str]) -> None:
        """Run one command; raises DockerError or UsageError."""
        command, rest = (arguments[0], arguments[1:]) if arguments else ("", [])
        if command == "buildx" and rest[:1] == ["build"]:
            self.build(rest[1:])
        elif command == "buildx" and rest[:1] == ["create"]:
            self.create_builder(rest[1:])
        elif command == "login":
            self.login(rest, stdin)
        elif command in ("build", "push", "pull", "tag", "images"):
            getattr(self, command)(rest)
        else:
            name = " ".join(arguments[:2]) if command == "buildx" else command
            raise UsageError(f"'docker {name}' is not a command of this stand-in for docker")

    def login(self, arguments: list[str], stdin: Callable[[], str]) -> None:
        values = {"-u": "--username", "--username": "", "-p": "--password", "--password": ""}
        parsed = parse_arguments("login", arguments, values, {"--password-stdin": ""})
        registry = parsed.only_operand("login [OPTIONS] SERVER").removeprefix("https://").partition("/")[0]
        registry = HUB if registry == f"index.{HUB}" else registry
        password = stdin().strip() if parsed.has("--password-stdin") else parsed.last("--password")
        if not _is_ecr(registry) and parsed.last("--username") and password:
            self._note(
                f"note: the login to {registry} is taken as it is: this stand-in for docker uses it for base images"
            )
        elif parsed.last("--username") != "AWS" or not _is_token(password, registry):
            raise DockerError(
                f"Error response from daemon: login attempt to https://{registry}/v2/ failed with status: "
                "400 Bad Request"
            )
        self._store.log_in(registry, parsed.last("--username"), password)
        self._write("Login Succeeded")

    def create_builder(self, arguments: list[str]) -> None:
        """Make a builder; one that is not the daemon's own keeps caches in registries."""
        parsed = parse_arguments("buildx create", arguments, BUILDER_VALUES, BUILDER_SWITCHES)
        name, driver = parsed.last("--name"), parsed.last("--driver") or "docker-container"
        if driver != "docker-container" or not name:
            raise UsageError("'docker buildx create' takes --name and the driver docker-container in this stand-in")
        if name in self._store.builders():
            raise DockerError(f'ERROR: existing instance for "{name}" but no append mode, specify --node to update')
        self._store.add_builder(name)
        self._write(name)

    def build(self, arguments: list[str]) -> None:
        parsed = parse_arguments("build", arguments, BUILD_VALUES, BUILD_SWITCHES)
        context = Path(parsed.only_operand("build [OPTIONS] PATH"))
        if not context.is_dir():
            raise DockerError(f'ERROR: unable to prepare context: path "{context}" not found')
        progress = Progress((lambda _: None) if parsed.has("--quiet") else self._note)
        builder = parsed.last("--builder")
        if builder and builder not in self._store.builders():
            raise DockerError(f'ERROR: no builder "{builder}" found')
        cache = BuildCache(parsed.all("--cache-from"), parsed.all("--cache-to"), in_container=bool(builder))
        names = parsed.all("--tag")
        for name in names:
            _reference(name)
        cache.look_up(self._find, progress.line)
        image = self._build(parsed, context, progress)
        if not builder or parsed.has("--load"):
            for name in names:
                self._store.tag(name, image)
                progress.line(f"naming to {name}")
            if not names:
                self._store.tag(f"untagged/{image.digest[7:19]}", image)
        if parsed.has("--push"):
            if not names:
                raise DockerError("ERROR: failed to build: tag is needed when pushing to registry")
            for name in names:
                self._push(name, image, progress.line)
        cache.keep(lambda name: self._push(name, image, progress.line), progress.line)
        _write_results(parsed, names, image)
        if parsed.has("--quiet"):
            self._write(image.blob_digests[0])

    def push(self, arguments: list[str]) -> None:
        parsed = parse_arguments("push", arguments, {}, {"-q": "--quiet", "--quiet": ""})
        name = parsed.only_operand("push [OPTIONS] NAME[:TAG]")
        image = self._store.find(name)
        reference = _reference(name)
        self._write(f"The push refers to repository [{reference.host}/{reference.repository}]")
        if image is None:
            raise DockerError(f"An image does not exist locally with the tag: {reference.host}/{reference.repository}")
        self._push(name, image, self._write)
        self._write(f"{reference.tag}: digest: {image.digest} size: {len(image.manifest)}")

    def pull(self, arguments: list[str]) -> None:
        parsed = parse_arguments("pull", arguments, {"--platform": ""}, {"-q": "--quiet", "--quiet": ""})
        name = parsed.only_operand("pull [OPTIONS] NAME[:TAG|@DIGEST]")
        architecture = parsed.last("--platform").partition("/")[2].partition("/")[0]
        image = self._fetch(name, architecture or self._machine)
        if image is None:
            raise DockerError(f"Error response from daemon: {name}: only images of ECR can be pulled here")
        self._store.tag(name, image)
        self._write(f"Digest: {image.digest}\nStatus: Downloaded newer image for {name}\n{_reference(name)}")

    def tag(self, arguments: list[str]) -> None:
        parsed = parse_arguments("tag", arguments, {}, {})
        if len(parsed.operands) != 2:
            raise UsageError("'docker tag' requires 2 arguments")
        source, target = parsed.operands
        image = self._store.find(source)
        if image is None:
            raise DockerError(f"Error response from daemon: No such image: {_reference(source)}")
        _reference(target)
        self._store.tag(target, image)

    def images(self, arguments: list[str]) -> None:
        parse_arguments("images", arguments, {}, {})
        self._write(f"{'REPOSITORY:TAG':<60} DIGEST")
        for name, image in self._store.images():
            self._write(f"{name:<60} {image.digest}")

    def _build(self, parsed: Arguments, context: Path, progress: Progress) -> Image:
        file = Path(parsed.last("--file") or context / "Dockerfile")
        progress.start("[internal] load build definition from Dockerfile")
        if not file.is_file():
            raise DockerError(
                "ERROR: failed to build: failed to solve: failed to read dockerfile: "
                f"open {file.name}: no such file or directory"
            )
        progress.done()
        if "," in parsed.last("--platform"):
            raise UsageError("'docker build': --platform takes one platform in this stand-in for docker")
        ignores = (file.with_name(file.name + ".dockerignore"), context / ".dockerignore")
        options = BuildOptions(
            context=context.resolve(),
            arguments=self._build_arguments(parsed),
            secrets=self._secrets(parsed),
            labels=dict(label.partition("=")[::2] for label in parsed.all("--label")),
            ignore=next((path.read_text() for path in ignores if path.is_file()), ""),
            target=parsed.last("--target"),
            platform=parsed.last("--platform"),
            machine=self._machine,
        )
        scratch = Path(tempfile.mkdtemp(prefix="build-", dir=self._existing_folder(self._store.folder)))
        text = file.read_text()

        def pull(name: str, architecture: str) -> Image | None:
            if _reference(name).account:
                return self._fetch(name, architecture)
            return self._bases.find(name, architecture, self._store.logins(), progress.line)

        real = self._bases.are_pulled
        try:
            return Builder(parse(text), options, self._store, progress, scratch, pull, real_scratch=real).build()
        except (BuildError, DockerfileError) as error:
            prefix = f"{file.name}:{error.line}\n{_excerpt(text, error.line)}" if error.line else ""
            raise DockerError(f"{prefix}ERROR: failed to build: failed to solve: {error}") from error
        finally:
            remove_tree(scratch)

    def _build_arguments(self, parsed: Arguments) -> dict[str, str]:
        values = {}
        for text in parsed.all("--build-arg"):
            name, equals, value = text.partition("=")
            if equals:
                values[name] = value
            elif name in self._environment:
                values[name] = self._environment[name]
        return values

    def _secrets(self, parsed: Arguments) -> dict[str, bytes]:
        secrets = {}
        for text in parsed.all("--secret"):
            options = dict(part.partition("=")[::2] for part in text.split(","))
            name, kind = options.get("id", ""), options.get("type", "")
            source = options.get("src") or options.get("source") or ""
            variable = options.get("env") or ("" if source else name)
            if not name or set(options) - {"id", "type", "src", "source", "env"} or kind not in ("", "env", "file"):
                raise UsageError(f"'docker build': invalid value {text!r} for --secret")
            if variable in self._environment and kind != "file":
                secrets[name] = self._environment[variable].encode()
            elif Path(source or name).is_file():
                secrets[name] = Path(source or name).read_bytes()
            else:
                raise DockerError(f"ERROR: failed to build: secret {name}: not found")
        return secrets

    def _push(self, name: str, image: Image, report: Callable[[str], None]) -> None:
        reference = _reference(name)
        self._check_login(reference)
        try:
            push(self._ecr_of(reference), reference, image, report)
        except RegistryError as error:
            raise DockerError(str(error)) from error

    def _fetch(self, name: str, architecture: str) -> Image | None:
        """The image that a name of an ECR registry stands for; None for another registry's name."""
        reference = _reference(name)
        if not reference.account:
            return None
        self._check_login(reference)
        try:
            return fetch(
                self._ecr_of(reference), reference, self._existing_folder(self._store.blobs), f"linux/{architecture}"
            )
        except RegistryError as error:
            raise DockerError(f"Error response from daemon: {error}") from error

    def _find(self, name: str) -> Image | None:
        try:
            return self._fetch(name, self._machine)
        except DockerError:
            return None

    def _check_login(self, reference: Reference) -> None:
        if not reference.account:
            raise DockerError(f"denied: requested access to the resource is denied: {reference} is in no ECR registry")
        if not self._store.is_logged_in(reference.host):
            raise DockerError("no basic auth credentials")

    def _ecr_of(self, reference: Reference) -> Any:
        return self._ecr(reference.host.split(".")[3])

    @staticmethod
    def _existing_folder(folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def main(arguments: list[str], state: Path, *, privileged: bool, machine: str, bases: Bases) -> int:
    """Run the command line and return its exit code. Without `privileged` there is no Docker daemon."""

    def say(text: str) -> None:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()

    def note(text: str) -> None:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()

    try:
        if not privileged:
            raise DockerError(
                "ERROR: Cannot connect to the Docker daemon at unix:///var/run/docker.sock. "
                "Is the docker daemon running? (The project's environment is not privileged.)"
            )
        docker = Docker(ImageStore(state), dict(os.environ), say, note, _ecr_client, machine, bases)
        docker.run(arguments, sys.stdin.read)
    except UsageError as error:
        note(f"docker: {error}")
        return 125
    except (DockerError, ImageError, CacheError) as error:
        note(str(error))
        return error.code if isinstance(error, DockerError) else 1
    return 0


def _ecr_client(region: str) -> Any:
    import botocore.session

    return botocore.session.get_session().create_client("ecr", region_name=region)


def _reference(name: str) -> Reference:
    try:
        return Reference.parse(name)
    except ValueError as error:
        raise DockerError(f"ERROR: {error}") from error


def _is_ecr(registry: str) -> bool:
    try:
        return bool(Reference.parse(f"{registry}/x").account)
    except ValueError:
        return False


def _is_token(password: str, registry: str) -> bool:
    """Whether a password is what GetAuthorizationToken gave for a registry."""
    try:
        account = Reference.parse(f"{registry}/x").account
    except ValueError:
        return False
    return token_account(password) == account != ""


def _excerpt(text: str, line: int) -> str:
    lines = text.splitlines()
    numbers = range(max(1, line - 2), min(len(lines), line + 2) + 1)
    marked = (f"{number:4} | {'>>>' if number == line else '   '} {lines[number - 1]}\n" for number in numbers)
    return f"{'-' * 20}\n{''.join(marked)}{'-' * 20}\n"


def _write_results(parsed: Arguments, names: list[str], image: Image) -> None:
    if parsed.last("--iidfile"):
        Path(parsed.last("--iidfile")).write_text(image.blob_digests[0])
    if parsed.last("--metadata-file"):
        metadata = {
            "containerimage.config.digest": image.blob_digests[0],
            "containerimage.digest": image.digest,
            "image.name": ",".join(names),
        }
        Path(parsed.last("--metadata-file")).write_text(json.dumps(metadata, indent=2))
