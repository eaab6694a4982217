"""Steps that cut a writer off, or let both write at once."""

import os
import signal
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from releases.service_state import ServiceState
from sandbox.engine import EngineError
from tests.soak.beside import PAUSE, Call, Held, Running
from tests.soak.declared import STACK
from tests.soak.expected import Variant, Violation, must
from tests.soak.world import World

BY_PULUMI, BY_PIPELINE = ":root", "role/"
UPDATE_SERVICE, PUT_OBJECT = "ecs:UpdateService", "s3:PutObject"


def up_killed(world: World, call: Call) -> bool:
    """Kill the engine at a call of it; whether it came there."""
    world.settle()
    held = world.see.hold(replace(call, by=BY_PULUMI))
    run = Running(lambda: world.run_up([]))
    if not held.wait(run.over):
        held.release()
        _refused_or_done(world, run)
        return False
    world.failed_up()
    kill(world, run, held, abort=not call.after)
    world.settle()
    return True


def _refused_or_done(world: World, run: Running[Any]) -> None:
    """An `up` that never came to a call: it had nothing to do, or was refused because images disagree."""
    try:
        run.result()
    except EngineError as error:
        must("repair" in str(error), f"up failed: {error}")
        world.failed_up()


def kill(world: World, run: Running[Any], held: Held, *, abort: bool) -> None:
    """Kill the engine of an `up` that stands still at a call, which is then done or not."""
    for pid in world.engine.folder.locking_processes():
        os.kill(pid, signal.SIGKILL)
    held.release(abort=abort)
    run.error()


def pipeline_killed(world: World, service: str, call: Call, *, retry: bool) -> bool:
    """Cut a pipeline off at a call of it; whether it came there."""
    world.settle()
    held = world.see.hold(replace(call, by=BY_PIPELINE))
    execution = world.start(service)
    there = held.wait(lambda: not world.see.runs_still(service, execution))
    if there:
        _cut_off(world, service, execution, abandon=call.after)
    held.release(abort=there and not call.after)
    status, digest = world.see.follow(service, execution)
    _ended(world, service, status, digest)
    if there and retry and status != "Succeeded":
        _retry(world, service, execution)
    world.settle()
    return there


def _cut_off(world: World, service: str, execution: str, *, abandon: bool) -> None:
    """End what works for an execution: its build, or the pipeline's own action; without abandon, its call fails."""
    if digest := world.see.packaged(service, execution):
        world.services[service].candidates.add(digest)
    codebuild = world.see.aws("codebuild")
    builds = codebuild.batch_get_builds(ids=codebuild.list_builds()["ids"][:20])["builds"]
    running = [build["id"] for build in builds if build["buildStatus"] == "IN_PROGRESS"]
    for build in running:
        codebuild.stop_build(id=build)
    if abandon and not running:
        world.see.aws("codepipeline").stop_pipeline_execution(
            pipelineName=f"{STACK}-{service}", pipelineExecutionId=execution, abandon=True
        )


def _retry(world: World, service: str, execution: str) -> None:
    """Run the failed stage again, as an operator does from the console."""
    world.settle()
    pipelines, name = world.see.aws("codepipeline"), f"{STACK}-{service}"
    for stage in pipelines.get_pipeline_state(name=name)["stageStates"]:
        latest = stage.get("latestExecution", {})
        if latest.get("pipelineExecutionId") == execution and latest.get("status") == "Failed":
            pipelines.retry_stage_execution(
                pipelineName=name, stageName=stage["stageName"], pipelineExecutionId=execution,
                retryMode="FAILED_ACTIONS",
            )  # fmt: skip
            status, digest = world.see.follow(service, execution)
            must(
                status == "Succeeded", f"the stage {stage['stageName']} ran again: {world.see.why(service, execution)}"
            )
            world.released(service, digest)


def edit_killed(world: World, service: str, call: Call, edit: Callable[[], None], *, retry: bool) -> bool:
    """Cut the deployment of an edit off, which the pipeline has begun by itself; whether it came there.

    From then on every `up` names the command that tries it again; so may its failed stage be.
    """
    _whole(world, service, images=1)
    world.up()
    known, before = world.see.executions(service), world.services[service].applied
    edit()
    held = world.see.hold(replace(call, by=BY_PIPELINE))
    world.engine.run("up")
    world.succeeded(world.declared.variants())
    world.services[service].attempted.add(before)
    (execution,) = set(world.see.templates()[service][1]) - set(known)
    there = held.wait(lambda: not world.see.runs_still(service, execution))
    if there:
        _cut_off(world, service, execution, abandon=call.after)
    held.release(abort=there and not call.after)
    _ended(world, service, *world.see.follow(service, execution))
    if retry:
        _retry(world, service, execution)
    world.up()
    return there


def race(world: World, service: str, call: Call) -> bool:
    """An `up` while a release stands still at one of its calls; whether it came there."""
    world.settle()
    held = world.see.hold(replace(call, by=BY_PIPELINE))
    execution = world.start(service)
    there = held.wait(lambda: not world.see.runs_still(service, execution))
    before = world.see.weights()
    try:
        _judge_up(world, Running(lambda: world.engine.run("up")), world.declared.variants())
        by_ecs = world.see.state(service).strategy != "ROLLING"  # which shifts while the call stands still
        must(not there or by_ecs or world.see.weights() == before, "an up has moved traffic")
    finally:
        held.release()
    _ended(world, service, *world.see.follow(service, execution))
    world.settle()
    return there


def race_within_up(world: World, service: str, *, whole: bool) -> bool:
    """A release while an `up` stands still before it changes the service; whether it came there.

    Args:
        whole: whether the release ends meanwhile, or only changes the service.
    """
    world.settle()
    declared, before = world.declared.variants(), world.see.state(service)
    held = world.see.hold(_write_of_pulumi(service, before))
    run = Running(lambda: world.engine.run("up"))
    there = held.wait(run.over)
    execution = world.start(service)
    while there and world.see.runs_still(service, execution):
        if not whole and world.see.state(service).task_definition != before.task_definition:
            break
        time.sleep(PAUSE)
    if whole:
        _ended(world, service, *world.see.follow(service, execution))
        if not before.controller.deploys_template and (images := world.see.images(before).released):
            world.services[service].candidates.add(images)
    held.release()
    advice = _judge_up(world, run, declared)
    if not whole:
        _ended(world, service, *world.see.follow(service, execution))
    elif there:
        _bring_back(world, service, advice)
    world.settle()
    return there


def _write_of_pulumi(service: str, state: ServiceState) -> Call:
    """The call by which an `up` deploys an edit."""
    if state.controller.deploys_template:
        return Call(PUT_OBJECT, BY_PULUMI, mentions=f"templates/{service}/appspec.yaml")
    return Call(UPDATE_SERVICE, BY_PULUMI, mentions=f"{STACK}-{service}")


def _bring_back(world: World, service: str, advice: str) -> None:
    """An `up` has undone a release, says so, and names the command that brings it back."""
    if not world.see.disagrees(service):
        return
    release = world.see.state(service).release
    must(release is not None and f"rollback {service} --to {release.release}" in advice, f"no way back: {advice}")
    world.rollback(service, release.release if release else None)


def _judge_up(world: World, run: Running[Any], declared: dict[str, Variant]) -> str:
    """An `up` beside a release either has done all, or ends with what to do: that."""
    try:
        run.result()
    except EngineError as error:
        words = str(error)
        must(any(word in words for word in ("again", "repair", "rollback")), f"an up beside a release failed: {error}")
        world.failed_up()
        return words
    world.succeeded(declared)
    return ""


def _ended(world: World, service: str, status: str, digest: str | None) -> None:
    """A pipeline that was disturbed: it has released, or it has failed and its image may run until a repair."""
    if status == "Succeeded":
        world.released(service, digest)
    elif digest and digest != world.services[service].released:
        world.services[service].candidates.add(digest)


def event_twice(world: World, service: str) -> None:
    """The event of an upload that was released comes once more; nothing is built or deployed."""
    world.ship(service)
    key = f"sources/{service}/source.zip"
    uploads = [e for e in world.see.control("events") if e.get("detail", {}).get("object", {}).get("key") == key]
    before, known = world.see.writes(), world.see.executions(service)
    world.see.control("replay-event", id=uploads[-1]["id"])
    while world.see.executions(service) == known:
        time.sleep(PAUSE)
    world.settle()
    must(world.see.writes() == before, "an event that came twice was deployed twice")


def _whole(world: World, service: str, *, images: int) -> None:
    """Ship until the service's images agree, and it has so many."""
    world.settle()
    while world.services[service].candidates or len(world.see.digests(service)) < images:
        world.ship(service)


def live_moved(world: World, service: str, value: int) -> None:
    """Somebody moves `live` by hand: an edit is refused until it is repaired."""
    _whole(world, service, images=2)
    ecr, repository = world.see.aws("ecr"), f"{STACK}-{service}"
    other = next(digest for digest in world.see.digests(service) if digest != world.services[service].released)
    (image,) = ecr.batch_get_image(repositoryName=repository, imageIds=[{"imageDigest": other}])["images"]
    ecr.put_image(repositoryName=repository, imageTag="live", imageManifest=image["imageManifest"])
    before = world.see.state(service)
    running = world.see.runs(before).template
    world.declared.edit_template(service, (value + 1) % 3 if str(value) == running else value)
    try:
        world.engine.run("up")
    except EngineError as error:
        must(f"repair {service}" in str(error), f"the refusal does not name the repair: {error}")
    else:
        raise Violation("an edit was deployed with an image that is not the released one")
    world.failed_up()
    must(world.see.state(service).deployments == before.deployments, "what was refused was deployed")
    world.repair(service)
    world.settle()
