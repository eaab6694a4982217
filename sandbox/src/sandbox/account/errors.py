"""The one error type of the sandbox's own AWS operations."""

from __future__ import annotations


class AwsError(Exception):
    """An error that is answered to the caller as AWS words it.

    ``code`` is the error code of the service (``ValidationException``), ``status`` the HTTP status, and ``fields`` what
    the error's shape has besides, for services that speak JSON.
    """

    def __init__(self, code: str, message: str, status: int = 400, **fields: object) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.fields = fields
