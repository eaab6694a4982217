"""After a change: how a deployment ends, with ECS's words and the log of its last task."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from delivery_aws import NOW, STACK, FakeAws, RefusedError, digest

from releases import update_guard
from releases.errors import DeliveryError

REVISION = "arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{}"
MINE, BEFORE, OTHERS = "ecs-svc/mine", "ecs-svc/before", "ecs-svc/other"


@dataclass
class Clock:
    """Time passes only while somebody sleeps."""

    now: float = 0.0
    slept: list[float] = field(default_factory=list)

    def monotonic(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.now += seconds
        assert self.now < 3600, "it waits for ever"


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What the guard takes for the time."""
    clock = Clock()
    monkeypatch.setattr(update_guard, "time", clock)
    return clock


@dataclass
class Deploying(FakeAws):
    """An AWS in which deployments go on.

    Attributes:
        answers: what DescribeServices says of the deployments, one answer after another; the last one stays.
        stopped: tasks that have stopped.
        logs: log stream → lines.
    """

    answers: list[list[dict[str, Any]]] = field(default_factory=list)
    stopped: list[dict[str, Any]] = field(default_factory=list)
    logs: dict[str, list[str]] = field(default_factory=dict)

    def _DescribeServices(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.answers:
            self.services["dev-web"]["deployments"] = self.answers.pop(0)
        return super()._DescribeServices(given)

    def _ListTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        if given.get("desiredStatus") == "STOPPED":
            assert given["serviceName"] == "dev-web"
            return {"taskArns": [task["taskArn"] for task in self.stopped]}
        return super()._ListTasks(given)

    def _DescribeTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [task for task in [*self.tasks, *self.stopped] if task["taskArn"] in given["tasks"]]}

    def _GetLogEvents(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["logGroupName"] == "/ecs/dev-web"
        assert not given.get("startFromHead"), "the end is read"
        if given["logStreamName"] not in self.logs:
            raise RefusedError("ResourceNotFoundException")
        return {"events": [{"message": line} for line in self.logs[given["logStreamName"]][-given["limit"] :]]}

    def stop(self, task: str, reason: str, minute: int, *, by: str = MINE, **codes: int | None) -> None:
        """A task of the newest revision stops."""
        containers = [{"name": name} | ({} if code is None else {"exitCode": code}) for name, code in codes.items()]
        self.stopped.append(
            {
                "taskArn": f"arn:aws:ecs:eu-west-1:111111111111:task/dev/{task}",
                "taskDefinitionArn": REVISION.format(2),
                "startedBy": by,
                "stoppedReason": reason,
                "stoppedAt": NOW + timedelta(minutes=minute),
                "containers": containers,
            }
        )


def deployment(
    identifier: str, revision: int, state: str = "COMPLETED", reason: str = "", running: int = 2
) -> dict[str, Any]:
    """As DescribeServices shows it; whichever comes first of an answer is the primary one."""
    arn = REVISION.format(revision)
    return {
        "id": identifier,
        "taskDefinition": arn,
        "rolloutState": state,
        "rolloutStateReason": reason,
        "createdAt": NOW,
        "desiredCount": 2,
        "runningCount": running,
    }


def answer(primary: dict[str, Any], *others: dict[str, Any]) -> list[dict[str, Any]]:
    """One answer's deployments; ECS promises no order, so the primary one is the last."""
    return [*({**other, "status": "ACTIVE"} for other in others), {**primary, "status": "PRIMARY"}]


START = deployment(MINE, 2, "IN_PROGRESS", "ECS deployment ecs-svc/mine in progress.", running=1)
DONE, GONE = deployment(MINE, 2), deployment(BEFORE, 1)
FAILED = deployment(MINE, 2, "FAILED", "ECS deployment circuit breaker: tasks failed to start.")
BACK = deployment(OTHERS, 1, "IN_PROGRESS", "ECS deployment circuit breaker: rolling back to deploymentId ecs-svc/1.")
CIRCUIT_BREAKER = (
    "web: ECS has failed deployment ecs-svc/mine of dev-web:2: ECS deployment circuit breaker: tasks failed to start"
)


def deploying(*answers: list[dict[str, Any]]) -> Deploying:
    """The service `web`, which goes from revision 1 to 2; both run an image of the repository and write a log."""
    aws = Deploying()
    options = {"awslogs-group": "/ecs/dev-web", "awslogs-stream-prefix": "web"}
    aws.service(aws.revision(1, ":live"), digest("a"))
    aws.revision(2, ":live", container={"logConfiguration": {"logDriver": "awslogs", "options": options}})
    aws.answers = list(answers)
    return aws


def follow(aws: Deploying) -> list[str]:
    """What is told while revision 2 is followed to its end."""
    logged: list[str] = []
    followed = update_guard.follow_deployment(aws.session(), STACK, "web", REVISION.format(2), logged.append, 15)
    assert followed.goes_on == ""
    return logged


def left(aws: Deploying, minutes: float | None = None) -> str:
    """What goes on when revision 2 is not followed any longer."""
    return update_guard.follow_deployment(
        aws.session(), STACK, "web", REVISION.format(2), lambda _: None, 15, minutes
    ).goes_on


def failure(aws: Deploying) -> str:
    """Why following it fails."""
    with pytest.raises(DeliveryError) as failed:
        follow(aws)
    return str(failed.value)


OF_MINE = "web: deployment ecs-svc/mine of dev-web:2:"
PROGRESS = f"{OF_MINE} 1 of 2 tasks run; 2 old"
FOLLOWED = {
    "at once": ([answer(DONE)], [], []),
    "after a while": ([answer(START, GONE), answer(START, GONE), answer(DONE)], [PROGRESS, PROGRESS], [0.5, 0.75]),
    "after a failed task": (
        [answer({**START, "failedTasks": 1}), answer(DONE)],
        [f"{OF_MINE} 1 of 2 tasks run, 1 failed"],
        [0.5],
    ),
    "when the old tasks have gone": (
        [answer(DONE, GONE), answer(DONE)],
        [f"{OF_MINE} 2 of 2 tasks run; 2 old"],
        [0.5],
    ),
    "after answers of before the change": ([answer(GONE)] * 4 + [answer(DONE)], [], [0.5] * 4),
}


@pytest.mark.parametrize("case", FOLLOWED)
def test_a_deployment_completes(case: str, clock: Clock) -> None:
    answers, logged, slept = FOLLOWED[case]
    assert follow(deploying(*answers)) == logged
    assert clock.slept == slept


def test_the_pauses_grow_up_to_a_limit(clock: Clock) -> None:
    follow(deploying(*[answer(START, GONE)] * 9, answer(DONE)))
    assert clock.slept == [0.5, 0.75, 1.125, 1.6875, 2.53125, 3.796875, 5.0, 5.0, 5.0]


def test_something_else_was_deployed_before_it_could_be_seen(clock: Clock) -> None:
    aws = deploying(answer(deployment(OTHERS, 3)))
    aws.revision(3, ":live", fingerprint="f2")
    assert failure(aws) == (
        "web was to run dev-web:2 and runs dev-web:3: something else has deployed it meanwhile; run this again"
    )
    assert clock.slept == [0.5] * 5


@pytest.mark.parametrize("seen", [1, 2], ids=["before it was seen", "afterwards"])
def test_the_service_is_deleted_meanwhile(seen: int) -> None:
    aws = deploying(*[answer(START, GONE)] * seen, [])
    if seen == 1:
        del aws.services["dev-web"]
        aws.answers = []
    assert failure(aws) == "web is not there any more: something else has deleted it; run this again"


def cloned(fingerprint: str, number: int = 3) -> Deploying:
    """A release's revision takes the place of the one that is followed."""
    clone = deployment(OTHERS, number, "IN_PROGRESS", "by a release.")
    aws = deploying(answer(START, GONE), answer(clone, START), answer({**clone, "rolloutState": "COMPLETED"}))
    aws.revision(3, f"@{digest('b')}", fingerprint=fingerprint)
    return aws


def test_a_release_that_takes_over_what_is_followed_is_followed() -> None:
    assert follow(cloned("f1")) == [
        PROGRESS,
        "web: a release has taken over dev-web:2, as ecs-svc/other",
        "web: deployment ecs-svc/other of dev-web:3: 2 of 2 tasks run; 1 old",
    ]


def test_a_release_that_takes_over_has_its_own_time(clock: Clock) -> None:
    """An edit that has taken 12 of its 15 minutes, and a release that takes 12 more."""
    clone = deployment(OTHERS, 3, "IN_PROGRESS", "by a release.")
    aws = deploying(
        *[answer(START, GONE)] * 150, *[answer(clone, START)] * 144, answer({**clone, "rolloutState": "COMPLETED"})
    )
    aws.revision(3, f"@{digest('b')}", fingerprint="f1")
    assert follow(aws)[-1] == "web: deployment ecs-svc/other of dev-web:3: 2 of 2 tasks run; 1 old"
    assert clock.now > 24 * 60


def test_another_template_takes_nothing_over() -> None:
    assert failure(cloned("f2")).startswith(
        "web: deployment ecs-svc/mine has ended and dev-web:3 is deployed instead: by a release"
    )


ENDED = {
    "failed, and nothing to go back to": ([answer(START), answer(FAILED)], CIRCUIT_BREAKER),
    "failed, and being rolled back": ([answer(START, GONE), answer(BACK, FAILED)], CIRCUIT_BREAKER),
    "rolled back, and no longer listed": (
        [answer(START, GONE), answer(BACK)],
        "web: deployment ecs-svc/mine has ended and dev-web:1 is deployed instead: ECS deployment circuit breaker: rolling "
        "back to deploymentId ecs-svc/1",
    ),
    "somebody else's took its place": (
        [answer(START, GONE), answer(deployment(OTHERS, 3, "IN_PROGRESS", "by somebody."), START)],
        "web: deployment ecs-svc/mine has ended and dev-web:3 is deployed instead: by somebody",
    ),
    "the same revision's again": (
        [answer(START, GONE), answer(deployment(OTHERS, 2, "IN_PROGRESS", "forced."), START)],
        "web: deployment ecs-svc/mine has ended and dev-web:2 is deployed instead: forced",
    ),
}


@pytest.mark.parametrize("case", ENDED)
def test_a_deployment_ends_otherwise(case: str) -> None:
    answers, words = ENDED[case]
    aws = deploying(*answers)
    aws.revision(3, ":live", fingerprint="f2")
    assert failure(aws) == words


def test_the_service_s_events_say_why_of_one_that_is_no_longer_listed() -> None:
    aws = deploying(
        answer(START, GONE), answer({**BACK, "rolloutState": "COMPLETED", "rolloutStateReason": "completed."})
    )
    aws.services["dev-web"]["events"] = [
        {"message": "(service dev-web) has reached a steady state."},
        {"message": f"(service dev-web) (deployment {OTHERS}) deployment failed: tasks failed to start."},
        {"message": f"(service dev-web) (deployment {MINE}) deployment failed: alarm detected."},
    ]
    assert failure(aws) == (
        "web: deployment ecs-svc/mine has ended and dev-web:1 is deployed instead: "
        "(service dev-web) (deployment ecs-svc/mine) deployment failed: alarm detected"
    )


def test_it_takes_too_long(clock: Clock) -> None:
    aws = deploying(answer(START, GONE))
    aws.stop("t1", "Task failed to start", 1)
    assert failure(aws) == (
        "web: deployment ecs-svc/mine of dev-web:2 has not completed within 15 minutes and goes on. "
        "Its last task stopped: Task failed to start"
    )
    assert 15 * 60 < clock.now <= 15 * 60 + 5


def failed() -> Deploying:
    """A deployment that has failed."""
    return deploying(answer(START, GONE), answer(BACK, FAILED))


EXITED = f"{CIRCUIT_BREAKER}. Its last task stopped: Essential container in task exited"


def test_the_last_task_s_reason_exit_codes_and_log() -> None:
    aws = failed()
    aws.stop("t1", "Essential container in task exited", 1, web=1)
    aws.stop("t3", "Essential container in task exited", 3, web=7, router=None, proxy=0)
    aws.stop("t2", "Essential container in task exited", 2, web=2)
    aws.logs = {"web/web/t3": [f"line {n}\n" for n in range(1, 13)], "web/web/t2": ["another task's"]}
    said = "".join(f"\n  web: line {n}" for n in range(3, 13))
    assert failure(aws) == f"{EXITED} (web exit code 7, proxy exit code 0){said}"


@pytest.mark.parametrize(
    ("reason", "by"),
    [
        ("Scaling activity initiated by (deployment ecs-svc/mine)", MINE),
        ("Task failed ELB health checks in (target-group x)", BEFORE),
    ],
    ids=["that ECS ended itself", "of another deployment"],
)
def test_a_task_that_says_nothing_of_the_failure(reason: str, by: str) -> None:
    aws = failed()
    aws.stop("t9", reason, 9, by=by, web=137)
    assert failure(aws) == CIRCUIT_BREAKER
    aws = failed()
    aws.stop("t1", "Essential container in task exited", 1)
    aws.stop("t9", reason, 9, by=by, web=137)
    assert failure(aws) == EXITED


def test_a_task_that_ended_before_it_wrote_anything() -> None:
    aws = failed()
    aws.stop("t1", "Essential container in task exited", 1, web=3)
    assert failure(aws) == f"{EXITED} (web exit code 3)"


def test_a_container_that_writes_elsewhere() -> None:
    aws = failed()
    aws.stop("t1", "Essential container in task exited", 1, web=3)
    aws.logs = {"web/web/t1": ["never asked for"]}
    for options in ({}, {"logConfiguration": {"logDriver": "awsfirelens", "options": {"Name": "x"}}}):
        aws.revision(2, ":live", container=options)
        aws.answers = [answer(START, GONE), answer(BACK, FAILED)]
        assert failure(aws) == f"{EXITED} (web exit code 3)"


@pytest.mark.parametrize("operation", ["ListTasks", "DescribeTasks", "DescribeTaskDefinition", "GetLogEvents"])
def test_what_may_not_be_asked_does_not_hide_ecs_s_reason(operation: str) -> None:
    aws = failed()
    aws.stop("t1", "Essential container in task exited", 1, web=3)
    aws.refuse[operation] = RefusedError("AccessDeniedException")
    assert failure(aws) == CIRCUIT_BREAKER


def taking_over(*looks: tuple[int, str]) -> FakeAws:
    """A new service of CodeDeploy's: how many of its tasks run, and its stability, one look after another."""

    class TakingOver(FakeAws):
        def _DescribeServices(self, given: dict[str, Any]) -> dict[str, Any]:
            running, stability = looks[min(len(self.calls) - 1, len(looks) - 1)]
            service = self.services["dev-web-codedeploy"]
            service |= {"desiredCount": 2, "runningCount": running, "events": [{"message": "unable to pull"}]}
            service["taskSets"][0]["stabilityStatus"] = stability
            return super()._DescribeServices(given)

    aws = TakingOver()
    aws.blue_green(aws.revision(1, ":live"), running=digest("a"))
    return aws


def test_a_new_service_serves_before_the_old_one_goes(clock: Clock) -> None:
    logged: list[str] = []
    update_guard.wait_until_serving(
        taking_over((0, "STABILIZING"), (2, "STABILIZING"), (2, "STEADY_STATE")).session(),
        STACK,
        "web",
        logged.append,
        15,
    )
    assert logged == [f"web: dev-web-codedeploy runs {running} of 2 tasks" for running in (0, 2)]


def test_a_new_service_that_never_runs_is_not_waited_for_for_ever() -> None:
    with pytest.raises(
        DeliveryError, match=r"runs 1 of 2 tasks after 15 minutes, and the service .* stays: unable to pull"
    ):
        update_guard.wait_until_serving(taking_over((1, "STABILIZING")).session(), STACK, "web", lambda _: None, 15)


def test_a_new_service_whose_deployments_have_no_state_serves_when_its_tasks_run() -> None:
    """ECS gives none where it shifts the traffic."""
    aws = deploying()
    del aws.services["dev-web"]["deployments"][0]["rolloutState"]
    update_guard.wait_until_serving(aws.session(), STACK, "web", lambda _: None, 15)


SHIFT = {"deploymentConfiguration": {"strategy": "BLUE_GREEN"}}


@dataclass
class Shifting(Deploying):
    """An AWS in which ECS shifts the traffic: with each look at the service one status more, and the last one stays."""

    statuses: list[dict[str, Any]] = field(default_factory=list)

    def _ListServiceDeployments(self, given: dict[str, Any]) -> dict[str, Any]:
        told = self.statuses.pop(0) if len(self.statuses) > 1 else self.statuses[0]
        self.shifts = [{"serviceDeploymentArn": "arn", "createdAt": NOW, **told}]
        return super()._ListServiceDeployments(given)


def shifting(statuses: list[dict[str, Any]], *answers: list[dict[str, Any]]) -> Shifting:
    """The same service; ECS gives no state of its deployments (ECS API reference, Deployment)."""
    plain = deploying()
    stateless = [[{k: v for k, v in each.items() if not k.startswith("rollout")} for each in one] for one in answers]
    aws = Shifting(definitions=plain.definitions, services=plain.services, tasks=plain.tasks, answers=stateless)
    aws.services["dev-web"] |= SHIFT
    aws.statuses = statuses
    return aws


def stage(name: str, **more: Any) -> dict[str, Any]:
    return {"status": "IN_PROGRESS", "lifecycleStage": name, **more}


def test_a_shift_is_followed_to_its_end() -> None:
    """Both revisions run in the bake time, and then the new one alone, while ECS still takes the old tasks away."""
    ten = {"targetServiceRevision": {"requestedProductionTrafficWeight": 10.0}}
    statuses = [
        stage("SCALE_UP"),
        stage("PRODUCTION_TRAFFIC_SHIFT", **ten, updatedAt=datetime.now(UTC), deploymentConfiguration=CANARY),
        PAUSES,
        stage("CLEAN_UP", targetServiceRevision={"requestedProductionTrafficWeight": 100.0}),
        {"status": "SUCCESSFUL"},
    ]
    aws = shifting(statuses, *[answer(START, GONE)] * 3, answer(DONE), answer(DONE))
    logged: list[str] = []
    update_guard.follow_deployment(aws.session(), STACK, "web", REVISION.format(2), logged.append, 15, 10)
    tasks = "1 of 2 tasks run; 2 old"
    assert [line.removeprefix(f"{OF_MINE} ") for line in logged] == [
        f"SCALE_UP: its new tasks have 0 % of the traffic; {tasks}",
        "PRODUCTION_TRAFFIC_SHIFT: its new tasks have 10 % of the traffic; 5 min left of its step, until more of it shifts; "
        + tasks,
        "it waits for `delivery continue web --stack dev` or `delivery abort web --stack dev`",
        "CLEAN_UP: its new tasks have 100 % of the traffic; 2 of 2 tasks run",
    ]


CANARY = {"strategy": "CANARY", "canaryConfiguration": {"canaryBakeTimeInMinutes": 5}}
PAUSE = {"hookId": "h", "targetType": "PAUSE", "status": "AWAITING_ACTION"}
PAUSES = stage("POST_TEST_TRAFFIC_SHIFT", lifecycleHookDetails=[PAUSE])
WAITS = (
    "web: deployment ecs-svc/mine of dev-web:2 goes on; it waits for `delivery continue web --stack dev` or `delivery "
    "abort web --stack dev`, and goes back without an answer; `delivery status web --stack dev` says how far it is, and "
    "the next `up` whether it stands"
)


def test_a_shift_that_pauses_is_left_alone_and_said_how_to_answer(clock: Clock) -> None:
    assert left(shifting([stage("SCALE_UP"), PAUSES], answer(START, GONE))) == WAITS
    assert clock.now < 60


def test_a_shift_that_pauses_is_followed_as_long_as_that_is_configured(clock: Clock) -> None:
    assert left(shifting([PAUSES], answer(START, GONE)), 10) == WAITS
    assert 600 < clock.now <= 605
    assert left(shifting([PAUSES], answer(START, GONE)), 30) == WAITS, "longer than a deployment takes without a pause"
    answered = [PAUSES, PAUSES, stage("BAKE_TIME"), {"status": "SUCCESSFUL"}]
    assert (
        left(shifting(answered, answer(START, GONE), answer(START, GONE), answer(START, GONE), answer(DONE)), 10) == ""
    )


def test_a_shift_that_takes_longer_than_it_is_followed_goes_on(clock: Clock) -> None:
    assert left(shifting([stage("BAKE_TIME")], answer(START, GONE)), 10) == (
        "web: deployment ecs-svc/mine of dev-web:2 goes on; `delivery status web --stack dev` says how far it is, and the "
        "next `up` whether it stands"
    )
    assert 600 < clock.now <= 605


def test_a_shift_that_goes_back_is_followed_however_little_is_configured(clock: Clock) -> None:
    """Its end is not what was asked for, whoever waits."""
    back = [{"status": "ROLLBACK_IN_PROGRESS"}, {"status": "ROLLBACK_SUCCESSFUL", "statusReason": "Alarm."}]
    aws = shifting(back, answer(START, GONE), answer(BACK))
    with pytest.raises(DeliveryError, match=r"dev-web:1 is deployed instead: Alarm$"):
        left(aws, 0)


def test_a_shift_that_is_waited_for_too_long_goes_on_and_is_watched_by_a_command() -> None:
    aws = shifting([stage("BAKE_TIME")], answer(START, GONE))
    assert failure(aws) == (
        "web: deployment ecs-svc/mine of dev-web:2 has not completed within 15 minutes and goes on; wait until it is "
        "over, as `delivery status web --stack dev --watch` shows"
    )


def test_a_shift_that_went_back_fails_with_ecs_s_reason() -> None:
    back = {"status": "ROLLBACK_SUCCESSFUL", "statusReason": "Alarm web-5xx was triggered."}
    aws = shifting([stage("BAKE_TIME"), back], answer(START, GONE), answer(BACK))
    assert failure(aws) == (
        "web: deployment ecs-svc/mine has ended and dev-web:1 is deployed instead: Alarm web-5xx was triggered"
    )


def test_a_shift_that_was_stopped_fails_though_ecs_lists_its_revision_alone() -> None:
    aws = shifting([stage("SCALE_UP"), {"status": "STOPPED"}], answer(START, GONE), answer(DONE))
    assert failure(aws) == "web: deployment ecs-svc/mine of dev-web:2 is STOPPED"


def test_an_update_that_starts_no_deployment_is_not_judged_by_the_one_before() -> None:
    assert follow(shifting([{"status": "ROLLBACK_SUCCESSFUL"}], answer(DONE))) == []


def test_a_shift_whose_tasks_fail_is_told_to_go_back_once() -> None:
    hopeless = [{**each, "failedTasks": 3} for each in answer(START, GONE)]
    statuses = [stage("SCALE_UP"), stage("SCALE_UP"), {"status": "ROLLBACK_SUCCESSFUL"}]
    aws = shifting(statuses, hopeless, hopeless, answer(BACK))
    told: list[str] = []
    with pytest.raises(DeliveryError):
        update_guard.follow_deployment(aws.session(), STACK, "web", REVISION.format(2), told.append, 15)
    assert told[0] == "web: 3 of its tasks have failed one after another, so ECS is told to go back"
    stops = [given for _, operation, given in aws.calls if operation == "StopServiceDeployment"]
    assert stops == [{"serviceDeploymentArn": "arn", "stopType": "ROLLBACK"}]
