"""What a stack's services share: network, cluster, load balancer, delivery store."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TypedDict, cast

import pulumi
import pulumi_aws as aws

from components.pipeline.start_failures import StartFailures
from components.platform.cluster import Cluster
from components.platform.dashboard import Charted, Dashboard
from components.platform.delivery_store import DeliveryStore, DeliveryStoreArgs
from components.platform.load_balancer import AdoptedLoadBalancer, Certified, LoadBalancer, LoadBalancerArgs
from components.platform.network import AdoptedVpc, Network, NetworkArgs
from components.platform.platform import Platform
from components.platform.private_zone import PrivateZone
from components.platform.scheme import check_scheme
from components.scope import Scope
from components.service.connections import names_of
from components.service.existing_cluster import check_cluster
from components.service.running_reads import all_reads
from components.service.update_hooks import Snapshot
from config.endpoints import endpoint_services
from config.settings import Settings
from config.stack_file import Stack, Zone
from pipeline_steps import report
from releases.names import artifact_prefix
from stack import zones
from stack.zones import PublicZone


class Shared(TypedDict):
    """What a stack lets its reviews use, as its output `shared`."""

    network: AdoptedVpc
    load_balancer: AdoptedLoadBalancer


def declare(stack: Settings, scope: Scope, seen: Snapshot) -> Platform:
    """Declare all of it, with what the services need that are up, and export what reviews adopt."""
    config = stack.config
    public = zones.find(stack, scope.region)
    shared = shared_by(stack)
    network = Network("network", network_args(stack, scope, shared, seen))
    cluster = Cluster(
        "cluster",
        {
            "scope": scope,
            "insights": config.cluster.insights,
            "log_retention_days": config.cluster.log_retention_days,
            "protect": config.protect,
            "namespace": any(names_of(service.connects_to) for service in config.services.values()),
        },
    )
    balancer = LoadBalancer("load-balancer", load_balancer_args(stack, network, public, shared))
    store_args: DeliveryStoreArgs = {
        "artifact_prefixes": [artifact_prefix(scope.name(name)) for name in config.services],
        "protect": config.protect,
    }
    if config.notifications.commits is not None:
        store_args["report_prefixes"] = [report.FOLDER]
    store = DeliveryStore("delivery-store", store_args)
    jobs = any(service.jobs for service in config.services.values())
    failures = StartFailures("starts", {"scope": scope, "jobs": jobs, "page": config.notifications.page})
    pulumi.export("load_balancer", balancer.dns_name)
    if elsewhere := [host for host in all_hosts(config) if not _recorded(config, host)]:
        pulumi.export("dns_records", dict.fromkeys(elsewhere, balancer.dns_name))
    if shared is None:
        pulumi.export("shared", to_share(network, balancer))
    return Platform(
        scope=scope,
        network=network,
        cluster=cluster,
        load_balancer=balancer,
        delivery_store=store,
        start_failures=failures,
        spot=config.cluster.spot,
        log_retention_days=config.cluster.log_retention_days,
        page=config.notifications.page,
        protect=config.protect,
    )


def check_replacements(stack: Settings, scope: Scope, snapshot: Snapshot) -> None:
    """Refuse what would be another load balancer or cluster than the one that is up, and a cluster that does not do.

    Raises:
        pulumi.RunError: what to do instead.
    """
    if stack.shared is None and stack.config.load_balancer.listener_arn is None:
        check_scheme(snapshot.session, stack.stack, internal=stack.config.load_balancer.internal)
    check_cluster(snapshot, scope, spot=_uses_spot(stack))


def _uses_spot(stack: Settings) -> bool:
    """Whether any service has tasks on FARGATE_SPOT."""
    services = stack.config.services.values()
    return stack.config.cluster.spot or any(service.capacity and service.capacity.spot for service in services)


def dashboard(stack: Settings, platform: Platform, services: Sequence[Charted]) -> None:
    """The dashboard, which a review has none of."""
    if stack.shared is None:
        Dashboard(
            "overview",
            {
                "stack": platform.scope.stack,
                "region": platform.scope.region,
                "cluster_name": platform.cluster.name,
                "balancer_arn_suffix": platform.load_balancer.arn_suffix,
                "services": services,
            },
        )


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


def network_args(stack: Settings, scope: Scope, shared: Shared | None, seen: Snapshot) -> NetworkArgs:
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
    made: NetworkArgs = {"vpc_name": stack.stack, "cidr": network.cidr, "zones": network.zones, "nat": network.nat}
    if network.endpoints:
        running = all_reads(revision for state in seen.states.values() for revision in state.revisions)
        services = endpoint_services(stack.config, stack.templates, running)
        made["endpoints"] = {"scope": scope, "services": services, "cidr": network.cidr}
    return made


def load_balancer_args(
    stack: Settings, network: Network, public: Mapping[str, PublicZone], shared: Shared | None
) -> LoadBalancerArgs:
    """The load balancer, with certificates to make or to adopt; or another stack's."""
    domain = stack.config.domain
    args: LoadBalancerArgs = {
        "load_balancer_name": stack.stack,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.public_subnet_ids,
        "domain": domain.zone,
        "protect": stack.config.protect,
        "test_ports": sorted(
            {port for service in stack.config.services.values() for port in service.deploy.test_ports}
        ),
    }
    if internal := stack.config.load_balancer.internal:
        args["internal"] = True
        args["subnet_ids"] = network.task_subnet_ids
    if not internal or "allowed_cidrs" in stack.config.cluster.model_fields_set:
        args["allowed_cidrs"] = stack.config.cluster.allowed_cidrs
    if domain.redirects:
        args["redirects"] = domain.redirects
    if shared is None:
        args["reaches"] = _ranges(stack)
    private = private_zone_ids(stack, network, shared)
    zone_ids: dict[str, pulumi.Input[str]] = {**{name: zone.zone_id for name, zone in public.items()}, **private}
    if domain.records:
        args["records_zone_id"] = zone_ids[domain.zone]
    if any(each.records for each in domain.zones):
        args["hosts"] = {
            host: once_of for host, once_of in all_hosts(stack.config).items() if _recorded(stack.config, host)
        }
    if domain.more_zones:
        of_hosts = {host: domain.zone_of(host) for host in args.get("hosts", {})}
        args["host_zone_ids"] = {host: zone_ids[zone.zone] for host, zone in of_hosts.items() if zone is not None}
    if providers := host_providers(stack.config, args.get("hosts", {}), public):
        args["host_providers"] = providers
    if shared is not None:
        args["adopt"] = shared["load_balancer"]
    elif (listener_arn := stack.config.load_balancer.listener_arn) is not None:
        args["adopt"] = existing_load_balancer(listener_arn, stack.config.network.vpc_id)
    else:
        args = {**args, **certified(domain, public)}
        if domain.more_zones:
            args["more_certificates"] = [certified(zone, public) for zone in domain.more_zones]
    return args


def private_zone_ids(stack: Settings, network: Network, shared: Shared | None) -> dict[str, pulumi.Input[str]]:
    """The private zones by name: those of a VPC that exists, or new ones in a VPC that is made."""
    names = [zone.zone for zone in stack.config.domain.zones if zone.private]
    if shared is None and stack.config.network.vpc_id is None:
        return {
            name: PrivateZone(f"private-{name}", {"zone": name, "vpc_id": network.vpc_id}).zone_id for name in names
        }
    return {
        name: aws.route53.get_zone_output(name=name, private_zone=True, vpc_id=network.vpc_id).zone_id for name in names
    }


def host_providers(config: Stack, hosts: Iterable[str], public: Mapping[str, PublicZone]) -> dict[str, aws.Provider]:
    """What makes the records of the hosts whose zone is written by a role."""
    of_hosts = {host: config.domain.zone_of(host) for host in hosts}
    return {
        host: provider
        for host, zone in of_hosts.items()
        if zone is not None and not zone.private and (provider := public[zone.zone].provider) is not None
    }


def certified(zone: Zone, public: Mapping[str, PublicZone]) -> Certified:
    """A zone's certificate: one that exists, or one that is made."""
    if zone.certificate_arn is not None:
        return {"domain": zone.zone, "certificate_arn": zone.certificate_arn}
    validated = public[zone.validated_in or zone.zone]
    made: Certified = {"domain": zone.zone, "zone_id": validated.zone_id}
    return made if validated.provider is None else {**made, "validated_by": validated.provider}


def all_hosts(config: Stack) -> dict[str, list[str]]:
    """The hosts that lead to the load balancer, and which services made each one's record once."""
    routed = {route.host for service in config.services.values() for route in service.routes}
    redirected: dict[str, list[str]] = {redirect.host: [] for redirect in config.domain.redirects}
    return {**redirected, **{host: list(config.services) for host in sorted(routed)}}


def _recorded(config: Stack, host: str) -> bool:
    """Whether a host's record is the stack's to make."""
    zone = config.domain.zone_of(host)
    return zone is not None and zone.records


def existing_load_balancer(listener_arn: str, vpc_id: str | None) -> AdoptedLoadBalancer:
    """The load balancer of a listener, whose ARN begins as the listener's.

    Args:
        listener_arn: the listener's ARN.
        vpc_id: where the tasks are.

    Raises:
        pulumi.RunError: it is in another VPC, where it would not reach them.
    """
    arn = listener_arn.rpartition("/")[0].replace(":listener/", ":loadbalancer/")
    found = aws.lb.get_load_balancer(arn=arn)
    if found.vpc_id != vpc_id:
        raise pulumi.RunError(
            f"load_balancer.listener_arn: {found.name} is in {found.vpc_id}, and network.vpc_id is {vpc_id}; it would "
            "not reach the tasks"
        )
    return {
        "https_listener_arn": listener_arn,
        "arn_suffix": found.arn_suffix,
        "security_group_id": min(found.security_groups),
        "dns_name": found.dns_name,
        "zone_id": found.zone_id,
    }


def _ranges(stack: Settings) -> list[str]:
    """The address ranges of the VPC; one that is adopted may have several."""
    network = stack.config.network
    if network.vpc_id is None:
        return [network.cidr]
    associations = aws.ec2.get_vpc(id=network.vpc_id).cidr_block_associations
    return sorted(association.cidr_block for association in associations if association.state == "associated")
