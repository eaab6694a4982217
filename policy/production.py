"""What production has: protection, approval, and a way back."""

from collections.abc import Callable, Iterator

from pulumi_policy import ResourceValidationArgs

from aws_access import listed
from rule import production_rule, service_key, stack_key


def _protected(*more: tuple[str, bool]) -> Callable[[ResourceValidationArgs], Iterator[str]]:
    """That a resource is protected, and that the provider's own switches stand as they must."""

    def check(args: ResourceValidationArgs) -> Iterator[str]:
        wrong = [] if args.opts.protect else ["Pulumi may delete it (protect is off)"]
        wrong += [f"{name} is {not wanted}" for name, wanted in more if bool(args.props.get(name)) != wanted]
        if wrong:
            yield f"{' and '.join(wrong)}. Set {stack_key(args, 'protect')} to true, and let its component follow it."

    return check


def _pipeline(args: ResourceValidationArgs) -> Iterator[str]:
    for stage in args.props["stages"]:
        categories = [action["category"] for action in stage["actions"]]
        if "Approval" in categories:
            return
        if "Deploy" in categories or stage["name"] == "Deploy":
            break
    yield f"it deploys what nobody has approved. Set {service_key(args, 'approve')} to true, or leave it out."


def _service(args: ResourceValidationArgs) -> Iterator[str]:
    """CodeDeploy's services are its deployment group's matter."""
    if (args.props.get("deploymentController") or {}).get("type", "ECS") != "ECS":
        return
    breaker, alarms = args.props.get("deploymentCircuitBreaker") or {}, args.props.get("alarms") or {}
    rolling = (args.props.get("deploymentConfiguration") or {}).get("strategy", "ROLLING") == "ROLLING"
    if rolling and not (breaker.get("enable") and breaker.get("rollback")):
        yield (
            "tasks that do not start are not rolled back. Set deployment_circuit_breaker to enable and rollback, in "
            "components/service/ecs_service.py."
        )
    if listed(args.props.get("loadBalancers")) and not (alarms.get("enable") and alarms.get("rollback")):
        yield (
            "no alarm rolls back what is deployed to it. Switch one on: take `false` out of "
            f"{service_key(args, 'alarms')}."
        )


def _deployment_group(args: ResourceValidationArgs) -> Iterator[str]:
    rollback = args.props.get("autoRollbackConfiguration") or {}
    events = listed(rollback.get("events")) if rollback.get("enabled") else []
    if "DEPLOYMENT_FAILURE" not in events:
        yield (
            "a deployment that fails is not rolled back. Enable DEPLOYMENT_FAILURE in auto_rollback_configuration, in "
            "components/service/strategies/codedeploy.py."
        )
    alarms = args.props.get("alarmConfiguration") or {}
    if not (alarms.get("enabled") and listed(alarms.get("alarms")) and "DEPLOYMENT_STOP_ON_ALARM" in events):
        yield (
            f"no alarm rolls back what is deployed. Switch one on: take `false` out of {service_key(args, 'alarms')}."
        )


RULES = [
    production_rule(
        "protected-in-production",
        "Production's data, keys, images and load balancer cannot be deleted by mistake.",
        {
            "aws:s3/bucket:Bucket": _protected(("forceDestroy", False)),
            "aws:ecr/repository:Repository": _protected(("forceDelete", False)),
            "aws:kms/key:Key": _protected(),
            "aws:lb/loadBalancer:LoadBalancer": _protected(("enableDeletionProtection", True)),
            "aws:rds/instance:Instance": _protected(("deletionProtection", True)),
            "aws:rds/cluster:Cluster": _protected(("deletionProtection", True)),
            "aws:dynamodb/table:Table": _protected(("deletionProtectionEnabled", True)),
            "aws:efs/fileSystem:FileSystem": _protected(),
        },
    ),
    production_rule(
        "approval-in-production",
        "Somebody approves what is deployed to production.",
        {"aws:codepipeline/pipeline:Pipeline": _pipeline},
    ),
    production_rule(
        "rollback-in-production",
        "What fails in production is rolled back.",
        {
            "aws:ecs/service:Service": _service,
            "aws:codedeploy/deploymentGroup:DeploymentGroup": _deployment_group,
        },
    ),
]
