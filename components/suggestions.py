"""What somebody may have meant who wrote something that there is not."""

import difflib
from collections.abc import Iterable, Sequence
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag

MAX_LISTED = 8
"""Names that are listed where none is like the wrong one."""


def suggestion(wrong: str, there: Iterable[str]) -> str:
    """`; did you mean health_check?`, or what there is, or nothing where that is too much."""
    names = sorted(there)
    if close := difflib.get_close_matches(wrong.lower(), names, n=1):
        return f"; did you mean {close[0]}?"
    return f"; there are: {', '.join(names)}" if 0 < len(names) <= MAX_LISTED else ""


def description(model: type[BaseModel], place: Sequence[str | int]) -> str:
    """` (…)`, what a key that is not there is for, by its description's first sentence or the keys below it."""
    *above, key = place
    holder = _plain(_at(model, above))
    fields = holder.model_fields if _is_model(holder) else {}
    field = next((field for name, field in fields.items() if key in (name, field.alias)), None)
    if field is not None and field.description:
        return f" ({' '.join(field.description.split()).partition('. ')[0].rstrip('.')})"
    keys = keys_of(model, place)
    return f" (its keys are {', '.join(keys)})" if keys else ""


def keys_of(model: type[BaseModel], place: Sequence[str | int]) -> list[str]:
    """The keys that a stack file may have at a place, by the model of the whole; none where any name will do."""
    kind = _plain(_at(model, place))
    return [field.alias or name for name, field in kind.model_fields.items()] if _is_model(kind) else []


def path_in_file(model: type[BaseModel], place: Sequence[str | int]) -> tuple[str | int, ...]:
    """A place as it is written in a stack file: without the names of the kinds that a key may be of."""
    return tuple(part for number, part in enumerate(place) if part not in _kinds(_at(model, place[:number])))


def _at(model: type[BaseModel], place: Sequence[str | int]) -> Any:
    annotation: Any = model
    for part in place:
        kinds = _kinds(annotation)
        annotation = kinds[str(part)] if part in kinds else _below(_plain(annotation), part)
    return annotation


def _kinds(annotation: Any) -> dict[str | int, Any]:
    """By its name, each kind that a key may be of, which pydantic's places have in them."""
    while get_origin(annotation) is Annotated and not any(isinstance(each, Tag) for each in annotation.__metadata__):
        annotation = get_args(annotation)[0]
    return {
        each.tag: kind
        for kind in get_args(annotation)
        for each in getattr(kind, "__metadata__", ())
        if isinstance(each, Tag)
    }


def _below(kind: Any, part: str | int) -> Any:
    if _is_model(kind):
        fields = {field.alias or name: field.annotation for name, field in kind.model_fields.items()}
        return fields.get(str(part))
    return get_args(kind)[-1] if get_origin(kind) in (dict, list) else None


def _plain(annotation: Any) -> Any:
    """Without `Annotated` and `| None`."""
    if get_origin(annotation) is Annotated:
        return _plain(get_args(annotation)[0])
    if _is_model(annotation) or get_origin(annotation) in (dict, list):
        return annotation
    return next((_plain(each) for each in get_args(annotation) if each is not type(None)), annotation)


def _is_model(kind: Any) -> bool:
    return isinstance(kind, type) and issubclass(kind, BaseModel)
