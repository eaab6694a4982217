"""A platform, one service and its pipeline: the components without a stack file."""

from pathlib import Path

import pulumi
import pulumi_aws as aws

from components.pipeline.deploy_pipeline import DeployPipeline
from components.pipeline.start_failures import StartFailures
from components.platform.cluster import Cluster
from components.platform.delivery_store import DeliveryStore
from components.platform.image_repository import ImageRepository
from components.platform.load_balancer import LoadBalancer
from components.platform.network import Network
from components.platform.platform import Platform, scope_of
from components.service import update_hooks
from components.service.ecs_service import EcsService
from components.service.parameter_store import Parameter, ParameterStore
from components.service.route_names import Route
from components.service.rule_priorities import rule_hooks
from components.service.strategies import RollingStrategy
from components.service.task import Task
from components.service.task_template import TaskTemplate
from releases.aws_session import Provider
from releases.names import artifact_prefix

SERVICE, ZONE, HOST, CIDR = "shop", "example.org", "shop.example.org", "10.20.0.0/16"
DEPLOY = RollingStrategy(timeout=10)

scope = scope_of(pulumi.get_stack())
zone_id = aws.route53.get_zone(name=ZONE).zone_id
services = update_hooks.read_service_states(Provider(region=scope.region), scope, [SERVICE])
network = Network("network", {"vpc_name": scope.stack, "cidr": CIDR})
load_balancer = LoadBalancer(
    "load-balancer",
    {
        "load_balancer_name": scope.stack,
        "vpc_id": network.vpc_id,
        "subnet_ids": network.public_subnet_ids,
        "domain": ZONE,
        "zone_id": zone_id,
        "reaches": [CIDR],
        "hosts": {HOST: []},
        "records_zone_id": zone_id,
    },
)
platform = Platform(
    scope=scope,
    network=network,
    cluster=Cluster("cluster", {"scope": scope, "log_retention_days": 30}),
    load_balancer=load_balancer,
    delivery_store=DeliveryStore("delivery-store", {"artifact_prefixes": [artifact_prefix(scope.name(SERVICE))]}),
    start_failures=StartFailures("starts", {"scope": scope}),
)
app_env = Parameter.model_validate({"value": "production", "for": ["runtime"]})
service = EcsService(
    SERVICE,
    {
        "platform": platform,
        "images": ImageRepository(SERVICE, {"platform": platform}),
        "parameters": ParameterStore(SERVICE, {"platform": platform, "parameters": {"APP_ENV": app_env}}),
        "template": TaskTemplate.load(Path(__file__).with_name("task.json")),
        "task": Task(cpu=256, memory=512, port=8080),
        "routes": [Route(host=HOST, priority=10)],
        "deploy": DEPLOY,
        "current": update_hooks.current_service(services, scope.stack, SERVICE, DEPLOY, rule_hooks(services.session)),
    },
)
pipeline = DeployPipeline(SERVICE, {"service": service})
pulumi.export("upload_to", pipeline.upload_to)
update_hooks.fail_if_pending([service.waiting])
