"""What a load balancer asked for and got, by a service's events, and where that is said."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pipeline_steps_fakes import FakeSession, error

from releases.failure import cause_of
from releases.health_check import asked

BEGAN = datetime(2030, 1, 1, tzinfo=UTC)
ENDED = BEGAN + timedelta(minutes=15)
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:1:targetgroup/web/1"
CODES = "Health checks failed with these codes: [404]"
EVENT = f"(service dev-web) (task abc) (port 4000) is unhealthy in (target-group {GROUP}) due to (reason {CODES})"
SAID = f"The load balancer asked for /healthz at port 4000: {CODES}."
VAIN = "The Amazon ECS service dev-web did not become stable within 15 minutes."


def aws_with(*events: tuple[str, datetime], services: bool = True, group: Any = None) -> FakeSession:
    """An AWS whose service has these events, the newest first."""
    listed = [{"message": message, "createdAt": moment} for message, moment in events]
    return FakeSession({
        "DescribeServices": lambda _: {"services": [{"events": listed}] if services else []},
        "DescribeTargetGroups": lambda _: group or {"TargetGroups": [{"HealthCheckPath": "/healthz"}]},
    })  # fmt: skip


@pytest.mark.parametrize(
    ("message", "group", "words"),
    [
        (EVENT, None, SAID),
        (f"(service dev-web, taskSet ecs-svc/2) (task abc) (port 4000) is unhealthy in (target-group {GROUP}) due to (reason Request timed out)",
         error("AccessDenied"), "The load balancer asked for port 4000: Request timed out."),
        (EVENT, {"TargetGroups": [{"Protocol": "TCP"}]}, f"The load balancer asked for port 4000: {CODES}."),
        (f"service dev-web (port 4000) is unhealthy in target-group web due to (reason {CODES})", None,
         f"The load balancer asked for port 4000: {CODES}."),
        ("(service dev-web) has started 1 tasks: (task abc).", None, ""),
    ],
)  # fmt: skip
def test_each_form_of_the_event_that_aws_documents_or_its_users_have_shown(
    message: str, group: Any, words: str
) -> None:
    aws = aws_with((message, BEGAN), group=group)
    assert asked(aws, "dev", "dev-web", BEGAN) == words
    assert aws.called("DescribeServices") == [{"cluster": "dev", "services": ["dev-web"]}]
    assert aws.called("DescribeTargetGroups") == ([{"TargetGroupArns": [GROUP]}] if GROUP in message else [])


def test_it_is_the_last_task_between_two_moments() -> None:
    moments = (ENDED + timedelta(seconds=1), ENDED, BEGAN, BEGAN - timedelta(seconds=1))
    aws = aws_with(*((EVENT.replace("404", str(500 + number)), moment) for number, moment in enumerate(moments)))
    assert "[501]" in asked(aws, "dev", "dev-web", BEGAN, ENDED)
    assert "[500]" in asked(aws, "dev", "dev-web", BEGAN)
    assert asked(aws, "dev", "dev-web", ENDED + timedelta(seconds=2)) == ""


def test_without_the_service_or_the_permission_to_see_it_nothing_is_said() -> None:
    assert asked(aws_with(services=False), "dev", "dev-web", BEGAN) == ""
    refusing = FakeSession({"DescribeServices": lambda _: error("AccessDeniedException")})
    assert asked(refusing, "dev", "dev-web", BEGAN) == ""


def action(provider: str) -> dict[str, Any]:
    """A failed action of ListActionExecutions."""
    configuration = {"ClusterName": "dev", "ServiceName": "dev-web"}
    return {
        "startTime": BEGAN, "lastUpdateTime": ENDED, "output": {"executionResult": {"errorDetails": {"message": VAIN}}},
        "input": {"actionTypeId": {"provider": provider}, "configuration": configuration},
    }  # fmt: skip


def test_the_cause_of_a_deployment_that_codepipeline_waited_for_in_vain_begins_with_it() -> None:
    assert cause_of(aws_with((EVENT, ENDED)), action("ECS")) == f"{SAID} {VAIN}"
    assert cause_of(aws_with((EVENT, ENDED + timedelta(seconds=1))), action("ECS")) == VAIN


def test_the_cause_of_another_action_is_its_own() -> None:
    aws = aws_with((EVENT, BEGAN))
    assert (cause_of(aws, action("Lambda")), aws.calls) == (VAIN, [])
