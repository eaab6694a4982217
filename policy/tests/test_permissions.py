"""Wildcards: which are refused, and which have a reason."""

import json
from typing import Any

import pytest

from cases import UNKNOWN, refused, violations
from permissions import names_nothing

RULE = "no-wildcards-without-a-reason"
POLICY = "aws:iam/rolePolicy:RolePolicy"
BUCKET = "arn:aws:s3:::store"


def policy(**statement: Any) -> dict[str, str]:
    return {"policy": json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", **statement}]})}


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ({"Action": "s3:*", "Resource": BUCKET}, ("allows s3:*", "Name each action")),
        ({"Sid": "Read", "Action": ["s3:Get?bject"], "Resource": [BUCKET]}, ("statement Read", "s3:Get?bject")),
        ({"Action": "*", "Resource": BUCKET}, ("allows *.", "components/iam/")),
        ({"Action": "s3:GetObject", "Resource": "*"}, ("s3:GetObject on *", "Name the resource's ARN", "wildcards.py")),
        ({"Action": ["ecs:DescribeTaskDefinition", "ecs:RunTask"], "Resource": "*"}, ("ecs:RunTask on *",)),
        ({"Action": "iam:PassRole", "Resource": "arn:aws:iam::123456789012:role/*"}, ("iam:PassRole on arn:aws:iam",)),
        ({"Action": "ecs:ListTasks", "Resource": "*"}, ("hold it to a ecs:cluster",)),
        (
            {"Action": "ecs:ListTasks", "Resource": "*", "Condition": {"StringEquals": {"aws:PrincipalTag/team": "a"}}},
            ("hold it to a ecs:cluster",),
        ),
        ({"NotAction": "iam:*", "Resource": BUCKET}, ("NotAction", "Name what is allowed")),
        ({"Action": "s3:GetObject", "NotResource": BUCKET}, ("NotResource",)),
    ],
)
def test_a_wildcard_is_refused(statement: dict[str, Any], words: tuple[str, ...]) -> None:
    refused(
        violations(RULE, POLICY, policy(**statement)),
        "components/iam/" if "hold" not in words[0] else "",
        *words,
    )


@pytest.mark.parametrize(
    "statement",
    [
        {"Action": ["s3:GetObject"], "Resource": [f"{BUCKET}/*", f"{BUCKET}/sources/*"]},
        {"Action": "ecr:GetAuthorizationToken", "Resource": "*"},
        {"Action": ["ecs:ListTasks"], "Resource": "*", "Condition": {"ArnEquals": {"ecs:cluster": "arn"}}},
        {"Action": ["ecs:ListTasks"], "Resource": "*", "Condition": {"ArnEquals": {"ECS:Cluster": "arn"}}},
        {"Action": "logs:PutLogEvents", "Resource": "arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/prd-chuoi:*"},
        {"Action": "codebuild:BatchGetBuilds", "Resource": "arn:aws:codebuild:eu-west-1:123456789012:project/prd-*"},
        {"Effect": "Deny", "Action": "s3:*", "Resource": "*"},
    ],
)
def test_what_is_named_or_has_a_reason_passes(statement: dict[str, Any]) -> None:
    assert violations(RULE, POLICY, policy(**statement)) == []


def test_a_preview_does_not_know_a_policy_yet() -> None:
    assert violations(RULE, POLICY, {"policy": UNKNOWN}) == []


@pytest.mark.parametrize(
    "token", [f"aws:iam/{kind}:{kind[0].upper()}{kind[1:]}" for kind in ("policy", "userPolicy", "groupPolicy")]
)
def test_every_kind_of_policy(token: str) -> None:
    refused(violations(RULE, token, policy(Action="s3:*", Resource=BUCKET)), "s3:*")


def test_a_role_s_own_policies() -> None:
    inline = {"inlinePolicies": [{"name": "wide", **policy(Action="s3:*", Resource=BUCKET)}]}
    refused(violations(RULE, "aws:iam/role:Role", inline), "s3:*")
    managed = "arn:aws:iam::aws:policy/AdministratorAccess"
    refused(violations(RULE, "aws:iam/role:Role", {"managedPolicyArns": [managed]}), managed, "Name the actions")
    assert violations(RULE, "aws:iam/role:Role", {"assumeRolePolicy": "{}"}) == []


def test_attachments_of_aws_s_policies() -> None:
    token = "aws:iam/rolePolicyAttachment:RolePolicyAttachment"
    wide, narrow = "AmazonS3FullAccess", "service-role/AmazonECSTaskExecutionRolePolicy"
    refused(violations(RULE, token, {"policyArn": f"arn:aws:iam::aws:policy/{wide}"}), wide)
    assert violations(RULE, token, {"policyArn": f"arn:aws:iam::aws:policy/{narrow}"}) == []


@pytest.mark.parametrize(
    ("arn", "nothing"),
    [
        ("*", True),
        ("arn:aws:s3:::*", True),
        ("arn:aws:s3:::store/*", False),
        ("arn:aws:ecs:eu-west-1:123456789012:task/*", True),
        ("arn:aws:ecs:eu-west-1:123456789012:task/prd/*", False),
        ("arn:aws:ecs:*:123456789012:task/prd/*", True),
        ("arn:aws:iam::*:role/deploy", True),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:*", True),
        ("arn:aws:logs:eu-west-1:123456789012:log-group:/ecs/*", False),
        ("arn:aws:ssm:eu-west-1:123456789012:parameter/*", True),
        ("arn:aws:sns:eu-west-1:123456789012:*", True),
        ("arn:aws:sns:eu-west-1:123456789012:alarms", False),
    ],
)
def test_what_an_arn_names(arn: str, nothing: bool) -> None:
    assert names_nothing(arn) is nothing
