"""The permissions to change records, with what the condition keys tell of them, and to wait until it is done.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/specifying-rrset-conditions.html
"""

from __future__ import annotations

import re
from collections.abc import Callable

from sandbox.iam.calls import Call, Need

ESCAPED = re.compile(r"[^a-z0-9_.\\-]")
"""What stands in a normalized name as a backslash and three octal digits."""


def _change_record_sets(call: Call) -> list[Need]:
    zone = str(call.params["HostedZoneId"]).rpartition("/")[2]
    changes, records = "ChangeBatch.Changes", "ChangeBatch.Changes.ResourceRecordSet"
    prefix = "route53:ChangeResourceRecordSets"
    context: dict[str, str | list[str]] = {
        f"{prefix}NormalizedRecordNames": [_normalized(str(name)) for name in call.values(f"{records}.Name")],
        f"{prefix}RecordTypes": [str(kind) for kind in call.values(f"{records}.Type")],
        f"{prefix}Actions": [str(action) for action in call.values(f"{changes}.Action")],
    }
    return [Need(prefix, f"arn:aws:route53:::hostedzone/{zone}", context)]


def _normalized(name: str) -> str:
    return ESCAPED.sub(lambda found: f"\\{ord(found[0]):03o}", name.lower().rstrip("."))


def _get_change(call: Call) -> list[Need]:
    return [Need("route53:GetChange", f"arn:aws:route53:::change/{str(call.params['Id']).rpartition('/')[2]}")]


RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    ("route53", "ChangeResourceRecordSets"): _change_record_sets,
    ("route53", "GetChange"): _get_change,
}
