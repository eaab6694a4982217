"""Permissions of the operations with which infrastructure is made, changed and deleted.

Templates as in ``templates``; what names its resource in another way has a function in ``RULES``.
"""

from __future__ import annotations

from collections.abc import Callable

from sandbox.iam.calls import Call, Need, UnknownOperation, tag_context
from sandbox.iam.templates import ANY, Templates


def _each(template: str, operations: str) -> dict[str, str]:
    return dict.fromkeys(operations.split(), template)


TEMPLATES: Templates = {
    "acm": {
        "RequestCertificate": ANY,
        **_each(
            "{CertificateArn}",
            "DescribeCertificate DeleteCertificate ListTagsForCertificate AddTagsToCertificate "
            "RemoveTagsFromCertificate",
        ),
    },
    "cloudwatch": {
        "PutMetricAlarm": "alarm:{AlarmName}",
        "PutCompositeAlarm": ANY,  # API reference, against the Service Authorization Reference
        "DeleteAlarms": "alarm:{AlarmNames}",
        **_each("{ResourceARN}", "ListTagsForResource TagResource UntagResource"),
    },
    "codedeploy": {
        **_each("application:{applicationName}", "CreateApplication DeleteApplication"),
        "DeleteDeploymentGroup": "deploymentgroup:{applicationName}/{deploymentGroupName}",
        **_each("deploymentconfig:{deploymentConfigName}", "CreateDeploymentConfig DeleteDeploymentConfig"),
        **_each("{ResourceArn}", "ListTagsForResource TagResource UntagResource"),
    },
    "ec2": {
        **_each(
            ANY,
            "DescribeAddresses DescribeInternetGateways DescribeNatGateways DescribeNetworkAcls "
            "DescribeSecurityGroupRules",
        ),
        "CreateVpc": "vpc/*",
        **_each("vpc/{VpcId}", "DeleteVpc DescribeVpcAttribute ModifyVpcAttribute"),
        "CreateSubnet": "subnet/*",
        **_each("subnet/{SubnetId}", "DeleteSubnet ModifySubnetAttribute"),
        "CreateInternetGateway": "internet-gateway/*",
        **_each(
            "internet-gateway/{InternetGatewayId}",
            "DeleteInternetGateway AttachInternetGateway DetachInternetGateway",
        ),
        "CreateRouteTable": "route-table/*",
        **_each(
            "route-table/{RouteTableId}",
            "DeleteRouteTable AssociateRouteTable ReplaceRouteTableAssociation CreateRoute DeleteRoute ReplaceRoute",
        ),
        "DisassociateRouteTable": "route-table/*",
        "CreateNatGateway": "natgateway/*",
        "DeleteNatGateway": "natgateway/{NatGatewayId}",
        "AllocateAddress": "elastic-ip/*",
        "ReleaseAddress": "elastic-ip/{AllocationId}",
        "CreateSecurityGroup": "security-group/*",
        **_each(
            "security-group/{GroupId}",
            "DeleteSecurityGroup AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress "
            "RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules",
        ),
        "CreateVpcEndpoint": "vpc-endpoint/*",
        "ModifyVpcEndpoint": "vpc-endpoint/{VpcEndpointId}",
        "DeleteVpcEndpoints": "vpc-endpoint/{VpcEndpointIds}",
    },
    "ecr": {
        **_each(
            "repository/{repositoryName}",
            "CreateRepository DeleteRepository PutLifecyclePolicy DeleteLifecyclePolicy "
            "PutImageScanningConfiguration PutImageTagMutability",
        ),
        **_each("{resourceArn}", "TagResource UntagResource"),
    },
    "ecs": {
        "CreateCluster": "cluster/{clusterName}",
        **_each("cluster/{cluster}", "DeleteCluster UpdateCluster PutClusterCapacityProviders"),
    },
    "elbv2": {
        **_each(
            "{LoadBalancerArn}",
            "DeleteLoadBalancer ModifyLoadBalancerAttributes SetSecurityGroups SetSubnets SetIpAddressType",
        ),
        **_each("{ListenerArn}", "DeleteListener AddListenerCertificates RemoveListenerCertificates"),
        "DeleteRule": "{RuleArn}",
        "SetRulePriorities": "{RulePriorities.RuleArn}",
        **_each("{TargetGroupArn}", "DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes"),
        **_each("{ResourceArns}", "AddTags RemoveTags"),
    },
    "events": {
        **_each("rule/{Name}", "PutRule DeleteRule"),
        "RemoveTargets": "rule/{Rule}",
        **_each("connection/{Name}", "CreateConnection UpdateConnection DeleteConnection DescribeConnection"),
        **_each(
            "api-destination/{Name}",
            "CreateApiDestination UpdateApiDestination DeleteApiDestination DescribeApiDestination",
        ),
        **_each("{ResourceARN}", "ListTagsForResource TagResource UntagResource"),
    },
    "iam": {
        "SimulatePrincipalPolicy": "{PolicySourceArn}",
        "ListVirtualMFADevices": ANY,
        "DeleteVirtualMFADevice": "{SerialNumber}",
        "RemoveUserFromGroup": "group/{GroupName}",
        **_each(
            "{PolicyArn}", "CreatePolicyVersion DeletePolicyVersion DeletePolicy ListPolicyTags ListPolicyVersions"
        ),
        **_each("{PolicyArn}", "TagPolicy UntagPolicy"),
        **_each(
            "{OpenIDConnectProviderArn}",
            "GetOpenIDConnectProvider DeleteOpenIDConnectProvider AddClientIDToOpenIDConnectProvider "
            "RemoveClientIDFromOpenIDConnectProvider UpdateOpenIDConnectProviderThumbprint "
            "ListOpenIDConnectProviderTags TagOpenIDConnectProvider UntagOpenIDConnectProvider",
        ),
    },
    "kms": {"CreateKey": ANY},
    "logs": {
        **_each(
            "log-group:{logGroupName}:log-stream:",
            "AssociateKmsKey DisassociateKmsKey DeleteRetentionPolicy",
        ),
        "UntagResource": "{resourceArn}",
        **_each(ANY, "PutQueryDefinition DescribeQueryDefinitions DeleteQueryDefinition"),
    },
    "servicediscovery": {
        **_each(ANY, "CreateHttpNamespace ListTagsForResource TagResource UntagResource"),
        **_each("namespace/{Id}", "GetNamespace DeleteNamespace"),
        "GetOperation": "namespace/*",  # of which it names an operation only
    },
    "route53": {"ListHostedZones": ANY, "CreateHostedZone": ANY},
    "scheduler": {
        "GetScheduleGroup": "schedule-group/{Name}",
        **_each("{ResourceArn}", "ListTagsForResource TagResource UntagResource"),
        **_each(ANY, "ListSchedules ListScheduleGroups"),
    },
    "sqs": {**_each("{QueueName}", "CreateQueue GetQueueUrl")},
}


KINDS = {
    "eipalloc": "elastic-ip",
    "igw": "internet-gateway",
    "nat": "natgateway",
    "rtb": "route-table",
    "sg": "security-group",
    "sgr": "security-group-rule",
    "subnet": "subnet",
    "vpc": "vpc",
    "vpce": "vpc-endpoint",
}
"""How the ids of EC2's resources begin, and their ARNs."""


def _tags(call: Call) -> list[Need]:
    """EC2's tags, on resources by their ids."""
    needs = []
    for resource in call.values("Resources"):
        kind = KINDS.get(str(resource).partition("-")[0])
        if kind is None:
            raise UnknownOperation(f"ec2:{call.operation} on {resource}")
        needs.append(Need(f"ec2:{call.operation}", call.arn("ec2", f"{kind}/{resource}"), _request_tags(call)))
    return needs


def _request_tags(call: Call) -> dict[str, str | list[str]]:
    return tag_context(call.params.get("Tags"))


def _hosted_zone(parameter: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        zone = str(call.params[parameter]).rpartition("/")[2]
        return [Need(f"route53:{call.operation}", f"arn:aws:route53:::hostedzone/{zone}")]

    return rule


def _queue(call: Call) -> list[Need]:
    """A queue is named by its URL, whose end is its name."""
    return [Need(f"sqs:{call.operation}", call.arn("sqs", str(call.params["QueueUrl"]).rpartition("/")[2]))]


def _dashboards(parameter: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        names = [str(name) for name in call.values(parameter)]
        resources = [call.arn("cloudwatch", f"dashboard/{name}", regional=False) for name in names]
        return [Need(f"cloudwatch:{call.operation}", resource) for resource in resources]

    return rule


def _balancing(resource: Callable[[Call], str], created: Callable[[Call], str]) -> Callable[[Call], list[Need]]:
    """What makes something of Elastic Load Balancing; who tags it at once may tag it, too (ELB, "API permissions to tag
    resources during creation").
    """

    def rule(call: Call) -> list[Need]:
        tags = _request_tags(call)
        needs = [Need(f"elasticloadbalancing:{call.operation}", resource(call), tags)]
        if tags:
            action = {"elasticloadbalancing:CreateAction": call.operation}
            needs.append(Need("elasticloadbalancing:AddTags", created(call), {**tags, **action}))
        return needs

    return rule


def _balanced(kind: str) -> Callable[[Call], str]:
    return lambda call: call.arn("elasticloadbalancing", f"{kind}/{call.params['Name']}/*")


def _of(parameter: str) -> Callable[[Call], str]:
    return lambda call: str(call.params[parameter])


def _below(parameter: str, kind: str, child: str) -> Callable[[Call], str]:
    """What has the ARN of another thing as the beginning of its own."""
    return lambda call: str(call.params[parameter]).replace(f":{kind}/", f":{child}/") + "/*"


ON_A_BOUNDARY = (
    "AttachRolePolicy",
    "DeleteRolePermissionsBoundary",
    "DeleteRolePolicy",
    "DetachRolePolicy",
    "PutRolePolicy",
)
"""Where the boundary that a role has already is in the context of the call (IAM, Service Authorization Reference)."""


def _owner(kind: str) -> Callable[[Call], list[Need]]:
    """A role or user, by name; its ARN has its path."""

    def rule(call: Call) -> list[Need]:
        name = str(call.params[f"{kind.capitalize()}Name"])
        arn = call.facts.iam_arn(kind, name) or call.arn(
            "iam", f"{kind}{call.params.get('Path', '/')}{name}", regional=False
        )
        context = _request_tags(call)
        has = call.facts.role_boundary(name) if call.operation in ON_A_BOUNDARY else None
        if boundary := call.params.get("PermissionsBoundary") or has:
            context["iam:PermissionsBoundary"] = str(boundary)
        if policy := call.params.get("PolicyArn"):
            context["iam:PolicyARN"] = str(policy)
        needs = [Need(f"iam:{call.operation}", arn, context)]
        if call.operation.startswith("Create") and call.params.get("Tags"):
            needs.append(Need(f"iam:Tag{kind.capitalize()}", arn, context))
        return needs

    return rule


def _create_policy(call: Call) -> list[Need]:
    arn = call.arn("iam", f"policy{call.params.get('Path', '/')}{call.params['PolicyName']}", regional=False)
    return [Need("iam:CreatePolicy", arn, _request_tags(call))]


def _create_oidc_provider(call: Call) -> list[Need]:
    issuer = str(call.params["Url"]).removeprefix("https://")
    return [Need("iam:CreateOpenIDConnectProvider", call.arn("iam", f"oidc-provider/{issuer}", regional=False))]


def _alias(call: Call) -> list[Need]:
    """An alias and the key that it is of, each must allow it."""
    alias = Need(f"kms:{call.operation}", call.arn("kms", str(call.params["AliasName"])))
    key = str(call.params.get("TargetKeyId") or call.params["AliasName"])
    return [alias, Need(f"kms:{call.operation}", call.facts.key_arn(key), {"kms:CallerAccount": call.account})]


def _deployment_group(call: Call) -> list[Need]:
    group = call.params.get("currentDeploymentGroupName") or call.params["deploymentGroupName"]
    arn = call.arn("codedeploy", f"deploymentgroup:{call.params['applicationName']}/{group}")
    role = call.params.get("serviceRoleArn")
    passed = [call.passes(str(role), "codedeploy.amazonaws.com")] if role else []
    return [Need(f"codedeploy:{call.operation}", arn), *passed]


def _bucket_setting(action: str) -> Callable[[Call], list[Need]]:
    return lambda call: [Need(f"s3:{action}", f"arn:aws:s3:::{call.params['Bucket']}")]


RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    **{("ec2", name): _tags for name in ("CreateTags", "DeleteTags")},
    ("route53", "GetHostedZone"): _hosted_zone("Id"),
    **{
        ("route53", operation): _hosted_zone(key)
        for key, operations in {
            "Id": ("DeleteHostedZone", "UpdateHostedZoneComment"),
            "HostedZoneId": ("AssociateVPCWithHostedZone", "DisassociateVPCFromHostedZone"),
            "ResourceId": ("ChangeTagsForResource",),
        }.items()
        for operation in operations
    },
    ("route53", "ListResourceRecordSets"): _hosted_zone("HostedZoneId"),
    ("route53", "ListTagsForResource"): _hosted_zone("ResourceId"),
    **{
        ("sqs", name): _queue
        for name in (
            "DeleteQueue",
            "GetQueueAttributes",
            "ListQueueTags",
            "SendMessage",
            "SetQueueAttributes",
            "TagQueue",
            "UntagQueue",
        )
    },
    **{("cloudwatch", name): _dashboards("DashboardName") for name in ("GetDashboard", "PutDashboard")},
    ("cloudwatch", "DeleteDashboards"): _dashboards("DashboardNames"),
    **{
        ("iam", name): _owner("role")
        for name in (
            "AttachRolePolicy",
            "CreateRole",
            "DeleteRole",
            "DeleteRolePermissionsBoundary",
            "DeleteRolePolicy",
            "DetachRolePolicy",
            "GetRole",
            "GetRolePolicy",
            "ListAttachedRolePolicies",
            "ListRolePolicies",
            "ListRoleTags",
            "PutRolePermissionsBoundary",
            "PutRolePolicy",
            "TagRole",
            "UntagRole",
            "UpdateAssumeRolePolicy",
            "UpdateRole",
        )
    },
    **{
        ("iam", name): _owner("user")
        for name in (
            "CreateAccessKey",
            "CreateUser",
            "DeactivateMFADevice",
            "DeleteAccessKey",
            "DeleteLoginProfile",
            "DeleteSSHPublicKey",
            "DeleteServiceSpecificCredential",
            "DeleteSigningCertificate",
            "DeleteUser",
            "DeleteUserPolicy",
            "GetUser",
            "GetUserPolicy",
            "ListAccessKeys",
            "ListMFADevices",
            "ListSSHPublicKeys",
            "ListServiceSpecificCredentials",
            "ListSigningCertificates",
            "ListUserPolicies",
            "ListUserTags",
            "PutUserPolicy",
            "TagUser",
            "UntagUser",
            "UpdateUser",
        )
    },
    ("elbv2", "CreateLoadBalancer"): _balancing(_balanced("loadbalancer/app"), _balanced("loadbalancer/app")),
    ("elbv2", "CreateTargetGroup"): _balancing(_balanced("targetgroup"), _balanced("targetgroup")),
    ("elbv2", "CreateListener"): _balancing(
        _of("LoadBalancerArn"), _below("LoadBalancerArn", "loadbalancer", "listener")
    ),
    ("elbv2", "CreateRule"): _balancing(_of("ListenerArn"), _below("ListenerArn", "listener", "listener-rule")),
    ("iam", "CreatePolicy"): _create_policy,
    ("iam", "CreateOpenIDConnectProvider"): _create_oidc_provider,
    **{("kms", name): _alias for name in ("CreateAlias", "UpdateAlias", "DeleteAlias")},
    **{("codedeploy", name): _deployment_group for name in ("CreateDeploymentGroup", "UpdateDeploymentGroup")},
    **{
        ("s3", operation): _bucket_setting(action)
        for operation, action in {
            "DeleteBucketEncryption": "PutEncryptionConfiguration",
            "DeleteBucketLifecycle": "PutLifecycleConfiguration",
            "DeleteBucketOwnershipControls": "PutBucketOwnershipControls",
            "DeleteBucketTagging": "PutBucketTagging",
            "DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
            "PutBucketOwnershipControls": "PutBucketOwnershipControls",
            "PutPublicAccessBlock": "PutBucketPublicAccessBlock",
        }.items()
    },
}
