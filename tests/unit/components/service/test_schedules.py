"""When something may happen: which expressions and time zones a stack file may have."""

from datetime import UTC, datetime
from typing import Any

import pytest
from aws_croniter import AwsCroniter
from pydantic import TypeAdapter, ValidationError

from components.service.schedules import Cron, CronOrRate, TimeZone, due_again

NOW = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    "given",
    ["rate(1 minute)", "rate(1 hour)", "rate(1 day)", "rate(2 minutes)", "rate(10 hours)", "rate(31 days)"],
)
def test_rates(given: str) -> None:
    assert TypeAdapter(CronOrRate).validate_python(given) == given


@pytest.mark.parametrize(
    "given",
    ["rate(1 minutes)", "rate(1 hours)", "rate(5 minute)", "rate(10 day)", "rate(0 minutes)", "rate(01 minute)"],
)
def test_rates_that_eventbridge_refuses(given: str) -> None:
    with pytest.raises(ValidationError, match="should match pattern"):
        TypeAdapter(CronOrRate).validate_python(given)


@pytest.mark.parametrize(
    ("fields", "due"),
    [
        ("0 3 * * ? *", True),
        ("0 0 29 2 ? *", True),
        ("0 0 1 1 ? 2030", True),
        ("0 13 1 3 ? 2026", True),
        pytest.param("0 3 1 3 ? 2026", True, id="of today, which is not over in each time zone"),
        pytest.param("0 0 ? 2 2#5 *", True, id="five Mondays in February, as in 2044"),
        ("0 0 31 2 ? *", False),
        ("0 0 1 1 ? 2020", False),
        ("0 0 29 2 ? 2027", False),
        ("0 0 31 4,6,9,11 ? *", False),
        ("0 0 27 2 ? 2026", False),
    ],
)
def test_what_is_due_again(fields: str, due: bool) -> None:
    assert due_again(AwsCroniter(fields), NOW) is due


@pytest.mark.parametrize("kind", [Cron, CronOrRate], ids=["cron", "cron or rate"])
def test_a_cron_that_is_never_due_again_is_refused(kind: Any) -> None:
    assert TypeAdapter(kind).validate_python("cron(0 0 29 2 ? *)")
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python("cron(0 0 31 2 ? *)")
    assert "'cron(0 0 31 2 ? *)' is never due again" in str(caught.value)


@pytest.mark.parametrize("given", ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires", "Etc/GMT+7"])
def test_time_zones(given: str) -> None:
    assert TypeAdapter(TimeZone).validate_python(given) == given


@pytest.mark.parametrize("given", ["localtime", "Factory", "Mars", "asia/tokyo", ""])
def test_what_is_no_time_zone(given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(TimeZone).validate_python(given)
    assert f"{given!r} is no time zone of the IANA database, such as Asia/Tokyo or UTC" in str(caught.value)
