"""Application Auto Scaling targets and policies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from botocore import xform_name

from sandbox.providers.resources.base import AwsResource, Properties, Tagging
from sandbox.providers.types import Aws, Resource

DIMENSION = ("serviceNamespace", "resourceId", "scalableDimension")


@dataclass(frozen=True, kw_only=True)
class Scaling(AwsResource):
    """Something of a scalable dimension; putting it again overwrites it."""

    service: str = "application-autoscaling"

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        client = aws.client(self.service)
        pages = client.get_paginator(xform_name(self.read_call)).paginate(
            ServiceNamespace=props["serviceNamespace"], ScalableDimension=props["scalableDimension"]
        )
        items = (item for page in pages for item in page[self.element])
        return next(
            (item for item in items if item["ResourceId"] == props["resourceId"] and item.get(self.key, id) == id),
            None,
        )

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        sent = {k: v for k, v in news.items() if k != "tags"}
        self.call(aws, self.create_call, self.arguments(aws, self.create_call, sent))

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        if self.find(aws, id, props) is None:
            return
        named = {} if self.key == "ResourceId" else {self.key: id}
        dimension = {name[0].upper() + name[1:]: props[name] for name in DIMENSION}
        self.call(aws, self.delete_call, {**dimension, **named})


@dataclass(frozen=True, kw_only=True)
class Policy(Scaling):
    """A scaling policy with the alarms AWS makes for it."""

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        alarms = [alarm["AlarmARN"] for alarm in description.get("Alarms", [])]
        return {**super().computed_from(aws, id, description, inputs), "alarmArns": alarms}


RESOURCES: dict[str, Resource] = {
    "aws:appautoscaling/target:Target": Scaling(
        create_call="RegisterScalableTarget",
        read_call="DescribeScalableTargets",
        delete_call="DeregisterScalableTarget",
        key="ResourceId",
        id="@resourceId",
        element="ScalableTargets",
        # The words by which terraform-provider-aws tries again (internal/service/appautoscaling/target.go).
        refused_role=("ValidationException", "Unable to assume IAM role"),
        names={"roleArn": "RoleARN"},
        outputs={"arn": "ScalableTargetARN", "roleArn": "RoleARN"},
        tagging=Tagging(path="Tags"),
    ),
    "aws:appautoscaling/scheduledAction:ScheduledAction": Scaling(
        create_call="PutScheduledAction",
        read_call="DescribeScheduledActions",
        delete_call="DeleteScheduledAction",
        key="ScheduledActionName",
        id="@name",
        element="ScheduledActions",
        names={"name": "ScheduledActionName"},
        defaults={"timezone": "UTC"},
        outputs={"arn": "ScheduledActionARN"},
    ),
    "aws:appautoscaling/policy:Policy": Policy(
        create_call="PutScalingPolicy",
        read_call="DescribeScalingPolicies",
        delete_call="DeleteScalingPolicy",
        key="PolicyName",
        id="@name",
        element="ScalingPolicies",
        names={"name": "PolicyName"},
        defaults={"policyType": "StepScaling"},
        outputs={"arn": "PolicyARN", "policyType": "PolicyType"},
    ),
}
