"""Task templates: whole task definitions in RegisterTaskDefinition's words, with placeholders in string values.

A template is valid JSON before it is rendered. `"${cpu}"` stands for a value; what type it takes is
RegisterTaskDefinition's to say, as botocore's model has it: the same `${port}` becomes a number in
`containerPort` and a string in an environment variable.
"""

import copy
import hashlib
import json
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape
from botocore.validate import ParamValidator, ValidationErrors

from components.service import task_reads, task_rules
from components.service.file_systems import FileSystem
from components.service.task_reads import Reads
from components.service.task_rules import shown
from components.suggestions import suggestion
from releases.record import FINGERPRINT_LABEL
from releases.repository import is_of

PLACEHOLDER = re.compile(r"\$\{([^}]*)\}")
STAND_INS: Mapping[str, Any] = {
    "family": "family",
    "image": "123456789012.dkr.ecr.us-east-1.amazonaws.com/repository:live",
    "cpu": 256,
    "memory": 512,
    "architecture": "X86_64",
    "port": 80,
    "region": "us-east-1",
    "log_group": "/log/group",
    "execution_role_arn": "arn:aws:iam::123456789012:role/execution",
    "task_role_arn": "arn:aws:iam::123456789012:role/task",
    "secrets": [{"name": "KEY", "valueFrom": "arn:aws:ssm:us-east-1:123456789012:parameter/key"}],
}
"""A value of the right type for every placeholder there is: what a template is checked with before any
resource is registered."""

INVALID_TYPE = re.compile(
    r"Invalid type for parameter (?P<path>\S+), value: (?P<value>.*), type: <class '(?P<type>\w+)'>, "
    r"valid types: (?P<types>.*)"
)
UNKNOWN = re.compile(r'Unknown parameter in (?P<path>\S+): "(?P<key>.*)", must be one of: (?P<keys>.*)')
MISSING = re.compile(r'Missing required parameter in (?P<path>\S+): "(?P<key>.*)"')
"""How botocore words what it finds (botocore.validate, ValidationErrors)."""
NAMES = re.compile(r"'(\w+)'")
TYPES = {
    "list": "a list",
    "tuple": "a list",
    "dict": "keys, each with its value",
    "str": "a text in quotes",
    "int": "a whole number without quotes",
    "bool": "true or false",
}
"""Python's types, as JSON has them."""

SAID_BY_RULES = frozenset({"networkMode", "ipcMode", "pidMode", "logDriver"})
"""Fields whose allowed values `task_rules` tells, which are fewer than ECS's."""


STORAGE = "ephemeralStorage"
PORT_NAME = "service"
"""What a port mapping is called that has no name and needs one."""


class TemplateError(Exception):
    """A template that cannot become a task definition; the message names the file and says what to do."""


@cache
def _request_shape() -> StructureShape:
    shape = botocore.session.get_session().get_service_model("ecs").operation_model("RegisterTaskDefinition")
    if shape.input_shape is None:  # pragma: no cover - botocore's model always has one
        raise TemplateError("botocore has no model of RegisterTaskDefinition")
    return shape.input_shape


@dataclass(frozen=True)
class TaskTemplate:
    """One file of `task_templates/`."""

    path: str
    document: dict[str, Any]

    @classmethod
    def load(cls, path: Path) -> "TaskTemplate":
        """Read a template.

        Raises:
            TemplateError: the file is missing, is not JSON, or is not an object.
        """
        try:
            document = json.loads(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            there = ", ".join(sorted(p.name for p in path.parent.glob("*.json"))) or "none"
            raise TemplateError(f"{_shown(path)}: there is no such template; there are: {there}") from None
        except ValueError as error:
            raise TemplateError(
                f"{_shown(path)}: not valid JSON ({error}); placeholders stand inside strings only"
            ) from None
        if not isinstance(document, dict):
            raise TemplateError(f"{_shown(path)}: must be an object, as RegisterTaskDefinition takes it")
        return cls(_shown(path), document)

    def with_storage(self, gib: int | None) -> "TaskTemplate":
        """The template with that much ephemeral storage; as it is where none is asked for.

        Raises:
            TemplateError: it says itself how much.
        """
        if gib is None:
            return self
        if STORAGE in self.document:
            raise TemplateError(f"{self.path} has {STORAGE} itself; remove one of the two")
        return TaskTemplate(self.path, {**self.document, STORAGE: {"sizeInGiB": gib}})

    def with_environment_files(self) -> "TaskTemplate":
        """The template whose service containers read the service's environment files.

        Raises:
            TemplateError: one of them names files itself.
        """
        for container in self._service_containers():
            if "environmentFiles" in container:
                raise TemplateError(
                    f"{self.path}: container {task_rules.name_of(container)} has environmentFiles itself; remove one "
                    "of the two"
                )
        return self._with_service_containers(lambda each: {**each, "environmentFiles": "${environment_files}"})

    def with_volumes(self, volumes: Mapping[str, FileSystem]) -> "TaskTemplate":
        """The template whose service containers mount these file systems; as it is without any.

        Raises:
            TemplateError: it has a volume of that name, or mounts something else there.
        """
        if not volumes:
            return self
        own = {task_rules.name_of(volume) for volume in task_rules.dicts(self.document.get("volumes"))}
        if both := sorted(own & volumes.keys()):
            raise TemplateError(f"{self.path} has a volume {both[0]} itself; give one of the two another name")
        mounted = {
            point.get("containerPath")
            for container in self._service_containers()
            for point in task_rules.dicts(container.get("mountPoints"))
        }
        if both := sorted(volume.path for volume in volumes.values() if volume.path in mounted):
            raise TemplateError(f"{self.path} mounts something at {both[0]} itself; remove one of the two")
        points = [volume.mount_point(name) for name, volume in volumes.items()]
        mounting = self._with_service_containers(
            lambda each: {**each, "mountPoints": [*each.get("mountPoints", []), *points]}
        )
        declared = [volume.volume(name) for name, volume in volumes.items()]
        return TaskTemplate(self.path, {**mounting.document, "volumes": [*self.document.get("volumes", []), *declared]})

    def _service_containers(self) -> list[dict[str, Any]]:
        of_service = self.image_containers()
        return [each for each in self._containers() if task_rules.name_of(each) in of_service]

    def _with_service_containers(self, change: Callable[[dict[str, Any]], dict[str, Any]]) -> "TaskTemplate":
        of_service = self._service_containers()
        containers = [change(each) if each in of_service else each for each in self._containers()]
        return TaskTemplate(self.path, {**self.document, "containerDefinitions": containers})

    def port_name(self) -> str:
        """What the port mapping of `${port}` is called, by itself or by `with_port_name`."""
        return next((str(mapping["name"]) for _, mapping in self._service_ports() if mapping.get("name")), PORT_NAME)

    def with_port_name(self) -> "TaskTemplate":
        """The template whose port mapping of `${port}` has a name, by which Service Connect knows it."""
        document = copy.deepcopy(self.document)
        for _, mapping in TaskTemplate(self.path, document)._service_ports():
            mapping["name"] = self.port_name()
        return TaskTemplate(self.path, document)

    def placeholders(self, field: str | None = None) -> set[str]:
        """The names that the template, or one of its top-level fields, refers to."""
        part = self.document if field is None else self.document[field]
        return {name for text in _strings(part) for name in PLACEHOLDER.findall(text)}

    def image_containers(self) -> list[str]:
        """The containers that run the service's own image: those whose image is `${image}`."""
        return [task_rules.name_of(c) for c in self._containers() if c.get("image") == "${image}"]

    def sidecars(self) -> list[str]:
        """The other containers."""
        of_service = self.image_containers()
        return [name for c in self._containers() if (name := task_rules.name_of(c)) not in of_service]

    def port_container(self) -> str | None:
        """The container that listens on the service's port: the one that maps `${port}`."""
        return next((task_rules.name_of(container) for container, _ in self._service_ports()), None)

    def _service_ports(self) -> Iterator[tuple[dict[str, Any], dict[str, Any]]]:
        """The first container that maps `${port}`, with that mapping."""
        for container in self._containers():
            for mapping in task_rules.dicts(container.get("portMappings")):
                if mapping.get("containerPort") == "${port}":
                    yield container, mapping
                    return

    def _containers(self) -> list[dict[str, Any]]:
        return task_rules.containers_of(self.document)

    def problems(self, values: Mapping[str, Any], *, sessions: bool = False) -> list[str]:
        """Everything that is wrong with the template for a service.

        Args:
            values: what the placeholders that the service provides stand for, or may stand for.
            sessions: whether ECS Exec is on.
        """
        used, provided = self.placeholders(), values.keys()
        problems = [self._unknown(name, provided) for name in sorted(used - provided)]
        problems += [
            f"{self.path}: ${{{name}}} is not used, so what the service says of it would be lost"
            for name in sorted(provided - used)
        ]
        problems += [
            f"{self.path}: containerDefinitions[{index}].name must be a plain name"
            for index, container in enumerate(self._containers())
            if not isinstance(container.get("name"), str) or PLACEHOLDER.search(container["name"])
        ]
        if not self.image_containers():
            problems.append(f'{self.path}: no container has "image": "${{image}}", so nothing would be released')
        if "port" in provided and self.port_container() is None:
            problems.append(f'{self.path}: no container maps "containerPort": "${{port}}"')
        document = self.rendered({**STAND_INS, **values})
        report = ParamValidator().validate(document, _request_shape())
        refused = [
            *(
                f"{key}: not in a template: {why}"
                for key, why in task_rules.NOT_A_TEMPLATE_S.items()
                if key in document
            ),
            *_mistakes(report),
            *_unknown_values(document, _request_shape(), ""),
            *task_rules.problems(
                document, parameters={secret["name"] for secret in values.get("secrets", [])}, sessions=sessions
            ),
            *task_reads.problems(document, {**STAND_INS, **values}),
        ]
        return [*problems, *(f"{self.path}: {problem}" for problem in refused)]

    def fixed_images(self, repository: str) -> list[str]:
        """Containers that name an image of the service's own repository, and not by `${image}`.

        What runs is told by its repository, so such a sidecar would be taken for the app; and its image would expire.
        """
        return [
            f"{self.path}: containerDefinitions[{index}].image: {container['image']!r} is of the service's own "
            f"repository {repository}, whose images the pipeline makes and lets expire; write ${{image}}, or keep a "
            "sidecar's image in another repository"
            for index, container in enumerate(self._containers())
            if isinstance(container.get("image"), str) and is_of(repository, container["image"])
        ]

    def _unknown(self, name: str, provided: Iterable[str]) -> str:
        if name == "port":
            return f"{self.path}: uses ${{port}}, but the service has no task.port"
        known = ", ".join(f"${{{p}}}" for p in sorted(provided))
        return f"{self.path}: ${{{name}}} is not a placeholder; there are {known}"

    def render(self, values: Mapping[str, Any], deployed_by: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """The task definition with every placeholder replaced and every container labelled with the fingerprint.

        Args:
            values: what the placeholders stand for.
            deployed_by: how it is deployed, where that too is an edit to be deployed.

        Raises:
            TemplateError: botocore's model of RegisterTaskDefinition refuses the result.
        """
        document = self.rendered(values)
        report = ParamValidator().validate(document, _request_shape())
        if report.has_errors():
            raise TemplateError(f"{self.path}: {'; '.join(_mistakes(report))}")
        fingerprint = fingerprint_of({**document, **(deployed_by or {})}, self.image_containers())
        for container in document["containerDefinitions"]:
            container["dockerLabels"] = {**container.get("dockerLabels", {}), FINGERPRINT_LABEL: fingerprint}
        return document

    def reads(self, values: Mapping[str, Any]) -> Reads:
        """What the template names that ECS reads or mounts, beside the service's own image and parameters."""
        known = {**STAND_INS, **values, "secrets": []}
        return task_reads.reads(self.rendered(known), known["image"])

    def rendered(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """The template with its placeholders replaced, whether ECS would take it or not."""
        document: dict[str, Any] = _render(self.document, _request_shape(), values)
        return document

    def render_field(self, field: str, values: Mapping[str, Any]) -> Any:
        """One top-level field with its placeholders replaced."""
        return _render(self.document[field], _member(_request_shape(), field), values)


def fingerprint_of(document: Mapping[str, Any], image_containers: list[str]) -> str:
    """What a task definition is made of but for the service's own image: 16 hex digits of a SHA-256."""
    containers = [
        {**container, "image": "" if container["name"] in image_containers else container["image"]}
        for container in document["containerDefinitions"]
    ]
    canonical = json.dumps({**document, "containerDefinitions": containers}, sort_keys=True)
    return hashlib.sha256(canonical.encode()).hexdigest()[:16]


def _render(value: Any, shape: Shape | None, values: Mapping[str, Any]) -> Any:
    if isinstance(value, dict):
        return {key: _render(item, _member(shape, key), values) for key, item in value.items()}
    if isinstance(value, list):
        element = shape.member if isinstance(shape, ListShape) else None
        return [part for item in value for part in _render_item(item, element, values)]
    if isinstance(value, str):
        whole = PLACEHOLDER.fullmatch(value)
        if whole:
            return _typed(values.get(whole[1], value), shape)
        return PLACEHOLDER.sub(lambda match: str(values.get(match[1], match[0])), value)
    return value


def _render_item(item: Any, shape: Shape | None, values: Mapping[str, Any]) -> list[Any]:
    """An item of a list; a placeholder that stands for a list among others is its items."""
    rendered = _render(item, shape, values)
    return rendered if isinstance(item, str) and isinstance(rendered, list) else [rendered]


def _unknown_values(value: Any, shape: Shape | None, path: str) -> Iterator[str]:
    """Texts that are none of those that botocore's model of ECS knows; botocore itself does not look."""
    if isinstance(value, dict):
        for key, item in value.items():
            if key not in SAID_BY_RULES:
                yield from _unknown_values(item, _member(shape, key), f"{path}.{key}" if path else key)
    elif isinstance(value, list):
        element = shape.member if isinstance(shape, ListShape) else None
        for index, item in enumerate(value):
            yield from _unknown_values(item, element, f"{path}[{index}]")
    elif isinstance(value, str) and isinstance(shape, StringShape) and shape.enum and value not in shape.enum:
        yield f"{path}: {shown(value)}; ECS takes {', '.join(shape.enum)}"


def _member(shape: Shape | None, key: str) -> Shape | None:
    if isinstance(shape, StructureShape):
        member: Shape | None = shape.members.get(key)
        return member
    return shape.value if isinstance(shape, MapShape) else None


def _typed(value: Any, shape: Shape | None) -> Any:
    kind = shape.type_name if shape is not None else None
    if kind == "string" and not isinstance(value, (list, dict)):
        return str(value)
    if kind in ("integer", "long") and isinstance(value, (str, float)) and str(value).removesuffix(".0").isdigit():
        return int(value)
    return value


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


def _shown(path: Path) -> str:
    return "/".join(path.parts[-2:])


def _mistakes(report: ValidationErrors) -> Iterator[str]:
    """What botocore says of a request, as `path: what is wrong, and what would be right`."""
    for line in report.generate_report().splitlines():
        text = line.strip()
        if wrong := INVALID_TYPE.fullmatch(text):
            types = dict.fromkeys(TYPES.get(name, name) for name in NAMES.findall(wrong["types"]))
            value = shown(wrong["value"]) if wrong["type"] == "str" else wrong["value"]
            yield f"{wrong['path']}: {value}; must be {' or '.join(types)}"
        elif unknown := UNKNOWN.fullmatch(text):
            yield f"{_key(unknown)}: there is no such key{suggestion(unknown['key'], unknown['keys'].split(', '))}"
        elif missing := MISSING.fullmatch(text):
            yield f"{_key(missing)}: is missing"
        else:
            yield text


def _key(match: re.Match[str]) -> str:
    """The path of the key that botocore names; what it calls `input` is the whole."""
    return match["key"] if match["path"] == "input" else f"{match['path']}.{match['key']}"
