"""The releases of a service: the versions of its release record that Parameter Store keeps."""

from collections.abc import Sequence
from dataclasses import dataclass

import boto3

from releases.errors import RecordError
from releases.record import UNRELEASED, Release

KEPT = 100
"""Versions of a parameter that Parameter Store keeps; a new one takes the oldest's place (Systems Manager,
"Working with parameter versions")."""


@dataclass(frozen=True)
class History:
    """The releases of a service.

    Attributes:
        releases: newest first.
        unreadable: the record's versions that no Release step wrote.
        oldest: the oldest version that is kept; above 1, older releases are forgotten.
        newest: the record's version now.
    """

    releases: Sequence[Release]
    unreadable: Sequence[int] = ()
    oldest: int = 1
    newest: int = 1

    @property
    def last(self) -> Release | None:
        """The newest release."""
        return next(iter(self.releases), None)

    def with_digest(self, digest: str) -> Release | None:
        """The newest release of an image."""
        return next((release for release in self.releases if release.image_digest == digest), None)

    def with_source(self, version: str) -> Release | None:
        """The newest release of a source's version."""
        return next((release for release in self.releases if release.source_version == version), None)

    def as_it_was(self, digest: str) -> Release | None:
        """The release that makes another one of an image needless: the last one, or one of the source that came last.

        A source that was released before and is released again, by a rollback, came when it was released first.
        """
        newest = next(
            (
                release.source_version
                for index, release in enumerate(self.releases)
                if release.source_version not in {older.source_version for older in self.releases[index + 1 :]}
            ),
            None,
        )
        known = [each for each in self.releases if each is self.last or each.source_version == newest]
        return next((release for release in known if release.image_digest == digest), None)


def read_history(session: boto3.Session, record: str) -> History:
    """Read a release record's versions, which Parameter Store gives in no promised order.

    Args:
        session: AWS.
        record: the record's Parameter Store name.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell, or there is no record: `ParameterNotFound`.
    """
    versions: dict[int, str] = {}
    for page in session.client("ssm").get_paginator("get_parameter_history").paginate(Name=record):
        versions |= {parameter["Version"]: parameter["Value"] for parameter in page["Parameters"]}
    releases, unreadable = list[Release](), list[int]()
    for version, value in sorted(versions.items(), reverse=True):
        if value == UNRELEASED:
            continue
        try:
            release = Release.parse(value)
        except RecordError:
            unreadable.append(version)
        else:
            releases += [release] if release else []
    return History(releases, unreadable, min(versions, default=1), max(versions, default=1))
