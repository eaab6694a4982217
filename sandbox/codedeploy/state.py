"""What the sandbox remembers of CodeDeploy, in the API's own shapes."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

if TYPE_CHECKING:
    from sandbox.server.world import World

Json = dict[str, Any]


class CodeDeployState:
    """One world's applications, groups and configurations.

    Attributes:
        applications: by name, as `ApplicationInfo`.
        groups: by application's and group's name, as `DeploymentGroupInfo`.
        configs: by name, as `DeploymentConfigInfo`; AWS's own `CodeDeployDefault.ECS…` are there from the start.
        tags: by ARN.
    """

    def __init__(self) -> None:
        self.lock = threading.RLock()
        self.applications: dict[str, Json] = {}
        self.groups: dict[tuple[str, str], Json] = {}
        self.configs: dict[str, Json] = {}
        self.tags: dict[str, dict[str, str]] = {}


_states: WeakKeyDictionary[World, CodeDeployState] = WeakKeyDictionary()
_states_lock = threading.Lock()


def state_of(world: World) -> CodeDeployState:
    with _states_lock:
        state = _states.get(world)
        if state is None:
            state = _states[world] = CodeDeployState()
        return state
