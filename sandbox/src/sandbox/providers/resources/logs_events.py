"""Log groups, saved queries, EventBridge rules and targets, alarms and dashboards."""

from __future__ import annotations

import secrets
from typing import Any

from sandbox.providers.resources.base import (
    AwsResource,
    Properties,
    Tagging,
    declared,
    dig,
    ignoring_gone,
)
from sandbox.providers.resources.codec import encode_inputs, text
from sandbox.providers.types import Aws, Resource

TARGET_NAMES = {"inputPaths": "InputPathsMap", "targetId": "Id", "httpTarget": "HttpParameters"}


class LogGroup(AwsResource):
    """A log group; no retention means for ever."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        groups = aws.client("logs").describe_log_groups(logGroupNamePrefix=id)["logGroups"]
        log_group = next((group for group in groups if group["logGroupName"] == id), None)
        if log_group is None:
            return None
        arn = log_group["arn"].removesuffix(":*")
        return {"retentionInDays": 0, **log_group, "arn": arn}

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        days = int(news.get("retentionInDays", 0))
        if days == int(olds.get("retentionInDays", 0)):
            return
        client = aws.client("logs")
        if days:
            client.put_retention_policy(logGroupName=id, retentionInDays=days)
        else:
            client.delete_retention_policy(logGroupName=id)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if olds.get("kmsKeyId") == news.get("kmsKeyId"):
            return
        client = aws.client("logs")
        if news.get("kmsKeyId"):
            client.associate_kms_key(logGroupName=id, kmsKeyId=news["kmsKeyId"])
        else:
            client.disassociate_kms_key(logGroupName=id)


class QueryDefinition(AwsResource):
    """A saved query; none is described by its id."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        definitions = aws.client("logs").describe_query_definitions(maxResults=1000)["queryDefinitions"]
        return next((each for each in definitions if each["queryDefinitionId"] == id), None)


class EventRule(AwsResource):
    """A rule; its id is its name, with the bus in front unless that is the default one."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        if "isEnabled" in inputs:
            state = "ENABLED" if text(inputs["isEnabled"]) == "true" else "DISABLED"
            inputs = {"state": state, **inputs}
        return super().arguments(aws, operation, inputs, lenient=lenient)

    def identify(self, aws: Aws, inputs: Properties, response: Any) -> str:
        bus = inputs.get("eventBusName", "default")
        return inputs["name"] if bus == "default" else f"{bus}/{inputs['name']}"

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        sent = {k: v for k, v in news.items() if k != "tags"}
        self.call(aws, "PutRule", self.arguments(aws, "PutRule", sent))

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        if id is None:
            return super().call(aws, operation, arguments)
        bus, name = ("default", id) if "/" not in id else id.rsplit("/", 1)
        return super().call(aws, operation, {**arguments, "EventBusName": bus}, name)

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        force = {"Force": True} if text(props.get("forceDestroy", False)) == "true" else {}
        self.call(aws, "DeleteRule", force, id)


class EventTarget:
    """What a rule sends its events to."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Put the target; the service reports entries it refuses."""
        inputs = {"targetId": f"terraform-{secrets.token_hex(13)}", **inputs}
        self._put(aws, inputs)
        bus = inputs.get("eventBusName", "default")
        id = f"{inputs['rule']}-{inputs['targetId']}"
        outputs = {"targetId": inputs["targetId"], "eventBusName": bus}
        return (id if bus == "default" else f"{bus}-{id}"), outputs

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """The target among those of its rule."""
        where = self._rule(props)
        with ignoring_gone():
            targets = aws.client("events").list_targets_by_rule(**where)["Targets"]
            event_target = next((target for target in targets if target["Id"] == props["targetId"]), None)
            if event_target is not None:
                identifiers: Properties = {k: props[k] for k in ("rule", "eventBusName", "targetId") if k in props}
                return {**identifiers, **declared(event_target, props, TARGET_NAMES)}
        return None

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Put the target again, under its id."""
        news = {"targetId": olds["targetId"], **news}
        self._put(aws, news)
        return {"targetId": news["targetId"], "eventBusName": news.get("eventBusName", "default")}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Remove it from its rule."""
        with ignoring_gone():
            aws.client("events").remove_targets(**self._rule(props), Ids=[props["targetId"]])

    def _put(self, aws: Aws, inputs: Properties) -> None:
        client = aws.client("events")
        shape = client.meta.service_model.operation_model("PutTargets").input_shape
        skip = {"rule", "eventBusName", "region", "forceDestroy"}
        sent = {k: v for k, v in inputs.items() if k not in skip}
        target = encode_inputs(shape.members["Targets"].member, sent, TARGET_NAMES)
        answer = client.put_targets(**self._rule(inputs), Targets=[target])
        for failure in answer["FailedEntries"]:
            raise RuntimeError(f"putting EventBridge Target: {failure['ErrorCode']}: {failure['ErrorMessage']}")

    def _rule(self, props: Properties) -> dict[str, str]:
        return {"Rule": props["rule"], "EventBusName": props.get("eventBusName", "default")}


class MetricAlarm(AwsResource):
    """An alarm on one metric or on an expression of several."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        queries = [_query(query) for query in inputs.get("metricQueries", [])]
        sent = {k: v for k, v in inputs.items() if k != "metricQueries"}
        return super().arguments(aws, operation, {**sent, **({"metrics": queries} if queries else {})}, lenient=lenient)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        return super().reported(aws, description, {k: v for k, v in props.items() if k != "metricQueries"})


class CompositeAlarm(AwsResource):
    """An alarm on the states of others."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        return dig(self.call(aws, self.read_call, {"AlarmTypes": ["CompositeAlarm"]}, id), self.element)


def _query(query: Properties) -> Properties:
    """A metric query, its metric's statistic beside the metric as in the API."""
    if "metric" not in query:
        return query
    metric = query["metric"]
    outer = {k: metric[k] for k in ("period", "stat", "unit") if k in metric}
    inner = {k: v for k, v in metric.items() if k not in outer}
    return {**{k: v for k, v in query.items() if k != "metric"}, "metricStat": {"metric": inner, **outer}}


RESOURCES: dict[str, Resource] = {
    "aws:cloudwatch/logGroup:LogGroup": LogGroup(
        service="logs",
        create_call="CreateLogGroup",
        read_call="DescribeLogGroups",
        delete_call="DeleteLogGroup",
        key="logGroupName",
        id="@name",
        element="",
        names={"name": "logGroupName"},
        apart=frozenset({"retentionInDays"}),
        outputs={"arn": "arn", "logGroupClass": "logGroupClass"},
        tagging=Tagging(),
    ),
    "aws:cloudwatch/queryDefinition:QueryDefinition": QueryDefinition(
        service="logs",
        create_call="PutQueryDefinition",
        read_call="DescribeQueryDefinitions",
        update_call="PutQueryDefinition",
        delete_call="DeleteQueryDefinition",
        key="queryDefinitionId",
        id="queryDefinitionId",
        element="",
        outputs={"queryDefinitionId": "queryDefinitionId"},
    ),
    "aws:cloudwatch/eventRule:EventRule": EventRule(
        service="events",
        create_call="PutRule",
        read_call="DescribeRule",
        delete_call="DeleteRule",
        key="Name",
        id="@name",
        element="",
        apart=frozenset({"isEnabled"}),
        defaults={"eventBusName": "default"},
        outputs={"arn": "Arn", "state": "State"},
        tagging=Tagging(path="Tags"),
    ),
    "aws:cloudwatch/eventTarget:EventTarget": EventTarget(),
    "aws:cloudwatch/dashboard:Dashboard": AwsResource(
        service="cloudwatch",
        create_call="PutDashboard",
        read_call="GetDashboard",
        update_call="PutDashboard",
        delete_call="DeleteDashboards",
        key="DashboardName",
        id="@dashboardName",
        element="",
        outputs={"dashboardArn": "DashboardArn"},
    ),
    "aws:cloudwatch/compositeAlarm:CompositeAlarm": CompositeAlarm(
        service="cloudwatch",
        create_call="PutCompositeAlarm",
        read_call="DescribeAlarms",
        update_call="PutCompositeAlarm",
        delete_call="DeleteAlarms",
        key="AlarmName",
        id="@alarmName",
        element="CompositeAlarms.0",
        names={"okActions": "OKActions"},
        outputs={"arn": "AlarmArn"},
        tagging=Tagging(path="Tags"),
    ),
    "aws:cloudwatch/metricAlarm:MetricAlarm": MetricAlarm(
        service="cloudwatch",
        create_call="PutMetricAlarm",
        read_call="DescribeAlarms",
        update_call="PutMetricAlarm",
        delete_call="DeleteAlarms",
        key="AlarmName",
        id="@name",
        element="MetricAlarms.0",
        names={"name": "AlarmName", "okActions": "OKActions"},
        outputs={"arn": "AlarmArn"},
        tagging=Tagging(path="Tags"),
    ),
}
