"""What ECS, Lambda, CodeBuild, CloudWatch and CloudWatch Logs document beyond their models."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from sandbox.validation.limit import Limit
from sandbox.validation.refusals import longer, outside, unlike

TASK_DEFINITION_BYTES = 65_536
LAMBDA_ENVIRONMENT_BYTES = 4_096
BUILDSPEC_CHARACTERS = 25_600
BUILD_VARIABLES_CHARACTERS = 5_500

LAMBDA_RESERVED = frozenset(
    (
        *("_HANDLER", "_X_AMZN_TRACE_ID", "AWS_DEFAULT_REGION", "AWS_REGION", "AWS_EXECUTION_ENV"),
        *("AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "AWS_LAMBDA_FUNCTION_VERSION"),
        *("AWS_LAMBDA_INITIALIZATION_TYPE", "AWS_LAMBDA_LOG_GROUP_NAME", "AWS_LAMBDA_LOG_STREAM_NAME"),
        *("AWS_ACCESS_KEY", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN"),
        *("AWS_LAMBDA_RUNTIME_API", "LAMBDA_TASK_ROOT", "LAMBDA_RUNTIME_DIR"),
    )
)
RETENTION_DAYS = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
_MISSING_DATA = ("breaching", "notBreaching", "ignore", "missing")
_DAY, _WEEK, _HOUR = 86_400, 604_800, 3_600
_FUNCTIONS = ("CreateFunction", "UpdateFunctionConfiguration")
_PROJECTS = ("CreateProject", "UpdateProject")
_LAMBDA_WORDS = "Lambda was unable to configure your environment variables because the environment variables you have"
_ECS_NAME = "[a-zA-Z0-9_-]{1,255}"


def _too_large_definition(params: Mapping[str, Any]) -> str | None:
    size = len(json.dumps(params, separators=(",", ":"), default=str).encode())
    return str(size) if size > TASK_DEFINITION_BYTES else None


def _too_large_environment(variables: Mapping[str, str]) -> str | None:
    measured = json.dumps(dict(variables), separators=(",", ":"), ensure_ascii=False)
    return measured if len(measured.encode()) > LAMBDA_ENVIRONMENT_BYTES else None


def _reserved_keys(variables: Mapping[str, str]) -> str | None:
    return ", ".join(sorted(LAMBDA_RESERVED & variables.keys())) or None


def _too_many_characters(environment: Mapping[str, Any]) -> str | None:
    total = sum(
        len(variable["name"]) + len(variable["value"]) for variable in environment.get("environmentVariables") or []
    )
    return str(total) if total > BUILD_VARIABLES_CHARACTERS else None


def _wrong_period(params: Mapping[str, Any]) -> str | None:
    period = params.get("Period")
    return None if period is None or period in (10, 20, 30) or period % 60 == 0 else str(period)


def _too_long_a_time(params: Mapping[str, Any]) -> str | None:
    period = params.get("Period")
    if period is None:
        return None
    most = _WEEK if period >= _HOUR else _DAY
    over = period * (params.get("EvaluationPeriods") or 1) > most
    return f"{'week' if most == _WEEK else 'day'} (EvaluationPeriods * Period must be <= {most})" if over else None


def _more_to_alarm(params: Mapping[str, Any]) -> str | None:
    needed, of = params.get("DatapointsToAlarm"), params.get("EvaluationPeriods")
    return str(needed) if needed is not None and of is not None and needed > of else None


LIMITS = (
    Limit(
        "ecs",
        ("RegisterTaskDefinition",),
        "family",
        unlike(_ECS_NAME),
        "ClientException",
        "Family contains invalid characters.",
        "ECS API reference, RegisterTaskDefinition, family; aws/aws-cli#6774",
    ),
    Limit(
        "ecs",
        ("RegisterTaskDefinition",),
        "containerDefinitions[].name",
        unlike(_ECS_NAME),
        "ClientException",
        "Container name contains invalid characters.",
        "ECS API reference, ContainerDefinition, name",
    ),
    Limit(
        "ecs",
        ("CreateService",),
        "serviceName",
        unlike(_ECS_NAME),
        "InvalidParameterException",
        "Invalid service name.",
        "ECS API reference, CreateService, serviceName",
    ),
    Limit(
        "ecs",
        ("CreateCluster",),
        "clusterName",
        unlike(_ECS_NAME),
        "InvalidParameterException",
        "Invalid cluster name.",
        "ECS API reference, CreateCluster, clusterName",
    ),
    Limit(
        "ecs",
        ("RegisterTaskDefinition",),
        "",
        _too_large_definition,
        "ClientException",
        f"Actual length: '{{wrong}}'. Max allowed length is '{TASK_DEFINITION_BYTES}' bytes.",
        "https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-quotas.html (task definition size)",
    ),
    Limit(
        "lambda",
        _FUNCTIONS,
        "Environment.Variables",
        _too_large_environment,
        "InvalidParameterValueException",
        f"{_LAMBDA_WORDS} provided exceeded the 4KB limit. String measured: {{wrong}}",
        "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html;"
        " github-aws-runners/terraform-aws-github-runner#3594",
    ),
    Limit(
        "lambda",
        _FUNCTIONS,
        "Environment.Variables",
        _reserved_keys,
        "InvalidParameterValueException",
        f"{_LAMBDA_WORDS} provided contains reserved keys that are currently not supported for modification."
        " Reserved keys used in this request: {wrong}",
        "https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html (reserved variables)",
    ),
    Limit(
        "codebuild",
        _PROJECTS,
        "source.buildspec",
        longer(BUILDSPEC_CHARACTERS),
        "InvalidInputException",
        f"Project source buildspec cannot have more than {BUILDSPEC_CHARACTERS} characters",
        "https://docs.aws.amazon.com/codebuild/latest/userguide/limits.html",
    ),
    Limit(
        "codebuild",
        _PROJECTS,
        "environment",
        _too_many_characters,
        "InvalidInputException",
        f"Environment variables may have {BUILD_VARIABLES_CHARACTERS} characters together, not {{wrong}}",
        "https://docs.aws.amazon.com/codebuild/latest/userguide/change-project.html (environment variables)",
    ),
    Limit(
        "cloudwatch",
        ("PutMetricAlarm",),
        "TreatMissingData",
        outside(_MISSING_DATA),
        "ValidationError",
        "Option {value} for parameter TreatMissingData is not one of {wrong}",
        "CloudWatch API reference, PutMetricAlarm, TreatMissingData",
    ),
    Limit(
        "cloudwatch",
        ("PutMetricAlarm",),
        "",
        _wrong_period,
        "ValidationError",
        "Period must be 10, 20, 30 or a multiple of 60",
        "CloudWatch API reference, PutMetricAlarm, Period",
    ),
    Limit(
        "cloudwatch",
        ("PutMetricAlarm",),
        "",
        _too_long_a_time,
        "ValidationError",
        "Metrics cannot be checked across more than a {wrong}",
        "CloudWatch API reference, PutMetricAlarm, EvaluationPeriods",
    ),
    Limit(
        "cloudwatch",
        ("PutMetricAlarm",),
        "",
        _more_to_alarm,
        "ValidationError",
        "DatapointsToAlarm may not be more than EvaluationPeriods",
        "https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html (M out of N)",
    ),
    Limit(
        "cloudwatch",
        ("PutDashboard",),
        "DashboardName",
        unlike("[A-Za-z0-9_-]{1,255}"),
        "InvalidParameterInput",
        "The name of a dashboard has up to 255 characters of A-Z, a-z, 0-9, - and _",
        "CloudWatch API reference, PutDashboard, DashboardName",
    ),
    Limit(
        "logs",
        ("PutRetentionPolicy",),
        "retentionInDays",
        outside(RETENTION_DAYS),
        "InvalidParameterException",
        "1 validation error detected: Value '{value}' at 'retentionInDays' failed to satisfy constraint:"
        " Member must satisfy enum value set: [{wrong}]",
        "CloudWatch Logs API reference, PutRetentionPolicy, retentionInDays",
    ),
)
