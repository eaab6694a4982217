"""The `docker` of the build machine, and what its errors mean."""

import re
import subprocess
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from pipeline_steps.job import StepError

PAUSES = (20, 60)
"""Seconds before a build is tried again when a registry allows no more pulls for now."""
DENIED = re.compile("pull access denied|insufficient_scope|no basic auth|401 Unauthorized|403 Forbidden", re.IGNORECASE)
"""A base image that may not be pulled."""
LIMITED = re.compile("toomanyrequests|429 Too Many Requests", re.IGNORECASE)
"""A registry that allows no more pulls for now."""
BUILDER = "cached"
CHOICES = "name an image of public.ecr.aws in the Dockerfile, or set build.registries (a login, a pull-through cache)"
_OWN_ERROR = re.compile("ERROR|Error|no basic auth")
_BASE = re.compile(r".*metadata for ([^ ]+[^ :]):?( .*)?$")
_PREFIX = re.compile("ERROR: (failed to build: )?(failed to solve: )?")
LINES_KEPT = 1000


@dataclass(frozen=True)
class Refusal:
    """What has ended a build.

    Attributes:
        line: docker's own last error, and not what a registry answered to a command of the Dockerfile; "" without one.
    """

    line: str

    @classmethod
    def parse(cls, output: Iterable[str]) -> "Refusal":
        """Of the lines that docker wrote."""
        errors = [line for line in output if _OWN_ERROR.match(line)]
        return cls(errors[-1] if errors else "")

    @property
    def limited(self) -> bool:
        """Whether a registry allows no more pulls for now."""
        return not self._denied and bool(LIMITED.search(self.line))

    def cause(self) -> str:
        """For people."""
        base = (_BASE.match(self.line) or [None, None])[1]
        if self._denied:
            image = base or "of the Dockerfile"
            return (
                f"The base image {image} may not be pulled, or there is none: set build.registries in the stack file."
            )
        if self.limited:
            return (
                f"The registry of {base or 'a base image'} allows no more pulls from this address for now (429). "
                f"Upload again later, or: {CHOICES}."
            )
        return f"The image was not built: {_PREFIX.sub('', self.line, count=1) or 'docker build has failed'}"

    @property
    def _denied(self) -> bool:
        return bool(DENIED.search(self.line))


Run = Callable[[Sequence[str], str], tuple[int, Sequence[str]]]
"""Runs `docker` with arguments and standard input; the exit code, and the last lines of what it wrote."""


class Docker:
    """The client of the build machine's daemon."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def login(self, host: str, user: str, password: str) -> bool:
        """Log in to a registry; False when it refuses."""
        code, _ = self._run(["login", "--username", user, "--password-stdin", host], password)
        return not code

    def build(self, tag: str, context: str, arguments: Sequence[str]) -> None:
        """Build an image, again where a registry allows no more pulls for now.

        Args:
            tag: the image's.
            context: the folder that it is built from.
            arguments: further ones of `docker build`.

        Raises:
            StepError: why there is no image.
        """
        self._build(["build"], tag, context, arguments)

    def has_builder(self) -> bool:
        """Make the builder that can keep a cache in a registry, which the daemon's own cannot (Docker, cache storage
        backends); False when there is none, as BuildKit's image may not be pulled for now.
        """
        code, _ = self._run(["buildx", "create", "--name", BUILDER, "--driver", "docker-container", "--bootstrap"], "")
        if code:
            print("There is no builder that keeps a cache: this image is built without one.", flush=True)
        return not code

    def build_with_cache(self, tag: str, context: str, arguments: Sequence[str], cache: str) -> None:
        """Build an image with what earlier builds have kept, push it, and keep what this one has made.

        What is not there, or cannot be kept, fails no build.

        Args:
            tag: the image's.
            context: the folder that it is built from.
            arguments: further ones of `docker build`.
            cache: where it is kept, an image's name. ECR takes a manifest of an image only (Docker, cache storage
                backends, OCI media types).

        Raises:
            StepError: why there is no image.
        """
        kept = f"type=registry,ref={cache}"
        keeping = f"{kept},mode=max,image-manifest=true,oci-mediatypes=true,ignore-error=true"
        caching = ["--push", "--cache-from", kept, "--cache-to", keeping]
        self._build(["buildx", "build", "--builder", BUILDER, *caching], tag, context, arguments)

    def _build(self, command: Sequence[str], tag: str, context: str, arguments: Sequence[str]) -> None:
        for pause in (*PAUSES, None):
            whole = [*command, "--provenance=false", "--sbom=false", *arguments, "--tag", tag, context]
            code, output = self._run(whole, "")
            if not code:
                return
            refusal = Refusal.parse(output)
            if pause is None or not refusal.limited:
                raise StepError(refusal.cause())
            print(f"A registry allows no more pulls for now; trying again in {pause} s.", flush=True)
            time.sleep(pause)

    def push(self, tag: str) -> None:
        """Push an image.

        Raises:
            StepError: it was refused.
        """
        code, output = self._run(["push", tag], "")
        if code:
            lines = [line.strip() for line in output if line.strip()]
            raise StepError(f"The image was not pushed: {lines[-1] if lines else 'docker gives no reason'}")


def client(folder: Path, variables: Mapping[str, str]) -> Run:
    """The `docker` on the path, whose output is printed as it comes.

    Args:
        folder: where it runs.
        variables: its environment, which has the values of build secrets.
    """
    # An attestation would make an index of the image, which has no labels and another digest than what runs.
    environment = {**variables, "BUILDX_NO_DEFAULT_ATTESTATIONS": "1"}

    def run(arguments: Sequence[str], stdin: str) -> tuple[int, Sequence[str]]:
        output = deque[str](maxlen=LINES_KEPT)
        with subprocess.Popen(
            ["docker", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            errors="replace",
            cwd=folder,
            env=environment,
        ) as process:
            assert process.stdin is not None
            assert process.stdout is not None
            with suppress(BrokenPipeError):  # who refuses at once reads nothing
                process.stdin.write(stdin)
                process.stdin.close()
            for line in process.stdout:
                print(line, end="", flush=True)
                output.append(line.rstrip("\n"))
        return process.returncode, output

    return run
