"""An edit that `up` has registered and that does not run: when it is told, in which words, and when not any more."""

from dataclasses import replace
from typing import Any

import pytest
from delivery_aws import ARN, STACK, FakeAws, action, digest

from releases.failed_edit import failed_edit
from releases.service_state import ServiceState, read_state

A, B = digest("a"), digest("b")
WORDS = (
    "revision 3, which `up` registered, was rolled back at 2030-01-10T00:05:00Z: the circuit breaker said so; revision 2 "
    "serves; mend it and run `up` again, or take it back"
)


def account() -> FakeAws:
    """Revision 1 is Pulumi's, 2 the pipeline's clone that was released and runs, 3 an edit that was rolled back."""
    aws = FakeAws()
    aws.image(A, "live", "release-1")
    aws.revision(1, ":live")
    runs = aws.revision(2, f"@{A}")
    aws.release(1, A, runs)
    aws.service(runs, A)
    edited(aws, 3, "f2")
    return aws


def edited(
    aws: FakeAws, number: int, fingerprint: str, status: str = "ROLLBACK_SUCCESSFUL", image: str = ":live"
) -> None:
    """ECS's last deployment, of a revision of that number."""
    aws.deploy(aws.revision(number, image, fingerprint=fingerprint), status)


def words(aws: FakeAws) -> str | None:
    found = failed_edit(aws.session(), STACK, read_state(aws.session(), STACK, "web"))
    return found.words if found else None


def test_an_edit_that_was_rolled_back_is_told() -> None:
    assert words(account()) == WORDS


@pytest.mark.parametrize(
    ("status", "how"),
    [("ROLLBACK_FAILED", "failed, as did its rollback, at"), ("STOPPED", "was stopped at")],
)
def test_how_it_has_ended(status: str, how: str) -> None:
    aws = account()
    aws.shifts[0]["status"] = status
    assert words(aws) == WORDS.replace("was rolled back at", how)


def test_without_a_reason_or_an_end_of_ecs_s() -> None:
    aws = account()
    del aws.shifts[0]["rollback"], aws.shifts[0]["finishedAt"]
    found = words(aws)
    assert found is not None
    assert "at 2030-01-10T00:00:00Z: ECS gives no reason; revision 2 serves" in found


def test_it_is_told_as_well_while_releases_go_on_without_it() -> None:
    aws = account()
    runs = aws.revision(4, f"@{B}")
    aws.image(B, "live", "release-2")
    aws.release(2, B, runs)
    aws.service(runs, B)
    aws.deploy(runs, "SUCCESSFUL")
    assert words(aws) == WORDS.replace("revision 2 serves", "revision 4 serves")


def test_of_several_the_last_is_told() -> None:
    aws = account()
    edited(aws, 5, "f3")
    found = words(aws)
    assert found is not None
    assert found.startswith("revision 5, which `up` registered, was rolled back at 2030-01-10T00:06:00Z")


def of_nothing(aws: FakeAws) -> None:
    aws.shifts = []


def of_a_success(aws: FakeAws) -> None:
    aws.shifts[0]["status"] = "SUCCESSFUL"


def taken_back(aws: FakeAws) -> None:
    aws.revision(4, ":live", fingerprint="f1")


def mended(aws: FakeAws) -> None:
    """The edit after it serves."""
    edited(aws, 4, "f3", "SUCCESSFUL")
    aws.service(f"{ARN}:task-definition/dev-web:4", A)


def tried_again(aws: FakeAws) -> None:
    """The same revision was deployed once more, and serves."""
    aws.deploy(f"{ARN}:task-definition/dev-web:3", "SUCCESSFUL")
    aws.service(f"{ARN}:task-definition/dev-web:3", A)


def of_a_release(aws: FakeAws) -> None:
    """It is the pipeline's own, which tells of it."""
    aws.shifts = []
    edited(aws, 4, "f1", image=f"@{B}")


def by_somebody_else(aws: FakeAws) -> None:
    aws.shifts = []
    edited(aws, 4, "", image=":v1")


def forgotten(aws: FakeAws) -> None:
    """ECS has the revision no more."""
    del aws.definitions[f"{ARN}:task-definition/dev-web:3"]


def in_flight(aws: FakeAws) -> None:
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"


@pytest.mark.parametrize(
    "change",
    [of_nothing, of_a_success, taken_back, mended, tried_again, of_a_release, by_somebody_else, forgotten, in_flight],
)
def test_nothing_is_told(change: Any) -> None:
    aws = account()
    change(aws)
    assert words(aws) is None


def test_without_a_failure_only_the_deployments_are_asked_for() -> None:
    aws = account()
    aws.shifts = []
    state = read_state(aws.session(), STACK, "web")
    aws.calls.clear()
    assert failed_edit(aws.session(), STACK, state) is None
    assert [operation for _, operation, _ in aws.calls] == ["ListServiceDeployments"]


def of_code_deploy(template: str = "f2") -> FakeAws:
    """Revision 2 was released by CodeDeploy; `up` has written a template, and an execution has tried it in vain."""
    aws = FakeAws()
    aws.image(A, "live", "release-1")
    runs = aws.revision(2, f"@{A}")
    aws.release(1, A, runs)
    aws.blue_green(runs, running=A)
    aws.objects["bucket", "templates/web/appspec.yaml"] = f"# template {template}\n".encode()
    failed = {"errorDetails": {"message": "no health"}}
    aws.executing("Failed", action("Deploy", "Deploy", "Deploy", "Failed", result=failed))
    return aws


def test_a_template_that_code_deploy_did_not_bring_up_is_told() -> None:
    assert words(of_code_deploy()) == (
        "the template that `up` wrote does not run, because execution run-1 ended as Failed: Deploy / Deploy: no health; "
        "revision 2 serves; mend it and run `up` again, or try it once more with `delivery redeploy web --stack dev`"
    )
    assert words(of_code_deploy("f1")) is None, "the released template is declared"


def test_a_template_that_is_tried_or_not_tried_yet_is_not_told() -> None:
    aws = of_code_deploy()
    aws.pipeline["executions"][0]["status"] = "InProgress"
    assert words(aws) is None
    aws.pipeline["executions"] = []
    assert words(aws) is None


def test_without_a_template_nothing_is_told() -> None:
    aws = of_code_deploy()
    state: ServiceState = replace(read_state(aws.session(), STACK, "web"), template=None)
    assert failed_edit(aws.session(), STACK, state) is None
