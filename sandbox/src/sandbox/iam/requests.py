"""Which permissions an API call needs.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service. Operations
whose action, resource and name follow the rule are in ``templates``; the rest have a function of their own.
An operation that is in neither is unknown, and unknown is denied.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.iam import provisioning, rules_compute, rules_data, rules_dns, rules_s3, rules_scheduler, templates
from sandbox.iam.calls import Call, Need, UnknownOperation

Rule = Callable[[Call], list[Need]]

RULES: dict[tuple[str, str], Rule] = {
    **rules_compute.RULES,
    **rules_data.RULES,
    **rules_dns.RULES,
    **rules_s3.RULES,
    **rules_scheduler.RULES,
    **provisioning.RULES,
}

UNAUTHORISED = {("sts", "GetCallerIdentity")}
"""Operations that need no permission at all."""


def needs(call: Call) -> list[Need]:
    """Everything that ``call`` must be allowed. Raises ``UnknownOperation``."""
    key = (call.service, call.operation)
    if key in UNAUTHORISED:
        return []
    if key in RULES:
        return RULES[key](call)
    needed = templates.needs(call, templates.TEMPLATES) or templates.needs(call, provisioning.TEMPLATES)
    if needed is None:
        raise UnknownOperation(f"{call.service}:{call.operation}")
    return needed
