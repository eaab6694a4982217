"""How the program is bound to the guards: the look at its start, the hooks, and the error at its end."""

import asyncio
import json
import re
import runpy
import threading
from collections.abc import Callable, Coroutine
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import boto3
import mocked
import pulumi
import pytest
from aws_fakes import denied
from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError
from mocked import ACCOUNT, REGION, ROOT, SECRET_KEYS, Recorder, finish, stack_config

from components.scope import Scope
from components.service.update_hooks import (
    Snapshot,
    UpdateHooks,
    _progress_logger,
    pause_minutes,
    read_service_states,
    update_hooks,
)
from releases import service_deployments, update_guard
from releases.aws_session import Provider
from releases.controllers import CONTROLLERS
from releases.controllers.controller import Deployment
from releases.errors import DeliveryError
from releases.record import FINGERPRINT_LABEL
from releases.service_state import ServiceState
from releases.update_guard import Followed

Deploy = Callable[..., Recorder]
SERVICE = "aws:ecs/service:Service"
RUNS = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-chuoi:7"
OWN = f"arn:aws:ecs:{REGION}:{ACCOUNT}:task-definition/dev-chuoi:1"
SCOPE = Scope(stack="dev", partition="aws", region=REGION, account=ACCOUNT)

QUIET = ServiceState(
    service="chuoi",
    name="dev-chuoi",
    cluster="dev",
    controller=CONTROLLERS["ECS"],
    task_definition=RUNS,
    fingerprint="an earlier template",
    desired=1,
    target_groups=(),
    deployments=(Deployment("ecs-svc/7", RUNS, "COMPLETED", "", 1),),
    record="none",
    execution=None,
)
DEPLOYING = replace(QUIET, deployments=(Deployment("ecs-svc/7", RUNS, "IN_PROGRESS", "in progress", 1),))
LEFT_ALONE = "chuoi: deployment ecs-svc/7 of dev-chuoi:7 is in flight; its task definition is left alone in this run"
WAITS = (
    "chuoi: what is declared does not run yet or may still be rolled back, because deployment ecs-svc/7 of dev-chuoi:7 is in flight; wait "
    "until it is over, as `delivery status chuoi --stack dev --watch` shows, then run this again"
)


@pytest.fixture
def warned(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The program's warnings."""
    warned: list[str] = []
    monkeypatch.setattr("pulumi.log.warn", warned.append)
    return warned


def run(deploy: Deploy, *states: ServiceState, preview: bool = False) -> Recorder:
    """The whole program, with the services as they are."""
    return deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=stack_config("dev"),
        secret_keys=SECRET_KEYS,
        states={state.service: state for state in states},
        preview=preview,
    )


def test_the_hooks_are_on_the_service_that_is_there_and_nowhere_else(deploy: Deploy) -> None:
    recorder = run(deploy, QUIET)
    hooked = {request.name: request.hooks for request in recorder.requests() if request.hooks.ListFields()}
    hooked = {name: hooks for name, hooks in hooked.items() if not name.endswith("-rule") and not hooks.on_error}
    assert hooked.keys() == {"chuoi-service", "delivery-store-events"}
    assert list(hooked["delivery-store-events"].after_create) == ["delivery-store-events-new"]
    assert len(hooked["delivery-store-events"].ListFields()) == 1
    hooks = hooked["chuoi-service"]
    assert (hooks.before_update, hooks.after_update) == (["chuoi-guard"], ["chuoi-follow"])
    assert len(hooks.ListFields()) == 2
    assert "mailer-service" in recorder.named(SERVICE), "which is new"


def test_a_quiet_service_gets_what_is_declared(deploy: Deploy, warned: list[str]) -> None:
    assert run(deploy, QUIET).inputs(SERVICE, "chuoi-service")["taskDefinition"] == OWN
    assert warned == []


def test_a_preview_of_an_edit_that_was_taken_back_names_no_deployment(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Pulumi registers its template anew, whose ARN no preview knows; the service keeps the revision that was released."""
    kind, release = "aws:ecs/taskDefinition:TaskDefinition", {"release": 1, "image_digest": "sha256:a"}
    (container,) = json.loads(run(deploy, QUIET).inputs(kind, "chuoi-task")["containerDefinitions"])
    declared = container["dockerLabels"][FINGERPRINT_LABEL]
    monkeypatch.setitem(mocked.COMPUTED, kind, lambda _: {})
    for fingerprint, known in ((declared, True), ("an earlier template", False)):
        own = {"task_definition": RUNS, "template_fingerprint": fingerprint, "source_version": "v", "execution": "e"}
        record = json.dumps({"schema": 1, **release, **own, "time": "2030-01-01T00:00:00Z"})
        recorder = run(deploy, replace(QUIET, record=record), preview=True)
        assert (recorder.inputs(SERVICE, "chuoi-service")["taskDefinition"] == RUNS) is known


def test_a_service_in_flight_is_left_alone_and_the_preview_says_what_will_wait(
    deploy: Deploy, warned: list[str]
) -> None:
    recorder = run(deploy, DEPLOYING, preview=True)
    assert recorder.inputs(SERVICE, "chuoi-service")["taskDefinition"] == RUNS
    assert warned == [LEFT_ALONE, WAITS]


def test_up_does_all_else_and_fails_in_its_end(deploy: Deploy, warned: list[str]) -> None:
    both = (replace(DEPLOYING, service="mailer", name="dev-mailer"), DEPLOYING)
    with pytest.raises(pulumi.RunError) as failed:
        run(deploy, *both)
    assert str(failed.value).splitlines() == [
        WAITS,
        WAITS.replace("chuoi: ", "mailer: ").replace("status chuoi", "status mailer"),
    ]
    assert len(warned) == 2


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (
            denied("DescribeServices", "User: u is not authorized to perform: ecs:DescribeServices on resource: r"),
            "the program looks at its services before it changes them: these credentials may not ecs:DescribeServices; "
            "use others, or have it allowed: User: u is not authorized to perform: ecs:DescribeServices on resource: r",
        ),
        (
            NoCredentialsError(),
            "the program looks at its services before it changes them: there are no AWS credentials; log in (`aws sso "
            "login`), set AWS_PROFILE, or name one with --profile",
        ),
        (DeliveryError("another account"), "another account"),
    ],
    ids=["AWS refuses", "no credentials", "another account"],
)
@pytest.mark.parametrize("where", ["connect", "read_states"])
def test_the_look_fails_with_one_clear_error(
    monkeypatch: pytest.MonkeyPatch, where: str, error: ClientError | BotoCoreError | DeliveryError, words: str
) -> None:
    def fail(*_: Any) -> None:
        raise error

    monkeypatch.setattr("components.service.update_hooks.connect", lambda *_: boto3.Session())
    monkeypatch.setattr("components.service.update_hooks.read_states", lambda *_: {})
    monkeypatch.setattr(f"components.service.update_hooks.{where}", fail)
    with pytest.raises(pulumi.RunError, match=f"^{re.escape(words)}$") as failed:
        read_service_states(Provider(), SCOPE, ["chuoi"])
    assert failed.value.__suppress_context__


def test_a_record_that_is_none_ends_the_program_at_its_start(deploy: Deploy) -> None:
    with pytest.raises(pulumi.RunError, match=r"^chuoi: not a release record: \{\}$"):
        run(deploy, replace(QUIET, record="{}"))


def test_the_look_asks_once_and_in_the_provider_s_account(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Any] = []
    session = boto3.Session()

    def connect(*given: Any) -> boto3.Session:
        asked.append(given)
        return session

    def look(*given: Any) -> dict[str, ServiceState]:
        asked.append(given)
        return {"chuoi": QUIET}

    monkeypatch.setattr("components.service.update_hooks.connect", connect)
    monkeypatch.setattr("components.service.update_hooks.read_states", look)
    seen = read_service_states(Provider(profile="deploys"), SCOPE, ["chuoi", "mailer"])
    assert asked == [(Provider(profile="deploys"), ACCOUNT), (session, "dev", ["chuoi", "mailer"])]
    assert (seen.session, seen.states) == (session, {"chuoi": QUIET})


Hook = Callable[[Any], Coroutine[Any, Any, None]]


@pytest.fixture
def hooks(monkeypatch: pytest.MonkeyPatch) -> tuple[Hook, Hook]:
    """What runs before and after a change of the service; no engine asks for it."""
    monkeypatch.setattr("pulumi.resource_hooks.register_resource_hook", lambda _: None)
    binding = update_hooks(Snapshot(boto3.Session(), {"chuoi": QUIET}), "dev", "chuoi", 15).service
    assert binding is not None
    (before,), (after,) = binding.before_update or [], binding.after_update or []
    assert isinstance(before, pulumi.ResourceHook)
    assert isinstance(after, pulumi.ResourceHook)
    assert before.opts is not None
    assert before.opts.on_dry_run, "a preview warns"
    assert after.opts is None
    return before.callback, after.callback  # type: ignore[return-value]


def test_a_service_that_is_new_is_not_guarded() -> None:
    assert update_hooks(Snapshot(boto3.Session(), {}), "dev", "chuoi", 15) == UpdateHooks()


@pytest.mark.parametrize("refusal", [None, "not now"])
@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_a_refusal_fails_the_up_and_warns_in_a_preview(
    monkeypatch: pytest.MonkeyPatch, hooks: tuple[Hook, Hook], warned: list[str], preview: bool, refusal: str | None
) -> None:
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: preview)
    asked = ("dev", QUIET, OWN, 0)
    monkeypatch.setattr(update_guard, "check", lambda _, *given: refusal if (*given[:3], given[4]) == asked else "?")
    changing = hooks[0](SimpleNamespace(old_inputs={}, new_inputs={"taskDefinition": OWN}))
    if refusal and not preview:
        with pytest.raises(DeliveryError, match=r"^chuoi is left as it is: not now$"):
            finish(changing)
    else:
        finish(changing)
    assert warned == (["chuoi: not now"] if refusal and preview else [])


@pytest.mark.parametrize(
    ("alternates", "preview", "declared", "dropped"),
    [
        (True, False, {"strategy": "ROLLING"}, True),
        (True, False, None, True),
        (True, False, {"strategy": "CANARY", "lifecycleHooks": [{"targetType": "PAUSE"}]}, False),
        (True, True, {"strategy": "ROLLING"}, False),
        (False, False, None, False),
    ],
)
def test_hooks_that_are_declared_no_longer_are_taken_away(
    monkeypatch: pytest.MonkeyPatch, alternates: bool, preview: bool, declared: dict[str, Any] | None, dropped: bool
) -> None:
    """The provider cannot."""
    calls: list[tuple[str, str]] = []
    monkeypatch.setattr("pulumi.resource_hooks.register_resource_hook", lambda _: None)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: preview)
    monkeypatch.setattr(update_guard, "check", lambda *_: None)
    monkeypatch.setattr(service_deployments, "drop_hooks", lambda _, *given: calls.append(given))
    session = boto3.Session("key", "secret", region_name=REGION)
    states = {"chuoi": replace(QUIET, alternates=alternates)}
    binding = update_hooks(Snapshot(session, states), "dev", "chuoi", 15).service
    assert binding is not None
    (before,) = binding.before_update or []
    assert isinstance(before, pulumi.ResourceHook)
    given: Any = SimpleNamespace(
        old_inputs={"taskDefinition": OWN}, new_inputs={"taskDefinition": OWN, "deploymentConfiguration": declared}
    )
    finish(before.callback(given))  # type: ignore[arg-type]
    assert calls == ([("dev", "dev-chuoi")] if dropped else [])


@pytest.mark.parametrize("rolled_back", [False, True], ids=["completes", "rolled back"])
def test_what_was_deployed_is_followed_and_then_no_release_may_be_undone(
    monkeypatch: pytest.MonkeyPatch, hooks: tuple[Hook, Hook], rolled_back: bool
) -> None:
    done: list[Any] = []
    shown: list[Any] = []

    def follow(
        _: Any,
        stack: str,
        service: str,
        revision: str,
        tell: Callable[[str], None],
        timeout: int,
        minutes: int | None,
    ) -> Followed:
        tell("it goes on")
        done.append(("follow", stack, service, revision, timeout, minutes))
        if rolled_back:
            raise DeliveryError("rolled back")
        return Followed(taken_over=True)

    monkeypatch.setattr(update_guard, "follow_deployment", follow)
    monkeypatch.setattr(
        update_guard, "check_release_stands", lambda _, *given, **more: done.append(("confirm", *given, more))
    )
    monkeypatch.setattr("pulumi.log.info", lambda words, ephemeral: shown.append((words, ephemeral)))
    changed = hooks[1](SimpleNamespace(new_inputs={"taskDefinition": OWN}))
    if rolled_back:
        with pytest.raises(DeliveryError, match=r"^rolled back$"):
            finish(changed)
    else:
        finish(changed)
    followed = ("follow", "dev", "chuoi", OWN, 15, None)
    assert done == ([followed] if rolled_back else [followed, ("confirm", "dev", QUIET, {"taken_over": True})])
    assert shown == [("it goes on", True)]


def test_what_goes_on_when_it_is_followed_no_longer_is_said_in_a_line_that_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pulumi.resource_hooks.register_resource_hook", lambda _: None)
    asked: list[Any] = []
    shown: list[Any] = []

    def follow(*given: Any) -> Followed:
        asked.extend(given[5:])
        return Followed(taken_over=False, goes_on="chuoi goes on")

    monkeypatch.setattr(update_guard, "follow_deployment", follow)
    monkeypatch.setattr(update_guard, "check_release_stands", lambda *_, **__: None)
    monkeypatch.setattr("pulumi.log.info", lambda words, **more: shown.append((words, more)))
    binding = update_hooks(Snapshot(boto3.Session(), {"chuoi": QUIET}), "dev", "chuoi", 15, 5).service
    assert binding is not None
    (after,) = binding.after_update or []
    assert isinstance(after, pulumi.ResourceHook)
    changed: Any = SimpleNamespace(new_inputs={"taskDefinition": OWN})
    finish(after.callback(changed))  # type: ignore[arg-type]
    assert (asked, shown) == ([15, 5], [("chuoi goes on", {})])


PAUSES = {
    "lifecycleHooks": [
        {"targetType": "AWS_LAMBDA", "lifecycleStages": ["POST_SCALE_UP"]},
        {"targetType": "PAUSE", "timeoutConfiguration": {"timeoutInMinutes": "60", "action": "ROLLBACK"}},
    ]
}
RAN = {"taskDefinition": RUNS, "deploymentConfiguration": PAUSES}


@pytest.mark.parametrize(
    ("old", "new", "minutes"),
    [
        (RAN, {**RAN, "taskDefinition": OWN}, "60"),
        (RAN, {**RAN, "loadBalancers": [{}]}, "60"),
        (RAN, {**RAN, "forceNewDeployment": True}, "60"),
        (RAN, {**RAN, "desiredCount": 3}, None),
        ({**RAN, "deploymentConfiguration": {}}, RAN, None),
        ({**RAN, "taskDefinition": OWN}, {**RAN, "deploymentConfiguration": {"lifecycleHooks": []}}, None),
        ({}, {"taskDefinition": OWN}, None),
    ],
)
def test_what_a_deployment_pauses_for(old: dict[str, Any], new: dict[str, Any], minutes: str | None) -> None:
    assert pause_minutes(old, new) == minutes


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
@pytest.mark.parametrize(("follow", "end"), [(None, "`up` ends when it pauses"), (5, "`up` follows it for 5 minutes")])
def test_an_edit_that_will_pause_is_said_to(
    monkeypatch: pytest.MonkeyPatch, preview: bool, follow: int | None, end: str
) -> None:
    said: list[str] = []
    monkeypatch.setattr("pulumi.resource_hooks.register_resource_hook", lambda _: None)
    monkeypatch.setattr("pulumi.runtime.is_dry_run", lambda: preview)
    monkeypatch.setattr(update_guard, "check", lambda *_: None)
    monkeypatch.setattr("pulumi.log.info", said.append)
    binding = update_hooks(Snapshot(boto3.Session(), {"chuoi": QUIET}), "dev", "chuoi", 15, follow).service
    assert binding is not None
    (before,) = binding.before_update or []
    assert isinstance(before, pulumi.ResourceHook)
    given: Any = SimpleNamespace(old_inputs=RAN, new_inputs={**RAN, "taskDefinition": OWN})
    finish(before.callback(given))  # type: ignore[arg-type]
    assert said == [
        "chuoi: its deployment pauses with its new tasks on the test port, for 60 minutes at most, until `delivery "
        f"continue chuoi --stack dev` or `delivery abort chuoi --stack dev`; without an answer it goes back. {end}"
    ]


DONE = replace(QUIET, fingerprint="an edit of somebody else's")


@pytest.mark.parametrize("preview", [False, True], ids=["up", "preview"])
def test_an_edit_waits_for_what_is_in_flight_where_that_is_asked_for(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, warned: list[str], preview: bool
) -> None:
    """Then it is decided anew what the service runs, and nothing is left undone."""
    asked: list[tuple[str, float]] = []

    def until(_: Any, stack: str, state: ServiceState, busy: Any, tell: Any, minutes: float) -> ServiceState:
        assert (stack, busy(state), busy(DONE)) == ("dev", True, False)
        asked.append((state.service, minutes))
        return DONE

    monkeypatch.setenv("FARGATE_DELIVERY_WAIT", "30")
    monkeypatch.setattr("releases.waiting.wait_while_busy", until)
    monkeypatch.setattr("pulumi.log.info", lambda *_, **__: None)
    recorder = run(deploy, DEPLOYING, preview=preview)
    assert recorder.inputs(SERVICE, "chuoi-service")["taskDefinition"] == (RUNS if preview else OWN)
    assert asked == ([] if preview else [("chuoi", 30)])
    assert warned == ([WAITS] if preview else [])


def test_what_is_still_in_flight_then_fails_the_up(deploy: Deploy, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FARGATE_DELIVERY_WAIT", "30")
    monkeypatch.setattr("releases.waiting.wait_while_busy", lambda *given: given[2])
    monkeypatch.setattr("pulumi.log.info", lambda *_, **__: None)
    with pytest.raises(pulumi.RunError, match=re.escape(WAITS)):
        run(deploy, DEPLOYING)


@pytest.mark.parametrize("states", [[], [QUIET]], ids=["a new stack", "never released"])
def test_where_a_first_upload_is_waited_for_is_left_to_the_outputs(
    deploy: Deploy, monkeypatch: pytest.MonkeyPatch, states: list[ServiceState]
) -> None:
    """They say it for each service, and so does `status`."""
    said: list[str] = []
    monkeypatch.setattr("pulumi.log.info", lambda words, *_, **__: said.append(words))
    run(deploy, *states)
    assert said == []


def test_all_services_are_followed_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each waits until all do: with fewer threads than services none would end."""
    monkeypatch.setattr("pulumi.resource_hooks.register_resource_hook", lambda _: None)
    names = [f"service-{number}" for number in range(60)]
    together = threading.Barrier(len(names), timeout=20)
    monkeypatch.setattr(update_guard, "follow_deployment", lambda *_: Followed(together.wait() < 0))
    monkeypatch.setattr(update_guard, "check_release_stands", lambda *_, **__: None)
    seen = Snapshot(boto3.Session(), {name: replace(QUIET, service=name) for name in names})

    async def all_of_them() -> None:
        bound = [update_hooks(seen, "dev", name, 15).service for name in names]
        hooks = [after for binding in bound if binding for after in binding.after_update or []]
        changed: Any = SimpleNamespace(new_inputs={"taskDefinition": OWN})
        await asyncio.gather(*(hook.callback(changed) for hook in hooks))  # type: ignore[attr-defined]

    finish(all_of_them())


@pytest.mark.parametrize(
    ("told", "kept"),
    [
        ([(second, str(second)) for second in (0, 14, 15, 29, 30, 31)], [15, 30]),
        ([(second, "the same") for second in (0, 15, 16, 74, 75, 76, 135)], [15, 75, 135]),
        ([(15, "one"), (20, "two"), (21, "one"), (31, "two")], [15, 31]),
    ],
    ids=["what is new", "the same", "one and the other"],
)
def test_progress_is_kept_in_a_log_now_and_then(
    told: list[tuple[int, str]], kept: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[tuple[str, bool]] = []
    now = [0.0]
    monkeypatch.setattr("components.service.update_hooks.time.monotonic", lambda: now[0])
    monkeypatch.setattr("pulumi.log.info", lambda words, ephemeral: shown.append((words, ephemeral)))

    async def tells() -> None:
        tell = _progress_logger()
        for now[0], words in told:
            tell(words)
        for _ in range(9):
            await asyncio.sleep(0)

    finish(tells())
    assert shown == [(words, second not in kept) for second, words in told]
