"""From checked settings to the components' inputs."""

from typing import TypedDict, cast

import pulumi
import pulumi_aws as aws

from components.load_balancer import AdoptedLoadBalancer, LoadBalancer, LoadBalancerArgs
from components.network import AdoptedVpc, Network, NetworkArgs
from components.ways_in import WaysInArgs
from delivery.state import ServiceState
from review import number_of, priority
from service_file import Service
from settings import Settings


class Shared(TypedDict):
    """What a stack lets its reviews use, as its output `shared`."""

    network: AdoptedVpc
    load_balancer: AdoptedLoadBalancer


def to_share(network: Network, balancer: LoadBalancer) -> Shared:
    """What a stack's reviews adopt."""
    return {
        "network": {
            "vpc_id": network.vpc_id,
            "public_subnet_ids": network.public_subnet_ids,
            "task_subnet_ids": network.task_subnet_ids,
            "assign_public_ip": network.assign_public_ip,
        },
        "load_balancer": {
            "https_listener_arn": balancer.https_listener_arn,
            "arn_suffix": balancer.arn_suffix,
            "security_group_id": balancer.security_group_id,
            "dns_name": balancer.dns_name,
            "zone_id": balancer.zone_id,
        },
    }


def shared_by(stack: Settings) -> Shared | None:
    """What this review adopts of another stack; None for a stack that is no review."""
    if stack.shared is None:
        return None
    output = pulumi.StackReference(stack.shared).require_output("shared")
    network, balancer = output["network"], output["load_balancer"]
    return {
        "network": cast(AdoptedVpc, {key: network[key] for key in AdoptedVpc.__annotations__}),
        "load_balancer": cast(AdoptedLoadBalancer, {key: balancer[key] for key in AdoptedLoadBalancer.__annotations__}),
    }


def network_args(stack: Settings, shared: Shared | None) -> NetworkArgs:
    """The VPC to make, or the one to adopt."""
    network = stack.config.network
    if shared is not None:
        return {"vpc_name": stack.stack, "adopt": shared["network"]}
    if network.vpc_id is not None:
        return {
            "vpc_name": stack.stack,
            "adopt": {
                "vpc_id": network.vpc_id,
                "public_subnet_ids": network.public_subnet_ids,
                "task_subnet_ids": network.private_subnet_ids,
            },
        }
    return {"vpc_name": stack.stack, "cidr": network.cidr, "zones": network.zones, "nat": network.nat}


def load_balancer_args(
    stack: Settings, network: Network, zone_id: pulumi.Input[str] | None, shared: Shared | None
) -> LoadBalancerArgs:
    """The load balancer, with a certificate to make or to adopt; or another stack's."""
    domain = stack.config.domain
    args: LoadBalancerArgs = {
        "load_balancer_name": stack.stack,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.public_subnet_ids,
        "domain": domain.zone,
        "allowed_cidrs": stack.config.cluster.allowed_cidrs,
        "protect": stack.config.protect,
        "test_ports": sorted(
            {port for service in stack.config.services.values() for port in service.deploy.test_ports}
        ),
    }
    if shared is None:
        args["reaches"] = _ranges(stack)
    if domain.records and zone_id is not None:
        args["records_zone_id"] = zone_id
        hosts = {route.host for service in stack.config.services.values() for route in service.routes}
        args["hosts"] = {host: list(stack.config.services) for host in sorted(hosts)}
    if shared is not None:
        args["adopt"] = shared["load_balancer"]
    elif domain.certificate_arn is not None:
        args["certificate_arn"] = domain.certificate_arn
    elif zone_id is not None:
        args["zone_id"] = zone_id
    return args


def _ranges(stack: Settings) -> list[str]:
    """The address ranges of the VPC; one that is adopted may have several."""
    network = stack.config.network
    if network.vpc_id is None:
        return [network.cidr]
    associations = aws.ec2.get_vpc(id=network.vpc_id).cidr_block_associations
    return sorted(association.cidr_block for association in associations if association.state == "associated")


def ways_in_args(
    stack: Settings,
    service: Service,
    state: ServiceState | None,
    balancer: LoadBalancer,
    hooks: pulumi.ResourceHookBinding,
) -> dict[str, WaysInArgs]:
    """`{"ways_in": …}` for a service with routes, nothing for a worker."""
    if not service.routes:
        return {}
    number = number_of(stack.stack)
    ways_in: WaysInArgs = {
        "routes": [route.model_copy(update={"priority": priority(route.priority, number)}) for route in service.routes],
        "health_check": service.health_check,
        "listener_arn": balancer.https_listener_arn,
        "balancer_security_group_id": balancer.security_group_id,
        "rule_hooks": hooks,
    }
    if service.deploy.shifts:
        shifting = state is not None and state.controller == service.deploy.controller
        ways_in["blue_green"] = {"shifting": shifting}
        for port in service.deploy.test_ports:
            ways_in["blue_green"]["test_listener_arn"] = balancer.test_listener_arns[port]
    return {"ways_in": ways_in}
