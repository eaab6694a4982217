"""Where a service's tasks run: its capacity provider strategy, in ECS and in CodeDeploy's AppSpec."""

from collections.abc import Callable
from typing import Any

import pytest
import yaml
from mocked import SECRET_KEYS, Recorder, program, stack_config
from pydantic import ValidationError

from components.service.capacity import Capacity, shares
from releases.service_state import ProviderShare
from tests.unit.components.service.test_task_role import declared

SERVICE = "aws:ecs/service:Service"
ON_DEMAND, SPOT = ProviderShare("FARGATE"), ProviderShare("FARGATE_SPOT")


@pytest.mark.parametrize(
    ("capacity", "spot", "expected"),
    [
        (None, False, (ON_DEMAND,)),
        (None, True, (SPOT,)),
        ({"spot": 0}, True, (ON_DEMAND,)),
        ({"spot": 4}, False, (ON_DEMAND, ProviderShare("FARGATE_SPOT", 4))),
        ({"spot": 4, "on_demand_base": 1}, True, (ProviderShare("FARGATE", 1, 1), ProviderShare("FARGATE_SPOT", 4))),
    ],
)
def test_shares(capacity: dict[str, int] | None, spot: bool, expected: tuple[ProviderShare, ...]) -> None:
    assert shares(Capacity(**capacity) if capacity else None, spot=spot) == expected


@pytest.mark.parametrize(
    "given", [{}, {"on_demand_base": 1}, {"spot": -1}, {"spot": 1001}, {"spot": 1, "on_demand_base": -1}]
)
def test_what_is_no_capacity(given: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        Capacity(**given)


def strategy(deploy: Callable[..., Recorder], **changes: Any) -> Any:
    services = declared()
    services["chuoi"] |= changes
    recorder = deploy(program, config=stack_config("dev", services=services), secret_keys=SECRET_KEYS)
    return recorder.inputs(SERVICE, "chuoi-service")["capacityProviderStrategies"]


def test_the_strategy_of_a_service(deploy: Callable[..., Recorder]) -> None:
    assert strategy(deploy) == [{"capacityProvider": "FARGATE_SPOT", "weight": 1}], "the stack's, as it always was"
    assert strategy(deploy, capacity={"spot": 4, "on_demand_base": 1}) == [
        {"capacityProvider": "FARGATE", "weight": 1, "base": 1},
        {"capacityProvider": "FARGATE_SPOT", "weight": 4},
    ]


def test_code_deploy_is_told_in_its_app_spec(deploy: Callable[..., Recorder]) -> None:
    services = declared()
    services["chuoi"] |= {"deploy": {"strategy": "codedeploy"}, "capacity": {"spot": 2, "on_demand_base": 3}}
    services["chuoi"]["routes"] = services["chuoi"]["routes"][:1]
    recorder = deploy(program, config=stack_config("dev", services=services), secret_keys=SECRET_KEYS)
    text = recorder.inputs("aws:s3/bucketObjectv2:BucketObjectv2", "chuoi-appspec")["content"]
    (resource,) = yaml.safe_load(text)["Resources"]
    assert resource["TargetService"]["Properties"]["CapacityProviderStrategy"] == [
        {"CapacityProvider": "FARGATE", "Weight": 1, "Base": 3},
        {"CapacityProvider": "FARGATE_SPOT", "Weight": 2, "Base": 0},
    ]
