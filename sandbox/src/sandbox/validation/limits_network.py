"""What EC2, Elastic Load Balancing and Route 53 document beyond their models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from moto.elbv2.ssl_policies import SSL_POLICIES

from sandbox.validation.limit import Limit
from sandbox.validation.refusals import like, longer, outside, unlike

_DESCRIPTION = r"[a-zA-Z0-9. _\-:/()#,@\[\]+=&;{}!$*]{0,255}"
_DESCRIPTION_WORDS = "Valid descriptions are strings less than 256 characters from the following set: "
_CHARACTERS = " a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"

_RULE_CHANGES = (
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "UpdateSecurityGroupRuleDescriptionsIngress",
    "UpdateSecurityGroupRuleDescriptionsEgress",
)
_TAGGED = (
    "CreateVpc",
    "CreateSubnet",
    "CreateInternetGateway",
    "CreateNatGateway",
    "CreateRouteTable",
    "CreateSecurityGroup",
    "CreateVpcEndpoint",
    "AllocateAddress",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
)
_RULE_SOURCE = "hashicorp/terraform-provider-aws#18874; EC2 API reference, IpRange"
_GROUP_SOURCE = "EC2 API reference, CreateSecurityGroup; cds-snc/notification-terraform#561"
_TAG_SOURCE = "https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/Using_Tags.html#tag-restrictions"
_NAME_SOURCE = "ELB API reference, CreateTargetGroup and CreateLoadBalancer, Name"

MAX_CONDITION_VALUES = 5


def _too_many_values(params: Mapping[str, Any]) -> str | None:
    count = 0
    for condition in params.get("Conditions") or []:
        configured = [value for value in condition.values() if isinstance(value, Mapping)]
        values = [condition, *configured]
        count += max(len(part.get(name) or []) for part in values for name in ("Values", "RegexValues"))
    return str(count) if count > MAX_CONDITION_VALUES else None


def _wrong_record(change: Mapping[str, Any]) -> str | None:
    record = change.get("ResourceRecordSet") or {}
    plain, alias = record.get("ResourceRecords"), record.get("AliasTarget")
    if bool(plain) == bool(alias) or (plain and record.get("TTL") is None) or (alias and record.get("TTL") is not None):
        return str(record.get("Name"))
    return None


LIMITS = (
    Limit(
        "ec2",
        ("CreateSecurityGroup",),
        "Description",
        unlike(_DESCRIPTION),
        "InvalidParameterValue",
        f"Invalid security group description. {_DESCRIPTION_WORDS}{_CHARACTERS}",
        _GROUP_SOURCE,
    ),
    Limit(
        "ec2",
        ("CreateSecurityGroup",),
        "GroupName",
        unlike(_DESCRIPTION),
        "InvalidParameterValue",
        f"Invalid security group name. Valid names are strings less than 256 characters from the following set: "
        f"{_CHARACTERS}",
        _GROUP_SOURCE,
    ),
    Limit(
        "ec2",
        ("CreateSecurityGroup",),
        "GroupName",
        like("sg-"),
        "InvalidParameterValue",
        "Value ({value}) for parameter GroupName is invalid. Group names may not be in the format sg-*.",
        _GROUP_SOURCE,
    ),
    *(
        Limit(
            "ec2",
            _RULE_CHANGES,
            f"IpPermissions[].{ranges}[].Description",
            unlike(_DESCRIPTION),
            "InvalidParameterValue",
            f"Invalid rule description. {_DESCRIPTION_WORDS}{_CHARACTERS}",
            _RULE_SOURCE,
        )
        for ranges in ("IpRanges", "Ipv6Ranges", "PrefixListIds", "UserIdGroupPairs")
    ),
    Limit(
        "ec2",
        ("ModifySecurityGroupRules",),
        "SecurityGroupRules[].SecurityGroupRule.Description",
        unlike(_DESCRIPTION),
        "InvalidParameterValue",
        f"Invalid rule description. {_DESCRIPTION_WORDS}{_CHARACTERS}",
        _RULE_SOURCE,
    ),
    *(
        limit
        for operations, tags in ((("CreateTags",), "Tags[]"), (_TAGGED, "TagSpecifications[].Tags[]"))
        for limit in (
            Limit(
                "ec2",
                operations,
                f"{tags}.Key",
                like("aws:"),
                "InvalidParameterValue",
                "Tag keys starting with 'aws:' are reserved for internal use",
                _TAG_SOURCE,
            ),
            Limit(
                "ec2",
                operations,
                f"{tags}.Key",
                longer(128),
                "InvalidParameterValue",
                "Tag key exceeds the maximum length of 128 characters",
                _TAG_SOURCE,
            ),
            Limit(
                "ec2",
                operations,
                f"{tags}.Value",
                longer(256),
                "InvalidParameterValue",
                "Tag value exceeds the maximum length of 256 characters",
                _TAG_SOURCE,
            ),
        )
    ),
    *(
        limit
        for operation, what in (("CreateTargetGroup", "Target group"), ("CreateLoadBalancer", "Load balancer"))
        for limit in (
            Limit(
                "elbv2",
                (operation,),
                "Name",
                longer(32),
                "ValidationError",
                f"{what} name '{{value}}' cannot be longer than '32' characters",
                f"{_NAME_SOURCE}; hashicorp/terraform#11699",
            ),
            Limit(
                "elbv2",
                (operation,),
                "Name",
                unlike("[a-zA-Z0-9-]+"),
                "ValidationError",
                f"{what} name '{{value}}' can only contain characters that are alphanumeric characters or hyphens(-)",
                f"{_NAME_SOURCE}; hashicorp/terraform-provider-aws#6153",
            ),
            Limit(
                "elbv2",
                (operation,),
                "Name",
                unlike("[^-]|[^-].*[^-]"),
                "ValidationError",
                f"{what} name '{{value}}' cannot begin or end with '-'",
                f"{_NAME_SOURCE}; hashicorp/waypoint-examples#131",
            ),
        )
    ),
    Limit(
        "elbv2",
        ("CreateLoadBalancer",),
        "Name",
        like("internal-"),
        "ValidationError",
        "Load balancer name '{value}' cannot begin with 'internal-'",
        _NAME_SOURCE,
    ),
    Limit(
        "elbv2",
        ("CreateTargetGroup", "ModifyTargetGroup"),
        "HealthCheckPath",
        unlike("/.*"),
        "ValidationError",
        "Health check path '{value}' must begin with a '/' character",
        "ELB API reference, CreateTargetGroup, HealthCheckPath",
    ),
    Limit(
        "elbv2",
        ("CreateListener", "ModifyListener"),
        "SslPolicy",
        outside([policy["name"] for policy in SSL_POLICIES.values()]),
        "SSLPolicyNotFound",
        "SSL policy '{value}' not found",
        "ELB API reference, CreateListener, errors; the names are moto's",
    ),
    Limit(
        "elbv2",
        ("CreateRule", "ModifyRule"),
        "",
        _too_many_values,
        "ValidationError",
        f"A rule can only have '{MAX_CONDITION_VALUES}' condition values",
        "https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html",
    ),
    Limit(
        "route53",
        ("ChangeResourceRecordSets",),
        "ChangeBatch.Changes[]",
        _wrong_record,
        "InvalidInput",
        "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords],"
        " or TrafficPolicyInstanceId], in Change with [{wrong}]",
        "Route 53 API reference, ResourceRecordSet; boto/boto3#612, aws/aws-sdk-go-v2#118",
    ),
)
