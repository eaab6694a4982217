"""Calls what schedules are for, when they are due by this machine's clock, or when a test says so."""

from __future__ import annotations

import functools
import json
import logging
import time
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from moto.scheduler.models import Schedule, scheduler_backends

from sandbox.account.errors import AwsError
from sandbox.account.records import Undelivered
from sandbox.eventbridge.dead_letters import sound_alarms
from sandbox.scheduler.expressions import AT, next_time

if TYPE_CHECKING:
    from sandbox.account.account import Account

log = logging.getLogger(__name__)
PAUSE = 0.5
"""Seconds between two looks at which schedules are due; AWS is exact to a minute."""


class Due(dict[str, tuple[float, datetime | None]]):
    """Schedule's ARN → when it was last changed, and when it is due next."""

    running = False


def start(account: Account) -> None:
    """Look from now on which schedules are due."""
    due = account.parts.of(Due)
    if not due.running:
        due.running = True
        account.spawn("scheduler", lambda: _run(account, due))


def _run(account: Account, due: Due) -> None:
    while True:
        fire_due(account, due, datetime.now(UTC))
        time.sleep(PAUSE)


def fire_due(account: Account, due: Due, now: datetime) -> None:
    """Call what the schedules are for that are due."""
    schedules = {schedule.arn: schedule for schedule in _schedules(account)}
    for arn in due.keys() - schedules.keys():
        del due[arn]
    for arn, schedule in schedules.items():
        changed, moment = due.get(arn, (0.0, None))
        if changed != schedule.last_modified_date:
            moment = _next(schedule, _watched_since(schedule))
        while moment is not None and moment <= now:
            if schedule.state == "ENABLED":
                account.spawn(f"schedule {schedule.name}", functools.partial(_fire, account, schedule, moment))
            moment = _next(schedule, moment)
        due[arn] = schedule.last_modified_date, moment


def _fire(account: Account, schedule: Schedule, due: datetime) -> None:
    fire(account, schedule, due)


def find(account: Account, group: str, name: str) -> Schedule | None:
    """A schedule by its group's name and its own."""
    return next((each for each in _schedules(account) if (each.group_name, each.name) == (group, name)), None)


def fire(account: Account, schedule: Schedule, due: datetime) -> str | None:
    """Call what a schedule is for.

    Args:
        account: the account.
        schedule: the schedule.
        due: when it is due.

    Returns:
        Why it could not be called; None when it was.
    """
    backend = scheduler_backends[account.id][account.region]
    target, group = schedule.target, backend.get_schedule_group(schedule.group_name).arn
    if schedule.action_after_completion == "DELETE" and AT.fullmatch(schedule.schedule_expression):
        backend.delete_schedule(schedule.group_name, schedule.name)
    payload = _payload(schedule, due)
    try:
        credentials = account.assume(target["RoleArn"], "scheduler.amazonaws.com", uuid.uuid4().hex, group)
    except AwsError as error:
        return _give_up(account, schedule, payload, str(error))
    try:
        if target["Arn"].split(":")[2] != "lambda":
            raise NotImplementedError(f"the sandbox's Scheduler calls Lambda functions only, and not {target['Arn']}")
        client = account.client("lambda", credentials)
        client.invoke(FunctionName=target["Arn"], InvocationType="Event", Payload=payload.encode())
    except (ClientError, BotoCoreError, NotImplementedError) as error:
        if queue := target.get("DeadLetterConfig", {}).get("Arn"):
            _keep(account, account.client("sqs", credentials), queue, schedule, payload, str(error))
        return _give_up(account, schedule, payload, str(error))
    return None


def _next(schedule: Schedule, after: datetime) -> datetime | None:
    made = datetime.fromtimestamp(schedule.creation_date, UTC)
    return next_time(schedule.schedule_expression, schedule.schedule_expression_timezone, made, after)


def _watched_since(schedule: Schedule) -> datetime:
    """A new one with a rate is due at once: the moment before counts."""
    is_new = schedule.last_modified_date == schedule.creation_date
    return datetime.fromtimestamp(schedule.last_modified_date - is_new, UTC)


def _schedules(account: Account) -> list[Schedule]:
    groups = list(scheduler_backends[account.id][account.region].schedule_groups.values())
    return [schedule for group in groups for schedule in list(group.schedules.values())]


def _payload(schedule: Schedule, due: datetime) -> str:
    """https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-schedule-context-attributes.html"""
    text = str(schedule.target.get("Input") or "{}")
    attributes = {
        "schedule-arn": schedule.arn,
        "scheduled-time": f"{due:%Y-%m-%dT%H:%M:%SZ}",
        "execution-id": uuid.uuid4().hex[:16],
        "attempt-number": "1",
    }
    for name, value in attributes.items():
        text = text.replace(f"<aws.scheduler.{name}>", value)
    return text


def _keep(account: Account, sqs: Any, queue: str, schedule: Schedule, payload: str, reason: str) -> None:
    """In the dead-letter queue, as far as the role may.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    attributes = {"ERROR_MESSAGE": reason, "SCHEDULE_ARN": schedule.arn, "TARGET_ARN": schedule.target["Arn"]}
    name = queue.rpartition(":")[2]
    try:
        url = account.client("sqs").get_queue_url(QueueName=name)["QueueUrl"]
        sqs.send_message(
            QueueUrl=url,
            MessageBody=payload,
            MessageAttributes={key: {"DataType": "String", "StringValue": value} for key, value in attributes.items()},
        )
    except ClientError as error:
        log.error("%s may not write to its dead-letter queue: %s", schedule.arn, error)
        return
    sound_alarms(account, name)


def _give_up(account: Account, schedule: Schedule, payload: str, reason: str) -> str:
    log.error("schedule %s has not called %s: %s", schedule.arn, schedule.target["Arn"], reason)
    event = {"id": uuid.uuid4().hex, "source": "aws.scheduler", "detail": json.loads(payload)}
    account.undelivered.append(Undelivered(event, schedule.arn, schedule.target["Arn"], reason))
    return reason
