"""Decisions on policies, as the IAM User Guide describes them."""

from typing import Any

import pytest

from sandbox.iam.evaluator import Caller, Policy, PolicyError, Request, Trust, evaluate

ACCOUNT = "111122223333"
USER = f"arn:aws:iam::{ACCOUNT}:user/bob"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/app"
SESSION = f"arn:aws:sts::{ACCOUNT}:assumed-role/app/s1"
OBJECT = "arn:aws:s3:::bucket/a/key"


def policy(*statements: dict[str, Any], version: str = "2012-10-17", name: str = "p") -> Policy:
    return Policy(name, {"Version": version, "Statement": list(statements)})


def allow(**elements: Any) -> dict[str, Any]:
    return {"Effect": "Allow", "Action": "*", "Resource": "*", **elements}


def deny(**elements: Any) -> dict[str, Any]:
    return {**allow(**elements), "Effect": "Deny"}


def without(statement: dict[str, Any], *names: str) -> dict[str, Any]:
    return {key: value for key, value in statement.items() if key not in names}


def allowed(statement: dict[str, Any], action: str = "s3:GetObject", resource: str = OBJECT, **context: Any) -> bool:
    keys = {key.replace("__", ":"): value for key, value in context.items()}
    return evaluate(Request(action, resource, keys), [policy(statement)]).allowed


@pytest.mark.parametrize(
    ("pattern", "action", "expected"),
    [
        ("s3:GetObject", "s3:GetObject", True),
        ("S3:getobject", "s3:GetObject", True),
        ("s3:Get*", "s3:GetObjectVersion", True),
        ("s3:Get?bject", "s3:GetObject", True),
        ("s3:Get", "s3:GetObject", False),
        ("*", "s3:GetObject", True),
        (["ssm:*", "s3:PutObject"], "s3:PutObject", True),
        (["ssm:*", "s3:PutObject"], "s3:GetObject", False),
    ],
)
def test_action(pattern: Any, action: str, expected: bool) -> None:
    assert allowed(allow(Action=pattern), action) is expected


def test_not_action_allows_all_but_the_named() -> None:
    statement = {**without(allow(), "Action"), "NotAction": ["iam:*", "s3:PutObject"]}
    assert allowed(statement, "s3:GetObject")
    assert not allowed(statement, "s3:PutObject")


@pytest.mark.parametrize(
    ("pattern", "resource", "expected"),
    [
        (OBJECT, OBJECT, True),
        ("arn:aws:s3:::bucket/*", OBJECT, True),
        ("arn:aws:s3:::bucket/?/key", OBJECT, True),
        ("arn:aws:s3:::BUCKET/*", OBJECT, False),
        ("arn:aws:s3:::bucket", OBJECT, False),
        ("arn:aws:s3:*:*:bucket/*", OBJECT, True),
        ("arn:aws:logs:*:*:log-group:g:*", "arn:aws:logs:r:1:log-group:g:log-stream:s", True),
        ("arn:aws:logs:*:*:log-group:g", "arn:aws:logs:r:1:log-group:g:log-stream:s", False),
        ("arn:aws:*:r:1:x", "arn:aws:ssm:r:1:x", True),
        # A wildcard stays within its part of the ARN.
        ("arn:aws:s*:x", "arn:aws:ssm:r:1:x", None),
        ("arn:aws:ssm:r*1:1:x", "arn:aws:ssm:r:1:1:x", False),
        ("bucket/*", OBJECT, None),
    ],
)
def test_resource(pattern: str, resource: str, expected: bool | None) -> None:
    if expected is None:
        with pytest.raises(PolicyError, match="neither an ARN"):
            allowed(allow(Resource=pattern), resource=resource)
    else:
        assert allowed(allow(Resource=pattern), resource=resource) is expected


def test_not_resource() -> None:
    statement = {**without(allow(), "Resource"), "NotResource": "arn:aws:s3:::bucket/a/*"}
    assert not allowed(statement)
    assert allowed(statement, resource="arn:aws:s3:::bucket/b")


def test_policy_variables_are_literal_values() -> None:
    statement = allow(Resource="arn:aws:s3:::bucket/${aws:username}/*")
    assert allowed(statement, aws__username="a")
    assert not allowed(statement, aws__username="b")
    assert not allowed(statement, aws__username="*"), "a wildcard in a value is no wildcard"
    assert not allowed(statement), "a variable without a value matches nothing"
    assert allowed(allow(Resource="arn:aws:s3:::bucket/${aws:username, 'a'}/*"))
    assert allowed(allow(Resource="arn:aws:s3:::bucket/${*}"), resource="arn:aws:s3:::bucket/*")
    assert not allowed(allow(Resource="arn:aws:s3:::bucket/${*}"))


def test_policies_of_2008_have_no_variables() -> None:
    old = policy(allow(Resource="arn:aws:s3:::bucket/${aws:username}/*"), version="2008-10-17")
    request = Request("s3:GetObject", OBJECT, {"aws:username": "a"})
    assert not evaluate(request, [old]).allowed


@pytest.mark.parametrize(
    ("operator", "wanted", "value", "expected"),
    [
        ("StringEquals", "x", "x", True),
        ("StringEquals", ["y", "x"], "x", True),
        ("StringEquals", "x", "X", False),
        ("StringEquals", "x", None, False),
        ("StringEqualsIfExists", "x", None, True),
        ("StringEqualsIfExists", "x", "y", False),
        ("StringNotEquals", "x", "y", True),
        ("StringNotEquals", ["x", "y"], "y", False),
        ("StringNotEquals", "x", None, True),
        ("StringEqualsIgnoreCase", "x", "X", True),
        ("StringNotEqualsIgnoreCase", "x", "X", False),
        ("StringLike", "a*c?", "abbcd", True),
        ("StringLike", "a*", "ba", False),
        ("StringNotLike", "a*", "ab", False),
        ("StringNotLike", "a*", None, True),
        ("ArnEquals", "arn:aws:ecs:*:*:cluster/c*", "arn:aws:ecs:r:1:cluster/c1", True),
        ("ArnLike", "arn:aws:ecs:*:cluster/c:x", "arn:aws:ecs:r:1:cluster/c", False),
        ("ArnNotLike", "arn:aws:ecs:*:*:cluster/c*", "arn:aws:ecs:r:1:cluster/c1", False),
        ("Bool", "true", "true", True),
        ("Bool", False, "true", False),
        ("Bool", "true", None, False),
        ("BoolIfExists", "true", None, True),
        ("Null", "true", None, True),
        ("Null", "true", "x", False),
        ("Null", "false", "x", True),
        ("NumericLessThanEquals", "10", "10", True),
        ("NumericGreaterThan", 10, "10", False),
        ("NumericNotEquals", "10", "11", True),
        ("DateGreaterThan", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", True),
        ("DateLessThan", "2026-01-01T00:00:00Z", "2026-06-01T00:00:00Z", False),
        ("IpAddress", "10.0.0.0/8", "10.1.2.3", True),
        ("IpAddress", "10.0.0.0/8", "11.1.2.3", False),
        ("NotIpAddress", ["10.0.0.0/8"], "10.1.2.3", False),
        ("ForAllValues:StringEquals", ["a", "b"], ["a"], True),
        ("ForAllValues:StringEquals", ["a", "b"], ["a", "c"], False),
        ("ForAllValues:StringEquals", ["a"], None, True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c", "a"], True),
        ("ForAnyValue:StringEquals", ["a", "b"], ["c"], False),
        ("ForAnyValue:StringEquals", ["a"], None, False),
        ("ForAnyValue:StringNotEquals", ["a"], ["a", "c"], True),
        ("ForAllValues:StringNotEquals", ["a"], ["a", "c"], False),
    ],
)
def test_condition(operator: str, wanted: Any, value: Any, expected: bool) -> None:
    statement = allow(Condition={operator: {"test:Key": wanted}})
    context = {} if value is None else {"TEST:key": value}
    decision = evaluate(Request("s3:GetObject", OBJECT, context), [policy(statement)])
    assert decision.allowed is expected


def test_all_operators_and_keys_of_a_condition_must_hold() -> None:
    condition = {"StringEquals": {"k:a": "1", "k:b": "2"}, "Bool": {"k:c": "true"}}
    statement = allow(Condition=condition)
    assert allowed(statement, k__a="1", k__b="2", k__c="true")
    for wrong in ({"k__a": "0"}, {"k__b": "0"}, {"k__c": "false"}):
        assert not allowed(statement, **{"k__a": "1", "k__b": "2", "k__c": "true", **wrong})


def test_a_variable_in_a_condition() -> None:
    statement = allow(Condition={"StringEquals": {"k:owner": "${aws:username}"}})
    assert allowed(statement, k__owner="bob", aws__username="bob")
    assert not allowed(statement, k__owner="eve", aws__username="bob")
    assert not allowed(statement, k__owner="${aws:username}")


@pytest.mark.parametrize(
    "statement",
    [
        allow(Condition={"StringMatches": {"k:a": "1"}}),
        allow(Condition={"ForSomeValues:StringEquals": {"k:a": "1"}}),
        # Even behind an operator that already fails.
        allow(Condition={"StringEquals": {"k:a": "never"}, "StringMatches": {"k:a": "1"}}),
        allow(Condition={"Bool": {"k:a": "yes"}}),
        allow(Condition={"NumericEquals": {"k:a": "one"}}),
        allow(Condition={"IpAddress": {"k:a": "10.0.0.0/99"}}),
        allow(Condition=["StringEquals"]),
        allow(Effect="allow"),
        allow(Conditions={}),
        allow(Action="GetObject"),
        allow(Action=[]),
        allow(NotAction="s3:*"),
        without(allow(), "Resource"),
        allow(Principal="*"),
    ],
    ids=str,
)
def test_a_malformed_policy_is_an_error(statement: dict[str, Any]) -> None:
    request = Request("s3:GetObject", OBJECT, {"k:a": "1"})
    with pytest.raises(PolicyError):
        evaluate(request, [policy(allow()), policy(statement)])


@pytest.mark.parametrize("document", ["{", "[]", "{}", '{"Version": "2013", "Statement": []}'])
def test_a_malformed_document_is_an_error(document: str) -> None:
    with pytest.raises(PolicyError):
        evaluate(Request("s3:GetObject", OBJECT), [Policy("p", document)])


def test_an_explicit_deny_wins_and_is_named() -> None:
    policies = [policy(allow(), name="wide"), policy(deny(Sid="No", Action="s3:GetObject"), name="narrow")]
    decision = evaluate(Request("s3:GetObject", OBJECT), policies)
    assert (decision.allowed, decision.policy, decision.statement) == (False, "narrow", "No")
    assert decision.reason == "with an explicit deny in an identity-based policy"
    assert evaluate(Request("s3:PutObject", OBJECT), policies).policy == "wide"


def test_nothing_allows() -> None:
    decision = evaluate(Request("s3:GetObject", OBJECT), [])
    assert decision.reason == "because no identity-based policy allows the s3:GetObject action"


def test_the_boundary_and_the_session_policy_limit() -> None:
    request = Request("s3:GetObject", OBJECT)
    narrow = policy(allow(Action="ssm:*"))
    for guard in ("boundary", "session"):
        assert not evaluate(request, [policy(allow())], **{guard: narrow}).allowed  # type: ignore[arg-type]
        assert evaluate(request, [policy(allow())], **{guard: policy(allow())}).allowed  # type: ignore[arg-type]
        assert not evaluate(request, [], **{guard: policy(allow())}).allowed  # type: ignore[arg-type]


CALLER = Caller((SESSION, ROLE), ACCOUNT)


@pytest.mark.parametrize(
    ("principal", "named"),
    [
        ("*", True),
        ({"AWS": "*"}, True),
        ({"AWS": ROLE}, True),
        ({"AWS": [USER, SESSION]}, True),
        ({"AWS": USER}, False),
        ({"AWS": f"arn:aws:iam::{ACCOUNT}:role/*"}, False),
        ({"Service": "ecs.amazonaws.com"}, False),
    ],
)
def test_a_resource_policy_that_names_the_caller_is_enough(principal: Any, named: bool) -> None:
    bucket = policy(allow(Principal=principal))
    for trust in Trust:
        decision = evaluate(Request("s3:GetObject", OBJECT), [], caller=CALLER, resource=bucket, trust=trust)
        assert decision.allowed is named


@pytest.mark.parametrize("principal", [{"AWS": ACCOUNT}, {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}])
def test_a_resource_policy_that_names_the_account_only_delegates(principal: Any) -> None:
    request = Request("kms:Decrypt", f"arn:aws:kms:r:{ACCOUNT}:key/1")
    key = policy(allow(Principal=principal))
    own = policy(allow())
    decides = Trust.RESOURCE_DECIDES
    assert not evaluate(request, [], caller=CALLER, resource=key, trust=decides).allowed
    assert evaluate(request, [own], caller=CALLER, resource=key, trust=decides).allowed
    silent = evaluate(request, [own], caller=CALLER, resource=None, trust=decides)
    assert silent.reason == "because no resource-based policy allows the kms:Decrypt action"
    assert evaluate(request, [own], caller=CALLER, resource=None, trust=Trust.EITHER).allowed


def test_a_deny_of_the_resource_wins() -> None:
    insecure = policy(allow(Principal="*"), deny(Principal="*", Condition={"Bool": {"aws:SecureTransport": "false"}}))
    for secure, expected in (("true", True), ("false", False)):
        request = Request("s3:GetObject", OBJECT, {"aws:SecureTransport": secure})
        assert evaluate(request, [policy(allow())], caller=CALLER, resource=insecure).allowed is expected


def test_not_principal() -> None:
    others = policy({**without(deny(), "Principal"), "NotPrincipal": {"AWS": [ROLE, SESSION]}})
    request = Request("s3:GetObject", OBJECT)
    assert evaluate(request, [policy(allow())], caller=CALLER, resource=others).allowed
    assert not evaluate(request, [policy(allow())], caller=Caller((USER,), ACCOUNT), resource=others).allowed


def test_trust_of_a_service() -> None:
    trust = policy(
        {
            "Effect": "Allow",
            "Principal": {"Service": ["ecs-tasks.amazonaws.com", "codebuild.amazonaws.com"]},
            "Action": "sts:AssumeRole",
            "Condition": {"StringEquals": {"aws:SourceAccount": ACCOUNT}},
        }
    )

    def may(service: str, **context: str) -> bool:
        request = Request("sts:AssumeRole", ROLE, context)
        caller = Caller(service=service)
        return evaluate(request, [], caller=caller, resource=trust, trust=Trust.RESOURCE_DECIDES).allowed

    assert may("codebuild.amazonaws.com", **{"aws:SourceAccount": ACCOUNT})
    assert not may("codebuild.amazonaws.com", **{"aws:SourceAccount": "999999999999"})
    assert not may("events.amazonaws.com", **{"aws:SourceAccount": ACCOUNT})
