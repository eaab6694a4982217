"""CodeDeploy's state of an account, in the API's own shapes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sandbox.account.account import Account

Json = dict[str, Any]


def _canary(minutes: int) -> Json:
    return {"type": "TimeBasedCanary", "timeBasedCanary": {"canaryPercentage": 10, "canaryInterval": minutes}}


def _linear(minutes: int) -> Json:
    return {"type": "TimeBasedLinear", "timeBasedLinear": {"linearPercentage": 10, "linearInterval": minutes}}


PREDEFINED_CONFIGS: dict[str, Json] = {
    "CodeDeployDefault.ECSAllAtOnce": {"type": "AllAtOnce"},
    "CodeDeployDefault.ECSCanary10Percent5Minutes": _canary(5),
    "CodeDeployDefault.ECSCanary10Percent15Minutes": _canary(15),
    "CodeDeployDefault.ECSLinear10PercentEvery1Minutes": _linear(1),
    "CodeDeployDefault.ECSLinear10PercentEvery3Minutes": _linear(3),
}
"""AWS's own (CodeDeploy, predefined deployment configurations for ECS)."""


class CodeDeployState:
    """One account's applications, groups and configurations.

    Attributes:
        applications: by name, as `ApplicationInfo`.
        groups: by application's and group's name, as `DeploymentGroupInfo`.
        configs: by name, as `DeploymentConfigInfo`; AWS's own `CodeDeployDefault.ECS…` are there from the start.
        tags: by ARN.
        deployments: by id, as `DeploymentInfo`.
        revisions: by application's name and content, as `GenericRevisionInfo`.
        runs: by the deployment's id, what the server does for it.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.applications: dict[str, Json] = {}
        self.groups: dict[tuple[str, str], Json] = {}
        self.configs: dict[str, Json] = {
            name: {"deploymentConfigName": name, "computePlatform": "ECS", "trafficRoutingConfig": routing}
            for name, routing in PREDEFINED_CONFIGS.items()
        }
        self.revisions: dict[tuple[str, str], Json] = {}
        self.tags: dict[str, dict[str, str]] = {}
        self.deployments: dict[str, Json] = {}
        self.runs: dict[str, Any] = {}


def state_of(account: Account) -> CodeDeployState:
    return account.parts.of(CodeDeployState)
