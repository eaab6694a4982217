"""The whole program under mocks, with each committed stack file."""

import json
import runpy
from collections.abc import Callable

import pytest
from mocked import ROOT, Recorder, stack_config

STACKS = ["dev", "prd", "local"]
Deploy = Callable[..., Recorder]


def program() -> None:
    runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__")


def run(deploy: Deploy, stack: str, **changes: object) -> Recorder:
    return deploy(program, stack=stack, config=stack_config(stack, **changes), secret_keys=["fargate-delivery:secrets"])


@pytest.mark.parametrize("stack", STACKS)
def test_every_stack_file_deploys(deploy: Deploy, stack: str) -> None:
    recorder = run(deploy, stack)
    services = len(json.loads(stack_config(stack)["fargate-delivery:services"]))
    types = recorder.types()
    for typ in ("aws:ecs/service:Service", "aws:codepipeline/pipeline:Pipeline", "aws:iam/user:User"):
        assert types[typ] == services
    assert types["aws:codebuild/project:Project"] == 2 * services
    assert types["aws:lb/loadBalancer:LoadBalancer"] == 1
