"""Draws the dashboard's layout from its JSON: `make docs` writes docs/dashboard.svg."""

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from components.platform.dashboard import WIDTH, Charted, body
from components.service.alarms import MEASURES
from releases.names import alarm_name

PICTURE = Path(__file__).parent / "dashboard.svg"
COLUMN, LINE = 44, 26
"""Pixels of a grid unit."""
DEFAULT = "#8c959f"
"""Of what CloudWatch chooses a color for."""
PAPER = '<rect width="100%" height="100%" fill="#ffffff"/>'
SERVICES = [
    Charted(
        service="chuoi",
        ecs_name="prd-chuoi",
        log_group="/ecs/prd-chuoi",
        pipeline="prd-chuoi",
        target_groups=["targetgroup/chuoi-10/1", "targetgroup/chuoi-20/2"],
        jobs=False,
        alarms=["alarm:prd-chuoi", *(f"alarm:{alarm_name('prd-chuoi', alarm)}" for alarm in MEASURES)],
    ),
    Charted(
        service="mailer",
        ecs_name="prd-mailer",
        log_group="/ecs/prd-mailer",
        pipeline="prd-mailer",
        target_groups=[],
        jobs=False,
        alarms=[],
    ),
]
"""Those of stack prd."""


def drawn(dashboard: Mapping[str, Any]) -> str:
    """The layout as SVG: each widget with its title and what it charts."""
    widgets = dashboard["widgets"]
    height = max(widget["y"] + widget["height"] for widget in widgets) * LINE
    shapes = "\n".join(line for widget in widgets for line in _widget(widget))
    size = f'width="{WIDTH * COLUMN}" height="{height}"'
    font = 'font-family="sans-serif" font-size="12"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} {font}>\n{PAPER}\n{shapes}\n</svg>\n'


def _widget(widget: Mapping[str, Any]) -> Iterator[str]:
    left, top = widget["x"] * COLUMN, widget["y"] * LINE
    given = widget["properties"]
    if widget["type"] == "text":
        yield f'<text x="{left + 8}" y="{top + 19}" font-size="16">{escape(given["markdown"].lstrip("# "))}</text>'
        return
    place = f'x="{left + 3}" y="{top + 3}"'
    size = f'width="{widget["width"] * COLUMN - 6}" height="{widget["height"] * LINE - 6}"'
    yield f'<rect {place} {size} rx="6" fill="#f6f8fa" stroke="#8c959f"/>'
    yield f'<text x="{left + 14}" y="{top + 24}" font-weight="bold">{escape(given["title"])}</text>'
    for index, (color, line) in enumerate(_content(given)):
        y = top + 46 + 18 * index
        yield f'<rect x="{left + 14}" y="{y - 8}" width="8" height="8" fill="{color}"/>'
        yield f'<text x="{left + 28}" y="{y}" fill="#57606a">{escape(line)}</text>'


def _content(given: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What is charted, each once, the alarms, or the steps of the query; with its color."""
    if "alarms" in given:
        return [("none", ", ".join(arn.rpartition(":")[2] for arn in given["alarms"]))]
    if "query" in given:
        return [("none", step.strip()) for step in given["query"].split(" | ")]
    shown = [(metric, metric[-1] if isinstance(metric[-1], dict) else {}) for metric in given["metrics"]]
    names = {_name(metric, drawn, given["stat"]): drawn for metric, drawn in shown if drawn.get("visible", True)}
    return [(drawn.get("color", DEFAULT), name) for name, drawn in names.items()]


def _name(metric: Sequence[Any], drawn: Mapping[str, Any], stat: str) -> str:
    """A metric's, with its statistic; an expression's is its label."""
    return str(drawn["label"]) if "expression" in drawn else f"{metric[1]} ({drawn.get('stat', stat)})"


def picture() -> str:
    """The picture of stack prd's dashboard."""
    return drawn(body("prd", "ap-northeast-1", "prd", "app/prd/1", SERVICES))


if __name__ == "__main__":
    PICTURE.write_text(picture())
