"""What the role of pull requests' own stacks may do: what a deploy role may by its stack's name, but make no network,
load balancer or certificate; they have rules of their own on another stack's.

Functions without resources. A rule, a target group and a key have ids, not names: which are a review's says the tag
`stack`, which `aws:defaultTags` of Pulumi.pr.yaml puts on all that its stacks make.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from bootstrap import deploy_policy, network_policy
from components.iam.policies import Statement, allow
from components.scope import Scope

REVIEW_STACKS = "pr-*"
"""The names of reviews' stacks; IAM has no pattern for numbers."""
TAG = "pr"
"""What the tag `stack` says on what is a review's."""
ASKED = {"aws:RequestTag/stack": TAG}
OURS = {"aws:ResourceTag/stack": TAG}


def review_statements(scope: Scope) -> Mapping[str, Sequence[Statement]]:
    """The statements by policy, as of `deploy`.

    Args:
        scope: of the stack whose network and load balancer the reviews use.
    """
    own = replace(scope, stack=REVIEW_STACKS, adopted_cluster=None)
    return {
        "network": [*_network(own), *_rules(scope), *network_policy.records(own)],
        "services": [
            *deploy_policy.services(own),
            *deploy_policy.namespaces(own, OURS),
            *deploy_policy.watching(own),
        ],
        "delivery": [*deploy_policy.delivery(own), *deploy_policy.store(own)],
        "identity": [*deploy_policy.identity(own), *deploy_policy.parameters(own), *_keys(own)],
    }


def _network(scope: Scope) -> list[Statement]:
    """Security groups, any: reviews of an earlier program have a rule in the load balancer's, to be taken away."""
    groups = (
        "ec2:CreateSecurityGroup DeleteSecurityGroup AuthorizeSecurityGroupIngress AuthorizeSecurityGroupEgress "
        "RevokeSecurityGroupIngress RevokeSecurityGroupEgress ModifySecurityGroupRules "
        "UpdateSecurityGroupRuleDescriptionsIngress UpdateSecurityGroupRuleDescriptionsEgress CreateTags DeleteTags"
    )
    return [
        network_policy.read_network(),
        allow("Groups", groups, [scope.arn("ec2", f"{kind}/*") for kind in ("security-group", "security-group-rule")]),
        # A group is made in a VPC.
        allow("GroupsIn", "ec2:CreateSecurityGroup", [scope.arn("ec2", "vpc/*")]),
    ]


def _rules(scope: Scope) -> list[Statement]:
    """Listener rules and target groups. Who makes one tags it at once, and changes no other; but no condition key tells
    for which host, or with which priority, a rule is.
    """
    rules = scope.arn("elasticloadbalancing", f"listener-rule/app/{scope.stack}/*")
    groups = scope.arn("elasticloadbalancing", "targetgroup/*")
    made = {"elasticloadbalancing:CreateAction": ["CreateRule", "CreateTargetGroup"]}
    changes = (
        "elasticloadbalancing:DeleteRule ModifyRule SetRulePriorities DeleteTargetGroup ModifyTargetGroup "
        "ModifyTargetGroupAttributes AddTags RemoveTags"
    )
    return [
        allow(
            "MakeRules",
            "elasticloadbalancing:CreateRule CreateTargetGroup",
            [scope.arn("elasticloadbalancing", f"listener/app/{scope.stack}/*"), groups],
            {"StringEquals": ASKED},
        ),
        allow("TagRules", "elasticloadbalancing:AddTags", [rules, groups], {"StringEquals": {**ASKED, **made}}),
        allow("Rules", changes, [rules, groups], {"StringEquals": OURS}),
    ]


def _keys(scope: Scope) -> list[Statement]:
    """KMS keys without another stack's tag: KMS may see a new key's own only minutes later (KMS, ABAC)."""
    keys, no_other = [scope.arn("kms", "key/*")], {"StringEqualsIfExists": OURS}
    return [
        deploy_policy.make_keys(),
        allow("TagKeys", "kms:TagResource", keys, {"StringEquals": ASKED, **no_other}),
        allow("Keys", [deploy_policy.KEY, deploy_policy.ALIAS], keys, no_other),
        deploy_policy.aliases(scope),
    ]
