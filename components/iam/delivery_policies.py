"""What the roles of a delivery may do: those of the pipeline, its builds and its steps, and who tells of it.

Functions without resources, as in `components/iam/policies.py`.
"""

import pulumi

from components.iam.policies import EVERYTHING, PULL, Arns, Statement, allow, tag_started_tasks

TO_ECS = {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}}
"""Whom a task's roles are passed to by who deploys a service (CodePipeline, ECS deploy action reference)."""


def find_tasks(cluster_arn: pulumi.Input[str], tasks_arn: pulumi.Input[str]) -> list[Statement]:
    """Lists a cluster's tasks, and looks at them.

    Args:
        cluster_arn: the cluster; ListTasks takes a container instance, which Fargate has none of.
        tasks_arn: `…:task/cluster/*`; a task's ARN ends in an id that AWS makes up.
    """
    return [
        allow("FindTasks", "ecs:ListTasks", EVERYTHING, {"ArnEquals": {"ecs:cluster": cluster_arn}}),
        allow("ReadTasks", "ecs:DescribeTasks", [tasks_arn]),
    ]


def read_release(record_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads what was released, now and before."""
    return [allow("ReadReleases", "ssm:GetParameterHistory", [record_arn])]


def write_release(record_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads and writes the release record."""
    return [allow("WriteRelease", "ssm:GetParameter PutParameter", [record_arn])]


def read_failures(
    *,
    pipeline_arns: Arns,
    builds_arn: pulumi.Input[str],
    logs_arn: pulumi.Input[str],
    tasks_logs_arn: pulumi.Input[str],
    services_arn: pulumi.Input[str],
    sources_arn: pulumi.Input[str],
) -> list[Statement]:
    """Reads why executions have ended.

    The builds, logs, ECS services and sources are those of all services, by a pattern: a role's policies have 10,240
    characters, which a stack's services would fill.

    Args:
        pipeline_arns: whose executions.
        builds_arn: the CodeBuild projects.
        logs_arn: what they log.
        tasks_logs_arn: what the services' tasks log.
        services_arn: the ECS services, whose events say why a load balancer took a task for unhealthy.
        sources_arn: what was uploaded.
    """
    return [
        allow("ReadExecutions", "codepipeline:GetPipelineExecution ListActionExecutions", pipeline_arns),
        allow("ReadBuilds", "codebuild:BatchGetBuilds", [builds_arn]),
        allow("ReadLogs", "logs:GetLogEvents", [logs_arn]),
        allow("SearchTasksLogs", "logs:FilterLogEvents", [tasks_logs_arn]),
        allow("ReadEvents", "ecs:DescribeServices", [services_arn]),
        read_health_checks(),
        *read_upload(sources_arn),
    ]


def read_health_checks() -> Statement:
    """Reads which path the load balancer's health checks ask for; takes no resource."""
    return allow("ReadHealthChecks", "elasticloadbalancing:DescribeTargetGroups", EVERYTHING)


def keep_reports(reports_arn: pulumi.Input[str]) -> list[Statement]:
    """Notes what was published, and reads that."""
    return [allow("KeepReports", "s3:GetObject PutObject", [reports_arn])]


def read_executions(pipelines_arn: pulumi.Input[str]) -> Statement:
    """Looks which executions pipelines have, and how each went."""
    actions = "codepipeline:ListPipelineExecutions ListActionExecutions GetPipelineExecution"
    return allow("ReadExecutions", actions, [pipelines_arn])


def find_executions(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks which executions of a pipeline there are, and what each was started with."""
    return [allow("FindExecutions", "codepipeline:ListPipelineExecutions GetPipelineExecution", [pipeline_arn])]


def read_execution(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks what an execution of a pipeline was started with, and by whom."""
    return [allow("ReadExecution", "codepipeline:GetPipelineExecution", [pipeline_arn])]


def read_actions(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks what the actions of a pipeline's executions have handed on."""
    return [allow("ReadActions", "codepipeline:ListActionExecutions", [pipeline_arn])]


def put_events(bus_arn: pulumi.Input[str], source: str, *detail_types: str) -> list[Statement]:
    """Publishes these kinds of events."""
    condition = {"StringEquals": {"events:source": source, "events:detail-type": list(detail_types)}}
    return [allow("Announce", "events:PutEvents", [bus_arn], condition)]


def put_metrics(namespace: str) -> list[Statement]:
    """Writes metrics of one namespace, which is no resource."""
    condition = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return [allow("Measure", "cloudwatch:PutMetricData", EVERYTHING, condition)]


def read_artifacts(bucket_arn: pulumi.Input[str], artifacts_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads a pipeline's artifacts, from a bucket that CodeBuild looks at first (CodeBuild, create a service role)."""
    return [
        allow("FindArtifacts", "s3:GetBucketAcl GetBucketLocation", [bucket_arn]),
        allow("ReadArtifacts", "s3:GetObject GetObjectVersion", [artifacts_arn]),
    ]


def read_and_write_artifacts(bucket_arn: pulumi.Input[str], artifacts_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads and writes a pipeline's artifacts (CodePipeline, manage the service role; CodeBuild's has less)."""
    return [
        *read_artifacts(bucket_arn, artifacts_arn),
        allow("WriteArtifacts", "s3:PutObject PutObjectAcl", [artifacts_arn]),
    ]


def fetch_source(bucket_arn: pulumi.Input[str], object_arn: pulumi.Input[str]) -> list[Statement]:
    """What CodePipeline's S3 source action needs (CodePipeline, Amazon S3 source action reference)."""
    return [
        allow("FindSource", "s3:GetBucketVersioning", [bucket_arn]),
        allow("FetchSource", "s3:GetObject GetObjectVersion", [object_arn]),
    ]


def fetch_pushed_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks whether there is an image in an inbox, and fetches it."""
    return [allow("FetchPushedImage", f"{PULL} DescribeImages", [repository_arn])]


def fetch_promoted(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Fetches an image of another stack."""
    return [allow("FetchPromotedImage", PULL, [repository_arn])]


def copy_image(target_arn: pulumi.Input[str]) -> list[Statement]:
    """Writes an image into a repository layer by layer (ECR's API reference)."""
    upload = "ecr:BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage"
    return [allow("CopyImage", upload, [target_arn])]


def keep_build_cache(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Pulls and pushes what BuildKit keeps of a build (ECR, IAM permissions for pushing and for pulling an image)."""
    push = "BatchCheckLayerAvailability InitiateLayerUpload UploadLayerPart CompleteLayerUpload PutImage"
    return [allow("KeepBuildCache", f"{PULL} {push}", [repository_arn])]


def read_upload(object_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads an uploaded version, and what it says of itself."""
    return [allow("ReadUpload", "s3:GetObjectVersion", [object_arn])]


def read_steps(objects_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads the code of the pipeline's own steps: also the code before, for a build that began before an `up`."""
    return [allow("ReadSteps", "s3:GetObject", [objects_arn])]


def run_builds(project_arns: Arns) -> list[Statement]:
    """What CodePipeline's CodeBuild action needs."""
    return [allow("RunBuilds", "codebuild:StartBuild BatchGetBuilds", project_arns)]


def run_steps(function_arn: pulumi.Input[str]) -> list[Statement]:
    """What CodePipeline's Lambda action needs (CodePipeline, AWS Lambda invoke action reference)."""
    return [allow("RunSteps", "lambda:InvokeFunction", [function_arn])]


def answer_jobs() -> list[Statement]:
    """Tells CodePipeline how a job has ended; neither action takes a resource."""
    return [allow("AnswerJobs", "codepipeline:PutJobSuccessResult PutJobFailureResult", EVERYTHING)]


def deploy_service(
    service_arn: pulumi.Input[str],
    task_definition_arn: pulumi.Input[str],
    role_arns: Arns,
    cluster_arn: pulumi.Input[str],
    tasks_arn: pulumi.Input[str],
) -> list[Statement]:
    """What CodePipeline's ECS action needs (CodePipeline, ECS deploy action reference; manage the service role, which
    has the service's tasks besides).

    Args:
        service_arn: the service to update.
        task_definition_arn: every revision of the family, `…:task-definition/family:*`.
        role_arns: the execution role and the task role.
        cluster_arn: the service's cluster.
        tasks_arn: `…:task/cluster/*`.
    """
    created = {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}
    return [
        # DescribeTaskDefinition takes no resource, and RegisterTaskDefinition is decided on none.
        allow("CloneRevision", "ecs:DescribeTaskDefinition RegisterTaskDefinition", EVERYTHING),
        allow("DeployService", "ecs:DescribeServices UpdateService", [service_arn]),
        allow("TagRevision", "ecs:TagResource", [task_definition_arn], created),
        allow("PassRoles", "iam:PassRole", role_arns, TO_ECS),
        *find_tasks(cluster_arn, tasks_arn),
    ]


def migrate_service(
    *,
    cluster_arn: pulumi.Input[str],
    task_definition_arn: pulumi.Input[str],
    tasks_arn: pulumi.Input[str],
    log_group_arn: pulumi.Input[str],
) -> list[Statement]:
    """What the Migrate step does beside looking at the service and its tasks: runs a task like the service's.

    Args:
        cluster_arn: where the task runs.
        task_definition_arn: every revision of the migration's family, `…:task-definition/family:*`.
        tasks_arn: `…:task/cluster/*`, every task of the cluster: a task's ARN ends in an id that AWS makes up,
            and says nothing of its family.
        log_group_arn: where the service's containers log.
    """
    in_cluster = {"ArnEquals": {"ecs:cluster": cluster_arn}}
    return [
        # Is decided on no resource.
        allow("RegisterMigration", "ecs:RegisterTaskDefinition", EVERYTHING),
        allow("RunMigration", "ecs:RunTask", [task_definition_arn], in_cluster),
        tag_started_tasks(tasks_arn),
        allow("StopMigration", "ecs:StopTask", [tasks_arn]),
        allow("ReadLog", "logs:GetLogEvents", [pulumi.Output.concat(log_group_arn, ":*")]),
    ]


def release_service(
    service_arn: pulumi.Input[str], scalable_target_arn: pulumi.Input[str], role_arns: Arns
) -> list[Statement]:
    """What the Release step does to a service: looks, and starts it the first time.

    Args:
        service_arn: the service.
        scalable_target_arn: its scalable target.
        role_arns: the execution role and the task role, which a new deployment of ECS's is asked for (e1s#429).
    """
    return [
        # Takes no resource.
        allow("ReadRevision", "ecs:DescribeTaskDefinition", EVERYTHING),
        allow("StartService", "ecs:DescribeServices UpdateService", [service_arn]),
        allow("PassRoles", "iam:PassRole", role_arns, TO_ECS),
        allow("ResumeScaling", "application-autoscaling:RegisterScalableTarget", [scalable_target_arn]),
        *watch_scaling(),
    ]


def watch_scaling() -> list[Statement]:
    """What Application Auto Scaling wants of its callers in CloudWatch, though it makes the alarms by its own role.

    Before it does anything it tries, as the caller, `PutMetricAlarm` and `DeleteAlarms` without a name, and refuses
    with "missing the following permissions" (Application Auto Scaling, permissions validation for API calls on target
    resources; its identity-based policy examples grant these three on `*`).
    """
    return [allow("WatchScaling", "cloudwatch:PutMetricAlarm DeleteAlarms DescribeAlarms", EVERYTHING)]


def shift_traffic(
    *,
    service_arn: pulumi.Input[str],
    task_sets_arn: pulumi.Input[str],
    rule_arns: Arns,
    role_arns: Arns,
    watches: bool,
    hook_arns: Arns,
) -> list[Statement]:
    """What CodeDeploy does for a blue/green deployment: of AWSCodeDeployRoleForECS that which this service needs.

    Args:
        service_arn: the service.
        task_sets_arn: `…:task-set/cluster/service/*`; a task set's ARN ends in an id that AWS makes up.
        rule_arns: the listener rules that it rewrites.
        role_arns: the execution role and the task role.
        watches: whether alarms end a deployment.
        hook_arns: the functions that it calls.
    """
    to_tasks = {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}
    describe = "elasticloadbalancing:DescribeListeners DescribeRules DescribeTargetGroups"
    statements = [
        allow("ReadService", "ecs:DescribeServices UpdateServicePrimaryTaskSet", [service_arn]),
        allow("ReplaceTaskSet", "ecs:CreateTaskSet DeleteTaskSet", [task_sets_arn]),
        # None of them takes a resource.
        allow("ReadTraffic", describe, EVERYTHING),
        allow("ShiftTraffic", "elasticloadbalancing:ModifyRule", rule_arns),
        allow("PassRoles", "iam:PassRole", role_arns, to_tasks),
    ]
    if watches:
        # AWS's own AWSCodeDeployRoleForECS grants it so: what asks for composite alarms too must be granted on
        # everything (CloudWatch API reference, DescribeAlarms).
        statements.append(allow("ReadAlarms", "cloudwatch:DescribeAlarms", EVERYTHING))
    if hook_arns:
        statements.append(allow("CallHooks", "lambda:InvokeFunction", hook_arns))
    return statements


def shift_by_ecs(*, group_arns: Arns, rule_arns: Arns, hook_arns: Arns) -> list[Statement]:
    """What ECS does with a service's target groups and rules when it shifts the traffic itself: of
    AmazonECSInfrastructureRolePolicyForLoadBalancers that which this service needs, and AWSLambdaRole's of its hooks.

    Args:
        group_arns: its target groups.
        rule_arns: its listener rules, whose weights ECS moves. Listeners are modified of network load balancers only,
            or where traffic is forwarded by a listener's own rule.
        hook_arns: the functions that ECS calls.
    """
    describe = "elasticloadbalancing:DescribeListeners DescribeRules DescribeTargetGroups DescribeTargetHealth"
    statements = [
        # None of them takes a resource.
        allow("ReadTraffic", describe, EVERYTHING),
        allow("RegisterTasks", "elasticloadbalancing:RegisterTargets DeregisterTargets", group_arns),
        allow("ShiftTraffic", "elasticloadbalancing:ModifyRule", rule_arns),
    ]
    if hook_arns:
        statements.append(allow("CallHooks", "lambda:InvokeFunction", hook_arns))
    return statements


def deploy_natively(
    service_arn: pulumi.Input[str], deployments_arn: pulumi.Input[str], task_definition_arn: pulumi.Input[str]
) -> list[Statement]:
    """What the Deploy step does besides what Release may: registers a clone, follows its deployment, and ends it.

    Args:
        service_arn: the service.
        deployments_arn: `…:service-deployment/cluster/service/*`; a deployment's ARN ends in an id that ECS makes up.
        task_definition_arn: every revision of the family, `…:task-definition/family:*`.
    """
    created = {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}
    return [
        # Is decided on no resource.
        allow("CloneRevision", "ecs:RegisterTaskDefinition", EVERYTHING),
        allow("TagRevision", "ecs:TagResource", [task_definition_arn], created),
        allow("FindDeployments", "ecs:ListServiceDeployments", [service_arn]),
        # Either takes the service as well as its deployment.
        allow(
            "FollowDeployments", "ecs:DescribeServiceDeployments StopServiceDeployment", [service_arn, deployments_arn]
        ),
        read_health_checks(),
    ]


def start_blue_green(
    application_arn: pulumi.Input[str],
    group_arn: pulumi.Input[str],
    config_arn: pulumi.Input[str],
    task_definition_arn: pulumi.Input[str],
    role_arns: Arns,
) -> list[Statement]:
    """What CodePipeline's CodeDeployToECS action needs (CodePipeline, how to manage the service role)."""
    created = {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}
    revision = "codedeploy:GetApplication GetApplicationRevision RegisterApplicationRevision"
    return [
        # Is decided on no resource.
        allow("RegisterRevision", "ecs:RegisterTaskDefinition", EVERYTHING),
        allow("TagRevision", "ecs:TagResource", [task_definition_arn], created),
        allow("NameRevision", revision, [application_arn]),
        allow("Deploy", "codedeploy:CreateDeployment GetDeployment", [group_arn]),
        allow("ReadConfig", "codedeploy:GetDeploymentConfig", [config_arn]),
        allow("PassRoles", "iam:PassRole", role_arns, TO_ECS),
    ]


def read_template(objects_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads the task definition that is to be deployed."""
    return [allow("ReadTemplate", "s3:GetObject", [objects_arn])]


def start_pipeline(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """What the rule needs that starts a pipeline."""
    return [allow("StartPipeline", "codepipeline:StartPipelineExecution", [pipeline_arn])]
