"""This project's own events, which messages and commit statuses are made of."""

SOURCE = "fargate-delivery"
"""Their source, and the namespace of the metrics."""
STARTED, PACKAGED, NOT_PACKAGED = "Release Started", "Release Packaged", "Release Not Packaged"
RELEASED, FAILED = "Service Released", "Release Failed"
"""Their detail types. Package publishes the first before a build and as soon as a commit is known, the second when
there is an image to deploy, and the third when it has failed, with the reason. Release publishes the fourth; its detail
is the release record with the pipeline's name. The last is published by what looks why an execution has ended."""
