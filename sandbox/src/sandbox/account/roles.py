"""Roles that AWS services assume: their sessions, and the check of a role that a service is given."""

from __future__ import annotations

from sandbox.account.account import Account
from sandbox.account.authorization import service_may_assume
from sandbox.account.credentials import Credentials
from sandbox.account.errors import AwsError
from sandbox.account.identity import open_session, session_credentials
from sandbox.account.new_roles import first_time, too_new


class ServiceRoles:
    """Those of one account."""

    def __init__(self, account: Account) -> None:
        self._account = account

    def assume(self, role_arn: str, service: str, session: str, source_arn: str | None = None) -> Credentials:
        """A session of a role for an AWS service, if its trust policy lets that service assume it."""
        if too_new(self._account, role_arn) or not service_may_assume(self._account, role_arn, service, source_arn):
            raise _refusal(role_arn, service)
        return session_credentials(open_session(self._account, role_arn, session))

    def validate(self, role_arn: str, service: str) -> None:
        """What a service does with a role that something is made with."""
        if first_time(self._account, service, role_arn):
            raise _refusal(role_arn, service)
        self.assume(role_arn, service, "validation")


def _refusal(role_arn: str, service: str) -> AwsError:
    return AwsError("AccessDenied", f"{service} is not authorized to perform: sts:AssumeRole on {role_arn}", 403)
