"""What a deployment controller says of the ECS services that it deploys."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

from releases.names import aws_name

Tasks = Iterable[Mapping[str, Any]]
"""As DescribeTasks has them."""


@dataclass(frozen=True)
class Deployment:
    """A deployment of an ECS service; where CodeDeploy deploys, one of its task sets.

    Attributes:
        id: `ecs-svc/…`.
        task_definition: the revision's ARN.
        state: `IN_PROGRESS`, `COMPLETED` or `FAILED`; COMPLETED where ECS gives none, and of every task set.
        reason: ECS's words for the state; of a task set its `stabilityStatus`.
        tasks: how many of its tasks run or are about to.
        fingerprint: the template that the revision was made of; "" when it says nothing of it, or was not asked.
        running: how many of its tasks run.
        created: when, in seconds since 1970.
        wanted: how many of its tasks are to run.
        failed: how many of its tasks have failed, one after another; 0 for a task set, of which ECS says nothing.
    """

    id: str
    task_definition: str
    state: str
    reason: str
    tasks: int
    fingerprint: str = ""
    running: int = 0
    created: float = 0.0
    wanted: int = 0
    failed: int = 0


class Controller(ABC):
    """Who deploys an ECS service. AWS cannot change the controller of one.

    A controller is a module of this package, found by itself, with one subclass.
    """

    type: ClassVar[str]
    """ECS's `deploymentController.type`."""
    title: ClassVar[str]
    """What people call it."""
    suffix: ClassVar[str]
    """What follows `{stack}-{service}` in the ECS service's name, so that the service with another controller is up
    before the old one goes."""
    deploys_template: ClassVar[bool]
    """Whether the pipeline deploys a whole task definition, a template that `up` writes, so that an edit waits for its
    turn there and takes the image that is live then. Else `up` itself updates the service, and the pipeline deploys
    an image."""
    judges_each_release: ClassVar[bool]
    """Whether Release waits for each deployment. Else only for that of the first release: what comes to Release later
    has been judged by then."""
    release_counts_tasks: ClassVar[bool]
    """Whether Release looks at the service's stopped tasks, which its role has to be allowed."""

    def service_name(self, stack: str, service: str) -> str:
        """The ECS service's name."""
        return aws_name(stack, service) + self.suffix

    @abstractmethod
    def deployments(self, service: Mapping[str, Any]) -> list[Deployment]:
        """A service's deployments, the primary one first.

        Args:
            service: as DescribeServices has it.
        """

    @abstractmethod
    def target_groups(self, service: Mapping[str, Any]) -> list[str]:
        """The ARNs of the target groups that a service's tasks are in."""

    @abstractmethod
    def set_tasks(self, ecs: Any, cluster: str, name: str, tasks: int) -> str | None:
        """Set how many tasks a service wants.

        Args:
            ecs: ECS's client.
            cluster: the ECS cluster's name.
            name: the ECS service's name.
            tasks: how many.

        Returns:
            The id of the deployment that this begins; None when it begins none.
        """

    @abstractmethod
    def pending(self, deployment: Deployment, *, desired: int, minimum: int) -> str | None:
        """What of a deployment Release still waits for, in words; None when nothing.

        Args:
            deployment: the primary one.
            desired: how many tasks the service wants.
            minimum: how many the first release starts.
        """

    @abstractmethod
    def failure(
        self, deployment: Deployment, *, late: bool, minutes: int, minimum: int, stopped: Callable[[], Tasks]
    ) -> str | None:
        """Why a pending deployment will not complete; None while it may.

        Args:
            deployment: the primary one.
            late: whether it has taken longer than it may.
            minutes: how long it may take.
            minimum: how many tasks the first release starts.
            stopped: asks ECS for the tasks of the service that have stopped.
        """


def primary_first(
    entries: Sequence[Mapping[str, Any]], judged: Callable[[Mapping[str, Any]], tuple[str, str]]
) -> list[Deployment]:
    """Deployments or task sets as DescribeServices has them, in the order of `Controller.deployments`.

    Args:
        entries: the deployments or task sets.
        judged: the state and the reason of one.
    """
    deployments = []
    for entry in sorted(entries, key=lambda each: each["status"] != "PRIMARY"):
        state, reason = judged(entry)
        running = entry.get("runningCount", 0)
        deployments.append(
            Deployment(
                id=entry["id"],
                task_definition=entry["taskDefinition"],
                state=state,
                reason=reason,
                tasks=running + entry.get("pendingCount", 0),
                running=running,
                created=entry["createdAt"].timestamp(),
                wanted=entry.get("desiredCount", entry.get("computedDesiredCount", 0)),
                failed=entry.get("failedTasks", 0),
            )
        )
    return deployments
