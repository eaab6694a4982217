"""What ECS does as the roles of a service, in an account that judges it: rewrite listener rules and call hooks."""

import io
import json
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from moto.moto_api._internal.models import moto_api_backend

from sandbox.account.account import Account
from sandbox.account.resource_lookup import MotoLookup
from sandbox.ecs.hooks import HookFailed, HookRun, answer_of, hook_run
from sandbox.ecs.listener_rules import InvalidNetworking, ListenerRules, NotShifted, shifted
from sandbox.functions import api as functions
from sandbox.iam.calls import Call
from sandbox.iam.requests import needs
from sandbox.server.listener import Listener

A, R = "111122223333", "eu-west-1"
Json = dict[str, Any]


def trust(service: str) -> str:
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", "Principal": {"Service": service}}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@pytest.fixture
def account(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Account]:
    monkeypatch.setenv("MOTO_ACCOUNT_ID", A)
    listener = Listener(tmp_path, A, R, functions.HANDLERS)
    yield listener.account
    listener.stop()
    moto_api_backend.reset()


def make_role(account: Account, allowed: dict[str, str], service: str = "ecs.amazonaws.com", name: str = "role") -> str:
    """Actions → the resource that each is allowed on."""
    iam = account.client("iam")
    arn: str = iam.create_role(RoleName=name, AssumeRolePolicyDocument=trust(service))["Role"]["Arn"]
    statements = [{"Effect": "Allow", "Action": action, "Resource": on} for action, on in allowed.items()]
    if statements:
        document = json.dumps({"Version": "2012-10-17", "Statement": statements})
        iam.put_role_policy(RoleName=name, PolicyName="own", PolicyDocument=document)
    return arn


@pytest.fixture
def balancer(account: Account) -> Json:
    """An entry of `loadBalancers` without a role, whose production rule has both target groups."""
    ec2, elb = account.client("ec2"), account.client("elbv2")
    vpc = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    subnets = [
        ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.0.{n}.0/24", AvailabilityZone=f"{R}{zone}")["Subnet"]["SubnetId"]
        for n, zone in enumerate("ab")
    ]
    lb = elb.create_load_balancer(Name="lb", Subnets=subnets)["LoadBalancers"][0]["LoadBalancerArn"]
    blue, green = (
        elb.create_target_group(Name=name, Protocol="HTTP", Port=80, VpcId=vpc, TargetType="ip")["TargetGroups"][0][
            "TargetGroupArn"
        ]
        for name in ("blue", "green")
    )
    forward = [
        {
            "Type": "forward",
            "ForwardConfig": {
                "TargetGroups": [{"TargetGroupArn": blue, "Weight": 1}, {"TargetGroupArn": green, "Weight": 0}]
            },
        }
    ]
    listener = elb.create_listener(LoadBalancerArn=lb, Protocol="HTTP", Port=80, DefaultActions=forward)["Listeners"][0]
    conditions = [{"Field": "path-pattern", "Values": ["/*"]}]
    made = elb.create_rule(ListenerArn=listener["ListenerArn"], Priority=1, Conditions=conditions, Actions=forward)
    advanced = {"alternateTargetGroupArn": green, "productionListenerRule": made["Rules"][0]["RuleArn"]}
    return {"targetGroupArn": blue, "advancedConfiguration": advanced}


def with_role(balancer: Json, role: str, **advanced: Any) -> Json:
    return {**balancer, "advancedConfiguration": {**balancer["advancedConfiguration"], "roleArn": role, **advanced}}


def described(account: Account, rule: str) -> list[int]:
    (found,) = account.client("elbv2").describe_rules(RuleArns=[rule])["Rules"]
    return [int(each["Weight"]) for each in found["Actions"][0]["ForwardConfig"]["TargetGroups"]]


def test_the_infrastructure_role_rewrites_its_rule_and_no_other(account: Account, balancer: Json) -> None:
    rule, green = (
        balancer["advancedConfiguration"]["productionListenerRule"],
        balancer["advancedConfiguration"]["alternateTargetGroupArn"],
    )
    role = make_role(account, {"elasticloadbalancing:DescribeRules": "*", "elasticloadbalancing:ModifyRule": rule})
    rules, shares = ListenerRules(account), {balancer["targetGroupArn"]: 95.0, green: 5.0}
    assert rules.serving(with_role(balancer, role)) == balancer["targetGroupArn"]
    rules.shift(with_role(balancer, role), "productionListenerRule", shares)
    assert described(account, rule) == [95, 5]
    rules.shift(with_role(balancer, role), "testListenerRule", shares)
    elb = account.client("elbv2")
    (default,) = [
        r
        for r in elb.describe_rules(ListenerArn=rule.rpartition("/")[0].replace("listener-rule", "listener"))["Rules"]
        if r["IsDefault"]
    ]
    other = with_role(balancer, role, productionListenerRule=default["RuleArn"])
    with pytest.raises(
        NotShifted,
        match=r"assumed-role/role/ECSNetworkingWithELB is not authorized to perform: elasticloadbalancing:ModifyListener on resource: arn:aws:elasticloadbalancing:.*:listener/app/lb/",
    ):
        rules.shift(other, "productionListenerRule", shares)


@pytest.mark.parametrize(
    ("allowed", "service"),
    [({}, "ecs.amazonaws.com"), ({"elasticloadbalancing:DescribeRules": "*"}, "codedeploy.amazonaws.com")],
)
def test_a_role_without_rights_or_trust_is_named(
    account: Account, balancer: Json, allowed: dict[str, str], service: str
) -> None:
    role = make_role(account, allowed, service)
    with pytest.raises(InvalidNetworking, match=f"due to missing permissions on ECS Infrastructure Role '{role}'"):
        ListenerRules(account).serving(with_role(balancer, role))


def test_what_the_rules_must_hold(account: Account, balancer: Json) -> None:
    role = make_role(account, {"elasticloadbalancing:*": "*"})
    rules, elb = ListenerRules(account), account.client("elbv2")
    blue, green, rule = (
        balancer["targetGroupArn"],
        balancer["advancedConfiguration"]["alternateTargetGroupArn"],
        balancer["advancedConfiguration"]["productionListenerRule"],
    )
    for groups, words in (
        ({blue: 1}, f"Target group {green} is not associated with either productionListenerRule or testListenerRule"),
        ({blue: 1, green: 1}, "should have exactly one target group serving traffic but found 2"),
    ):
        config = {"TargetGroups": [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in groups.items()]}
        elb.modify_rule(RuleArn=rule, Actions=[{"Type": "forward", "ForwardConfig": config}])
        with pytest.raises(InvalidNetworking, match=words):
            rules.serving(with_role(balancer, role))
    with pytest.raises(InvalidNetworking, match="One or more rules not found"):
        rules.serving(with_role(balancer, role, productionListenerRule=f"{rule}0"))


@pytest.mark.parametrize(("share", "expected"), [(100.0, [100, 0]), (5.0, [5, 95]), (0.5, [5, 995]), (0.1, [1, 999])])
def test_shares_as_weights(share: float, expected: list[int]) -> None:
    """A tenth of a per cent needs weights of a thousand, and 999 is the largest there is."""
    sticky = {"TargetGroupStickinessConfig": {"Enabled": True, "DurationSeconds": 60}}
    before = [
        {"Type": "authenticate-oidc", "Order": 1},
        {"Type": "forward", "Order": 2, "TargetGroupArn": "a", "ForwardConfig": sticky},
    ]
    first, second = shifted(before, {"a": share, "b": round(100.0 - share, 1)})
    assert first == before[0]
    groups = [{"TargetGroupArn": arn, "Weight": weight} for arn, weight in zip("ab", expected, strict=True)]
    assert second == {"Type": "forward", "Order": 2, "ForwardConfig": {**sticky, "TargetGroups": groups}}


FUNCTION = f"arn:aws:lambda:{R}:{A}:function:hook"
CODE = """
def handler(event, context):
    return event["hookDetails"]["answer"]
"""


def make_function(account: Account) -> None:
    files = io.BytesIO()
    with zipfile.ZipFile(files, "w") as archive:
        archive.writestr("hook.py", CODE)
    account.client("lambda").create_function(
        FunctionName="hook", Runtime="python3.12", Handler="hook.handler", Code={"ZipFile": files.getvalue()},
        Role=make_role(account, {}, "lambda.amazonaws.com", "function"),
    )  # fmt: skip


def run_of(role: str, answer: Any = None) -> HookRun:
    declared = {"hookTargetArn": FUNCTION, "roleArn": role, "hookDetails": {"answer": answer}}
    return hook_run(declared, "POST_SCALE_UP", {}, 0.0, lambda seconds: seconds)


def test_hooks_are_called_with_the_role_that_they_name(account: Account) -> None:
    make_function(account)
    role = make_role(account, {"lambda:InvokeFunction": FUNCTION})
    answer = {"hookStatus": "IN_PROGRESS", "callBackDelay": 5}
    assert answer_of(account, run_of(role, answer)) == answer
    for wrong in (None, "SUCCEEDED", {"hookStatus": "YES"}):
        with pytest.raises(
            HookFailed, match=f"unable to parse the response from {FUNCTION} due to HookStatus must not be null"
        ):
            answer_of(account, run_of(role, wrong))
    bare = make_role(account, {}, name="bare")
    with pytest.raises(
        HookFailed,
        match=rf"unable to invoke hook target {FUNCTION} due to User: .*/bare/ECS-Lambda-Execution is not authorized to perform: lambda:InvokeFunction",
    ):
        answer_of(account, run_of(bare))
    untrusted = make_role(account, {}, "codedeploy.amazonaws.com", "untrusted")
    with pytest.raises(HookFailed, match=f"ECS was unable to assume role {untrusted}"):
        answer_of(account, run_of(untrusted))


SERVICE = f"arn:aws:ecs:{R}:{A}:service/main/web"


@pytest.mark.parametrize(
    ("operation", "params", "expected"),
    [
        ("StopServiceDeployment", {"serviceDeploymentArn": "arn:aws:ecs:r:a:service-deployment/main/web/x"}, {("ecs:StopServiceDeployment", "arn:aws:ecs:r:a:service-deployment/main/web/x")}),
        ("ContinueServiceDeployment", {"serviceDeploymentArn": "arn:aws:ecs:r:a:service-deployment/main/web/x", "hookId": "h"}, {("ecs:ContinueServiceDeployment", "arn:aws:ecs:r:a:service-deployment/main/web/x")}),
        ("DescribeServiceRevisions", {"serviceRevisionArns": ["arn:aws:ecs:r:a:service-revision/main/web/1"]}, {("ecs:DescribeServiceRevisions", "arn:aws:ecs:r:a:service-revision/main/web/1")}),
        (
            "UpdateService",
            {
                "cluster": "main",
                "service": "web",
                "loadBalancers": [{"advancedConfiguration": {"roleArn": "arn:aws:iam::1:role/elb"}}],
                "deploymentConfiguration": {"lifecycleHooks": [{"roleArn": "arn:aws:iam::1:role/hook"}, {"targetType": "PAUSE"}]},
            },
            {("ecs:UpdateService", SERVICE), ("iam:PassRole", "arn:aws:iam::1:role/elb"), ("iam:PassRole", "arn:aws:iam::1:role/hook")},
        ),
    ],
)  # fmt: skip
def test_what_calls_need(operation: str, params: Json, expected: set[tuple[str, str]]) -> None:
    call = Call("ecs", operation, params, A, R, MotoLookup(A, R))
    assert {(need.action, need.resource) for need in needs(call)} == expected
