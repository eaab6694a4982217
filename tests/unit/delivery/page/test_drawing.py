"""Timelines as SVG."""

import re
from datetime import timedelta

import pytest
from page_facts import NOW, Page, ago, delivery, deployment, step

from delivery.page.drawing import Axis, described, durations, timeline
from delivery.page.facts import Outcome, Share, TaskRun


def shapes(svg: str, kind: str) -> list[tuple[float, float, float, str]]:
    """x, width and height of a kind's rectangles, and their titles."""
    found = re.findall(
        r'<rect x="(.*?)%" y=".*?" width="(.*?)%" height="(.*?)" class="(.*?)"><title>(.*?)</title>', svg
    )
    return [(float(x), float(w), float(h), title) for x, w, h, classes, title in found if kind in classes.split()]


def lanes(svg: str) -> list[str]:
    return re.findall(r'class="lane">(.*?)<', svg)


def test_an_axis_is_per_cent_of_its_span() -> None:
    axis = Axis(ago(minutes=10), NOW)
    assert [axis.at(ago(minutes=m)) for m in (20, 10, 5, 0, -5)] == [0, 0, 50, 100, 100]
    assert axis.ticks() == [timedelta(minutes=m) for m in (0, 2, 4, 6, 8, 10)]


@pytest.mark.parametrize(
    ("seconds", "ticks"),
    [(1, [0, 1]), (34, [0, 10, 20, 30]), (300, [0, 60, 120, 180, 240, 300]), (900, [0, 300, 600, 900]), (5_000_000, list(range(0, 5_000_001, 604_800)))],
)  # fmt: skip
def test_the_marks_of_an_axis_are_round_and_few(seconds: int, ticks: list[int]) -> None:
    assert [tick.total_seconds() for tick in Axis(NOW, NOW + timedelta(seconds=seconds)).ticks()] == ticks


def test_an_axis_without_time_has_one_mark() -> None:
    assert Axis(NOW, NOW).ticks() == [timedelta()]
    assert Axis(NOW, NOW).at(NOW) == 0


def test_a_timeline_has_the_steps_the_traffic_and_the_tasks() -> None:
    svg = timeline(
        delivery(steps=[step(seconds=240, name="Build"), step(outcome=Outcome.FAILED)], deployments=[deployment()]), NOW
    )
    assert lanes(svg) == ["Pipeline", "Traffic, as configured", "Tasks, up to 2"]
    assert shapes(svg, "step") == [
        (25, 50, 22, "Build, Build: succeeded, 4 min"),
        (25, 12.5, 22, "Deploy, Deploy: failed, 1 min"),
    ]
    assert [title for *_, title in shapes(svg, "failed")] == ["Deploy, Deploy: failed, 1 min"]
    assert shapes(svg, "new")[:2] == [(37.5, 25, 4, "new tasks: 10 %"), (62.5, 37.5, 40, "new tasks: 100 %")]
    assert shapes(svg, "flat") == [
        (0, 31.25, 16, "1 old task"),
        (31.25, 56.25, 16, "1 new task"),
        (31.25, 56.25, 16, "1 old task"),
        (87.5, 12.5, 16, "1 new task"),
    ]
    assert Page(svg).problems == []


def test_it_ends_when_the_last_deployment_does() -> None:
    """A deployment goes back after its pipeline has failed."""
    back = deployment(ended=NOW, outcome=Outcome.FAILED, shares=[Share(ago(minutes=9), 10), Share(ago(minutes=6), 0)])
    svg = timeline(delivery(Outcome.FAILED, deployments=[back]), NOW)
    assert shapes(svg, "new")[0] == (25, 25, 4, "new tasks: 10 %")


@pytest.mark.parametrize(
    ("fields", "name"),
    [
        ({}, "Traffic, as configured"),
        ({"told": True}, "Traffic"),
        ({"strategy": "ROLLING"}, "Traffic, by its tasks"),
    ],
)
def test_the_traffic_says_how_it_is_known(fields: dict[str, object], name: str) -> None:
    assert lanes(timeline(delivery(deployments=[deployment(**fields)]), NOW))[0] == name


def test_a_lane_is_left_out_of_which_nothing_is_known() -> None:
    assert lanes(timeline(delivery(), NOW)) == []
    assert lanes(timeline(delivery(deployments=[deployment(shares=[], tasks=[])]), NOW)) == []
    assert lanes(timeline(delivery(steps=[step()], deployments=[deployment(shares=[])]), NOW)) == [
        "Pipeline",
        "Tasks, up to 2",
    ]


def test_nothing_ran_before_the_first_tasks() -> None:
    new = [TaskRun("new", ago(minutes=9), None, True)]
    assert shapes(timeline(delivery(deployments=[deployment(tasks=new)]), NOW), "old") == []
    assert shapes(timeline(delivery(deployments=[deployment(tasks=[])]), NOW), "old") != []


def test_a_task_that_two_deployments_know_is_drawn_once() -> None:
    first = [TaskRun("a", ago(minutes=11), None, True)]
    second = [TaskRun("a", ago(minutes=11), None, False), TaskRun("b", ago(minutes=8), None, True)]
    svg = timeline(delivery(deployments=[deployment(tasks=first), deployment(tasks=second)]), NOW)
    assert lanes(svg)[-1] == "Tasks, up to 2"
    assert [title for *_, title in shapes(svg, "flat")] == ["1 new task", "2 new tasks"]


def test_a_word_that_does_not_fit_is_left_out() -> None:
    svg = timeline(delivery(steps=[step("Build", seconds=5), step("Deploy", seconds=300)]), NOW)
    assert re.findall(r'class="on .*?">(.*?)<', svg) == ["Deploy"]


def test_what_waits_and_what_runs_look_so() -> None:
    waits = step("Approve", Outcome.RUNNING, category="Approval")
    svg = timeline(delivery(Outcome.RUNNING, steps=[waits, step(outcome=Outcome.RUNNING)]), NOW)
    assert [title for *_, title in shapes(svg, "waiting")] == ["Approve, Approve: in flight, 10 min"]
    assert [title for *_, title in shapes(svg, "running")] == ["Deploy, Deploy: in flight, 10 min"]


def test_a_picture_says_what_it_shows() -> None:
    text = described(delivery(steps=[step()], deployments=[deployment()]), NOW)
    assert text == (
        "an upload, succeeded, 8 min. Pipeline: Deploy 1 min succeeded. CANARY deployment succeeded; new tasks have 10 % "
        "after 3 min, 100 % after 5 min."
    )
    (svg,) = Page(timeline(delivery(steps=[step()]), NOW)).all("svg")
    assert svg["aria-label"] == "an upload, succeeded, 8 min. Pipeline: Deploy 1 min succeeded."


def test_the_bars_are_as_high_as_deliveries_took_long() -> None:
    old = delivery(release=6, started=ago(minutes=20), ended=ago(minutes=18))
    svg = durations([delivery(Outcome.FAILED), old], NOW)
    assert shapes(svg, "done") == [(1.44, 9.12, 18, "6: succeeded, 2 min")]
    assert shapes(svg, "failed") == [(13.44, 9.12, 72, "✕: failed, 8 min")]
    (found,) = Page(svg).all("svg")
    assert found["aria-label"] == "How long deliveries took, the newest last: 6 succeeded in 2 min, ✕ failed in 8 min."


def test_many_bars_share_the_width() -> None:
    svg = durations([delivery()] * 50, NOW)
    assert {width for _, width, _, _ in shapes(svg, "done")} == {1.52}


def test_what_is_drawn_is_escaped() -> None:
    svg = timeline(delivery(what="<b>", steps=[step('"><script>', seconds=400)]), NOW)
    assert {tag for tag, _ in Page(svg).elements} == {"svg", "g", "rect", "title", "text", "line"}
    assert Page(svg).problems == []
