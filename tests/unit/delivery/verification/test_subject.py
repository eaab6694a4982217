"""Of which services the checks are."""

import pytest
from verified import released

from delivery.verification.subject import read_subjects
from releases.errors import DeliveryError
from releases.names import short_name


def test_a_long_name_s_short_one_is_refused() -> None:
    """Else all that is called in full, such as its release record, would be found missing."""
    long, aws = "customer-notifications-worker", released()
    aws.services[f"dev-{short_name(long)}"] = {
        **aws.services.pop("dev-web"), "serviceName": f"dev-{short_name(long)}"
    }  # fmt: skip
    aws.record("none", long)
    with pytest.raises(DeliveryError, match=f"use the full name {long}$"):
        read_subjects(aws.session(), "dev", [short_name(long)])
