"""What the Release step waits for, refuses and writes."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import Any, cast

import boto3
import pytest
from botocore.exceptions import ClientError
from pipeline_steps_fakes import FakeSession, error

from pipeline_steps import announcement, release
from pipeline_steps.job import Done, Job, StepError, Waiting
from pipeline_steps.settings import Settings
from releases.record import FINGERPRINT_LABEL

Json = dict[str, Any]
DIGEST, EARLIER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
REVISION, OLD = (f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{n}" for n in (8, 7))
NOW = 1_700_000_000.0
RECORD = json.dumps({
    "schema": 1, "release": 1, "image_digest": EARLIER, "task_definition": OLD, "template_fingerprint": "f0",
    "source_version": "v0", "execution": "exec-0", "time": "2026-01-01T00:00:00Z",
})  # fmt: skip


def look(state: str | None = "COMPLETED", reason: str = "r", deployment: str = "ecs-svc/8", **fields: Any) -> Json:
    """What DescribeServices says at one moment."""
    primary = {
        "id": deployment, "status": "PRIMARY", "taskDefinition": fields.pop("revision", REVISION),
        "rolloutStateReason": reason, "runningCount": 1, "createdAt": datetime.fromtimestamp(NOW - 60, UTC),
        **({} if state is None else {"rolloutState": state}),
    }  # fmt: skip
    return {
        "desiredCount": 1, "deployments": [primary], "events": [{"message": "(service dev-web) says so."}], **fields,
    }  # fmt: skip


ALICE = "arn:aws:iam::123456789012:user/alice"


@dataclass
class Step:
    """The step's calls, one after another until it is over."""

    looks: list[Json]
    record: str = RECORD
    given: Json = field(default_factory=dict)
    settings: Json = field(default_factory=dict)
    manifest: str = "{}"
    stopped: list[Json] = field(default_factory=list)
    running: list[Json] = field(default_factory=list)
    refused: dict[str, Any] = field(default_factory=dict)
    seconds: float = 30.0
    state: Json = field(default_factory=dict)
    images: dict[str, list[str]] = field(
        default_factory=lambda: {DIGEST: ["content-1"], EARLIER: ["release-1", "live"]}
    )
    execution: Json = field(default_factory=lambda: {"trigger": {"triggerType": "…", "triggerDetail": ALICE}})
    aws: FakeSession = field(init=False)
    waited: list[str] = field(default_factory=list)
    end: Done | None = None
    failure: str = ""

    def run(self, monkeypatch: pytest.MonkeyPatch) -> Step:
        left = list(self.looks)
        self.aws = FakeSession({
            "DescribeServices": lambda _: {"services": [left.pop(0) if len(left) > 1 else left[0]]},
            "DescribeScalableTargets": lambda _: {"ScalableTargets": [{"MaxCapacity": 0}]},
            "UpdateService": lambda _: {"service": look("IN_PROGRESS")},
            "DescribeTaskDefinition": self._definition,
            "DescribeImages": self._image,
            "ListTasks": self._list,
            "DescribeTasks": lambda given: {
                "tasks": [t for t in [*self.stopped, *self.running] if t["taskArn"] in given["tasks"]]
            },
            "GetPipelineExecution": lambda _: {"pipelineExecution": self.execution},
            "GetParameter": lambda _: {"Parameter": {"Value": self.record, "Version": 2}},
            "BatchGetImage": lambda _: {"images": [{"imageManifest": self.manifest, "imageManifestMediaType": "media"}]},
            **{name: partial(_refuse, why) for name, why in self.refused.items()},
        })  # fmt: skip
        fields: Json = {
            "pipeline": "dev-web", "cluster": "dev", "service": "dev-web", "controller": "ECS", "containers": ("web",), "sidecars": (),
            "minimum_tasks": 1, "deploy_minutes": 15, "repository": "dev-web", "record": "/record", "repository_uri": "registry/dev-web", **self.settings,
        }  # fmt: skip
        given = {
            "digest": DIGEST, "source": "v1", "commit": "c", "repository": "team/web", "uploaded": "0",
            "execution": "exec-1", **self.given,
        }  # fmt: skip
        state, now = self.state, NOW
        for _ in range(100):
            monkeypatch.setattr(time, "time", partial(float, now))
            job = Job("job", "release", given, {}, {}, {}, json.loads(json.dumps(state)))
            try:
                outcome = release.run(cast(boto3.Session, self.aws), Settings(**fields), job)
            except StepError as why:
                self.failure = str(why)
                return self
            if isinstance(outcome, Done):
                self.end = outcome
                return self
            assert isinstance(outcome, Waiting)
            assert len(json.dumps(outcome.state)) <= 2048
            self.waited.append(outcome.summary)
            state, now = dict(outcome.state), now + self.seconds
        raise AssertionError("the step never ends")

    def _list(self, given: Json) -> list[Json]:
        tasks = self.stopped if given["desiredStatus"] == "STOPPED" else self.running
        parts = [tasks[start : start + 100] for start in range(0, len(tasks), 100)]
        return [{"taskArns": [each["taskArn"] for each in part]} for part in parts]

    def _definition(self, given: Json) -> Json:
        digest = {REVISION: DIGEST, OLD: EARLIER}[given["taskDefinition"]]
        labels = {FINGERPRINT_LABEL: "f1"}
        return {"taskDefinition": {"containerDefinitions": [{"name": "web", "image": f"registry/web@{digest}", "dockerLabels": labels}]}}  # fmt: skip

    def _image(self, given: Json) -> Any:
        (wanted,) = given["imageIds"]
        found = [digest for digest, tags in self.images.items() if wanted.get("imageTag") in tags]
        return {"imageDetails": [{"imageDigest": found[0]}]} if found else error("ImageNotFoundException")

    @property
    def wrote(self) -> list[str]:
        """The writes that make a release, in their order."""
        names = {"PutImage": "imageTag", "PutParameter": "Name", "RegisterScalableTarget": "ResourceId"}
        return [given[names[operation]] for operation, given in self.aws.calls if operation in names]


@pytest.mark.parametrize(
    "unknown", [{"execution": {}}, {"refused": {"GetPipelineExecution": error("AccessDeniedException")}}]
)
def test_a_release_does_not_end_over_who_has_started_it(unknown: Json, monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look()], **unknown).run(monkeypatch)
    (put,) = step.aws.called("PutParameter")
    assert json.loads(put["Value"])["by"] == ""


def _refuse(why: ClientError, given: Json) -> ClientError:
    return why


RELEASED = ["release-2", "live", "/record"]
ROLLED_BACK = look("IN_PROGRESS", "ECS deployment circuit breaker: rolling back.", "ecs-svc/9", revision=OLD)
FIRST = {**look("IN_PROGRESS", deployment="ecs-svc/7"), "desiredCount": 0}


def test_a_deployment_that_has_completed_is_the_release(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look()]).run(monkeypatch)
    assert step.end == Done(f"Released {DIGEST} as release-2, {REVISION}")
    assert step.wrote == RELEASED
    (put,) = step.aws.called("PutParameter")
    assert json.loads(put["Value"]) == {
        "schema": 1, "release": 2, "image_digest": DIGEST, "task_definition": REVISION, "template_fingerprint": "f1",
        "source_version": "v1", "execution": "exec-1", "time": "2023-11-14T22:13:20Z", "commit": "c",
        "repository": "team/web", "sidecars": "", "by": ALICE, "without_migration": False,
    }  # fmt: skip
    assert step.aws.called("ListTasks") == []


@pytest.mark.parametrize(
    ("migration", "without", "took"),
    [("run", False, "without a new source"), ("skip", True, "without a new source, its migration left out")],
)
def test_a_release_says_that_the_migration_was_left_out(
    monkeypatch: pytest.MonkeyPatch, migration: str, without: bool, took: str
) -> None:
    step = Step([look()], given={"migration": migration}).run(monkeypatch)
    (put,) = step.aws.called("PutParameter")
    assert json.loads(put["Value"])["without_migration"] is without
    (event,) = step.aws.called("PutEvents")
    detail = json.loads(event["Entries"][0]["Detail"])
    assert (detail["without_migration"], detail["took"]) == (without, took)


@pytest.mark.parametrize(
    ("desired", "words", "asked"),
    [(1, "It is back at 0 tasks", [0]), (3, "It wants 3 task(s) now, and keeps them", [])],
)
def test_a_service_that_was_woken_for_it_sleeps_again(
    desired: int, words: str, asked: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    step = Step([{**look(), "desiredCount": desired}], given={"woken": "yes"}).run(monkeypatch)
    assert step.end == Done(f"Released {DIGEST} as release-2, {REVISION} {words}")
    assert [given["desiredCount"] for given in step.aws.called("UpdateService")] == asked


def test_an_index_of_platforms_is_tagged_as_what_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    index = '{"schemaVersion":2,"manifests":[{"digest":"sha256:c"}]}'
    step = Step([look()], manifest=index).run(monkeypatch)
    for put in step.aws.called("PutImage"):
        assert put["imageManifest"] == index
        assert (put["imageDigest"], put["imageManifestMediaType"]) == (DIGEST, "media")


def test_a_deployment_in_its_bake_time_is_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look("IN_PROGRESS", "in progress.")] * 9 + [look()]).run(monkeypatch)
    assert step.wrote == RELEASED
    assert set(step.waited) == {"Deployment ecs-svc/8 is IN_PROGRESS, 1 of 1 task(s) run: in progress."}
    assert len(step.waited) == 9


def test_where_ecs_says_no_state_it_has_completed(monkeypatch: pytest.MonkeyPatch) -> None:
    assert Step([look(None)]).run(monkeypatch).wrote == RELEASED


def test_what_this_execution_released_already_is_told_again_and_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look()], record=RECORD.replace("exec-0", "exec-1")).run(monkeypatch)
    assert step.end == Done("Released by this execution already, as release-1")
    assert step.wrote == []
    assert len(step.aws.called("PutEvents")) == 1


OF_ANOTHER = RECORD.replace(EARLIER, DIGEST).replace(OLD, REVISION)


@pytest.mark.parametrize("code_deploy", [False, True])
def test_what_another_execution_has_released_is_not_released_again(
    monkeypatch: pytest.MonkeyPatch, code_deploy: bool
) -> None:
    """A release without the pipeline has come first. The event tells this execution's commit of it."""
    looks = [task_set(1, "STEADY_STATE")] if code_deploy else [look("IN_PROGRESS"), look()]
    settings = BLUE_GREEN if code_deploy else {}
    step = Step(looks, record=OF_ANOTHER, given={"woken": "yes"}, settings=settings).run(monkeypatch)
    assert step.end == Done(f"Execution exec-0 has released {REVISION} already, as release-1 It is back at 0 tasks")
    assert step.wrote == []
    (event,) = step.aws.called("PutEvents")
    detail = json.loads(event["Entries"][0]["Detail"])
    assert (detail["release"], detail["execution-id"], detail["commit"]) == (1, "exec-1", "c")


@pytest.mark.parametrize("record", [RECORD.replace(EARLIER, DIGEST), RECORD.replace(OLD, REVISION)])
def test_the_live_image_in_another_revision_is_another_release(monkeypatch: pytest.MonkeyPatch, record: str) -> None:
    assert Step([look()], record=record).run(monkeypatch).wrote == RELEASED


def test_a_release_that_was_cut_off_after_its_tag_keeps_its_number(monkeypatch: pytest.MonkeyPatch) -> None:
    images = {DIGEST: ["release-2"], EARLIER: ["release-1", "live"]}
    assert Step([look()], images=images).run(monkeypatch).wrote == RELEASED
    taken = {DIGEST: [], EARLIER: ["release-2", "live"]}
    assert Step([look()], images=taken).run(monkeypatch).wrote[0] == "release-3"


GONE_BACK = (
    f"The service runs registry/web@{EARLIER} in web, not {DIGEST}: it was rolled back. (service dev-web) says so."
)
FAILURES = {
    "it is failed": (
        [look("IN_PROGRESS"), look("IN_PROGRESS"), look("FAILED", "tasks failed to start.")],
        f"The deployment of {REVISION} has failed: ECS has ended it as FAILED: tasks failed to start. (service dev-web) says so.",
    ),
    "it is rolled back meanwhile": (
        [*[look("IN_PROGRESS")] * 4, ROLLED_BACK],
        f"The deployment of {OLD} has failed: something else is deployed instead, ecs-svc/9: ECS deployment circuit breaker: rolling back. (service dev-web) says so.",
    ),
    "it was rolled back before": ([ROLLED_BACK], GONE_BACK),
    "it was rolled back, and that has completed": (
        [look("COMPLETED", deployment="ecs-svc/9", revision=OLD)],
        GONE_BACK,
    ),
    "it was deployed again with an earlier image as it completed": (
        [*[look("IN_PROGRESS")] * 3, look("COMPLETED", deployment="ecs-svc/9", revision=OLD)],
        f"The deployment of {OLD} has failed: something else is deployed instead, ecs-svc/9: r. (service dev-web) says so.",
    ),
    "it never completes": (
        [look("IN_PROGRESS", "in progress.")],
        f"The deployment of {REVISION} has failed: it has not completed within 15 min and goes on: in progress. (service dev-web) says so.",
    ),
}


@pytest.mark.parametrize("case", FAILURES)
def test_what_is_not_released(monkeypatch: pytest.MonkeyPatch, case: str) -> None:
    looks, words = FAILURES[case]
    step = Step(looks).run(monkeypatch)
    assert (step.failure, step.wrote) == (words, [])
    assert step.aws.called("UpdateService") == []


def test_an_answer_of_before_the_change_is_not_taken_for_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first release has just updated the service."""
    before = look("COMPLETED", deployment="ecs-svc/7")
    step = Step([{**before, "desiredCount": 0}, before, before, look("IN_PROGRESS"), look()], "none").run(monkeypatch)
    assert step.wrote == ["service/dev/dev-web", *RELEASED]


def test_the_first_release_starts_tasks_and_waits_for_them(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([FIRST, FIRST, look("IN_PROGRESS"), look()], "none").run(monkeypatch)
    assert step.wrote == ["service/dev/dev-web", *RELEASED]
    (update,) = step.aws.called("UpdateService")
    assert (update["desiredCount"], update["forceNewDeployment"]) == (1, True)
    (scaling,) = step.aws.called("RegisterScalableTarget")
    assert scaling == {
        "ServiceNamespace": "ecs",
        "ScalableDimension": "ecs:service:DesiredCount",
        "ResourceId": "service/dev/dev-web",
        "SuspendedState": {
            "DynamicScalingInSuspended": False,
            "DynamicScalingOutSuspended": False,
            "ScheduledScalingSuspended": False,
        },
    }


NO_ROOM = "(service dev-web) was unable to place a task. Reason: You've reached the limit on the number of vCPUs."


@pytest.mark.parametrize("state", ["FAILED", "IN_PROGRESS"], ids=["failed", "no capacity"])
def test_a_first_release_that_gets_no_tasks_leaves_nothing_half_done(
    monkeypatch: pytest.MonkeyPatch, state: str
) -> None:
    looks = [FIRST, FIRST, {**look(state, "tasks failed to start."), "events": [{"message": NO_ROOM}]}]
    step = Step(looks, "none").run(monkeypatch)
    assert step.wrote == []
    assert [update["desiredCount"] for update in step.aws.called("UpdateService")] == [1, 0]
    assert step.failure.startswith("The first release failed and the service is back at 0 tasks: ")
    assert "tasks failed to start. " in step.failure
    assert step.failure.endswith(NO_ROOM)


def test_a_first_release_of_another_image_resumes_no_scaling(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look(revision=OLD)], "none").run(monkeypatch)
    assert (step.failure, step.wrote) == (GONE_BACK, [])


BLUE_GREEN = {"controller": "CODE_DEPLOY", "service": "dev-web-codedeploy"}


def task_set(running: int, state: str, desired: int = 1) -> Json:
    primary = {"id": "ecs-svc/5", "status": "PRIMARY", "taskDefinition": REVISION, "runningCount": running,
               "stabilityStatus": state, "createdAt": datetime.fromtimestamp(NOW, UTC)}  # fmt: skip
    return {**look(), "desiredCount": desired, "deployments": [], "taskSets": [primary]}


def test_the_first_tasks_of_code_deploy_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    looks = [task_set(0, "STEADY_STATE", 0), task_set(0, "STABILIZING"), task_set(1, "STABILIZING"),
             task_set(1, "STEADY_STATE")]  # fmt: skip
    step = Step(looks, "none", settings=BLUE_GREEN).run(monkeypatch)
    assert step.wrote == ["service/dev/dev-web-codedeploy", *RELEASED]
    (update,) = step.aws.called("UpdateService")
    assert "forceNewDeployment" not in update, "that controller refuses it"
    assert step.waited[1:] == [
        "The task set is STABILIZING, 0 of 1 task(s) run.",
        "The task set is STABILIZING, 1 of 1 task(s) run.",
    ]


def test_what_code_deploy_has_deployed_is_not_waited_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([task_set(0, "STABILIZING")], settings=BLUE_GREEN).run(monkeypatch)
    assert (step.wrote, step.waited) == (RELEASED, [])


@pytest.mark.parametrize(("mine", "stopped", "calls"), [(3, 4, 1), (200, 250, 3)])
def test_tasks_of_code_deploy_that_stop_again_and_again_end_the_first_release(
    monkeypatch: pytest.MonkeyPatch, mine: int, stopped: int, calls: int
) -> None:
    tasks = [{"taskArn": f"t{n}", "startedBy": "ecs-svc/5" if n < mine else "ecs-svc/4"} for n in range(stopped)]
    step = Step([task_set(0, "STABILIZING", 0), task_set(0, "STABILIZING")], "none", settings=BLUE_GREEN, stopped=tasks)
    assert f"back at 0 tasks: {mine} of its tasks have stopped." in step.run(monkeypatch).failure
    assert step.wrote == []
    for listed in step.aws.called("ListTasks"):
        assert listed.keys() == {"cluster", "serviceName", "desiredStatus"}
    assert len(step.aws.called("DescribeTasks")) == calls * len(step.aws.called("ListTasks")), "a hundred at once"


def test_the_metrics_have_the_dimension_that_the_dashboard_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    step = Step([look()], given={"uploaded": str(int(NOW) - 90)}).run(monkeypatch)
    (put,) = step.aws.called("PutMetricData")
    assert {each["MetricName"]: each["Value"] for each in put["MetricData"]} == {
        "Releases": 1.0, "DeploymentDuration": 60.0, "LeadTime": 90.0,
    }  # fmt: skip
    assert {json.dumps(metric["Dimensions"]) for metric in put["MetricData"]} == {'[{"Name": "PipelineName", "Value": "dev-web"}]'}  # fmt: skip


@pytest.mark.parametrize(("operation", "said"), [("PutEvents", "announced"), ("PutMetricData", "measured")])
def test_a_release_is_one_whether_or_not_it_was_told(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], operation: str, said: str
) -> None:
    step = Step([look()], refused={operation: error("AccessDeniedException", operation)}).run(monkeypatch)
    assert step.wrote == RELEASED
    assert f"The release was not {said}: " in capsys.readouterr().out


@pytest.mark.parametrize(
    ("seconds", "words"), [(0, "0 s"), (61, "1 min 1 s"), (3600, "1 h 0 min 0 s"), (3723, "1 h 2 min 3 s")]
)
def test_how_a_duration_is_told(seconds: int, words: str) -> None:
    assert announcement.duration(seconds) == words


# Sidecars


def task(number: int, revision: str = REVISION, **digests: str) -> Json:
    """A task that runs these."""
    containers = [{"name": "web", "imageDigest": DIGEST}, *({"name": n, "imageDigest": d} for n, d in digests.items())]
    return {"taskArn": f"t{number}", "taskDefinitionArn": revision, "containers": [*containers, {"name": "init"}]}


@pytest.mark.parametrize(
    ("before", "tasks", "recorded", "changed"),
    [
        ("", [task(1, proxy="sha256:1")], "proxy=sha256:1", []),
        ("proxy=sha256:1", [task(1, proxy="sha256:1", otel="sha256:2")], "otel=sha256:2 proxy=sha256:1", []),
        (
            "otel=sha256:2 proxy=sha256:1",
            [task(1, OLD, proxy="sha256:1"), task(2, proxy="sha256:9", otel="sha256:2")],
            "otel=sha256:2 proxy=sha256:9",
            ["proxy from sha256:1 to sha256:9"],
        ),
        (
            "otel=sha256:1 proxy=sha256:1",
            [task(1, proxy="sha256:2", otel="sha256:3")],
            "otel=sha256:3 proxy=sha256:2",
            ["otel from sha256:1 to sha256:3", "proxy from sha256:1 to sha256:2"],
        ),
        (
            "proxy=sha256:1 proxy=sha256:2",
            [task(n, proxy=f"sha256:{n}") for n in (2, 3)],
            "proxy=sha256:2 proxy=sha256:3",
            ["proxy from sha256:1 and sha256:2 to sha256:3"],
        ),
        ("proxy=sha256:1", [], "", []),
    ],
    ids=["not recorded before", "a new one", "a tag that has moved", "two of them", "a tag for each task", "no task"],
)
def test_a_release_that_changes_a_sidecar_says_so(
    monkeypatch: pytest.MonkeyPatch, before: str, tasks: list[Json], recorded: str, changed: list[str]
) -> None:
    record = json.dumps({**json.loads(RECORD), **({"sidecars": before} if before else {})})
    step = Step([look()], record, settings={"sidecars": ("proxy", "otel", "init")}, running=tasks).run(monkeypatch)
    (put,) = step.aws.called("PutParameter")
    assert json.loads(put["Value"])["sidecars"] == recorded
    assert step.end is not None
    assert step.end.summary == " ".join([
        f"Released {DIGEST} as release-2, {REVISION}",
        *(f"Sidecar changed: {each}. A tag names what it named when the deployment began." for each in changed),
    ])  # fmt: skip
    (put,) = step.aws.called("PutEvents")
    detail = json.loads(put["Entries"][0]["Detail"])
    assert (detail["changed"], detail["sidecars"]) == (
        "".join(f". Sidecar changed: {each}" for each in changed),
        recorded,
    )


def test_sidecars_that_may_not_be_looked_at_stop_no_release(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    refused = {"DescribeTasks": error("AccessDeniedException", "DescribeTasks")}
    step = Step([look()], settings={"sidecars": ("proxy",)}, running=[task(1, proxy="sha256:1")], refused=refused)
    assert step.run(monkeypatch).wrote == RELEASED
    assert "What the sidecars run cannot be asked: " in capsys.readouterr().out


def test_a_state_of_another_version_is_read_as_far_as_it_is_known(monkeypatch: pytest.MonkeyPatch) -> None:
    """An `up` gives the function other code while a release waits."""
    step = Step([look("IN_PROGRESS"), look()], state={"deployment": "ecs-svc/8", "since": NOW, "new": 1})
    assert step.run(monkeypatch).wrote == RELEASED
