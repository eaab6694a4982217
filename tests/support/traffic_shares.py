"""Draws which version answered while ECS shifted the traffic: `python -m tests.support.traffic_shares` ships an app by
each strategy in the sandbox under `sandbox load`, some five minutes long, and writes docs/traffic.svg.
"""

import contextlib
import itertools
import json
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import click

from tests.scenarios.conftest import REPOSITORY, Apps, Stack, new_stack

PICTURE = REPOSITORY / "docs/traffic.svg"
STRATEGIES = {
    "blue_green": "{strategy: blue_green, bake: 5}",
    "canary": "{strategy: canary, percent: 10, interval: 10, bake: 5}",
    "linear": "{strategy: linear, percent: 25, interval: 5, bake: 5}",
    "rolling": "{strategy: rolling}",
}
"""How the service is deployed, by what the picture calls it."""
ROUTE = "      routes: [{host: hello.local.example.com, priority: 10}]\n"
SPEED = 30
"""How much faster the sandbox's clock runs: ten minutes take twenty seconds, in which thousands of pages answer."""
LEFT, TOP, PANEL, GAP, MINUTE, MARGIN = 60, 34, 90, 50, 22, 3
"""Pixels: of the margins, a panel's height, what is between two, a minute; and minutes before and after a shift."""
NEW, OLD, INK = "#2eb67d", "#d0d7de", "#57606a"


@dataclass(frozen=True)
class Shift:
    """What was seen of one release.

    Attributes:
        name: the strategy, as in a stack file.
        new: second → the new version's share of the answers, from 0 to 1.
        views: how many answers there were.
        failed: how many were none, or 5xx.
    """

    name: str
    new: Mapping[int, float]
    views: int
    failed: int


def shift(name: str, seen: Mapping[str, Any], version: str) -> Shift:
    """What `sandbox load --shares --json` has seen of a version."""
    new = {int(each["second"]): each["pages"].get(version, 0) / sum(each["pages"].values()) for each in seen["shares"]}
    return Shift(name, new, seen["views"], seen["server_errors"])


def trimmed(new: Mapping[int, float]) -> dict[float, float]:
    """Minutes of the sandbox's clock since the first answer of the new version → its share; until it has answered all
    for a while.
    """
    began = min(second for second, share in new.items() if share)
    ended = max(second for second, share in new.items() if share < 1)
    minutes = {(second - began) * SPEED / 60: share for second, share in sorted(new.items())}
    last = (ended - began) * SPEED / 60
    return {minute: share for minute, share in minutes.items() if -MARGIN <= minute <= last + MARGIN}


def drawn(shifts: Sequence[Shift]) -> str:
    """A panel for each, over the same minutes."""
    shares = [trimmed(each.new) for each in shifts]
    longest = max(max(each) for each in shares) + MARGIN
    size = f'width="{LEFT + longest * MINUTE + 20:.0f}" height="{TOP + len(shifts) * (PANEL + GAP)}"'
    panels = [
        line for index, (each, new) in enumerate(zip(shifts, shares, strict=True)) for line in _panel(index, each, new)
    ]
    font = 'font-family="sans-serif" font-size="12"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>',
        '<rect width="100%" height="100%" fill="#ffffff"/>',
    ]
    return "\n".join([*lines, *panels, "</svg>"]) + "\n"


def _panel(index: int, shift: Shift, new: Mapping[float, float]) -> Iterator[str]:
    top = TOP + index * (PANEL + GAP)
    bottom, width = top + PANEL, (max(new) + MARGIN) * MINUTE
    title = f"{STRATEGIES[shift.name].strip('{}')}: {shift.views:,} page views, {shift.failed} failed"
    yield f'<text x="{LEFT}" y="{top - 10}" font-weight="bold">{escape(title)}</text>'
    yield f'<rect x="{LEFT}" y="{top}" width="{width:.0f}" height="{PANEL}" fill="{OLD}"/>'
    places = [(LEFT + (minute + MARGIN) * MINUTE, bottom - share * PANEL) for minute, share in new.items()]
    steps = [point for (left, y), (right, _) in itertools.pairwise(places) for point in ((left, y), (right, y))]
    outline = [(places[0][0], bottom), *steps, places[-1], (places[-1][0], bottom)]
    yield f'<polygon points="{" ".join(f"{x:.1f},{y:.1f}" for x, y in outline)}" fill="{NEW}"/>'
    for percent in (0, 50, 100):
        yield f'<text x="{LEFT - 8}" y="{bottom - percent * PANEL / 100 + 4:.0f}" text-anchor="end" fill="{INK}">{percent} %</text>'
    for minute in range(0, int(max(new)) + 1, 5):
        x = LEFT + (minute + MARGIN) * MINUTE
        yield f'<text x="{x}" y="{bottom + 16}" text-anchor="middle" fill="{INK}">{minute} min</text>'


@contextlib.contextmanager
def loaded(stack: Stack, seen: dict[str, Any]) -> Iterator[None]:
    """Page views of the service until the block has ended; what they came to is put into `seen`."""
    command = [str(REPOSITORY / ".venv/bin/sandbox"), "load", "hello", "--seconds", "900", "--shares", "--json"]
    with subprocess.Popen(
        [*command, "--stack", stack.name], cwd=stack.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as load:
        try:
            assert load.stderr is not None
            load.stderr.readline()
            yield
        finally:
            load.terminate()
        seen |= json.loads(load.communicate(timeout=60)[0])


def run(stack: Stack, apps: Apps, number: int, name: str) -> Shift:
    """Release another version by a strategy, under load."""
    text = (stack.root / "Pulumi.local.yaml").read_text()
    before = next(line for line in text.splitlines() if line.startswith("      deploy: "))
    stack.edit("Pulumi.local.yaml", before, f"      deploy: {STRATEGIES[name]}")
    stack.ok("up")
    version, seen = f"version-{number}", dict[str, Any]()
    with loaded(stack, seen):
        done = stack.ship("hello", apps.make(version))
        if done.code:
            raise click.ClickException(done.out + done.err)
        time.sleep(60 * MARGIN / SPEED)
    return shift(name, seen, version)


@click.command()
def main() -> None:
    """Ship by each strategy under load, and draw who answered."""
    with tempfile.TemporaryDirectory() as folder, new_stack(Path(folder) / "repository", "local") as stack:
        stack.keep_services(["hello"])
        keys = f"      tasks: {{min: 4}}\n      deploy: {STRATEGIES['rolling']}\n"
        stack.edit("Pulumi.local.yaml", ROUTE, f"{ROUTE}{keys}")
        done = stack.run("up", SANDBOX_SPEED=str(SPEED))
        if done.code:
            raise click.ClickException(done.out + done.err)
        apps = Apps(Path(folder) / "apps")
        stack.ship("hello", apps.make("version-0"))
        shifts = [run(stack, apps, number, name) for number, name in enumerate(STRATEGIES, 1)]
    PICTURE.write_text(drawn(shifts), encoding="utf-8")
    for each in shifts:
        click.echo(f"{each.name}: {each.views} page views, {each.failed} failed")


if __name__ == "__main__":
    main()
