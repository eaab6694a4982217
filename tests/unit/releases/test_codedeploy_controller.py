"""A service that CodeDeploy deploys, as the operators' commands and the program see it."""

from datetime import timedelta
from functools import partial

import pytest
from delivery_aws import NOW, STACK, FakeAws, action, digest

from delivery.commands.redeploy import plan
from delivery.executions.start import start
from releases.controllers import CONTROLLERS, service_of
from releases.ecs import list_services
from releases.errors import DeliveryError
from releases.service_state import images, read_states
from releases.template import StoredTemplate, fingerprint_in, headed, stored_template

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
    for controller in CONTROLLERS.values():
        assert service_of("dev", controller.service_name("dev", service)) == service


def test_what_runs_is_the_primary_task_set() -> None:
    aws = account("f1")
    state = read_states(aws.session(), STACK, ["web"])["web"]
    assert (state.name, state.controller) == ("dev-web-codedeploy", CONTROLLERS["CODE_DEPLOY"])
    assert state.task_definition.endswith("dev-web:1")
    assert (state.fingerprint, state.target_groups, state.in_flight) == ("f1", ("group-0",), None)
    seen = images(aws.session(), STACK, state)
    assert (seen.running, seen.agree) == (A, True)


def test_two_task_sets_are_a_deployment() -> None:
    state = read_states(account("f1", "f2").session(), STACK, ["web"])["web"]
    assert state.in_flight == "deployment ecs-svc/0 of dev-web:1"
    assert state.task_definition.endswith("dev-web:1")


def test_while_the_strategy_changes_the_newer_service_counts() -> None:
    aws = account("f1")
    old = aws.revision(9, ":live")
    tasks = aws.tasks
    aws.service(old, A)
    aws.tasks = tasks
    assert read_states(aws.session(), STACK, ["web"])["web"].controller.type == "CODE_DEPLOY"
    assert list_services(aws.session(), STACK) == ["web"]


def test_the_template_says_what_it_is_made_of() -> None:
    assert fingerprint_in(headed("0a1b", "{}")) == "0a1b"
    assert fingerprint_in("version: 0.0\n") == ""


UNRELEASED_TEMPLATE = headed("f2", "{}").encode()
UNHEALTHY = action("Deploy", "Deploy", "Deploy", "Failed", result={"errorDetails": {"message": "unhealthy"}})
NO_BUILD = action("Package", "Package", "Build", "Failed")
REJECTED = action("Approve", "Approve", "Approval", "Failed", result={"externalExecutionSummary": "not today"})
EDIT = {"image": "live"}


def tried(aws: FakeAws) -> StoredTemplate | None:
    return stored_template(
        aws.session(), STACK, "web", aws.parameters["/fargate-delivery/dev/web/release"].versions[-1]
    )


def test_where_no_template_is() -> None:
    aws = account("f1")
    assert tried(aws) is None
    assert stored_template(aws.session(), STACK, "other", "none") is None


def test_what_was_released_is_not_looked_for() -> None:
    aws = account("f1")
    aws.objects["bucket", "templates/web/appspec.yaml"] = headed("f1", "{}").encode()
    aws.executing("Failed", UNHEALTHY)
    assert tried(aws) == StoredTemplate("f1")


def test_what_became_of_the_template() -> None:
    aws = account("f1")
    aws.executing("Failed", UNHEALTHY, variables=EDIT)
    aws.objects["bucket", "templates/web/appspec.yaml"] = UNRELEASED_TEMPLATE
    aws.written = NOW + timedelta(minutes=1)
    assert tried(aws) == StoredTemplate("f2"), "what came before it says nothing of it"
    edit = aws.executing("InProgress", variables=EDIT)
    assert tried(aws) == StoredTemplate("f2", edit, running=True)
    aws.executing("Succeeded")  # an upload's second event, with nothing to do
    assert tried(aws) == StoredTemplate("f2", edit, running=True)
    aws.pipeline["executions"][1]["status"] = "Failed"
    aws.pipeline["actions"][edit] = [UNHEALTHY]
    failed = StoredTemplate("f2", edit, reason="ended as Failed: Deploy / Deploy: unhealthy")
    assert tried(aws) == failed
    aws.executing("Failed", NO_BUILD)
    aws.executing("Failed", REJECTED)
    aws.executing("Stopped")
    assert tried(aws) == failed, "none of them came to deploy it"
    upload = aws.executing("Failed", UNHEALTHY)
    assert tried(aws) == StoredTemplate("f2", upload, reason="ended as Failed: Deploy / Deploy: unhealthy")


def test_an_edit_that_was_not_approved() -> None:
    aws = account("f1")
    aws.objects["bucket", "templates/web/appspec.yaml"] = UNRELEASED_TEMPLATE
    edit = aws.executing("Failed", REJECTED, variables=EDIT)
    assert tried(aws) == StoredTemplate("f2", edit, reason="ended as Failed: Approve / Approve: not today")


def test_how_to_wait_for_codedeploy() -> None:
    state = read_states(account("f1", "f2").session(), STACK, ["web"])["web"]
    assert state.how_to_wait(STACK) == "wait until it is over, as `delivery status web --stack dev --watch` shows"


def test_nothing_is_deployed_again_while_another_image_is_on_its_way() -> None:
    aws = account("f1")
    upload = aws.executing("InProgress")
    with pytest.raises(DeliveryError, match=f"execution {upload} of the pipeline is not over, and may make another"):
        plan(aws.session(), STACK, "web")
    aws = account("f1", "f2")
    with pytest.raises(DeliveryError, match="wait until it is over"):
        plan(aws.session(), STACK, "web")
    assert "StartPipelineExecution" not in aws.writes


def test_a_redeployment_takes_the_live_image_without_a_build() -> None:
    aws, logged = account("f1"), list[str]()
    session = aws.session()
    start(session, partial(plan, session, STACK, "web"), logged.append, yes=True, wait=False)
    assert [given["variables"] for _, name, given in aws.calls if name == "StartPipelineExecution"] == [
        [{"name": "image", "value": A}]
    ]
    assert logged[0].startswith("Started execution ")


def test_without_a_live_image_there_is_nothing_to_deploy() -> None:
    aws = account("f1")
    aws.images[A].remove("live")
    with pytest.raises(DeliveryError, match="no image of web is live yet"):
        plan(aws.session(), STACK, "web")
