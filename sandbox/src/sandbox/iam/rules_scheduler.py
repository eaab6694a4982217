"""Permissions of EventBridge Scheduler's schedules and groups."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.iam.calls import Call, Need, tag_context


def _schedule(call: Call) -> list[Need]:
    """A schedule is in a group, the default one unless another is named; its target's role is passed to Scheduler."""
    name = f"schedule/{call.params.get('GroupName') or 'default'}/{call.params['Name']}"
    roles = [str(role) for role in call.values("Target.RoleArn")]
    return [
        Need(f"scheduler:{call.operation}", call.arn("scheduler", name)),
        *(call.passes(role, "scheduler.amazonaws.com") for role in roles),
    ]


def _create_schedule_group(call: Call) -> list[Need]:
    arn, tags = call.arn("scheduler", f"schedule-group/{call.params['Name']}"), tag_context(call.params.get("Tags"))
    needs = [Need("scheduler:CreateScheduleGroup", arn, tags)]
    return [*needs, Need("scheduler:TagResource", arn, tags)] if tags else needs


def _delete_schedule_group(call: Call) -> list[Need]:
    """It goes with its schedules, which may be deleted then (Service Authorization Reference, API operations)."""
    name = call.params["Name"]
    return [
        Need("scheduler:DeleteScheduleGroup", call.arn("scheduler", f"schedule-group/{name}")),
        Need("scheduler:DeleteSchedule", call.arn("scheduler", f"schedule/{name}/*")),
    ]


RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    **{
        ("scheduler", name): _schedule for name in ("CreateSchedule", "UpdateSchedule", "GetSchedule", "DeleteSchedule")
    },
    ("scheduler", "CreateScheduleGroup"): _create_schedule_group,
    ("scheduler", "DeleteScheduleGroup"): _delete_schedule_group,
}
