"""What a stack's deploy role may do with its network: VPC, load balancer, DNS records and certificates.

Functions without resources; `bootstrap/deploy_policy.py` says where the actions are from.
"""

from collections.abc import Sequence

from components.iam.policies import EVERYTHING, Statement, allow
from components.scope import Scope


def network_statements(scope: Scope, load_balancer: str | None = None) -> list[Statement]:
    """All of it.

    Args:
        scope: the stack.
        load_balancer: the name of one that exists, which the stack uses instead of making its own.
    """
    shared = [] if load_balancer is None else _rules_on(scope, load_balancer)
    return [*_network(scope), *shared, *records(scope), *_certificates(scope)]


def _network(scope: Scope) -> list[Statement]:
    """VPC, addresses, load balancer.

    Their ARNs end in ids that AWS makes up, and most actions of EC2 that create take no resource; so EC2 is granted in
    the stack's Region, and what keeps stacks apart is the account.
    """
    in_region = {"StringEquals": {"aws:RequestedRegion": scope.region}}
    ec2 = (
        "ec2:CreateVpc DeleteVpc ModifyVpcAttribute "
        "CreateSubnet DeleteSubnet ModifySubnetAttribute "
        "CreateInternetGateway DeleteInternetGateway AttachInternetGateway DetachInternetGateway "
        "CreateRouteTable DeleteRouteTable AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation "
        "CreateRoute DeleteRoute ReplaceRoute "
        "CreateNatGateway DeleteNatGateway AllocateAddress ReleaseAddress AssociateAddress DisassociateAddress "
        "CreateSecurityGroup DeleteSecurityGroup "
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress "
        "RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules "
        "UpdateSecurityGroupRuleDescriptionsIngress UpdateSecurityGroupRuleDescriptionsEgress "
        "CreateVpcEndpoint ModifyVpcEndpoint DeleteVpcEndpoints "
        "CreateTags DeleteTags"
    )
    balancer = (
        "elasticloadbalancing:CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes "
        "SetSecurityGroups SetSubnets SetIpAddressType "
        "CreateListener DeleteListener ModifyListener ModifyListenerAttributes "
        "AddListenerCertificates RemoveListenerCertificates "
        "CreateRule DeleteRule ModifyRule SetRulePriorities AddTags RemoveTags"
    )
    groups = (
        "elasticloadbalancing:CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes "
        "AddTags RemoveTags"
    )
    return [
        read_network(),
        allow("Network", ec2, EVERYTHING, in_region),
        # A zone has no ARN before it is made.
        allow("MakePrivateZones", "route53:CreateHostedZone", EVERYTHING),
        # The services' own names lead to endpoints by a zone of AWS's, too.
        allow(
            "PrivateZones",
            "route53:DeleteHostedZone UpdateHostedZoneComment ChangeTagsForResource AssociateVPCWithHostedZone "
            "DisassociateVPCFromHostedZone",
            [f"arn:{scope.partition}:route53:::hostedzone/*"],
        ),
        allow(
            "Balancer",
            balancer,
            [
                scope.arn("elasticloadbalancing", f"{kind}/app/{scope.stack}/*")
                for kind in ("loadbalancer", "listener", "listener-rule")
            ],
        ),
        # Autonamed by route, without the stack.
        allow("TargetGroups", groups, [scope.arn("elasticloadbalancing", "targetgroup/*")]),
    ]


def _rules_on(scope: Scope, load_balancer: str) -> list[Statement]:
    """Rules of a listener that others have rules on, too: which are the stack's says the tag `stack`, which
    `aws:defaultTags` of its file puts on all that it makes.
    """
    listeners, rules = (
        scope.arn("elasticloadbalancing", f"{kind}/app/{load_balancer}/*") for kind in ("listener", "listener-rule")
    )
    asked, ours = {"aws:RequestTag/stack": scope.stack}, {"aws:ResourceTag/stack": scope.stack}
    return [
        allow("MakeRules", "elasticloadbalancing:CreateRule", [listeners], {"StringEquals": asked}),
        allow(
            "TagRules",
            "elasticloadbalancing:AddTags",
            [rules],
            {"StringEquals": {**asked, "elasticloadbalancing:CreateAction": "CreateRule"}},
        ),
        allow(
            "Rules",
            "elasticloadbalancing:DeleteRule ModifyRule SetRulePriorities AddTags RemoveTags",
            [rules],
            {"StringEquals": ours},
        ),
    ]


def read_network() -> Statement:
    """Reads what there is of it."""
    return allow("ReadNetwork", ["ec2:Describe*", "elasticloadbalancing:Describe*"], EVERYTHING)


def records(scope: Scope) -> list[Statement]:
    """DNS records; a zone has an id, not a name."""
    return [
        allow("ReadZones", "route53:Get* List*", EVERYTHING),
        allow("Records", "route53:ChangeResourceRecordSets", [f"arn:{scope.partition}:route53:::hostedzone/*"]),
    ]


def assume_zone_roles(roles: Sequence[str]) -> list[Statement]:
    """The roles by which the zones of others are read and written, by their ARNs; nothing where there are none."""
    return [allow("ZoneRoles", "sts:AssumeRole", list(roles))] if roles else []


def _certificates(scope: Scope) -> list[Statement]:
    """Certificates; each has an id, not a name."""
    return [
        # Asking for one takes no resource.
        allow("AskForCertificates", "acm:RequestCertificate DescribeCertificate ListTagsForCertificate", EVERYTHING),
        allow(
            "Certificates",
            "acm:DeleteCertificate AddTagsToCertificate RemoveTagsFromCertificate",
            [scope.arn("acm", "certificate/*")],
        ),
    ]
