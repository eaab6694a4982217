"""What `make acceptance` says of the assumptions: the keys of its checks, the checks, the table."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml

from acceptance import checks
from acceptance.__main__ import _live
from acceptance.checks import CHECKS
from acceptance.evidence import Evidence, Execution, Finding, Look
from acceptance.life import Life
from acceptance.stack import edited, source, stack_file
from acceptance.table import PAGE, assumptions, judged, markdown, short
from releases.errors import DeliveryError

LINES = assumptions(PAGE.read_text(encoding="utf-8"))


@pytest.mark.parametrize("key", CHECKS)
def test_each_check_is_of_one_line_of_the_page(key: str) -> None:
    assert len([line for line in LINES if line.startswith(key)]) == 1


def test_every_table_of_assumptions_is_read_and_no_other() -> None:
    page = "| assumption | check |\n|---|---|\n| one | c |\n| two | c |\n\n| action | on |\n|---|---|\n| three | * |\n"
    assert assumptions(page) == ["one", "two"]
    assert len(LINES) > 80
    assert any(line.startswith("CodeDeploy rewrites the rules") for line in LINES)


def test_the_life_that_did_not_begin_says_nothing_of_any_line() -> None:
    found = [found for _, found in judged(PAGE.read_text(encoding="utf-8"), CHECKS, Evidence()) if found]
    assert len(found) == len(CHECKS)
    assert {each.verdict for each in found} == {"could not be checked"}


def deployment(name: str, status: str = "PRIMARY", state: str = "COMPLETED", tasks: int = 1, of: str = "f:1") -> Any:
    return {"id": name, "status": status, "rolloutState": state, "runningCount": tasks, "taskDefinition": of}


def look(step: str, *deployments: Any, tasks: int = 1, desired: int = 1) -> Look:
    return Look(step, {"deployments": list(deployments), "runningCount": tasks, "desiredCount": desired})


def action(
    stage: str, status: str = "Succeeded", start: int = 0, end: int = 1, message: str = "", name: str = "A"
) -> Any:
    result = {"output": {"executionResult": {"externalExecutionSummary": message}}}
    common = {"stageName": stage, "actionName": name, "status": status}
    return {**common, "startTime": start, "lastUpdateTime": end, **result}


def stated(stage: str, status: str, token: str | None = None) -> Look:
    """A moment at which a stage's action is in a state, and has a token."""
    latest = {"status": status, **({"token": token} if token else {})}
    actions = [{"latestExecution": latest}]
    return Look("v1", {}, {"stageStates": [{"stageName": stage, "actionStates": actions}]})


def alarmed(*names: str) -> Look:
    """A moment of the first release of a service with these alarms."""
    return Look("v1", {"deploymentConfiguration": {"alarms": {"enable": bool(names), "alarmNames": list(names)}}})


def approving(text: str) -> Evidence:
    """CodePipeline said this of what was to be approved."""
    return Evidence(answers={"approval that waits": {"input": {"resolvedConfiguration": {"CustomData": text}}}})


def execution(status: str, *actions: Any, kind: str = "CloudWatchEvent") -> Execution:
    return Execution("1", "v", {"status": status, "trigger": {"triggerType": kind}}, list(actions))


def executed(**executions: Execution) -> Evidence:
    return Evidence(executions=executions)


def answered(**answers: Any) -> Evidence:
    return Evidence(answers={name.replace("_", " "): answer for name, answer in answers.items()})


def task(digest: str, by: str = "a") -> Any:
    return {"startedBy": by, "containers": [{"imageDigest": digest}]}


HELD, NOT, UNSEEN = "held", "did not hold", "could not be checked"
OLD_AND_NEW = [deployment("b", state="IN_PROGRESS"), deployment("a", "ACTIVE")]
FIRST = {"deployment of UpdateService": "b"}
TARGETS = {"scalable targets": [{"MinCapacity": 1}]}


@pytest.mark.parametrize(
    ("check", "evidence", "verdict"),
    [
        (checks.delivered, executed(v1=execution("Succeeded")), HELD),
        (checks.delivered, executed(v1=execution("Failed", action("Package", message="AccessDenied: s3"))), NOT),
        (checks.delivered, executed(v1=execution("Failed", action("Package", message="exit code 1"))), UNSEEN),
        (checks.by_event, executed(v1=execution("Succeeded")), HELD),
        (checks.by_event, executed(v1=execution("Succeeded", kind="StartPipelineExecution")), UNSEEN),
        (checks.built, executed(v1=execution("Failed", action("Build", "Failed"))), NOT),
        (checks.skipped, executed(again=execution("Succeeded", action("Package"))), HELD),
        (checks.skipped, executed(again=execution("Succeeded", action("Package"), action("Deploy"))), NOT),
        (checks.skipped, executed(again=execution("Failed", action("Package"))), NOT),
        (checks.queued, executed(v2=execution("Succeeded", action("Package", end=5)), again=execution("Succeeded", action("Package", start=5))), HELD),
        (checks.queued, executed(v2=execution("Succeeded", action("Package", end=5)), again=execution("Succeeded", action("Package", start=4))), NOT),
        (checks.queued, executed(v2=execution("Succeeded", action("Package")), again=execution("Superseded", action("Source"))), NOT),
        (checks.nobody_asked, executed(v2=execution("Succeeded", action("Approve")), again=execution("Succeeded", action("Package"))), HELD),
        (checks.nobody_asked, executed(v2=execution("Succeeded", action("Approve")), again=execution("Succeeded", action("Approve"))), NOT),
        (checks.nobody_asked, executed(v2=execution("Succeeded"), again=execution("Succeeded", action("Package"))), UNSEEN),
        (checks.resolved, approving("v1 of web"), HELD),
        (checks.resolved, approving("#{Package.SUMMARY}"), NOT),
        (checks.resolved, approving(""), NOT),
        (checks.tokens, Evidence([stated("Approve", "InProgress", "t"), stated("Deploy", "InProgress")]), HELD),
        (checks.tokens, Evidence([stated("Approve", "Succeeded", "t")]), NOT),
        (checks.tokens, Evidence([stated("Approve", "InProgress", "t"), stated("Deploy", "InProgress", "u")]), NOT),
        (checks.tokens, Evidence([stated("Deploy", "InProgress")]), UNSEEN),
        (checks.migrated, executed(v1=execution("Succeeded", action("Deploy", name="Migrate"))), HELD),
        (checks.migrated, executed(v1=execution("Failed", action("Deploy", "Failed", message="AccessDenied", name="Migrate"))), NOT),
        (checks.migrated, executed(v1=execution("Failed", action("Deploy", "Failed", message="exit code 1", name="Migrate"))), UNSEEN),
        (checks.migrated, executed(v1=execution("Succeeded", action("Deploy"))), UNSEEN),
        (checks.alarms_read, Evidence([alarmed("a", "b")], executed(v1=execution("Succeeded")).executions), HELD),
        (checks.alarms_read, Evidence([alarmed()], executed(v1=execution("Succeeded")).executions), UNSEEN),
        (checks.failed_action, executed(broken=execution("Failed", action("Deploy", "Failed"))), HELD),
        (checks.failed_action, executed(broken=execution("Failed", action("Deploy", "Succeeded"))), NOT),
        (checks.empty_service, Evidence([look("up", deployment("a"), desired=0)], answers=TARGETS), HELD),
        (checks.empty_service, Evidence([look("up", deployment("a"), desired=1)], answers=TARGETS), NOT),
        (checks.no_tasks, Evidence([look("up", deployment("a"), desired=0)]), HELD),
        (checks.no_tasks, Evidence([look("up", deployment("a", state="IN_PROGRESS"), desired=0)]), NOT),
        (checks.rollout_states, Evidence([look("up", deployment("a"))]), HELD),
        (checks.rollout_states, Evidence([look("up", deployment("a", state="None"))]), NOT),
        (checks.listed_while_it_runs, Evidence([look("v2", *OLD_AND_NEW, tasks=2)]), HELD),
        (checks.listed_while_it_runs, Evidence([look("v2", deployment("b"), tasks=2)]), NOT),
        (checks.beside_in_progress, Evidence([look("v2", *OLD_AND_NEW)]), HELD),
        (checks.beside_in_progress, Evidence([look("v2", OLD_AND_NEW[0])]), NOT),
        (checks.failure_listed, Evidence([look("edit", deployment("a")), look("broken", deployment("b", state="FAILED"))]), HELD),
        (checks.failure_listed, Evidence([look("edit", deployment("a")), look("broken", deployment("b")), look("broken", deployment("c"))]), HELD),
        (checks.failure_listed, Evidence([look("edit", deployment("a")), look("broken", deployment("b"))]), NOT),
        (checks.rolled_back, Evidence([look("edit", deployment("a")), look("broken", deployment("b", of="f:2")), look("broken", deployment("c"))]), HELD),
        (checks.rolled_back, Evidence([look("edit", deployment("a")), look("broken", deployment("b", of="f:2")), look("broken", deployment("b", of="f:2"))]), NOT),
        (checks.new_one_first, Evidence(answers={**FIRST, "deployments right after it": [deployment("b")]}), HELD),
        (checks.new_one_first, Evidence(answers={**FIRST, "deployments right after it": [deployment("a")]}), NOT),
        (checks.tag_resolved, Evidence(tasks={"edit": [task("2")]}, digests={"v2": "2"}), HELD),
        (checks.tag_resolved, Evidence(tasks={"edit": [task("1")]}, digests={"v2": "2"}), NOT),
        (checks.pushed_digest, Evidence(tasks={"v1": [task("1")]}, digests={"v1": "1"}), HELD),
        (checks.pushed_digest, Evidence(tasks={"v1": [task("2")]}, digests={"v1": "1"}), NOT),
        (checks.whole_family, answered(half_a_family=[], the_family=["f:1"]), HELD),
        (checks.whole_family, answered(half_a_family=["f:1"], the_family=["f:1"]), NOT),
        (checks.missing_parameter, answered(a_parameter_that_there_is_not={"Parameters": [], "InvalidParameters": ["n"]}), HELD),
        (checks.missing_parameter, answered(a_parameter_that_there_is_not="ParameterNotFound"), NOT),
        (checks.tag_moved, Evidence(answers={"live image": "1", "put-image": {"imageDigest": "1"}}), HELD),
        (checks.tag_moved, Evidence(answers={"live image": "1", "put-image": "ImageDigestDoesNotMatchException"}), NOT),
        (checks.started_by, Evidence([look("probe", deployment("a"))], tasks={"probe": [task("1")]}, answers={"startedBy with a service": "InvalidParameterException"}), HELD),
        (checks.started_by, Evidence([look("probe", deployment("a"))], tasks={"probe": [task("1")]}, answers={"startedBy with a service": {"taskArns": []}}), NOT),
        (checks.started_by, Evidence([look("probe", deployment("b"))], tasks={"probe": [task("1")]}, answers={"startedBy with a service": "InvalidParameterException"}), NOT),
    ],
)  # fmt: skip
def test_a_check_says_what_was_seen(check: Any, evidence: Evidence, verdict: str) -> None:
    assert check(evidence).verdict == verdict


@pytest.mark.parametrize(("stage", "verdict"), [("InProgress", HELD), ("Succeeded", NOT)])
def test_the_stage_of_an_action_that_runs(stage: str, verdict: str) -> None:
    running = {"latestExecution": {"status": "InProgress"}}
    found = look("v1", deployment("a"))
    found.state = {"stageStates": [{"latestExecution": {"status": stage}, "actionStates": [running]}]}
    assert checks.stage_in_progress(Evidence([found])).verdict == verdict


def test_the_table_has_what_is_left_by_hand_last() -> None:
    rows = [("one", None), ("two", Finding("held", "a | b"))]
    assert markdown(rows, "today") == (
        "| assumption | today | seen |\n|---|---|---|\n| two | held | a \\| b |\n| one | by hand | |"
    )


def test_an_answer_of_another_form_is_no_end_of_the_table() -> None:
    def check(evidence: Evidence) -> Finding:
        raise KeyError("rolloutState")

    (row,) = judged("| assumption |\n|---|\n| one |\n", {"one": check}, Evidence())
    assert row[1] == Finding("could not be checked", "AWS's answer was not as expected: KeyError('rolloutState')")


def test_a_long_line_is_cut_at_a_word_outside_of_code() -> None:
    assert short("`a` " * 40).count("`") % 2 == 0
    assert short("[text](https://example.com) and more") == "text and more"


def test_the_stack_is_where_the_other_one_is_and_keeps_what_pulumi_wrote() -> None:
    text = stack_file({"aws:region": "eu-west-1", "fargate-delivery:services": {"chuoi": {}}}, "arn:of:certificate")
    assert yaml.safe_load(text)["config"]["aws:region"] == "eu-west-1"
    assert "chuoi" not in text
    assert "memory: 1024" in edited(text)
    assert yaml.safe_load(edited(f"encryptionsalt: some\n{text}"))["encryptionsalt"] == "some"


def test_a_version_is_another_source_than_the_next() -> None:
    assert source("v1") != source("v2")


def ends(message: str) -> Any:
    def step() -> None:
        raise DeliveryError(message)

    return step


BY_HAND = (
    "`pulumi destroy --stack acceptance --remove`, then `aws acm delete-certificate --certificate-arn arn:c`, and "
    "remove Pulumi.acceptance.yaml"
)


@pytest.mark.parametrize(
    ("keep", "destroy", "failed", "said"),
    [
        (False, lambda: None, ["Two: no"], "== Taking it all away"),
        (True, ends("not asked for"), ["Two: no"], f"Kept. Take it away with {BY_HAND}"),
        (
            False,
            ends("in use"),
            ["Two: no", f"NOT all is taken away: in use. Go on with {BY_HAND}"],
            "== Taking it all away",
        ),
    ],
    ids=["destroyed", "kept", "destroy failed"],
)
def test_what_was_made_goes_or_how_to_take_it_away_is_said(
    capsys: pytest.CaptureFixture[str], keep: bool, destroy: Any, failed: list[str], said: str
) -> None:
    steps = [("One", lambda: None), ("Two", ends("no")), ("Three", ends("not reached"))]
    project = SimpleNamespace(file=Path("Pulumi.acceptance.yaml"))
    life: Any = SimpleNamespace(steps=lambda: steps, destroy=destroy, certificate="arn:c", project=project)
    assert _live(life, keep) == failed
    assert capsys.readouterr().err.strip().splitlines()[-1] == said


class NothingHappens(Life):
    """A life in an account where nothing goes on."""

    def __init__(self, said: list[str]) -> None:
        put: Any = SimpleNamespace(put_object=lambda **_: {"VersionId": "1"})
        session: Any = SimpleNamespace(client=lambda _: put)
        project: Any = None
        super().__init__(session, project, "", said.append, 20.0)
        nothing: Any = SimpleNamespace(
            actions=lambda _: [],
            executions=lambda: iter([]),
            upload_to=lambda: "s3://b/k",
            start_version=lambda _: "by hand",
        )
        self._pipeline = nothing

    def _look(self, step: str) -> Look:
        return look(step, deployment("a"), tasks=0)


@pytest.mark.parametrize(
    ("wait", "end", "line", "minutes"),
    [
        (lambda life: life._ship("v1", b""), None, "v1 waits until S3 has told EventBridge of it", 6),
        (lambda life: life._follow("v1", Execution("e")), "is not over after 40", "v1: execution e goes on", 40),
        (
            lambda life: life._settle("v1"),
            "is not steady after 20",
            "v1: acceptance-web becomes steady, 0 of 1 tasks run",
            20,
        ),
    ],
    ids=["an upload", "an execution", "a service"],
)
def test_each_wait_says_so_once_a_minute_and_has_an_end(
    monkeypatch: pytest.MonkeyPatch, wait: Any, end: str | None, line: str, minutes: int
) -> None:
    now, said = [0.0], list[str]()
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    monkeypatch.setattr("time.sleep", lambda seconds: now.append(now.pop() + seconds))
    life = NothingHappens(said)
    if end is None:
        wait(life)
    else:
        with pytest.raises(DeliveryError, match=end):
            wait(life)
    assert [each for each in said if each.startswith(line)] == [
        f"{line}, {60 * minute} s so far" for minute in range(1, minutes + 1)
    ]
