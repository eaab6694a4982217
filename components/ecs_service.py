"""A service on Fargate: its task definition, its ways in, its scaling, and the record of what was released."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, NotRequired, TypedDict

import pulumi
import pulumi_aws as aws

from components import policies
from components.naming import Scope
from components.parameter_store import View
from components.release import task_definition, waiting
from components.task_template import TaskTemplate
from delivery.record import FINGERPRINT_LABEL, UNRELEASED, record_name
from delivery.state import ServiceState

SECONDS_TO_FINISH_REQUESTS = 30


class HealthCheckArgs(TypedDict):
    """How a target group asks for health; times in seconds."""

    path: str
    matcher: str
    interval: int
    timeout: int
    healthy_threshold: int
    unhealthy_threshold: int
    grace_period: int


class RouteArgs(TypedDict):
    """One target group and its listener rule."""

    host: str
    paths: Sequence[str]
    priority: int


class WaysInArgs(TypedDict):
    """How requests reach a service."""

    routes: Sequence[RouteArgs]
    health_check: HealthCheckArgs
    listener_arn: pulumi.Input[str]
    balancer_security_group_id: pulumi.Input[str]
    balancer_dns_name: pulumi.Input[str]
    balancer_zone_id: pulumi.Input[str]
    records_zone_id: NotRequired[pulumi.Input[str]]
    """Where alias records for the hosts are made; none without it."""


class EcsServiceArgs(TypedDict):
    """Inputs of `EcsService`."""

    scope: Scope
    service: str
    template: TaskTemplate
    cpu: int
    memory: int
    architecture: str
    """`X86_64` or `ARM64`."""
    port: NotRequired[int | None]
    """Where the container listens; needed with ways_in."""
    cluster_name: pulumi.Input[str]
    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    assign_public_ip: bool
    repository_url: pulumi.Input[str]
    repository_arn: pulumi.Input[str]
    runtime: View
    """The parameters that the task reads."""
    ways_in: NotRequired[WaysInArgs]
    """None for a worker."""
    minimum_tasks: int
    maximum_tasks: int
    target_cpu: NotRequired[int | None]
    spot: NotRequired[bool]
    log_retention_days: int
    state: NotRequired[ServiceState | None]
    """The service as it is before this run; None when there is none yet."""
    hooks: NotRequired[pulumi.ResourceHookBinding | None]
    """What guards a change of the service."""


class EcsService(pulumi.ComponentResource):
    """One service, ECS controller, rolling deployments with the circuit breaker's rollback.

    A new service has no tasks and suspended scaling until the pipeline's first release. From then on the
    pipeline owns which image runs, and Pulumi everything else of the task (design section 5).

    Produces: a log group, execution role, task role, security group with rules, target group, listener rule
    and alias record for each route, release record, task definition, service, scalable target and policy.
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
    waiting: pulumi.Output[str | None]
    """Why the declared task definition does not run for good yet; None when it does."""

    def __init__(self, name: str, args: EcsServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("fargate-delivery:index:EcsService", name, {"service": args["service"]}, opts)
        self._name, self._args = name, args
        self._child = pulumi.ResourceOptions(parent=self)
        full_name = args["scope"].name(args["service"])
        logs = aws.cloudwatch.LogGroup(
            f"{name}-logs",
            name=f"/ecs/{full_name}",
            retention_in_days=args["log_retention_days"],
            opts=self._child,
        )
        execution_role = self._role("execution")
        permissions = self._grant_execution(execution_role, logs)
        task_role = self._role("task")
        record = aws.ssm.Parameter(
            f"{name}-release",
            name=record_name(args["scope"].stack, args["service"]),
            type="String",
            insecure_value=UNRELEASED,
            description="What the pipeline released last; written by its Release step only",
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["insecure_value"]),
        )
        definition, fingerprint = self._task_definition(logs, execution_role, task_role)
        state, own = args.get("state"), pulumi.Output.all(fingerprint, definition.arn)
        group = self._security_group()
        rules, load_balancers = self._ways_in(group)
        service = aws.ecs.Service(
            f"{name}-service",
            name=full_name,
            cluster=args["cluster_name"],
            task_definition=own.apply(lambda known: task_definition(state, *known)),
            desired_count=0,
            capacity_provider_strategies=[
                {"capacity_provider": "FARGATE_SPOT" if args.get("spot") else "FARGATE", "weight": 1}
            ],
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker={"enable": True, "rollback": True},
            network_configuration={
                "subnets": args["subnet_ids"],
                "security_groups": [group.id],
                "assign_public_ip": args["assign_public_ip"],
            },
            load_balancers=load_balancers,
            health_check_grace_period_seconds=(
                args["ways_in"]["health_check"]["grace_period"] if "ways_in" in args else None
            ),
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                ignore_changes=["desired_count"],
                depends_on=[permissions, *rules],
                hooks=args.get("hooks"),
            ),
        )
        self._scaling(service)
        self.name = service.name
        self.arn = service.arn
        self.role_arns = [execution_role.arn, task_role.arn]
        self.record_name, self.record_arn = record.name, record.arn
        self.task_role_arn = task_role.arn
        self.waiting = own.apply(lambda known: waiting(args["scope"].stack, state, *known))
        self.register_outputs({"name": self.name, "arn": self.arn})

    def _role(self, purpose: str) -> aws.iam.Role:
        scope = self._args["scope"]
        return aws.iam.Role(
            f"{self._name}-{purpose}-role",
            name=f"{scope.name(self._args['service'])}-{purpose}",
            assume_role_policy=pulumi.Output.json_dumps(policies.trust("ecs-tasks", scope.account)),
            opts=self._child,
        )

    def _grant_execution(self, role: aws.iam.Role, logs: aws.cloudwatch.LogGroup) -> aws.iam.RolePolicy:
        """What ECS does before and beside the app: pull the image, read its parameters, write its log."""
        statements = [
            *policies.pull_image(self._args["repository_arn"]),
            *policies.write_logs(logs.arn),
            *self._args["runtime"].statements,
        ]
        return aws.iam.RolePolicy(
            f"{self._name}-execution-policy",
            role=role.name,
            policy=pulumi.Output.json_dumps(policies.document(statements)),
            opts=self._child,
        )

    def _task_definition(
        self, logs: aws.cloudwatch.LogGroup, execution_role: aws.iam.Role, task_role: aws.iam.Role
    ) -> tuple[aws.ecs.TaskDefinition, pulumi.Output[str]]:
        """Pulumi's own revision, and the fingerprint of the template that it was made of."""
        args = self._args
        arns = args["runtime"].arns
        plain: dict[str, Any] = {
            "family": args["scope"].name(args["service"]),
            "cpu": args["cpu"],
            "memory": args["memory"],
            "architecture": args["architecture"],
            "region": args["scope"].region,
            **({} if args.get("port") is None else {"port": args["port"]}),
        }
        deferred: dict[str, pulumi.Input[Any]] = {
            "image": pulumi.Output.concat(args["repository_url"], ":live"),
            "log_group": logs.name,
            "execution_role_arn": execution_role.arn,
            "task_role_arn": task_role.arn,
            "secrets": [{"name": variable, "valueFrom": arns[variable]} for variable in sorted(arns)],
        }
        rendered = pulumi.Output.all(**deferred).apply(lambda known: args["template"].render({**plain, **known}))
        definition = aws.ecs.TaskDefinition(
            f"{self._name}-task",
            **_task_definition_inputs(args["template"], rendered, plain),
            skip_destroy=True,
            opts=self._child,
        )
        fingerprint = rendered.apply(
            lambda document: str(document["containerDefinitions"][0]["dockerLabels"][FINGERPRINT_LABEL])
        )
        return definition, fingerprint

    def _security_group(self) -> aws.ec2.SecurityGroup:
        group = aws.ec2.SecurityGroup(
            f"{self._name}-sg",
            description=f"Tasks of {self._args['service']}",
            vpc_id=self._args["vpc_id"],
            opts=self._child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-out",
            security_group_id=group.id,
            description="Out to anywhere: AWS's APIs have no fixed addresses, and what the app calls is its own matter",
            ip_protocol="-1",
            cidr_ipv4="0.0.0.0/0",
            opts=self._child,
        )
        return group

    def _ways_in(
        self, group: aws.ec2.SecurityGroup
    ) -> tuple[list[pulumi.Resource], list[aws.ecs.ServiceLoadBalancerArgsDict]]:
        """A target group, a listener rule and a record for each route; the rules, and the service's side of it."""
        ways_in = self._args.get("ways_in")
        port, container = self._args.get("port"), self._args["template"].port_container()
        if ways_in is None or port is None or container is None:
            return [], []
        aws.vpc.SecurityGroupIngressRule(
            f"{self._name}-in",
            security_group_id=group.id,
            referenced_security_group_id=ways_in["balancer_security_group_id"],
            description="From the load balancer",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self._child,
        )
        aws.vpc.SecurityGroupEgressRule(
            f"{self._name}-balancer-out",
            security_group_id=ways_in["balancer_security_group_id"],
            referenced_security_group_id=group.id,
            description=f"To {self._args['service']}",
            ip_protocol="tcp",
            from_port=port,
            to_port=port,
            opts=self._child,
        )
        rules: list[pulumi.Resource] = []
        load_balancers: list[aws.ecs.ServiceLoadBalancerArgsDict] = []
        for route in ways_in["routes"]:
            target_group = self._target_group(route, ways_in)
            rules.append(self._listener_rule(route, ways_in, target_group))
            load_balancers.append(
                {
                    "target_group_arn": target_group.arn,
                    "container_name": container,
                    "container_port": port,
                }
            )
        for host in sorted({route["host"] for route in ways_in["routes"]} if "records_zone_id" in ways_in else ()):
            self._record(host, ways_in)
        return rules, load_balancers

    def _target_group(self, route: RouteArgs, ways_in: WaysInArgs) -> aws.lb.TargetGroup:
        check = ways_in["health_check"]
        return aws.lb.TargetGroup(
            f"{self._name}-{route['priority']}",  # autonamed: a replacement is up before the old one goes
            vpc_id=self._args["vpc_id"],
            target_type="ip",
            protocol="HTTP",
            port=self._args.get("port"),
            deregistration_delay=SECONDS_TO_FINISH_REQUESTS,
            health_check={
                "path": check["path"],
                "matcher": check["matcher"],
                "interval": check["interval"],
                "timeout": check["timeout"],
                "healthy_threshold": check["healthy_threshold"],
                "unhealthy_threshold": check["unhealthy_threshold"],
            },
            opts=self._child,
        )

    def _listener_rule(
        self, route: RouteArgs, ways_in: WaysInArgs, target_group: aws.lb.TargetGroup
    ) -> aws.lb.ListenerRule:
        conditions: list[aws.lb.ListenerRuleConditionArgsDict] = [{"host_header": {"values": [route["host"]]}}]
        if route["paths"]:
            conditions.append({"path_pattern": {"values": list(route["paths"])}})
        return aws.lb.ListenerRule(
            f"{self._name}-{route['priority']}-rule",
            listener_arn=ways_in["listener_arn"],
            priority=route["priority"],
            conditions=conditions,
            actions=[{"type": "forward", "forward": {"target_groups": [{"arn": target_group.arn, "weight": 1}]}}],
            opts=self._child,
        )

    def _record(self, host: str, ways_in: WaysInArgs) -> None:
        aws.route53.Record(
            f"{self._name}-{host}",
            zone_id=ways_in["records_zone_id"],
            name=host,
            type="A",
            aliases=[
                {
                    "name": ways_in["balancer_dns_name"],
                    "zone_id": ways_in["balancer_zone_id"],
                    "evaluate_target_health": True,
                }
            ],
            opts=self._child,
        )

    def _scaling(self, service: aws.ecs.Service) -> None:
        """Suspended from the start; the first release resumes it (design rule 7)."""
        target = aws.appautoscaling.Target(
            f"{self._name}-scaling",
            service_namespace="ecs",
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=pulumi.Output.concat("service/", self._args["cluster_name"], "/", service.name),
            min_capacity=self._args["minimum_tasks"],
            max_capacity=self._args["maximum_tasks"],
            suspended_state={
                "dynamic_scaling_in_suspended": True,
                "dynamic_scaling_out_suspended": True,
                "scheduled_scaling_suspended": True,
            },
            opts=pulumi.ResourceOptions(parent=self, ignore_changes=["suspended_state"]),
        )
        target_cpu = self._args.get("target_cpu")
        if target_cpu is not None:
            aws.appautoscaling.Policy(
                f"{self._name}-scaling-cpu",
                policy_type="TargetTrackingScaling",
                service_namespace=target.service_namespace,
                scalable_dimension=target.scalable_dimension,
                resource_id=target.resource_id,
                target_tracking_scaling_policy_configuration={
                    "target_value": target_cpu,
                    "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
                },
                opts=self._child,
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
            inputs[_snake(key)] = template.render_field(key, plain)
        else:
            inputs[_snake(key)] = rendered.apply(lambda document, key=key: document[key])  # type: ignore[misc]
    return inputs


def _snake(key: str) -> str:
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in key)
