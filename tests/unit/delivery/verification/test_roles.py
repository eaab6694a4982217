"""Whom roles trust, and what the execution role is asked about."""

from typing import Any

import pytest
from delivery_aws import RefusedError
from verified import ACCOUNT, Answers, arn, released, role, subject

from delivery.verification.roles import permissions, trust, trusts
from delivery.verification.subject import Unsure

Json = dict[str, Any]
EXECUTION = role("dev-web-execution")
VALUE = arn("ssm", "parameter/fargate-delivery/dev/web/runtime/KEY-1a2b3c4")
SECRET = arn("secretsmanager", "secret:db-AbCdEf")
KEY = arn("kms", "key/k")
HERE = {
    "aws:RequestedRegion": ["eu-west-1"],
    "aws:PrincipalAccount": [ACCOUNT],
    "aws:ResourceAccount": [ACCOUNT],
}


def statement(service: Any = "ecs-tasks.amazonaws.com", effect: str = "Allow", **more: Any) -> Json:
    return {"Effect": effect, "Action": "sts:AssumeRole", "Principal": {"Service": service}, **more}


def account(*accounts: str, operator: str = "StringEquals") -> Json:
    return {"Condition": {operator: {"aws:SourceAccount": list(accounts)}}}


TRUST: dict[str, tuple[list[Json], bool]] = {
    "itself": ([statement()], True),
    "one of several": ([statement(["ec2.amazonaws.com", "ecs-tasks.amazonaws.com"])], True),
    "for this account": ([statement(**account(ACCOUNT))], True),
    "for this account among others": ([statement(**account("9" * 12, ACCOUNT, operator="StringLike"))], True),
    "for another account": ([statement(**account("9" * 12))], False),
    "another service": ([statement("ec2.amazonaws.com")], False),
    "another action": ([{**statement(), "Action": "sts:TagSession"}], False),
    "several actions": ([{**statement(), "Action": ["sts:TagSession", "sts:AssumeRole"]}], True),
    "a user": ([{**statement(), "Principal": {"AWS": "arn:aws:iam::1:root"}}], False),
    "denied besides": ([statement(), statement(effect="Deny")], False),
    "another one denied": ([statement(), statement("ec2.amazonaws.com", effect="Deny")], True),
    "nobody": ([], False),
}


@pytest.mark.parametrize("case", TRUST)
def test_whom_a_policy_trusts(case: str) -> None:
    statements, trusted = TRUST[case]
    assert trusts({"Statement": statements}, "ecs-tasks.amazonaws.com", ACCOUNT) is trusted


def test_a_single_statement_may_stand_alone() -> None:
    assert trusts({"Statement": statement()}, "ecs-tasks.amazonaws.com", ACCOUNT)


def with_reads(allowed: bool) -> Answers:
    secrets = [{"name": "KEY", "valueFrom": VALUE}, {"name": "DB", "valueFrom": f"{SECRET}:password::"}]
    log = {"logDriver": "awslogs", "options": {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}}
    aws = released({"secrets": secrets, "logConfiguration": log}, executionRoleArn=EXECUTION)
    name = VALUE.partition(":parameter")[2]
    encrypted = {"Name": name, "Type": "SecureString", "KeyId": "alias/dev-web-parameters", "Version": 1}
    aws.answers |= {
        "DescribeParameters": {"Parameters": [encrypted]},
        "DescribeSecret": {"ARN": SECRET, "KmsKeyId": KEY},
        "DescribeKey": {"KeyMetadata": {"KeyId": "k", "Arn": KEY, "KeyState": "Enabled"}},
        "SimulatePrincipalPolicy": lambda given: {
            "EvaluationResults": [
                {
                    "EvalActionName": action,
                    "EvalResourceName": "*",
                    "EvalDecision": "allowed" if allowed else "implicitDeny",
                    "ResourceSpecificResults": [
                        {"EvalResourceName": each, "EvalResourceDecision": "allowed" if allowed else "explicitDeny"}
                        for each in given["ResourceArns"]
                        if each != "*"
                    ],
                }
                for action in given["ActionNames"]
            ]
        },
    }
    return aws


def test_what_the_execution_role_is_asked_about() -> None:
    aws = with_reads(allowed=True)
    assert list(permissions(subject(aws))) == []
    asked = [given for _, operation, given in aws.calls if operation == "SimulatePrincipalPolicy"]
    assert {given["PolicySourceArn"] for given in asked} == {EXECUTION}
    stream = arn("logs", "log-group:/ecs/dev-web:log-stream:web/web/0")
    assert [
        (
            given["ActionNames"],
            given["ResourceArns"],
            {each["ContextKeyName"]: each["ContextKeyValues"] for each in given["ContextEntries"]},
        )
        for given in asked
    ] == [
        (["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], [arn("ecr", "repository/dev-web")], HERE),
        (["ecr:GetAuthorizationToken"], ["*"], HERE),
        (["logs:CreateLogStream", "logs:PutLogEvents"], [stream], HERE),
        (["ssm:GetParameters"], [VALUE], HERE),
        (
            ["kms:Decrypt"],
            [KEY],
            {
                "kms:EncryptionContext:PARAMETER_ARN": [VALUE],
                "kms:ViaService": ["ssm.eu-west-1.amazonaws.com"],
                "kms:CallerAccount": [ACCOUNT],
                **HERE,
            },
        ),
        (["secretsmanager:GetSecretValue"], [SECRET], HERE),
        (
            ["kms:Decrypt"],
            [KEY],
            {
                "kms:EncryptionContext:SecretARN": [SECRET],
                "kms:ViaService": ["secretsmanager.eu-west-1.amazonaws.com"],
                "kms:CallerAccount": [ACCOUNT],
                **HERE,
            },
        ),
    ]


def test_each_thing_that_is_refused_is_told() -> None:
    found = [what for what, _ in permissions(subject(with_reads(allowed=False)))]
    assert len(found) == 9
    assert found[2] == "dev-web-execution may not ecr:GetAuthorizationToken on *: no task starts with it"
    assert found[5] == f"dev-web-execution may not ssm:GetParameters on {VALUE}: no task starts with it"


@pytest.mark.parametrize(
    ("specific", "result", "words"),
    [
        (
            {"MissingContextValues": ["aws:SourceVpc"]},
            {"MissingContextValues": ["aws:SourceVpc"]},
            ", as far as can be told without aws:SourceVpc: then no task starts",
        ),
        (
            {},
            {"OrganizationsDecisionDetail": {"AllowedByOrganizations": False}},
            " by a service control policy, if its conditions hold for ECS's call: then no task starts",
        ),
        ({}, {"OrganizationsDecisionDetail": {"AllowedByOrganizations": True}}, ": no task starts with it"),
    ],
    ids=["a key is missing", "by the organization", "by its own policies"],
)
def test_a_refusal_that_is_not_certain_is_told_as_such(specific: Json, result: Json, words: str) -> None:
    """The first refused action has one resource, the second none."""
    aws = with_reads(allowed=False)
    answer = aws.answers["SimulatePrincipalPolicy"]

    def simulated(given: Json) -> Json:
        content = answer(given)  # type: ignore[operator]
        for each in content["EvaluationResults"]:
            each.update(result)
            for one in each["ResourceSpecificResults"]:
                one.update(specific)
        return content

    aws.answers["SimulatePrincipalPolicy"] = simulated
    found = list(permissions(subject(aws)))
    assert found[0].what == f"dev-web-execution may not ecr:BatchGetImage on {arn('ecr', 'repository/dev-web')}{words}"
    assert found[2].what == f"dev-web-execution may not ecr:GetAuthorizationToken on *{words}"
    assert {isinstance(each, Unsure) for each in found} == {"no task starts with it" not in words}


def test_what_is_in_another_region_is_asked_there() -> None:
    other = VALUE.replace("eu-west-1", "us-east-1")
    aws = with_reads(allowed=True)
    aws.definitions[f"arn:aws:ecs:eu-west-1:{ACCOUNT}:task-definition/dev-web:1"]["containerDefinitions"][0]["secrets"].append(
        {"name": "O", "valueFrom": other}
    )  # fmt: skip
    assert list(permissions(subject(aws))) == []
    asked = [given for _, operation, given in aws.calls if operation == "SimulatePrincipalPolicy"]
    regions = {
        given["ResourceArns"][0]: entry["ContextKeyValues"]
        for given in asked
        for entry in given["ContextEntries"]
        if entry["ContextKeyName"] == "aws:RequestedRegion"
    }
    assert (regions[VALUE], regions[other]) == (["eu-west-1"], ["us-east-1"])


def test_a_role_that_is_gone_is_told_once() -> None:
    aws = with_reads(allowed=True)
    gone = RefusedError("NoSuchEntity", "The role cannot be found.")
    pipelines = RefusedError("PipelineNotFoundException")
    aws.answers |= {"SimulatePrincipalPolicy": gone, "GetRole": gone, "GetPipeline": pipelines}
    assert list(permissions(subject(aws))) == []
    assert [what for what, _ in trust(subject(aws))] == [
        "the role dev-web-execution is gone, which ecs-tasks.amazonaws.com is to assume"
    ]
