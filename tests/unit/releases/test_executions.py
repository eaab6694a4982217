"""What a pipeline's execution was given, as GetPipelineExecution tells it."""

from typing import Any

import pytest

from releases.executions import IMAGE, NO_IMAGE, was_given
from releases.names import LIVE


def variable(name: str, value: str) -> dict[str, str]:
    return {"name": name, "resolvedValue": value}


@pytest.mark.parametrize(
    ("execution", "image", "expected"),
    [
        ({}, NO_IMAGE, False),
        ({"variables": []}, NO_IMAGE, False),
        ({"variables": [variable(IMAGE, NO_IMAGE)]}, NO_IMAGE, True),
        ({"variables": [variable("other", "x"), variable(IMAGE, LIVE)]}, LIVE, True),
        ({"variables": [variable(IMAGE, LIVE)]}, NO_IMAGE, False),
        ({"variables": [variable("other", LIVE)]}, LIVE, False),
    ],
    ids=["of a pipeline without variables", "none", "it", "it among others", "another value", "another variable"],
)
def test_whether_an_execution_was_given_an_image(execution: dict[str, Any], image: str, expected: bool) -> None:
    assert was_given(execution, image) is expected
