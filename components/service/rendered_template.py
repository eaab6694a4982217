"""A service's task definition: its template, with a value for each placeholder."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pulumi
import pulumi_aws as aws
from botocore import xform_name

from components.iam.roles import retry_until_role_is_known
from components.scope import Scope
from components.service.strategies.strategy import Template
from components.service.task import Task
from components.service.task_template import STORAGE, TaskTemplate
from releases import template as template_files
from releases.record import FINGERPRINT_LABEL


def known_values(scope: Scope, service: str, task: Task) -> dict[str, Any]:
    """The values of placeholders that are known before any resource is."""
    return {
        "family": scope.name(service),
        "region": scope.region,
        **{name: value for name, value in task.placeholders().items() if value is not None},
    }


@dataclass(frozen=True)
class RenderedTemplate:
    """A task template and the values of its placeholders.

    Attributes:
        template: the task template.
        known: the values that are known before any resource is.
        outputs: those that are resources' outputs, but for the image.
        app_spec: how CodeDeploy deploys it; None where ECS does.
    """

    template: TaskTemplate
    known: Mapping[str, Any]
    outputs: Mapping[str, pulumi.Input[Any]]
    app_spec: pulumi.Output[dict[str, Any]] | None

    def with_image(self, image: pulumi.Input[str]) -> pulumi.Output[dict[str, Any]]:
        """The task definition. Its fingerprint covers the AppSpec but for the hooks, which change nothing that runs."""

        def render(values: Sequence[Any]) -> dict[str, Any]:
            outputs, app_spec = values
            return self.template.render({**self.known, **outputs}, app_spec and {"Resources": app_spec["Resources"]})

        return pulumi.Output.all(pulumi.Output.all(**self.outputs, image=image), self.app_spec).apply(render)

    def revision(
        self, name: str, image: pulumi.Input[str], opts: pulumi.ResourceOptions
    ) -> tuple[aws.ecs.TaskDefinition, pulumi.Output[str]]:
        """A revision of the task definition, and the fingerprint of the template."""
        rendered = self.with_image(image)
        opts = pulumi.ResourceOptions.merge(opts, pulumi.ResourceOptions(hooks=retry_until_role_is_known(name)))
        definition = aws.ecs.TaskDefinition(name, **self._inputs(rendered), skip_destroy=True, opts=opts)
        fingerprint = rendered.apply(
            lambda document: str(document["containerDefinitions"][0]["dockerLabels"][FINGERPRINT_LABEL])
        )
        return definition, fingerprint

    def to_deploy(self, fingerprint: pulumi.Output[str], hooks: pulumi.ResourceHookBinding | None) -> Template | None:
        """What CodeDeploy deploys, with IMAGE_PLACEHOLDER for the image; None where ECS deploys."""
        if self.app_spec is None:
            return None
        app_spec = pulumi.Output.all(fingerprint, self.app_spec).apply(
            lambda values: template_files.headed(values[0], json.dumps(values[1], indent=2))
        )
        rendered = self.with_image(f"<{template_files.IMAGE_PLACEHOLDER}>").apply(json.dumps)
        return Template(rendered, app_spec, hooks)

    def _inputs(self, rendered: pulumi.Output[dict[str, Any]]) -> dict[str, Any]:
        """The fields as `aws.ecs.TaskDefinition` takes them; what is known now stays known in a preview."""
        inputs: dict[str, Any] = {}
        for key in self.template.document:
            if key == "containerDefinitions":
                inputs["container_definitions"] = rendered.apply(
                    lambda document: json.dumps(document["containerDefinitions"])
                )
            elif self.template.placeholders(key) <= self.known.keys():
                inputs[xform_name(key)] = _as_provider(key, self.template.render_field(key, self.known))
            else:
                inputs[xform_name(key)] = rendered.apply(lambda document, key=key: _as_provider(key, document[key]))  # type: ignore[misc]
        return inputs


def _as_provider(key: str, value: Any) -> Any:
    """A field in the provider's words, which differ from ECS's in two."""
    if key == STORAGE:
        return {"size_in_gib": value["sizeInGiB"]}
    if key == "volumes":
        return [{field: part for field, part in volume.items() if field != "host"} for volume in value]
    return value
