"""Whether an execution's start is another one's: events that come twice, late, and images that are pushed again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession

from pipeline_steps.package.start import Start, earlier, had_before, started_with
from releases.history import History
from releases.record import Release

A, B = ("sha256:" + letter * 64 for letter in "ab")
MONDAY, TUESDAY, WEDNESDAY = (f"2030-01-0{day}T00:00:00Z" for day in (1, 2, 3))


def release(number: int, source: str) -> Release:
    return Release(number, source, "arn", "f", source, f"exec-{number}", "t")


@pytest.mark.parametrize(
    ("start", "released", "before", "nothing"),
    [
        pytest.param(Start("v5"), [], [], "", id="an upload"),
        pytest.param(Start("none"), ["v4"], [], "No image was pushed or promoted", id="a new pipeline where nothing is uploaded"),
        pytest.param(Start("v5"), ["v4"], [Start("v3")], "", id="an upload among others"),
        pytest.param(Start("v5"), ["v6", "v5"], [], "Source v5 has been released already", id="an upload's event late"),
        pytest.param(Start("v5"), [], [Start("v6"), None, Start("v5")], "Source v5 is on its way in an earlier execution", id="an upload's event twice"),
        pytest.param(Start(A, MONDAY), [], [], "", id="a push"),
        pytest.param(Start(B, TUESDAY), [A], [], "", id="a push of another image"),
        pytest.param(Start(A, TUESDAY), [A], [], f"Image {A} is live", id="a push of what is live"),
        pytest.param(Start(A, WEDNESDAY), [B, A], [], "", id="a push of what was live before"),
        pytest.param(Start(A, MONDAY), [B, A], [], f"This push of {A} has been released already, or is on its way", id="a push's event late"),
        pytest.param(Start(A, MONDAY), [], [Start(A, MONDAY)], f"Image {A} is on its way in an earlier execution", id="a push's event twice"),
        pytest.param(Start(A, WEDNESDAY), [], [Start(A, MONDAY)], f"Image {A} is on its way in an earlier execution", id="pushed again at once"),
        pytest.param(Start(A, MONDAY), [], [Start(B, TUESDAY), Start(A, MONDAY)], f"This push of {A} has been released already, or is on its way", id="a push's event after the next one's"),
        pytest.param(Start(A, WEDNESDAY), [A], [Start(B, TUESDAY)], "", id="pushed again while another one is on its way"),
        pytest.param(Start(A, WEDNESDAY), [B], [Start(B, TUESDAY), Start(A, MONDAY)], "", id="there and back before anything is over"),
        pytest.param(Start(A, MONDAY), [A, B, A], [], f"Image {A} is live", id="live again, and the event of its first push"),
        pytest.param(Start(B, TUESDAY), [A, B, A], [], f"This push of {B} has been released already, or is on its way", id="a late event after a rollback"),
        pytest.param(Start(A), [B, A], [], "", id="started by hand"),
        pytest.param(Start(A), [A], [], f"Image {A} is live", id="started by hand for what is live"),
        pytest.param(Start(A, MONDAY), [B, "v1"], [], f"After this push of {A} a later one has been taken", id="a push's first event after the next one's release"),
        pytest.param(Start(A, MONDAY), ["v1"], [Start(B, TUESDAY)], f"After this push of {A} a later one has been taken", id="a push's first event while the next one is on its way"),
        pytest.param(Start(A, WEDNESDAY), [A, "v1"], [None], "", id="a push of what is live while a rollback is on its way"),
        pytest.param(Start(A, WEDNESDAY), ["v1"], [None, Start(A, TUESDAY)], "", id="a push again behind a rollback"),
        pytest.param(Start(A, WEDNESDAY), [B, A], [Start(A, MONDAY)], "", id="a real push behind an event that comes late"),
        pytest.param(Start(B, WEDNESDAY), [A, "v1"], [None], "", id="a push of another image behind a rollback"),
    ],
)  # fmt: skip
def test_whether_another_one_had_the_same_start(
    start: Start, released: Sequence[str], before: Sequence[Start | None], nothing: str
) -> None:
    """The pushes were on Monday and Tuesday: A, and B after it; `released` is newest first."""
    pushed = {A: MONDAY, B: TUESDAY}
    releases = [release(len(released) - n, source) for n, source in enumerate(released)]
    starts = {each.execution: Start(each.source_version, pushed.get(each.source_version, "none")) for each in releases}
    assert had_before(start, History(releases), before, starts.__getitem__) == nothing


def execution(source: str | None = "v5", **variables: str) -> dict[str, object]:
    resolved = [{"name": name, "resolvedValue": value} for name, value in variables.items()]
    return {"variables": resolved, "artifactRevisions": [{"revisionId": source}] if source else []}


@pytest.mark.parametrize(
    ("told", "start"),
    [
        (execution(image="none"), Start("v5")),
        (execution(A, image="none", pushed=MONDAY), Start(A, MONDAY)),
        (execution(A, image="none", pushed="none"), Start(A)),
        (execution(image="live"), None),
        (execution(None, image="none"), None),
        (execution(A, image=B, pushed="none"), None),
    ],
)
def test_what_an_execution_was_started_with(told: dict[str, object], start: Start | None) -> None:
    assert started_with(told) == start


def test_a_push_whose_released_image_has_more_than_was_pushed_is_live() -> None:
    """With the assets of earlier releases it has another digest; the record's source is what was pushed."""
    live = History([Release(1, B, "arn", "f", A, "exec-1", "t")])
    assert had_before(Start(A, TUESDAY), live, [], lambda _: None) == f"Image {A} is live"
    assert had_before(Start(B, TUESDAY), live, [], lambda _: None) == f"Image {B} is live"


def test_the_executions_before_this_one() -> None:
    """As AWS lists them, the newest first; one that is over, and one that deploys what is live, do not count."""
    under_way = {"later": "v9", "mine": "v8", "edit": "v7", "before": "v6", "over": "v5", "first": "v4"}
    session = FakeSession({
        "ListPipelineExecutions": lambda _: {"pipelineExecutionSummaries": [
            {"pipelineExecutionId": each, "status": "Failed" if each == "over" else "InProgress"} for each in under_way
        ]},
        "GetPipelineExecution": lambda given: {"pipelineExecution": execution(
            under_way[given["pipelineExecutionId"]], image="live" if given["pipelineExecutionId"] == "edit" else "none"
        )},
    })  # fmt: skip
    found = earlier(cast(boto3.Session, session), "dev-web", "mine")
    assert found == [None, Start("v6"), Start("v4")]
    assert {each["pipelineName"] for _, each in session.calls} == {"dev-web"}
