"""The pipeline that deploys a service, as the deployed pipelines say."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from sandbox.clients.session import Session
from sandbox.stacks import SandboxError

Json = dict[str, Any]
SERVICE_KEYS = ("ServiceName", "ApplicationName", "DeploymentGroupName")


def named(candidate: str, service: str) -> bool:
    """Whether a resource's name is the service's: `service` or `…-service`."""
    return candidate == service or candidate.endswith(f"-{service}")


def find_pipeline(codepipeline: Any, service: str, stack: str = "") -> Json:
    """The declared pipeline that deploys `service`; of several, the one that is named for the stack."""
    pages = codepipeline.get_paginator("list_pipelines").paginate()
    names = [entry["name"] for page in pages for entry in page["pipelines"]]
    pipelines = [codepipeline.get_pipeline(name=name)["pipeline"] for name in names]
    found = [pipeline for pipeline in pipelines if deploys(pipeline, service)]
    exact = [pipeline for pipeline in found if pipeline["name"] in (service, f"{stack}-{service}")]
    if len(exact or found) == 1:
        return dict((exact or found)[0])
    known = ", ".join(names) or "none; is the stack up?"
    if not found:
        raise SandboxError(f"no pipeline deploys a service {service}; the pipelines are: {known}")
    several = ", ".join(pipeline["name"] for pipeline in found)
    raise SandboxError(f"several pipelines deploy a service {service}: {several}; use the pipeline's full name")


def deploys(pipeline: Json, service: str) -> bool:
    names = [pipeline["name"]]
    for action in actions_of(pipeline):
        if action["actionTypeId"]["category"] == "Deploy":
            names += [action.get("configuration", {}).get(key, "") for key in SERVICE_KEYS]
    return any(named(name, service) for name in names)


def actions_of(pipeline: Json) -> Iterator[Json]:
    for stage in pipeline["stages"]:
        yield from stage["actions"]


def s3_source(pipeline: Json) -> Json:
    """The S3 source action of a pipeline."""
    for action in pipeline["stages"][0]["actions"]:
        if action["actionTypeId"]["provider"] == "S3":
            return dict(action)
    providers = ", ".join(action["actionTypeId"]["provider"] for action in pipeline["stages"][0]["actions"])
    raise SandboxError(f"the pipeline {pipeline['name']} takes its source from {providers}, not from an S3 upload")


def executions(session: Session, pipeline: Json) -> list[Json]:
    """The pipeline's newest executions, newest first."""
    answer = session.client("codepipeline").list_pipeline_executions(pipelineName=pipeline["name"])
    return list(answer["pipelineExecutionSummaries"])
