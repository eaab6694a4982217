"""Every request is held against AWS's model of its operation, and against what AWS documents beyond the model."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import botocore.session
import pytest
import regex
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.core.utils import get_service_model
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.account.credentials import ROOT_CREDENTIALS
from sandbox.server.listener import Listener
from sandbox.validation import documented, java_patterns
from sandbox.validation.exceptions import LENIENT
from sandbox.validation.shapes import checker_of

A, R = "111122223333", "eu-west-1"
ROLE = f"arn:aws:iam::{A}:role/r"
Json = dict[str, Any]
RULES = " a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*"
USED = [
    "acm",
    "application-autoscaling",
    "cloudwatch",
    "codebuild",
    "codeconnections",
    "codedeploy",
    "codepipeline",
    "codestar-connections",
    "ec2",
    "ecr",
    "ecs",
    "elbv2",
    "events",
    "iam",
    "kms",
    "lambda",
    "logs",
    "route53",
    "s3",
    "scheduler",
    "secretsmanager",
    "service-quotas",
    "sns",
    "sqs",
    "ssm",
    "sts",
]


@pytest.fixture(scope="module")
def account(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Account]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MOTO_ACCOUNT_ID", A)
        listener = Listener(Path(tmp_path_factory.mktemp("account")), A, R)
        yield listener.account
        listener.stop()
        moto_api_backend.reset()


def call(account: Account, service: str, operation: str, params: Json) -> Json:
    """A call that the client does not check."""
    client = boto3.client(
        service,
        region_name=R,
        endpoint_url=account.endpoint,
        aws_access_key_id=ROOT_CREDENTIALS.access_key,
        aws_secret_access_key=ROOT_CREDENTIALS.secret_key,
        config=Config(parameter_validation=False, retries={"total_max_attempts": 1}),
    )
    return dict(getattr(client, operation)(**params))


def refused(account: Account, service: str, operation: str, params: Json) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(account, service, operation, params)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def ingress(description: str) -> Json:
    ranges = [{"CidrIp": "10.0.0.0/8", "Description": description}]
    permission = {"IpProtocol": "tcp", "FromPort": 1, "ToPort": 1, "IpRanges": ranges}
    return {"GroupId": "sg-1", "IpPermissions": [permission]}


def alarm(**changes: Any) -> Json:
    made = {
        "AlarmName": "a",
        "MetricName": "m",
        "Namespace": "n",
        "Statistic": "Sum",
        "Period": 60,
        "EvaluationPeriods": 1,
        "Threshold": 1.0,
        "ComparisonOperator": "GreaterThanThreshold",
    }
    return made | changes


def action(name: str, **changes: Any) -> Json:
    type_id = {"category": "Approval", "owner": "AWS", "provider": "Manual", "version": "1"}
    return {"name": name, "actionTypeId": type_id} | changes


def pipeline(*actions: Json, name: str = "p") -> Json:
    source = action(
        "Source",
        actionTypeId={"category": "Source", "owner": "AWS", "provider": "S3", "version": "1"},
        configuration={"S3Bucket": "b", "S3ObjectKey": "k"},
        outputArtifacts=[{"name": "source"}],
    )
    stages = [{"name": "Source", "actions": [source]}, {"name": "Next", "actions": list(actions)}]
    store = {"type": "S3", "location": "bucket"}
    return {"pipeline": {"name": name, "roleArn": ROLE, "artifactStore": store, "stages": stages}}


def function(**variables: str) -> Json:
    return {
        "FunctionName": "f",
        "Runtime": "python3.13",
        "Role": ROLE,
        "Handler": "f.main",
        "Code": {"ZipFile": b"1"},
        "Environment": {"Variables": variables},
    }


def project(**changes: Any) -> Json:
    environment = {"type": "LINUX_CONTAINER", "image": "i", "computeType": "BUILD_GENERAL1_SMALL"}
    made = {
        "name": "project",
        "source": {"type": "NO_SOURCE", "buildspec": "version: 0.2"},
        "artifacts": {"type": "NO_ARTIFACTS"},
        "environment": environment,
        "serviceRole": ROLE,
    }
    return made | changes


def policy(sid: str) -> str:
    return json.dumps({"Statement": [{"Sid": sid, "Effect": "Allow", "Action": "s3:GetObject", "Resource": "*"}]})


def constraint(value: str, path: str, words: str) -> str:
    return f"1 validation error detected: Value '{value}' at '{path}' failed to satisfy constraint: Member must {words}"


COMPARISONS = (
    "GreaterThanOrEqualToThreshold, GreaterThanThreshold, LessThanThreshold, LessThanOrEqualToThreshold,"
    " LessThanLowerOrGreaterThanUpperThreshold, LessThanLowerThreshold, GreaterThanUpperThreshold"
)
GROUP = {"Description": "d", "GroupName": "g", "VpcId": "vpc-1"}
BAD_RULE = (
    f"Invalid rule description. Valid descriptions are strings less than 256 characters from the following set: {RULES}"
)
BAD_GROUP = f"Invalid security group description. Valid descriptions are strings less than 256 characters from the following set: {RULES}"
TARGETS = {"Protocol": "HTTP", "Port": 80, "VpcId": "vpc-1", "TargetType": "ip"}

REFUSED: list[tuple[str, str, Json, str, str]] = [
    ("ec2", "authorize_security_group_ingress", ingress("the service's own port"), "InvalidParameterValue", BAD_RULE),
    ("ec2", "authorize_security_group_egress", ingress("the service's own port"), "InvalidParameterValue", BAD_RULE),
    ("ec2", "authorize_security_group_ingress", ingress("x" * 256), "InvalidParameterValue", BAD_RULE),
    ("ec2", "create_security_group", GROUP | {"Description": "it's"}, "InvalidParameterValue", BAD_GROUP),
    ("ec2", "create_security_group", GROUP | {"Description": "x" * 256}, "InvalidParameterValue", BAD_GROUP),
    ("ec2", "create_security_group", {"Description": "d"}, "MissingParameter", "The request must contain the parameter GroupName"),
    ("ec2", "create_vpc", {"CidrBlock": "10.0.0.0/16", "InstanceTenancy": "mine"}, "InvalidParameterValue", "Value (mine) for parameter InstanceTenancy is invalid."),
    ("ec2", "create_tags", {"Resources": ["vpc-1"], "Tags": [{"Key": "aws:x", "Value": "y"}]}, "InvalidParameterValue", "Tag keys starting with 'aws:' are reserved for internal use"),
    ("iam", "create_role", {"RoleName": "r" * 65, "AssumeRolePolicyDocument": "{}"}, "ValidationError", constraint("r" * 65, "roleName", "have length less than or equal to 64")),
    ("iam", "create_role", {"RoleName": "a role", "AssumeRolePolicyDocument": "{}"}, "ValidationError", constraint("a role", "roleName", r"satisfy regular expression pattern: [\w+=,.@-]+")),
    ("iam", "create_role", {"RoleName": "r"}, "ValidationError", "1 validation error detected: Value null at 'assumeRolePolicyDocument' failed to satisfy constraint: Member must not be null"),
    ("iam", "create_policy", {"PolicyName": "p", "PolicyDocument": policy("not-this")}, "MalformedPolicyDocument", "Statement IDs (SID) must be alpha-numeric. Check that your input satisfies the regular expression [0-9A-Za-z]*"),
    ("iam", "create_policy", {"PolicyName": "p", "PolicyDocument": policy("x" * 6144)}, "LimitExceeded", "Cannot exceed quota for PolicySize: 6144"),
    ("cloudwatch", "put_metric_alarm", alarm(ComparisonOperator="MoreThan"), "ValidationError", constraint("MoreThan", "comparisonOperator", f"satisfy enum value set: [{COMPARISONS}]")),
    ("cloudwatch", "put_metric_alarm", alarm(Period=90), "ValidationError", "Period must be 10, 20, 30 or a multiple of 60"),
    ("cloudwatch", "put_metric_alarm", alarm(Period=300, EvaluationPeriods=289), "ValidationError", "Metrics cannot be checked across more than a day (EvaluationPeriods * Period must be <= 86400)"),
    ("cloudwatch", "put_metric_alarm", alarm(TreatMissingData="fine"), "ValidationError", "Option fine for parameter TreatMissingData is not one of breaching, notBreaching, ignore, missing"),
    ("cloudwatch", "put_metric_alarm", alarm(DatapointsToAlarm=2), "ValidationError", "DatapointsToAlarm may not be more than EvaluationPeriods"),
    ("codepipeline", "create_pipeline", pipeline(action("Approve"), action("Approve")), "InvalidStageDeclarationException", "Action names must be unique within a stage. Approve has been used more than once in Next"),
    ("codepipeline", "create_pipeline", pipeline(action("Approve"), name="a b"), "ValidationException", constraint("a b", "pipeline.name", r"satisfy regular expression pattern: [A-Za-z0-9.@\-_]+")),
    ("codepipeline", "create_pipeline", pipeline(action("An approval")), "ValidationException", constraint("An approval", "pipeline.stages.2.member.actions.1.member.name", r"satisfy regular expression pattern: [A-Za-z0-9.@\-_]+")),
    ("elbv2", "create_target_group", TARGETS | {"Name": "dev-web-"}, "ValidationError", "Target group name 'dev-web-' cannot begin or end with '-'"),
    ("elbv2", "create_target_group", TARGETS | {"Name": "dev_web"}, "ValidationError", "Target group name 'dev_web' can only contain characters that are alphanumeric characters or hyphens(-)"),
    ("elbv2", "create_target_group", TARGETS | {"Name": "x" * 33}, "ValidationError", f"Target group name '{'x' * 33}' cannot be longer than '32' characters"),
    ("elbv2", "create_target_group", TARGETS | {"Name": "web", "HealthCheckPath": "up"}, "ValidationError", "Health check path 'up' must begin with a '/' character"),
    ("elbv2", "create_target_group", TARGETS | {"Name": "web", "HealthyThresholdCount": 1}, "ValidationError", constraint("1", "healthyThresholdCount", "have value greater than or equal to 2")),
    ("elbv2", "create_rule", {"ListenerArn": "l", "Priority": 1, "Actions": [], "Conditions": [{"Field": "host-header", "HostHeaderConfig": {"Values": list("abc")}}, {"Field": "path-pattern", "Values": list("abc")}]}, "ValidationError", "A rule can only have '5' condition values"),
    ("lambda", "create_function", function(LONG="x" * 4096), "InvalidParameterValueException", 'Lambda was unable to configure your environment variables because the environment variables you have provided exceeded the 4KB limit. String measured: {"LONG":"' + "x" * 4096 + '"}'),
    ("lambda", "create_function", function(AWS_REGION="here"), "InvalidParameterValueException", "Lambda was unable to configure your environment variables because the environment variables you have provided contains reserved keys that are currently not supported for modification. Reserved keys used in this request: AWS_REGION"),
    ("lambda", "create_function", function() | {"MemorySize": 64}, "ValidationException", constraint("64", "memorySize", "have value greater than or equal to 128")),
    ("codebuild", "create_project", project(timeoutInMinutes=4), "ValidationException", constraint("4", "timeoutInMinutes", "have value greater than or equal to 5")),
    ("codebuild", "create_project", project(source={"type": "NO_SOURCE", "buildspec": "x" * 25_601}), "InvalidInputException", "Project source buildspec cannot have more than 25600 characters"),
    ("codebuild", "create_project", project(environment=project()["environment"] | {"environmentVariables": [{"name": "LONG", "value": "x" * 5_497}]}), "InvalidInputException", "Environment variables may have 5500 characters together, not 5501"),
    ("logs", "create_log_group", {"logGroupName": "a b"}, "InvalidParameterException", constraint("a b", "logGroupName", r"satisfy regular expression pattern: [\.\-_/#A-Za-z0-9]+")),
    ("logs", "put_retention_policy", {"logGroupName": "g", "retentionInDays": 31}, "InvalidParameterException", constraint("31", "retentionInDays", "satisfy enum value set: [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653]")),
    ("events", "put_rule", {"Name": "r", "EventPattern": "{}", "Description": "x" * 513}, "ValidationException", constraint("x" * 513, "description", "have length less than or equal to 512")),
    ("ecr", "create_repository", {"repositoryName": "Web"}, "InvalidParameterException", "Invalid parameter at 'repositoryName' failed to satisfy constraint: 'must satisfy regular expression '[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*(\\/[a-z0-9]+((\\.|_|__|-+)[a-z0-9]+)*)*''"),
    ("ecs", "create_service", {"serviceName": "a b", "cluster": "c", "taskDefinition": "t"}, "InvalidParameterException", "Invalid service name."),
    ("ecs", "register_task_definition", {"family": "a b", "containerDefinitions": []}, "ClientException", "Family contains invalid characters."),
    ("sns", "create_topic", {"Name": "a b"}, "InvalidParameter", "Invalid parameter: Topic Name"),
    ("sqs", "create_queue", {"QueueName": "a b"}, "InvalidParameterValue", "Can only include alphanumeric characters, hyphens, or underscores. 1 to 80 in length"),
    ("sqs", "create_queue", {"QueueName": "q", "Attributes": {"VisibilityTimeout": "43201"}}, "InvalidAttributeValue", "Invalid value for the parameter VisibilityTimeout."),
    ("ssm", "put_parameter", {"Name": "/p", "Type": "String", "Value": "x" * 4097}, "ValidationException", "Standard tier parameters support a maximum parameter value of 4096 characters. To create a larger parameter value, upgrade the parameter to use the advanced-parameter tier. For more information, see https://docs.aws.amazon.com/systems-manager/latest/userguide/parameter-store-advanced-parameters.html"),
    ("ssm", "put_parameter", {"Name": "/p", "Type": "Text", "Value": "x"}, "ValidationException", constraint("Text", "type", "satisfy enum value set: [String, StringList, SecureString]")),
    ("ssm", "put_parameter", {"Name": "/a b", "Type": "String", "Value": "x"}, "ValidationException", "Invalid parameter name: only letters, numbers and the symbols . - _ / are allowed"),
    ("ssm", "put_parameter", {"Name": "/a" * 16, "Type": "String", "Value": "x"}, "HierarchyLevelLimitExceededException", "A parameter name may have at most 15 levels"),
    ("acm", "request_certificate", {"DomainName": f"{'x' * 61}.com"}, "ValidationException", "The first domain name of a certificate may have at most 64 characters"),
    ("cloudwatch", "put_dashboard", {"DashboardName": "a b", "DashboardBody": "{}"}, "InvalidParameterInput", "The name of a dashboard has up to 255 characters of A-Z, a-z, 0-9, - and _"),
    ("codepipeline", "create_pipeline", pipeline(action("Approve", configuration={"CustomData": "x" * 1001})), "ValidationException", "1 validation error detected: Value at 'pipeline.stages.2.member.actions.1.member.configuration' failed to satisfy constraint: Map value must satisfy constraint: [Member must have length less than or equal to 1000]"),
    ("route53", "change_resource_record_sets", {"HostedZoneId": "Z1", "ChangeBatch": {"Changes": [{"Action": "CREATE", "ResourceRecordSet": {"Name": "a.", "Type": "A", "ResourceRecords": [{"Value": "1.1.1.1"}]}}]}}, "InvalidInput", "Invalid request: Expected exactly one of [AliasTarget, all of [TTL, and ResourceRecords], or TrafficPolicyInstanceId], in Change with [a.]"),
    ("kms", "create_alias", {"AliasName": "alias/a b", "TargetKeyId": "k"}, "ValidationException", constraint("alias/a b", "aliasName", "satisfy regular expression pattern: ^[a-zA-Z0-9:/_-]+$")),
    ("s3", "create_bucket", {"Bucket": "Not_a_bucket"}, "InvalidBucketName", "The specified bucket is not valid."),
    ("s3", "put_bucket_versioning", {"Bucket": "b", "VersioningConfiguration": {"Status": "On"}}, "MalformedXML", "The XML you provided was not well-formed or did not validate against our published schema"),
    ("application-autoscaling", "register_scalable_target", {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:Wishes"}, "ValidationException", "~ at 'scalableDimension' failed to satisfy constraint: Member must satisfy enum value set: ["),
]  # fmt: skip


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "message"),
    REFUSED,
    ids=[f"{row[0]}-{row[1]}-{row[3]}" for row in REFUSED],
)
def test_what_aws_refuses_the_sandbox_refuses_with_the_same_error(
    account: Account, service: str, operation: str, params: Json, code: str, message: str
) -> None:
    found = refused(account, service, operation, params)
    if message.startswith("~"):
        assert found[0] == code
        assert message[1:] in found[1]
    else:
        assert found == (code, message)


def test_several_faults_of_one_request_are_told_at_once(account: Account) -> None:
    name = "a role" + "r" * 60
    assert refused(account, "iam", "create_role", {"RoleName": name, "AssumeRolePolicyDocument": "{}"})[1] == (
        "2 validation errors detected: "
        f"Value '{name}' at 'roleName' failed to satisfy constraint: Member must have length less than or equal to 64; "
        f"Value '{name}' at 'roleName' failed to satisfy constraint:"
        r" Member must satisfy regular expression pattern: [\w+=,.@-]+"
    )


def test_a_map_breaks_as_a_whole_and_its_values_are_not_told(account: Account) -> None:
    found = refused(account, "codepipeline", "create_pipeline", pipeline(action("A", configuration={"CustomData": ""})))
    assert found == (
        "ValidationException",
        "1 validation error detected: Value at 'pipeline.stages.2.member.actions.1.member.configuration' failed to"
        " satisfy constraint: Map value must satisfy constraint: [Member must have length greater than or equal to 1]",
    )


def test_a_list_of_scalars_breaks_as_a_whole(account: Account) -> None:
    found = refused(account, "codebuild", "batch_get_projects", {"names": ["", "b"]})
    assert found == (
        "ValidationException",
        "1 validation error detected: Value '[, b]' at 'names' failed to satisfy constraint:"
        " Member must satisfy constraint: [Member must have length greater than or equal to 1]",
    )


@pytest.mark.parametrize(
    "description", ["", "a-zA-Z0-9. _-:/()#,@[]+=&;{}!$*", "x" * 255], ids=["empty", "every character", "longest"]
)
def test_what_ec2_takes_in_a_description_passes(description: str) -> None:
    assert documented.refusal("ec2", "AuthorizeSecurityGroupIngress", ingress(description)) is None


@pytest.mark.parametrize("service", USED)
def test_every_pattern_of_the_models_is_read(service: str) -> None:
    model = botocore.session.get_session().get_service_model(service)
    unread = []
    for name in model.shape_names:
        pattern = model.shape_for(name).metadata.get("pattern")
        try:
            if pattern is not None:
                java_patterns.compiled(pattern)
        except regex.error:
            unread.append(name)
    assert unread == []


@pytest.mark.parametrize(
    ("pattern", "text", "matches"),
    [
        (r"[\w+=,.@-]+", "r\u00f4le", False),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "r\u00f4le 1", True),
        (r"^([\p{L}\p{Z}\p{N}_.:/=+\-@]*)$", "it's", False),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\U0001f600\n", True),
        (r"[\u0020-\uD7FF\uE000-\uFFFD\uD800\uDC00-\uDBFF\uDFFF\r\n\t]*", "a\x00", False),
        (r"^[a-z]+$", "a\n", False),
        (r"[\w-_]*", "a-_", True),
    ],
)
def test_patterns_mean_what_they_mean_in_java(pattern: str, text: str, matches: bool) -> None:
    assert bool(java_patterns.compiled(pattern).fullmatch(text)) is matches


def test_every_exception_names_a_shape_that_the_model_constrains() -> None:
    session = botocore.session.get_session()
    for (service, shape, what), reason in LENIENT.items():
        metadata = session.get_service_model(service).shape_for(shape).metadata
        held = {"pattern": "pattern", "enum": "enum"}.get(what)
        assert reason
        assert held in metadata if held else what == "length" or what in metadata["required"], (service, shape, what)


def test_every_documented_limit_is_of_an_operation_and_members_that_there_are() -> None:
    session = botocore.session.get_session()
    for (service, operation), limits in documented._limits().items():
        model = session.get_service_model(service).operation_model(operation)
        for limit in limits:
            assert limit.source
            shape = model.input_shape
            for part in filter(None, limit.path.split(".")):
                name, is_list, _ = part.partition("[]")
                shape = shape.value if shape.type_name == "map" else shape.members[name]
                shape = shape.member if is_list else shape


def test_a_checker_is_made_once() -> None:
    shape = get_service_model("codepipeline").operation_model("CreatePipeline").input_shape
    assert checker_of("codepipeline", shape) is checker_of("codepipeline", shape)
