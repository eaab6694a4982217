"""Task sets of services with the CODE_DEPLOY controller: what each runs, and how CodeDeploy moves them.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/deployment-type-bluegreen.html
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from sandbox.account.errors import AwsError
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.deployments import Scheduler
from sandbox.ecs.model import Json, Service
from sandbox.ecs.shapes import task_set_shape
from sandbox.ecs.state import find_service, task_definition
from sandbox.ecs.validation import check_load_balancers, check_network, check_placement, invalid

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

INPUTS = ("networkConfiguration", "loadBalancers", "platformVersion", "launchType", "capacityProviderStrategy")
"""What a task set has of its own, and what its service has of the primary one."""


class TaskSetScheduler(Scheduler):
    """Keeps each task set at its share of the service's desired count; ECS itself judges none of them."""

    def step(self, now: float) -> None:
        """Look once. `now` is a monotonic time in real seconds."""
        with self.service.lock:
            self._note_tasks(now)
            if self.service.status != "ACTIVE":
                self._drain()
                return
            for task_set in list(self.service.deployments):
                self._keep(task_set, now)
                if task_set.status == "DRAINING" and all(t.stopped for t in self.service.tasks_of(task_set)):
                    self.service.deployments.remove(task_set)

    def _keep(self, task_set: Deployment, now: float) -> None:
        count, active = wanted_tasks(self.service, task_set), self._active(task_set)
        self._bring_to(task_set, count, now)
        steady = len(active) == count and all(task.ready for task in active)
        state = "COMPLETED" if steady else "IN_PROGRESS"
        if task_set.rollout_state != state:
            task_set.set_state("COMPLETED" if steady else "IN_PROGRESS", "")
            if steady:
                self.service.add_event(f"(taskSet {task_set.id}) has reached a steady state.")


def wanted_tasks(service: Service, task_set: Deployment) -> int:
    """How many tasks a set runs: its share of the desired count, rounded up."""
    return 0 if task_set.status == "DRAINING" else math.ceil(service.desired_count * task_set.scale / 100)


def create_task_set(account: Account, principal: Principal, params: Json) -> Json:
    service = _find(account, params)
    definition = task_definition(account, params["taskDefinition"])
    check_placement(params)
    check_network(account, definition, params.get("networkConfiguration"))
    check_load_balancers(account, params.get("loadBalancers") or [], definition)
    inputs = {name: params[name] for name in INPUTS if params.get(name) is not None}
    with service.lock:
        if len(service.deployments) > 1:
            raise AwsError("InvalidParameterException", "A service can have two task sets at most.", 400)
        task_set = Deployment(
            definition["taskDefinitionArn"],
            {"platformFamily": "Linux", **inputs},
            status="ACTIVE",
            scale=float((params.get("scale") or {}).get("value", 0)),
            external_id=params.get("externalId"),
        )
        service.deployments.append(task_set)
        service.history.append(task_set)
        service.wake.set()
        return {"taskSet": task_set_shape(service, task_set)}


def update_task_set(account: Account, principal: Principal, params: Json) -> Json:
    service = _find(account, params)
    with service.lock:
        task_set = _task_set(service, params["taskSet"])
        task_set.scale = float(params["scale"]["value"])
        service.wake.set()
        return {"taskSet": task_set_shape(service, task_set)}


def describe_task_sets(account: Account, principal: Principal, params: Json) -> Json:
    service = _find(account, params)
    with service.lock:
        names = params.get("taskSets")
        task_sets = [_task_set(service, name) for name in names] if names else list(service.deployments)
        return {"taskSets": [task_set_shape(service, task_set) for task_set in task_sets], "failures": []}


def delete_task_set(account: Account, principal: Principal, params: Json) -> Json:
    service = _find(account, params)
    with service.lock:
        task_set = _task_set(service, params["taskSet"])
        if task_set.status == "PRIMARY":
            raise invalid("The task set cannot be deleted, because it is the primary one.")
        if task_set.scale and not params.get("force"):
            raise invalid("The task set cannot be deleted while it is scaled above 0.")
        task_set.status = "DRAINING"
        service.wake.set()
        return {"taskSet": task_set_shape(service, task_set)}


def update_service_primary_task_set(account: Account, principal: Principal, params: Json) -> Json:
    """What the new primary set has becomes what the service has (API reference, UpdateServicePrimaryTaskSet)."""
    service = _find(account, params)
    with service.lock:
        task_set = _task_set(service, params["primaryTaskSet"])
        for other in service.deployments:
            if other.status == "PRIMARY":
                other.status = "ACTIVE"
        task_set.status = "PRIMARY"
        service.deployments.sort(key=lambda each: each.status != "PRIMARY")
        service.settings.update({name: task_set.inputs[name] for name in INPUTS if name in task_set.inputs})
        service.wake.set()
        return {"taskSet": task_set_shape(service, task_set)}


def _find(account: Account, params: Json) -> Service:
    service = find_service(account, params)
    if service.status != "ACTIVE":
        raise AwsError("ServiceNotActiveException", "Service was not ACTIVE.", 400)
    if service.controller != "CODE_DEPLOY":
        other = service.controller
        raise invalid(f"Amazon ECS only supports task set management on services with another controller than {other}.")
    return service


def _task_set(service: Service, name_or_arn: str) -> Deployment:
    short = "/".join(name_or_arn.split("/")[-2:])
    for task_set in service.deployments:
        if task_set.id == short:
            return task_set
    raise AwsError("TaskSetNotFoundException", "The specified task set does not exist.", 400)
