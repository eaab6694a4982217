"""Where a resource of the AWS provider and its CloudFormation type are named or shaped differently.

What is not here is found by name in CloudFormation's own schemas: see `cloudformation`.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

MODULES = {
    "acm": ("CertificateManager",),
    "appautoscaling": ("ApplicationAutoScaling",),
    "cloudwatch": ("CloudWatch", "Logs", "Events"),
    "lb": ("ElasticLoadBalancingV2",),
    "vpc": ("EC2",),
}
"""Services of CloudFormation by the provider's module, where the names differ."""

TYPES = {
    "aws:appautoscaling/policy:Policy": "AWS::ApplicationAutoScaling::ScalingPolicy",
    "aws:appautoscaling/target:Target": "AWS::ApplicationAutoScaling::ScalableTarget",
    "aws:cloudwatch/eventApiDestination:EventApiDestination": "AWS::Events::ApiDestination",
    "aws:cloudwatch/eventConnection:EventConnection": "AWS::Events::Connection",
    "aws:cloudwatch/eventRule:EventRule": "AWS::Events::Rule",
    "aws:cloudwatch/metricAlarm:MetricAlarm": "AWS::CloudWatch::Alarm",
    "aws:ec2/routeTableAssociation:RouteTableAssociation": "AWS::EC2::SubnetRouteTableAssociation",
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": "AWS::ECS::ClusterCapacityProviderAssociations",
    "aws:iam/policy:Policy": "AWS::IAM::ManagedPolicy",
    "aws:iam/openIdConnectProvider:OpenIdConnectProvider": "AWS::IAM::OIDCProvider",
    "aws:route53/record:Record": "AWS::Route53::RecordSet",
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": "AWS::EC2::SecurityGroupEgress",
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": "AWS::EC2::SecurityGroupIngress",
}
"""Types with another name in CloudFormation."""

PARTS = {
    "aws:cloudwatch/eventTarget:EventTarget": ("AWS::Events::Rule", "Targets"),
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": ("AWS::ECR::Repository", "LifecyclePolicy"),
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": ("AWS::S3::Bucket", "LifecycleConfiguration"),
    "aws:s3/bucketNotification:BucketNotification": ("AWS::S3::Bucket", "NotificationConfiguration"),
    "aws:s3/bucketOwnershipControls:BucketOwnershipControls": ("AWS::S3::Bucket", "OwnershipControls"),
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": ("AWS::S3::Bucket", "PublicAccessBlockConfiguration"),
    "aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration": (
        "AWS::S3::Bucket",
        "BucketEncryption",
    ),
    "aws:s3/bucketVersioning:BucketVersioning": ("AWS::S3::Bucket", "VersioningConfiguration"),
}
"""Resources that are a property of another type: each becomes a resource of that type with this property alone."""

ABSENT = {
    "aws:acm/certificateValidation:CertificateValidation": "waits; CloudFormation's certificate waits by itself",
    "aws:iam/accessKey:AccessKey": "its inputs are a user's name",
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": "a list of a role's in CloudFormation",
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": "a list of a user's in CloudFormation",
    "aws:s3/bucketObjectv2:BucketObjectv2": "CloudFormation has no objects",
}
"""Types that CloudFormation does not have, and why nothing is lost."""

NAMED_BY_THE_PROVIDER = "named-by-the-provider"
REQUIRED_ELSEWHERE: dict[str, dict[str, Any]] = {
    "aws:cloudwatch/eventTarget:EventTarget": {"Id": NAMED_BY_THE_PROVIDER},
    "AWS::Events::Rule": {"EventPattern": {"source": ["aws.ecs"]}},
    "AWS::ECS::ClusterCapacityProviderAssociations": {"DefaultCapacityProviderStrategy": []},
    "AWS::ApplicationAutoScaling::ScalingPolicy": {"PolicyName": NAMED_BY_THE_PROVIDER},
    "AWS::IAM::RolePolicy": {"PolicyName": NAMED_BY_THE_PROVIDER},
    "AWS::IAM::UserPolicy": {"PolicyName": NAMED_BY_THE_PROVIDER},
}
"""Required properties, by CloudFormation type or by the provider's, that the provider gives by itself or another of its
resources has."""


@dataclass(frozen=True)
class Left:
    """A property that is left out, and why."""

    reason: str


@dataclass(frozen=True)
class As:
    """A property under another name: a path from the object that it is in, empty where its members belong there.

    ``convert`` changes the value first.
    """

    path: str
    convert: Callable[[Any], Any] = lambda value: value


def attribute(key: str) -> As:
    """An attribute of a load balancer or target group."""
    kind = "TargetGroupAttributes" if key.startswith(("dereg", "stickiness")) else "LoadBalancerAttributes"
    return As(kind, lambda value: [{"key": key, "value": str(value).lower()}])


_PROVIDER = Left("how the provider works, not what it makes")
_OWNER = Left("names the resource that this is a property of")

PROPERTIES: dict[tuple[str, str], As | Left] = {
    ("AWS::CloudWatch::Alarm", "metricQueries"): As("Metrics"),
    ("AWS::CloudWatch::Alarm", "metricQueries.metric"): As("MetricStat"),
    ("AWS::CloudWatch::Alarm", "metricQueries.metric.dimensions"): As("Metric.Dimensions"),
    ("AWS::CloudWatch::Alarm", "metricQueries.metric.metricName"): As("Metric.MetricName"),
    ("AWS::CloudWatch::Alarm", "metricQueries.metric.namespace"): As("Metric.Namespace"),
    ("AWS::CodeBuild::Project", "buildTimeout"): As("TimeoutInMinutes"),
    ("AWS::CodeBuild::Project", "logsConfig.cloudwatchLogs"): As(
        "CloudWatchLogs", lambda value: {"status": "ENABLED", **value}
    ),
    ("AWS::CodeDeploy::DeploymentGroup", "appName"): As("ApplicationName"),
    ("AWS::CodeDeploy::DeploymentGroup", "blueGreenDeploymentConfig"): As("BlueGreenDeploymentConfiguration"),
    ("AWS::CodePipeline::Pipeline", "artifactStores"): As("ArtifactStore"),
    ("AWS::CodePipeline::Pipeline", "stages.actions.category"): As("ActionTypeId.Category"),
    ("AWS::CodePipeline::Pipeline", "stages.actions.owner"): As("ActionTypeId.Owner"),
    ("AWS::CodePipeline::Pipeline", "stages.actions.provider"): As("ActionTypeId.Provider"),
    ("AWS::CodePipeline::Pipeline", "stages.actions.version"): As("ActionTypeId.Version"),
    ("AWS::EC2::InternetGateway", "vpcId"): Left("an attachment of its own in CloudFormation"),
    ("AWS::EC2::SecurityGroup", "description"): As("GroupDescription"),
    ("AWS::EC2::SecurityGroupEgress", "cidrIpv4"): As("CidrIp"),
    ("AWS::EC2::SecurityGroupEgress", "referencedSecurityGroupId"): As("DestinationSecurityGroupId"),
    ("AWS::EC2::SecurityGroupEgress", "securityGroupId"): As("GroupId"),
    ("AWS::EC2::SecurityGroupIngress", "cidrIpv4"): As("CidrIp"),
    ("AWS::EC2::SecurityGroupIngress", "referencedSecurityGroupId"): As("SourceSecurityGroupId"),
    ("AWS::EC2::SecurityGroupIngress", "securityGroupId"): As("GroupId"),
    ("AWS::ECR::Repository", "forceDelete"): As("EmptyOnDelete"),
    ("AWS::ECR::Repository", "LifecyclePolicy.policy"): As("LifecyclePolicyText"),
    ("AWS::ECR::Repository", "LifecyclePolicy.repository"): _OWNER,
    ("AWS::ECS::Cluster", "settings"): As("ClusterSettings"),
    ("AWS::ECS::ClusterCapacityProviderAssociations", "clusterName"): As("Cluster"),
    ("AWS::ECS::Service", "alarms"): As("DeploymentConfiguration.Alarms"),
    ("AWS::ECS::Service", "deploymentCircuitBreaker"): As("DeploymentConfiguration.DeploymentCircuitBreaker"),
    ("AWS::ECS::Service", "deploymentMaximumPercent"): As("DeploymentConfiguration.MaximumPercent"),
    ("AWS::ECS::Service", "deploymentMinimumHealthyPercent"): As("DeploymentConfiguration.MinimumHealthyPercent"),
    ("AWS::ECS::Service", "networkConfiguration"): As("NetworkConfiguration.AwsvpcConfiguration"),
    ("AWS::ECS::Service", "networkConfiguration.assignPublicIp"): As(
        "AssignPublicIp", lambda value: "ENABLED" if value else "DISABLED"
    ),
    ("AWS::ECS::TaskDefinition", "skipDestroy"): _PROVIDER,
    ("AWS::ElasticLoadBalancingV2::Listener", "certificateArn"): As("Certificates"),
    ("AWS::ElasticLoadBalancingV2::Listener", "defaultActions.fixedResponse"): As("FixedResponseConfig"),
    ("AWS::ElasticLoadBalancingV2::Listener", "defaultActions.redirect"): As("RedirectConfig"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "actions.forward"): As("ForwardConfig"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "actions.forward.targetGroups.arn"): As("TargetGroupArn"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "actions.redirect"): As("RedirectConfig"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "conditions.hostHeader"): As("HostHeaderConfig"),
    ("AWS::ElasticLoadBalancingV2::ListenerRule", "conditions.pathPattern"): As("PathPatternConfig"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "dropInvalidHeaderFields"): attribute(
        "routing.http.drop_invalid_header_fields.enabled"
    ),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "enableDeletionProtection"): attribute("deletion_protection.enabled"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "idleTimeout"): attribute("idle_timeout.timeout_seconds"),
    ("AWS::ElasticLoadBalancingV2::LoadBalancer", "loadBalancerType"): As("Type"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "deregistrationDelay"): attribute(
        "deregistration_delay.timeout_seconds"
    ),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck"): As(""),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.healthyThreshold"): As("HealthyThresholdCount"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.interval"): As("HealthCheckIntervalSeconds"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.matcher"): As("Matcher.HttpCode"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.path"): As("HealthCheckPath"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.port"): As("HealthCheckPort"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.protocol"): As("HealthCheckProtocol"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.timeout"): As("HealthCheckTimeoutSeconds"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "healthCheck.unhealthyThreshold"): As("UnhealthyThresholdCount"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "stickiness"): As(""),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "stickiness.cookieDuration"): attribute(
        "stickiness.lb_cookie.duration_seconds"
    ),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "stickiness.enabled"): attribute("stickiness.enabled"),
    ("AWS::ElasticLoadBalancingV2::TargetGroup", "stickiness.type"): attribute("stickiness.type"),
    ("AWS::Events::Connection", "authParameters.apiKey"): As("ApiKeyAuthParameters"),
    ("AWS::Events::Connection", "authParameters.apiKey.key"): As("ApiKeyName"),
    ("AWS::Events::Connection", "authParameters.apiKey.value"): As("ApiKeyValue"),
    ("AWS::Events::Rule", "Targets.httpTarget"): As("HttpParameters"),
    ("AWS::Events::Rule", "Targets.rule"): _OWNER,
    ("AWS::Events::Rule", "Targets.targetId"): As("Id"),
    ("AWS::IAM::Role", "assumeRolePolicy"): As("AssumeRolePolicyDocument"),
    ("AWS::IAM::Role", "forceDetachPolicies"): _PROVIDER,
    ("AWS::IAM::User", "forceDestroy"): _PROVIDER,
    ("AWS::KMS::Alias", "name"): As("AliasName"),
    ("AWS::KMS::Key", "deletionWindowInDays"): As("PendingWindowInDays"),
    ("AWS::KMS::Key", "policy"): As("KeyPolicy"),
    ("AWS::Lambda::Function", "name"): As("FunctionName"),
    ("AWS::Lambda::Function", "s3Bucket"): As("Code.S3Bucket"),
    ("AWS::Lambda::Function", "s3Key"): As("Code.S3Key"),
    ("AWS::Lambda::Function", "publish"): _PROVIDER,
    ("AWS::Lambda::Function", "skipDestroy"): _PROVIDER,
    ("AWS::Lambda::Permission", "function"): As("FunctionName"),
    ("AWS::Lambda::Permission", "statementId"): Left("CloudFormation names the statement itself"),
    ("AWS::Logs::LogGroup", "skipDestroy"): _PROVIDER,
    ("AWS::Route53::RecordSet", "aliases"): As("AliasTarget"),
    ("AWS::Route53::RecordSet", "aliases.name"): As("DNSName"),
    ("AWS::Route53::RecordSet", "aliases.zoneId"): As("HostedZoneId"),
    ("AWS::Route53::RecordSet", "allowOverwrite"): _PROVIDER,
    ("AWS::Route53::RecordSet", "records"): As("ResourceRecords"),
    ("AWS::Route53::RecordSet", "zoneId"): As("HostedZoneId"),
    ("AWS::S3::Bucket", "bucket"): As("BucketName"),
    ("AWS::S3::Bucket", "NotificationConfiguration.eventbridge"): As("EventBridgeConfiguration.EventBridgeEnabled"),
    ("AWS::S3::Bucket", "BucketEncryption.rules"): As("ServerSideEncryptionConfiguration"),
    **{("AWS::S3::Bucket", f"{part}.bucket"): _OWNER for typ, part in PARTS.values() if typ == "AWS::S3::Bucket"},
    ("AWS::S3::Bucket", "forceDestroy"): _PROVIDER,
    ("AWS::S3::Bucket", "OwnershipControls.rule"): As("Rules"),
    ("AWS::S3::Bucket", "BucketEncryption.rules.applyServerSideEncryptionByDefault"): As(
        "ServerSideEncryptionByDefault"
    ),
    ("AWS::S3::Bucket", "LifecycleConfiguration.rules.expiration.days"): As("ExpirationInDays"),
    ("AWS::S3::Bucket", "LifecycleConfiguration.rules.expiration"): As(""),
    ("AWS::S3::Bucket", "LifecycleConfiguration.rules.filter"): As(""),
    ("AWS::S3::Bucket", "VersioningConfiguration.versioningConfiguration"): As(""),
    ("AWS::SQS::Queue", "messageRetentionSeconds"): As("MessageRetentionPeriod"),
    ("AWS::SQS::Queue", "visibilityTimeoutSeconds"): As("VisibilityTimeout"),
    ("AWS::SQS::QueuePolicy", "queueUrl"): As("Queues"),
    ("AWS::SSM::Parameter", "insecureValue"): As("Value"),
    ("AWS::SSM::Parameter", "keyId"): Left("CloudFormation makes no SecureString"),
    ("AWS::SSM::Parameter", "type"): As("Type", lambda value: "String" if value == "SecureString" else value),
}
"""(CloudFormation type, the provider's property by its path) to what it is in CloudFormation."""
