"""Steps of a service whose traffic ECS shifts: another strategy, and deployments that are answered, ended or disturbed."""

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from delivery.executions import shift
from releases.errors import DeliveryError
from releases.service_state import ServiceState
from sandbox.engine import EngineError
from tests.soak.beside import SECONDS_TO_SETTLE, Running
from tests.soak.declared import STACK, WEB
from tests.soak.expected import Violation, must
from tests.soak.world import World

SHORT_PAUSE = 0.1
"""In seconds, between two looks at a shift, which may be over soon."""
STRATEGIES: Mapping[str, dict[str, Any]] = {
    "rolling": {},
    "blue_green": {"bake": 8},
    "canary": {"percent": 20, "interval": 6, "bake": 2},
    "linear": {"percent": 40, "interval": 3, "bake": 2},
}
"""By name, what else is declared: shifts of a few seconds, on the sandbox's clock."""
SHIFTING = tuple(name for name in STRATEGIES if name != "rolling")
PAUSES = {"test_port": 8443, "pause": 1200}
ALARM = f"{STACK}-{WEB}-server-errors"


def declare(world: World, strategy: str, **more: Any) -> None:
    """Choose a strategy in the stack file."""
    world.declared.deploy_by(WEB, {"strategy": strategy, **STRATEGIES[strategy], **more})


def another_strategy(world: World, strategy: str) -> None:
    """It is an update, whatever it was before."""
    before = world.see.state(WEB).name
    declare(world, strategy)
    world.up()
    after = world.see.state(WEB)
    must((after.name, after.strategy) == (before, strategy.upper()), f"{before} is {after.name}, {after.strategy}")


def _comes(world: World, what: Callable[[ServiceState], bool], over: Callable[[], bool]) -> ServiceState | None:
    """The service when a deployment is as wanted; None when that never comes."""
    end = time.monotonic() + SECONDS_TO_SETTLE
    while time.monotonic() < end:
        state = world.see.state(WEB)
        if what(state):
            return state
        if over():
            return None
        time.sleep(SHORT_PAUSE)
    raise Violation("a deployment neither comes there nor ends")


def _pauses(state: ServiceState) -> bool:
    return state.shifting is not None and bool(state.shifting.pause)


def _has_traffic(state: ServiceState) -> bool:
    shifting = state.shifting
    return shifting is not None and shifting.share > 0 and shifting.stage in ("PRODUCTION_TRAFFIC_SHIFT", "BAKE_TIME")


def _went_back(world: World, execution: str) -> None:
    """A release that has gone back: it has failed, and what ran before it runs."""
    status, digest = world.see.follow(WEB, execution)
    must(status == "Failed", f"a release that went back is {status}")
    world.settle()
    runs = world.see.images(world.see.state(WEB)).running
    must(runs in world.services[WEB].images, f"{digest} went back, and {runs} runs")


def release_that_pauses(world: World, strategy: str, goes_on: bool) -> bool:
    """A release pauses, and somebody lets it go on or has it go back."""
    world.settle()
    declare(world, strategy, **PAUSES)
    world.up_answered(True)
    execution = world.start(WEB)
    state = _comes(world, _pauses, lambda: not world.see.runs_still(WEB, execution))
    if state is None:
        raise Violation(f"a release does not pause: {world.see.why(WEB, execution)}")
    must(state.shifting is not None and state.shifting.share == 0, "what pauses has traffic")
    _answer(world, state, goes_on)
    if goes_on:
        status, digest = world.see.follow(WEB, execution)
        must(status == "Succeeded", f"a release that was let go on: {world.see.why(WEB, execution)}")
        world.released(WEB, digest)
    else:
        _went_back(world, execution)
    _without_pause(world, strategy)
    return True


def edit_that_pauses(world: World, strategy: str, value: int, goes_on: bool) -> bool:
    """The `up` of an edit ends well at its pause; another one has nothing to do; then somebody answers."""
    world.settle()
    declare(world, strategy, **PAUSES)
    world.up_answered(True)
    known, before = world.services[WEB], world.see.runs(world.see.state(WEB))
    _edit(world, value)
    world.engine.run("up")
    state = world.see.state(WEB)
    must(_pauses(state), f"an edit does not pause: {state.in_flight}")
    outcome = world.engine.run("up")
    must(not outcome.changes(), f"an up in a pause has changed {outcome.changes()}")
    _answer(world, state, goes_on)
    world.succeeded(world.declared.variants())
    if not goes_on:
        known.attempted.add(before)
    world.settle()
    runs = world.see.runs(world.see.state(WEB))
    must(runs == (known.applied if goes_on else before), f"answered {goes_on}, and {runs} runs")
    _without_pause(world, strategy)
    return True


def _answer(world: World, state: ServiceState, goes_on: bool) -> None:
    (shift.go_on if goes_on else shift.go_back)(world.see.aws("ecs"), state)


def _without_pause(world: World, strategy: str) -> None:
    declare(world, strategy)
    world.up()


def _by(world: World, strategy: str) -> None:
    """Have a service deployed by a strategy, which has released something to go back to."""
    if world.see.state(WEB).strategy != strategy.upper():
        another_strategy(world, strategy)
    if world.services[WEB].released is None or world.services[WEB].candidates:
        world.ship(WEB)


def _ended_early(world: World, strategy: str, end: Callable[[ServiceState], None]) -> bool:
    """A release that is ended while it has traffic; whether it came there."""
    _by(world, strategy)
    world.settle()
    execution = world.start(WEB)
    state = _comes(world, _has_traffic, lambda: not world.see.runs_still(WEB, execution))
    if state is None:
        status, digest = world.see.follow(WEB, execution)
        must(status == "Succeeded", f"a good release: {world.see.why(WEB, execution)}")
        world.released(WEB, digest)
        return False
    end(state)
    _went_back(world, execution)
    return True


def aborted(world: World, strategy: str) -> bool:
    """A release goes back because somebody says so."""

    def abort(state: ServiceState) -> None:
        try:
            shift.go_back(world.see.aws("ecs"), state)
        except (ClientError, DeliveryError) as error:
            raise Violation(f"abort: {error}") from None

    return _ended_early(world, strategy, abort)


def alarmed(world: World, strategy: str) -> bool:
    """A release goes back because an alarm goes off."""
    cloudwatch = world.see.aws("cloudwatch")

    def alarm(_: ServiceState) -> None:
        cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="ALARM", StateReason="the soak")

    try:
        return _ended_early(world, strategy, alarm)
    finally:
        cloudwatch.set_alarm_state(AlarmName=ALARM, StateValue="OK", StateReason="the soak")


def edit_aborted(world: World, strategy: str, value: int) -> bool:
    """An edit goes back while it has traffic: its `up` fails, what ran before runs, and the next `up` tries it again."""
    _by(world, strategy)
    world.up()
    before = world.see.runs(world.see.state(WEB))
    _edit(world, value)
    up = Running(lambda: world.engine.run("up"))
    state = _comes(world, _has_traffic, up.over)
    if state is None:
        up.result()
        world.succeeded(world.declared.variants())
        return False
    shift.go_back(world.see.aws("ecs"), state)
    must(isinstance(up.error(), EngineError), "an up is green whose edit has gone back")
    world.failed_up()
    world.settle()
    runs = world.see.runs(world.see.state(WEB))
    must(runs == before, f"an edit went back from {before}, and {runs} runs")
    world.up()
    return True


def _edit(world: World, value: int) -> None:
    """Another template than the one that runs and is declared."""
    taken = {world.declared.variants()[WEB].template, world.see.runs(world.see.state(WEB)).template}
    chosen = next(each for each in (value, (value + 1) % 3, (value + 2) % 3) if str(each) not in taken)
    world.declared.edit_template(WEB, chosen)


def refused_in_the_middle(world: World, strategy: str, value: int) -> bool:
    """An edit while a release has a part of the traffic; the `up` is refused, and the weights stay ECS's."""
    _by(world, strategy)
    world.settle()
    execution = world.start(WEB)
    there = _comes(world, _has_traffic, lambda: not world.see.runs_still(WEB, execution))
    _edit(world, value)
    try:
        outcome = world.engine.run("up")
    except EngineError as error:
        must("run this again" in str(error), f"an up beside a shift: {error}")
        world.failed_up()
    else:
        over = world.see.state(WEB).in_flight is None
        must(over, f"an up in the middle of a shift is green: {outcome.steps}")
        world.succeeded(world.declared.variants())
    status, digest = world.see.follow(WEB, execution)
    must(status == "Succeeded", f"a release beside an up: {world.see.why(WEB, execution)}")
    world.released(WEB, digest)
    world.settle()
    world.up()
    return there is not None
