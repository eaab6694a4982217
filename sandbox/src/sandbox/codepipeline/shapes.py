"""Executions in the API's shapes (time stamps as seconds since the epoch)."""

from __future__ import annotations

from sandbox.account.protocol import present
from sandbox.codepipeline.model import (
    ActionExecution,
    Artifact,
    ConditionKind,
    Execution,
    Json,
    SourceRevision,
    StageExecution,
)
from sandbox.codepipeline.stage_lock import Closed

CONDITION_KINDS: tuple[ConditionKind, ...] = ("beforeEntry", "onSuccess", "onFailure")


def execution_shape(execution: Execution) -> Json:
    """GetPipelineExecution."""
    return present(
        {
            "pipelineName": execution.pipeline,
            "pipelineVersion": execution.definition["version"],
            "pipelineExecutionId": execution.id,
            "status": execution.status,
            "statusSummary": execution.summary,
            "artifactRevisions": [_artifact_revision(revision) for revision in execution.revisions],
            "variables": [{"name": k, "resolvedValue": v} for k, v in sorted(execution.variables.items())],
            "trigger": _trigger(execution),
            "executionMode": execution.mode,
            "executionType": "STANDARD",
        }
    )


def summary_shape(execution: Execution) -> Json:
    """An entry of ListPipelineExecutions."""
    return present(
        {
            "pipelineExecutionId": execution.id,
            "status": execution.status,
            "statusSummary": execution.summary,
            "startTime": execution.started.timestamp(),
            "lastUpdateTime": execution.updated.timestamp(),
            "sourceRevisions": [_source_revision(revision) for revision in execution.revisions],
            "trigger": _trigger(execution),
            "stopTrigger": {"reason": execution.stop_reason} if execution.stop_reason is not None else None,
            "executionMode": execution.mode,
            "executionType": "STANDARD",
        }
    )


def action_shape(execution: Execution, action: ActionExecution) -> Json:
    """An entry of ListActionExecutions."""
    declaration = action.declaration
    result = present(
        {
            "externalExecutionId": action.external_id,
            "externalExecutionSummary": action.summary,
            "externalExecutionUrl": action.external_url,
            "errorDetails": _error(action),
            "logStreamARN": action.log_stream_arn,
        }
    )
    return present(
        {
            "pipelineExecutionId": execution.id,
            "actionExecutionId": action.id,
            "pipelineVersion": execution.definition["version"],
            "stageName": action.stage,
            "actionName": action.name,
            "startTime": action.started.timestamp(),
            "lastUpdateTime": action.updated.timestamp(),
            "updatedBy": action.updated_by,
            "status": action.status,
            "input": present(
                {
                    "actionTypeId": declaration["actionTypeId"],
                    "configuration": declaration.get("configuration") or {},
                    "resolvedConfiguration": action.resolved,
                    "roleArn": declaration.get("roleArn"),
                    "region": declaration.get("region"),
                    "inputArtifacts": [artifact_shape(artifact) for artifact in action.inputs],
                    "namespace": declaration.get("namespace"),
                }
            ),
            "output": {
                "outputArtifacts": [artifact_shape(artifact) for artifact in action.outputs],
                "executionResult": result,
                "outputVariables": action.variables,
            },
        }
    )


def _transition(closed: Closed | None) -> Json:
    if closed is None:
        return {"enabled": True}
    return {
        "enabled": False,
        "disabledReason": closed.reason,
        "lastChangedBy": closed.by,
        "lastChangedAt": closed.since.timestamp(),
    }


def stage_state(
    declaration: Json, executions: list[Execution], waiting: list[Execution], closed: Closed | None
) -> Json:
    """An entry of GetPipelineState: the newest execution in the stage, who waits, whether it is closed."""
    name = declaration["name"]
    entered = [
        (execution, stage)
        for execution in executions
        for stage in execution.stages
        if stage.name == name and stage.status != "Waiting"
    ]
    inbound = [{"pipelineExecutionId": e.id, "status": "InProgress", "type": "STANDARD"} for e in waiting]
    state: Json = {
        "stageName": name,
        "inboundExecutions": inbound,
        "inboundExecution": inbound[0] if inbound else None,
        "inboundTransitionState": _transition(closed),
        "actionStates": [_action_state(declared, entered) for declared in declaration["actions"]],
    }
    if entered:
        execution, stage = max(entered, key=lambda pair: pair[1].started or pair[0].started)
        state["latestExecution"] = {
            "pipelineExecutionId": execution.id,
            "status": stage.status,
            "type": "STANDARD",
        }
        state |= _condition_states(stage)
        if stage.retries:
            state["retryStageMetadata"] = {
                "autoStageRetryAttempt": stage.retries,
                "latestRetryTrigger": "AutomatedStageRetry",
            }
    return present(state)


def _action_state(declared: Json, entered: list[tuple[Execution, StageExecution]]) -> Json:
    runs = [
        (execution, action)
        for execution, stage in entered
        for action in stage.actions
        if action.name == declared["name"]
    ]
    state: Json = {"actionName": declared["name"]}
    if not runs:
        return state
    execution, action = max(runs, key=lambda pair: pair[1].started)
    state["latestExecution"] = present(
        {
            "actionExecutionId": action.id,
            "status": action.status,
            "summary": action.summary,
            "lastStatusChange": action.updated.timestamp(),
            "token": action.token if action.status == "InProgress" and action.decision is None else None,
            "lastUpdatedBy": action.updated_by,
            "externalExecutionId": action.external_id,
            "externalExecutionUrl": action.external_url,
            "errorDetails": _error(action),
            "logStreamARN": action.log_stream_arn,
        }
    )
    for revision in execution.revisions:
        if revision.action == action.name:
            state["currentRevision"] = {
                "revisionId": revision.revision_id,
                "revisionChangeId": revision.revision_id,
                "created": revision.created.timestamp(),
            }
    return state


def _condition_states(stage: StageExecution) -> Json:
    states: Json = {}
    for kind in CONDITION_KINDS:
        runs = [run for run in stage.conditions if run.kind == kind]
        if not runs:
            continue
        run = runs[-1]
        latest = {"status": run.status, "summary": run.summary, "lastStatusChange": run.at.timestamp()}
        rules = [
            {"ruleName": rule["name"], "latestExecution": {"status": rule["status"], "summary": rule["summary"]}}
            for rule in run.rules
        ]
        states[f"{kind}ConditionState"] = {
            "latestExecution": {"status": run.status, "summary": run.summary},
            "conditionStates": [{"latestExecution": latest, "ruleStates": rules}],
        }
    return states


def _error(action: ActionExecution) -> Json | None:
    if not action.error_code:
        return None
    return {"code": action.error_code, "message": action.error_message}


def _trigger(execution: Execution) -> Json:
    return {"triggerType": execution.trigger_type, "triggerDetail": execution.trigger_detail}


def artifact_shape(artifact: Artifact) -> Json:
    return {"name": artifact.name, "s3location": {"bucket": artifact.bucket, "key": artifact.key}}


def _artifact_revision(revision: SourceRevision) -> Json:
    return present(
        {
            "name": revision.artifact,
            "revisionId": revision.revision_id,
            "revisionChangeIdentifier": revision.revision_id,
            "revisionSummary": revision.summary,
            "created": revision.created.timestamp(),
            "revisionUrl": revision.url,
        }
    )


def _source_revision(revision: SourceRevision) -> Json:
    return present(
        {
            "actionName": revision.action,
            "revisionId": revision.revision_id,
            "revisionSummary": revision.summary,
            "revisionUrl": revision.url,
        }
    )
