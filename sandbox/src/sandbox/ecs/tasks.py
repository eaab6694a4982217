"""The operations on tasks, and the launcher that services start their tasks with."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import TYPE_CHECKING

from sandbox.account.errors import AwsError
from sandbox.ecs.containers import LocalEngine
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.lifecycle import TaskRun
from sandbox.ecs.model import Json, Service, Task
from sandbox.ecs.moto_record import service_tags
from sandbox.ecs.provision import roles
from sandbox.ecs.shapes import task_shape
from sandbox.ecs.start_error import TaskStartError
from sandbox.ecs.state import cluster_arn, short_name, state_of, task_definition
from sandbox.ecs.validation import check_launch, check_network, check_placement, invalid
from sandbox.machines import task_architecture

if TYPE_CHECKING:
    from sandbox.account.account import Account, Principal

MAX_TASKS = 500


class Launcher:
    """Starts a service's tasks; each runs in a thread of its own."""

    def __init__(self, account: Account) -> None:
        self.account = account

    def launch(self, service: Service, deployment: Deployment) -> Task:
        inputs = deployment.inputs
        definition = task_definition(self.account, deployment.task_definition)
        task = Task(
            cluster_arn=service.cluster_arn,
            task_definition=definition,
            region=self.account.region,
            account=self.account.id,
            group=f"service:{service.name}",
            network_configuration=inputs.get("networkConfiguration", {}),
            launch=_launch(inputs, bool(service.settings.get("enableExecuteCommand")), self._placed(deployment)),
            load_balancers=deployment.balancers,
            grace_period=float(service.settings.get("healthCheckGracePeriodSeconds") or 0),
            service_name=service.name,
            deployment_id=deployment.id,
            digests=deployment.digests,
            endpoints=deployment.endpoints,
            started_by=deployment.id,
            tags=_propagated(self.account, service, definition),
        )
        task.on_change = service.wake.set
        start(self.account, task)
        return task

    def _placed(self, deployment: Deployment) -> Counter[str]:
        """How many tasks of a deployment each capacity provider has."""
        with state_of(self.account).lock:
            tasks = list(state_of(self.account).tasks.values())
        return Counter(
            str(task.launch["capacityProviderName"])
            for task in tasks
            if task.deployment_id == deployment.id and task.desired_status == "RUNNING" and not task.stopped
        )

    def stop(self, task: Task, code: str, reason: str) -> None:
        task.request_stop(code, reason)


def start(account: Account, task: Task) -> None:
    state = state_of(account)
    with state.lock:
        state.tasks[task.id] = task
        stopped = [earlier for earlier in state.tasks.values() if earlier.stopped]
        for old in stopped[: max(0, len(state.tasks) - MAX_TASKS)]:
            del state.tasks[old.id]
    engine = LocalEngine(account.folder / "blobs", task_architecture(task.task_definition))
    account.spawn(f"task {task.id}", TaskRun(account, engine, task).run)


def run_task(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    definition = task_definition(account, params["taskDefinition"])
    network = params.get("networkConfiguration")
    check_placement(params)
    check_launch(params, definition)
    check_network(account, definition, network)
    overrides = params.get("overrides") or {}
    names = {container["name"] for container in definition["containerDefinitions"]}
    for entry in overrides.get("containerOverrides", []):
        if entry.get("name") not in names:
            raise invalid(f"Override for container named {entry.get('name')} is not a container in the TaskDefinition.")
    count = int(params.get("count") or 1)
    if not 1 <= count <= 10:
        raise invalid("Count should be between 1 and 10.")
    token = params.get("clientToken")
    earlier = _by_token(account).get((cluster, token)) if token else None
    if earlier:
        request, tasks = earlier
        if request != params:
            # https://docs.aws.amazon.com/AmazonECS/latest/APIReference/ECS_Idempotency.html
            message = "The provided clientToken is already in use with a different RunTask request"
            raise AwsError("ConflictException", message, 400, resourceIds=[task.arn for task in tasks])
        return {"tasks": [task_shape(task, tags=True) for task in tasks], "failures": []}
    try:
        roles(account, definition, overrides)
    except TaskStartError as error:
        raise AwsError("ClientException", str(error), 400) from error
    propagated = definition["tags"] if params.get("propagateTags") == "TASK_DEFINITION" else []
    tasks = []
    for _ in range(count):
        placed = Counter(str(task.launch["capacityProviderName"]) for task in tasks)
        task = Task(
            cluster_arn=cluster,
            task_definition=definition,
            region=account.region,
            account=account.id,
            group=params.get("group") or f"family:{definition['family']}",
            network_configuration=network or {},
            launch=_launch(params, bool(params.get("enableExecuteCommand")), placed),
            overrides=overrides,
            started_by=params.get("startedBy"),
            tags=[*propagated, *(params.get("tags") or [])],
        )
        tasks.append(task)
    if token:
        _by_token(account)[cluster, token] = params, tasks
    shapes = [task_shape(task, tags=True) for task in tasks]
    for task in tasks:
        start(account, task)
    return {"tasks": shapes, "failures": []}


class StartedTasks(dict[tuple[str, str], tuple[Json, list[Task]]]):
    """(cluster, client token) → what RunTask was asked and started: the same again starts nothing."""


def _by_token(account: Account) -> StartedTasks:
    return account.parts.of(StartedTasks)


def stop_task(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    task = state_of(account).tasks.get(short_name(params["task"]))
    if task is None or task.cluster_arn != cluster:
        raise invalid("The referenced task was not found.")
    task.request_stop("UserInitiated", params.get("reason") or "Task stopped by user")
    return {"task": task_shape(task)}


def describe_tasks(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    if not params.get("tasks"):
        raise invalid("Tasks cannot be empty.")
    tags = "TAGS" in params.get("include", [])
    tasks, failures = [], []
    for id_or_arn in params["tasks"]:
        task = state_of(account).tasks.get(short_name(id_or_arn))
        if task and task.cluster_arn == cluster:
            tasks.append(task_shape(task, tags))
        else:
            arn = f"{cluster.replace(':cluster/', ':task/')}/{short_name(id_or_arn)}"
            failures.append({"arn": arn, "reason": "MISSING"})
    return {"tasks": tasks, "failures": failures}


def list_tasks(account: Account, principal: Principal, params: Json) -> Json:
    cluster = cluster_arn(account, params.get("cluster"))
    name = params.get("serviceName")
    if name and state_of(account).service(cluster, name) is None:
        raise AwsError("ServiceNotFoundException", "Service not found.", 400)
    if params.get("startedBy") and set(params) - {"cluster", "startedBy", "maxResults", "nextToken"}:
        # API reference, ListTasks: startedBy must be the only filter; the words are those of aws-sdk-go-v2#1893.
        raise AwsError("InvalidParameterException", "cannot specify startedBy with other arguments", 400)
    status = params.get("desiredStatus") or "RUNNING"
    with state_of(account).lock:
        tasks = list(state_of(account).tasks.values())
    return {
        "taskArns": [
            task.arn
            for task in tasks
            if task.cluster_arn == cluster
            and task.desired_status == status
            and (not name or task.service_name == short_name(name))
            and params.get("family") in (None, task.task_definition["family"])
            and params.get("startedBy") in (None, task.started_by)
            and params.get("launchType") in (None, task.launch.get("launchType"))
        ]
    }


def provider_of(strategy: list[Json], placed: Mapping[str, int]) -> str | None:
    """The capacity provider of the next task: the base first, then whoever is furthest behind its weight.

    https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CapacityProviderStrategyItem.html
    """
    for item in strategy:
        if placed.get(item["capacityProvider"], 0) < int(item.get("base") or 0):
            return str(item["capacityProvider"])
    weighted = [item for item in strategy if item.get("weight")]

    def filled(item: Json) -> float:
        beyond = placed.get(item["capacityProvider"], 0) - int(item.get("base") or 0)
        return (beyond + 1) / float(item["weight"])

    if weighted:
        return str(min(weighted, key=filled)["capacityProvider"])
    return str(strategy[0]["capacityProvider"]) if strategy else None


def _launch(inputs: Json, execute_command: bool, placed: Mapping[str, int]) -> Json:
    provider = provider_of(inputs.get("capacityProviderStrategy") or [], placed)
    return {
        "launchType": "FARGATE" if provider else inputs.get("launchType"),
        "capacityProviderName": provider,
        "platformVersion": inputs.get("platformVersion"),
        "enableExecuteCommand": execute_command,
    }


def _propagated(account: Account, service: Service, definition: Json) -> list[Json]:
    source = service.settings.get("propagateTags")
    if source == "TASK_DEFINITION":
        return list(definition["tags"])
    return service_tags(account, service.arn) if source == "SERVICE" else []
