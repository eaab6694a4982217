"""The things of an IAM user that must be deleted first, besides the policies that moto checks.

https://docs.aws.amazon.com/IAM/latest/APIReference/API_DeleteUser.html
"""

from __future__ import annotations

from collections.abc import Iterator

from moto.core.responses import ActionResult
from moto.iam.exceptions import DeleteConflictException
from moto.iam.models import IAMBackend
from moto.iam.responses import IamResponse

_delete = IAMBackend.delete_user


def keep_users_with_credentials() -> None:
    """Have moto refuse to delete a user as AWS does, and list its service-specific credentials: there are none."""
    IAMBackend.delete_user = _delete_user  # type: ignore[method-assign]
    IamResponse.list_service_specific_credentials = _list_service_specific  # type: ignore[attr-defined]


def _delete_user(self: IAMBackend, user_name: str) -> None:
    for action in _first(self, user_name):
        raise DeleteConflictException(f"Cannot delete entity, must {action} first.")
    _delete(self, user_name)


def _first(backend: IAMBackend, name: str) -> Iterator[str]:
    user = backend.get_user(name)
    dependents = {
        "remove users from group": backend.get_groups_for_user(name),
        "delete access keys": user.access_keys,
        "delete SSH public keys": user.ssh_public_keys,
        "delete MFA device": user.mfa_devices,
        "delete login profile": user.password,
        "delete signing certificates": user.signing_certificates,
    }
    yield from (action for action, exists in dependents.items() if exists)


def _list_service_specific(self: IamResponse) -> ActionResult:
    self.backend.get_user(self._get_param("UserName"))
    return ActionResult({"ServiceSpecificCredentials": []})
