"""CodePipeline's events on the default bus.

https://docs.aws.amazon.com/codepipeline/latest/userguide/detect-state-changes-cloudwatch-events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.codepipeline.model import ActionExecution, Execution, Json, StageExecution
from sandbox.codepipeline.shapes import artifact_shape

if TYPE_CHECKING:
    from sandbox.account.account import Account


def publish_pipeline(account: Account, execution: Execution, state: str) -> None:
    detail = {
        **_common(execution, state),
        "execution-trigger": {
            "trigger-type": execution.trigger_type,
            "trigger-detail": execution.trigger_detail,
        },
        "pipeline-execution-attempt": 1.0,
    }
    _publish(account, "CodePipeline Pipeline Execution State Change", execution, detail)


def publish_stage(account: Account, execution: Execution, stage: StageExecution, state: str) -> None:
    detail = {**_common(execution, state), "stage": stage.name}
    if state == "FAILED":
        failed = [action for action in stage.actions if action.status == "Failed"]
        detail["failed-actions"] = [
            {"action": action.name, "additional-information": action.error_message or ""} for action in failed
        ]
    _publish(account, "CodePipeline Stage Execution State Change", execution, detail)


def publish_action(account: Account, execution: Execution, action: ActionExecution, state: str) -> None:
    detail = {
        **_common(execution, state),
        "stage": action.stage,
        "action": action.name,
        "action-execution-id": action.id,
        "region": account.region,
        "type": dict(action.declaration["actionTypeId"]),
        "input-artifacts": [artifact_shape(artifact) for artifact in action.inputs],
    }
    if state == "SUCCEEDED":
        detail["output-artifacts"] = [artifact_shape(artifact) for artifact in action.outputs]
    if state != "STARTED":
        result = {
            "external-execution-id": action.external_id,
            "external-execution-url": action.external_url,
            "external-execution-summary": action.summary,
            "error-code": action.error_code,
        }
        detail["execution-result"] = {key: value for key, value in result.items() if value}
    _publish(account, "CodePipeline Action Execution State Change", execution, detail)


def _common(execution: Execution, state: str) -> Json:
    return {
        "pipeline": execution.pipeline,
        "execution-id": execution.id,
        "start-time": execution.started.strftime("%Y-%m-%dT%H:%M:%S.000Z"),
        "state": state,
        "version": float(execution.definition["version"]),
    }


def _publish(account: Account, detail_type: str, execution: Execution, detail: Json) -> None:
    account.bus.publish(
        {
            "detail-type": detail_type,
            "source": "aws.codepipeline",
            "resources": [f"arn:aws:codepipeline:{account.region}:{account.id}:{execution.pipeline}"],
            "detail": detail,
        }
    )
