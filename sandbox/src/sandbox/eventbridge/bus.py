"""The default EventBridge bus: events, the rules which moto holds, and delivery to their targets."""

from __future__ import annotations

import json
import logging
import queue
import threading
import uuid
from collections import deque
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.events.models import events_backends

from sandbox.account.authorization import service_may
from sandbox.account.errors import AwsError
from sandbox.account.records import Undelivered
from sandbox.eventbridge.dead_letters import keep
from sandbox.eventbridge.patterns import PatternError, check_pattern, matches
from sandbox.eventbridge.transform import TransformError, target_input
from sandbox.iam.calls import Need

if TYPE_CHECKING:
    from sandbox.account.account import World

log = logging.getLogger(__name__)

Event = dict[str, Any]

HISTORY = 1000
"""Events that are kept for ``GET /_sandbox/events`` and for being delivered again."""


class EventBus:
    """Delivers published events, in order, to the targets of the matching rules."""

    def __init__(self, world: World) -> None:
        self._world = world
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
            "account": self._world.account,
            "time": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "region": self._world.region,
            "resources": [],
            **event,
        }
        self._history.append(full)
        self._enqueue(full, bus)
        return full

    def replay(self, event_id: str, source: str = "aws.s3") -> Event | None:
        """Deliver an event a second time: by id, or the ``last`` one of ``source``. None: no such event."""
        found = [
            event
            for event in self._history
            if event["id"] == event_id or (event_id == "last" and event["source"] == source)
        ]
        if not found:
            return None
        self._enqueue(found[-1], "default")
        return found[-1]

    def wait(self) -> None:
        """Return when everything published so far has been delivered or given up."""
        self._queue.join()

    def _enqueue(self, event: Event, bus: str) -> None:
        self._queue.put((event, bus))
        with self._lock:
            if not self._running:
                self._running = True
                self._world.spawn("event bus", self._run)

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
        backend = events_backends[self._world.account][self._world.region]
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
            if arn.split(":")[2] == "codepipeline":
                self._start_pipeline(event, rule_arn, target)
            elif arn.split(":")[2] == "lambda":
                self._call_function(event, rule_arn, target)
            elif ":api-destination/" in arn:
                self._world.destinations.send(target_input(target, event, rule_arn), event, rule_arn, target)
            else:
                raise TransformError("the sandbox does not deliver to this kind of target")
        except (AwsError, ClientError, BotoCoreError, TransformError) as error:
            self.fail(event, rule_arn, arn, str(error))
            keep(self._world, event, rule_arn, target, str(error), attempts=1)

    def fail(self, event: Event, rule_arn: str, target: str, error: str) -> None:
        """Keep an event that did not reach a target, for `GET /_sandbox/undelivered`."""
        log.error("event %s of %s was not delivered to %s: %s", event["id"], rule_arn, target, error)
        self._world.undelivered.append(Undelivered(event, rule_arn, target, error))

    def _call_function(self, event: Event, rule_arn: str, target: Mapping[str, Any]) -> None:
        """Put the target's input into a function's queue, as far as the function's own policy lets the rule.

        Whatever becomes of it then is between Lambda and the function.

        https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html
        """
        if target.get("RoleArn"):
            raise TransformError("a function target takes no role: the function's policy lets the rule call it")
        arn, client = str(target["Arn"]), self._world.client("lambda")
        payload = target_input(target, event, rule_arn)
        client.get_function(FunctionName=arn)
        try:
            policy = client.get_policy(FunctionName=arn)["Policy"]
        except client.exceptions.ResourceNotFoundException:
            policy = None
        need = Need("lambda:InvokeFunction", arn, {"aws:SourceArn": rule_arn, "aws:SourceAccount": self._world.account})
        if not service_may(self._world, "events.amazonaws.com", need, policy):
            raise AwsError("AccessDeniedException", f"the policy of {arn} does not let {rule_arn} call it", 403)
        client.invoke(FunctionName=arn, InvocationType="Event", Payload=payload.encode())

    def _start_pipeline(self, event: Event, rule_arn: str, target: Mapping[str, Any]) -> None:
        arn = str(target["Arn"])
        if not target.get("RoleArn"):
            raise TransformError("a pipeline target needs a role")
        parameters = pipeline_parameters(target, event, rule_arn)
        session = str(event["id"]).replace("-", "")
        credentials = self._world.assume(str(target["RoleArn"]), "events.amazonaws.com", session)
        client = self._world.client("codepipeline", credentials)
        client.start_pipeline_execution(name=arn.rpartition(":")[2], **parameters)


def pipeline_parameters(target: Mapping[str, Any], event: Event, rule_arn: str) -> dict[str, Any]:
    """What the target's input adds to StartPipelineExecution; the plain event adds nothing."""
    if not target.get("Input") and not target.get("InputTransformer"):
        return {}
    text = target_input(target, event, rule_arn)
    try:
        parameters = json.loads(text)
    except ValueError as error:
        raise TransformError(f"the input of the target is not JSON: {text}") from error
    allowed = {"sourceRevisions", "variables"}
    if not isinstance(parameters, dict) or not set(parameters) <= allowed:
        raise TransformError(f"the input of a pipeline target may hold sourceRevisions and variables: {text}")
    return parameters
