"""IAM's policy simulator, by the evaluator that judges every call.

Resource-based policies are not looked at, as IAM's own does not fetch them (IAM API, SimulatePrincipalPolicy).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.iam.models import iam_backends

from sandbox.account import identity
from sandbox.account.account import Account, Principal
from sandbox.account.errors import AwsError
from sandbox.iam.evaluator import Request, condition_keys, evaluate

Json = dict[str, Any]
SIMULATED = {"PolicySourceArn", "ActionNames", "ResourceArns", "ContextEntries", "MaxItems", "Marker"}
MOST_RESULTS = 100
"""Of an answer, where the caller names no number."""


def simulate_principal_policy(account: Account, principal: Principal, params: Json) -> Json:
    """What a role or a user may do by its policies and within its boundary: each action on each resource."""
    if others := sorted(set(params) - SIMULATED):
        raise NotImplementedError(f"the policy simulator with {others[0]}")
    grants = identity.grants_of(account, _simulated(account, params["PolicySourceArn"]))
    context = {each["ContextKeyName"]: _values(each) for each in params.get("ContextEntries") or []}
    results = list(_results(params, grants, context))
    start = int(params.get("Marker") or 0)
    end = start + int(params.get("MaxItems") or MOST_RESULTS)
    more = end < len(results)
    return {
        "EvaluationResults": results[start:end],
        "IsTruncated": more,
        **({"Marker": str(end)} if more else {}),
    }


def _results(params: Json, grants: identity.Grants, context: dict[str, Any]) -> Iterator[Json]:
    """One result an action, and in it one for each resource that is named (IAM API, EvaluationResult)."""
    resources = params.get("ResourceArns") or ["*"]
    for action in params["ActionNames"]:
        requests = [Request(action, resource, context) for resource in resources]
        decisions = [_decision(each, grants) for each in requests]
        missing = [_missing(each, grants) for each in requests]
        yield {
            "EvalActionName": action,
            "EvalResourceName": "*",
            "EvalDecision": next((each for each in decisions if each != "allowed"), "allowed"),
            "MatchedStatements": [],
            "MissingContextValues": sorted({key for some in missing for key in some}),
            "ResourceSpecificResults": [
                {
                    "EvalResourceName": resource,
                    "EvalResourceDecision": decision,
                    "MatchedStatements": [],
                    "MissingContextValues": keys,
                }
                for resource, decision, keys in zip(resources, decisions, missing, strict=True)
                if resource != "*"
            ],
        }


def _missing(request: Request, grants: identity.Grants) -> list[str]:
    """The keys of conditions that the caller has not named (IAM API, ResourceSpecificResult)."""
    given = {key.lower() for key in request.context}
    policies = [*grants.policies, *([grants.boundary] if grants.boundary else [])]
    return sorted(key for key in condition_keys(request, policies) if key.lower() not in given)


def _decision(request: Request, grants: identity.Grants) -> str:
    decision = evaluate(request, grants.policies, caller=grants.caller, boundary=grants.boundary)
    if decision.allowed:
        return "allowed"
    return "explicitDeny" if "explicit deny" in decision.reason else "implicitDeny"


def _values(entry: Json) -> Any:
    """A context key's value; a type that ends in `List` has several (IAM API, ContextEntry)."""
    values = entry.get("ContextKeyValues") or []
    return values if str(entry.get("ContextKeyType", "string")).endswith("List") else next(iter(values), "")


def _simulated(account: Account, arn: str) -> Principal:
    backend, name = iam_backends[account.id][identity.PARTITION], arn.rpartition("/")[2]
    kind = arn.split(":")[5].partition("/")[0]
    if kind == "role":
        known, simulated = [each.arn for each in backend.roles.values()], Principal(arn, "role", arn)
    elif kind == "user":
        known, simulated = [each.arn for each in backend.users.values()], Principal(arn, "user")
    else:
        raise NotImplementedError(f"the policies of {arn} in the policy simulator")
    if arn not in known:
        raise AwsError("NoSuchEntity", f"The {kind} with name {name} cannot be found.", 404)
    return simulated


HANDLERS = {("iam", "SimulatePrincipalPolicy"): simulate_principal_policy}
