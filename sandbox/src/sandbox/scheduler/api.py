"""The operations that moto takes without a look: what is made with a role or an expression that is none.

Schedules themselves are moto's.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from moto.scheduler.models import EventBridgeSchedulerBackend, scheduler_backends

from sandbox.account.errors import AwsError
from sandbox.scheduler.expressions import InvalidSchedule, check
from sandbox.scheduler.runner import start

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

Json = dict[str, Any]
MEMBERS = {
    "description": "Description",
    "end_date": "EndDate",
    "flexible_time_window": "FlexibleTimeWindow",
    "group_name": "GroupName",
    "kms_key_arn": "KmsKeyArn",
    "name": "Name",
    "schedule_expression": "ScheduleExpression",
    "schedule_expression_timezone": "ScheduleExpressionTimezone",
    "start_date": "StartDate",
    "state": "State",
    "target": "Target",
}


def backend_of(account: Account) -> EventBridgeSchedulerBackend:
    """moto's schedules of the account."""
    backend: EventBridgeSchedulerBackend = scheduler_backends[account.id][account.region]
    return backend


def create_schedule(account: Account, principal: Principal, params: Json) -> Json:
    _check(account, params)
    completed = params.get("ActionAfterCompletion") or "NONE"
    made = backend_of(account).create_schedule(**_arguments(params), action_after_completion=completed)
    start(account)
    return {"ScheduleArn": made.arn}


def update_schedule(account: Account, principal: Principal, params: Json) -> Json:
    """What a request leaves out is as if it were made anew (API reference, UpdateSchedule)."""
    _check(account, params)
    backend = backend_of(account)
    arguments = {**_arguments(params), "state": params.get("State") or "ENABLED"}
    schedule = backend.get_schedule(arguments["group_name"], params["Name"])
    schedule.action_after_completion = params.get("ActionAfterCompletion") or "NONE"
    return {"ScheduleArn": backend.update_schedule(**arguments).arn}


def _arguments(params: Json) -> Json:
    return {argument: params.get(member) for argument, member in MEMBERS.items()}


def _check(account: Account, params: Json) -> None:
    backend_of(account).get_schedule_group(params.get("GroupName"))
    try:
        check(params["ScheduleExpression"], params.get("ScheduleExpressionTimezone") or "UTC")
    except InvalidSchedule as error:
        raise AwsError("ValidationException", str(error), 400) from error
    window = params["FlexibleTimeWindow"]
    if (window["Mode"] == "FLEXIBLE") != ("MaximumWindowInMinutes" in window):
        raise AwsError("ValidationException", "MaximumWindowInMinutes goes with the mode FLEXIBLE only.", 400)
    try:
        account.validate_role(params["Target"]["RoleArn"], "scheduler.amazonaws.com")
    except AwsError as error:
        # The words at which terraform-provider-aws tries again (internal/service/scheduler/retry.go).
        message = "The execution role you provide must allow AWS EventBridge Scheduler to assume the role."
        raise AwsError("ValidationException", message, 400) from error


HANDLERS = {
    ("scheduler", "CreateSchedule"): create_schedule,
    ("scheduler", "UpdateSchedule"): update_schedule,
}
