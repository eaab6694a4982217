"""The contract broken in code: `make mutants` shows that the steps of `make soak` find each break.

A break is applied to a copy of the program, and both writers work on that, with the same seed and so in the same order
as `make soak SEED=…`. Decision 0001 says of each what is wrong with it.
"""

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import click

from tests.histories.__main__ import STEPS
from tests.scenarios.conftest import new_stack
from tests.soak.declared import STACK, prepare
from tests.soak.expected import Violation
from tests.soak.machine import Soak, one_sequence, run
from tests.soak.world import SPEED, World
from tests.support.example import copy_parts, copy_program


class StaleError(Exception):
    """A break's text is not in the program, or more than once."""


@dataclass(frozen=True)
class Edit:
    """A text in a file of the program, and what is put in its place."""

    file: str
    old: str
    new: str

    def apply(self, root: Path) -> None:
        """Edit the program in a folder.

        Raises:
            StaleError: the text is not there just once.
        """
        path = root / self.file
        text = path.read_text("utf-8")
        if text.count(self.old) != 1:
            raise StaleError(f"{self.file} has {text.count(self.old)} times: {self.old}")
        path.write_text(text.replace(self.old, self.new), "utf-8")


RELEASED_OR_DECLARED = (
    "return state.release.task_definition if state.release.template_fingerprint == fingerprint else declared_arn"
)
NEWEST = """\
import boto3

    family = declared_arn.rpartition("/")[2].rpartition(":")[0]
    return str(boto3.client("ecs").describe_task_definition(taskDefinition=family)["taskDefinition"]["taskDefinitionArn"])"""
MAX = 'return max(declared_arn, state.release.task_definition, key=lambda arn: int(arn.rpartition(":")[2]))'
LIVE = 'live = pulumi.Output.concat(args["images"].url, f":{LIVE}")'
DIGEST = """\
live = pulumi.Output.concat(
            args["images"].url,
            f"@{state.release.image_digest}" if (state := self._current.state) and state.release else ":live",
        )"""
BUILD, PUSH = "docker.build(image, content.context, given)", "docker.push(image)"
LIVE_TAG = 'f"{settings.repository_uri}:live"'
BOTH_TAGS, OWN_TAG = "for tag in (release_tag(number), LIVE):", "for tag in (release_tag(number),):"
WRITE_RECORD = 'self._session.client("ssm").put_parameter(Name=settings.record, Overwrite=True, Value=released.value())'
MOVE_LIVE = "repository.tag(self._digest, LIVE)"
HISTORIES = 40
"""For each sequence within which a break must be found."""
LONGEST = 300
"""Characters of a violation that are shown: some hold a whole preview."""
WENT_BACK = 'raise DeliveryError(f"{service}: {ended}{_last_stopped(session, stack, service, current.id)}")'
SHIFTS_OR_HAS_SHIFTED = """\
return strategy.shifts or (
            self.state is not None and not self.is_replaced(strategy.controller) and self.state.shifts
        )"""
REFUSE = 'raise DeliveryError(f"{service} is left as it is: {refusal}")'

ROLLING_MUTANTS: Mapping[str, tuple[Edit, ...]] = {
    "newest": (Edit("components/service/revision.py", RELEASED_OR_DECLARED, NEWEST),),
    "max": (Edit("components/service/revision.py", RELEASED_OR_DECLARED, MAX),),
    "own": (Edit("components/service/revision.py", RELEASED_OR_DECLARED, "return declared_arn"),),
    "digest": (Edit("components/service/ecs_service.py", LIVE, DIGEST),),
    "live-first": (
        Edit(
            "pipeline_steps/build/builder.py",
            BUILD,
            f'docker.build(image, content.context, [*given, "--tag", {LIVE_TAG}])',
        ),
        Edit("pipeline_steps/build/builder.py", PUSH, f"{PUSH}\n        docker.push({LIVE_TAG})"),
    ),
    "record-first": (
        Edit("pipeline_steps/release.py", BOTH_TAGS, OWN_TAG),
        Edit("pipeline_steps/release.py", WRITE_RECORD, f"{WRITE_RECORD}\n        {MOVE_LIVE}"),
        Edit("components/service/update_hooks.py", REFUSE, "pulumi.log.warn(refusal)"),
    ),
}
"""By name: the family's newest revision; plain max() of own and released; Pulumi's own revision always; a digest in
Pulumi's own revision; `live` moved before Deploy; the record written before `live` is moved, and nothing refused."""
SHIFT_MUTANTS: Mapping[str, tuple[Edit, ...]] = {
    "other-strategy-s": (
        Edit(
            "releases/service_deployments.py",
            "without = {name: value for name, value in configuration.items() if name not in others}",
            "without = {**configuration}",
        ),
    ),
    "hooks-stay": (
        Edit(
            "components/service/update_hooks.py",
            "await _in_thread(service_deployments.drop_hooks, ecs, state.cluster, state.name)",
            "await asyncio.sleep(0)",
        ),
    ),
    "one-group": (Edit("components/service/update_hooks.py", SHIFTS_OR_HAS_SHIFTED, "return strategy.shifts"),),
    "no-alarm": (
        Edit(
            "components/service/strategies/native.py",
            '            "alarms": alarms,\n',
            '            "alarms": {**alarms, "enable": False} if alarms else None,\n',
        ),
    ),
    "went-back-is-green": (
        Edit("releases/update_guard.py", WENT_BACK, "return Followed(taken_over)"),
        Edit("releases/update_guard.py", "if failed := shift.failed():", "if failed := '':"),
    ),
    "green-in-the-middle": (
        Edit(
            "components/service/strategies/native.py",
            "return waiting(stack, state, fingerprint, to_the_end=self.follow is None)",
            "return None",
        ),
    ),
}
"""Breaks of what holds where ECS shifts the traffic, by name: with its pause a service keeps what is another strategy's; a
pause that is declared no longer stays; back at `rolling` the second target group goes; alarms are off; an `up` is green
whose edit went back; an `up` is green that finds another deployment."""
MUTANTS: Mapping[str, tuple[Edit, ...]] = {**ROLLING_MUTANTS, **SHIFT_MUTANTS}


def break_contract(root: Path, name: str) -> None:
    """Apply a break to the program in a folder.

    Raises:
        StaleError: the program has changed, and the break does not fit it any more.
    """
    for edit in MUTANTS[name]:
        edit.apply(root)


@dataclass(frozen=True)
class Found:
    """How a break was found.

    Attributes:
        sequence: the number of the sequence, from 1; None when it was not found.
        steps: how many steps were taken in all.
        seconds: how long that took.
        step: the last one.
        violation: what was wrong.
    """

    sequence: int | None
    steps: int
    seconds: float
    step: str = ""
    violation: str = ""


def search(name: str, seed: int, sequences: int) -> Found:
    """Let both writers work on a broken program until that shows."""
    began = time.monotonic()
    with tempfile.TemporaryDirectory() as folder, new_stack(Path(folder), STACK) as stack:
        break_contract(stack.root, name)
        prepare(stack.root)
        soak = Soak(World(stack.root), click.echo, most=sequences)
        try:
            run(soak, seed)
        except Violation as violation:
            taken = soak.sequences * len(one_sequence()) + len(soak.steps)
            last = soak.steps[-1] if soak.steps else "the sequence's end"
            return Found(soak.sequences + 1, taken, time.monotonic() - began, last, str(violation))
    return Found(None, soak.sequences * len(one_sequence()), time.monotonic() - began)


def search_histories(name: str, seed: int, sequences: int) -> Found:
    """Take histories (`make histories`) of a broken program until that shows; ECS's shifts are more often in them."""
    began, count = time.monotonic(), HISTORIES * sequences
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        copy_program(root)
        copy_parts(root, "tests/histories")
        break_contract(root, name)
        command = [sys.executable, "-m", "tests.histories", "--count", str(count), "--seed", str(seed)]
        done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False)
    seconds = time.monotonic() - began
    if done.returncode == 0:
        return Found(None, count * STEPS, seconds)
    found = re.search(r"violation of seed \d+, history (\d+): (.*)((?:\n  .*)*)", done.stderr)
    if found is None:
        raise click.ClickException(done.stderr)
    number, steps = int(found[1]), found[3].strip().splitlines()
    last = steps[-1].strip().partition(";")[0] if steps else "the first release"
    return Found(number, (number - 1) * STEPS + len(steps), seconds, last, found[2])


@click.command()
@click.argument("names", nargs=-1, type=click.Choice(list(MUTANTS)))
@click.option("--seed", default=1, show_default=True, help="That of `make soak`.")
@click.option("--sequences", default=5, show_default=True, help="Within how many a break must be found.")
def main(names: tuple[str, ...], seed: int, sequences: int) -> None:
    """Break the contract in each way that NAMES say, by default in all, and fail unless the soak finds each."""
    os.environ["SANDBOX_SPEED"] = os.environ["SANDBOX_PATIENCE"] = SPEED
    os.environ["SANDBOX_IMAGES"] = "stand-in"
    results = {}
    for name in names or MUTANTS:
        click.echo(f"{name}, seed {seed}:")
        results[name] = (search_histories if name in SHIFT_MUTANTS else search)(name, seed, sequences)
        click.echo(f"    {results[name].violation[:LONGEST] or 'not found'}")
    click.echo(f"{'break':<19} {'sequence':>8} {'steps':>5} {'seconds':>7}  in the step")
    for name, found in results.items():
        click.echo(f"{name:<19} {found.sequence or '-':>8} {found.steps:>5} {found.seconds:>7.0f}  {found.step}")
    if missed := [name for name, found in results.items() if found.sequence is None]:
        raise click.ClickException(f"not found within {sequences} sequences of seed {seed}: {', '.join(missed)}")


if __name__ == "__main__":
    main()
