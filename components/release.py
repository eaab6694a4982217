"""Which task definition a service runs: Pulumi's own revision, or the one that the pipeline released."""

from delivery.record import Release


def released_or_own(record: str, fingerprint: str, own_arn: str) -> str:
    """The task definition for the service (design rule 2).

    The released revision when it was made of the program's template: then it differs from Pulumi's own in the
    image only, which is the pipeline's to choose. Else Pulumi's own, whose image is `:live`: so an edit ships
    with the image that runs. Unlike `max(own, newest)` this neither loses an edit that was registered but
    never deployed nor picks up a revision that failed.

    Args:
        record: the release record's value, `none` or a JSON object.
        fingerprint: the fingerprint of the program's template.
        own_arn: the revision that Pulumi registered.

    Raises:
        RecordError: the value is not a record.
    """
    release = Release.parse(record)
    return release.task_definition if release and release.template_fingerprint == fingerprint else own_arn
