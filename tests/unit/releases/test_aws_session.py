"""Signing in as the stack's provider does: environment, profile, a chain of roles; and in no other account."""

import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.awsrequest import AWSResponse
from botocore.exceptions import NoCredentialsError, ProfileNotFound

from releases.aws_session import PATIENCE, Provider, Role, connect, share_clients
from releases.errors import DeliveryError

ACCOUNT, ANOTHER = "111111111111", "222222222222"
FIRST, SECOND = "arn:aws:iam::111111111111:role/first", "arn:aws:iam::111111111111:role/second"
PROFILE = "[profile deploys]\naws_access_key_id = of the profile\naws_secret_access_key = x\nregion = eu-central-1\n"


@dataclass
class Sts:
    """Answers every session, and remembers who asked what, where.

    Attributes:
        account: whose all credentials are.
        asked: access key, region, operation and what it was given.
    """

    account: str = ACCOUNT
    asked: list[tuple[str, str, str, dict[str, Any]]] = field(default_factory=list)

    def answer(self, session: boto3.Session, operation: str, given: dict[str, Any]) -> dict[str, Any]:
        """Credentials that say which role they are of, or the account."""
        self.asked.append((session.get_credentials().access_key, session.region_name, operation, given))
        if operation == "GetCallerIdentity":
            return {"Account": self.account}
        role = given["RoleArn"].rpartition("/")[2]
        return {
            "Credentials": {"AccessKeyId": f"of {role}", "SecretAccessKey": "x", "SessionToken": f"token of {role}"}
        }


@pytest.fixture
def sts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Sts:
    """Sessions of a machine that has a profile and no credentials or region beside it, which this STS answers."""
    answering = Sts()

    class Session(boto3.Session):  # type: ignore[misc]
        def __init__(self, **given: Any) -> None:
            super().__init__(**given)
            self.events.register("before-parameter-build.sts", self.remember)
            self.events.register("before-call.sts", self.answer)

        def remember(self, params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
            context["given"] = params

        def answer(self, model: Any, context: dict[str, Any], request_signer: Any, **_: Any) -> Any:
            if request_signer._credentials is None:
                raise NoCredentialsError
            return AWSResponse("", 200, {}, None), answering.answer(self, model.name, context["given"])

    for variable in ("AWS_PROFILE", "AWS_DEFAULT_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_SESSION_TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    for variable in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_ENDPOINT_URL"):
        monkeypatch.delenv(variable, raising=False)
    (tmp_path / "config").write_text(PROFILE)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setattr("releases.aws_session.boto3.Session", Session)
    return answering


@pytest.fixture
def environment(sts: Sts, monkeypatch: pytest.MonkeyPatch) -> None:
    """Credentials and a region in the environment."""
    for variable, value in (("ACCESS_KEY_ID", "of the environment"), ("SECRET_ACCESS_KEY", "x")):
        monkeypatch.setenv(f"AWS_{variable}", value)
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")


def identity(key: str, region: str) -> tuple[str, str, str, dict[str, Any]]:
    """Who asks for the account in the end."""
    return key, region, "GetCallerIdentity", {}


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("provider", "key", "region"),
    [
        (Provider(), "of the environment", "us-east-1"),
        (Provider(region="eu-west-1"), "of the environment", "eu-west-1"),
        (Provider(profile="deploys"), "of the profile", "us-east-1"),
        (Provider(profile="deploys", region="eu-west-1"), "of the profile", "eu-west-1"),
    ],
    ids=["environment", "environment and aws:region", "aws:profile", "aws:profile and aws:region"],
)
def test_whose_credentials_where(sts: Sts, provider: Provider, key: str, region: str) -> None:
    session = connect(provider, ACCOUNT)
    assert (session.get_credentials().access_key, session.region_name) == (key, region)
    assert sts.asked == [identity(key, region)]


def test_a_profile_has_its_own_region(sts: Sts) -> None:
    assert connect(Provider(profile="deploys"), ACCOUNT).region_name == "eu-central-1"


@pytest.mark.usefixtures("environment")
@pytest.mark.parametrize(
    ("provider", "region"),
    [
        (Provider(), "sa-east-1"),
        (Provider(profile="deploys"), "sa-east-1"),
        (Provider(region="eu-west-1"), "eu-west-1"),
    ],
    ids=["environment", "over the profile's", "under aws:region"],
)
def test_the_provider_s_own_variable_for_the_region(
    sts: Sts, monkeypatch: pytest.MonkeyPatch, provider: Provider, region: str
) -> None:
    monkeypatch.setenv("AWS_REGION", "sa-east-1")
    assert connect(provider, ACCOUNT).region_name == region


@pytest.mark.usefixtures("environment")
def test_each_role_is_assumed_with_the_one_before_it(sts: Sts) -> None:
    roles = [Role(FIRST), Role(SECOND, "an external id")]
    session = connect(Provider(region="eu-west-1", roles=roles), ACCOUNT)
    named = {"RoleSessionName": "fargate-delivery"}
    assert sts.asked == [
        ("of the environment", "eu-west-1", "AssumeRole", {"RoleArn": FIRST, **named}),
        ("of first", "eu-west-1", "AssumeRole", {"RoleArn": SECOND, "ExternalId": "an external id", **named}),
        identity("of second", "eu-west-1"),
    ]
    found = session.get_credentials()
    assert (found.access_key, found.token, session.region_name) == ("of second", "token of second", "eu-west-1")


def test_a_role_is_assumed_with_the_profile(sts: Sts) -> None:
    session = connect(Provider(profile="deploys", roles=[Role(FIRST)]), ACCOUNT)
    assert [(key, operation) for key, _, operation, _ in sts.asked] == [
        ("of the profile", "AssumeRole"),
        ("of first", "GetCallerIdentity"),
    ]
    assert session.region_name == "eu-central-1"


@pytest.mark.usefixtures("environment")
def test_another_account_is_refused(sts: Sts) -> None:
    sts.account = ANOTHER
    with pytest.raises(DeliveryError) as refused:
        connect(Provider(), ACCOUNT)
    assert str(refused.value) == (
        "the AWS provider is in account 111111111111, and the credentials that the program finds are of 222222222222; "
        "give them by aws:profile, aws:assumeRoles or the AWS_* variables, which both read"
    )


@pytest.mark.parametrize(
    ("provider", "error"),
    [
        (Provider(region="eu-west-1"), NoCredentialsError),
        (Provider(profile="nobody"), ProfileNotFound),
    ],
    ids=["no credentials", "no such profile"],
)
def test_what_is_missing_is_told_apart(sts: Sts, provider: Provider, error: type[Exception]) -> None:
    with pytest.raises(error):
        connect(provider, ACCOUNT)
    assert sts.asked == []


def test_one_thread_at_a_time_makes_a_client_once_and_each_gives_up_on_aws() -> None:
    inside: list[int] = []
    most: list[int] = []

    class Slow:
        def client(self, service: str, **given: Any) -> Any:
            inside.append(1)
            most.append(len(inside))
            time.sleep(0.01)
            inside.pop()
            return service, given["config"].read_timeout

    session = share_clients(Slow(), config=PATIENCE)
    with ThreadPoolExecutor(8) as pool:
        clients = list(pool.map(session.client, ["ecs", "ssm"] * 4))
    assert (clients, most) == ([("ecs", 30), ("ssm", 30)] * 4, [1, 1])
