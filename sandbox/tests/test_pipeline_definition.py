"""What CreatePipeline refuses, in AWS's words."""

import copy
from collections.abc import Callable
from typing import Any

import pytest

from sandbox.account.errors import AwsError
from sandbox.codepipeline.conditions import compare, evaluate
from sandbox.codepipeline.definition import validate
from sandbox.codepipeline.variables import UnknownVariable, resolve, resolve_all

Json = dict[str, Any]


def action(name: str, category: str, provider: str, configuration: Json, **fields: Any) -> Json:
    type_id = {"category": category, "owner": "AWS", "provider": provider, "version": "1"}
    return {"name": name, "actionTypeId": type_id, "configuration": configuration, **fields}


def names(*artifacts: str) -> list[Json]:
    return [{"name": artifact} for artifact in artifacts]


def pipeline() -> Json:
    source = action(
        "Get", "Source", "S3", {"S3Bucket": "b", "S3ObjectKey": "k.zip"}, outputArtifacts=names("src"), namespace="got"
    )
    build = action(
        "Make",
        "Build",
        "CodeBuild",
        {"ProjectName": "p"},
        inputArtifacts=names("src"),
        outputArtifacts=names("out"),
        namespace="made",
    )
    ship = action("Ship", "Deploy", "ECS", {"ClusterName": "c", "ServiceName": "s"}, inputArtifacts=names("out"))
    return {
        "name": "pipe",
        "roleArn": "arn:aws:iam::111111111111:role/r",
        "pipelineType": "V2",
        "artifactStore": {"type": "S3", "location": "store"},
        "variables": [{"name": "image", "defaultValue": "none"}],
        "stages": [
            {"name": "One", "actions": [source]},
            {"name": "Two", "actions": [build]},
            {"name": "Three", "actions": [ship]},
        ],
    }


def condition(result: str, **configuration: str) -> Json:
    rule_type = {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"}
    rule = {"name": "check", "ruleTypeId": rule_type, "configuration": configuration}
    return {"conditions": [{"result": result, "rules": [rule]}]}


def test_a_complete_pipeline_is_accepted() -> None:
    validate(pipeline(), "eu-west-1")


def _set(path: str, value: Any) -> Callable[[Json], None]:
    def change(target: Json) -> None:
        *keys, last = path.split(".")
        node: Any = target
        for key in keys:
            node = node[int(key)] if key.isdigit() else node[key]
        if value is None:
            del node[int(last) if last.isdigit() else last]
        else:
            node[int(last) if last.isdigit() else last] = value

    return change


MAKE, SHIP = "stages.1.actions.0", "stages.2.actions.0"
MANUAL = action("Ok", "Approval", "Manual", {})


@pytest.mark.parametrize(
    ("change", "code", "words"),
    [
        (_set("stages", [pipeline()["stages"][0]]), "InvalidStructureException", "minimum of 2 stages"),
        (_set("stages.1.name", "One"), "InvalidStructureException", "Stage names must be unique"),
        (_set("stages.0.actions", [MANUAL]), "InvalidStructureException", "should start with a stage that only contains source actions"),
        (_set("stages.1.actions", pipeline()["stages"][0]["actions"]), "InvalidStructureException", "only allowed in the first stage"),
        (_set("stages.2.actions", []), "InvalidStageDeclarationException", "at least one action"),
        (_set("stages.2.actions", [pipeline()["stages"][2]["actions"][0]] * 2), "InvalidStageDeclarationException", "Ship has been used more than once"),
        (_set(f"{MAKE}.actionTypeId.provider", "Jenkins"), "InvalidActionDeclarationException", "Provider: 'Jenkins'"),
        (_set(f"{MAKE}.actionTypeId.category", "Deploy"), "InvalidActionDeclarationException", "Category: 'Deploy', Provider: 'CodeBuild'"),
        (_set(f"{SHIP}.configuration.ServiceName", None), "InvalidActionDeclarationException", "missing required configuration 'ServiceName'"),
        (_set(f"{SHIP}.configuration.Filename", "x"), "InvalidActionDeclarationException", "unknown configuration 'Filename'"),
        (_set(f"{SHIP}.inputArtifacts", names("nothing")), "InvalidActionDeclarationException", "Input Artifact Bundle nothing in action Ship"),
        (_set(f"{SHIP}.inputArtifacts", []), "InvalidActionDeclarationException", "declares 0 input artifacts"),
        (_set(f"{MAKE}.outputArtifacts", names("src")), "InvalidStructureException", "src has been used more than once"),
        (_set(f"{MAKE}.inputArtifacts", names("src", "src")), "InvalidActionDeclarationException", "PrimarySource must be one of"),
        (_set(f"{MAKE}.namespace", "got"), "InvalidStructureException", "Namespaces must be unique"),
        (_set(f"{MAKE}.namespace", "variables"), "InvalidActionDeclarationException", "Invalid namespace"),
        (_set(f"{MAKE}.configuration.EnvironmentVariables", "#{later.X}"), "InvalidActionDeclarationException", "VariableReferenceText=[later.X]"),
        (_set(f"{MAKE}.configuration.EnvironmentVariables", "#{got}"), "InvalidActionDeclarationException", "VariableReferenceText=[got]"),
        (_set(f"{MAKE}.configuration.EnvironmentVariables", "#{made.OWN}"), "InvalidActionDeclarationException", "VariableReferenceText=[made.OWN]"),
        (_set(f"{MAKE}.timeoutInMinutes", 5), "InvalidActionDeclarationException", "timeoutInMinutes"),
        (_set("pipelineType", "V1"), "InvalidStructureException", "variables require a pipeline of type V2"),
        (_set("executionMode", "SOMETIMES"), "ValidationException", "executionMode"),
        (_set("artifactStore", None), "InvalidStructureException", "artifactStore"),
        (_set("variables", [{"name": "a"}, {"name": "a"}]), "InvalidStructureException", "a has been used more than once"),
        (_set("stages.1.beforeEntry", condition("RETRY", Variable="#{variables.image}", Value="x", Operator="EQ")), "InvalidStageDeclarationException", "FAIL or SKIP"),
        (_set("stages.1.beforeEntry", condition("SKIP", Variable="#{variables.image}", Operator="EQ")), "InvalidStageDeclarationException", "missing required configuration 'Value'"),
        (_set("stages.1.beforeEntry", condition("SKIP", Variable="#{variables.image}", Value="x", Operator="IS")), "InvalidStageDeclarationException", "Operator must be one of"),
        (_set("stages.1.beforeEntry", condition("SKIP", Variable="#{made.X}", Value="x", Operator="EQ")), "InvalidActionDeclarationException", "VariableReferenceText=[made.X]"),
    ],
)  # fmt: skip
def test_refused(change: Callable[[Json], None], code: str, words: str) -> None:
    declared = copy.deepcopy(pipeline())
    change(declared)
    with pytest.raises(AwsError) as caught:
        validate(declared, "eu-west-1")
    assert caught.value.code == code
    assert words in caught.value.message


def test_an_artifact_of_a_later_run_order_may_be_consumed_in_the_same_stage() -> None:
    declared = pipeline()
    make, ship = declared["stages"][1]["actions"][0], declared["stages"][2]["actions"][0]
    declared["stages"] = [declared["stages"][0], {"name": "All", "actions": [{**ship, "runOrder": 2}, make]}]
    validate(declared, "eu-west-1")
    declared["stages"][1]["actions"][0]["runOrder"] = 1
    with pytest.raises(AwsError):
        validate(declared, "eu-west-1")


SCOPES = {
    "variables": {"image": "none"},
    "codepipeline": {"PipelineExecutionId": "e-1"},
    "got": {"VersionId": "v1", "With.Dot": "d"},
}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("#{variables.image}", "none"),
        ("a-#{got.VersionId}-#{codepipeline.PipelineExecutionId}", "a-v1-e-1"),
        ('[{"name":"V","value":"#{got.VersionId}"}]', '[{"name":"V","value":"v1"}]'),
        ("#{got.With.Dot}", "d"),
        ("#{ got.VersionId }", "v1"),
        ("${NOT_OURS} {x} #x", "${NOT_OURS} {x} #x"),
        ("", ""),
    ],
)
def test_resolve(text: str, expected: str) -> None:
    assert resolve(text, SCOPES) == expected


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("#{nowhere.X}", "no action that has run declares the namespace 'nowhere'"),
        ("#{got.Missing}", "the namespace 'got' has no variable 'Missing' (it has: VersionId, With.Dot)"),
        ("#{variables}", "the namespace 'variables' has no variable ''"),
    ],
)
def test_an_unknown_reference_is_named(text: str, words: str) -> None:
    with pytest.raises(UnknownVariable, match="could not be resolved") as caught:
        resolve(text, SCOPES)
    assert words in str(caught.value)
    assert text in str(caught.value)


def test_a_resolved_value_is_not_resolved_again() -> None:
    assert resolve_all({"a": "#{n.x}"}, {"n": {"x": "#{n.y}"}}) == {"a": "#{n.y}"}


@pytest.mark.parametrize(
    ("actual", "operator", "expected", "holds"),
    [
        ("a", "EQ", "a", True),
        ("a", "EQ", "b", False),
        ("a", "NE", "b", True),
        ("a", "NE", "a", False),
        ("abc", "CONTAINS", "b", True),
        ("abc", "CONTAINS", "x", False),
        ("sha256:00", "MATCHES", "sha256:.*", True),
        ("x-sha256:00", "MATCHES", "sha256:.*", False),
    ],
)
def test_variable_check_operators(actual: str, operator: str, expected: str, holds: bool) -> None:
    assert compare(actual, operator, expected) is holds


def test_a_failing_rule_gives_the_conditions_result() -> None:
    declared = condition("SKIP", Variable="#{variables.image}", Value="live", Operator="EQ")["conditions"]
    run = evaluate("beforeEntry", declared, SCOPES)
    assert run is not None
    assert (run.status, run.result) == ("Failed", "SKIP")
    assert "'none' EQ 'live' does not hold" in run.summary
    assert evaluate("beforeEntry", [], SCOPES) is None


def test_a_rule_of_another_kind_fails_and_says_so() -> None:
    declared = condition("FAIL", Cron="x")["conditions"]
    declared[0]["rules"][0]["ruleTypeId"]["provider"] = "DeploymentWindow"
    run = evaluate("beforeEntry", declared, SCOPES)
    assert run is not None
    assert run.status == "Failed"
    assert "not simulated" in run.summary
