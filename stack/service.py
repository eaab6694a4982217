"""A service of a stack: its parameters, its images, the ECS service and its pipeline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pulumi

from components.pipeline import promotion
from components.pipeline.deploy_pipeline import DeployPipeline
from components.platform.dashboard import Charted
from components.platform.image_repository import ImageRepository
from components.platform.platform import Platform
from components.scope import Scope
from components.service import update_hooks
from components.service.connections import in_order, names_of
from components.service.ecs_service import EcsService
from components.service.jobs import Jobs
from components.service.parameter_store import ParameterStore
from components.service.protocols import check_protocols
from components.service.route_names import Route, addresses
from components.service.update_hooks import Snapshot, current_service
from components.tags import tagged
from config.pull_request_stack import priority, pull_request_number
from config.settings import Settings


@dataclass(frozen=True)
class Declared:
    """What the rest of the program needs of a service.

    Attributes:
        waiting: why what is declared does not run for good yet; None when it does.
        charted: what the dashboard shows.
        service: the component.
    """

    waiting: pulumi.Output[str | None]
    charted: Charted
    service: EcsService


def check_replacements(stack: Settings, snapshot: Snapshot) -> None:
    """Say which services' ECS services are replaced, because another controller is wanted, and which are deployed
    another way without that.

    Raises:
        pulumi.RunError: one is replaced that may not be, gets another protocol while it is up, or is to be sticky in
            one of two target groups.
    """
    for name, service in stack.config.services.items():
        deploy, state = service.deploy, snapshot.states.get(name)
        update_hooks.check_controller_change(stack.stack, state, name, deploy.controller, allowed=deploy.replace)
        update_hooks.say_strategy_change(state, name, deploy)
        if service.stickiness is not None:
            update_hooks.check_stickiness(state, name, deploy)
    routed = {name: service.protocol for name, service in stack.config.services.items() if service.routes}
    check_protocols(snapshot.session, snapshot.states, routed)


def check_queues(stack: Settings, scope: Scope) -> None:
    """Look whether scaling can see the queues that it goes by.

    Args:
        stack: the checked configuration.
        scope: where the stack is.

    Raises:
        pulumi.RunError: one is of another account or Region.
    """
    problems = [
        f"services.{name}.tasks.scale.queue: {problem}"
        for name, service in stack.config.services.items()
        if service.tasks.scale is not None and (problem := service.tasks.scale.problem(scope))
    ]
    if problems:
        raise pulumi.RunError("\n".join(problems))


def declare_all(
    stack: Settings, platform: Platform, snapshot: Snapshot, rule_hooks: pulumi.ResourceHookBinding
) -> list[Declared]:
    """Declare the services, each after those that it connects to.

    Args:
        stack: the checked configuration.
        platform: what the services share.
        snapshot: the services as they are.
        rule_hooks: the hooks of listener rules.
    """
    declared: dict[str, Declared] = {}
    for name in in_order({name: names_of(service.connects_to) for name, service in stack.config.services.items()}):
        declared[name] = declare(name, stack, platform, snapshot, rule_hooks, declared)
    return [declared[name] for name in stack.config.services]


def declare(
    name: str,
    stack: Settings,
    platform: Platform,
    snapshot: Snapshot,
    rule_hooks: pulumi.ResourceHookBinding,
    declared: Mapping[str, Declared],
) -> Declared:
    """Declare a service.

    Args:
        name: its name in the stack file.
        stack: the checked configuration.
        platform: what the services share.
        snapshot: the services as they are.
        rule_hooks: the hooks of listener rules.
        declared: those that it connects to, at least.
    """
    config = stack.config.services[name]
    current = current_service(snapshot, stack.stack, name, config.deploy, rule_hooks)
    tags = tagged(config.tags)
    parameters = ParameterStore(
        name, {"platform": platform, "parameters": config.parameters, "secrets": stack.secrets.get(name, {})}, tags
    )
    service = EcsService(
        name,
        {
            "platform": platform,
            "images": ImageRepository(
                name, {"platform": platform, "readers": promotion.readers(config.source, platform.scope, name)}, tags
            ),
            "parameters": parameters,
            "template": stack.templates[name],
            "environment_files": stack.environment_files[name],
            "task": config.task,
            "routes": routes(stack.stack, config.routes),
            "health_check": config.health_check,
            "protocol": config.protocol,
            "drain": config.drain,
            "stickiness": config.stickiness,
            "tasks": config.tasks,
            "capacity": config.capacity,
            "deploy": config.deploy,
            "alarms": config.alarms,
            "permissions": config.permissions,
            "exec": config.exec,
            "connects_to": config.connects_to,
            "services": {other: declared[other].service for other in names_of(config.connects_to)},
            "connected": any(name in names_of(other.connects_to) for other in stack.config.services.values()),
            "current": current,
        },
        tags,
    )
    pipeline = DeployPipeline(
        name,
        {
            "service": service,
            "source": config.source,
            "build": config.build,
            "shares_upload": any(other.source.upload_of == name for other in stack.config.services.values()),
            "assets": config.assets,
            "approve": stack.config.approves(config),
            "migrate": config.migrate,
        },
        tags,
    )
    if config.jobs:
        Jobs(name, {"service": service, "jobs": config.jobs}, tags)
    pulumi.export(
        name,
        {
            "pipeline": pipeline.name,
            **({"upload_to": pipeline.upload_to, "uploader": pipeline.uploader} if pipeline.uploader else {}),
            **({"upload_role": pipeline.upload_role_arn} if pipeline.upload_role_arn else {}),
            **({"push_to": pipeline.push_to} if pipeline.push_to and config.source.images else {}),
            **({"push_role": pipeline.push_role_arn} if pipeline.push_role_arn else {}),
            "hosts": sorted({route.host for route in config.routes}),
            "addresses": addresses(config.routes),
        },
    )
    return Declared(service.waiting, charted(service, pipeline, jobs=bool(config.jobs)), service)


def routes(stack: str, of_service: Sequence[Route]) -> list[Route]:
    """A service's routes; a review's priorities are its own."""
    number = pull_request_number(stack)
    return [route.model_copy(update={"priority": priority(route.priority, number)}) for route in of_service]


def charted(service: EcsService, pipeline: DeployPipeline, *, jobs: bool) -> Charted:
    """A service on the dashboard; `jobs` says whether it has any."""
    return {
        "service": service.service,
        "ecs_name": service.name,
        "log_group": service.log_group_name,
        "pipeline": pipeline.name,
        "target_groups": [group.arn_suffix for group in service.routing.target_groups],
        "jobs": jobs,
        "alarms": service.alarms.arns,
    }
