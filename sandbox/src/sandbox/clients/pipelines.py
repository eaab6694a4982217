"""Finds the pipeline that deploys a service."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.clients.session import Session
from sandbox.progress import Progress
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


def uploaded_source(pipeline: Json) -> Json:
    """A pipeline's source action that takes an object of S3.

    Raises:
        SandboxError: it has none.
    """
    for action in pipeline["stages"][0]["actions"]:
        if action["actionTypeId"]["provider"] == "S3":
            return dict(action)
    providers = ", ".join(action["actionTypeId"]["provider"] for action in pipeline["stages"][0]["actions"])
    raise SandboxError(
        f"the pipeline {pipeline['name']} takes its source from {providers}, not from S3; sandbox push pushes an image"
    )


def rules_of(session: Session, name: str) -> Iterator[Json]:
    """The event rules that start a pipeline."""
    events = session.client("events")
    arn = session.client("codepipeline").get_pipeline(name=name)["metadata"]["pipelineArn"]
    for rule in events.list_rules()["Rules"]:
        targets = events.list_targets_by_rule(Rule=rule["Name"])["Targets"]
        if any(target["Arn"] == arn for target in targets):
            yield rule


MINUTES_OF_ANOTHER_SOURCE = 60
"""For how long the execution before may be at Source (CodePipeline user guide, Quotas)."""


@dataclass(frozen=True)
class Started:
    """What has become of a new revision of a pipeline's source.

    Attributes:
        execution: the first execution of it, or one that has failed before it knew its source; None when there is none.
        waits: whether a new execution has not had its turn at Source.
    """

    execution: str | None
    waits: bool


def rules_beside(session: Session, name: str, key: str) -> frozenset[str]:
    """The names of the rules that start a pipeline and are not for an object, where there is one that is."""
    rules = {rule["Name"]: key in rule.get("EventPattern", "") for rule in rules_of(session, name)}
    return frozenset(name for name, of_object in rules.items() if not of_object) if any(rules.values()) else frozenset()


def started(
    session: Session, pipeline: Json, revision: str, earlier: Collection[str], others: Collection[str] = ()
) -> Started:
    """Look which execution a revision, or a variable of that value, has started.

    Args:
        session: the sandbox.
        pipeline: as GetPipeline has it.
        revision: the revision, or the value.
        earlier: executions that were there before.
        others: rules whose executions are for something else; their source may still have found the revision.
    """
    waits = False
    for execution in reversed(executions(session, pipeline)):
        identifier = str(execution["pipelineExecutionId"])
        revisions = [each.get("revisionId") for each in execution.get("sourceRevisions", [])]
        by = execution.get("trigger", {}).get("triggerDetail", "").rpartition("/")[2]
        if identifier in earlier or by in others:
            continue
        failed_before = not revisions and execution["status"] == "Failed"
        if revision in revisions or failed_before or revision in _values(session, pipeline, identifier):
            return Started(identifier, waits)
        waits = waits or (not revisions and execution["status"] == "InProgress")
    return Started(None, waits)


def _values(session: Session, pipeline: Json, execution: str) -> list[str]:
    """Those of the variables that an execution was started with."""
    codepipeline = session.client("codepipeline")
    found = codepipeline.get_pipeline_execution(pipelineName=pipeline["name"], pipelineExecutionId=execution)
    return [each["resolvedValue"] for each in found["pipelineExecution"].get("variables", [])]


def wait_for_turn(progress: Progress, what: str) -> None:
    """Say that an execution waits for the one before it.

    Args:
        progress: says it once a minute.
        what: the execution is of, such as `push`.

    Raises:
        SandboxError: it has waited for longer than that one may take.
    """
    if progress.waits("The execution waits for the one before it") > MINUTES_OF_ANOTHER_SOURCE * 60:
        raise SandboxError(
            f"the execution of this {what} waits for the one before it, for {MINUTES_OF_ANOTHER_SOURCE} minutes, and "
            "goes on to wait; `sandbox log` shows it"
        )


def executions(session: Session, pipeline: Json) -> list[Json]:
    """The pipeline's newest executions, newest first."""
    answer = session.client("codepipeline").list_pipeline_executions(pipelineName=pipeline["name"])
    return list(answer["pipelineExecutionSummaries"])


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
