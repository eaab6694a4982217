"""What each statement of the roles' policies grants: its actions, resources and conditions, exactly."""

import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

import pulumi
import pytest
from mocked import finish

from components.iam import delivery_policies, policies

NO_GRANTS = {"allow", "document", "trust", "secure_transport_only", "send_to_dead_letters", "encrypt_log", "let_pull"}
"""What makes statements, and the policies of things."""
Row = tuple[Any, ...]
"""A statement: its name, actions, resources, and its condition when it has one."""

DELIVERY: dict[str, tuple[Callable[[], Any], list[Row]]] = {
    "find_tasks": (lambda: delivery_policies.find_tasks("cluster", "tasks"), [
        ("FindTasks", "ecs:ListTasks", ["*"], {"ArnEquals": {"ecs:cluster": "cluster"}}),
        ("ReadTasks", "ecs:DescribeTasks", ["tasks"]),
    ]),
    "read_release": (lambda: delivery_policies.read_release("record"), [
        ("ReadReleases", "ssm:GetParameterHistory", ["record"]),
    ]),
    "write_release": (lambda: delivery_policies.write_release("record"), [
        ("WriteRelease", "ssm:GetParameter ssm:PutParameter", ["record"]),
    ]),
    "read_failures": (lambda: delivery_policies.read_failures(pipeline_arns=["pipeline"], builds_arn="builds", logs_arn="logs", tasks_logs_arn="tasks_logs", services_arn="services", sources_arn="sources"), [
        ("ReadExecutions", "codepipeline:GetPipelineExecution codepipeline:ListActionExecutions", ["pipeline"]),
        ("ReadBuilds", "codebuild:BatchGetBuilds", ["builds"]),
        ("ReadLogs", "logs:GetLogEvents", ["logs"]),
        ("SearchTasksLogs", "logs:FilterLogEvents", ["tasks_logs"]),
        ("ReadEvents", "ecs:DescribeServices", ["services"]),
        ("ReadHealthChecks", "elasticloadbalancing:DescribeTargetGroups", ["*"]),
        ("ReadUpload", "s3:GetObjectVersion", ["sources"]),
    ]),
    "read_health_checks": (lambda: [delivery_policies.read_health_checks()], [
        ("ReadHealthChecks", "elasticloadbalancing:DescribeTargetGroups", ["*"]),
    ]),
    "keep_reports": (lambda: delivery_policies.keep_reports("reports"), [
        ("KeepReports", "s3:GetObject s3:PutObject", ["reports"]),
    ]),
    "read_executions": (lambda: delivery_policies.read_executions("pipelines"), [
        ("ReadExecutions", "codepipeline:ListPipelineExecutions codepipeline:ListActionExecutions codepipeline:GetPipelineExecution", ["pipelines"]),
    ]),
    "find_executions": (lambda: delivery_policies.find_executions("pipeline"), [
        ("FindExecutions", "codepipeline:ListPipelineExecutions codepipeline:GetPipelineExecution", ["pipeline"]),
    ]),
    "put_events": (lambda: delivery_policies.put_events("bus", "a.source", "one", "two"), [
        ("Announce", "events:PutEvents", ["bus"], {"StringEquals": {"events:source": "a.source", "events:detail-type": ["one", "two"]}}),
    ]),
    "put_metrics": (lambda: delivery_policies.put_metrics("a/namespace"), [
        ("Measure", "cloudwatch:PutMetricData", ["*"], {"StringEquals": {"cloudwatch:namespace": "a/namespace"}}),
    ]),
    "read_artifacts": (lambda: delivery_policies.read_artifacts("bucket", "artifacts"), [
        ("FindArtifacts", "s3:GetBucketAcl s3:GetBucketLocation", ["bucket"]),
        ("ReadArtifacts", "s3:GetObject s3:GetObjectVersion", ["artifacts"]),
    ]),
    "read_and_write_artifacts": (lambda: delivery_policies.read_and_write_artifacts("bucket", "artifacts"), [
        ("FindArtifacts", "s3:GetBucketAcl s3:GetBucketLocation", ["bucket"]),
        ("ReadArtifacts", "s3:GetObject s3:GetObjectVersion", ["artifacts"]),
        ("WriteArtifacts", "s3:PutObject s3:PutObjectAcl", ["artifacts"]),
    ]),
    "fetch_source": (lambda: delivery_policies.fetch_source("bucket", "object"), [
        ("FindSource", "s3:GetBucketVersioning", ["bucket"]),
        ("FetchSource", "s3:GetObject s3:GetObjectVersion", ["object"]),
    ]),
    "keep_build_cache": (lambda: delivery_policies.keep_build_cache("cache"), [
        ("KeepBuildCache", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage", ["cache"]),
    ]),
    "fetch_pushed_image": (lambda: delivery_policies.fetch_pushed_image("repository"), [
        ("FetchPushedImage", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer ecr:DescribeImages", ["repository"]),
    ]),
    "fetch_promoted": (lambda: delivery_policies.fetch_promoted("repository"), [
        ("FetchPromotedImage", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ["repository"]),
    ]),
    "read_execution": (lambda: delivery_policies.read_execution("pipeline"), [
        ("ReadExecution", "codepipeline:GetPipelineExecution", ["pipeline"]),
    ]),
    "read_actions": (lambda: delivery_policies.read_actions("pipeline"), [
        ("ReadActions", "codepipeline:ListActionExecutions", ["pipeline"]),
    ]),
    "copy_image": (lambda: delivery_policies.copy_image("target"), [
        ("CopyImage", "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:PutImage", ["target"]),
    ]),
    "read_upload": (lambda: delivery_policies.read_upload("object"), [
        ("ReadUpload", "s3:GetObjectVersion", ["object"]),
    ]),
    "read_steps": (lambda: delivery_policies.read_steps("objects"), [
        ("ReadSteps", "s3:GetObject", ["objects"]),
    ]),
    "run_builds": (lambda: delivery_policies.run_builds(["project"]), [
        ("RunBuilds", "codebuild:StartBuild codebuild:BatchGetBuilds", ["project"]),
    ]),
    "run_steps": (lambda: delivery_policies.run_steps("function"), [
        ("RunSteps", "lambda:InvokeFunction", ["function"]),
    ]),
    "answer_jobs": (lambda: delivery_policies.answer_jobs(), [
        ("AnswerJobs", "codepipeline:PutJobSuccessResult codepipeline:PutJobFailureResult", ["*"]),
    ]),
    "deploy_service": (lambda: delivery_policies.deploy_service("service", "task_definition", ["role"], "cluster", "tasks"), [
        ("CloneRevision", "ecs:DescribeTaskDefinition ecs:RegisterTaskDefinition", ["*"]),
        ("DeployService", "ecs:DescribeServices ecs:UpdateService", ["service"]),
        ("TagRevision", "ecs:TagResource", ["task_definition"], {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}),
        ("PassRoles", "iam:PassRole", ["role"], {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}}),
        ("FindTasks", "ecs:ListTasks", ["*"], {"ArnEquals": {"ecs:cluster": "cluster"}}),
        ("ReadTasks", "ecs:DescribeTasks", ["tasks"]),
    ]),
    "migrate_service": (lambda: delivery_policies.migrate_service(cluster_arn="cluster", task_definition_arn="task_definition", tasks_arn="tasks", log_group_arn="log_group"), [
        ("RegisterMigration", "ecs:RegisterTaskDefinition", ["*"]),
        ("RunMigration", "ecs:RunTask", ["task_definition"], {"ArnEquals": {"ecs:cluster": "cluster"}}),
        ("TagTasks", "ecs:TagResource", ["tasks"], {"StringEquals": {"ecs:CreateAction": ["RunTask"]}}),
        ("StopMigration", "ecs:StopTask", ["tasks"]),
        ("ReadLog", "logs:GetLogEvents", ["log_group:*"]),
    ]),
    "release_service": (lambda: delivery_policies.release_service("service", "scalable_target", ["role"]), [
        ("ReadRevision", "ecs:DescribeTaskDefinition", ["*"]),
        ("StartService", "ecs:DescribeServices ecs:UpdateService", ["service"]),
        ("PassRoles", "iam:PassRole", ["role"], {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}}),
        ("ResumeScaling", "application-autoscaling:RegisterScalableTarget", ["scalable_target"]),
        ("WatchScaling", "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms", ["*"]),
    ]),
    "watch_scaling": (lambda: delivery_policies.watch_scaling(), [
        ("WatchScaling", "cloudwatch:PutMetricAlarm cloudwatch:DeleteAlarms cloudwatch:DescribeAlarms", ["*"]),
    ]),
    "shift_traffic": (lambda: delivery_policies.shift_traffic(service_arn="service", task_sets_arn="task_sets", rule_arns=["rule"], role_arns=["role"], watches=True, hook_arns=["hook"]), [
        ("ReadService", "ecs:DescribeServices ecs:UpdateServicePrimaryTaskSet", ["service"]),
        ("ReplaceTaskSet", "ecs:CreateTaskSet ecs:DeleteTaskSet", ["task_sets"]),
        ("ReadTraffic", "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTargetGroups", ["*"]),
        ("ShiftTraffic", "elasticloadbalancing:ModifyRule", ["rule"]),
        ("PassRoles", "iam:PassRole", ["role"], {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}),
        ("ReadAlarms", "cloudwatch:DescribeAlarms", ["*"]),
        ("CallHooks", "lambda:InvokeFunction", ["hook"]),
    ]),
    "shift_by_ecs": (lambda: delivery_policies.shift_by_ecs(group_arns=["group"], rule_arns=["rule"], hook_arns=["hook"]), [
        ("ReadTraffic", "elasticloadbalancing:DescribeListeners elasticloadbalancing:DescribeRules elasticloadbalancing:DescribeTargetGroups elasticloadbalancing:DescribeTargetHealth", ["*"]),
        ("RegisterTasks", "elasticloadbalancing:RegisterTargets elasticloadbalancing:DeregisterTargets", ["group"]),
        ("ShiftTraffic", "elasticloadbalancing:ModifyRule", ["rule"]),
        ("CallHooks", "lambda:InvokeFunction", ["hook"]),
    ]),
    "deploy_natively": (lambda: delivery_policies.deploy_natively("service", "deployments", "task_definition"), [
        ("CloneRevision", "ecs:RegisterTaskDefinition", ["*"]),
        ("TagRevision", "ecs:TagResource", ["task_definition"], {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}),
        ("FindDeployments", "ecs:ListServiceDeployments", ["service"]),
        ("FollowDeployments", "ecs:DescribeServiceDeployments ecs:StopServiceDeployment", ["service", "deployments"]),
        ("ReadHealthChecks", "elasticloadbalancing:DescribeTargetGroups", ["*"]),
    ]),
    "start_blue_green": (lambda: delivery_policies.start_blue_green("application", "group", "config", "task_definition", ["role"]), [
        ("RegisterRevision", "ecs:RegisterTaskDefinition", ["*"]),
        ("TagRevision", "ecs:TagResource", ["task_definition"], {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}),
        ("NameRevision", "codedeploy:GetApplication codedeploy:GetApplicationRevision codedeploy:RegisterApplicationRevision", ["application"]),
        ("Deploy", "codedeploy:CreateDeployment codedeploy:GetDeployment", ["group"]),
        ("ReadConfig", "codedeploy:GetDeploymentConfig", ["config"]),
        ("PassRoles", "iam:PassRole", ["role"], {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}}),
    ]),
    "read_template": (lambda: delivery_policies.read_template("objects"), [
        ("ReadTemplate", "s3:GetObject", ["objects"]),
    ]),
    "start_pipeline": (lambda: delivery_policies.start_pipeline("pipeline"), [
        ("StartPipeline", "codepipeline:StartPipelineExecution", ["pipeline"]),
    ]),
}  # fmt: skip

SERVICES: dict[str, tuple[Callable[[], Any], list[Row]]] = {
    "upload": (lambda: policies.upload("object"), [
        ("UploadSource", "s3:PutObject", ["object"]),
    ]),
    "write_logs": (lambda: policies.write_logs("log_group"), [
        ("WriteLogs", "logs:CreateLogStream logs:PutLogEvents", ["log_group:*"]),
    ]),
    "ecs_exec": (lambda: policies.ecs_exec("log_group"), [
        ("OpenSessions", "ssmmessages:CreateControlChannel ssmmessages:CreateDataChannel ssmmessages:OpenControlChannel ssmmessages:OpenDataChannel", ["*"]),
        ("FindSessionLog", "logs:DescribeLogGroups", ["*"]),
        ("LogSessions", "logs:CreateLogStream logs:DescribeLogStreams logs:PutLogEvents", ["log_group:*"]),
    ]),
    "read_parameters": (lambda: policies.read_parameters(["thing"]), [
        ("ReadParameters", "ssm:GetParameters", ["thing"]),
    ]),
    "decrypt_parameters": (lambda: policies.decrypt_parameters("Whose", ["thing"], "key"), [
        ("DecryptWhoseParameters", "kms:Decrypt", ["key"], {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": ["thing"]}}),
    ]),
    "decrypt_secrets": (lambda: [policies.decrypt_secrets("Them", ["thing"], "key")], [
        ("DecryptThem", "kms:Decrypt", ["key"], {"StringEquals": {"kms:EncryptionContext:SecretARN": ["thing"]}}),
    ]),
    "read_secrets": (lambda: policies.read_secrets("Them", [("thing", "key"), ("other", None), ("another", "key"), ("third", "a-key")]), [
        ("ReadThem", "secretsmanager:GetSecretValue", ["another", "other", "thing", "third"]),
        ("DecryptThem1", "kms:Decrypt", ["a-key"], {"StringEquals": {"kms:EncryptionContext:SecretARN": ["third"]}}),
        ("DecryptThem2", "kms:Decrypt", ["key"], {"StringEquals": {"kms:EncryptionContext:SecretARN": ["another", "thing"]}}),
    ]),
    "log_in_to_registry": (lambda: policies.log_in_to_registry(), [
        ("LogInToRegistry", "ecr:GetAuthorizationToken", ["*"]),
    ]),
    "pull_image": (lambda: policies.pull_image("repository"), [
        ("LogInToRegistry", "ecr:GetAuthorizationToken", ["*"]),
        ("PullImage", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ["repository"]),
    ]),
    "pull_sidecars": (lambda: policies.pull_sidecars(["repository"]), [
        ("PullSidecars", "ecr:BatchGetImage ecr:GetDownloadUrlForLayer", ["repository"]),
    ]),
    "tag_started_tasks": (lambda: policies.tag_started_tasks("tasks"), [
        ("TagTasks", "ecs:TagResource", ["tasks"], {"StringEquals": {"ecs:CreateAction": ["RunTask"]}}),
    ]),
    "push_image": (lambda: policies.push_image("repository"), [
        ("LogInToRegistry", "ecr:GetAuthorizationToken", ["*"]),
        ("PushImage", "ecr:BatchCheckLayerAvailability ecr:InitiateLayerUpload ecr:UploadLayerPart ecr:CompleteLayerUpload ecr:BatchGetImage ecr:PutImage ecr:DescribeImages", ["repository"]),
    ]),
    "read_labels": (lambda: policies.read_labels("repository"), [
        ("ReadLabels", "ecr:GetDownloadUrlForLayer", ["repository"]),
    ]),
    "tag_image": (lambda: policies.tag_image("repository"), [
        ("TagImage", "ecr:DescribeImages ecr:BatchGetImage ecr:PutImage", ["repository"]),
    ]),
}  # fmt: skip


def rows(statements: Callable[[], Any]) -> list[Row]:
    """Statements as the tables have them, with the ARNs that are outputs known."""
    result: list[Row] = []

    async def read() -> None:
        granted = statements()
        for each in granted if isinstance(granted, list) else [granted]:
            assert each["Effect"] == "Allow"
            arns = [await pulumi.Output.from_input(arn).future() for arn in each["Resource"]]
            condition = [each["Condition"]] if "Condition" in each else []
            result.append((each["Sid"], " ".join(each["Action"]), arns, *condition))

    finish(read())
    return result


@pytest.mark.parametrize("name", [*DELIVERY, *SERVICES])
def test_what_it_grants(name: str) -> None:
    statements, expected = {**DELIVERY, **SERVICES}[name]
    assert rows(statements) == expected


@pytest.mark.parametrize(
    "statements",
    [lambda: policies.read_parameters([]), lambda: policies.decrypt_parameters("Whose", [], "key")],
    ids=["read", "decrypt"],
)
def test_without_parameters_nothing_is_granted(statements: Callable[[], Any]) -> None:
    assert statements() == []


def test_a_deployment_without_alarms_and_hooks_neither_reads_nor_calls_any() -> None:
    granted = delivery_policies.shift_traffic(
        service_arn="service", task_sets_arn="task_sets", rule_arns=[], role_arns=[], watches=False, hook_arns=[]
    )
    assert not {"ReadAlarms", "CallHooks"} & {each["Sid"] for each in granted}


@pytest.mark.parametrize(("module", "table"), [(delivery_policies, DELIVERY), (policies, SERVICES)])
def test_every_function_that_grants_is_looked_at(module: ModuleType, table: dict[str, Any]) -> None:
    functions = inspect.getmembers(module, inspect.isfunction)
    assert {name for name, each in functions if each.__module__ == module.__name__} - NO_GRANTS == set(table)
