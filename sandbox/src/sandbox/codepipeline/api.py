"""The CodePipeline API. moto keeps declarations and tags; executions are this package's own."""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, TypeVar

from moto.codepipeline.models import CodePipeline
from moto.core.exceptions import JsonRESTError
from moto.core.utils import utcnow

from sandbox.account.errors import AwsError
from sandbox.codepipeline.definition import validate
from sandbox.codepipeline.jobs import put_job_failure_result, put_job_success_result
from sandbox.codepipeline.model import Execution, Json, StartingRules, utc_now
from sandbox.codepipeline.shapes import action_shape, execution_shape, stage_state, summary_shape
from sandbox.codepipeline.stage_lock import Closed, StageLocks
from sandbox.codepipeline.state import backend, begin, pipeline_record, pipeline_state, states_of

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

DEFAULT_PAGE = 100
T = TypeVar("T")


def create_pipeline(account: Account, principal: Principal, params: Json) -> Json:
    """Create the pipeline and, as CodePipeline does, start its first execution."""
    pipeline, tags = copy.deepcopy(params["pipeline"]), params.get("tags") or []
    name = pipeline["name"]
    if name in backend(account).pipelines:
        raise AwsError(
            "PipelineNameInUseException",
            f"A pipeline with the name '{name}' already exists in account '{account.id}'",
            400,
        )
    _check(account, pipeline)
    record = CodePipeline(account.id, account.region, pipeline)
    try:
        record.validate_tags(tags)
    except JsonRESTError as error:
        raise AwsError(error.error_type, error.message, 400) from error
    record.tags.update({tag["key"]: tag["value"] for tag in tags})
    backend(account).pipelines[name] = record
    states_of(account).pop(name, None)
    if all("defaultValue" in variable for variable in pipeline.get("variables") or []):
        begin(account, name, "CreatePipeline", principal.arn, {})
    return {"pipeline": record.pipeline, "tags": tags}


def update_pipeline(account: Account, principal: Principal, params: Json) -> Json:
    pipeline = copy.deepcopy(params["pipeline"])
    record = pipeline_record(account, pipeline["name"])
    _check(account, pipeline)
    pipeline["version"] = record.pipeline["version"] + 1
    record.pipeline = record.add_default_values(pipeline)
    record._updated = utcnow()
    return {"pipeline": record.pipeline}


def get_pipeline(account: Account, principal: Principal, params: Json) -> Json:
    record = pipeline_record(account, params["name"])
    metadata = {
        "pipelineArn": record._arn,
        "created": record._created.timestamp(),
        "updated": record._updated.timestamp(),
    }
    return {"pipeline": record.pipeline, "metadata": metadata}


def delete_pipeline(account: Account, principal: Principal, params: Json) -> Json:
    name = params["name"]
    state = states_of(account).pop(name, None)
    for execution in state.executions if state else []:
        _stop(execution, "The pipeline was deleted", abandon=True)
    if state:
        state.stage_locks.wake()
    backend(account).pipelines.pop(name, None)
    return {}


def start_pipeline_execution(account: Account, principal: Principal, params: Json) -> Json:
    execution = begin(account, params["name"], *_trigger(account, principal), params)
    return {"pipelineExecutionId": execution.id}


def get_pipeline_execution(account: Account, principal: Principal, params: Json) -> Json:
    execution = _execution(account, params["pipelineName"], params["pipelineExecutionId"])
    return {"pipelineExecution": execution_shape(execution)}


def list_pipeline_executions(account: Account, principal: Principal, params: Json) -> Json:
    state = pipeline_state(account, params["pipelineName"])
    stage = ((params.get("filter") or {}).get("succeededInStage") or {}).get("stageName")
    with state.lock:
        executions = [e for e in reversed(state.executions) if not stage or _succeeded_in(e, stage)]
    page, token = _page(executions, params)
    answer: Json = {"pipelineExecutionSummaries": [summary_shape(execution) for execution in page]}
    return {**answer, "nextToken": token} if token else answer


def get_pipeline_state(account: Account, principal: Principal, params: Json) -> Json:
    record = pipeline_record(account, params["name"])
    state = pipeline_state(account, params["name"])
    with state.lock:
        executions = list(state.executions)
    locks = state.stage_locks
    return {
        "pipelineName": params["name"],
        "pipelineVersion": record.pipeline["version"],
        "stageStates": [
            stage_state(each, executions, locks.waiting(each["name"]), locks.closed.get(each["name"]))
            for each in record.pipeline["stages"]
        ],
        "created": record._created.timestamp(),
        "updated": record._updated.timestamp(),
    }


def disable_stage_transition(account: Account, principal: Principal, params: Json) -> Json:
    """Nobody enters a stage until it is enabled; executions wait in front of it."""
    why = Closed(params["reason"], principal.arn, utc_now())
    _inbound(account, params).close(params["stageName"], why)
    return {}


def enable_stage_transition(account: Account, principal: Principal, params: Json) -> Json:
    """The execution that waits enters."""
    _inbound(account, params).open(params["stageName"])
    return {}


def _inbound(account: Account, params: Json) -> StageLocks:
    """The stages of the call's pipeline, whose stage it has, and which is asked about those that enter."""
    name, stage = params["pipelineName"], params["stageName"]
    stages = [each["name"] for each in pipeline_record(account, name).pipeline["stages"]]
    if stage not in stages:
        raise AwsError("StageNotFoundException", f"Pipeline '{name}' does not have a stage with name '{stage}'", 400)
    if params["transitionType"] != "Inbound":
        raise NotImplementedError("outbound transitions")
    return pipeline_state(account, name).stage_locks


def list_action_executions(account: Account, principal: Principal, params: Json) -> Json:
    state = pipeline_state(account, params["pipelineName"])
    declared = params.get("filter") or {}
    latest = (declared.get("latestInPipelineExecution") or {}).get("pipelineExecutionId")
    execution_id = declared.get("pipelineExecutionId") or latest
    if execution_id:
        _execution(account, params["pipelineName"], execution_id)
    with state.lock:
        executions = [e for e in reversed(state.executions) if execution_id in (None, e.id)]
    actions = [
        action_shape(execution, action)
        for execution in executions
        for stage in reversed(execution.stages)
        for action in reversed(stage.actions)
    ]
    page, token = _page(actions, params)
    answer: Json = {"actionExecutionDetails": page}
    return {**answer, "nextToken": token} if token else answer


def stop_pipeline_execution(account: Account, principal: Principal, params: Json) -> Json:
    execution = _execution(account, params["pipelineName"], params["pipelineExecutionId"])
    if execution.status != "InProgress" and not (execution.status == "Stopping" and params.get("abandon")):
        raise AwsError(
            "PipelineExecutionNotStoppableException",
            f"The execution {execution.id} is {execution.status} and cannot be stopped",
            400,
        )
    _stop(execution, params.get("reason", ""), bool(params.get("abandon")))
    pipeline_state(account, params["pipelineName"]).stage_locks.wake()
    return {"pipelineExecutionId": execution.id}


def retry_stage_execution(account: Account, principal: Principal, params: Json) -> Json:
    state = pipeline_state(account, params["pipelineName"])
    execution, name = _execution(account, params["pipelineName"], params["pipelineExecutionId"]), params["stageName"]
    stage = next((stage for stage in execution.stages if stage.name == name), None)
    if stage is None:
        raise AwsError("StageNotFoundException", f"Stage {name} not found", 400)
    with state.lock:
        if not execution.over or stage.status not in ("Failed", "Stopped"):
            raise AwsError("StageNotRetryableException", f"Stage {name} of {execution.id} is {stage.status}", 400)
        later = state.executions[state.executions.index(execution) + 1 :]
        if any(other.name == name and other.status != "Waiting" for e in later for other in e.stages):
            message = f"{execution.id} is not the latest execution in stage {name}"
            raise AwsError("NotLatestPipelineExecutionException", message, 400)
        state.retry(account, execution, stage, params["retryMode"])
    return {"pipelineExecutionId": execution.id}


def put_approval_result(account: Account, principal: Principal, params: Json) -> Json:
    state = pipeline_state(account, params["pipelineName"])
    stages = {stage["name"]: stage for stage in pipeline_record(account, params["pipelineName"]).pipeline["stages"]}
    if params["stageName"] not in stages:
        raise AwsError("StageNotFoundException", f"Stage {params['stageName']} not found", 400)
    if params["actionName"] not in {action["name"] for action in stages[params["stageName"]]["actions"]}:
        raise AwsError("ActionNotFoundException", f"Action {params['actionName']} not found", 400)
    with state.lock:
        runs = [a for e in state.executions for s in e.stages for a in s.actions if a.token == params["token"]]
        action = next((a for a in runs if (a.stage, a.name) == (params["stageName"], params["actionName"])), None)
        if action is None:
            raise AwsError("InvalidApprovalTokenException", "The approval token is not valid", 400)
        if action.decision or action.status != "InProgress":
            raise AwsError("ApprovalAlreadyCompletedException", "The approval was already completed", 400)
        action.decision = params["result"]["status"], params["result"].get("summary", "")
        action.updated_by = principal.arn
        action.decided.set()
    return {"approvedAt": utc_now().timestamp()}


def _check(account: Account, pipeline: Json) -> None:
    validate(pipeline, account.region)
    role = pipeline["roleArn"]
    try:
        account.validate_role(role, "codepipeline.amazonaws.com")
    except AwsError as error:
        message = f"CodePipeline is not authorized to perform AssumeRole on role {role}"
        raise AwsError("InvalidStructureException", message, 400) from error


def _execution(account: Account, name: str, identifier: str) -> Execution:
    execution = pipeline_state(account, name).execution(identifier)
    if execution is None:
        raise AwsError(
            "PipelineExecutionNotFoundException",
            f"Account '{account.id}' does not have an execution with id '{identifier}' for pipeline '{name}'",
            400,
        )
    return execution


def _stop(execution: Execution, reason: str, abandon: bool) -> None:
    if execution.over:
        return
    execution.status, execution.stop_reason = "Stopping", reason
    execution.stop.set()
    if abandon:
        execution.abandon.set()


def _succeeded_in(execution: Execution, stage: str) -> bool:
    return any(s.name == stage and s.status == "Succeeded" for s in execution.stages)


def _trigger(account: Account, principal: Principal) -> tuple[str, str]:
    """What starts an execution: the rule of an event, by its ARN, or else the caller (API, ExecutionTrigger)."""
    role, _, session = principal.arn.partition(":assumed-role/")[2].partition("/")
    rule = account.parts.of(StartingRules).get((role, session))
    return ("CloudWatchEvent", rule) if rule else ("StartPipelineExecution", principal.arn)


def _page(items: list[T], params: Json) -> tuple[list[T], str | None]:
    start = int(params.get("nextToken") or 0)
    end = start + int(params.get("maxResults") or DEFAULT_PAGE)
    return items[start:end], str(end) if end < len(items) else None


HANDLERS = {
    ("codepipeline", "CreatePipeline"): create_pipeline,
    ("codepipeline", "UpdatePipeline"): update_pipeline,
    ("codepipeline", "GetPipeline"): get_pipeline,
    ("codepipeline", "DeletePipeline"): delete_pipeline,
    ("codepipeline", "StartPipelineExecution"): start_pipeline_execution,
    ("codepipeline", "GetPipelineExecution"): get_pipeline_execution,
    ("codepipeline", "ListPipelineExecutions"): list_pipeline_executions,
    ("codepipeline", "GetPipelineState"): get_pipeline_state,
    ("codepipeline", "ListActionExecutions"): list_action_executions,
    ("codepipeline", "DisableStageTransition"): disable_stage_transition,
    ("codepipeline", "EnableStageTransition"): enable_stage_transition,
    ("codepipeline", "StopPipelineExecution"): stop_pipeline_execution,
    ("codepipeline", "PutApprovalResult"): put_approval_result,
    ("codepipeline", "RetryStageExecution"): retry_stage_execution,
    ("codepipeline", "PutJobSuccessResult"): put_job_success_result,
    ("codepipeline", "PutJobFailureResult"): put_job_failure_result,
}
