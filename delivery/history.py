"""The releases of a service: the versions of its release record that Parameter Store keeps."""

from dataclasses import dataclass
from itertools import zip_longest
from typing import Any

import boto3

from delivery.state import revision_name
from releases.errors import RecordError
from releases.record import UNRELEASED, Release, record_name
from releases.sidecars import changes

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

    releases: list[Release]
    unreadable: list[int]
    oldest: int
    newest: int

    def numbers(self) -> str:
        """The releases' numbers, for a message."""
        return ", ".join(dict.fromkeys(str(release.release) for release in self.releases)) or "none"

    def with_digest(self, digest: str) -> Release | None:
        """The newest release of an image."""
        return next((release for release in self.releases if release.image_digest == digest), None)

    def documents(self) -> list[dict[str, Any]]:
        """For machines, newest first."""
        return [release.document() for release in self.releases]

    def lines(self, live: str | None) -> list[str]:
        """For people, newest first.

        Args:
            live: the digest that is live, to be marked.
        """
        lines = []
        for release, before in zip_longest(self.releases, self.releases[1:]):
            lines.append(
                f"release-{release.release:<5} {release.time}  {release.image_digest[:19]}  "
                f"{revision_name(release.task_definition)}  commit {release.commit[:12]}  "
                f"source {release.source_version}  execution {release.execution}"
                f"{'  live' if release.image_digest == live else ''}"
            )
            lines += [f"  sidecar {words}" for words in changes(before.sidecars if before else "", release.sidecars)]
        lines += [f"version {version} of the record is not a release" for version in self.unreadable]
        if self.oldest > 1:
            lines.append(f"Older releases are forgotten: Parameter Store keeps {KEPT} versions of the record.")
        return lines or ["Nothing was released yet."]


def history(session: boto3.Session, stack: str, service: str) -> History:
    """Read the releases of a service; empty when there is no record.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    ssm = session.client("ssm")
    versions: dict[int, str] = {}
    try:
        for page in ssm.get_paginator("get_parameter_history").paginate(Name=record_name(stack, service)):
            versions |= {parameter["Version"]: parameter["Value"] for parameter in page["Parameters"]}
    except ssm.exceptions.ParameterNotFound:
        return History([], [], 1, 1)
    releases, unreadable = [], []
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
