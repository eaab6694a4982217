"""A shift that is followed, in the cluster that the service is in."""

from delivery_aws import FakeAws, digest

from releases.controllers import controller_of
from releases.followed_shift import FollowedShift


def test_a_service_of_a_cluster_that_exists_is_followed_there() -> None:
    aws = FakeAws()
    revision = aws.revision(1, f"@{digest('a')}")
    aws.service(revision, digest("a"))
    aws.shift("IN_PROGRESS", lifecycleStage="BAKE_TIME")
    described = aws.services["dev-web"]
    described["clusterArn"] = "arn:aws:ecs:eu-west-1:123456789012:cluster/shared"
    listed = FollowedShift(aws.session()).look(described, controller_of(described).deployments(described))
    assert [given["cluster"] for _, called, given in aws.calls if called == "ListServiceDeployments"] == ["shared"]
    assert [each.state for each in listed] == ["IN_PROGRESS"]
