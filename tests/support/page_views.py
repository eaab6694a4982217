"""What page views come to while a service is released again and again, by strategy, with and without `assets`.

`python -m tests.support.page_views` measures it in the sandbox and writes the table in docs/how-to/assets.md.
"""

import contextlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import REPOSITORY, Stack, new_stack
from tests.soak.beside import Running
from tests.support.example import EXAMPLE

SPEED = "10"
"""Slow enough that two versions serve at once for a while."""
RELEASES = 10
PAGE = REPOSITORY / "docs/how-to/assets.md"
TABLE = re.compile(r"(?<=<!-- page views -->\n).*(?=<!-- end of page views -->)", re.DOTALL)
STRATEGIES = {
    "rolling": "{strategy: rolling}",
    "codedeploy": "{strategy: codedeploy, wait: 1}",
    "blue_green": "{strategy: blue_green, bake: 1}",
}
ASSETS = "{path: /app/public, releases: 3}"
Views = Mapping[str, Any]
"""What `sandbox load --json` prints."""


def source(folder: Path, color: str) -> Path:
    """The example app; its stylesheet, and so its asset's name, is another one for each color."""
    made = folder / color
    shutil.copytree(REPOSITORY / "examples/hello", made)
    style = made / "static/app.css"
    style.write_text(f"{style.read_text()}\nbody {{ background: {color}; }}\n")
    return made


@contextlib.contextmanager
def seen(stack: Stack, *services: str, workers: int = 4) -> Iterator[dict[str, dict[str, Any]]]:
    """What page views of services come to, from before the block until it has ended, by service."""
    options = ["--assets", "--workers", str(workers), "--seconds", "600", "--json"]
    command = [str(REPOSITORY / ".venv/bin/sandbox"), "load", *options]
    views: dict[str, dict[str, Any]] = {}
    with contextlib.ExitStack() as running:
        loads = {
            service: running.enter_context(
                subprocess.Popen(
                    [*command, service, "--stack", stack.name],
                    cwd=stack.root,
                    stdout=subprocess.PIPE,
                    stderr=subprocess.PIPE,
                    text=True,
                )
            )
            for service in services
        }
        try:
            for service, each in loads.items():
                assert each.stderr is not None
                assert each.stderr.readline().startswith("Asking "), service
            yield views
        finally:
            for each in loads.values():
                each.terminate()
        for service, each in loads.items():
            views[service] = json.loads(each.communicate(timeout=60)[0])


def service_of(strategy: str, *, assets: bool) -> str:
    """A service's name."""
    return strategy.replace("_", "-") + ("-kept" if assets else "")


def stack_file(strategies: Sequence[str], assets: Sequence[bool]) -> str:
    """Three tasks of the example app by each strategy, with and without its assets of earlier releases."""
    services = []
    for number, (strategy, kept) in enumerate((strategy, kept) for strategy in strategies for kept in assets):
        name = service_of(strategy, assets=kept)
        services.append(
            f"    {name}:\n"
            "      task: {template: web.json, cpu: 256, memory: 512, port: 4000}\n"
            "      health_check: {path: /healthz}\n"
            "      tasks: {min: 3}\n"
            f"      routes: [{{host: {name}.local.example.com, priority: {number + 1}}}]\n"
            f"      deploy: {STRATEGIES[strategy]}\n"
            + (f"      assets: {ASSETS}\n" if kept else "")
            + "      parameters:\n        SECRET_KEY_BASE: {secret: true, for: [runtime]}\n"
        )
    head = (EXAMPLE / "Pulumi.local.yaml").read_text().partition("  fargate-delivery:services:\n")
    return head[0] + head[1] + "".join(services)


@contextlib.contextmanager
def stack_of(folder: Path, strategies: Sequence[str], assets: Sequence[bool]) -> Iterator[Stack]:
    """The stack with these services, up in a sandbox."""
    with pytest.MonkeyPatch.context() as patch, new_stack(folder, "local") as stack:
        patch.setattr("tests.scenarios.conftest.SPEED", SPEED)
        (stack.root / "Pulumi.local.yaml").write_text(stack_file(strategies, assets))
        stack.up()
        yield stack


def measured(stack: Stack, services: Sequence[str], apps: Path, releases: int = RELEASES) -> Mapping[str, Views]:
    """What page views of services come to from before the second release until after the last one, by service.

    Args:
        stack: has them.
        services: released at the same time.
        apps: where their sources are made.
        releases: how many, after the first one.
    """
    made = [source(apps, f"#{number:06x}") for number in range(releases + 1)]
    _ship_all(stack, services, made[0])
    with seen(stack, *services) as views:
        for app in made[1:]:
            _ship_all(stack, services, app)
    return views


def _ship_all(stack: Stack, services: Sequence[str], app: Path) -> None:
    for shipped in [Running(lambda service=service: stack.ship(service, app)) for service in services]:  # type: ignore[misc]
        done = shipped.result()
        assert done.code == 0, done.out + done.err


def table(found: Mapping[tuple[str, bool], Views]) -> str:
    """A row for each strategy, with and without."""
    rows = ["| strategy | `assets` | page views | broken | answers 404 |", "|---|---|---|---|---|"]
    for (strategy, kept), views in found.items():
        counts = " | ".join(f"{views[key]:,}" for key in ("views", "broken", "missing"))
        rows.append(f"| `{strategy}` | {'yes' if kept else 'no'} | {counts} |")
    return "".join(f"{row}\n" for row in rows)


def main() -> None:
    """Measure all, two services at a time, and write the table."""
    found: dict[tuple[str, bool], Views] = {}
    for strategy in STRATEGIES:
        services = {kept: service_of(strategy, assets=kept) for kept in (False, True)}
        with (
            tempfile.TemporaryDirectory() as folder,
            stack_of(Path(folder, "stack"), [strategy], list(services)) as stack,
        ):
            views = measured(stack, list(services.values()), Path(folder, "apps"))
        found |= {(strategy, kept): views[name] for kept, name in services.items()}
        sys.stdout.write(table(found))
    PAGE.write_text(TABLE.sub(lambda _: table(found), PAGE.read_text()))


if __name__ == "__main__":
    main()
