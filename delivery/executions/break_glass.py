"""A release without the pipeline, for when CodePipeline is down: by the pipeline's own steps, run here.

Migrate, Wake, Deploy and Release are those of `pipeline_steps`, with the settings that the service's function has, so
that checks, tags, record and announcement are the same. What differs: this process makes the calls, with the operator's
credentials, and the execution that the record names is made up.
"""

import copy
import json
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any, NoReturn

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from delivery.executions import freeze
from delivery.services.history import service_history
from pipeline_steps import deploy, migrate, release, wake
from pipeline_steps.job import Done, Job, Outcome, StepError
from pipeline_steps.package.images import Images
from pipeline_steps.settings import VARIABLE, Settings
from releases.errors import DeliveryError
from releases.executions import MIGRATION, SKIP_MIGRATION
from releases.names import aws_name, function_of_steps
from releases.pipeline import Origin
from releases.pipeline_state import DEPLOY_STAGE, PipelineState
from releases.progress import Log
from releases.service_state import ServiceState, read_state, revision_name

PAUSE = 5.0
"""Seconds between two calls of a step; CodePipeline calls some 30 seconds later."""
WOKEN = "WOKEN"
"""Wake's variable, of which Release is told."""
DOWN = 500
"""From this HTTP status on it is AWS that fails."""
Step = Callable[[boto3.Session, Settings, Job], Outcome]


@dataclass(frozen=True)
class Plan:
    """A release without the pipeline.

    Attributes:
        service: the service's name in the stack file.
        settings: what the steps know of it.
        digest: the image.
        origin: where the image came from, as an earlier release says it.
        migrates: whether its migration runs first.
        by: the ARN of who does this.
        wakes: whether it wants no task now, so that one is started to prove the release.
        revision: the task definition that it runs, and that is cloned.
        frozen: that its releases wait, why and for whom; "" when they do not.
        others: executions of the pipeline that come to Deploy after it, and where they are.
    """

    service: str
    settings: Settings
    digest: str
    origin: Origin
    migrates: bool
    by: str
    wakes: bool
    revision: str
    frozen: str
    others: tuple[str, ...]

    def lines(self) -> list[str]:
        """What will be done, for people."""
        migration = self.settings.migration
        return [
            f"{self.service}: deploys {self.digest} without its pipeline",
            *([f"  runs the migration first: {' '.join(migration.command)}"] if migration and self.migrates else []),
            *(["  leaves its migration out"] if migration and not self.migrates else []),
            *(["  starts one task for it, as the service wants none; Release stops that"] if self.wakes else []),
            f"  clones {self.revision}, which {self.settings.service} runs, waits until ECS has deployed it, "
            "and releases it",
            "  asks for nobody's approval, also where its pipeline does",
            *([f"  does so although {self.frozen}"] if self.frozen else []),
            *(f"  {each}, and deploys its own image when it comes to that" for each in self.others),
            f"  its release says that {self.by} has done it",
        ]


def plan(
    session: boto3.Session,
    stack: str,
    service: str,
    digest: str,
    log_progress: Log,
    *,
    migrates: bool,
    although_frozen: bool,
) -> Plan:
    """Look whether an image can be released without the pipeline.

    Args:
        session: AWS, as who may do what the service's function may.
        stack: the stack.
        service: the service's name in the stack file.
        digest: the image's.
        log_progress: is told if CodePipeline does not answer.
        migrates: whether the migration runs, if there is one.
        although_frozen: whether a freeze does not stop it.

    Raises:
        RecordError: the release record is none.
        DeliveryError: something is in flight, it is frozen, CodeDeploy deploys it, or the image does not fit.
        MissingImageError: the image is not in the service's repository.
        botocore.exceptions.ClientError: AWS refuses.
    """
    state = read_without_pipeline(session, stack, service, log_progress)
    if state.controller.deploys_template:
        raise DeliveryError(
            f"{state.controller.title} deploys {service}, and only the pipeline's steps can assemble its deployment "
            "from the template, the image and the load balancer's state; use the pipeline. The console's "
            "Create deployment takes an AppSpec: https://docs.aws.amazon.com/codedeploy/latest/userguide/"
            "deployments-create-console-ecs.html"
        )
    state.refuse_in_flight(stack)
    frozen = freeze.words(stack, service, state.pipeline)
    if frozen and not although_frozen:
        raise DeliveryError(f"{frozen}; with --although-frozen it is released anyway")
    settings = settings_of(session, stack, service)
    if misfit := Images(session.client("ecr"), settings.repository).misfit(digest, settings.platform):
        raise DeliveryError(f"the image {digest} {misfit}")
    before = service_history(session, stack, service).with_digest(digest)
    origin = Origin(before.source_version, "", before.commit, before.repository) if before else Origin()
    by = str(session.client("sts").get_caller_identity()["Arn"])
    others = tuple(_not_in_deploy(state.pipeline))
    wakes, revision = not state.desired and state.release is not None, revision_name(state.task_definition)
    return Plan(service, settings, digest, origin, migrates, by, wakes, revision, frozen, others)


def _not_in_deploy(pipeline: PipelineState) -> Iterator[str]:
    """The executions that come to Deploy later, and where they are."""
    for running in pipeline.running:
        if running.stage != DEPLOY_STAGE:
            yield f"execution {running.execution} is in {running.place}"
    for queued in pipeline.queued:
        yield f"execution {queued.execution} waits in front of {queued.stage}"


def run(session: boto3.Session, chosen: Plan, log_progress: Log) -> str:
    """Migrate, wake, deploy and release; what Release says.

    Raises:
        DeliveryError: a step has failed, in its own words.
        botocore.exceptions.ClientError: AWS refuses.
    """
    migrates = chosen.settings.migration is not None and chosen.migrates
    parameters = {
        "digest": chosen.digest,
        "execution": str(uuid.uuid4()),  # GetPipelineExecution takes nothing else, and does not know it
        "source": chosen.origin.source_version,
        "commit": chosen.origin.commit,
        "repository": chosen.origin.repository,
        "uploaded": "0",
        "by": chosen.by,
        **({MIGRATION: SKIP_MIGRATION} if chosen.settings.migration and not migrates else {}),
    }
    steps: Mapping[str, Step] = {
        **({"Migrate": migrate.run} if migrates else {}),
        **({"Wake": wake.run} if chosen.wakes else {}),
        "Deploy": deploy.run,
        "Release": release.run,
    }
    summary = ""
    for name, step in steps.items():
        try:
            done = _follow(session, step, chosen.settings, parameters, partial(_say, log_progress, name))
        except StepError as error:
            raise DeliveryError(f"{name} has failed: {error}") from None
        parameters |= {"woken": done.variables[WOKEN]} if WOKEN in done.variables else {}
        summary = done.summary
    return summary


def _say(log_progress: Log, step: str, line: str) -> None:
    log_progress(f"{step}: {line}")


def _follow(
    session: boto3.Session, step: Step, settings: Settings, parameters: Mapping[str, str], log_progress: Log
) -> Done:
    """Call a step until it is done, as CodePipeline does."""
    state: Mapping[str, Any] = {}
    id, told = str(uuid.uuid4()), ""
    while True:
        outcome = step(session, settings, Job(id, "", parameters, {}, {}, {}, state))
        if outcome.summary != told:
            told = outcome.summary
            log_progress(told)
        if isinstance(outcome, Done):
            return outcome
        state = json.loads(json.dumps(dict(outcome.state)))
        time.sleep(PAUSE)


def settings_of(session: boto3.Session, stack: str, service: str) -> Settings:
    """What the steps know of a service: its function was made with it.

    Raises:
        DeliveryError: there is no such function.
    """
    functions, name = session.client("lambda"), function_of_steps(aws_name(stack, service))
    try:
        variables = functions.get_function(FunctionName=name)["Configuration"]["Environment"]["Variables"]
    except functions.exceptions.ResourceNotFoundException:
        raise DeliveryError(f"there is no function {name}; `up` makes it") from None
    return Settings.parse(variables[VARIABLE])


def read_without_pipeline(session: boto3.Session, stack: str, service: str, log_progress: Log) -> ServiceState:
    """A service, also when CodePipeline does not say what it is at.

    Raises:
        DeliveryError: there is no such service.
        botocore.exceptions.ClientError: AWS refuses, for another reason.
    """
    try:
        return read_state(session, stack, service)
    except (ClientError, BotoCoreError) as error:
        if not _is_down(error):
            raise
        log_progress(f"CodePipeline does not say what it is at, so nothing is known of its Deploy stage: {error}")
        return read_state(without_pipeline(session), stack, service)


def _is_down(error: ClientError | BotoCoreError) -> bool:
    """Whether it is CodePipeline that fails, or that cannot be reached."""
    if isinstance(error, ClientError):
        status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return bool(error.operation_name == "GetPipelineState" and status >= DOWN)
    return "codepipeline" in str(error)


def without_pipeline(session: boto3.Session) -> boto3.Session:
    """A session to which CodePipeline has no pipelines."""
    client, without = session.client, copy.copy(session)
    without.client = lambda name, *more, **options: (
        _NoPipelines() if name == "codepipeline" else client(name, *more, **options)
    )
    return without


class _NoPipelines:
    """CodePipeline's client, as far as a service's state needs it."""

    class exceptions:
        """What it refuses by."""

        class PipelineNotFoundException(Exception):
            """There is no such pipeline."""

    def get_pipeline_state(self, **_: Any) -> NoReturn:
        """It is not there."""
        raise self.exceptions.PipelineNotFoundException
