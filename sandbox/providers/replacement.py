"""Which changed properties replace a resource instead of updating it.

The SDK does not tell. The table follows the provider's documentation ("Forces new resource") and, where that
is silent, `createOnlyProperties` of CloudFormation's resource schemas (AWS, CloudFormation resource provider
schemas). A type that is not here is refused, so that no change passes as an update by default.
"""

import re
from collections.abc import Iterable, Mapping

ALL = "*"
"""Every property but the ones named in `EXCEPT`."""

EXCEPT: Mapping[str, frozenset[str]] = {
    "aws:ecs/taskDefinition:TaskDefinition": frozenset({"tags", "tagsAll", "skipDestroy", "trackLatest"}),
    "aws:acm/certificate:Certificate": frozenset({"tags", "tagsAll", "options"}),
    "aws:acm/certificateValidation:CertificateValidation": frozenset(),
    "aws:ec2/routeTableAssociation:RouteTableAssociation": frozenset({"routeTableId"}),
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": frozenset(),
}

REPLACES: Mapping[str, frozenset[str]] = {
    token: frozenset(names.split())
    for token, names in {
        "aws:acm/certificate:Certificate": ALL,
        "aws:acm/certificateValidation:CertificateValidation": ALL,
        "aws:appautoscaling/policy:Policy": "name resourceId scalableDimension serviceNamespace",
        "aws:appautoscaling/target:Target": "resourceId scalableDimension serviceNamespace",
        "aws:cloudwatch/eventRule:EventRule": "name namePrefix eventBusName",
        "aws:cloudwatch/eventTarget:EventTarget": "rule targetId eventBusName",
        "aws:cloudwatch/logGroup:LogGroup": "name namePrefix logGroupClass",
        "aws:cloudwatch/metricAlarm:MetricAlarm": "name",
        "aws:codebuild/project:Project": "name",
        "aws:codepipeline/pipeline:Pipeline": "name",
        "aws:ec2/eip:Eip": "domain publicIpv4Pool networkBorderGroup",
        "aws:ec2/internetGateway:InternetGateway": "",
        "aws:ec2/natGateway:NatGateway": "allocationId subnetId connectivityType privateIp",
        "aws:ec2/route:Route": "routeTableId destinationCidrBlock destinationIpv6CidrBlock destinationPrefixListId",
        "aws:ec2/routeTable:RouteTable": "vpcId",
        "aws:ec2/routeTableAssociation:RouteTableAssociation": "subnetId gatewayId",
        "aws:ec2/securityGroup:SecurityGroup": "name namePrefix description vpcId",
        "aws:ec2/subnet:Subnet": "vpcId cidrBlock availabilityZone availabilityZoneId outpostArn",
        "aws:ec2/vpc:Vpc": "cidrBlock instanceTenancy ipv4IpamPoolId ipv4NetmaskLength",
        "aws:ec2/vpcEndpoint:VpcEndpoint": "vpcId serviceName vpcEndpointType",
        "aws:ecr/lifecyclePolicy:LifecyclePolicy": "repository",
        "aws:ecr/repository:Repository": "name encryptionConfigurations",
        "aws:ecs/cluster:Cluster": "name",
        "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "clusterName",
        "aws:ecs/service:Service": "name cluster launchType schedulingStrategy iamRole deploymentController",
        "aws:ecs/taskDefinition:TaskDefinition": ALL,
        "aws:iam/role:Role": "name namePrefix path",
        "aws:iam/rolePolicy:RolePolicy": "name namePrefix role",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment": ALL,
        "aws:iam/user:User": "",
        "aws:iam/userPolicy:UserPolicy": "name namePrefix user",
        "aws:kms/alias:Alias": "name namePrefix",
        "aws:kms/key:Key": "customerMasterKeySpec keyUsage multiRegion customKeyStoreId xksKeyId",
        "aws:lb/listener:Listener": "loadBalancerArn",
        "aws:lb/listenerRule:ListenerRule": "listenerArn",
        "aws:lb/loadBalancer:LoadBalancer": "name namePrefix internal loadBalancerType customerOwnedIpv4Pool",
        "aws:lb/targetGroup:TargetGroup": "name namePrefix port protocol protocolVersion targetType vpcId",
        "aws:route53/record:Record": "zoneId setIdentifier",
        "aws:s3/bucket:Bucket": "bucket bucketPrefix objectLockEnabled",
        "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": "bucket expectedBucketOwner",
        "aws:s3/bucketNotification:BucketNotification": "bucket",
        "aws:s3/bucketObjectv2:BucketObjectv2": "bucket key",
        "aws:s3/bucketOwnershipControls:BucketOwnershipControls": "bucket",
        "aws:s3/bucketPolicy:BucketPolicy": "bucket",
        "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": "bucket",
        "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": "bucket",
        "aws:s3/bucketVersioning:BucketVersioning": "bucket expectedBucketOwner mfa",
        "aws:ssm/parameter:Parameter": "name",
        "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "securityGroupId",
        "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "securityGroupId",
    }.items()
}


def replacing(token: str, changed: Iterable[str]) -> frozenset[str]:
    """Those of the changed property paths that replace the resource.

    Raises:
        KeyError: the type is not in the table.
    """
    names = REPLACES[token]
    if ALL in names:
        return frozenset(path for path in changed if top_level(path) not in EXCEPT[token])
    return frozenset(path for path in changed if top_level(path) in names)


def top_level(path: str) -> str:
    """The property that a path begins with."""
    return re.split(r"[.\[]", path, maxsplit=1)[0]
