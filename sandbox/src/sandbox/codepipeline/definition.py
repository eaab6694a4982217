"""What CodePipeline refuses in a pipeline's structure, before anything runs.

https://docs.aws.amazon.com/codepipeline/latest/userguide/reference-pipeline-structure.html
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from sandbox.account.errors import AwsError
from sandbox.codepipeline.action_types import ACTION_TYPES
from sandbox.codepipeline.model import Json
from sandbox.codepipeline.variables import references

NAME = re.compile(r"[A-Za-z0-9.@\-_]{1,100}")
ARTIFACT_NAME = re.compile(r"[A-Za-z0-9_\-]{1,100}")
VARIABLE_NAME = re.compile(r"[A-Za-z0-9@\-_]{1,128}")
NAMESPACE = re.compile(r"[A-Za-z0-9@\-_]{1,100}")
RESERVED_NAMESPACES = ("codepipeline", "variables")
MODES = ("QUEUED", "SUPERSEDED", "PARALLEL")
RULE_PROVIDERS = ("CloudWatchAlarm", "CodeBuild", "Commands", "DeploymentWindow", "LambdaInvoke", "VariableCheck")
CHECK_OPERATORS = ("EQ", "NE", "CONTAINS", "MATCHES")


def validate(pipeline: Json, region: str) -> None:
    """Raise the AwsError that AWS would answer; the role is checked elsewhere."""
    _check_pipeline(pipeline)
    produced: set[str] = set()
    namespaces: set[str] = set(RESERVED_NAMESPACES)
    for index, stage in enumerate(pipeline["stages"]):
        _check_stage(stage, index)
        _check_conditions(stage, namespaces)
        for group in run_order_groups(stage):
            for action in group:
                _check_action(action, region)
                _check_inputs(action, produced)
                _check_references(stage["name"], action, namespaces)
            for action in group:
                _add_outputs(action, produced)
                _add_namespace(action, namespaces)


def run_order_groups(stage: Json) -> Iterator[list[Json]]:
    """Actions that run together, in the order of their `runOrder`."""
    orders = sorted({int(action.get("runOrder", 1)) for action in stage["actions"]})
    for order in orders:
        yield [action for action in stage["actions"] if int(action.get("runOrder", 1)) == order]


def _structure(message: str) -> AwsError:
    return AwsError("InvalidStructureException", message, 400)


def _stage_error(message: str) -> AwsError:
    return AwsError("InvalidStageDeclarationException", message, 400)


def _action_error(message: str) -> AwsError:
    return AwsError("InvalidActionDeclarationException", message, 400)


def _check_pipeline(pipeline: Json) -> None:
    stages = pipeline["stages"]
    if not NAME.fullmatch(pipeline["name"]):
        raise AwsError("ValidationException", f"Invalid pipeline name '{pipeline['name']}'", 400)
    if len(stages) < 2:
        raise _structure(
            f"Pipeline has only {len(stages)} stage(s). There should be a minimum of 2 stages in a pipeline"
        )
    if bool(pipeline.get("artifactStore")) == bool(pipeline.get("artifactStores")):
        raise _structure("Exactly one of artifactStore and artifactStores must be declared")
    repeated = _repeated(stage["name"] for stage in stages)
    if repeated:
        raise _structure(f"Stage names must be unique within a pipeline. {repeated} has been used more than once")
    mode = pipeline.get("executionMode") or "SUPERSEDED"
    if mode not in MODES:
        raise AwsError("ValidationException", f"executionMode must be one of {', '.join(MODES)}", 400)
    if pipeline.get("pipelineType", "V1") != "V2":
        if mode != "SUPERSEDED":
            raise _structure(f"Execution mode {mode} requires a pipeline of type V2")
        if pipeline.get("variables"):
            raise _structure("Pipeline variables require a pipeline of type V2")
        if pipeline.get("triggers"):
            raise _structure("Triggers require a pipeline of type V2")
        if any(stage.get(kind) for stage in stages for kind in ("beforeEntry", "onSuccess", "onFailure")):
            raise _structure("Stage conditions require a pipeline of type V2")
    names = [variable["name"] for variable in pipeline.get("variables") or []]
    for name in names:
        if not VARIABLE_NAME.fullmatch(name):
            raise _structure(f"Invalid pipeline variable name '{name}'")
    if _repeated(names):
        raise _structure(f"Pipeline variable names must be unique. {_repeated(names)} has been used more than once")


def _repeated(names: Iterator[str] | list[str]) -> str | None:
    return next((name for name, count in Counter(names).items() if count > 1), None)


def _check_stage(stage: Json, index: int) -> None:
    actions = stage["actions"]
    if not actions:
        raise _stage_error(f"Stage {stage['name']} must contain at least one action")
    sources = [action for action in actions if action["actionTypeId"]["category"] == "Source"]
    if index == 0 and len(sources) != len(actions):
        raise _structure("Pipeline should start with a stage that only contains source actions")
    if index > 0 and sources:
        raise _structure("Source actions are only allowed in the first stage of a pipeline")
    repeated = _repeated(action["name"] for action in actions)
    if repeated:
        raise _stage_error(
            f"Action names must be unique within a stage. {repeated} has been used more than once in {stage['name']}"
        )
    on_failure = stage.get("onFailure") or {}
    if on_failure.get("retryConfiguration") and on_failure.get("result") != "RETRY":
        raise _stage_error(f"Stage {stage['name']}: retryConfiguration needs onFailure with the result RETRY")


def _check_conditions(stage: Json, namespaces: set[str]) -> None:
    allowed = {"beforeEntry": ("FAIL", "SKIP"), "onSuccess": ("FAIL", "ROLLBACK"), "onFailure": ("ROLLBACK",)}
    for kind, results in allowed.items():
        for condition in (stage.get(kind) or {}).get("conditions") or []:
            result = condition.get("result")
            if result not in results:
                raise _stage_error(
                    f"Stage {stage['name']}: {kind} conditions may have the result {' or '.join(results)}, not {result}"
                )
            for rule in condition.get("rules") or []:
                _check_rule(stage["name"], rule, namespaces)


def _check_rule(stage: str, rule: Json, namespaces: set[str]) -> None:
    provider = rule["ruleTypeId"]["provider"]
    configuration = rule.get("configuration") or {}
    if provider not in RULE_PROVIDERS:
        raise _stage_error(f"Rule type {provider} in rule '{rule['name']}' of stage {stage} is not available")
    if provider == "VariableCheck":
        for key in ("Variable", "Value", "Operator"):
            if key not in configuration:
                raise _stage_error(f"Rule '{rule['name']}' of stage {stage} is missing required configuration '{key}'")
        if configuration["Operator"] not in CHECK_OPERATORS:
            raise _stage_error(
                f"Rule '{rule['name']}' of stage {stage}: Operator must be one of {', '.join(CHECK_OPERATORS)}"
            )
    for key, value in configuration.items():
        _check_text(stage, rule["name"], key, str(value), namespaces)


def _check_action(action: Json, region: str) -> None:
    type_id = action["actionTypeId"]
    category, provider = type_id["category"], type_id["provider"]
    name = action["name"]
    action_type = ACTION_TYPES.get((category, provider)) if type_id["owner"] == "AWS" else None
    if action_type is None or type_id["version"] != "1":
        raise _action_error(
            f"ActionType (Category: '{category}', Provider: '{provider}', Owner: '{type_id['owner']}',"
            f" Version: '{type_id['version']}') in action '{name}' is not available in region"
            f" {region.upper().replace('-', '_')}"
        )
    configuration = action.get("configuration") or {}
    for key in sorted(action_type.required - configuration.keys()):
        raise _action_error(f"Action configuration for action '{name}' is missing required configuration '{key}'")
    for key in sorted(configuration.keys() - action_type.required - action_type.optional):
        raise _action_error(f"Action configuration for action '{name}' contains unknown configuration '{key}'")
    if provider == "Commands" and not action.get("commands"):
        raise _action_error(f"Action '{name}' must declare at least one command")
    if action.get("timeoutInMinutes") and category != "Approval":
        raise _action_error(f"timeoutInMinutes in action '{name}' is supported by approval actions only")
    for kind, (fewest, most) in (("input", action_type.inputs), ("output", action_type.outputs)):
        count = len(action.get(f"{kind}Artifacts") or [])
        if not fewest <= count <= most:
            raise _action_error(f"Action '{name}' declares {count} {kind} artifacts; its type takes {fewest} to {most}")
    if provider == "CodeBuild" and len(action["inputArtifacts"]) > 1:
        names = [artifact["name"] for artifact in action["inputArtifacts"]]
        if configuration.get("PrimarySource") not in names:
            raise _action_error(
                f"Action '{name}' has several input artifacts: PrimarySource must be one of {', '.join(names)}"
            )


def _check_inputs(action: Json, produced: set[str]) -> None:
    for artifact in action.get("inputArtifacts") or []:
        if artifact["name"] not in produced:
            raise _action_error(
                f"Input Artifact Bundle {artifact['name']} in action {action['name']} is not declared as Output"
                " Artifact Bundle in any of the preceding actions"
            )


def _add_outputs(action: Json, produced: set[str]) -> None:
    for artifact in action.get("outputArtifacts") or []:
        name = artifact["name"]
        if not ARTIFACT_NAME.fullmatch(name):
            raise _action_error(f"Invalid artifact name '{name}' in action {action['name']}")
        if name in produced:
            raise _structure(
                f"Output Artifact Bundle name must be unique within the pipeline. {name} has been used more than once."
            )
        produced.add(name)


def _add_namespace(action: Json, namespaces: set[str]) -> None:
    namespace = action.get("namespace")
    if not namespace:
        return
    if not NAMESPACE.fullmatch(namespace) or namespace in RESERVED_NAMESPACES:
        raise _action_error(f"Invalid namespace '{namespace}' in action {action['name']}")
    if namespace in namespaces:
        raise _structure(f"Namespaces must be unique within a pipeline. {namespace} has been used more than once")
    namespaces.add(namespace)


def _check_references(stage: str, action: Json, namespaces: set[str]) -> None:
    for key, value in (action.get("configuration") or {}).items():
        _check_text(stage, action["name"], key, str(value), namespaces)


def _check_text(stage: str, action: str, key: str, text: str, namespaces: set[str]) -> None:
    for namespace, name in references(text):
        if namespace not in namespaces or not name:
            reference = f"{namespace}.{name}" if name else namespace
            raise _action_error(
                "Valid format for a pipeline execution variable reference is a namespace and a key separated by a"
                " period (.). The following pipeline execution variables are referencing a namespace that does not"
                f" exist. StageName=[{stage}], ActionName=[{action}], ActionConfigurationKey=[{key}],"
                f" VariableReferenceText=[{reference}]"
            )
