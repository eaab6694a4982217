"""The stack's life, step by step; each step leaves evidence."""

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

from acceptance.checks import APPROVE_STAGE
from acceptance.evidence import Answer, Evidence, Execution, Look
from acceptance.stack import SERVICE, STACK, edited, source
from delivery.commands import rollback
from delivery.commands.up import Project
from delivery.executions import approval
from delivery.services.history import service_history
from releases.ecs import describe_services, describe_tasks
from releases.errors import DeliveryError
from releases.names import aws_name, parameter_path
from releases.pipeline import RUNNING, Pipeline
from releases.progress import Log, Progress
from releases.service_state import read_state

NAME = aws_name(STACK, SERVICE)
MINUTES_FOR_S3 = 7.0
"""S3 tells EventBridge about five minutes after it was switched on."""
MINUTES_FOR_AN_EXECUTION = 40.0
MINUTES_TO_SETTLE = 20.0
PROBE_TAG = "acceptance-probe"


@dataclass
class Life:
    """One run.

    Attributes:
        session: the account's.
        project: the stack that is made and taken away.
        certificate: its load balancer's, which goes with it.
        say: takes progress, line by line.
        every: seconds between two looks at AWS.
    """

    session: boto3.Session
    project: Project
    certificate: str
    say: Log
    every: float
    evidence: Evidence = field(default_factory=Evidence)
    _pipeline: Pipeline = field(init=False)

    def __post_init__(self) -> None:
        self._pipeline = Pipeline(self.session, NAME)

    def steps(self) -> Sequence[tuple[str, Callable[[], None]]]:
        """Each with what is said before it."""
        return [
            ("Making the stack", self.up),
            ("Releasing v1", self.first),
            ("Releasing v2, and starting the same version again meanwhile", self.second),
            ("Editing the memory of its tasks", self.edit),
            ("Shipping a version that never passes its health check", self.broken),
            ("Rolling back to v1", self.rollback),
            ("Asking AWS single questions", self.probe),
        ]

    def up(self) -> None:
        """The first `up`: a service with no tasks."""
        self.project.pulumi("up", "--stack", STACK, "--yes", "--skip-preview")
        self._look("up")
        scaling = self.session.client("application-autoscaling")
        self.evidence.answers["scalable targets"] = scaling.describe_scalable_targets(
            ServiceNamespace="ecs", ResourceIds=[f"service/{STACK}/{NAME}"]
        )["ScalableTargets"]

    def first(self) -> None:
        """The first release."""
        self._must_succeed("v1", self._ship("v1", source("v1")))
        self._released("v1")

    def second(self) -> None:
        """The second release, whose version is started once more while it runs."""
        second = self._ship("v2", source("v2"))
        again = Execution(self._pipeline.start_version(second.version), second.version)
        self._must_succeed("v2", second)
        self._follow("again", again)
        self._released("v2")

    def edit(self) -> None:
        """An edit of the template; the image stays."""
        file = self.project.file
        file.write_text(edited(file.read_text(encoding="utf-8")), encoding="utf-8")
        self.project.pulumi("up", "--stack", STACK, "--yes", "--skip-preview")
        self._settle("edit")
        self.evidence.tasks["edit"] = self._tasks()

    def broken(self) -> None:
        """A version that ECS must roll back.

        Raises:
            DeliveryError: it was released.
        """
        found = self._follow("broken", self._ship("broken", source("broken", healthy=False)))
        self._settle("broken")
        if found.status == "Succeeded":
            raise DeliveryError("a version that never passes its health check was released")

    def rollback(self) -> None:
        """Back to v1, whose tasks have the edited template."""
        plan = rollback.plan(self.session, STACK, SERVICE, None)
        self._must_succeed("rollback", Execution(self._pipeline.start(plan.target.image_digest)))
        self._released("rollback")
        self.evidence.listed = list(self._pipeline.executions())

    def probe(self) -> None:
        """Questions that need no delivery, and a deployment of what runs."""
        answers, ecs, ecr = self.evidence.answers, self.session.client("ecs"), self.session.client("ecr")
        made = ecs.update_service(cluster=STACK, service=NAME, forceNewDeployment=True)["service"]
        answers["deployment of UpdateService"] = made["deployments"][0]["id"]
        answers["deployments right after it"] = self._service()["deployments"]
        self._settle("probe")
        self.evidence.tasks["probe"] = self._tasks()
        answers["startedBy with a service"] = _answer(
            lambda: ecs.list_tasks(cluster=STACK, serviceName=NAME, startedBy=self._service()["deployments"][0]["id"])
        )
        answers["half a family"] = ecs.list_task_definitions(familyPrefix=NAME[:-1])["taskDefinitionArns"]
        answers["the family"] = ecs.list_task_definitions(familyPrefix=NAME)["taskDefinitionArns"]
        answers["a parameter that there is not"] = _answer(
            lambda: self.session.client("ssm").get_parameters(Names=[parameter_path(STACK, "none")])
        )
        image = ecr.batch_get_image(repositoryName=NAME, imageIds=[{"imageTag": "live"}])["images"][0]
        answers["live image"] = image["imageId"]["imageDigest"]
        given = {"imageManifest": image["imageManifest"], "imageDigest": image["imageId"]["imageDigest"]}
        answers["put-image"] = _answer(
            lambda: ecr.put_image(repositoryName=NAME, imageTag=PROBE_TAG, **given)["image"]["imageId"]
        )

    def destroy(self) -> None:
        """All of it goes, its state and its file too.

        Raises:
            DeliveryError: Pulumi failed, as it said.
        """
        self.project.pulumi("destroy", "--stack", STACK, "--yes", "--skip-preview", "--remove")
        self.session.client("acm").delete_certificate(CertificateArn=self.certificate)
        self.project.file.unlink(missing_ok=True)

    def _ship(self, name: str, content: bytes) -> Execution:
        """Upload a source, and wait for the execution that this starts; S3 may tell nobody at first."""
        bucket, _, key = str(self._pipeline.upload_to()).removeprefix("s3://").partition("/")
        version = self.session.client("s3").put_object(Bucket=bucket, Key=key, Body=content)["VersionId"]
        self.say(f"Uploaded {name}, version {version}")
        end, progress = time.monotonic() + MINUTES_FOR_S3 * 60, Progress(self.say)
        while time.monotonic() < end:
            for summary in self._pipeline.executions():
                if version in [revision.get("revisionId") for revision in summary.get("sourceRevisions", [])]:
                    return Execution(summary["pipelineExecutionId"], version)
            progress.waits(f"{name} waits until S3 has told EventBridge of it", known=True)
            time.sleep(self.every)
        self.say("S3 has told nobody of it: starting it by hand")
        return Execution(self._pipeline.start_version(version), version)

    def _follow(self, step: str, execution: Execution) -> Execution:
        """Look at everything until an execution is over.

        Raises:
            DeliveryError: it is not in time.
        """
        self.evidence.executions[step] = execution
        end, told = time.monotonic() + MINUTES_FOR_AN_EXECUTION * 60, set[tuple[str, str]]()
        progress = Progress(self.say)
        while True:
            self._look(step)
            summary = next((e for e in self._pipeline.executions() if e["pipelineExecutionId"] == execution.id), None)
            execution.summary = summary or execution.summary
            execution.actions = self._pipeline.actions(execution.id)
            self._approve(step, execution)
            for action in execution.actions:
                seen = f"{action['stageName']} / {action['actionName']}", action["status"]
                if seen not in told:
                    told.add(seen)
                    self.say(f"{step}: {seen[0]}: {seen[1]}")
            if summary and execution.status not in RUNNING:
                self.say(f"{step}: {execution.status}")
                return execution
            if time.monotonic() > end:
                limit = f"{MINUTES_FOR_AN_EXECUTION:.0f} minutes"
                raise DeliveryError(f"{step}: execution {execution.id} of {NAME} is not over after {limit}")
            progress.waits(f"{step}: execution {execution.id} goes on", known=True)
            time.sleep(self.every)

    def _approve(self, step: str, execution: Execution) -> None:
        """Let the execution go on, if it waits for that, and keep what CodePipeline said meanwhile."""
        waiting = [action for action in execution.stage(APPROVE_STAGE) if action["status"] == "InProgress"]
        if not waiting:
            return
        self.evidence.answers.setdefault("approval that waits", waiting[-1])
        self._look(step)
        with suppress(DeliveryError):  # CodePipeline's two answers need not be of one moment; the next look is soon
            waits = approval.pending(self.session, STACK, SERVICE)
            approval.decide(self.session, NAME, waits, "Approved", "acceptance")

    def _must_succeed(self, step: str, execution: Execution) -> None:
        if self._follow(step, execution).status != "Succeeded":
            raise DeliveryError(f"{step}: execution {execution.id} {self._pipeline.failure_reason(execution.id)}")
        self._settle(step)

    def _released(self, step: str) -> None:
        self.evidence.digests[step] = service_history(self.session, STACK, SERVICE).releases[0].image_digest
        self.evidence.tasks[step] = self._tasks()

    def _settle(self, step: str) -> None:
        """Look until nothing changes the service.

        Raises:
            DeliveryError: something still does when the time is over.
        """
        end, progress = time.monotonic() + MINUTES_TO_SETTLE * 60, Progress(self.say)
        while True:
            service = self._look(step).service
            steady = len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
            if steady and not read_state(self.session, STACK, SERVICE).in_flight:
                return
            if time.monotonic() > end:
                raise DeliveryError(f"{step}: {NAME} is not steady after {MINUTES_TO_SETTLE:.0f} minutes")
            running, desired = service["runningCount"], service["desiredCount"]
            progress.waits(f"{step}: {NAME} becomes steady, {running} of {desired} tasks run", known=True)
            time.sleep(self.every)

    def _look(self, step: str) -> Look:
        state = self.session.client("codepipeline").get_pipeline_state(name=NAME)
        look = Look(step, self._service(), state)
        self.evidence.looks.append(look)
        return look

    def _service(self) -> Answer:
        return describe_services(self.session, STACK, [SERVICE])[SERVICE]

    def _tasks(self) -> list[Answer]:
        return list(describe_tasks(self.session.client("ecs"), STACK, serviceName=NAME))


def _answer(question: Callable[[], Any]) -> Any:
    """What AWS says, or the code of its error."""
    try:
        return question()
    except ClientError as error:
        return error.response["Error"]["Code"]
