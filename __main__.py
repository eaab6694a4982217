"""A stack's services on ECS Fargate, each with its parameters and its deploy pipeline."""

import gc
from functools import partial

import pulumi
import pulumi_aws as aws

import settings
from components import uploaders
from components.cluster import Cluster
from components.commit_feedback import CommitFeedback
from components.dashboard import ChartedArgs, Dashboard
from components.delivery_store import DeliveryStore, DeliveryStoreArgs
from components.deploy_pipeline import DeployPipeline
from components.ecs_service import EcsService
from components.guards import end_with, guards, look_once, replaced, say_where_to_upload, take_over, template_guard
from components.image_repository import ImageRepository
from components.load_balancer import LoadBalancer
from components.naming import Scope, artifact_prefix
from components.network import Network
from components.notifications import Notifications
from components.parameter_store import ParameterStore
from components.rule_priorities import rule_hooks
from components.start_failures import StartFailures
from components.strategies.strategy import Deployable
from inputs import (
    load_balancer_args,
    network_args,
    shared_by,
    to_share,
    ways_in_args,
)
from pipeline_steps import report

# Half of a large program's time would be collecting what lives to its end.
gc.freeze()
gc.set_threshold(100_000, 50, 100)

stack = settings.load()
config = stack.config
scope = Scope(
    stack=stack.stack,
    partition=aws.get_partition().partition,
    region=aws.get_region().region,
    account=aws.get_caller_identity().account_id,
)
seen = look_once(stack.provider, scope, list(config.services))
replacing = {
    name: replaced(scope.stack, seen.states.get(name), name, service.deploy.controller, allowed=service.deploy.replace)
    for name, service in config.services.items()
}
zone_id = aws.route53.get_zone(name=config.domain.zone).zone_id if config.domain.needs_zone else None

shared = shared_by(stack)
network = Network("network", network_args(stack, shared))
cluster = Cluster(
    "cluster",
    {
        "scope": scope,
        "insights": config.cluster.insights,
        "log_retention_days": config.cluster.log_retention_days,
        "protect": config.protect,
    },
)
balancer = LoadBalancer("load-balancer", load_balancer_args(stack, network, zone_id, shared))
store_args: DeliveryStoreArgs = {
    "artifact_prefixes": [artifact_prefix(scope.name(name)) for name in config.services],
    "protect": config.protect,
}
if config.notifications.commits is not None:
    store_args["report_prefixes"] = [report.FOLDER]
store = DeliveryStore("delivery-store", store_args)


failures = StartFailures("starts", {"scope": scope, "page": config.notifications.page})

make_room = rule_hooks(seen.session)
waiting: list[pulumi.Output[str | None]] = []
charted: list[ChartedArgs] = []
for name, service in config.services.items():
    architecture = service.task.architecture.upper()
    parameters = ParameterStore(
        name,
        {
            "scope": scope,
            "service": name,
            "parameters": service.parameters,
            "secrets": stack.secrets.get(name, {}),
            "protect": config.protect,
        },
    )
    state = seen.states.get(name)
    images = ImageRepository(name, {"repository_name": scope.name(name), "protect": config.protect})
    ecs_service = EcsService(
        name,
        {
            "scope": scope,
            "service": name,
            "template": stack.templates[name],
            "task": service.task,
            "cluster_name": cluster.name,
            "vpc_id": network.vpc_id,
            "subnet_ids": network.task_subnet_ids,
            "assign_public_ip": network.assign_public_ip,
            "repository_url": images.url,
            "repository_arn": images.arn,
            "runtime": parameters.runtime,
            "permissions": service.permissions,
            "tasks": service.tasks,
            "spot": config.cluster.spot,
            "session_log_arn": cluster.session_log_arn if service.exec else None,
            "log_retention_days": config.cluster.log_retention_days,
            "deploy": service.deploy,
            "alarms": service.alarms,
            "balancer_arn_suffix": balancer.arn_suffix,
            "page": config.notifications.page,
            "state": state,
            "quiet": partial(seen.quiet, scope.stack, name),
            "hooks": (
                take_over(seen.session, scope.stack, name, service.deploy.timeout)
                if replacing[name]
                else guards(seen, scope.stack, name, service.deploy.timeout)
            ),
            "template_hooks": template_guard(seen, scope.stack, name),
            **ways_in_args(stack, service, state, balancer, make_room),  # type: ignore[typeddict-item]
        },
    )
    waiting.append(ecs_service.waiting)
    ways_in = ecs_service.ways_in
    deployer = service.deploy.deployer(
        name,
        Deployable(
            scope=scope,
            service=name,
            cluster_name=cluster.name,
            name=ecs_service.name,
            arn=ecs_service.arn,
            role_arns=ecs_service.role_arns,
            target_groups=ways_in.target_groups if ways_in else [],
            rules=ways_in.rules if ways_in else [],
            listener_arn=balancer.https_listener_arn,
            test_listener_arns=balancer.test_listener_arns,
            alarm_names=ecs_service.alarms.names,
            template=ecs_service.template,
        ),
    )
    pipeline = DeployPipeline(
        name,
        {
            "scope": scope,
            "service": name,
            "bucket": store.bucket,
            "bucket_arn": store.arn,
            "steps_key": store.steps_key,
            "dead_letters_arn": failures.queue_arn,
            "repository_name": images.name,
            "repository_url": images.url,
            "repository_arn": images.arn,
            "deployer": deployer,
            "record_name": ecs_service.record_name,
            "record_arn": ecs_service.record_arn,
            "containers": stack.templates[name].image_containers(),
            "sidecars": stack.templates[name].sidecars(),
            "log_group_arn": ecs_service.log_group_arn,
            "approve": config.approves(service),
            "minimum_tasks": service.tasks.min,
            "build": parameters.build,
            "architecture": architecture,
            "compute_type": service.build.compute,
            "build_timeout": service.build.timeout,
            "registries": service.build.registries,
            "log_retention_days": config.cluster.log_retention_days,
            "migrate": service.migrate,
            "uploaders": uploaders.statements(service.source.github, service.source.gitlab, scope),
        },
    )
    charted.append(
        {
            "service": name,
            "ecs_name": ecs_service.name,
            "log_group": ecs_service.log_group_name,
            "pipeline": pipeline.name,
            "target_groups": [group.arn_suffix for group in ecs_service.ways_in.target_groups]
            if ecs_service.ways_in
            else [],
            "alarms": ecs_service.alarms.arns,
        }
    )
    upload_to = pulumi.Output.concat("s3://", store.bucket, "/", pipeline.source_key)
    say_where_to_upload(name, state, upload_to)
    pulumi.export(
        name,
        {
            "pipeline": pipeline.name,
            "upload_to": upload_to,
            "uploader": pipeline.uploader,
            **({"upload_role": pipeline.upload_role_arn} if pipeline.upload_role_arn else {}),
            "hosts": sorted({route.host for route in service.routes}),
        },
    )

if shared is None:
    pulumi.export("shared", to_share(network, balancer))
    Dashboard(
        "overview",
        {
            "stack": scope.stack,
            "region": scope.region,
            "cluster_name": cluster.name,
            "balancer_arn_suffix": balancer.arn_suffix,
            "services": charted,
        },
    )
if stack.slack_webhook is not None:
    Notifications(
        "slack",
        {
            "scope": scope,
            "pipelines": [scope.name(name) for name in config.services],
            "webhook": stack.slack_webhook,
            "production": config.protect,
            "page": config.notifications.page,
        },
    )
if stack.commit_token is not None and config.notifications.commits is not None:
    CommitFeedback(
        "commits",
        {
            "scope": scope,
            "pipelines": [scope.name(name) for name in config.services],
            "host": config.notifications.commits.host,
            "api": config.notifications.commits.api,
            "token": stack.commit_token,
            "bucket": store.bucket,
            "bucket_arn": store.arn,
            "steps_key": store.steps_key,
            "log_retention_days": config.cluster.log_retention_days,
            "page": config.notifications.page,
        },
    )

pulumi.export("load_balancer", balancer.dns_name)
end_with(waiting)
