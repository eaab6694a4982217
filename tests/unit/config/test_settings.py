"""Stack files: what is refused, and with which words."""

import json
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pulumi
import pytest
import yaml
from mocked import SECRET_KEYS, WEBHOOK, Recorder, stack_config

from config import settings
from releases.aws_session import Provider, Role
from tests.support.example import EXAMPLE

Deploy = Callable[..., Recorder]


def load(deploy: Deploy, config: dict[str, Any], secret_keys: Sequence[str] = SECRET_KEYS) -> settings.Settings:
    loaded: list[settings.Settings] = []
    plain = {key: value if isinstance(value, str) else json.dumps(value) for key, value in config.items()}
    deploy(lambda: loaded.append(settings.load()), config=plain, secret_keys=list(secret_keys))
    return loaded[0]


def changed(path: str, value: Any) -> dict[str, Any]:
    """The dev stack's configuration with one key set, or taken out (`...`)."""
    config: dict[str, Any] = {
        key: yaml.safe_load(text) if key.startswith("fargate-delivery:") else text
        for key, text in stack_config("dev").items()
    }
    first, *rest = path.split(".")
    parts: list[str | int] = [f"fargate-delivery:{first}", *(int(p) if p.isdigit() else p for p in rest)]
    place: Any = config
    for part in parts[:-1]:
        place = place[part]
    if value is ...:
        del place[parts[-1]]
    else:
        place[parts[-1]] = value
    return config


def refusal(deploy: Deploy, config: dict[str, Any], secret_keys: Sequence[str] = SECRET_KEYS) -> str:
    with pytest.raises(pulumi.RunError) as refused:
        load(deploy, config, secret_keys)
    return str(refused.value)


SECRET = "arn:aws:secretsmanager:ap-northeast-1:123456789012:secret:docker-hub-a1B2c3"  # noqa: S105
CODE_DEPLOY = {"strategy": "codedeploy"}
LISTENER = f"arn:aws:elasticloadbalancing:ap-northeast-1:123456789012:listener/app/shared/{'0' * 16}/{'1' * 16}"
BLUE_GREEN = {"strategy": "blue_green"}
KEY = "arn:aws:kms:ap-northeast-1:123456789012:key/0a1b2c3d-0000-4000-8000-0a1b2c3d4e5f"
HOOK = "arn:aws:lambda:ap-northeast-1:123456789012:function:smoke"
ZONE_ROLE = "arn:aws:iam::999988887777:role/zones"
WORKER = {"task": {"template": "worker.json", "cpu": 256, "memory": 512}}
ROUTED = {
    "task": {"template": "web.json", "cpu": 256, "memory": 512, "port": 4000},
    "routes": [{"host": "other.dev.example.com", "priority": 90}],
}
MISTAKES = [
    ("domain", "dev.example.com", "domain: 'dev.example.com' is not allowed: must be keys, each with its value; they are zone, certificate_arn, records, private, validated_in, role, redirects, more_zones"),
    ("domain", ..., "domain: is missing (its keys are zone, certificate_arn, records, private, validated_in, role, redirects, more_zones)"),
    ("services.chuoi.task.cpu", ..., "services.chuoi.task.cpu: is missing (CPU units; 1024 is one vCPU)"),
    ("services.chuoi.parameters.MIX_ENV", {"value": "prod"}, "services.chuoi.parameters.MIX_ENV.for: is missing (Who reads it: the image's build, the running task, or both)"),
    ("services.chuoi.parameters.MIX_ENV", {"value": 4000, "for": ["build"]}, """value: 4000 is not allowed: input should be a valid string; put what stands there into quotes"""),
    ("services.chuoi.parameters.MIX_ENV", {"value": True, "for": ["build"]}, """value: true is not allowed: input should be a valid string; put what stands there into quotes"""),
    ("services.chuoi.parameters.MIX_ENV", {"value": "prod", "for": "build"}, "for: 'build' is not allowed: must be a list, as in [build]"),
    ("services.chuoi.migrate", {"command": "bin/migrate --all"}, "command: 'bin/migrate --all' is not allowed: must be a list, as in [bin/migrate, --all]"),
    ("services.chuoi.task.port", "4000", "services.chuoi.task.port: '4000' is not allowed: input should be a valid integer; write it without quotes, 4000"),
    ("services.chuoi.task.cpu", "512", "16384 or 32768; write it without quotes, 512"),
    ("services.chuoi.exec", "yes", "services.chuoi.exec: 'yes' is not allowed: input should be a valid boolean, true or false"),
    ("services.chuoi.tasks", 2, "services.chuoi.tasks: 2 is not allowed: must be keys, each with its value; they are min, max, target_cpu, target_memory, target_requests, scale"),
    ("services.chuoi.tasks", {"max": 3, "scale": {"queue": "arn:aws:sqs:eu-west-1:123456789012:q", "per_task": 10}}, "services.chuoi.tasks.scale: needs cluster.insights: enabled, which counts the tasks that run"),
    ("services.chuoi.tasks", {"scale": {"queue": "arn:aws:sqs:eu-west-1:123456789012:q", "per_task": 10}}, "services.chuoi.tasks: scale has no effect unless max is greater than min"),
    ("services.chuoi.tasks", {"max": 3, "scale": {"queue": "orders", "per_task": 10}}, "services.chuoi.tasks.scale.queue: 'orders' is not allowed: must be the ARN of an SQS queue, such as arn:aws:sqs:ap-northeast-1:123456789012:orders"),
    ("secrets.chuoi", "x", "secrets: must be service → parameter → value; set it with `pulumi config set --secret --path 'fargate-delivery:secrets.SERVICE.PARAMETER' <value>`"),
    ("secrets.chuio", {"KEY": "x"}, "secrets.chuio.KEY: no service has a parameter of this name with secret: true; remove it with `pulumi config rm --path 'fargate-delivery:secrets.chuio.KEY'`, or declare it in services.chuio.parameters"),
    ("commit_token", "t0ken", "is not used, because notifications.commits is not set; remove it with `pulumi config rm --path 'fargate-delivery:commit_token'`, or set that key"),
    ("slack_webhook", ..., "notifications.slack: the webhook is not set; set it with `pulumi config set --secret --path 'fargate-delivery:slack_webhook' <value>`"),
    ("slack_webhook", "http://example.com/s3cret", "slack_webhook: must be the URL of an incoming webhook, as https://hooks.slack.com/services/…"),
    ("slack_webhook", 7, "slack_webhook: must be the URL of an incoming webhook"),
    ("notifications", {"slack": True, "commits": {"host": "github"}}, "notifications.commits: the token is not set; set it with `pulumi config set --secret --path 'fargate-delivery:commit_token' <value>`"),
    ("notifications", {"slack": True, "commits": {"host": "bitbucket"}}, "notifications.commits.host: 'bitbucket' is not allowed: input should be 'github' or 'gitlab'"),
    ("notifications", {"slack": True, "commits": {"host": "gitlab", "api": "http://git.example.com"}}, "notifications.commits.api: 'http://git.example.com' is not allowed"),
    ("commit_token", "t0ken", "commit_token: is not used, because notifications.commits is not set; remove it with `pulumi config rm --path 'fargate-delivery:commit_token'`, or set that key"),
    ("notifications", {"slack": False}, "slack_webhook: is not used, because notifications.slack is not true; remove it with `pulumi config rm --path 'fargate-delivery:slack_webhook'`, or set that key"),
    ("notifications", {"amazon_q": {"workspace": "T1", "channel": "C1"}}, "notifications: amazon_q is not supported: Slack is told by an incoming webhook, the secret slack_webhook; write slack: true instead"),
    ("notifications", {"slack": True, "page": "arn:aws:sqs:eu-west-1:111122223333:pager"}, "notifications.page: 'arn:aws:sqs:eu-west-1:111122223333:pager' is not allowed"),
    ("notifications", {"slack": {"level": "none"}}, "notifications.slack.level: 'none' is not allowed: input should be 'failures', 'releases' or 'all'"),
    ("notifications", {"slack": "#deploys"}, "notifications.slack: '#deploys' is not allowed: must be true, false, or keys: level"),
    ("services.chuoi.connects_to", [{"port": 5432}], "services.chuoi.connects_to[0]: must be either {security_group: sg-…, port: …} or {service: …}"),
    ("services.chuoi.connects_to", [{"service": "api", "security_group": "sg-1"}], "services.chuoi.connects_to[0]: must be either {security_group: sg-…, port: …} or {service: …}"),
    ("services.chuoi.connects_to", [{"security_group": "sg-1"}], "services.chuoi.connects_to[0]: security_group needs the port to connect to, such as port: 5432"),
    ("services.chuoi.connects_to", [{"service": "mailer", "port": 80}], "services.chuoi.connects_to[0]: port: not with service, whose own port is used; remove it"),
    ("services.chuoi.connects_to", [{"security_group": "database", "port": 80}], "'database' is not allowed: must be the id of a security group, such as sg-0a1b2c3d"),
    ("services.chuoi.connects_to", [{"security_group": "sg-1", "port": 80}] * 2, "services.chuoi.connects_to[1]: appears 2 times; keep one"),
    ("services.chuoi.connects_to", [{"service": "mailor"}], "services.chuoi.connects_to[0].service: there is no service mailor; did you mean mailer?"),
    ("services.chuoi.connects_to", [{"service": "chuoi"}], "services.chuoi.connects_to[0].service: is the service itself"),
    ("services.chuoi.connects_to", [{"service": "mailer"}], "services.chuoi.connects_to[0].service: mailer has no task.port, so nothing can connect to it; add one there"),
    ("services.other", {**ROUTED, "deploy": CODE_DEPLOY, "connects_to": [{"service": "chuoi"}]}, "services.other: connects_to: services are reached by Service Connect, which CodeDeploy does not support; use another deploy.strategy, or connect to their hosts"),
    ("services.chuoi.task.cpu", 300, "services.chuoi.task.cpu: 300 is not allowed: input should be 256, 512, 1024"),
    ("services.chuoi.task.cpu", "512", "services.chuoi.task.cpu: '512' is not allowed"),
    ("services.chuoi.task.memory", 512, "memory 512 does not go with cpu 512; Fargate offers 1024, 2048, 3072, 4096"),
    ("services.chuoi.task.ephemeral_storage", 20, "services.chuoi.task.ephemeral_storage: 20 is not allowed: input should be greater than or equal to 21"),
    ("services.chuoi.task.ephemeral_storage", 201, "services.chuoi.task.ephemeral_storage: 201 is not allowed: input should be less than or equal to 200"),
    ("services.chuoi.task.ports", 1, "services.chuoi.task.ports: there is no such key; did you mean port?"),
    ("services.chuoi.task.template", ..., "services.chuoi.task.template: is missing"),
    ("services.chuoi.task.template", "wbe.json", "task_templates/wbe.json: there is no such template; there are: web.json"),
    ("services.chuoi.task.template", "worker.json", "task_templates/worker.json: ${port} is not used"),
    ("services.mailer.task.template", "web.json", "uses ${port}, but the service has no task.port"),
    ("services.chuoi.task.template", "", "services.chuoi.task.template: '' is not allowed: must be a file of task_templates/, such as web.json"),
    ("services.chuoi.task.template", "../Pulumi.yaml", "services.chuoi.task.template: '../Pulumi.yaml' is not allowed: must be a file of task_templates/"),
    ("services.chuoi.task", "web.json", "services.chuoi.task: 'web.json' is not allowed: must be keys, each with its value"),
    ("services.chuoi.task", None, "services.chuoi.task: is empty: must be keys, each with its value"),
    ("services.chuoi.routes", {"host": "a"}, "services.chuoi.routes: must be a list"),
    ("services.chuoi.routes.0.host", "Chuoi.dev.example.com", "'Chuoi.dev.example.com' is not allowed: must be a host name in small letters, such as www.example.com"),
    ("services.chuoi.routes.1", {"host": "chuoi.dev.example.com", "priority": 20}, "services.chuoi.routes[1]: another route has the same host and paths"),
    ("services.chuoi.routes.0.host", "chuoi.dev.example.c0m", "'chuoi.dev.example.c0m' is not allowed: must be a host name in small letters"),
    ("services.chuoi.routes.0.host", f"{'a' * 64}.dev.example.com", "is not allowed: must be a host name in small letters"),
    ("services.chuoi.routes.0.host", "a." * 60 + "example.com", "is not allowed: string should have at most 128 characters"),
    ("services.chuoi.routes.0.paths", ["/a%20b"], "services.chuoi.routes[0].paths[0]: '/a%20b' is not allowed: must be a path that begins with a slash, of letters"),
    ("services.chuoi.routes.0.paths", ["/" + "a" * 128], "services.chuoi.routes[0].paths[0]: '/aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa… is not allowed: string should have at most 128"),
    ("services.chuoi.routes.0.paths", [f"/{number}" for number in range(5)], "services.chuoi.routes[0]: the host and 5 paths are 6 values, and a listener rule can have 5; split the paths into two routes"),
    ("services.chuoi.routes.0.paths", ["/*/*/*", "/?/*/*"], "services.chuoi.routes[0]: paths have 6 wildcards, and a listener rule can have 5; split them into two routes"),
    ("services.chuoi.health_check.matcher", "200-599", "services.chuoi.health_check.matcher: '200-599' is not allowed: must be HTTP codes from 200 to 499"),
    ("services.chuoi.protocol", "h2", "services.chuoi.protocol: 'h2' is not allowed: input should be 'http1', 'http2' or 'grpc'"),
    ("services.chuoi.protocol", "grpc", "services.chuoi: health_check.path /healthz must be a method with protocol grpc, such as /grpc.health.v1.Health/Check"),
    ("services.chuoi.health_check.matcher", "0", "services.chuoi: health_check.matcher 0 has codes of gRPC; with protocol http1 use HTTP's, 200 to 499"),
    ("services.chuoi", {**(json.loads(stack_config("dev")["fargate-delivery:services"])["chuoi"]), "protocol": "grpc", "health_check": {"path": "/a.B/C", "matcher": "200"}}, "services.chuoi: health_check.matcher 200 has codes of HTTP; with protocol grpc use gRPC's, 0 to 99"),
    ("services.chuoi", {**(json.loads(stack_config("dev")["fargate-delivery:services"])["chuoi"]), "protocol": "grpc", "health_check": {"path": "/a.B/C"}, "alarms": {"server_errors": 3}}, "services.chuoi: alarms.server_errors: not with protocol grpc, where a failed call is an HTTP answer 200 and no 5xx; remove it, or set it to false. latency and unhealthy_hosts still count; failed calls need a metric of the app's own"),
    ("services.mailer", {**WORKER, "protocol": "http2"}, "services.mailer: protocol: only with routes, because the load balancer speaks it; add routes, or remove it"),
    ("services.chuoi.health_check.path", "/" + "a" * 1024, "is not allowed: string should have at most 1024 characters"),
    ("services.chuoi.parameters.MIX_ENV", {"value": "a {{b}}", "for": ["build"]}, "'a {{b}}' is not allowed: contains {{, which Parameter Store would read as another parameter's name"),
    ("secrets.chuoi.SECRET_KEY_BASE", "{{hidden}}", "secrets.chuoi.SECRET_KEY_BASE: contains {{, which Parameter Store reads as another parameter's name"),
    ("domain.zone", f"{'z' * 60}.example", "domain: zone has 68 characters, and ACM creates certificates for 64 at most; name an existing one as certificate_arn"),
    ("services.chuoi.health_check.path", "healthz", "services.chuoi.health_check.path: 'healthz' is not allowed: must be a path that begins with a slash"),
    ("services.chuoi.parameters.MIX_ENV", {"value": "x" * 4097, "for": ["build"]}, "is not allowed: has 4097 bytes; a standard parameter holds 4096"),
    ("services.my_app", {}, "services.my_app: 'my_app' is not allowed: must be small letters, digits and single hyphens, such as my-app"),
    ("services.my--app", {}, "services.my--app: 'my--app' is not allowed: must be small letters, digits and single hyphens, such as my-app"),
    ("services.sg-web", WORKER, "services.sg-web: a name must not begin with sg-, because no security group's may"),
    ("services.sg", WORKER, "services.sg: a name must not begin with sg-, because no security group's may"),
    ("secrets.chuoi.SECRET_KEY_BASE", "hidden" * 999, "secrets.chuoi.SECRET_KEY_BASE: has more than the 4096 bytes"),
    ("services.chuoi.task.port", 70000, "services.chuoi.task.port: 70000 is not allowed"),
    ("services.chuoi.task.port", ..., "services.chuoi: routes need task.port"),
    ("services.chuoi.routes.1.priority", 10, "services.chuoi.routes[0].priority: 10 is taken by another route; each route needs its own, and 20 is free"),
    ("services.chuoi.routes.0.host", "chuoi.example.org", "'chuoi.example.org' must be dev.example.com or one label"),
    ("services.chuoi.routes.0.host", "a.b.dev.example.com", "must be dev.example.com or one label below it"),
    ("services.chuoi.tasks", {"max": 3, "target_requests": 600}, "services.chuoi: tasks.target_requests: needs exactly one target group, and 2 routes with deploy.strategy rolling have more or none; use target_cpu or target_memory"),
    ("services.mailer.tasks", {"max": 3, "target_requests": 600}, "services.mailer: tasks.target_requests: needs exactly one target group, and 0 routes with deploy.strategy rolling have more or none; use target_cpu or target_memory"),
    ("services.chuoi", {**ROUTED, "tasks": {"max": 3, "target_requests": 600}, "deploy": CODE_DEPLOY}, "tasks.target_requests: needs exactly one target group, and 1 routes with deploy.strategy codedeploy have more or none; use target_cpu or target_memory"),
    ("services.chuoi.tasks", {"max": 3, "target_memory": 91}, "services.chuoi.tasks.target_memory: 91 is not allowed"),
    ("services.chuoi.tasks", {"max": 3, "target_requests": 0}, "services.chuoi.tasks.target_requests: 0 is not allowed"),
    ("services.chuoi.tasks", {"min": 2, "target_memory": 50}, "services.chuoi.tasks: target_memory has no effect unless max is greater than min"),
    ("services.chuoi.tasks.max", 0, "services.chuoi.tasks.max: 0 is not allowed"),
    ("services.chuoi.tasks.min", 3, "max 2 is less than min 3"),
    ("services.chuoi.health_check.timeout", 10, "timeout 10 must be less than interval 10"),
    ("services.mailer.health_check", {"path": "/"}, "services.mailer: health_check: only with routes, because the load balancer makes the checks; add routes, or remove it"),
    ("services.mailer.assets", {"path": "/app"}, "services.mailer: assets: only with routes, because browsers get them through the load balancer; add routes, or remove it"),
    ("services.chuoi.assets", {"path": "app"}, "services.chuoi.assets.path: 'app' is not allowed: must be a folder's whole path in the image, such as /app/public/assets"),
    ("services.chuoi.assets", {"path": "/app/../x"}, "'/app/../x' is not allowed: must be a folder's whole path in the image"),
    ("services.chuoi.assets", {"path": "/app/"}, "'/app/' is not allowed: must be a folder's whole path in the image"),
    ("services.chuoi.assets", {"path": "/app", "releases": 11}, "services.chuoi.assets.releases: 11 is not allowed"),
    ("services.mailer.source", {"upload_of": "other"}, "services.mailer.source.upload_of: 'other' is not another service of this stack"),
    ("services.mailer.source", {"upload_of": "mailer"}, "services.mailer.source.upload_of: 'mailer' is not another service of this stack"),
    ("services.mailer.source", {"type": "ecr", "upload_of": "chuoi"}, "upload_of: only with type s3, where sources are uploaded; remove it"),
    ("services.mailer.source", {"images": True, "upload_of": "chuoi"}, "images, github and gitlab: not with upload_of; set them at the service that is uploaded"),
    ("services.mailer.stickiness", {}, "services.mailer: stickiness: only with routes, because the load balancer remembers browsers; add routes, or remove it"),
    ("services.chuoi", {**ROUTED, "stickiness": {}, "deploy": CODE_DEPLOY}, "services.chuoi: stickiness: not with deploy.strategy codedeploy, whose rule has two target groups"),
    ("services.chuoi", {**ROUTED, "stickiness": {}, "deploy": BLUE_GREEN}, "services.chuoi: stickiness: not with deploy.strategy blue_green, whose rule has two target groups"),
    ("services.chuoi.stickiness", {"seconds": 0}, "services.chuoi.stickiness.seconds: 0 is not allowed: input should be greater than or equal to 1"),
    ("services.chuoi.stickiness", {"seconds": 604801}, "services.chuoi.stickiness.seconds: 604801 is not allowed"),
    ("services.chuoi.deploy", {"strategy": "blue"}, "services.chuoi.deploy.strategy: 'blue' is not allowed"),
    ("services.chuoi.deploy", {"strategy": "codedeploy"}, "codedeploy takes exactly one route, and there are 2"),
    ("services.mailer.deploy", {"strategy": "codedeploy"}, "codedeploy takes exactly one route, and there are 0"),
    ("services.chuoi.deploy", {"wait": 5, "test_port": 8443}, "services.chuoi.deploy: test_port, wait: only with strategy codedeploy"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "test_port": 443}, "test_port 443 serves production traffic; use another port, such as 8443"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "test_port": 80}, "test_port 80 serves production traffic; use another port, such as 8443"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "shift": "canary"}, "shift canary needs percent and interval"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "percent": 10}, "percent and interval: only with shift canary or linear"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "percent": 100}, "services.chuoi.deploy.percent: 100 is not allowed: input should be less than or equal to 99"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "interval": 0}, "services.chuoi.deploy.interval: 0 is not allowed"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "percent": 0}, "services.chuoi.deploy.percent: 0 is not allowed: input should be greater than or equal to 1"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "interval": 2881}, "services.chuoi.deploy.interval: 2881 is not allowed: input should be less than or equal to 2880"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "shift": "linear", "percent": 1, "interval": 30}, "services.chuoi.deploy: 1 % every 30 minutes take 2970 minutes, and CodeDeploy allows 2880 between the first step and the last"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "shift": "linear", "percent": 33, "interval": 961}, "33 % every 961 minutes take 2883 minutes"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "wait": -1}, "services.chuoi.deploy.wait: -1 is not allowed"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "wait": 2881}, "services.chuoi.deploy.wait: 2881 is not allowed"),
    ("services.chuoi.deploy", {"test_port": 8443}, "services.chuoi.deploy: test_port: only with strategy blue_green, canary, codedeploy or linear"),
    ("services.chuoi.deploy", {"bake": 5, "wait": 5}, "services.chuoi.deploy: bake: only with strategy blue_green, canary or linear; wait: only with strategy codedeploy"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "shift": "canary", "wait": 5}, "services.chuoi.deploy: shift, wait: only with strategy codedeploy"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "percent": 5}, "services.chuoi.deploy: percent: only with strategy canary, codedeploy or linear"),
    ("services.chuoi.deploy", {"strategy": "canary"}, "deploy.strategy canary takes exactly one route, and there are 2: no document of AWS's says"),
    ("services.mailer.deploy", BLUE_GREEN, "deploy.strategy blue_green takes exactly one route, and there are 0"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "test_port": 443}, "test_port 443 serves production traffic; use another port, such as 8443"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "test_port": 80}, "test_port 80 serves production traffic; use another port, such as 8443"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "pause": 10}, "pause needs test_port, where you can try the new tasks meanwhile, such as 8443"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "test_port": 8443, "pause": 0}, "services.chuoi.deploy.pause: 0 is not allowed"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "test_port": 8443, "pause": 1361}, "timeout, shift, bake and pause are 1381 minutes together, and CodePipeline allows 1380; shorten one of them"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "bake": 1366}, "timeout, shift, bake and pause are 1381 minutes together, and CodePipeline allows 1380; shorten one of them"),
    ("services.chuoi.deploy", {"strategy": "canary", "interval": 1441}, "services.chuoi.deploy.interval: 1441 is not allowed"),
    ("services.chuoi.deploy", {"strategy": "canary", "percent": 100}, "services.chuoi.deploy.percent: 100 is not allowed"),
    ("services.chuoi.deploy", {"strategy": "linear", "percent": 2}, "services.chuoi.deploy.percent: 2 is not allowed"),
    ("services.chuoi.deploy", {"strategy": "linear", "percent": 3, "interval": 42}, "timeout, shift, bake and pause are 1406 minutes together, and CodePipeline allows 1380; shorten one of them"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "hooks": {"BeforeInstall": HOOK}}, "services.chuoi.deploy.hooks.BeforeInstall"),
    ("services.chuoi.deploy", {**BLUE_GREEN, "hooks": {"PRE_SCALE_UP": "smoke"}}, "services.chuoi.deploy.hooks.PRE_SCALE_UP: 'smoke' is not allowed"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "alarms": ["server_errors"]}, "services.chuoi.deploy: alarms: is a key of the service now, not of deploy, and all alarms are on; remove it here, and write what should differ there, as alarms: {server_errors: 5, latency: 2, unhealthy_hosts: false}"),
    ("services.chuoi.deploy", {"alarms": []}, "services.chuoi.deploy: alarms: is a key of the service now, not of deploy, and all alarms are on; remove it here, and write what should differ there, as alarms: {server_errors: 5, latency: 2, unhealthy_hosts: false}"),
    ("services.chuoi.alarms", {"errors": 1}, "services.chuoi.alarms.errors: there is no such key"),
    ("services.chuoi.alarms", {"server_errors": True}, "services.chuoi.alarms.server_errors: true is not allowed: input should be a valid number"),
    ("services.chuoi.alarms", {"server_errors": 0}, "services.chuoi.alarms.server_errors: 0 is not allowed: input should be greater than 0"),
    ("services.chuoi.alarms", {"server_errors": 101}, "services.chuoi.alarms.server_errors: 101 is not allowed: input should be less than or equal to 100"),
    ("services.chuoi.alarms", {"latency": "2"}, "services.chuoi.alarms.latency: '2' is not allowed: input should be a valid number"),
    ("services.chuoi.alarms", {"latency": None}, "services.chuoi.alarms.latency: is empty: false switches the alarm off"),
    ("services.chuoi.alarms", {"unhealthy_hosts": 0}, "services.chuoi.alarms.unhealthy_hosts: 0 is not allowed: input should be greater than or equal to 1"),
    ("services.chuoi.alarms", {"unhealthy_hosts": 1.5}, "services.chuoi.alarms.unhealthy_hosts: 1.5 is not allowed"),
    ("services.mailer.alarms", {"latency": False}, "services.mailer: alarms: only with routes, because they watch what the load balancer measures; add routes, or remove it"),
    ("services.chuoi-latency", ROUTED, "services.chuoi-latency: its alarm would be dev-chuoi-latency, as another alarm is; use another name"),
    ("services.starts-undelivered", ROUTED, "services.starts-undelivered: its alarm would be dev-starts-undelivered, as another alarm is; use another name"),
    ("services.slack-undelivered", ROUTED, "services.slack-undelivered: its alarm would be dev-slack-undelivered, as another alarm is; use another name"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "hooks": {"AfterEverything": HOOK}}, "services.chuoi.deploy.hooks.AfterEverything"),
    ("services.chuoi.deploy", {**CODE_DEPLOY, "hooks": {"BeforeInstall": "smoke"}}, "services.chuoi.deploy.hooks.BeforeInstall: 'smoke' is not allowed"),
    ("services.chuoi-codedeploy", WORKER, "a name must not end in -codedeploy"),
    ("services.chuoi.source", {"gitlab": {"url": "https://gitlab.example.com:8443", "project": "a/b"}}, "services.chuoi.source.gitlab.url: 'https://gitlab.example.com:8443' is not allowed: must be the address of a GitLab without a path or a port"),
    ("services.chuoi.task", {"template": "web.json", "cpu": 32768, "memory": 65536, "port": 4000}, "services.chuoi.task: memory 65536 does not go with cpu 32768; Fargate offers 61440, 122880, 249856"),
    ("services.chuoi.build", {"registries": {"logins": {"https://docker.io": {"secret": SECRET}}}}, "services.chuoi.build.registries.logins.https://docker.io: 'https://docker.io' is not allowed: must be the host of a registry without https://"),
    ("services.chuoi.build", {"registries": {"logins": {"docker.io": {"secret": SECRET[:-7]}}}}, "must be the ARN of a secret of Secrets Manager, which ends in six characters of its own"),
    ("services.chuoi.build", {"registries": {"logins": {"docker.io": {"secret": SECRET, "key": "alias/x"}}}}, "services.chuoi.build.registries.logins.docker.io.key: 'alias/x' is not allowed: must be the ARN of a KMS key"),
    ("services.chuoi.build", {"registries": {"logins": {"111111111111.dkr.ecr.eu-west-1.amazonaws.com": {"secret": SECRET}}}}, "logins: 111111111111.dkr.ecr.eu-west-1.amazonaws.com is ECR, which needs no login; list it under repositories"),
    ("services.chuoi.build", {"registries": {"repositories": ["base"]}}, "services.chuoi.build.registries.repositories[0]: 'base' is not allowed: must be the ARN of an ECR repository"),
    ("services.chuoi.build", {"registries": {"caches": ["docker-hub/"]}}, "services.chuoi.build.registries.caches[0]: 'docker-hub/' is not allowed: must be the prefix of a pull-through cache rule"),
    ("services.chuoi.build", {"context": "../web"}, "services.chuoi.build.context: '../web' is not allowed: must be a path within the source without spaces, such as services/web"),
    ("services.chuoi.build", {"context": "./web"}, "services.chuoi.build.context: './web' is not allowed: must be a path within the source"),
    ("services.chuoi.build", {"dockerfile": "web/../Dockerfile"}, "services.chuoi.build.dockerfile: 'web/../Dockerfile' is not allowed: must be a path within the source"),
    ("services.chuoi.build", {"dockerfile": "web/"}, "services.chuoi.build.dockerfile: 'web/' is not allowed: must be a path within the source"),
    ("services.chuoi.build", {"target": "1"}, "services.chuoi.build.target: '1' is not allowed: must be the name of a stage of the Dockerfile"),
    ("services.chuoi.build", {"compute": "BUILD_LAMBDA_1GB"}, "services.chuoi.build.compute: 'BUILD_LAMBDA_1GB' is not allowed: input should be 'BUILD_GENERAL1_SMALL', 'BUILD_GENERAL1_MEDIUM', 'BUILD_GENERAL1_LARGE', 'BUILD_GENERAL1_XLARGE' or 'BUILD_GENERAL1_2XLARGE'"),
    ("services.chuoi.build", {"registries": {"mirrors": []}}, "services.chuoi.build.registries.mirrors: there is no such key"),
    ("services.chuoi.source", {"type": "git"}, "services.chuoi.source.type: 'git' is not allowed"),
    ("services.chuoi.source", {"tag": "stable"}, "services.chuoi.source: tag: only with type ecr, where images are pushed; remove it"),
    ("services.chuoi.source", {"type": "ecr", "images": True}, "services.chuoi.source: images: only with type s3, because with ecr every image is pushed; remove it"),
    ("services.mailer.source", {"type": "promote"}, "services.mailer.source: promote_from: is missing; type promote needs the stack that images come from"),
    ("services.mailer.source", {"type": "promote", "promote_from": {"stack": "dev"}, "github": {"repository": "a/b", "owner_id": 1, "repository_id": 2}}, "services.mailer.source: github and gitlab: not with type promote, where nobody uploads or pushes; remove them"),
    ("services.mailer.source", {"promote_from": {"stack": "dev", "account": "1"}}, "services.mailer.source.promote_from.account: '1' is not allowed: must be an account's 12 digits, in quotes"),
    ("services.mailer.source", {"type": "ecr", "tag": "a b"}, "services.mailer.source.tag: 'a b' is not allowed: must be a tag of an image"),
    ("services.mailer", {**WORKER, "source": {"type": "ecr"}, "build": {"timeout": 30}}, "services.mailer: build: not with source.type ecr, where nothing is built; remove it"),
    ("services.chuoi.source", {"type": "ecr"}, "services.chuoi: parameters.HEX_API_KEY.for: not build with source.type ecr, where nothing is built; use runtime only"),
    ("services.chuoi.task.environment_files", ["web.txt"], "services.chuoi.task.environment_files[0]: 'web.txt' is not allowed: must be a file of task_templates/, such as web.env, or the ARN of an S3 object whose name ends in .env"),
    ("services.chuoi.task.environment_files", ["none.env"], "services.chuoi.task.environment_files[0]: none.env: there is no such file in task_templates/; there are: none"),
    ("services.chuoi.task.environment_files", ["a.env", "a.env"], "services.chuoi.task.environment_files: has 'a.env' twice"),
    ("services.chuoi.task.volumes", {"a": {"file_system": "fs-1", "path": "/a"}}, "services.chuoi.task.volumes.a.file_system: 'fs-1' is not allowed: must be the id of an EFS file system"),
    ("services.chuoi.task.volumes", {"a": {"file_system": "fs-12345678", "path": "a"}}, "services.chuoi.task.volumes.a.path: 'a' is not allowed: must be a folder of the container"),
    ("services.chuoi.task.volumes", {name: {"file_system": "fs-12345678", "path": "/a"} for name in "ab"}, "services.chuoi.task: volumes: /a is the path of two"),
    ("services.chuoi.tags", {"aws:x": "y"}, "services.chuoi: tags.aws:x: only aws:defaultTags or AWS may set it; remove it"),
    ("services.chuoi.tags", {"stack": "prd"}, "services.chuoi: tags.stack: only aws:defaultTags or AWS may set it; remove it"),
    ("services.chuoi.tags", {"Stack": "prd"}, "services.chuoi: tags.Stack: only aws:defaultTags or AWS may set it; remove it"),
    ("services.chuoi.tags", {"team": "a", "cost": "b", "Team": "c"}, "services.chuoi: tags: team and Team differ only in case, and IAM accepts one of them; keep one"),
    ("services.chuoi.tags", {"team": "wéb"}, "services.chuoi.tags.team: 'wéb' is not allowed: must be letters, digits, blanks"),
    ("services.chuoi.tags", {f"tag{n}": "x" for n in range(9)}, "services.chuoi.tags"),
    ("services.chuoi.drain", 3601, "services.chuoi.drain: 3601 is not allowed: input should be less than or equal to 3600"),
    ("services.mailer", {**WORKER, "drain": 5}, "services.mailer: drain: only with routes, because it is about requests from the load balancer; add routes, or remove it"),
    ("services.chuoi.migrate", {}, "services.chuoi.migrate.command: is missing"),
    ("services.chuoi.migrate", {"command": []}, "services.chuoi.migrate.command: list should have at least 1 item"),
    ("services.chuoi.migrate.command", [""], "services.chuoi.migrate.command[0]: '' is not allowed"),
    ("services.chuoi.migrate.command", "bin/migrate", "services.chuoi.migrate.command: 'bin/migrate' is not allowed"),
    ("services.chuoi.deploy", {"timeout": 4}, "services.chuoi.deploy.timeout: 4 is not allowed: input should be greater than or equal to 5"),
    ("services.chuoi.deploy", {"timeout": 61}, "services.chuoi.deploy.timeout: 61 is not allowed: input should be less than or equal to 60"),
    ("services.chuoi.health_check.grace", 900, "services.chuoi: health_check.grace: 900 seconds must be less than deploy.timeout, 15 minutes, or no task fails in time; raise the timeout, to 60 at most, or lower grace"),
    ("services.chuoi.migrate.timeout", 0, "migrate.timeout: 0 is not allowed: input should be greater than or equal to 1"),
    ("services.chuoi.migrate.timeout", 121, "migrate.timeout: 121 is not allowed: input should be less than or equal to 120"),
    ("services.chuoi.migrate.timeout", "15", "services.chuoi.migrate.timeout: '15' is not allowed"),
    ("services.chuoi.migrate.image", "x", "services.chuoi.migrate.image: there is no such key"),
    ("services.chuoi.approve", "yes", "services.chuoi.approve: 'yes' is not allowed"),
    ("services.chuoi.parameters.MIX_ENV", {"for": ["build"]}, "exactly one of value, secret: true, external and secrets_manager"),
    ("services.chuoi.parameters.MIX_ENV", {"value": "", "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.value: '' is not allowed: must not be empty; Parameter Store has no empty values"),
    ("services.chuoi.parameters.MIX_ENV", {"value": "x", "for": []}, "services.chuoi.parameters.MIX_ENV.for"),
    ("services.chuoi.parameters.MIX_ENV", {"external": "shared", "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.external.name: 'shared' is not allowed: must be the name of a parameter that begins with a slash"),
    ("services.chuoi.parameters.MIX_ENV", {"external": {"name": "/a", "value": "x"}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.external.value: there is no such key"),
    ("services.chuoi.parameters.MIX_ENV", {"external": {"name": "/a", "key": "alias/a"}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.external.key: 'alias/a' is not allowed: must be the ARN of a KMS key"),
    ("services.chuoi.parameters.MIX_ENV", {"external": {"name": "/a", "key": KEY, "secret": False}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.external: key: encrypts a secret, and secret is false; remove one of the two"),
    ("services.chuoi.parameters.MIX_ENV", {"external": "/aws/service/x", "for": ["runtime"]}, "services.chuoi.parameters.MIX_ENV.external: name: /aws/service/x is a parameter of AWS; copy its value into one of this account"),
    ("services.chuoi.parameters.MIX_ENV", {"external": "/a", "secret": True, "for": ["build"]}, "exactly one of value, secret: true, external and secrets_manager"),
    ("services.chuoi.parameters.MIX_ENV", {"external": "/a", "secrets_manager": SECRET, "for": ["build"]}, "exactly one of value, secret: true, external and secrets_manager"),
    ("services.chuoi.parameters.MIX_ENV", {"secrets_manager": SECRET[:-7], "for": ["build"]}, "is not allowed: must be the ARN of a secret of Secrets Manager, which ends in six characters of its own"),
    ("services.chuoi.parameters.MIX_ENV", {"secrets_manager": {"arn": SECRET, "json_key": "a:b"}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.secrets_manager.json_key: 'a:b' is not allowed: must be a key of the secret's JSON, without a colon"),
    ("services.chuoi.parameters.MIX_ENV", {"secrets_manager": {"arn": SECRET, "version": "1"}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.secrets_manager.version: '1' is not allowed: must be the id of a secret's version"),
    ("services.chuoi.parameters.MIX_ENV", {"secrets_manager": {"arn": SECRET, "version": "1" * 32, "stage": "AWSCURRENT"}, "for": ["build"]}, "services.chuoi.parameters.MIX_ENV.secrets_manager: stage and version: use one of the two"),
    ("services.chuoi.parameters.A-B", {"value": "x", "for": ["build"]}, "services.chuoi.parameters.A-B: 'A-B' is not"),
    ("services.chuoi.permissions", [{"actions": ["s3:GetObject"], "resources": ["arn:aws:s3:::b/*"]}], "services.chuoi.permissions[0]: arn:aws:s3:::b/*: a wildcard needs a reason, a sentence in the key `reason`"),
    ("services.chuoi.permissions", [{"actions": ["s3:Get*"], "resources": ["arn:aws:s3:::b/k"]}], "services.chuoi.permissions[0]: s3:Get*: a wildcard needs a reason"),
    ("services.chuoi.permissions", [{"actions": ["ses:SendEmail"], "resources": ["*"], "reason": "all"}], "services.chuoi.permissions[0].reason: 'all' is not allowed: string should have at least 10 characters"),
    ("services.chuoi.permissions", [{"actions": ["GetObject"], "resources": ["arn:aws:s3:::b/k"]}], "services.chuoi.permissions[0].actions[0]: 'GetObject' is not allowed"),
    ("services.chuoi.permissions", [{"actions": ["*"], "resources": ["arn:aws:s3:::b/k"], "reason": "everything"}], "services.chuoi.permissions[0].actions[0]: '*' is not allowed"),
    ("services.chuoi.permissions", [{"actions": ["s3:GetObject"], "resources": ["b/k"]}], "services.chuoi.permissions[0].resources[0]: 'b/k' is not allowed"),
    ("services.chuoi.permissions", [{"actions": [], "resources": ["arn:aws:s3:::b/k"]}], "services.chuoi.permissions[0].actions: list should have at least 1 item"),
    ("services.chuoi.permissions", [{"actions": ["s3:GetObject"]}], "services.chuoi.permissions[0].resources: is missing"),
    ("services.chuoi.exec", "yes", "services.chuoi.exec: 'yes' is not allowed"),
    ("services.Chuoi", {}, "services.Chuoi"),
    (f"services.{'n' * 41}", {}, f"services.{'n' * 41}"),
    ("network", {"vpc_id": "vpc-1"}, "network: vpc_id needs one or more private_subnet_ids"),
    ("network", {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"], "public_subnet_ids": ["subnet-2"]}, "network: vpc_id needs two or more public_subnet_ids for the load balancer, and there are 1"),
    ("network", {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"], "endpoints": True, "more_endpoints": ["sqs"]}, "network: endpoints, more_endpoints: not with vpc_id, because that VPC exists already; remove this"),
    ("network", {"more_endpoints": ["sqs"]}, "network: more_endpoints need endpoints: true"),
    ("network", {"endpoints": True, "more_endpoints": ["com.amazonaws.SQS"]}, "network.more_endpoints[0]: 'com.amazonaws.SQS' is not allowed: must be what follows com.amazonaws.REGION. in the endpoint's name, such as sqs"),
    ("network", {"endpoints": True, "more_endpoints": ["sqs", "sqs"]}, "network.more_endpoints: has 'sqs' twice"),
    ("load_balancer", {"listener_arn": LISTENER.replace("listener/app", "listener/net")}, "must be the ARN of a listener of an Application Load Balancer"),
    ("load_balancer", {"listener_arn": LISTENER}, "load_balancer: exists already, so name its VPC as network.vpc_id, and private_subnet_ids for the tasks"),
    ("load_balancer", {"listener_arn": LISTENER, "internal": True}, "load_balancer: internal: not with listener_arn, because that load balancer exists already; remove it"),
    ("network", {"public_subnet_ids": ["subnet-1"]}, "public_subnet_ids and private_subnet_ids need vpc_id"),
    ("network", {"cidr": "999.0.0.0/16"}, "network.cidr: '999.0.0.0/16' is not allowed: must be an IPv4 network of /16 to /24"),
    ("network", {"cidr": "10.0.5.7/16"}, "network.cidr: '10.0.5.7/16' is not allowed: must be an IPv4 network"),
    ("network", {"cidr": "10.0.0.0/8"}, "network.cidr: '10.0.0.0/8' is not allowed: must be an IPv4 network"),
    ("network", {"vpc_id": "vpc-1", "public_subnet_ids": ["a"], "private_subnet_ids": []}, "network.public_subnet_ids[0]: 'a' is not allowed: must be the id of a subnet"),
    ("cluster", {"allowed_cidrs": ["everyone"]}, "cluster.allowed_cidrs[0]: 'everyone' is not allowed: must be a network in CIDR notation"),
    ("cluster", {"allowed_cidrs": ["203.0.113.7"]}, "cluster.allowed_cidrs[0]: '203.0.113.7' is not allowed: must be a network in CIDR notation"),
    ("cluster", {"allowed_cidrs": ["10.0.0.0/255.0.0.0"]}, "cluster.allowed_cidrs[0]: '10.0.0.0/255.0.0.0' is not allowed: must be a network in CIDR notation"),
    ("cluster", {"allowed_cidrs": ["10.0.0.0/8", "10.0.0.0/8"]}, "cluster.allowed_cidrs: has '10.0.0.0/8' twice"),
    ("cluster", {"allowed_cidrs": ["2001:db8::/32", "2001:0db8::/32"]}, "cluster.allowed_cidrs: has '2001:0db8::/32' twice"),
    ("network", {"vpc_id": "vpc-1", "public_subnet_ids": ["subnet-1", "subnet-1"], "private_subnet_ids": ["subnet-2"]}, "network.public_subnet_ids: has 'subnet-1' twice"),
    ("services.chuoi.routes.0.paths", ["/a", "/a"], "services.chuoi.routes[0].paths: has '/a' twice"),
    ("cluster", {"allowed_cidrs": []}, "cluster.allowed_cidrs: list should have at least 1 item"),
    ("network.nat", "one", "network.nat: 'one' is not allowed"),
    ("netwrok", {"nat": "none"}, "netwrok: there is no such key; did you mean network?"),
    ("services.chuoi.healthcheck", {"path": "/"}, "services.chuoi.healthcheck: there is no such key; did you mean health_check?"),
    ("services.chuoi.routes.0.zzz", 1, "services.chuoi.routes[0].zzz: there is no such key; there are: host, paths, priority"),
    ("services.billing", None, "services.billing: is empty: must be keys, each with its value"),
    ("services", {}, "services: is empty, so an up deletes each service of this stack, with its images and parameters; if you want that, add fargate-delivery:without_services: true"),
    ("services", "", "services: is empty: must be keys, each with its value"),
    ("services", ..., "services: is empty, so an up deletes each service of this stack, with its images and parameters; if you want that, add fargate-delivery:without_services: true"),
    ("without_services", True, "without_services: is true, but there are services; remove it"),
    ("domain", ..., "domain: is missing"),
    ("domain.redirects", [{"host": "www.dev.example.com", "to": "www.dev.example.com", "priority": 5}], "domain.redirects[0]: www.dev.example.com redirects to itself; name another host"),
    ("domain.redirects", [{"host": "www.dev.example.com", "to": "chuoi.dev.example.com"}], "domain.redirects[0].priority: is missing"),
    ("domain.redirects", [{"host": "www.dev.example.com", "to": "chuoi.dev.example.com", "priority": 10}], "domain.redirects[0].priority: 10 is taken by another route or redirect; each needs its own, and 40 is free"),
    ("domain.redirects", [{"host": "a.b.dev.example.com", "to": "chuoi.dev.example.com", "priority": 5}], "domain.redirects[0].host: 'a.b.dev.example.com' must be dev.example.com or one label"),
    ("domain.redirects", [{"host": "chuoi.dev.example.com", "to": "www.example.org", "priority": 5}], "domain.redirects[0].host: chuoi.dev.example.com is in another redirect or a route too; only one would work"),
    ("domain.redirects", [{"host": "a.dev.example.com", "to": "c.dev.example.com", "priority": 5}, {"host": "a.dev.example.com", "to": "d.dev.example.com", "priority": 6}], "domain.redirects[1].host: a.dev.example.com is in another redirect or a route too; only one would work"),
    ("domain.redirects", [{"host": "a.dev.example.com", "to": "b.dev.example.com", "priority": 5}, {"host": "b.dev.example.com", "to": "chuoi.dev.example.com", "priority": 6}], "domain.redirects[0].to: b.dev.example.com is redirected itself"),
    ("domain.more_zones", [{"zone": "dev.example.com"}], "domain: zone dev.example.com appears twice; remove one"),
    ("domain.more_zones", [{"zone": "example.org"}, {"zone": "example.org"}], "domain: zone example.org appears twice; remove one"),
    ("domain.more_zones", [{"zone": "example.org", "redirects": []}], "domain.more_zones[0].redirects: there is no such key"),
    ("domain.more_zones", [{"zone": f"{'a' * 60}.example.org"}], "domain.more_zones[0]: zone has 72 characters, and ACM creates certificates for 64 at most; name an existing one as certificate_arn"),
    ("domain.more_zones", [{"zone": "example.org", "private": True, "records": False}], "domain.more_zones[0]: private: needs records, and records: false creates none; remove one of the two"),
    ("domain.more_zones", [{"zone": "a.example.org", "validated_in": "example.org", "certificate_arn": "arn:aws:acm:r:1:certificate/1"}], "domain.more_zones[0]: validated_in: not with certificate_arn, because that certificate exists already; remove it"),
    ("domain.more_zones", [{"zone": "a.example.org", "validated_in": "example.net"}], "domain.more_zones[0]: validated_in: example.net does not contain a.example.org; name a zone that does"),
    ("domain.more_zones", [{"zone": "example.org", "role": "arn:aws:iam::123456789012:user/zones"}], "domain.more_zones[0].role: 'arn:aws:iam::123456789012:user/zones' is not allowed: must be the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME"),
    ("domain.more_zones", [{"zone": "example.org", "role": "zones"}], "domain.more_zones[0].role: 'zones' is not allowed: must be the ARN of an IAM role, arn:aws:iam::ACCOUNT:role/NAME"),
    ("domain.more_zones", [{"zone": "example.org", "role": ZONE_ROLE, "records": False, "certificate_arn": "arn:aws:acm:r:1:certificate/1"}], "domain.more_zones[0]: role: has nothing to write, because the certificate exists and no record is created in a public zone; remove it"),
    ("domain.more_zones", [{"zone": "example.org", "role": ZONE_ROLE}, {"zone": "a.example.org", "private": True, "validated_in": "example.org"}], "domain: zone example.org has two different roles, or one only in one place; write the same role in both"),
    ("domain.more_zones", [{"zone": "example.org", "validated_in": "example.org"}], "domain.more_zones[0]: validated_in: example.org does not contain example.org; name a zone that does"),
    ("services.chuoi.routes.0.host", "a.b.example.org", "services.chuoi.routes[0].host: 'a.b.example.org' must be dev.example.com or one label below it"),
    ("protect", "yes", "protect: 'yes' is not allowed"),
    ("secrets.chuoi.SECRET_KEY_BASE", ..., "pulumi config set --secret --path 'fargate-delivery:secrets.chuoi.SECRET_KEY_BASE' <value>"),
    ("secrets.chuoi.OTHER", "hidden", "secrets.chuoi.OTHER: no service has a parameter of this name"),
    ("secrets.chuoi.SECRET_KEY_BASE", "", "secrets.chuoi.SECRET_KEY_BASE: must be a text, and not empty"),
]  # fmt: skip


@pytest.mark.parametrize(("path", "value", "words"), MISTAKES, ids=[f"{path}={value}" for path, value, _ in MISTAKES])
def test_a_mistake_is_named(deploy: Deploy, path: str, value: Any, words: str) -> None:
    message = refusal(deploy, changed(path, value))
    assert re.match(r"Pulumi\.dev\.yaml is not valid:\n  (line \d+: )?(fargate-delivery|aws):", message)
    assert words in message
    assert "hidden" not in message


def existing(**changes: Any) -> dict[str, Any]:
    """The dev stack's configuration, on a load balancer that exists."""
    network = {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"]}
    keys = {"load_balancer": {"listener_arn": LISTENER}, "network": network, **changes}
    return changed("protect", False) | {f"fargate-delivery:{key}": value for key, value in keys.items()}


def test_a_load_balancer_that_exists_needs_nothing_of_what_one_that_is_made_needs(deploy: Deploy) -> None:
    assert load(deploy, existing()).config.load_balancer.listener_arn == LISTENER


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"], "public_subnet_ids": ["subnet-2", "subnet-3"]}}, "network.public_subnet_ids: not with load_balancer.listener_arn, which has its subnets; remove them"),
        ({"cluster": {"allowed_cidrs": ["10.0.0.0/8"]}}, "cluster.allowed_cidrs: not with load_balancer.listener_arn, which has its security group; remove them"),
        ({"domain": {"zone": "dev.example.com", "certificate_arn": "arn:aws:acm:r:1:certificate/1"}}, "domain.certificate_arn: not with load_balancer.listener_arn, which has its certificate; remove it"),
        ({"domain": {"zone": "other.example.com"}}, "services.chuoi.routes[0].host: 'chuoi.dev.example.com' must be within other.example.com, where its record is made, or domain.records be false"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_a_load_balancer_that_exists(deploy: Deploy, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(deploy, existing(**changes))


def internal(**changes: Any) -> dict[str, Any]:
    """The dev stack's configuration, with an internal load balancer."""
    keys = {"load_balancer": {"internal": True}, **changes}
    return changed("protect", False) | {f"fargate-delivery:{key}": value for key, value in keys.items()}


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"cluster": {"allowed_cidrs": ["10.0.0.0/8", "0.0.0.0/0"]}}, "cluster.allowed_cidrs[1]: 0.0.0.0/0 is everybody, but the load balancer is internal; name the networks that may reach it, or remove the key if only the VPC may"),
        ({"cluster": {"allowed_cidrs": ["::/0"]}}, "cluster.allowed_cidrs[0]: ::/0 is everybody"),
        ({"network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1"]}}, "network: vpc_id needs two or more private_subnet_ids, because an internal load balancer is in them, and there are 1"),
        ({"network": {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1", "subnet-2"], "public_subnet_ids": ["subnet-3", "subnet-4"]}}, "network.public_subnet_ids: not with load_balancer.internal, which is in private subnets; remove them"),
    ],
)  # fmt: skip
def test_what_does_not_go_with_an_internal_load_balancer(deploy: Deploy, changes: dict[str, Any], words: str) -> None:
    assert words in refusal(deploy, internal(**changes))


def test_an_internal_load_balancer_needs_no_public_subnets(deploy: Deploy) -> None:
    network = {"vpc_id": "vpc-1", "private_subnet_ids": ["subnet-1", "subnet-2"]}
    load(deploy, internal(network=network, cluster={"allowed_cidrs": ["10.0.0.0/8"]}))


@pytest.mark.parametrize(
    ("host", "words"),
    [
        ("example.org", None),
        ("shop.example.org", None),
        ("dev.example.com", None),
        ("a.inner.dev.example.com", None),
        ("a.b.example.org", "must be dev.example.com or inner.dev.example.com or example.org or one label below it, as in www.dev.example.com"),
        ("a.b.inner.dev.example.com", "or one label below it"),
        ("example.net", "or one label below it"),
        ("badexample.org", "or one label below it"),
    ],
)  # fmt: skip
def test_a_host_is_in_one_of_the_zones(deploy: Deploy, host: str, words: str | None) -> None:
    config = changed("domain.more_zones", [{"zone": "inner.dev.example.com"}, {"zone": "example.org"}])
    config["fargate-delivery:services"]["chuoi"]["routes"][0]["host"] = host
    if words is None:
        load(deploy, config)
    else:
        assert words in refusal(deploy, config)


def test_a_load_balancer_that_exists_has_the_certificates_of_all_zones(deploy: Deploy) -> None:
    arn = "arn:aws:acm:r:1:certificate/1"
    more = [{"zone": "example.org"}, {"zone": "example.net", "certificate_arn": arn}]
    words = "domain.more_zones[1].certificate_arn: not with load_balancer.listener_arn, which has its certificate; remove it"
    assert words in refusal(deploy, existing(domain={"zone": "dev.example.com", "more_zones": more}))
    load(deploy, existing(domain={"zone": "example.net", "more_zones": [{"zone": "example.com"}]}))


def test_hosts_of_any_depth_where_the_certificates_are_somebody_else_s(deploy: Deploy) -> None:
    load(deploy, existing(domain={"zone": "example.com"}))
    load(deploy, existing(domain={"zone": "other.example.com", "records": False}))


def test_a_cluster_that_exists_says_itself_where_sessions_are_logged(deploy: Deploy) -> None:
    config = changed("services.chuoi.exec", True) | {"fargate-delivery:cluster": {"name": "shared"}}
    assert (
        "services.chuoi.exec: not with cluster.name, because the owner of an existing cluster decides where sessions are logged; remove it"
        in refusal(deploy, config)
    )
    config["fargate-delivery:services"]["chuoi"]["exec"] = False
    load(deploy, config)
    config["fargate-delivery:cluster"] = {"name": "sha red"}
    assert "cluster.name: 'sha red' is not allowed: must be the name of an ECS cluster" in refusal(deploy, config)


def test_no_test_port_where_the_load_balancer_is_somebody_else_s(deploy: Deploy) -> None:
    config = existing()
    deploys: dict[str, Any] = {**BLUE_GREEN, "test_port": 8443}
    config["fargate-delivery:services"]["other"] = {**ROUTED, "deploy": deploys}
    assert (
        "services.other.deploy.test_port: not with load_balancer.listener_arn, to which the stack adds no listener; remove it"
        in refusal(deploy, config)
    )


@pytest.mark.parametrize(
    ("group", "port", "refused"),
    [("sg-0a1b2c3d", 2049, True), ("sg-0a1b2c3d", 2050, False), ("sg-1", 2049, False)],
)
def test_a_security_group_lets_the_tasks_in_at_a_port_once(
    deploy: Deploy, group: str, port: int, refused: bool
) -> None:
    config = changed("services.chuoi.connects_to", [{"security_group": group, "port": port}])
    volume = {"file_system": "fs-0123456789abcdef0", "path": "/app/uploads", "security_group": "sg-0a1b2c3d"}
    config["fargate-delivery:services"]["chuoi"]["task"]["volumes"] = {"uploads": volume}
    if refused:
        words = (
            "services.chuoi.connects_to[0]: sg-0a1b2c3d lets the tasks in at port 2049 already, because of "
            "task.volumes.uploads; remove it"
        )
        assert words in refusal(deploy, config)
    else:
        load(deploy, config)


def test_what_cannot_be_connected_to(deploy: Deploy) -> None:
    shifted: dict[str, Any] = {**ROUTED, "deploy": CODE_DEPLOY}
    config = changed("services.other", shifted)
    services = config["fargate-delivery:services"]
    services["chuoi"]["connects_to"] = [{"service": "other"}]
    words = "services.chuoi.connects_to[0].service: other is deployed by CodeDeploy, which does not support Service Connect; use another deploy.strategy there, or connect to its host"
    assert words in refusal(deploy, config)
    services["other"] = {**ROUTED, "connects_to": [{"service": "third"}]}
    services["third"] = {"task": ROUTED["task"], "connects_to": [{"service": "other"}]}
    words = "other connects to third connects to other, in a circle, and a task can reach only what existed when it was deployed"
    assert words in refusal(deploy, config)


def test_all_mistakes_are_reported_together(deploy: Deploy) -> None:
    config = changed("services.chuoi.task.cpu", 300)
    config["fargate-delivery:services"]["mailer"]["task"]["memory"] = 1
    config["fargate-delivery:network"] = {"zones": 9}
    lines = refusal(deploy, config).splitlines()[1:]
    assert len(lines) == 3
    assert [line.partition(": ")[0] for line in lines] == ["  line 5", "  line 11", "  line 20"]


def test_a_stack_s_name_fits_what_is_named_after_it(deploy: Deploy) -> None:
    config = {
        key: value if isinstance(value, str) else json.dumps(value) for key, value in changed("protect", False).items()
    }
    for stack, words in {
        "Dev_1": "services: their AWS names cannot begin with the stack's name, Dev_1",
        "dev--1": "services: their AWS names cannot begin with the stack's name, dev--1",
        "internal-a": "must not begin with internal-",
    }.items():
        with pytest.raises(pulumi.RunError, match=words):
            deploy(settings.load, stack=stack, config=config, secret_keys=SECRET_KEYS)


@pytest.mark.parametrize("alarm", ["jobs", "jobs-lost"])
def test_an_alarm_of_jobs_is_one_of_a_service_that_has_some(deploy: Deploy, alarm: str) -> None:
    config = changed(f"services.chuoi-{alarm}", ROUTED)
    assert f"chuoi-{alarm}" in load(deploy, config).config.services
    config["fargate-delivery:services"]["chuoi"]["jobs"] = {"clean": {"command": ["bin/clean"]}}
    assert (
        f"services.chuoi-{alarm}: its alarm would be dev-chuoi-{alarm}, as another alarm is; use another name"
        in refusal(deploy, config)
    )


def test_a_worker_s_name_is_no_alarm_s(deploy: Deploy) -> None:
    assert "chuoi-latency" in load(deploy, changed("services.chuoi-latency", WORKER)).config.services


def test_mistakes_between_services_are_reported_together(deploy: Deploy) -> None:
    config = changed("services.chuoi.routes.1.priority", 10)
    del config["fargate-delivery:secrets"]["mailer"]
    config["fargate-delivery:services"]["mailer"]["task"]["template"] = "none.json"
    assert len(refusal(deploy, config).splitlines()) == 1 + 2 + 1 + 1


@pytest.mark.parametrize(("other", "mixed"), [("chuoi-front-offic2", True), ("chuoi-back-office", False)])
def test_names_that_codepipeline_would_mix(deploy: Deploy, other: str, mixed: bool) -> None:
    config = changed("services.chuoi", ...)
    service, secrets = config["fargate-delivery:services"]["mailer"], config["fargate-delivery:secrets"]["mailer"]
    config["fargate-delivery:services"] = {"chuoi-front-offic1": service, other: service}
    config["fargate-delivery:secrets"] = {"chuoi-front-offic1": secrets, other: secrets}
    if mixed:
        assert (
            "the first 20 characters of dev-chuoi-front-offic1 are those of another service too, and CodePipeline would mix up their artifacts; use another name"
            in refusal(deploy, config)
        )
    else:
        assert len(load(deploy, config).templates) == 2


def test_the_webhook_is_never_shown(deploy: Deploy) -> None:
    assert "s3cret" not in refusal(deploy, changed("slack_webhook", "http://example.com/s3cret"))


@pytest.mark.parametrize("host", ["hooks.slack.com", "hooks.slack-gov.com"])
def test_where_slack_takes_messages(deploy: Deploy, host: str) -> None:
    assert load(deploy, changed("slack_webhook", f"https://{host}/services/T0/B0/x")).slack_webhook is not None
    silent = {key: value for key, value in changed("notifications", {}).items() if not key.endswith("slack_webhook")}
    assert load(deploy, silent).slack_webhook is None


def test_the_token_of_commits(deploy: Deploy) -> None:
    config = changed("notifications", {"slack": True, "commits": {"host": "gitlab"}})
    assert load(deploy, {**config, "fargate-delivery:commit_token": "glpat-x"}).commit_token is not None
    assert load(deploy, changed("protect", False)).commit_token is None
    refused = refusal(deploy, {**config, "fargate-delivery:commit_token": "two words"})
    assert "commit_token: must be a token of the host's, without spaces" in refused
    assert "two words" not in refused


def test_more_services_than_a_pattern_names(deploy: Deploy) -> None:
    config = changed("protect", False)
    services = config["fargate-delivery:services"]
    services |= {f"worker-{number:02}-{'x' * 8}": services["mailer"] | {"parameters": {}} for number in range(99)}
    assert "notifications.slack: the names of 101 services make an event pattern of " in refusal(deploy, config)


def test_no_sessions_where_codedeploy_deploys(deploy: Deploy) -> None:
    config = changed("services.chuoi.deploy", CODE_DEPLOY)
    chuoi = config["fargate-delivery:services"]["chuoi"]
    chuoi |= {"exec": True, "routes": chuoi["routes"][:1]}
    assert (
        "services.chuoi: exec: not with deploy.strategy codedeploy, because ECS turns it on only when it creates a service"
        in refusal(deploy, config)
    )


def test_a_wildcard_with_its_reason(deploy: Deploy) -> None:
    everywhere = {"actions": ["ses:SendEmail"], "resources": ["*"], "reason": "the sender is checked by a condition"}
    config = changed("services.chuoi.permissions", [everywhere])
    assert load(deploy, config).config.services["chuoi"].permissions[0].resources == ["*"]


def test_secrets_stay_secret(deploy: Deploy) -> None:
    loaded = load(deploy, changed("protect", True))
    secret = loaded.secrets["chuoi"]["SECRET_KEY_BASE"]
    assert isinstance(secret, pulumi.Output)
    assert "SECRET_KEY_BASE value" not in repr(loaded)


@pytest.mark.parametrize("stack", ["dev", "prd", "local"])
def test_committed_stack_files_have_no_secret_values(stack: str) -> None:
    text = (EXAMPLE / f"Pulumi.{stack}.yaml").read_text()
    assert "fargate-delivery:secrets" not in text


REGION, ROLE = "ap-northeast-1", "arn:aws:iam::111111111111:role/deploys"
PROVIDERS: dict[str, tuple[dict[str, Any], Provider]] = {
    "a region": ({}, Provider(REGION, None, [])),
    "nothing": ({"aws:region": ...}, Provider(None, None, [])),
    "a profile": ({"aws:profile": "deploys"}, Provider(REGION, "deploys", [])),
    "no roles": ({"aws:assumeRoles": []}, Provider(REGION, None, [])),
    "a role": ({"aws:assumeRoles": [{"roleArn": ROLE, "sessionName": "up"}]}, Provider(REGION, None, [Role(ROLE)])),
    "two roles, in their order": (
        {"aws:assumeRoles": [{"roleArn": "first", "externalId": "agreed"}, {"roleArn": ROLE}]},
        Provider(REGION, None, [Role("first", "agreed"), Role(ROLE)]),
    ),
}


@pytest.mark.parametrize("case", PROVIDERS)
def test_how_the_provider_signs_in(deploy: Deploy, case: str) -> None:
    changes, provider = PROVIDERS[case]
    config = {key: value for key, value in (changed("protect", True) | changes).items() if value is not ...}
    assert load(deploy, config).provider == provider


def test_no_services_on_purpose(deploy: Deploy) -> None:
    config = changed("services", {}) | {"fargate-delivery:without_services": True, "fargate-delivery:secrets": {}}
    assert load(deploy, config).config.services == {}


REGIONS: list[tuple[dict[str, str], str | None]] = [
    ({"aws:region": "ap-northeast-9"}, "aws:region: 'ap-northeast-9' is not a region that is known here; did you mean"),
    ({"aws:region": "tokyo"}, "aws:region: 'tokyo' is not a region that is known here"),
    ({"aws:region": "ap-northeast-9", "aws:skipRegionValidation": "true"}, None),
    ({"aws:region": "us-gov-west-1"}, None),
]


@pytest.mark.parametrize(("given", "words"), REGIONS)
def test_a_region_that_there_is_not(deploy: Deploy, given: dict[str, str], words: str | None) -> None:
    config = changed("protect", True) | given
    if words is None:
        assert load(deploy, config).provider.region == given["aws:region"]
    else:
        assert f"  line 3: {words}" in refusal(deploy, config)


OF_AWS: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt key": ({"aws:regoin": "eu-west-1"}, "  aws:regoin: there is no such key; did you mean aws:region?"),
    "tags without a key": (
        {"aws:defaultTags": {"project": "web"}},
        "  line 4: aws:defaultTags: must be tags below the key tags, as in aws:defaultTags: {tags: {project: my-project}}",
    ),
    "all at once": (
        {"aws:profil": "x", "aws:region": "tokyo"},
        "  aws:profil: there is no such key; did you mean aws:profile?",
    ),
}


def numbered(count: int) -> dict[str, str]:
    return {f"tag{n}": "x" for n in range(count)}


TAGS: dict[str, tuple[dict[str, str], dict[str, str], str | None]] = {
    "ten of the stack": (numbered(10), {}, None),
    "eleven of the stack": (
        numbered(11),
        {},
        "aws:defaultTags: has 11 tags, and an S3 object can have 10; remove some",
    ),
    "two of the stack": (
        {"team": "a", "Team": "b"},
        {},
        "aws:defaultTags: team and Team differ only in case, and IAM accepts one of them; keep one",
    ),
    "ten together": (numbered(8) | {"a": "b"}, {"tag0": "its own", "b": "c"}, None),
    "eleven together": (
        numbered(8) | {"a": "b"},
        {"b": "c", "tag0": "its own", "c": "d"},
        "services.chuoi.tags: are 11 with those of aws:defaultTags, and an S3 object can have 10; remove some",
    ),
    "one that is the stack's in another case": (
        {"project": "x", "Owner": "y"},
        {"owner": "z"},
        "services.chuoi.tags.owner: differs only in case from Owner of aws:defaultTags, and IAM accepts one of them; "
        "write it as there",
    ),
}


@pytest.mark.parametrize("case", TAGS)
def test_tags_of_the_stack_and_of_a_service_go_together(deploy: Deploy, case: str) -> None:
    of_stack, of_service, words = TAGS[case]
    config = changed("services.chuoi.tags", of_service) | {"aws:defaultTags": {"tags": of_stack}}
    if words is None:
        load(deploy, config)
    else:
        assert words in refusal(deploy, config)


def test_the_stack_s_tags_are_counted_without_services(deploy: Deploy) -> None:
    config = changed("services", {}) | {"fargate-delivery:without_services": True, "fargate-delivery:secrets": {}}
    assert "has 11 tags" in refusal(deploy, config | {"aws:defaultTags": {"tags": numbered(11)}})


@pytest.mark.parametrize("case", OF_AWS)
def test_a_mistake_in_a_key_of_aws_is_told(deploy: Deploy, case: str) -> None:
    given, words = OF_AWS[case]
    assert words in refusal(deploy, changed("protect", True) | given)


def test_keys_that_the_provider_has_are_taken(deploy: Deploy) -> None:
    given = {
        "aws:skipCredentialsValidation": True,
        "aws:s3UsePathStyle": True,
        "aws:maxRetries": 9,
        "aws:version": "7.51.1",
    }
    load(deploy, changed("protect", True) | given)


def test_a_role_to_assume_has_keys(deploy: Deploy) -> None:
    config = changed("protect", True) | {"aws:assumeRoles": [ROLE]}
    assert "  aws:assumeRoles: must be a list of roles with their keys, as in" in refusal(deploy, config)


def test_what_is_wrong_in_one_place_hides_nothing_elsewhere(deploy: Deploy) -> None:
    config = changed("services.chuoi.task.cpu", 300) | {"aws:region": "tokyo"}
    del config["fargate-delivery:secrets"]["mailer"]
    config["fargate-delivery:services"]["mailer"]["routes"] = [{"host": "mail.dev.example.com", "priority": 10}]
    config["fargate-delivery:services"]["mailer"]["task"] |= {"port": 25, "template": "wbe.json"}
    config["fargate-delivery:notifications"] = {"slak": True}
    paths = [line.split(": ")[1].removeprefix("fargate-delivery:") for line in refusal(deploy, config).splitlines()[1:]]
    assert paths == [
        "aws:region", "notifications.slak", "services.chuoi.task.cpu", "services.mailer.task.template",
        "services.mailer.parameters.SMTP_PASSWORD",
    ]  # fmt: skip


def test_what_may_come_of_another_mistake_is_not_told(deploy: Deploy) -> None:
    """Without its port, which is wrong, the template would lack one; without Slack, the webhook would be for nothing."""
    config = changed("services.chuoi.task.port", 70000)
    config["fargate-delivery:notifications"] = {"slack": "yes"}
    assert [line.split(": ")[1] for line in refusal(deploy, config).splitlines()[1:]] == [
        "fargate-delivery:notifications.slack", "fargate-delivery:services.chuoi.task.port"
    ]  # fmt: skip


PLAIN_STACK = """config:
  fargate-delivery:secrets:
    chuoi:
      HEX_API_KEY: hidden-one
      SECRET_KEY_BASE: {secure: v1:a:b}
    mailer: {SMTP_PASSWORD: {secure: v1:c:d}}
"""
OF_SECRETS = "fargate-delivery:secrets"


def asked_to_encrypt(message: str) -> list[str]:
    assert "hidden" not in message
    return re.findall(
        r"is in plain text, and must be encrypted; set it with `pulumi config set --secret --path '(.+?)' <value>`",
        message,
    )


def test_secrets_that_nobody_encrypted(deploy: Deploy) -> None:
    config = changed("secrets.chuoi.HEX_API_KEY", "hidden-one") | {
        "fargate-delivery:slack_webhook": f"{WEBHOOK}-hidden"
    }
    config["fargate-delivery:notifications"] = {"slack": True, "commits": {"host": "github"}}
    config |= {"fargate-delivery:commit_token": "hidden-token"}
    assert asked_to_encrypt(refusal(deploy, config, secret_keys=[])) == [
        "fargate-delivery:secrets.chuoi.HEX_API_KEY", "fargate-delivery:secrets.chuoi.SECRET_KEY_BASE",
        "fargate-delivery:secrets.mailer.SMTP_PASSWORD", "fargate-delivery:slack_webhook",
        "fargate-delivery:commit_token",
    ]  # fmt: skip
    one = refusal(deploy, config, secret_keys=[OF_SECRETS, "fargate-delivery:commit_token"])
    assert asked_to_encrypt(one) == ["fargate-delivery:slack_webhook"]


def test_one_secret_that_nobody_encrypted(deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The engine says `secret` of all of them when one is."""
    (tmp_path / "Pulumi.dev.yaml").write_text(PLAIN_STACK)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    refused = refusal(deploy, changed("secrets.chuoi.HEX_API_KEY", "hidden-one"))
    assert asked_to_encrypt(refused) == ["fargate-delivery:secrets.chuoi.HEX_API_KEY"]
    assert refused.splitlines()[1].startswith("  line 4: fargate-delivery:secrets.chuoi.HEX_API_KEY: ")


def test_a_secret_that_only_another_file_has_in_plain_text(
    deploy: Deploy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--config-file` names the file that counts, which a program is not told."""
    (tmp_path / "Pulumi.dev.yaml").write_text(PLAIN_STACK)
    monkeypatch.setattr(settings, "ROOT", tmp_path)
    load(deploy, changed("secrets.chuoi.HEX_API_KEY", "hidden-other"))
