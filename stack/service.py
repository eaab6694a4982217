"""A service of a stack: its parameters, its images, the ECS service and its pipeline."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import pulumi

from components.pipeline import uploaders
from components.pipeline.deploy_pipeline import DeployPipeline
from components.platform.dashboard import ChartedArgs
from components.platform.image_repository import ImageRepository
from components.service import update_hooks
from components.service.ecs_service import EcsService
from components.service.parameter_store import ParameterStore
from components.service.routing import WaysInArgs
from components.service.strategies.strategy import Deployable
from components.service.update_hooks import Seen
from config.pull_request_stack import priority, pull_request_number
from config.service import Service
from config.settings import Settings
from releases.service_state import ServiceState
from stack.platform import Platform


@dataclass(frozen=True)
class Declared:
    """What the rest of the program needs of a service.

    Attributes:
        waiting: why what is declared does not run for good yet; None when it does.
        charted: what the dashboard shows.
    """

    waiting: pulumi.Output[str | None]
    charted: ChartedArgs


def replacing(stack: Settings, seen: Seen) -> Mapping[str, bool]:
    """Which services' ECS services are replaced, because another controller is wanted.

    Raises:
        pulumi.RunError: one is replaced that may not be.
    """
    return {
        name: update_hooks.replaced(
            stack.stack,
            seen.states.get(name),
            name,
            service.deploy.controller,
            allowed=service.deploy.replace,
        )
        for name, service in stack.config.services.items()
    }


def declare(
    name: str, platform: Platform, seen: Seen, make_room: pulumi.ResourceHookBinding, *, replaces: bool
) -> Declared:
    """Declare a service.

    Args:
        name: its name in the stack file.
        platform: what the services share.
        seen: the services as they are.
        make_room: the hooks of listener rules.
        replaces: whether its ECS service is replaced.
    """
    scope, config, template = platform.scope, platform.stack.config, platform.stack.templates[name]
    service = config.services[name]
    parameters = ParameterStore(
        name,
        {
            "scope": scope,
            "service": name,
            "parameters": service.parameters,
            "secrets": platform.stack.secrets.get(name, {}),
            "protect": config.protect,
        },
    )
    state = seen.states.get(name)
    images = ImageRepository(name, {"repository_name": scope.name(name), "protect": config.protect})
    ecs_service = EcsService(
        name,
        {
            "scope": scope,
            "service": name,
            "template": template,
            "task": service.task,
            "cluster_name": platform.cluster.name,
            "vpc_id": platform.network.vpc_id,
            "subnet_ids": platform.network.task_subnet_ids,
            "assign_public_ip": platform.network.assign_public_ip,
            "repository_url": images.url,
            "repository_arn": images.arn,
            "runtime": parameters.runtime,
            "permissions": service.permissions,
            "tasks": service.tasks,
            "spot": config.cluster.spot,
            "session_log_arn": platform.cluster.session_log_arn if service.exec else None,
            "log_retention_days": config.cluster.log_retention_days,
            "deploy": service.deploy,
            "alarms": service.alarms,
            "balancer_arn_suffix": platform.balancer.arn_suffix,
            "page": config.notifications.page,
            "state": state,
            "quiet": partial(seen.quiet, scope.stack, name),
            "hooks": (
                update_hooks.take_over(seen.session, scope.stack, name, service.deploy.timeout)
                if replaces
                else update_hooks.guards(seen, scope.stack, name, service.deploy.timeout)
            ),
            "template_hooks": update_hooks.template_guard(seen, scope.stack, name),
            **ways_in_args(platform, service, state, make_room),  # type: ignore[typeddict-item]
        },
    )
    ways_in = ecs_service.ways_in
    deployer = service.deploy.deployer(
        name,
        Deployable(
            scope=scope,
            service=name,
            cluster_name=platform.cluster.name,
            name=ecs_service.name,
            arn=ecs_service.arn,
            role_arns=ecs_service.role_arns,
            target_groups=ways_in.target_groups if ways_in else [],
            rules=ways_in.rules if ways_in else [],
            listener_arn=platform.balancer.https_listener_arn,
            test_listener_arns=platform.balancer.test_listener_arns,
            alarm_names=ecs_service.alarms.names,
            template=ecs_service.template,
        ),
    )
    pipeline = DeployPipeline(
        name,
        {
            "scope": scope,
            "service": name,
            "bucket": platform.store.bucket,
            "bucket_arn": platform.store.arn,
            "steps_key": platform.store.steps_key,
            "dead_letters_arn": platform.failures.queue_arn,
            "repository_name": images.name,
            "repository_url": images.url,
            "repository_arn": images.arn,
            "deployer": deployer,
            "record_name": ecs_service.record_name,
            "record_arn": ecs_service.record_arn,
            "containers": template.image_containers(),
            "sidecars": template.sidecars(),
            "log_group_arn": ecs_service.log_group_arn,
            "approve": config.approves(service),
            "minimum_tasks": service.tasks.min,
            "build": parameters.build,
            "architecture": service.task.architecture.upper(),
            "compute_type": service.build.compute,
            "build_timeout": service.build.timeout,
            "registries": service.build.registries,
            "log_retention_days": config.cluster.log_retention_days,
            "migrate": service.migrate,
            "uploaders": uploaders.statements(service.source.github, service.source.gitlab, scope),
        },
    )
    charted: ChartedArgs = {
        "service": name,
        "ecs_name": ecs_service.name,
        "log_group": ecs_service.log_group_name,
        "pipeline": pipeline.name,
        "target_groups": [group.arn_suffix for group in ecs_service.ways_in.target_groups]
        if ecs_service.ways_in
        else [],
        "alarms": ecs_service.alarms.arns,
    }
    upload_to = pulumi.Output.concat("s3://", platform.store.bucket, "/", pipeline.source_key)
    update_hooks.say_where_to_upload(name, state, upload_to)
    pulumi.export(
        name,
        {
            "pipeline": pipeline.name,
            "upload_to": upload_to,
            "uploader": pipeline.uploader,
            **({"upload_role": pipeline.upload_role_arn} if pipeline.upload_role_arn else {}),
            "hosts": sorted({route.host for route in service.routes}),
        },
    )
    return Declared(ecs_service.waiting, charted)


def ways_in_args(
    platform: Platform,
    service: Service,
    state: ServiceState | None,
    hooks: pulumi.ResourceHookBinding,
) -> dict[str, WaysInArgs]:
    """`{"ways_in": …}` for a service with routes, nothing for a worker."""
    if not service.routes:
        return {}
    balancer, number = platform.balancer, pull_request_number(platform.scope.stack)
    ways_in: WaysInArgs = {
        "routes": [route.model_copy(update={"priority": priority(route.priority, number)}) for route in service.routes],
        "health_check": service.health_check,
        "listener_arn": balancer.https_listener_arn,
        "balancer_security_group_id": balancer.security_group_id,
        "rule_hooks": hooks,
    }
    if service.deploy.shifts:
        shifting = state is not None and state.controller == service.deploy.controller
        ways_in["blue_green"] = {"shifting": shifting}
        for port in service.deploy.test_ports:
            ways_in["blue_green"]["test_listener_arn"] = balancer.test_listener_arns[port]
    return {"ways_in": ways_in}
