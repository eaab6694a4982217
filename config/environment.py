"""The environment files of services: read from task_templates/, and checked with what else gives variables."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from components.service import task_rules
from components.service.environment_files import EnvironmentFile
from components.service.task_template import TaskTemplate
from config.service import Service
from config.stack_file import Stack


def check_environment_files(
    config: Stack, folder: Path, templates: Mapping[str, TaskTemplate]
) -> tuple[list[str], dict[str, list[EnvironmentFile | str]]]:
    """What is wrong with the services' environment files; service → its files, and the ARNs of objects."""
    problems: list[str] = []
    files: dict[str, list[EnvironmentFile | str]] = {}
    for name, service in config.services.items():
        files[name] = []
        for index, named in enumerate(service.task.environment_files):
            where = f"services.{name}.task.environment_files[{index}]"
            if is_object(named):
                files[name].append(named)
                continue
            try:
                file = EnvironmentFile.load(folder / named)
            except ValueError as error:
                problems.append(f"{where}: {error}")
                continue
            files[name].append(file)
            problems += [f"{where}: {problem}" for problem in file.problems()]
            problems += [f"{where}: {problem}" for problem in _given_twice(file, service, templates.get(name))]
    return problems, files


def is_object(named: str) -> bool:
    """Whether an environment file is an object that somebody else keeps."""
    return named.startswith("arn:")


def objects(files: Sequence[str]) -> list[dict[str, str]]:
    """Those that are, as a container names them."""
    return [{"type": "s3", "value": file} for file in files if is_object(file)]


def _given_twice(file: EnvironmentFile, service: Service, template: TaskTemplate | None) -> Iterator[str]:
    """A variable that has a value elsewhere too: a container's own `environment` would win (ECS, EnvironmentFile)."""
    containers = task_rules.containers_of(template.document) if template is not None else []
    of_service = template.image_containers() if template is not None else []
    plain = {
        task_rules.name_of(variable)
        for container in containers
        if task_rules.name_of(container) in of_service
        for variable in task_rules.dicts(container.get("environment"))
    }
    read = {name for name, parameter in service.parameters.items() if "runtime" in parameter.readers}
    for name in sorted(set(file.variables) & (plain | read)):
        other = f"parameters.{name}" if name in read else "the template's environment"
        yield f"{file.name}: {name} is in {other} too; a name may have one value"
