"""Who controls a service is known to the controllers and to the strategies that name them, and asked nowhere else."""

import ast

import pytest
from mocked import ROOT

from components.service.strategies import STRATEGIES
from releases.controllers import CONTROLLERS, controller_of, service_of

OWNERS = {
    "CODE_DEPLOY": {"releases/controllers/codedeploy.py", "components/service/strategies/codedeploy.py"},
    "-codedeploy": {"releases/controllers/codedeploy.py"},
}
PROGRAM = ("bootstrap", "components", "config", "delivery", "pipeline_steps", "releases", "stack")


@pytest.mark.parametrize("word", OWNERS)
def test_a_controller_is_named_by_its_owners_only(word: str) -> None:
    files = [path for folder in PROGRAM for path in (ROOT / folder).rglob("*.py")]
    named = {
        path.relative_to(ROOT).as_posix()
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and node.value == word
    }
    assert named == OWNERS[word]


def test_each_is_found_and_named_by_a_strategy() -> None:
    assert CONTROLLERS.keys() == {"ECS", "CODE_DEPLOY"}
    assert {strategy.controller for strategy in STRATEGIES.values()} == set(CONTROLLERS.values())


def test_their_services_have_names_of_their_own_that_lead_back() -> None:
    names = {controller.service_name("dev", "web") for controller in CONTROLLERS.values()}
    assert names == {"dev-web", "dev-web-codedeploy"}
    assert {service_of("dev", name) for name in names} == {"web"}


@pytest.mark.parametrize(
    ("service", "type_"),
    [
        ({}, "ECS"),
        ({"deploymentController": None}, "ECS"),
        ({"deploymentController": {"type": "ECS"}}, "ECS"),
        ({"deploymentController": {"type": "CODE_DEPLOY"}}, "CODE_DEPLOY"),
    ],
)
def test_a_service_tells_its_controller(service: dict[str, dict[str, str] | None], type_: str) -> None:
    assert controller_of(service).type == type_
