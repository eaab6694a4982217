"""The model of a release's time: what it counts, and what the steps' functions saved."""

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from bench.release_time import PIPELINE, Seconds, exported, release_time, table

BEFORE: dict[str, Any] = json.loads(
    gzip.decompress((Path(__file__).parents[1] / "program/upgrade/november-2026.json.gz").read_bytes())
)["local"]["resources"]


def stages(*actions: tuple[str, str]) -> list[dict[str, Any]]:
    return [{"actions": [{"name": name, "provider": provider}]} for name, provider in actions]


SOURCE, PACKAGE = ("Source", "S3"), ("Package", "CodeBuild")


@pytest.mark.parametrize(
    ("actions", "builds", "expected"),
    [
        ([], True, Seconds(1, 5)),
        ([SOURCE, PACKAGE], True, Seconds(84, 190)),
        ([SOURCE, PACKAGE], False, Seconds(26, 75)),
        ([("Source", "ECR"), ("Package", "Lambda")], True, Seconds(10, 32)),
        ([("Source", "ECR"), ("Package", "Lambda")], False, Seconds(7, 17)),
        ([SOURCE, ("Approve", "Manual"), ("Deploy", "ECS")], True, Seconds(64, 100)),
        ([("Release", "CodeBuild")], True, Seconds(23, 70)),
        ([("Release", "Lambda")], True, Seconds(4, 12)),
        ([("Deploy", "Lambda")], False, Seconds(62, 97)),
    ],
)
def test_an_execution_takes_the_sum_of_its_actions(
    actions: list[tuple[str, str]], builds: bool, expected: Seconds
) -> None:
    assert release_time(stages(*actions), builds=builds) == expected


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
    assert list(table(exported(state)))[1].split() == ["dev-web", "0", *["4", "to", "10", "s"] * 2]


def test_every_provider_of_the_program_of_november_has_a_time() -> None:
    pipelines = [each["inputs"]["stages"] for key, each in BEFORE.items() if key.startswith(f"{PIPELINE}::")]
    assert len(pipelines) == 4
    assert all(release_time(each, builds=True).longest > 190 for each in pipelines)
