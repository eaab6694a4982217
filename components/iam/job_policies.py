"""What the roles of a service's jobs may do: of what runs them, and of who calls that by a schedule.

Functions without resources, as in `components/iam/policies.py`.
"""

import pulumi

from components.iam.policies import EVERYTHING, Arns, Statement, allow, tag_started_tasks


def read_scaling() -> list[Statement]:
    """Looks how many tasks scaling lets a service have; the action takes no resource."""
    return [allow("ReadScaling", "application-autoscaling:DescribeScalableTargets", EVERYTHING)]


def run_jobs(
    *,
    cluster_arn: pulumi.Input[str],
    service_arn: pulumi.Input[str],
    task_definition_arn: pulumi.Input[str],
    tasks_arn: pulumi.Input[str],
    log_group_arn: pulumi.Input[str],
    record_arn: pulumi.Input[str],
    role_arns: Arns,
) -> list[Statement]:
    """What runs a service's jobs does beside finding tasks: looks what was released, and runs a task like its.

    Args:
        cluster_arn: where the tasks run.
        service_arn: whose settings they have.
        task_definition_arn: every revision of the jobs' families, `…:task-definition/service_*:*`.
        tasks_arn: `…:task/cluster/*`; a task's ARN ends in an id that AWS makes up, and says nothing of its family.
        log_group_arn: where the service's containers log.
        record_arn: the release record.
        role_arns: the execution role and the task role.
    """
    in_cluster = {"ArnEquals": {"ecs:cluster": cluster_arn}}
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    return [
        allow("ReadRelease", "ssm:GetParameter", [record_arn]),
        allow("ReadService", "ecs:DescribeServices", [service_arn]),
        # The first takes no resource, and the second is decided on none.
        allow("Definitions", "ecs:DescribeTaskDefinition RegisterTaskDefinition", EVERYTHING),
        allow("RunJobs", "ecs:RunTask", [task_definition_arn], in_cluster),
        tag_started_tasks(tasks_arn),
        allow("PassRoles", "iam:PassRole", role_arns, to_tasks),
        allow("StopJobs", "ecs:StopTask", [tasks_arn]),
        allow("ReadLog", "logs:GetLogEvents", [pulumi.Output.concat(log_group_arn, ":*")]),
    ]


def stop_later(schedules_arn: pulumi.Input[str], role_arn: pulumi.Input[str]) -> list[Statement]:
    """Makes the schedules that stop what takes too long; each is due once (Service Authorization Reference).

    Args:
        schedules_arn: `…:schedule/group/stop-*`.
        role_arn: the role that such a schedule calls with.
    """
    to_scheduler = {"StringEquals": {"iam:PassedToService": "scheduler.amazonaws.com"}}
    return [
        allow("StopLater", "scheduler:CreateSchedule", [schedules_arn]),
        allow("PassScheduleRole", "iam:PassRole", [role_arn], to_scheduler),
    ]


def call_by_schedule(function_arn: pulumi.Input[str], queue_arn: pulumi.Input[str]) -> list[Statement]:
    """What Scheduler does with a schedule's role: calls a function, and keeps the calls that it could not make
    (EventBridge Scheduler, Setting up the execution role; Configuring a dead-letter queue)."""
    return [
        allow("CallFunction", "lambda:InvokeFunction", [function_arn]),
        allow("KeepUndelivered", "sqs:SendMessage", [queue_arn]),
    ]
