"""Both writers at work for as long as it is told: `make soak MINUTES=30 SEED=1`."""

import os
import tempfile
import time
from pathlib import Path

import click

from tests.scenarios.conftest import new_stack
from tests.soak.declared import STACK, prepare
from tests.soak.expected import Violation
from tests.soak.machine import Soak, run
from tests.soak.world import SPEED, World


@click.command()
@click.option("--minutes", default=30.0, show_default=True, help="How long; at least until each kind was taken.")
@click.option("--seed", default=1, show_default=True, help="The same one gives the same sequences.")
def main(minutes: float, seed: int) -> None:
    """Drive `pulumi up` and the pipelines of stack dev in the sandbox, and check after every step that neither
    undoes the other. Hypothesis chooses the order of the steps, and what each does. Each line: the sequence's number,
    the step's time, the step.
    """
    os.environ["SANDBOX_SPEED"] = os.environ["SANDBOX_PATIENCE"] = SPEED
    os.environ["SANDBOX_IMAGES"] = "stand-in"
    click.echo(f"Soak for {minutes:g} minutes, seed {seed}.")
    until = time.monotonic() + minutes * 60
    with tempfile.TemporaryDirectory() as folder, new_stack(Path(folder), STACK) as stack:
        prepare(stack.root)
        soak = Soak(World(stack.root), click.echo, until)
        try:
            run(soak, seed)
        except Violation as violation:
            led_there = "".join(f"\n  {step}" for step in soak.steps)
            raise click.ClickException(
                f"violation in sequence {soak.sequences + 1} of seed {seed}: {violation}\nThe steps:{led_there}\n"
                f"{soak.report()}"
            ) from None
    click.echo(f"{soak.report()}\nNo violation; seed {seed}.")


if __name__ == "__main__":
    main()
