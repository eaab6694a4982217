"""The base of what is only a value: the models of a component's inputs, which a stack file is composed of."""

from pydantic import BaseModel, ConfigDict


class Model(BaseModel):
    """No unknown keys, no silent conversions: `"256"` is not a number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, use_attribute_docstrings=True)
