"""Timelines as SVG within the page, whose widths are per cent: text keeps its size on a telephone and on paper.

Colors are the page's (page.css), and none means something by itself: each shape has a title, each picture a text.
"""

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from markupsafe import Markup

from delivery.page.facts import Delivery, Deployment, Outcome, Step
from delivery.page.svg import tag
from delivery.page.words import rough, span

LABEL, GAP, AXIS = 16, 10, 20
"""Heights in pixels: of a lane's name, between lanes, of the axis."""
PIPELINE, TRAFFIC, TASKS, BARS = 22, 40, 32, 72
"""Of the lanes themselves, and of the chart of durations."""
TICKS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 28800, 86400, 172800, 604800)
"""Seconds between two marks of an axis."""
MOST_TICKS = 5
WIDEST = 12.0
"""Per cent of the chart: a bar and its margins."""
LETTER, NARROWEST = 7.0, 290.0
"""Pixels: of a letter, and of a picture on the smallest telephone. A word that does not fit there is left out."""
CLASSES = {Outcome.SUCCEEDED: "done", Outcome.FAILED: "failed", Outcome.STOPPED: "stopped", Outcome.RUNNING: "running"}


@dataclass(frozen=True)
class Axis:
    """Moments as per cent of a picture's width."""

    start: datetime
    end: datetime

    def at(self, moment: datetime) -> float:
        """Where a moment is; what is outside is at the border."""
        whole = (self.end - self.start).total_seconds() or 1.0
        return min(100.0, max(0.0, 100 * (moment - self.start).total_seconds() / whole))

    def ticks(self) -> list[timedelta]:
        """Round spans since the start."""
        whole = (self.end - self.start).total_seconds()
        step = next((each for each in TICKS if whole / each <= MOST_TICKS), TICKS[-1])
        return [timedelta(seconds=step * number) for number in range(int(whole // step) + 1)]


def timeline(delivery: Delivery, now: datetime) -> Markup:
    """The pipeline's actions, the traffic and the tasks of a delivery, on one axis.

    Args:
        delivery: it.
        now: when it was looked at.
    """
    ends = [delivery.ended or now, *(each.ended or now for each in delivery.deployments)]
    axis = Axis(delivery.started, max([*ends, delivery.started + timedelta(seconds=1)]))
    lanes, y, parts = _lanes(delivery, axis, now), 0, list[Markup]()
    for name, height, shapes in lanes:
        parts.append(tag("text", name, x=0, y=y + LABEL - 5, class_="lane"))
        parts += [_moved(shapes, y + LABEL)]
        y += LABEL + height + GAP
    lines = [_axis_mark(axis, tick, y - GAP) for tick in axis.ticks()]
    return _picture(y - GAP + AXIS, described(delivery, now), [*lines, *parts])


def _lanes(delivery: Delivery, axis: Axis, now: datetime) -> Iterator[tuple[str, int, list[Markup]]]:
    if delivery.steps:
        yield "Pipeline", PIPELINE, [_step(step, axis, now) for step in delivery.steps]
    shown = [each for each in delivery.deployments if each.shares]
    if shown:
        yield f"Traffic{_source(shown)}", TRAFFIC, list(_traffic(shown, axis, now))
    runs = [each for each in delivery.deployments if each.tasks]
    if runs:
        most, shapes = _tasks(runs, axis, now)
        yield f"Tasks, up to {most}", TASKS, shapes


def _source(deployments: Sequence[Deployment]) -> str:
    """By what its shares are known, where AWS does not tell them."""
    if all(each.told for each in deployments):
        return ""
    return ", by its tasks" if all(each.strategy == "ROLLING" for each in deployments) else ", as configured"


def described(delivery: Delivery, now: datetime) -> str:
    """What the picture shows, in words."""
    parts = [f"{delivery.what}, {delivery.outcome}, {span(delivery.takes(now))}."]
    if delivery.steps:
        steps = ", ".join(f"{s.name} {span((s.ended or now) - s.started)} {s.outcome}" for s in delivery.steps)
        parts.append(f"Pipeline: {steps}.")
    for each in delivery.deployments:
        shares = ", ".join(f"{s.percent:.0f} % after {span(s.at - delivery.started)}" for s in each.shares)
        parts.append(f"{each.strategy} deployment {each.outcome}{f'; new tasks have {shares}' if shares else ''}.")
    return " ".join(parts)


def durations(deliveries: Sequence[Delivery], now: datetime) -> Markup:
    """A bar for each delivery, the newest at the right; as high as it took long."""
    shown = list(reversed(deliveries))
    longest = max((each.takes(now).total_seconds() for each in shown), default=0) or 1
    width, parts = min(WIDEST, 100 / max(len(shown), 1)), list[Markup]()
    for index, each in enumerate(shown):
        height = max(3.0, BARS * each.takes(now).total_seconds() / longest)
        title, kind = f"{_number(each)}: {each.outcome}, {span(each.takes(now))}", CLASSES[each.outcome]
        middle, top = _percent((index + 0.5) * width), LABEL + BARS - height
        parts.append(_bar((index + 0.12) * width, top, width * 0.76, height, kind, title))
        parts.append(tag("text", rough(each.takes(now)), x=middle, y=f"{top - 4:.0f}", class_="tick middle"))
        parts.append(tag("text", _number(each), x=middle, y=LABEL + BARS + 14, class_="mark middle"))
    words = ", ".join(f"{_number(each)} {each.outcome} in {span(each.takes(now))}" for each in shown)
    return _picture(LABEL + BARS + AXIS, f"How long deliveries took, the newest last: {words}.", parts)


def _number(delivery: Delivery) -> str:
    """What a bar is called: its release, or how it ended."""
    marks = {Outcome.FAILED: "✕", Outcome.STOPPED: "-", Outcome.RUNNING: "…", Outcome.SUCCEEDED: "edit"}
    return str(delivery.release) if delivery.release else marks[delivery.outcome]


def _step(step: Step, axis: Axis, now: datetime) -> Markup:
    left, right = axis.at(step.started), axis.at(step.ended or now)
    kind = "waiting" if step.waits_for_approval else CLASSES[step.outcome]
    title = f"{step.stage}, {step.name}: {step.outcome}, {span((step.ended or now) - step.started)}"
    bar = _bar(left, 0, max(right - left, 0.4), PIPELINE, f"step {kind}", title)
    fits = (right - left) / 100 * NARROWEST >= LETTER * len(step.name) + 8
    return bar + (tag("text", step.name, x=_percent(left), y=15, dx=5, class_=f"on {kind}") if fits else Markup())


def _traffic(deployments: Sequence[Deployment], axis: Axis, now: datetime) -> Iterator[Markup]:
    runs = [run for each in deployments for run in each.tasks]
    if not runs or any(not run.new for run in runs):
        yield _bar(0, 0, 100, TRAFFIC, "old", "what ran before")
    for each in deployments:
        ends = [*(share.at for share in each.shares[1:]), each.ended or now]
        for index, (share, end) in enumerate(zip(each.shares, ends, strict=True)):
            last = index == len(each.shares) - 1
            left, right = axis.at(share.at), 100.0 if last and each.ended else axis.at(end)
            height = TRAFFIC * share.percent / 100
            words = f"{share.percent:.0f} %"
            if height:
                yield _bar(left, TRAFFIC - height, max(right - left, 0.3), height, "new", f"new tasks: {words}")
            if (right - left) / 100 * NARROWEST >= LETTER * len(words) + 8:
                inside = height >= LABEL
                y = TRAFFIC - height + 13 if inside else TRAFFIC - height - 4
                yield tag("text", words, x=_percent(left), y=f"{y:.0f}", dx=5, class_="on new" if inside else "on old")


def _tasks(deployments: Iterable[Deployment], axis: Axis, now: datetime) -> tuple[int, list[Markup]]:
    """The most tasks at a time, and how many of them there are of each kind, one upon the other."""
    lives = dict[str, tuple[datetime, datetime, bool]]()
    for run in (run for each in deployments for run in each.tasks):  # one of them may be old to the next deployment
        lives[run.id] = (run.started, run.ended or now, run.new or (run.id in lives and lives[run.id][2]))
    inside = {at for *life, _ in lives.values() for at in life if axis.start < at < axis.end}
    moments = sorted({axis.start, axis.end, *inside})

    def running(left: datetime, kind: bool) -> int:
        return sum(began <= left < ended and new is kind for began, ended, new in lives.values())

    counts = [(left, right, running(left, True), running(left, False)) for left, right in itertools.pairwise(moments)]
    most = max((new + old for _, _, new, old in counts), default=0)
    shapes = list[Markup]()
    for left, right, new, old in counts:
        x, width, below = axis.at(left), axis.at(right) - axis.at(left), float(TASKS)
        for kind, count in (("new", new), ("old", old)):
            height = TASKS * count / most if most else 0
            below -= height
            if count:
                shapes.append(_bar(x, below, width, height, f"flat {kind}", f"{count} {kind} task{'s' * (count > 1)}"))
    return most, shapes


def _axis_mark(axis: Axis, tick: timedelta, bottom: int) -> Markup:
    x = axis.at(axis.start + tick)
    anchor = "" if x < 3 else " end" if x > 95 else " middle"
    line = tag("line", x1=_percent(x), x2=_percent(x), y1=LABEL, y2=bottom + 4, class_="grid")
    return line + tag("text", span(tick) if tick else "0", x=_percent(x), y=bottom + 16, class_=f"tick{anchor}")


def _bar(x: float, y: float, width: float, height: float, kind: str, title: str) -> Markup:
    return tag(
        "rect",
        tag("title", title),
        x=_percent(x),
        y=f"{y:.1f}",
        width=_percent(width),
        height=f"{height:.1f}",
        class_=kind,
    )


def _moved(shapes: Iterable[Markup], y: int) -> Markup:
    return tag("g", Markup().join(shapes), transform=f"translate(0 {y})")


def _picture(height: int, text: str, parts: Iterable[Markup]) -> Markup:
    return tag("svg", Markup().join(parts), role="img", aria_label=text, width="100%", height=height)


def _percent(value: float) -> str:
    return f"{value:.2f}%"
