"""Facts of a stack for the page's tests, an AWS that tells some, and a parser that knows what a page must keep to."""

import dataclasses
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from enum import Enum
from html.parser import HTMLParser
from typing import Any

from delivery_aws import FakeAws

from delivery.page.facts import (
    Alarm,
    Delivery,
    Deployment,
    Outcome,
    Running,
    Service,
    Share,
    StackFacts,
    Step,
    TaskRun,
)

NOW = datetime(2030, 1, 10, 12, 0, tzinfo=UTC)
GROUP = "arn:aws:elasticloadbalancing:eu-west-1:111111111111:targetgroup/web/1"
VOID = frozenset({"meta", "link", "br", "wbr", "img", "hr"})


def ago(**span: float) -> datetime:
    return NOW - timedelta(**span)


def step(name: str = "Deploy", outcome: Outcome = Outcome.SUCCEEDED, seconds: int = 60, **fields: Any) -> Step:
    began = ago(minutes=10)
    ended = None if outcome is Outcome.RUNNING else began + timedelta(seconds=seconds)
    return Step(
        **{
            "stage": name,
            "name": name,
            "category": name,
            "outcome": outcome,
            "started": began,
            "ended": ended,
            **fields,
        }
    )


def deployment(**fields: Any) -> Deployment:
    return Deployment(
        **{
            "id": "d1",
            "outcome": Outcome.SUCCEEDED,
            "status": "SUCCESSFUL",
            "reason": "",
            "revision": "dev-web:7",
            "strategy": "CANARY",
            "started": ago(minutes=10),
            "ended": ago(minutes=5),
            "shares": [Share(ago(minutes=9), 10.0), Share(ago(minutes=7), 100.0)],
            "tasks": [
                TaskRun("old", ago(hours=3), ago(minutes=5), False),
                TaskRun("new", ago(minutes=9.5), None, True),
            ],
            **fields,
        }
    )


def delivery(outcome: Outcome = Outcome.SUCCEEDED, **fields: Any) -> Delivery:
    return Delivery(
        **{
            "id": "run-1",
            "outcome": outcome,
            "what": "an upload",
            "who": "an upload from team/web",
            "started": ago(minutes=12),
            "ended": None if outcome is Outcome.RUNNING else ago(minutes=4),
            **fields,
        }
    )


def service(name: str = "web", **fields: Any) -> Service:
    now = Running(
        "sha256:" + "a" * 64,
        f"dev-{name}:7",
        ago(hours=2),
        2,
        2,
        {"eu-west-1a": 2},
        ["https://web.example.com/"],
        {"strategy": "canary"},
    )
    return Service(
        **{
            "name": name,
            "ecs_name": f"dev-{name}",
            "now": now,
            "release": 7,
            "released": ago(minutes=4),
            "commit": "c0ffee" * 6,
            "in_flight": "",
            "disagreement": "",
            "repair": "",
            "waits_for": "",
            "failure": "",
            "going_on": [],
            "waits": [],
            "alarms": [],
            "deliveries": [],
            **fields,
        }
    )


def stack(*services: Service, **fields: Any) -> StackFacts:
    return StackFacts(
        **{
            "stack": "dev",
            "account": "111111111111",
            "region": "eu-west-1",
            "cluster": "dev",
            "at": NOW,
            "services": services,
            **fields,
        }
    )


def everything() -> StackFacts:
    """A stack that has each thing that a page may show."""
    on, off = Alarm("web", "ALARM", ago(minutes=3), "an alarm"), Alarm("latency", "OK", ago(days=2), "slow no more")
    deliveries = [
        delivery(Outcome.RUNNING, id="run-5", steps=[step(), step("Approve", Outcome.RUNNING, category="Approval")]),
        delivery(Outcome.RUNNING, id="run-4", deployments=[deployment(outcome=Outcome.RUNNING, ended=None, told=True)]),
        delivery(Outcome.STOPPED, id="run-3"),
        delivery(Outcome.FAILED, id="run-2", reason="Deploy: it is ill", steps=[step(outcome=Outcome.FAILED)]),
        delivery(release=7, digest="sha256:" + "a" * 64, commit="c0ffee" * 6, steps=[step("Approve", by="ann"), step()], deployments=[deployment()]),
    ]  # fmt: skip
    return stack(
        service(
            deliveries=deliveries,
            alarms=[
                on,
                dataclasses.replace(on, name="server-errors"),
                off,
                Alarm("jobs", "INSUFFICIENT_DATA", NOW, ""),
            ],
            waits=["execution run-5 waits for `delivery approve web --stack dev`"],
            disagreement="running a, live b",
            repair="delivery repair web --stack dev",
            failure="ended as Failed",
            forgotten=3,
        ),
        service(
            "worker", release=None, released=None, commit="", waits_for="s3://bucket/key", going_on=["deployment 1"]
        ),
        alarms=[Alarm("slack-undelivered", "ALARM", ago(minutes=1), "not delivered")],
    )


def marked(value: Any, mark: str) -> Any:
    """A value of dataclasses in which each text that is not empty begins with a mark."""
    if isinstance(value, Enum):
        return value
    if isinstance(value, str):
        return f"{mark}{value}" if value else value
    if isinstance(value, Mapping):
        return {key: marked(item, mark) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [marked(item, mark) for item in value]
    if not dataclasses.is_dataclass(value) or isinstance(value, type):
        return value
    changed = {field.name: marked(getattr(value, field.name), mark) for field in dataclasses.fields(value)}
    return dataclasses.replace(value, **changed)


class Page(HTMLParser):
    """A page, taken apart: its elements with their attributes, its text, and where it is not well-formed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[str] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(text)
        self.close()
        self.problems += [f"{name} is not closed" for name in self._open]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if len({name for name, _ in attrs}) != len(attrs):
            self.problems.append(f"{tag} has an attribute twice")
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> closes nothing")

    def handle_data(self, data: str) -> None:
        if self._open and self._open[-1] not in ("style", "script"):
            self.texts.append(data)

    @property
    def text(self) -> str:
        """What is read, with one space between words."""
        return " ".join(" ".join(self.texts).split())

    def all(self, tag: str) -> Iterator[dict[str, str | None]]:
        """The attributes of the elements of a kind."""
        return (attributes for name, attributes in self.elements if name == tag)


@dataclasses.dataclass
class PageAws(FakeAws):
    """What the page asks beside the other commands."""

    alarms: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    composites: list[dict[str, Any]] = dataclasses.field(default_factory=list)
    stopped: list[dict[str, Any]] = dataclasses.field(default_factory=list)

    def _GetCallerIdentity(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Account": "111111111111"}

    def _DescribeAlarms(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["AlarmTypes"] == ["CompositeAlarm", "MetricAlarm"]
        kinds = {"MetricAlarms": self.alarms, "CompositeAlarms": self.composites}
        return {
            kind: [a for a in all_ if a["AlarmName"].startswith(given["AlarmNamePrefix"])]
            for kind, all_ in kinds.items()
        }

    def _ListTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        stopped = given.get("desiredStatus") == "STOPPED"
        return {"taskArns": [task["taskArn"] for task in (self.stopped if stopped else self.tasks)]}

    def _DescribeTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [task for task in (*self.tasks, *self.stopped) if task["taskArn"] in given["tasks"]]}

    def _ListServiceDeployments(self, given: dict[str, Any]) -> dict[str, Any]:
        assert set(given) == {"cluster", "service", "createdAt", "maxResults"}
        return {
            "serviceDeployments": [each for each in self.shifts if each["createdAt"] >= given["createdAt"]["after"]]
        }

    def _DescribeServiceRevisions(self, given: dict[str, Any]) -> dict[str, Any]:
        assert len(given["serviceRevisionArns"]) <= 20
        known = {arn: f"x/dev-web:{arn.rpartition('/')[2]}" for arn in given["serviceRevisionArns"]}
        return {
            "serviceRevisions": [{"serviceRevisionArn": arn, "taskDefinition": name} for arn, name in known.items()]
        }
