"""The kinds of steps, and what Hypothesis may choose for each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from hypothesis import strategies as st

from tests.soak import disturbances, shifts
from tests.soak.beside import Call
from tests.soak.declared import EXTRA, SHOP, WEB, WORKER
from tests.soak.disturbances import PUT_OBJECT, UPDATE_SERVICE
from tests.soak.world import World

REGISTER = "ecs:RegisterTaskDefinition"
PUT_IMAGE, PUT_PARAMETER = "ecr:PutImage", "ssm:PutParameter"
RELEASE_TAG, LIVE_TAG = "'release-", "'live'"

DEPLOY_CALLS = tuple(Call(name, after=after) for name in (REGISTER, UPDATE_SERVICE) for after in (False, True))
"""Of both writers. The only creation of the engine's among them is a revision: cut off from its record, it is never
taken."""
RELEASE_CALLS = (
    Call(PUT_IMAGE, mentions=RELEASE_TAG),
    Call(PUT_IMAGE, mentions=LIVE_TAG),
    Call(PUT_PARAMETER),
    Call(PUT_PARAMETER, after=True),
)
BUILD_CALLS = (Call(PUT_IMAGE), Call(PUT_IMAGE, after=True))

TEMPLATE_CALLS = tuple(
    Call(PUT_OBJECT, mentions=f"templates/{SHOP}/{name}", after=after)
    for name in ("taskdef.json", "appspec.yaml")
    for after in (False, True)
)
"""The engine's, of a service that CodeDeploy deploys."""
SHIFT_CALLS = tuple(
    Call(name, after=after)
    for name in ("codedeploy:CreateDeployment", "ecs:CreateTaskSet", "ecs:UpdateServicePrimaryTaskSet")
    for after in (False, True)
)
"""The pipeline's and CodeDeploy's."""
RACE_CALLS = (*SHIFT_CALLS, *RELEASE_CALLS)

BY_ECS, SERVICES, DEPLOYED = (WORKER, WEB), (WORKER, WEB, SHOP), (WORKER, WEB, SHOP, EXTRA)
VALUES = st.integers(0, 2)
"""Few, so that an edit is often taken back."""


@dataclass(frozen=True)
class Kind:
    """A kind of step.

    Attributes:
        name: for the report.
        take: does it; False when it did not come to what it is for. None is True.
        arguments: what Hypothesis draws for it.
        times: how often it comes in a sequence.
        after: the kind that comes before it in a sequence; "" is none.
    """

    name: str
    take: Callable[..., bool | None]
    arguments: tuple[st.SearchStrategy[Any], ...] = ()
    times: int = 1
    after: str = ""


def edit(world: World, service: str, value: int) -> None:
    """Change the template to a value, or to the next one where it has that."""
    if world.declared.variants()[service].template == str(value):
        value = (value + 1) % 3
    world.declared.edit_template(service, value)


def edit_parameter(world: World, service: str, value: int) -> None:
    """Change the parameter's value, or take its edit back."""
    if world.declared.variants()[service].parameter == f"v{value}":
        value = (value + 1) % 3
    world.declared.edit_parameter(service, value)


def ship(world: World, service: str) -> bool:
    """Ship a good image; a service that is not there has none."""
    if service not in world.services:
        return False
    world.ship(service)
    return True


def add(world: World) -> None:
    world.declared.add_service()
    world.up()


def remove(world: World) -> None:
    world.declared.remove_service()
    world.up()


def reorder(world: World) -> None:
    world.declared.reorder_services()
    world.up()


def up_target(world: World, service: str, value: int) -> None:
    """An edit, and an `up` of its service only; or of another one."""
    edit(world, WORKER, value)
    world.up([service])


def up_killed(world: World, call: Call, service: str, value: int) -> bool:
    edit(world, service, value)
    return disturbances.up_killed(world, call)


def edit_killed(world: World, call: Call, value: int, retry: bool) -> bool:
    return disturbances.edit_killed(world, SHOP, call, lambda: edit(world, SHOP, value), retry=retry)


def race(world: World, service: str, call: Call, value: int) -> bool:
    edit(world, service, value)
    return disturbances.race(world, service, call)


def race_within_up(world: World, service: str, value: int, whole: bool) -> bool:
    """The edit is none that runs already, as the `up` has to have something to write."""
    taken = {world.declared.variants()[service].template, world.see.runs(world.see.state(service)).template}
    chosen = next(each for each in (value, (value + 1) % 3, (value + 2) % 3) if str(each) not in taken)
    world.declared.edit_template(service, chosen)
    return disturbances.race_within_up(world, service, whole=whole)


def roll_back(world: World, service: str) -> bool:
    """Where there is nothing to go back to, two releases come first."""
    if world.rollback(service):
        return True
    return ship(world, service) and ship(world, service) and world.rollback(service)


def ship_unhealthy(world: World, service: str) -> None:
    world.ship(service, status=500)


def ship_bad_migration(world: World, service: str) -> None:
    world.ship(service, migrate="#!/bin/sh\nexit 3\n")


def ship_unbuildable(world: World, service: str) -> None:
    world.ship(service, dockerfile="FROM nowhere\n")


def pipeline_killed(world: World, service: str, call: Call, retry: bool) -> bool:
    return disturbances.pipeline_killed(world, service, call, retry=retry)


SERVICE, WITH_ROUTES, ECS_DEPLOYS = st.sampled_from(SERVICES), st.sampled_from((WEB, SHOP)), st.sampled_from(BY_ECS)
BLUE_GREEN, RETRY = st.just(SHOP), st.booleans()
SHIPPED, ADDED, REMOVED = "ship a good image", "add a service", "remove a service"

STRATEGY, SHIFTING = st.sampled_from(list(shifts.STRATEGIES)), st.sampled_from(shifts.SHIFTING)
SHIFTS = (
    Kind("another strategy", shifts.another_strategy, (STRATEGY,), times=2),
    Kind("a release that pauses", shifts.release_that_pauses, (SHIFTING, st.booleans())),
    Kind("an edit that pauses", shifts.edit_that_pauses, (SHIFTING, VALUES, st.booleans()), after=SHIPPED),
    Kind("abort a release in its shift", shifts.aborted, (SHIFTING,), after=SHIPPED),
    Kind("an alarm in a shift", shifts.alarmed, (SHIFTING,), after=SHIPPED),
    Kind("abort an edit in its shift", shifts.edit_aborted, (SHIFTING, VALUES), after=SHIPPED),
    Kind("an up in the middle of a shift", shifts.refused_in_the_middle, (SHIFTING, VALUES), after=SHIPPED),
)
"""Steps of one service, over all strategies of ECS's."""

UNDISTURBED = (
    Kind(SHIPPED, ship, (st.sampled_from(DEPLOYED),), times=2),
    Kind("edit a template", edit, (SERVICE, VALUES), times=2),
    Kind("up", World.up, times=3),
    Kind("edit a parameter", edit_parameter, (SERVICE, VALUES)),
    Kind("refresh", World.refresh),
    Kind("ship an image that fails its health check", ship_unhealthy, (WITH_ROUTES,)),
    Kind("ship an image whose migration fails", ship_bad_migration, (WITH_ROUTES,)),
    Kind("ship a source whose build fails", ship_unbuildable, (SERVICE,)),
    Kind("roll back", roll_back, (SERVICE,), after=SHIPPED),
    Kind("deliver an event twice", disturbances.event_twice, (SERVICE,), after=SHIPPED),
    Kind("a guard refuses", disturbances.live_moved, (SERVICE, VALUES), after=SHIPPED),
    Kind(ADDED, add),
    Kind(REMOVED, remove, after=ADDED),
    Kind("add a service again", add, after=REMOVED),
    Kind("reorder the services", reorder),
    Kind("up of one target", up_target, (SERVICE, VALUES)),
    *SHIFTS,
)
"""Steps that run to their end, one after another."""
DISTURBED = (
    Kind("kill the engine", up_killed, (st.sampled_from(DEPLOY_CALLS), ECS_DEPLOYS, VALUES), times=2),
    Kind("kill the build", pipeline_killed, (SERVICE, st.sampled_from(BUILD_CALLS), RETRY)),
    Kind("kill the deployment", pipeline_killed, (ECS_DEPLOYS, st.sampled_from(DEPLOY_CALLS), RETRY)),
    Kind("kill the Release step", pipeline_killed, (SERVICE, st.sampled_from(RELEASE_CALLS), RETRY)),
    Kind("up beside a release", race, (ECS_DEPLOYS, st.sampled_from((*DEPLOY_CALLS, *RELEASE_CALLS)), VALUES)),
    Kind("kill the engine at a template", up_killed, (st.sampled_from(TEMPLATE_CALLS), BLUE_GREEN, VALUES)),
    Kind("kill CodeDeploy's deployment", pipeline_killed, (BLUE_GREEN, st.sampled_from(SHIFT_CALLS), RETRY)),
    Kind("kill the deployment of an edit", edit_killed, (st.sampled_from(SHIFT_CALLS), VALUES, RETRY)),
    Kind("up beside CodeDeploy's deployment", race, (BLUE_GREEN, st.sampled_from(RACE_CALLS), VALUES)),
    Kind("a release within an up", race_within_up, (SERVICE, VALUES, st.booleans())),
)
"""Steps that are cut off, or run beside another."""
KINDS = (*UNDISTURBED, *DISTURBED)
