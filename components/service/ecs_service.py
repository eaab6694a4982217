"""A service on Fargate: its task definition, its routing, its scaling, and the record of what was released."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components.iam import policies
from components.platform.image_repository import ImageRepository
from components.platform.platform import Platform
from components.service.alarms import Alarms, ServiceAlarms, measurable, service_alarms, watched_alarms
from components.service.autoscaling import Tasks, scaling
from components.service.capacity import Capacity, provider_strategies, shares
from components.service.connections import Connection, let_tasks_in, service_connect
from components.service.environment_files import EnvironmentFile, put_files
from components.service.execution_role import execution_role, foreign_keys
from components.service.file_systems import let_in
from components.service.parameter_store import ParameterStore
from components.service.rendered_template import RenderedTemplate, known_values
from components.service.revision import force_new_deployment, task_definition
from components.service.route_names import Route
from components.service.routing import (
    SECONDS_TO_FINISH_REQUESTS,
    ContainerTarget,
    HealthCheck,
    Protocol,
    Routing,
    RoutingArgs,
    Stickiness,
    listening_container,
    route_requests,
    task_security_group,
)
from components.service.running_reads import decrypt_with, say_what_stays
from components.service.strategies import RollingStrategy, Strategy
from components.service.strategies.strategy import Deployable
from components.service.task import Task
from components.service.task_role import Permission, app_statements, task_role
from components.service.task_template import TaskTemplate
from components.service.traffic_shift import shift_role, with_shift
from components.service.update_hooks import CurrentService
from releases.names import LIVE, alarm_name, log_group, record_name
from releases.record import UNRELEASED
from releases.service_state import ServiceState, Settings


class EcsServiceArgs(TypedDict):
    """Inputs of `EcsService`."""

    platform: Platform
    """What the stack's services share."""
    images: ImageRepository
    """The repository of the images that its pipeline releases."""
    parameters: ParameterStore
    """The parameters that the task reads, and its image's build."""
    template: TaskTemplate
    environment_files: NotRequired[Sequence[EnvironmentFile | str]]
    """Those of the containers with the service's image; an object that somebody else keeps is given by its ARN."""
    task: Task
    """The task's size and port."""
    routes: NotRequired[Sequence[Route]]
    """None for a worker."""
    health_check: NotRequired[HealthCheck]
    protocol: NotRequired[Protocol]
    """The protocol between load balancer and tasks; the default is HTTP/1.1."""
    drain: NotRequired[int]
    """Seconds that a stopping task has for its open requests; the default is 30."""
    stickiness: NotRequired[Stickiness | None]
    """Whether a browser keeps its task; without it each request may go to any task."""
    tasks: NotRequired[Tasks]
    """How many tasks run."""
    capacity: NotRequired[Capacity | None]
    """How tasks are shared between on demand and Spot; the default is the stack's."""
    deploy: NotRequired[Strategy]
    """How a new image replaces the old one; rolling deployments by ECS by default."""
    alarms: NotRequired[Alarms]
    """The alarms' thresholds; a worker never has alarms."""
    permissions: NotRequired[Sequence[Permission]]
    """What the app itself may do."""
    exec: NotRequired[bool]
    """Whether ECS Exec opens sessions in its tasks."""
    connects_to: NotRequired[Sequence[Connection]]
    """What its tasks connect to inside the VPC."""
    services: NotRequired[Mapping[str, EcsService]]
    """The services among `connects_to`, by name."""
    connected: NotRequired[bool]
    """Whether another service connects to it."""
    current: NotRequired[CurrentService]
    """The service as it is before this run; without it, the service counts as new."""


class EcsService(pulumi.ComponentResource):
    """One service, deployed by ECS (rolling, or with shifted traffic) or by CodeDeploy.

    A new service has no tasks and suspended scaling until the pipeline's first release. From then on the pipeline owns
    which image runs, and Pulumi everything else of the task (docs/decisions/0001-two-writers.md). Its name is the
    service's name; AWS names combine it with the stack's name.

    Produces: log group, execution role, task role, security group with rules, target group and listener rule for each
    route, alarms, release record, task definition, service, scalable target, policy; an object for each environment
    file; a rule for each file system and connection; a policy of the task role if the app has permissions; where
    traffic shifts, a second target group, a test rule, and ECS's role for it.
    """

    service: str
    """The service's name."""
    args: EcsServiceArgs
    name: pulumi.Output[str]
    """The ECS service's name."""
    arn: pulumi.Output[str]
    """The ECS service's ARN."""
    deploy: Strategy
    """How a new image replaces the old one."""
    tasks: Tasks
    """How many tasks run."""
    role_arns: list[pulumi.Output[str]]
    """The roles that the deployer of a revision must be allowed to pass: execution and task, and the one with which
    ECS shifts traffic."""
    task_role_arns: list[pulumi.Output[str]]
    """The roles of a task: execution and task."""
    record_name: pulumi.Output[str]
    """The release record's Parameter Store name."""
    record_arn: pulumi.Output[str]
    """The release record's ARN."""
    log_group_arn: pulumi.Output[str]
    """The ARN of its containers' log group."""
    log_group_name: pulumi.Output[str]
    """The name of that log group."""
    waiting: pulumi.Output[str | None]
    """Why the declared task definition does not run yet, or may still be rolled back; None when it runs."""
    routing: Routing
    """How requests reach it; empty for a worker."""
    alarms: ServiceAlarms
    """The alarms that roll a deployment back."""
    group: aws.ec2.SecurityGroup
    """The security group of its tasks."""
    ecs: aws.ecs.Service
    """The ECS service itself; services that connect to it are deployed after it."""
    deployable: Deployable
    """What a deployer needs to know about the service."""

    def __init__(self, name: str, args: EcsServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:EcsService", name, {"service": name}, opts)
        self.service, self.args = name, args
        self.deploy, self.tasks = args.get("deploy", RollingStrategy()), args.get("tasks", Tasks())
        self._routes, self._opens_sessions = args.get("routes", []), args.get("exec", False)
        self._health_check = args.get("health_check", HealthCheck())
        self._limits = measurable(args.get("alarms", Alarms()), args.get("protocol", "http1"))
        self._platform, self._scope = args["platform"], args["platform"].scope
        self._capacity = shares(args.get("capacity"), spot=self._platform.spot)
        self._current, self._services = args.get("current", CurrentService()), args.get("services", {})
        self._replaces = self._current.is_replaced(self.deploy.controller)
        self._shifts_by_ecs = bool(self._routes) and self._current.shifts_by_ecs(self.deploy)
        self._full_name = self._scope.name(name)
        self._child = pulumi.ResourceOptions(parent=self)
        known = known_values(self._scope, name, args["task"])
        runs = self._current.reads(self._scope, name, args["parameters"].runtime.elsewhere)
        files, store = args.get("environment_files", []), self._platform.delivery_store
        self._files = put_files(name, files, store, self, had=runs.own_files)
        given = args["template"].with_storage(args["task"].ephemeral_storage).with_volumes(args["task"].volumes)
        given = given.with_environment_files() if self._files.references else given
        given = given.with_port_name() if args.get("connected") else given
        declared_reads = given.reads({**known, "environment_files": self._files.elsewhere})
        self._left = runs.elsewhere - declared_reads
        self._reads = declared_reads | self._left
        say_what_stays(name, runs.elsewhere, declared_reads)
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=log_group(self._full_name),
            retention_in_days=self._platform.log_retention_days,
            opts=self._child,
        )
        self.log_group_arn, self.log_group_name = logs.arn, logs.name
        starter, may_start = self._execution_role(logs)
        app_role, app_policies = self._task_role()
        record = aws.ssm.Parameter(
            f"{name}-release",
            name=record_name(self._scope.stack, name),
            type="String",
            insecure_value=UNRELEASED,
            description="What the pipeline released last; written by its Release step only",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["insecure_value"]),
        )
        self.group = group = task_security_group(name, self._platform.network.vpc_id, self)
        mounts = let_in(name, args["task"].volumes, group, self)
        groups = {service: connected.group for service, connected in self._services.items()}
        lets_in = let_tasks_in(name, group, args.get("connects_to", []), groups, self)
        runtime = args["parameters"].runtime.arns
        outputs = {
            "log_group": logs.name,
            "execution_role_arn": starter.arn,
            "task_role_arn": app_role.arn,
            "secrets": [{"name": variable, "valueFrom": runtime[variable]} for variable in sorted(runtime)],
            "environment_files": self._files.references,
        }
        app_spec = self._app_spec(group) if self.deploy.controller.deploys_template else None
        template = RenderedTemplate(given, known, outputs, app_spec)
        live = pulumi.Output.concat(args["images"].url, f":{LIVE}")
        granted = pulumi.ResourceOptions(parent=self, depends_on=[*self._files.objects, *may_start, *app_policies])
        definition, fingerprint = template.revision(f"{name}-task", live, granted)
        declared: pulumi.Output[tuple[str, ServiceState | None]] = fingerprint.apply(self._with_state)
        self.routing, shifter = self._routing(group), None
        first: list[pulumi.Resource] = [definition, *may_start, *app_policies, *mounts, *lets_in]
        first += self._platform.network.endpoints
        if self._shifts_by_ecs:
            shifter, shift_policy = shift_role(name, self._scope, self.routing, self.deploy.hook_arns, self)
            self.routing = with_shift(self.routing, shifter.arn)
            first.append(shift_policy)
        self.alarms = self._alarms()
        self.ecs = service = self._service(declared, definition.arn, group, first, shifter)
        self._scaling(service.name)
        self.name, self.arn = service.name, service.arn
        self.task_role_arns = [starter.arn, app_role.arn]
        self.role_arns = [*self.task_role_arns, *([shifter.arn] if shifter is not None else [])]
        self.record_name, self.record_arn = record.name, record.arn
        self.waiting = declared.apply(lambda known: self._why_waiting(*known))
        self.deployable = Deployable(
            platform=self._platform,
            service=name,
            name=self.name,
            arn=self.arn,
            role_arns=self.role_arns,
            target_groups=self.routing.target_groups,
            rules=self.routing.rules,
            alarm_names=self.alarms.names,
            template=template.to_deploy(fingerprint, self._current.hooks.template),
        )
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _execution_role(self, logs: aws.cloudwatch.LogGroup) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
        """What ECS does before and beside the app: pull the image, read its parameters, write its log."""
        statements = [
            *policies.pull_image(self.args["images"].arn),
            *policies.write_logs(logs.arn),
            *self.args["parameters"].runtime.statements,
            *self._files.statements,
            *self._reads.execution_statements(self._scope, self.args["task"].kms_keys),
        ]
        statements += decrypt_with(foreign_keys(statements), self._left)
        return execution_role(self.service, statements, self._scope, self._child)

    def _task_role(self) -> tuple[aws.iam.Role, list[aws.iam.RolePolicy]]:
        """What the app does, and the agent of ECS Exec beside it."""
        statements = [
            *(self._platform.cluster.session_statements() if self._opens_sessions else []),
            *app_statements(self.args.get("permissions", [])),
            *self._reads.task_statements(self._scope),
        ]
        return task_role(self.service, statements, self._scope, self._child)

    def _service(
        self,
        declared: pulumi.Output[tuple[str, ServiceState | None]],
        declared_arn: pulumi.Output[str],
        group: aws.ec2.SecurityGroup,
        first: Sequence[pulumi.Resource],
        shifter: aws.iam.Role | None,
    ) -> aws.ecs.Service:
        """The ECS service. Another controller is another service, which takes over what runs and how many of it."""
        deploy, state, replaces = self.deploy, self._current.state, self._replaces
        watched = watched_alarms(self._full_name, self.alarms.names) if self._routes else None
        updates = not replaces and not deploy.controller.deploys_template
        force = force_new_deployment(state.settings, self._settings()) if updates and state is not None else False
        return aws.ecs.Service(
            f"{self.service}-service",
            name=deploy.controller.service_name(self._scope.stack, self.service),
            cluster=self._platform.cluster.name,
            task_definition=declared.apply(lambda known: task_definition(known[1], known[0], declared_arn)),
            desired_count=state.desired if state is not None and replaces else 0,
            force_new_deployment=force or None,
            capacity_provider_strategies=provider_strategies(self._capacity),
            **deploy.service_arguments(watched, shifter.arn if shifter is not None else None),
            network_configuration={
                "subnets": self._platform.network.task_subnet_ids,
                "security_groups": [group.id],
                "assign_public_ip": self._platform.network.assign_public_ip,
            },
            load_balancers=self.routing.load_balancers,
            service_connect_configuration=service_connect(
                self.service,
                self._platform.cluster.namespace_arn,
                (self.args["template"].port_name(), self.args["task"].port) if self.args.get("connected") else None,
                (self.log_group_name, self._scope.region),
                connects=bool(self._services),
            ),
            health_check_grace_period_seconds=self._health_check.grace if self._routes else None,
            enable_execute_command=self._opens_sessions,
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=[
                    *([] if replaces else ["desired_count"]),
                    *([] if replaces else deploy.changed_by_deployments),
                    *(["force_new_deployment"] if force is None else []),
                ],
                depends_on=[*first, *self.routing.rules, *(each.ecs for each in self._services.values())],
                hooks=self._current.hooks.service,
            ),
        )

    def _settings(self) -> Settings:
        """What the service is to have beside its task definition."""
        alarms = [alarm_name(self._full_name, alarm) for alarm, limit in self._limits if limit and self._routes]
        grace = self._health_check.grace if self._routes else 0
        return Settings(tuple(sorted(self._capacity)), self._opens_sessions, grace, tuple(sorted(alarms)))

    def _alarms(self) -> ServiceAlarms:
        if not self._routes:
            return ServiceAlarms()
        return service_alarms(
            self.service,
            self._full_name,
            self._limits,
            self.routing.target_groups,
            self._platform.load_balancer.arn_suffix,
            self._platform.page,
            self,
        )

    async def _with_state(self, fingerprint: str) -> tuple[str, ServiceState | None]:
        """Fingerprint of Pulumi's own revision, and the service when an edit of it need wait no longer."""
        state, settled = self._current.state, self._current.settled
        return fingerprint, await settled(lambda now: self._why_waiting(fingerprint, now)) if settled else state

    def _why_waiting(self, fingerprint: str, state: ServiceState | None) -> str | None:
        return self.deploy.waits(self._scope.stack, state, fingerprint)

    def _requests_at(self) -> pulumi.Output[str] | None:
        if self.tasks.target_requests is None:
            return None
        (group,) = self.routing.target_groups
        return pulumi.Output.concat(self._platform.load_balancer.arn_suffix, "/", group.arn_suffix)

    def _app_spec(self, group: aws.ec2.SecurityGroup) -> pulumi.Output[dict[str, Any]]:
        container, port = listening_container(self.args["template"], self.args["task"], self.deploy.controller.title)
        network = self._platform.network
        return pulumi.Output.all(network.task_subnet_ids, group.id, network.assign_public_ip).apply(
            lambda outputs: self.deploy.app_spec(container, port, self._capacity, *outputs)
        )

    def _routing(self, group: aws.ec2.SecurityGroup) -> Routing:
        if not self._routes:
            return Routing([], [])
        container, port = listening_container(self.args["template"], self.args["task"], "a route")
        load_balancer = self._platform.load_balancer
        args: RoutingArgs = {
            "routes": self._routes,
            "health_check": self._health_check,
            "protocol": self.args.get("protocol", "http1"),
            "drain": self.args.get("drain", SECONDS_TO_FINISH_REQUESTS),
            "stickiness": self.args.get("stickiness"),
            "listener_arn": load_balancer.https_listener_arn,
            "balancer_security_group_id": load_balancer.security_group_id,
            "rule_hooks": self._current.rule_hooks,
        }
        if self.deploy.shifts or self._shifts_by_ecs:
            args["shift"] = {
                "by_code_deploy": not self._shifts_by_ecs,
                "shifting": self._current.state is not None and not self._replaces and self._current.state.shifts,
            }
            for test_port in self.deploy.test_ports:
                args["shift"]["test_listener_arn"] = load_balancer.test_listener_arns[test_port]
        target = ContainerTarget(self.service, container, port, self._platform.network.vpc_id, group)
        return route_requests(target, args, self)

    def _scaling(self, service_name: pulumi.Input[str]) -> None:
        """Suspended from the start; the first release resumes it."""
        goes_on = self._replaces and self._current.state is not None and bool(self._current.state.release)
        scaling(
            self.service,
            self._platform.cluster.name,
            service_name,
            self.tasks,
            suspended=not goes_on,
            requests_at=self._requests_at(),
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=[] if self._replaces else ["suspended_state"]),
        )
