"""IAM policy documents: what each role may do, action by action and ARN by ARN.

Functions without resources; a component turns what they return into a policy with `pulumi.Output.json_dumps`.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pulumi

Statement = dict[str, Any]
Arns = Sequence[pulumi.Input[str]]

EVERYTHING = ["*"]
"""Only for actions of policy/wildcards.py, which has the reason for each."""

TO_ECS = {"StringEquals": {"iam:PassedToService": ["ecs.amazonaws.com", "ecs-tasks.amazonaws.com"]}}
"""Whom a task's roles are passed to by who deploys a service (CodePipeline, ECS deploy action reference)."""


def document(statements: Sequence[Statement]) -> dict[str, Any]:
    """A policy of these statements."""
    return {"Version": "2012-10-17", "Statement": list(statements)}


def allow(sid: str, actions: Sequence[str], resources: Arns, condition: Mapping[str, Any] | None = None) -> Statement:
    """One Allow statement."""
    statement = {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
    return {**statement, "Condition": condition} if condition else statement


def trust(service: str, account: pulumi.Input[str]) -> dict[str, Any]:
    """Lets an AWS service assume a role, on behalf of this account only (the confused deputy problem)."""
    return document(
        [
            {
                "Effect": "Allow",
                "Principal": {"Service": f"{service}.amazonaws.com"},
                "Action": "sts:AssumeRole",
                "Condition": {"StringEquals": {"aws:SourceAccount": account}},
            }
        ]
    )


def secure_transport_only(bucket_arn: pulumi.Input[str]) -> dict[str, Any]:
    """A bucket policy that refuses requests without TLS."""
    return document(
        [
            {
                "Sid": "SecureTransportOnly",
                "Effect": "Deny",
                "Principal": "*",
                "Action": "s3:*",
                "Resource": [bucket_arn, pulumi.Output.concat(bucket_arn, "/*")],
                "Condition": {"Bool": {"aws:SecureTransport": "false"}},
            }
        ]
    )


def send_to_dead_letters(queue_arn: pulumi.Input[str], rule_arns: Arns) -> dict[str, Any]:
    """A dead-letter queue's policy: EventBridge may put what these rules could not deliver."""
    return document(
        [
            {
                "Sid": "Undelivered",
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": queue_arn,
                "Condition": {"ArnEquals": {"aws:SourceArn": list(rule_arns)}},
            }
        ]
    )


def upload(object_arn: pulumi.Input[str]) -> list[Statement]:
    """All that an on-premises CI may do: put its own service's source."""
    return [allow("UploadSource", ["s3:PutObject"], [object_arn])]


def write_logs(log_group_arn: pulumi.Input[str]) -> list[Statement]:
    """Writes to the streams of a log group that exists."""
    return [
        allow(
            "WriteLogs",
            ["logs:CreateLogStream", "logs:PutLogEvents"],
            [pulumi.Output.concat(log_group_arn, ":*")],
        )
    ]


def encrypt_log(account: str, partition: str, region: str, log_group_arn: str) -> dict[str, Any]:
    """A KMS key's policy: CloudWatch Logs may encrypt one log group with it (CloudWatch Logs, encrypt log data).

    The account's own policies decide about everything else. The resource of a key's policy is that key.
    """
    root = f"arn:{partition}:iam::{account}:root"
    uses = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:Describe*"]
    return document(
        [
            {**allow("Account", ["kms:*"], EVERYTHING), "Principal": {"AWS": root}},
            {
                **allow("Logs", uses, EVERYTHING, {"ArnEquals": {"kms:EncryptionContext:aws:logs:arn": log_group_arn}}),
                "Principal": {"Service": f"logs.{region}.amazonaws.com"},
            },
        ]
    )


def open_sessions(log_group_arn: pulumi.Input[str]) -> list[Statement]:
    """What the agent of ECS Exec in a task needs, with the task role (ECS, ECS Exec: task role, logging)."""
    channels = [f"ssmmessages:{act}{kind}Channel" for act in ("Create", "Open") for kind in ("Control", "Data")]
    log = ["logs:CreateLogStream", "logs:DescribeLogStreams", "logs:PutLogEvents"]
    return [
        # None of them takes a resource.
        allow("OpenSessions", channels, EVERYTHING),
        allow("FindSessionLog", ["logs:DescribeLogGroups"], EVERYTHING),
        allow("LogSessions", log, [pulumi.Output.concat(log_group_arn, ":*")]),
    ]


def read_parameters(arns: Arns) -> list[Statement]:
    """Reads parameters, whose ARNs may be patterns."""
    return [allow("ReadParameters", ["ssm:GetParameters"], arns)] if arns else []


def decrypt_parameters(whose: str, arns: Arns, key_arn: pulumi.Input[str]) -> list[Statement]:
    """Decrypts these parameters, whose ARNs may be patterns, and nothing else that the key encrypts.

    Parameter Store decrypts with the parameter's ARN as the encryption context (Parameter Store and KMS).

    Args:
        whose: what the statement's name begins with, "" for our own.
        arns: the parameters.
        key_arn: what they are encrypted with.
    """
    only_these = {"StringLike": {"kms:EncryptionContext:PARAMETER_ARN": list(arns)}}
    return [allow(f"Decrypt{whose}Parameters", ["kms:Decrypt"], [key_arn], only_these)] if arns else []


def log_in_to_registry() -> Statement:
    """ecr:GetAuthorizationToken takes no resource."""
    return allow("LogInToRegistry", ["ecr:GetAuthorizationToken"], EVERYTHING)


def pull_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """What ECS needs to start a container of an image."""
    actions = ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [log_in_to_registry(), allow("PullImage", actions, [repository_arn])]


def pull_sidecars(repository_arns: Arns) -> Statement:
    """What ECS needs beside `pull_image` to start the containers of other images."""
    return allow("PullSidecars", ["ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"], repository_arns)


def push_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """What `docker push` needs, and a look at what is there (ECR, IAM permissions for pushing an image)."""
    actions = [
        "ecr:BatchCheckLayerAvailability",
        "ecr:InitiateLayerUpload",
        "ecr:UploadLayerPart",
        "ecr:CompleteLayerUpload",
        "ecr:BatchGetImage",
        "ecr:PutImage",
        "ecr:DescribeImages",
    ]
    return [log_in_to_registry(), allow("PushImage", actions, [repository_arn])]


def read_labels(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Fetches the configuration of an image, whose manifest may be read already."""
    return [allow("ReadLabels", ["ecr:GetDownloadUrlForLayer"], [repository_arn])]


def tag_image(repository_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks at tags, and gives another one to an image that is there."""
    return [allow("TagImage", ["ecr:DescribeImages", "ecr:BatchGetImage", "ecr:PutImage"], [repository_arn])]


def find_tasks(cluster_arn: pulumi.Input[str], tasks_arn: pulumi.Input[str]) -> list[Statement]:
    """Lists a cluster's tasks, and looks at them.

    Args:
        cluster_arn: the cluster; ListTasks takes a container instance, which Fargate has none of.
        tasks_arn: `…:task/cluster/*`; a task's ARN ends in an id that AWS makes up.
    """
    return [
        allow("FindTasks", ["ecs:ListTasks"], EVERYTHING, {"ArnEquals": {"ecs:cluster": cluster_arn}}),
        allow("ReadTasks", ["ecs:DescribeTasks"], [tasks_arn]),
    ]


def read_release(record_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads what was released, now and before."""
    return [allow("ReadReleases", ["ssm:GetParameterHistory"], [record_arn])]


def write_release(record_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads and writes the release record."""
    return [allow("WriteRelease", ["ssm:GetParameter", "ssm:PutParameter"], [record_arn])]


def read_failures(
    *,
    pipeline_arns: Arns,
    builds_arn: pulumi.Input[str],
    logs_arn: pulumi.Input[str],
    tasks_logs_arn: pulumi.Input[str],
    sources_arn: pulumi.Input[str],
) -> list[Statement]:
    """Reads why executions have ended.

    The builds, logs and sources are those of all services, by a pattern: a role's policies have 10,240 characters,
    which a stack's services would fill.

    Args:
        pipeline_arns: whose executions.
        builds_arn: the CodeBuild projects.
        logs_arn: what they log.
        tasks_logs_arn: what the services' tasks log.
        sources_arn: what was uploaded.
    """
    executions = ["codepipeline:GetPipelineExecution", "codepipeline:ListActionExecutions"]
    return [
        allow("ReadExecutions", executions, pipeline_arns),
        allow("ReadBuilds", ["codebuild:BatchGetBuilds"], [builds_arn]),
        allow("ReadLogs", ["logs:GetLogEvents"], [logs_arn]),
        allow("SearchTasksLogs", ["logs:FilterLogEvents"], [tasks_logs_arn]),
        *read_upload(sources_arn),
    ]


def keep_reports(reports_arn: pulumi.Input[str]) -> list[Statement]:
    """Notes what was published, and reads that."""
    return [allow("KeepReports", ["s3:GetObject", "s3:PutObject"], [reports_arn])]


def read_executions(pipelines_arn: pulumi.Input[str]) -> Statement:
    """Looks which executions pipelines have, and how each went."""
    actions = ["ListPipelineExecutions", "ListActionExecutions", "GetPipelineExecution"]
    return allow("ReadExecutions", [f"codepipeline:{action}" for action in actions], [pipelines_arn])


def find_executions(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """Looks which executions of a pipeline there are, and what each was started with."""
    actions = ["codepipeline:ListPipelineExecutions", "codepipeline:GetPipelineExecution"]
    return [allow("FindExecutions", actions, [pipeline_arn])]


def announce(bus_arn: pulumi.Input[str], source: str, *detail_types: str) -> list[Statement]:
    """Publishes these kinds of events."""
    condition = {"StringEquals": {"events:source": source, "events:detail-type": list(detail_types)}}
    return [allow("Announce", ["events:PutEvents"], [bus_arn], condition)]


def measure(namespace: str) -> list[Statement]:
    """Writes metrics of one namespace, which is no resource."""
    condition = {"StringEquals": {"cloudwatch:namespace": namespace}}
    return [allow("Measure", ["cloudwatch:PutMetricData"], EVERYTHING, condition)]


def read_artifacts(bucket_arn: pulumi.Input[str], artifacts_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads a pipeline's artifacts, from a bucket that CodeBuild looks at first (CodeBuild, create a service role)."""
    return [
        allow("FindArtifacts", ["s3:GetBucketAcl", "s3:GetBucketLocation"], [bucket_arn]),
        allow("ReadArtifacts", ["s3:GetObject", "s3:GetObjectVersion"], [artifacts_arn]),
    ]


def read_and_write_artifacts(bucket_arn: pulumi.Input[str], artifacts_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads and writes a pipeline's artifacts (CodePipeline, manage the service role; CodeBuild's has less)."""
    return [
        *read_artifacts(bucket_arn, artifacts_arn),
        allow("WriteArtifacts", ["s3:PutObject", "s3:PutObjectAcl"], [artifacts_arn]),
    ]


def fetch_source(bucket_arn: pulumi.Input[str], object_arn: pulumi.Input[str]) -> list[Statement]:
    """What CodePipeline's S3 source action needs (CodePipeline, Amazon S3 source action reference)."""
    return [
        allow("FindSource", ["s3:GetBucketVersioning"], [bucket_arn]),
        allow("FetchSource", ["s3:GetObject", "s3:GetObjectVersion"], [object_arn]),
    ]


def read_upload(object_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads what an uploaded version says of itself."""
    return [allow("ReadUpload", ["s3:GetObjectVersion"], [object_arn])]


def read_steps(objects_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads the code of the pipeline's own steps: also the code before, for a build that began before an `up`."""
    return [allow("ReadSteps", ["s3:GetObject"], [objects_arn])]


def run_builds(project_arns: Arns) -> list[Statement]:
    """What CodePipeline's CodeBuild action needs."""
    return [allow("RunBuilds", ["codebuild:StartBuild", "codebuild:BatchGetBuilds"], project_arns)]


def run_steps(function_arn: pulumi.Input[str]) -> list[Statement]:
    """What CodePipeline's Lambda action needs (CodePipeline, AWS Lambda invoke action reference)."""
    return [allow("RunSteps", ["lambda:InvokeFunction"], [function_arn])]


def answer_jobs() -> list[Statement]:
    """Tells CodePipeline how a job has ended; neither action takes a resource."""
    return [allow("AnswerJobs", ["codepipeline:PutJobSuccessResult", "codepipeline:PutJobFailureResult"], EVERYTHING)]


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
        allow("CloneRevision", ["ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition"], EVERYTHING),
        allow("DeployService", ["ecs:DescribeServices", "ecs:UpdateService"], [service_arn]),
        allow("TagRevision", ["ecs:TagResource"], [task_definition_arn], created),
        allow("PassRoles", ["iam:PassRole"], role_arns, TO_ECS),
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
        allow("RegisterMigration", ["ecs:RegisterTaskDefinition"], EVERYTHING),
        allow("RunMigration", ["ecs:RunTask"], [task_definition_arn], in_cluster),
        allow("StopMigration", ["ecs:StopTask"], [tasks_arn]),
        allow("ReadLog", ["logs:GetLogEvents"], [pulumi.Output.concat(log_group_arn, ":*")]),
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
        allow("ReadRevision", ["ecs:DescribeTaskDefinition"], EVERYTHING),
        allow("StartService", ["ecs:DescribeServices", "ecs:UpdateService"], [service_arn]),
        allow("PassRoles", ["iam:PassRole"], role_arns, TO_ECS),
        allow("ResumeScaling", ["application-autoscaling:RegisterScalableTarget"], [scalable_target_arn]),
        *watch_scaling(),
    ]


def watch_scaling() -> list[Statement]:
    """What Application Auto Scaling wants of its callers in CloudWatch, though it makes the alarms by its own role.

    Before it does anything it tries, as the caller, `PutMetricAlarm` and `DeleteAlarms` without a name, and refuses
    with "missing the following permissions" (Application Auto Scaling, permissions validation for API calls on target
    resources; its identity-based policy examples grant these three on `*`).
    """
    alarms = ["PutMetricAlarm", "DeleteAlarms", "DescribeAlarms"]
    return [allow("WatchScaling", [f"cloudwatch:{action}" for action in alarms], EVERYTHING)]


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
    describe = ["DescribeListeners", "DescribeRules", "DescribeTargetGroups"]
    statements = [
        allow("ReadService", ["ecs:DescribeServices", "ecs:UpdateServicePrimaryTaskSet"], [service_arn]),
        allow("ReplaceTaskSet", ["ecs:CreateTaskSet", "ecs:DeleteTaskSet"], [task_sets_arn]),
        # None of them takes a resource.
        allow("ReadTraffic", [f"elasticloadbalancing:{action}" for action in describe], EVERYTHING),
        allow("ShiftTraffic", ["elasticloadbalancing:ModifyRule"], rule_arns),
        allow("PassRoles", ["iam:PassRole"], role_arns, to_tasks),
    ]
    if watches:
        # AWS's own AWSCodeDeployRoleForECS grants it so: what asks for composite alarms too must be granted on
        # everything (CloudWatch API reference, DescribeAlarms).
        statements.append(allow("ReadAlarms", ["cloudwatch:DescribeAlarms"], EVERYTHING))
    if hook_arns:
        statements.append(allow("CallHooks", ["lambda:InvokeFunction"], hook_arns))
    return statements


def start_blue_green(
    application_arn: pulumi.Input[str],
    group_arn: pulumi.Input[str],
    config_arn: pulumi.Input[str],
    task_definition_arn: pulumi.Input[str],
    role_arns: Arns,
) -> list[Statement]:
    """What CodePipeline's CodeDeployToECS action needs (CodePipeline, how to manage the service role)."""
    created = {"StringEquals": {"ecs:CreateAction": ["RegisterTaskDefinition"]}}
    revision = ["GetApplication", "GetApplicationRevision", "RegisterApplicationRevision"]
    return [
        # Is decided on no resource.
        allow("RegisterRevision", ["ecs:RegisterTaskDefinition"], EVERYTHING),
        allow("TagRevision", ["ecs:TagResource"], [task_definition_arn], created),
        allow("NameRevision", [f"codedeploy:{action}" for action in revision], [application_arn]),
        allow("Deploy", ["codedeploy:CreateDeployment", "codedeploy:GetDeployment"], [group_arn]),
        allow("ReadConfig", ["codedeploy:GetDeploymentConfig"], [config_arn]),
        allow("PassRoles", ["iam:PassRole"], role_arns, TO_ECS),
    ]


def read_template(objects_arn: pulumi.Input[str]) -> list[Statement]:
    """Reads the task definition that is to be deployed."""
    return [allow("ReadTemplate", ["s3:GetObject"], [objects_arn])]


def start_pipeline(pipeline_arn: pulumi.Input[str]) -> list[Statement]:
    """What the rule needs that starts a pipeline."""
    return [allow("StartPipeline", ["codepipeline:StartPipelineExecution"], [pipeline_arn])]
