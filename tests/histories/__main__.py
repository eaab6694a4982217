"""Short histories of both writers over all strategies of ECS's: `make histories COUNT=200 SEED=1`.

Nothing runs but the program's rules and hooks, the pipeline's steps and the sandbox's ECS, in a time of their own.
"""

import random
from collections import Counter
from collections.abc import Callable
from typing import Any

import click

from tests.histories.world import Execution, Up, Violation, World, must

STRATEGIES: dict[str, dict[str, Any]] = {
    "rolling": {},
    "blue_green": {"bake": 5},
    "canary": {"percent": 10, "interval": 5, "bake": 3},
    "linear": {"percent": 30, "interval": 3, "bake": 2},
}
PAUSE = {"test_port": 8443, "pause": 60}
STEPS = 4
"""Of a history."""
DISTURBANCES = ("alarm", "abort", "kill up", "kill pipeline", "answer", "refuse")
WATCHED = ("POST_TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")
"""Stages of a deployment with running tasks, after which more than a minute passes."""
LATEST = 30
"""Ticks until the last disturbance of a step; most deployments take some twenty."""


class History:
    """Steps that a generator of random numbers chooses, and what is checked between them."""

    def __init__(self, choose: random.Random) -> None:
        self.choose, self.world, self.steps, self.kinds = choose, World(), list[str](), Counter[str]()
        self._templates = 1
        self._alarmed: list[Any] = []

    def run(self) -> None:
        """All steps, and the rest after them."""
        with self.world.within():
            for _ in range(STEPS):
                self._step()
            self._rest()

    def _step(self) -> None:
        choose, world = self.choose, self.world
        before = dict(world.deploy)
        if choose.random() < 0.5:
            strategy = choose.choice(list(STRATEGIES))
            pause = PAUSE if strategy != "rolling" and choose.random() < 0.3 else {}
            world.deploy = {"strategy": strategy, **STRATEGIES[strategy], **pause}
        if choose.random() < 0.6:
            self._edit(broken=choose.random() < 0.15)
        what = choose.choice(["up", "ship", "up beside a release", "a release beside an up"])
        broken, ticks = choose.random() < 0.15, choose.randint(0, LATEST)
        disturbance = choose.choice([None, None, *DISTURBANCES])
        at = choose.randint(1, LATEST)
        self.steps.append(
            f"{what} after {ticks}, {disturbance} at {at}{', a broken image' if broken else ''}; template "
            f"{world.template}, {world.deploy} of {before['strategy']}"
        )
        self.kinds.update([what, world.deploy["strategy"], *([disturbance] if disturbance else [])])
        self._disturb(disturbance, at, what)
        executions = list[Execution]()
        if what == "up":
            self._up()
        elif what == "ship":
            executions.append(world.ship(broken=broken))
        elif what == "up beside a release":
            executions.append(world.ship(broken=broken))
            for _ in range(ticks):
                world.tick()
            self._up()
        else:
            world.after(ticks, lambda: executions.append(world.ship(broken=broken)))
            self._up()
        self._settle()
        for execution in executions:
            if execution.succeeded and broken:
                raise Violation("a broken image was released")
        self._check()

    def _edit(self, *, broken: bool) -> None:
        self._templates += 1
        self.world.template = str(self._templates)
        if broken:
            self.world.aws.broken.add(self.world.template)

    def _disturb(self, disturbance: str | None, at: int, what: str) -> None:
        world = self.world
        happens: dict[str, Callable[[], None]] = {
            "alarm": self._alarm,
            "abort": world.abort,
            "kill pipeline": world.kill_pipeline,
            "answer": lambda: self._answer(True),
            "refuse": lambda: self._answer(False),
        }
        if disturbance in happens:
            world.after(at, happens[disturbance])
        elif disturbance == "kill up" and "up" in what:
            self._kill = world.ticks + at
            world.after(at, self._killing)

    _within_up = False

    def _killing(self) -> None:
        if self._within_up:
            self.world.kill_up()

    def _alarm(self) -> None:
        """Goes off for two minutes; what is watched then must not end well."""
        world = self.world
        shifting = world.state().shifting
        if shifting is None:
            return
        bakes = shifting.stage == "BAKE_TIME" and _minutes_left(world) > 1
        if (bakes or shifting.stage in WATCHED) and not shifting.goes_back:
            self._alarmed.append(world.aws.service.service_deployments[-1])
        world.aws.alarm = "ALARM"
        world.after(4, lambda: setattr(world.aws, "alarm", "OK"))

    def _answer(self, goes_on: bool) -> None:
        shifting = self.world.state().shifting
        if shifting is not None and shifting.pause:
            self.world.answer(goes_on)

    def _up(self) -> Up:
        world = self.world
        self._within_up = True
        try:
            up = world.up()
        finally:
            self._within_up = False
        if up.end in ("green", "goes on"):
            now = world.state().fingerprint
            must(now == world.template, f"an up ends well, and {now} is deployed, not {world.template}")
        elif up.end == "failed":
            again = (
                "again",
                "goes back",
                "ROLLBACK",
                "rolled back",
                "instead",
                "repair",
                "rollback",
                "STOPPED",
                "failed",
            )
            must(any(word in up.why for word in again), f"an up does not say what to do: {up.why}")
        self._green = up.end == "green"
        return up

    _green = False

    def _settle(self) -> None:
        """Until nothing is in flight; a pause that nobody answers ends by itself, or is answered."""
        world = self.world
        if self.choose.random() < 0.7:
            goes_on = self.choose.random() < 0.7
            for _ in range(LATEST):
                world.tick()
            self._answer(goes_on)
        world.until(lambda: world.pipeline is None and not world.at and world.state().in_flight is None)

    def _check(self) -> None:
        world, aws = self.world, self.world.aws
        for record in self._alarmed:
            must(record.status != "SUCCESSFUL", "an alarm went off, and the deployment has ended well")
        self._alarmed.clear()
        template, digest = world.runs()
        if self._green:
            must(template == world.template, f"an up was green for {world.template}, and {template} runs at rest")
        self._green = False
        groups = {
            balancer["targetGroupArn"] for task in aws.service.tasks if task.ready for balancer in task.load_balancers
        }
        serving = {group for group, share in aws.shares.items() if share}
        must(groups == serving, f"tasks are in {groups}, and the traffic goes to {serving}")
        running = {task.deployment_id for task in aws.service.tasks if task.active}
        must(len(running) == 1, f"tasks of {len(running)} deployments run at rest")
        must(digest not in aws.broken, "a broken image runs")
        pauses = [run for each in aws.service.service_deployments for run in each.hooks]
        must(not pauses, "a hook waits at rest")

    def _rest(self) -> None:
        """After a repair and an `up` what is declared runs, with the image that ran; another one has nothing to do."""
        world = self.world
        world.deploy = {name: value for name, value in world.deploy.items() if name not in PAUSE}
        if world.template in world.aws.broken:
            self._edit(broken=False)
        world.repair()
        _, digest = world.runs()
        up = self._up()
        must(up.end == "green", f"after a repair an up is {up.end}: {up.why}")
        self._settle()
        self._check()
        must(
            world.runs() == (world.template, digest), f"at rest {world.runs()} runs, not {world.template} with {digest}"
        )
        updates, revisions = world.aws.updates, len(world.aws.definitions)
        up = self._up()
        must(up.end == "green", f"an up with nothing to do is {up.end}: {up.why}")
        must(
            (updates, revisions) == (world.aws.updates, len(world.aws.definitions)), "an up with nothing to do deploys"
        )
        execution = world.ship(broken=False)
        world.until(lambda: execution.succeeded is not None)
        must(execution.succeeded, f"a good release fails at rest: {execution.why}")
        self._settle()
        self._check()


def _minutes_left(world: World) -> float:
    record, scheduler = world.aws.service.service_deployments[-1], world.aws._scheduler
    return float(record.configuration.get("bakeTimeInMinutes") or 0) - (world.aws.now - scheduler._stage_began) / 60


def explore(count: int, seed: int) -> tuple[Counter[str], str | None]:
    """So many histories: what they were made of, and the first violation with the steps that led there."""
    kinds = Counter[str]()
    for number in range(count):
        history = History(random.Random(f"{seed}/{number}"))  # noqa: S311
        try:
            history.run()
        except Violation as violation:
            return kinds, "\n  ".join([f"history {number + 1}: {violation}", *history.steps])
        kinds += history.kinds
    return kinds, None


@click.command()
@click.option("--count", default=200, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="The same one gives the same histories.")
def main(count: int, seed: int) -> None:
    """Take COUNT histories, and fail at the first that breaks the contract."""
    kinds, violation = explore(count, seed)
    if violation:
        raise click.ClickException(f"violation of seed {seed}, {violation}")
    for kind, times in kinds.most_common():
        click.echo(f"{times:>6}  {kind}")
    click.echo(f"{count} histories of {STEPS} steps, seed {seed}: no violation.")


if __name__ == "__main__":
    main()
