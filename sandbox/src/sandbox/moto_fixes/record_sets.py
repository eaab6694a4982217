"""Changes of a zone's record sets, checked against the zone's records; moto checks them against earlier changes.

All changes of a batch are made or none, and what is deleted must be given as it is.
https://docs.aws.amazon.com/Route53/latest/APIReference/API_ChangeResourceRecordSets.html; its own words for what is
refused are in public reports, such as "but it already exists", "but it was not found".
"""

from __future__ import annotations

from typing import Any

from moto.route53.exceptions import DnsNameInvalidForZone, InvalidActionValue, Route53ClientError
from moto.route53.models import FakeZone, RecordSet, Route53Backend
from moto.route53.utils import validate_domain_name

ACTIONS = ("CREATE", "UPSERT", "DELETE")


def apply() -> None:
    """Have moto change record sets so."""
    Route53Backend.change_resource_record_sets = _change  # type: ignore[method-assign]


def _change(self: Route53Backend, zoneid: str, change_list: list[dict[str, Any]]) -> None:
    zone = self.get_hosted_zone(zoneid)
    records = {_key(record): record for record in zone.rrsets}
    problems: list[str] = []
    for change in change_list:
        action, requested = change["Action"], _record_set(zone, change["ResourceRecordSet"])
        if action not in ACTIONS:
            raise InvalidActionValue(action)
        key = _key(requested)
        if action == "DELETE":
            problems += _undeletable(records.get(key), requested)
            records.pop(key, None)
        elif action == "CREATE" and key in records:
            problems.append(f"Tried to create {_label(requested)} but it already exists")
        else:
            problems += _conflicting(zone, records, requested)
            records[key] = requested
    if problems:
        raise Route53ClientError("InvalidChangeBatch", f"[{', '.join(problems)}]")
    zone.rrsets = list(records.values())


def _record_set(zone: FakeZone, described: dict[str, Any]) -> RecordSet:
    validate_domain_name(described["Name"], code="InvalidChangeBatch")
    name, zone_name = described["Name"].rstrip(".").lower(), zone.name.rstrip(".").lower()
    if name != zone_name and not name.endswith(f".{zone_name}"):
        raise DnsNameInvalidForZone(name=f"{name}.", zone_name=f"{zone_name}.")
    values = [record["Value"] for record in described.get("ResourceRecords") or []]
    return RecordSet({**described, "Name": f"{name}.", "ResourceRecords": values})  # type: ignore[abstract]


def _key(record: RecordSet) -> tuple[str, str, str | None]:
    return f"{record.name.rstrip('.').lower()}.", str(record.type), record.set_identifier


def _label(record: RecordSet) -> str:
    identifier = f", set identifier='{record.set_identifier}'" if record.set_identifier else ""
    return f"resource record set [name='{record.name}', type='{record.type}'{identifier}]"


def _undeletable(existing: RecordSet | None, record: RecordSet) -> list[str]:
    if existing is None:
        return [f"Tried to delete {_label(record)} but it was not found"]
    if _values(existing) != _values(record):
        return [f"Tried to delete {_label(record)} but the values provided do not match the current values"]
    return []


def _values(record: RecordSet) -> tuple[Any, ...]:
    alias = record.alias_target and {
        "zone": record.alias_target["HostedZoneId"],
        "name": record.alias_target["DNSName"].rstrip(".").lower(),
        "health": record.alias_target["EvaluateTargetHealth"],
    }
    ttl = None if record.ttl is None else int(record.ttl)
    return ttl, sorted(record.records or []), alias, record.weight, record.health_check_id, record.multi_value_answer


def _conflicting(zone: FakeZone, records: dict[tuple[str, str, str | None], RecordSet], record: RecordSet) -> list[str]:
    """A CNAME stands alone at its name, which is not the zone's own."""
    where = f"with DNS name {record.name} is not permitted"
    if record.type == "CNAME" and record.name.rstrip(".") == zone.name.rstrip(".").lower():
        return [f"RRSet of type CNAME {where} at apex in zone {zone.name}"]
    kinds = {kind for name, kind, _ in records if name == record.name and kind != record.type}
    if kinds and "CNAME" in {record.type, *kinds}:
        return [
            f"RRSet of type {record.type} {where} as it conflicts with other records with the same DNS name in zone "
            f"{zone.name}"
        ]
    return []
