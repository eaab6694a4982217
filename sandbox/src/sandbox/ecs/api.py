"""The ECS API: the operations that moto does not serve, or not rightly. Clusters and tags stay moto's."""

from sandbox.ecs import definitions, execute_command, history, services, task_sets, tasks

HANDLERS = {
    ("ecs", "CreateService"): services.create_service,
    ("ecs", "UpdateService"): services.update_service,
    ("ecs", "DeleteService"): services.delete_service,
    ("ecs", "DescribeServices"): services.describe_services,
    ("ecs", "ListServices"): services.list_services,
    ("ecs", "ListServiceDeployments"): history.list_service_deployments,
    ("ecs", "DescribeServiceDeployments"): history.describe_service_deployments,
    ("ecs", "DescribeServiceRevisions"): history.describe_service_revisions,
    ("ecs", "StopServiceDeployment"): history.stop_service_deployment,
    ("ecs", "ContinueServiceDeployment"): history.continue_service_deployment,
    ("ecs", "RunTask"): tasks.run_task,
    ("ecs", "StopTask"): tasks.stop_task,
    ("ecs", "DescribeTasks"): tasks.describe_tasks,
    ("ecs", "ListTasks"): tasks.list_tasks,
    ("ecs", "ExecuteCommand"): execute_command.execute_command,
    ("ecs", "CreateTaskSet"): task_sets.create_task_set,
    ("ecs", "UpdateTaskSet"): task_sets.update_task_set,
    ("ecs", "DescribeTaskSets"): task_sets.describe_task_sets,
    ("ecs", "DeleteTaskSet"): task_sets.delete_task_set,
    ("ecs", "UpdateServicePrimaryTaskSet"): task_sets.update_service_primary_task_set,
    ("ecs", "RegisterTaskDefinition"): definitions.register_task_definition,
}
