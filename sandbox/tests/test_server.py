"""The HTTP front: identities, denials in every protocol, own handlers, S3 by the aws command line."""

import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stderr, redirect_stdout
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import pytest
from awscli.clidriver import create_clidriver
from botocore.exceptions import ClientError
from click.testing import CliRunner, Result
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account import identity
from sandbox.account.account import Account, Principal
from sandbox.account.credentials import ROOT_CREDENTIALS, Credentials
from sandbox.account.errors import AwsError
from sandbox.cli.server import env, stop
from sandbox.eventbridge import api as eventbridge
from sandbox.network.vpc import vpc_of
from sandbox.server import control
from sandbox.server.listener import Listener
from sandbox.sts import api as sts

A, R = "111122223333", "eu-west-1"
AWS = Path(sys.executable).parent / "aws"
Json = dict[str, Any]


def list_pipelines(account: Account, principal: Principal, params: Json) -> Json:
    if params.get("maxResults") == 1:
        raise AwsError("ValidationException", "not <one>")
    return {"pipelines": [{"name": principal.arn, "version": 1}]}


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(
        tmp_path, A, R, {**eventbridge.HANDLERS, **sts.HANDLERS, ("codepipeline", "ListPipelines"): list_pipelines}
    )
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def document(*statements: Json) -> str:
    return json.dumps({"Version": "2012-10-17", "Statement": list(statements)})


def allow(action: Any, resource: Any = "*", **elements: Any) -> Json:
    return {"Effect": "Allow", "Action": action, "Resource": resource, **elements}


def make_user(account: Account, *statements: Json, name: str = "bob") -> Credentials:
    iam = account.client("iam")
    iam.create_user(UserName=name)
    if statements:
        iam.put_user_policy(UserName=name, PolicyName="own", PolicyDocument=document(*statements))
    return identity.user_credentials(account, name)


def make_role(account: Account, principal: Json, *statements: Json, name: str = "app", **trust: Any) -> str:
    iam = account.client("iam")
    trusted = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": principal, **trust}
    arn = str(iam.create_role(RoleName=name, AssumeRolePolicyDocument=document(trusted))["Role"]["Arn"])
    if statements:
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document(*statements))
    return arn


def make_bucket(account: Account, name: str = "uploads") -> Any:
    s3 = account.client("s3")
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": R})
    return s3


def only(key: str, value: str) -> Json:
    return {"StringEquals": {key: value}}


def refused(call: Any, **params: Any) -> tuple[str, str]:
    """The code and message of the error that a call must end with."""
    with pytest.raises(ClientError) as caught:
        call(**params)
    error = caught.value.response["Error"]
    return str(error["Code"]), str(error["Message"])


def aws(account: Account, credentials: Credentials, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the aws command line as somebody, in this process, because it takes a second to start."""
    environment = {
        "HOME": str(account.folder),
        "AWS_ACCESS_KEY_ID": credentials.access_key,
        "AWS_SECRET_ACCESS_KEY": credentials.secret_key,
        "AWS_DEFAULT_REGION": R,
        "AWS_ENDPOINT_URL": account.endpoint,
    }
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name, value in environment.items():
            patch.setenv(name, value)
        code = create_clidriver().main(list(arguments))
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


def sandbox_api(account: Account, route: str, body: Json | None = None) -> Any:
    data = None if body is None else json.dumps(body).encode()
    request = Request(f"{account.endpoint}/_sandbox/{route}", data=data)  # noqa: S310 (the test's own server)
    with urlopen(request, timeout=10) as response:  # noqa: S310 (the test's own server)
        return json.load(response)


# Who calls


def test_the_root_may_do_everything(account: Account) -> None:
    assert account.client("sts").get_caller_identity()["Arn"] == f"arn:aws:iam::{A}:root"
    make_bucket(account).put_object(Bucket="uploads", Key="k", Body=b"1")
    assert account.decisions == []


@pytest.mark.parametrize(
    ("service", "operation", "params", "code"),
    [
        ("sts", "get_caller_identity", {}, "InvalidClientTokenId"),
        ("ssm", "describe_parameters", {}, "UnrecognizedClientException"),
        ("s3", "list_buckets", {}, "InvalidAccessKeyId"),
        ("ec2", "describe_vpcs", {}, "AuthFailure"),
    ],
)
def test_an_unknown_key(account: Account, service: str, operation: str, params: Json, code: str) -> None:
    stranger = Credentials("AKIAUNKNOWNUNKNOWN00", "x")
    assert refused(getattr(account.client(service, stranger), operation), **params)[0] == code


def test_a_deactivated_key(account: Account) -> None:
    bob = make_user(account, allow("*"))
    account.client("iam").update_access_key(UserName="bob", AccessKeyId=bob.access_key, Status="Inactive")
    assert refused(account.client("sts", bob).get_caller_identity)[0] == "InvalidClientTokenId"


def test_a_session_needs_its_token(account: Account) -> None:
    arn = make_role(account, {"Service": "ecs-tasks.amazonaws.com"})
    session = account.assume(arn, "ecs-tasks.amazonaws.com", "task-1")
    assert account.client("sts", session).get_caller_identity()["Arn"] == f"arn:aws:sts::{A}:assumed-role/app/task-1"
    without = Credentials(session.access_key, session.secret_key)
    assert refused(account.client("sts", without).get_caller_identity)[0] == "InvalidClientTokenId"


# What a caller may do


@pytest.mark.parametrize(
    ("service", "operation", "params", "code", "action", "resource"),
    [
        ("ssm", "get_parameters", {"Names": ["/x"]}, "AccessDeniedException", "ssm:GetParameters", "parameter/x"),
        ("s3", "list_objects_v2", {"Bucket": "b"}, "AccessDenied", "s3:ListBucket", "arn:aws:s3:::b"),
        ("iam", "get_role", {"RoleName": "r"}, "AccessDenied", "iam:GetRole", f"arn:aws:iam::{A}:role/r"),
        ("ec2", "describe_vpcs", {}, "UnauthorizedOperation", "ec2:DescribeVpcs", "*"),
        ("codepipeline", "list_pipelines", {}, "AccessDeniedException", "codepipeline:ListPipelines", "*"),
    ],
)
def test_a_denial(
    account: Account, service: str, operation: str, params: Json, code: str, action: str, resource: str
) -> None:
    bob = make_user(account)
    found, message = refused(getattr(account.client(service, bob), operation), **params)
    assert found == code
    assert f"User: arn:aws:iam::{A}:user/bob is not authorized to perform: {action} on resource: " in message
    assert f"{resource} because no identity-based policy allows the {action} action" in message


def test_application_auto_scaling_says_all_that_its_caller_lacks(account: Account) -> None:
    user = make_user(account, allow(["application-autoscaling:*", "ecs:*", "cloudwatch:DescribeAlarms"]))
    target = {"ServiceNamespace": "ecs", "ResourceId": "service/c/s", "ScalableDimension": "ecs:service:DesiredCount"}
    scaling = account.client("application-autoscaling", user)
    assert refused(scaling.register_scalable_target, **target, MinCapacity=1, MaxCapacity=2) == (
        "ValidationException",
        "User is missing the following permissions: cloudwatch:PutMetricAlarm, cloudwatch:DeleteAlarms",
    )


def test_an_operation_that_nobody_knows_is_denied_by_name(account: Account) -> None:
    bob = make_user(account, allow("*"))
    code, message = refused(account.client("glue", bob).get_databases)
    assert code == "AccessDeniedException"
    assert "glue:GetDatabases" in message


def test_an_operation_that_nobody_implements_is_an_error(account: Account) -> None:
    code, message = refused(account.client("mediaconvert").list_jobs)
    assert code == "NotImplemented"
    assert "mediaconvert" in message


def test_one_key_and_nothing_else(account: Account) -> None:
    make_bucket(account)
    s3 = account.client("s3", make_user(account, allow("s3:PutObject", "arn:aws:s3:::uploads/web/app.zip")))
    s3.put_object(Bucket="uploads", Key="web/app.zip", Body=b"1")
    for call, params in (
        (s3.put_object, {"Key": "web/other.zip", "Body": b"1"}),
        (s3.get_object, {"Key": "web/app.zip"}),
        (s3.delete_object, {"Key": "web/app.zip"}),
        (s3.list_objects_v2, {}),
        (s3.copy_object, {"Key": "web/app.zip", "CopySource": "uploads/web/app.zip"}),
    ):
        assert refused(call, Bucket="uploads", **params)[0] == "AccessDenied", params
    assert refused(s3.head_object, Bucket="uploads", Key="web/app.zip")[0] == "403"


def test_conditions_of_bucket_policies_count(account: Account) -> None:
    s3 = make_bucket(account)
    everything = ["arn:aws:s3:::uploads", "arn:aws:s3:::uploads/*"]
    insecure = {**allow("s3:*", everything), "Effect": "Deny", "Principal": "*"}
    insecure["Condition"] = {"Bool": {"aws:SecureTransport": "false"}}
    s3.put_bucket_policy(Bucket="uploads", Policy=document(insecure))
    bob = account.client("s3", make_user(account, allow("s3:PutObject", everything)))
    bob.put_object(Bucket="uploads", Key="k", Body=b"1")
    closed = {**allow("s3:PutObject", everything), "Effect": "Deny", "Principal": {"AWS": A}}
    s3.put_bucket_policy(Bucket="uploads", Policy=document(closed))
    code, message = refused(bob.put_object, Bucket="uploads", Key="k", Body=b"1")
    assert (code, "explicit deny in a resource-based policy" in message) == ("AccessDenied", True)


def test_a_missing_object_is_only_told_to_those_who_may_list(account: Account) -> None:
    make_bucket(account)
    reader = allow("s3:GetObject", "arn:aws:s3:::uploads/*")
    bob = account.client("s3", make_user(account, reader))
    assert refused(bob.get_object, Bucket="uploads", Key="k")[0] == "AccessDenied"
    lister = allow("s3:ListBucket", "arn:aws:s3:::uploads")
    account.client("iam").put_user_policy(UserName="bob", PolicyName="list", PolicyDocument=document(lister))
    assert refused(bob.get_object, Bucket="uploads", Key="k")[0] == "NoSuchKey"


def test_a_secure_parameter_needs_its_key_for_that_parameter(account: Account) -> None:
    key = account.client("kms").create_key()["KeyMetadata"]["Arn"]
    for name in ("/a", "/b"):
        account.client("ssm").put_parameter(Name=name, Value="v", Type="SecureString", KeyId=key)
    arn = f"arn:aws:ssm:{R}:{A}:parameter/a"
    decrypt = allow("kms:Decrypt", key, Condition={"StringEquals": {"kms:EncryptionContext:PARAMETER_ARN": arn}})
    ssm = account.client("ssm", make_user(account, allow("ssm:GetParameter"), decrypt))
    assert ssm.get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Value"] == "v"
    assert "kms:Decrypt" in refused(ssm.get_parameter, Name="/b", WithDecryption=True)[1]
    assert ssm.get_parameter(Name="/b")["Parameter"]["Value"] != "v"


def test_everybody_may_use_the_managed_key_of_parameters(account: Account) -> None:
    account.client("ssm").put_parameter(Name="/a", Value="v", Type="SecureString")
    bob = make_user(account, allow("ssm:GetParameter"))
    assert account.client("ssm", bob).get_parameter(Name="/a", WithDecryption=True)["Parameter"]["Value"] == "v"


def test_passing_a_role_needs_permission(account: Account) -> None:
    role = make_role(account, {"Service": "ecs-tasks.amazonaws.com"}, name="task")
    register = allow("ecs:RegisterTaskDefinition")
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    bob = make_user(account, register)
    eve = make_user(account, register, allow("iam:PassRole", role, Condition=to_tasks), name="eve")
    params = {
        "family": "f",
        "executionRoleArn": role,
        "containerDefinitions": [{"name": "c", "image": "i", "memory": 128}],
    }
    code, message = refused(account.client("ecs", bob).register_task_definition, **params)
    assert (code, f"iam:PassRole on resource: {role}" in message) == ("AccessDeniedException", True)
    assert account.client("ecs", eve).register_task_definition(**params)["taskDefinition"]["revision"] == 1


def test_a_malformed_policy_never_allows(account: Account) -> None:
    make_bucket(account)
    bob = make_user(account, allow("s3:PutObject", "arn:aws:s3:::uploads/*"))
    broken = allow("s3:PutObject", "*", Condition={"IpAddress": {"aws:SourceIp": "10.0.0.0/99"}})
    account.client("iam").put_user_policy(UserName="bob", PolicyName="broken", PolicyDocument=document(broken))
    code, message = refused(account.client("s3", bob).put_object, Bucket="uploads", Key="k", Body=b"1")
    assert (code, "10.0.0.0/99" in message) == ("AccessDenied", True)


def test_a_key_s_tags_and_those_asked_for_are_conditions(account: Account) -> None:
    kms = account.client("kms")
    ours, theirs = (
        kms.create_key(Tags=[{"TagKey": "stack", "TagValue": stack}])["KeyMetadata"]["KeyId"] for stack in ("pr", "dev")
    )
    bob = make_user(
        account,
        allow("kms:ScheduleKeyDeletion", f"arn:aws:kms:{R}:{A}:key/*", Condition=only("aws:ResourceTag/stack", "pr")),
        allow("kms:TagResource", f"arn:aws:kms:{R}:{A}:key/*", Condition=only("aws:RequestTag/stack", "pr")),
    )
    his = account.client("kms", bob)
    his.tag_resource(KeyId=ours, Tags=[{"TagKey": "stack", "TagValue": "pr"}])
    other = [{"TagKey": "stack", "TagValue": "dev"}]
    assert refused(his.tag_resource, KeyId=ours, Tags=other)[0] == "AccessDeniedException"
    assert refused(his.schedule_key_deletion, KeyId=theirs)[0] == "AccessDeniedException"
    his.schedule_key_deletion(KeyId=ours)


def test_a_namespace_s_tags_are_a_condition(account: Account) -> None:
    names = account.client("servicediscovery")
    for stack in ("pr", "dev"):
        names.create_http_namespace(Name=stack, Tags=[{"Key": "stack", "Value": stack}])
    ids = {each["Name"]: each["Id"] for each in names.list_namespaces()["Namespaces"]}
    bob = make_user(
        account,
        allow(
            "servicediscovery:DeleteNamespace",
            f"arn:aws:servicediscovery:{R}:{A}:namespace/*",
            Condition=only("aws:ResourceTag/stack", "pr"),
        ),
    )
    his = account.client("servicediscovery", bob)
    assert refused(his.delete_namespace, Id=ids["dev"])[0] == "AccessDeniedException"
    his.delete_namespace(Id=ids["pr"])


def test_a_listener_s_rules_are_told_apart_by_their_tags(account: Account) -> None:
    elbv2, ec2 = account.client("elbv2"), account.client("ec2")
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.9.{n}.0/24", AvailabilityZone=f"{R}{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    balancer = elbv2.create_load_balancer(Name="shared", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    fixed = [{"Type": "fixed-response", "FixedResponseConfig": {"StatusCode": "404"}}]
    listener = elbv2.create_listener(LoadBalancerArn=balancer, Protocol="HTTP", Port=80, DefaultActions=fixed)
    rule = {
        "ListenerArn": listener["Listeners"][0]["ListenerArn"],
        "Conditions": [{"Field": "path-pattern", "Values": ["/a"]}],
        "Actions": fixed,
    }
    tag = {"Tags": [{"Key": "stack", "Value": "dev"}]}
    theirs = elbv2.create_rule(Priority=1, **rule, **tag)["Rules"][0]["RuleArn"]
    bob = make_user(
        account,
        allow("elasticloadbalancing:CreateRule", Condition=only("aws:RequestTag/stack", "pr")),
        allow("elasticloadbalancing:AddTags", Condition=only("elasticloadbalancing:CreateAction", "CreateRule")),
        allow("elasticloadbalancing:DeleteRule", Condition=only("aws:ResourceTag/stack", "pr")),
    )
    his, own = account.client("elbv2", bob), [{"Key": "stack", "Value": "pr"}]
    for call, parameters in (
        (his.create_rule, {"Priority": 2, **rule}),
        (his.create_rule, {"Priority": 2, **rule, **tag}),
        (his.add_tags, {"ResourceArns": [theirs], "Tags": own}),
        (his.delete_rule, {"RuleArn": theirs}),
    ):
        assert refused(call, **parameters)[0] == "AccessDenied"
    his.delete_rule(RuleArn=his.create_rule(Priority=2, **rule, Tags=own)["Rules"][0]["RuleArn"])


def test_decisions_name_the_statement(account: Account) -> None:
    make_bucket(account)
    bob = make_user(account, allow("ssm:*"), allow("s3:PutObject", "arn:aws:s3:::uploads/*", Sid="Put"))
    account.client("s3", bob).put_object(Bucket="uploads", Key="k", Body=b"1")
    (decision,) = sandbox_api(account, "decisions")
    assert (decision["action"], decision["allowed"]) == ("s3:PutObject", True)
    assert (decision["policy"], decision["statement"]) == ("bob/own", "Put")
    assert decision["resource"] == "arn:aws:s3:::uploads/k"


# Roles


def test_a_service_assumes_only_what_trusts_it(account: Account) -> None:
    condition = {"StringEquals": {"aws:SourceAccount": A}}
    arn = make_role(account, {"Service": ["a.amazonaws.com", "codebuild.amazonaws.com"]}, Condition=condition)
    account.assume(arn, "codebuild.amazonaws.com", "b")
    for role, service in ((arn, "ecs-tasks.amazonaws.com"), (arn + "x", "codebuild.amazonaws.com")):
        with pytest.raises(AwsError, match="AccessDenied"):
            account.assume(role, service, "b")


def test_assume_role_needs_trust_and_for_the_account_also_permission(account: Account) -> None:
    bob, eve = make_user(account), make_user(account, allow("sts:AssumeRole"), name="eve")
    direct = make_role(account, {"AWS": f"arn:aws:iam::{A}:user/bob"}, name="direct")
    delegated = make_role(account, {"AWS": f"arn:aws:iam::{A}:root"}, name="delegated")
    closed = make_role(account, {"Service": "ecs.amazonaws.com"}, name="closed")

    def may(credentials: Credentials, role: str) -> bool:
        try:
            found = account.client("sts", credentials).assume_role(RoleArn=role, RoleSessionName="work")["Credentials"]
        except ClientError as error:
            return str(error.response["Error"]["Code"]) != "AccessDenied"
        session = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        arn = account.client("sts", session).get_caller_identity()["Arn"]
        return bool(arn == f"arn:aws:sts::{A}:assumed-role/{role.rpartition('/')[2]}/work")

    assert [may(bob, role) for role in (direct, delegated, closed)] == [True, False, False]
    assert [may(eve, role) for role in (direct, delegated, closed)] == [False, True, False]


def test_a_session_policy_and_a_boundary_limit(account: Account) -> None:
    account.client("ssm").put_parameter(Name="/a", Value="v", Type="String")
    make_user(account, allow("sts:AssumeRole"))
    role = make_role(account, {"AWS": A}, allow("ssm:*"))
    sts = account.client("sts", identity.user_credentials(account, "bob"))

    def get(policy: str | None) -> Any:
        extra = {"Policy": policy} if policy else {}
        found = sts.assume_role(RoleArn=role, RoleSessionName="work", **extra)["Credentials"]
        session = Credentials(found["AccessKeyId"], found["SecretAccessKey"], found["SessionToken"])
        return account.client("ssm", session).get_parameter

    assert get(None)(Name="/a")["Parameter"]["Value"] == "v"
    assert "session policy" in refused(get(document(allow("s3:*"))), Name="/a")[1]
    iam = account.client("iam")
    boundary = iam.create_policy(PolicyName="b", PolicyDocument=document(allow("s3:*")))["Policy"]["Arn"]
    iam.put_role_permissions_boundary(RoleName="app", PermissionsBoundary=boundary)
    assert "permissions boundary" in refused(get(None), Name="/a")[1]


# Own handlers


def test_own_handlers_answer_in_their_protocol(account: Account) -> None:
    bob = make_user(account, allow("codepipeline:ListPipelines"))
    client = account.client("codepipeline", bob)
    assert client.list_pipelines()["pipelines"] == [{"name": f"arn:aws:iam::{A}:user/bob", "version": 1}]
    assert refused(client.list_pipelines, maxResults=1) == ("ValidationException", "not <one>")


# The aws command line


@pytest.mark.parametrize("size", [10, 9_000_000], ids=["one part", "multipart"])
def test_the_command_line_uploads_and_is_refused(account: Account, tmp_path: Path, size: int) -> None:
    s3 = make_bucket(account)
    bob = make_user(account, allow("s3:PutObject", "arn:aws:s3:::uploads/app.zip"))
    source = tmp_path / "app.zip"
    source.write_bytes(os.urandom(size))
    done = aws(account, bob, "s3", "cp", "--no-progress", str(source), "s3://uploads/app.zip")
    assert done.returncode == 0, done.stderr
    assert s3.get_object(Bucket="uploads", Key="app.zip")["Body"].read() == source.read_bytes()
    other = aws(account, bob, "s3", "cp", "--no-progress", str(source), "s3://uploads/other.zip")
    assert other.returncode != 0
    assert "An error occurred (AccessDenied) when calling the " in other.stderr


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA256"])
def test_the_command_line_sends_checksums(account: Account, tmp_path: Path, algorithm: str) -> None:
    s3 = make_bucket(account)
    bob = make_user(account, allow("s3:PutObject", "arn:aws:s3:::uploads/k"))
    (tmp_path / "body").write_text("text")
    put = ["s3api", "put-object", "--bucket", "uploads", "--key", "k", "--body", str(tmp_path / "body")]
    done = aws(account, bob, *put, "--checksum-algorithm", algorithm)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[f"Checksum{algorithm}"]
    assert s3.get_object(Bucket="uploads", Key="k")["Body"].read() == b"text"


def test_a_body_with_trailing_checksum(account: Account) -> None:
    """What SDKs send over HTTPS: aws-chunked with the checksum after the body, in a chunked transfer."""
    s3 = make_bucket(account)
    body = b"4\r\nabcd\r\n0\r\nx-amz-checksum-crc32:7YLNEQ==\r\n\r\n"
    connection = HTTPConnection(account.endpoint.removeprefix("http://"), timeout=10)
    headers = {
        "Authorization": f"AWS4-HMAC-SHA256 Credential={ROOT_CREDENTIALS.access_key}/20260101/{R}/s3/aws4_request, "
        "SignedHeaders=host, Signature=0",
        "Content-Encoding": "aws-chunked",
        "X-Amz-Content-SHA256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER",
        "X-Amz-Decoded-Content-Length": "4",
        "X-Amz-Trailer": "x-amz-checksum-crc32",
    }
    connection.request("PUT", "/uploads/k", iter([body[:10], body[10:]]), headers, encode_chunked=True)
    assert connection.getresponse().status == 200
    assert s3.get_object(Bucket="uploads", Key="k")["Body"].read() == b"abcd"


# The sandbox's own API and command line


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("abort", [False, True])
def test_a_held_call_waits_for_who_holds_it(account: Account, after: bool, abort: bool) -> None:
    iam = account.client("iam")
    hold = sandbox_api(
        account, "hold", {"operation": "iam:CreateUser", "by": ":root", "mentions": "ann", "after": after}
    )
    iam.create_user(UserName="bob")
    assert sandbox_api(account, "held", hold) == {"held": False}
    with ThreadPoolExecutor() as pool:
        held = pool.submit(iam.create_user, UserName="ann")
        while not sandbox_api(account, "held", hold)["held"]:
            time.sleep(0.01)
        assert ("ann" in {user["UserName"] for user in iam.list_users()["Users"]}) is after
        assert sandbox_api(account, "release", {**hold, "abort": abort}) == {"held": True}
        if abort:
            with pytest.raises(ClientError, match="was held, and ended by who held it"):
                held.result()
        else:
            held.result()
    assert ("ann" in {user["UserName"] for user in iam.list_users()["Users"]}) is (after or not abort)


def test_identities_are_found_by_name_stack_and_ending(account: Account) -> None:
    known = {"user": ["dev-up", "up", "x-web-reader"], "role": ["y-web-role"]}
    assert control.find_identity("up", [], known) == ("user", "up")
    assert control.find_identity("web-reader", [], known) == ("user", "x-web-reader")
    assert control.find_identity("role", [], known) == ("role", "y-web-role")
    assert control.find_identity("up", ["dev-up"], {"user": ["dev-up", "prd-up"], "role": []}) == ("user", "dev-up")
    for wrong in ("r", "nobody"):
        with pytest.raises(control.Rejected):
            control.find_identity(wrong, ["dev-r"], {"user": ["ar", "br"], "role": []})


def test_a_users_key_stays_the_same(account: Account) -> None:
    make_user(account, name="local-bob")
    first, second = (sandbox_api(account, "credentials", {"identity": "bob", "names": ["bob"]}) for _ in range(2))
    assert first == second
    assert len(account.client("iam").list_access_keys(UserName="local-bob")["AccessKeyMetadata"]) == 1


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "Pulumi.yaml").write_text("name: p\nruntime: python\n")
    (tmp_path / "Pulumi.local.yaml").write_text(f"config:\n  aws:region: {R}\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def run(command: Any, *arguments: str) -> Result:
    return CliRunner().invoke(command, arguments)


def test_env_and_stop(repository: Path, account: Account) -> None:
    folder = repository / ".sandbox" / "local"
    folder.mkdir(parents=True)
    port = int(account.endpoint.rpartition(":")[2])
    described = {"pid": os.getpid(), "port": port, "aws_port": port, "awsx_port": port}
    (folder / "server.json").write_text(json.dumps({**described, "account": A, "region": R}))
    make_role(account, {"Service": "a.amazonaws.com"}, name="local-deployer")
    printed = run(env, "--as", "deployer").output
    script = f'{printed}\nexec "{AWS}" sts get-caller-identity --query Arn --output text'
    shell = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True, timeout=60)
    assert shell.stdout.strip() == f"arn:aws:sts::{A}:assumed-role/local-deployer/sandbox-env"
    assert "unset AWS_SESSION_TOKEN" in run(env).output
    assert json.loads(run(env, "--json").output)["AWS_ENDPOINT_URL"] == account.endpoint
    unknown = run(env, "--as", "nobody")
    assert unknown.exit_code == 1
    assert "  role local-deployer" in unknown.output
    assert "Ended and forgotten: local" in run(stop).output, "this test's own process is no server and lives on"
    assert not folder.exists()
    assert run(env).exit_code == 1


def test_the_daemon_serves_until_sigterm(repository: Path) -> None:
    folder = repository / ".sandbox" / "local"
    folder.mkdir(parents=True)
    arguments = ["--stack", "local", "--folder", str(folder), "--account", A, "--region", R]
    daemon = subprocess.Popen([sys.executable, "-m", "sandbox.server", *arguments], stderr=subprocess.PIPE)
    try:
        description = folder / "server.json"
        end = time.monotonic() + 60
        while not description.exists() and daemon.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
        assert description.exists(), daemon.communicate(timeout=5)
        server = json.loads(description.read_text())
        assert (server["pid"], server["account"], server["region"]) == (daemon.pid, A, R)
        with urlopen(f"http://127.0.0.1:{server['port']}/_sandbox/health", timeout=10) as response:
            assert json.load(response)["pid"] == daemon.pid
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(timeout=20) == 0
        assert not description.exists()
    finally:
        daemon.kill()
        daemon.wait()


def test_no_process_outlives_the_server(tmp_path: Path) -> None:
    """Neither a child, nor an orphan in a session of its own that ignores SIGTERM."""
    pids = tmp_path / "pids"
    script = f"""
import subprocess, time
from sandbox.server.processes import adopt_orphans, end_descendants
adopt_orphans()
subprocess.Popen(["sh", "-c", "echo $$ >> {pids}; exec sleep 60"])
subprocess.run(["sh", "-c", "setsid sh -c 'trap : TERM; echo $$ >> {pids}; while :; do sleep 1; done' &"])
while len(open("{pids}").read().split()) < 2: time.sleep(0.05)
end_descendants(grace=0.5)
"""
    pids.touch()
    subprocess.run([sys.executable, "-c", script], check=True, timeout=30)
    started = pids.read_text().split()
    assert len(started) == 2
    states = [path.read_text().rpartition(")")[2].split()[0] for pid in started if (path := _stat(pid)).exists()]
    assert set(states) <= {"Z"}


def _stat(pid: str) -> Path:
    return Path(f"/proc/{pid}/stat")


def test_the_network_is_read_anew_when_a_call_has_changed_it(account: Account) -> None:
    ec2, before = account.client("ec2"), vpc_of(account)
    ec2.describe_vpcs()
    assert vpc_of(account) is before
    vpc = ec2.create_vpc(CidrBlock="10.9.0.0/16")["Vpc"]["VpcId"]
    group = ec2.create_security_group(GroupName="new", Description="new", VpcId=vpc)["GroupId"]
    assert group in vpc_of(account).groups
