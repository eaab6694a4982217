"""Parameters and secrets that are gone, changed by hand, about to go, or under a key that is not usable."""

from typing import Any

import pytest
from delivery_aws import RefusedError
from verified import Answers, arn, released, subject

from delivery.verification.values import Stored, named, values

NAME = "/fargate-delivery/dev/web/runtime/KEY-1a2b3c4"
VALUE, OTHER = arn("ssm", f"parameter{NAME}"), arn("ssm", "parameter/shared/other")
SECRET = arn("secretsmanager", "secret:db-AbCdEf")
FOREIGN = arn("ssm", "parameter/theirs", "999999999999")
CUSTOMERS = arn("kms", "key/k")


def aws_with(*references: str, parameters: list[dict[str, Any]] | None = None, **answers: Any) -> Answers:
    aws = released({"secrets": [{"name": f"V{number}", "valueFrom": each} for number, each in enumerate(references)]})
    aws.answers |= {"DescribeParameters": {"Parameters": parameters or []}, **answers}
    return aws


def test_what_a_definition_names() -> None:
    container = {
        "secrets": [{"name": "A", "valueFrom": VALUE}, {"name": "B", "valueFrom": VALUE}],
        "logConfiguration": {"secretOptions": [{"name": "C", "valueFrom": OTHER}]},
        "repositoryCredentials": {"credentialsParameter": SECRET},
    }
    assert named({"containerDefinitions": [container, {}]}) == [VALUE, OTHER, SECRET]


def test_all_is_well_and_what_is_another_accounts_is_not_looked_at() -> None:
    plain = {"Name": NAME, "Type": "String", "Version": 1}
    theirs = {"Name": "/shared/other", "Type": "SecureString", "KeyId": "alias/aws/ssm", "Version": 7}
    secret = {"DescribeSecret": {"ARN": SECRET}}
    aws = aws_with(VALUE, "/shared/other", f"{SECRET}:key::", FOREIGN, parameters=[plain, theirs], **secret)
    assert list(values(subject(aws))) == []
    ((_, _, given),) = [call for call in aws.calls if call[1] == "DescribeParameters"]
    assert given["ParameterFilters"] == [{"Key": "Name", "Option": "Equals", "Values": [NAME, "/shared/other"]}]
    assert [call[2] for call in aws.calls if call[1] == "DescribeSecret"] == [{"SecretId": SECRET}]


WRONG: dict[str, tuple[Answers, str, str]] = {
    "our parameter is gone": (
        aws_with(VALUE),
        f"dev-web:1 names the parameter {NAME}, which is not there: no task starts with it",
        "`delivery up --stack dev` puts it back",
    ),
    "another parameter is gone": (
        aws_with(OTHER),
        "dev-web:1 names the parameter /shared/other, which is not there: no task starts with it",
        "make the parameter, or name another one",
    ),
    "our parameter was changed": (
        aws_with(VALUE, parameters=[{"Name": NAME, "Type": "String", "Version": 2}]),
        f"{NAME} was changed by hand, to version 2: tasks that start now have another value than those before",
        "set the value in the stack file, or by `pulumi config set --secret`, and `up`: another value is another "
        "parameter",
    ),
    "a secret is gone": (
        aws_with(SECRET, DescribeSecret=RefusedError("ResourceNotFoundException")),
        "dev-web:1 names the secret db-AbCdEf, which is not there: no task starts with it",
        "make the secret, or name another one",
    ),
    "a secret is about to go": (
        aws_with(SECRET, DescribeSecret={"ARN": SECRET, "DeletedDate": 1}),
        "dev-web:1 names the secret db-AbCdEf, which is about to be deleted: no task starts with it",
        f"`aws secretsmanager restore-secret --secret-id {SECRET}`",
    ),
    "a key is about to go": (
        aws_with(
            SECRET,
            DescribeSecret={"ARN": SECRET, "KmsKeyId": CUSTOMERS},
            DescribeKey={"KeyMetadata": {"KeyId": "k", "KeyState": "PendingDeletion"}},
        ),
        f"db-AbCdEf is encrypted with {CUSTOMERS}, which is PendingDeletion: no task starts with it",
        f"`aws kms enable-key --key-id {CUSTOMERS}`, or `cancel-key-deletion` before that",
    ),
    "a key is gone": (
        aws_with(
            VALUE,
            parameters=[{"Name": NAME, "Type": "SecureString", "KeyId": "k", "Version": 1}],
            DescribeKey=RefusedError("NotFoundException"),
        ),
        f"{NAME} is encrypted with k, which is not there: no task starts with it",
        "`aws kms enable-key --key-id k`, or `cancel-key-deletion` before that",
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_what_is_wrong(case: str) -> None:
    aws, what, mend = WRONG[case]
    assert list(values(subject(aws))) == [(what, mend)]


@pytest.mark.parametrize(
    ("arn_", "found", "key"),
    [
        (VALUE, {"Type": "String", "KeyId": "k"}, None),
        (VALUE, {"Type": "SecureString", "KeyId": "k"}, "k"),
        (VALUE, {"Type": "SecureString", "KeyId": "alias/aws/ssm"}, None),
        (SECRET, {"KmsKeyId": arn("kms", "alias/aws/secretsmanager")}, None),
        (SECRET, {}, None),
        (SECRET, None, None),
    ],
)
def test_which_key_is_a_customers(arn_: str, found: dict[str, Any] | None, key: str | None) -> None:
    assert Stored(arn_, "dev-web:1", found).key == key
