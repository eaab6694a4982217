"""This project's own events, which messages and commit statuses are made of."""

SOURCE = "fargate-delivery"
"""Their source, and the namespace of the metrics."""
STARTED, PACKAGED, RELEASED, FAILED = "Release Started", "Release Packaged", "Service Released", "Release Failed"
"""Their detail types. Package publishes the first before a build, and the second when there is an image to deploy.
Release publishes the third; its detail is the release record with the pipeline's name. The last is published by what
looks why an execution has ended."""
