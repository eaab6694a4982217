"""What the deploy, preview, drift and review roles may do, against AWS's own lists of actions and of what each type needs."""

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

import cfnlint.data.AdditionalSpecs
import pytest
from cfnlint.helpers import load_resource
from cfnlint.schema.manager import PROVIDER_SCHEMA_MANAGER
from documented import all_scoped_to_everything
from mocked import Recorder

from bootstrap import state_policy
from bootstrap.deploy_policy import deploy_statements
from bootstrap.drift_policy import drift_statements
from bootstrap.preview_policy import preview_statements
from bootstrap.review_policy import REVIEW_STACKS, review_statements
from components.iam import delivery_policies
from components.iam.policies import Statement, document
from components.scope import Scope
from docs.access import TABLE, shipping, table
from sandbox.iam.evaluator import Caller, Policy, Request, Trust, evaluate

ACCOUNT, REGION = "123456789012", "eu-west-1"
SCOPE = Scope("dev", "aws", REGION, ACCOUNT)
BUCKET = "arn:aws:s3:::fargate-delivery-state"
KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/state-key"
LONGEST, LONGEST_OF_A_ROLE = 6144, 10240
"""Characters of a managed policy, and of all that are a role's own, without blanks (IAM quotas)."""
PERMISSIONS: Mapping[str, Any] = load_resource(cfnlint.data.AdditionalSpecs, "Policies.json")
"""The Service Authorization Reference, actions in lower case."""

ONLY_READ = re.compile(r"(batch)?(get|list|describe|check|search|lookup|view|query|scan|select|read|head|test)")
PREVIEW: Sequence[Statement] = [
    *preview_statements(SCOPE),
    *state_policy.read_state(BUCKET, "fargate-delivery", "dev"),
    *state_policy.decrypt_state(KEY),
]
DRIFT: Sequence[Statement] = [
    *drift_statements(SCOPE),
    *state_policy.read_state(BUCKET, "fargate-delivery", "dev"),
    *state_policy.decrypt_state(KEY),
]
DEPLOY: Sequence[Statement] = [
    *(statement for statements in deploy_statements(SCOPE).values() for statement in statements),
    *state_policy.write_state(BUCKET, "fargate-delivery", "dev"),
    *state_policy.encrypt_state(KEY),
]

REVIEW_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/review-key"
REVIEW: Sequence[Statement] = [
    *(statement for statements in review_statements(SCOPE).values() for statement in statements),
    *state_policy.write_state(BUCKET, "fargate-delivery", REVIEW_STACKS),
    *state_policy.encrypt_state(REVIEW_KEY),
    *state_policy.reference_state(BUCKET, "fargate-delivery", "dev"),
    *state_policy.decrypt_state(KEY),
]

NPM_SECRET, NPM_VALUE = SCOPE.arn("secretsmanager", "secret:npm-AbCdEf"), SCOPE.arn("ssm", "parameter/npm")
SHIPPING = shipping(SCOPE, parameters=[NPM_VALUE], secrets=[NPM_SECRET])


def may(statements: Sequence[Statement], action: str, resource: str, context: Mapping[str, Any] | None = None) -> bool:
    """Whether a role with these statements may."""
    request = Request(action, resource, context or {})
    return evaluate(request, [Policy("its", document(statements))]).allowed


def resources(statements: Sequence[Statement]) -> Iterator[str]:
    """An ARN for each pattern that a statement names, and one that none names."""
    for statement in statements:
        yield from (resource.replace("*", "x") for resource in statement["Resource"])
    yield "arn:aws:service:region:account:anything"


def permissive(statements: Sequence[Statement]) -> dict[str, Any]:
    """A context in which every condition holds."""
    found: dict[str, Any] = {}
    for statement in statements:
        for keys in statement.get("Condition", {}).values():
            for key, value in keys.items():
                found[key] = (value if isinstance(value, str) else value[0]).replace("*", "x")
    return found


@pytest.mark.parametrize(
    ("looks", "decrypted"),
    [(PREVIEW, {KEY}), (DRIFT, {KEY, f"arn:aws:kms:{REGION}:{ACCOUNT}:key/x"})],
    ids=["preview", "drift"],
)
def test_no_action_that_writes_is_open_to_who_looks(looks: Sequence[Statement], decrypted: set[str]) -> None:
    """Every action that AWS has, of the services that the roles name, on everything that the role names."""
    services = {action.partition(":")[0] for statement in DEPLOY for action in statement["Action"]}
    context, places = permissive(looks), sorted(set(resources(looks)))
    actions = [f"{service}:{action}" for service in sorted(services) for action in PERMISSIONS[service]["Actions"]]
    assert len(actions) > 1500
    allowed = {(action, place) for action in actions for place in places if may(looks, action, place, context)}
    assert {action for action, _ in allowed} > {"ecs:describeservices", "s3:getobject", "route53:listhostedzones"}
    writes = {(action, place) for action, place in allowed if not ONLY_READ.match(action.partition(":")[2])}
    assert writes == {("kms:decrypt", key) for key in decrypted}


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/a-service-s"),
        ("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/chuoi/runtime/SECRET"),
        ("ssm:GetParameters", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/prd/chuoi/release"),
        ("s3:GetObject", "arn:aws:s3:::delivery-store-bucket-1234567/sources/chuoi/source.zip"),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/prd.json"),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery-bootstrap/dev.json"),
        ("secretsmanager:GetSecretValue", f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:any"),
        ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-chuoi:log-stream:x"),
    ],
)
def test_a_preview_reads_no_secret_and_nothing_of_another_stack(action: str, resource: str) -> None:
    assert not may(PREVIEW, action, resource)


@pytest.mark.parametrize("looks", [PREVIEW, DRIFT], ids=["preview", "drift"])
@pytest.mark.parametrize("action", ["GetHostedZone", "ListTagsForResource", "ListResourceRecordSets"])
def test_who_looks_finds_a_private_zone(looks: Sequence[Statement], action: str) -> None:
    """Whose name servers the provider takes from its NS record (`findHostedZoneNameServers` of its
    `zone_data_source.go`); a public zone's come with the zone.
    """
    assert may(looks, f"route53:{action}", "arn:aws:route53:::hostedzone/Z1")


SECRET = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/{{}}/chuoi/runtime/SECRET"
STORE = "arn:aws:s3:::delivery-store-bucket-1234567"


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("ssm:GetParameter", SECRET.format("prd")),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/a-service-s"),
        ("s3:GetObject", f"{STORE}/sources/chuoi/source.zip"),
        ("s3:GetObject", f"{STORE}/artifacts/chuoi/x"),
        ("s3:GetObjectVersion", f"{STORE}/sources/chuoi/source.zip"),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/prd.json"),
        (
            "secretsmanager:GetSecretValue",
            f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:events!connection/dev-slack/1",
        ),
        ("logs:GetLogEvents", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-chuoi:log-stream:x"),
        ("ecr:GetAuthorizationToken", "*"),
        ("ecs:ExecuteCommand", f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/dev/1"),
    ],
)
def test_the_look_for_drift_reads_no_upload_no_log_and_nothing_of_another_stack(action: str, resource: str) -> None:
    assert not may(DRIFT, action, resource)


def test_the_look_for_drift_reads_the_stack_s_own_parameters() -> None:
    """A refresh reads their values, and Parameter Store decrypts on behalf of who asks."""
    context = {
        "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
        "kms:EncryptionContext:PARAMETER_ARN": SECRET.format("dev"),
    }
    key = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/a-service-s"
    assert may(DRIFT, "ssm:GetParameter", SECRET.format("dev"))
    assert may(DRIFT, "kms:Decrypt", key, context)
    assert not may(DRIFT, "kms:Decrypt", key, {**context, "kms:EncryptionContext:PARAMETER_ARN": SECRET.format("prd")})


@pytest.mark.parametrize(
    ("action", "resource"),
    [
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/fargate-delivery/dev-deploy"),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/fargate-delivery/dev-preview"),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/fargate-delivery/dev-deploy-network"),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/prd-chuoi-task"),
        ("iam:CreateAccessKey", f"arn:aws:iam::{ACCOUNT}:user/dev-chuoi-uploader"),
        ("ecs:UpdateService", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/prd/prd-chuoi"),
        ("ssm:PutParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/prd/chuoi/release"),
        ("s3:PutObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/prd.json"),
        ("s3:DeleteBucket", BUCKET),
        ("s3:PutBucketPolicy", BUCKET),
        ("kms:Decrypt", f"arn:aws:kms:{REGION}:{ACCOUNT}:key/another-stack-s"),
    ],
)
def test_a_deployment_does_not_widen_itself_nor_touch_another_stack(action: str, resource: str) -> None:
    assert not may(DEPLOY, action, resource, {"iam:PassedToService": "ecs-tasks.amazonaws.com"})


BOUNDARY, NARROWER = (f"arn:aws:iam::{ACCOUNT}:policy/{name}" for name in ("boundary", "boundary-of-another"))
BOUNDED = replace(SCOPE, permissions_boundary=BOUNDARY)


@pytest.mark.parametrize(
    ("make", "role"), [(deploy_statements, "dev-chuoi-task"), (review_statements, "pr-7-chuoi-task")]
)
def test_where_there_is_a_boundary_permissions_go_only_to_roles_that_have_it(make: Any, role: str) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:role/{role}"

    def can(action: str, scope: Scope = BOUNDED, **context: str) -> bool:
        statements = [statement for each in make(scope).values() for statement in each]
        return may(statements, f"iam:{action}", arn, {f"iam:{key}": value for key, value in context.items()})

    for action in ("CreateRole", "PutRolePolicy", "PutRolePermissionsBoundary"):
        assert can(action, PermissionsBoundary=BOUNDARY)
        assert not can(action, PermissionsBoundary=NARROWER)
        assert not can(action)
    for action in ("DeleteRolePermissionsBoundary", "AttachRolePolicy"):
        assert not can(action, PermissionsBoundary=BOUNDARY)
    for action in ("DeleteRole", "DeleteRolePolicy", "GetRole", "UpdateAssumeRolePolicy"):
        assert can(action)
    assert can("CreateRole", SCOPE)
    assert can("PutRolePolicy", SCOPE)
    assert not can("PutRolePermissionsBoundary", SCOPE, PermissionsBoundary=BOUNDARY)


def test_who_deploys_cannot_change_the_boundary_itself() -> None:
    for statements in (deploy_statements(BOUNDED), review_statements(BOUNDED)):
        granted = [statement for each in statements.values() for statement in each]
        assert not any(may(granted, f"iam:{action}", BOUNDARY) for action in ("CreatePolicyVersion", "DeletePolicy"))


LISTENER = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/dev/1/2"
RULE = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener-rule/app/dev/1/2/3"
GROUP = f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:targetgroup/chuoi-10-1a2b3c4/5"
NAMESPACE = f"arn:aws:servicediscovery:{REGION}:{ACCOUNT}:namespace/ns-1"
SERVICE_KEY = f"arn:aws:kms:{REGION}:{ACCOUNT}:key/a-service-s"
OURS, DEVS = {"aws:ResourceTag/stack": "pr"}, {"aws:ResourceTag/stack": "dev"}
ASKED = {"aws:RequestTag/stack": "pr"}
SHARED, SHARED_RULE = LISTENER.replace("/dev/", "/shared/"), RULE.replace("/dev/", "/shared/")


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("ecs:UpdateService", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/pr-12/pr-12-chuoi", {}),
        ("ecs:CreateCluster", f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/pr-12", {}),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/pr-12-chuoi-task", {}),
        ("ssm:PutParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/pr-12/chuoi/release", {}),
        ("logs:CreateLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/pr-12/sessions", {}),
        ("elasticloadbalancing:CreateRule", LISTENER, ASKED),
        ("elasticloadbalancing:AddTags", RULE, {**ASKED, "elasticloadbalancing:CreateAction": "CreateRule"}),
        ("elasticloadbalancing:DeleteRule", RULE, OURS),
        ("elasticloadbalancing:CreateTargetGroup", GROUP, ASKED),
        ("elasticloadbalancing:DeleteTargetGroup", GROUP, OURS),
        ("servicediscovery:DeleteNamespace", NAMESPACE, OURS),
        ("kms:TagResource", SERVICE_KEY, ASKED),
        ("kms:ScheduleKeyDeletion", SERVICE_KEY, OURS),
        ("kms:EnableKeyRotation", SERVICE_KEY, {}),
        ("s3:PutObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/pr-12.json", {}),
        ("s3:DeleteObject", f"{BUCKET}/.pulumi/locks/organization/fargate-delivery/pr-12/1.json", {}),
        ("kms:Encrypt", REVIEW_KEY, {}),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/pr-12.pulumi-tags", {}),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/dev.json", {}),
        ("kms:Decrypt", KEY, {}),
    ],
)
def test_a_review_makes_what_has_its_name_and_has_rules_on_the_stack_s_listener(
    action: str, resource: str, context: dict[str, str]
) -> None:
    assert may(REVIEW, action, resource, context)


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("iam:PutRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/fargate-delivery/dev-review", {}),
        ("iam:UpdateAssumeRolePolicy", f"arn:aws:iam::{ACCOUNT}:role/fargate-delivery/dev-deploy", {}),
        ("iam:CreatePolicyVersion", f"arn:aws:iam::{ACCOUNT}:policy/fargate-delivery/dev-review-network", {}),
        ("iam:PassRole", f"arn:aws:iam::{ACCOUNT}:role/dev-chuoi-task", {}),
        ("iam:CreateRole", f"arn:aws:iam::{ACCOUNT}:role/dev-chuoi-task", {}),
        ("ecs:UpdateService", f"arn:aws:ecs:{REGION}:{ACCOUNT}:service/dev/dev-chuoi", {}),
        ("ecs:DeleteCluster", f"arn:aws:ecs:{REGION}:{ACCOUNT}:cluster/dev", {}),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev-chuoi", {}),
        ("ssm:GetParameter", f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/fargate-delivery/dev/chuoi/runtime/A", {}),
        ("codepipeline:UpdatePipeline", f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:dev-chuoi", {}),
        ("ecr:BatchDeleteImage", f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/dev-chuoi", {}),
        ("cloudwatch:PutDashboard", f"arn:aws:cloudwatch::{ACCOUNT}:dashboard/dev", {}),
        ("ec2:DeleteVpc", f"arn:aws:ec2:{REGION}:{ACCOUNT}:vpc/vpc-1", {}),
        ("ec2:DeleteSubnet", f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/subnet-1", {}),
        ("acm:DeleteCertificate", f"arn:aws:acm:{REGION}:{ACCOUNT}:certificate/1", {}),
        ("elasticloadbalancing:DeleteListener", LISTENER, DEVS),
        ("elasticloadbalancing:ModifyListener", LISTENER, DEVS),
        ("elasticloadbalancing:CreateRule", LISTENER, {"aws:RequestTag/stack": "dev"}),
        ("elasticloadbalancing:CreateRule", LISTENER.replace("/dev/", "/prd/"), ASKED),
        ("elasticloadbalancing:DeleteRule", RULE, DEVS),
        ("elasticloadbalancing:DeleteRule", RULE, {}),
        ("elasticloadbalancing:ModifyRule", RULE, DEVS),
        ("elasticloadbalancing:AddTags", RULE, {**ASKED, **DEVS}),
        ("elasticloadbalancing:AddTags", GROUP, {**ASKED, **DEVS}),
        ("elasticloadbalancing:ModifyTargetGroup", GROUP, DEVS),
        ("servicediscovery:DeleteNamespace", NAMESPACE, DEVS),
        ("servicediscovery:DeleteNamespace", NAMESPACE, {}),
        ("kms:TagResource", SERVICE_KEY, {**ASKED, **DEVS}),
        ("kms:TagResource", SERVICE_KEY, {"aws:RequestTag/stack": "other"}),
        ("kms:ScheduleKeyDeletion", SERVICE_KEY, DEVS),
        ("kms:Decrypt", SERVICE_KEY, DEVS),
        ("kms:Encrypt", KEY, {}),
        ("s3:PutObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/dev.json", {}),
        ("s3:GetObject", f"{BUCKET}/.pulumi/history/fargate-delivery/dev/dev-1.history.json", {}),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery/prd.json", {}),
        ("s3:GetObject", f"{BUCKET}/.pulumi/stacks/fargate-delivery-bootstrap/dev.json", {}),
    ],
)
def test_a_review_touches_nothing_of_the_stack_it_is_on_and_does_not_widen_itself(
    action: str, resource: str, context: dict[str, str]
) -> None:
    assert not may(REVIEW, action, resource, {"iam:PassedToService": "ecs-tasks.amazonaws.com", **context})


@pytest.mark.parametrize(
    ("statements", "action", "resource", "allowed"),
    [
        ("deploy", "UpdateService", "service/shared/dev-web", True),
        ("deploy", "UpdateService", "service/shared/billing", False),
        ("deploy", "StopServiceDeployment", "service-deployment/shared/dev-web/1", True),
        ("deploy", "DeleteCluster", "cluster/shared", False),
        ("deploy", "CreateCluster", "cluster/dev", False),
        ("preview", "DescribeServices", "service/shared/dev-web", True),
        ("preview", "DescribeServices", "service/dev/dev-web", True),
        ("preview", "DescribeClusters", "cluster/shared", True),
    ],
)
def test_in_a_cluster_that_exists_a_stack_has_services_of_its_name(
    statements: str, action: str, resource: str, *, allowed: bool
) -> None:
    scope = replace(SCOPE, adopted_cluster="shared")
    deploys = [statement for some in deploy_statements(scope).values() for statement in some]
    granted = deploys if statements == "deploy" else preview_statements(scope)
    assert may(granted, f"ecs:{action}", f"arn:aws:ecs:{REGION}:{ACCOUNT}:{resource}") is allowed
    assert review_statements(scope)["services"] == review_statements(SCOPE)["services"]


@pytest.mark.parametrize(
    ("action", "resource", "context", "allowed"),
    [
        ("CreateRule", SHARED, {"aws:RequestTag/stack": "dev"}, True),
        ("CreateRule", SHARED, {"aws:RequestTag/stack": "other"}, False),
        ("DeleteRule", SHARED_RULE, DEVS, True),
        ("ModifyRule", SHARED_RULE, {"aws:ResourceTag/stack": "other"}, False),
        ("ModifyListener", SHARED, DEVS, False),
        ("DeleteLoadBalancer", SHARED.replace("listener/", "loadbalancer/"), DEVS, False),
    ],
)
def test_on_a_load_balancer_that_exists_a_stack_has_its_own_rules(
    action: str, resource: str, context: dict[str, str], *, allowed: bool
) -> None:
    statements = deploy_statements(SCOPE, "shared")["network"]
    assert may(statements, f"elasticloadbalancing:{action}", resource, context) is allowed
    assert not may(deploy_statements(SCOPE)["network"], f"elasticloadbalancing:{action}", resource, context)
    assert len("".join(json.dumps(document(statements)).split())) <= LONGEST


def test_every_action_exists_and_every_policy_fits() -> None:
    actions = {
        action for statement in (*PREVIEW, *DRIFT, *DEPLOY, *REVIEW, *SHIPPING) for action in statement["Action"]
    }
    unknown = [
        action
        for action in sorted(actions)
        for service, name in [action.lower().split(":")]
        if not any(fnmatchcase(known, name) for known in PERMISSIONS[service]["Actions"])
    ]
    assert unknown == []
    for statements in (*deploy_statements(BOUNDED).values(), *review_statements(BOUNDED).values()):
        assert len("".join(json.dumps(document(statements)).split())) <= LONGEST
    for statements in (PREVIEW, DRIFT, SHIPPING):
        assert len("".join(json.dumps(document(statements)).split())) <= LONGEST_OF_A_ROLE


def test_what_aws_says_must_be_granted_on_everything_is() -> None:
    """The reference names a resource for these, their documentation says `*`: so a statement that names one is void."""
    shifts = delivery_policies.shift_traffic(
        service_arn="", task_sets_arn="", rule_arns=[], role_arns=[], watches=True, hook_arns=[]
    )
    statements = [*PREVIEW, *DRIFT, *DEPLOY, *REVIEW, *SHIPPING, *shifts]
    services = {action.partition(":")[0] for statement in statements for action in statement["Action"]}
    wanted = set(all_scoped_to_everything(sorted(services)))
    assert wanted == {f"cloudwatch:{name}" for name in ("DescribeAlarmHistory", "DescribeAlarms", "PutCompositeAlarm")}
    named = {
        (action, statement["Sid"])
        for statement in statements
        for action in statement["Action"]
        if any(fnmatchcase(each, action) for each in wanted) and statement["Resource"] != ["*"]
    }
    assert named == set()


def test_a_scalable_target_is_tagged_without_a_condition_that_aws_may_not_send() -> None:
    """Tags have no other condition key than those of tags (Service Authorization Reference)."""
    target = f"arn:aws:application-autoscaling:{REGION}:{ACCOUNT}:scalable-target/1a2b"
    for statements in (DEPLOY, REVIEW):
        for action in ("TagResource", "UntagResource"):
            assert may(statements, f"application-autoscaling:{action}", target)
        assert not may(statements, "application-autoscaling:RegisterScalableTarget", target)


TASK_ROLE = f"arn:aws:iam::{ACCOUNT}:role/dev-web-task"
RELEASES = delivery_policies.release_service(
    SCOPE.arn("ecs", "service/dev/dev-web"), SCOPE.arn("application-autoscaling", "scalable-target/*"), [TASK_ROLE]
)


@pytest.mark.parametrize("statements", [DEPLOY, REVIEW, RELEASES], ids=["deploy", "review", "release"])
def test_who_scales_a_service_may_what_application_auto_scaling_tries_as_its_caller(
    statements: Sequence[Statement],
) -> None:
    """Alarms without a name, of which CloudWatch says `alarm:`, and AWS's guide `*`."""
    for resource in ("*", f"arn:aws:cloudwatch:{REGION}:{ACCOUNT}:alarm:"):
        for action in ("PutMetricAlarm", "DeleteAlarms", "DescribeAlarms"):
            assert may(statements, f"cloudwatch:{action}", resource), (action, resource)


def test_who_deploys_a_service_may_pass_its_roles() -> None:
    """A new deployment of ECS's asks for them, by whichever of its names (CodePipeline, ECS deploy action reference)."""
    for service in ("ecs", "ecs-tasks"):
        context = {"iam:PassedToService": f"{service}.amazonaws.com"}
        for statements in (RELEASES, DEPLOY):
            assert may(statements, "iam:PassRole", TASK_ROLE, context)


def test_a_log_group_s_key_may_be_another_one() -> None:
    log = f"arn:aws:logs:{REGION}:{ACCOUNT}:log-group:/ecs/dev/sessions"
    assert may(DEPLOY, "logs:AssociateKmsKey", log)


def test_what_takes_no_resource_is_granted_on_everything() -> None:
    """An action without resources is never allowed by a statement that names one."""
    for statement in (*PREVIEW, *DRIFT, *DEPLOY, *REVIEW, *SHIPPING):
        for action in (action for action in statement["Action"] if "*" not in action):
            service, name = action.lower().split(":")
            if not PERMISSIONS[service]["Actions"][name].get("Resources"):
                assert statement["Resource"] == ["*"], action


CLOUDFORMATION = {
    "acm/certificate": "CertificateManager::Certificate",
    "appautoscaling/policy": "ApplicationAutoScaling::ScalingPolicy",
    "appautoscaling/target": "ApplicationAutoScaling::ScalableTarget",
    "cloudwatch/compositeAlarm": "CloudWatch::CompositeAlarm",
    "cloudwatch/dashboard": "CloudWatch::Dashboard",
    "cloudwatch/eventApiDestination": "Events::ApiDestination",
    "cloudwatch/eventConnection": "Events::Connection",
    "cloudwatch/eventRule": "Events::Rule",
    "cloudwatch/logGroup": "Logs::LogGroup",
    "cloudwatch/metricAlarm": "CloudWatch::Alarm",
    "cloudwatch/queryDefinition": "Logs::QueryDefinition",
    "codedeploy/application": "CodeDeploy::Application",
    "codedeploy/deploymentGroup": "CodeDeploy::DeploymentGroup",
    "codepipeline/pipeline": "CodePipeline::Pipeline",
    "ec2/securityGroup": "EC2::SecurityGroup",
    "ecr/repository": "ECR::Repository",
    "ecs/cluster": "ECS::Cluster",
    "ecs/clusterCapacityProviders": "ECS::ClusterCapacityProviderAssociations",
    "ecs/service": "ECS::Service",
    "ecs/taskDefinition": "ECS::TaskDefinition",
    "iam/role": "IAM::Role",
    "iam/rolePolicy": "IAM::RolePolicy",
    "iam/user": "IAM::User",
    "iam/userPolicy": "IAM::UserPolicy",
    "kms/alias": "KMS::Alias",
    "kms/key": "KMS::Key",
    "lambda/function": "Lambda::Function",
    "lambda/permission": "Lambda::Permission",
    "lb/listener": "ElasticLoadBalancingV2::Listener",
    "lb/listenerRule": "ElasticLoadBalancingV2::ListenerRule",
    "lb/loadBalancer": "ElasticLoadBalancingV2::LoadBalancer",
    "lb/targetGroup": "ElasticLoadBalancingV2::TargetGroup",
    "route53/record": "Route53::RecordSet",
    "s3/bucket": "S3::Bucket",
    "s3/bucketPolicy": "S3::BucketPolicy",
    "sqs/queue": "SQS::Queue",
    "sqs/queuePolicy": "SQS::QueuePolicy",
    "ssm/parameter": "SSM::Parameter",
    "vpc/securityGroupEgressRule": "EC2::SecurityGroupEgress",
    "vpc/securityGroupIngressRule": "EC2::SecurityGroupIngress",
}
PARTS = ("acm/certificateValidation", "cloudwatch/eventTarget", "ecr/lifecyclePolicy", "s3/bucket")
"""What CloudFormation has as properties of another type."""
WITHOUT_HANDLERS = ("codebuild/project",)
VPC = (
    "VPC Subnet InternetGateway VPCGatewayAttachment RouteTable Route SubnetRouteTableAssociation NatGateway EIP "
    "VPCEndpoint"
)
UNUSED = {
    "a property that the program does not set": (
        "acm-pca:* acm:UpdateCertificateOptions application-autoscaling:*ScheduledAction cognito-idp:* firehose:* "
        "lambda:*Concurrency* lambda:*RecursionConfig lambda:*ScalingConfig lambda:*RuntimeManagementConfig "
        "lambda:PassCapacityProvider lambda:GetLayerVersion lambda:AssociateRuntimeAlias lambda:PublishVersion "
        "lambda:*CodeSigningConfig s3files:* elasticfilesystem:* cloudwatch:GetMetricData codestar-connections:* "
        "codepipeline:*StageTransition codedeploy:RegisterOnPremisesInstance "
        "ec2:*Vpn* ec2:*VpcEncryptionControl ec2:ModifyVpcTenancy ec2:*SubnetCidrBlock ec2:*NatGatewayAddress "
        "ec2:AcceptAddressTransfer ecs:PutAccountSetting* elasticloadbalancing:ModifyCapacityReservation "
        "elasticloadbalancing:ModifyIpPools kms:CreateGrant kms:RetireGrant logs:*Delivery "
        "logs:*DataProtectionPolicy logs:*IndexPolicy logs:*ResourcePolicy logs:PutBearerTokenAuthentication "
        "logs:PutLogGroupDeletionProtection iam:*PermissionsBoundary iam:A*RolePolicy iam:DetachRolePolicy "
        "iam:CreateLoginProfile iam:GetLoginProfile iam:UpdateLoginProfile iam:*User*Group iam:*UserPolicies iam:A*UserPolicy iam:DetachUserPolicy "
        "s3:*MetadataTable* s3:*Metadata*Configuration s3:*Analytics* s3:*Cors s3:*CORS s3:*Metrics* s3:*Replication* "
        "s3:*Website s3:*Accelerate* s3:*Abac s3:*Acl s3:*Logging s3:*ObjectLock* s3:*Tiering* s3:*Inventory* s3tables:* "
        "vpc-lattice:* vpce:AllowMultiRegion"
    ),
    "a deployment, which only a pipeline starts": (
        "codedeploy:CreateDeployment codedeploy:RegisterApplicationRevision codedeploy:StopDeployment "
        "elasticloadbalancing:*registerTargets elasticloadbalancing:RegisterTargets"
    ),
    "no action of IAM": "s3:REST.PUT.OBJECT s3:DeleteBucketEncryption s3:DeleteBucketLifecycle",
}


@pytest.fixture
def types(committed: Mapping[str, Recorder]) -> set[str]:
    """The types that the committed stacks declare."""
    tokens = {token for recorder in committed.values() for token in recorder.types()}
    return {token.split(":")[1] for token in tokens if token.startswith("aws:")}


def test_a_deployment_may_all_that_cloudformation_needs_for_each_type(
    types: set[str],
) -> None:
    granted = [action for statement in DEPLOY for action in statement["Action"]]
    unused = [pattern for patterns in UNUSED.values() for pattern in patterns.split()]
    unknown = {
        kind
        for kind in types
        if kind not in CLOUDFORMATION and not kind.startswith(PARTS) and kind not in WITHOUT_HANDLERS
    }
    assert unknown == set()
    wanted = [*(CLOUDFORMATION[kind] for kind in sorted(types & CLOUDFORMATION.keys()))]
    missing = {
        (name, action)
        for name in [*wanted, *(f"EC2::{part}" for part in VPC.split())]
        for action in needed(name)
        if not any(fnmatchcase(action, pattern) for pattern in [*granted, *unused])
    }
    assert missing == set()


def test_a_deployment_may_have_its_own_listeners_show_more_certificates() -> None:
    for verb in ("Add", "Remove"):
        action = f"elasticloadbalancing:{verb}ListenerCertificates"
        own, other = (f"arn:aws:elasticloadbalancing:{REGION}:{ACCOUNT}:listener/app/{of}/1/2" for of in ("dev", "prd"))
        assert (may(DEPLOY, action, own), may(DEPLOY, action, other)) == (True, False)


def test_a_deployment_may_all_that_cloudformation_needs_for_a_private_zone() -> None:
    granted = [action for statement in DEPLOY for action in statement["Action"]]
    unused = ["route53:*QueryLoggingConfig*", "route53:UpdateHostedZoneFeatures"]
    assert {
        action
        for action in needed("Route53::HostedZone")
        if not any(fnmatchcase(action, pattern) for pattern in [*granted, *unused])
    } == set()


def test_a_deployment_may_give_endpoints_the_names_of_their_services() -> None:
    """Private DNS is a zone that AWS associates with the VPC, as who makes the endpoint."""
    assert may(DEPLOY, "route53:AssociateVPCWithHostedZone", "arn:aws:route53:::hostedzone/Z1")


def test_the_look_for_drift_may_read_all_that_cloudformation_reads_of_each_type(types: set[str]) -> None:
    granted = [action for statement in DRIFT for action in statement["Action"]]
    unused = [pattern for patterns in UNUSED.values() for pattern in patterns.split()]
    wanted = [*(CLOUDFORMATION[kind] for kind in sorted(types & CLOUDFORMATION.keys()))]
    missing = {
        (name, action)
        for name in [*wanted, *(f"EC2::{part}" for part in VPC.split())]
        for action in needed(name, "read")
        if ONLY_READ.match(action.partition(":")[2].lower())
        and not any(fnmatchcase(action, pattern) for pattern in [*granted, *unused])
    }
    assert missing == set()


def needed(name: str, *verbs: str) -> set[str]:
    """The actions of a CloudFormation type's handlers: of these, or of all but the one that lists all of its kind."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", f"AWS::{name}").schema
    handlers: Mapping[str, Any] = schema["handlers"]
    return {
        action
        for verb, handler in handlers.items()
        if verb in (verbs or handlers.keys() - {"list"})
        for action in handler["permissions"]
    }


ROOT = f"arn:aws:iam::{ACCOUNT}:root"
USERS = f"arn:aws:iam::{ACCOUNT}:role/fargate-delivery/*"


@pytest.mark.parametrize(
    ("action", "role", "allowed"),
    [
        ("kms:Decrypt", "role/fargate-delivery/dev-deploy", True),
        ("kms:Encrypt", "role/fargate-delivery/dev-deploy", True),
        ("kms:PutKeyPolicy", "role/fargate-delivery/dev-deploy", False),
        ("kms:ScheduleKeyDeletion", "role/fargate-delivery/dev-deploy", False),
        ("kms:CreateGrant", "role/fargate-delivery/dev-deploy", False),
        ("kms:PutKeyPolicy", "role/administrator", True),
    ],
)
def test_the_state_s_key_is_used_by_its_roles_and_kept_by_administrators(action: str, role: str, allowed: bool) -> None:
    arn = f"arn:aws:iam::{ACCOUNT}:{role}"
    everything = Policy("everything", document([{"Effect": "Allow", "Action": "kms:*", "Resource": "*"}]))
    decision = evaluate(
        Request(action, KEY, {"aws:PrincipalArn": arn}),
        [everything],
        caller=Caller((arn,), ACCOUNT),
        resource=Policy("key policy", state_policy.key_policy(ROOT, USERS)),
        trust=Trust.RESOURCE_DECIDES,
    )
    assert decision.allowed is allowed


@pytest.mark.parametrize(
    ("action", "resource", "context"),
    [
        ("secretsmanager:GetSecretValue", NPM_SECRET, {}),
        ("ssm:GetParameter", NPM_VALUE, {}),
        ("kms:Decrypt", SCOPE.arn("kms", "key/k"), {"kms:EncryptionContext:PARAMETER_ARN": NPM_VALUE}),
    ],
)
def test_whoever_pushes_an_image_may_read_the_values_of_its_build_that_others_keep(
    action: str, resource: str, context: dict[str, str]
) -> None:
    """`build_settings` of delivery reads each as the build does."""
    assert may(SHIPPING, action, resource, context)
    assert not may(shipping(SCOPE), action, resource, context)


def test_the_page_of_who_can_do_what_is_not_stale() -> None:
    assert TABLE.read_text(encoding="utf-8") == table(), "run `make docs`"
