"""A group of schedules is made once, and only one that there is, and not the default one, is deleted.

https://docs.aws.amazon.com/scheduler/latest/APIReference/API_DeleteScheduleGroup.html
"""

from __future__ import annotations

from moto.core.exceptions import JsonRESTError
from moto.scheduler.exceptions import ValidationException
from moto.scheduler.models import EventBridgeSchedulerBackend, ScheduleGroup

_create = EventBridgeSchedulerBackend.create_schedule_group
_delete = EventBridgeSchedulerBackend.delete_schedule_group


class GroupExists(JsonRESTError):
    """There is a group of that name."""

    code = 409

    def __init__(self, name: str) -> None:
        super().__init__("ConflictException", f"Schedule group {name} already exists.")


def apply() -> None:
    """Have moto look first."""
    EventBridgeSchedulerBackend.create_schedule_group = _create_once  # type: ignore[method-assign]
    EventBridgeSchedulerBackend.delete_schedule_group = _delete_known  # type: ignore[method-assign]


def _create_once(self: EventBridgeSchedulerBackend, name: str, tags: list[dict[str, str]]) -> ScheduleGroup:
    if name in self.schedule_groups:
        raise GroupExists(name)
    return _create(self, name, tags or [])


def _delete_known(self: EventBridgeSchedulerBackend, name: str | None) -> None:
    if name in (None, "default"):
        raise ValidationException("The default schedule group cannot be deleted.")
    self.tagger.delete_all_tags_for_resource(self.get_schedule_group(name).arn)
    _delete(self, name)
