"""What goes on with a service and what waits for whom, in words; spans of time."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from delivery.output.durations import since, span
from delivery.services.in_flight import going_on, waits
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.pipeline_state import IDLE, Closed, PipelineState, Queued, Running
from releases.service_deployments import ServiceDeployment
from releases.service_state import ServiceState

NOW = datetime(2030, 1, 1, 12, tzinfo=UTC)
AGO = NOW - timedelta(minutes=12)
ARN = "arn:aws:ecs:r:1:task-definition/dev-web:7"


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(-3, "0 s"), (0, "0 s"), (59, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (86399, "23 h"), (86400, "1 d"), (8640000, "100 d")],
)  # fmt: skip
def test_spans(seconds: float, words: str) -> None:
    assert span(seconds) == words


def test_since() -> None:
    assert (since(AGO, NOW), since(None, NOW)) == ("for 12 min", "")


def deployment(state: str = "COMPLETED", **fields: Any) -> Deployment:
    return Deployment("ecs-svc/1", ARN, state, "", fields.pop("tasks", 2), running=fields.pop("running", 2), **fields)


QUIET = ServiceState("web", "dev-web", "dev", CONTROLLERS["ECS"], ARN, "f", 2, (), (deployment(),), "none", None)
SHIFT = ServiceDeployment(
    "arn", "IN_PROGRESS", stage="PRODUCTION_TRAFFIC_SHIFT", share=10.0, until=NOW + timedelta(minutes=4)
)
APPROVAL = Running("e1", "Approve", "Approve", AGO, approval=True)


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, []),
        ({"pipeline": PipelineState((Running("e1", "Build", "Build", AGO),))}, ["execution e1 is in Build / Build for 12 min"]),
        ({"pipeline": PipelineState((Running("e1", "Build"),))}, ["execution e1 is in Build"]),
        ({"pipeline": PipelineState((APPROVAL,))}, []),
        (
            {"deployments": (deployment("IN_PROGRESS", running=1, wanted=2, failed=1), deployment(tasks=2))},
            ["deployment of dev-web:7: 1 of 2 tasks run, 1 failed; 2 old"],
        ),
        ({"deployments": (deployment("IN_PROGRESS", running=0),)}, ["deployment of dev-web:7: 0 of 2 tasks run"]),
        ({"deployments": (deployment(), deployment(tasks=1))}, ["deployment of dev-web:7: 2 of 2 tasks run; 1 old"]),
        ({"deployments": (deployment("FAILED"), deployment(tasks=0))}, []),
        (
            {"shifting": SHIFT, "deployments": (deployment("IN_PROGRESS"), deployment())},
            [
                "deployment of dev-web:7: PRODUCTION_TRAFFIC_SHIFT: its new tasks have 10 % of the traffic; 4 min left of its step, until "
                "more of it shifts"
            ],
        ),
    ],
)  # fmt: skip
def test_what_goes_on(fields: dict[str, Any], lines: list[str]) -> None:
    assert going_on(replace(QUIET, **fields), NOW) == lines


@pytest.mark.parametrize(
    ("fields", "lines"),
    [
        ({}, []),
        ({"pipeline": PipelineState((Running("e1", "Build", "Build", AGO),))}, []),
        (
            {"pipeline": PipelineState((APPROVAL,), (Queued("e2", "Approve", "e1"),))},
            [
                "execution e1 waits for `delivery approve web --stack dev` or `delivery reject web --stack dev` for 12 min",
                "execution e2 waits for e1, which is in Approve",
            ],
        ),
        ({"shifting": replace(SHIFT, pause="hook")}, ["its deployment waits for `delivery continue web --stack dev` or `delivery abort web --stack dev`"]),
        ({"shifting": SHIFT}, []),
        (
            {"pipeline": PipelineState((), (Queued("e2", "Deploy", None),), (Closed("Deploy", "sale", "arn:aws:iam::1:user/eve", AGO),))},
            ["execution e2 waits for Deploy to open", "no release enters Deploy, closed 12 min ago by eve: sale; `delivery unfreeze web --stack dev` opens it"],
        ),
        ({"pipeline": replace(IDLE, closed=(Closed("Deploy", "sale", "", None),))}, ["no release enters Deploy, closed: sale; `delivery unfreeze web --stack dev` opens it"]),
        ({"pipeline": replace(IDLE, closed=(Closed("Build", "sale", "", None),))}, ["no release enters Build, closed: sale"]),
    ],
)  # fmt: skip
def test_what_waits(fields: dict[str, Any], lines: list[str]) -> None:
    assert waits(replace(QUIET, **fields), "dev", NOW) == lines
