"""Which endpoints of AWS's services the tasks of a stack need, and what no endpoint leads to."""

from collections.abc import Iterator, Mapping

from components.platform.endpoints import OF_EVERY_TASK
from components.service.connections import names_of
from components.service.task_reads import REPOSITORY, Reads
from components.service.task_rules import containers_of
from components.service.task_template import STAND_INS, TaskTemplate
from config.stack_file import Stack


def endpoint_services(config: Stack, templates: Mapping[str, TaskTemplate], running: Reads) -> list[str]:
    """Those that the keys need, and what the tasks read that run: an endpoint goes when no revision needs it any more.

    Services by what follows `com.amazonaws.REGION.` in their endpoints' names, sorted.

    Where a secret is, its service is reached (ECS, Create the Secrets Manager and Systems Manager endpoints). Sessions
    of ECS Exec go through `ssmmessages`: a key of KMS's for them would need `kms`, and they have none. The proxies of
    Service Connect are told of others by `ecs-agent` (ECS, Considerations for Amazon ECS VPC endpoints).
    """
    needed = {*OF_EVERY_TASK, *config.network.more_endpoints}
    needed |= {"ssm"} if running.parameters else set()
    needed |= {"secretsmanager"} if running.secrets else set()
    for name, service in config.services.items():
        named = templates[name].reads(service.task.placeholders())
        read = [parameter for parameter in service.parameters.values() if "runtime" in parameter.readers]
        managed = [parameter for parameter in read if parameter.secrets_manager is not None]
        if named.parameters or len(managed) < len(read):
            needed.add("ssm")
        if named.secrets or managed:
            needed.add("secretsmanager")
        if service.exec:
            needed.add("ssmmessages")
        if names_of(service.connects_to):
            needed.add("ecs-agent")
    return sorted(needed)


def check_endpoints(config: Stack, templates: Mapping[str, TaskTemplate]) -> Iterator[str]:
    """Images that tasks could not pull: there are endpoints of ECR's own repositories only."""
    if not (config.network.endpoints and config.network.nat == "none"):
        return
    for name, template in templates.items():
        rendered = template.rendered({**STAND_INS, **config.services[name].task.placeholders()})
        for container in containers_of(rendered):
            image = str(container.get("image"))
            if image != STAND_INS["image"] and REPOSITORY.match(image) is None:
                yield (
                    f"services.{name}.task.template: {template.path}: {container.get('name')} has image {image}, and "
                    "without NAT tasks reach no other registry than ECR; copy it into a repository of ECR's"
                )
