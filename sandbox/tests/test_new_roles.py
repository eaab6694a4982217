"""A role that was just made, where services learn of roles late: who refuses to make something with it, and how."""

import io
import json
import zipfile
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aws_fakes import FakeAccount
from botocore.exceptions import ClientError
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account import new_roles
from sandbox.account.account import Account
from sandbox.account.errors import AwsError
from sandbox.clock import Clock
from sandbox.ecs import api
from sandbox.readings import Readings
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
QUEUE = f"arn:aws:sqs:{R}:{A}:q"
LINKED = f"arn:aws:iam::{A}:role/{new_roles.SCALING_ROLE}"
Json = dict[str, Any]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", A)
        patch.setenv("SANDBOX_AWS", "late_roles")
        listener = Listener(Path(tmp_path_factory.mktemp("account")), A, R, api.HANDLERS)
        yield listener.account
        listener.stop()
        moto_api_backend.reset()


def role(account: Account, name: str, *by: str) -> str:
    statement = {"Effect": "Allow", "Principal": {"Service": list(by)}, "Action": "sts:AssumeRole"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    made = account.client("iam").create_role(RoleName=name, AssumeRolePolicyDocument=document)["Role"]
    return str(made["Arn"])


def cluster(account: Account, _: str) -> Json:
    return dict(account.client("ecs").create_cluster(clusterName="main"))


def scale(account: Account, role_arn: str = "") -> Json:
    which = {
        "ServiceNamespace": "ecs",
        "ResourceId": "service/main/web",
        "ScalableDimension": "ecs:service:DesiredCount",
    }
    client = account.client("application-autoscaling")
    given = {"RoleARN": role_arn} if role_arn else {}
    try:
        return dict(client.register_scalable_target(**which, MinCapacity=0, MaxCapacity=1, **given))
    except client.exceptions.ValidationException as error:
        if "ECS service doesn't exist" not in str(error):
            raise
        return {"ResponseMetadata": {"HTTPStatusCode": 200}}  # the role was taken


def scale_as_ever(account: Account, _: str) -> Json:
    return scale(account)


def target(account: Account, role_arn: str) -> Json:
    client = account.client("events")
    client.put_rule(Name="r", EventPattern="{}")
    return dict(client.put_targets(Rule="r", Targets=[{"Id": "1", "Arn": QUEUE, "RoleArn": role_arn}]))


def function(account: Account, role_arn: str) -> Json:
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        archive.writestr("index.py", "")
    code = {"ZipFile": content.getvalue()}
    given: Json = {"FunctionName": "f", "Runtime": "python3.12", "Handler": "index.handler"}
    return dict(account.client("lambda").create_function(**given, Role=role_arn, Code=code))


def definition(account: Account, role_arn: str) -> Json:
    """With another new role besides: both are known at the second time."""
    other = f"{role_arn}-task"
    if other not in [each["Arn"] for each in account.client("iam").list_roles()["Roles"]]:
        role(account, other.rpartition("/")[2], "ecs-tasks.amazonaws.com")
    return dict(
        account.client("ecs").register_task_definition(
            family="web",
            containerDefinitions=[{"name": "web", "image": "web", "memory": 512}],
            executionRoleArn=role_arn,
            taskRoleArn=other,
        )
    )


@pytest.mark.parametrize(
    ("make", "code", "words"),
    [
        (cluster, "InvalidParameterException", "Unable to assume the service linked role. Please verify that the ECS"),
        (scale_as_ever, "ValidationException", f"Unable to assume IAM role: {LINKED}"),
        (scale, "ValidationException", "Unable to assume IAM role: ROLE"),
        (definition, "AccessDeniedException", f"User: arn:aws:iam::{A}:root is not authorized to perform: iam:PassRole on resource: ROLE"),
        (target, "ValidationException", "Provided role 'ROLE' cannot be assumed by principal 'events.amazonaws.com'."),
        (function, "InvalidParameterValueException", "The role defined for the function cannot be assumed by Lambda."),
    ],
    ids=["cluster", "scaling, its own role", "scaling", "definition", "target", "function"],
)  # fmt: skip
def test_something_is_made_with_a_new_role(
    account: Account, request: pytest.FixtureRequest, make: Callable[[Account, str], Json], code: str, words: str
) -> None:
    name = "of-" + request.node.callspec.id.replace(", ", "-").replace(" ", "-")
    arn = role(account, name, "events.amazonaws.com", "lambda.amazonaws.com")
    with pytest.raises(ClientError) as refused:
        make(account, arn)
    error = refused.value.response["Error"]
    assert (error["Code"], error["Message"].startswith(words.replace("ROLE", arn))) == (code, True), error
    assert make(account, arn)["ResponseMetadata"]["HTTPStatusCode"] < 300


def test_each_service_learns_of_it_by_itself(account: Account) -> None:
    arn = role(account, "of-two", "codebuild.amazonaws.com", "codepipeline.amazonaws.com")
    account.clock = Clock(1_000_000)
    for service in ("codebuild.amazonaws.com", "codepipeline.amazonaws.com"):
        with pytest.raises(AwsError, match=f"{service} is not authorized to perform: sts:AssumeRole on {arn}"):
            account.validate_role(arn, service)
        account.validate_role(arn, service)
    with pytest.raises(AwsError):
        account.validate_role(arn, "events.amazonaws.com")
    with pytest.raises(AwsError):
        account.validate_role(arn, "events.amazonaws.com")


def test_where_services_know_every_role_at_once(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(account, "readings", Readings())
    arn = role(account, "of-nobody", "events.amazonaws.com")
    assert target(account, arn)["FailedEntryCount"] == 0
    account.validate_role(arn, "events.amazonaws.com")


@pytest.mark.parametrize(("late", "seconds", "refused"), [(True, 5, True), (True, 11, False), (False, 0, False)])
def test_a_new_role_cannot_be_assumed_at_once(
    monkeypatch: pytest.MonkeyPatch, late: bool, seconds: float, refused: bool
) -> None:
    account: Any = FakeAccount(readings=Readings(late_roles=late), clock=Clock(1))
    made = datetime.now(UTC).replace(tzinfo=None) - timedelta(seconds=seconds)
    roles = {"r": SimpleNamespace(arn="arn:r", create_date=made)}
    monkeypatch.setattr(new_roles, "iam_backends", {account.id: {new_roles.PARTITION: SimpleNamespace(roles=roles)}})
    assert new_roles.too_new(account, "arn:r") is refused
