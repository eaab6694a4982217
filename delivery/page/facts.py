"""What a page says of a stack, read from AWS at one moment. Times are in UTC; no value of a variable is among it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum


class Outcome(StrEnum):
    """How a delivery or a deployment ended; the value is what the page calls it."""

    RUNNING = "in flight"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    STOPPED = "stopped"


@dataclass(frozen=True)
class Step:
    """An action of a pipeline's execution.

    Attributes:
        stage: the stage that it is in.
        name: its name.
        category: CodePipeline's, such as `Build` or `Approval`.
        outcome: how it ended.
        started: when.
        ended: when; None while it runs.
        by: who has answered an approval; "" of any other.
    """

    stage: str
    name: str
    category: str
    outcome: Outcome
    started: datetime
    ended: datetime | None
    by: str = ""

    @property
    def waits_for_approval(self) -> bool:
        """Whether somebody has to approve or reject."""
        return self.category == "Approval" and self.outcome is Outcome.RUNNING


@dataclass(frozen=True)
class Share:
    """From when on new tasks have how many per cent of the traffic."""

    at: datetime
    percent: float


@dataclass(frozen=True)
class TaskRun:
    """A task's life.

    Attributes:
        id: the last part of its ARN.
        started: when it ran.
        ended: when it began to stop; None while it runs.
        new: whether the deployment has started it.
    """

    id: str
    started: datetime
    ended: datetime | None
    new: bool


@dataclass(frozen=True)
class Deployment:
    """A deployment of a service, by ECS or CodeDeploy.

    Attributes:
        id: the last part of its ARN, or CodeDeploy's id.
        outcome: how it ended.
        status: AWS's word for that, such as `ROLLBACK_SUCCESSFUL`.
        reason: AWS's words; "" when it has none.
        revision: `family:revision`; "" when no task that AWS lists tells.
        strategy: `ROLLING`, `BLUE_GREEN`, `CANARY`, `LINEAR` or `CODE_DEPLOY`.
        started: when.
        ended: when; None while it goes on.
        shares: how its traffic shifted; empty when nothing tells.
        told: whether AWS tells the moments of that, or they follow from the strategy's configuration.
        tasks: those that AWS still lists: it forgets stopped ones after an hour or more.
        alarms: those that have ended it.
    """

    id: str
    outcome: Outcome
    status: str
    reason: str
    revision: str
    strategy: str
    started: datetime
    ended: datetime | None
    shares: Sequence[Share] = ()
    told: bool = False
    tasks: Sequence[TaskRun] = ()
    alarms: Sequence[str] = ()


@dataclass(frozen=True)
class Delivery:
    """A release on its way through a pipeline, or an edit that ECS deployed.

    Attributes:
        id: the pipeline's execution, or the deployment.
        outcome: how it ended.
        what: what is deployed, in words.
        who: who or what has started it.
        started: when.
        ended: when; None while it goes on.
        release: the number of the release that it became; None when it became none.
        digest: the image's; "" when none is known.
        commit: what the source was made of; "" when nobody said.
        reason: why it failed, in one line; "" when it did not.
        steps: the pipeline's actions, the oldest first.
        deployments: what it has deployed, the oldest first.
    """

    id: str
    outcome: Outcome
    what: str
    who: str
    started: datetime
    ended: datetime | None
    release: int | None = None
    digest: str = ""
    commit: str = ""
    reason: str = ""
    steps: Sequence[Step] = ()
    deployments: Sequence[Deployment] = ()

    def takes(self, now: datetime) -> timedelta:
        """How long it took, or has taken until now."""
        return (self.ended or now) - self.started

    @property
    def waits_for_approval(self) -> bool:
        """Whether somebody has to approve or reject."""
        return any(step.waits_for_approval for step in self.steps)


@dataclass(frozen=True)
class Alarm:
    """An alarm of CloudWatch.

    Attributes:
        name: its name without the service's; the service's own for the composite one.
        state: `OK`, `ALARM` or `INSUFFICIENT_DATA`.
        since: when it came to that.
        reason: CloudWatch's words.
    """

    name: str
    state: str
    since: datetime
    reason: str

    @property
    def on(self) -> bool:
        """Whether it has gone off."""
        return self.state == "ALARM"


@dataclass(frozen=True)
class Running:
    """What a service runs.

    Attributes:
        digest: the image of its tasks; "" when none runs.
        revision: `family:revision`.
        since: when the deployment began that serves.
        desired: tasks that should run.
        running: tasks that run.
        places: how many tasks run where: an availability zone, or `Spot` with it.
        urls: where it answers.
        fields: what it is declared to be, to be compared with another stack: label → text.
    """

    digest: str
    revision: str
    since: datetime
    desired: int
    running: int
    places: Mapping[str, int] = field(default_factory=dict)
    urls: Sequence[str] = ()
    fields: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Service:
    """A service.

    Attributes:
        name: in the stack file.
        ecs_name: the ECS service's name.
        now: what it runs.
        release: the newest release's number; None before the first.
        released: when that was.
        commit: what it was made of; "" when nobody said.
        in_flight: what changes it right now, in words; "" when nothing does.
        disagreement: in what running, live and recorded image differ; "" when they agree.
        repair: the command that mends that.
        waits_for: where a first release is to be brought; "" when it is not waited for.
        failure: how its newest delivery has failed; "" when it did not.
        going_on: how far its deployment is, in words.
        waits: what waits for whom, with the command that ends it.
        alarms: the composite one first.
        deliveries: the newest first.
        forgotten: releases that are not in the record any more.
    """

    name: str
    ecs_name: str
    now: Running
    release: int | None
    released: datetime | None
    commit: str
    in_flight: str
    disagreement: str
    repair: str
    waits_for: str
    failure: str
    going_on: Sequence[str]
    waits: Sequence[str]
    alarms: Sequence[Alarm]
    deliveries: Sequence[Delivery]
    forgotten: int = 0


@dataclass(frozen=True)
class StackFacts:
    """A stack at one moment.

    Attributes:
        stack: its name.
        account: the AWS account.
        region: the AWS region.
        cluster: the ECS cluster.
        at: when this was read.
        services: by name.
        alarms: those of no service, such as of messages that were not delivered.
    """

    stack: str
    account: str
    region: str
    cluster: str
    at: datetime
    services: Sequence[Service]
    alarms: Sequence[Alarm] = ()
