"""CodeDeploy deploys a service: the pipeline has it start the tasks of a template in a task set beside the service's.

It judges each deployment before it shifts the traffic, all but that of the first release, whose tasks start when it is
over.
"""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from releases.controllers.controller import Controller, Deployment, Tasks, primary_first

FAILED_STARTS = 3
"""A task set fails when each of its tasks has stopped so often."""


class CodeDeployController(Controller):
    """CodeDeploy."""

    type: ClassVar[str] = "CODE_DEPLOY"
    title: ClassVar[str] = "CodeDeploy"
    suffix: ClassVar[str] = "-codedeploy"
    deploys_template: ClassVar[bool] = True
    judges_each_release: ClassVar[bool] = False
    release_counts_tasks: ClassVar[bool] = True

    def deployments(self, service: Mapping[str, Any]) -> list[Deployment]:
        # There is only one unless CodeDeploy deploys, so its state is always that.
        return primary_first(service["taskSets"], lambda each: ("COMPLETED", each["stabilityStatus"]))

    def target_groups(self, service: Mapping[str, Any]) -> list[str]:
        primary = next((each for each in service.get("taskSets", []) if each["status"] == "PRIMARY"), service)
        return [balancer["targetGroupArn"] for balancer in primary.get("loadBalancers", [])]

    def set_tasks(self, ecs: Any, cluster: str, name: str, tasks: int) -> str | None:
        ecs.update_service(cluster=cluster, service=name, desiredCount=tasks)
        return None

    def pending(self, deployment: Deployment, *, desired: int, minimum: int) -> str | None:
        if (deployment.running, deployment.reason) == (minimum, "STEADY_STATE"):
            return None
        return f"The task set is {deployment.reason}, {deployment.running} of {minimum} task(s) run."

    def failure(
        self, deployment: Deployment, *, late: bool, minutes: int, minimum: int, stopped: Callable[[], Tasks]
    ) -> str | None:
        failed = sum(task.get("startedBy") == deployment.id for task in stopped())
        if failed >= FAILED_STARTS * minimum:
            return f"{failed} of its tasks have stopped"
        return f"it is not steady within {minutes} min" if late else None
