"""What is in flight, and which image runs."""

from typing import Any

import pytest
from delivery_aws import REGISTRY, FakeAws, RefusedError, digest

from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.errors import DeliveryError
from releases.names import short_name
from releases.service_state import ProviderShare, ServiceState, Settings, as_deployed, images, read_state, read_states

PRIMARY = "deployment ecs-svc/0 of dev-web:1"


def state(execution: str | None, *deployments: tuple[str, int]) -> ServiceState:
    """A service with deployments in these states, with so many tasks, the primary one first."""
    arn = "arn:aws:ecs:eu-west-1:1:task-definition/dev-web:1"
    found = [Deployment(f"ecs-svc/{n}", arn, state, "", tasks) for n, (state, tasks) in enumerate(deployments)]
    return ServiceState("web", "dev-web", "dev", CONTROLLERS["ECS"], arn, "", 1, (), tuple(found), "none", execution)


@pytest.mark.parametrize(
    ("execution", "deployments", "in_flight"),
    [
        (None, [("COMPLETED", 1)], None),
        (None, [("IN_PROGRESS", 0)], PRIMARY),
        (None, [("COMPLETED", 1), ("COMPLETED", 1)], PRIMARY),
        (None, [("COMPLETED", 1), ("COMPLETED", 0)], PRIMARY),
        (None, [("FAILED", 0), ("COMPLETED", 1)], PRIMARY),
        (None, [("IN_PROGRESS", 0), ("FAILED", 0)], PRIMARY),
        (None, [("FAILED", 0)], None),
        (None, [("FAILED", 0), ("FAILED", 0), ("COMPLETED", 0)], None),
        ("run-9", [("COMPLETED", 1)], "pipeline execution run-9"),
        ("run-9", [("IN_PROGRESS", 1)], "pipeline execution run-9"),
    ],
    ids=["steady", "starts", "drains", "drained", "fails", "rolls back", "failed", "rollback failed", "stage", "both"],
)
def test_in_flight(execution: str | None, deployments: list[tuple[str, int]], in_flight: str | None) -> None:
    assert state(execution, *deployments).in_flight == in_flight


@pytest.mark.parametrize(
    "image", [f"{REGISTRY}/shop", f"{REGISTRY}/dev-web-2", "dev-web-2"], ids=["renamed", "longer", "Docker Hub"]
)
def test_tasks_that_run_no_image_of_the_service_s_are_told_and_not_taken_for_none(image: str) -> None:
    aws = FakeAws()
    aws.image(digest("a"), "live", "release-1")
    revision = aws.revision(1, f"@{digest('a')}")
    aws.service(revision, digest("a"))
    state = read_states(aws.session(), "dev", ["web"])["web"]
    assert images(aws.session(), "dev", state).running == digest("a")
    aws.definitions[revision]["containerDefinitions"][0]["image"] = f"{image}@{digest('a')}"
    with pytest.raises(DeliveryError) as error:
        images(aws.session(), "dev", state)
    assert str(error.value) == (
        "web: dev-web:1 has no container with an image of the repository dev-web, so it is unknown which image runs"
    )


@pytest.mark.parametrize(
    ("described", "expected"),
    [
        ({}, Settings()),
        (
            {
                "capacityProviderStrategy": [{"capacityProvider": "FARGATE_SPOT", "weight": 1}],
                "enableExecuteCommand": True,
                "healthCheckGracePeriodSeconds": 90,
                "deploymentConfiguration": {"alarms": {"enable": True, "alarmNames": ["b", "a"]}},
            },
            Settings((ProviderShare("FARGATE_SPOT"),), execute_command=True, grace_period=90, alarms=("a", "b")),
        ),
        ({"deploymentConfiguration": {"alarms": {"enable": False, "alarmNames": ["a"]}}}, Settings()),
        ({"deploymentConfiguration": {}}, Settings()),
    ],
    ids=["none", "all", "alarms that are switched off", "no alarms"],
)
def test_the_settings_of_a_service(described: dict[str, Any], expected: Settings) -> None:
    aws = FakeAws()
    aws.service(aws.revision(1, f"@{digest('a')}"), digest("a"))
    aws.services["dev-web"].update(described)
    assert read_states(aws.session(), "dev", ["web"])["web"].settings == expected


INDEX, OTHER_INDEX, AMD64, ARM64, STRAY = (digest(letter) for letter in "abcde")
LISTED = {INDEX: {AMD64, ARM64}, OTHER_INDEX: {AMD64}}


@pytest.mark.parametrize(
    ("running", "known", "deployed", "asked"),
    [
        (INDEX, (None, INDEX, None), INDEX, []),
        (AMD64, (AMD64, INDEX, INDEX), AMD64, []),
        (ARM64, (None, INDEX, INDEX), INDEX, [INDEX]),
        (AMD64, (OTHER_INDEX, INDEX, INDEX), OTHER_INDEX, [OTHER_INDEX]),
        (ARM64, (OTHER_INDEX, INDEX, None), INDEX, [OTHER_INDEX, INDEX]),
        (STRAY, (OTHER_INDEX, INDEX, INDEX), STRAY, [OTHER_INDEX, INDEX]),
        (STRAY, (None, None, None), STRAY, []),
    ],
    ids=["the index", "no index", "of what is live", "of what the revision names", "of another", "stray", "nothing"],
)
def test_what_runs_is_told_by_the_digest_that_it_was_deployed_by(
    running: str, known: tuple[str | None, ...], deployed: str, asked: list[str]
) -> None:
    looked: list[str] = []

    def platforms(of: str) -> set[str]:
        looked.append(of)
        return LISTED.get(of, set())

    assert (as_deployed(running, known, platforms), looked) == (deployed, asked)


@pytest.mark.parametrize("repository", ["there", "gone"])
def test_an_image_that_lists_nothing_is_what_runs(repository: str) -> None:
    aws = FakeAws()
    aws.image(digest("a"), "live")
    aws.record("none")
    aws.service(aws.revision(1, ":live"), STRAY)
    if repository == "gone":
        aws.refuse = dict.fromkeys(("DescribeImages", "BatchGetImage"), RefusedError("RepositoryNotFoundException"))
    state = read_states(aws.session(), "dev", ["web"])["web"]
    assert images(aws.session(), "dev", state).running == STRAY


def shifted(status: str, **fields: Any) -> ServiceState:
    """A service whose traffic ECS shifts, with its newest service deployment."""
    aws = FakeAws()
    aws.service(aws.revision(1, ":live"), digest("a"))
    aws.shift(status, **fields)
    return read_states(aws.session(), "dev", ["web"])["web"]


@pytest.mark.parametrize("stage", ["SCALE_UP", "POST_TEST_TRAFFIC_SHIFT", "BAKE_TIME", "CLEAN_UP"])
def test_a_shift_is_in_flight_at_each_stage_though_ecs_lists_one_deployment_without_a_state(stage: str) -> None:
    state = shifted("IN_PROGRESS", lifecycleStage=stage)
    assert state.in_flight == "deployment ecs-svc/1 of dev-web:1"
    assert (state.strategy, state.alternates, state.shifts) == ("CANARY", True, True)
    assert state.how_to_wait("dev") == "wait until it is over, as `delivery status web --stack dev --watch` shows"


def test_a_shift_that_is_over_is_not_in_flight() -> None:
    for status in ("SUCCESSFUL", "STOPPED", "ROLLBACK_SUCCESSFUL"):
        state = shifted(status)
        assert (state.in_flight, state.shifting) == (None, None)


def test_a_service_that_rolls_shifts_nothing() -> None:
    aws = FakeAws()
    aws.service(aws.revision(1, ":live"), digest("a"))
    state = read_states(aws.session(), "dev", ["web"])["web"]
    assert (state.strategy, state.alternates, state.shifts, state.shifting) == ("ROLLING", False, False, None)


def called(name: str, *recorded: str) -> FakeAws:
    """A service that is called so in AWS's names, and the release records that there are."""
    aws = FakeAws()
    aws.service(aws.revision(1, f"@{digest('a')}"), digest("a"))
    aws.services[f"dev-{name}"] = {**aws.services.pop("dev-web"), "serviceName": f"dev-{name}"}
    for service in recorded:
        aws.record("none", service)
    return aws


def test_a_long_name_s_short_one_is_no_service_s_name() -> None:
    """Its release record, and all that is called in full, would be another service's."""
    long = "customer-notifications-worker"
    aws = called(short_name(long), long)
    with pytest.raises(
        DeliveryError, match=rf"^{short_name(long)} is the short form in AWS names; use the full name {long}$"
    ):
        read_state(aws.session(), "dev", short_name(long))
    assert read_state(aws.session(), "dev", long).service == long


@pytest.mark.parametrize("recorded", [True, False])
def test_a_name_that_may_be_a_short_one_is_a_service_s_own(recorded: bool) -> None:
    """Of one that has a record nothing else is asked."""
    name = short_name("customer-notifications-worker")
    aws = called(name, *([name] if recorded else []))
    assert read_state(aws.session(), "dev", name).service == name
    assert ("DescribeParameters" in [operation for _, operation, _ in aws.calls]) == (not recorded)
