"""Both writers of one service, in every order: edits, `up`s, releases, rollbacks by ECS and kills, within small bounds.

What an `up` does is decided by the program's own functions, on a service as the program would see it; the pipeline
does as decision 0001 says. `python -m tests.unit.support.two_writers_model` prints what comes of these rules and of simpler
ones, each kind of violation with a shortest way there.
"""

import json
import math
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cache
from typing import NamedTuple

import click

from components.service import revision
from releases import update_guard
from releases.consistency import Observation, RepairAction, diagnose
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.service_deployments import ServiceDeployment
from releases.service_state import Images, ServiceState

LIVE = "live"
PAUSES = ServiceDeployment("d1", "IN_PROGRESS", pause="hook")
TEMPLATES = ("1", "2", "3")
RELEASES = ("B", "C")
MOST_EDITS, MOST_UPS = 2, 3

Rule = Callable[[ServiceState | None, str, str], str]


class Revision(NamedTuple):
    """A task definition: what it was made of, and a digest or LIVE."""

    template: str
    image: str


class Deployed(NamedTuple):
    """A deployment: its revision's number, and the digest that it was resolved to."""

    revision: int
    digest: str


class Record(NamedTuple):
    """The release record."""

    revision: int
    template: str
    digest: str


class Up(NamedTuple):
    """An `up` under way: what it does next, what it has seen, which revision it wants."""

    next: str
    seen: ServiceState
    wanted: int


class Execution(NamedTuple):
    """A pipeline in its Deploy stage: what it does next, its digest, its revision once there is one."""

    next: str
    digest: str
    revision: int = -1


class World(NamedTuple):
    """Everything; the first revision is Pulumi's own, the second the pipeline's, which was released and runs."""

    declared: str = "1"
    edits: int = 0
    revisions: tuple[Revision, ...] = (Revision("1", LIVE), Revision("1", "A"))
    own: int = 0
    current: Deployed = Deployed(1, "A")
    pending: Deployed | None = None
    live: str = "A"
    record: Record = Record(1, "1", "A")
    up: Up | None = None
    pipeline: Execution | None = None
    releases: int = 0
    ups: int = 0

    @property
    def primary(self) -> Deployed:
        return self.pending or self.current

    def runs(self, deployed: Deployed) -> str:
        """The template that a deployment was made of."""
        return self.revisions[deployed.revision].template

    def registered(self) -> "World":
        """With a revision of what is declared as Pulumi's own."""
        if self.revisions[self.own].template == self.declared:
            return self
        return self._replace(revisions=(*self.revisions, Revision(self.declared, LIVE)), own=len(self.revisions))

    def updated(self, revision: int) -> "World":
        """After UpdateService; the revision that runs already is no deployment."""
        if self.pending is None and revision == self.current.revision:
            return self
        image = self.revisions[revision].image
        return self._replace(pending=Deployed(revision, self.live if image == LIVE else image))


Step = tuple[str, World]


@dataclass(frozen=True)
class Rules:
    """What an `up` goes by.

    Attributes:
        chosen: which revision a quiet service runs.
        looks: whether it looks at what is in flight, before it starts and before it changes the service.
        waits: whether an edit then waits until nothing is in flight any more (`delivery up --wait`).
        confirms: whether it looks, after its deployment, that no release was undone.
        shifts: whether ECS shifts the traffic: then the pipeline waits until an edit's deployment has ended, and an `up`
            is done with one that pauses.
    """

    chosen: Rule = revision.released_or_declared
    looks: bool = True
    waits: bool = False
    confirms: bool = True
    shifts: bool = False


def greatest(state: ServiceState | None, _: str, own: str) -> str:
    """Plain `max(own, released)`."""
    released = state.release if state else None
    return max(own, released.task_definition, key=_number) if released else own


def always_own(_: ServiceState | None, __: str, own: str) -> str:
    """Pulumi's own revision, whatever was released."""
    return own


VARIANTS: Mapping[str, Rules] = {
    "these rules": Rules(),
    "these rules, and an edit waits": Rules(waits=True),
    "these rules, where ECS shifts traffic": Rules(shifts=True),
    "max(own, released)": Rules(chosen=greatest),
    "own always": Rules(chosen=always_own),
    "without a look before": Rules(looks=False),
    "without a look after": Rules(confirms=False),
}


def _arn(revision: int) -> str:
    return f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{revision}"


def _number(arn: str) -> int:
    return int(arn.rpartition(":")[2])


def seen(world: World) -> ServiceState:
    """The service as the program sees it."""
    pending = None if world.pending is None else world.runs(world.pending)
    return _seen(
        world.current, world.pending, world.record, world.pipeline is not None, world.runs(world.current), pending
    )


@cache
def _seen(
    current: Deployed,
    pending: Deployed | None,
    record: Record,
    in_deploy: bool,
    template: str,
    next_template: str | None,
) -> ServiceState:
    deployments = [
        *(
            []
            if pending is None
            else [Deployment("ecs-svc/2", _arn(pending.revision), "IN_PROGRESS", "", 1, next_template or "")]
        ),
        Deployment("ecs-svc/1", _arn(current.revision), "COMPLETED", "", 1, template),
    ]
    value = {
        "schema": 1,
        "release": 1,
        "image_digest": record.digest,
        "task_definition": _arn(record.revision),
        "template_fingerprint": record.template,
        **dict.fromkeys(("source_version", "execution", "time"), ""),
    }
    return ServiceState(
        service="web",
        name="dev-web",
        cluster="dev",
        controller=CONTROLLERS["ECS"],
        task_definition=deployments[0].task_definition,
        fingerprint=deployments[0].fingerprint,
        desired=1,
        target_groups=(),
        deployments=tuple(deployments),
        record=json.dumps(value),
        execution="run" if in_deploy else None,
    )


def observation(world: World) -> Observation:
    """What a look at the images sees."""
    named = world.revisions[world.record.revision].image
    return Observation(
        Images(world.current.digest, world.live, world.record.digest), named=None if named == LIVE else named
    )


def chosen(world: World, state: ServiceState, rules: Rules) -> int:
    """The revision that an `up` declares."""
    if rules.looks and state.in_flight:
        return _number(revision.task_definition(state, world.declared, _arn(world.own)))
    return _number(rules.chosen(state, world.declared, _arn(world.own)))


def steps(world: World, rules: Rules) -> Iterator[Step]:
    """Everything that may happen next."""
    if world.up is None and world.edits < MOST_EDITS:
        for template in TEMPLATES:
            if template != world.declared:
                yield f"edit→{template}", world._replace(declared=template, edits=world.edits + 1)
    yield from _up(world, rules)
    yield from _pipeline(world, rules)
    if world.pending:
        yield "ECS: completed", world._replace(current=world.pending, pending=None)
        yield "ECS: rolled back", world._replace(pending=None)


def _up(world: World, rules: Rules) -> Iterator[Step]:
    if world.up is None:
        if world.ups < MOST_UPS:
            state, after = seen(world), world.registered()._replace(ups=world.ups + 1)
            yield "up: registers", after._replace(up=Up("choose", state, chosen(after, state, rules)))
            yield "up: registers, killed", after
        return
    step, state, wanted = world.up
    idle, goes_on = world._replace(up=None), world.up._replace
    if step == "choose" and _arn(wanted) == state.task_definition:
        waits = rules.looks and revision.waiting("dev", state, world.declared)
        if waits and rules.shifts and not revision.waiting("dev", replace(state, shifting=PAUSES), world.declared):
            yield "up: green, says what pauses", idle
        if waits and rules.waits:
            yield "up: waits", world._replace(up=goes_on(next="wait"))
            return
        yield ("up: fails, an edit waits" if waits else "up: green, nothing to do"), idle
    elif step == "wait":
        if not seen(world).in_flight:
            now = seen(world)
            yield "up: goes on", world._replace(up=Up("choose", now, chosen(world, now, rules)))
        yield "up: killed while it waits", idle
    elif step == "choose" and rules.waits and seen(world).in_flight:
        yield "up: killed while it waits", idle
    elif step == "choose":
        template, image = world.revisions[wanted]
        known = update_guard.Wanted(_arn(wanted), template, image == LIVE)
        refused = rules.looks and update_guard.refusal("dev", state, seen(world), observation(world), known)
        yield ("up: refused", idle) if refused else ("up: guard passes", world._replace(up=goes_on(next="update")))
    elif step == "update":
        after = world.updated(wanted)
        yield "up: UpdateService", after._replace(up=goes_on(next="follow"))
        yield "up: UpdateService, killed", after._replace(up=None)
        yield "up: killed before UpdateService", idle
    else:
        cloned = world.current.revision > wanted and world.runs(world.current) == world.revisions[wanted].template
        if world.pending is None and world.current.revision != wanted and not cloned:
            yield "up: fails, rolled back or replaced", idle
        elif world.pending is None:
            undone = rules.confirms and _undone(world, state, cloned)
            yield ("up: fails, a release was undone" if undone else "up: green"), idle
        elif rules.shifts:
            yield "up: green, says what pauses", idle
        yield "up: killed while it follows", idle


def _undone(world: World, before: ServiceState, cloned: bool) -> bool:
    """Whether `update_guard.check_release_stands` says so."""
    now = seen(world)
    judged = diagnose(observation(world))
    changed = cloned or now.record != before.record
    return not now.in_flight and changed and judged.action is not RepairAction.NOTHING


def _pipeline(world: World, rules: Rules) -> Iterator[Step]:
    """QUEUED: one execution in Deploy."""
    if world.pipeline is None:
        if world.releases < len(RELEASES):
            started = Execution("deploy", RELEASES[world.releases])
            yield f"{started.digest}: starts", world._replace(pipeline=started, releases=world.releases + 1)
        return
    step, digest, revision = world.pipeline
    ended, goes_on = world._replace(pipeline=None), world.pipeline._replace
    runs = world.pending is None and world.current == (revision, digest)
    if step == "deploy" and rules.shifts and world.pending is not None:
        yield f"{digest}: killed before it deploys", ended
    elif step == "deploy":
        cloned = len(world.revisions)
        after = world._replace(
            revisions=(*world.revisions, Revision(world.runs(world.primary), digest)),
            pending=Deployed(cloned, digest),
        )
        yield f"{digest}: deploys", after._replace(pipeline=goes_on(next="wait", revision=cloned))
        yield f"{digest}: deploys, killed", after._replace(pipeline=None)
    elif step == "wait":
        if world.pending is None or world.pending.revision != revision:
            after = world._replace(pipeline=goes_on(next="tag")) if runs else ended
            yield f"{digest}: {'deployed' if runs else 'fails'}", after
        yield f"{digest}: killed while it waits", ended
    elif step == "tag":
        if runs:
            yield f"{digest}: moves live", world._replace(live=digest, pipeline=goes_on(next="record"))
        else:
            yield f"{digest}: Release fails, something else runs", ended
        yield f"{digest}: killed before live", ended
    else:
        record = Record(revision, world.revisions[revision].template, digest)
        yield f"{digest}: writes the record", ended._replace(record=record)
        yield f"{digest}: killed before the record", ended


def at_rest(world: World, rules: Rules) -> tuple[World, bool]:
    """After what an operator does, repair, up, up; and whether the second `up` did nothing."""
    found = observation(world)
    if diagnose(found).action is not RepairAction.NOTHING:
        record, running = world.record, world.current
        if not (record.digest == running.digest and found.named in (None, running.digest)):
            record = Record(running.revision, world.runs(running), running.digest)
        world = world._replace(live=running.digest, record=record)
    idle = False
    for _ in range(2):
        after = world.registered()
        updated = after.updated(chosen(after, seen(after), rules))
        idle = updated == world
        world = updated._replace(current=updated.primary, pending=None)
    return world, idle


EDIT_LOST = "an up says that there is nothing to do, and its edit does not run or may be rolled back"
EDIT_NOT_DEPLOYED = "an up is green after its deployment, and its edit does not run"
IMAGE_CHANGED = "an up has changed the image, and nothing was released"
RELEASE_UNDONE = "an up is green after its deployment, and the image runs that was released before"
EDIT_GONE = "after repair and up, the edit does not run"
IMAGE_GONE = "after repair and up, another image runs"
NEVER_IDLE = "the second of two ups deploys"
FOR_NOTHING = "an up with nothing edited after a release deploys"


GREEN = {"up: green, nothing to do": EDIT_LOST, "up: green": EDIT_NOT_DEPLOYED}


def _broken_by(name: str, before: World, after: World) -> Iterator[str]:
    """What a step has broken."""
    if name in GREEN and any(before.runs(each) != before.declared for each in (before.current, before.primary)):
        yield GREEN[name]
    if before.pipeline:
        return
    if name == "up: green" and before.current.digest not in (before.live, before.record.digest):
        yield RELEASE_UNDONE
    if name == "ECS: completed":
        of_pulumi = before.revisions[after.current.revision].image == LIVE
        if of_pulumi and after.current.digest not in (before.current.digest, before.live):
            yield IMAGE_CHANGED


def _broken_at_rest(world: World, rules: Rules) -> Iterator[str]:
    """What is broken when nothing is under way."""
    if world.up or world.pipeline or world.pending:
        return
    current, record = world.current, world.record
    template = world.revisions[world.own].template
    agree = current.digest == world.live == record.digest and current.revision == record.revision
    if (
        agree
        and template == world.declared == world.runs(current)
        and chosen(world, seen(world), rules) != (current.revision)
    ):
        yield FOR_NOTHING
    settled, idle = at_rest(world, rules)
    if settled.runs(settled.current) != settled.declared:
        yield EDIT_GONE
    if settled.current.digest != current.digest:
        yield IMAGE_GONE
    if not idle:
        yield NEVER_IDLE


@dataclass(frozen=True)
class Explored:
    """What an exploration has found.

    Attributes:
        states: how many there are.
        violations: kind → the steps of a shortest way there.
    """

    states: int
    violations: Mapping[str, list[str]]


def explore(rules: Rules, kinds: float = math.inf) -> Explored:
    """Go through every order of steps, the shortest first, until there are so many kinds of violation."""
    start = World()
    came: dict[World, Step | None] = {start: None}
    queue, violations = deque([start]), dict[str, list[str]]()

    def way(world: World) -> list[str]:
        names = []
        while step := came[world]:
            names.append(step[0])
            world = step[1]
        return names[::-1]

    while queue and len(violations) < kinds:
        world = queue.popleft()
        for broken in _broken_at_rest(world, rules):
            if broken not in violations:
                violations[broken] = way(world)
        for name, after in steps(world, rules):
            for broken in _broken_by(name, world, after):
                if broken not in violations:
                    violations[broken] = [*way(world), name]
            if after not in came:
                came[after] = (name, world)
                queue.append(after)
    return Explored(len(came), violations)


AFTER_A_RELEASE = World(declared="2", edits=MOST_EDITS)
AFTER_AN_EDIT = World(
    declared="3",
    edits=MOST_EDITS,
    revisions=(Revision("1", LIVE), Revision("1", "A"), Revision("2", LIVE)),
    own=2,
    current=Deployed(2, "A"),
)
"""Another edit runs, which was not released yet."""


def outcomes(rules: Rules, start: World = AFTER_A_RELEASE) -> set[str]:
    """How the `up`s of one edit end beside releases, when everything succeeds and nothing is cut off."""
    came, queue, ends = {start}, deque([start]), set[str]()
    while queue:
        world = queue.popleft()
        for name, after in steps(world, rules):
            if "killed" in name or name == "ECS: rolled back":
                continue
            if world.up and not after.up:
                ends.add(name)
            if after not in came:
                came.add(after)
                queue.append(after)
    return ends


def main() -> None:
    for name, rules in VARIANTS.items():
        began = time.monotonic()
        found = explore(rules)
        seconds = time.monotonic() - began
        click.echo(f"{name}: {found.states:,} states, {len(found.violations)} kinds of violation ({seconds:.1f} s)")
        for kind, way in found.violations.items():
            click.echo(f"  {kind}:\n    {' | '.join(way)}")


if __name__ == "__main__":
    main()
