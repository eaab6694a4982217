"""Task definitions that ECS or Fargate refuses, with what each judge says of them, and such that it takes."""

import copy
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

SECRET = "arn:aws:secretsmanager:us-east-1:123456789012:secret:db-AbCdEf"  # noqa: S105 (an ARN)
WEB: dict[str, Any] = {
    "family": "${family}",
    "requiresCompatibilities": ["FARGATE"],
    "networkMode": "awsvpc",
    "cpu": "${cpu}",
    "memory": "${memory}",
    "runtimePlatform": {"operatingSystemFamily": "LINUX", "cpuArchitecture": "${architecture}"},
    "executionRoleArn": "${execution_role_arn}",
    "taskRoleArn": "${task_role_arn}",
    "containerDefinitions": [
        {
            "name": "web",
            "image": "${image}",
            "portMappings": [{"containerPort": "${port}"}],
            "environment": [{"name": "PORT", "value": "${port}"}],
            "secrets": "${secrets}",
            "logConfiguration": {
                "logDriver": "awslogs",
                "options": {
                    "awslogs-group": "${log_group}",
                    "awslogs-region": "${region}",
                    "awslogs-stream-prefix": "web",
                },
            },
        },
        {
            "name": "proxy",
            "image": "public.ecr.aws/nginx/nginx:1.29",
            "essential": False,
            "dockerLabels": {"used": "${region} ${log_group} ${cpu} ${memory}"},
        },
    ],
}
"""A template that nobody refuses: the service's own container, and a sidecar that uses what a case may take away."""
ABSENT = object()
"""The value of what is taken out."""
WEB_AT, PROXY_AT = "containerDefinitions.0.", "containerDefinitions.1."
ROUTER: dict[str, Any] = {
    PROXY_AT + "firelensConfiguration": {"type": "fluentbit", "options": {"enable-ecs-log-metadata": "true"}},
    PROXY_AT + "essential": True,
    WEB_AT + "logConfiguration": {
        "logDriver": "awsfirelens",
        "options": {"Name": "datadog", "TLS": "on"},
        "secretOptions": [{"name": "apikey", "valueFrom": SECRET}],
    },
}
EFS = {
    "fileSystemId": "fs-0123456789abcdef0",
    "transitEncryption": "ENABLED",
    "authorizationConfig": {"accessPointId": "fsap-0123456789abcdef0", "iam": "ENABLED"},
}


def mounted(volume: Mapping[str, Any], **mount: Any) -> dict[str, Any]:
    """A volume that the service's own container mounts at /data."""
    point = {"sourceVolume": "data", "containerPath": "/data", **mount}
    return {"volumes": [{"name": "data", **volume}], WEB_AT + "mountPoints": [point]}


def changed(changes: Mapping[str, Any]) -> dict[str, Any]:
    """`WEB` with other values at paths with dots."""
    document = copy.deepcopy(WEB)
    for path, value in changes.items():
        *parents, last = path.split(".")
        part: Any = document
        for name in parents:
            part = part[int(name)] if name.isdigit() else part.setdefault(name, {})
        if value is ABSENT:
            del part[last]
        else:
            part[last] = copy.deepcopy(value)
    return document


@dataclass(frozen=True)
class Case:
    """One mistake.

    Attributes:
        changes: what makes it of `WEB`.
        problem: what the program says.
        ecs: ECS's own words at RegisterTaskDefinition; None where ECS takes it, and the task does not work.
        lint: cfn-lint's rules that find it.
        parameters: the service's own parameters that bring environment variables.
        sessions: whether ECS Exec is on.
    """

    changes: Mapping[str, Any]
    problem: str
    ecs: str | None
    lint: tuple[str, ...] = ()
    parameters: tuple[str, ...] = ()
    sessions: bool = False


NOT_UNIQUE = (
    "The secret name must be unique and not shared with any new or existing environment variables set on the container, "
    "such as 'PORT'."
)
NO_FARGATE = "Fargate compatible task definitions do not support {}"
WEB_PATH, PROXY_PATH = "containerDefinitions[0]", "containerDefinitions[1]"

CASES: dict[str, Case] = {
    # One name, one variable.
    "environment and secrets": Case(
        {
            PROXY_AT + "environment": [{"name": "PORT", "value": "1"}],
            PROXY_AT + "secrets": [{"name": "PORT", "valueFrom": SECRET}],
        },
        f"{PROXY_PATH}: PORT is in environment and in secrets; a name may be in one of them only",
        NOT_UNIQUE,
    ),
    "environment and a parameter": Case(
        {},
        f"{WEB_PATH}: PORT is in environment and in parameters.PORT of the service; a name may be in one of them only",
        NOT_UNIQUE,
        parameters=("PORT",),
    ),
    "two secrets of one name": Case(
        {PROXY_AT + "secrets": [{"name": "KEY", "valueFrom": SECRET}, {"name": "KEY", "valueFrom": f"{SECRET}:key::"}]},
        f"{PROXY_PATH}.secrets: KEY is there 2 times; a name may be there once",
        "Duplicate secret names found: KEY. Each secret name must be unique.",
    ),
    "a secret beside a parameter": Case(
        {WEB_AT + "secrets": ["${secrets}", {"name": "KEY", "valueFrom": SECRET}]},
        f"{WEB_PATH}.secrets: KEY is there 2 times; a name may be there once; parameters.KEY of the service brings one",
        "Duplicate secret names found: KEY. Each secret name must be unique.",
        parameters=("KEY",),
    ),
    "two variables of one name": Case(
        {PROXY_AT + "environment": [{"name": "A", "value": "1"}, {"name": "A", "value": "2"}]},
        f"{PROXY_PATH}.environment: A is there 2 times; a name may be there once",
        None,
        ("E3002",),
    ),
    # dependsOn
    "SUCCESS of an essential one": Case(
        {WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "SUCCESS"}], PROXY_AT + "essential": ABSENT},
        f'{WEB_PATH}.dependsOn[0].condition: SUCCESS; proxy is essential, so its end is the task\'s: give it "essential": false',
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    "COMPLETE of an essential one": Case(
        {WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "COMPLETE"}], PROXY_AT + "essential": True},
        f'{WEB_PATH}.dependsOn[0].condition: COMPLETE; proxy is essential, so its end is the task\'s: give it "essential": false',
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential container",
    ),
    "HEALTHY without a health check": Case(
        {WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}]},
        f"{WEB_PATH}.dependsOn[0].condition: HEALTHY; proxy has no healthCheck, so it never is: give it one, or use START",
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    "depends on itself": Case(
        {WEB_AT + "dependsOn": [{"containerName": "web", "condition": "START"}]},
        f'{WEB_PATH}.dependsOn[0].containerName: "web"; a container cannot wait for itself',
        "Container web cannot depend on itself",
    ),
    "depends in a circle": Case(
        {
            WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "START"}],
            PROXY_AT + "dependsOn": [{"containerName": "web", "condition": "START"}],
        },
        "containerDefinitions: web waits for proxy waits for web; no container of a circle would start",
        "Container dependencies should not have a cycle",
    ),
    "depends on nothing": Case(
        {WEB_AT + "dependsOn": [{"containerName": "init", "condition": "START"}]},
        f'{WEB_PATH}.dependsOn[0].containerName: "init"; the containers are web, proxy',
        "Cannot depend on container + 'init' because it does not exist",
    ),
    "an unknown condition": Case(
        {WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "READY"}]},
        f'{WEB_PATH}.dependsOn[0].condition: "READY"; ECS takes START, COMPLETE, SUCCESS, HEALTHY',
        None,
        ("E3030",),
    ),
    # FireLens
    "a log router that nobody uses": Case(
        {PROXY_AT + "firelensConfiguration": {"type": "fluentbit"}},
        f"{PROXY_PATH}.firelensConfiguration: one other container at least must have logConfiguration.logDriver awsfirelens",
        "When a firelensConfiguration object is specified, at least one container has to be configured with the awsfirelens"
        " log driver.",
    ),
    "awsfirelens without a router": Case(
        {WEB_AT + "logConfiguration": {"logDriver": "awsfirelens"}},
        f"{WEB_PATH}.logConfiguration.logDriver: awsfirelens; one container must have a firelensConfiguration",
        "When awsfirelens log driver is specified in log configuration, a firelens configuration object must be configured in"
        " one of the containers.",
    ),
    "a router's file in S3": Case(
        {
            **ROUTER,
            PROXY_AT + "firelensConfiguration.options": {
                "config-file-type": "s3",
                "config-file-value": "arn:aws:s3:::conf/fluent.conf",
            },
        },
        f'{PROXY_PATH}.firelensConfiguration.options.config-file-type: "s3"; Fargate takes file: a path in the router\'s image, '
        "or the router's own way to S3, such as aws-for-fluent-bit's init image",
        "Fargate launch type does not support FirelensConfiguration config file from 's3'",
    ),
    # What Fargate lacks
    "privileged": Case(
        {WEB_AT + "privileged": True},
        f"{WEB_PATH}.privileged: true; Fargate takes false only",
        "Fargate requires that the 'privileged' setting be 'false'",
    ),
    "devices": Case(
        {WEB_AT + "linuxParameters.devices": [{"hostPath": "/dev/fuse"}]},
        f'{WEB_PATH}.linuxParameters.devices: [{{"hostPath": "/dev/fuse"}}]; Fargate has none',
        NO_FARGATE.format("devices"),
    ),
    "sharedMemorySize": Case(
        {WEB_AT + "linuxParameters.sharedMemorySize": 64},
        f"{WEB_PATH}.linuxParameters.sharedMemorySize: 64; Fargate has none; linuxParameters.tmpfs is allowed",
        NO_FARGATE.format("sharedMemorySize"),
    ),
    "maxSwap": Case(
        {WEB_AT + "linuxParameters.maxSwap": 64},
        f"{WEB_PATH}.linuxParameters.maxSwap: 64; Fargate has no swap",
        NO_FARGATE.format("maxSwap"),
    ),
    "swappiness of 0": Case(
        {WEB_AT + "linuxParameters.swappiness": 0},
        f"{WEB_PATH}.linuxParameters.swappiness: 0; Fargate has no swap",
        NO_FARGATE.format("swappiness"),
    ),
    "a capability": Case(
        {WEB_AT + "linuxParameters.capabilities": {"add": ["SYS_PTRACE", "NET_ADMIN"]}},
        f'{WEB_PATH}.linuxParameters.capabilities.add: "NET_ADMIN"; Fargate adds SYS_PTRACE only',
        "NET_ADMIN is not allowed on Fargate.",
    ),
    "a host volume": Case(
        mounted({"host": {"sourcePath": "/data"}}),
        'volumes[0].host.sourcePath: "/data"; Fargate has no host; without `host` the volume is the task\'s own',
        NO_FARGATE.format("sourcePath"),
    ),
    "a Docker volume": Case(
        mounted({"dockerVolumeConfiguration": {"scope": "task"}}),
        'volumes[0].dockerVolumeConfiguration: {"scope": "task"}; Fargate has none; without it the volume is the task\'s own',
        NO_FARGATE.format("dockerVolumeConfiguration"),
    ),
    "network mode bridge": Case(
        {"networkMode": "bridge"},
        'networkMode: "bridge"; Fargate takes awsvpc',
        "Fargate only supports network mode ‘awsvpc’.",  # noqa: RUF001 (ECS's own quotation marks)
        ("E3048",),
    ),
    "hostPort": Case(
        {WEB_AT + "portMappings": [{"containerPort": "${port}", "hostPort": 8080}]},
        f"{WEB_PATH}.portMappings[0].hostPort: 8080; must be containerPort 80, or left out",
        "When networkMode=awsvpc, the host ports and container ports in port mappings must match.",
        ("E3053",),
    ),
    "stopTimeout": Case(
        {WEB_AT + "stopTimeout": 121},
        f"{WEB_PATH}.stopTimeout: 121; must be 2 to 120",
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120 seconds.",
    ),
    "ephemeral storage of 20": Case(
        {"ephemeralStorage": {"sizeInGiB": 20}},
        "ephemeralStorage.sizeInGiB: 20; Fargate takes 21 to 200, and 20 without it",
        "EphemeralStorage size should be at least 21",
    ),
    "ephemeral storage of 201": Case(
        {"ephemeralStorage": {"sizeInGiB": 201}},
        "ephemeralStorage.sizeInGiB: 201; Fargate takes 21 to 200, and 20 without it",
        "EphemeralStorage size should be at most 200",
    ),
    "a size that is not offered": Case(
        {"cpu": "256", "memory": "4096"},
        'memory: "4096"; with cpu 256 Fargate offers 512, 1024, 2048',
        "No Fargate configuration exists for given values: 256 CPU, 4096 memory. See the Amazon ECS documentation for the valid"
        " values.",
        ("E3047",),
    ),
    "no such cpu": Case(
        {"cpu": "300"},
        'cpu: "300"; Fargate offers 256, 512, 1024, 2048, 4096, 8192, 16384, 32768',
        "No Fargate configuration exists for given values: 300 CPU, 512 memory. See the Amazon ECS documentation for the valid"
        " values.",
        ("E3047", "E3048"),
    ),
    "not for Fargate": Case(
        {"requiresCompatibilities": ["EC2"]},
        'requiresCompatibilities: ["EC2"]; must be ["FARGATE"]',
        None,
    ),
    "another pidMode": Case(
        {"pidMode": "host"},
        'pidMode: "host"; Fargate takes task',
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value for pidMode is 'task'.",
    ),
    "another log driver": Case(
        {WEB_AT + "logConfiguration": {"logDriver": "json-file"}},
        f'{WEB_PATH}.logConfiguration.logDriver: "json-file"; Fargate takes awslogs, splunk, awsfirelens',
        "json-file is not a valid log driver. Must be one of [awslogs, splunk, awsfirelens]",
        ("E3048",),
    ),
    "awslogs without a group": Case(
        {WEB_AT + "logConfiguration.options": {"awslogs-region": "${region}", "awslogs-stream-prefix": "web"}},
        f"{WEB_PATH}.logConfiguration.options: awslogs-group must be there",
        "Log driver awslogs requires options: awslogs-group",
        ("E3046",),
    ),
    "awslogs without a prefix": Case(
        {WEB_AT + "logConfiguration.options": {"awslogs-region": "${region}", "awslogs-group": "${log_group}"}},
        f"{WEB_PATH}.logConfiguration.options: awslogs-stream-prefix must be there",
        "Fargate requires log configuration options to include awslogs-stream-prefix to support log driver awslogs.",
    ),
    "a log group of somebody else's": Case(
        {
            PROXY_AT + "logConfiguration": {
                "logDriver": "awslogs",
                "options": {"awslogs-group": "/other", "awslogs-region": "${region}", "awslogs-stream-prefix": "p"},
            }
        },
        f'{PROXY_PATH}.logConfiguration.options.awslogs-group: "/other"; must be "${{log_group}}", where the execution role may write',
        None,
    ),
    # Secrets, files and volumes
    "a secret by its name": Case(
        {PROXY_AT + "secrets": [{"name": "A", "valueFrom": "db"}]},
        f'{PROXY_PATH}.secrets[0].valueFrom: "db"; must be the whole ARN of a secret, with its six last characters and then nothing '
        "or :json-key:version-stage:version-id, or the ARN of a parameter; the service's own are declared in its `parameters` and "
        'come by "${secrets}"',
        None,
    ),
    "a secret by stage and version": Case(
        {PROXY_AT + "secrets": [{"name": "A", "valueFrom": f"{SECRET}:k:AWSPREVIOUS:v1"}]},
        f'{PROXY_PATH}.secrets[0].valueFrom: "{SECRET}:k:AWSPREVIOUS:v1"; takes a version stage or a version id, not both',
        None,
    ),
    "an environment file of another name": Case(
        {PROXY_AT + "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::conf/app.txt"}]},
        f'{PROXY_PATH}.environmentFiles[0].value: "arn:aws:s3:::conf/app.txt"; must be the ARN of an S3 object whose name ends in '
        ".env, such as arn:aws:s3:::bucket/app.env",
        None,
    ),
    "an access point with a root directory": Case(
        mounted({"efsVolumeConfiguration": {**EFS, "rootDirectory": "/data"}}),
        'volumes[0].efsVolumeConfiguration.rootDirectory: "/data"; with authorizationConfig.accessPointId it must be "/" or left '
        "out, because the access point has its own",
        'When using an EFS access point, the root directory must either be set to "/" or be omitted',
    ),
    "an access point without encryption": Case(
        mounted(
            {"efsVolumeConfiguration": {"fileSystemId": "fs-1", "authorizationConfig": {"accessPointId": "fsap-1"}}}
        ),
        "volumes[0].efsVolumeConfiguration.transitEncryption: null; must be ENABLED with authorizationConfig.accessPointId",
        "EFS access points require TransitEncryption to be enabled",
    ),
    "IAM without encryption": Case(
        mounted(
            {
                "efsVolumeConfiguration": {
                    "fileSystemId": "fs-1",
                    "transitEncryption": "DISABLED",
                    "authorizationConfig": {"iam": "ENABLED"},
                }
            }
        ),
        'volumes[0].efsVolumeConfiguration.transitEncryption: "DISABLED"; must be ENABLED with authorizationConfig.iam',
        "EFS IAM authorization requires TransitEncryption to be enabled",
    ),
    "a volume that there is not": Case(
        {WEB_AT + "mountPoints": [{"sourceVolume": "tmp", "containerPath": "/scratch"}]},
        f'{WEB_PATH}.mountPoints[0].sourceVolume: "tmp"; the volumes are none',
        "Unknown volume 'tmp'.",
    ),
    "Exec with a read-only root": Case(
        {WEB_AT + "readonlyRootFilesystem": True},
        f"{WEB_PATH}.readonlyRootFilesystem: true; the agent of ECS Exec (exec: true) writes into /var/lib/amazon and "
        "/var/log/amazon: mount a volume there, or leave one of the two out",
        None,
        sessions=True,
    ),
    # The rest of its kind
    "two containers of one name": Case(
        {PROXY_AT + "name": "web"},
        "containerDefinitions: 2 are named 'web'",
        "Container names must be unique within a task definition.",
    ),
    "no essential container": Case(
        {WEB_AT + "essential": False},
        "containerDefinitions: all have essential false; one container at least must be essential",
        "Task definition doesn't have any essential container.",
        ("E3042",),
    ),
    "a container of more memory than the task": Case(
        {PROXY_AT + "memory": 1024},
        f"{PROXY_PATH}.memory: 1024; must be 512 at most",
        "The 'memory' setting for container 'proxy' is greater than for the task.",
    ),
    "containers of more cpu than the task": Case(
        {WEB_AT + "cpu": 200, PROXY_AT + "cpu": 100},
        "containerDefinitions: their cpu is 300 together; the task has 256",
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ),
    "links": Case(
        {WEB_AT + "links": ["proxy"]},
        f'{WEB_PATH}.links: ["proxy"]; containers of a Fargate task reach each other at localhost',
        "Links are not supported when networkMode=awsvpc",
    ),
    "a health check's interval": Case(
        {WEB_AT + "healthCheck": {"command": ["CMD", "true"], "interval": 4}},
        f"{WEB_PATH}.healthCheck.interval: 4; must be 5 to 300",
        None,
    ),
    "ulimits": Case(
        {WEB_AT + "ulimits": [{"name": "nofile", "softLimit": 2, "hardLimit": 1}]},
        f"{WEB_PATH}.ulimits[0].softLimit: 2 is more than hardLimit 1",
        "Soft limit exceeds hard limit for ulimit nofile",
    ),
}

TAKEN: dict[str, Mapping[str, Any]] = {
    "nothing changed": {},
    "a sidecar's own variable": {PROXY_AT + "environment": [{"name": "KEY", "value": "1"}]},
    "SUCCESS of one that is not essential": {
        WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "SUCCESS"}]
    },
    "HEALTHY with a health check": {
        WEB_AT + "dependsOn": [{"containerName": "proxy", "condition": "HEALTHY"}],
        PROXY_AT + "healthCheck": {"command": ["CMD-SHELL", "true"], "interval": 5},
    },
    "a log router and its user": ROUTER,
    "splunk": {
        WEB_AT + "logConfiguration": {
            "logDriver": "splunk",
            "options": {"splunk-url": "https://s", "splunk-token": "t"},
        },
    },
    "no log at all": {
        WEB_AT + "logConfiguration": ABSENT,
    },
    "SYS_PTRACE": {WEB_AT + "linuxParameters.capabilities": {"add": ["SYS_PTRACE"], "drop": ["ALL"]}},
    "ulimits": {WEB_AT + "ulimits": [{"name": "nofile", "softLimit": 1, "hardLimit": 2}]},
    "tmpfs": {WEB_AT + "linuxParameters.tmpfs": [{"containerPath": "/tmp", "size": 64}]},  # noqa: S108
    "not privileged": {WEB_AT + "privileged": False, WEB_AT + "links": []},
    "a hostPort that is the container's": {
        WEB_AT + "portMappings": [{"containerPort": "${port}", "hostPort": "${port}"}]
    },
    "stopTimeout of 120": {WEB_AT + "stopTimeout": 120},
    "ephemeral storage of 21": {"ephemeralStorage": {"sizeInGiB": 21}},
    "ephemeral storage of 200": {"ephemeralStorage": {"sizeInGiB": 200}},
    "pidMode": {"pidMode": "task"},
    "a volume of the task's": mounted({"host": {}}),
    "EFS with an access point": mounted({"efsVolumeConfiguration": {**EFS, "rootDirectory": "/"}}),
    "a secret, with key, version and stage": {
        PROXY_AT + "secrets": [
            {"name": "A", "valueFrom": SECRET},
            {"name": "B", "valueFrom": f"{SECRET}:password::"},
            {"name": "C", "valueFrom": f"{SECRET}:::0123"},
            {"name": "D", "valueFrom": f"{SECRET}::AWSPREVIOUS:"},
        ]
    },
    "a secret beside the parameters": {WEB_AT + "secrets": ["${secrets}", {"name": "A", "valueFrom": SECRET}]},
    "an environment file": {WEB_AT + "environmentFiles": [{"type": "s3", "value": "arn:aws:s3:::conf/app.env"}]},
}
