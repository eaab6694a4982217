"""Service Connect: what ECS refuses, which names a deployment's tasks know, and where they lead."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from aws_fakes import eventually
from botocore.exceptions import ClientError
from ecs_account import Aws, ecs_account

from sandbox import moto_fixes
from sandbox.account.errors import AwsError
from sandbox.ecs.deployment import Deployment
from sandbox.ecs.model import Service, Task
from sandbox.ecs.service_connect import Proxy, serving
from sandbox.ecs.service_deployment import ServiceDeployment
from sandbox.ecs.state import state_of

Json = dict[str, Any]
PORT = [{"containerPort": 80, "name": "http"}]
APP = {"name": "app", "image": "123456789012.dkr.ecr.eu-west-1.amazonaws.com/web:live", "portMappings": PORT}


@pytest.fixture
def aws(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Aws]:
    moto_fixes.apply()
    with ecs_account(tmp_path, monkeypatch) as prepared:
        cloud_map = prepared.account.clients["servicediscovery"]
        cloud_map.create_http_namespace(Name="main")
        prepared.register(APP)
        yield prepared


def namespace(aws: Aws) -> Json:
    (found,) = aws.account.clients["servicediscovery"].list_namespaces()["Namespaces"]
    return dict(found)


def connected(aws: Aws, *services: Json) -> Json:
    return {"enabled": True, "namespace": namespace(aws)["Arn"], **({"services": list(services)} if services else {})}


def served(name: str, port: int = 8000, port_name: str = "http") -> Json:
    return {"portName": port_name, "discoveryName": name, "clientAliases": [{"dnsName": name, "port": port}]}


def make(aws: Aws, name: str, configuration: Json | None, **fields: Any) -> Service:
    aws.service(serviceName=name, loadBalancers=None, serviceConnectConfiguration=configuration, **fields)
    return found(aws, name)


def found(aws: Aws, name: str) -> Service:
    return state_of(aws.account).services["main", name]  # type: ignore[arg-type]


def names(service: Service) -> list[str]:
    return [endpoint.name for endpoint in service.primary.endpoints]


def test_a_deployment_knows_the_names_that_there_were_when_it_began(aws: Aws) -> None:
    client = make(aws, "client", connected(aws))
    make(aws, "api", connected(aws, served("api")))
    assert names(client) == []
    aws.ecs.update_service(cluster="main", service="client", forceNewDeployment=True)
    assert names(client) == ["api"]
    assert names(make(aws, "stranger", None)) == []


def test_it_is_told_as_long_as_it_is_on_and_its_cloud_map_services_go_with_it(aws: Aws) -> None:
    cloud_map = aws.account.clients["servicediscovery"]
    declared = connected(aws, served("api"))
    make(aws, "api", declared)
    described = aws.ecs.describe_services(cluster="main", services=["api"])["services"][0]
    assert described["deployments"][0]["serviceConnectConfiguration"] == declared
    assert [each["Name"] for each in cloud_map.list_services()["Services"]] == ["api"]
    with pytest.raises(ClientError, match=r"ResourceInUse.*Namespace has associated services"):
        cloud_map.delete_namespace(Id=namespace(aws)["Id"])
    before = len(found(aws, "api").history)
    aws.ecs.update_service(cluster="main", service="api", serviceConnectConfiguration={"enabled": False})
    described = aws.ecs.describe_services(cluster="main", services=["api"])["services"][0]
    assert "serviceConnectConfiguration" not in described["deployments"][0]
    assert len(found(aws, "api").history) == before + 1
    assert cloud_map.list_services()["Services"] == []
    cloud_map.delete_namespace(Id=namespace(aws)["Id"])


def test_a_service_that_is_deleted_leaves_no_name(aws: Aws) -> None:
    make(aws, "api", connected(aws, served("api")))
    aws.ecs.delete_service(cluster="main", service="api", force=True)
    assert aws.account.clients["servicediscovery"].list_services()["Services"] == []
    assert names(make(aws, "client", connected(aws))) == []


def test_a_namespace_s_name_is_there_once(aws: Aws) -> None:
    with pytest.raises(ClientError, match="NamespaceAlreadyExists"):
        aws.account.clients["servicediscovery"].create_http_namespace(Name="main")


@pytest.mark.parametrize(
    ("served_as", "fields", "words"),
    [
        (served("api", port_name="grpc"), {}, "portName grpc"),
        (served("taken"), {}, "discoveryName taken"),
        ({**served("api"), "clientAliases": [{"dnsName": "taken", "port": 8000}]}, {}, "taken:8000"),
        (served("api"), {"deploymentController": {"type": "CODE_DEPLOY"}}, "ECS deployment controller only"),
    ],
)
def test_what_ecs_refuses(aws: Aws, served_as: Json, fields: Json, words: str) -> None:
    make(aws, "other", connected(aws, served("taken")))
    if fields:
        balancers = [{"targetGroupArn": aws.target_group, "containerName": "app", "containerPort": 80}]
        fields = {**fields, "loadBalancers": balancers}
    with pytest.raises(AwsError, match=words):
        aws.service(**{"loadBalancers": None, "serviceConnectConfiguration": connected(aws, served_as), **fields})


def test_a_namespace_must_be_there(aws: Aws) -> None:
    with pytest.raises(AwsError, match="namespace nowhere") as error:
        make(aws, "api", {"enabled": True, "namespace": "nowhere"})
    assert error.value.code == "NamespaceNotFoundException"


class Serving:
    """A container whose connections answer with one word."""

    def __init__(self, word: str) -> None:
        self.word = word

    def connect(self, port: int, timeout: float | None = None) -> socket.socket:
        ours, theirs = socket.socketpair()
        theirs.sendall(f"{self.word} at {port}".encode())
        theirs.shutdown(socket.SHUT_WR)
        return ours


def asked(aws: Aws, client: Service) -> str:
    """What a task of a service hears of the first name that it knows."""
    task = eventually(lambda: next((task for task in client.tasks if task.active and task.subnet), None))
    near, far = socket.socketpair()
    near.shutdown(socket.SHUT_WR)
    Proxy(aws.account, task).connected(0, far)  # type: ignore[arg-type]
    with near:
        return near.recv(100).decode()


def serve(aws: Aws, service: Service, word: str) -> None:
    """Have the service's task answer with a word, once it is healthy."""
    task = eventually(lambda: next((task for task in service.tasks if task.ready), None), 20)
    state_of(aws.account).containers[task.id] = {"app": Serving(word)}  # type: ignore[arg-type]


def test_a_name_leads_to_a_healthy_task_where_the_security_groups_let_it(aws: Aws) -> None:
    api = make(aws, "api", connected(aws, served("api")))
    client = make(aws, "client", connected(aws))
    task = eventually(lambda: next((task for task in client.tasks if task.subnet), None))
    proxy = Proxy(aws.account, task)  # type: ignore[arg-type]
    assert (proxy.addresses, proxy.listens) == ({"api": "192.0.2.2"}, [("192.0.2.2", 8000)])
    assert asked(aws, client) == ""
    serve(aws, api, "api")
    assert asked(aws, client) == "api at 80"
    ec2 = aws.account.clients["ec2"]
    everything = [{"IpProtocol": "-1", "IpRanges": [{"CidrIp": "0.0.0.0/0"}]}]
    ec2.revoke_security_group_ingress(GroupId=aws.open, IpPermissions=everything)
    aws.account.network_changes += 1
    assert asked(aws, client) == ""


def test_where_traffic_shifts_a_name_leads_to_who_has_the_traffic() -> None:
    green, blue = Deployment("web:2", {}), Deployment("web:1", {}, status="ACTIVE")
    shape = {"serviceName": "api", "deploymentController": {"type": "ECS"}}
    service = Service("api", "arn:api", "arn:main", 1, shape, [green, blue], "me")
    for deployment in (green, blue):
        task = Task("arn:main", {"containerDefinitions": []}, "r", "a", "g", deployment_id=deployment.id)
        task.ready = True
        service.tasks.append(task)
    new, old = service.tasks
    assert serving(service) == [new, old]
    ongoing = ServiceDeployment(service.arn, green, [blue], {"strategy": "CANARY"})
    service.service_deployments.append(ongoing)
    assert serving(service) == [old]
    ongoing.production = {green.id: 100.0, blue.id: 0.0}
    assert serving(service) == [new]
    ongoing.production = {green.id: 50.0, blue.id: 50.0}
    assert {serving(service)[0].id for _ in range(100)} == {new.id, old.id}
    new.ready = False
    ongoing.production = {green.id: 100.0, blue.id: 0.0}
    assert serving(service) == []
    first = ServiceDeployment(service.arn, green, [], {"strategy": "CANARY"})
    service.service_deployments.append(first)
    assert serving(service) == []
