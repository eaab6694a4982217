"""A stack of the committed program, up in a sandbox of its own, and the commands that an operator has."""

import contextlib
import functools
import json
import os
import re
import subprocess
import textwrap
import time
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from delivery.commands.bootstrap import ensure_state_bucket
from sandbox.clients.session import Session
from sandbox.stacks import StackFolder
from tests.scenarios import loaded
from tests.support.example import copy_parts, copy_program

REPOSITORY = Path(__file__).parents[2]
SPEED = "200"
INDEX = "application/vnd.oci.image.index.v1+json"

DOCKERFILE = """\
FROM python:3.12-slim
WORKDIR /app
COPY . .
RUN chmod 755 bin/migrate
CMD ["python", "server.py"]
"""

SERVER = """\
import http.server, os

class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(STATUS if self.path == HEALTH else 404)
        self.end_headers()
        self.wfile.write(b"VERSION")

    def log_message(self, *args):
        pass

print("listening", flush=True)
http.server.HTTPServer(("0.0.0.0", PORT), Handler).serve_forever()
"""

MIGRATE = """\
#!/bin/sh
echo "migrating to VERSION"
"""

WORKER = "import time\nprint('working', flush=True)\nwhile True: time.sleep(1)\n"


@dataclass(frozen=True)
class Done:
    """What a command printed and how it ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


account_of = functools.cache(Session)
"""A running server's account: its clients are made once."""


@dataclass(frozen=True)
class Stack:
    """A repository with the program, and one of its stacks."""

    root: Path
    name: str

    def run(self, *arguments: str, **environment: str) -> Done:
        """A command of the sandbox."""
        variables = {**os.environ, "SANDBOX_SPEED": SPEED, **environment}
        done = loaded.run([*arguments, "--stack", self.name], self.root, variables)
        assert "Traceback" not in done.stderr, done.stderr
        return Done(done.returncode, done.stdout, done.stderr)

    def ok(self, *arguments: str) -> Done:
        """A command that must succeed."""
        done = self.run(*arguments)
        assert done.code == 0, done.out + done.err
        return done

    def changes(self) -> dict[str, int]:
        """What `up` would change now."""
        summary: dict[str, int] = self.ok("preview", "--json").json["changeSummary"]
        return {op: count for op, count in summary.items() if op not in ("same", "read", "refresh")}

    def outputs(self) -> dict[str, Any]:
        """What the stack exports; a provider may stand before it in the state."""
        resources = json.loads(self.ok("export").out)["deployment"]["resources"]
        (found,) = [resource["outputs"] for resource in resources if resource["type"] == "pulumi:pulumi:Stack"]
        return dict(found)

    def status(self, service: str) -> dict[str, Any]:
        """What a service runs, whatever is on its way to it, or became of its last delivery."""
        status: dict[str, Any] = self.ok("status", service, "--json").json
        return {name: value for name, value in status.items() if name not in ("failure", "going_on", "waits")}

    def failure(self, service: str) -> str | None:
        """What `status` says of a last delivery that has failed."""
        failure: str | None = self.ok("status", service, "--json").json["failure"]
        return failure

    def settled(self, service: str) -> dict[str, Any]:
        """What a service runs, once nothing changes it: ECS puts back what ran after a failed release has ended."""
        for _ in range(300):
            status = self.status(service)
            if not status["in_flight"] and status["running"] == status["desired"]:
                return status
            time.sleep(0.1)
        raise AssertionError(f"still {status}")

    def ship(self, service: str, source: Path, *more: str) -> Done:
        """Upload a source and wait for its pipeline."""
        return self.run("ship", service, "--source", str(source), "--yes", *more)

    def aws(self, identity: str, *arguments: str) -> Done:
        """The aws command line, as an identity."""
        environment = self.ok("env", "--as", identity, "--json").json
        variables = {**os.environ, **environment}
        command = [str(REPOSITORY / ".venv/bin/aws"), *arguments]
        done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False, timeout=400)
        return Done(done.returncode, done.stdout, done.stderr)

    def push_index(self, service: str, image: str, tag: str) -> str:
        """Put an index that lists one image, for linux/amd64, into a service's repository; its digest."""
        listed = [{"digest": image, "platform": {"os": "linux", "architecture": "amd64"}}]
        manifest = json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": listed})
        repository = f"{self.name}-{service}"
        put = self.client("ecr").put_image(repositoryName=repository, imageManifest=manifest, imageTag=tag)
        return str(put["image"]["imageId"]["imageDigest"])

    @property
    def account(self) -> Session:
        """The account that the stack is in."""
        return account_of(StackFolder(self.name, self.root).running_server())

    def client(self, service: str) -> Any:
        """A boto3 client, as the account's root."""
        return self.account.client(service)

    def control(self, path: str, body: dict[str, Any] | None = None) -> Any:
        """The sandbox server's own interface."""
        return self.account.control(path, None if body is None else json.dumps(body).encode())

    def edit(self, file: str, old: str, new: str) -> None:
        """Replace a text in a file of the repository."""
        path = self.root / file
        text = path.read_text()
        assert old in text, f"{old!r} is not in {file}"
        path.write_text(text.replace(old, new))

    def keep_services(self, services: Collection[str]) -> None:
        """Take all other services out of the stack: what is not there costs no time."""
        file = self.root / f"Pulumi.{self.name}.yaml"
        text = with_services(file.read_text(), services)
        config = yaml.safe_load((self.root / "Pulumi.yaml").read_text())["config"]
        if "fargate-delivery:common:" not in text:
            of_all = config.get("fargate-delivery:common", {"value": {"services": {}}})["value"]["services"]
            text += "".join(f"    {name}: false\n" for name in of_all if name not in services)
        file.write_text(text)

    def up(self) -> None:
        """The stack's first `up`. The state is written once, at its end: writing it at each step is a third of its time."""
        done = self.run("up", PULUMI_EXPERIMENTAL="true", PULUMI_SKIP_CHECKPOINTS="true")
        assert done.code == 0, done.out + done.err

    def builds(self) -> int:
        """How many builds have run."""
        return len(list((self.root / ".sandbox" / self.name / "builds").glob("*")))


def with_services(stack_file: str, services: Collection[str]) -> str:
    """A stack file's text with these services only; what belongs to another one goes with it, a comment too."""
    head, key, body = stack_file.partition("  fargate-delivery:services:\n")
    blocks = re.split(r"^(?=    \w)", body, flags=re.MULTILINE)
    kept = [block for block in blocks if block.strip().partition(":")[0] in services]
    assert len(kept) == len(services), f"not all of {services} are in the stack file"
    return head + key + "".join(kept)


@contextlib.contextmanager
def new_stack(folder: Path, name: str, program: Callable[[Path], None] = copy_program) -> Iterator[Stack]:
    """A program put into a folder, by itself the one of now, with one of its stacks, which is stopped in the end."""
    program(folder)
    (folder / ".tools").symlink_to(REPOSITORY / ".tools")
    stack = Stack(folder, name)
    try:
        yield stack
    finally:
        stack.ok("stop")


def bootstrapped(stack: Stack, keys: str = "", *, of_stack: str = "{reviews: true}") -> Stack:
    """What the bootstrap program makes of the account that a stack's sandbox is, as a stack of its own in it; with more
    keys in the account's file, if any, and with these of the stack.
    """
    folder, server = stack.root / "bootstrap", stack.account.server
    copy_parts(stack.root, "bootstrap")
    file = (folder / f"Pulumi.{stack.name}.yaml").read_text().replace("{reviews: true}", of_stack)
    (folder / "Pulumi.account.yaml").write_text(file + keys)
    (folder / ".sandbox").symlink_to(stack.root / ".sandbox")
    ensure_state_bucket(stack.client("s3"), server.account, server.region)
    account = Stack(folder, "account")
    account.ok("up", "--in", stack.name)
    return account


@pytest.fixture(scope="module")
def local(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local`, fresh for each module, with the services that its `SERVICES` names, or with all."""
    with new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        if services := getattr(request.module, "SERVICES", ()):
            stack.keep_services(services)
        stack.up()
        yield stack


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `dev`, fresh for each module."""
    with new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        stack.up()
        yield stack


@dataclass(frozen=True)
class Apps:
    """Makes small apps, as an app team's repository would be."""

    folder: Path

    def make(
        self,
        version: str,
        *,
        port: int | str = 'int(os.environ["PORT"])',
        health: str = "/healthz",
        status: int = 200,
        dockerfile: str = DOCKERFILE,
        server: str = SERVER,
        migrate: str = MIGRATE,
    ) -> Path:
        """An app that answers `version`; with these faults, if any."""
        source = self.folder / version
        (source / "bin").mkdir(parents=True)
        (source / "bin/migrate").write_text(migrate.replace("VERSION", version))
        filled = server.replace("STATUS", str(status)).replace("HEALTH", repr(health)).replace("PORT)", f"{port})")
        (source / "server.py").write_text(filled.replace("VERSION", version))
        (source / "Dockerfile").write_text(textwrap.dedent(dockerfile))
        return source


@pytest.fixture
def apps(tmp_path: Path) -> Apps:
    """Where a test makes its apps."""
    return Apps(tmp_path)
