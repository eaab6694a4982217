"""What browsers see while something is deployed: hashed assets, rolling and blue/green."""

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.scenarios.conftest import REPOSITORY, Stack, new_stack

SPEED = "10"
"""Slow enough that two versions serve at once for a while."""


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Stack `local` with three tasks of `hello`, which rolls, and of `shop`, which CodeDeploy deploys."""
    with pytest.MonkeyPatch.context() as patch, new_stack(tmp_path_factory.mktemp("repository"), "local") as stack:
        patch.setattr("tests.scenarios.conftest.SPEED", SPEED)
        for host in ("hello", "shop"):
            route = next(
                line for line in (stack.root / "Pulumi.local.yaml").read_text().splitlines() if f"{host}.local" in line
            )
            stack.edit("Pulumi.local.yaml", route, f"{route}\n      tasks: {{min: 3}}")
        stack.ok("up")
        yield stack


def source(folder: Path, color: str) -> Path:
    """The example app; its stylesheet, and so its asset's name, is another one for each color."""
    made = folder / color
    shutil.copytree(REPOSITORY / "examples/hello", made)
    style = made / "static/app.css"
    style.write_text(f"{style.read_text()}\nbody {{ background: {color}; }}\n")
    return made


def seen_while_shipping(stack: Stack, service: str, app: Path) -> dict[str, Any]:
    """What page views came to from before a release until after it."""
    command = [str(REPOSITORY / ".venv/bin/sandbox"), "load", service, "--assets", "--seconds", "600", "--json"]
    with subprocess.Popen([*command, "--stack", stack.name], cwd=stack.root, stdout=subprocess.PIPE) as loading:
        time.sleep(3)
        done = stack.ship(service, app)
        loading.terminate()
        printed, _ = loading.communicate(timeout=60)
    assert done.code == 0, done.out + done.err
    views: dict[str, Any] = json.loads(printed)
    return views


def shift(stack: Stack) -> float:
    """How long CodeDeploy's newest shift of traffic took, in seconds."""
    codedeploy = stack.client("codedeploy")
    (newest, *_) = codedeploy.list_deployments(applicationName="local-shop", deploymentGroupName="local-shop")[
        "deployments"
    ]
    (target,) = codedeploy.list_deployment_targets(deploymentId=newest)["targetIds"]
    found = codedeploy.get_deployment_target(deploymentId=newest, targetId=target)["deploymentTarget"]["ecsTarget"]
    (event,) = [e for e in found["lifecycleEvents"] if e["lifecycleEventName"] == "AllowTraffic"]
    return float((event["endTime"] - event["startTime"]).total_seconds())


def test_rolling_breaks_page_views_and_blue_green_only_those_within_the_shift(stack: Stack, tmp_path: Path) -> None:
    for service in ("hello", "shop"):
        assert stack.ship(service, source(tmp_path / service, "red")).code == 0
    rolling = seen_while_shipping(stack, "hello", source(tmp_path / "hello", "blue"))
    blue_green = seen_while_shipping(stack, "shop", source(tmp_path / "shop", "blue"))
    for views in (rolling, blue_green):
        assert views["views"] > 100
        assert views["server_errors"] == 0
    assert rolling["broken"] > blue_green["broken"]
    longest = max(blue_green["broken_at"], default=0) - min(blue_green["broken_at"], default=0)
    assert longest <= shift(stack) + 1, "a view that began before the shift and ended after it"
    assert max(rolling["broken_at"]) - min(rolling["broken_at"]) > longest
