"""Requests that AWS refuses because of other resources of the account: rules with their sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from sandbox.account.authorization import service_may
from sandbox.account.errors import AwsError
from sandbox.account.protocol import Operation
from sandbox.account.resource_lookup import MotoLookup
from sandbox.iam.calls import Need

if TYPE_CHECKING:
    from sandbox.account.account import Account

Json = Mapping[str, Any]
FARGATE = ("FARGATE", "FARGATE_SPOT")


def check_account(account: Account, operation: Operation) -> None:
    """Raise the AwsError that a service answers for a request that does not fit what the account holds."""
    rule = RULES.get((operation.service, operation.name))
    if rule is not None:
        rule(account, operation.params)


def _two_zones(account: Account, params: Json) -> None:
    """An Application Load Balancer takes subnets of two Availability Zones at least (ELB API, CreateLoadBalancer)."""
    if params.get("Type", "application") != "application":
        return
    ids = list(params.get("Subnets") or [mapping["SubnetId"] for mapping in params.get("SubnetMappings") or []])
    try:
        subnets = account.client("ec2").describe_subnets(SubnetIds=ids)["Subnets"]
    except ClientError:
        return
    if len({subnet["AvailabilityZone"] for subnet in subnets}) < 2:
        message = "At least two subnets in two different Availability Zones must be specified"
        raise AwsError("ValidationError", message, 400)


CERTIFICATES_OF_A_BALANCER = 25
"""But for the listeners' own (ELB, quotas for Application Load Balancers)."""


def _certificates(account: Account, params: Json) -> None:
    """How many certificates a load balancer has beside those of its listeners (ELB API, AddListenerCertificates)."""
    elbv2, listener = account.client("elbv2"), params["ListenerArn"]
    balancer = listener.rpartition("/")[0].replace(":listener/", ":loadbalancer/")
    count = len(params["Certificates"])
    for each in elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
        answer = elbv2.describe_listener_certificates(ListenerArn=each["ListenerArn"])
        count += len([added for added in answer["Certificates"] if not added.get("IsDefault")])
    if count > CERTIFICATES_OF_A_BALANCER:
        message = "You've reached the limit on the number of certificates per load balancer"
        raise AwsError("TooManyCertificates", message, 400)


def _sticky_rule(account: Account, params: Json) -> None:
    """Of several target groups that a rule forwards to none is sticky, unless the rule is, too.

    https://github.com/kubernetes-sigs/aws-load-balancer-controller/issues/2734 has the words of the other order, in
    which a group becomes sticky behind the rule; those of this one were not found.
    """
    elbv2 = account.client("elbv2")
    for group in _of_several(params.get("Actions") or params.get("DefaultActions") or []):
        attributes = elbv2.describe_target_group_attributes(TargetGroupArn=group)["Attributes"]
        if {"Key": "stickiness.enabled", "Value": "true"} in attributes:
            message = "You must enable group stickiness on a rule if you enabled target stickiness on one of its target"
            raise AwsError("InvalidConfigurationRequest", f"{message} groups", 400)


def _sticky_group(account: Account, params: Json) -> None:
    """The same, of a target group that is behind such a rule (the same issue)."""
    attributes = {each["Key"]: each.get("Value") for each in params["Attributes"]}
    if attributes.get("stickiness.enabled") != "true":
        return
    elbv2, group = account.client("elbv2"), params["TargetGroupArn"]
    (described,) = elbv2.describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    for balancer in described["LoadBalancerArns"]:
        for listener in elbv2.describe_listeners(LoadBalancerArn=balancer)["Listeners"]:
            for rule in elbv2.describe_rules(ListenerArn=listener["ListenerArn"])["Rules"]:
                if group in _of_several(rule["Actions"]):
                    message = "This target group appears behind a rule with group stickiness disabled"
                    more = "You must enable group stickiness before enabling target stickiness"
                    raise AwsError("InvalidConfigurationRequest", f"{message} ({rule['RuleArn']}). {more}", 400)


def _of_several(actions: Sequence[Json]) -> list[str]:
    """The target groups among which actions choose by weight, without the rule's own stickiness."""
    configs = [action.get("ForwardConfig") or {} for action in actions]
    chosen = [
        config["TargetGroups"]
        for config in configs
        if len(config.get("TargetGroups") or []) > 1
        and str((config.get("TargetGroupStickinessConfig") or {}).get("Enabled", False)).lower() != "true"
    ]
    return [group["TargetGroupArn"] for groups in chosen for group in groups]


def _private_dns(account: Account, params: Json) -> None:
    """A service's own name leads to one endpoint of a VPC, and only where the VPC resolves names at all; an endpoint
    has one subnet of a zone (PrivateLink guide, Create an interface endpoint; the words are published errors').
    """
    if params.get("VpcEndpointType") != "Interface":
        return
    ec2, vpc, service = account.client("ec2"), params["VpcId"], params["ServiceName"]
    subnets = ec2.describe_subnets(SubnetIds=list(params.get("SubnetIds") or []))["Subnets"]
    zones = [subnet["AvailabilityZone"] for subnet in subnets]
    if params.get("SubnetIds") and len(set(zones)) < len(zones):
        message = "Found another VPC endpoint subnet in the availability zone of "
        raise AwsError("DuplicateSubnetsInSameZone", f"{message}{subnets[-1]['SubnetId']}", 400)
    if not params.get("PrivateDnsEnabled"):
        return
    for attribute in ("enableDnsSupport", "enableDnsHostnames"):
        answer = ec2.describe_vpc_attribute(VpcId=vpc, Attribute=attribute)
        if not answer[f"{attribute[0].upper()}{attribute[1:]}"]["Value"]:
            message = "Enabling private DNS requires both enableDnsSupport and enableDnsHostnames VPC attributes set to"
            raise AwsError("InvalidParameter", f"{message} true for {vpc}", 400)
    for other in ec2.describe_vpc_endpoints()["VpcEndpoints"]:
        named = other["State"] != "deleted" and other.get("PrivateDnsEnabled")
        if named and (other["VpcId"], other["ServiceName"]) == (vpc, service):
            message = "private-dns-enabled cannot be set because there is already a conflicting DNS domain for"
            raise AwsError("InvalidParameter", f"{message} {service} in the VPC {vpc}", 400)


def _alias_targets(account: Account, params: Json) -> None:
    """An alias to a load balancer names one that there is, with the zone id of its own.

    https://docs.aws.amazon.com/Route53/latest/APIReference/API_AliasTarget.html; the words are published errors'.
    """
    changes = params["ChangeBatch"]["Changes"]
    records = [change["ResourceRecordSet"] for change in changes if change["Action"] != "DELETE"]
    aliases = [record for record in records if record.get("AliasTarget")]
    if not aliases:
        return
    balancers = {
        balancer["DNSName"].lower(): balancer["CanonicalHostedZoneId"]
        for balancer in account.client("elbv2").describe_load_balancers()["LoadBalancers"]
    }
    for record in aliases:
        target = record["AliasTarget"]
        name, zone = target["DNSName"].lower().rstrip(".").removeprefix("dualstack."), target["HostedZoneId"]
        if name not in balancers and not name.endswith(".elb.amazonaws.com") and zone not in balancers.values():
            continue  # an alias to something else
        tried = f"[Tried to create an alias that targets {name}., type {record['Type']} in zone {zone}, but"
        if name not in balancers:
            raise AwsError("InvalidChangeBatch", f"{tried} that target was not found]", 400)
        if balancers[name] != zone:
            raise AwsError(
                "InvalidChangeBatch", f"{tried} the alias target name does not lie within the target zone]", 400
            )


def _key_of_a_log_group(account: Account, params: Json) -> None:
    """CloudWatch Logs may use a group's key only as far as the key's policy says so for that group.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html; the words are those of published
    errors.
    """
    key = params.get("kmsKeyId")
    if not key:
        return
    group = f"arn:aws:logs:{account.region}:{account.id}:log-group:{params['logGroupName']}"
    context = {"kms:EncryptionContext:aws:logs:arn": group}
    service = f"logs.{account.region}.amazonaws.com"
    try:
        policy = account.client("kms").get_key_policy(KeyId=key, PolicyName="default")["Policy"]
    except ClientError:
        policy = None
    arn = MotoLookup(account.id, account.region).key_arn(key)
    for action in ("kms:GenerateDataKey", "kms:Decrypt"):
        if not service_may(account, service, Need(action, arn, context), policy):
            message = f"The specified KMS key does not exist or is not allowed to be used with LogGroup '{group}'"
            raise AwsError("AccessDeniedException", message, 400)


def _capacity_providers(account: Account, params: Json) -> None:
    """A service or task takes capacity providers that its cluster has (ECS API, CapacityProviderStrategyItem)."""
    names = {item["capacityProvider"] for item in params.get("capacityProviderStrategy") or []}
    if not names:
        return
    clusters = account.client("ecs").describe_clusters(clusters=[params.get("cluster") or "default"])["clusters"]
    providers = {name for cluster in clusters for name in cluster.get("capacityProviders", [])}
    if clusters and not names <= providers:
        message = (
            "The specified capacity provider strategy cannot contain a capacity provider that is not associated with"
        )
        raise AwsError(
            "InvalidParameterException", f"{message} the cluster. Associate the capacity provider and retry.", 400
        )


def _cluster_providers(account: Account, params: Json) -> None:
    """Besides Fargate's two there are those that the account has made (ECS API, PutClusterCapacityProviders)."""
    for name in set(params["capacityProviders"]) - set(FARGATE):
        if not account.client("ecs").describe_capacity_providers(capacityProviders=[name])["capacityProviders"]:
            raise AwsError("InvalidParameterException", f"The specified capacity provider '{name}' was not found.", 400)


def _rules() -> Iterator[tuple[tuple[str, str], Callable[[Account, Json], None]]]:
    yield ("elbv2", "CreateLoadBalancer"), _two_zones
    yield ("elbv2", "AddListenerCertificates"), _certificates
    for operation in ("CreateRule", "ModifyRule", "CreateListener", "ModifyListener"):
        yield ("elbv2", operation), _sticky_rule
    yield ("elbv2", "ModifyTargetGroupAttributes"), _sticky_group
    yield ("ec2", "CreateVpcEndpoint"), _private_dns
    yield ("route53", "ChangeResourceRecordSets"), _alias_targets
    yield ("logs", "CreateLogGroup"), _key_of_a_log_group
    yield ("logs", "AssociateKmsKey"), _key_of_a_log_group
    for operation in ("CreateService", "UpdateService", "RunTask", "CreateTaskSet"):
        yield ("ecs", operation), _capacity_providers
    yield ("ecs", "PutClusterCapacityProviders"), _cluster_providers


RULES = dict(_rules())
