"""What ECS refuses of a task definition for Fargate, in its own words; `sandbox.ecs.definitions` has the sources.

Sizes and log drivers are those of cfn-lint, which is installed with moto; importing it would take a second.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from sandbox.ecs.model import Json

RULES = "data/schemas/extensions/aws_ecs_taskdefinition"
UNSUPPORTED = "Fargate compatible task definitions do not support {}"
LOG_DRIVER_ROLE = "Fargate requires task definition to have execution role ARN to support log driver awslogs."
STREAM_PREFIX = (
    "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs."
)
PID_MODE = "Tasks using the Fargate launch type do not support pidMode '{}'. The supported value for pidMode is 'task'."
STOP_TIMEOUT = "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds."


def problems(definition: Json) -> Iterator[str]:
    """All that does not go with Fargate."""
    if definition.get("networkMode") != "awsvpc":
        yield "Fargate only supports network mode ‘awsvpc’."  # noqa: RUF001 (ECS's own quotation marks)
    for field in ("cpu", "memory"):
        if not definition.get(field):
            yield f"Fargate requires that '{field}' be defined at the task level."
    cpu, memory = definition.get("cpu", ""), definition.get("memory", "")
    if cpu.isdigit() and memory.isdigit() and int(memory) not in sizes().get(int(cpu), []):
        yield (
            f"No Fargate configuration exists for given values: {cpu} CPU, {memory} memory. See the Amazon ECS"
            " documentation for the valid values."
        )
    if (mode := definition.get("pidMode")) not in (None, "task"):
        yield PID_MODE.format(mode)
    if definition.get("ipcMode"):
        yield UNSUPPORTED.format("ipcMode")
    if definition.get("placementConstraints"):
        yield UNSUPPORTED.format("constraints")
    size = definition.get("ephemeralStorage", {}).get("sizeInGiB")
    if size is not None and size < 21:
        yield "EphemeralStorage size should be at least 21"
    if size is not None and size > 200:
        yield "EphemeralStorage size should be at most 200"
    for volume in definition.get("volumes", []):
        if volume.get("host", {}).get("sourcePath"):
            yield UNSUPPORTED.format("sourcePath")
        if "dockerVolumeConfiguration" in volume:
            yield UNSUPPORTED.format("dockerVolumeConfiguration")
    containers = definition.get("containerDefinitions", [])
    if cpu.isdigit() and sum(each.get("cpu", 0) for each in containers) > int(cpu):
        yield "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'."
    for container in containers:
        yield from _container(container, definition)


def _container(container: Json, definition: Json) -> Iterator[str]:
    if container.get("privileged"):
        yield "Fargate requires that the 'privileged' setting be 'false'"
    if container.get("dockerSecurityOptions"):
        yield UNSUPPORTED.format("dockerSecurityOptions")
    if any(each.get("type") == "GPU" for each in container.get("resourceRequirements", [])):
        yield "Tasks using the Fargate launch type do not support GPU resource requirements"
    linux = container.get("linuxParameters", {})
    for field in ("devices", "sharedMemorySize", "maxSwap", "swappiness"):
        if linux.get(field) not in (None, []):
            yield UNSUPPORTED.format(field)
    for capability in linux.get("capabilities", {}).get("add", []):
        if capability != "SYS_PTRACE":
            yield f"{capability} is not allowed on Fargate."
    for field, least in (("startTimeout", "Granular start timeout"), ("stopTimeout", "Granular stop timeout")):
        if field in container and container[field] < 2:
            yield f"{least} on container '{container['name']}' must be at least 2 seconds."
    if container.get("stopTimeout", 0) > 120:
        yield STOP_TIMEOUT
    yield from _log(container, definition)
    options = container.get("firelensConfiguration", {}).get("options", {})
    if options.get("config-file-type") == "s3":  # aws/aws-sdk#311
        yield "Fargate launch type does not support FirelensConfiguration config file from 's3'"


def _log(container: Json, definition: Json) -> Iterator[str]:
    log = container.get("logConfiguration") or {}
    driver, options = log.get("logDriver"), log.get("options") or {}
    if driver and driver not in log_drivers():
        yield f"{driver} is not a valid log driver. Must be one of [{', '.join(log_drivers())}]"
    if driver != "awslogs":
        return
    if missing := [name for name in ("awslogs-group", "awslogs-region") if not options.get(name)]:
        yield f"Log driver awslogs requires options: {', '.join(missing)}"
    if not options.get("awslogs-stream-prefix"):
        yield STREAM_PREFIX
    if not definition.get("executionRoleArn"):
        yield LOG_DRIVER_ROLE


@cache
def sizes() -> dict[int, list[int]]:
    """CPU units → the MiB that Fargate offers with them (cfn-lint, E3047)."""
    sizes: dict[int, list[int]] = {}
    for pair in _rule("fargate_cpu_memory")["then"]["anyOf"]:
        memory = pair["properties"]["Memory"]["then"]
        offered = memory.get("enum") or range(memory["minimum"], memory["maximum"] + 1, memory["multipleOf"])
        sizes |= {int(cpu): list(offered) for cpu in pair["properties"]["Cpu"]["then"]["enum"]}
    return sizes


@cache
def log_drivers() -> list[str]:
    """Those that Fargate has (cfn-lint, E3048)."""
    items = _rule("fargate_properties")["then"]["allOf"][1]["properties"]["ContainerDefinitions"]["items"]
    drivers: list[str] = items["properties"]["LogConfiguration"]["then"]["properties"]["LogDriver"]["enum"]
    return drivers


def _rule(name: str) -> dict[str, Any]:
    spec = importlib.util.find_spec("cfnlint")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("cfn-lint, which moto[server] brings, is not installed")
    rule: dict[str, Any] = json.loads((Path(spec.origin).parent / RULES / f"{name}.json").read_text(encoding="utf-8"))
    return rule
