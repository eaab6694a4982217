"""All services of a stack at a glance: what is read, by how many calls, and the table of it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from click import unstyle
from delivery_aws import REGISTRY, STACK, FakeAws, action, digest

from delivery.command_line import at_aws
from delivery.services.overview import Overview, overview
from delivery.services.overview_table import table
from releases.errors import DeliveryError, RecordError

A, B = digest("a"), digest("b")
NOW = datetime(2030, 1, 1, 3, tzinfo=UTC)


@pytest.fixture
def aws() -> FakeAws:
    """The service `web`, released and at rest, with a sidecar and a host."""
    aws = FakeAws()
    aws.record("none")
    revision = aws.revision(7, f"@{A}")
    aws.definitions[revision]["containerDefinitions"].append({"name": "agent", "image": f"{REGISTRY}/agent:1"})
    aws.release(1, A, revision)
    aws.image(A, "release-1", "live")
    aws.image(B)
    aws.service(revision, A)
    aws.tasks[0]["containers"].append({"name": "agent", "imageDigest": B})
    aws.services["dev-web"]["loadBalancers"] = [{"targetGroupArn": "group"}]
    forward = {"Type": "forward", "ForwardConfig": {"TargetGroups": [{"TargetGroupArn": "group"}]}}
    host = {"Field": "host-header", "HostHeaderConfig": {"Values": ["web.example.com"]}}
    aws.listeners = {443: [{"Priority": "1", "Conditions": [host], "Actions": [forward]}]}
    return aws


def add_mailer(aws: FakeAws) -> None:
    """A second service, which was never released and has no pipeline."""
    aws.record("none", "mailer")
    revision = aws.revision(1, ":live", family="dev-mailer")
    deployment = {
        "id": "ecs-svc/2",
        "status": "PRIMARY",
        "taskDefinition": revision,
        "createdAt": NOW,
        "rolloutState": "COMPLETED",
    }
    aws.services["dev-mailer"] = {
        **aws.services["dev-web"], "serviceName": "dev-mailer", "desiredCount": 0, "runningCount": 0, "loadBalancers": [], "deployments": [deployment],
    }  # fmt: skip


def look(aws: FakeAws) -> list[Overview]:
    return overview(aws.session(), STACK, at_aws)


QUIET = Overview(
    service="web", release=1, time="2030-01-01T00:00:00Z", image_digest=A, running=0, desired=1, going_on=[], waits=[],
    asleep=False, jobs=[], failure=None, disagreement=None, repair=None, gone=[], edit=None, urls=["https://web.example.com/"],
)  # fmt: skip


def test_a_service_at_rest(aws: FakeAws) -> None:
    aws.services["dev-web"]["deployments"][0]["runningCount"] = 1
    assert look(aws) == [replace(QUIET, running=1)]


def test_what_aws_tells_of_many_is_asked_once(aws: FakeAws) -> None:
    add_mailer(aws)
    assert [each.service for each in look(aws)] == ["mailer", "web"]
    asked = [operation for _, operation, _ in aws.calls]
    once = ("ListServices", "DescribeServices", "ListTasks", "DescribeTasks", "DescribeScalableTargets", "DescribeTargetGroups", "DescribeListeners", "DescribeRules")  # fmt: skip
    assert {operation: asked.count(operation) for operation in once} == dict.fromkeys(once, 1)
    assert asked.count("GetPipelineState") == 2
    assert asked.count("DescribeTaskDefinition") == 2
    assert aws.writes == []


def test_of_a_new_service(aws: FakeAws) -> None:
    add_mailer(aws)
    mailer = look(aws)[0]
    assert (mailer.release, mailer.time, mailer.image_digest, mailer.desired, mailer.urls) == (None, None, None, 0, [])
    assert (mailer.waits, mailer.failure, mailer.asleep) == ([], None, False)


def test_a_first_upload_is_waited_for(aws: FakeAws) -> None:
    aws.parameters["/fargate-delivery/dev/web/release"].versions[:] = ["none"]
    aws.images.pop(A)
    aws.tasks = []
    (web,) = look(aws)
    assert web.waits == ["it waits for its first upload, to s3://bucket/sources/web/source.zip"]


SCALED = "service/dev/dev-web"


@pytest.mark.parametrize(
    ("most", "scaled", "asleep"), [(0, True, True), (1, True, False), (0, False, False)], ids=["night", "day", "not scaled"]
)  # fmt: skip
def test_a_schedule_has_it_at_0(aws: FakeAws, most: int, scaled: bool, asleep: bool) -> None:
    aws.most, aws.scaling = most, {SCALED: False} if scaled else {}
    assert look(aws)[0].asleep is asleep


def test_jobs_that_run(aws: FakeAws) -> None:
    for family in ("dev-web_clean", "dev-web-migrate", "dev-webshop_clean"):
        aws.tasks.append(aws.task(aws.revision(1, "@x", family=family), A, f"family:{family}"))
    assert look(aws)[0].jobs == ["clean"]


def test_what_disagrees_and_what_is_gone(aws: FakeAws) -> None:
    aws.images[A].discard("live")
    aws.image(B, "live")
    del aws.images[B]
    (web,) = look(aws)
    assert web.repair == "delivery repair web --stack dev"
    assert str(web.disagreement).startswith("running sha256:aaaa")
    assert web.gone == [f"agent runs {REGISTRY}/agent@{B}, which is gone from ECR: no other task starts with it"]


def test_an_edit_that_was_rolled_back_is_noted(aws: FakeAws) -> None:
    assert list(look(aws)[0].notes()) == []
    aws.deploy(aws.revision(8, ":live", fingerprint="f2"), "ROLLBACK_SUCCESSFUL")
    (web,) = look(aws)
    assert str(web.edit).startswith("revision 8, which `up` registered, was rolled back at 2030-01-10T00:05:00Z: ")
    assert list(web.notes()) == [(web.edit, "red")]


def test_what_is_in_flight_disagrees_with_nothing_yet(aws: FakeAws) -> None:
    aws.images[A].discard("live")
    aws.services["dev-web"]["deployments"][0] |= {"rolloutState": "IN_PROGRESS", "runningCount": 0, "desiredCount": 1}
    (web,) = look(aws)
    assert web.disagreement is None
    assert web.going_on == ["deployment of dev-web:7: 0 of 1 tasks run"]


def test_where_the_last_delivery_has_failed(aws: FakeAws) -> None:
    result = {"errorDetails": {"message": "no such file"}}
    execution = aws.executing("Failed", action("Build", "Build", "Build", "Failed", result=result))
    latest = {"pipelineExecutionId": execution, "status": "Failed"}
    aws.pipeline["stages"] = [{"stageName": "Build", "latestExecution": latest}]
    assert look(aws)[0].failure == "Build / Build: no such file"


def test_a_delivery_has_failed_of_which_no_action_has(aws: FakeAws) -> None:
    latest = {"pipelineExecutionId": aws.executing("Failed"), "status": "Failed"}
    aws.pipeline["stages"] = [{"stageName": "Build", "latestExecution": latest}]
    assert look(aws)[0].failure == "Build: Failed"


def test_the_actions_of_a_delivery_that_has_not_failed_are_not_asked_for(aws: FakeAws) -> None:
    look(aws)
    assert "ListPipelineExecutions" not in {operation for _, operation, _ in aws.calls}


def test_a_stack_without_services() -> None:
    with pytest.raises(DeliveryError, match="no services in stack dev; check the stack, the account and the region"):
        look(FakeAws())


def test_a_record_that_is_none_names_its_service(aws: FakeAws) -> None:
    aws.record("junk")
    with pytest.raises(RecordError, match="web: not a release record"):
        look(aws)


WAITS = "execution e1 waits for `delivery approve web --stack dev`"
BUSY = replace(QUIET, service="chuoi", release=None, time=None, image_digest=None, urls=[], waits=[WAITS], failure="Build: no", asleep=True)  # fmt: skip


def test_the_table() -> None:
    assert [unstyle(line) for line in table([BUSY, QUIET], NOW, None)] == [
        "SERVICE  RELEASE    AGE  IMAGE                TASKS  URL",
        "chuoi    none yet                             0/1",
        f"  {WAITS}",
        "  its schedule has it at 0 tasks now",
        "  the last delivery has failed: Build: no",
        "web      release-1  3 h  sha256:aaaaaaaaaaaa  0/1    https://web.example.com/",
    ]


@pytest.mark.parametrize(
    ("width", "lines"),
    [
        (80, ["SERVICE  RELEASE    AGE  IMAGE                TASKS  URL", "web      release-1  3 h  sha256:aaaaaaaaaaaa  0/1    https://web.example.com/"]),
        (60, ["SERVICE  RELEASE    AGE  IMAGE                TASKS", "web      release-1  3 h  sha256:aaaaaaaaaaaa  0/1", "  url https://web.example.com/"]),
        (1, ["SERVICE  RELEASE    AGE", "web      release-1  3 h", "  image sha256:aaaaaaaaaaaa", "  tasks 0/1", "  url https://web.example.com/"]),
    ],
)  # fmt: skip
def test_a_narrow_terminal_has_fewer_columns(width: int, lines: list[str]) -> None:
    assert table([QUIET], NOW, width) == lines


def test_notes_are_wrapped_and_commands_stay_whole() -> None:
    lines = [unstyle(line) for line in table([replace(QUIET, waits=[WAITS])], NOW, 50)]
    assert lines[-2:] == ["  execution e1 waits for `delivery approve web", "    --stack dev`"]


def test_the_rest_of_a_busy_service() -> None:
    busy: dict[str, Any] = {"going_on": ["a"], "jobs": ["clean"], "disagreement": "b", "repair": "c", "gone": ["d"]}
    words = [words for words, _ in replace(QUIET, **busy).notes()]
    assert words == ["a", "job clean runs", "b; mend it: c", "sidecar d; `redeploy` asks for its tag anew"]


def test_ages_are_those_of_now() -> None:
    assert "  4 d  " in table([QUIET], NOW + timedelta(days=4), None)[1]
