"""What a stack's deploy role may do: make, change and delete what the program declares, by the names it gives.

Functions without resources. What a type needs is what CloudFormation needs for it (the handlers in its resource
schemas), which a test compares with these statements; the provider makes the same calls.

Reading is granted on everything in the account: the provider reads whatever it manages, and most `Describe` and `List`
actions take no resource. None of the reads shows a secret but `ssm:GetParameter*`, on the stack's own.
"""

from collections.abc import Mapping, Sequence

from components.naming import Scope
from components.policies import EVERYTHING, Statement, allow

PASSED_TO = ("chatbot", "codebuild", "codedeploy", "codepipeline", "ecs-tasks", "events")
"""The services that the stack's roles are for."""

LINKED = (
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "apidestinations.events.amazonaws.com",
)
"""Services whose own role AWS makes in an account when it is first needed, on behalf of who needs it."""


def deploy(scope: Scope) -> Mapping[str, Sequence[Statement]]:
    """The statements by policy: a managed policy has 6,144 characters, and they are more."""
    return {
        "network": [*_network(scope), *_names(scope)],
        "services": [*_services(scope), *_watching(scope), *_channel(scope)],
        "delivery": [*_delivery(scope), *_store(scope)],
        "identity": [*_identity(scope), *_parameters(scope)],
    }


def _actions(service: str, names: str) -> list[str]:
    return [f"{service}:{name}" for name in names.split()]


def _network(scope: Scope) -> list[Statement]:
    """VPC, addresses, load balancer.

    Their ARNs end in ids that AWS makes up, and most actions of EC2 that create take no resource; so EC2 is granted in
    the stack's Region, and what keeps stacks apart is the account.
    """
    in_region = {"StringEquals": {"aws:RequestedRegion": scope.region}}
    ec2 = _actions(
        "ec2",
        "CreateVpc DeleteVpc ModifyVpcAttribute "
        "CreateSubnet DeleteSubnet ModifySubnetAttribute "
        "CreateInternetGateway DeleteInternetGateway AttachInternetGateway DetachInternetGateway "
        "CreateRouteTable DeleteRouteTable AssociateRouteTable DisassociateRouteTable ReplaceRouteTableAssociation "
        "CreateRoute DeleteRoute ReplaceRoute "
        "CreateNatGateway DeleteNatGateway AllocateAddress ReleaseAddress AssociateAddress DisassociateAddress "
        "CreateSecurityGroup DeleteSecurityGroup "
        "AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress "
        "RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules "
        "UpdateSecurityGroupRuleDescriptionsIngress UpdateSecurityGroupRuleDescriptionsEgress "
        "CreateTags DeleteTags",
    )
    balancer = _actions(
        "elasticloadbalancing",
        "CreateLoadBalancer DeleteLoadBalancer ModifyLoadBalancerAttributes SetSecurityGroups SetSubnets "
        "SetIpAddressType CreateListener DeleteListener ModifyListener ModifyListenerAttributes "
        "CreateRule DeleteRule ModifyRule SetRulePriorities AddTags RemoveTags",
    )
    groups = _actions(
        "elasticloadbalancing",
        "CreateTargetGroup DeleteTargetGroup ModifyTargetGroup ModifyTargetGroupAttributes AddTags RemoveTags",
    )
    return [
        allow("ReadNetwork", ["ec2:Describe*", "elasticloadbalancing:Describe*"], EVERYTHING),
        allow("Network", ec2, EVERYTHING, in_region),
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


def _names(scope: Scope) -> list[Statement]:
    """DNS records and certificates; a zone and a certificate have ids, not names."""
    return [
        allow("ReadZones", _actions("route53", "Get* List*"), EVERYTHING),
        allow("Records", ["route53:ChangeResourceRecordSets"], [f"arn:{scope.partition}:route53:::hostedzone/*"]),
        # Asking for one takes no resource.
        allow(
            "AskForCertificates",
            _actions("acm", "RequestCertificate DescribeCertificate ListTagsForCertificate"),
            EVERYTHING,
        ),
        allow(
            "Certificates",
            _actions("acm", "DeleteCertificate AddTagsToCertificate RemoveTagsFromCertificate"),
            [scope.arn("acm", "certificate/*")],
        ),
    ]


def _services(scope: Scope) -> list[Statement]:
    """Cluster, services, scaling, and what the guards look at."""
    stack = scope.stack
    services = [scope.arn("ecs", f"service/{stack}/{stack}-*"), scope.arn("ecs", f"task-definition/{stack}-*:*")]
    return [
        allow("ReadServices", _actions("ecs", "Describe* List*"), EVERYTHING),
        allow(
            "Cluster",
            _actions("ecs", "CreateCluster DeleteCluster UpdateCluster UpdateClusterSettings")
            + _actions("ecs", "PutClusterCapacityProviders TagResource UntagResource"),
            [scope.arn("ecs", f"cluster/{stack}")],
        ),
        allow(
            "Services",
            _actions(
                "ecs", "CreateService DeleteService UpdateService StopServiceDeployment TagResource UntagResource"
            ),
            services,
        ),
        # Neither takes a resource.
        allow("Revisions", _actions("ecs", "RegisterTaskDefinition DeregisterTaskDefinition"), EVERYTHING),
        # What describes takes no resource.
        allow("ReadScaling", _actions("application-autoscaling", "Describe* ListTagsForResource"), EVERYTHING),
        # A scalable target's ARN ends in an id that AWS makes up.
        allow(
            "Scaling",
            _actions(
                "application-autoscaling",
                "RegisterScalableTarget DeregisterScalableTarget PutScalingPolicy DeleteScalingPolicy "
                "TagResource UntagResource",
            ),
            [scope.arn("application-autoscaling", "scalable-target/*")],
            {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}},
        ),
    ]


def _watching(scope: Scope) -> list[Statement]:
    """Logs, alarms, the dashboard."""
    logs = [scope.arn("logs", f"log-group:/{use}/{scope.stack}-*") for use in ("ecs", "codebuild")]
    return [
        allow("ReadLogGroups", _actions("logs", "Describe* ListTagsForResource"), EVERYTHING),
        allow(
            "LogGroups",
            _actions("logs", "CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy")
            + _actions("logs", "TagResource UntagResource GetLogEvents"),
            logs,
        ),
        # None of them takes a resource.
        allow("Queries", _actions("logs", "PutQueryDefinition DeleteQueryDefinition"), EVERYTHING),
        allow("ReadAlarms", _actions("cloudwatch", "Describe* GetDashboard ListTagsForResource"), EVERYTHING),
        allow(
            "Alarms",
            _actions("cloudwatch", "PutMetricAlarm DeleteAlarms PutCompositeAlarm TagResource UntagResource"),
            [scope.arn("cloudwatch", f"alarm:{scope.stack}-*")],
        ),
        allow(
            "Dashboard",
            _actions("cloudwatch", "PutDashboard DeleteDashboards"),
            [f"arn:{scope.partition}:cloudwatch::{scope.account}:dashboard/{scope.stack}"],
        ),
    ]


def _channel(scope: Scope) -> list[Statement]:
    """Amazon Q's way to a Slack channel: a topic, the channel's configuration, what it may show at most."""
    account = f"{scope.partition}:iam::{scope.account}"
    of_channels = f"arn:{scope.partition}:chatbot::{scope.account}:chat-configuration/slack-channel/{scope.stack}-*"
    topics = (
        "CreateTopic DeleteTopic GetTopicAttributes SetTopicAttributes ListTagsForResource TagResource UntagResource"
    )
    guardrails = (
        "CreatePolicy DeletePolicy GetPolicy CreatePolicyVersion DeletePolicyVersion GetPolicyVersion "
        "ListPolicyVersions ListPolicyTags TagPolicy UntagPolicy"
    )
    return [
        allow("Topics", _actions("sns", topics), [scope.arn("sns", f"{scope.stack}-*")]),
        # Neither takes a resource.
        allow(
            "MakeChannels",
            _actions("chatbot", "CreateSlackChannelConfiguration DescribeSlackChannelConfigurations"),
            EVERYTHING,
        ),
        allow(
            "Channels",
            _actions("chatbot", "UpdateSlackChannelConfiguration DeleteSlackChannelConfiguration"),
            [of_channels],
        ),
        allow("Guardrails", _actions("iam", guardrails), [f"arn:{account}:policy/{scope.stack}-*"]),
    ]


def _delivery(scope: Scope) -> list[Statement]:
    """Repositories, builds, pipelines, CodeDeploy, and what starts and announces them."""
    ours = f"{scope.stack}-*"
    images = (
        "CreateRepository DeleteRepository PutLifecyclePolicy DeleteLifecyclePolicy SetRepositoryPolicy "
        "DeleteRepositoryPolicy PutImageScanningConfiguration PutImageTagMutability TagResource UntagResource "
        "DescribeImages BatchGetImage BatchDeleteImage GetLifecyclePolicy GetRepositoryPolicy"
    )
    deploys = (
        "CreateApplication DeleteApplication CreateDeploymentGroup UpdateDeploymentGroup DeleteDeploymentGroup "
        "CreateDeploymentConfig DeleteDeploymentConfig TagResource UntagResource"
    )
    events = (
        "PutRule DeleteRule PutTargets RemoveTargets CreateConnection UpdateConnection DeleteConnection "
        "CreateApiDestination UpdateApiDestination DeleteApiDestination TagResource UntagResource"
    )
    secret = scope.arn("secretsmanager", f"secret:events!connection/{ours}")
    return [
        allow(
            "ReadDelivery",
            [
                *_actions("ecr", "DescribeRepositories ListTagsForResource"),
                *_actions("codebuild", "BatchGetProjects"),
                *_actions("codepipeline", "GetPipeline GetPipelineState ListTagsForResource"),
                *_actions("codedeploy", "Get* List* BatchGet*"),
                *_actions("events", "Describe* List*"),
                *_actions("sqs", "GetQueueAttributes GetQueueUrl ListQueueTags"),
            ],
            EVERYTHING,
        ),
        allow("Images", _actions("ecr", images), [scope.arn("ecr", f"repository/{ours}")]),
        allow(
            "Builds",
            _actions("codebuild", "CreateProject UpdateProject DeleteProject"),
            [scope.arn("codebuild", f"project/{ours}")],
        ),
        allow(
            "Pipelines",
            _actions("codepipeline", "CreatePipeline UpdatePipeline DeletePipeline TagResource UntagResource"),
            [scope.arn("codepipeline", ours)],
        ),
        allow(
            "Deploys",
            _actions("codedeploy", deploys),
            [
                scope.arn("codedeploy", f"{kind}:{ours}")
                for kind in ("application", "deploymentgroup", "deploymentconfig")
            ],
        ),
        allow(
            "Events",
            _actions("events", events),
            [scope.arn("events", f"{kind}/{ours}") for kind in ("rule", "connection", "api-destination")],
        ),
        # EventBridge keeps a connection's credential there, on behalf of who makes the connection.
        allow(
            "Connections",
            _actions("secretsmanager", "CreateSecret UpdateSecret PutSecretValue GetSecretValue DeleteSecret")
            + _actions("secretsmanager", "DescribeSecret"),
            [secret],
        ),
        allow(
            "Queues",
            _actions("sqs", "CreateQueue DeleteQueue SetQueueAttributes TagQueue UntagQueue"),
            [scope.arn("sqs", ours)],
        ),
    ]


def _store(scope: Scope) -> list[Statement]:
    """The bucket of sources and artifacts, autonamed; a stack without protection empties and deletes it."""
    bucket = f"arn:{scope.partition}:s3:::delivery-store-bucket-*"
    settings = (
        "TagResource UntagResource PutBucketTagging PutBucketVersioning PutEncryptionConfiguration "
        "PutBucketOwnershipControls PutBucketPublicAccessBlock PutLifecycleConfiguration PutBucketNotification "
        "PutBucketPolicy DeleteBucketPolicy"
    )
    objects = "PutObject PutObjectTagging GetObject GetObjectVersion GetObjectTagging DeleteObject DeleteObjectVersion"
    return [
        allow(
            "Store",
            _actions("s3", "CreateBucket DeleteBucket ListBucket ListBucketVersions ListTagsForResource Get*"),
            [bucket],
        ),
        allow("StoreSettings", _actions("s3", settings), [bucket]),
        allow("StoreObjects", _actions("s3", objects), [f"{bucket}/*"]),
    ]


def _identity(scope: Scope) -> list[Statement]:
    """The roles of pipelines and tasks, and the uploaders, by the stack's name; its own role has a path besides."""
    roles = f"arn:{scope.partition}:iam::{scope.account}:role/{scope.stack}-*"
    users = f"arn:{scope.partition}:iam::{scope.account}:user/{scope.stack}-*"
    linked = f"arn:{scope.partition}:iam::{scope.account}:role/aws-service-role/*"
    return [
        allow(
            "Roles",
            _actions(
                "iam",
                "CreateRole DeleteRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy "
                "TagRole UntagRole PutRolePolicy DeleteRolePolicy GetRolePolicy ListRolePolicies "
                "ListAttachedRolePolicies ListRoleTags ListInstanceProfilesForRole",
            ),
            [roles],
        ),
        allow(
            "PassRoles",
            ["iam:PassRole"],
            [roles],
            {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in PASSED_TO]}},
        ),
        allow(
            "Uploaders",
            _actions(
                "iam",
                "CreateUser DeleteUser GetUser UpdateUser TagUser UntagUser ListUserTags PutUserPolicy "
                "DeleteUserPolicy GetUserPolicy ListGroupsForUser",
            ),
            [users],
        ),
        allow(
            "LinkedRoles",
            ["iam:CreateServiceLinkedRole"],
            [linked],
            {"StringEquals": {"iam:AWSServiceName": list(LINKED)}},
        ),
    ]


def _parameters(scope: Scope) -> list[Statement]:
    """Parameters with their keys. A key is found by its id, and made before it has an alias."""
    path = scope.arn("ssm", f"parameter/fargate-delivery/{scope.stack}/*")
    keys = scope.arn("kms", "key/*")
    through_ssm = {
        "StringEquals": {"kms:ViaService": f"ssm.{scope.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": path},
    }
    return [
        allow(
            "Parameters",
            _actions(
                "ssm",
                "PutParameter DeleteParameter GetParameter GetParameters ListTagsForResource "
                "AddTagsToResource RemoveTagsFromResource",
            ),
            [path],
        ),
        # Takes no resource.
        allow("FindParameters", ["ssm:DescribeParameters"], EVERYTHING),
        allow("SecretValues", _actions("kms", "Encrypt Decrypt GenerateDataKey"), [keys], through_ssm),
        # Making one, and listing aliases, take no resource.
        allow("MakeKeys", _actions("kms", "CreateKey ListAliases"), EVERYTHING),
        allow(
            "Keys",
            _actions(
                "kms",
                "DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags EnableKeyRotation "
                "DisableKeyRotation EnableKey DisableKey PutKeyPolicy UpdateKeyDescription TagResource UntagResource "
                "ScheduleKeyDeletion CreateAlias UpdateAlias DeleteAlias",
            ),
            [keys, scope.arn("kms", f"alias/{scope.stack}-*")],
        ),
    ]
