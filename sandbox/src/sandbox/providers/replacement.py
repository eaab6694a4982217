"""Which changed properties replace a resource instead of updating it.

The SDK does not tell. The table follows the provider's documentation ("Forces new resource") and, where that
is silent, `createOnlyProperties` of CloudFormation's resource schemas (AWS, CloudFormation resource provider
schemas). A type that is not here is refused, so that no change passes as an update by default.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

ALL = "*"
"""Every property but the ones named in `EXCEPT`."""

EXCEPT: Mapping[str, frozenset[str]] = {
    "aws:ecs/taskDefinition:TaskDefinition": frozenset({"tags", "tagsAll", "skipDestroy", "trackLatest"}),
    "aws:acm/certificate:Certificate": frozenset({"tags", "tagsAll", "options"}),
    "aws:acm/certificateValidation:CertificateValidation": frozenset(),
    "aws:codedeploy/deploymentConfig:DeploymentConfig": frozenset(),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": frozenset({"routeTableId"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": frozenset(),
    "aws:lambda/permission:Permission": frozenset(),
}

REPLACES: Mapping[str, frozenset[str]] = {
    token: frozenset(names.split())
    for token, names in {
        "aws:acm/certificate:Certificate": ALL,
        "aws:acm/certificateValidation:CertificateValidation": ALL,
        "aws:appautoscaling/policy:Policy": "name resourceId scalableDimension serviceNamespace",
        "aws:appautoscaling/scheduledAction:ScheduledAction": "name resourceId scalableDimension serviceNamespace",
        "aws:appautoscaling/target:Target": "resourceId scalableDimension serviceNamespace",
        "aws:cloudwatch/compositeAlarm:CompositeAlarm": "alarmName actionsEnabled",
        "aws:cloudwatch/dashboard:Dashboard": "dashboardName",
        "aws:cloudwatch/eventApiDestination:EventApiDestination": "name",
        "aws:cloudwatch/eventConnection:EventConnection": "name",
        "aws:cloudwatch/eventRule:EventRule": "name namePrefix eventBusName",
        "aws:cloudwatch/eventTarget:EventTarget": "rule targetId eventBusName",
        "aws:cloudwatch/logGroup:LogGroup": "name namePrefix logGroupClass",
        "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
        "aws:cloudwatch/queryDefinition:QueryDefinition": "",
        "aws:codebuild/project:Project": "name",
        "aws:codedeploy/application:Application": "computePlatform",
        "aws:codedeploy/deploymentConfig:DeploymentConfig": ALL,
        "aws:codedeploy/deploymentGroup:DeploymentGroup": "appName",
        "aws:codepipeline/pipeline:Pipeline": "name",
        "aws:ec2/eip:Eip": "address customerOwnedIpv4Pool domain ipamPoolId networkBorderGroup publicIpv4Pool",
        "aws:ec2/internetGateway:InternetGateway": "",
        "aws:ec2/natGateway:NatGateway": "allocationId availabilityMode connectivityType privateIp subnetId vpcId",
        "aws:ec2/route:Route": "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
        "aws:ec2/routeTable:RouteTable": "vpcId",
        "aws:ec2/routeTableAssociation:RouteTableAssociation": "subnetId gatewayId",
        "aws:ec2/securityGroup:SecurityGroup": "name namePrefix description vpcId",
        "aws:ec2/subnet:Subnet": (
            "vpcId cidrBlock availabilityZone availabilityZoneId outpostArn "
            "ipv4IpamPoolId ipv4NetmaskLength ipv6IpamPoolId ipv6Native ipv6NetmaskLength"
        ),
        "aws:ec2/vpc:Vpc": "cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength",
        "aws:ec2/vpcEndpoint:VpcEndpoint": (
            "vpcId serviceName serviceRegion vpcEndpointType resourceConfigurationArn serviceNetworkArn"
        ),
        "aws:ecr/lifecyclePolicy:LifecyclePolicy": "repository",
        "aws:ecr/repository:Repository": "name encryptionConfigurations",
        "aws:ecr/repositoryPolicy:RepositoryPolicy": "repository",
        "aws:ecs/cluster:Cluster": "name",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
        "aws:ecs/service:Service": "name cluster launchType schedulingStrategy iamRole",
        "aws:ecs/taskDefinition:TaskDefinition": ALL,
        "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "url",
        "aws:iam/policy:Policy": "description name namePrefix path",
        "aws:iam/role:Role": "name namePrefix path",
        "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ALL,
        "aws:iam/user:User": "",
        "aws:iam/userPolicy:UserPolicy": "name namePrefix user",
        "aws:kms/alias:Alias": "name namePrefix",
        "aws:kms/key:Key": "customerMasterKeySpec keyUsage multiRegion customKeyStoreId xksKeyId",
        "aws:lb/listener:Listener": "loadBalancerArn",
        "aws:lb/listenerCertificate:ListenerCertificate": "listenerArn certificateArn",
        "aws:lb/listenerRule:ListenerRule": "listenerArn",
        "aws:lb/loadBalancer:LoadBalancer": "name namePrefix internal loadBalancerType customerOwnedIpv4Pool",
        "aws:lb/targetGroup:TargetGroup": (
            "name namePrefix port protocol protocolVersion targetType vpcId ipAddressType"
        ),
        "aws:route53/record:Record": "name setIdentifier zoneId",
        "aws:route53/zone:Zone": "name delegationSetId",
        "aws:s3/bucket:Bucket": "bucket bucketNamespace bucketPrefix objectLockEnabled",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket expectedBucketOwner",
        "aws:s3/bucketNotification:BucketNotification": "bucket",
        "aws:s3/bucketObjectv2:BucketObjectv2": "bucket key",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
        "aws:s3/bucketPolicy:BucketPolicy": "bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
            "bucket expectedBucketOwner"
        ),
        "aws:s3/bucketVersioning:BucketVersioning": "bucket expectedBucketOwner",
        "aws:lambda/function:Function": "name packageType tenancyConfig",
        "aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig": "functionName qualifier",
        "aws:lambda/permission:Permission": ALL,
        "aws:scheduler/schedule:Schedule": "name namePrefix groupName",
        "aws:scheduler/scheduleGroup:ScheduleGroup": "name namePrefix",
        "aws:sqs/queue:Queue": "name namePrefix fifoQueue",
        "aws:sqs/queuePolicy:QueuePolicy": "queueUrl",
        "aws:servicediscovery/httpNamespace:HttpNamespace": "name description",
        "aws:ssm/parameter:Parameter": "name",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
    }.items()
}


def _leaves_advanced(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    return olds.get("tier") == "Advanced" and news.get("tier", "Standard") == "Standard"


def _changes_controller(olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    old, new = (str(inputs.get("deploymentController", {}).get("type", "ECS")) for inputs in (olds, news))
    return old != new


WHEN: Mapping[tuple[str, str], Callable[[Mapping[str, Any], Mapping[str, Any]], bool]] = {
    ("aws:ecs/service:Service", "deploymentController"): _changes_controller,
    ("aws:ssm/parameter:Parameter", "tier"): _leaves_advanced,
}
"""Properties that replace in some changes only (the provider's CustomizeDiff functions)."""


def _not_forced(news: Mapping[str, Any]) -> str | None:
    if str(news.get("forceNewDeployment", False)).lower() == "true":
        return None
    return "force_new_deployment should be true when capacity_provider_strategy is being updated"


REFUSED: Mapping[tuple[str, str], Callable[[Mapping[str, Any]], str | None]] = {
    ("aws:ecs/service:Service", "capacityProviderStrategies"): _not_forced,
}
"""Properties whose change the provider refuses when it compares, and with which words (CustomizeDiff, as above)."""


def replacing(token: str, changed: Iterable[str], olds: Mapping[str, Any], news: Mapping[str, Any]) -> frozenset[str]:
    """Those of the changed property paths that replace the resource.

    Args:
        token: the resource's type.
        changed: paths such as `healthCheck.path`.
        olds: its inputs until now.
        news: its inputs from now on.

    Raises:
        KeyError: the type is not in the table.
    """
    return frozenset(path for path in changed if _replaces(token, top_level(path), olds, news))


def refusal(token: str, changed: Iterable[str], news: Mapping[str, Any]) -> str | None:
    """Why the provider does not change these property paths; None when it does."""
    rules = (REFUSED.get((token, top_level(path))) for path in changed)
    return next((reason for rule in rules if rule and (reason := rule(news))), None)


def _replaces(token: str, name: str, olds: Mapping[str, Any], news: Mapping[str, Any]) -> bool:
    if ALL in REPLACES[token]:
        return name not in EXCEPT[token]
    return name in REPLACES[token] or ((token, name) in WHEN and WHEN[token, name](olds, news))


def top_level(path: str) -> str:
    """The property that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
