"""Authorises calls: the permissions a call needs, the policies that apply, and the record of decisions."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sandbox.account import identity
from sandbox.account.records import DecisionRecord
from sandbox.account.resource_lookup import MotoLookup
from sandbox.iam.calls import Call, Need, UnknownOperation
from sandbox.iam.evaluator import Caller, Decision, Policy, PolicyError, Request, Trust, evaluate
from sandbox.iam.requests import needs

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal
    from sandbox.account.credentials import Credentials


class Denied(Exception):
    """A call that is refused; the message is AWS's."""


class Missing(Exception):
    """A call that the service refuses because its caller lacks permissions; the message is AWS's."""


def authorise(account: Account, principal: Principal, access_key: str, call: Call, source_ip: str) -> None:
    """Raise ``Denied`` or ``Missing`` unless ``principal`` may make ``call``. The account root may do anything."""
    if principal.kind == "root":
        return
    try:
        required = needs(call)
    except UnknownOperation as error:
        raise Denied(
            f"User: {principal.arn} is not authorized to perform: {error}: "
            "the sandbox does not know which permissions this operation needs"
        ) from error
    except KeyError as error:
        raise Denied(f"{call.operation} lacks the required parameter {error}") from error
    grants = identity.grants_of(account, principal, access_key)
    caller_context = {
        **identity.identity_context(principal, account.id),
        "aws:SecureTransport": "true",
        "aws:RequestedRegion": call.region,
        "aws:SourceIp": source_ip,
        "aws:CurrentTime": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
        "aws:EpochTime": str(int(datetime.now(UTC).timestamp())),
        "aws:ViaAWSService": "false",
    }
    facts, missing = MotoLookup(account.id, call.region), []
    for need in required:
        tags = {f"aws:ResourceTag/{key}": value for key, value in facts.tags(need.resource).items()}
        context = {**caller_context, **tags, **need.context}
        if "kms:ViaService" in need.context:
            context["aws:ViaAWSService"] = "true"
        request = Need(need.action, need.resource, context)
        decision = _evaluate(request, grants, *_resource_policy(account, request, call))
        _record(account, principal.arn, f"{call.service}:{call.operation}", need, decision)
        if not decision.allowed and need.tried:
            missing.append(need.action)
        elif not decision.allowed:
            raise Denied(
                f"User: {principal.arn} is not authorized to perform: {need.action} "
                f"on resource: {need.resource} {decision.reason}"
            )
    if missing:
        raise Missing(f"User is missing the following permissions: {', '.join(missing)}")


def service_may_assume(account: Account, role_arn: str, service: str, source_arn: str | None = None) -> bool:
    """Whether a role's trust policy lets an AWS service assume it for this account."""
    trust = identity.trust_policy(account, role_arn)
    context = {"aws:SourceAccount": account.id, "aws:SecureTransport": "true"}
    if source_arn:
        context["aws:SourceArn"] = source_arn
    need = Need("sts:AssumeRole", role_arn, context)
    if trust is None:
        decision = Decision(False, "because the role does not exist")
    else:
        decision = _evaluate(need, identity.Grants(Caller(service=service), []), trust, Trust.RESOURCE_DECIDES)
    _record(account, service, "sts:AssumeRole", need, decision)
    return decision.allowed


def role_may(account: Account, credentials: Credentials, need: Need) -> bool:
    """Whether a role's session may do what no call of the API asks for."""
    principal = identity.principal_of(account, credentials.access_key, credentials.session_token)
    context = {**identity.identity_context(principal, account.id), **need.context}
    request = Need(need.action, need.resource, context)
    decision = _evaluate(request, identity.grants_of(account, principal, credentials.access_key), None, Trust.EITHER)
    _record(account, principal.arn, need.action, request, decision)
    return decision.allowed


def service_may(account: Account, service: str, need: Need, document: str | None) -> bool:
    """Whether a resource's policy lets an AWS service do something to it."""
    grants = identity.Grants(Caller(service=service), [])
    decision = _evaluate(need, grants, _optional(need.resource, document), Trust.RESOURCE_DECIDES)
    _record(account, service, need.action, need, decision)
    return decision.allowed


def _evaluate(need: Need, grants: identity.Grants, resource: Policy | None, trust: Trust) -> Decision:
    try:
        return evaluate(
            Request(need.action, need.resource, need.context),
            grants.policies,
            caller=grants.caller,
            resource=resource,
            trust=trust,
            boundary=grants.boundary,
            session=grants.session,
        )
    except PolicyError as error:
        return Decision(False, f"because a policy is malformed: {error}")


def _resource_policy(account: Account, need: Need, call: Call) -> tuple[Policy | None, Trust]:
    """The policy of the resource itself, and how it combines with identity-based ones."""
    facts = MotoLookup(account.id, call.region)
    service, name = need.resource.split(":")[2:3], need.resource.rpartition(":")[2]
    if need.action in ("sts:AssumeRole", "sts:TagSession"):
        return identity.trust_policy(account, need.resource), Trust.RESOURCE_DECIDES
    if service == ["kms"] and name.startswith("key/"):
        return _key_policy(facts, need.resource), Trust.RESOURCE_DECIDES
    if service == ["s3"]:
        bucket = name.partition("/")[0]
        return _optional(f"{bucket} (bucket policy)", facts.bucket_policy(bucket)), Trust.EITHER
    if service == ["ecr"]:
        repository = name.removeprefix("repository/")
        document = facts.repository_policy(repository)
        return _optional(f"{repository} (repository policy)", document), Trust.EITHER
    return None, Trust.EITHER


def _key_policy(facts: MotoLookup, arn: str) -> Policy | None:
    key_policy = facts.key_policy(arn)
    if key_policy is None:
        return None
    document, aws_managed = key_policy
    if aws_managed:
        return Policy(f"{arn} (AWS managed key policy)", _aws_managed_key_policy(facts))
    return Policy(f"{arn} (key policy)", document)


def _aws_managed_key_policy(facts: MotoLookup) -> dict[str, Any]:
    """AWS managed keys let everybody in the account use them through their service."""
    services = [f"{name}.{facts.region}.amazonaws.com" for name in ("ssm", "s3")]
    return {
        "Version": "2012-10-17",
        "Statement": [
            {
                "Sid": "Allow access through the service for all principals in the account",
                "Effect": "Allow",
                "Principal": {"AWS": "*"},
                "Action": ["kms:Encrypt", "kms:Decrypt", "kms:GenerateDataKey", "kms:DescribeKey"],
                "Resource": "*",
                "Condition": {"StringEquals": {"kms:CallerAccount": facts.account, "kms:ViaService": services}},
            },
            {
                "Sid": "Allow direct access to key metadata to the account",
                "Effect": "Allow",
                "Principal": {"AWS": f"arn:aws:iam::{facts.account}:root"},
                "Action": ["kms:Describe*", "kms:Get*", "kms:List*"],
                "Resource": "*",
            },
        ],
    }


def _optional(name: str, document: str | None) -> Policy | None:
    return Policy(name, document) if document else None


def _record(account: Account, principal: str, call: str, need: Need, decision: Decision) -> None:
    account.decisions.append(
        DecisionRecord(
            time=datetime.now(UTC).isoformat(),
            principal=principal,
            call=call,
            action=need.action,
            resource=need.resource,
            context=dict(need.context),
            allowed=decision.allowed,
            reason=decision.reason,
            policy=decision.policy,
            statement=decision.statement,
        )
    )
