"""examples/own-program: the components in a program that has no stack file."""

import json
import runpy
from collections.abc import Callable

import pytest
from mocked import ROOT, Recorder, deploy

__all__ = ["deploy"]
OWN_PROGRAM = ROOT / "examples" / "own-program"


@pytest.fixture
def own_program(deploy: Callable[..., Recorder]) -> Recorder:
    return deploy(lambda: runpy.run_path(str(OWN_PROGRAM / "__main__.py"), run_name="__main__"))


def test_what_it_declares(own_program: Recorder) -> None:
    components = {typ.rpartition(":")[2]: number for typ, number in own_program.types().items() if "fargate-" in typ}
    assert components == dict.fromkeys(
        [
            *("Network", "Cluster", "LoadBalancer", "DeliveryStore", "StartFailures"),
            *("ImageRepository", "ParameterStore", "EcsService", "DeployPipeline"),
        ],
        1,
    )


def test_names_are_of_its_stack_and_service(own_program: Recorder) -> None:
    assert own_program.inputs("aws:ecs/service:Service", "shop-service")["name"] == "dev-shop"
    assert own_program.inputs("aws:codepipeline/pipeline:Pipeline", "shop-pipeline")["name"] == "dev-shop"


def test_the_task_reads_its_parameter_and_runs_the_live_image(own_program: Recorder) -> None:
    definition = own_program.inputs("aws:ecs/taskDefinition:TaskDefinition", "shop-task")
    (container,) = json.loads(definition["containerDefinitions"])
    assert [secret["name"] for secret in container["secrets"]] == ["APP_ENV"]
    assert container["image"].endswith("/dev-shop:live")


def test_what_is_not_said_has_the_default_of_a_stack_file(own_program: Recorder) -> None:
    """A service asks for nothing: no approval, no migration, one task, every alarm."""
    stages = own_program.inputs("aws:codepipeline/pipeline:Pipeline", "shop-pipeline")["stages"]
    assert [stage["name"] for stage in stages] == ["Source", "Build", "Package", "Deploy"]
    assert [action["name"] for action in stages[-1]["actions"]] == ["Deploy", "Release"]
    target = own_program.inputs("aws:appautoscaling/target:Target", "shop-scaling")
    assert (target["minCapacity"], target["maxCapacity"]) == (1, 1)
    assert own_program.types()["aws:cloudwatch/metricAlarm:MetricAlarm"] == 3 + 1
