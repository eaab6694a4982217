"""The edits that an SRE makes in the stack file and in the task templates."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

from config.layers import merge
from tests.soak.expected import Variant

STACK = "dev"
COMMON = "fargate-delivery:common"
WEB, WORKER, SHOP, EXTRA = "chuoi", "mailer", "shop", "extra"
"""Two that ECS deploys, one that CodeDeploy deploys, and one that comes and goes."""
TEMPLATES = {WEB: "web.json", WORKER: "worker.json", SHOP: "shop.json", EXTRA: "worker.json"}
PARAMETERS = {WEB: "PHX_HOST", WORKER: "SMTP_HOST", SHOP: "PHX_HOST", EXTRA: "SMTP_HOST"}
EDITED = "EDIT"
"""The environment variable that an edit of a template changes."""


class Declared:
    """The files of stack `dev` in a copy of the repository.

    Args:
        root: the copy's folder.
    """

    def __init__(self, root: Path) -> None:
        self._stack_file, self._templates = root / f"Pulumi.{STACK}.yaml", root / "task_templates"
        self._write_whole(root / "Pulumi.yaml")

    def variants(self) -> dict[str, Variant]:
        """What the files say now, by service."""
        return {
            name: Variant(self._edited(name), service["parameters"][PARAMETERS[name]]["value"])
            for name, service in self._services(self._content()).items()
        }

    def edit_template(self, service: str, value: int) -> None:
        """Change a task template; both workers have the same one."""
        path = self._templates / TEMPLATES[service]
        document = json.loads(path.read_text())
        kept = [v for v in document["containerDefinitions"][0].get("environment", []) if v["name"] != EDITED]
        document["containerDefinitions"][0]["environment"] = [*kept, {"name": EDITED, "value": str(value)}]
        path.write_text(json.dumps(document, indent=2))

    def edit_parameter(self, service: str, value: int) -> None:
        """Change a parameter's value."""
        self._change(lambda services: services[service]["parameters"][PARAMETERS[service]].update(value=f"v{value}"))

    def add_blue_green(self) -> None:
        """A service that CodeDeploy deploys, with a template of its own."""
        (self._templates / TEMPLATES[SHOP]).write_text((self._templates / TEMPLATES[WEB]).read_text())

        def add(services: dict[str, Any]) -> None:
            shop = json.loads(json.dumps(services[WEB]))
            shop["task"]["template"] = TEMPLATES[SHOP]
            shop["routes"] = [{"host": "shop.dev.example.com", "priority": 30}]
            services[SHOP] = {**shop, "deploy": {"strategy": "codedeploy", "wait": 1}}

        self._change(add)

    def have_one_route(self, service: str) -> None:
        """Leave a service its first route: ECS shifts the traffic of one."""
        self._change(lambda services: services[service].update(routes=services[service]["routes"][:1]))

    def deploy_by(self, service: str, deploy: dict[str, Any]) -> None:
        """Declare how a service is deployed."""
        self._change(lambda services: services[service].update(deploy=deploy))

    def deploys(self) -> dict[str, Any]:
        """How each service is deployed."""
        return {name: service.get("deploy") for name, service in self._services(self._content()).items()}

    def add_service(self) -> None:
        """A third service, a copy of the worker."""
        self._change(lambda services: services.update({EXTRA: json.loads(json.dumps(services[WORKER]))}))

    def remove_service(self) -> None:
        """The third service goes, with all it has."""
        self._change(lambda services: services.pop(EXTRA))

    def reorder_services(self) -> None:
        """The same services in the opposite order."""

        def turn(services: dict[str, Any]) -> None:
            items = list(services.items())[::-1]
            services.clear()
            services.update(items)

        self._change(turn)

    def _write_whole(self, project_file: Path) -> None:
        """Have the stack file say all of its services, so that one may be copied; what is shared has no say then."""
        content = self._content()
        config = content["config"]
        if config.get(COMMON) == {}:
            return
        common = yaml.safe_load(project_file.read_text())["config"][COMMON]["value"]
        names = ("services", "defaults")
        said = {name: config.pop(f"fargate-delivery:{name}", {}) for name in names}
        config |= {COMMON: {}, "fargate-delivery:services": merge({**said, "common": common}).services}
        self._stack_file.write_text(yaml.safe_dump(content, sort_keys=False))

    def _edited(self, service: str) -> str:
        document = json.loads((self._templates / TEMPLATES[service]).read_text())
        environment = document["containerDefinitions"][0].get("environment", [])
        return next((variable["value"] for variable in environment if variable["name"] == EDITED), "")

    def _content(self) -> dict[str, Any]:
        content: dict[str, Any] = yaml.safe_load(self._stack_file.read_text())
        return content

    def _services(self, content: dict[str, Any]) -> dict[str, Any]:
        services: dict[str, Any] = content["config"]["fargate-delivery:services"]
        return services

    def _change(self, change: Callable[[dict[str, Any]], Any]) -> None:
        content = self._content()
        change(self._services(content))
        self._stack_file.write_text(yaml.safe_dump(content, sort_keys=False))


def prepare(root: Path) -> None:
    """Have a stack's files declare a service of every strategy: one that CodeDeploy deploys, one that ECS may."""
    declared = Declared(root)
    declared.have_one_route(WEB)
    declared.add_blue_green()
