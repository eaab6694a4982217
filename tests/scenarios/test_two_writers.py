"""The orders of steps in which simpler rules than those of decision 0001 lose an edit or a release.

An exploration of every order (`tests/unit/support/two_writers_model.py`) found them: the first when Pulumi's own revision always
wins, the last without a look at what is in flight, the one taken back within a release when that look sees only the
newest deployment, the others when the newest revision wins. Then what Pulumi itself may lose.
"""

import time
from collections.abc import Iterator

import pytest

from sandbox.engine import EngineError
from tests.scenarios.conftest import SERVER, new_stack
from tests.soak.beside import Call, Running
from tests.soak.declared import EDITED, EXTRA, STACK, WEB, WORKER, Declared
from tests.soak.disturbances import (
    BY_PIPELINE,
    BY_PULUMI,
    UPDATE_SERVICE,
    kill,
    pipeline_killed,
    up_killed,
)
from tests.soak.world import SPEED, World

pytestmark = pytest.mark.nightly

READ_VALUES = "ssm:GetParameters"
"""What ECS does before it starts a task."""
PICKY = SERVER.replace("STATUS", f'(500 if os.environ.get("{EDITED}") == "2" else 200)')
"""An app that is not healthy under one edit."""


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A stack whose worker is released with edit 1. Each test leaves it at rest, with the next edit deployed or not."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_SPEED", SPEED)
        with new_stack(tmp_path_factory.mktemp("repository"), STACK) as stack:
            Declared(stack.root).edit_template(WORKER, 1)
            world = World(stack.root)
            world.ship(WORKER)
            yield world


def template(world: World, service: str) -> str:
    """Which edit of its template a service runs."""
    return world.see.runs(world.see.state(service)).template


def edit(world: World, service: str) -> str:
    """Change a service's template to what it never was; the edit."""
    value = int(template(world, service)) + 1
    world.declared.edit_template(service, value)
    return str(value)


def test_after_a_release_there_is_nothing_to_do(world: World) -> None:
    before = world.see.state(WORKER)
    assert world.engine.run("up").changes() == {}
    assert world.see.state(WORKER) == before


def test_an_edit_cut_off_and_taken_back_leaves_nothing_to_do(world: World) -> None:
    before = world.see.state(WORKER)
    world.declared.edit_template(WORKER, 2)
    assert up_killed(world, Call(UPDATE_SERVICE))
    world.declared.edit_template(WORKER, 1)
    for _ in range(2):
        world.engine.run("up")
        assert world.see.state(WORKER) == before


def test_an_edit_cut_off_and_then_a_release(world: World) -> None:
    before = template(world, WORKER)
    wanted = edit(world, WORKER)
    assert up_killed(world, Call(UPDATE_SERVICE))
    world.ship(WORKER)
    assert template(world, WORKER) == before
    world.up()
    assert template(world, WORKER) == wanted


def test_an_edit_cut_off_and_a_deployment_cut_off(world: World) -> None:
    released, before = world.services[WORKER].released, template(world, WORKER)
    wanted = edit(world, WORKER)
    assert up_killed(world, Call(UPDATE_SERVICE))
    assert pipeline_killed(world, WORKER, Call(UPDATE_SERVICE, after=True), retry=False)
    assert template(world, WORKER) == before
    world.repair(WORKER)
    world.up()
    assert template(world, WORKER) == wanted
    assert world.services[WORKER].released != released


def test_an_edit_cut_off_within_a_release_that_goes_on(world: World) -> None:
    wanted = edit(world, WORKER)
    held_up = world.see.hold(Call(UPDATE_SERVICE, BY_PULUMI))
    run = Running(lambda: world.engine.run("up"))
    assert held_up.wait(run.over)
    held_release = world.see.hold(Call("ssm:PutParameter", BY_PIPELINE))
    execution = world.start(WORKER)
    assert held_release.wait(lambda: not world.see.runs_still(WORKER, execution))
    held_answer = world.see.hold(Call(UPDATE_SERVICE, BY_PULUMI, after=True))
    held_up.release()
    assert held_answer.wait(run.over)
    world.failed_up()
    kill(world, run, held_answer, abort=False)
    held_release.release()
    status, digest = world.see.follow(WORKER, execution)
    assert status == "Succeeded"
    world.released(WORKER, digest)
    world.up()
    assert template(world, WORKER) == wanted
    assert world.see.images(world.see.state(WORKER)).running == digest


def test_an_edit_taken_back_and_cut_off_within_a_release_is_not_called_done(world: World) -> None:
    """The release that is in flight has what is declared; what ECS would go back to has the edit that was taken back."""
    world.ship(WORKER)
    before = template(world, WORKER)
    edit(world, WORKER)
    assert up_killed(world, Call(UPDATE_SERVICE, after=True))
    world.declared.edit_template(WORKER, int(before))
    held_up = world.see.hold(Call(UPDATE_SERVICE, BY_PULUMI, after=True))
    held_tasks = [world.see.hold(Call(READ_VALUES, f"{STACK}-{WORKER}-execution"))]
    run = Running(lambda: world.engine.run("up"))
    assert held_up.wait(run.over)
    world.failed_up()
    kill(world, run, held_up, abort=False)
    assert held_tasks[0].wait(lambda: False)
    held_tasks.append(world.see.hold(Call(READ_VALUES, f"{STACK}-{WORKER}-execution")))
    execution = world.start(WORKER)
    assert held_tasks[1].wait(lambda: not world.see.runs_still(WORKER, execution))
    assert template(world, WORKER) == before
    with pytest.raises(EngineError, match=f"{WORKER}: what is declared does not run yet or may still be rolled back"):
        world.engine.run("up")
    for held in held_tasks:
        held.release()
    status, digest = world.see.follow(WORKER, execution)
    assert status == "Succeeded"
    world.released(WORKER, digest)
    world.up()
    assert template(world, WORKER) == before


def test_what_was_made_and_not_recorded_is_named(world: World) -> None:
    world.declared.add_service()
    held = world.see.hold(Call("ecr:CreateRepository", BY_PULUMI, after=True))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PULUMI_PARALLEL", "1")  # nothing else is under way at the kill
        run = Running(lambda: world.engine.run("up"))
        assert held.wait(run.over)
        kill(world, run, held, abort=False)
    assert len(world.see.pending()) == 1
    world.engine.pulumi("cancel", "--yes")
    world.engine.pulumi("refresh", "--yes", "--skip-preview", "--clear-pending-creates")
    with pytest.raises(EngineError, match=f"{EXTRA}-images: .* already exists"):
        world.engine.run("up")
    world.see.aws("ecr").delete_repository(repositoryName=f"{STACK}-{EXTRA}")
    world.up()


def test_an_edit_cut_off_and_not_proven_yet_is_not_called_done(world: World) -> None:
    world.declared.edit_template(WEB, 1)
    world.up()
    status, digest = world.see.follow(WEB, world.start(WEB, server=PICKY))
    assert status == "Succeeded"
    world.released(WEB, digest)
    assert edit(world, WEB) == "2"
    held_up = world.see.hold(Call(UPDATE_SERVICE, BY_PULUMI, after=True))
    held_task = world.see.hold(Call(READ_VALUES, f"{STACK}-{WEB}-execution"))
    run = Running(lambda: world.engine.run("up"))
    assert held_up.wait(run.over)
    kill(world, run, held_up, abort=False)
    with pytest.raises(
        EngineError,
        match=f"{WEB}: what is declared does not run yet or may still be rolled back, because deployment ecs-svc/",
    ):
        world.engine.run("up")
    held_task.release()
    while world.see.busy():
        time.sleep(0.1)
    assert template(world, WEB) == "1"
    with pytest.raises(EngineError, match=f"{WEB}: .*deployment ecs-svc/.*Its last task stopped: Task failed ELB"):
        world.engine.run("up")
