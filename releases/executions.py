"""What a pipeline's execution was started with."""

from collections.abc import Mapping
from typing import Any

IMAGE = "image"
"""The pipeline's variable that chooses what is deployed."""
NO_IMAGE = "none"
"""Its value when the source is built. Else it is a digest, or the tag of the image that is live."""


def was_given(execution: Mapping[str, Any], image: str) -> bool:
    """Whether this is the variable's value in an execution, as GetPipelineExecution tells it."""
    return {"name": IMAGE, "resolvedValue": image} in execution.get("variables", [])
