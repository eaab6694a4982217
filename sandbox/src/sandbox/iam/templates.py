"""Permissions of the operations where the action is ``service:Operation`` and the resource one template.

``{name}`` stands for a parameter of the call (a dotted path), once per element when it is a list, ``*`` when it
is absent. A parameter that already is an ARN is the resource itself. ``*`` as template: the Service
Authorization Reference knows no resource for that action, so only ``"Resource": "*"`` can allow it.
"""

from __future__ import annotations

import itertools
import re

from sandbox.iam.calls import Call, Need, tag_context

ANY = "*"

PREFIXES = {"elbv2": "elasticloadbalancing", "elb": "elasticloadbalancing", "service-quotas": "servicequotas"}
"""Services whose action prefix is not botocore's name."""

GLOBAL = {"iam"}

_REPOSITORY = "repository/{repositoryName}"
_GROUP = "log-group:{logGroupName}:log-stream:"
"""Log-group actions are decided on this form, which ``log-group:NAME:*`` matches and ``log-group:NAME`` does
not (CloudWatch Logs User Guide, "ARN formats"); AWS's denials print it."""
_STREAM = "log-group:{logGroupName}:log-stream:{logStreamName}"
_APPLICATION = "application:{applicationName}"
_DEPLOYMENT_GROUP = "deploymentgroup:{applicationName}/{deploymentGroupName}"
_RULE = "rule/{Name}"
_ALARM = "alarm:{AlarmNames}"

Templates = dict[str, dict[str, str]]
"""Service → operation → template."""

TEMPLATES: Templates = {
    "service-quotas": dict.fromkeys(("ListServiceQuotas", "ListAWSDefaultServiceQuotas"), ANY),
    "codepipeline": {
        **dict.fromkeys(("GetPipeline", "GetPipelineState", "StartPipelineExecution", "DeletePipeline"), "{name}"),
        **dict.fromkeys(
            (
                "GetPipelineExecution",
                "ListPipelineExecutions",
                "ListActionExecutions",
                "ListRuleExecutions",
                "StopPipelineExecution",
                "ListDeployActionExecutionTargets",
            ),
            "{pipelineName}",
        ),
        **dict.fromkeys(
            ("RetryStageExecution", "RollbackStage", "EnableStageTransition", "DisableStageTransition"),
            "{pipelineName}/{stageName}",
        ),
        "OverrideStageCondition": "{pipelineName}/{stageName}",
        "PutApprovalResult": "{pipelineName}/{stageName}/{actionName}",
        "ListTagsForResource": "{resourceArn}",
        "TagResource": "{resourceArn}",
        "UntagResource": "{resourceArn}",
        **dict.fromkeys(("ListPipelines", "PutJobSuccessResult", "PutJobFailureResult"), ANY),
    },
    "codebuild": {
        "BatchGetProjects": "project/{names}",
        "DeleteProject": "project/{name}",
        "ListBuildsForProject": "project/{projectName}",
        "ListProjects": ANY,
        "ListBuilds": ANY,
    },
    "codedeploy": {
        "CreateDeployment": _DEPLOYMENT_GROUP,
        "GetDeploymentGroup": _DEPLOYMENT_GROUP,
        "ListDeployments": _DEPLOYMENT_GROUP,
        "GetApplication": _APPLICATION,
        "ListDeploymentGroups": _APPLICATION,
        "RegisterApplicationRevision": _APPLICATION,
        "GetApplicationRevision": _APPLICATION,
        "GetDeploymentConfig": "deploymentconfig:{deploymentConfigName}",
        "ListApplications": ANY,
        "StopDeployment": ANY,
        "ContinueDeployment": ANY,
        "ListDeploymentTargets": ANY,
        "GetDeploymentTarget": ANY,
        "BatchGetDeploymentTargets": ANY,
        "PutLifecycleEventHookExecutionStatus": ANY,
    },
    "ecr": {
        **dict.fromkeys(
            (
                "BatchCheckLayerAvailability",
                "BatchDeleteImage",
                "BatchGetImage",
                "CompleteLayerUpload",
                "DescribeImageScanFindings",
                "DescribeImages",
                "GetDownloadUrlForLayer",
                "GetLifecyclePolicy",
                "GetRepositoryPolicy",
                "InitiateLayerUpload",
                "ListImages",
                "PutImage",
                "UploadLayerPart",
            ),
            _REPOSITORY,
        ),
        "DescribeRepositories": "repository/{repositoryNames}",
        "ListTagsForResource": "{resourceArn}",
        "GetAuthorizationToken": ANY,
        "DescribeRegistry": ANY,
        "DescribePullThroughCacheRules": ANY,
    },
    "logs": {
        **dict.fromkeys(
            (
                "CreateLogGroup",
                "DeleteLogGroup",
                "DescribeLogStreams",
                "FilterLogEvents",
                "PutRetentionPolicy",
                "StartQuery",
            ),
            _GROUP,
        ),
        **dict.fromkeys(("CreateLogStream", "PutLogEvents", "GetLogEvents", "DeleteLogStream"), _STREAM),
        "DescribeLogGroups": ANY,
        "GetQueryResults": ANY,
        "ListTagsForResource": "{resourceArn}",
        "TagResource": "{resourceArn}",
    },
    "lambda": {
        **dict.fromkeys(
            (
                "AddPermission",
                "DeleteFunction",
                "DeleteFunctionEventInvokeConfig",
                "GetFunction",
                "GetFunctionConfiguration",
                "GetFunctionEventInvokeConfig",
                "GetPolicy",
                "PutFunctionEventInvokeConfig",
                "RemovePermission",
                "UpdateFunctionCode",
            ),
            "function:{FunctionName}",
        ),
        **dict.fromkeys(("ListTags", "TagResource", "UntagResource"), "{Resource}"),
    },
    "events": {
        "DescribeRule": _RULE,
        "EnableRule": _RULE,
        "DisableRule": _RULE,
        "ListTargetsByRule": "rule/{Rule}",
        "ListRules": ANY,
        "ListRuleNamesByTarget": ANY,
    },
    "application-autoscaling": {
        "DescribeScalableTargets": ANY,
        "DescribeScalingPolicies": ANY,
        "DescribeScalingActivities": ANY,
        "DescribeScheduledActions": ANY,
        # Without the scalable target's own condition keys: the reference has those of tags only.
        **dict.fromkeys(("ListTagsForResource", "TagResource", "UntagResource"), "{ResourceARN}"),
    },
    "cloudwatch": {
        "SetAlarmState": "alarm:{AlarmName}",
        "EnableAlarmActions": _ALARM,
        "DisableAlarmActions": _ALARM,
        "GetMetricData": ANY,
        "GetMetricStatistics": ANY,
        "ListMetrics": ANY,
    },
    "iam": {
        "ListAttachedUserPolicies": "user/{UserName}",
        "ListGroupsForUser": "user/{UserName}",
        **dict.fromkeys(("GetGroupPolicy", "ListGroupPolicies", "ListAttachedGroupPolicies"), "group/{GroupName}"),
        "GetPolicy": "{PolicyArn}",
        "GetPolicyVersion": "{PolicyArn}",
        "ListUsers": ANY,
        "ListRoles": ANY,
    },
    "ecs": {
        "DescribeClusters": "cluster/{clusters}",
        "ListTagsForResource": "{resourceArn}",
        "UntagResource": "{resourceArn}",
        "DescribeTaskDefinition": ANY,
        "DeregisterTaskDefinition": ANY,
        "ListTaskDefinitions": ANY,
        "ListTaskDefinitionFamilies": ANY,
        "ListClusters": ANY,
    },
    "elbv2": dict.fromkeys(
        (
            "DescribeListeners",
            "DescribeListenerAttributes",
            "DescribeLoadBalancerAttributes",
            "DescribeLoadBalancers",
            "DescribeRules",
            "DescribeTags",
            "DescribeTargetGroupAttributes",
            "DescribeTargetGroups",
            "DescribeTargetHealth",
        ),
        ANY,
    )
    | {"ModifyListener": "{ListenerArn}", "ModifyRule": "{RuleArn}"}
    | dict.fromkeys(("RegisterTargets", "DeregisterTargets"), "{TargetGroupArn}"),
    "ec2": dict.fromkeys(
        (
            "DescribeAvailabilityZones",
            "DescribeNetworkInterfaces",
            "DescribeRouteTables",
            "DescribeSecurityGroups",
            "DescribeSubnets",
            "DescribeVpcEndpoints",
            "DescribeVpcEndpointServices",
            "DescribeVpcs",
        ),
        ANY,
    ),
    "secretsmanager": {"DescribeSecret": "secret:{SecretId}"},
    "sns": {"Publish": "{TopicArn}"},
    "sts": {"GetAccessKeyInfo": ANY},
}

_PLACEHOLDER = re.compile(r"\{([^}]+)\}")


def needs(call: Call, templates: Templates) -> list[Need] | None:
    """The call's permissions, or None when it has no template."""
    template = templates.get(call.service, {}).get(call.operation)
    if template is None:
        return None
    action = f"{PREFIXES.get(call.service, call.service)}:{call.operation}"
    context = tag_context(call.params.get("tags") or call.params.get("Tags"))
    return [Need(action, resource, context) for resource in resources(call, template)]


def resources(call: Call, template: str) -> list[str]:
    """The ARNs that a template stands for in a call."""
    if template == ANY:
        return [ANY]
    names = _PLACEHOLDER.findall(template)
    choices = [[str(value) for value in call.values(name)] or [ANY] for name in names]
    return [_resource(call, template, combination) for combination in itertools.product(*choices)]


def _resource(call: Call, template: str, values: tuple[str, ...]) -> str:
    if len(values) == 1 and values[0].startswith("arn:"):
        return values[0]
    remaining = iter(values)
    name = _PLACEHOLDER.sub(lambda _: next(remaining), template)
    service = PREFIXES.get(call.service, call.service)
    return call.arn(service, name, regional=call.service not in GLOBAL)
