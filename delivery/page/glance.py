"""What somebody wants to know first of a stack: what is wrong, what waits for whom, and how deliveries go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from delivery.page.facts import Delivery, Outcome, Service, StackFacts
from delivery.who import who
from releases.errors import PROGRAM
from releases.names import release_tag

Kind = Literal["bad", "wait", "busy"]
STATES = {"bad": "needs attention", "wait": "waits", "busy": "in flight"}
"""Kind → what a service is called that has one of them."""
WELL = "well"


@dataclass(frozen=True)
class Note:
    """Something that somebody should know now.

    Attributes:
        kind: `bad` is wrong, `wait` waits for a person, `busy` goes on by itself.
        service: of which; "" of the stack.
        text: what it is.
        since: since when; None when nothing tells.
        command: what to run; "" when nothing is to be.
    """

    kind: Kind
    service: str
    text: str
    since: datetime | None = None
    command: str = ""


def notes(facts: StackFacts) -> list[Note]:
    """What is wrong first, then what waits, then what goes on."""
    found = [note for service in facts.services for note in of_service(facts.stack, service)]
    found += [Note("bad", "", f"alarm {a.name}: {a.reason}", a.since) for a in facts.alarms if a.on]
    return sorted(found, key=lambda note: list(STATES).index(note.kind))


def of_service(stack: str, service: Service) -> Iterator[Note]:
    """The notes of one service."""
    name, now = service.name, service.now
    for alarm in service.alarms:
        if alarm.on and alarm.name != name:
            yield Note("bad", name, f"alarm {alarm.name}: {alarm.reason}", alarm.since)
    if service.disagreement:
        yield Note(
            "bad", name, f"what runs, is live and was released differ: {service.disagreement}", None, service.repair
        )
    if service.failure and not service.in_flight:
        since = service.deliveries[0].started if service.deliveries else None
        serves = f"; {release_tag(service.release)} still serves" if service.release else ""
        why = service.failure.partition(": ")[2] or service.failure
        yield Note("bad", name, f"the newest delivery has failed: {why}{serves}", since)
    if now.running < now.desired and not service.in_flight:
        yield Note("bad", name, f"{now.running} of {now.desired} tasks run")
    for closed in service.closed:
        by = f" ({who(closed.by)})" if closed.by else ""
        yield Note("wait", name, f"no release enters {closed.stage}: {closed.reason}{by}", closed.since)
    if service.waits_for:
        yield Note("wait", name, f"waits for its first upload, to {service.waits_for}")
    for delivery in service.deliveries:
        if delivery.waits_for_approval:
            step = next(step for step in delivery.steps if step.waits_for_approval)
            commands = " or ".join(f"{PROGRAM} {verb} {name} --stack {stack}" for verb in ("approve", "reject"))
            yield Note("wait", name, f"{delivery.what} waits for approval", step.started, commands)
        elif delivery.outcome is Outcome.RUNNING:
            last = f", in {delivery.steps[-1].stage}" if delivery.steps else ""
            yield Note("busy", name, f"{delivery.what}{last}, by {delivery.who}", delivery.started)
    if service.in_flight and not any(each.outcome is Outcome.RUNNING for each in service.deliveries):
        yield Note("busy", name, service.in_flight)


def state_of(stack: str, service: Service) -> tuple[str, str]:
    """A service's state, as the kind of its worst note and in words; ("good", "well") without any."""
    kinds = {note.kind for note in of_service(stack, service)}
    return next(((kind, words) for kind, words in STATES.items() if kind in kinds), ("good", WELL))


def deliveries_of(facts: StackFacts) -> list[tuple[Service, Delivery]]:
    """Those of all services, the newest first."""
    found = [(service, delivery) for service in facts.services for delivery in service.deliveries]
    return sorted(found, key=lambda each: each[1].started, reverse=True)


def usual(deliveries: Sequence[Delivery], now: datetime) -> timedelta | None:
    """How long a delivery that succeeds takes: the median; None without any."""
    taken = [each.takes(now).total_seconds() for each in deliveries if each.outcome is Outcome.SUCCEEDED]
    return timedelta(seconds=median(taken)) if taken else None
