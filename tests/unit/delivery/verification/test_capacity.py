"""Room for a deployment: addresses, and vCPUs on demand and on Spot."""

import pytest
from verified import Answers, released, subject

from delivery.verification.capacity import addresses, on_demand, vcpus
from releases.service_state import ProviderShare

FARGATE, SPOT = ProviderShare("FARGATE"), ProviderShare("FARGATE_SPOT")


@pytest.mark.parametrize(
    ("tasks", "shares", "own"),
    [
        (5, (), 5),
        (5, (FARGATE,), 5),
        (5, (SPOT,), 0),
        (5, (ProviderShare("FARGATE", 1, 1), ProviderShare("FARGATE_SPOT", 4)), 2),
        (5, (ProviderShare("FARGATE", 0, 2), SPOT), 2),
        (1, (ProviderShare("FARGATE", 0, 2), SPOT), 1),
    ],
)
def test_how_many_tasks_are_on_demand(tasks: int, shares: tuple[ProviderShare, ...], own: int) -> None:
    assert on_demand(tasks, shares) == own


def scaled(most: int, free: int = 100, quota: float = 6.0) -> Answers:
    """A service of so many tasks at most, in two subnets with so many free addresses each."""
    aws = released()
    network = {"awsvpcConfiguration": {"subnets": ["subnet-b", "subnet-a"]}}
    aws.services["dev-web"]["networkConfiguration"] = network
    named = {"QuotaName": "Fargate On-Demand vCPU resource count", "QuotaCode": "L-1", "Value": quota}
    aws.answers |= {
        "DescribeScalableTargets": {"ScalableTargets": [{"MaxCapacity": most}]},
        "DescribeSubnets": {"Subnets": [{"AvailableIpAddressCount": free}, {"AvailableIpAddressCount": free}]},
        "ListAWSDefaultServiceQuotas": {"Quotas": [named]},
        "ListServiceQuotas": {"Quotas": [named]},
    }
    return aws


def test_addresses() -> None:
    aws = scaled(8, free=4)
    assert list(addresses([subject(aws)])) == []
    ((_, _, given),) = [call for call in aws.calls if call[1] == "DescribeSubnets"]
    assert given == {"SubnetIds": ["subnet-a", "subnet-b"]}
    (found,) = addresses([subject(scaled(9, free=4))])
    assert found.what == (
        "subnet-a, subnet-b have 8 free address(es), and 9 task(s) start when all services are released at once"
    )


def test_vcpus() -> None:
    assert list(vcpus([subject(scaled(12))])) == []
    (found,) = vcpus([subject(scaled(13))])
    assert found.what.startswith("Quota 'Fargate On-Demand vCPU resource count' is 6, and 7 are needed")
    assert found.mend.startswith("Raise it")


def test_no_service_needs_nothing() -> None:
    assert list(addresses([])) == list(vcpus([])) == []
