"""A service that its schedule has put to 0 tasks: one is started for a release, and stopped after it."""

from typing import Any, cast

import boto3
import pytest
from pipeline_steps_fakes import FakeSession

from pipeline_steps import wake
from pipeline_steps.job import Done, Job
from pipeline_steps.settings import Settings
from releases.record import Release

SETTINGS = Settings(
    pipeline="dev-web", cluster="dev", service="dev-web", controller="ECS", containers=("web",), sidecars=(),
    minimum_tasks=2, deploy_minutes=15, repository="web", record="/record", repository_uri="registry/web",
)  # fmt: skip
JOB = Job("job", "wake", {}, {}, {}, {}, {})
RELEASED = Release(3, "sha256:a", "dev-web:7", "print", "v1", "execution", "now").value()


def aws(desired: int, record: str = RELEASED, most: int = 0) -> Any:
    return FakeSession({
        "DescribeServices": lambda _: {"services": [{"desiredCount": desired}]},
        "DescribeScalableTargets": lambda _: {"ScalableTargets": [{"MaxCapacity": most}]},
        "GetParameter": lambda _: {"Parameter": {"Value": record}},
    })  # fmt: skip


@pytest.mark.parametrize(("desired", "record", "woken"), [(0, RELEASED, "yes"), (2, RELEASED, "no"), (0, "none", "no")])
def test_a_task_is_started_where_none_is_wanted_and_there_was_a_release(desired: int, record: str, woken: str) -> None:
    session = aws(desired, record)
    done = wake.run(cast(boto3.Session, session), SETTINGS, JOB)
    assert isinstance(done, Done)
    assert done.variables == {"WOKEN": woken}
    asked = [{"cluster": "dev", "service": "dev-web", "desiredCount": 1}] if woken == "yes" else []
    assert session.called("UpdateService") == asked, "without a new deployment: the release is one"


@pytest.mark.parametrize(
    ("desired", "most", "back", "words"),
    [
        (1, 0, True, "It is back at 0 tasks"),
        (2, 4, False, "It wants 2 task(s) now, and keeps them"),
        pytest.param(1, 1, False, "It wants 1 task(s) now, and keeps them", id="morning with one task"),
    ],
)
def test_after_it_the_service_sleeps_unless_somebody_has_changed_the_number(
    desired: int, most: int, back: bool, words: str
) -> None:
    session = aws(desired, most=most)
    assert wake.sleep(cast(boto3.Session, session), SETTINGS) == words
    assert session.called("UpdateService") == (
        [{"cluster": "dev", "service": "dev-web", "desiredCount": 0}] if back else []
    )
