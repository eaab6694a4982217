"""Every resource type goes through create, read, update and delete against moto."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

import pytest
from botocore.exceptions import ClientError
from moto import mock_aws
from resource_account import ACCOUNT, CONTAINERS, REGION, Account, Props, policy, trust

from sandbox import moto_fixes
from sandbox.cloudwatch.composite import serve_composite_alarms
from sandbox.cloudwatch.queries import serve_query_definitions
from sandbox.providers.resources import RESOURCES


@pytest.fixture
def account() -> Iterator[Account]:
    moto_fixes.apply()
    serve_composite_alarms(lambda _: None)
    serve_query_definitions()
    with mock_aws():
        yield Account()


@dataclass(frozen=True)
class Case:
    """Inputs of a resource, a change to them, and what must come out."""

    token: str
    inputs: Callable[[Account], Props]
    change: Callable[[Account], Props] | None = None
    outputs: tuple[str, ...] = ()
    id: str = ""
    twice_fails: bool = True
    stays: bool = False
    unreported: Collection[str] = ()
    label: str = ""


TAGS = {"owner": "team", "stage": "test"}
OTHER_TAGS = {"tags": {"owner": "other", "more": "yes"}}
RETAG: Callable[[Account], Props] = lambda a: OTHER_TAGS  # noqa: E731
READERS = json.dumps({"Version": "2012-10-17", "Statement": [{
    "Sid": "Pull", "Effect": "Allow", "Principal": {"AWS": "arn:aws:iam::111122223333:root"}, "Action": "ecr:BatchGetImage",
}]})  # fmt: skip
LIFECYCLE = json.dumps({"rules": [{"rulePriority": 1, "action": {"type": "expire"}, "selection": {
    "tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 10}}]})  # fmt: skip
DESTINATION = "0.0.0.0/0"
STAGE_CONDITION = {
    "condition": {
        "result": "SKIP",
        "rules": [
            {
                "name": "OnlyApplications",
                "ruleTypeId": {"category": "Rule", "owner": "AWS", "provider": "VariableCheck", "version": "1"},
                "configuration": {"Variable": "#{variables.kind}", "Value": "app", "Operator": "EQ"},
            }
        ],
    }
}


def pipeline(a: Account) -> Props:
    source = {
        "name": "Source", "category": "Source", "owner": "AWS", "provider": "S3", "version": "1",
        "namespace": "Source", "outputArtifacts": ["Code"],
        "configuration": {"S3Bucket": "b", "S3ObjectKey": "k.zip", "PollForSourceChanges": "false"},
    }  # fmt: skip
    build = {
        "name": "Build", "category": "Build", "owner": "AWS", "provider": "CodeBuild", "version": "1",
        "inputArtifacts": ["Code"], "outputArtifacts": ["Image"], "configuration": {"ProjectName": "p"},
        "runOrder": 2,
    }  # fmt: skip
    return {
        "name": "delivery", "roleArn": a.role(), "pipelineType": "V2", "executionMode": "QUEUED",
        "artifactStores": [{"location": a.bucket(), "type": "S3", "encryptionKey": {"id": "k", "type": "KMS"}}],
        "variables": [{"name": "kind", "defaultValue": "app", "description": "what is it"}],
        "stages": [
            {"name": "Source", "actions": [source]},
            {"name": "Build", "actions": [build], "beforeEntry": STAGE_CONDITION},
        ],
        "tags": TAGS,
    }  # fmt: skip


def project(a: Account) -> Props:
    return {
        "name": "builder", "serviceRole": a.role("codebuild.amazonaws.com"), "buildTimeout": 30,
        "source": {"type": "S3", "location": "b/k.zip", "buildspec": "version: 0.2"},
        "artifacts": {"type": "S3", "location": "b"},
        "environment": {
            "type": "ARM_CONTAINER", "computeType": "BUILD_GENERAL1_SMALL", "image": "aws/x:1",
            "privilegedMode": True,
            "environmentVariables": [{"name": "A", "value": "1"},
                                     {"name": "B", "value": "/x", "type": "PARAMETER_STORE"}],
        },
        "logsConfig": {"cloudwatchLogs": {"groupName": "builds", "streamName": "s"}},
        "tags": TAGS,
    }  # fmt: skip


def service(a: Account) -> Props:
    vpc = a.vpc()
    return {
        "name": "web", "cluster": a.cluster(), "taskDefinition": a.revision(), "desiredCount": 2,
        "networkConfiguration": {"subnets": a.subnets(vpc), "securityGroups": [a.group(vpc)],
                                 "assignPublicIp": False},
        "loadBalancers": [{"targetGroupArn": a.served_target_group(), "containerName": "app", "containerPort": 80}],
        "launchType": "FARGATE", "tags": TAGS,
    }  # fmt: skip


def rule_actions(a: Account, *weights: int) -> Props:
    if not hasattr(a, "groups"):
        a.groups = [a.target_group(), a.target_group()]  # type: ignore[attr-defined]
    groups = [{"arn": arn, "weight": w} for arn, w in zip(a.groups, weights, strict=True)]  # type: ignore[attr-defined]
    return {"actions": [{"type": "forward", "forward": {"targetGroups": groups}}]}


CASES = [
    Case("aws:ec2/vpc:Vpc",
         lambda a: {"cidrBlock": "10.9.0.0/16", "enableDnsHostnames": True, "tags": TAGS},
         lambda a: {"enableDnsHostnames": False, **OTHER_TAGS},
         ("arn", "defaultSecurityGroupId", "mainRouteTableId", "defaultNetworkAclId"), twice_fails=False),
    Case("aws:ec2/subnet:Subnet",
         lambda a: {"vpcId": a.vpc(), "cidrBlock": f"10.{a.count}.1.0/24", "availabilityZone": "us-east-1b",
                    "mapPublicIpOnLaunch": True, "tags": TAGS},
         lambda a: {"mapPublicIpOnLaunch": False, **OTHER_TAGS}, ("arn", "availabilityZoneId")),
    Case("aws:ec2/internetGateway:InternetGateway", lambda a: {"vpcId": a.vpc(), "tags": TAGS}, RETAG, ("arn",),
         twice_fails=False),
    Case("aws:ec2/routeTable:RouteTable", lambda a: {"vpcId": a.vpc(), "tags": TAGS}, RETAG, ("arn",),
         twice_fails=False),
    Case("aws:ec2/route:Route",
         lambda a: {"routeTableId": a.id("aws:ec2/routeTable:RouteTable", vpcId=(vpc := a.vpc())),
                    "destinationCidrBlock": DESTINATION,
                    "gatewayId": a.id("aws:ec2/internetGateway:InternetGateway", vpcId=vpc)},
         outputs=("state", "origin")),
    Case("aws:ec2/routeTableAssociation:RouteTableAssociation",
         lambda a: {"routeTableId": a.id("aws:ec2/routeTable:RouteTable", vpcId=(vpc := a.vpc())),
                    "subnetId": a.subnets(vpc)[0]},
         lambda a: {"routeTableId": a.id("aws:ec2/routeTable:RouteTable", vpcId=a.vpc())}, twice_fails=False),
    Case("aws:ec2/eip:Eip", lambda a: {"domain": "vpc", "tags": TAGS}, RETAG,
         ("allocationId", "publicIp", "publicDns", "arn"), twice_fails=False),
    Case("aws:ec2/natGateway:NatGateway",
         lambda a: {"subnetId": a.subnets(a.vpc())[0],
                    "allocationId": a.id("aws:ec2/eip:Eip", domain="vpc"), "tags": TAGS},
         RETAG, ("publicIp", "privateIp", "networkInterfaceId"), twice_fails=False),
    Case("aws:ec2/vpcEndpoint:VpcEndpoint",
         lambda a: {"vpcId": (vpc := a.vpc()), "serviceName": "com.amazonaws.us-east-1.ecr.api",
                    "vpcEndpointType": "Interface", "subnetIds": a.subnets(vpc)[:1],
                    "securityGroupIds": [a.group(vpc)], "privateDnsEnabled": True, "tags": TAGS},
         RETAG, ("arn", "state"), twice_fails=False),
    Case("aws:ec2/securityGroup:SecurityGroup",
         lambda a: {"name": "web", "vpcId": a.vpc(), "description": "for the web", "tags": TAGS,
                    "ingress": [{"protocol": "tcp", "fromPort": 80, "toPort": 80, "cidrBlocks": [DESTINATION]},
                                {"protocol": "tcp", "fromPort": 1, "toPort": 9, "self": True}],
                    "egress": [{"protocol": "-1", "fromPort": 0, "toPort": 0, "cidrBlocks": [DESTINATION]}]},
         lambda a: {"ingress": [{"protocol": "tcp", "fromPort": 443, "toPort": 443,
                                 "cidrBlocks": [DESTINATION]}], "egress": []},
         ("arn", "ownerId")),
    *[Case(f"aws:vpc/securityGroup{way}Rule:SecurityGroup{way}Rule",
           lambda a: {"securityGroupId": (group := a.group(a.vpc())), "ipProtocol": "tcp", "fromPort": 80,
                      "toPort": 81, "referencedSecurityGroupId": group, "description": "in", "tags": TAGS},
           lambda a: {"description": "more", **OTHER_TAGS}, ("arn", "securityGroupRuleId")) for way in ("Ingress", "Egress")],
    Case("aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule",
         lambda a: {"securityGroupId": a.group(a.vpc()), "ipProtocol": "-1", "cidrIpv4": DESTINATION},
         lambda a: {"description": "all"}, label="all"),
    Case("aws:lb/loadBalancer:LoadBalancer",
         lambda a: {"name": "front", "subnets": a.subnets(vpc := a.vpc()), "securityGroups": [a.group(vpc)],
                    "idleTimeout": 120, "enableDeletionProtection": False, "dropInvalidHeaderFields": True,
                    "tags": TAGS},
         lambda a: {"idleTimeout": 60, **OTHER_TAGS}, ("arn", "arnSuffix", "dnsName", "zoneId", "vpcId")),
    Case("aws:lb/targetGroup:TargetGroup",
         lambda a: {"name": "green", "port": 8080, "protocol": "HTTP", "vpcId": a.vpc(), "targetType": "ip",
                    "deregistrationDelay": 15, "tags": TAGS,
                    "healthCheck": {"path": "/up", "matcher": "200-299", "interval": 5, "timeout": 2,
                                    "healthyThreshold": 2, "unhealthyThreshold": 4}},
         lambda a: {"deregistrationDelay": 30, **OTHER_TAGS,
                    "healthCheck": {"path": "/ready", "matcher": "200", "interval": 6}},
         ("arn", "arnSuffix")),
    Case("aws:lb/listener:Listener",
         lambda a: {"loadBalancerArn": a.load_balancer(), "port": 80, "protocol": "HTTP", "tags": TAGS,
                    "defaultActions": [{"type": "redirect", "redirect": {
                        "port": "443", "protocol": "HTTPS", "statusCode": "HTTP_301"}}]},
         lambda a: {"port": 81, **OTHER_TAGS, "defaultActions": [
             {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": 404}}]},
         ("arn",), twice_fails=False),
    Case("aws:lb/listenerCertificate:ListenerCertificate",
         lambda a: {"listenerArn": a.https_listener(), "certificateArn": a.certificate("example.net")},
         twice_fails=False),
    Case("aws:lb/listenerRule:ListenerRule",
         lambda a: {"listenerArn": a.listener(), "priority": 5, "tags": TAGS, **rule_actions(a, 100, 0),
                    "conditions": [{"hostHeader": {"values": ["b.example.org", "a.example.org"]}},
                                   {"pathPattern": {"values": ["/api/*"]}}]},
         lambda a: {**rule_actions(a, 10, 90), "priority": 7, **OTHER_TAGS,
                    "conditions": [{"hostHeader": {"values": ["c.example.org"]}}]}, ("arn",),
         unreported={"listenerArn"}),
    Case("aws:acm/certificate:Certificate",
         lambda a: {"domainName": "example.org", "validationMethod": "DNS",
                    "subjectAlternativeNames": ["*.example.org"], "tags": TAGS}, RETAG,
         ("arn", "domainValidationOptions", "status"), twice_fails=False),
    Case("aws:route53/zone:Zone",
         lambda a: {"name": "internal.example.org", "comment": "c", "tags": TAGS,
                    "vpcs": [{"vpcId": a.vpc(), "vpcRegion": "us-east-1"}]},
         lambda a: {"comment": "d", **OTHER_TAGS}, ("arn", "zoneId"), twice_fails=False),
    Case("aws:route53/record:Record",
         lambda a: {"zoneId": a.zone(), "name": "api.example.org", "type": "CNAME", "ttl": 60,
                    "records": ["x.example.org"]},
         lambda a: {"ttl": 300, "records": ["y.example.org"]}, ("fqdn",)),
    Case("aws:route53/record:Record",
         lambda a: {"zoneId": a.zone(), "name": "www", "type": "A", "aliases": [
             {"name": "lb.amazonaws.com", "zoneId": "Z35SXDOTRQ7X7K", "evaluateTargetHealth": True}]},
         outputs=("fqdn",), label="alias"),
    Case("aws:s3/bucket:Bucket", lambda a: {"bucket": "uploads-1", "forceDestroy": True, "tags": TAGS},
         RETAG, ("arn", "bucketDomainName", "bucketRegionalDomainName"), "uploads-1"),
    Case("aws:s3/bucketVersioning:BucketVersioning",
         lambda a: {"bucket": a.bucket(), "versioningConfiguration": {"status": "Enabled"}},
         lambda a: {"versioningConfiguration": {"status": "Suspended"}}, id="some-bucket-1", twice_fails=False,
         stays=True),
    Case("aws:s3/bucketServerSideEncryptionConfiguration:BucketServerSideEncryptionConfiguration",
         lambda a: {"bucket": a.bucket(), "rules": [{"bucketKeyEnabled": True,
                    "applyServerSideEncryptionByDefault": {"sseAlgorithm": "aws:kms", "kmsMasterKeyId": a.key()}}]},
         twice_fails=False),
    Case("aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock",
         lambda a: {"bucket": a.bucket(), "blockPublicAcls": True, "blockPublicPolicy": True,
                    "ignorePublicAcls": True, "restrictPublicBuckets": True},
         lambda a: {"restrictPublicBuckets": False}, twice_fails=False),
    Case("aws:s3/bucketPolicy:BucketPolicy",
         lambda a: {"bucket": a.bucket(), "policy": policy("s3:GetObject", Principal="*")},
         lambda a: {"policy": policy("s3:PutObject", Principal="*")}, twice_fails=False),
    Case("aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration",
         lambda a: {"bucket": a.bucket(), "rules": [
             {"id": "old", "status": "Enabled", "filter": {"prefix": "artifacts/"}, "expiration": {"days": 30}},
             {"id": "noncurrent", "status": "Enabled", "noncurrentVersionExpiration": {"noncurrentDays": 7},
              "abortIncompleteMultipartUpload": {"daysAfterInitiation": 1}}]},
         lambda a: {"rules": [{"id": "old", "status": "Disabled", "expiration": {"days": 3}}]},
         twice_fails=False),
    Case("aws:s3/bucketOwnershipControls:BucketOwnershipControls",
         lambda a: {"bucket": a.bucket(), "rule": {"objectOwnership": "BucketOwnerEnforced"}},
         lambda a: {"rule": {"objectOwnership": "BucketOwnerPreferred"}}, twice_fails=False),
    Case("aws:s3/bucketNotification:BucketNotification", lambda a: {"bucket": a.bucket(), "eventbridge": True},
         lambda a: {"eventbridge": False}, id="some-bucket-1", twice_fails=False, stays=True),
    Case("aws:s3/bucketObjectv2:BucketObjectv2",
         lambda a: {"bucket": a.bucket(), "key": "x/y.txt", "content": "hello", "contentType": "text/plain"},
         lambda a: {"content": "bye"}, ("etag", "arn"), "some-bucket-1/x/y.txt", twice_fails=False),
    Case("aws:iam/user:User", lambda a: {"name": "shipper", "path": "/ci/", "tags": TAGS}, RETAG,
         ("arn", "uniqueId"), "shipper"),
    Case("aws:iam/userPolicy:UserPolicy",
         lambda a: {"user": a.id("aws:iam/user:User", name="u"), "name": "p", "policy": policy("s3:PutObject")},
         lambda a: {"policy": policy("s3:GetObject", Condition={"Bool": {"aws:SecureTransport": "true"}})},
         id="u:p", twice_fails=False),
    Case("aws:iam/role:Role",
         lambda a: {"name": "task", "assumeRolePolicy": trust("ecs-tasks.amazonaws.com"), "description": "d",
                    "tags": TAGS},
         lambda a: {"assumeRolePolicy": trust("ecs.amazonaws.com"), "description": "e", **OTHER_TAGS},
         ("arn", "uniqueId"), "task"),
    Case("aws:iam/rolePolicy:RolePolicy",
         lambda a: {"role": a.role().rsplit("/", 1)[1], "name": "p", "policy": policy("s3:PutObject")},
         lambda a: {"policy": policy("s3:GetObject")}, id="role-1:p", twice_fails=False),
    Case("aws:iam/openIdConnectProvider:OpenIdConnectProvider",
         lambda a: {"url": "https://token.example.com", "clientIdLists": ["a", "b"], "thumbprintLists": ["a" * 40],
                    "tags": TAGS},
         lambda a: {"thumbprintLists": ["b" * 40], **OTHER_TAGS}, ("arn",),
         f"arn:aws:iam::{ACCOUNT}:oidc-provider/token.example.com"),
    Case("aws:iam/rolePolicyAttachment:RolePolicyAttachment",
         lambda a: {"role": a.role().rsplit("/", 1)[1], "policyArn": a.aws.client("iam").create_policy(
             PolicyName="m", PolicyDocument=policy("s3:GetObject"))["Policy"]["Arn"]}, twice_fails=False),
    Case("aws:kms/key:Key",
         lambda a: {"description": "for parameters", "enableKeyRotation": True, "tags": TAGS,
                    "policy": policy("kms:*", Principal={"AWS": f"arn:aws:iam::{ACCOUNT}:root"})},
         lambda a: {"description": "x", "enableKeyRotation": False, **OTHER_TAGS}, ("arn", "keyId"),
         twice_fails=False),
    Case("aws:kms/alias:Alias", lambda a: {"name": "alias/app", "targetKeyId": a.key()},
         lambda a: {"targetKeyId": a.key()}, ("arn", "targetKeyArn"), "alias/app"),
    Case("aws:ssm/parameter:Parameter",
         lambda a: {"name": "/app/KEY", "type": "SecureString", "value": "s3cret", "keyId": a.key(), "tags": TAGS},
         lambda a: {"value": "other", **OTHER_TAGS}, ("arn", "version", "dataType"), "/app/KEY"),
    Case("aws:ssm/parameter:Parameter",
         lambda a: {"name": "/app/PLAIN", "type": "String", "insecureValue": "one", "description": "d"},
         lambda a: {"insecureValue": "two"}, ("arn", "version"), "/app/PLAIN", label="insecure"),
    Case("aws:cloudwatch/logGroup:LogGroup", lambda a: {"name": "/app/log", "retentionInDays": 14, "tags": TAGS},
         lambda a: {"retentionInDays": 30, **OTHER_TAGS}, ("arn",), "/app/log"),
    Case("aws:cloudwatch/eventRule:EventRule",
         lambda a: {"name": "upload", "description": "d", "tags": TAGS,
                    "eventPattern": json.dumps({"source": ["aws.s3"], "detail": {"x": [{"prefix": "a"}]}})},
         lambda a: {"eventPattern": json.dumps({"source": ["aws.ecr"]}), "state": "DISABLED", **OTHER_TAGS},
         ("arn",), "upload", twice_fails=False),
    Case("aws:cloudwatch/eventTarget:EventTarget",
         lambda a: {"rule": a.rule(), "targetId": "t", "arn": f"arn:aws:codepipeline:{REGION}:{ACCOUNT}:p",
                    "roleArn": a.role(), "inputTransformer": {
                        "inputPaths": {"key": "$.detail.object.key"}, "inputTemplate": '{"key": <key>}'},
                    "httpTarget": {"pathParameterValues": ["$.detail.commit", "x"]},
                    "retryPolicy": {"maximumEventAgeInSeconds": 3600, "maximumRetryAttempts": 2},
                    "deadLetterConfig": {"arn": f"arn:aws:sqs:{REGION}:{ACCOUNT}:dead"}},
         lambda a: {"inputTransformer": {"inputPaths": {"id": "$.id"}, "inputTemplate": "<id>"}},
         ("eventBusName",), "rule-t", twice_fails=False),
    Case("aws:cloudwatch/metricAlarm:MetricAlarm",
         lambda a: {"name": "errors", "comparisonOperator": "GreaterThanThreshold", "evaluationPeriods": 1,
                    "metricName": "5xx", "namespace": "AWS/ApplicationELB", "period": 60, "statistic": "Sum",
                    "threshold": 1, "dimensions": {"LoadBalancer": "app/x"}, "tags": TAGS,
                    "treatMissingData": "notBreaching"},
         lambda a: {"threshold": 5, **OTHER_TAGS}, ("arn",), "errors", twice_fails=False),
    Case("aws:cloudwatch/metricAlarm:MetricAlarm",
         lambda a: {"name": "rate", "comparisonOperator": "GreaterThanOrEqualToThreshold", "evaluationPeriods": 5,
                    "datapointsToAlarm": 2, "threshold": 0.5, "metricQueries": [
                        {"id": "all", "expression": "MAX([m0, m0])", "returnData": True},
                        {"id": "m0", "metric": {"metricName": "m", "namespace": "n", "period": 60, "stat": "p95",
                                                "dimensions": {"LoadBalancer": "app/x"}}}]},
         lambda a: {"threshold": 1, "datapointsToAlarm": 3}, ("arn",), "rate", twice_fails=False,
         unreported={"metricQueries"}, label="math"),
    Case("aws:cloudwatch/compositeAlarm:CompositeAlarm",
         lambda a: {"alarmName": "web", "alarmRule": f'ALARM("{a.alarm()}") OR ALARM("{a.alarm()}")',
                    "alarmDescription": "d", "tags": TAGS},
         lambda a: {"alarmRule": f'ALARM("{a.alarm()}")', **OTHER_TAGS}, ("arn",), "web", twice_fails=False),
    Case("aws:cloudwatch/dashboard:Dashboard",
         lambda a: {"dashboardName": "dev", "dashboardBody": json.dumps({"widgets": []}, indent=1)},
         lambda a: {"dashboardBody": json.dumps({"widgets": [{"type": "text"}]})}, ("dashboardArn",), "dev",
         twice_fails=False),
    Case("aws:cloudwatch/queryDefinition:QueryDefinition",
         lambda a: {"name": "dev/errors", "queryString": "fields @message", "logGroupNames": ["/ecs/a"]},
         lambda a: {"queryString": "fields @timestamp", "logGroupNames": ["/ecs/a", "/ecs/b"]},
         ("queryDefinitionId",), twice_fails=False),
    Case("aws:cloudwatch/eventConnection:EventConnection",
         lambda a: {"name": "slack", "description": "d", "authorizationType": "API_KEY",
                    "authParameters": {"apiKey": {"key": "X-Key", "value": "v"}}},
         lambda a: {"description": "e"}, ("arn", "secretArn"), "slack", twice_fails=False),
    Case("aws:cloudwatch/eventApiDestination:EventApiDestination",
         lambda a: {"name": "slack", "connectionArn": a.make(
                        "aws:cloudwatch/eventConnection:EventConnection", name="c", authorizationType="API_KEY",
                        authParameters={"apiKey": {"key": "X-Key", "value": "v"}})[1]["arn"],
                    "httpMethod": "POST", "invocationEndpoint": "https://hooks.slack.com/services/x",
                    "invocationRateLimitPerSecond": 1},
         lambda a: {"invocationEndpoint": "https://hooks.slack.com/services/y"}, ("arn",), "slack", twice_fails=False),
    Case("aws:iam/policy:Policy",
         lambda a: {"name": "looks", "policy": policy("ecs:DescribeServices"), "tags": TAGS},
         lambda a: {"policy": policy("ecs:ListTasks"), **OTHER_TAGS}, ("arn", "policyId")),
    Case("aws:scheduler/schedule:Schedule",
         lambda a: {"name": "nightly", "groupName": a.id("aws:scheduler/scheduleGroup:ScheduleGroup", name="jobs"),
                    "scheduleExpression": "cron(0 3 * * ? *)", "scheduleExpressionTimezone": "Asia/Tokyo",
                    "flexibleTimeWindow": {"mode": "OFF"}, "description": "cleans up",
                    "target": {"arn": "arn:aws:lambda:us-east-1:123456789012:function:jobs",
                               "roleArn": a.role("scheduler.amazonaws.com"), "input": "{}",
                               "retryPolicy": {"maximumEventAgeInSeconds": 60, "maximumRetryAttempts": 0}}},
         lambda a: {"scheduleExpression": "rate(5 minutes)", "state": "DISABLED"}, ("arn", "actionAfterCompletion"),
         id="jobs/nightly"),
    Case("aws:scheduler/scheduleGroup:ScheduleGroup", lambda a: {"name": "jobs", "tags": TAGS}, RETAG, ("arn", "state")),
    Case("aws:sqs/queue:Queue",
         lambda a: {"name": "undelivered", "messageRetentionSeconds": 1209600, "sqsManagedSseEnabled": True,
                    "tags": TAGS},
         lambda a: {"messageRetentionSeconds": 86400, **OTHER_TAGS}, ("arn", "url")),
    Case("aws:sqs/queuePolicy:QueuePolicy",
         lambda a: {"queueUrl": a.id("aws:sqs/queue:Queue", name="q"), "policy": policy("sqs:SendMessage")},
         lambda a: {"policy": policy("sqs:ReceiveMessage")}, twice_fails=False),
    Case("aws:lambda/function:Function",
         lambda a: {"name": "steps", "role": a.role("lambda.amazonaws.com"), "handler": "steps.handler",
                    "runtime": "python3.13", "architectures": ["arm64"], "timeout": 60, "memorySize": 256,
                    "environment": {"variables": {"CLUSTER": "dev"}}, **a.code("one"), "tags": TAGS},
         lambda a: {"timeout": 120, "environment": {"variables": {"CLUSTER": "prd"}}, **a.code("two"), **OTHER_TAGS},
         ("arn", "codeSha256"), "steps"),
    Case("aws:lambda/functionEventInvokeConfig:FunctionEventInvokeConfig",
         lambda a: {"functionName": a.id("aws:lambda/function:Function", name="steps", role=a.role("lambda.amazonaws.com"),
                                         handler="steps.handler", runtime="python3.13", **a.code("one")),
                    "maximumRetryAttempts": 0},
         lambda a: {"maximumRetryAttempts": 1}, (), "steps", twice_fails=False, unreported=("functionName",)),
    Case("aws:lambda/permission:Permission",
         lambda a: {"function": a.id("aws:lambda/function:Function", name="steps", role=a.role("lambda.amazonaws.com"),
                                     handler="steps.handler", runtime="python3.13", **a.code("one")),
                    "statementId": "rule", "action": "lambda:InvokeFunction", "principal": "events.amazonaws.com",
                    "sourceArn": f"arn:aws:events:{REGION}:{ACCOUNT}:rule/ended"}, id="rule", twice_fails=False),
    Case("aws:ecr/repository:Repository",
         lambda a: {"name": "team/app", "imageTagMutability": "IMMUTABLE_WITH_EXCLUSION", "forceDelete": True,
                    "imageTagMutabilityExclusionFilters": [{"filter": "cache*", "filterType": "WILDCARD"}],
                    "imageScanningConfiguration": {"scanOnPush": True}, "tags": TAGS},
         lambda a: {"imageScanningConfiguration": {"scanOnPush": False}, **OTHER_TAGS},
         ("arn", "registryId", "repositoryUrl"), "team/app"),
    Case("aws:ecr/lifecyclePolicy:LifecyclePolicy",
         lambda a: {"repository": a.id("aws:ecr/repository:Repository", name="repo"), "policy": LIFECYCLE},
         lambda a: {"policy": LIFECYCLE.replace("10", "20")}, ("registryId",), "repo", twice_fails=False),
    Case("aws:ecr/repositoryPolicy:RepositoryPolicy",
         lambda a: {"repository": a.id("aws:ecr/repository:Repository", name="read"), "policy": READERS},
         lambda a: {"policy": READERS.replace("111122223333", "444455556666")}, ("registryId",), "read", twice_fails=False),
    Case("aws:codebuild/project:Project", project, None, ("arn",)),
    Case("aws:codepipeline/pipeline:Pipeline", pipeline,
         lambda a: {"executionMode": "SUPERSEDED", "variables": [{"name": "other"}], **OTHER_TAGS},
         ("arn",), "delivery"),
    Case("aws:ecs/cluster:Cluster",
         lambda a: {"name": "c", "settings": [{"name": "containerInsights", "value": "disabled"}], "tags": TAGS},
         lambda a: {"settings": [{"name": "containerInsights", "value": "enabled"}], **OTHER_TAGS}, ("arn",),
         twice_fails=False),
    Case("aws:ecs/clusterCapacityProviders:ClusterCapacityProviders",
         lambda a: {"clusterName": a.cluster().rsplit("/", 1)[1], "capacityProviders": ["FARGATE", "FARGATE_SPOT"],
                    "defaultCapacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 1}]},
         lambda a: {"capacityProviders": ["FARGATE"]}, id="main", twice_fails=False,
         stays=True),
    Case("aws:servicediscovery/httpNamespace:HttpNamespace",
         lambda a: {"name": "main", "description": "Its services", "tags": TAGS}, RETAG, ("arn", "httpName")),
    Case("aws:ecs/taskDefinition:TaskDefinition",
         lambda a: {"family": "web", "containerDefinitions": CONTAINERS, "cpu": "256", "memory": 512,
                    "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"], "tags": TAGS,
                    "runtimePlatform": {"cpuArchitecture": "ARM64", "operatingSystemFamily": "LINUX"}},
         RETAG, ("arn", "revision", "arnWithoutRevision"), "web", twice_fails=False),
    Case("aws:ecs/service:Service", service,
         lambda a: {"desiredCount": 3, "taskDefinition": a.revision(), **OTHER_TAGS}, ("arn", "cluster"),
         twice_fails=False),
    Case("aws:appautoscaling/target:Target",
         lambda a: {**scaled(a), "minCapacity": 1, "maxCapacity": 4, "suspendedState": {
             "dynamicScalingInSuspended": True, "dynamicScalingOutSuspended": True}, "tags": TAGS},
         lambda a: {"maxCapacity": 5, "suspendedState": {"dynamicScalingInSuspended": False}, **OTHER_TAGS},
         ("arn",), twice_fails=False),
    Case("aws:appautoscaling/scheduledAction:ScheduledAction",
         lambda a: {**scaled(a, register=True), "name": "night", "schedule": "cron(0 22 * * ? *)", "timezone": "Asia/Tokyo",
                    "scalableTargetAction": {"minCapacity": 0, "maxCapacity": 0}},
         lambda a: {"schedule": "cron(0 23 * * ? *)", "scalableTargetAction": {"minCapacity": 1, "maxCapacity": 2}},
         ("arn",), "night", twice_fails=False),
    Case("aws:appautoscaling/policy:Policy",
         lambda a: {**scaled(a, register=True), "name": "cpu", "policyType": "TargetTrackingScaling",
                    "targetTrackingScalingPolicyConfiguration": {
                        "targetValue": 60, "scaleInCooldown": 300, "predefinedMetricSpecification": {
                            "predefinedMetricType": "ECSServiceAverageCPUUtilization"}}},
         lambda a: {"targetTrackingScalingPolicyConfiguration": {
             "targetValue": 70, "predefinedMetricSpecification": {
                 "predefinedMetricType": "ECSServiceAverageCPUUtilization"}}},
         ("arn", "alarmArns"), "cpu", twice_fails=False),
    Case("aws:appautoscaling/policy:Policy",
         lambda a: {**scaled(a, register=True), "name": "backlog", "policyType": "TargetTrackingScaling",
                    "targetTrackingScalingPolicyConfiguration": {"targetValue": 10, "customizedMetricSpecification": {"metrics": [
                        {"id": "messages", "returnData": False, "metricStat": {"stat": "Sum", "metric": {
                            "namespace": "AWS/SQS", "metricName": "ApproximateNumberOfMessagesVisible",
                            "dimensions": [{"name": "QueueName", "value": "orders"}]}}},
                        {"id": "backlog", "expression": "messages / 2", "label": "each", "returnData": True}]}}},
         lambda a: {"targetTrackingScalingPolicyConfiguration": {"targetValue": 20, "customizedMetricSpecification": {
             "metrics": [{"id": "backlog", "expression": "1 + 1", "returnData": True}]}}},
         ("arn",), "backlog", twice_fails=False, label="metric-math"),
]  # fmt: skip


def scaled(a: Account, register: bool = False) -> Props:
    a.make("aws:ecs/service:Service", **service(a))
    target = {
        "serviceNamespace": "ecs",
        "resourceId": "service/main/web",
        "scalableDimension": "ecs:service:DesiredCount",
    }
    if register:
        a.make("aws:appautoscaling/target:Target", **target, minCapacity=1, maxCapacity=2)
    return target


# Inputs that only the provider knows, and an object's content.
PROVIDER_ONLY = {"forceDestroy", "forceDelete", "content"}


def same(case: Case, state: Props | None, inputs: Props, props: Props) -> None:
    """Nothing differs between what is reported and what was declared, and tags are reported."""
    assert state is not None
    differing = {k: (state[k], props[k]) for k in props if k in state and state[k] != props[k]}
    assert differing == {}
    assert set(inputs) - set(state) - PROVIDER_ONLY == set(case.unreported)
    assert state.get("tags", {}) == props.get("tags", {})


ELSEWHERE = {
    "aws:acm/certificateValidation:CertificateValidation",  # a wait; test_resources_drift.py
    "aws:codedeploy/application:Application",  # not moto's; test_codedeploy.py
    "aws:codedeploy/deploymentConfig:DeploymentConfig",
    "aws:codedeploy/deploymentGroup:DeploymentGroup",
}


def test_every_type_has_a_case() -> None:
    assert set(RESOURCES) - ELSEWHERE == {case.token for case in CASES}


@pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.token.rsplit(':', 1)[1]}{c.label and '-' + c.label}")
def test_life(case: Case, account: Account, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MOTO_ECS_SERVICE_RUNNING", "0")
    handler, aws = RESOURCES[case.token], account.aws
    inputs = case.inputs(account)
    id, outputs = handler.create(aws, inputs)
    props = {**inputs, **outputs}
    assert case.id in ("", id)
    assert [name for name in case.outputs if props.get(name) in (None, "")] == []
    same(case, handler.read(aws, id, props), inputs, props)
    if case.twice_fails:
        with pytest.raises((ClientError, RuntimeError)):
            handler.create(aws, inputs)
        same(case, handler.read(aws, id, props), inputs, props)
    if case.change is not None:
        news = {**inputs, **case.change(account)}
        props = {**news, **handler.update(aws, id, props, news)}
        same(case, handler.read(aws, id, props), news, props)
    handler.delete(aws, id, props)
    assert case.stays or handler.read(aws, id, props) is None
    handler.delete(aws, id, props)
    id, outputs = handler.create(aws, inputs)
    same(case, handler.read(aws, id, {**inputs, **outputs}), inputs, {**inputs, **outputs})
