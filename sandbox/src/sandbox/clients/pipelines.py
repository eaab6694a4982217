"""Finds the pipeline that deploys a service."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from sandbox.clients.session import Session
from sandbox.stacks import SandboxError

Json = dict[str, Any]
SERVICE_KEYS = ("ServiceName", "ApplicationName", "DeploymentGroupName")


def is_name_of(candidate: str, service: str) -> bool:
    """Whether a resource's name is the service's: `service` or `…-service`."""
    return candidate == service or candidate.endswith(f"-{service}")


def find_pipeline(codepipeline: Any, service: str, exact_names: Sequence[str] = ()) -> Json:
    """The pipeline that deploys a service, by its own name or by the service's.

    Args:
        codepipeline: a client.
        service: the name of the pipeline or of what it deploys, or how that name ends after a hyphen.
        exact_names: of several such pipelines, one of these names is the one.

    Raises:
        SandboxError: there is none, or there are several.
    """
    pages = codepipeline.get_paginator("list_pipelines").paginate()
    names = [entry["name"] for page in pages for entry in page["pipelines"]]
    pipelines = [codepipeline.get_pipeline(name=name)["pipeline"] for name in names]
    candidates = [each for each in pipelines if each["name"] in exact_names or deploys(each, service)]
    exact = [pipeline for pipeline in candidates if pipeline["name"] in (service, *exact_names)]
    if len(exact or candidates) == 1:
        return dict((exact or candidates)[0])
    existing = ", ".join(names) or "none; is the stack up?"
    if not candidates:
        raise SandboxError(f"no pipeline deploys a service {service}; the pipelines are: {existing}")
    several = ", ".join(pipeline["name"] for pipeline in candidates)
    raise SandboxError(f"several pipelines deploy a service {service}: {several}; use the pipeline's full name")


def deploys(pipeline: Json, service: str) -> bool:
    names = [pipeline["name"]]
    for action in actions_of(pipeline):
        if action["actionTypeId"]["category"] == "Deploy":
            names += [action.get("configuration", {}).get(key, "") for key in SERVICE_KEYS]
    return any(is_name_of(name, service) for name in names)


def actions_of(pipeline: Json) -> Iterator[Json]:
    for stage in pipeline["stages"]:
        yield from stage["actions"]


def ecs_services(session: Session, pipeline: Json, service: str) -> list[tuple[str, str]]:
    """(cluster, name) of the ECS services that a pipeline's Deploy actions deploy, or else of those of that name."""
    ecs, codedeploy = session.client("ecs"), session.client("codedeploy")
    services: list[tuple[str, str]] = []
    for action in actions_of(pipeline):
        configuration = action.get("configuration", {})
        if action["actionTypeId"]["provider"] == "ECS":
            services.append((configuration["ClusterName"], configuration["ServiceName"]))
        elif action["actionTypeId"]["provider"] == "CodeDeployToECS":
            group = codedeploy.get_deployment_group(
                applicationName=configuration["ApplicationName"],
                deploymentGroupName=configuration["DeploymentGroupName"],
            )["deploymentGroupInfo"]
            services += [(each["clusterName"], each["serviceName"]) for each in group["ecsServices"]]
    return services or [
        (cluster, name)
        for cluster in ecs.list_clusters()["clusterArns"]
        for name in (arn.rpartition("/")[2] for arn in ecs.list_services(cluster=cluster)["serviceArns"])
        if is_name_of(name, service)
    ]
