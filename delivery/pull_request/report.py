"""What `up` would do to a stack, for those who review it or are about to do it."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from delivery.pull_request.cost import Item, items, prices
from delivery.pull_request.effects import effect, interruption, is_revision_alone
from delivery.pull_request.exposure import exposed
from delivery.pull_request.markdown import code
from delivery.pull_request.permissions import NOTHING, Grant, Widened, widened
from delivery.pull_request.preview import Action, Change, Preview, grouped
from releases.service_state import ServiceState

ROLE_OF = "{service}"
"""Stands for a service's name where several services have the same."""
ANY_SERVICE = "SERVICE"
"""What a person reads there."""
ACTIONS_IN_ORDER: Sequence[Action] = ("create", "update", "replace", "delete", "import")
MOST_NAMES = 20
A_MONTH, IMAGE, OF_SERVICES = "a month", "image", "services"
"""Columns."""
BREAK = "<br>"
"""Between two things that are said in one cell."""


@dataclass(frozen=True)
class Live:
    """What AWS says of the stack's services.

    Attributes:
        states: by service; a service that there is not has none.
        problem: why AWS did not say; "" when it did.
    """

    states: Mapping[str, ServiceState]
    problem: str = ""


@dataclass(frozen=True)
class Section:
    """A table of a report, and what is said below it. Texts are Markdown, within a line.

    Attributes:
        title: the heading; "" for none.
        head: the columns' names.
        rows: a text for each column; "" for nothing.
        note: below the table, or by itself.
    """

    title: str = ""
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    note: str = ""


@dataclass(frozen=True)
class Report:
    """What `up` would do to a stack.

    Attributes:
        stack: the stack's name.
        headline: what changes, in numbers.
        sections: what that means; none is empty.
        said: what the program and the providers say, plain.
        unknown: why nothing is known of what is live, plain; "" when something is, or nobody asked.
        changes: all, for the raw diff.
        errors: why there is no preview, plain; none when there is one.
    """

    stack: str
    headline: str = ""
    sections: Sequence[Section] = ()
    said: Sequence[str] = ()
    unknown: str = ""
    changes: Sequence[Change] = ()
    errors: Sequence[str] = ()


def report(stack: str, preview: Preview, live: Live | None = None) -> Report:
    """Put together what there is to say.

    Args:
        stack: the stack's name.
        preview: what Pulumi says.
        live: what AWS says; None when it was not asked.
    """
    if preview.errors:
        return Report(stack, changes=preview.changes, errors=preview.errors)
    states = live.states if live else {}
    changes = [change for change in preview.changes if not is_revision_alone(change, states.get(change.service or ""))]
    cost = _Cost.of(preview)
    sections = [
        _services(changes, live, cost),
        _shared(changes),
        _interruptions(changes),
        _exposures(changes),
        _permissions(changes),
        _new_identities(changes),
        cost.section(),
    ]
    return Report(
        stack,
        _headline(changes, cost),
        [section for section in sections if section.rows or section.note],
        preview.warnings,
        live.problem if live else "",
        changes,
    )


@dataclass(frozen=True)
class _Cost:
    """What changes of the monthly cost; `problem` says why nothing is known of it."""

    items: Sequence[Item]
    note: str = ""
    problem: str = ""

    @classmethod
    def of(cls, preview: Preview) -> "_Cost":
        region = next((value for key, value in preview.config.items() if key == "aws:region"), "")
        known = prices(region)
        if known is None:
            return cls(
                [], problem=f"No estimate of the cost: delivery/pull_request/prices.json has no prices of {region}."
            )
        spot = bool((preview.setting("cluster") or {}).get("spot"))
        note = (
            f"Prices of {region}, {known.as_of}, on demand{' (Spot costs less)' if spot else ''}; tasks at their "
            "minimum, a new service's from its first release on. Without traffic, builds, logs and storage."
        )
        return cls(items(preview, known), note)

    def of_service(self, service: str) -> str:
        """A service's difference."""
        differences = [item.difference for item in self.items if item.service == service]
        return _dollars(sum(differences)) if differences else ""

    @property
    def total(self) -> float:
        """Of all."""
        return sum(item.difference for item in self.items)

    def section(self) -> Section:
        """What it is made of."""
        if self.problem or not self.items:
            return Section(note=self.problem)
        counts = Counter((item.what, round(item.difference, 4)) for item in self.items)
        by_weight = sorted(counts.items(), key=lambda row: -abs(row[1] * row[0][1]))
        rows = [(_times(what, count), _dollars(count * difference)) for (what, difference), count in by_weight]
        return Section(f"Cost: {_dollars(self.total)} a month", ("what", A_MONTH), rows, self.note)


def _headline(changes: Sequence[Change], cost: _Cost) -> str:
    if not changes:
        return "nothing changes"
    services = len({change.service for change in changes if change.service})
    counts = Counter(change.action for change in changes)
    words = [f"{counts[action]} to {action}" for action in ACTIONS_IN_ORDER if counts[action]]
    if services:
        words.append(f"{services} service{'' if services == 1 else 's'}")
    if round(cost.total, 2):
        words.append(f"{_dollars(cost.total)} a month")
    return ", ".join(words)


def _services(changes: Sequence[Change], live: Live | None, cost: _Cost) -> Section:
    """A row for each service."""
    asked = live is not None and not live.problem
    states = live.states if live else {}
    rows = []
    for service, of_service in sorted(grouped((each.service, each) for each in changes if each.service).items()):
        change = effect(of_service, states.get(service), asked=asked)
        rows.append((code(service), BREAK.join(change.lines), change.image, cost.of_service(service)))
    return Section("Services", ("service", "what happens", IMAGE, A_MONTH), rows)


def _shared(changes: Sequence[Change]) -> Section:
    """What all services share."""
    parts = grouped((change.owner, f"{change.kind} {change.action}d") for change in changes if not change.service)
    rows = [
        (part, ", ".join(_times(what, count) for what, count in Counter(whats).items()))
        for part, whats in sorted(parts.items())
    ]
    return Section("Shared by all services", ("part", "changes"), rows)


def _interruptions(changes: Sequence[Change]) -> Section:
    """What ends, and what that interrupts; the same of several services in one row."""
    names = grouped(
        ((change.action, change.kind, lost), change.name) for change in changes if (lost := interruption(change))
    )
    rows = [(f"**{action}d** {kind}", _names(which), lost) for (action, kind, lost), which in names.items()]
    return Section("Replaced or deleted", ("what", "which", "what that interrupts"), rows)


def _exposures(changes: Sequence[Change]) -> Section:
    names = grouped(((change.kind, how), change.name) for change, how in exposed(changes))
    rows = [(kind, how, _names(which)) for (kind, how), which in names.items()]
    return Section("Public now", ("what", "how", "which"), rows)


def _permissions(changes: Sequence[Change]) -> Section:
    """Who may do more; what the same role of several services may is one row."""
    services = grouped(
        ((_generic(each.who, each.change), _generic(line, each.change)), each.change.service or "")
        for each in widened(changes)
        for line in _granted(each)
    )
    rows = [_of_roles(who, line, list(dict.fromkeys(filter(None, whose)))) for (who, line), whose in services.items()]
    return Section("Permissions widened", ("who", "may now", OF_SERVICES), rows)


def _of_roles(who: str, line: str, services: Sequence[str]) -> tuple[str, str, str]:
    """A row: one service's by its name, several services' with those beside it."""
    if ROLE_OF not in who + line:
        return code(who), line, ""
    name = services[0] if len(services) == 1 else ANY_SERVICE
    return code(who.replace(ROLE_OF, name)), line.replace(ROLE_OF, name), _names(services)


def _new_identities(changes: Sequence[Change]) -> Section:
    kinds = {"aws:iam/role:Role": "role", "aws:iam/user:User": "user"}
    counts = Counter(kinds[change.type] for change in changes if change.action == "create" and change.type in kinds)
    counted = [f"{count} new {kind}{'' if count == 1 else 's'}" for kind, count in sorted(counts.items())]
    return Section(note=f"{' and '.join(counted)}: `components/iam/` has what each may do." if counted else "")


def _granted(each: Widened) -> list[str]:
    if not each.known:
        return ["a changed policy that is known only after `up`"]
    managed = [f"managed policy {code(each.managed)}"] if each.managed else []
    if each.unbounded:
        managed.append(f"no longer bounded by {code(each.unbounded)}")
    return [*managed, *_grants(each.grants), *(f"no longer denied: {grant}" for grant in _grants(each.lifted))]


def _grants(grants: Sequence[Grant]) -> list[str]:
    """In words; actions on the same resource together."""
    actions_on = grouped(
        (
            (grant.principal, grant.resource, grant.condition),
            code(f"all but {grant.action[1:]}" if grant.action.startswith("!") else grant.action),
        )
        for grant in grants
    )
    return [
        (f"{code(principal)}: " if principal else "")
        + ", ".join(actions)
        + (f" on {code(resource)}" if resource else "")
        + (f" if {code(condition)}" if condition != NOTHING else "")
        for (principal, resource, condition), actions in actions_on.items()
    ]


def _generic(text: str, change: Change) -> str:
    """A text without its service's name, so that it is the same for each service."""
    return text.replace(change.service, ROLE_OF) if change.service else text


def _times(what: str, count: int) -> str:
    return f"{count} x {what}" if count > 1 else what


def _names(names: Iterable[str]) -> str:
    unique = list(dict.fromkeys(names))
    more = f" and {len(unique) - MOST_NAMES} more" if len(unique) > MOST_NAMES else ""
    return ", ".join(code(name) for name in unique[:MOST_NAMES]) + more


def _dollars(amount: float) -> str:
    return f"{'-' if round(amount, 2) < 0 else '+'}${abs(amount):.2f}"
