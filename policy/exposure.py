"""What the internet may reach: the load balancer, and nothing else."""

from collections.abc import Iterator, Mapping
from typing import Any

from pulumi_policy import PolicyResource, ResourceValidationArgs

from aws_access import (
    GROUPS,
    RESOURCE_POLICIES,
    ROLE,
    addresses,
    condition_keys,
    ingress,
    is_anybody,
    listed,
    names_who,
    open_blocks,
    principals,
    public_setting,
    statements,
)
from rule import in_production, known, of_buckets, rule, stack_key, stack_rule

EVERYBODY = ("0.0.0.0/0", "::/0")
MENDS = {
    "aws:ec2/instance:Instance": "Set associate_public_ip_address=False.",
    "aws:lambda/functionUrl:FunctionUrl": 'Set authorization_type="AWS_IAM".',
    "aws:rds/clusterInstance:ClusterInstance": "Set publicly_accessible=False.",
    "aws:rds/instance:Instance": "Set publicly_accessible=False.",
    "aws:redshift/cluster:Cluster": "Set publicly_accessible=False.",
    "aws:s3/bucketAcl:BucketAcl": "Take it away: the bucket's policy says who may read.",
}
"""Type → how a setting that makes it public is mended."""
TLS_POLICIES = ("ELBSecurityPolicy-TLS13-1-2-", "ELBSecurityPolicy-TLS13-1-3-", "ELBSecurityPolicy-TLS-1-2-")


def _open_ports(resources: list[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    """What lets everybody in, but for a load balancer's security group and the ports that it listens on.

    Which group a rule belongs to, and which one a load balancer has, is known by what the property comes from.
    """
    listened = _listened(resources)
    for resource in resources:
        for groups, source in _ingress(resource):
            first, last = known(source, "fromPort"), known(source, "toPort")
            balancers = first == last and any(first in listened.get(group, ()) for group in groups)
            for cidr in EVERYBODY:
                if cidr in addresses(source) and not balancers:
                    yield (
                        resource,
                        f"{cidr} may reach {_ports(first, last)}, where no load balancer listens. Let in the load "
                        "balancer's security group (referenced_security_group_id), or name addresses; the load "
                        "balancer's own are `fargate-delivery:cluster.allowed_cidrs`.",
                    )


def _listened(resources: list[PolicyResource]) -> dict[str, set[float]]:
    """The security groups of load balancers that face the internet, and the ports that those listen on."""
    ports: dict[str, set[float]] = {}
    for listener in (resource for resource in resources if resource.resource_type == "aws:lb/listener:Listener"):
        for balancer in listener.property_dependencies.get("loadBalancerArn", []):
            if known(balancer.props, "internal"):
                continue
            for group in balancer.property_dependencies.get("securityGroups", []):
                ports.setdefault(group.urn, set()).add(known(listener.props, "port"))
    return ports


def _ingress(resource: PolicyResource) -> Iterator[tuple[list[str], Mapping[str, Any]]]:
    """To which groups it lets in what."""
    of_rule = [group.urn for group in resource.property_dependencies.get("securityGroupId", [])]
    groups = [resource.urn] if resource.resource_type in GROUPS else of_rule
    inputs = {name: known(resource.props, name) for name in resource.props}
    for source in ingress(resource.resource_type, inputs):
        yield groups, source


def _ports(first: float | None, last: float | None) -> str:
    if first is None or last is None:
        return "every port"
    return f"port {first:g}" if first == last else f"ports {first:g} to {last:g}"


def _setting(args: ResourceValidationArgs) -> Iterator[str]:
    if public := public_setting(args.resource_type, args.props):
        yield f"it {public}. {MENDS[args.resource_type]}"


def _service(args: ResourceValidationArgs) -> Iterator[str]:
    public = public_setting(args.resource_type, args.props)
    if public and in_production(args.urn):
        yield f"it {public}. Set {stack_key(args, 'network.nat')} to single or per_zone."


def _address(args: ResourceValidationArgs) -> Iterator[str]:
    """NAT gateways have addresses too, and let nobody in."""
    if args.props.get("instance") or args.props.get("networkInterface"):
        yield "it gives a machine a public address. Put the machine behind the load balancer."


def _public_access_block(args: ResourceValidationArgs) -> Iterator[str]:
    off = open_blocks(args.props)
    if off:
        yield f"{' and '.join(off)} {'are' if off[1:] else 'is'} off. Set all four to True."


def _buckets(resources: list[PolicyResource]) -> Iterator[tuple[PolicyResource, str]]:
    kind = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
    blocked = of_buckets(resources, kind)
    for bucket in resources:
        if bucket.resource_type == "aws:s3/bucket:Bucket" and bucket.urn not in blocked:
            yield bucket, "it may be made public. Add an aws.s3.BucketPublicAccessBlock with all four set."


def _resource_policy(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in statements(args.props.get("policy")):
        if statement["Effect"] == "Allow" and _lets_anybody_in(statement):
            yield (
                "its policy lets everybody in. Name the principals, or hold it to aws:SourceArn or aws:PrincipalOrgID "
                "by a condition."
            )


def _trust(args: ResourceValidationArgs) -> Iterator[str]:
    for statement in statements(args.props.get("assumeRolePolicy")):
        if statement["Effect"] != "Allow":
            continue
        if _lets_anybody_in(statement):
            yield "everybody may assume it. Name the principals in assume_role_policy."
        if any(principal.startswith("Federated:") for principal in principals(statement)):
            keys = {key.rpartition(":")[2] for key in condition_keys(statement.get("Condition"))}
            for key in sorted({"aud", "sub"} - keys):
                yield (
                    f"every token of the identity provider may assume it, whatever its {key}. Hold it to a {key} by a "
                    "condition in assume_role_policy."
                )


def _lets_anybody_in(statement: Mapping[str, Any]) -> bool:
    return any(map(is_anybody, principals(statement))) and not names_who(statement.get("Condition"))


def _listener(args: ResourceValidationArgs) -> Iterator[str]:
    protocol, actions = args.props.get("protocol"), listed(args.props.get("defaultActions"))
    if protocol in ("HTTPS", "TLS"):
        policy = args.props.get("sslPolicy") or "none"
        if not policy.startswith(TLS_POLICIES):
            where = "TLS_POLICY in components/platform/load_balancer.py"
            yield f"it takes TLS before 1.2 (ssl_policy {policy}). See {where}."
    elif not actions or any(not _to_https(action) for action in actions):
        yield f"{protocol} is not encrypted. Make it HTTPS with a certificate, or let it redirect to HTTPS only."


def _to_https(action: Mapping[str, Any]) -> bool:
    """Only an action that redirects has a redirect."""
    return (action.get("redirect") or {}).get("protocol") == "HTTPS"


RULES = [
    stack_rule(
        "only-the-load-balancer-is-open",
        "Everybody may reach a load balancer where it listens, and nothing else.",
        _open_ports,
    ),
    rule(
        "nothing-else-is-public",
        "Nothing but the load balancer has a public address or lets everybody in.",
        {
            "aws:ecs/service:Service": _service,
            "aws:ec2/eip:Eip": _address,
            **dict.fromkeys(MENDS, _setting),
            "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": _public_access_block,
        },
    ),
    stack_rule("buckets-are-private", "A bucket has a public access block.", _buckets),
    rule(
        "no-policy-for-everybody",
        "A policy of a resource, and a role's trust, name who is let in.",
        {
            **dict.fromkeys(RESOURCE_POLICIES, _resource_policy),
            ROLE: _trust,
        },
    ),
    rule(
        "listeners-use-tls",
        "A listener takes TLS 1.2 or newer, or sends whoever comes without to where it is.",
        {"aws:lb/listener:Listener": _listener},
    ),
]
