"""The reasons in policy/wildcards.py, against AWS's Service Authorization Reference: cfn-lint has a copy of it."""

import importlib.metadata
import json
from pathlib import Path

import pytest

from policy.wildcards import ANY_RESOURCE, TAKES_NO_RESOURCE

FILE = "cfnlint/data/AdditionalSpecs/Policies.json"
REFERENCE = json.loads(Path(str(importlib.metadata.distribution("cfn-lint").locate_file(FILE))).read_text())


@pytest.mark.parametrize("action", ANY_RESOURCE)
def test_the_reference_agrees(action: str) -> None:
    service, name = action.split(":")
    resources = REFERENCE[service]["Actions"][name.lower()].get("Resources", [])
    if ANY_RESOURCE[action].why == TAKES_NO_RESOURCE.why:
        assert resources == []
    else:
        assert resources, "it takes no resource; that is reason enough"
