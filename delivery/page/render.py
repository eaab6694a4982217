"""A stack's facts as one HTML file, which needs nothing else: no script, no font, no picture, no server."""

from pathlib import Path

import jinja2
from markupsafe import Markup

from delivery.page import diagram, drawing, glance, words
from delivery.page.declared import Difference, differences
from delivery.page.export import Export
from delivery.page.facts import Outcome, StackFacts
from releases.names import aws_name, release_tag

FOLDER = Path(__file__).parent
OPEN = 2
"""How many timelines of a service are open at first, the newest ones; and the newest that failed."""


def render(facts: StackFacts, other: StackFacts | None = None, export: Export | None = None) -> str:
    """The page.

    Args:
        facts: of the stack.
        other: of another one that it is compared with.
        export: the stack's, of which diagrams are drawn.
    """
    deliveries = glance.deliveries_of(facts)
    differing: dict[str, list[Difference]] = differences(facts, other) if other else {}
    return (
        _environment(facts)
        .get_template("page.html.jinja")
        .render(
            facts=facts,
            other=other,
            notes=glance.notes(facts),
            unreleased=glance.unreleased(facts),
            states={service.name: glance.state_of(service) for service in facts.services},
            deliveries=deliveries,
            ended=[each for _, each in deliveries if each.outcome is not Outcome.RUNNING],
            usual=glance.usual([each for _, each in deliveries], facts.at),
            alarms=[alarm for service in facts.services for alarm in service.alarms] + list(facts.alarms),
            differing=differing,
            export=export,
            reach=diagram.reach(export) if export else "",
            pipelines=diagram.pipelines(export) if export else "",
            style=Markup((FOLDER / "page.css").read_text(encoding="utf-8")),  # noqa: S704 a file of ours
        )
    )


def _environment(facts: StackFacts) -> jinja2.Environment:
    """What the template may use; every value is escaped."""
    made = jinja2.Environment(
        loader=jinja2.FileSystemLoader(FOLDER),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    made.filters |= {
        "stamp": words.stamp,
        "span": words.span,
        "age": lambda at: words.age(at, facts.at),
        "coded": words.coded,
        "short": words.short,
        "place": words.place,
        "release": release_tag,
        "timeline": lambda delivery: drawing.timeline(delivery, facts.at),
        "durations": lambda deliveries: drawing.durations(deliveries, facts.at),
        "usual": lambda deliveries: glance.usual(deliveries, facts.at),
        "taken": lambda each: words.span(each.takes(facts.at)),
        "stepped": lambda step: words.span((step.ended or facts.at) - step.started),
    }
    made.globals |= {
        "counted": words.counted,
        "open_at_first": OPEN,
        "execution_page": lambda service, id: words.execution_page(facts.region, aws_name(facts.stack, service), id),
        "service_page": lambda service: words.service_page(facts.region, facts.cluster, service),
        "alarm_page": lambda name: words.alarm_page(facts.region, name),
        "dashboard_page": words.dashboard_page(facts.region, facts.stack),
        "aws_name": lambda service: aws_name(facts.stack, service),
    }
    return made
