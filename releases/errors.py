"""What may be wrong with what was released."""

DENIED = frozenset({"AccessDenied", "AccessDeniedException", "UnauthorizedOperation"})
"""AWS's codes for what somebody may not do."""


class ReleaseError(Exception):
    """The message says what is wrong, in one line."""


class RecordError(ReleaseError):
    """A record that no Release step of this version wrote."""


class MissingImageError(ReleaseError):
    """An image that is not in its repository any more."""
