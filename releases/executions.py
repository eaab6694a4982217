"""What a pipeline's execution was started with."""

from collections.abc import Mapping
from typing import Any

IMAGE = "image"
"""The pipeline's variable that chooses what is deployed."""
NO_IMAGE = "none"
"""Its value when the source is taken. Else it is a digest, also of another stack, or the tag of the image that is
live."""
REBUILD = "rebuild"
"""Its value when the source is built anew, though its content has an image: its base images may have been patched."""
NO_SOURCE = "none"
"""The version of the source where there is none: nothing was pushed, or images come from another stack only."""
DIGEST = "digest"
"""The variable that names the pushed image which the execution takes; NO_SOURCE when somebody starts it, who means what
the inbox's tag is on."""
PUSHED = "pushed"
"""The variable that says when the image was pushed that the execution takes: one tag may come to one image again."""
NO_PUSH = "none"
"""Its value when no push has started the execution."""
MIGRATION = "migration"
"""The variable of a pipeline that migrates: whether the image's migration runs."""
RUN_MIGRATION, SKIP_MIGRATION = "run", "skip"
"""Its values. The first is the variable's default, so whoever starts an execution in the console, or an event that says
nothing, has it (CodePipeline user guide, "Tutorial: Use pipeline-level variables")."""


def to_promote(stack: str, digest: str) -> str:
    """The variable IMAGE's value when the image of another stack is taken over."""
    return f"{stack}@{digest}"


def promoted(image: str) -> tuple[str, str]:
    """The stack and the digest that the variable IMAGE names; no stack, "", where the image is the service's own."""
    stack, at, digest = image.partition("@")
    return (stack, digest) if at else ("", image)


def variable(execution: Mapping[str, Any], name: str) -> str | None:
    """A variable's value in an execution, as GetPipelineExecution tells it; None where the pipeline has none."""
    variables = execution.get("variables", [])
    return next((str(each["resolvedValue"]) for each in variables if each["name"] == name), None)


def was_given(execution: Mapping[str, Any], image: str) -> bool:
    """Whether this is what an execution was to deploy."""
    return variable(execution, IMAGE) == image
