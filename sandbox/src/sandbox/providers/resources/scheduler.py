"""EventBridge Scheduler's groups and schedules."""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, is_gone
from sandbox.providers.types import Aws, Resource


class Schedule(AwsResource):
    """A schedule of a group; its id is `group/name`."""

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        return f"{inputs['groupName']}/{inputs['name']}"

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        try:
            return self.call(aws, self.read_call, _place(id))
        except ClientError as error:
            if is_gone(error):
                return None
            raise

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        self.call(aws, self.update_call, self.arguments(aws, self.update_call, news, lenient=True) | _place(id))

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        self.call(aws, self.delete_call, _place(id))


def _place(id: str) -> Properties:
    group, _, name = id.partition("/")
    return {"GroupName": group, "Name": name}


RESOURCES: dict[str, Resource] = {
    "aws:scheduler/schedule:Schedule": Schedule(
        service="scheduler",
        create_call="CreateSchedule",
        read_call="GetSchedule",
        update_call="UpdateSchedule",
        delete_call="DeleteSchedule",
        key="Name",
        id="@name",
        element="",
        defaults={
            "groupName": "default",
            "scheduleExpressionTimezone": "UTC",
            "state": "ENABLED",
            "actionAfterCompletion": "NONE",
        },
        outputs={"arn": "Arn"},
        refused_role=("ValidationException", "must allow AWS EventBridge Scheduler to assume the role"),
    ),
    "aws:scheduler/scheduleGroup:ScheduleGroup": AwsResource(
        service="scheduler",
        create_call="CreateScheduleGroup",
        read_call="GetScheduleGroup",
        delete_call="DeleteScheduleGroup",
        key="Name",
        id="@name",
        element="",
        outputs={"arn": "Arn", "state": "State"},
        tagging=Tagging(path="Tags"),
    ),
}
