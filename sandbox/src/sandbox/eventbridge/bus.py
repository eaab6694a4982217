"""The default EventBridge bus: events, the rules which moto holds, and delivery to their targets."""

from __future__ import annotations

import logging
import queue
import threading
import uuid
from collections import deque
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.events.models import events_backends

from sandbox.account.errors import AwsError
from sandbox.account.records import Undelivered
from sandbox.eventbridge.dead_letters import keep
from sandbox.eventbridge.patterns import PatternError, check_pattern, matches
from sandbox.eventbridge.transform import TransformError

if TYPE_CHECKING:
    from sandbox.account.account import Account

log = logging.getLogger(__name__)

Event = dict[str, Any]

Target = Callable[["Account", Event, str, Mapping[str, Any]], None]
"""Delivers an event, of the rule with this ARN, to a target of the rule.

Raises AwsError, ClientError or TransformError when it cannot.
"""
HISTORY = 1000
"""Events that are kept for ``GET /_sandbox/events`` and for being delivered again."""


class EventBus:
    """Delivers published events, in order, to the targets of the matching rules.

    Args:
        account: the account.
        targets: what delivers to the targets of a service, by the service in their ARNs.
    """

    def __init__(self, account: Account, targets: Mapping[str, Target]) -> None:
        self._account, self._targets = account, targets
        self._queue: queue.Queue[tuple[Event, str]] = queue.Queue()
        self._history: deque[Event] = deque(maxlen=HISTORY)
        self._lock = threading.Lock()
        self._running = False

    @property
    def history(self) -> list[Event]:
        """The published events, oldest first."""
        return list(self._history)

    def publish(self, event: Mapping[str, Any], bus: str = "default") -> Event:
        """Take an event and return at once. What the envelope lacks (id, time, account…) is filled in."""
        full = {
            "version": "0",
            "id": str(uuid.uuid4()),
            "account": self._account.id,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._account.region,
            "resources": [],
            **event,
        }
        self._history.append(full)
        self._enqueue(full, bus)
        return full

    def replay(self, event_id: str, source: str = "aws.s3") -> Event | None:
        """Deliver an event a second time: by id, or the ``last`` one of ``source``. None: no such event."""
        events = [
            event
            for event in self._history
            if event["id"] == event_id or (event_id == "last" and event["source"] == source)
        ]
        if not events:
            return None
        self._enqueue(events[-1], "default")
        return events[-1]

    def wait(self) -> None:
        """Return when everything published so far has been delivered or given up."""
        self._queue.join()

    def _enqueue(self, event: Event, bus: str) -> None:
        self._queue.put((event, bus))
        with self._lock:
            if not self._running:
                self._running = True
                self._account.spawn("event bus", self._run)

    def _run(self) -> None:
        while True:
            event, bus = self._queue.get()
            try:
                self._dispatch(event, bus)
            except Exception:
                log.exception("event %s could not be dispatched", event.get("id"))
            finally:
                self._queue.task_done()

    def _dispatch(self, event: Event, bus: str) -> None:
        backend = events_backends[self._account.id][self._account.region]
        if bus not in backend.event_buses:
            return
        for rule in list(backend.event_buses[bus].rules.values()):
            if rule.state == "DISABLED" or not self._matches(rule, event):
                continue
            for target in list(rule.targets):
                self._deliver(event, rule.arn, dict(target))

    def _matches(self, rule: Any, event: Event) -> bool:
        pattern = rule.event_pattern.get_pattern()
        if not pattern:
            return False  # A rule with a schedule only.
        try:
            check_pattern(pattern)
        except PatternError as error:
            self.fail(event, rule.arn, "", f"event pattern: {error}")
            return False
        return matches(pattern, event)

    def _deliver(self, event: Event, rule_arn: str, target: Mapping[str, Any]) -> None:
        arn = str(target["Arn"])
        try:
            deliver = self._targets.get(arn.split(":")[2])
            if deliver is None:
                raise TransformError("the sandbox does not deliver to this kind of target")
            deliver(self._account, event, rule_arn, target)
        except (AwsError, ClientError, BotoCoreError, TransformError) as error:
            self.fail(event, rule_arn, arn, str(error))
            keep(self._account, event, rule_arn, target, str(error), attempts=1)

    def fail(self, event: Event, rule_arn: str, target: str, error: str) -> None:
        """Keep an event that did not reach a target, for `GET /_sandbox/undelivered`."""
        log.error("event %s of %s was not delivered to %s: %s", event["id"], rule_arn, target, error)
        self._account.undelivered.append(Undelivered(event, rule_arn, target, error))
