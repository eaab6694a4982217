"""What a stack that an earlier program brought up is changed by: the pipeline's own steps, and Package's own message.

`upgrade/` has what version 0.1.0 declared, whose steps were CodeBuild projects, with the stack files of
then. A preview compares the two in the same way, resource by resource.
"""

import gzip
import json
import runpy
from pathlib import Path
from typing import Any

import pytest
from mocked import ROOT, SECRET_KEYS, Deploy, Recorder

from tests.support.upgrades import CHANGED, CHANGED_NAMES, GONE, NEW

BEFORE: dict[str, dict[str, Any]] = json.loads(
    gzip.decompress((Path(__file__).parent / "upgrade/0.1.0.json.gz").read_bytes())
)


def resources(recorder: Recorder) -> dict[str, dict[str, Any]]:
    """By type and name: the parent and the inputs."""
    found = {
        f"{request.type}::{request.name}": {
            "parent": request.parent.rpartition("::")[2],
            "inputs": recorder.inputs(request.type, request.name),
        }
        for request in recorder.requests()
    }
    plain: dict[str, dict[str, Any]] = json.loads(json.dumps(found, default=str))
    return plain


@pytest.mark.parametrize("stack", BEFORE)
def test_an_upgrade_changes_the_steps_only(deploy: Deploy, stack: str) -> None:
    before = BEFORE[stack]["resources"]
    recorder = deploy(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        stack=stack,
        config=BEFORE[stack]["config"],
        secret_keys=SECRET_KEYS,
    )
    now = resources(recorder)
    assert [key for key in before.keys() - now.keys() if not GONE.fullmatch(key.rpartition("::")[2])] == []
    assert [key for key in now.keys() - before.keys() if not NEW.fullmatch(key.rpartition("::")[2])] == []
    changed = {key for key in before.keys() & now.keys() if before[key] != now[key]}
    for key in sorted(changed):
        typ, _, name = key.rpartition("::")
        inputs = (before[key]["inputs"], now[key]["inputs"])
        differ = {each for each in inputs[0].keys() | inputs[1].keys() if inputs[0].get(each) != inputs[1].get(each)}
        assert before[key]["parent"] == now[key]["parent"], key
        assert CHANGED_NAMES.fullmatch(name), (key, differ)
        assert differ <= CHANGED.get(typ, set()), (key, differ)
