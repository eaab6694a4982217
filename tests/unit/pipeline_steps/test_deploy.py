"""What the Deploy step clones, waits for, gives up and fails on, where ECS shifts the traffic itself."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import deploy
from pipeline_steps.job import Done, Job, StepError, Waiting
from pipeline_steps.settings import Settings
from releases.record import EXECUTION_LABEL, FINGERPRINT_LABEL

Json = dict[str, Any]
DIGEST, EARLIER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
OLD, CLONE, OTHER = (f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{n}" for n in (7, 8, 9))
BEFORE, MINE = (f"arn:aws:ecs:eu-west-1:111111111111:service-deployment/dev/dev-web/{n}" for n in ("before", "mine"))
NOW = 1_700_000_000.0
RECORD = json.dumps({
    "schema": 1, "release": 1, "image_digest": EARLIER, "task_definition": OLD, "template_fingerprint": "f0",
    "source_version": "v0", "execution": "exec-0", "time": "2026-01-01T00:00:00Z",
})  # fmt: skip
Deployment = tuple[str, str, Json]
"""ARN, status, and what else is said of a service deployment."""
FIRST: Deployment = (BEFORE, "SUCCESSFUL", {})


def mine(status: str, **more: Any) -> Deployment:
    return MINE, status, more


@dataclass
class Step:
    """The step's calls, one after another until it is over. Each look is the newest service deployment."""

    looks: Sequence[Deployment | None]
    runs: list[str] = field(default_factory=lambda: [OLD, CLONE])
    record: str = RECORD
    desired: int = 2
    failed_tasks: int = 0
    failed_before: int = 0
    labels: Json = field(default_factory=dict)
    stop: Any = None
    state: Json = field(default_factory=dict)
    seconds: float = 30.0
    minutes: int = 20
    events: Sequence[Json] = ()
    aws: FakeSession = field(init=False)
    waited: list[str] = field(default_factory=list)
    end: str = ""
    failure: str = ""

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Step:
        looks, runs = list(self.looks), list(self.runs)
        now: list[Deployment | None] = [None]

        def listed(given: Json) -> Json:
            now[0] = looks.pop(0) if len(looks) > 1 else looks[0]
            earlier = datetime.fromtimestamp(NOW - 900, UTC)
            old = {"serviceDeploymentArn": "oldest", "createdAt": datetime.fromtimestamp(NOW - 9000, UTC)}
            found = [] if now[0] is None else [{"serviceDeploymentArn": now[0][0], "createdAt": earlier}]
            return {"serviceDeployments": [*([old] if found else []), *found]}

        def described(given: Json) -> Json:
            assert now[0] is not None
            assert given["serviceDeploymentArns"] == [now[0][0]], "the newest one"
            return {"serviceDeployments": [{"serviceDeploymentArn": now[0][0], "status": now[0][1], **now[0][2]}]}

        def service(given: Json) -> Json:
            runs_now = runs.pop(0) if len(runs) > 1 else runs[0]
            failed = self.failed_tasks if runs_now == CLONE else self.failed_before
            primary = {"status": "PRIMARY", "taskDefinition": runs_now, "failedTasks": failed}
            return {
                "services": [
                    {
                        "taskDefinition": runs_now,
                        "desiredCount": self.desired,
                        "deployments": [primary],
                        "events": [
                            {"message": "(service dev-web) says so.", "createdAt": datetime.fromtimestamp(NOW, UTC)},
                            *self.events,
                        ],
                    }
                ]
            }

        self.aws = FakeSession({
            "DescribeServices": service,
            "ListServiceDeployments": listed,
            "DescribeServiceDeployments": described,
            "DescribeTaskDefinition": self._definition,
            "RegisterTaskDefinition": lambda _: {"taskDefinition": {"taskDefinitionArn": CLONE}},
            "GetParameter": lambda _: {"Parameter": {"Value": self.record, "Version": 2}},
            "StopServiceDeployment": lambda _: self.stop,
            "DescribeTargetGroups": lambda _: {"TargetGroups": [{"HealthCheckPath": "/healthz"}]},
        })  # fmt: skip
        settings = Settings(
            pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web",), sidecars=("log",),
            minimum_tasks=3, deploy_minutes=self.minutes, repository="dev-web", record="/record",
            repository_uri="registry/dev-web",
        )  # fmt: skip
        given, state, clock = {"digest": DIGEST, "execution": "exec-1"}, self.state, NOW
        for _ in range(100):
            monkeypatch.setattr(time, "time", partial(float, clock))
            job = Job("job", "deploy", given, {}, {}, {}, json.loads(json.dumps(state)))
            try:
                outcome = deploy.run(cast(boto3.Session, self.aws), settings, job)
            except StepError as why:
                self.failure = str(why)
                return self
            if isinstance(outcome, Done):
                self.end = outcome.summary
                return self
            assert isinstance(outcome, Waiting)
            assert len(json.dumps(outcome.state)) <= 2048
            self.waited.append(outcome.summary)
            state, clock = dict(outcome.state), clock + self.seconds
        raise AssertionError("the step never ends")

    def _definition(self, given: Json) -> Json:
        assert given["taskDefinition"] in (OLD, CLONE, OTHER)
        web = {
            "name": "web",
            "image": f"registry/dev-web@{EARLIER}",
            "dockerLabels": {FINGERPRINT_LABEL: "f1", **self.labels},
        }
        log = {"name": "log", "image": "fluent-bit:2"}
        return {
            "taskDefinition": {
                "taskDefinitionArn": given["taskDefinition"], "family": "dev-web", "revision": 7, "status": "ACTIVE",
                "containerDefinitions": [web, log], "cpu": "256",
            }
        }  # fmt: skip


def test_it_deploys_a_clone_with_the_new_image_and_waits_for_its_end(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [
        FIRST,
        mine("PENDING"),
        mine("IN_PROGRESS", lifecycleStage="BAKE_TIME"),
        mine("IN_PROGRESS", lifecycleStage="CLEAN_UP"),
        mine("SUCCESSFUL"),
    ]
    step = Step(looks).run(monkeypatch)
    assert step.end == f"Deployed {DIGEST}, as {CLONE}"
    assert step.waited == [
        f"Deploying {CLONE}",
        "The deployment is PENDING",
        "The deployment is IN_PROGRESS at BAKE_TIME",
        "The deployment is IN_PROGRESS at CLEAN_UP",
    ]
    (registered,) = step.aws.called("RegisterTaskDefinition")
    assert registered == {
        "family": "dev-web",
        "cpu": "256",
        "containerDefinitions": [
            {
                "name": "web",
                "image": f"registry/dev-web@{DIGEST}",
                "dockerLabels": {FINGERPRINT_LABEL: "f1", EXECUTION_LABEL: "exec-1"},
            },
            {"name": "log", "image": "fluent-bit:2"},
        ],
    }
    assert step.aws.called("UpdateService") == [{"cluster": "dev", "service": "dev-web", "taskDefinition": CLONE}]
    assert step.aws.called("StopServiceDeployment") == []


@pytest.mark.parametrize("status", ["STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"])
def test_whatever_went_back_or_was_stopped_is_a_failure(monkeypatch: pytest.MonkeyPatch, status: str) -> None:
    looks = [FIRST, mine("IN_PROGRESS"), mine("ROLLBACK_IN_PROGRESS"), mine(status, statusReason="Alarm detected.")]
    step = Step(looks, runs=[OLD, CLONE, CLONE, OLD]).run(monkeypatch)
    assert step.failure == (
        f"The deployment of {CLONE} has ended as {status}: Alarm detected. (service dev-web) says so."
    )
    assert len(step.aws.called("UpdateService")) == 1, "of what was released before, tasks stay"


def test_what_a_load_balancer_asked_for_and_got_is_said_first(monkeypatch: pytest.MonkeyPatch) -> None:
    message = "(service dev-web) (task t) (port 4000) is unhealthy in (target-group arn:group) due to (reason Request timed out)"
    looks = [FIRST, mine("IN_PROGRESS"), mine("ROLLBACK_SUCCESSFUL")]
    for after, words in ((60, "The load balancer asked for /healthz at port 4000: Request timed out. "), (-60, "")):
        events = [{"message": message, "createdAt": datetime.fromtimestamp(NOW + after, UTC)}]
        step = Step(looks, runs=[OLD, CLONE, OLD], events=events).run(monkeypatch)
        assert step.failure.startswith(f"{words}The deployment of {CLONE} has ended as ROLLBACK_SUCCESSFUL")


def test_another_revision_that_runs_in_the_end_is_a_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([FIRST, mine("SUCCESSFUL")], runs=[OLD, OTHER]).run(monkeypatch)
    assert step.failure == f"The service runs {OTHER}, not {CLONE}. (service dev-web) says so."


def test_somebody_else_s_deployment_has_to_end_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """What it deploys is cloned when it stands."""
    edit = (BEFORE, "IN_PROGRESS", {"lifecycleStage": "SCALE_UP"})
    looks = [edit, edit, FIRST, mine("SUCCESSFUL")]
    step = Step(looks, runs=[OTHER, OTHER, OTHER, CLONE]).run(monkeypatch)
    assert step.waited[:2] == ["Somebody else's deployment has to end first: IN_PROGRESS at SCALE_UP"] * 2
    assert step.end
    assert step.aws.called("DescribeTaskDefinition")[-1] == {"taskDefinition": OTHER}


def test_somebody_else_s_deployment_that_does_not_end_is_not_waited_for_for_ever(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    step = Step([(BEFORE, "IN_PROGRESS", {})], runs=[OTHER]).run(monkeypatch)
    assert step.failure == f"{BEFORE}, which was there before, is IN_PROGRESS"
    assert len(step.waited) == 20 * 60 / 30
    assert step.aws.called("UpdateService") == step.aws.called("StopServiceDeployment") == []


def test_one_that_takes_too_long_goes_back_once_and_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [FIRST, *([mine("IN_PROGRESS")] * 45), mine("ROLLBACK_IN_PROGRESS"), mine("ROLLBACK_SUCCESSFUL")]
    step = Step(looks).run(monkeypatch)
    assert step.aws.called("StopServiceDeployment") == [{"serviceDeploymentArn": MINE, "stopType": "ROLLBACK"}]
    assert "ended as ROLLBACK_SUCCESSFUL: it has not ended within 20 min (service dev-web)" in step.failure


@pytest.mark.parametrize(
    ("desired", "failed", "stops"), [(2, 2, 0), (2, 3, 1), (8, 3, 0), (8, 4, 1), (7, 4, 1), (7, 3, 0)]
)
def test_tasks_that_fail_one_after_another_end_it(
    monkeypatch: pytest.MonkeyPatch, desired: int, failed: int, stops: int
) -> None:
    looks = [FIRST, mine("IN_PROGRESS"), mine("SUCCESSFUL" if not stops else "ROLLBACK_SUCCESSFUL")]
    step = Step(looks, desired=desired, failed_tasks=failed).run(monkeypatch)
    assert len(step.aws.called("StopServiceDeployment")) == stops
    assert (f"{failed} of its tasks have failed one after another" in step.failure) is bool(stops)


def test_what_failed_before_its_own_revision_is_not_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """ECS's answer may be what was before: a deployment whose tasks failed, too."""
    looks = [FIRST, mine("IN_PROGRESS"), mine("IN_PROGRESS"), mine("SUCCESSFUL")]
    step = Step(looks, runs=[OLD, OLD, CLONE], failed_before=3).run(monkeypatch)
    assert (step.failure, step.aws.called("StopServiceDeployment")) == ("", [])


def test_what_goes_back_already_is_not_told_to(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [FIRST, mine("ROLLBACK_REQUESTED"), mine("STOP_REQUESTED"), mine("STOPPED")]
    step = Step(looks, failed_tasks=9).run(monkeypatch)
    assert step.aws.called("StopServiceDeployment") == []


def test_one_that_has_ended_meanwhile_cannot_be_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [FIRST, mine("IN_PROGRESS"), mine("SUCCESSFUL")]
    step = Step(looks, failed_tasks=3, stop=error("ConflictException")).run(monkeypatch)
    assert step.end


def test_the_first_release_starts_the_tasks_with_the_deployment(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([None, mine("IN_PROGRESS"), mine("SUCCESSFUL")], record="none", desired=0).run(monkeypatch)
    assert step.end
    (update,) = step.aws.called("UpdateService")
    assert (update["taskDefinition"], update["desiredCount"]) == (CLONE, 3)


def test_the_first_release_takes_the_place_of_the_deployment_of_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """With which ECS makes a service: it pauses and calls hooks as any other."""
    looks = [(BEFORE, "IN_PROGRESS", {"lifecycleStage": "POST_TEST_TRAFFIC_SHIFT"}), mine("SUCCESSFUL")]
    step = Step(looks, record="none", desired=0).run(monkeypatch)
    assert step.waited[0] == f"Deploying {CLONE}"
    assert step.end
    with_tasks = Step([looks[0], FIRST, mine("SUCCESSFUL")], record="none", desired=1).run(monkeypatch)
    assert with_tasks.waited[0].startswith("Somebody else's deployment has to end first")


def test_the_first_release_that_fails_ends_at_no_tasks(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is nothing that ECS could go back to."""
    step = Step([None, mine("IN_PROGRESS")], record="none", desired=3, failed_tasks=3).run(monkeypatch)
    assert step.failure.startswith("The first release failed and the service is back at 0 tasks: 3 of its tasks")
    assert step.aws.called("UpdateService")[-1] == {"cluster": "dev", "service": "dev-web", "desiredCount": 0}
    assert step.aws.called("StopServiceDeployment") == []
    ended = Step([None, mine("IN_PROGRESS"), mine("STOPPED")], record="none").run(monkeypatch)
    assert "has ended as STOPPED" in ended.failure
    assert ended.aws.called("UpdateService")[-1]["desiredCount"] == 0


def test_a_call_that_comes_twice_deploys_once(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {EXECUTION_LABEL: "exec-1"}
    step = Step([mine("IN_PROGRESS"), mine("SUCCESSFUL")], runs=[CLONE], labels=own).run(monkeypatch)
    assert step.end
    assert step.aws.called("RegisterTaskDefinition") == step.aws.called("UpdateService") == []


def test_a_retry_of_what_has_failed_deploys_again(monkeypatch: pytest.MonkeyPatch) -> None:
    own = {EXECUTION_LABEL: "exec-1"}
    looks = [(BEFORE, "STOPPED", {}), mine("SUCCESSFUL")]
    step = Step(looks, runs=[CLONE], labels=own).run(monkeypatch)
    assert step.end
    assert len(step.aws.called("UpdateService")) == 1


def test_another_execution_s_clone_is_cloned(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([FIRST, mine("SUCCESSFUL")], labels={EXECUTION_LABEL: "exec-0"}).run(monkeypatch)
    (registered,) = step.aws.called("RegisterTaskDefinition")
    assert registered["containerDefinitions"][0]["dockerLabels"][EXECUTION_LABEL] == "exec-1"
    assert step.end


@pytest.mark.parametrize(("stale", "ends"), [(4, True), (5, False)])
def test_ecs_may_answer_with_what_was_before(monkeypatch: pytest.MonkeyPatch, stale: int, ends: bool) -> None:
    step = Step([FIRST, *([FIRST] * stale), mine("SUCCESSFUL")]).run(monkeypatch)
    assert bool(step.end) is ends
    assert ends or step.failure == f"ECS shows no deployment of {CLONE}. (service dev-web) says so."
