"""CodeDeploy's events on the default bus.

https://docs.aws.amazon.com/codedeploy/latest/userguide/monitoring-cloudwatch-events.html
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.codedeploy.state import Json

if TYPE_CHECKING:
    from sandbox.account.account import Account


def publish(account: Account, info: Json, state: str) -> None:
    """START, READY, STOP, SUCCESS or FAILURE of a deployment."""
    application, group = info["applicationName"], info["deploymentGroupName"]
    where = f"arn:aws:codedeploy:{account.region}:{account.id}"
    account.bus.publish(
        {
            "detail-type": "CodeDeploy Deployment State-change Notification",
            "source": "aws.codedeploy",
            "resources": [f"{where}:application:{application}", f"{where}:deploymentgroup:{application}/{group}"],
            "detail": {
                "region": account.region,
                "deploymentId": info["deploymentId"],
                "instanceGroupId": info["deploymentId"],
                "deploymentGroup": group,
                "state": state,
                "application": application,
            },
        }
    )
