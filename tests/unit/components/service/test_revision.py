"""Which task definition a service runs, and when an edit waits: every case of the template fingerprint and the update guards."""

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from components.service.revision import (
    force_new_deployment,
    released_or_declared,
    replacement_refusal,
    task_definition,
    waiting,
)
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.errors import RecordError
from releases.service_deployments import ServiceDeployment
from releases.service_state import ProviderShare, ServiceState, Settings

OWN, RELEASED, OTHER = (f"arn:aws:ecs:eu-west-1:111111111111:task-definition/dev-web:{n}" for n in (9, 5, 3))
MINE, EARLIER = "the program's template", "another template"
EXECUTION = "2c3d"


def record(fingerprint: str) -> str:
    """A record of the released revision."""
    release = {"release": 4, "image_digest": "sha256:a", "task_definition": RELEASED}
    origin = {"source_version": "s", "execution": "e", "time": "2030-01-04T00:00:00Z"}
    return json.dumps({"schema": 1, **release, "template_fingerprint": fingerprint, **origin})


def service(runs: str, made_of: str, released: str | None) -> ServiceState:
    """A quiet service; `released` is the template of the released revision."""
    return ServiceState(
        service="web",
        name="dev-web",
        cluster="dev",
        controller=CONTROLLERS["ECS"],
        task_definition=runs,
        fingerprint=made_of,
        desired=1,
        target_groups=(),
        deployments=(Deployment("ecs-svc/1", runs, "COMPLETED", "", 1),),
        record="none" if released is None else record(released),
        execution=None,
    )


def deploying(state: ServiceState) -> ServiceState:
    """The same with its deployment under way."""
    return replace(state, deployments=(replace(state.deployments[0], state="IN_PROGRESS"),))


def instead_of(runs: str, state: ServiceState, how: str = "COMPLETED", made_of: str = "") -> ServiceState:
    """The same while the tasks of another revision go on."""
    return replace(state, deployments=(*state.deployments, Deployment("ecs-svc/0", runs, how, "", 1, made_of)))


def draining(state: ServiceState) -> ServiceState:
    """The same, its deployment completed and the tasks of the one before not yet gone."""
    return instead_of(OTHER, state)


def executing(state: ServiceState) -> ServiceState:
    """The same with an execution in the Deploy stage."""
    return replace(state, execution=EXECUTION)


CHOSEN = {
    "there is no service": (None, OWN),
    "never released, runs this template": (service(OTHER, MINE, None), OTHER),
    "never released, runs another template": (service(OTHER, EARLIER, None), OWN),
    "never released, runs what says nothing of its template": (service(OTHER, "", None), OWN),
    "released of this template, runs it": (service(RELEASED, MINE, MINE), RELEASED),
    "released of this template, runs another revision": (service(OTHER, EARLIER, MINE), RELEASED),
    "released of another template, runs it": (service(RELEASED, EARLIER, EARLIER), OWN),
    "released of another template, runs the edit": (service(OWN, MINE, EARLIER), OWN),
    "released of another template, runs an earlier revision of this one": (service(OTHER, MINE, EARLIER), OWN),
}


@pytest.mark.parametrize("case", CHOSEN)
def test_the_released_revision_or_pulumi_s_own(case: str) -> None:
    state, chosen = CHOSEN[case]
    assert released_or_declared(state, MINE, OWN) == chosen
    assert task_definition(state, MINE, OWN) == chosen


@pytest.mark.parametrize("busy", [deploying, draining, executing])
@pytest.mark.parametrize("case", [case for case, (state, _) in CHOSEN.items() if state])
def test_a_service_with_something_in_flight_keeps_what_it_has(
    case: str, busy: Callable[[ServiceState], ServiceState]
) -> None:
    state, chosen = CHOSEN[case]
    assert state is not None
    assert task_definition(busy(state), MINE, OWN) == state.task_definition
    assert released_or_declared(busy(state), MINE, OWN) == chosen, "what it is to have later is another matter"


def test_a_record_that_is_none_is_not_taken_for_unreleased() -> None:
    state = replace(service(OTHER, MINE, None), record="{}")
    with pytest.raises(RecordError, match=r"^not a release record: \{\}$"):
        released_or_declared(state, MINE, OWN)


TO_WAIT = (
    "web: what is declared does not run yet or may still be rolled back, because deployment ecs-svc/1 of {revision} is in flight; wait until "
    "it is over, as `delivery status web --stack dev --watch` shows, then run this again"
)
TO_WAIT_FOR_THE_PIPELINE = (
    "web: what is declared does not run yet or may still be rolled back, because pipeline execution 2c3d is in flight; wait until execution "
    "2c3d is over, as `delivery status web --stack dev --watch` shows, then run this again"
)

QUIET: dict[str, ServiceState | None] = {
    "there is no service": None,
    "quiet, runs the edit": service(OWN, MINE, EARLIER),
    "quiet, the edit does not run: `up` has a step for it": service(RELEASED, EARLIER, EARLIER),
    "never released, what is deployed is this template": deploying(service(OTHER, MINE, None)),
    "released, and the released revision's old tasks drain": draining(service(RELEASED, MINE, MINE)),
    "released, and the next release is in Deploy": executing(service(RELEASED, MINE, MINE)),
    "released, and the next release of this template deploys": deploying(service(OTHER, MINE, MINE)),
    "the same, beside the released revision": instead_of(RELEASED, deploying(service(OTHER, MINE, MINE)), made_of=MINE),
    "an edit that is deployed and not released, while old tasks drain": draining(service(OWN, MINE, EARLIER)),
    "an edit that runs, while the release that takes it over is in Deploy": executing(service(OWN, MINE, EARLIER)),
    "the same, and that release deploys": executing(
        instead_of(OWN, deploying(service(OTHER, MINE, EARLIER)), made_of=MINE)
    ),
    "the same, beside what has failed": instead_of(OWN, deploying(service(OTHER, MINE, MINE)), "FAILED"),
}
WAITS = {
    "an edit, while a deployment of what was released runs": (deploying(service(RELEASED, EARLIER, EARLIER)), RELEASED),
    "an edit, while old tasks drain": (draining(service(RELEASED, EARLIER, EARLIER)), RELEASED),
    "an edit before the first release, while something deploys": (deploying(service(OTHER, EARLIER, None)), OTHER),
    "an edit that an earlier `up` deploys": (deploying(service(OWN, MINE, EARLIER)), OWN),
    "an edit that an earlier `up` deploys, beside what was released": (
        instead_of(RELEASED, deploying(service(OWN, MINE, EARLIER)), made_of=EARLIER),
        OWN,
    ),
    "an edit that a release deploys in its bake time, alone": (deploying(service(OTHER, MINE, EARLIER)), OTHER),
    "back to what was released, which an earlier `up` deploys": (deploying(service(RELEASED, MINE, MINE)), RELEASED),
    "the next release of this template deploys, beside another one": (
        instead_of(OWN, deploying(service(OTHER, MINE, MINE))),
        OTHER,
    ),
    "back to what was released, while the edit deploys": (deploying(service(OTHER, EARLIER, MINE)), OTHER),
}
WAITS_FOR_THE_PIPELINE = {
    "an edit, while a release is in Deploy": executing(service(RELEASED, EARLIER, EARLIER)),
    "an edit that is not proven, while a release takes it over": executing(
        instead_of(RELEASED, deploying(service(OTHER, MINE, EARLIER)), made_of=EARLIER)
    ),
    "an edit, while a release is in Deploy and deploys": executing(deploying(service(OTHER, EARLIER, EARLIER))),
    "an edit before the first release, which is in Deploy": executing(service(OTHER, EARLIER, None)),
}


@pytest.mark.parametrize("case", QUIET)
def test_nothing_waits(case: str) -> None:
    assert waiting("dev", QUIET[case], MINE) is None


@pytest.mark.parametrize("case", WAITS)
def test_what_waits_says_for_which_deployment(case: str) -> None:
    state, deployed = WAITS[case]
    assert waiting("dev", state, MINE) == TO_WAIT.format(revision=deployed.rpartition("/")[2])


PAUSES = ServiceDeployment("arn", "IN_PROGRESS", pause="hook")


@pytest.mark.parametrize(
    ("shifting", "to_the_end", "waits"),
    [
        (PAUSES, True, False),
        (replace(PAUSES, pause=""), True, True),
        (replace(PAUSES, pause=""), False, False),
        (replace(PAUSES, status="ROLLBACK_IN_PROGRESS"), False, True),
        (replace(PAUSES, status="ROLLBACK_REQUESTED", pause=""), False, True),
    ],
    ids=["pauses", "bakes", "bakes, and is not followed to its end", "goes back", "is about to go back"],
)
@pytest.mark.parametrize("declared", [MINE, EARLIER], ids=["its own", "another template"])
def test_an_edit_that_goes_on_by_itself_is_not_waited_for(
    shifting: ServiceDeployment, to_the_end: bool, waits: bool, declared: str
) -> None:
    """But another edit waits for it."""
    state = replace(instead_of(RELEASED, deploying(service(OWN, MINE, EARLIER)), made_of=EARLIER), shifting=shifting)
    found = waiting("dev", state, declared, to_the_end=to_the_end)
    assert (found is not None) is (waits or declared == EARLIER)


@pytest.mark.parametrize("case", WAITS_FOR_THE_PIPELINE)
def test_what_waits_says_for_which_execution(case: str) -> None:
    assert waiting("dev", WAITS_FOR_THE_PIPELINE[case], MINE) == TO_WAIT_FOR_THE_PIPELINE


SHIFTED = replace(
    service(RELEASED, "f1", "f1"), controller=CONTROLLERS["CODE_DEPLOY"], target_groups=("a:targetgroup/web-green-1/2",)
)


@pytest.mark.parametrize(
    ("state", "allowed", "words"),
    [
        (
            SHIFTED,
            False,
            "refused unless the stack file says deploy.replace: true, beside the strategy; remove it again when it is done",
        ),
        (replace(SHIFTED, execution="e"), True, "pipeline execution e is in flight"),
        (SHIFTED, True, "`delivery redeploy web --stack dev`, then run this again"),
        (replace(SHIFTED, target_groups=("a:targetgroup/web-10-1/2",)), True, None),
        (service(RELEASED, "f1", "f1"), True, None),
    ],
)
def test_a_service_is_replaced_only_where_its_traffic_stays(
    state: ServiceState, allowed: bool, words: str | None
) -> None:
    refusal = replacement_refusal("dev", state, allowed=allowed)
    assert (refusal is None) if words is None else (refusal is not None and words in refusal)


HAS = Settings(
    capacity_providers=(ProviderShare("FARGATE"),), execute_command=False, grace_period=60, alarms=("dev-web-latency",)
)
FORCED = {
    "there is no service": (None, HAS, False),
    "nothing differs": (HAS, HAS, None),
    "another capacity provider": (HAS, replace(HAS, capacity_providers=(ProviderShare("FARGATE_SPOT"),)), True),
    "another base": (HAS, replace(HAS, capacity_providers=(ProviderShare("FARGATE", 1, 2),)), True),
    "another weight": (HAS, replace(HAS, capacity_providers=(ProviderShare("FARGATE", 2),)), True),
    "sessions": (HAS, replace(HAS, execute_command=True), True),
    "no sessions any more": (replace(HAS, execute_command=True), HAS, True),
    "an alarm less": (HAS, replace(HAS, alarms=()), False),
    "another grace period": (HAS, replace(HAS, grace_period=30), False),
    "an alarm less, and another capacity provider": (HAS, Settings((ProviderShare("FARGATE_SPOT"),), False, 60), True),
}


@pytest.mark.parametrize("case", FORCED)
def test_what_takes_a_new_deployment(case: str) -> None:
    now, wanted, expected = FORCED[case]
    assert force_new_deployment(now, wanted) is expected
