"""What a stack's deploy role may do: make, change and delete what the program declares, by the names it gives.

Functions without resources. What a type needs is what CloudFormation needs for it (the handlers in its resource
schemas), which a test compares with these statements; the provider makes the same calls.

Reading is granted on everything in the account: the provider reads whatever it manages, and most `Describe` and `List`
actions take no resource. None of the reads shows a secret but `ssm:GetParameter*`, on the stack's own.
"""

from collections.abc import Mapping, Sequence

from bootstrap import network_policy
from components.iam.delivery_policies import read_executions, watch_scaling
from components.iam.policies import EVERYTHING, Statement, allow
from components.scope import Scope
from releases.names import build_log_group, function_log_group, jobs_function, log_group, parameter_path

PASSED_TO = ("codebuild", "codedeploy", "codepipeline", "ecs", "ecs-tasks", "events", "lambda", "scheduler")
"""The services that the stack's roles are for."""

LINKED = (
    "ecs.amazonaws.com",
    "ecs.application-autoscaling.amazonaws.com",
    "elasticloadbalancing.amazonaws.com",
    "apidestinations.events.amazonaws.com",
)
"""Services whose own role AWS makes in an account when it is first needed, on behalf of who needs it."""


def deploy_statements(scope: Scope, load_balancer: str | None = None) -> Mapping[str, Sequence[Statement]]:
    """The statements by policy: a managed policy has 6,144 characters, and they are more.

    Args:
        scope: the stack.
        load_balancer: the name of one that exists, which the stack uses instead of making its own.
    """
    return {
        "network": network_policy.network_statements(scope, load_balancer),
        "services": [*services(scope), *namespaces(scope), *watching(scope), *_overview(scope)],
        "delivery": [*delivery(scope), *store(scope)],
        "identity": [*identity(scope), *parameters(scope), *_keys(scope)],
    }


def services(scope: Scope) -> list[Statement]:
    """Cluster, services, scaling, and what the guards look at."""
    cluster, ours = scope.cluster, scope.name("*")
    named = [scope.arn("ecs", f"service/{cluster}/{ours}"), scope.arn("ecs", f"task-definition/{ours}:*")]
    return [
        allow("ReadServices", "ecs:Describe* List*", EVERYTHING),
        *([] if scope.adopted_cluster else [_own_cluster(scope)]),
        allow(
            "Services",
            "ecs:CreateService DeleteService UpdateService TagResource UntagResource",
            named,
        ),
        # Either takes the service as well as its deployment, whose ARN ends in an id that ECS makes up.
        allow(
            "ServiceDeployments",
            "ecs:StopServiceDeployment ContinueServiceDeployment",
            [named[0], scope.arn("ecs", f"service-deployment/{cluster}/{ours}/*")],
        ),
        # Neither takes a resource.
        allow("Revisions", "ecs:RegisterTaskDefinition DeregisterTaskDefinition", EVERYTHING),
        # What describes takes no resource.
        allow("ReadScaling", "application-autoscaling:Describe* ListTagsForResource", EVERYTHING),
        # A scalable target's ARN ends in an id that AWS makes up.
        allow(
            "Scaling",
            "application-autoscaling:RegisterScalableTarget DeregisterScalableTarget "
            "PutScalingPolicy DeleteScalingPolicy PutScheduledAction DeleteScheduledAction",
            [scope.arn("application-autoscaling", "scalable-target/*")],
            {"StringEquals": {"application-autoscaling:service-namespace": "ecs"}},
        ),
        # AWS documents no condition key for them but those of tags.
        allow(
            "TagScaling",
            "application-autoscaling:TagResource UntagResource",
            [scope.arn("application-autoscaling", "scalable-target/*")],
        ),
        *watch_scaling(),
    ]


def _own_cluster(scope: Scope) -> Statement:
    return allow(
        "Cluster",
        "ecs:CreateCluster DeleteCluster UpdateCluster UpdateClusterSettings "
        "PutClusterCapacityProviders TagResource UntagResource",
        [scope.arn("ecs", f"cluster/{scope.cluster}")],
    )


def namespaces(scope: Scope, ours: Mapping[str, str] | None = None) -> list[Statement]:
    """Namespaces of Cloud Map, whose ARNs end in an id that AWS makes up.

    Args:
        scope: the stack.
        ours: the tag that one has which may be deleted; any without it.
    """
    return [
        # An operation and a tag name no resource.
        allow("MakeNamespaces", "servicediscovery:CreateHttpNamespace GetOperation ListTagsForResource", EVERYTHING),
        _tag_namespaces(ours),
        allow("FindNamespaces", "servicediscovery:GetNamespace", [scope.arn("servicediscovery", "namespace/*")]),
        allow(
            "DeleteNamespaces",
            "servicediscovery:DeleteNamespace",
            [scope.arn("servicediscovery", "namespace/*")],
            {"StringEquals": ours} if ours else None,
        ),
    ]


def _tag_namespaces(ours: Mapping[str, str] | None) -> Statement:
    """Of those whose tag may be deleted: that tag, on what has no other; else any could be tagged, and deleted then."""
    if ours is None:
        return allow("TagNamespaces", "servicediscovery:TagResource UntagResource", EVERYTHING)
    asked = {key.replace("Resource", "Request"): value for key, value in ours.items()}
    conditions = {"StringEquals": asked, "StringEqualsIfExists": ours}
    return allow("TagNamespaces", "servicediscovery:TagResource", EVERYTHING, conditions)


def watching(scope: Scope) -> list[Statement]:
    """Logs and alarms."""
    named = (
        log_group(scope.name("*")),
        log_group(f"{scope.stack}/*"),
        build_log_group(scope.name("*")),
        function_log_group(scope.name("*")),
    )
    logs = [scope.arn("logs", f"log-group:{name}") for name in named]
    return [
        allow("ReadLogGroups", "logs:Describe* ListTagsForResource", EVERYTHING),
        allow(
            "LogGroups",
            "logs:CreateLogGroup DeleteLogGroup PutRetentionPolicy DeleteRetentionPolicy "
            "AssociateKmsKey DisassociateKmsKey TagResource UntagResource GetLogEvents",
            logs,
        ),
        allow("ReadAlarms", "cloudwatch:Describe* GetDashboard ListTagsForResource", EVERYTHING),
        allow(
            "Alarms",
            "cloudwatch:PutMetricAlarm DeleteAlarms TagResource UntagResource",
            [scope.arn("cloudwatch", f"alarm:{scope.name('*')}")],
        ),
        # Must be granted on everything (CloudWatch API reference, PutCompositeAlarm).
        allow("CompositeAlarms", "cloudwatch:PutCompositeAlarm", EVERYTHING),
    ]


def _overview(scope: Scope) -> list[Statement]:
    """The dashboard and the queries beside it."""
    return [
        allow(
            "Dashboard",
            "cloudwatch:PutDashboard DeleteDashboards",
            [f"arn:{scope.partition}:cloudwatch::{scope.account}:dashboard/{scope.stack}"],
        ),
        # None of them takes a resource.
        allow("Queries", "logs:PutQueryDefinition DeleteQueryDefinition", EVERYTHING),
    ]


def delivery(scope: Scope) -> list[Statement]:
    """Repositories, builds, functions, pipelines, CodeDeploy, and what starts and announces them."""
    ours = scope.name("*")
    images = (
        "ecr:CreateRepository DeleteRepository PutLifecyclePolicy DeleteLifecyclePolicy SetRepositoryPolicy "
        "DeleteRepositoryPolicy PutImageScanningConfiguration PutImageTagMutability TagResource UntagResource "
        "DescribeImages BatchGetImage BatchDeleteImage GetLifecyclePolicy GetRepositoryPolicy"
    )
    deploys = (
        "codedeploy:CreateApplication DeleteApplication CreateDeploymentGroup UpdateDeploymentGroup "
        "DeleteDeploymentGroup CreateDeploymentConfig DeleteDeploymentConfig TagResource UntagResource"
    )
    events = (
        "events:PutRule DeleteRule PutTargets RemoveTargets CreateConnection UpdateConnection DeleteConnection "
        "CreateApiDestination UpdateApiDestination DeleteApiDestination TagResource UntagResource"
    )
    functions = (
        "lambda:CreateFunction GetFunction UpdateFunctionCode UpdateFunctionConfiguration DeleteFunction "
        "ListVersionsByFunction GetFunctionCodeSigningConfig ListTags TagResource UntagResource "
        "GetPolicy AddPermission RemovePermission"
    )
    secret = scope.arn("secretsmanager", f"secret:events!connection/{ours}")
    return [
        allow(
            "ReadDelivery",
            [
                "ecr:DescribeRepositories ListTagsForResource",
                "codebuild:BatchGetProjects",
                "codepipeline:GetPipeline GetPipelineState ListTagsForResource",
                "codedeploy:Get* List* BatchGet*",
                "events:Describe* List*",
                "sqs:GetQueueAttributes GetQueueUrl ListQueueTags",
            ],
            EVERYTHING,
        ),
        allow("Images", images, [scope.arn("ecr", f"repository/{ours}")]),
        allow(
            "Builds", "codebuild:CreateProject UpdateProject DeleteProject", [scope.arn("codebuild", f"project/{ours}")]
        ),
        allow("Functions", functions, [scope.arn("lambda", f"function:{ours}")]),
        # `delivery run`, of a job.
        allow("RunJobs", "lambda:InvokeFunction", [scope.arn("lambda", f"function:{jobs_function(ours)}")]),
        allow(
            "Schedules",
            "scheduler:CreateScheduleGroup DeleteScheduleGroup GetScheduleGroup ListTagsForResource TagResource "
            "UntagResource CreateSchedule UpdateSchedule DeleteSchedule GetSchedule",
            [scope.arn("scheduler", f"schedule-group/{ours}"), scope.arn("scheduler", f"schedule/{ours}/*")],
        ),
        allow(
            "Pipelines",
            "codepipeline:CreatePipeline UpdatePipeline DeletePipeline TagResource UntagResource",
            [scope.arn("codepipeline", ours)],
        ),
        read_executions(scope.arn("codepipeline", ours)),
        # The commands that deploy without Pulumi: rollback, redeploy, retry, and repair, which tags an image.
        allow(
            "StartPipelines",
            "codepipeline:StartPipelineExecution RetryStageExecution",
            [scope.arn("codepipeline", ours)],
        ),
        allow("TagImages", "ecr:PutImage", [scope.arn("ecr", f"repository/{ours}")]),
        allow(
            "Deploys",
            deploys,
            [
                scope.arn("codedeploy", f"{kind}:{ours}")
                for kind in ("application", "deploymentgroup", "deploymentconfig")
            ],
        ),
        allow(
            "Events",
            events,
            [scope.arn("events", f"{kind}/{ours}") for kind in ("rule", "connection", "api-destination")],
        ),
        # EventBridge keeps a connection's credential there, on behalf of who makes the connection.
        allow(
            "Connections",
            "secretsmanager:CreateSecret UpdateSecret PutSecretValue GetSecretValue DeleteSecret DescribeSecret",
            [secret],
        ),
        allow("Queues", "sqs:CreateQueue DeleteQueue SetQueueAttributes TagQueue UntagQueue", [scope.arn("sqs", ours)]),
    ]


def store(scope: Scope) -> list[Statement]:
    """The bucket of sources and artifacts, autonamed; a stack without protection empties and deletes it."""
    bucket = f"arn:{scope.partition}:s3:::delivery-store-bucket-*"
    settings = (
        "s3:TagResource UntagResource PutBucketTagging PutBucketVersioning PutEncryptionConfiguration "
        "PutBucketOwnershipControls PutBucketPublicAccessBlock PutLifecycleConfiguration PutBucketNotification "
        "PutBucketPolicy DeleteBucketPolicy"
    )
    objects = (
        "s3:PutObject PutObjectTagging GetObject GetObjectVersion GetObjectTagging DeleteObject DeleteObjectVersion"
    )
    return [
        allow("Store", "s3:CreateBucket DeleteBucket ListBucket ListBucketVersions ListTagsForResource Get*", [bucket]),
        allow("StoreSettings", settings, [bucket]),
        allow("StoreObjects", objects, [f"{bucket}/*"]),
    ]


def identity(scope: Scope) -> list[Statement]:
    """The roles of pipelines and tasks, and the uploaders, by the stack's name; its own role has a path besides."""
    roles = f"arn:{scope.partition}:iam::{scope.account}:role/{scope.name('*')}"
    users = f"arn:{scope.partition}:iam::{scope.account}:user/{scope.name('*')}"
    linked = f"arn:{scope.partition}:iam::{scope.account}:role/aws-service-role/*"
    return [
        allow(
            "Roles",
            "iam:DeleteRole GetRole UpdateRole UpdateRoleDescription UpdateAssumeRolePolicy TagRole UntagRole "
            "DeleteRolePolicy GetRolePolicy ListRolePolicies ListAttachedRolePolicies ListRoleTags "
            "ListInstanceProfilesForRole",
            [roles],
        ),
        _grant_to_roles(scope, roles),
        allow(
            "PassRoles",
            "iam:PassRole",
            [roles],
            {"StringEquals": {"iam:PassedToService": [f"{service}.amazonaws.com" for service in PASSED_TO]}},
        ),
        allow(
            "Uploaders",
            "iam:CreateUser DeleteUser GetUser UpdateUser TagUser UntagUser ListUserTags PutUserPolicy "
            "DeleteUserPolicy GetUserPolicy ListGroupsForUser",
            [users],
        ),
        # A user goes with what was made for it by hand, and the provider asks for each kind of it (user.go).
        allow(
            "UploadersKeys",
            "iam:ListAccessKeys DeleteAccessKey ListSSHPublicKeys DeleteSSHPublicKey ListMFADevices "
            "DeactivateMFADevice DeleteLoginProfile ListSigningCertificates DeleteSigningCertificate "
            "ListServiceSpecificCredentials DeleteServiceSpecificCredential",
            [users],
        ),
        # Takes no resource.
        allow("FindDevices", "iam:ListVirtualMFADevices", EVERYTHING),
        allow(
            "LinkedRoles",
            "iam:CreateServiceLinkedRole",
            [linked],
            {"StringEquals": {"iam:AWSServiceName": list(LINKED)}},
        ),
    ]


def _grant_to_roles(scope: Scope, roles: str) -> Statement:
    """What gives a role permissions. Where there is a boundary only to a role that has it, or is given it by the call;
    nobody may take it away (IAM, Actions defined by IAM: the condition key `iam:PermissionsBoundary`).
    """
    actions = "iam:CreateRole PutRolePolicy"
    if scope.permissions_boundary is None:
        return allow("GrantToRoles", actions, [roles])
    bounded = {"StringEquals": {"iam:PermissionsBoundary": scope.permissions_boundary}}
    return allow("GrantToRoles", f"{actions} PutRolePermissionsBoundary", [roles], bounded)


def parameters(scope: Scope) -> list[Statement]:
    """Parameters, and what they are encrypted with."""
    path = scope.arn("ssm", f"parameter{parameter_path(scope.stack, '*')}")
    keys = scope.arn("kms", "key/*")
    through_ssm = {
        "StringEquals": {"kms:ViaService": f"ssm.{scope.region}.amazonaws.com"},
        "StringLike": {"kms:EncryptionContext:PARAMETER_ARN": path},
    }
    return [
        allow(
            "Parameters",
            "ssm:PutParameter DeleteParameter GetParameter GetParameters GetParameterHistory ListTagsForResource "
            "AddTagsToResource RemoveTagsFromResource",
            [path],
        ),
        # Takes no resource.
        allow("FindParameters", "ssm:DescribeParameters", EVERYTHING),
        allow("SecretValues", "kms:Encrypt Decrypt GenerateDataKey", [keys], through_ssm),
    ]


KEY = (
    "kms:DescribeKey GetKeyPolicy GetKeyRotationStatus ListResourceTags EnableKeyRotation DisableKeyRotation "
    "EnableKey DisableKey PutKeyPolicy UpdateKeyDescription UntagResource ScheduleKeyDeletion"
)
ALIAS = "kms:CreateAlias UpdateAlias DeleteAlias"


def make_keys() -> Statement:
    """Making one, and listing aliases, take no resource."""
    return allow("MakeKeys", "kms:CreateKey ListAliases", EVERYTHING)


def aliases(scope: Scope) -> Statement:
    """The stack's aliases; the key that one is of must be allowed too."""
    return allow("Aliases", ALIAS, [scope.arn("kms", f"alias/{scope.name('*')}")])


def _keys(scope: Scope) -> list[Statement]:
    """A key is found by its id, and made before it has an alias."""
    return [make_keys(), allow("Keys", [KEY, "kms:TagResource", ALIAS], [scope.arn("kms", "key/*")]), aliases(scope)]
