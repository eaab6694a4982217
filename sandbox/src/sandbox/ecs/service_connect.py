"""Service Connect: the names of a namespace, and the proxy beside each task that leads from them to other tasks.

https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-connect-concepts-deploy.html
A task knows the endpoints that there were when its deployment began; where they lead is looked at with each connection.
"""

from __future__ import annotations

import random
import socket
import threading
from collections.abc import Iterable
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.account.errors import AwsError
from sandbox.ecs.connections import interface
from sandbox.ecs.deployment import Endpoint
from sandbox.ecs.model import Json, Service, Task
from sandbox.ecs.shapes import service_connect as configuration
from sandbox.ecs.state import state_of
from sandbox.ecs.validation import invalid
from sandbox.network.vpc import vpc_of

if TYPE_CHECKING:
    from sandbox.account.account import Account

MANAGED = {"Key": "AmazonECSManaged", "Value": "true"}
"""Of the Cloud Map services that ECS makes, and deletes (AmazonECSServiceRolePolicy: CloudMapResourceDeletion)."""
SECONDS_TO_CONNECT = 5.0


def check_service_connect(account: Account, arn: str, settings: Json, definition: Json) -> None:
    """What ECS refuses of it; `arn` is the service's, as it is or will be. The wordings were not seen."""
    declared = configuration(settings)
    if declared is None:
        return
    if settings["deploymentController"]["type"] != "ECS":
        raise invalid("Service Connect is supported for services with the ECS deployment controller only.")
    if definition.get("networkMode") not in ("awsvpc", "bridge"):
        raise invalid("Service Connect needs the network mode awsvpc or bridge.")
    namespace = _namespace(account, declared)
    names = {
        mapping["name"]
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
        if mapping.get("name")
    }
    others = [other for other in _in_namespace(account, namespace) if other.arn != arn]
    taken = {_discovery_name(each) for other in others for each in _services(other.settings)}
    aliases = {(each.name, each.port) for each in endpoints_of(others)}
    for each in _services(settings):
        if each["portName"] not in names:
            raise invalid(f"portName {each['portName']} is not the name of a port mapping of the task definition.")
        if _discovery_name(each) in taken:
            raise invalid(f"discoveryName {_discovery_name(each)} is used by another service of the namespace.")
        for alias in each.get("clientAliases", []):
            if (alias.get("dnsName"), alias["port"]) in aliases:
                raise invalid(f"{alias.get('dnsName')}:{alias['port']} is used by another service of the namespace.")


def known_endpoints(account: Account, settings: Json) -> list[Endpoint]:
    """What tasks of a deployment that begins now know."""
    declared = configuration(settings)
    if declared is None:
        return []
    return endpoints_of(_in_namespace(account, _namespace(account, declared)))


def endpoints_of(services: Iterable[Service]) -> list[Endpoint]:
    return [
        Endpoint(alias.get("dnsName") or _discovery_name(each), int(alias["port"]), service.arn, each["portName"])
        for service in services
        for each in _services(service.settings)
        for alias in each.get("clientAliases", [])
    ]


def register(account: Account, service: Service) -> None:
    """Have the Cloud Map services of a service that are declared, and none of it besides."""
    declared = configuration(service.settings) if service.status == "ACTIVE" else None
    wanted = {}
    if declared is not None:
        namespace = _namespace(account, declared)["Id"]
        wanted = {_discovery_name(each): namespace for each in _services(service.settings)}
    for name, id in list(service.discovered.items()):
        if name not in wanted:
            account.client("servicediscovery").delete_service(Id=id)
            del service.discovered[name]
    for name, namespace in wanted.items():
        if name not in service.discovered:
            cloud_map = account.client("servicediscovery")
            made = cloud_map.create_service(Name=name, NamespaceId=namespace, Tags=[MANAGED])["Service"]
            service.discovered[name] = made["Id"]


def _services(settings: Json) -> list[Json]:
    return list((configuration(settings) or {}).get("services") or [])


def _discovery_name(service: Json) -> str:
    return str(service.get("discoveryName") or service["portName"])


def _in_namespace(account: Account, namespace: Json) -> list[Service]:
    state = state_of(account)
    with state.lock:
        services = list(state.services.values())
    return [
        service
        for service in services
        if service.status == "ACTIVE"
        and (declared := configuration(service.settings)) is not None
        and declared.get("namespace") in (namespace["Arn"], namespace["Name"])
    ]


def _namespace(account: Account, declared: Json) -> Json:
    name = declared.get("namespace")
    try:
        found = account.client("servicediscovery").list_namespaces()["Namespaces"]
    except ClientError:  # pragma: no cover - moto has the operation
        found = []
    for namespace in found:
        if name in (namespace["Arn"], namespace["Name"]):
            return dict(namespace)
    raise AwsError("NamespaceNotFoundException", f"The specified namespace {name} wasn't found.", 400)


class Proxy:
    """What leads a task's connections from the names that it knows to tasks of other services."""

    def __init__(self, account: Account, task: Task) -> None:
        self._account, self._task = account, task
        names = dict.fromkeys(endpoint.name for endpoint in task.endpoints)
        self._addresses = {name: f"192.0.2.{number}" for number, name in enumerate(names, start=2)}

    @property
    def addresses(self) -> dict[str, str]:
        """Name → the address in the task that the proxy listens on."""
        return self._addresses

    @property
    def listens(self) -> list[tuple[str, int]]:
        """Address and port of each endpoint."""
        return [(self.addresses[endpoint.name], endpoint.port) for endpoint in self._task.endpoints]

    def connected(self, number: int, client: socket.socket) -> None:
        """Lead a connection to the endpoint of this number; one that leads nowhere is closed."""
        with client, suppress(OSError):
            found = self._target(self._task.endpoints[number])
            if found is None:
                return
            container, port = found
            with container.connect(port, SECONDS_TO_CONNECT) as server:
                server.settimeout(None)
                back = threading.Thread(target=_pump, args=(server, client), daemon=True)
                back.start()
                _pump(client, server)
                back.join()

    def _target(self, endpoint: Endpoint) -> tuple[Any, int] | None:
        """A container that serves, and its port, where the security groups let the task through."""
        state = state_of(self._account)
        service = next((each for each in list(state.services.values()) if each.arn == endpoint.service), None)
        tasks = [task for task in (serving(service) if service else []) if task.id in state.containers]
        if not tasks:
            return None
        task = random.choice(tasks)  # noqa: S311
        name, port = _port(task.task_definition, endpoint.port_name)
        source, target = interface(self._account, self._task), interface(self._account, task)
        if source and target and vpc_of(self._account).between(source, target, port):
            return None
        return state.containers[task.id][name], port


def serving(service: Service) -> list[Task]:
    """The healthy tasks of the revision that has the traffic; of several that share it, of one by its share."""
    ongoing = service.ongoing
    if ongoing is None or ongoing.strategy == "ROLLING":
        return [task for task in service.tasks if task.ready]
    shares = ongoing.production or ({ongoing.source.id: 100.0} if ongoing.source else {})
    ids = [id for id, share in shares.items() if share]
    chosen = random.choices(ids, [shares[id] for id in ids])[0] if ids else None  # noqa: S311
    return [task for task in service.tasks if task.ready and task.deployment_id == chosen]


def _port(definition: Json, name: str) -> tuple[str, int]:
    """The container and the port of a port mapping."""
    return next(
        (container["name"], int(mapping["containerPort"]))
        for container in definition["containerDefinitions"]
        for mapping in container.get("portMappings", [])
        if mapping.get("name") == name
    )


def _pump(source: socket.socket, sink: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            sink.sendall(data)
    with suppress(OSError):
        sink.shutdown(socket.SHUT_WR)
