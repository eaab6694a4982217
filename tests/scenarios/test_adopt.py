"""A service that was made by hand moves in, by the commands of docs/how-to/adopt-a-service.md, and no request fails."""

import contextlib
import os
import re
import shlex
import string
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest
import yaml
from google.protobuf import empty_pb2
from pulumi.automation._server import LanguageServer
from pulumi.runtime.proto import language_pb2
from pulumi.runtime.proto.language_pb2_grpc import add_LanguageRuntimeServicer_to_server

from sandbox.clients.load import Views, load
from sandbox.clients.sites import Site
from sandbox.engine import Engine
from sandbox.stacks import StackFolder
from tests.scenarios import by_hand
from tests.scenarios.conftest import REPOSITORY, Apps, Stack, new_stack

pytestmark = pytest.mark.nightly

SPEED = "20"
"""Slow enough that requests come at each moment of a change."""
FILE, HOST = "Pulumi.dev.yaml", "site.example.com"
HEAD = """\
config:
  aws:region: ap-northeast-1
  aws:defaultTags: {tags: {project: fargate-delivery, stack: dev}}
  fargate-delivery:common: {}
"""


@dataclass(frozen=True)
class Page:
    """The how-to's steps, with what this account has in the place of what it names."""

    made: by_hand.Made

    def _step(self, number: int) -> str:
        text = (REPOSITORY / "docs/how-to/adopt-a-service.md").read_text()
        return text.split("\n## ")[number]

    def settings(self, number: int) -> str:
        """What a step has in the stack file."""
        found = "\n".join(re.findall(r"```yaml\n(.*?)```", self._step(number), re.DOTALL))
        found = re.sub(r"vpc-\w+", self.made.vpc, found)
        found = re.sub(r"\[subnet-.*\]", f"[{', '.join(self.made.subnets)}]", found)
        return re.sub(r'"arn:aws:elastic.*"', self.made.listener, found)

    def commands(self, number: int) -> list[str]:
        """What a step has somebody run."""
        blocks = re.findall(r"```bash\n(.*?)```", self._step(number), re.DOTALL)
        return [line for block in blocks for line in block.splitlines()]

    @property
    def variables(self) -> dict[str, str]:
        """What the commands name by a variable."""
        made = self.made
        return {"LISTENER": made.listener, "ZONE": made.zone, "OLD_RULE": made.rule, "OLD_GROUP": made.group}


@pytest.fixture(scope="module")
def dev(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack without a file, in an account in which it made nothing."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "dev") as stack:
        patch.setattr("tests.scenarios.conftest.SPEED", SPEED)
        patch.setenv("SANDBOX_SPEED", SPEED)
        StackFolder(stack.name, stack.root).ensure_server(lambda _: None)
        yield stack


class Host(LanguageServer):
    """A language host as one that is attached to, whose first and last question it answers, too."""

    def Handshake(self, request: Any, context: grpc.ServicerContext) -> language_pb2.LanguageHandshakeResponse:
        return language_pb2.LanguageHandshakeResponse()

    def Cancel(self, request: Any, context: grpc.ServicerContext) -> empty_pb2.Empty:
        return empty_pb2.Empty()


@contextlib.contextmanager
def language() -> Iterator[None]:
    """A language host for an engine that has none beside it: `pulumi import` asks for it, and runs no program."""
    server = grpc.server(ThreadPoolExecutor(max_workers=4))
    add_LanguageRuntimeServicer_to_server(Host(lambda: None), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PULUMI_DEBUG_LANGUAGES", f"python:{port}")
            yield
    finally:
        server.stop(None)


def run(stack: Stack, page: Page, command: str) -> str:
    """A command of the page as it is written; of the engine's and the operators' those that the sandbox has for them."""
    expanded = string.Template(command).substitute(page.variables)
    program, *arguments = shlex.split(expanded)
    if program == "pulumi":
        folder = StackFolder(stack.name, stack.root)
        with language():
            return Engine(folder, stack.account.server, print).pulumi(*arguments)
    if expanded == "make up STACK=dev":
        return stack.ok("up").out
    if program == "delivery":
        return stack.ok(*arguments[:-2]).out
    assert program == "aws"
    variables = {**os.environ, **stack.ok("env", "--json").json}
    done = subprocess.run(
        [str(REPOSITORY / ".venv/bin/aws"), *arguments], env=variables, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def site(stack: Stack) -> Site:
    """Where the host answers."""
    (address,) = [each["address"] for each in stack.control("listeners") if int(each["port"]) == 443]
    return Site(HOST, address)


@contextlib.contextmanager
def visited(stack: Stack) -> Iterator[Views]:
    """Requests of several browsers for the host, from before the block until it has ended."""
    views, over = Views(), threading.Event()
    browsers = threading.Thread(
        target=load, args=(site(stack), views, "/healthz", 4, 0.05, over.is_set), kwargs={"assets": False}
    )
    browsers.start()
    try:
        yield views
    finally:
        over.set()
        browsers.join()


def answers(stack: Stack) -> set[str]:
    """Which versions answer now."""
    return {site(stack).get("/healthz")[1].decode() for _ in range(20)}


def write(stack: Stack, *settings: str) -> None:
    """The stack file, with the page's settings; later ones come in the place of earlier ones."""
    config: dict[str, object] = {}
    for each in settings:
        config |= yaml.safe_load(each)
    (stack.root / FILE).write_text(HEAD + "".join(f"  {key}: {value}\n" for key, value in config.items()))


def test_a_service_moves_in_and_no_request_fails(dev: Stack, apps: Apps, tmp_path: Path) -> None:
    page = Page(by_hand.make(dev, HOST, apps.make("by-hand")))
    beside, before = page.settings(2), "priority: 200"
    first = beside.replace(before, "priority: 50")
    assert page.settings(3).strip() in first
    with visited(dev) as views:
        for command in page.commands(1):
            assert run(dev, page, command)
        write(dev, page.settings(1), beside)
        changes = dev.changes()
        assert changes.keys() == {"create"}
        for command in page.commands(2)[:-1]:
            run(dev, page, command)
        assert dev.ship("site", apps.make("released")).code == 0
        assert "2 running, 2 desired" in run(dev, page, page.commands(2)[-1])
        assert answers(dev) == {"by-hand"}
        write(dev, page.settings(1), first)
        assert dev.changes() == {"update": 1}
        for command in page.commands(3):
            run(dev, page, command)
        assert answers(dev) == {"released"}
        write(dev, page.settings(1), first, page.settings(4))
        refused = dev.run("up").err
        assert "it already exists" in refused
        for command in page.commands(4)[:-1]:
            run(dev, page, command)
        assert dev.changes() == {}
        run(dev, page, page.commands(4)[-1])
        for command in page.commands(5):
            run(dev, page, command)
        assert dev.changes() == {}
        assert answers(dev) == {"released"}
    assert views.total > 500
    assert views.statuses.keys() == {200}
    assert views.broken_at == []
    ecs = dev.client("ecs")
    services = {arn.rpartition("/")[2] for arn in ecs.list_services(cluster="shared")["serviceArns"]}
    assert services == {"dev-site"}
