"""Takes the pictures of docs/how-to/page.md: `make screenshots` releases an app ten times in the sandbox, some of them
in vain, writes the page, and opens it in Debian's chromium. Some eight minutes long.
"""

import contextlib
import hashlib
import os
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
import pytest

from releases import service_deployments
from tests.scenarios.conftest import DOCKERFILE, REPOSITORY, WORKER, Apps, Done, Stack, new_stack
from tests.soak.beside import Running
from tests.support import browser
from tests.support.deliveries import wait_for_pipeline

PICTURES = REPOSITORY / "docs/pictures"
WIDTH, TOP, PHONE = 1200, 900, 390
"""Pixels: of a window, of what is seen of it at first, and of a telephone."""
SPEED = "20"
"""How much faster the sandbox's clock runs: a canary's five minutes take fifteen seconds."""
HEAD = """\
config:
  aws:region: ap-northeast-1
  aws:allowedAccountIds: ["123456789012"]
  aws:defaultTags: {{tags: {{project: fargate-delivery, stack: {stack}}}}}
  fargate-delivery:network: {{nat: none}}
  fargate-delivery:domain: {{zone: {zone}}}
  fargate-delivery:cluster: {{log_retention_days: 1}}
  fargate-delivery:notifications: {{slack: true}}
  fargate-delivery:common: {{}}
  fargate-delivery:services:
"""
WEB = """\
    {name}:
      task: {{template: web.json, cpu: {cpu}, memory: {memory}, port: 4000}}
      health_check: {{path: /healthz}}
      routes: [{{host: {name}.{zone}, priority: {priority}}}]
      tasks: {{min: {tasks}, max: {most}, target_cpu: 60}}
      deploy: {{{deploy}}}
      parameters:
        LOG_LEVEL: {{value: {level}, for: [runtime]}}
        SECRET_KEY_BASE: {{secret: true, for: [runtime]}}
"""
MAILER = """\
    mailer:
      task: {template: worker.json, cpu: 256, memory: 512}
      connects_to: [{service: catalog}]
      parameters:
        SMTP_PASSWORD: {secret: true, for: [runtime]}
"""
CANARY = "strategy: canary, percent: 10, interval: 3, bake: 2"
BROKEN_BUILD = DOCKERFILE.replace("RUN chmod", "RUN test -f missing.lock && chmod")


def stack_file(stack: str, zone: str, size: int, tasks: int, level: str, shop: str) -> str:
    """A stack of three services that the internet reaches and one that it does not."""

    def web(name: str, priority: int, deploy: str, factor: int = 1) -> str:
        return WEB.format(
            name=name, zone=zone, priority=priority, deploy=deploy, level=level,
            cpu=size * factor, memory=2 * size * factor, tasks=tasks, most=3 * tasks,
        )  # fmt: skip

    return (
        HEAD.format(stack=stack, zone=zone)
        + web("catalog", 10, "strategy: rolling")
        + web("checkout", 20, "strategy: blue_green, bake: 2")
        + ("      approve: true\n" if stack == "prd" else "")
        + web("shop", 30, shop, factor=2)
        + MAILER
    )


@contextlib.contextmanager
def demonstration(folder: Path) -> Iterator[Stack]:
    """Stack `prd` after ten deliveries of `shop`, with `dev` in the same account."""
    with pytest.MonkeyPatch.context() as patch, new_stack(folder / "repository", "prd") as stack:
        patch.setattr("tests.scenarios.conftest.SPEED", SPEED)
        dev = Stack(stack.root, "dev")
        (stack.root / "Pulumi.prd.yaml").write_text(stack_file("prd", "example.com", 256, 2, "info", CANARY))
        (stack.root / "Pulumi.dev.yaml").write_text(
            stack_file("dev", "dev.example.com", 256, 1, "debug", "strategy: rolling")
        )
        stack.up()
        dev.ok("up", "--in", "prd")
        release(stack, dev, Apps(folder / "apps"))
        yield stack


@dataclass(frozen=True)
class Team:
    """Ships one service.

    Attributes:
        stack: where to.
        apps: where its sources are made.
        service: its name.
    """

    stack: Stack
    apps: Apps
    service: str

    def ship(self, version: str, *, fails: bool = False, **faults: Any) -> Done:
        """Release a version, or fail to."""
        commit = hashlib.sha1(version.encode(), usedforsecurity=False).hexdigest()
        source = self.apps.make(f"{self.service}-{version}", **faults)
        named = ("--commit", commit, "--repository", f"example/{self.service}")
        done = self.stack.ship(self.service, source, *named)
        if fails != bool(done.code):
            raise click.ClickException(done.out + done.err)
        return done


def release(stack: Stack, dev: Stack, apps: Apps) -> None:
    """Ten deliveries of the shop, and some of the others beside them."""
    shop, catalog, checkout = (Team(stack, apps, name) for name in ("shop", "catalog", "checkout"))
    others = Running(lambda: release_others(stack, dev, apps, catalog, checkout))
    shop.ship("1")
    shop.ship("2")
    shop.ship("3", fails=True, dockerfile=BROKEN_BUILD)
    shop.ship("4")
    shop.ship("5", fails=True, status=500)
    shop.ship("6")
    alarmed = Running(lambda: shop.ship("7", fails=True))
    until(lambda: share_of_new(stack) == 10, alarmed)
    set_alarm(stack, "ALARM", "Threshold Crossed: 2 of 5 datapoints were at or above 5.0")
    alarmed.result()
    set_alarm(stack, "OK", "Threshold Crossed: 5 of 5 datapoints were below 5.0")
    stack.settled("shop")
    stack.ok("rollback", "shop", "--to", "3", "--yes")
    others.result()
    shop.ship("9")
    shop.ship("10")


def release_others(stack: Stack, dev: Stack, apps: Apps, catalog: Team, checkout: Team) -> None:
    """Also one that fails, and one that waits."""
    for name in ("shop", "catalog", "checkout"):
        Team(dev, Apps(apps.folder / "dev"), name).ship("11")
    worker = 'FROM python:3.12-slim\nWORKDIR /app\nCOPY . .\nCMD ["python", "worker.py"]\n'
    source = apps.make("mailer-1", dockerfile=worker)
    (source / "worker.py").write_text(WORKER)
    stack.ship("mailer", source)
    catalog.ship("1")
    checkout.ship("1")
    stack.ok("approve", "checkout", "--yes")
    wait_for_pipeline(stack, "checkout", 1)
    catalog.ship("2")
    catalog.ship("3", fails=True, status=500)
    checkout.ship("2")


def share_of_new(stack: Stack) -> float:
    """Per cent of the shop's traffic that its new tasks have."""
    ecs = stack.client("ecs")
    last = service_deployments.newest(ecs, stack.name, f"{stack.name}-shop")
    return last.share if last and not last.over else 0.0


def set_alarm(stack: Stack, state: str, reason: str) -> None:
    """Have CloudWatch find the shop's errors too many, or few again."""
    name = f"{stack.name}-shop-server-errors"
    stack.client("cloudwatch").set_alarm_state(AlarmName=name, StateValue=state, StateReason=reason)


def until(what: Callable[[], bool], beside: Running[Any]) -> None:
    """Wait for something that comes while something else runs."""
    while not what():
        if beside.over():
            beside.result()
            raise click.ClickException("it ended before that")
        time.sleep(0.05)


def take(page: Path, pictures: Path) -> None:
    """The pictures of the documents: the top, light and as a telephone shows it in the dark, and sections by themselves."""
    copy = page.parent / "section.html"
    browser.picture(page, pictures / "page.png", WIDTH, TOP)
    browser.picture(page, pictures / "page-phone.png", PHONE, 2 * PHONE, dark=True)
    for section in ("shop", "differs", "reach", "pipelines"):
        browser.alone(page, section, copy)
        browser.picture(copy, pictures / f"page-{section}.png", WIDTH)


@click.command()
@click.option("--page", type=click.Path(exists=True, path_type=Path), help="Take the pictures of this page only.")
def main(page: Path | None) -> None:
    """Release, write the page, and take its pictures."""
    if browser.browser() is None:
        raise click.ClickException(browser.MISSING)
    PICTURES.mkdir(exist_ok=True)
    if page:
        take(page, PICTURES)
        return
    with tempfile.TemporaryDirectory() as folder, demonstration(Path(folder)) as stack:
        take(write(stack, Path(folder, "prd.html")), PICTURES)


def write(stack: Stack, file: Path) -> Path:
    """Write the page, as an operator of an account does."""
    command = [str(REPOSITORY / ".venv/bin/delivery"), "page", "--stack", stack.name, "--compare", "dev"]
    export = file.with_name("export.json")
    export.write_text(stack.ok("export").out)
    variables = {**os.environ, **stack.ok("env", "--json").json}
    subprocess.run([*command, "--export", str(export), "--output", str(file)], env=variables, check=True)
    return file


if __name__ == "__main__":
    main()
