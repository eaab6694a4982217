"""The policy simulator and Service Quotas, by boto3 against a served account."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.policy_simulator import api as simulator
from sandbox.server.listener import Listener
from sandbox.service_quotas import api as quotas

A, R = "111122223333", "eu-west-1"
KEY = f"arn:aws:kms:{R}:{A}:key/k"
VALUE = f"arn:aws:ssm:{R}:{A}:parameter/app/a"
Json = dict[str, Any]


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, {**simulator.HANDLERS, **quotas.HANDLERS})
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def document(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def statement(effect: str, action: str, resource: str, **more: Any) -> Json:
    return {"Effect": effect, "Action": action, "Resource": resource, **more}


def role(account: Account, *statements: Json, **settings: str) -> str:
    iam = account.client("iam")
    trust = document(
        {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": "ecs-tasks.amazonaws.com"}}
    )
    arn: str = iam.create_role(RoleName="app", AssumeRolePolicyDocument=trust, **settings)["Role"]["Arn"]
    iam.put_role_policy(RoleName="app", PolicyName="own", PolicyDocument=document(*statements))
    return arn


def decisions(account: Account, arn: str, actions: list[str], resources: list[str], **context: str) -> list[str]:
    entries = [{"ContextKeyName": k, "ContextKeyValues": [v], "ContextKeyType": "string"} for k, v in context.items()]
    pages = account.client("iam").get_paginator("simulate_principal_policy").paginate(
        PolicySourceArn=arn, ActionNames=actions, ResourceArns=resources, ContextEntries=entries,
        PaginationConfig={"PageSize": 1},
    )  # fmt: skip
    results = [result for page in pages for result in page["EvaluationResults"]]
    assert [result["EvalActionName"] for result in results] == actions
    return [each["EvalResourceDecision"] for result in results for each in result["ResourceSpecificResults"]]


def test_what_a_role_may_do(account: Account) -> None:
    only = {"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": VALUE}}
    arn = role(
        account,
        statement("Allow", "ssm:GetParameters", f"{VALUE}*"),
        statement("Deny", "ssm:*", f"{VALUE}b"),
        statement("Allow", "kms:Decrypt", KEY, Condition=only),
    )
    assert decisions(account, arn, ["ssm:GetParameters", "ssm:PutParameter"], [VALUE, f"{VALUE}b"]) == [
        "allowed", "explicitDeny", "implicitDeny", "explicitDeny"
    ]  # fmt: skip
    context = {"kms:EncryptionContext:PARAMETER_ARN": VALUE}
    assert decisions(account, arn, ["kms:Decrypt"], [KEY], **context) == ["allowed"]
    assert decisions(account, arn, ["kms:Decrypt"], [KEY]) == ["implicitDeny"]


def test_keys_that_conditions_need_and_nobody_has_named(account: Account) -> None:
    here = {"StringEquals": {"aws:RequestedRegion": R, "aws:PrincipalAccount": A}}
    other = {"StringEquals": {"kms:ViaService": "x"}}
    arn = role(
        account,
        statement("Allow", "ssm:GetParameters", VALUE, Condition=here),
        statement("Allow", "kms:Decrypt", KEY, Condition=other),
    )

    def missing(resources: list[str], **context: str) -> tuple[list[str], list[list[str]]]:
        entries = [
            {"ContextKeyName": k, "ContextKeyValues": [v], "ContextKeyType": "string"} for k, v in context.items()
        ]
        (result,) = account.client("iam").simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=["ssm:GetParameters"], ResourceArns=resources, ContextEntries=entries
        )["EvaluationResults"]
        return result["MissingContextValues"], [
            each["MissingContextValues"] for each in result["ResourceSpecificResults"]
        ]

    both = ["aws:PrincipalAccount", "aws:RequestedRegion"]
    assert missing([VALUE, f"{VALUE}b"]) == (both, [both, []])
    assert missing([VALUE], **{"AWS:requestedregion": R}) == (both[:1], [both[:1]])
    assert missing([VALUE], **dict(zip(both, (A, R), strict=True))) == ([], [[]])


def test_a_boundary_counts_and_who_is_not_there_is_no_entity(account: Account) -> None:
    policy = account.client("iam").create_policy(
        PolicyName="boundary", PolicyDocument=document(statement("Allow", "s3:*", "*"))
    )["Policy"]["Arn"]
    arn = role(account, statement("Allow", "ssm:GetParameters", "*"), PermissionsBoundary=policy)
    assert decisions(account, arn, ["ssm:GetParameters"], [VALUE]) == ["implicitDeny"]
    (result,) = account.client("iam").simulate_principal_policy(PolicySourceArn=arn, ActionNames=["s3:GetObject"])[
        "EvaluationResults"
    ]
    assert (result["EvalDecision"], result["ResourceSpecificResults"]) == ("implicitDeny", [])
    with pytest.raises(ClientError, match="NoSuchEntity"):
        decisions(account, f"arn:aws:iam::{A}:role/other", ["s3:GetObject"], ["*"])
    with pytest.raises(ClientError, match="NotImplemented"):
        account.client("iam").simulate_principal_policy(
            PolicySourceArn=arn, ActionNames=["s3:GetObject"], ResourcePolicy=document()
        )


def test_a_new_account_has_six_vcpus_of_fargate(account: Account) -> None:
    client = account.client("service-quotas")
    for operation in ("list_service_quotas", "list_aws_default_service_quotas"):
        found = getattr(client, operation)(ServiceCode="fargate")["Quotas"]
        assert {each["QuotaName"]: each["Value"] for each in found} == {
            "Fargate On-Demand vCPU resource count": 6.0,
            "Fargate Spot vCPU resource count": 6.0,
        }
    with pytest.raises(ClientError, match="NotImplemented"):
        client.list_service_quotas(ServiceCode="vpc")
