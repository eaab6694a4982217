"""The model of a release's time: what it counts, and what the steps' functions saved."""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from bench.release_time import PIPELINE, Seconds, exported, of_a_rollback, of_a_source, of_an_edit, table

BEFORE: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "program/upgrade/0.1.0.json.gz").read_bytes())
)["local"]["resources"]

Pair = tuple[int, int]


def stages(*actions: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"actions": [{"name": name, "provider": provider}]} for name, provider in actions]


SOURCE, BUILD, PACKAGE = ("Source", "S3"), ("Build", "CodeBuild"), ("Package", "Lambda")
PUSHED, ROLLING = (SOURCE, PACKAGE), (("Deploy", "ECS"), ("Release", "Lambda"))
CODEDEPLOY = ("Template", "Lambda"), ("Deploy", "CodeDeployToECS"), ("Release", "Lambda")


@pytest.mark.parametrize(
    ("actions", "source", "there", "rollback", "edit"),
    [
        ((SOURCE, BUILD, PACKAGE, *ROLLING), (150, 294), (92, 179), (69, 109), (60, 90)),
        ((SOURCE, BUILD, PACKAGE, ("Migrate", "Lambda"), *ROLLING), (181, 346), (123, 231), (100, 161), (60, 90)),
        ((*PUSHED, *ROLLING), (73, 129), (73, 129), (69, 109), (60, 90)),
        ((SOURCE, BUILD, PACKAGE, *CODEDEPLOY), (153, 331), (95, 216), (72, 146), (73, 151)),
        ((SOURCE, BUILD, PACKAGE, ("Deploy", "Lambda"), ("Release", "Lambda")), (151, 296), (93, 181), (70, 111), (60, 90)),
        ((SOURCE, ("Package", "CodeBuild"), ("Deploy", "ECS"), ("Release", "CodeBuild")), (166, 345), (108, 230), (107, 225), (60, 90)),
        ((SOURCE, ("Approve", "Manual")), (4, 10), (4, 10), (3, 5), (60, 90)),
    ],
)  # fmt: skip
def test_an_execution_takes_the_sum_of_its_actions(
    actions: Sequence[tuple[str, str]], source: Pair, there: Pair, rollback: Pair, edit: Pair
) -> None:
    declared = stages(*actions)
    assert of_a_source(declared) == Seconds(*source)
    assert of_a_source(declared, image_is_there=True) == Seconds(*there)
    assert of_a_rollback(declared) == Seconds(*rollback)
    assert of_an_edit(declared) == Seconds(*edit)


def test_the_pipelines_of_a_stack_are_read_from_its_state() -> None:
    state = {
        "deployment": {
            "resources": [
                {"type": "aws:s3/bucket:Bucket", "inputs": {}},
                {"type": PIPELINE, "inputs": {"name": "dev-web", "stages": stages(SOURCE)}},
            ]
        }
    }
    assert exported(state) == {"dev-web": stages(SOURCE)}
    assert list(table(exported(state)))[1].split() == [
        "dev-web",
        "0",
        *["4", "to", "10", "s"] * 2,
        "3",
        "to",
        "5",
        "s",
        "60",
        "to",
        "90",
        "s",
    ]


def test_every_provider_of_version_0_1_0_has_a_time() -> None:
    pipelines = [each["inputs"]["stages"] for key, each in BEFORE.items() if key.startswith(f"{PIPELINE}::")]
    assert len(pipelines) == 4
    assert all(of_a_source(each).longest > 190 for each in pipelines)
