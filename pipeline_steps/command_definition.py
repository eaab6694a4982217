"""From a service's task definition to that of a command which runs once: a migration, or a job."""

import copy
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from pipeline_steps.job import StepError

ESSENTIAL_LABEL = "fargate-delivery.essential"
"""The docker label of a sidecar that is essential to the service's tasks, and that Migrate looks after."""


def command_definition(
    service: Mapping[str, Any],
    *,
    family: str,
    containers: Sequence[str],
    image: str,
    command: Sequence[str],
    accepted: Collection[str],
) -> dict[str, Any]:
    """The arguments of RegisterTaskDefinition: the service's task, with the new image and the command.

    Args:
        service: as DescribeTaskDefinition answers, or as CodeDeploy is given it.
        family: the new definition's.
        containers: those that run the service's own image; the first one runs the command, and the others are left out.
        image: by its digest.
        command: what is run by its entry point.
        accepted: what RegisterTaskDefinition takes.

    Raises:
        StepError: the service has no such container.
    """
    running, others = containers[0], containers[1:]
    kept = [copy.deepcopy(each) for each in service["containerDefinitions"] if each["name"] not in others]
    names = [each["name"] for each in kept]
    if running not in names:
        raise StepError(f"The service has no container {running}; it has: {', '.join(names)}")
    forwarded = any(each.get("logConfiguration", {}).get("logDriver") == "awsfirelens" for each in kept)
    for each in kept:
        if "dependsOn" in each:
            each["dependsOn"] = [other for other in each["dependsOn"] if other["containerName"] not in containers]
        if "volumesFrom" in each:
            each["volumesFrom"] = [other for other in each["volumesFrom"] if other["sourceContainer"] not in others]
        if not forwarded:  # ECS refuses a log router that nobody uses
            each.pop("firelensConfiguration", None)
        if each["name"] == running:
            each |= {"image": image, "command": list(command), "essential": True}
            for name in ("healthCheck", "restartPolicy"):  # it answers no health check, and is not started twice
                each.pop(name, None)
        elif each.get("essential", True):
            # ECS would stop the command when this one ends, and the answer to that may be an exit code of 0.
            each["essential"] = False
            each["dockerLabels"] = {**each.get("dockerLabels", {}), ESSENTIAL_LABEL: "true"}
    definition = {**service, "containerDefinitions": kept, "family": family}
    return {name: value for name, value in definition.items() if name in accepted}


def essential_sidecars(definition: Mapping[str, Any]) -> frozenset[str]:
    """The containers that the service's tasks cannot do without."""
    return frozenset(
        str(each["name"])
        for each in definition["containerDefinitions"]
        if each.get("dockerLabels", {}).get(ESSENTIAL_LABEL) == "true"
    )
