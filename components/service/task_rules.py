"""What ECS and Fargate refuse of a task definition, told before it is registered.

The rules look at a rendered document. What is not of its type they take for absent: botocore's model has told that
already. cfn-lint's part is in `fargate_limits.json`; the others' sources stand beside them. "API" is the reference of
RegisterTaskDefinition, whose text botocore's model has too.
"""

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from releases.ecs_exec import unwritable

Document = Mapping[str, Any]

LIMITS: dict[str, Any] = json.loads(Path(__file__).with_name("fargate_limits.json").read_text(encoding="utf-8"))
MEMORY: Mapping[int, list[int]] = {int(cpu): sizes for cpu, sizes in LIMITS["memory"].items()}
"""MiB of memory that Fargate offers for each number of CPU units."""

NOT_A_TEMPLATE_S: Mapping[str, str] = {
    "tags": "the program tags every task definition",
    "placementConstraints": "Fargate has no instances to choose from",
    "inferenceAccelerators": "Elastic Inference has ended",
    "ipcMode": "Fargate has none",
    "proxyConfiguration": "it is App Mesh's, which has ended",
    "trustedExecutionConfiguration": "the AWS provider has none",
}
"""Top-level fields of RegisterTaskDefinition that a template may not have, and why."""
NOT_FARGATE_S: Mapping[str, str] = {
    "privileged": "Fargate takes false only",
    "links": "containers of a Fargate task reach each other at localhost",
    "hostname": "the network mode awsvpc has none",
    "disableNetworking": "the network mode awsvpc has none",
    "dnsServers": "the network mode awsvpc has none",
    "dnsSearchDomains": "the network mode awsvpc has none",
    "extraHosts": "the network mode awsvpc has none",
    "dockerSecurityOptions": "Fargate has none",
    "credentialSpecs": "Fargate has them for Windows only",
    "resourceRequirements": "Fargate has no GPU",
    "linuxParameters.devices": "Fargate has none",
    "linuxParameters.sharedMemorySize": "Fargate has none; linuxParameters.tmpfs is allowed",
    "linuxParameters.maxSwap": "Fargate has no swap",
    "linuxParameters.swappiness": "Fargate has no swap",
}
"""Fields of a container that Fargate refuses, and what it has instead (ECS, Task definition differences for Fargate;
API)."""
NOT_A_VOLUME_S: Mapping[str, str] = {
    "host.sourcePath": "Fargate has no host; without `host` the volume is the task's own",
    "dockerVolumeConfiguration": "Fargate has none; without it the volume is the task's own",
    "fsxWindowsFileServerVolumeConfiguration": "Fargate has none",
    "s3filesVolumeConfiguration": "not offered here; efsVolumeConfiguration is",
    "configuredAtLaunch": "the service gives no volume at launch",
}
"""Fields of a volume that Fargate or the program lacks."""
RANGES: Mapping[str, tuple[int, int]] = {
    "startTimeout": (2, 120),
    "stopTimeout": (2, 120),
    "healthCheck.interval": (5, 300),
    "healthCheck.timeout": (2, 60),
    "healthCheck.retries": (1, 10),
    "healthCheck.startPeriod": (0, 300),
    "restartPolicy.restartAttemptPeriod": (60, 1800),
}
"""Least and most of a container's numbers; those of time are seconds (API)."""
EPHEMERAL_GIB = (21, 200)
"""Of ephemeralStorage.sizeInGiB (API)."""
MOST_CONTAINERS = 10
"""Of a task definition (ECS quotas)."""
MOST_ENVIRONMENT_FILES = 10
"""Of a container (API)."""
CAPABILITIES = ("SYS_PTRACE",)
"""What may be added on Fargate (API, KernelCapabilities)."""


def problems(document: Document, *, parameters: Collection[str] = (), sessions: bool = False) -> Iterator[str]:
    """Everything that ECS and Fargate would refuse, or that would not work: path, value, and what is allowed.

    Args:
        document: the rendered template.
        parameters: the environment variables that the service's own parameters bring.
        sessions: whether ECS Exec is on.
    """
    containers = containers_of(document)
    yield from _task(document)
    yield from _volumes(document, containers)
    if len(containers) > MOST_CONTAINERS:
        yield f"containerDefinitions: {len(containers)} containers; ECS takes {MOST_CONTAINERS}"
    for index, container in enumerate(containers):
        where = f"containerDefinitions[{index}]"
        yield from (
            f"{where}.{problem}"
            for rule in (_fargate, _ranges, _ports, _log, _environment_files)
            for problem in rule(container)
        )
        yield from (f"{where}{problem}" for problem in _variables(container, parameters))
        if sessions:
            yield from (f"{where}.{problem}" for problem in _sessions(container))
    yield from _sizes(document, containers)
    yield from _dependencies(containers)
    yield from _firelens(containers)
    names = Counter(name_of(container) for container in containers)
    yield from (f"containerDefinitions: {times} are named {name!r}" for name, times in names.items() if times > 1)
    if containers and not any(essential(container) for container in containers):
        yield "containerDefinitions: all have essential false; one container at least must be essential"


def containers_of(document: Document) -> list[dict[str, Any]]:
    """The containers, as far as they are objects."""
    return dicts(document.get("containerDefinitions"))


def dicts(value: Any) -> list[dict[str, Any]]:
    """The objects of a list; nothing of what is none."""
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def at(document: Any, path: str) -> Any:
    """The value at a path with dots; None where there is none."""
    for key in path.split("."):
        document = document.get(key) if isinstance(document, dict) else None
    return document


def name_of(container: Document) -> str:
    """A container's name, "" without one."""
    return str(container.get("name", ""))


def essential(container: Document) -> bool:
    """Whether the task ends with the container; without a word it does."""
    return container.get("essential") is not False


def shown(value: Any) -> str:
    """A value as the template has it."""
    return json.dumps(value, ensure_ascii=False)


def _given(value: Any) -> bool:
    """Whether a field says anything; 0 does."""
    return not (value is None or value is False or value in ([], {}, ""))


def _number(value: Any) -> int | None:
    if isinstance(value, str) and value.isdigit():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _task(document: Document) -> Iterator[str]:
    """cfn-lint's E3047 and E3048, and what the API says of Fargate."""
    compatibilities = document.get("requiresCompatibilities")
    if not isinstance(compatibilities, list) or "FARGATE" not in compatibilities:
        yield f'requiresCompatibilities: {shown(compatibilities)}; must be ["FARGATE"]'
    if document.get("networkMode") not in LIMITS["network_modes"]:
        yield f"networkMode: {shown(document.get('networkMode'))}; Fargate takes {_list(LIMITS['network_modes'])}"
    cpu, memory = _number(document.get("cpu")), _number(document.get("memory"))
    if cpu is None or cpu not in MEMORY:
        yield f"cpu: {shown(document.get('cpu'))}; Fargate offers {_list(MEMORY)}"
    elif memory not in MEMORY[cpu]:
        yield f"memory: {shown(document.get('memory'))}; with cpu {cpu} Fargate offers {_list(MEMORY[cpu])}"
    if _given(document.get("pidMode")) and document.get("pidMode") != "task":
        yield f"pidMode: {shown(document['pidMode'])}; Fargate takes task"
    size, (least, most) = at(document, "ephemeralStorage.sizeInGiB"), EPHEMERAL_GIB
    if (number := _number(size)) is not None and not least <= number <= most:
        yield f"ephemeralStorage.sizeInGiB: {shown(size)}; Fargate takes {least} to {most}, and 20 without it"


def _volumes(document: Document, containers: list[dict[str, Any]]) -> Iterator[str]:
    volumes = dicts(document.get("volumes"))
    names = Counter(name_of(volume) for volume in volumes)
    yield from (f"volumes: {times} are named {name!r}" for name, times in names.items() if times > 1)
    for index, volume in enumerate(volumes):
        for path, why in NOT_A_VOLUME_S.items():
            if _given(at(volume, path)):
                yield f"volumes[{index}].{path}: {shown(at(volume, path))}; {why}"
        if isinstance(efs := volume.get("efsVolumeConfiguration"), dict):
            yield from (f"volumes[{index}].efsVolumeConfiguration.{problem}" for problem in _efs(efs))
    for index, container in enumerate(containers):
        for number, mount in enumerate(dicts(container.get("mountPoints"))):
            if mount.get("sourceVolume") not in names:
                yield (
                    f"containerDefinitions[{index}].mountPoints[{number}].sourceVolume: "
                    f"{shown(mount.get('sourceVolume'))}; the volumes are {_list(names)}"
                )
        for number, source in enumerate(dicts(container.get("volumesFrom"))):
            if source.get("sourceContainer") not in [name_of(each) for each in containers]:
                yield (
                    f"containerDefinitions[{index}].volumesFrom[{number}].sourceContainer: "
                    f"{shown(source.get('sourceContainer'))}; the containers are {_list(map(name_of, containers))}"
                )


def _efs(efs: Document) -> Iterator[str]:
    """API, EFSVolumeConfiguration."""
    encrypted = efs.get("transitEncryption") == "ENABLED"
    root, point = efs.get("rootDirectory"), at(efs, "authorizationConfig.accessPointId")
    if _given(point) and root not in (None, "", "/"):
        yield (
            f'rootDirectory: {shown(root)}; with authorizationConfig.accessPointId it must be "/" or left out, because '
            "the access point has its own"
        )
    if not encrypted:
        needs = [
            name
            for name, needed in (
                ("authorizationConfig.accessPointId", _given(point)),
                ("authorizationConfig.iam", at(efs, "authorizationConfig.iam") == "ENABLED"),
                ("transitEncryptionPort", efs.get("transitEncryptionPort") is not None),
            )
            if needed
        ]
        if needs:
            yield (
                f"transitEncryption: {shown(efs.get('transitEncryption'))}; must be ENABLED with {' and '.join(needs)}"
            )


def _fargate(container: Document) -> Iterator[str]:
    for path, why in NOT_FARGATE_S.items():
        value = at(container, path)
        if _given(value):
            yield f"{path}: {shown(value)}; {why}"
    added = at(container, "linuxParameters.capabilities.add")
    for capability in added if isinstance(added, list) else ():
        if capability not in CAPABILITIES:
            yield f"linuxParameters.capabilities.add: {shown(capability)}; Fargate adds {_list(CAPABILITIES)} only"
    for index, ulimit in enumerate(dicts(container.get("ulimits"))):
        soft, hard = _number(ulimit.get("softLimit")), _number(ulimit.get("hardLimit"))
        if soft is not None and hard is not None and soft > hard:
            yield f"ulimits[{index}].softLimit: {soft} is more than hardLimit {hard}"


def _ranges(container: Document) -> Iterator[str]:
    for path, (least, most) in RANGES.items():
        value = at(container, path)
        if (number := _number(value)) is not None and not least <= number <= most:
            yield f"{path}: {shown(value)}; must be {least} to {most}"
    command = at(container, "healthCheck.command")
    if isinstance(command, list) and (len(command) < 2 or command[0] not in ("CMD", "CMD-SHELL")):
        yield f"healthCheck.command: {shown(command)}; must be CMD or CMD-SHELL, and then the command"


def _ports(container: Document) -> Iterator[str]:
    """cfn-lint's E3053."""
    for index, mapping in enumerate(dicts(container.get("portMappings"))):
        host, port = mapping.get("hostPort"), mapping.get("containerPort")
        if host is not None and port is not None and host != port:
            yield f"portMappings[{index}].hostPort: {shown(host)}; must be containerPort {shown(port)}, or left out"


def _log(container: Document) -> Iterator[str]:
    """cfn-lint's E3046 and E3048; Fargate wants a stream prefix too (ECS, Using the awslogs log driver)."""
    driver, options = at(container, "logConfiguration.logDriver"), at(container, "logConfiguration.options")
    if driver is not None and driver not in LIMITS["log_drivers"]:
        yield f"logConfiguration.logDriver: {shown(driver)}; Fargate takes {_list(LIMITS['log_drivers'])}"
    if driver != "awslogs":
        return
    options = options if isinstance(options, dict) else {}
    required = [*LIMITS["awslogs_required"], "awslogs-stream-prefix"]
    if missing := [name for name in required if not options.get(name)]:
        yield f"logConfiguration.options: {', '.join(missing)} must be there"
    if unknown := sorted(options.keys() - LIMITS["awslogs_options"]):
        yield f"logConfiguration.options: {', '.join(unknown)}; awslogs takes {_list(LIMITS['awslogs_options'])}"


def _environment_files(container: Document) -> Iterator[str]:
    files = dicts(container.get("environmentFiles"))
    if len(files) > MOST_ENVIRONMENT_FILES:
        yield f"environmentFiles: {len(files)} files; a container takes {MOST_ENVIRONMENT_FILES}"


def _variables(container: Document, parameters: Collection[str]) -> Iterator[str]:
    """A name is one variable: in `environment`, or in `secrets` (aws/containers-roadmap, API: Secret)."""
    plain = Counter(name_of(variable) for variable in dicts(container.get("environment")))
    secret = Counter(name_of(variable) for variable in dicts(container.get("secrets")))
    for name, times in plain.items():
        if times > 1:
            yield f".environment: {name} is there {times} times; a name may be there once"
    for name, times in secret.items():
        origin = f"; parameters.{name} of the service brings one" if name in parameters else ""
        if times > 1:
            yield f".secrets: {name} is there {times} times; a name may be there once{origin}"
        if name in plain:
            where = f"parameters.{name} of the service" if name in parameters else "secrets"
            yield f": {name} is in environment and in {where}; a name may be in one of them only"


def _sessions(container: Document) -> Iterator[str]:
    """A rule of ECS Exec's."""
    if folders := unwritable(container):
        yield (
            f"readonlyRootFilesystem: true; the agent of ECS Exec (exec: true) writes into {' and '.join(folders)}: "
            "mount a volume there, or leave one of the two out"
        )


def _sizes(document: Document, containers: list[dict[str, Any]]) -> Iterator[str]:
    cpu, memory = _number(document.get("cpu")), _number(document.get("memory"))
    total = sum(_number(container.get("cpu")) or 0 for container in containers)
    if cpu is not None and total > cpu:
        yield f"containerDefinitions: their cpu is {total} together; the task has {cpu}"
    for index, container in enumerate(containers):
        for field in ("memory", "memoryReservation"):
            value = _number(container.get(field))
            most = _number(container.get("memory")) if field == "memoryReservation" else None
            most = memory if most is None else most
            if value is not None and most is not None and value > most:
                yield f"containerDefinitions[{index}].{field}: {value}; must be {most} at most"


def _dependencies(containers: list[dict[str, Any]]) -> Iterator[str]:
    """API, ContainerDependency."""
    named = {name_of(container): container for container in containers}
    waits: dict[str, list[str]] = {}
    for index, container in enumerate(containers):
        for number, dependency in enumerate(dicts(container.get("dependsOn"))):
            where = f"containerDefinitions[{index}].dependsOn[{number}]"
            name, condition = str(dependency.get("containerName", "")), dependency.get("condition")
            other = named.get(name)
            if other is None:
                yield f"{where}.containerName: {shown(name)}; the containers are {_list(named)}"
                continue
            if name == name_of(container):
                yield f"{where}.containerName: {shown(name)}; a container cannot wait for itself"
            else:
                waits.setdefault(name_of(container), []).append(name)
            if condition in ("SUCCESS", "COMPLETE") and essential(other):
                yield (
                    f"{where}.condition: {condition}; {name} is essential, so its end is the task's: give it "
                    '"essential": false'
                )
            if condition == "HEALTHY" and not isinstance(other.get("healthCheck"), dict):
                yield (
                    f"{where}.condition: HEALTHY; {name} has no healthCheck, so it never is: give it one, or use START"
                )
    if circle := _circle(waits):
        yield f"containerDefinitions: {' waits for '.join(circle)}; no container of a circle would start"


def _circle(waits: Mapping[str, list[str]]) -> list[str]:
    """Containers that wait for each other; the first is named again at the end."""
    try:
        TopologicalSorter(waits).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1][::-1]
        return circle
    return []


def _firelens(containers: list[dict[str, Any]]) -> Iterator[str]:
    """API, FirelensConfiguration; aws/aws-sdk#311 for a file in S3."""
    routers = [i for i, each in enumerate(containers) if isinstance(each.get("firelensConfiguration"), dict)]
    users = [i for i, each in enumerate(containers) if at(each, "logConfiguration.logDriver") == "awsfirelens"]
    for router in routers:
        where = f"containerDefinitions[{router}].firelensConfiguration"
        if not set(users) - {router}:
            yield f"{where}: one other container at least must have logConfiguration.logDriver awsfirelens"
        if at(containers[router], "firelensConfiguration.options.config-file-type") == "s3":
            yield (
                f'{where}.options.config-file-type: "s3"; Fargate takes file: a path in the router\'s image, or the '
                "router's own way to S3, such as aws-for-fluent-bit's init image"
            )
    if len(routers) > 1:
        yield f"containerDefinitions: {len(routers)} have a firelensConfiguration; a task has one log router"
    if not routers:
        for user in users:
            yield (
                f"containerDefinitions[{user}].logConfiguration.logDriver: awsfirelens; one container must have a "
                "firelensConfiguration"
            )


def _list(values: Any) -> str:
    return ", ".join(map(str, values)) or "none"
