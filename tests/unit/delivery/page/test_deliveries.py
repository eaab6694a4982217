"""The deliveries of a service: what its pipeline's executions and ECS's deployments come to."""

from datetime import timedelta
from typing import Any

import pytest
from delivery_aws import action, digest
from page_facts import NOW, PageAws, ago, delivery, deployment, step

from delivery.page.deliveries import by_event, nothing_to_deploy, read_deliveries, what, with_deployments
from delivery.page.facts import Delivery, Deployment, Outcome, Step
from releases.history import read_history
from releases.record import Release
from releases.service_state import read_state

A, B = digest("a"), digest("b")
ROOT = "arn:aws:iam::111111111111:root"


def aws_of(*executions: tuple[str, list[dict[str, Any]], dict[str, Any]]) -> PageAws:
    """The service web, with these executions, the oldest first: status, actions, and what else a summary has."""
    aws = PageAws()
    aws.record("none")
    aws.service(aws.revision(7, ":live"), None)
    for status, actions, fields in executions:
        aws.executing(status, *actions, variables={"image": fields.pop("image", "none")})
        began = aws.pipeline["executions"][0]["startTime"]
        trigger = {"triggerType": "CloudWatchEvent", "triggerDetail": "arn:aws:events:…"}
        aws.pipeline["executions"][0] |= {"lastUpdateTime": began + timedelta(minutes=1), "trigger": trigger, **fields}
    return aws


def read(aws: PageAws, most: int = 10) -> list[Delivery]:
    session = aws.session()
    state = read_state(session, "dev", "web")
    return read_deliveries(session, "dev", state, read_history(session, "/fargate-delivery/dev/web/release"), most)


def packaged(**variables: str) -> dict[str, Any]:
    return action("Package", "Package", "Invoke", variables={"IMAGE_DIGEST": A, **variables})


def test_a_release() -> None:
    steps = [action("Source", "Source", "Source"), packaged(), action("Deploy", "Deploy", "Deploy")]
    steps = [each | {"lastUpdateTime": each["startTime"] + timedelta(seconds=9)} for each in steps]
    aws = aws_of(("Succeeded", steps, {}))
    aws.release(1, A, aws.revision(8, f"@{A}"), execution="run-1", commit="c0ffee", repository="team/web")
    (found,) = read(aws)
    began = aws.pipeline["executions"][0]["startTime"]
    at = steps[0]["startTime"]
    assert found == Delivery(
        id="run-1",
        outcome=Outcome.SUCCEEDED,
        what="an upload",
        who="team/web",
        started=began,
        ended=began + timedelta(minutes=1),
        release=1,
        digest=A,
        commit="c0ffee",
        steps=[
            Step(name, name, kind, Outcome.SUCCEEDED, at, at + timedelta(seconds=9))
            for name, kind in (("Source", "Source"), ("Package", "Invoke"), ("Deploy", "Deploy"))
        ],
        deployments=[],
    )


def test_one_that_has_failed_says_why_and_what_it_would_have_been() -> None:
    failed = action(
        "Deploy",
        "Deploy",
        "Deploy",
        "Failed",
        result={"externalExecutionSummary": "arn:aws:ecs:eu-west-1:111111111111:task/1 is ill"},
    )
    (found,) = read(aws_of(("Failed", [packaged(COMMIT="c0ffee", COMMIT_REPOSITORY="team/web"), failed], {})))
    assert (found.outcome, found.reason) == (Outcome.FAILED, "Deploy / Deploy: task/1 is ill")
    assert (found.release, found.digest, found.commit, found.who) == (None, A, "c0ffee", "team/web")


def test_one_that_goes_on() -> None:
    waits = action("Approve", "Approve", "Approval", "InProgress", updatedBy=ROOT)
    (found,) = read(aws_of(("InProgress", [packaged(COMMIT="unknown"), waits], {})))
    assert (found.outcome, found.ended, found.commit, found.who) == (Outcome.RUNNING, None, "", "an uploader")
    assert found.waits_for_approval
    assert found.steps[-1].by == ""


def test_who_has_approved() -> None:
    approved = action("Approve", "Approve", "Approval", updatedBy="arn:aws:iam::1:user/ann")
    (found,) = read(aws_of(("InProgress", [packaged(), approved], {})))
    assert [each.by for each in found.steps] == ["", "ann"]


def test_one_that_a_person_has_started() -> None:
    trigger = {"triggerType": "StartPipelineExecution", "triggerDetail": "arn:aws:iam::1:user/ann"}
    actions = [packaged(), action("Deploy", "Deploy", "Deploy")]
    aws = aws_of(("Succeeded", [*actions], {}), ("Succeeded", [*actions], {"image": A, "trigger": trigger}))
    aws.release(1, A, aws.revision(8, f"@{A}"), execution="run-1")
    aws.release(2, A, aws.revision(8, f"@{A}"), execution="run-2", time="2030-01-11T00:00:00Z")
    assert [(each.release, each.what, each.who) for each in read(aws)] == [
        (2, "the image of release-1 again", "ann"),
        (1, "an upload", "an uploader"),
    ]


def test_no_more_are_looked_at_than_are_wanted() -> None:
    deploys = [packaged(), action("Deploy", "Deploy", "Deploy")]
    aws = aws_of(*[("Succeeded", deploys, {})] * 5)
    assert [each.id for each in read(aws, 2)] == ["run-5", "run-4"]
    assert len([operation for _, operation, _ in aws.calls if operation == "ListActionExecutions"]) == 2
    idle = aws_of(*[("Succeeded", deploys, {})] * 5, *[("Succeeded", [packaged()], {})] * 9)
    assert read(idle, 2) == []
    assert [each.id for each in read(idle, 4)] == ["run-5", "run-4", "run-3"]


def test_a_service_without_a_pipeline_or_a_delivery_has_none() -> None:
    assert read(aws_of()) == []
    gone = aws_of()
    gone.services["dev-other"] = gone.services["dev-web"] | {"serviceName": "dev-other"}
    session = gone.session()
    state = read_state(session, "dev", "other")
    history = read_history(session, "/fargate-delivery/dev/web/release")
    assert read_deliveries(session, "dev", state, history, 3) == []


@pytest.mark.parametrize(
    ("outcome", "actions", "nothing"),
    [
        (Outcome.RUNNING, [], False),
        (Outcome.SUCCEEDED, [packaged()], True),
        (Outcome.SUCCEEDED, [packaged(), action("Deploy", "Deploy", "Deploy")], False),
        (Outcome.FAILED, [action("Source", "Source", "Source", "Failed")], True),
        (Outcome.FAILED, [action("Source", "Source", "Source"), action("Build", "Build", "Build", "Failed")], False),
        (Outcome.STOPPED, [], True),
    ],
    ids=["running", "ended in Package", "deployed", "nothing uploaded", "build failed", "never began"],
)
def test_what_has_nothing_to_deploy(outcome: Outcome, actions: list[dict[str, Any]], nothing: bool) -> None:
    assert nothing_to_deploy(outcome, actions) is nothing


def release(number: int, image: str) -> Release:
    return Release(number, image, "", "", "", "", "2030-01-01T00:00:00Z")


@pytest.mark.parametrize(
    ("image", "words"),
    [
        ("none", "an upload"),
        ("live", "the live image"),
        ("rebuild", "its source, built anew"),
        (A, "the image of release-3 again"),
        (B, "an image by its digest"),
        (f"dev@{A}", "an image of dev"),
    ],
)
def test_what_is_deployed(image: str, words: str) -> None:
    assert what(image, [release(3, A), release(1, A)]) == words


@pytest.mark.parametrize(
    ("image", "repository", "words"),
    [
        ("live", "unknown", "up"),
        ("none", "unknown", "an uploader"),
        ("none", "team/web", "team/web"),
    ],
)
def test_who_is_behind_an_event(image: str, repository: str, words: str) -> None:
    assert by_event(image, repository) == words


def test_a_deployment_belongs_to_the_delivery_that_has_made_it() -> None:
    def deploying(id: str, began: float, ended: float | None) -> Delivery:
        outcome = Outcome.RUNNING if ended is None else Outcome.SUCCEEDED
        at = None if ended is None else ago(minutes=ended)
        return delivery(outcome, id=id, started=ago(minutes=began + 1), steps=[step("Build"), step(outcome=outcome, started=ago(minutes=began), ended=at)])  # fmt: skip

    new, old = deploying("new", 3, None), deploying("old", 20, 15)
    listed = [deployment(id=str(m), started=ago(minutes=m)) for m in (20, 16, 9, 3, 1)]
    found = with_deployments([new, old], listed, [])
    assert [(each.id, [part.id for part in each.deployments]) for each in found] == [
        ("new", ["3", "1"]),
        ("9", ["9"]),
        ("old", ["20", "16"]),
    ]
    edit = found[1]
    assert (edit.what, edit.who, edit.started, edit.ended) == ("an edit, with the live image", "up, or somebody by hand", ago(minutes=9), ago(minutes=5))  # fmt: skip


def released(number: int, revision: int, minutes: float, execution: str, by: str = "") -> Release:
    arn = f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{revision}"
    return Release(number, A, arn, "", "", execution, ago(minutes=minutes).isoformat(), commit="c0ffee", by=by)


def test_a_release_without_the_pipeline_is_no_edit() -> None:
    """Even while a delivery of the pipeline's was in its Deploy stage; and a later deployment of its revision is none."""
    shipped = delivery(id="e-1", steps=[step(started=ago(minutes=20), ended=ago(minutes=10))])
    listed = [
        deployment(id="late", revision="dev-web:1", started=ago(minutes=9)),
        deployment(id="by hand", revision="dev-web:2", started=ago(minutes=15)),
        deployment(id="again", revision="dev-web:2", started=ago(minutes=3)),
        deployment(id="in time", revision="dev-web:9", started=ago(minutes=19)),
    ]
    bob = "arn:aws:sts::111111111111:assumed-role/admin/bob"
    releases = [released(8, 2, 12, "made-up", bob), released(7, 1, 8, "e-1")]
    found = with_deployments([shipped], listed, releases)
    assert {each.id: [part.id for part in each.deployments] for each in found} == {
        "e-1": ["late", "in time"],
        "by hand": ["by hand"],
        "again": ["again"],
    }
    (glass,) = [each for each in found if each.id == "by hand"]
    assert (glass.what, glass.who) == ("release-8, without the pipeline or by an execution before these", "bob")
    assert (glass.release, glass.digest, glass.commit, glass.started) == (8, A, "c0ffee", ago(minutes=15))
    assert [each.what for each in found if each.id == "again"] == ["an edit, with the live image"]


def test_who_has_released_without_the_pipeline_may_not_be_known() -> None:
    listed = [deployment(revision="dev-web:2", started=ago(minutes=15))]
    assert [each.who for each in with_deployments([], listed, [released(8, 2, 12, "x")])] == ["somebody by hand"]


def test_a_delivery_that_has_not_deployed_has_no_deployment() -> None:
    built = delivery(steps=[step("Build", started=ago(minutes=12), ended=NOW)])
    assert [len(each.deployments) for each in with_deployments([built], [deployment()], [])] == [1, 0]


def test_a_deployment_of_code_deploy_is_the_one_of_its_action(monkeypatch: pytest.MonkeyPatch) -> None:
    def found_by(client: object, id: str, tasks: object) -> Deployment:
        return deployment(id=id)

    monkeypatch.setattr("delivery.page.deployments.by_code_deploy", found_by)
    deploy = action("Deploy", "Deploy", "Deploy", result={"externalExecutionId": "d-1"})
    deploy["input"]["actionTypeId"]["provider"] = "CodeDeployToECS"
    (found,) = read(aws_of(("Succeeded", [packaged(), deploy], {})))
    assert [each.id for each in found.deployments] == ["d-1"]
