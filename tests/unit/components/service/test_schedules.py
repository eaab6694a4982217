"""When something may happen: which expressions and time zones a stack file may have."""

from typing import Any

import pytest
from pydantic import TypeAdapter, ValidationError

from components.service.schedules import Cron, CronOrRate, TimeZone


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


@pytest.mark.parametrize("kind", [Cron, CronOrRate], ids=["cron", "cron or rate"])
@pytest.mark.parametrize(
    "fields",
    [
        "0 3 * * ? *",
        "0 0 29 2 ? *",
        "0 0 1 1 ? 2030",
        pytest.param("0 0 1 1 ? 2020", id="a year that is over, as each will be"),
        pytest.param("0 0 ? * L *", id="the last day of each week"),
        pytest.param("0 0 ? 2 2#5 *", id="five Mondays in February, as in 2044"),
    ],
)
def test_crons(kind: Any, fields: str) -> None:
    assert TypeAdapter(kind).validate_python(f"cron({fields})")


@pytest.mark.parametrize("kind", [Cron, CronOrRate], ids=["cron", "cron or rate"])
@pytest.mark.parametrize("fields", ["0 0 31 2 ? *", "0 0 29 2 ? 2027", "0 0 31 4,6,9,11 ? *"])
def test_a_cron_that_is_never_due_is_refused(kind: Any, fields: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(kind).validate_python(f"cron({fields})")
    assert f"'cron({fields})' never comes: no year has that day" in str(caught.value)


@pytest.mark.parametrize("given", ["UTC", "Asia/Tokyo", "America/Argentina/Buenos_Aires", "Etc/GMT+7"])
def test_time_zones(given: str) -> None:
    assert TypeAdapter(TimeZone).validate_python(given) == given


@pytest.mark.parametrize("given", ["localtime", "Factory", "Mars", "asia/tokyo", ""])
def test_what_is_no_time_zone(given: str) -> None:
    with pytest.raises(ValidationError) as caught:
        TypeAdapter(TimeZone).validate_python(given)
    assert f"{given!r} is not a time zone; use a name of the IANA database, such as Asia/Tokyo or UTC" in str(
        caught.value
    )
