"""Following an execution: what is told, once a minute at least, and that the wait has an end of its own."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import pytest
from delivery_aws import FakeAws, action

from releases.errors import DeliveryError
from releases.pipeline import Pipeline
from releases.progress import Progress


@dataclass
class Clock:
    """Time passes only while somebody sleeps; `later` happens then.

    Attributes:
        now: in seconds.
        least: how many pass at least; AWS's clients take a millisecond for each look, and there are hours of them.
        later: is told how late it is.
    """

    now: float = 0.0
    least: float = 0.0
    later: Callable[[float], None] = field(default=lambda _: None)

    def sleep(self, seconds: float) -> None:
        self.now += max(seconds, self.least)
        self.later(self.now)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """What everybody takes for the time."""
    clock = Clock()
    monkeypatch.setattr("time.monotonic", lambda: clock.now)
    monkeypatch.setattr("time.sleep", clock.sleep)
    return clock


def running(stage: str, name: str, category: str, provider: str, status: str = "InProgress") -> dict[str, Any]:
    """An action of a provider's."""
    return action(stage, name, category, status, input={"actionTypeId": {"category": category, "provider": provider}})


PACKAGE = running("Package", "Package", "Build", "CodeBuild")
APPROVE = running("Approve", "Approve", "Approval", "Manual")
DEPLOY = running("Deploy", "Deploy", "Deploy", "ECS")
SHIFT = running("Deploy", "Deploy", "Deploy", "CodeDeployToECS")
MIGRATE = running("Deploy", "Migrate", "Invoke", "Lambda")
HOUR, DAY = 60, 24 * 60


@pytest.mark.parametrize(
    ("mine", "others", "where", "minutes"),
    [
        ([DEPLOY], None, "is in Deploy / Deploy", HOUR),
        ([{**PACKAGE, "status": "Succeeded"}, SHIFT], None, "is in Deploy / Deploy", 5 * DAY),
        ([PACKAGE], None, "is in Package / Package", 16 * HOUR),
        ([MIGRATE], None, "is in Deploy / Migrate", DAY),
        ([APPROVE], None, "is in Approve / Approve", 7 * DAY),
        ([], None, "is between two actions", HOUR),
        ([{**PACKAGE, "status": "Succeeded"}], [APPROVE], "waits for run-1, which is in Approve / Approve", 7 * DAY),
        ([], [], "waits for run-1", HOUR),
    ],
    ids=[
        "ECS",
        "CodeDeploy",
        "a build",
        "a function",
        "an approval",
        "between two",
        "behind one that waits",
        "behind another",
    ],
)
def test_what_never_ends_is_waited_for_so_long(
    clock: Clock, mine: list[dict[str, Any]], others: list[dict[str, Any]] | None, where: str, minutes: int
) -> None:
    aws, logged, clock.least = FakeAws(), list[str](), 30.0 if minutes == HOUR else minutes
    if others is not None:
        aws.executing("InProgress", *others)
    execution = aws.executing("InProgress", *mine)
    with pytest.raises(DeliveryError) as failed:
        Pipeline(aws.session(), "dev-web").follow(execution, logged.append)
    assert str(failed.value) == (
        f"Execution {execution} {where} for more than {minutes} minutes, which is longer than that may take; {execution} "
        "of dev-web is InProgress and goes on without this command"
    )
    assert minutes * 60 < clock.now <= minutes * 60 + clock.least
    so_far = [line for line in logged if line.endswith(" s so far")]
    assert so_far[0] == f"Execution {execution} {where}, {max(60.0, clock.least):.0f} s so far"
    assert len(so_far) in (60, 61)


def test_each_action_has_its_own_time(clock: Clock) -> None:
    """Four that are each just in time."""
    aws, logged = FakeAws(), list[str]()
    names = iter(["Migrate", "Deploy", "Release"])
    clock.least = 59 * 60 - 1
    execution = aws.executing("InProgress", {**DEPLOY, "actionName": "Template", "actionExecutionId": "Template"})
    actions = aws.pipeline["actions"][execution]

    def later(_: float) -> None:
        actions[-1]["status"] = "Succeeded"
        name = next(names, None)
        if name is None:
            aws.pipeline["executions"][0]["status"] = "Succeeded"
        else:
            actions.append({**DEPLOY, "actionName": name, "actionExecutionId": name})

    clock.later = later
    Pipeline(aws.session(), "dev-web").follow(execution, logged.append)
    assert logged == [
        "Deploy / Template: InProgress",
        *(
            line
            for before, name in (("Template", "Migrate"), ("Migrate", "Deploy"), ("Deploy", "Release"))
            for line in (f"Deploy / {before}: Succeeded", f"Deploy / {name}: InProgress")
        ),
        "Deploy / Release: Succeeded",
        f"Execution {execution}: Succeeded",
    ]
    assert clock.now > 3 * 60 * 60


def test_what_a_step_has_done_is_told(clock: Clock) -> None:
    """A build's or a source's result says nothing that is not known."""
    aws, logged = FakeAws(), list[str]()
    said = {"externalExecutionSummary": "Released A\nas release-2"}
    aws.executing(
        "Succeeded",
        action("Source", "Source", "Source", result=said),
        action("Deploy", "Migrate", "Invoke", result={}),
        action("Deploy", "Release", "Invoke", result=said),
    )
    Pipeline(aws.session(), "dev-web").follow("run-1", logged.append)
    assert logged == [
        "Source / Source: Succeeded",
        "Deploy / Migrate: Succeeded",
        "Deploy / Release: Succeeded, Released A as release-2",
        "Execution run-1: Succeeded",
    ]


def test_progress_says_what_is_new_at_once_and_what_is_not_once_a_minute(clock: Clock) -> None:
    logged: list[str] = []
    progress = Progress(logged.append)
    for words, known, seconds in (("a", False, 59), ("a", False, 1), ("a", False, 59), ("b", True, 60), ("b", True, 1)):
        progress.waits(words, known=known)
        clock.sleep(seconds)
    assert logged == ["a", "a, 60 s so far", "b, 60 s so far"]
    assert progress.waits("b") == 61


def test_a_version_is_delivered_as_its_upload_does() -> None:
    aws = FakeAws()
    execution = Pipeline(aws.session(), "dev-web").start_version("v7")
    assert execution
    (started,) = [given for _, operation, given in aws.calls if operation == "StartPipelineExecution"]
    revision = {"actionName": "Source", "revisionType": "S3_OBJECT_VERSION_ID", "revisionValue": "v7"}
    assert {key: started[key] for key in ("name", "sourceRevisions")} == {
        "name": "dev-web",
        "sourceRevisions": [revision],
    }
