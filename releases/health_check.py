"""What a load balancer asked a task for and what it got, which no reason of CodePipeline's or ECS's names."""

import re
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

UNHEALTHY = re.compile(
    r"\(port (?P<port>\d+)\) is unhealthy in \(?target-group (?P<group>[^)\s]+)\)? due to \(reason (?P<reason>.+)\)"
)
"""Of a service's events (ECS developer guide, Amazon ECS service unhealthy event messages)."""


def asked(session: Any, cluster: str, service: str, since: datetime, until: datetime | None = None) -> str:
    """`The load balancer asked for /healthz at port 4000: Health checks failed.`, of the last task that was unhealthy.

    ECS keeps a service's last 100 events (API, Service). Without the permission to describe target groups the path is
    left out, and without that to describe the service there is nothing to say.

    Args:
        session: AWS.
        cluster: the ECS cluster's name.
        service: the ECS service's name.
        since: events before are of something else.
        until: and events after; None for none.

    Returns:
        A sentence; "" when no event says that a task was unhealthy.
    """
    try:
        described = session.client("ecs").describe_services(cluster=cluster, services=[service])["services"]
    except ClientError:
        return ""
    events = (event for each in described for event in each.get("events", []))
    messages = [e["message"] for e in events if since <= e["createdAt"] and (until is None or e["createdAt"] <= until)]
    unhealthy = next(filter(None, map(UNHEALTHY.search, messages)), None)
    if unhealthy is None:
        return ""
    path = _path(session, unhealthy["group"])
    asked_for = f"{path} at port {unhealthy['port']}" if path else f"port {unhealthy['port']}"
    return f"The load balancer asked for {asked_for}: {unhealthy['reason']}."


def _path(session: Any, group: str) -> str:
    """The path of a target group's health check; "" where it is not known."""
    if not group.startswith("arn:"):
        return ""
    try:
        groups = session.client("elbv2").describe_target_groups(TargetGroupArns=[group])["TargetGroups"]
    except ClientError:
        return ""
    return str(groups[0].get("HealthCheckPath", ""))
