"""A service on Fargate: its task definition, its ways in, its scaling, and the record of what was released."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NotRequired, TypedDict, cast

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.iam.roles import service_role
from components.naming import Scope
from components.service.alarms import Alarms, ServiceAlarms, alarm_name, service_alarms
from components.service.autoscaling import Tasks, scaling
from components.service.parameter_store import View
from components.service.revision import forced, task_definition
from components.service.routing import Listening, WaysIn, WaysInArgs, task_security_group, ways_in
from components.service.strategies.strategy import AppSpecArgs, Strategy, Template
from components.service.task import Task
from components.service.task_role import Permission, of_the_app, task_role
from components.service.task_template import TaskTemplate
from releases import template as template_files
from releases.names import ecs_name
from releases.record import FINGERPRINT_LABEL, UNRELEASED, record_name
from releases.service_state import ServiceState, Settings


class EcsServiceArgs(TypedDict):
    """Inputs of `EcsService`."""

    scope: Scope
    service: str
    template: TaskTemplate
    task: Task
    """Its size, and where it listens."""
    cluster_name: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    assign_public_ip: pulumi.Input[bool]
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    runtime: View
    """The parameters that the task reads."""
    permissions: Sequence[Permission]
    """What the app itself may do."""
    session_log_arn: NotRequired[pulumi.Input[str] | None]
    """Where sessions of ECS Exec are logged; without it there are none."""
    ways_in: NotRequired[WaysInArgs]
    """None for a worker."""
    tasks: Tasks
    """How many run."""
    spot: NotRequired[bool]
    log_retention_days: int
    deploy: Strategy
    """How a new image replaces the old one."""
    alarms: Alarms
    """A worker has none all the same."""
    balancer_arn_suffix: pulumi.Input[str]
    """What the alarms' metrics are called by."""
    page: NotRequired[str | None]
    """The SNS topic that the composite alarm tells."""
    state: NotRequired[ServiceState | None]
    """The service as it is before this run; None when there is none yet."""
    quiet: NotRequired[Callable[[Callable[[ServiceState | None], str | None]], Awaitable[ServiceState | None]]]
    """The service once nothing is in flight that an edit waits for, by its reason to wait; without it, `state`."""
    hooks: NotRequired[pulumi.ResourceHookBinding | None]
    """What guards a change of the service."""
    template_hooks: NotRequired[pulumi.ResourceHookBinding | None]
    """What guards a change of the template that is deployed."""


class EcsService(pulumi.ComponentResource):
    """One service: rolling deployments by ECS, with the circuit breaker's rollback, or CodeDeploy's.

    A new service has no tasks and suspended scaling until the pipeline's first release. From then on the
    pipeline owns which image runs, and Pulumi everything else of the task (design section 5).

    Produces: a log group, execution role, task role, security group with rules, target group and listener
    rule for each route, alarms, release record, task definition, service, scalable target and policy;
    a policy of the task role where the app may do something, or sessions are opened.
    """

    name: pulumi.Output[str]
    """The service's name."""
    arn: pulumi.Output[str]
    """The service's ARN."""
    role_arns: list[pulumi.Output[str]]
    """The roles that whoever registers a revision must be allowed to pass: execution and task."""
    record_name: pulumi.Output[str]
    """The release record's Parameter Store name."""
    record_arn: pulumi.Output[str]
    """The release record's ARN."""
    task_role_arn: pulumi.Output[str]
    """The role of the app itself."""
    log_group_arn: pulumi.Output[str]
    """Where its containers log."""
    log_group_name: pulumi.Output[str]
    """The name of that log group."""
    waiting: pulumi.Output[str | None]
    """Why the declared task definition does not run for good yet; None when it does."""
    ways_in: WaysIn | None
    """How requests reach it; None for a worker."""
    alarms: ServiceAlarms
    """Those that roll a deployment back."""
    template: Template | None
    """What is deployed where that is a template; None where the image alone is."""

    def __init__(self, name: str, args: EcsServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:EcsService", name, {"service": args["service"]}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        self._reads = args["template"].reads(self._plain())
        full_name = args["scope"].name(args["service"])
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/ecs/{full_name}",
            retention_in_days=args["log_retention_days"],
            opts=self._child,
        )
        execution_role, permissions = self._execution_role(logs)
        task_role, own_permissions = self._task_role()
        record = aws.ssm.Parameter(
            f"{name}-release",
            name=record_name(args["scope"].stack, args["service"]),
            type="String",
            insecure_value=UNRELEASED,
            description="What the pipeline released last; written by its Release step only",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["insecure_value"]),
        )
        deferred = self._deferred(logs, execution_role, task_role)
        group = task_security_group(name, args["service"], args["vpc_id"], self)
        spec = self._app_spec(group) if args["deploy"].deploys_template else None
        definition, fingerprint = self._task_definition(deferred, spec)
        own: pulumi.Output[Any] = pulumi.Output.all(fingerprint, definition.arn).apply(
            lambda known: self._with_state(*known)
        )
        ways_in = self._ways_in(group)
        self.alarms = self._alarms(ways_in)
        service = self._service(own, group, ways_in, [permissions, *own_permissions])
        self._scaling(service.name)
        self.name = service.name
        self.arn = service.arn
        self.role_arns = [execution_role.arn, task_role.arn]
        self.record_name, self.record_arn = record.name, record.arn
        self.task_role_arn = task_role.arn
        self.log_group_arn, self.log_group_name = logs.arn, logs.name
        self.ways_in = ways_in
        self.waiting = own.apply(lambda known: self._why_not(known[0], known[2]))
        self.template = None if spec is None else self._template(deferred, spec, fingerprint)
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _execution_role(self, logs: aws.cloudwatch.LogGroup) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        """What ECS does before and beside the app: pull the image, read its parameters, write its log."""
        scope = self._args["scope"]
        return service_role(
            f"{self._name}-execution",
            f"{scope.name(self._args['service'])}-execution",
            "ecs-tasks",
            [
                *policies.pull_image(self._args["repository_arn"]),
                *policies.write_logs(logs.arn),
                *self._args["runtime"].statements,
                *self._reads.execution_statements(scope, self._args["task"].kms_keys),
            ],
            scope.account,
            self._child,
        )

    def _task_role(self) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
        """What the app does, and the agent of ECS Exec beside it."""
        scope, name, log = self._args["scope"], f"{self._name}-task", self._args.get("session_log_arn")
        statements = [
            *([] if log is None else policies.open_sessions(log)),
            *of_the_app(self._args["permissions"]),
            *self._reads.task_statements(scope),
        ]
        return task_role(name, f"{scope.name(self._args['service'])}-task", scope.account, statements, self._child)

    def _service(
        self,
        own: pulumi.Output[Sequence[Any]],
        group: aws.ec2.SecurityGroup,
        ways_in: WaysIn | None,
        permissions: Sequence[aws.iam.RolePolicy],
    ) -> aws.ecs.Service:
        """The ECS service. Another controller is another service, which takes over what runs and how many of it."""
        args, state = self._args, self._args.get("state")
        deploy, replaces = args["deploy"], self._replaces()
        by_ecs = deploy.controller == "ECS"
        anew = forced(state.settings, self._settings()) if by_ecs and not replaces and state is not None else False
        return aws.ecs.Service(
            f"{self._name}-service",
            name=ecs_name(args["scope"].stack, args["service"], deploy.controller),
            cluster=args["cluster_name"],
            task_definition=own.apply(lambda known: task_definition(known[2], known[0], known[1])),
            desired_count=state.desired if state is not None and replaces else 0,
            force_new_deployment=anew or None,
            capacity_provider_strategies=[{"capacity_provider": self._capacity_provider(), "weight": 1}],
            **deploy.service_arguments(self._watched()),
            network_configuration={
                "subnets": args["subnet_ids"],
                "security_groups": [group.id],
                "assign_public_ip": args["assign_public_ip"],
            },
            load_balancers=ways_in.load_balancers if ways_in else [],
            health_check_grace_period_seconds=(args["ways_in"]["health_check"].grace if "ways_in" in args else None),
            enable_execute_command=self._args.get("session_log_arn") is not None,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=[
                    *([] if replaces else ["desired_count"]),
                    *([] if replaces else deploy.changed_by_deployments),
                    *(["force_new_deployment"] if anew is None else []),
                ],
                depends_on=[*permissions, *(ways_in.rules if ways_in else [])],
                hooks=args.get("hooks"),
            ),
        )

    def _settings(self) -> Settings:
        """What the service is to have beside its task definition."""
        args = self._args
        settings = Settings((self._capacity_provider(),), args.get("session_log_arn") is not None)
        if "ways_in" not in args:
            return settings
        full_name, on = args["scope"].name(args["service"]), [name for name, limit in args["alarms"] if limit]
        return replace(
            settings,
            grace_period=args["ways_in"]["health_check"].grace,
            alarms=tuple(sorted(alarm_name(full_name, alarm) for alarm in on)),
        )

    def _alarms(self, ways_in: WaysIn | None) -> ServiceAlarms:
        args = self._args
        if ways_in is None:
            return ServiceAlarms()
        full_name = args["scope"].name(args["service"])
        return service_alarms(
            self._name,
            full_name,
            args["alarms"],
            ways_in.target_groups,
            args["balancer_arn_suffix"],
            args.get("page"),
            self,
        )

    def _watched(self) -> aws.ecs.ServiceAlarmsArgsDict | None:
        """What ECS watches. None of them is said too: UpdateService keeps the alarms that it is not told of.

        The provider refuses a list without a name, and ECS asks of no name whether there is such an alarm.
        """
        if "ways_in" not in self._args:
            return None
        if not self.alarms.names:
            nothing = self._args["scope"].name(self._args["service"])
            return {"alarm_names": [nothing], "enable": False, "rollback": False}
        return {"alarm_names": self.alarms.names, "enable": True, "rollback": True}

    async def _with_state(self, fingerprint: str, arn: str) -> tuple[str, str, ServiceState | None]:
        """Fingerprint and ARN of Pulumi's own revision, and the service when an edit of it need wait no longer."""
        if (quiet := self._args.get("quiet")) is None:
            return fingerprint, arn, self._args.get("state")
        return fingerprint, arn, await quiet(lambda state: self._why_not(fingerprint, state))

    def _why_not(self, fingerprint: str, state: ServiceState | None) -> str | None:
        return self._args["deploy"].waits(self._args["scope"].stack, state, fingerprint)

    def _replaces(self) -> bool:
        """Whether there is an ECS service with another controller."""
        state = self._args.get("state")
        return state is not None and state.controller != self._args["deploy"].controller

    def _capacity_provider(self) -> str:
        return "FARGATE_SPOT" if self._args.get("spot") else "FARGATE"

    def _app_spec(self, group: aws.ec2.SecurityGroup) -> pulumi.Output[dict[str, Any]]:
        args, port, container = self._args, self._args["task"].port, self._args["template"].port_container()
        if port is None or container is None:
            raise ValueError("CodeDeploy needs a container that listens on a port")
        plain = {"container": container, "port": port, "capacity_provider": self._capacity_provider()}
        return pulumi.Output.all(
            subnet_ids=args["subnet_ids"],
            security_group_ids=pulumi.Output.all(group.id),
            assign_public_ip=args["assign_public_ip"],
        ).apply(lambda known: args["deploy"].app_spec(cast(AppSpecArgs, {**known, **plain})))

    def _plain(self) -> dict[str, Any]:
        """What the template's placeholders stand for, as far as it is known before anything is made."""
        args, task = self._args, self._args["task"]
        return {
            "family": args["scope"].name(args["service"]),
            "cpu": task.cpu,
            "memory": task.memory,
            "architecture": task.architecture.upper(),
            "region": args["scope"].region,
            **({} if task.port is None else {"port": task.port}),
        }

    def _deferred(
        self, logs: aws.cloudwatch.LogGroup, execution_role: aws.iam.Role, task_role: aws.iam.Role
    ) -> dict[str, pulumi.Input[Any]]:
        """What else they stand for."""
        arns = self._args["runtime"].arns
        return {
            "image": pulumi.Output.concat(self._args["repository_url"], ":live"),
            "log_group": logs.name,
            "execution_role_arn": execution_role.arn,
            "task_role_arn": task_role.arn,
            "secrets": [{"name": variable, "valueFrom": arns[variable]} for variable in sorted(arns)],
        }

    def _rendered(
        self, deferred: Mapping[str, pulumi.Input[Any]], spec: pulumi.Output[dict[str, Any]] | None
    ) -> pulumi.Output[dict[str, Any]]:
        """The task definition. Its fingerprint covers the AppSpec but for the hooks, which change nothing that runs."""
        template, plain = self._args["template"], self._plain()

        def render(known: Sequence[Any]) -> dict[str, Any]:
            values, document = known
            return template.render({**plain, **values}, document and {"Resources": document["Resources"]})

        return pulumi.Output.all(pulumi.Output.all(**deferred), spec).apply(render)

    def _template(
        self,
        deferred: Mapping[str, pulumi.Input[Any]],
        spec: pulumi.Output[dict[str, Any]],
        fingerprint: pulumi.Output[str],
    ) -> Template:
        with_placeholder = {**deferred, "image": f"<{template_files.IMAGE_PLACEHOLDER}>"}
        app_spec = pulumi.Output.all(fingerprint, spec).apply(
            lambda known: template_files.headed(known[0], json.dumps(known[1], indent=2))
        )
        rendered = self._rendered(with_placeholder, spec).apply(json.dumps)
        return Template(rendered, app_spec, self._args.get("template_hooks"))

    def _task_definition(
        self, deferred: Mapping[str, pulumi.Input[Any]], spec: pulumi.Output[dict[str, Any]] | None
    ) -> tuple[aws.ecs.TaskDefinition, pulumi.Output[str]]:
        """Pulumi's own revision, and the fingerprint of the template that it was made of."""
        template, plain = self._args["template"], self._plain()
        rendered = self._rendered(deferred, spec)
        definition = aws.ecs.TaskDefinition(
            f"{self._name}-task",
            **_task_definition_inputs(template, rendered, plain),
            skip_destroy=True,
            opts=self._child,
        )
        fingerprint = rendered.apply(
            lambda document: str(document["containerDefinitions"][0]["dockerLabels"][FINGERPRINT_LABEL])
        )
        return definition, fingerprint

    def _ways_in(self, group: aws.ec2.SecurityGroup) -> WaysIn | None:
        port, container = self._args["task"].port, self._args["template"].port_container()
        if "ways_in" not in self._args or port is None or container is None:
            return None
        service = Listening(self._name, self._args["service"], container, port, self._args["vpc_id"], group)
        return ways_in(service, self._args["ways_in"], self)

    def _scaling(self, service_name: pulumi.Input[str]) -> None:
        """Suspended from the start; the first release resumes it (design rule 7)."""
        args, state, replaces = self._args, self._args.get("state"), self._replaces()
        goes_on = replaces and state is not None and bool(state.release)
        scaling(
            self._name,
            pulumi.Output.concat("service/", args["cluster_name"], "/", service_name),
            args["tasks"],
            suspended=not goes_on,
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[] if replaces else ["suspended_state"]),
        )


def _task_definition_inputs(
    template: TaskTemplate, rendered: pulumi.Output[dict[str, Any]], plain: Mapping[str, Any]
) -> dict[str, Any]:
    """The template's fields as `aws.ecs.TaskDefinition` takes them; what is known now stays known in a preview."""
    inputs: dict[str, Any] = {}
    for key in template.document:
        if key == "containerDefinitions":
            inputs["container_definitions"] = rendered.apply(
                lambda document: json.dumps(document["containerDefinitions"])
            )
        elif template.placeholders(key) <= plain.keys():
            inputs[_snake(key)] = _as_provider(key, template.render_field(key, plain))
        else:
            inputs[_snake(key)] = rendered.apply(lambda document, key=key: _as_provider(key, document[key]))  # type: ignore[misc]
    return inputs


def _as_provider(key: str, value: Any) -> Any:
    """A field in the provider's words, which differ from ECS's in two."""
    if key == "ephemeralStorage":
        return {"size_in_gib": value["sizeInGiB"]}
    if key == "volumes":
        return [{field: part for field, part in volume.items() if field != "host"} for volume in value]
    return value


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
