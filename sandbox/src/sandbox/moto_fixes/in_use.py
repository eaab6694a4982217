"""Resources that AWS does not delete while they are in use, and moto does; so a wrong order of deletions fails here.

Sources, below https://docs.aws.amazon.com/:
DependencyViolation: vpc/latest/userguide/delete-vpc.html
InvalidIPAddress.InUse: AWSEC2/latest/APIReference/errors-overview.html
ResourceInUseException: acm/latest/APIReference/API_DeleteCertificate.html
OperationNotPermitted: elasticloadbalancing/latest/APIReference/API_DeleteLoadBalancer.html
ClusterContainsServicesException: AmazonECS/latest/APIReference/API_DeleteCluster.html
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from moto.acm.models import AWSCertificateManagerBackend
from moto.core.exceptions import JsonRESTError
from moto.ec2.exceptions import DependencyViolationError, EC2ClientError
from moto.ec2.models import EC2Backend
from moto.ecs.models import Cluster, EC2ContainerServiceBackend
from moto.elbv2.exceptions import ELBClientError
from moto.elbv2.models import ELBv2Backend, elbv2_backends

_group = EC2Backend.delete_security_group
_subnet = EC2Backend.delete_subnet
_vpc = EC2Backend.delete_vpc
_detach = EC2Backend.detach_internet_gateway
_release = EC2Backend.release_address
_balancer = ELBv2Backend.delete_load_balancer
_certificate = AWSCertificateManagerBackend.delete_certificate
_cluster = EC2ContainerServiceBackend.delete_cluster


def apply() -> None:
    """Have moto refuse it."""
    EC2Backend.delete_security_group = _delete_group  # type: ignore[assignment, method-assign]
    EC2Backend.delete_subnet = _delete_subnet  # type: ignore[assignment, method-assign]
    EC2Backend.delete_vpc = _delete_vpc  # type: ignore[assignment, method-assign]
    EC2Backend.detach_internet_gateway = _detach_gateway  # type: ignore[assignment, method-assign]
    EC2Backend.release_address = _release_address  # type: ignore[assignment, method-assign]
    ELBv2Backend.delete_load_balancer = _delete_balancer  # type: ignore[method-assign]
    AWSCertificateManagerBackend.delete_certificate = _delete_certificate  # type: ignore[method-assign]
    EC2ContainerServiceBackend.delete_cluster = _delete_cluster  # type: ignore[method-assign]


def _balancers(self: Any) -> list[Any]:
    return list(elbv2_backends[self.account_id][self.region_name].load_balancers.values())


def _users_of_group(self: EC2Backend, id: str) -> Iterator[str]:
    """Other groups' rules, network interfaces, endpoints and load balancers."""
    for groups in self.groups.values():
        for other in groups.values():
            peers = {rule.source_group.get("GroupId") for rule in [*other.ingress_rules, *other.egress_rules]}
            if other.id != id and id in peers:
                yield other.id
    yield from (each.id for each in self.enis.values() if id in {group.id for group in each.group_set})
    for endpoint in self.vpc_end_points.values():
        if endpoint.state != "deleted" and id in endpoint.security_group_ids:
            yield endpoint.id
    yield from (each.arn for each in _balancers(self) if id in (each.security_groups or []))


def _delete_group(self: EC2Backend, name: str | None = None, group_id: str | None = None) -> None:
    name_or_id = group_id or name
    group = self.get_security_group_by_name_or_id(name_or_id) if name_or_id else None
    if group is not None and any(_users_of_group(self, group.id)):
        raise DependencyViolationError(f"resource {group.id} has a dependent object")
    _group(self, name, group_id)


def _delete_subnet(self: EC2Backend, subnet_id: str) -> Any:
    used = any(each.subnet.id == subnet_id for each in self.enis.values())
    if used or any(subnet_id in {subnet.id for subnet in each.subnets} for each in _balancers(self)):
        raise DependencyViolationError(f"The subnet '{subnet_id}' has dependencies and cannot be deleted.")
    return _subnet(self, subnet_id)


def _delete_vpc(self: EC2Backend, vpc_id: str) -> Any:
    gateways = [each for each in self.internet_gateways.values() if each.vpc and each.vpc.id == vpc_id]
    groups = [each for each in self.groups.get(vpc_id, {}).values() if not each.is_default and each.name != "default"]
    endpoints = [each for each in self.vpc_end_points.values() if each.vpc_id == vpc_id and each.state != "deleted"]
    if gateways or groups or endpoints:
        raise DependencyViolationError(f"The vpc '{vpc_id}' has dependencies and cannot be deleted.")
    return _vpc(self, vpc_id)


def _detach_gateway(self: EC2Backend, internet_gateway_id: str, vpc_id: str) -> None:
    mapped = any(each.eni is not None and each.eni.subnet.vpc_id == vpc_id for each in self.addresses)
    if mapped or any(each.vpc_id == vpc_id and each.scheme == "internet-facing" for each in _balancers(self)):
        raise DependencyViolationError(
            f"Network {vpc_id} has some mapped public address(es). Please unmap those public address(es) before "
            "detaching the gateway."
        )
    _detach(self, internet_gateway_id, vpc_id)


def _release_address(self: EC2Backend, address: str | None = None, allocation_id: str | None = None) -> None:
    addresses = [each for each in self.addresses if allocation_id and each.allocation_id == allocation_id]
    if any(each.association_id for each in addresses):
        raise EC2ClientError("InvalidIPAddress.InUse", f"Address with allocation ID {allocation_id} is in use.")
    _release(self, address, allocation_id)


def _delete_balancer(self: ELBv2Backend, arn: str) -> None:
    balancer = self.load_balancers.get(arn)
    if balancer is not None and balancer.attrs.get("deletion_protection.enabled") == "true":
        raise ELBClientError(
            "OperationNotPermitted",
            f"Load balancer '{arn}' cannot be deleted because deletion protection is enabled",
        )
    _balancer(self, arn)


def _delete_certificate(self: AWSCertificateManagerBackend, arn: str) -> None:
    listeners = [listener for each in _balancers(self) for listener in each.listeners.values()]
    if any(arn in (listener.certificates or []) for listener in listeners):
        raise JsonRESTError("ResourceInUseException", f"Certificate {arn} in account {self.account_id} is in use.")
    _certificate(self, arn)


def _delete_cluster(self: EC2ContainerServiceBackend, cluster_str: str) -> Cluster:
    name = cluster_str.rsplit("/", 1)[-1]
    if any(key.split(":")[0] == name and each.status == "ACTIVE" for key, each in self.services.items()):
        raise JsonRESTError(
            "ClusterContainsServicesException", "The Cluster cannot be deleted while Services are active."
        )
    return _cluster(self, cluster_str)
