"""When something happens: AWS's cron expressions, and the clock that they go by."""

from typing import Annotated
from zoneinfo import available_timezones

from aws_croniter import AwsCroniter
from aws_croniter.exceptions import AwsCroniterExpressionError
from pydantic import AfterValidator, Field

from components import types

CRON = r"cron\(\S+( \S+){5}\)"
CRON_WORDS = "cron(MINUTES HOURS DAY-OF-MONTH MONTH DAY-OF-WEEK YEAR), such as cron(0 3 * * ? *)"


def _cron(text: str) -> str:
    if text.startswith("cron"):
        try:
            AwsCroniter(text.removeprefix("cron(").removesuffix(")"))
        except (AwsCroniterExpressionError, ValueError) as error:
            raise ValueError(f"{text!r} is no schedule: {error}") from error
    return text


def _timezone(text: str) -> str:
    if text not in available_timezones():
        raise ValueError(f"{text!r} is no time zone of the IANA database, such as Asia/Tokyo or UTC")
    return text


Cron = Annotated[str, types.text(f"^{CRON}$", f"must be {CRON_WORDS}"), Field(max_length=256), AfterValidator(_cron)]
CronOrRate = Annotated[
    str,
    types.text(
        rf"^(rate\([1-9]\d* (minute|hour|day)s?\)|{CRON})$",
        f"must be {CRON_WORDS}, or rate(NUMBER UNIT), such as rate(15 minutes)",
    ),
    Field(max_length=256),
    AfterValidator(_cron),
]
TimeZone = Annotated[str, AfterValidator(_timezone), Field(max_length=50)]
