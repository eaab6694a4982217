"""What a pull request's preview may do: look. Its code is the pull request's, so that nothing here writes or decrypts.

Functions without resources. The preview runs with `--refresh=false`: it reads what the program asks for, not what the
provider manages. docs/aws-assumptions.md has each action with its reason.
"""

from components.iam.delivery_policies import find_tasks, read_executions
from components.iam.policies import EVERYTHING, Statement, allow
from components.scope import Scope
from releases.names import TEMPLATES, cluster_parameter, record_name


def preview_statements(scope: Scope) -> list[Statement]:
    """What the program asks AWS before it declares anything, and what its guards look at."""
    stack, cluster, store = scope.stack, scope.cluster, f"arn:{scope.partition}:s3:::delivery-store-bucket-*"
    ours = scope.name("*")
    pipelines = scope.arn("codepipeline", ours)
    return [
        # None of them takes a resource.
        allow(
            "FindPlace",
            [
                "ec2:DescribeAvailabilityZones DescribeRouteTables DescribeVpcAttribute DescribeVpcEndpointServices",
                "ec2:DescribeVpcs",
                "route53:ListHostedZones ListHostedZonesByName",
                "elasticloadbalancing:DescribeLoadBalancers DescribeLoadBalancerAttributes",
                "elasticloadbalancing:DescribeTags DescribeTargetGroups",
            ],
            EVERYTHING,
        ),
        # A zone has an id, not a name. Which name servers a private one has is in its records only.
        allow(
            "ReadZone",
            "route53:GetHostedZone ListTagsForResource ListResourceRecordSets",
            [f"arn:{scope.partition}:route53:::hostedzone/*"],
        ),
        allow(
            "ReadServices",
            "ecs:DescribeServices ListServiceDeployments DescribeServiceDeployments",
            # Before the first `up` nothing says that the cluster is not the stack's own.
            [
                scope.arn("ecs", f"{kind}/{name}/{ours}")
                for name in dict.fromkeys((cluster, stack))
                for kind in ("service", "service-deployment")
            ],
        ),
        *(
            [allow("ReadCluster", "ecs:DescribeClusters", [scope.arn("ecs", f"cluster/{cluster}")])]
            if scope.adopted_cluster
            else []
        ),
        # Takes no resource.
        allow("ReadRevisions", "ecs:DescribeTaskDefinition", EVERYTHING),
        *find_tasks(scope.arn("ecs", f"cluster/{cluster}"), scope.arn("ecs", f"task/{cluster}/*")),
        allow(
            "ReadReleases",
            "ssm:GetParameters",
            [scope.arn("ssm", f"parameter{name}") for name in (record_name(stack, "*"), cluster_parameter(stack))],
        ),
        allow("ReadPipelines", "codepipeline:GetPipeline GetPipelineState", [pipelines]),
        read_executions(pipelines),
        # Whether one was written: S3 tells of a missing object only who may list the bucket (S3, GetObject).
        allow("FindTemplates", "s3:ListBucket", [store]),
        allow("ReadTemplates", "s3:GetObject", [f"{store}/{TEMPLATES}/*"]),
        allow("ReadImages", "ecr:BatchGetImage DescribeImages", [scope.arn("ecr", f"repository/{ours}")]),
    ]
