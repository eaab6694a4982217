"""The Lambda function of a deploy pipeline: what it knows of its service, and what it may do.

Functions without resources; `DeployPipeline` makes the function.
"""

from typing import Any

import pulumi

from components.iam import delivery_policies, job_policies, policies
from components.pipeline import assets, promotion
from components.pipeline.builds import DOCKER_PLATFORMS, DeployPipelineArgs, is_shared
from components.pipeline.origin import Origin
from components.pipeline.sources import Source
from components.service.ecs_service import EcsService
from releases.events import PACKAGED, RELEASED, SOURCE, STARTED
from releases.names import migration_family, template_folder

HANDLER = "pipeline_steps.handler.handle"
SECONDS = 900
"""Of one call, the most that Lambda allows: an image whose large layers are copied takes minutes. No step waits."""


def settings(args: DeployPipelineArgs, origin: Origin) -> pulumi.Output[str]:
    """The value of the function's environment variable, which `pipeline_steps.settings.Settings` reads."""
    service = args["service"]
    platform, images, template = service.args["platform"], service.args["images"], service.args["template"]
    fields: dict[str, Any] = {
        "pipeline": platform.scope.name(service.service),
        "cluster": platform.cluster.name,
        "service": service.name,
        "controller": service.deploy.controller.type,
        "containers": template.image_containers(),
        "sidecars": template.sidecars(),
        "minimum_tasks": service.tasks.min,
        "deploy_minutes": service.deploy.release_minutes,
        "repository": images.name,
        "record": service.record_name,
        "repository_uri": images.url,
        "platform": DOCKER_PLATFORMS[service.args["task"].architecture],
        "promotion": promotion.setting(args.get("source", Source()), platform.scope, service.service),
        **assets.settings(args.get("assets")),
        **({"is_shared": True} if is_shared(args) else {}),
        **origin.step_settings,
    }
    if service.deploy.controller.deploys_template:
        fields |= {
            "template_bucket": platform.delivery_store.bucket,
            "template_folder": template_folder(service.service),
        }
    if (migrate := args.get("migrate")) is not None:
        fields["migration"] = {
            "command": migrate.command,
            "minutes": migrate.timeout,
            "family": _migration_family(service),
        }
    return pulumi.Output.json_dumps(fields)


def permissions(args: DeployPipelineArgs, origin: Origin) -> list[policies.Statement]:
    """What the function's role may do: all that the pipeline's steps do."""
    service, migrates = args["service"], args.get("migrate") is not None
    scope, deployable, controller = service.args["platform"].scope, service.deployable, service.deploy.controller
    source, images = args.get("source", Source()), service.args["images"]
    pipeline_arn = scope.arn("codepipeline", scope.name(service.service))
    # Whether another execution had the same start is looked for by Build, where an upload has one to itself.
    by_build = source.is_built and not is_shared(args)
    looks = delivery_policies.read_execution if by_build else delivery_policies.find_executions
    statements = delivery_policies.answer_jobs()
    if controller.release_counts_tasks or migrates or service.args["template"].sidecars():
        statements += delivery_policies.find_tasks(deployable.cluster_arn, deployable.tasks_arn)
    if controller.deploys_template:  # Release, too, looks at the image's tags
        statements += delivery_policies.read_template(template_arn(service))
    if migrates:  # Release, too, has the service, its revisions and its roles
        statements += delivery_policies.migrate_service(
            cluster_arn=deployable.cluster_arn,
            task_definition_arn=scope.arn("ecs", f"task-definition/{_migration_family(service)}:*"),
            tasks_arn=deployable.tasks_arn,
            log_group_arn=service.log_group_arn,
        )
    if service.tasks.sleeps:
        statements += job_policies.read_scaling()
    # A scalable target's ARN ends in an id that AWS makes up and no output gives.
    scalable_targets = scope.arn("application-autoscaling", "scalable-target/*")
    return [
        *statements,
        *origin.step_permissions,
        *promotion.permissions(source, scope, service.service),
        *(delivery_policies.copy_image(images.arn) if source.takes_images or args.get("assets") else []),
        *policies.read_labels(images.arn),
        *delivery_policies.release_service(service.arn, scalable_targets, service.role_arns),
        *policies.tag_image(images.arn),
        *delivery_policies.read_release(service.record_arn),
        *delivery_policies.write_release(service.record_arn),
        *delivery_policies.put_events(scope.arn("events", "event-bus/default"), SOURCE, STARTED, PACKAGED, RELEASED),
        *delivery_policies.put_metrics(SOURCE),
        *looks(pipeline_arn),
    ]


def template_arn(service: EcsService) -> pulumi.Output[str]:
    """The objects of the template that CodeDeploy deploys."""
    store = service.args["platform"].delivery_store
    return pulumi.Output.concat(store.arn, "/", template_folder(service.service), "/*")


def _migration_family(service: EcsService) -> str:
    return migration_family(service.args["platform"].scope.name(service.service))
