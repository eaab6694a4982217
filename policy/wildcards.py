"""Actions that may be allowed on any resource, each with the reason.

What the engine hands to a policy pack is JSON, without the program's comments; so a reason that counts is written here,
beside the action. A test compares the list with AWS's Service Authorization Reference.
"""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reason:
    """Why an action is allowed on any resource.

    Attributes:
        why: what the reference, or AWS itself, says.
        condition: the condition key that must hold it to something instead, in small letters.
    """

    why: str
    condition: str | None = None


TAKES_NO_RESOURCE = Reason("takes no resource")

ANY_RESOURCE = {
    "cloudwatch:PutMetricData": Reason(
        "takes an OTLP dataset at most, which a metric of one's own is in none of", condition="cloudwatch:namespace"
    ),
    **{
        f"ssmmessages:{act}{kind}Channel": TAKES_NO_RESOURCE
        for act in ("Create", "Open")
        for kind in ("Control", "Data")
    },
    "logs:DescribeLogGroups": TAKES_NO_RESOURCE,
    "application-autoscaling:DescribeScalableTargets": TAKES_NO_RESOURCE,
    "codepipeline:PutJobFailureResult": TAKES_NO_RESOURCE,
    "codepipeline:PutJobSuccessResult": TAKES_NO_RESOURCE,
    "ecr:GetAuthorizationToken": TAKES_NO_RESOURCE,
    "ecs:DescribeTaskDefinition": TAKES_NO_RESOURCE,
    "elasticloadbalancing:DescribeListeners": TAKES_NO_RESOURCE,
    "elasticloadbalancing:DescribeRules": TAKES_NO_RESOURCE,
    "elasticloadbalancing:DescribeTargetGroups": TAKES_NO_RESOURCE,
    "elasticloadbalancing:DescribeTargetHealth": TAKES_NO_RESOURCE,
    "application-autoscaling:RegisterScalableTarget": Reason(
        "takes a scalable target, whose ARN ends in an id that AWS makes up and no output gives"
    ),
    **{
        f"cloudwatch:{action}": Reason(
            "takes an alarm, but Application Auto Scaling tries it as its caller without a name, and refuses who may "
            "not (its guide grants it on `*`)"
        )
        for action in ("PutMetricAlarm", "DeleteAlarms")
    },
    "cloudwatch:DescribeAlarms": Reason(
        "takes an alarm by the reference, but who asks for composite alarms must have it on `*` (API "
        "reference), as CodeDeploy's own AWSCodeDeployRoleForECS has"
    ),
    "ecs:ListTasks": Reason("takes a container instance, which Fargate has none of", condition="ecs:cluster"),
    "ecs:RegisterTaskDefinition": Reason(
        "takes a task definition by the reference, but is decided on `*`: so say ECS's own denials, and CodePipeline's "
        "documentation of its role"
    ),
}
"""`*`, or an ARN that names nothing but the kind of resource."""
