"""ECS services: their settings in the API's shape, and the wait for a steady state."""

from __future__ import annotations

from typing import Any

from sandbox.clock import Clock
from sandbox.providers.resources.base import AwsResource, Properties, changed, dig, wait_until
from sandbox.providers.resources.codec import reported, text
from sandbox.providers.types import Aws

STEADY_STATE_SECONDS = 20 * 60
SHORTEST_LIMIT = 120.0
"""Real seconds that a service has to become steady at least: its apps start at their own pace."""
# Inputs that are members of the API's deploymentConfiguration.
DEPLOYMENT = {
    "deploymentMaximumPercent": "maximumPercent",
    "deploymentMinimumHealthyPercent": "minimumHealthyPercent",
    "deploymentCircuitBreaker": "deploymentCircuitBreaker",
    "alarms": "alarms",
}
SPECIAL = (
    *("cluster", "deploymentConfiguration", "networkConfiguration", "serviceConnectConfiguration", "taskDefinition"),
)
"""Inputs that are reported otherwise than by their name."""
SHIFTING = ("BLUE_GREEN", "LINEAR", "CANARY")
OWN_BLOCKS = {"linearConfiguration": "LINEAR", "canaryConfiguration": "CANARY"}
# What UpdateService takes; the rest replaces the service.
UPDATABLE = (
    "alarms",
    "availabilityZoneRebalancing",
    "capacityProviderStrategies",
    "deploymentCircuitBreaker",
    "deploymentConfiguration",
    "deploymentMaximumPercent",
    "deploymentMinimumHealthyPercent",
    "desiredCount",
    "enableEcsManagedTags",
    "enableExecuteCommand",
    "healthCheckGracePeriodSeconds",
    "loadBalancers",
    "networkConfiguration",
    "orderedPlacementStrategies",
    "placementConstraints",
    "platformVersion",
    "propagateTags",
    "serviceConnectConfiguration",
    "serviceRegistries",
    "taskDefinition",
    "volumeConfiguration",
    "vpcLatticeConfigurations",
)


class Service(AwsResource):
    """A service; its id is its ARN. Only changed settings are sent on an update."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Create it, without tasks unless `desiredCount` says so; waits when `waitForSteadyState`."""
        daemon = inputs.get("schedulingStrategy") == "DAEMON"
        return super().create(aws, inputs if daemon or "desiredCount" in inputs else {**inputs, "desiredCount": 0})

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        sent = {k: v for k, v in inputs.items() if k not in (*DEPLOYMENT, "networkConfiguration")}
        deployment = {api: inputs[name] for name, api in DEPLOYMENT.items() if name in inputs}
        if "alarms" in deployment and not deployment["alarms"].get("alarmNames"):
            # The provider leaves out an empty set, and the SDK that it calls with wants the field.
            field = f"{operation}Input.DeploymentConfiguration.Alarms.AlarmNames"
            raise RuntimeError(
                f"operation error ECS: {operation}, 1 validation error(s) found. - missing required field, {field}."
            )
        if "deploymentConfiguration" in inputs or deployment:
            sent["deploymentConfiguration"] = {**_strategy(inputs.get("deploymentConfiguration", {})), **deployment}
        if "networkConfiguration" in inputs:
            sent["networkConfiguration"] = {"awsvpcConfiguration": _network(inputs["networkConfiguration"])}
        return super().arguments(aws, operation, sent, lenient=lenient)

    def settle(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if text(news.get("waitForSteadyState", False)) == "true":
            self._wait_until_steady(aws, id, news, "update" if olds else "create")

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        sent = {name: news[name] for name in UPDATABLE if changed(olds, news, name)}
        for name in UPDATABLE:
            if name in olds and name not in news and isinstance(olds[name], list):
                sent[name] = []
        if "serviceConnectConfiguration" in olds and "serviceConnectConfiguration" not in news:
            sent["serviceConnectConfiguration"] = {"enabled": False}
        if any(name in sent for name in (*DEPLOYMENT, "deploymentConfiguration")):
            sent |= {k: news[k] for k in (*DEPLOYMENT, "deploymentConfiguration") if k in news}
        forced = text(news.get("forceNewDeployment", False)) == "true"
        if not sent and not (forced and changed(olds, news, "triggers", "forceNewDeployment")):
            return
        arguments = self.arguments(aws, "UpdateService", sent)
        if forced:
            arguments["forceNewDeployment"] = True
        aws.client("ecs").update_service(cluster=_cluster(news), service=id, **arguments)

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        client = aws.client("ecs")
        try:
            answer = client.describe_services(cluster=_cluster(props), services=[id], include=["TAGS"])
        except client.exceptions.ClusterNotFoundException:
            return None
        description = dig(answer, "services.0")
        return None if description is None or description["status"] == "INACTIVE" else description

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        special = {*DEPLOYMENT, *SPECIAL}
        state = super().reported(aws, description, {k: v for k, v in props.items() if k not in special})
        configuration = description.get("deploymentConfiguration", {})
        for name, api in DEPLOYMENT.items():
            if name in props and api in configuration:
                state[name] = reported(configuration[api], props[name], self.names)
        if "deploymentConfiguration" in props and "strategy" in configuration:
            state["deploymentConfiguration"] = reported(configuration, props["deploymentConfiguration"], self.names)
        network = dig(description, "networkConfiguration.awsvpcConfiguration")
        if "networkConfiguration" in props and network:
            public = {"assignPublicIp": network.get("assignPublicIp") == "ENABLED"}
            state["networkConfiguration"] = reported({**network, **public}, props["networkConfiguration"], {})
        if "serviceConnectConfiguration" in props:
            told = _primary(description).get("serviceConnectConfiguration")
            state["serviceConnectConfiguration"] = told and reported(
                told, props["serviceConnectConfiguration"], self.names
            )
        if "taskDefinition" in props:
            state["taskDefinition"] = _revision(description["taskDefinition"], props["taskDefinition"])
        return state

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        computed = super().computed_from(aws, id, description, inputs)
        if "cluster" in inputs and not inputs["cluster"].startswith("arn:"):
            computed["cluster"] = inputs["cluster"]
        for name in ("launchType", "platformVersion", "availabilityZoneRebalancing", "desiredCount"):
            if name in description:
                computed[name] = description[name]
        return computed

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        return {t["key"]: t["value"] for t in description.get("tags", []) if not t["key"].startswith("aws:")}

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        client, where = aws.client("ecs"), {"cluster": _cluster(props), "service": id}
        description = self.find(aws, id, props)
        if description is None:
            return
        if description["status"] == "ACTIVE" and description.get("schedulingStrategy") != "DAEMON":
            client.update_service(**where, desiredCount=0)
            self._wait(aws, id, props, "delete", lambda service: not service or service["runningCount"] == 0)
        client.delete_service(**where, force=True)
        self._wait(aws, id, props, "delete", lambda service: service is None)

    def _wait_until_steady(self, aws: Aws, id: str, props: Properties, doing: str) -> None:
        described = self.find(aws, id, props) or {}
        if dig(described, "deploymentConfiguration.strategy") in SHIFTING:
            self._wait_until_shifted(aws, id, props, doing, described["currentServiceDeployment"])
            return
        started = _primary(described).get("id")

        def steady(service: Any) -> bool:
            deployment = next((d for d in dig(service, "deployments") or [] if d.get("id") == started), None)
            if (
                deployment is None
                or deployment.get("rolloutState") == "FAILED"
                or deployment.get("status") != "PRIMARY"
            ):
                reason = (deployment or {}).get("rolloutStateReason", f"{started} was replaced by another deployment")
                raise RuntimeError(f"waiting for ECS Service ({id}) {doing}: deployment failed: {reason}")
            completed = deployment.get("rolloutState", "COMPLETED") == "COMPLETED"
            return bool(
                completed and len(service["deployments"]) == 1 and service["runningCount"] == service["desiredCount"]
            )

        self._wait(aws, id, props, doing, steady)

    def _wait_until_shifted(self, aws: Aws, id: str, props: Properties, doing: str, arn: str) -> None:
        """The service deployment's status counts (`findDeploymentStatus` of the provider's service.go)."""

        def shifted(_: Any) -> bool:
            found = aws.client("ecs").describe_service_deployments(serviceDeploymentArns=[arn])["serviceDeployments"]
            status = dig(found, "0.status")
            if status in ("STOPPED", "ROLLBACK_SUCCESSFUL", "ROLLBACK_FAILED"):
                reason = found[0].get("statusReason", "Deployment failed")
                raise RuntimeError(f"waiting for ECS Service ({id}) {doing}: {reason}")
            return bool(status == "SUCCESSFUL")

        self._wait(aws, id, props, doing, shifted)

    def _wait(self, aws: Aws, id: str, props: Properties, doing: str, done: Any) -> None:
        problem = (
            f"waiting for ECS Service ({id}) {doing}: timeout while waiting for state to become "
            f"'tfSTABLE' (last state: 'tfPENDING', timeout: {STEADY_STATE_SECONDS // 60}m0s)"
        )
        limit = max(SHORTEST_LIMIT, Clock().scale(STEADY_STATE_SECONDS))
        wait_until(problem, lambda: done(self.find(aws, id, props)), limit)


def _cluster(props: Properties) -> str:
    return str(props.get("cluster", "default"))


def _strategy(configuration: Properties) -> Properties:
    """What the provider sends of it: nothing without a strategy but hooks, of the blocks that of the strategy only.

    It cannot say that there are no hooks any more: an empty list is left out, and ECS keeps what it has
    (https://github.com/hashicorp/terraform-provider-aws/blob/main/internal/service/ecs/service.go).
    """
    strategy = configuration.get("strategy")
    sent = configuration if strategy else {k: v for k, v in configuration.items() if k == "lifecycleHooks"}
    foreign = {name for name, owner in OWN_BLOCKS.items() if owner != strategy}
    return {k: v for k, v in sent.items() if k not in foreign and v not in ("", [])}


def _network(network: Properties) -> Properties:
    public = text(network.get("assignPublicIp", False)) == "true"
    return {**network, "assignPublicIp": "ENABLED" if public else "DISABLED"}


def _primary(service: Properties) -> Properties:
    return next((d for d in service.get("deployments", []) if d.get("status") == "PRIMARY"), {})


def _revision(actual: str, declared: str) -> str:
    """The task definition the service runs; as it was written when that names the same revision."""
    short = actual.rsplit("/", 1)[-1]
    return declared if declared in (actual, short, short.rsplit(":", 1)[0]) else actual
