"""The tags of scalable targets, for which moto has no calls.

https://docs.aws.amazon.com/autoscaling/application/APIReference/API_TagResource.html
"""

from __future__ import annotations

import json
from typing import Any

from moto.applicationautoscaling.responses import ApplicationAutoScalingResponse
from moto.core.exceptions import JsonRESTError

_register = ApplicationAutoScalingResponse.register_scalable_target
_deregister = ApplicationAutoScalingResponse.deregister_scalable_target


def apply() -> None:
    """Have moto keep them beside its targets."""
    ApplicationAutoScalingResponse.register_scalable_target = _register_with_tags  # type: ignore[method-assign]
    ApplicationAutoScalingResponse.deregister_scalable_target = _deregister_with_tags  # type: ignore[method-assign]
    ApplicationAutoScalingResponse.tag_resource = _tag  # type: ignore[attr-defined]
    ApplicationAutoScalingResponse.untag_resource = _untag  # type: ignore[attr-defined]
    ApplicationAutoScalingResponse.list_tags_for_resource = _list  # type: ignore[attr-defined]


def _target_tags(self: ApplicationAutoScalingResponse) -> dict[str, dict[str, str]]:
    tags: dict[str, dict[str, str]] = self.applicationautoscaling_backend.__dict__.setdefault("target_tags", {})
    return tags


def _targets(self: ApplicationAutoScalingResponse) -> dict[str, Any]:
    """ARN → target."""
    return {
        target.arn: target
        for dimension in self.applicationautoscaling_backend.targets.values()
        for target in dimension.values()
    }


def _requested_tags(self: ApplicationAutoScalingResponse) -> dict[str, str]:
    """The tags of the target that is asked for.

    Raises:
        JsonRESTError: there is none.
    """
    arn = self._get_param("ResourceARN")
    if arn not in _targets(self):
        raise JsonRESTError("ResourceNotFoundException", f"The specified resource doesn't exist: {arn}")
    return _target_tags(self).setdefault(arn, {})


def _register_with_tags(self: ApplicationAutoScalingResponse) -> str:
    answer = _register(self)
    arn = json.loads(answer)["ScalableTargetARN"]
    _target_tags(self).setdefault(arn, {}).update(self._get_param("Tags") or {})
    return answer


def _deregister_with_tags(self: ApplicationAutoScalingResponse) -> str:
    answer = _deregister(self)
    for arn in set(_target_tags(self)) - set(_targets(self)):
        del _target_tags(self)[arn]
    return answer


def _tag(self: ApplicationAutoScalingResponse) -> str:
    _requested_tags(self).update(self._get_param("Tags") or {})
    return "{}"


def _untag(self: ApplicationAutoScalingResponse) -> str:
    tags = _requested_tags(self)
    for key in self._get_param("TagKeys") or []:
        tags.pop(key, None)
    return "{}"


def _list(self: ApplicationAutoScalingResponse) -> str:
    return json.dumps({"Tags": _requested_tags(self)})
