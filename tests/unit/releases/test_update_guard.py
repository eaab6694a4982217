"""Before a change: every refusal. After it: that no release was undone."""

from dataclasses import replace

import pytest
from botocore.exceptions import ClientError
from delivery_aws import ARN, STACK, FakeAws, RefusedError, digest

from releases import update_guard
from releases.consistency import Observation
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.errors import DeliveryError
from releases.service_state import Images, ServiceState, read_states

OLD, NEW = digest("a"), digest("b")
REVISION = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{}"


QUIET = ServiceState(
    service="web",
    name="dev-web",
    cluster="dev",
    controller=CONTROLLERS["ECS"],
    task_definition=REVISION.format(1),
    fingerprint="f1",
    desired=1,
    target_groups=(),
    deployments=(Deployment("ecs-svc/before", REVISION.format(1), "COMPLETED", "", 1),),
    record="none",
    execution=None,
)
RELEASED = (
    '{"schema":1,"release":7,"image_digest":"d","task_definition":"t","template_fingerprint":"f1",'
    '"source_version":"s","execution":"e","time":"2030-01-01T00:00:00Z"}'
)
AGREE, DISAGREE = Observation(Images(OLD, OLD, OLD)), Observation(Images(NEW, OLD, OLD))
NOTHING_RUNS = Observation(Images(None, NEW, None))
WAIT_FOR_THE_DEPLOYMENT = (
    "deployment ecs-svc/before of dev-web:1 is in flight; wait until it is over, "
    "as `delivery status web --stack dev --watch` shows, then run this again"
)
WAIT_FOR_THE_PIPELINE = (
    "pipeline execution run-9 is in flight; wait until execution run-9 is over, as `delivery status web --stack dev "
    "--watch` shows, then run this again"
)
REPAIR = "an edit would ship with the wrong image. Run `delivery repair web --stack dev`, then run this again"
WRONG_IMAGE = (
    "what runs, what is live and what was released disagree: running sha256:bbbbbbbbbbbb, live sha256:aaaaaaaaaaaa, "
    f"release record sha256:aaaaaaaaaaaa; {REPAIR}"
)
DEPLOYING = replace(QUIET, deployments=(replace(QUIET.deployments[0], state="IN_PROGRESS"),))
BY_CODE_DEPLOY = replace(QUIET, controller=CONTROLLERS["CODE_DEPLOY"])
REFUSALS: dict[str, tuple[ServiceState, ServiceState, Observation, str | None]] = {
    "all agree": (QUIET, QUIET, AGREE, None),
    "never released": (QUIET, QUIET, Observation(Images(None, None, None)), None),
    "a deployment": (QUIET, DEPLOYING, AGREE, WAIT_FOR_THE_DEPLOYMENT),
    "the Deploy stage": (QUIET, replace(QUIET, execution="run-9"), AGREE, WAIT_FOR_THE_PIPELINE),
    "both": (QUIET, replace(DEPLOYING, execution="run-9"), AGREE, WAIT_FOR_THE_PIPELINE),
    "a deployment, before all else": (QUIET, replace(DEPLOYING, record=RELEASED), DISAGREE, WAIT_FOR_THE_DEPLOYMENT),
    "a release meanwhile": (
        QUIET,
        replace(QUIET, record=RELEASED),
        AGREE,
        "release-7 was recorded while this was running; run it again",
    ),
    "a release meanwhile, before a disagreement": (
        QUIET,
        replace(QUIET, record=RELEASED),
        DISAGREE,
        "release-7 was recorded while this was running; run it again",
    ),
    "a record that was reset": (
        replace(QUIET, record=RELEASED),
        QUIET,
        AGREE,
        "the release record was reset while this was running; run it again",
    ),
    "CodeDeploy, at work": (BY_CODE_DEPLOY, replace(BY_CODE_DEPLOY, execution="run-9"), DISAGREE, None),
    "CodeDeploy, a release meanwhile": (BY_CODE_DEPLOY, replace(BY_CODE_DEPLOY, record=RELEASED), AGREE, None),
    "CodeDeploy, a disagreement": (BY_CODE_DEPLOY, BY_CODE_DEPLOY, DISAGREE, WRONG_IMAGE),
    "what can be mended": (QUIET, QUIET, DISAGREE, WRONG_IMAGE),
    "what nothing proves": (
        QUIET,
        QUIET,
        NOTHING_RUNS,
        "what runs, what is live and what was released disagree: running nothing, live sha256:bbbbbbbbbbbb, release "
        f"record nothing; no task runs, so nothing proves which image is right; {REPAIR}",
    ),
}


@pytest.mark.parametrize("case", REFUSALS)
def test_a_change_is_refused(case: str) -> None:
    read, now, observation, words = REFUSALS[case]
    assert update_guard.refusal(STACK, read, now, observation) == words


def released(*, record: bool = True) -> FakeAws:
    """One release, which runs."""
    aws = FakeAws()
    aws.record("none")
    before = aws.revision(1, f"@{OLD}")
    aws.image(NEW)
    if record:
        aws.release(1, OLD, before)
        aws.image(OLD, "release-1", "live")
    aws.service(before, OLD if record else None)
    return aws


def read(aws: FakeAws) -> ServiceState:
    """The service as it is now."""
    return read_states(aws.session(), STACK, ["web"])["web"]


def test_the_look_right_before_a_change() -> None:
    aws = released()
    before = read(aws)
    session = aws.session()
    assert update_guard.check(session, STACK, before, before.task_definition) is None
    aws.image(NEW, "live")
    aws.images[OLD].discard("live")
    assert update_guard.check(session, STACK, before, before.task_definition) == (
        "what runs, what is live and what was released disagree: running sha256:aaaaaaaaaaaa, live sha256:bbbbbbbbbbbb, "
        f"release record sha256:aaaaaaaaaaaa; {REPAIR}"
    )
    aws.release(2, NEW, aws.revision(2, f"@{NEW}"))
    assert (
        update_guard.check(session, STACK, before, before.task_definition)
        == "release-2 was recorded while this was running; run it again"
    )
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    assert (update_guard.check(session, STACK, before, before.task_definition) or "").startswith(
        "deployment ecs-svc/1 of dev-web:1 is in flight; wait"
    )
    del aws.services["dev-web"]
    assert update_guard.check(session, STACK, before, before.task_definition) is None
    assert aws.writes == []


def test_what_may_not_be_asked_before_a_change_is_no_yes() -> None:
    aws = released()
    before = read(aws)
    aws.refuse["DescribeImages"] = RefusedError("AccessDeniedException")
    with pytest.raises(ClientError):
        update_guard.check(aws.session(), STACK, before, before.task_definition)


def test_no_release_was_recorded_meanwhile() -> None:
    aws = released()
    before = read(aws)
    aws.image(NEW, "live")
    aws.images[OLD].discard("live")
    update_guard.check_release_stands(aws.session(), STACK, before)


@pytest.mark.parametrize("first", [False, True], ids=["a later release", "the first release"])
def test_a_release_meanwhile_whose_image_runs(first: bool) -> None:
    aws = released(record=not first)
    before = read(aws)
    aws.release(2, NEW, aws.revision(2, f"@{NEW}"))
    aws.image(NEW, "release-2", "live")
    aws.images.get(OLD, set()).discard("live")
    aws.service(aws.revision(3, ":live", fingerprint="f2"), NEW)
    update_guard.check_release_stands(aws.session(), STACK, before)


def undone() -> tuple[FakeAws, ServiceState]:
    """Release 2 was recorded after the look, and then the service went back to the revision of release 1."""
    aws = released()
    before = read(aws)
    aws.release(2, NEW, aws.revision(2, f"@{NEW}"))
    aws.image(NEW, "release-2", "live")
    aws.images[OLD].discard("live")
    return aws, before


def test_a_release_meanwhile_whose_image_does_not_run() -> None:
    aws, before = undone()
    with pytest.raises(DeliveryError) as failed:
        update_guard.check_release_stands(aws.session(), STACK, before)
    assert str(failed.value) == (
        "web: release-2 was recorded while this was running, and its image does not run; bring it back with "
        "`delivery rollback web --to 2 --stack dev`"
    )


def test_what_is_in_flight_is_not_judged() -> None:
    aws, before = undone()
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    update_guard.check_release_stands(aws.session(), STACK, before)


def test_a_record_that_was_reset_is_no_release() -> None:
    aws, before = undone()
    aws.record("none")
    update_guard.check_release_stands(aws.session(), STACK, before)


def test_a_service_that_is_gone_has_no_release_to_be_undone() -> None:
    aws, before = undone()
    del aws.services["dev-web"]
    update_guard.check_release_stands(aws.session(), STACK, before)


EDIT = f"{ARN}:task-definition/dev-web:9"


def edited(aws: FakeAws) -> FakeAws:
    """Pulumi has registered an edit, which names the image by its tag."""
    aws.revision(9, ":live", fingerprint="edit")
    return aws


@pytest.mark.parametrize(
    ("wanted", "made_of", "refused"),
    [
        (9, "f1", False),
        (9, "an edit of before", False),
        (9, "edit", True),
        (2, "f1", False),
        (3, "f1", True),
        (1, "f1", True),
        (None, "f1", True),
    ],
    ids=[
        "an edit",
        "an edit, and one of before is released",
        "an edit, which is what is released",
        "what is released",
        "what was being released before that",
        "back to what was released",
        "nothing is known",
    ],
)
def test_an_edit_ships_with_what_was_released_meanwhile(wanted: int | None, made_of: str, refused: bool) -> None:
    aws = edited(released())
    before = read(aws)
    now = aws.revision(2, f"@{NEW}")
    aws.revision(3, f"@{digest('c')}")
    aws.release(2, NEW, now, template_fingerprint=made_of)
    aws.images[OLD].discard("live")
    aws.image(NEW, "release-2", "live")
    aws.service(now, NEW)
    arn = None if wanted is None else f"{ARN}:task-definition/dev-web:{wanted}"
    found = update_guard.check(aws.session(), STACK, before, arn)
    assert found == ("release-2 was recorded while this was running; run it again" if refused else None)


def test_what_is_in_flight_before_a_change_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    aws, logged = released(), list[str]()
    before = read(aws)
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"

    def sleep(_: float) -> None:
        aws.services["dev-web"]["deployments"][0]["rolloutState"] = "COMPLETED"

    monkeypatch.setattr("releases.waiting.time.sleep", sleep)
    assert update_guard.check(aws.session(), STACK, before, EDIT, logged.append, 5) is None
    assert logged == ["web: waits for deployment ecs-svc/1 of dev-web:1"]


def test_what_stays_in_flight_is_waited_for_so_long(monkeypatch: pytest.MonkeyPatch) -> None:
    aws, logged, now = released(), list[str](), [0.0]
    before = read(aws)
    aws.services["dev-web"]["deployments"][0]["rolloutState"] = "IN_PROGRESS"
    monkeypatch.setattr("releases.waiting.time.monotonic", lambda: now[0])
    monkeypatch.setattr("releases.waiting.time.sleep", lambda seconds: now.append(now.pop() + seconds))
    found = update_guard.check(aws.session(), STACK, before, EDIT, logged.append, 2) or ""
    assert found.startswith("deployment ecs-svc/1 of dev-web:1 is in flight; wait until it is over")
    assert logged == [f"web: waits for deployment ecs-svc/1 of dev-web:1{so_far}" for so_far in
                    ("", ", 60 s so far", ", 120 s so far")]  # fmt: skip
    assert now == [125.0]


def test_a_release_that_took_over_an_edit_and_was_cut_off_is_said() -> None:
    aws = released()
    before = read(aws)
    aws.service(aws.revision(2, f"@{NEW}"), NEW)
    update_guard.check_release_stands(aws.session(), STACK, before)
    with pytest.raises(DeliveryError) as failed:
        update_guard.check_release_stands(aws.session(), STACK, before, taken_over=True)
    assert str(failed.value) == (
        "web: a release that includes the edit was cut off: running sha256:bbbbbbbbbbbb, live "
        "sha256:aaaaaaaaaaaa, release record sha256:aaaaaaaaaaaa. The edit runs; repair the release with "
        "`delivery repair web --stack dev`"
    )
    aws.service(aws.revision(3, f"@{NEW}"), NEW, state="IN_PROGRESS")
    update_guard.check_release_stands(aws.session(), STACK, before, taken_over=True)
