"""How many tasks a service runs: Application Auto Scaling's target, and the policy that aims at some CPU."""

import pulumi
import pulumi_aws as aws


def scaling(
    name: str,
    resource_id: pulumi.Input[str],
    bounds: tuple[int, int],
    target_cpu: int | None,
    *,
    suspended: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """A scalable target, and a policy where there is a CPU to aim at.

    Args:
        name: what the children's names begin with.
        resource_id: `service/{cluster}/{service}`.
        bounds: the fewest and the most tasks.
        target_cpu: per cent; None scales nothing.
        suspended: whether the target is made suspended.
        opts: of the target; its parent is the policy's too.
    """
    target = aws.appautoscaling.Target(
        f"{name}-scaling",
        service_namespace="ecs",
        scalable_dimension="ecs:service:DesiredCount",
        resource_id=resource_id,
        min_capacity=bounds[0],
        max_capacity=bounds[1],
        suspended_state={
            "dynamic_scaling_in_suspended": suspended,
            "dynamic_scaling_out_suspended": suspended,
            "scheduled_scaling_suspended": suspended,
        },
        opts=opts,
    )
    if target_cpu is not None:
        aws.appautoscaling.Policy(
            f"{name}-scaling-cpu",
            policy_type="TargetTrackingScaling",
            service_namespace=target.service_namespace,
            scalable_dimension=target.scalable_dimension,
            resource_id=target.resource_id,
            target_tracking_scaling_policy_configuration={
                "target_value": target_cpu,
                "predefined_metric_specification": {"predefined_metric_type": "ECSServiceAverageCPUUtilization"},
            },
            opts=pulumi.ResourceOptions(parent=opts.parent),
        )
