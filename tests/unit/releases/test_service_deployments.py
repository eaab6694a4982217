"""What is read of a service deployment, and what is made of it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import botocore.session
import pytest
from pipeline_steps_fakes import FakeSession

from releases import service_deployments
from releases.controllers.controller import Deployment
from releases.ecs import STARTS_A_DEPLOYMENT
from releases.service_deployments import ServiceDeployment

PAUSE = {"hookId": "h1", "targetType": "PAUSE", "status": "AWAITING_ACTION"}


def one(**fields: Any) -> ServiceDeployment:
    """A service deployment that is described so."""
    described = {"status": "IN_PROGRESS", **fields}
    session = FakeSession({"DescribeServiceDeployments": lambda _: {"serviceDeployments": [described]}})
    return service_deployments.described(session.client("ecs"), "arn")


@pytest.mark.parametrize(
    ("status", "over", "failed"),
    [
        ("PENDING", False, False),
        ("IN_PROGRESS", False, False),
        ("STOP_REQUESTED", False, False),
        ("ROLLBACK_REQUESTED", False, False),
        ("ROLLBACK_IN_PROGRESS", False, False),
        ("SUCCESSFUL", True, False),
        ("STOPPED", True, True),
        ("ROLLBACK_SUCCESSFUL", True, True),
        ("ROLLBACK_FAILED", True, True),
    ],
)
def test_only_success_is_none_of_a_failure(status: str, over: bool, failed: bool) -> None:
    found = one(status=status)
    assert (found.over, found.failed) == (over, failed)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({}, "IN_PROGRESS"),
        ({"lifecycleStage": "BAKE_TIME"}, "IN_PROGRESS at BAKE_TIME"),
        ({"status": "STOPPED", "statusReason": "by hand"}, "STOPPED: by hand"),
        ({"rollback": {"reason": "alarm"}, "lifecycleStage": "SCALE_UP"}, "IN_PROGRESS at SCALE_UP: alarm"),
        ({"statusReason": "said", "rollback": {"reason": "alarm"}}, "IN_PROGRESS: said"),
    ],
)
def test_its_words(fields: dict[str, Any], words: str) -> None:
    assert one(**fields).words == words


SINCE = datetime(2030, 1, 1, tzinfo=UTC)
CANARY = {
    "strategy": "CANARY",
    "bakeTimeInMinutes": 5,
    "canaryConfiguration": {"canaryPercent": 10.0, "canaryBakeTimeInMinutes": 20},
}
LINEAR = {"strategy": "LINEAR", "linearConfiguration": {"stepPercent": 25.0, "stepBakeTimeInMinutes": 4}}


@pytest.mark.parametrize(
    ("fields", "waits", "minutes"),
    [
        ({"lifecycleStage": "SCALE_UP", "deploymentConfiguration": CANARY}, "", None),
        ({"lifecycleStage": "BAKE_TIME", "deploymentConfiguration": CANARY}, "bake", 5),
        ({"lifecycleStage": "BAKE_TIME", "deploymentConfiguration": LINEAR}, "", None),
        ({"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", "share": 10.0, "deploymentConfiguration": CANARY}, "step", 20),
        ({"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", "share": 75.0, "deploymentConfiguration": LINEAR}, "step", 4),
        (
            {
                "lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT",
                "share": 75.0,
                "deploymentConfiguration": {**CANARY, **LINEAR},
            },
            "step",
            4,
        ),
        ({"lifecycleStage": "PRODUCTION_TRAFFIC_SHIFT", "share": 100.0, "deploymentConfiguration": LINEAR}, "", None),
        ({"lifecycleHookDetails": [{**PAUSE, "expiresAt": SINCE + timedelta(minutes=60)}]}, "pause", 60),
    ],
)
def test_until_when_it_waits(fields: dict[str, Any], waits: str, minutes: int | None) -> None:
    share = fields.pop("share", None)
    found = one(updatedAt=SINCE, targetServiceRevision={"requestedProductionTrafficWeight": share or 0.0}, **fields)
    assert (found.share, found.waits_in) == (share or 0.0, waits)
    assert found.until == (None if minutes is None else SINCE + timedelta(minutes=minutes))


@pytest.mark.parametrize(
    ("configuration", "words"),
    [
        (CANARY, "10 % of the traffic shifts, and the rest 20 min later; then it bakes for 5 min"),
        (LINEAR, "25 % more of the traffic shift every 4 min"),
        ({"strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0}, "all of the traffic shifts at once"),
    ],
)
def test_how_it_shifts(configuration: dict[str, Any], words: str) -> None:
    assert one(deploymentConfiguration=configuration).shift == words


@pytest.mark.parametrize(
    ("hooks", "pause"),
    [
        ([], ""),
        ([PAUSE], "h1"),
        ([{**PAUSE, "status": "SUCCEEDED"}], ""),
        ([{**PAUSE, "targetType": "AWS_LAMBDA"}], ""),
        ([{**PAUSE, "hookId": "h0", "status": "SUCCEEDED"}, PAUSE], "h1"),
    ],
)
def test_it_waits_at_a_pause_only(hooks: list[dict[str, Any]], pause: str) -> None:
    found = one(lifecycleHookDetails=hooks)
    assert found.pause == pause
    assert ("`delivery continue web --stack dev`" in found.how_to_wait("dev", "web")) is bool(pause)


def test_the_newest_is_that_which_began_last_of_all_pages() -> None:
    def page(given: dict[str, Any]) -> dict[str, Any]:
        assert given["maxResults"] == 100
        names, more = (["b", "c"], {}) if given.get("nextToken") == "2" else (["a", "d"], {"nextToken": "2"})
        at = {"a": 3, "b": 4, "c": 2, "d": 1}
        made = [{"serviceDeploymentArn": n, "createdAt": datetime(2030, 1, at[n], tzinfo=UTC)} for n in names]
        return {"serviceDeployments": made, **more}

    def described(given: dict[str, Any]) -> dict[str, Any]:
        return {"serviceDeployments": [{"status": "SUCCESSFUL"}]}

    session = FakeSession({"ListServiceDeployments": page, "DescribeServiceDeployments": described})
    newest = service_deployments.newest(session.client("ecs"), "dev", "dev-web")
    assert newest is not None
    assert newest.arn == "b"


def test_a_service_that_rolls_is_not_asked_for() -> None:
    session = FakeSession({})
    rolling = {"deploymentConfiguration": {"strategy": "ROLLING"}}
    services: list[dict[str, Any]] = [{}, {"deploymentConfiguration": {}}, rolling]
    for service in services:
        assert service_deployments.in_progress(session.client("ecs"), "dev", service) is None
    assert session.calls == []


def test_one_that_has_never_deployed_has_none_in_progress() -> None:
    session = FakeSession({"ListServiceDeployments": lambda _: {"serviceDeployments": []}})
    service = {"serviceName": "dev-web", "deploymentConfiguration": {"strategy": "LINEAR"}}
    assert service_deployments.in_progress(session.client("ecs"), "dev", service) is None


def test_the_primary_deployment_is_as_far_as_its_service_deployment() -> None:
    """ECS gives no state of it, and that of the one before stays what it is."""
    green, blue = Deployment("ecs-svc/2", "r2", "COMPLETED", "", 1), Deployment("ecs-svc/1", "r1", "COMPLETED", "", 1)
    assert service_deployments.with_progress([green, blue], None) == [green, blue]
    shifting = one(lifecycleStage="BAKE_TIME")
    found = service_deployments.with_progress([green, blue], shifting)
    assert [(each.state, each.reason) for each in found] == [
        ("IN_PROGRESS", "IN_PROGRESS at BAKE_TIME"),
        ("COMPLETED", ""),
    ]


@pytest.mark.parametrize(
    ("configuration", "sent"),
    [
        ({"strategy": "CANARY", "bakeTimeInMinutes": 5}, None),
        ({"strategy": "CANARY", "lifecycleHooks": []}, None),
        (
            {"strategy": "CANARY", "bakeTimeInMinutes": 5, "lifecycleHooks": [{"targetType": "PAUSE"}]},
            {"strategy": "CANARY", "bakeTimeInMinutes": 5, "lifecycleHooks": []},
        ),
        (
            {**CANARY, **LINEAR, "lifecycleHooks": [{"targetType": "PAUSE"}]},
            {**LINEAR, "bakeTimeInMinutes": 5, "lifecycleHooks": []},
        ),
        (
            {**LINEAR, **CANARY, "lifecycleHooks": [{"targetType": "PAUSE"}]},
            {**CANARY, "lifecycleHooks": []},
        ),
    ],
)
def test_hooks_are_taken_away_and_all_else_stays_that_the_strategy_takes(
    configuration: dict[str, Any], sent: dict[str, Any] | None
) -> None:
    described = {"serviceName": "dev-web", "deploymentConfiguration": configuration}
    session = FakeSession({"DescribeServices": lambda _: {"services": [described]}})
    service_deployments.drop_hooks(session.client("ecs"), "dev", "dev-web")
    update = {"cluster": "dev", "service": "dev-web", "deploymentConfiguration": sent}
    assert session.called("UpdateService") == ([] if sent is None else [update])


def test_what_starts_a_deployment_is_what_botocore_s_documentation_of_update_service_says() -> None:
    model = botocore.session.get_session().get_service_model("ecs").operation_model("UpdateService").input_shape
    says = {name for name, each in model.members.items() if "triggers a new service deployment" in each.documentation}
    provider_s = {"volumeConfigurations": "volumeConfiguration"}
    assert {provider_s.get(name, name) for name in says} == STARTS_A_DEPLOYMENT
