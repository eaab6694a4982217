"""When something happens: AWS's cron expressions, and the clock that they go by."""

from datetime import UTC, datetime, timedelta
from typing import Annotated
from zoneinfo import available_timezones

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError
from pydantic import AfterValidator, Field

from components import types

CRON = r"cron\(\S+( \S+){5}\)"
RATE = r"rate\((1 (minute|hour|day)|([2-9]|[1-9]\d+) (minutes|hours|days))\)"
"""1 with a singular, and all else with a plural (EventBridge, Rate expressions reference)."""
CRON_WORDS = "cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR), such as cron(0 3 * * ? *)"

NOT_IANA = {"localtime", "Factory"}
"""Files beside the time zones: this machine's own one, and what stands for none."""


def _cron(text: str) -> str:
    if text.startswith("cron"):
        try:
            cron = AwsCroniter(text.removeprefix("cron(").removesuffix(")"))
        except (AwsCroniterExpressionError, ValueError) as error:
            raise ValueError(f"{text!r} is not a schedule: {error}") from error
        if not _is_ever_due(cron):
            raise ValueError(f"{text!r} never comes: no year has that day")
    return text


def _is_ever_due(cron: AwsCroniter) -> bool:
    """Whether there is such a day. One of a year that is over counts: a stack file that was right stays right."""
    if cron.rules[4] != "?":  # each month has each day of the week
        return True
    # The library gives a search up after ten steps, which for a rare day is some years.
    return any(cron.get_next(datetime(year, 1, 1, tzinfo=UTC) - timedelta(minutes=1))[0] for year in cron.years)


def _timezone(text: str) -> str:
    if text not in available_timezones() - NOT_IANA:
        raise ValueError(f"{text!r} is not a time zone; use a name of the IANA database, such as Asia/Tokyo or UTC")
    return text


Cron = Annotated[str, types.text(f"^{CRON}$", f"must be {CRON_WORDS}"), Field(max_length=256), AfterValidator(_cron)]
CronOrRate = Annotated[
    str,
    types.text(
        rf"^({RATE}|{CRON})$",
        f"must be {CRON_WORDS}, or rate(NUMBER UNIT), such as rate(1 hour) or rate(15 minutes)",
    ),
    Field(max_length=256),
    AfterValidator(_cron),
]
TimeZone = Annotated[str, AfterValidator(_timezone), Field(max_length=50)]
