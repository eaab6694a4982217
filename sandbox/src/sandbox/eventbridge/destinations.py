"""EventBridge's API destinations: calls over HTTP with a rate, tried again, and a dead-letter queue.

https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-api-destinations.html and eb-rule-retry-policy.html
"""

from __future__ import annotations

import heapq
import itertools
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

from moto.events.models import events_backends

from sandbox.account.authorization import role_may
from sandbox.account.errors import AwsError
from sandbox.eventbridge.dead_letters import keep
from sandbox.eventbridge.transform import TransformError, lookup, target_input
from sandbox.iam.calls import Need
from sandbox.receivers.answer import Answer
from sandbox.receivers.commits import Commits, is_api
from sandbox.receivers.slack import HOSTS, WEBHOOKS, Slack

if TYPE_CHECKING:
    from sandbox.account.account import Account

MOST_ATTEMPTS, LONGEST_AGE = 185, 24 * 60 * 60
"""A target's retry policy, when it says nothing else; the age in seconds."""
LONGEST_PAUSE = 300
"""Seconds between two attempts at most; AWS tells only that the pauses grow."""


@dataclass(order=True)
class Delivery:
    """One event on its way to one destination; deliveries go in the order of `due` and `number`."""

    due: float
    number: int
    body: str = field(compare=False)
    event: dict[str, Any] = field(compare=False)
    rule: str = field(compare=False)
    target: Mapping[str, Any] = field(compare=False)
    began: float = field(compare=False)
    attempts: int = field(default=0, compare=False)


class Destination:
    """The deliveries to one API destination, one after another at its rate."""

    def __init__(self, account: Account, arn: str) -> None:
        self._account, self._arn = account, arn
        self._waiting: list[Delivery] = []
        self._numbers = itertools.count()
        self._changed = threading.Condition()
        account.spawn(f"destination {arn}", self._run)

    def add(self, body: str, event: dict[str, Any], rule: str, target: Mapping[str, Any]) -> None:
        """Deliver it from now on; returns at once."""
        now = time.monotonic()
        with self._changed:
            heapq.heappush(self._waiting, Delivery(now, next(self._numbers), body, event, rule, target, now))
            self._changed.notify()

    def idle(self) -> bool:
        """Whether everything was delivered or given up."""
        with self._changed:
            return not self._waiting

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._waiting or self._waiting[0].due > time.monotonic():
                    self._changed.wait(self._waiting[0].due - time.monotonic() if self._waiting else None)
                delivery = self._waiting[0]
            retry_after = self._attempt(delivery)
            with self._changed:
                self._waiting.remove(delivery)
                heapq.heapify(self._waiting)
                if retry_after is not None:
                    delivery.due = time.monotonic() + self._account.clock.scale(retry_after)
                    heapq.heappush(self._waiting, delivery)

    def _attempt(self, delivery: Delivery) -> float | None:
        """One call; in how many seconds it is tried again, None when it is over."""
        described = find(self._account, self._arn)
        answer = Answer(0, "the API destination is not there") if described is None else self._call(described, delivery)
        delivery.attempts += 1
        if described is not None:
            self._account.clock.sleep(1 / described["InvocationRateLimitPerSecond"])
        if 200 <= answer.status < 300:
            return None
        policy = delivery.target.get("RetryPolicy", {})
        age = (time.monotonic() - delivery.began) * self._account.clock.speed
        exhausted = (
            "MaximumRetryAttempts"
            if delivery.attempts > policy.get("MaximumRetryAttempts", MOST_ATTEMPTS)
            else "MaximumEventAgeInSeconds"
            if age > policy.get("MaximumEventAgeInSeconds", LONGEST_AGE)
            else None
        )
        worth_it = described is not None and (answer.status in (409, 429) or answer.status >= 500)
        if worth_it and exhausted is None:
            return float(answer.retry_after or min(2**delivery.attempts, LONGEST_PAUSE))
        failed = f"{answer.status} {answer.text}"
        self._account.bus.fail(delivery.event, delivery.rule, str(delivery.target["Arn"]), failed)
        keep(self._account, delivery.event, delivery.rule, delivery.target, failed, delivery.attempts, exhausted)
        return None

    def _call(self, described: Mapping[str, Any], delivery: Delivery) -> Answer:
        called = urlsplit(described["InvocationEndpoint"])
        if called.hostname in HOSTS:
            is_webhook = called.path.startswith(WEBHOOKS)
            return self._account.parts.of(Slack).post(delivery.body) if is_webhook else Answer(404, "no_service")
        if not is_api(called.path):
            return Answer(404, f"the sandbox reaches no {called.hostname}")
        values = delivery.target.get("HttpParameters", {}).get("PathParameterValues", [])
        try:
            path = filled(called.path, values, delivery.event)
        except TransformError as error:
            return Answer(0, str(error))
        return self._account.parts.of(Commits).post(path, self._headers(described["ConnectionArn"]), delivery.body)

    def _headers(self, connection: str) -> dict[str, str]:
        """What a connection adds to a call: an API key."""
        connections = events_backends[self._account.id][self._account.region].connections
        parameters = connections[connection.split("/")[1]].auth_parameters["ApiKeyAuthParameters"]
        return {parameters["ApiKeyName"].lower(): parameters["ApiKeyValue"]}


def filled(path: str, values: Sequence[str], event: Mapping[str, Any]) -> str:
    """A path with a value for each `*`: itself, or what a JSON path finds in the event.

    Raises:
        TransformError: there are more wildcards than values, or the event has no such text.
    """
    parts = path.split("*")
    if len(parts) != len(values) + 1:
        raise TransformError(f"{path} takes {len(parts) - 1} values, and there are {len(values)}")
    texts = [lookup(event, value) if value.startswith("$") else value for value in values]
    for value, text in zip(values, texts, strict=True):
        if not isinstance(text, str) or not text:
            raise TransformError(f"the event has no {value}")
    return "".join(f"{part}{quote(text, safe='')}" for part, text in zip(parts, [*texts, ""], strict=True))


class Destinations:
    """Those of an account that events have been sent to, by ARN."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._destinations: dict[str, Destination] = {}

    def get(self, account: Account, arn: str) -> Destination:
        """The destination of this ARN."""
        with self._lock:
            if arn not in self._destinations:
                self._destinations[arn] = Destination(account, arn)
            return self._destinations[arn]

    def idle(self) -> bool:
        """Whether everything was delivered or given up."""
        with self._lock:
            return all(destination.idle() for destination in self._destinations.values())


def send(account: Account, event: dict[str, Any], rule: str, target: Mapping[str, Any]) -> None:
    """Deliver an event with the target's role.

    Raises:
        AwsError: the role may not, or there is no such destination.
    """
    arn = str(target["Arn"])
    body = target_input(target, event, rule)
    if find(account, arn) is None:
        raise AwsError("ResourceNotFoundException", f"the API destination {arn} does not exist")
    need = Need("events:InvokeApiDestination", arn, {})
    credentials = account.assume(str(target.get("RoleArn")), "events.amazonaws.com", "destination")
    if not role_may(account, credentials, need):
        raise AwsError("AccessDeniedException", f"{target.get('RoleArn')} may not {need.action} on {arn}", 403)
    account.parts.of(Destinations).get(account, arn).add(body, event, rule, target)


TARGETS = {"events": send}


def find(account: Account, arn: str) -> dict[str, Any] | None:
    """What an API destination is; None when there is none."""
    events = account.client("events")
    try:
        destination: dict[str, Any] = events.describe_api_destination(Name=arn.split("/")[1])
    except events.exceptions.ResourceNotFoundException:
        return None
    return destination if destination["ApiDestinationArn"] == arn else None
