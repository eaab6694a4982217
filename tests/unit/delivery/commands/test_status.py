"""What `status` reads of a service, and the lines that it prints of it."""

from delivery_aws import REGISTRY, STACK, FakeAws, digest

from delivery.commands.status import Secret, status

A, B = digest("a"), digest("b")
PARAMETER = "arn:aws:ssm:eu-west-1:111111111111:parameter/dev/web/runtime/KEY"


def released() -> FakeAws:
    """A service of two containers, of which the second has neither variables nor secrets, as ECS leaves them out."""
    aws = FakeAws()
    aws.record("none")
    revision = aws.revision(7, f"@{A}", environment={"MODE": "fast", "LEVEL": "info"}, secrets={"KEY": PARAMETER})
    aws.definitions[revision]["containerDefinitions"] += [
        {"name": "worker", "image": f"{REGISTRY}/dev-web@{A}"},
        {"name": "agent", "image": "public.ecr.aws/agent:1", "environment": [{"name": "OTHER", "value": "x"}]},
    ]
    aws.release(1, A, revision)
    aws.image(A, "release-1", "live")
    aws.service(revision, A, desired=2)
    return aws


def test_what_a_service_is() -> None:
    now = status(released().session(), STACK, "web")
    assert (now.service, now.image_digest, now.live, now.revision) == ("web", A, A, 7)
    assert (now.cpu, now.memory, now.desired, now.running, now.deployment) == (256, 512, 2, 1, "COMPLETED")
    assert now.environment == {"MODE": "fast", "LEVEL": "info"}
    assert now.secrets == [Secret("KEY", PARAMETER)]
    assert (now.failure, now.first_upload, now.in_flight, now.wait) == (None, None, None, None)
    assert (now.disagreement, now.repair, now.gone, now.changed, now.closed) == (None, None, [], [], [])


def test_the_lines_of_a_service() -> None:
    assert status(released().session(), STACK, "web").lines() == [
        ("service", "web"),
        ("image", A),
        ("live", A),
        ("release", "release-1 of 2030-01-01T00:00:00Z"),
        ("task definition", "dev-web:7"),
        ("size", "256 CPU units, 512 MiB"),
        ("tasks", "1 running, 2 desired"),
        ("deployment", "COMPLETED"),
        ("environment", "LEVEL=info"),
        ("environment", "MODE=fast"),
        ("secret", "KEY from /dev/web/runtime/KEY"),
    ]


def test_the_lines_of_what_disagrees() -> None:
    aws = released()
    aws.image(B, "live")
    aws.images[A].discard("live")
    now = status(aws.session(), STACK, "web")
    assert now.lines()[8:10] == [("disagreement", now.disagreement), ("", f"mend it: {now.repair}")]
    assert now.repair == "delivery repair web --stack dev"


def test_the_lines_of_a_service_without_a_release() -> None:
    aws = FakeAws()
    aws.record("none")
    aws.service(aws.revision(1, ":live"), None, desired=0)
    now = status(aws.session(), STACK, "web")
    assert now.lines()[:4] == [
        ("service", "web"),
        ("image", "no task runs"),
        ("live", "no image"),
        ("release", "nothing yet; waits for its first upload, to s3://bucket/sources/web/source.zip"),
    ]
