"""When a schedule is due.

https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html
"""

from __future__ import annotations

import math
import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError

RATE = re.compile(r"rate\(([1-9]\d*) (minute|hour|day)s?\)")
AT = re.compile(r"at\((\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)\)")
CRON = re.compile(r"cron\((.+)\)")
UNITS = {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1)}
MOST_SKIPPED = 100
"""How many times that a clock jumps over are looked at."""


class InvalidSchedule(ValueError):
    """An expression or a time zone that Scheduler does not take."""


def check(expression: str, timezone: str) -> None:
    """Raise InvalidSchedule for an expression or a time zone that is none."""
    next_time(expression, timezone, datetime.now(UTC), datetime.now(UTC))


def next_time(expression: str, timezone: str, made: datetime, after: datetime) -> datetime | None:
    """The first time after a moment at which a schedule is due; None when there is none.

    Args:
        expression: `rate(…)`, `cron(…)` or `at(…)`.
        timezone: of the last two, by its name in the IANA database.
        made: when the schedule was made: one with a rate is due at once, and then by its rate.
        after: the moment.

    Raises:
        InvalidSchedule: it is none.
    """
    if timezone not in available_timezones():
        raise InvalidSchedule(f"Provided ScheduleExpressionTimezone {timezone} is not valid.")
    zone = ZoneInfo(timezone)
    if match := RATE.fullmatch(expression):
        every = int(match[1]) * UNITS[match[2]]
        return made + max(0, math.floor((after - made) / every) + 1) * every
    if match := AT.fullmatch(expression):
        try:
            due = datetime.fromisoformat(match[1]).replace(tzinfo=zone)
        except ValueError as error:
            raise _invalid(expression) from error
        return due.astimezone(UTC) if due > after else None
    if match := CRON.fullmatch(expression):
        try:
            cron = AwsCroniter(match[1])
        except (AwsCroniterExpressionError, ValueError) as error:
            raise _invalid(expression) from error
        return _next_by_clock(cron, zone, after)
    raise _invalid(expression)


def _next_by_clock(cron: AwsCroniter, zone: ZoneInfo, after: datetime) -> datetime | None:
    """What the clock of a zone shows; it is not due at a time that the clock jumps over, and once at one that it shows
    twice (Schedule types, Daylight savings time)."""
    shown = after.astimezone(zone).replace(tzinfo=UTC)
    for _ in range(MOST_SKIPPED):
        found: datetime | None = cron.get_next(shown)[0]
        if found is None:
            return None
        shown = found
        due = shown.replace(tzinfo=zone).astimezone(UTC)
        if due > after and due.astimezone(zone).replace(tzinfo=UTC) == shown:
            return due
    return None


def _invalid(expression: str) -> InvalidSchedule:
    return InvalidSchedule(f"Invalid Schedule Expression {expression}.")
