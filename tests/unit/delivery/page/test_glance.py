"""What somebody wants to know first of a stack."""

from datetime import timedelta
from typing import Any

import pytest
from page_facts import NOW, ago, delivery, deployment, everything, service, stack, step

from delivery.page.facts import Alarm, Outcome, Running
from delivery.page.glance import Note, deliveries_of, notes, state_of, usual

WAITS = delivery(Outcome.RUNNING, steps=[step(), step("Approve", Outcome.RUNNING, category="Approval")])
RUNS = delivery(Outcome.RUNNING, steps=[step("Build"), step(outcome=Outcome.RUNNING)])
FEW = Running("", "dev-web:7", NOW, desired=2, running=1)
ON = Alarm("latency", "ALARM", ago(minutes=3), "slow")


@pytest.mark.parametrize(
    ("fields", "found"),
    [
        ({}, []),
        ({"alarms": [ON]}, [Note("bad", "web", "alarm latency: slow", ago(minutes=3))]),
        ({"alarms": [Alarm("web", "ALARM", NOW, "one of them"), Alarm("latency", "OK", NOW, "")]}, []),
        ({"disagreement": "a, b", "repair": "mend"}, [Note("bad", "web", "what runs, is live and was released differ: a, b; `mend` mends it")]),
        ({"failure": "ended as Failed: Build: it is ill", "deliveries": [delivery(Outcome.FAILED)]}, [Note("bad", "web", "the newest delivery has failed: Build: it is ill; release-7 still serves", ago(minutes=12))]),
        ({"failure": "ended as Failed", "release": None}, [Note("bad", "web", "the newest delivery has failed: ended as Failed")]),
        ({"failure": "ended as Failed", "in_flight": "deployment 1", "deliveries": [RUNS]}, [Note("busy", "web", "an upload, in Deploy, by an upload from team/web", ago(minutes=12))]),
        ({"now": FEW}, [Note("bad", "web", "1 of 2 tasks run")]),
        ({"now": FEW, "in_flight": "x", "going_on": ["deployment 1"]}, [Note("busy", "web", "deployment 1")]),
        ({"waits": ["waits for `a` or `b`"]}, [Note("wait", "web", "waits for `a` or `b`")]),
        ({"waits_for": "s3://b/k"}, [Note("wait", "web", "waits for its first upload, to s3://b/k")]),
        ({"release": None}, [Note("wait", "web", "nothing of it was released yet")]),
        ({"deliveries": [WAITS]}, []),
        ({"in_flight": "x", "deliveries": [delivery(Outcome.RUNNING, what="an edit", who="up")]}, [Note("busy", "web", "an edit, by up", ago(minutes=12))]),
    ],
    ids=["well", "alarm", "the composite alarm", "disagreement", "failure", "first failure", "failure before", "few tasks", "starting", "waits", "first upload", "never released", "approval", "edit"],
)  # fmt: skip
def test_notes(fields: dict[str, Any], found: list[Note]) -> None:
    assert notes(stack(service(**fields))) == found


def test_what_is_wrong_comes_first() -> None:
    assert [(note.kind, note.service) for note in notes(everything())] == [
        *[("bad", "web")] * 3,
        ("bad", ""),
        ("wait", "web"),
        ("wait", "worker"),
        ("busy", "web"),
        ("busy", "worker"),
    ]


def test_the_state_of_a_service_is_its_worst() -> None:
    assert state_of(service()) == ("good", "well")
    assert state_of(service(deliveries=[RUNS])) == ("busy", "in flight")
    assert state_of(service(deliveries=[RUNS], waits=["w"])) == ("wait", "waits")
    assert state_of(service(waits=["w"], alarms=[ON])) == ("bad", "needs attention")


def test_deliveries_of_all_services() -> None:
    older, newer = delivery(started=ago(hours=2)), delivery(started=ago(hours=1))
    facts = stack(service("a", deliveries=[older]), service("b", deliveries=[newer]))
    assert [(service.name, each) for service, each in deliveries_of(facts)] == [("b", newer), ("a", older)]


def test_the_usual_time_is_of_what_succeeded() -> None:
    taken = [delivery(started=ago(minutes=m), ended=NOW) for m in (1, 2, 30)]
    failed = delivery(Outcome.FAILED, started=ago(hours=9), ended=NOW)
    assert usual([*taken, failed], NOW) == timedelta(minutes=2)
    assert usual([failed], NOW) is None


def test_how_long_a_delivery_takes() -> None:
    assert delivery().takes(NOW) == timedelta(minutes=8)
    assert delivery(Outcome.RUNNING, deployments=[deployment()]).takes(NOW) == timedelta(minutes=12)
