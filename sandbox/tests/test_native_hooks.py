"""Lifecycle hooks of service deployments as a state machine: functions and pauses, answered by hand."""

from datetime import UTC, datetime
from typing import Any

import pytest
from native_rig import MINUTE, NativeRig, native, settled

from sandbox.ecs.hooks import HookFailed, HookRun
from sandbox.ecs.service_deployment import revision_arn

Json = dict[str, Any]
STAGES = [
    "PRE_SCALE_UP", "POST_SCALE_UP", "TEST_TRAFFIC_SHIFT", "POST_TEST_TRAFFIC_SHIFT", "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "PRODUCTION_TRAFFIC_SHIFT", "POST_PRODUCTION_TRAFFIC_SHIFT",
]  # fmt: skip
ROLLED_BACK = "Service deployment rolled back because"


def function(*stages: str, **fields: Any) -> Json:
    return {"hookTargetArn": "function", "roleArn": "role", "lifecycleStages": list(stages), **fields}


def pause(*stages: str, **timeout: Any) -> Json:
    return {"targetType": "PAUSE", "lifecycleStages": list(stages), "timeoutConfiguration": timeout}


def answered(r: NativeRig, answer: Json | HookFailed | None = None) -> HookRun:
    """The function that was called last answers."""
    run = r.called.pop()
    assert r.called == []
    run.answer = answer or {"hookStatus": "SUCCEEDED"}
    r.look()
    return run


def test_each_stage_waits_for_its_hook_in_order() -> None:
    r = settled(lifecycleHooks=[function(*STAGES)])
    r.deploy()
    seen = []
    while not r.record.ended:
        if r.called:
            assert r.record.hooks[0].status == "IN_PROGRESS"
            seen.append(answered(r).stage)
        else:
            r.ready()
    assert (seen, r.record.status) == (STAGES, "SUCCESSFUL")
    assert r.told == [(stage, status) for stage in STAGES for status in ("IN_PROGRESS", "SUCCEEDED")]


@pytest.mark.parametrize(("strategy", "steps"), [("CANARY", 2), ("LINEAR", 10)])
def test_the_stages_of_a_shift_come_at_each_step(strategy: str, steps: int) -> None:
    r = settled(strategy, lifecycleHooks=[function("PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT")])
    r.deploy()
    seen, ids = [], set()
    while not r.record.ended:
        if r.called:
            run = answered(r)
            seen.append(run.stage)
            ids.add(run.id)
        else:
            r.ready()
            r.wait(1)
    assert seen == ["PRE_PRODUCTION_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"] * steps
    assert len(ids) == 2 * steps


def test_what_a_function_is_called_with() -> None:
    details = {"url": "http://test"}
    r = settled("CANARY", lifecycleHooks=[function("POST_SCALE_UP", "PRODUCTION_TRAFFIC_SHIFT", hookDetails=details)])
    blue, green = r.service.primary, r.deploy()
    r.ready()
    event = answered(r).event()
    assert event.pop("executionId")
    assert event == {
        "lifecycleStage": "POST_SCALE_UP",
        "resourceArn": r.record.arn,
        "hookDetails": details,
        "executionDetails": {
            "serviceArn": r.service.arn,
            "targetServiceRevisionArn": revision_arn(r.service.arn, green),
            "testTrafficWeights": {},
            "productionTrafficWeights": {},
        },
    }
    weights = r.called[0].event()["executionDetails"]["productionTrafficWeights"]
    assert weights == {revision_arn(r.service.arn, green): 5, revision_arn(r.service.arn, blue): 95}


def test_a_function_that_needs_longer_is_called_again_with_what_it_returned() -> None:
    r = settled(lifecycleHooks=[function("PRE_SCALE_UP")])
    r.deploy()
    run = answered(r, {"hookStatus": "IN_PROGRESS", "callBackDelay": 60, "hookDetails": {"try": 2}})
    r.now += MINUTE - 0.1
    r.look()
    assert (r.called, run.status) == ([], "IN_PROGRESS")
    r.now += 0.1
    r.look()
    assert r.called == [run]
    assert run.event()["hookDetails"] == {"try": 2}
    answered(r, {"hookStatus": "IN_PROGRESS"})
    r.now += 3
    r.look()
    assert answered(r).status == "SUCCEEDED", "30 seconds by default"
    assert r.record.stage == "SCALE_UP"


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        ({"hookStatus": "FAILED"}, "Lifecycle hook target function returned FAILED status."),
        (HookFailed("ECS was unable to assume role role"), "ECS was unable to assume role role"),
    ],
)
def test_a_function_that_fails_rolls_back(answer: Json | HookFailed, words: str) -> None:
    r = settled(lifecycleHooks=[function("POST_PRODUCTION_TRAFFIC_SHIFT")])
    blue = r.service.primary
    r.deploy()
    r.ready()
    assert r.production["two"] == 100.0
    answered(r, answer)
    record = r.until_ended()
    assert record.reason == f"{ROLLED_BACK} POST_PRODUCTION_TRAFFIC_SHIFT lifecycle hook(s) failed. {words}"
    assert (record.status, r.production, r.service.primary) == ("ROLLBACK_SUCCESSFUL", {"one": 100.0, "two": 0.0}, blue)
    assert r.told[-1] == ("POST_PRODUCTION_TRAFFIC_SHIFT", "FAILED")


def test_a_rollback_runs_the_hooks_of_both_shifts_and_goes_on_whatever_they_say() -> None:
    r = settled(
        lifecycleHooks=[
            function("TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT", "POST_SCALE_UP"),
            pause("POST_PRODUCTION_TRAFFIC_SHIFT"),
        ]
    )
    blue, green = r.service.primary, r.deploy()
    r.ready()
    for _ in range(3):
        answered(r)
    r.record.hooks[0].decision = "ROLLBACK"
    r.look()
    weights = r.called[0].event()["executionDetails"]["productionTrafficWeights"]
    assert weights == {revision_arn(r.service.arn, green): 0, revision_arn(r.service.arn, blue): 100}
    assert r.production["one"] == 100.0
    assert answered(r, {"hookStatus": "FAILED"}).stage == "PRODUCTION_TRAFFIC_SHIFT"
    assert answered(r).stage == "TEST_TRAFFIC_SHIFT"
    assert r.until_ended().status == "ROLLBACK_SUCCESSFUL"


def test_a_pause_goes_on_when_somebody_says_so() -> None:
    r = settled(
        "LINEAR", linearConfiguration={"stepPercent": 50.0}, lifecycleHooks=[pause("PRE_PRODUCTION_TRAFFIC_SHIFT")]
    )
    r.deploy()
    r.ready()
    for share in (0.0, 50.0):
        assert (r.record.stage, r.production["two"]) == ("PRE_PRODUCTION_TRAFFIC_SHIFT", share)
        r.wait(23 * 60)
        assert r.record.hooks[0].status == "AWAITING_ACTION", "a day by default"
        r.record.hooks[0].decision = "CONTINUE"
        r.look()
        r.wait(6)
    assert r.until_ended().status == "SUCCESSFUL"


@pytest.mark.parametrize(
    ("action", "status"),
    [("ROLLBACK", "ROLLBACK_SUCCESSFUL"), (None, "ROLLBACK_SUCCESSFUL"), ("CONTINUE", "SUCCESSFUL")],
)
def test_a_pause_that_times_out(action: str | None, status: str) -> None:
    timeout = {"timeoutInMinutes": 20160, **({"action": action} if action else {})}
    r = settled(lifecycleHooks=[pause("POST_TEST_TRAFFIC_SHIFT", **timeout)])
    r.deploy()
    r.ready()
    hook = r.record.hooks[0]
    assert hook.timeout_action == action or (action is None and hook.timeout_action == "ROLLBACK")
    left = (hook.expires_at - datetime.now(UTC)).total_seconds()
    assert abs(left - 20160 * MINUTE) < 60
    r.wait(20159)
    assert (hook.status, r.record.status) == ("AWAITING_ACTION", "IN_PROGRESS"), "longer than the 24 hours of a stage"
    r.wait(1)
    assert r.told[-1] == ("POST_TEST_TRAFFIC_SHIFT", "TIMED_OUT")
    assert r.until_ended().status == status
    if status != "SUCCESSFUL":
        assert r.record.reason == f"{ROLLED_BACK} POST_TEST_TRAFFIC_SHIFT pause hook timed out."


def test_all_hooks_of_a_stage_run_at_once_and_each_has_to_agree() -> None:
    r = settled(lifecycleHooks=[function("POST_SCALE_UP"), pause("POST_SCALE_UP"), pause("POST_SCALE_UP")])
    r.deploy()
    r.ready()
    assert len(r.record.hooks) == 3
    answered(r)
    r.record.hooks[1].decision = "CONTINUE"
    r.look()
    assert [run.status for run in r.record.hooks] == ["SUCCEEDED", "SUCCEEDED", "AWAITING_ACTION"]
    assert r.record.stage == "POST_SCALE_UP"
    r.record.hooks[2].decision = "ROLLBACK"
    assert r.until_ended().status == "ROLLBACK_SUCCESSFUL"


def test_a_first_deployment_that_a_hook_refuses_has_nothing_to_roll_back_to() -> None:
    r = native(lifecycleHooks=[function("PRE_SCALE_UP")])
    r.look()
    answered(r, {"hookStatus": "FAILED"})
    assert (r.record.status, r.state, r.active()) == ("ROLLBACK_FAILED", "FAILED", [])


def test_reconciling_is_a_stage_with_hooks_of_its_own() -> None:
    r = settled("CANARY", lifecycleHooks=[function("RECONCILE_SERVICE")])
    r.deploy()
    r.ready()
    assert r.called == [], "one revision ran before"
    r.deploy("td:3")
    event = r.called[0].event()
    assert (event["lifecycleStage"], len(event["executionDetails"]["productionTrafficWeights"])) == (
        "RECONCILE_SERVICE",
        2,
    )
    answered(r)
    assert r.until_ended().status == "SUCCESSFUL"


def test_a_stage_that_takes_a_day_fails() -> None:
    r = settled(lifecycleHooks=[function("POST_SCALE_UP", timeoutConfiguration={"timeoutInMinutes": 20160})])
    r.deploy()
    r.ready()
    r.wait(24 * 60)
    assert r.record.reason == f"{ROLLED_BACK} the lifecycle stage POST_SCALE_UP took 24 hours."
