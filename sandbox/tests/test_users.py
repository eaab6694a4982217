"""Deleting an IAM user: what AWS refuses, and what `forceDestroy` takes with it."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from resource_account import Account

from sandbox.iam.users import keep_users_with_credentials
from sandbox.providers.resources import RESOURCES

USER = "aws:iam/user:User"


@pytest.fixture
def account() -> Iterator[Account]:
    with mock_aws():
        yield Account()


def login(iam: Any) -> None:
    iam.create_login_profile(UserName="u", Password="Correct-horse-1")  # noqa: S106 - made up


def mfa(iam: Any) -> None:
    serial = iam.create_virtual_mfa_device(VirtualMFADeviceName="phone")["VirtualMFADevice"]["SerialNumber"]
    iam.enable_mfa_device(UserName="u", SerialNumber=serial, AuthenticationCode1="123456", AuthenticationCode2="654321")


MADE_BY_HAND: dict[str, Callable[[Any], object]] = {
    "delete access keys": lambda iam: iam.create_access_key(UserName="u"),
    "delete login profile": login,
    "delete MFA device": mfa,
    "delete SSH public keys": lambda iam: iam.upload_ssh_public_key(UserName="u", SSHPublicKeyBody="ssh-rsa AAAA x"),
    "remove users from group": lambda iam: (
        iam.create_group(GroupName="g"),
        iam.add_user_to_group(GroupName="g", UserName="u"),
    ),
}


@pytest.mark.parametrize("words", MADE_BY_HAND)
def test_a_user_that_somebody_gave_something_goes_only_with_force_destroy(account: Account, words: str) -> None:
    keep_users_with_credentials()
    iam = account.aws.client("iam")
    account.make(USER, name="u")
    MADE_BY_HAND[words](iam)
    with pytest.raises(ClientError, match=f"DeleteConflict.* must {words} first"):
        iam.delete_user(UserName="u")
    RESOURCES[USER].delete(account.aws, "u", {"name": "u", "forceDestroy": True})
    assert iam.list_users()["Users"] == []
