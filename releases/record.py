"""The release record: what the pipeline released last, in Parameter Store."""

import json
from dataclasses import asdict, dataclass, fields
from typing import Any

from releases.errors import RecordError

UNRELEASED = "none"
"""What a record holds before the first release."""
UNKNOWN = "unknown"
"""Value when the uploader supplied none."""
SCHEMA = 1
FINGERPRINT_LABEL = "fargate-delivery.fingerprint"
"""The docker label of every container that names the template of its revision (rule `template fingerprint`)."""
EXECUTION_LABEL = "fargate-delivery.execution"
"""The docker label that names the execution which has made a clone, where that is a step of the pipeline's own."""


@dataclass(frozen=True)
class Release:
    """A release: an image under a task definition.

    Attributes:
        release: its number; the image has the tag `release-<n>`.
        image_digest: `sha256:…`.
        task_definition: the revision's ARN.
        template_fingerprint: what the revision was made of but for the image.
        source_version: the version of the source object.
        execution: the pipeline execution that released it.
        time: when, in UTC.
        commit: what the source's upload said that it was made of, or `unknown`.
        repository: where that commit is, or `unknown`.
        sidecars: what the task's other containers ran, `NAME=sha256:…` with blanks between; "" when it is not known, or
            there are none.
        by: the ARN of who or what has started the execution, a person's or an event's rule's; "" when it is not known.
        without_migration: whether somebody had it leave the image's migration out.
    """

    release: int
    image_digest: str
    task_definition: str
    template_fingerprint: str
    source_version: str
    execution: str
    time: str
    commit: str = UNKNOWN
    repository: str = UNKNOWN
    sidecars: str = ""
    by: str = ""
    without_migration: bool = False

    @classmethod
    def parse(cls, value: str) -> "Release | None":
        """A record's value; None when nothing was released yet. What a later program has added is left out.

        Raises:
            RecordError: the value is not a record.
        """
        if value == UNRELEASED:
            return None
        try:
            found = json.loads(value)
            if found.pop("schema") != SCHEMA:
                raise RecordError(f"the release record has another schema than {SCHEMA}: {value}")
            return cls(**{each.name: found[each.name] for each in fields(cls) if each.name in found})
        except (ValueError, TypeError, KeyError, AttributeError):
            raise RecordError(f"not a release record: {value}") from None

    def repeats(self, earlier: "Release") -> bool:
        """Whether it has brought back the image of an earlier release, as a rollback does.

        Package gives such a release the source of the earlier one (`pipeline_steps/package/step.py`). Each upload is a
        version of its own, whatever is built of it.
        """
        return (self.image_digest, self.source_version) == (earlier.image_digest, earlier.source_version)

    def value(self) -> str:
        """The record's value."""
        return json.dumps({"schema": SCHEMA, **self.document()}, separators=(",", ":"))

    def document(self) -> dict[str, Any]:
        """The record's fields."""
        return asdict(self)
