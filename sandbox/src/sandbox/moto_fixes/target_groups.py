"""A target group's load balancers: those whose listeners forward to it now.

moto adds it when a rule or a listener is made, and neither when one is changed nor takes it away again. ECS takes no
target group without one. https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_TargetGroup.html:
LoadBalancerArns are those "that route traffic to this target group".
"""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from moto.elbv2.models import ELBv2Backend

_describe_target_groups = ELBv2Backend.describe_target_groups


def apply() -> None:
    """Have moto look each time."""
    ELBv2Backend.describe_target_groups = _described  # type: ignore[method-assign]


def _described(self: ELBv2Backend, *args: Any, **kwargs: Any) -> Any:
    balancers: dict[str, set[str]] = defaultdict(set)
    for balancer in self.load_balancers.values():
        for listener in balancer.listeners.values():
            actions = [*listener.default_actions, *(a for rule in listener.rules.values() for a in rule.actions)]
            for action in actions:
                for arn in self._get_target_group_arns_from(action_data=action.data):
                    balancers[arn].add(balancer.arn)
    for arn, group in self.target_groups.items():
        group.load_balancer_arns = sorted(balancers[arn])
    return _describe_target_groups(self, *args, **kwargs)
