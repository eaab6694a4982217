"""A service's jobs: commands that run in tasks of their own with the released image, by a schedule or by hand."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self, TypedDict

import pulumi
import pulumi_aws as aws
from pydantic import Field, model_validator

from components import types
from components.iam import delivery_policies, job_policies
from components.iam.roles import service_role
from components.lambda_function import let_rule_call, python_function
from components.model import Model
from components.service.ecs_service import EcsService
from components.service.schedules import CronOrRate, TimeZone
from pipeline_steps.job_settings import VARIABLE
from releases.events import FAILED_JOBS, JOB_FAILED, JOB_SKIPPED, SOURCE
from releases.names import (
    JOB_ALARMS,
    JOB_ENDED,
    alarm_name,
    function_log_group,
    job_family,
    jobs_function,
    starting_rule,
)

HANDLER = "pipeline_steps.jobs.handle"
DROPPED = "AsyncEventsDropped"
TIMEOUT = 60
"""Seconds of a call of the function: it starts a task, and waits for none."""
FAILED, LOST = JOB_ALARMS
ALARM_MINUTES = 5
"""How long an alarm stays on after a run; CloudWatch may have a number some minutes late."""
EVENT_AGE = 900
"""Seconds after which a call that did not reach the function is given up, and kept in the queue of failures."""


class Job(Model):
    """A command that runs in its own task with the released image, and the service's network, roles and parameters.
    A job has one run at a time: a run that is due meanwhile is skipped, and Slack is told."""

    command: Annotated[list[Annotated[str, Field(min_length=1)]], Field(min_length=1)]
    """The command for the image's entry point, such as `[bin/clean, --old]`."""
    schedule: CronOrRate | None = None
    """When it runs: `cron(0 3 * * ? *)` with six fields, or `rate(15 minutes)`, which also runs it once at creation
    (EventBridge Scheduler, Schedule types). Without it, it runs by hand only: `delivery run`."""
    timezone: TimeZone = "UTC"
    """The time zone of `cron`, such as `Asia/Tokyo`. When the clock jumps over a time, the job does not run; when it
    shows a time twice, the job runs once."""
    timeout: Annotated[int, Field(ge=1, le=1440)] = 60
    """Minutes after which a run is stopped, which counts as a failure."""
    retries: Annotated[int, Field(ge=0, le=5)] = 0
    """How often a failed scheduled run is retried, at once."""

    @model_validator(mode="after")
    def _by_schedule(self) -> Self:
        if self.retries and self.schedule is None:
            raise ValueError("retries: only with schedule, because a run by hand is never retried; remove it")
        if "timezone" in self.model_fields_set and not (self.schedule or "").startswith("cron"):
            raise ValueError("timezone: only with a schedule of the form cron(…); remove it")
        return self


JobName = Annotated[str, types.NAME, Field(min_length=2, max_length=30)]


class JobsArgs(TypedDict):
    """Inputs of `Jobs`."""

    service: EcsService
    """The service whose image and settings the jobs have."""
    jobs: Mapping[str, Job]
    """The jobs by name; at least one."""


class Jobs(pulumi.ComponentResource):
    """Runs a service's jobs.

    Produces: a Lambda function with its log group, role and policy; a group of schedules with a schedule for each
    job that has one, and the role with which they call the function; the rule that tells the function of ended
    tasks, with its target and permission; an alarm for failed runs, and one for failed calls of the function.
    """

    function: pulumi.Output[str]
    """The function's name."""

    def __init__(self, name: str, args: JobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:Jobs", name, {"service": args["service"].service}, opts)
        self._name, self._service = name, args["service"]
        self._platform = self._service.args["platform"]
        self._scope, self._child = self._platform.scope, pulumi.ResourceOptions(parent=self)
        self._full_name = self._scope.name(self._service.service)
        function_arn = self._scope.arn("lambda", f"function:{jobs_function(self._full_name)}")
        group = aws.scheduler.ScheduleGroup(f"{name}-schedules", name=self._full_name, opts=self._child)
        role, permission = service_role(
            f"{name}-schedule",
            f"{self._full_name}-schedule",
            "scheduler",
            job_policies.call_by_schedule(function_arn, self._platform.start_failures.queue_arn),
            self._scope,
            self._child,
        )
        function = self._function(args["jobs"], function_arn, group, role)
        for job, declared in args["jobs"].items():
            if declared.schedule is not None:
                aws.scheduler.Schedule(
                    f"{name}-{job}-schedule",
                    name=job,
                    group_name=group.name,
                    schedule_expression=declared.schedule,
                    schedule_expression_timezone=declared.timezone,
                    flexible_time_window={"mode": "OFF"},
                    target={
                        "arn": function.arn,
                        "role_arn": role.arn,
                        "input": f'{{"job": "{job}", "token": "<aws.scheduler.scheduled-time>"}}',
                        "retry_policy": {"maximum_event_age_in_seconds": EVENT_AGE},
                        "dead_letter_config": {"arn": self._platform.start_failures.queue_arn},
                    },
                    opts=pulumi.ResourceOptions(parent=self, depends_on=[permission]),
                )
        self._look_at_ends(function)
        self._alarms(function)
        self.function = function.name
        self.register_outputs({"function": self.function})

    def _function(
        self, jobs: Mapping[str, Job], arn: str, group: aws.scheduler.ScheduleGroup, role: aws.iam.Role
    ) -> aws.lambda_.Function:
        service, scope = self._service, self._scope
        images, template = service.args["images"], service.args["template"]
        settings = {
            "name": self._full_name,
            "cluster": self._platform.cluster.name,
            "service": service.name,
            "controller": service.deploy.controller.type,
            "containers": template.image_containers(),
            "repository_uri": images.url,
            "record": service.record_name,
            "function": arn,
            "schedule_group": group.name,
            "schedule_role": role.arn,
            "jobs": {name: _settings(job) for name, job in jobs.items()},
        }
        return python_function(
            f"{self._name}-jobs",
            jobs_function(self._full_name),
            handler=HANDLER,
            store=self._platform.delivery_store,
            variables={VARIABLE: pulumi.Output.json_dumps(settings)},
            timeout=TIMEOUT,
            permissions=[
                *delivery_policies.find_tasks(service.deployable.cluster_arn, service.deployable.tasks_arn),
                *job_policies.run_jobs(
                    cluster_arn=service.deployable.cluster_arn,
                    service_arn=service.arn,
                    task_definition_arn=scope.arn("ecs", f"task-definition/{job_family(self._full_name, '*')}:*"),
                    tasks_arn=service.deployable.tasks_arn,
                    log_group_arn=service.log_group_arn,
                    record_arn=service.record_arn,
                    role_arns=service.task_role_arns,
                ),
                *job_policies.stop_later(scope.arn("scheduler", f"schedule/{self._full_name}/stop-*"), role.arn),
                *delivery_policies.put_events(
                    scope.arn("events", "event-bus/default"), SOURCE, JOB_FAILED, JOB_SKIPPED
                ),
                *delivery_policies.put_metrics(SOURCE),
            ],
            scope=scope,
            log_retention_days=self._platform.log_retention_days,
            opts=self._child,
        )

    def _look_at_ends(self, function: aws.lambda_.Function) -> None:
        """Tells the function of each task of a job that has ended (ECS, task state change events)."""
        events = {
            "source": ["aws.ecs"],
            "detail-type": ["ECS Task State Change"],
            "detail": {
                "clusterArn": [self._scope.arn("ecs", f"cluster/{self._scope.cluster}")],
                "group": [{"prefix": f"family:{job_family(self._full_name, '')}"}],
                "lastStatus": ["STOPPED"],
            },
        }
        rule = aws.cloudwatch.EventRule(
            f"{self._name}-{JOB_ENDED}",
            name=starting_rule(self._full_name, JOB_ENDED),
            event_pattern=pulumi.Output.json_dumps(events),
            opts=self._child,
        )
        called = let_rule_call(f"{self._name}-{JOB_ENDED}", function, rule, self._child)
        aws.cloudwatch.EventTarget(
            f"{self._name}-{JOB_ENDED}-target",
            rule=rule.name,
            target_id="jobs",
            arn=function.arn,
            dead_letter_config={"arn": self._platform.start_failures.queue_arn},
            opts=pulumi.ResourceOptions(parent=self, depends_on=[called]),
        )

    def _alarms(self, function: aws.lambda_.Function) -> None:
        """One for runs that have failed for good, and one for calls that Lambda has given up after three tries, so that
        nothing was told of their runs (Lambda, Types of metrics: AsyncEventsDropped)."""
        page = None if self._platform.page is None else [self._platform.page]
        log = function_log_group(jobs_function(self._full_name))
        for alarm, namespace, metric, dimensions, description in (
            (FAILED, SOURCE, FAILED_JOBS, {"PipelineName": self._full_name}, "a run of a job has failed"),
            (LOST, "AWS/Lambda", DROPPED, {"FunctionName": function.name}, "a call of what runs jobs was given up"),
        ):
            aws.cloudwatch.MetricAlarm(
                alarm_name(self._name, alarm),
                name=alarm_name(self._full_name, alarm),
                alarm_description=f"{self._full_name}: {description}; {log} says why",
                alarm_actions=page,
                ok_actions=page,
                namespace=namespace,
                metric_name=metric,
                dimensions=dimensions,
                statistic="Sum",
                period=60,
                evaluation_periods=ALARM_MINUTES,
                datapoints_to_alarm=1,
                comparison_operator="GreaterThanThreshold",
                threshold=0,
                treat_missing_data="notBreaching",
                opts=self._child,
            )


def _settings(job: Job) -> dict[str, object]:
    return {"command": job.command, "minutes": job.timeout, "retries": job.retries}
