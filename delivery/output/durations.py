"""Spans of time, as a person says them."""

from datetime import datetime

UNITS = (("d", 24 * 3600), ("h", 3600), ("min", 60))


def span(seconds: float) -> str:
    """`40 s`, `12 min`, `3 h`, `5 d`: the whole ones of the largest unit that there is one of."""
    for unit, length in UNITS:
        if seconds >= length:
            return f"{seconds // length:.0f} {unit}"
    return f"{max(0, seconds):.0f} s"


def since(moment: datetime | None, now: datetime) -> str:
    """`for 12 min`; "" where it is not known from when on."""
    return "" if moment is None else f"for {span((now - moment).total_seconds())}"
