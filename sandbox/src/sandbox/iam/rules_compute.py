"""Permissions of ECS, Application Auto Scaling, CodeBuild, CodePipeline and CodeDeploy calls that pass roles,
name resources in more than one way, or carry condition keys."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.iam.calls import Call, Need, tag_context

_TASKS = "ecs-tasks.amazonaws.com"
_SCALED = ("DescribeServices", "UpdateService")
_SERVICE_ROLES = ("loadBalancers.advancedConfiguration.roleArn", "deploymentConfiguration.lifecycleHooks.roleArn")


def _cluster_name(call: Call) -> str:
    return str(call.params.get("cluster") or "default").rpartition("/")[2]


def _cluster(call: Call) -> dict[str, str | list[str]]:
    """``ecs:cluster`` holds the cluster's ARN."""
    return {"ecs:cluster": call.arn("ecs", f"cluster/{_cluster_name(call)}")}


def _in_cluster(call: Call, kind: str, name: str) -> str:
    """The long ARN of a service or task, by name or ARN."""
    return name if name.startswith("arn:") else call.arn("ecs", f"{kind}/{_cluster_name(call)}/{name}")


def _ecs_resources(kind: str, path: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        names = [str(name) for name in call.values(path)]
        return [Need(f"ecs:{call.operation}", _in_cluster(call, kind, name), _cluster(call)) for name in names]

    return rule


def _execute_command(call: Call) -> list[Need]:
    """Of the cluster and of the task (aws/containers-roadmap#1050, too)."""
    cluster = call.arn("ecs", f"cluster/{_cluster_name(call)}")
    task = _in_cluster(call, "task", str(call.params["task"]))
    context = {**_cluster(call), "ecs:task": task}
    if container := call.params.get("container"):
        context["ecs:container-name"] = str(container)
    return [Need("ecs:ExecuteCommand", resource, context) for resource in (cluster, task)]


def _task_set_arn(call: Call, name: str) -> str:
    if name.startswith("arn:"):
        return name
    service = str(call.params["service"]).rpartition("/")[2]
    return call.arn("ecs", f"task-set/{_cluster_name(call)}/{service}/{name}")


def _task_sets(path: str) -> Callable[[Call], list[Need]]:
    def rule(call: Call) -> list[Need]:
        names = [str(name) for name in call.values(path)] or ["*"]
        return [Need(f"ecs:{call.operation}", _task_set_arn(call, name), _cluster(call)) for name in names]

    return rule


def _create_task_set(call: Call) -> list[Need]:
    """A new task set's id is not known yet; its tasks' roles are passed."""
    roles = call.facts.task_definition(str(call.params["taskDefinition"]))[1]
    created = Need("ecs:CreateTaskSet", _task_set_arn(call, "ecs-svc/0"), _cluster(call))
    return [created, *(call.passes(role, _TASKS) for role in roles)]


def _ecs_any(call: Call) -> list[Need]:
    return [Need(f"ecs:{call.operation}", "*", _cluster(call))]


def _tagging(call: Call, resource: str) -> list[Need]:
    """Tags given on creation need ``ecs:TagResource`` for that creating action."""
    tags = tag_context(call.params.get("tags"))
    if not tags:
        return []
    return [Need("ecs:TagResource", resource, {**tags, "ecs:CreateAction": call.operation})]


def _write_service(call: Call) -> list[Need]:
    service = str(call.params.get("service") or call.params.get("serviceName"))
    arn = _in_cluster(call, "service", service)
    context = {**_cluster(call), **tag_context(call.params.get("tags"))}
    roles: list[str] = []
    if name := call.params.get("taskDefinition"):
        context["ecs:task-definition"], roles = call.facts.task_definition(str(name))
    if "enableExecuteCommand" in call.params:
        context["ecs:enable-execute-command"] = "true" if call.params["enableExecuteCommand"] else "false"
    # An update that names a revision passes its roles (denied so in e1s#429); of a creation nothing says so.
    passed = roles if call.operation == "UpdateService" else []
    needs = [
        Need(f"ecs:{call.operation}", arn, context),
        *_tagging(call, arn),
        *(call.passes(role, _TASKS) for role in passed),
    ]
    # Any role that is handed to a service is passed to it (IAM user guide, id_roles_use_passrole.html).
    given = [call.params.get("role"), *(role for path in _SERVICE_ROLES for role in call.values(path))]
    return [*needs, *(call.passes(str(role), "ecs.amazonaws.com") for role in dict.fromkeys(given) if role)]


def _register_task_definition(call: Call) -> list[Need]:
    """AWS's denial of this action prints ``on resource: *``, and its guides grant it on ``*``."""
    resource = call.arn("ecs", f"task-definition/{call.params['family']}:*")
    roles = [call.params.get("taskRoleArn"), call.params.get("executionRoleArn")]
    return [
        Need("ecs:RegisterTaskDefinition", "*", tag_context(call.params.get("tags"))),
        *_tagging(call, resource),
        *(call.passes(str(role), _TASKS) for role in dict.fromkeys(roles) if role),
    ]


def _run_task(call: Call) -> list[Need]:
    """Running a task passes the roles of its definition, or those that override them."""
    arn, roles = call.facts.task_definition(str(call.params["taskDefinition"]))
    overrides = call.params.get("overrides") or {}
    passed = [*roles, overrides.get("taskRoleArn"), overrides.get("executionRoleArn")]
    return [
        Need(f"ecs:{call.operation}", arn, {**_cluster(call), **tag_context(call.params.get("tags"))}),
        *_tagging(call, call.arn("ecs", f"task/{_cluster_name(call)}/*")),
        *(call.passes(str(role), _TASKS) for role in dict.fromkeys(passed) if role),
    ]


def _by_arn(path: str) -> Callable[[Call], list[Need]]:
    """Service deployments and service revisions, whose ARNs name their cluster."""

    def rule(call: Call) -> list[Need]:
        arns = [str(arn) for arn in call.values(path)]
        return [Need(f"ecs:{call.operation}", arn, _cluster_of(call, arn)) for arn in arns]

    return rule


def _cluster_of(call: Call, arn: str) -> dict[str, str]:
    return {"ecs:cluster": call.arn("ecs", f"cluster/{arn.split('/')[1]}")}


def _tag_resource(call: Call) -> list[Need]:
    return [Need("ecs:TagResource", str(call.params["resourceArn"]), tag_context(call.params.get("tags")))]


def _scalable_target(call: Call) -> list[Need]:
    namespace, dimension = str(call.params["ServiceNamespace"]), str(call.params["ScalableDimension"])
    existing = call.facts.scalable_target(namespace, str(call.params["ResourceId"]), dimension)
    context: dict[str, str | list[str]] = {
        "application-autoscaling:service-namespace": namespace,
        "application-autoscaling:scalable-dimension": dimension,
        **tag_context(call.params.get("Tags")),
    }
    arn = existing or call.arn("application-autoscaling", "scalable-target/*")
    needs = [Need(f"application-autoscaling:{call.operation}", arn, context)]
    if call.params.get("Tags"):
        # The reference has no condition key of the target for it, only those of tags.
        needs.append(Need("application-autoscaling:TagResource", arn, tag_context(call.params["Tags"])))
    if role := call.params.get("RoleARN"):
        needs.append(call.passes(str(role), "application-autoscaling.amazonaws.com"))
    return [*needs, *_tried_before_scaling(call)]


def _tried_before_scaling(call: Call) -> list[Need]:
    """The calls that Application Auto Scaling tries as the caller before it registers a target.

    CloudWatch's without an alarm's name (Application Auto Scaling, permissions validation for API calls on target
    resources). A nameless `DeleteAlarms` is decided on `alarm:` (amazon-cloudwatch-auto-alarms#18).
    """
    nameless = call.arn("cloudwatch", "alarm:")
    return [
        *(Need(f"ecs:{name}", call.arn("ecs", str(call.params["ResourceId"])), tried=True) for name in _SCALED),
        Need("cloudwatch:PutMetricAlarm", nameless, tried=True),
        Need("cloudwatch:DeleteAlarms", nameless, tried=True),
        Need("cloudwatch:DescribeAlarms", call.arn("cloudwatch", "alarm:*"), tried=True),
    ]


def _project(call: Call, name: str) -> Need:
    name = name.rpartition("/")[2] if name.startswith("arn:") else name
    return Need(f"codebuild:{call.operation}", call.arn("codebuild", f"project/{name.partition(':')[0]}"))


def _builds(path: str) -> Callable[[Call], list[Need]]:
    """A build is authorised as its project; its id is ``project:uuid``."""
    return lambda call: [_project(call, str(name)) for name in call.values(path)]


def _start_build(call: Call) -> list[Need]:
    needs = [_project(call, str(call.params["projectName"]))]
    if role := call.params.get("serviceRoleOverride"):
        needs.append(call.passes(str(role), "codebuild.amazonaws.com"))
    return needs


def _write_project(call: Call) -> list[Need]:
    needs = [_project(call, str(call.params["name"]))]
    if role := call.params.get("serviceRole"):
        needs.append(call.passes(str(role), "codebuild.amazonaws.com"))
    return needs


def _write_pipeline(call: Call) -> list[Need]:
    pipeline = call.params["pipeline"]
    arn = call.arn("codepipeline", str(pipeline["name"]))
    tags = tag_context(call.params.get("tags"))
    return [
        Need(f"codepipeline:{call.operation}", arn, tags),
        call.passes(str(pipeline["roleArn"]), "codepipeline.amazonaws.com"),
    ]


def _invoke(call: Call) -> list[Need]:
    """The API calls it Invoke, the permission is InvokeFunction."""
    name = str(call.params["FunctionName"])
    return [Need("lambda:InvokeFunction", name if name.startswith("arn:") else call.arn("lambda", f"function:{name}"))]


def _write_function(call: Call) -> list[Need]:
    arn = call.arn("lambda", f"function:{call.params['FunctionName']}")
    needs = [Need(f"lambda:{call.operation}", arn, tag_context(call.params.get("Tags")))]
    if role := call.params.get("Role"):
        needs.append(call.passes(str(role), "lambda.amazonaws.com"))
    return needs


def _get_deployment(call: Call) -> list[Need]:
    ids = [str(value) for path in ("deploymentId", "deploymentIds") for value in call.values(path)]
    return [
        Need(
            f"codedeploy:{call.operation}",
            call.arn("codedeploy", f"deploymentgroup:{call.facts.deployment_group(value) or '*'}"),
        )
        for value in ids
    ]


RULES: dict[tuple[str, str], Callable[[Call], list[Need]]] = {
    ("ecs", "DescribeServices"): _ecs_resources("service", "services"),
    ("ecs", "DeleteService"): _ecs_resources("service", "service"),
    ("ecs", "ListServiceDeployments"): _ecs_resources("service", "service"),
    ("ecs", "DescribeServiceDeployments"): _by_arn("serviceDeploymentArns"),
    ("ecs", "DescribeServiceRevisions"): _by_arn("serviceRevisionArns"),
    ("ecs", "StopServiceDeployment"): _by_arn("serviceDeploymentArn"),
    ("ecs", "ContinueServiceDeployment"): _by_arn("serviceDeploymentArn"),
    ("ecs", "CreateService"): _write_service,
    ("ecs", "UpdateService"): _write_service,
    ("ecs", "UpdateServicePrimaryTaskSet"): _ecs_resources("service", "service"),
    ("ecs", "CreateTaskSet"): _create_task_set,
    ("ecs", "DescribeTaskSets"): _task_sets("taskSets"),
    ("ecs", "UpdateTaskSet"): _task_sets("taskSet"),
    ("ecs", "DeleteTaskSet"): _task_sets("taskSet"),
    ("ecs", "ListServices"): _ecs_any,
    ("ecs", "ListTasks"): _ecs_any,
    ("ecs", "DescribeTasks"): _ecs_resources("task", "tasks"),
    ("ecs", "StopTask"): _ecs_resources("task", "task"),
    ("ecs", "RunTask"): _run_task,
    ("ecs", "ExecuteCommand"): _execute_command,
    ("ecs", "RegisterTaskDefinition"): _register_task_definition,
    ("ecs", "TagResource"): _tag_resource,
    **{
        ("application-autoscaling", name): _scalable_target
        for name in (
            "RegisterScalableTarget",
            "DeregisterScalableTarget",
            "PutScalingPolicy",
            "PutScheduledAction",
            "DeleteScheduledAction",
            "DeleteScalingPolicy",
        )
    },
    ("codebuild", "StartBuild"): _start_build,
    ("codebuild", "BatchGetBuilds"): _builds("ids"),
    ("codebuild", "StopBuild"): _builds("id"),
    ("codebuild", "RetryBuild"): _builds("id"),
    ("codebuild", "CreateProject"): _write_project,
    ("codebuild", "UpdateProject"): _write_project,
    ("codepipeline", "CreatePipeline"): _write_pipeline,
    ("codepipeline", "UpdatePipeline"): _write_pipeline,
    ("lambda", "Invoke"): _invoke,
    ("lambda", "CreateFunction"): _write_function,
    ("lambda", "UpdateFunctionConfiguration"): _write_function,
    ("codedeploy", "GetDeployment"): _get_deployment,
    ("codedeploy", "BatchGetDeployments"): _get_deployment,
}
