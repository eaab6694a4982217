"""What somebody wants to know first of a stack: what is wrong, what waits for whom, and how deliveries go."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from statistics import median
from typing import Literal

from delivery.page.facts import Delivery, Outcome, Service, StackFacts
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
        text: what it is; commands are within backticks.
        since: since when; None when nothing tells.
    """

    kind: Kind
    service: str
    text: str
    since: datetime | None = None


def notes(facts: StackFacts) -> list[Note]:
    """What is wrong first, then what waits, then what goes on."""
    found = [note for service in facts.services for note in of_service(service)]
    found += [Note("bad", "", f"alarm {a.name}: {a.reason}", a.since) for a in facts.alarms if a.on]
    return sorted(found, key=lambda note: list(STATES).index(note.kind))


def of_service(service: Service) -> Iterator[Note]:
    """The notes of one service."""
    name, now = service.name, service.now
    for alarm in service.alarms:
        if alarm.on and alarm.name != name:
            yield Note("bad", name, f"alarm {alarm.name}: {alarm.reason}", alarm.since)
    if service.disagreement:
        text = f"what runs, is live and was released differ: {service.disagreement}"
        yield Note("bad", name, f"{text}; `{service.repair}` mends it")
    if service.failure and not service.in_flight:
        since = service.deliveries[0].started if service.deliveries else None
        serves = f"; {release_tag(service.release)} still serves" if service.release else ""
        why = service.failure.partition(": ")[2] or service.failure
        yield Note("bad", name, f"the newest delivery has failed: {why}{serves}", since)
    if now.running < now.desired and not service.in_flight:
        yield Note("bad", name, f"{now.running} of {now.desired} tasks run")
    yield from (Note("wait", name, words) for words in service.waits)
    if service.waits_for:
        yield Note("wait", name, f"waits for its first upload, to {service.waits_for}")
    elif service.release is None and not (service.deliveries or service.failure):
        yield Note("wait", name, "nothing of it was released yet")
    for delivery in service.deliveries:
        if delivery.outcome is Outcome.RUNNING and not delivery.waits_for_approval:
            last = f", in {delivery.steps[-1].stage}" if delivery.steps else ""
            yield Note("busy", name, f"{delivery.what}{last}, by {delivery.who}", delivery.started)
    yield from (Note("busy", name, words) for words in service.going_on)


def state_of(service: Service) -> tuple[str, str]:
    """A service's state, as the kind of its worst note and in words; ("good", "well") without any."""
    kinds = {note.kind for note in of_service(service)}
    return next(((kind, words) for kind, words in STATES.items() if kind in kinds), ("good", WELL))


def unreleased(facts: StackFacts) -> list[str]:
    """The services of which nothing was released yet: what does not run is not well."""
    return [service.name for service in facts.services if service.release is None]


def deliveries_of(facts: StackFacts) -> list[tuple[Service, Delivery]]:
    """Those of all services, the newest first."""
    found = [(service, delivery) for service in facts.services for delivery in service.deliveries]
    return sorted(found, key=lambda each: each[1].started, reverse=True)


def usual(deliveries: Sequence[Delivery], now: datetime) -> timedelta | None:
    """How long a delivery that succeeds takes: the median; None without any."""
    taken = [each.takes(now).total_seconds() for each in deliveries if each.outcome is Outcome.SUCCEEDED]
    return timedelta(seconds=median(taken)) if taken else None
