"""ECS deploys a service itself: `up` and the pipeline update the service, and ECS judges each deployment."""

from collections.abc import Callable, Mapping
from typing import Any, ClassVar

from releases.controllers.controller import Controller, Deployment, Tasks, primary_first


class EcsController(Controller):
    """ECS itself."""

    type: ClassVar[str] = "ECS"
    title: ClassVar[str] = "ECS"
    suffix: ClassVar[str] = ""
    deploys_template: ClassVar[bool] = False
    judges_each_release: ClassVar[bool] = True
    release_counts_tasks: ClassVar[bool] = False

    def deployments(self, service: Mapping[str, Any]) -> list[Deployment]:
        # ECS gives no state where it does not judge: docs/aws-assumptions.md
        return primary_first(
            service["deployments"],
            lambda each: (each.get("rolloutState", "COMPLETED"), each.get("rolloutStateReason", "")),
        )

    def target_groups(self, service: Mapping[str, Any]) -> list[str]:
        return [balancer["targetGroupArn"] for balancer in service.get("loadBalancers", [])]

    def set_tasks(self, ecs: Any, cluster: str, name: str, tasks: int) -> str | None:
        new_deployment = {"forceNewDeployment": True} if tasks else {}
        answer = ecs.update_service(cluster=cluster, service=name, desiredCount=tasks, **new_deployment)
        return next((str(each["id"]) for each in answer["service"]["deployments"] if each["status"] == "PRIMARY"), None)

    def pending(self, deployment: Deployment, *, desired: int, minimum: int) -> str | None:
        if deployment.state == "COMPLETED":
            return None
        running = f"{deployment.running} of {desired} task(s) run"
        return f"Deployment {deployment.id} is {deployment.state}, {running}: {deployment.reason}"

    def failure(
        self, deployment: Deployment, *, late: bool, minutes: int, minimum: int, stopped: Callable[[], Tasks]
    ) -> str | None:
        if deployment.state != "IN_PROGRESS":
            return f"ECS has ended it as {deployment.state}: {deployment.reason}"
        return f"it has not completed within {minutes} min and goes on: {deployment.reason}" if late else None
