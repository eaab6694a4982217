"""Executions through stages, with actions that the test controls."""

import threading
from typing import Any

import pytest
from aws_fakes import FakeAccount, eventually, misfits

from sandbox.codepipeline.actions import approval
from sandbox.codepipeline.actions.context import ActionContext, ActionFailure, ActionResult
from sandbox.codepipeline.engine import Runner
from sandbox.codepipeline.model import Execution
from sandbox.codepipeline.shapes import action_shape, execution_shape, stage_state, summary_shape
from sandbox.codepipeline.stage_lock import StageLocks

Json = dict[str, Any]
ROLE = "arn:aws:iam::111111111111:role/pipe"


def step(name: str, provider: str = "Step", **fields: Any) -> Json:
    type_id = {"category": "Test", "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": type_id, "configuration": {}, **fields}


def stage(name: str, *actions: Json, **fields: Any) -> Json:
    return {"name": name, "actions": list(actions), **fields}


def skip_unless(variable: str, value: str, result: str = "SKIP") -> Json:
    configuration = {"Variable": variable, "Value": value, "Operator": "EQ"}
    rule = {"name": "check", "ruleTypeId": {"provider": "VariableCheck"}, "configuration": configuration}
    return {"conditions": [{"result": result, "rules": [rule]}]}


class Rig:
    """A pipeline whose actions run functions by their name, and log what they were given."""

    def __init__(self, *stages: Json, mode: str = "QUEUED") -> None:
        self.account = FakeAccount()
        self.stage_locks = StageLocks()
        self.definition: Json = {
            "name": "pipe",
            "roleArn": ROLE,
            "version": 3,
            "executionMode": mode,
            "artifactStore": {"location": "store"},
            "stages": list(stages),
        }
        self.ran: list[str] = []
        self.given: dict[str, dict[str, str]] = {}
        self.behaviour: dict[str, Any] = {}
        self.actions = {("Test", "Step"): self._act, ("Approval", "Manual"): approval.run}

    def _act(self, context: ActionContext) -> ActionResult:
        name = context.action.name
        self.ran.append(name)
        self.given[name] = context.configuration
        behave = self.behaviour.get(name)
        return (behave(context) if behave else None) or ActionResult(f"{name} done")

    def start(self, **variables: str) -> Execution:
        execution = Execution(self.definition, variables, "StartPipelineExecution", "me")
        self.stage_locks.queue(execution.stages[0].name, execution)
        self.account.spawn("x", Runner(self.account, execution, self.stage_locks, self.actions).run)  # type: ignore[arg-type]
        return execution

    def run(self, **variables: str) -> Execution:
        execution = self.start(**variables)
        eventually(
            lambda: execution.over and self.account.bus.events[-1]["detail-type"].startswith("CodePipeline Pipe")
        )
        return execution


def statuses(execution: Execution) -> list[str]:
    return [f"{s.name}:{s.status}" for s in execution.stages]


def test_stages_run_in_order_and_variables_flow() -> None:
    r = Rig(
        stage("One", step("a", namespace="ns")),
        stage("Two", step("b", configuration={"X": "#{ns.Out}-#{variables.image}"})),
    )
    r.behaviour["a"] = lambda _: ActionResult("made", {"Out": "value"})
    execution = r.run(image="none")
    assert r.ran == ["a", "b"]
    assert r.given["b"] == {"X": "value-none"}
    assert execution.status == "Succeeded"
    assert r.account.assumed == [(ROLE, "codepipeline.amazonaws.com")] * 2
    assert r.account.bus.states("CodePipeline Pipeline Execution State Change") == ["STARTED", "SUCCEEDED"]
    assert r.account.bus.states("CodePipeline Stage Execution State Change") == ["STARTED", "SUCCEEDED"] * 2
    assert r.account.bus.states("CodePipeline Action Execution State Change") == ["STARTED", "SUCCEEDED"] * 2


def test_run_orders_are_waited_for_and_one_order_runs_together() -> None:
    meet = threading.Barrier(2, timeout=5)
    r = Rig(stage("One", step("c", runOrder=2), step("a", runOrder=1), step("b", runOrder=1)))
    r.behaviour |= {"a": lambda _: meet.wait() and None, "b": lambda _: meet.wait() and None}
    assert r.run().status == "Succeeded"
    assert r.ran[2] == "c"
    assert set(r.ran[:2]) == {"a", "b"}


def test_a_failed_action_ends_the_execution_with_its_reason() -> None:
    r = Rig(stage("One", step("a"), step("later", runOrder=2)), stage("Two", step("b")))

    def fail(_: ActionContext) -> None:
        raise ActionFailure("JobFailed", "the reason", "short")

    r.behaviour["a"] = fail
    execution = r.run()
    assert r.ran == ["a"]
    assert statuses(execution) == ["One:Failed", "Two:Waiting"]
    shape = action_shape(execution, execution.stages[0].actions[0])
    assert shape["output"]["executionResult"] == {
        "externalExecutionSummary": "short",
        "errorDetails": {"code": "JobFailed", "message": "the reason"},
    }
    event = next(e for e in r.account.bus.events if e["detail"].get("failed-actions"))
    assert event["detail"]["failed-actions"] == [{"action": "a", "additional-information": "the reason"}]


def test_an_unknown_variable_fails_the_action_and_is_named() -> None:
    r = Rig(stage("One", step("a", namespace="ns")), stage("Two", step("b", configuration={"X": "#{ns.Nope}"})))
    execution = r.run()
    assert r.ran == ["a"]
    assert "the namespace 'ns' has no variable 'Nope'" in (execution.stages[1].actions[0].error_message or "")


def test_an_action_type_without_a_runner_fails() -> None:
    execution = Rig(stage("One", step("a", provider="CodeDeployToECS"))).run()
    assert execution.status == "Failed"
    assert "CodeDeployToECS is not simulated" in (execution.stages[0].actions[0].error_message or "")


def test_a_role_without_trust_fails_the_action() -> None:
    r = Rig(stage("One", step("a")))
    r.account.untrusted.add(ROLE)
    execution = r.run()
    assert execution.stages[0].actions[0].error_code == "PermissionError"
    assert r.ran == []


def test_entry_conditions_skip_or_fail_a_stage() -> None:
    r = Rig(
        stage("One", step("a")),
        stage("Two", step("b"), beforeEntry=skip_unless("#{variables.image}", "none")),
        stage("Three", step("c")),
    )
    assert statuses(r.run(image="live")) == ["One:Succeeded", "Two:Skipped", "Three:Succeeded"]
    assert statuses(r.run(image="none")) == ["One:Succeeded", "Two:Succeeded", "Three:Succeeded"]
    r.definition["stages"][1]["beforeEntry"] = skip_unless("#{variables.image}", "none", "FAIL")
    execution = r.run(image="live")
    assert statuses(execution) == ["One:Succeeded", "Two:Failed", "Three:Waiting"]
    assert execution.status == "Failed"
    state = stage_state(r.definition["stages"][1], [execution], [], None)
    assert state["beforeEntryConditionState"]["latestExecution"]["status"] == "Failed"


def test_a_stage_retries_once_only_what_failed() -> None:
    r = Rig(
        stage(
            "One",
            step("ok"),
            step("shaky"),
            onFailure={"result": "RETRY", "retryConfiguration": {"retryMode": "FAILED_ACTIONS"}},
        )
    )
    attempts: list[int] = []

    def shaky(_: ActionContext) -> None:
        attempts.append(1)
        if len(attempts) == 1:
            raise ActionFailure("JobFailed", "no")

    r.behaviour["shaky"] = shaky
    execution = r.run()
    assert sorted(r.ran) == ["ok", "shaky", "shaky"]
    assert execution.status == "Succeeded"
    attempts.append(1)
    r.behaviour["shaky"] = lambda _: (_ for _ in ()).throw(ActionFailure("JobFailed", "no"))
    assert r.run().status == "Failed"


def test_queued_executions_enter_a_stage_one_by_one_in_order() -> None:
    r = Rig(stage("One", step("a")), mode="QUEUED")
    release = threading.Semaphore(0)
    inside: list[str] = []

    def hold(context: ActionContext) -> None:
        inside.append(context.execution.id)
        assert release.acquire(timeout=5)

    r.behaviour["a"] = hold
    executions = [r.start() for _ in range(3)]
    eventually(lambda: inside)
    assert len(inside) == 1
    waiting = stage_state(r.definition["stages"][0], executions, r.stage_locks.waiting("One"), None)
    assert waiting["inboundExecutions"] == [
        {"pipelineExecutionId": e.id, "status": "InProgress", "type": "STANDARD"} for e in executions[1:]
    ]
    release.release()
    eventually(lambda: len(inside) == 2)
    release.release()
    eventually(lambda: len(inside) == 3)
    release.release()
    eventually(lambda: all(e.over for e in executions))
    assert inside == [e.id for e in executions]


def test_superseded_executions_give_way_to_the_newest() -> None:
    r = Rig(stage("One", step("a")), mode="SUPERSEDED")
    release = threading.Event()
    r.behaviour["a"] = lambda _: release.wait(5) and None
    first, second, third = r.start(), r.start(), r.start()
    eventually(lambda: second.status == "Superseded")
    release.set()
    eventually(lambda: first.over and third.over)
    assert [first.status, second.status, third.status] == ["Succeeded", "Superseded", "Succeeded"]


def test_parallel_executions_do_not_wait() -> None:
    meet = threading.Barrier(2, timeout=5)
    r = Rig(stage("One", step("a")), mode="PARALLEL")
    r.behaviour["a"] = lambda _: meet.wait() and None
    first, second = r.start(), r.start()
    eventually(lambda: first.over and second.over)
    assert (first.status, second.status) == ("Succeeded", "Succeeded")


@pytest.mark.parametrize(("answer", "status"), [("Approved", "Succeeded"), ("Rejected", "Failed")])
def test_an_approval_waits_for_its_answer(answer: str, status: str) -> None:
    manual = {
        **step("ok"),
        "actionTypeId": {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"},
    }
    r = Rig(stage("One", manual))
    execution = r.start()
    action = eventually(lambda: next((a for a in execution.stages[0].actions if a.token), None))
    assert not execution.over
    assert (
        stage_state(r.definition["stages"][0], [execution], [], None)["actionStates"][0]["latestExecution"]["token"]
        == action.token
    )
    action.decision = (answer, "because")
    action.decided.set()
    eventually(lambda: execution.over)
    assert (execution.status, action.summary) == (status, "because")


def test_stopping_waits_for_running_actions_and_abandoning_does_not() -> None:
    r = Rig(stage("One", step("a"), step("b", runOrder=2)), stage("Two", step("c")))
    going, release = threading.Event(), threading.Event()

    def hold(_: ActionContext) -> None:
        going.set()
        release.wait(5)

    r.behaviour["a"] = hold
    execution = r.start()
    going.wait(5)
    execution.status = "Stopping"
    execution.stop.set()
    release.set()
    eventually(lambda: execution.over)
    assert execution_shape(execution)["status"] == "Stopped"
    assert r.ran == ["a"]

    r.behaviour["a"] = lambda context: context.pause(10**6)
    abandoned = r.start()
    eventually(lambda: abandoned.stages[0].actions)
    abandoned.status = "Stopping"
    abandoned.stop.set()
    abandoned.abandon.set()
    eventually(lambda: abandoned.over)
    assert abandoned.stages[0].actions[0].status == "Abandoned"


def test_shapes_fit_the_api() -> None:
    r = Rig(stage("One", step("a", namespace="n")), stage("Two", step("b"), beforeEntry=skip_unless("#{n.x}", "1")))
    execution = r.run()
    actions = [action for s in execution.stages for action in s.actions]
    answers: dict[str, Json] = {
        "GetPipelineExecution": {"pipelineExecution": execution_shape(execution)},
        "ListPipelineExecutions": {"pipelineExecutionSummaries": [summary_shape(execution)]},
        "GetPipelineState": {"stageStates": [stage_state(s, [execution], [], None) for s in r.definition["stages"]]},
        "ListActionExecutions": {"actionExecutionDetails": [action_shape(execution, a) for a in actions]},
    }
    for operation, answer in answers.items():
        assert misfits("codepipeline", operation, answer) == []
