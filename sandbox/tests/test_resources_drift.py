"""What the handlers see when somebody else changes a resource, and what they refuse."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws, settings
from resource_account import CONTAINERS, Account, Props, policy, trust

from sandbox import moto_fixes
from sandbox.providers.resources import RESOURCES
from sandbox.providers.resources.codec import UnsupportedInputError, reported
from sandbox.providers.types import Importable

SERVICE = "aws:ecs/service:Service"
TASK_DEFINITION = "aws:ecs/taskDefinition:TaskDefinition"
RULE = "aws:lb/listenerRule:ListenerRule"
PARAMETER = "aws:ssm/parameter:Parameter"
TARGET = "aws:appautoscaling/target:Target"
NOTIFICATION = "aws:s3/bucketNotification:BucketNotification"


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("SANDBOX_SPEED", "1000")
    moto_fixes.apply()
    with mock_aws():
        yield Account()


def read(account: Account, kind: str, made: tuple[str, Props]) -> Props:
    state = RESOURCES[kind].read(account.aws, *made)
    assert state is not None
    return state


@pytest.mark.parametrize(
    ("actual", "like", "expected"),
    [
        ({"Port": 80, "Protocol": "HTTP"}, {"port": "80"}, {"port": "80"}),
        ({"Port": 81}, {"port": "80"}, {"port": 81}),
        ({"Weight": "7"}, {"weight": 5}, {"weight": 7}),
        ({}, {"enabled": False}, {"enabled": False}),
        ({}, {"enabled": True}, {}),
        (["b", "a"], ["a", "b"], ["a", "b"]),
        (["a", "c"], ["a", "b"], ["a", "c"]),
        ([{"Name": "B"}, {"Name": "A"}], [{"name": "A"}, {"name": "B"}], [{"name": "A"}, {"name": "B"}]),
        ([{"Arn": "a", "Weight": 1}], [{"arn": "a", "weight": 9}], [{"arn": "a", "weight": 1}]),
        ([{"Name": "x"}], ["x"], ["x"]),
        ([{"Key": "k", "Value": "v"}], {"k": "v"}, {"k": "v"}),
        ([{"Key": "k", "Value": "v"}, {"Key": "l", "Value": "w"}], {"k": "v"}, {"k": "v", "l": "w"}),
        ([{"S": {"Days": 1}}], {"s": {"days": 1}}, {"s": {"days": 1}}),
        ('{"a":1}', '{ "a": 1 }', '{ "a": 1 }'),
        ({"a": 1}, '{ "a": 1 }', '{ "a": 1 }'),
        ({"a": 2}, '{ "a": 1 }', '{"a": 2}'),
    ],
)
def test_reported(actual: Any, like: Any, expected: Any) -> None:
    assert reported(actual, like, {}) == expected


def test_parameter_changed_by_hand(account: Account) -> None:
    for name, kind in (("value", "SecureString"), ("insecureValue", "String")):
        made = account.make(PARAMETER, name=f"/app/{name}", type=kind, **{name: '{"a":1}'})
        account.aws.client("ssm").put_parameter(Name=made[0], Value='{"a": 1}', Overwrite=True)
        state = read(account, PARAMETER, made)
        assert (state[name], state["version"]) == ('{"a": 1}', 2)
        assert ("value" in state) == (name == "value")


def test_parameter_that_may_overwrite(account: Account) -> None:
    inputs: Props = {"name": "/app/X", "type": "String", "value": "1", "tags": {"a": "b"}}
    account.make(PARAMETER, **inputs)
    assert account.make(PARAMETER, **{**inputs, "overwrite": True})[1]["version"] == 2


def test_weights_changed_by_hand(account: Account) -> None:
    blue, green = account.target_group(), account.target_group()

    def forward(*weights: int) -> list[Props]:
        groups = [{"arn": arn, "weight": w} for arn, w in zip((blue, green), weights, strict=True)]
        return [{"type": "forward", "forward": {"targetGroups": groups}}]

    made = account.make(
        RULE, listenerArn=account.listener(), actions=forward(1, 0), conditions=[{"pathPattern": {"values": ["/"]}}]
    )
    assert made[1]["priority"] == 1
    api = [{"TargetGroupArn": blue, "Weight": 0}, {"TargetGroupArn": green, "Weight": 1}]
    action = {"Type": "forward", "ForwardConfig": {"TargetGroups": api}}
    account.aws.client("elbv2").modify_rule(RuleArn=made[0], Actions=[action])
    assert read(account, RULE, made)["actions"] == forward(0, 1)


def test_trust_changed_by_hand(account: Account) -> None:
    kind = "aws:iam/role:Role"
    made = account.make(kind, name="r", assumeRolePolicy=trust("ecs-tasks.amazonaws.com"))
    account.aws.client("iam").update_assume_role_policy(RoleName="r", PolicyDocument=trust("ec2.amazonaws.com"))
    assert json.loads(read(account, kind, made)["assumeRolePolicy"]) == json.loads(trust("ec2.amazonaws.com"))


def test_policy_changed_by_hand(account: Account) -> None:
    kind = "aws:iam/rolePolicy:RolePolicy"
    made = account.make(kind, role=account.role().rsplit("/", 1)[1], name="p", policy=policy("s3:GetObject"))
    client = account.aws.client("iam")
    client.put_role_policy(RoleName="role-1", PolicyName="p", PolicyDocument=policy("s3:*"))
    assert json.loads(read(account, kind, made)["policy"]) == json.loads(policy("s3:*"))


def test_tags_changed_by_hand(account: Account) -> None:
    kind = "aws:ecr/repository:Repository"
    made = account.make(kind, name="repo")
    client = account.aws.client("ecr")
    client.tag_resource(resourceArn=made[1]["arn"], tags=[{"Key": "a", "Value": "b"}])
    assert read(account, kind, made)["tags"] == {"a": "b"}


def test_scaling_changed_by_hand(account: Account) -> None:
    account.make(SERVICE, name="web", cluster=account.cluster(), taskDefinition=account.revision())
    where = {
        "serviceNamespace": "ecs",
        "resourceId": "service/main/web",
        "scalableDimension": "ecs:service:DesiredCount",
    }
    state = {"dynamicScalingInSuspended": False}
    made = account.make(TARGET, **where, minCapacity=1, maxCapacity=2, suspendedState=state)
    account.aws.client("application-autoscaling").register_scalable_target(
        **{name[0].upper() + name[1:]: value for name, value in where.items()},
        MaxCapacity=9,
        SuspendedState={"DynamicScalingInSuspended": True},
    )
    found = read(account, TARGET, made)
    assert (found["maxCapacity"], found["suspendedState"]) == (9, {"dynamicScalingInSuspended": True})


def test_rule_of_a_group_changed_by_hand(account: Account) -> None:
    kind = "aws:ec2/securityGroup:SecurityGroup"
    web = [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": ["0.0.0.0/0"]}]
    made = account.make(kind, name="g", vpcId=account.vpc(), ingress=web)
    group = account.aws.client("ec2").describe_security_groups(GroupIds=[made[0]])["SecurityGroups"][0]
    assert group["IpPermissionsEgress"] == []
    account.aws.client("ec2").authorize_security_group_ingress(
        GroupId=made[0], IpProtocol="tcp", FromPort=22, ToPort=22, CidrIp="0.0.0.0/0"
    )
    assert [rule["fromPort"] for rule in read(account, kind, made)["ingress"]] == [22, 80]


def test_bucket_is_emptied_only_when_forced(account: Account) -> None:
    bucket, kind = account.bucket(), "aws:s3/bucket:Bucket"
    versioning = {"status": "Enabled"}
    account.make("aws:s3/bucketVersioning:BucketVersioning", bucket=bucket, versioningConfiguration=versioning)
    client = account.aws.client("s3")
    for body in (b"1", b"2"):
        client.put_object(Bucket=bucket, Key="k", Body=body)
    client.delete_object(Bucket=bucket, Key="k")
    with pytest.raises(ClientError, match="BucketNotEmpty"):
        RESOURCES[kind].delete(account.aws, bucket, {})
    RESOURCES[kind].delete(account.aws, bucket, {"forceDestroy": True})
    assert RESOURCES[kind].read(account.aws, bucket, {}) is None


def test_what_is_in_use_is_deleted_when_it_is_free(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    gateway, balancer = RESOURCES["aws:ec2/internetGateway:InternetGateway"], "aws:lb/loadBalancer:LoadBalancer"
    vpc = account.vpc()
    id, props = account.make("aws:ec2/internetGateway:InternetGateway", vpcId=vpc)
    in_use = account.make(balancer, name="front", subnets=account.subnets(vpc))
    monkeypatch.setattr("sandbox.providers.resources.ec2.DELETION_SECONDS", 0)
    with pytest.raises(ClientError, match="DependencyViolation"):
        gateway.delete(account.aws, id, props)
    monkeypatch.undo()
    waits: list[float] = []

    def free(seconds: float) -> None:
        waits.append(seconds)
        RESOURCES[balancer].delete(account.aws, *in_use)

    monkeypatch.setattr("sandbox.providers.resources.ec2.time.sleep", free)
    gateway.delete(account.aws, id, props)
    assert len(waits) == 1
    assert gateway.read(account.aws, id, props) is None


def test_notification_turns_eventbridge_on_and_off(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket, client = account.bucket(), account.aws.client("s3")
    sent: list[Props] = []
    put = client.put_bucket_notification_configuration

    def record(**arguments: Any) -> None:
        sent.append(arguments)
        put(**arguments)

    monkeypatch.setattr(client, "put_bucket_notification_configuration", record)
    made = account.make(NOTIFICATION, bucket=bucket, eventbridge=True)
    assert read(account, NOTIFICATION, made) == {"bucket": bucket, "eventbridge": True}
    put(Bucket=bucket, NotificationConfiguration={})  # by somebody else
    assert read(account, NOTIFICATION, made) == {"bucket": bucket, "eventbridge": False}
    RESOURCES[NOTIFICATION].delete(account.aws, *made)
    on, off = (call["NotificationConfiguration"] for call in sent)
    assert (on, off) == ({"EventBridgeConfiguration": {}}, {})


@pytest.mark.parametrize(
    ("containers", "named"),
    [
        ("[{]", "Error decoding JSON"),
        ('{"name": "app"}', "expected an array"),
        ('[{"name": "app", "imagee": "x"}]', "imagee"),
        ('[{"name": "app", "image": "x", "memory": "512"}]', "memory"),
        ('[{"name": "app", "image": "x", "portMappings": [{"port": 80}]}]', "port"),
    ],
)
def test_container_definitions_are_checked(account: Account, containers: str, named: str) -> None:
    with pytest.raises(ValueError, match=f"(?s)container_definitions is invalid.*{named}"):
        account.make(TASK_DEFINITION, family="web", containerDefinitions=containers)


def test_revision_that_is_kept_on_destroy(account: Account) -> None:
    definition = RESOURCES[TASK_DEFINITION]
    kept = account.make(TASK_DEFINITION, family="web", containerDefinitions=CONTAINERS, skipDestroy=True)
    definition.delete(account.aws, *kept)
    assert read(account, TASK_DEFINITION, kept)["revision"] == 1
    account.aws.client("ecs").deregister_task_definition(taskDefinition="web:1")
    assert definition.read(account.aws, *kept) is None


def test_unknown_argument_is_named(account: Account) -> None:
    with pytest.raises(UnsupportedInputError, match=r"settings\[0\]\.colour: not an argument of ClusterSetting"):
        account.make("aws:ecs/cluster:Cluster", name="c", settings=[{"colour": "red"}])


def test_failed_creation_leaves_nothing(account: Account) -> None:
    with pytest.raises(ClientError):
        account.make("aws:ec2/internetGateway:InternetGateway", vpcId="vpc-missing")
    assert account.aws.client("ec2").describe_internet_gateways()["InternetGateways"] == []


def test_certificate_validation(account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    kind = "aws:acm/certificateValidation:CertificateValidation"
    names = ["*.example.org"]
    arn, certificate = account.make(
        "aws:acm/certificate:Certificate",
        domainName="example.org",
        validationMethod="DNS",
        subjectAlternativeNames=names,
    )
    with pytest.raises(RuntimeError, match=r"missing .*example\.org DNS validation record: _"):
        account.make(kind, certificateArn=arn, validationRecordFqdns=["other.example.org"])
    records = [option["resourceRecordName"] for option in certificate["domainValidationOptions"]]
    monkeypatch.setattr(settings, "ACM_VALIDATION_WAIT", -1)
    made = account.make(kind, certificateArn=arn, validationRecordFqdns=records)
    assert read(account, kind, made) == made[1]


def test_service_deployed_by_somebody_else(account: Account) -> None:
    made = account.make(
        SERVICE, name="web", cluster=account.cluster(), taskDefinition=account.revision(), desiredCount=1
    )
    newer = account.revision()
    account.aws.client("ecs").update_service(cluster="main", service="web", taskDefinition=newer, desiredCount=4)
    state = read(account, SERVICE, made)
    assert (state["taskDefinition"], state["desiredCount"]) == (newer, 4)


RECORD = "aws:route53/record:Record"


@pytest.mark.parametrize(
    "inputs",
    [
        {"name": "_a.example.org", "type": "CNAME", "ttl": 300, "records": ["b.example.net"]},
        {"name": "example.org", "type": "TXT", "ttl": 60, "records": ["words"]},
    ],
)
def test_a_record_is_imported_by_its_id_as_it_was_declared(account: Account, inputs: Props) -> None:
    """As the provider builds and takes apart the id (its route53/record.go)."""
    zone = account.id("aws:route53/zone:Zone", name="example.org")
    id, made = account.make(RECORD, **inputs, zoneId=zone)
    assert id == f"{zone}_{inputs['name']}_{inputs['type']}"
    record = RESOURCES[RECORD]
    assert isinstance(record, Importable)
    assert record.imported(account.aws, id) == made
    assert record.imported(account.aws, f"{zone}_other.example.org_A") is None
    assert not isinstance(RESOURCES[PARAMETER], Importable)
