"""What a service connects to: rules in other security groups, and services by their names, under mocks."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from mocked import REGION, Recorder, deploy

from components.service.connections import in_order
from components.service.task_template import TaskTemplate
from tests.unit.program.test_program import run

__all__ = ["deploy"]
Deploy = Callable[..., Recorder]
INGRESS, SERVICE = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "aws:ecs/service:Service"
NAMESPACE, TASK = "aws:servicediscovery/httpNamespace:HttpNamespace", "aws:ecs/taskDefinition:TaskDefinition"
DATABASE = {"security_group": "sg-0a1b2c3d", "port": 5432}
WEB = {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000}
WORKER = {"template": "worker.json", "cpu": 256, "memory": 512}


def declare(deploy: Deploy, **services: dict[str, Any]) -> Recorder:
    return run(deploy, "dev", services=services, secrets={})


def test_a_security_group_lets_the_tasks_in_at_its_port_and_nothing_else_changes(deploy: Deploy) -> None:
    recorder = declare(deploy, jobs={"task": WORKER, "connects_to": [DATABASE, {**DATABASE, "port": 6379}]})
    assert recorder.named(INGRESS).keys() - {"load-balancer-in-80-0.0.0.0/0", "load-balancer-in-443-0.0.0.0/0"} == {
        "jobs-to-sg-0a1b2c3d-5432",
        "jobs-to-sg-0a1b2c3d-6379",
    }
    assert recorder.inputs(INGRESS, "jobs-to-sg-0a1b2c3d-5432") == {
        "securityGroupId": "sg-0a1b2c3d",
        "referencedSecurityGroupId": "jobs-sg-id",
        "description": "From the tasks of jobs",
        "ipProtocol": "tcp",
        "fromPort": 5432,
        "toPort": 5432,
    }
    assert "serviceConnectConfiguration" not in recorder.inputs(SERVICE, "jobs-service")
    assert recorder.types()[NAMESPACE] == 0


def test_a_service_is_reached_by_its_name(deploy: Deploy) -> None:
    recorder = declare(
        deploy,
        jobs={"task": WORKER, "connects_to": [{"service": "api"}]},
        api={"task": WEB},
        site={"task": WEB},
    )
    assert recorder.inputs(NAMESPACE, "cluster-namespace") == {"name": "dev", "description": "The services of dev"}
    client = recorder.inputs(SERVICE, "jobs-service")["serviceConnectConfiguration"]
    server = recorder.inputs(SERVICE, "api-service")["serviceConnectConfiguration"]
    log = {"awslogs-group": "/ecs/dev-jobs", "awslogs-region": REGION, "awslogs-stream-prefix": "service-connect"}
    assert client["enabled"] is True
    assert client["logConfiguration"] == {"logDriver": "awslogs", "options": log}
    assert client.keys() == {"enabled", "namespace", "logConfiguration"}
    assert server["services"] == [
        {"portName": "service", "discoveryName": "api", "clientAlias": [{"dnsName": "api", "port": 4000}]}
    ]
    assert client["namespace"] == server["namespace"]
    assert "serviceConnectConfiguration" not in recorder.inputs(SERVICE, "site-service")
    rule = recorder.inputs(INGRESS, "jobs-to-api")
    assert (rule["securityGroupId"], rule["referencedSecurityGroupId"]) == ("api-sg-id", "jobs-sg-id")
    assert (rule["fromPort"], rule["toPort"]) == (1, 65535)


def test_who_connects_is_deployed_after_what_it_connects_to(deploy: Deploy) -> None:
    recorder = declare(deploy, jobs={"task": WORKER, "connects_to": [{"service": "api"}]}, api={"task": WEB})
    before = recorder.named(SERVICE)["jobs-service"].dependencies
    assert [urn.rpartition("::")[2] for urn in before if urn.endswith("-service")] == ["api-service"]


def test_who_connects_is_deployed_after_the_rules_that_let_it_in(deploy: Deploy) -> None:
    connections = [DATABASE, {"service": "api"}]
    recorder = declare(deploy, jobs={"task": WORKER, "connects_to": connections}, api={"task": WEB})
    before = {urn.rpartition("::")[2] for urn in recorder.named(SERVICE)["jobs-service"].dependencies}
    assert {name for name in before if "-to-" in name} == {"jobs-to-sg-0a1b2c3d-5432", "jobs-to-api"}


def test_the_port_has_a_name_where_somebody_connects_to_it_only(deploy: Deploy) -> None:
    recorder = declare(
        deploy, jobs={"task": WORKER, "connects_to": [{"service": "api"}]}, api={"task": WEB}, site={"task": WEB}
    )

    def ports(service: str) -> list[Any]:
        (container,) = json.loads(recorder.inputs(TASK, f"{service}-task")["containerDefinitions"])
        return list(container["portMappings"])

    plain = {"containerPort": 4000, "protocol": "tcp"}
    assert ports("api") == [{**plain, "name": "service"}]
    assert ports("site") == [plain]


def test_a_port_s_own_name_stays() -> None:
    mapping = {"containerPort": "${port}", "name": "grpc", "appProtocol": "grpc"}
    template = TaskTemplate("a.json", {"containerDefinitions": [{"name": "a", "portMappings": [mapping]}]})
    assert template.port_name() == "grpc"
    assert template.with_port_name() == template
    del mapping["name"]
    assert template.with_port_name().document["containerDefinitions"][0]["portMappings"][0]["name"] == "service"
    assert "name" not in mapping


@pytest.mark.parametrize(
    ("connections", "order"),
    [
        ({"b": [], "a": []}, ["b", "a"]),
        ({"web": ["api"], "api": ["db"], "db": []}, ["db", "api", "web"]),
    ],
)
def test_order(connections: dict[str, list[str]], order: list[str]) -> None:
    assert in_order(connections) == order
