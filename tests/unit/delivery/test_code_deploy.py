"""A service that CodeDeploy deploys, as the operators' commands and the program see it."""

import pytest
from delivery_aws import STACK, FakeAws, action, digest

from delivery.errors import DeliveryError
from delivery.lookup import services
from delivery.redeploy import redeploy
from delivery.services import ecs_name, service_of
from delivery.state import images, look
from delivery.template import Stored, fingerprint_in, headed, stored

A = digest("a")


def account(*revisions: str) -> FakeAws:
    """A service of CodeDeploy's that runs A, with a task set of each revision."""
    aws = FakeAws()
    arns = [aws.revision(number, f"@{A}", fingerprint=name) for number, name in enumerate(revisions, 1)]
    aws.blue_green(*arns, running=A)
    aws.image(A, "live", "release-1")
    aws.release(1, A, arns[0])
    return aws


@pytest.mark.parametrize("service", ["web", "web-1", "a-codedeploy-b"])
def test_a_name_leads_back_to_its_service(service: str) -> None:
    assert service_of("dev", ecs_name("dev", service, "ECS")) == service
    assert service_of("dev", ecs_name("dev", service, "CODE_DEPLOY")) == service


def test_what_runs_is_the_primary_task_set() -> None:
    aws = account("f1")
    state = look(aws.session(), STACK, ["web"])["web"]
    assert (state.name, state.controller) == ("dev-web-codedeploy", "CODE_DEPLOY")
    assert state.task_definition.endswith("dev-web:1")
    assert (state.fingerprint, state.target_groups, state.in_flight) == ("f1", ("group-0",), None)
    seen = images(aws.session(), STACK, state)
    assert (seen.running, seen.agree) == (A, True)


def test_two_task_sets_are_a_deployment() -> None:
    state = look(account("f1", "f2").session(), STACK, ["web"])["web"]
    assert state.in_flight == "deployment ecs-svc/0 of dev-web:1"
    assert state.task_definition.endswith("dev-web:1")


def test_while_the_strategy_changes_the_newer_service_counts() -> None:
    aws = account("f1")
    old = aws.revision(9, ":live")
    tasks = aws.tasks
    aws.service(old, A)
    aws.tasks = tasks
    assert look(aws.session(), STACK, ["web"])["web"].controller == "CODE_DEPLOY"
    assert services(aws.session(), STACK) == ["web"]


def test_the_template_says_what_it_is_made_of() -> None:
    assert fingerprint_in(headed("0a1b", "{}")) == "0a1b"
    assert fingerprint_in("version: 0.0\n") == ""


def test_what_became_of_the_template() -> None:
    aws = account("f1")
    assert stored(aws.session(), STACK, "web") is None
    assert stored(aws.session(), STACK, "other") is None
    aws.objects["bucket", "templates/web/appspec.yaml"] = headed("f2", "{}").encode()
    assert stored(aws.session(), STACK, "web") == Stored("f2")
    execution = aws.executing("InProgress")
    assert stored(aws.session(), STACK, "web") == Stored("f2", execution, running=True)
    failed = aws.executing(
        "Failed", action("Deploy", "Deploy", "Deploy", "Failed", result={"errorDetails": {"message": "unhealthy"}})
    )
    found = stored(aws.session(), STACK, "web")
    assert found == Stored("f2", failed, reason="ended as Failed: Deploy / Deploy unhealthy")
    succeeded = aws.executing("Succeeded")
    assert stored(aws.session(), STACK, "web") == Stored("f2", succeeded)


def test_a_redeployment_takes_the_live_image_without_a_build() -> None:
    aws, told = account("f1"), list[str]()
    redeploy(aws.session(), STACK, "web", told.append, wait=False)
    assert [given["variables"] for name, given in aws.calls if name == "StartPipelineExecution"] == [
        [{"name": "image", "value": A}]
    ]
    assert told[0].startswith("Started execution ")


def test_without_a_live_image_there_is_nothing_to_deploy() -> None:
    aws = account("f1")
    aws.images[A].remove("live")
    with pytest.raises(DeliveryError, match="no image of web is live yet"):
        redeploy(aws.session(), STACK, "web", print, wait=False)
