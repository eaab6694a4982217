"""ECS Exec and a read-only root: its agent writes into each container, and without a place to it stays STOPPED."""

from collections.abc import Mapping
from typing import Any

EXEC_FOLDERS = ("/var/lib/amazon", "/var/log/amazon")
"""Where ECS Exec's agent writes, inside each container (aws/containers-roadmap#1359, #2824)."""


def unwritable(container: Mapping[str, Any]) -> list[str]:
    """The folders of `EXEC_FOLDERS` that a container has read-only; what is not of its type is taken for absent.

    Args:
        container: a container definition, of a template or as ECS describes it.
    """
    if container.get("readonlyRootFilesystem") is not True:
        return []
    parameters = container.get("linuxParameters")
    mounts = [mount for mount in _dicts(container.get("mountPoints")) if mount.get("readOnly") is not True]
    mounts += _dicts(parameters.get("tmpfs")) if isinstance(parameters, dict) else []
    writable = {str(mount.get("containerPath", "")).rstrip("/") for mount in mounts}
    return [
        folder
        for folder in EXEC_FOLDERS
        if not any(folder == path or folder.startswith(f"{path}/") for path in writable)
    ]


def closed(service: Mapping[str, Any], definition: Mapping[str, Any]) -> list[str]:
    """Containers in which ECS Exec opens no session though the service has it switched on, in words.

    Args:
        service: as DescribeServices has it.
        definition: the task definition that it runs, as DescribeTaskDefinition has it.
    """
    if not service.get("enableExecuteCommand"):
        return []
    return [
        f"no session opens in {container['name']}: its root is read-only, and the agent of ECS Exec writes into "
        f"{' and '.join(folders)}; mount a volume there in the template, or take `exec` or readonlyRootFilesystem out"
        for container in definition["containerDefinitions"]
        if (folders := unwritable(container))
    ]


def _dicts(value: Any) -> list[Any]:
    return [each for each in value if isinstance(each, dict)] if isinstance(value, list) else []
