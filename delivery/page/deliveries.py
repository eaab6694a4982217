"""The deliveries of a service: what went through its pipeline, and what `up` had ECS deploy."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import boto3

from delivery.output.who import who
from delivery.page import deployments
from delivery.page.facts import Delivery, Deployment, Outcome, Step
from delivery.page.words import legible
from releases import executions
from releases.ecs import tasks_of
from releases.history import History
from releases.names import LIVE, aws_name, release_tag
from releases.pipeline import RUNNING, Pipeline
from releases.pipeline_state import DEPLOY_STAGE
from releases.record import UNKNOWN, Release
from releases.service_state import ServiceState, revision_name

OUTCOMES = {"Succeeded": Outcome.SUCCEEDED, "Failed": Outcome.FAILED, "InProgress": Outcome.RUNNING}
"""CodePipeline's states of actions and executions; all others end them without success."""
EVENT = "CloudWatchEvent"
"""CodePipeline's `triggerType` of what an EventBridge rule has started."""
LOOKED_AT = 3
"""For each delivery that is wanted so many executions are looked at: one that has nothing to deploy is none."""


def read_deliveries(
    session: boto3.Session, stack: str, state: ServiceState, history: History, most: int
) -> list[Delivery]:
    """The newest deliveries of a service, the newest first.

    Raises:
        botocore.exceptions.ClientError: AWS refuses to tell.
    """
    pipeline, ecs = Pipeline(session, aws_name(stack, state.service)), session.client("ecs")
    if not pipeline.exists:
        return []
    tasks, found = tasks_of(ecs, state.cluster, state.name), list[Delivery]()
    for looked_at, summary in enumerate(pipeline.executions()):
        if len(found) == most or looked_at == LOOKED_AT * most:
            break
        delivery = _delivery(session, pipeline, summary, history, tasks)
        found += [delivery] if delivery else []
    if not found:
        return []
    listed = deployments.by_ecs(ecs, state, tasks, found[-1].started)
    return with_deployments(found, listed, history.releases)[:most]


def with_deployments(
    found: Sequence[Delivery], listed: Iterable[Deployment], releases: Sequence[Release]
) -> list[Delivery]:
    """Give each deployment to the delivery that has made it; what none has made is a release without the pipeline, an
    edit, or somebody's own.

    Args:
        found: deliveries of the pipeline.
        listed: deployments of ECS's.
        releases: all that are known, the newest first.
    """
    of, others = dict[str, list[Deployment]](), list[Delivery]()
    for deployment in listed:
        release = released_by(deployment, releases)
        by_release = [each for each in found if release and each.id == release.execution]
        by_time = [each for each in found if not release and _deployed(each, deployment)]
        if made_by := next(iter([*by_release, *by_time]), None):
            of.setdefault(made_by.id, []).append(deployment)
        else:
            others.append(_unlisted(deployment, release) if release else _edit(deployment))
    whole = [replace(each, deployments=[*each.deployments, *of.get(each.id, [])]) for each in found]
    return sorted([*whole, *others], key=lambda each: each.started, reverse=True)


def released_by(deployment: Deployment, releases: Sequence[Release]) -> Release | None:
    """The release that a deployment became: of its task definition, and recorded after it had begun.

    Args:
        deployment: one of ECS's.
        releases: the newest first.
    """
    return next(
        (
            each
            for each in reversed(releases)
            if deployment.revision == revision_name(each.task_definition) and not before(each, deployment.started)
        ),
        None,
    )


def _deployed(delivery: Delivery, deployment: Deployment) -> bool:
    """Whether a delivery was in its Deploy stage when a deployment began."""
    spans = [(step.started, step.ended) for step in delivery.steps if step.stage == DEPLOY_STAGE]
    if not spans:
        return False
    last = max((ended or datetime.max.replace(tzinfo=UTC) for _, ended in spans))
    return min(began for began, _ in spans) <= deployment.started <= last


def _unlisted(deployment: Deployment, release: Release) -> Delivery:
    """A release of no execution that is listed; `delivery deploy --without-pipeline` names one that there is not."""
    return replace(
        _edit(deployment),
        what=f"{release_tag(release.release)}, without the pipeline or by an execution before these",
        who=who(release.by) if release.by else "somebody by hand",
        release=release.release,
        digest=release.image_digest,
        commit="" if release.commit == UNKNOWN else release.commit,
    )


def _edit(deployment: Deployment) -> Delivery:
    return Delivery(
        id=deployment.id,
        outcome=deployment.outcome,
        what="an edit, with the live image",
        who="up, or somebody by hand",
        started=deployment.started,
        ended=deployment.ended,
        reason=deployment.reason,
        deployments=[deployment],
    )


def _delivery(
    session: boto3.Session, pipeline: Pipeline, summary: Mapping[str, Any], history: History, tasks: Sequence[Any]
) -> Delivery | None:
    """An execution as a delivery; None when it had nothing to deploy."""
    id, status = summary["pipelineExecutionId"], summary["status"]
    actions = pipeline.actions(id)
    outcome = Outcome.RUNNING if status in RUNNING else OUTCOMES.get(status, Outcome.STOPPED)
    if nothing_to_deploy(outcome, actions):
        return None
    release = next((each for each in history.releases if each.execution == id), None)
    told: Mapping[str, str] = next(
        (v for a in actions if "IMAGE_DIGEST" in (v := a.get("output", {}).get("outputVariables", {}))), {}
    )
    commit = release.commit if release else told.get("COMMIT", UNKNOWN)
    repository = release.repository if release else told.get("COMMIT_REPOSITORY", UNKNOWN)
    trigger = summary.get("trigger", {})
    image = executions.variable(pipeline.execution(id), executions.IMAGE) or executions.NO_IMAGE
    return Delivery(
        id=id,
        outcome=outcome,
        what=what(image, [each for each in history.releases if before(each, summary["startTime"])]),
        who=who(str(trigger.get("triggerDetail", "")))
        if trigger.get("triggerType") != EVENT
        else by_event(image, repository),
        started=summary["startTime"],
        ended=None if outcome is Outcome.RUNNING else summary["lastUpdateTime"],
        release=release.release if release else None,
        digest=release.image_digest if release else told.get("IMAGE_DIGEST", ""),
        commit="" if commit == UNKNOWN else commit,
        reason=legible(pipeline.failure_reason(id).partition(": ")[2]) if outcome is Outcome.FAILED else "",
        steps=[_step(action) for action in actions],
        deployments=[
            deployment
            for action in actions
            if action["input"]["actionTypeId"].get("provider") == "CodeDeployToECS"
            and (known := action.get("output", {}).get("executionResult", {}).get("externalExecutionId"))
            and (deployment := deployments.by_code_deploy(session.client("codedeploy"), known, tasks))
        ],
    )


def nothing_to_deploy(outcome: Outcome, actions: Sequence[Mapping[str, Any]]) -> bool:
    """Whether an execution was none worth a line: a new pipeline's first one, or an event that came twice."""
    if outcome is Outcome.RUNNING:
        return False
    if outcome is Outcome.SUCCEEDED:
        return all(action["stageName"] != DEPLOY_STAGE for action in actions)
    return all(action["status"] != "Succeeded" for action in actions)


def before(release: Release, moment: datetime) -> bool:
    """Whether something was released before a moment."""
    return datetime.fromisoformat(release.time) < moment


def what(image: str, earlier: Sequence[Release]) -> str:
    """What an execution was to deploy, in words.

    Args:
        image: the pipeline's variable (`releases/executions.py`).
        earlier: the releases before, the newest first, which say what a digest was.
    """
    if image == LIVE:
        return "the live image"
    if image == executions.REBUILD:
        return "its source, built anew"
    if image == executions.NO_IMAGE:
        return "an upload"
    stack, digest = executions.promoted(image)
    if stack:
        return f"an image of {stack}"
    known = next((each for each in earlier if each.image_digest == digest), None)
    return f"the image of {release_tag(known.release)} again" if known else "an image by its digest"


def by_event(image: str, repository: str) -> str:
    """Who is behind an event: a changed template is deployed with the live image, and all else was uploaded, which a
    repository stands for, as nothing tells who did it.

    Args:
        image: the pipeline's variable.
        repository: where the uploaded commit is, or `unknown`.
    """
    if image == LIVE:
        return "up"
    return "an uploader" if repository == UNKNOWN else repository


def _step(action: Mapping[str, Any]) -> Step:
    outcome = OUTCOMES.get(action["status"], Outcome.STOPPED)
    category = action["input"]["actionTypeId"]["category"]
    by = who(action.get("updatedBy", "")) if category == "Approval" and outcome is not Outcome.RUNNING else ""
    return Step(
        stage=action["stageName"],
        name=action["actionName"],
        category=category,
        outcome=outcome,
        started=action["startTime"],
        ended=None if outcome is Outcome.RUNNING else action.get("lastUpdateTime"),
        by=by,
    )
