"""Which permissions a call needs, against the Service Authorization Reference."""

from typing import Any

import cfnlint.data.AdditionalSpecs
import pytest
from cfnlint.helpers import load_resource
from documented import scoped_to_everything

from sandbox.iam import provisioning, templates
from sandbox.iam.calls import Call, Need, UnknownOperation
from sandbox.iam.requests import needs

R, A = "eu-west-1", "111122223333"
KEY = f"arn:aws:kms:{R}:{A}:key/k"
ROLE = f"arn:aws:iam::{A}:role/task"
BOUNDARY = f"arn:aws:iam::{A}:policy/boundary"
EXECUTION = f"arn:aws:iam::{A}:role/execution"


class Account:
    """Facts of a small account: a secure parameter, an encrypted bucket, an existing object."""

    def key_arn(self, key_id: str) -> str:
        return KEY

    def ciphertext_key(self, blob: bytes) -> str | None:
        return KEY if blob == b"ours" else None

    def secure_key(self, parameter: str) -> str | None:
        return KEY if "secret" in parameter else None

    def secret(self, secret_id: str) -> tuple[str, str | None] | None:
        return (arn("secretsmanager", f"secret:{secret_id}-AbCdEf"), KEY if "own" in secret_id else None)

    def parameters_under(self, path: str, recursive: bool) -> list[str]:
        return [f"{path}/secret", f"{path}/plain"]

    def object_key(self, bucket: str, key: str, version: str | None) -> str | None:
        return KEY if bucket == "encrypted" else None

    def object_exists(self, bucket: str, key: str, version: str | None) -> bool:
        return key != "missing"

    def object_tagged(self, bucket: str, key: str, version: str | None) -> bool:
        return key == "tagged"

    def bucket_encryption(self, bucket: str) -> tuple[str | None, bool]:
        return (KEY, False) if bucket == "encrypted" else (None, False)

    def task_definition(self, name: str) -> tuple[str, list[str]]:
        return f"arn:aws:ecs:{R}:{A}:task-definition/web:3", [ROLE, EXECUTION]

    def scalable_target(self, namespace: str, resource_id: str, dimension: str) -> str | None:
        return None if "new" in resource_id else f"arn:aws:application-autoscaling:{R}:{A}:scalable-target/1"

    def role_boundary(self, name: str) -> str | None:
        return BOUNDARY if name == "bounded" else None

    def iam_arn(self, kind: str, name: str) -> str | None:
        return f"arn:aws:iam::{A}:{kind}/path/{name}" if name == "pathed" else None

    def deployment_group(self, deployment_id: str) -> str | None:
        return "app/group"


def of(service: str, operation: str, /, **params: Any) -> list[Need]:
    return needs(Call(service, operation, params, A, R, Account()))


@pytest.mark.parametrize(
    ("operation", "params", "boundary"),
    [
        ("CreateRole", {"RoleName": "new", "PermissionsBoundary": ROLE}, ROLE),
        ("CreateRole", {"RoleName": "new"}, None),
        ("PutRolePermissionsBoundary", {"RoleName": "bounded", "PermissionsBoundary": ROLE}, ROLE),
        ("DeleteRolePermissionsBoundary", {"RoleName": "bounded"}, BOUNDARY),
        ("PutRolePolicy", {"RoleName": "bounded"}, BOUNDARY),
        ("PutRolePolicy", {"RoleName": "free"}, None),
        ("UpdateAssumeRolePolicy", {"RoleName": "bounded"}, None),
    ],
)
def test_what_is_said_of_a_role_s_boundary(operation: str, params: dict[str, Any], boundary: str | None) -> None:
    (need,) = of("iam", operation, **params)
    assert need.context.get("iam:PermissionsBoundary") == boundary


def pairs(service: str, operation: str, /, **params: Any) -> list[tuple[str, str]]:
    return [(need.action, need.resource) for need in of(service, operation, **params)]


def arn(service: str, resource: str) -> str:
    return f"arn:aws:{service}:{R}:{A}:{resource}"


S3 = "arn:aws:s3:::"
TARGET = f"arn:aws:application-autoscaling:{R}:{A}:scalable-target/1"
TAGGED = {"Tags": [{"Key": "stack", "Value": "pr"}]}
IN_B = {"Bucket": "b", "Key": "k"}
IN_ENCRYPTED = {"Bucket": "encrypted", "Key": "k"}


@pytest.mark.parametrize(
    ("call", "expected"),
    [
        # CloudWatch
        (
            ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a", "b"]}),
            [("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{R}:{A}:alarm:{name}") for name in "ab"],
        ),
        (
            ("cloudwatch", "DescribeAlarms", {}),
            [("cloudwatch:DescribeAlarms", f"arn:aws:cloudwatch:{R}:{A}:alarm:*")],
        ),
        (
            ("cloudwatch", "DescribeAlarms", {"AlarmNames": ["a"], "AlarmTypes": ["CompositeAlarm"]}),
            [("cloudwatch:DescribeAlarms", "*")],
        ),
        (
            ("cloudwatch", "DescribeAlarmHistory", {"AlarmName": "a"}),
            [("cloudwatch:DescribeAlarmHistory", f"arn:aws:cloudwatch:{R}:{A}:alarm:a")],
        ),
        (
            ("cloudwatch", "DescribeAlarmHistory", {"AlarmTypes": ["MetricAlarm", "CompositeAlarm"]}),
            [("cloudwatch:DescribeAlarmHistory", "*")],
        ),
        (("cloudwatch", "PutCompositeAlarm", {"AlarmName": "a"}), [("cloudwatch:PutCompositeAlarm", "*")]),
        # Application Auto Scaling
        *(
            (
                ("application-autoscaling", name, {"ResourceARN": TARGET}),
                [(f"application-autoscaling:{name}", TARGET)],
            )
            for name in ("ListTagsForResource", "TagResource", "UntagResource")
        ),
        (
            ("cloudwatch", "PutDashboard", {"DashboardName": "d"}),
            [("cloudwatch:PutDashboard", f"arn:aws:cloudwatch::{A}:dashboard/d")],
        ),
        # What makes infrastructure
        (("ec2", "CreateVpc", {}), [("ec2:CreateVpc", arn("ec2", "vpc/*"))]),
        (("ec2", "DeleteSubnet", {"SubnetId": "s"}), [("ec2:DeleteSubnet", arn("ec2", "subnet/s"))]),
        (
            ("ec2", "CreateTags", {"Resources": ["sg-1", "sgr-2"], "Tags": [{"Key": "k", "Value": "v"}]}),
            [
                ("ec2:CreateTags", arn("ec2", "security-group/sg-1")),
                ("ec2:CreateTags", arn("ec2", "security-group-rule/sgr-2")),
            ],
        ),
        (("elbv2", "CreateRule", {"ListenerArn": "arn:l"}), [("elasticloadbalancing:CreateRule", "arn:l")]),
        (
            ("elbv2", "CreateRule", {"ListenerArn": arn("elasticloadbalancing", "listener/app/a/1/2"), **TAGGED}),
            [
                ("elasticloadbalancing:CreateRule", arn("elasticloadbalancing", "listener/app/a/1/2")),
                ("elasticloadbalancing:AddTags", arn("elasticloadbalancing", "listener-rule/app/a/1/2/*")),
            ],
        ),
        (
            (
                "elbv2",
                "CreateListener",
                {"LoadBalancerArn": arn("elasticloadbalancing", "loadbalancer/app/a/1"), **TAGGED},
            ),
            [
                ("elasticloadbalancing:CreateListener", arn("elasticloadbalancing", "loadbalancer/app/a/1")),
                ("elasticloadbalancing:AddTags", arn("elasticloadbalancing", "listener/app/a/1/*")),
            ],
        ),
        (
            ("elbv2", "CreateTargetGroup", {"Name": "g", **TAGGED}),
            [
                (f"elasticloadbalancing:{action}", arn("elasticloadbalancing", "targetgroup/g/*"))
                for action in ("CreateTargetGroup", "AddTags")
            ],
        ),
        (
            ("route53", "ChangeResourceRecordSets", {"HostedZoneId": "/hostedzone/Z"}),
            [("route53:ChangeResourceRecordSets", "arn:aws:route53:::hostedzone/Z")],
        ),
        (("route53", "GetChange", {"Id": "/change/C"}), [("route53:GetChange", "arn:aws:route53:::change/C")]),
        (
            ("sqs", "DeleteQueue", {"QueueUrl": f"https://sqs.{R}.amazonaws.com/{A}/q"}),
            [("sqs:DeleteQueue", arn("sqs", "q"))],
        ),
        (
            ("iam", "CreateRole", {"RoleName": "r", "Path": "/p/", "Tags": [{"Key": "k", "Value": "v"}]}),
            [(f"iam:{action}", f"arn:aws:iam::{A}:role/p/r") for action in ("CreateRole", "TagRole")],
        ),
        (
            ("iam", "PutRolePolicy", {"RoleName": "pathed"}),
            [("iam:PutRolePolicy", f"arn:aws:iam::{A}:role/path/pathed")],
        ),
        (("iam", "PutUserPolicy", {"UserName": "u"}), [("iam:PutUserPolicy", f"arn:aws:iam::{A}:user/u")]),
        (
            ("iam", "CreateOpenIDConnectProvider", {"Url": "https://a.example.com"}),
            [("iam:CreateOpenIDConnectProvider", f"arn:aws:iam::{A}:oidc-provider/a.example.com")],
        ),
        (("kms", "CreateKey", {}), [("kms:CreateKey", "*")]),
        (
            ("kms", "CreateAlias", {"AliasName": "alias/a", "TargetKeyId": "k"}),
            [("kms:CreateAlias", arn("kms", "alias/a")), ("kms:CreateAlias", KEY)],
        ),
        (
            (
                "codedeploy",
                "CreateDeploymentGroup",
                {"applicationName": "a", "deploymentGroupName": "g", "serviceRoleArn": ROLE},
            ),
            [("codedeploy:CreateDeploymentGroup", arn("codedeploy", "deploymentgroup:a/g")), ("iam:PassRole", ROLE)],
        ),
        (("s3", "DeletePublicAccessBlock", {"Bucket": "b"}), [("s3:PutBucketPublicAccessBlock", S3 + "b")]),
        # S3
        (("s3", "GetObject", IN_B), [("s3:GetObject", S3 + "b/k")]),
        (("s3", "HeadObject", IN_B), [("s3:GetObject", S3 + "b/k")]),
        (("s3", "GetObject", {**IN_B, "VersionId": "v"}), [("s3:GetObjectVersion", S3 + "b/k")]),
        (
            ("s3", "GetObject", {"Bucket": "b", "Key": "missing"}),
            [("s3:GetObject", S3 + "b/missing"), ("s3:ListBucket", S3 + "b")],
        ),
        (("s3", "GetObject", IN_ENCRYPTED), [("s3:GetObject", S3 + "encrypted/k"), ("kms:Decrypt", KEY)]),
        (("s3", "PutObject", IN_B), [("s3:PutObject", S3 + "b/k")]),
        (("s3", "PutObject", IN_ENCRYPTED), [("s3:PutObject", S3 + "encrypted/k"), ("kms:GenerateDataKey", KEY)]),
        (
            ("s3", "UploadPart", IN_ENCRYPTED),
            [("s3:PutObject", S3 + "encrypted/k"), ("kms:GenerateDataKey", KEY), ("kms:Decrypt", KEY)],
        ),
        (("s3", "CompleteMultipartUpload", IN_B), [("s3:PutObject", S3 + "b/k")]),
        (("s3", "AbortMultipartUpload", IN_B), [("s3:AbortMultipartUpload", S3 + "b/k")]),
        (
            ("s3", "PutObject", {**IN_B, "ACL": "public-read", "Tagging": "a=b"}),
            [("s3:PutObject", S3 + "b/k"), ("s3:PutObjectAcl", S3 + "b/k"), ("s3:PutObjectTagging", S3 + "b/k")],
        ),
        (("s3", "DeleteObject", IN_B), [("s3:DeleteObject", S3 + "b/k")]),
        (("s3", "DeleteObject", {**IN_B, "VersionId": "v"}), [("s3:DeleteObjectVersion", S3 + "b/k")]),
        (
            ("s3", "DeleteObjects", {"Bucket": "b", "Delete": {"Objects": [{"Key": "1"}, {"Key": "2"}]}}),
            [("s3:DeleteObject", S3 + "b/1"), ("s3:DeleteObject", S3 + "b/2")],
        ),
        (
            ("s3", "CopyObject", {**IN_B, "CopySource": "from/a/b?versionId=v"}),
            [("s3:GetObjectVersion", S3 + "from/a/b"), ("s3:PutObject", S3 + "b/k")],
        ),
        (
            ("s3", "CopyObject", {**IN_B, "CopySource": "/from/tagged"}),
            [
                ("s3:GetObject", S3 + "from/tagged"),
                ("s3:PutObject", S3 + "b/k"),
                ("s3:GetObjectTagging", S3 + "from/tagged"),
                ("s3:PutObjectTagging", S3 + "b/k"),
            ],
        ),
        (("s3", "ListObjectsV2", {"Bucket": "b"}), [("s3:ListBucket", S3 + "b")]),
        (("s3", "HeadBucket", {"Bucket": "b"}), [("s3:ListBucket", S3 + "b")]),
        (("s3", "GetBucketVersioning", {"Bucket": "b"}), [("s3:GetBucketVersioning", S3 + "b")]),
        (("s3", "GetBucketEncryption", {"Bucket": "b"}), [("s3:GetEncryptionConfiguration", S3 + "b")]),
        (("s3", "ListBuckets", {}), [("s3:ListAllMyBuckets", "*")]),
        # SSM and KMS
        (("ssm", "GetParameter", {"Name": "/a/b:3"}), [("ssm:GetParameter", arn("ssm", "parameter/a/b"))]),
        (("ssm", "GetParameter", {"Name": "plain"}), [("ssm:GetParameter", arn("ssm", "parameter/plain"))]),
        (
            ("ssm", "GetParameters", {"Names": ["/a", arn("ssm", "parameter/secret")], "WithDecryption": True}),
            [
                ("ssm:GetParameters", arn("ssm", "parameter/a")),
                ("ssm:GetParameters", arn("ssm", "parameter/secret")),
                ("kms:Decrypt", KEY),
            ],
        ),
        (
            ("secretsmanager", "GetSecretValue", {"SecretId": "plain"}),
            [("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:plain-AbCdEf"))],
        ),
        (
            ("secretsmanager", "GetSecretValue", {"SecretId": "own"}),
            [
                ("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:own-AbCdEf")),
                ("kms:Decrypt", KEY),
            ],
        ),
        (("ssm", "GetParameter", {"Name": "/secret"}), [("ssm:GetParameter", arn("ssm", "parameter/secret"))]),
        (
            ("ssm", "GetParametersByPath", {"Path": "/a/", "WithDecryption": True}),
            [("ssm:GetParametersByPath", arn("ssm", "parameter/a")), ("kms:Decrypt", KEY)],
        ),
        (
            ("ssm", "PutParameter", {"Name": "/a", "Type": "SecureString", "Tags": [{"Key": "t", "Value": "v"}]}),
            [
                ("ssm:PutParameter", arn("ssm", "parameter/a")),
                ("ssm:AddTagsToResource", arn("ssm", "parameter/a")),
                ("kms:Encrypt", KEY),
            ],
        ),
        (("ssm", "DescribeParameters", {}), [("ssm:DescribeParameters", "*")]),
        (
            ("ssm", "ListTagsForResource", {"ResourceType": "Parameter", "ResourceId": "/a"}),
            [("ssm:ListTagsForResource", arn("ssm", "parameter/a"))],
        ),
        (("kms", "Decrypt", {"CiphertextBlob": b"ours"}), [("kms:Decrypt", KEY)]),
        (("kms", "Decrypt", {"CiphertextBlob": b"other"}), [("kms:Decrypt", "*")]),
        (("kms", "GenerateDataKey", {"KeyId": "alias/x"}), [("kms:GenerateDataKey", KEY)]),
        # ECR
        (("ecr", "GetAuthorizationToken", {}), [("ecr:GetAuthorizationToken", "*")]),
        (("ecr", "PutImage", {"repositoryName": "a/b"}), [("ecr:PutImage", arn("ecr", "repository/a/b"))]),
        (("ecr", "DescribeRepositories", {}), [("ecr:DescribeRepositories", arn("ecr", "repository/*"))]),
        # ECS
        (
            ("ecs", "DescribeServices", {"cluster": arn("ecs", "cluster/c"), "services": ["s"]}),
            [("ecs:DescribeServices", arn("ecs", "service/c/s"))],
        ),
        (
            ("ecs", "UpdateService", {"cluster": "c", "service": arn("ecs", "service/c/s")}),
            [("ecs:UpdateService", arn("ecs", "service/c/s"))],
        ),
        (
            ("ecs", "RegisterTaskDefinition", {"family": "f", "taskRoleArn": ROLE, "executionRoleArn": EXECUTION}),
            [("ecs:RegisterTaskDefinition", "*"), ("iam:PassRole", ROLE), ("iam:PassRole", EXECUTION)],
        ),
        (
            ("ecs", "RegisterTaskDefinition", {"family": "f", "tags": [{"key": "t", "value": "v"}]}),
            [("ecs:RegisterTaskDefinition", "*"), ("ecs:TagResource", arn("ecs", "task-definition/f:*"))],
        ),
        (
            ("ecs", "RunTask", {"taskDefinition": "web", "overrides": {"taskRoleArn": "other"}}),
            [
                ("ecs:RunTask", arn("ecs", "task-definition/web:3")),
                ("iam:PassRole", ROLE),
                ("iam:PassRole", EXECUTION),
                ("iam:PassRole", f"arn:aws:iam::{A}:role/other"),
            ],
        ),
        (("ecs", "DescribeTaskDefinition", {"taskDefinition": "web"}), [("ecs:DescribeTaskDefinition", "*")]),
        (("ecs", "ListTasks", {"cluster": "c"}), [("ecs:ListTasks", "*")]),
        (("ecs", "StopTask", {"cluster": "c", "task": "t"}), [("ecs:StopTask", arn("ecs", "task/c/t"))]),
        (("ecs", "DescribeTasks", {"cluster": "c", "tasks": ["t"]}), [("ecs:DescribeTasks", arn("ecs", "task/c/t"))]),
        (
            ("ecs", "ExecuteCommand", {"cluster": arn("ecs", "cluster/c"), "task": "t", "container": "web"}),
            [("ecs:ExecuteCommand", arn("ecs", "cluster/c")), ("ecs:ExecuteCommand", arn("ecs", "task/c/t"))],
        ),
        (
            ("ssm", "StartSession", {"Target": "ecs:my_c_t_t-1", "DocumentName": "AWS-StartPortForwardingSession"}),
            [
                ("ssm:StartSession", arn("ecs", "task/my_c/t")),
                ("ssm:StartSession", f"arn:aws:ssm:{R}::document/AWS-StartPortForwardingSession"),
            ],
        ),
        (
            ("ssm", "StartSession", {"Target": "i-1", "DocumentName": "Mine"}),
            [("ssm:StartSession", arn("ec2", "instance/i-1")), ("ssm:StartSession", arn("ssm", "document/Mine"))],
        ),
        (("ssm", "StartSession", {"Target": "ecs:c"}), [("ssm:StartSession", arn("ecs", "task/c/*"))]),
        (("ssm", "TerminateSession", {"SessionId": "me-1"}), [("ssm:TerminateSession", arn("ssm", "session/me-1"))]),
        # CodeBuild, CodePipeline, CodeDeploy
        (("codebuild", "StartBuild", {"projectName": "p"}), [("codebuild:StartBuild", arn("codebuild", "project/p"))]),
        (
            ("codebuild", "BatchGetBuilds", {"ids": ["p:1", "q:2"]}),
            [
                ("codebuild:BatchGetBuilds", arn("codebuild", "project/p")),
                ("codebuild:BatchGetBuilds", arn("codebuild", "project/q")),
            ],
        ),
        (
            ("codepipeline", "StartPipelineExecution", {"name": "p"}),
            [("codepipeline:StartPipelineExecution", arn("codepipeline", "p"))],
        ),
        (
            ("codepipeline", "PutApprovalResult", {"pipelineName": "p", "stageName": "s", "actionName": "a"}),
            [("codepipeline:PutApprovalResult", arn("codepipeline", "p/s/a"))],
        ),
        (
            ("iam", "SimulatePrincipalPolicy", {"PolicySourceArn": ROLE, "ActionNames": ["s3:GetObject"]}),
            [("iam:SimulatePrincipalPolicy", ROLE)],
        ),
        (
            ("service-quotas", "ListServiceQuotas", {"ServiceCode": "fargate"}),
            [("servicequotas:ListServiceQuotas", "*")],
        ),
        (
            ("codepipeline", "RetryStageExecution", {"pipelineName": "p", "stageName": "s"}),
            [("codepipeline:RetryStageExecution", arn("codepipeline", "p/s"))],
        ),
        (
            ("codepipeline", "UpdatePipeline", {"pipeline": {"name": "p", "roleArn": ROLE}}),
            [("codepipeline:UpdatePipeline", arn("codepipeline", "p")), ("iam:PassRole", ROLE)],
        ),
        (
            ("codedeploy", "CreateDeployment", {"applicationName": "a", "deploymentGroupName": "g"}),
            [("codedeploy:CreateDeployment", arn("codedeploy", "deploymentgroup:a/g"))],
        ),
        (
            ("codedeploy", "GetDeployment", {"deploymentId": "d"}),
            [("codedeploy:GetDeployment", arn("codedeploy", "deploymentgroup:app/group"))],
        ),
        (
            ("ecs", "CreateTaskSet", {"cluster": "c", "service": "web", "taskDefinition": "web:3"}),
            [
                ("ecs:CreateTaskSet", arn("ecs", "task-set/c/web/ecs-svc/0")),
                ("iam:PassRole", ROLE),
                ("iam:PassRole", EXECUTION),
            ],
        ),
        (
            ("ecs", "DeleteTaskSet", {"cluster": "c", "service": "web", "taskSet": "ecs-svc/1"}),
            [("ecs:DeleteTaskSet", arn("ecs", "task-set/c/web/ecs-svc/1"))],
        ),
        (
            ("ecs", "UpdateServicePrimaryTaskSet", {"cluster": "c", "service": "web", "primaryTaskSet": "ecs-svc/1"}),
            [("ecs:UpdateServicePrimaryTaskSet", arn("ecs", "service/c/web"))],
        ),
        (
            ("lambda", "Invoke", {"FunctionName": "smoke"}),
            [("lambda:InvokeFunction", arn("lambda", "function:smoke"))],
        ),
        (("elbv2", "ModifyRule", {"RuleArn": "arn:rule"}), [("elasticloadbalancing:ModifyRule", "arn:rule")]),
        (("elbv2", "ModifyListener", {"ListenerArn": "arn:l"}), [("elasticloadbalancing:ModifyListener", "arn:l")]),
        # Logs: group actions are decided with an empty stream
        (
            ("logs", "CreateLogGroup", {"logGroupName": "/g"}),
            [("logs:CreateLogGroup", arn("logs", "log-group:/g:log-stream:"))],
        ),
        (
            ("logs", "PutLogEvents", {"logGroupName": "/g", "logStreamName": "s"}),
            [("logs:PutLogEvents", arn("logs", "log-group:/g:log-stream:s"))],
        ),
        # The rest
        (
            ("events", "PutTargets", {"Rule": "r", "Targets": [{"Arn": "x", "RoleArn": ROLE}]}),
            [("events:PutTargets", arn("events", "rule/r")), ("iam:PassRole", ROLE)],
        ),
        (("sts", "GetCallerIdentity", {}), []),
        (("elbv2", "DescribeTargetHealth", {}), [("elasticloadbalancing:DescribeTargetHealth", "*")]),
        (("iam", "GetRole", {"RoleName": "r"}), [("iam:GetRole", f"arn:aws:iam::{A}:role/r")]),
    ],
    ids=lambda value: f"{value[0]}-{value[1]}" if isinstance(value, tuple) else "",
)
def test_needs(call: tuple[str, str, dict[str, Any]], expected: list[tuple[str, str]]) -> None:
    service, operation, params = call
    assert pairs(service, operation, **params) == expected


def context_of(found: list[Need], action: str) -> dict[str, Any]:
    return dict(next(need.context for need in found if need.action == action))


def test_context_of_passed_roles() -> None:
    found = of("ecs", "RegisterTaskDefinition", family="f", taskRoleArn=ROLE)
    assert context_of(found, "iam:PassRole") == {"iam:PassedToService": "ecs-tasks.amazonaws.com"}
    found = of("codebuild", "CreateProject", name="p", serviceRole=ROLE)
    assert context_of(found, "iam:PassRole") == {"iam:PassedToService": "codebuild.amazonaws.com"}


def test_context_of_tags_on_creation() -> None:
    found = of("ecs", "RegisterTaskDefinition", family="f", tags=[{"key": "t", "value": "v"}])
    assert context_of(found, "ecs:TagResource") == {
        "aws:RequestTag/t": "v",
        "aws:TagKeys": ["t"],
        "ecs:CreateAction": "RegisterTaskDefinition",
    }


def test_context_of_a_cluster() -> None:
    for operation, params in {"ListTasks": {}, "RunTask": {"taskDefinition": "web"}, "StopTask": {"task": "t"}}.items():
        found = of("ecs", operation, cluster="c", **params)
        assert context_of(found, f"ecs:{operation}")["ecs:cluster"] == arn("ecs", "cluster/c")


def test_context_of_a_session() -> None:
    """Of both resources; the name of a container only where the request has it."""
    for given, named in (({"container": "web"}, {"ecs:container-name": "web"}), ({}, {})):
        for need in of("ecs", "ExecuteCommand", cluster="c", task="t", **given):
            assert need.context == {
                "ecs:cluster": arn("ecs", "cluster/c"), "ecs:task": arn("ecs", "task/c/t"), **named
            }  # fmt: skip


def test_context_of_records() -> None:
    """Names are compared as Route 53 normalizes them."""
    changes = [
        {"Action": "UPSERT", "ResourceRecordSet": {"Name": "*.Dev.example.com.", "Type": "A"}},
        {"Action": "DELETE", "ResourceRecordSet": {"Name": "_a1.example.com", "Type": "CNAME"}},
    ]
    found = of("route53", "ChangeResourceRecordSets", HostedZoneId="Z", ChangeBatch={"Changes": changes})
    assert context_of(found, "route53:ChangeResourceRecordSets") == {
        "route53:ChangeResourceRecordSetsNormalizedRecordNames": [r"\052.dev.example.com", "_a1.example.com"],
        "route53:ChangeResourceRecordSetsRecordTypes": ["A", "CNAME"],
        "route53:ChangeResourceRecordSetsActions": ["UPSERT", "DELETE"],
    }


def test_context_of_metrics() -> None:
    found = of("cloudwatch", "PutMetricData", Namespace="n", MetricData=[])
    assert [(need.action, need.resource) for need in found] == [("cloudwatch:PutMetricData", "*")]
    assert context_of(found, "cloudwatch:PutMetricData") == {"cloudwatch:namespace": "n"}


def test_context_of_a_decryption_by_ssm() -> None:
    found = of("ssm", "GetParameter", Name="/secret", WithDecryption=True)
    assert context_of(found, "kms:Decrypt") == {
        "kms:EncryptionContext:PARAMETER_ARN": arn("ssm", "parameter/secret"),
        "kms:EncryptionContextKeys": ["PARAMETER_ARN"],
        "kms:ViaService": f"ssm.{R}.amazonaws.com",
        "kms:CallerAccount": A,
    }


def test_context_of_a_decryption_by_s3() -> None:
    found = of("s3", "GetObject", **IN_ENCRYPTED)
    context = context_of(found, "kms:Decrypt")
    assert context["kms:EncryptionContext:aws:s3:arn"] == S3 + "encrypted/k"
    assert context["kms:ViaService"] == f"s3.{R}.amazonaws.com"


def test_context_of_a_listing() -> None:
    found = of("s3", "ListObjectsV2", Bucket="b", Prefix="p/", Delimiter="/")
    assert context_of(found, "s3:ListBucket") == {"s3:prefix": "p/", "s3:delimiter": "/"}


def test_scalable_targets() -> None:
    target = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount"}
    known = of("application-autoscaling", "RegisterScalableTarget", ResourceId="service/c/s", **target)
    assert known[0].resource == arn("application-autoscaling", "scalable-target/1")
    assert known[0].context["application-autoscaling:service-namespace"] == "ecs"
    new = of("application-autoscaling", "RegisterScalableTarget", ResourceId="service/c/new", **target)
    assert new[0].resource == arn("application-autoscaling", "scalable-target/*")


@pytest.mark.parametrize(
    "operation", ["RegisterScalableTarget", "PutScalingPolicy", "DeregisterScalableTarget", "DeleteScalingPolicy"]
)
def test_application_auto_scaling_tries_what_its_caller_may(operation: str) -> None:
    """In the service that scales, and in CloudWatch without an alarm's name."""
    target = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/c/s"}
    _, *tried = of("application-autoscaling", operation, **target)
    assert [(need.action, need.resource) for need in tried] == [
        ("ecs:DescribeServices", arn("ecs", "service/c/s")),
        ("ecs:UpdateService", arn("ecs", "service/c/s")),
        ("cloudwatch:PutMetricAlarm", arn("cloudwatch", "alarm:")),
        ("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:")),
        ("cloudwatch:DescribeAlarms", arn("cloudwatch", "alarm:*")),
    ]


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        (
            "CreateSchedule",
            {"Name": "n", "GroupName": "g", "Target": {"RoleArn": ROLE}},
            [("CreateSchedule", "schedule/g/n"), ("PassRole", ROLE)],
        ),
        ("UpdateSchedule", {"Name": "n", "Target": {"RoleArn": ROLE}}, [("UpdateSchedule", "schedule/default/n"), ("PassRole", ROLE)]),
        ("GetSchedule", {"Name": "n", "GroupName": "g"}, [("GetSchedule", "schedule/g/n")]),
        ("CreateScheduleGroup", {"Name": "g"}, [("CreateScheduleGroup", "schedule-group/g")]),
        (
            "CreateScheduleGroup",
            {"Name": "g", "Tags": [{"Key": "a", "Value": "b"}]},
            [("CreateScheduleGroup", "schedule-group/g"), ("TagResource", "schedule-group/g")],
        ),
        ("DeleteScheduleGroup", {"Name": "g"}, [("DeleteScheduleGroup", "schedule-group/g"), ("DeleteSchedule", "schedule/g/*")]),
    ],
)  # fmt: skip
def test_schedules(operation: str, params: dict[str, Any], expected: list[tuple[str, str]]) -> None:
    """Service Authorization Reference, API operations defined by Amazon EventBridge Scheduler."""
    found = of("scheduler", operation, **params)
    assert [(need.action.partition(":")[2], need.resource) for need in found] == [
        (action, place if place.startswith("arn:") else arn("scheduler", place)) for action, place in expected
    ]
    passed = [need.context for need in found if need.action == "iam:PassRole"]
    assert passed == [{"iam:PassedToService": "scheduler.amazonaws.com"}] * len(passed)


ON_EVERYTHING = scoped_to_everything("cloudwatch")
REFERENCE: dict[str, Any] = load_resource(cfnlint.data.AdditionalSpecs, "Policies.json")
"""The Service Authorization Reference, actions in lower case."""


@pytest.mark.parametrize("service", provisioning.TEMPLATES)
def test_a_template_is_everything_exactly_where_the_action_takes_no_resource(service: str) -> None:
    actions = REFERENCE[templates.PREFIXES.get(service, service)]["Actions"]
    for operation, template in provisioning.TEMPLATES[service].items():
        takes = actions[operation.lower()].get("Resources", [])
        everything = takes == [] or operation in ON_EVERYTHING
        assert (template == templates.ANY) is everything, operation


@pytest.mark.parametrize(("service", "operation"), [("s3", "SelectObjectContent"), ("glue", "GetDatabases")])
def test_an_unknown_operation_is_named(service: str, operation: str) -> None:
    with pytest.raises(UnknownOperation, match=f"{service}:{operation}"):
        of(service, operation, Bucket="b")


def test_the_tags_of_a_scalable_target_are_asked_for_without_its_own_condition_keys() -> None:
    """The Service Authorization Reference has none of them for TagResource."""
    target = {"ServiceNamespace": "ecs", "ScalableDimension": "ecs:service:DesiredCount", "ResourceId": "service/c/s"}
    registered, tagged, *_ = of("application-autoscaling", "RegisterScalableTarget", **target, Tags={"stack": "dev"})
    assert registered.context["application-autoscaling:service-namespace"] == "ecs"
    assert (tagged.action, tagged.resource) == ("application-autoscaling:TagResource", TARGET)
    assert tagged.context == {"aws:RequestTag/stack": "dev", "aws:TagKeys": ["stack"]}


@pytest.mark.parametrize("operation", sorted(ON_EVERYTHING))
def test_what_aws_says_must_be_granted_on_everything_is_asked_for_on_everything(operation: str) -> None:
    (need,) = of("cloudwatch", operation, AlarmName="a", AlarmNames=["a"], AlarmTypes=["CompositeAlarm"])
    assert (need.action, need.resource) == (f"cloudwatch:{operation}", "*")
