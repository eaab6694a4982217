"""The Lambda function of a deploy pipeline: what it knows of its service, and what it may do.

Functions without resources; `DeployPipeline` makes the function.
"""

from typing import Any

import pulumi

from components.iam import policies
from components.pipeline.builds import DeployPipelineArgs, template_arn
from releases import template
from releases.events import RELEASED, SOURCE

HANDLER = "pipeline_steps.handler.handle"
TIMEOUT = 60
"""Seconds of one call, which never waits for AWS."""


def settings(args: DeployPipelineArgs) -> pulumi.Output[str]:
    """The value of the function's environment variable, which `pipeline_steps.settings.Settings` reads."""
    service = args["deployer"].service
    fields: dict[str, Any] = {
        "pipeline": args["scope"].name(args["service"]),
        "cluster": service.cluster_name,
        "service": service.name,
        "controller": args["deployer"].strategy.controller,
        "containers": list(args["containers"]),
        "sidecars": list(args["sidecars"]),
        "minimum_tasks": args["minimum_tasks"],
        "deploy_minutes": args["deployer"].strategy.timeout,
        "repository": args["repository_name"],
        "record": args["record_name"],
        "repository_uri": args["repository_url"],
    }
    if args["deployer"].template is not None:
        fields |= {"template_bucket": args["bucket"], "template_folder": template.folder(args["service"])}
    if (migrate := args["migrate"]) is not None:
        fields["migration"] = {
            "command": migrate.command,
            "minutes": migrate.timeout,
            "family": _migrations(args),
        }
    return pulumi.Output.json_dumps(fields)


def permissions(args: DeployPipelineArgs) -> list[policies.Statement]:
    """What the function's role may do: all that the pipeline's steps do."""
    looks_at_tasks = (
        args["deployer"].strategy.controller == "CODE_DEPLOY" or bool(args["sidecars"]) or args["migrate"] is not None
    )
    return [
        *policies.answer_jobs(),
        *(
            policies.find_tasks(args["deployer"].service.cluster_arn, args["deployer"].service.tasks_arn)
            if looks_at_tasks
            else []
        ),
        *(_template(args) if args["deployer"].template is not None else []),
        *(_migrate(args) if args["migrate"] is not None else []),
        *_release(args),
    ]


def _migrations(args: DeployPipelineArgs) -> str:
    """The family of the service's migrations."""
    return f"{args['scope'].name(args['service'])}-migrate"


def _template(args: DeployPipelineArgs) -> list[policies.Statement]:
    """The image's tags are looked at by Release, too."""
    return [*policies.read_release(args["record_arn"]), *policies.read_template(template_arn(args))]


def _migrate(args: DeployPipelineArgs) -> list[policies.Statement]:
    """The service, its revisions and its roles are Release's, too."""
    return policies.migrate_service(
        cluster_arn=args["deployer"].service.cluster_arn,
        task_definition_arn=args["scope"].arn("ecs", f"task-definition/{_migrations(args)}:*"),
        tasks_arn=args["deployer"].service.tasks_arn,
        log_group_arn=args["log_group_arn"],
    )


def _release(args: DeployPipelineArgs) -> list[policies.Statement]:
    scope = args["scope"]
    # A scalable target's ARN ends in an id that AWS makes up and no output gives.
    scalable_targets = scope.arn("application-autoscaling", "scalable-target/*")
    return [
        *policies.release_service(args["deployer"].service.arn, scalable_targets, args["deployer"].service.role_arns),
        *policies.tag_image(args["repository_arn"]),
        *policies.write_release(args["record_arn"]),
        *policies.announce(scope.arn("events", "event-bus/default"), SOURCE, RELEASED),
        *policies.measure(SOURCE),
    ]
