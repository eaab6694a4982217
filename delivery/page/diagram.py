"""Diagrams as SVG in columns, in pixels: who may reach what, and the pipelines. Long names end in …, with a title."""

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from delivery.page.export import Export, Reached, Stage
from delivery.page.svg import tag
from releases.failure import shortened

COLUMN, BETWEEN = 220, 84
"""Widths of a box, and of what is between two columns."""
LINE, INSIDE, APART = 18, 10, 16
"""Heights: of a line, of a box's margin, and between two boxes."""
LETTERS, MOST_LINES = 30, 6
"""Of a line and of a box."""
STAGE, NEXT = 132, 26
"""Widths: of a stage, and of the arrow to the next one."""


@dataclass(frozen=True)
class Box:
    """A box.

    Attributes:
        id: what arrows call it.
        title: its first line.
        lines: the others.
        kind: its class.
    """

    id: str
    title: str
    lines: Sequence[str] = ()
    kind: str = ""

    @property
    def shown(self) -> list[str]:
        """Its lines, of which too many are counted instead."""
        if len(self.lines) <= MOST_LINES:
            return list(self.lines)
        return [*self.lines[: MOST_LINES - 1], f"and {len(self.lines) - MOST_LINES + 1} more"]

    @property
    def height(self) -> int:
        """In pixels."""
        return 2 * INSIDE + LINE * (1 + len(self.shown))


@dataclass(frozen=True)
class Arrow:
    """From a box to another one."""

    start: str
    end: str
    label: str = ""


Columns = Sequence[Sequence[Box]]


def reach(export: Export) -> Markup:
    """Who may reach what: addresses, the load balancer, services, and what they connect to."""
    columns, arrows = laid_out(export)
    words = "; ".join(
        f"{_title(columns, a.start)} to {_title(columns, a.end)}{f', {a.label}' if a.label else ''}" for a in arrows
    )
    return _picture(f"Who may reach what in {export.stack}: {words or 'nothing'}.", *_columns(columns, arrows))


def laid_out(export: Export) -> tuple[Columns, list[Arrow]]:
    """The boxes by columns, and the arrows between them."""
    entrance, services = export.entrance, export.services
    sources, balancers, arrows = list[Box](), list[Box](), list[Arrow]()
    if entrance:
        listeners = [f"{port} {words}" for port, words in entrance.listeners.items()]
        lines = [*(["internal"] if entrance.internal else []), *listeners]
        balancers.append(Box("balancer", entrance.name or "a load balancer", lines or ["of another stack"], "entrance"))
        if entrance.allowed:
            title = "the internet" if entrance.public else "allowed addresses"
            sources.append(Box("source", title, entrance.allowed, "outside"))
            arrows.append(Arrow("source", "balancer", ", ".join(map(str, entrance.listeners))))
    names = {service.name for service in services}
    for service in services:
        if service.ports:
            arrows.append(Arrow("balancer", service.name, ", ".join(map(str, service.ports))))
        arrows += [Arrow(service.name, target, ports) for target, ports in service.connects_to.items()]
    others = dict.fromkeys(target for service in services for target in service.connects_to if target not in names)
    return [
        sources,
        balancers,
        [_service(each) for each in services],
        [Box(each, each, ["security group"], "outside") for each in others],
    ], arrows


def _service(service: Reached) -> Box:
    return Box(service.name, service.name, service.hosts or ["not behind the load balancer"], "service")


def pipelines(export: Export) -> Markup:
    """The pipelines: a row for all services whose pipelines are alike, a column for each stage."""
    order, shapes, y, words = stage_order(export.pipelines), list[Markup](), 0, list[str]()
    for stages, services in export.pipelines.items():
        shapes.append(_text(", ".join(services), 0, y + LINE, "title", letters=120))
        y += LINE + 10
        boxes = {
            stage.name: Box(stage.name, stage.name, [f"{n}: {by}" for n, by in stage.actions], "stage")
            for stage in stages
        }
        tallest = max((box.height for box in boxes.values()), default=0)
        places = {name: index * (STAGE + NEXT) for index, name in enumerate(order)}
        for before, after in itertools.pairwise(stages):
            middle = y + INSIDE + LINE // 2
            shapes.append(_line(places[before.name] + STAGE, middle, places[after.name], middle))
        shapes += [_box(box, places[name], y, STAGE, 18, tallest) for name, box in boxes.items()]
        words.append(f"{', '.join(services)}: {', then '.join(stage.name for stage in stages)}")
        y += tallest + APART
    width = len(order) * (STAGE + NEXT)
    return _picture(f"The pipelines of {export.stack}: {'; '.join(words) or 'none'}.", width, y, shapes)


def stage_order(found: Iterable[Sequence[Stage]]) -> list[str]:
    """The stages of all pipelines, each after what comes before it."""
    order = list[str]()
    for stages in sorted(found, key=len, reverse=True):
        place = 0
        for stage in stages:
            if stage.name in order:
                place = order.index(stage.name) + 1
            else:
                order.insert(place, stage.name)
                place += 1
    return order


def _columns(columns: Columns, arrows: Sequence[Arrow]) -> tuple[int, int, list[Markup]]:
    """Width, height and shapes; a column without boxes takes no room, and each is in the middle of the height."""
    shown = [column for column in columns if column]
    heights = [sum(box.height + APART for box in column) - APART for column in shown]
    height, places, shapes = max(heights, default=0), dict[str, tuple[int, int, int]](), list[Markup]()
    for index, (column, own) in enumerate(zip(shown, heights, strict=True)):
        x, y = index * (COLUMN + BETWEEN), (height - own) // 2
        for box in column:
            places[box.id] = (x, y, box.height)
            shapes.append(_box(box, x, y, COLUMN, LETTERS))
            y += box.height + APART
    lines = [shape for arrow in arrows for shape in _arrow(arrow, places)]
    return len(shown) * (COLUMN + BETWEEN), height, [*lines, *shapes]


def _arrow(arrow: Arrow, places: Mapping[str, tuple[int, int, int]]) -> Iterator[Markup]:
    (x1, top1, height1), (x2, top2, height2) = places[arrow.start], places[arrow.end]
    y1, y2 = top1 + height1 // 2, top2 + height2 // 2
    if x1 == x2:
        right = x1 + COLUMN
        path = f"M{right} {y1} C{right + 40} {y1} {right + 40} {y2} {right + 6} {y2}"
        x, anchor = right + 34, "start"
    else:
        left, right = x1 + COLUMN, x2
        middle = (left + right) // 2
        path = f"M{left} {y1} C{middle} {y1} {middle} {y2} {right - 6} {y2}"
        x, anchor = right - 10, "end"
    yield tag("path", d=path, class_="arrow", marker_end="url(#arrow)")
    if arrow.label:
        yield tag("text", arrow.label, x=x, y=y2 - 5, class_=f"tick port {anchor}")


def _box(box: Box, x: int, y: int, width: int, letters: int, height: int = 0) -> Markup:
    parts = [tag("rect", x=x, y=y, width=width, height=height or box.height, rx=6, class_=f"box {box.kind}")]
    parts.append(_text(box.title, x + INSIDE, y + INSIDE + 13, "title", letters))
    for number, line in enumerate(box.shown, 1):
        parts.append(_text(line, x + INSIDE, y + INSIDE + 13 + number * LINE, "line", letters))
    return tag("g", Markup().join(parts))


def _text(text: str, x: int, y: int, kind: str, letters: int) -> Markup:
    """A line; the whole of a long one is its title."""
    shown = shortened(text, letters)
    return tag("text", shown if shown == text else tag("title", text) + shown, x=x, y=y, class_=kind)


def _line(x1: int, y1: int, x2: int, y2: int) -> Markup:
    return tag("path", d=f"M{x1} {y1} H{x2 - 6}", class_="arrow", marker_end="url(#arrow)")


def _title(columns: Columns, id: str) -> str:
    return next(box.title for column in columns for box in column if box.id == id)


def _picture(text: str, width: int, height: int, shapes: Iterable[Markup]) -> Markup:
    size = {"width": width + 2, "height": height + 2, "viewBox": f"-1 -1 {width + 2} {height + 2}"}
    return tag("svg", Markup().join(shapes), role="img", aria_label=text, **size)
