"""The commit that a release is made of."""

from __future__ import annotations

from dataclasses import dataclass

from releases.record import UNKNOWN


@dataclass(frozen=True)
class Commit:
    """A commit.

    Attributes:
        hash: whole, or `unknown`.
        repository: where it is, such as `team/web`, or `unknown`.
    """

    hash: str = UNKNOWN
    repository: str = UNKNOWN

    @property
    def known(self) -> bool:
        """Whether somebody named it."""
        return self.hash != UNKNOWN

    def event_fields(self) -> dict[str, str]:
        """What this project's events say of it. GitHub's API takes a repository's owner and name apart."""
        owner, _, name = self.repository.partition("/")
        return {"commit": self.hash, "repository": self.repository, "owner": owner, "name": name or owner}
