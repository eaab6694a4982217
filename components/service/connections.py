"""What a service's tasks connect to inside of the VPC: what has a security group, and other services by their names.

Functions that make a component's children, and what ECS is told; they are `EcsService`'s.
"""

from __future__ import annotations

import graphlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Self

import pulumi
import pulumi_aws as aws
from pydantic import model_validator

from components import types
from components.model import Model
from components.service.task import Port

PROXY = "service-connect"
"""What the log streams of Service Connect's proxies begin with."""


class Connection(Model):
    """Something that the tasks connect to: a security group's port, or another service of the stack."""

    security_group: types.SecurityGroupId | None = None
    """The security group of a database, a cache or anything else in the VPC; it gets an inbound rule for the tasks
    at `port`."""
    port: Port | None = None
    """The port; required with `security_group`."""
    service: types.ServiceName | None = None
    """Another service of the stack. The tasks reach it by its name and its `task.port`, as in `http://api:4000`,
    through ECS Service Connect."""

    @model_validator(mode="after")
    def _one_of_two(self) -> Self:
        if (self.security_group is None) == (self.service is None):
            raise ValueError("must be either {security_group: sg-…, port: …} or {service: …}")
        if self.security_group is not None and self.port is None:
            raise ValueError("security_group needs the port to connect to, such as port: 5432")
        if self.service is not None and self.port is not None:
            raise ValueError("port: not with service, whose own port is used; remove it")
        return self


def names_of(connections: Sequence[Connection]) -> list[str]:
    """The services among them."""
    return [each.service for each in connections if each.service is not None]


def in_order(connections: Mapping[str, Sequence[str]]) -> list[str]:
    """The services, each after those that it connects to; as they are, where nothing says otherwise.

    Args:
        connections: each service's name → the services that it connects to.

    Raises:
        graphlib.CycleError: some connect to each other, in a circle.
    """
    return list(graphlib.TopologicalSorter(connections).static_order())


def let_tasks_in(
    service: str,
    group: aws.ec2.SecurityGroup,
    connections: Sequence[Connection],
    services: Mapping[str, aws.ec2.SecurityGroup],
    parent: pulumi.Resource,
) -> list[pulumi.Resource]:
    """Have the security groups let the tasks in, by the rules that are returned.

    Out they may go anywhere, as `task_security_group` says.

    Args:
        service: the name of the service that connects.
        group: of its tasks.
        connections: what they connect to.
        services: the security groups of the services among that, by name.
        parent: the component.
    """
    return [
        aws.vpc.SecurityGroupIngressRule(
            f"{service}-to-{name}",
            security_group_id=target,
            referenced_security_group_id=group.id,
            description=f"From the tasks of {service}",
            ip_protocol="tcp",
            from_port=ports[0],
            to_port=ports[1],
            opts=pulumi.ResourceOptions(parent=parent),
        )
        for name, target, ports in _targets(connections, services)
    ]


def _targets(
    connections: Sequence[Connection], services: Mapping[str, aws.ec2.SecurityGroup]
) -> Iterator[tuple[str, pulumi.Input[str], tuple[int, int]]]:
    """What each is called, its security group, and the first and the last port.

    A service is let in at every port: when its `task.port` is edited, the tasks of before serve on theirs.
    """
    for each in connections:
        if each.service is not None:
            yield each.service, services[each.service].id, (1, 65535)
        elif each.security_group is not None and each.port is not None:
            yield f"{each.security_group}-{each.port}", each.security_group, (each.port, each.port)


def service_connect(
    service: str,
    namespace_arn: pulumi.Input[str] | None,
    endpoint: tuple[str, int | None] | None,
    log: tuple[pulumi.Input[str], str],
    *,
    connects: bool,
) -> aws.ecs.ServiceServiceConnectConfigurationArgsDict | None:
    """What ECS is told of a service that others connect to, or that connects to others (ECS, Service Connect); None
    for any other.

    A new deployment is what changes what tasks know: whoever connects is deployed after what it connects to.

    Args:
        service: the service's name, by which the others reach it.
        namespace_arn: where the services of a stack find each other.
        endpoint: the name of the port in its task definition and the port; None where no other connects to it.
        log: the log group, and its Region.
        connects: whether it connects to another one.
    """
    if namespace_arn is None or not (connects or endpoint):
        return None
    configuration: aws.ecs.ServiceServiceConnectConfigurationArgsDict = {
        "enabled": True,
        "namespace": namespace_arn,
        "log_configuration": {
            "log_driver": "awslogs",
            "options": {"awslogs-group": log[0], "awslogs-region": log[1], "awslogs-stream-prefix": PROXY},
        },
    }
    if endpoint is not None and endpoint[1] is not None:
        port_name, port = endpoint[0], endpoint[1]
        configuration["services"] = [
            {
                "port_name": port_name,
                "discovery_name": service,
                "client_alias": [{"dns_name": service, "port": port}],
            }
        ]
    return configuration
