"""Clusters and task definitions."""

from __future__ import annotations

import json
from typing import Any

from botocore.exceptions import ParamValidationError

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, dig, ignoring_gone
from sandbox.providers.resources.codec import UnsupportedInputError, reported
from sandbox.providers.resources.ecs_service import Service
from sandbox.providers.types import Aws, Resource

ECS_TAGS = Tagging()
LINKED_ROLE = "InvalidParameterException", "Unable to assume the service linked role"
"""At what terraform-provider-aws tries again (internal/service/ecs/cluster.go and service.go)."""


class Cluster(AwsResource):
    """A cluster; its id is its ARN."""

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        answer = aws.client("ecs").describe_clusters(clusters=[id], include=["SETTINGS", "CONFIGURATIONS"])
        description = dig(answer, "clusters.0")
        return None if description is None or description["status"] == "INACTIVE" else description

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        arguments = self.arguments(aws, "UpdateCluster", news, lenient=True)
        aws.client("ecs").update_cluster(cluster=id, **arguments)

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        reported_props = {k: v for k, v in props.items() if k not in ("configuration", "serviceConnectDefaults")}
        return super().reported(aws, description, reported_props)


class ClusterCapacityProviders:
    """The capacity providers of a cluster and the strategy of services that name none; id = cluster name."""

    def create(self, aws: Aws, inputs: Properties) -> tuple[str, Properties]:
        """Set both."""
        self._put(aws, inputs)
        return inputs["clusterName"], {}

    def read(self, aws: Aws, id: str, props: Properties) -> Properties | None:
        """Both, from the cluster."""
        cluster = dig(aws.client("ecs").describe_clusters(clusters=[id]), "clusters.0")
        if cluster is None or cluster["status"] == "INACTIVE":
            return None
        strategy = cluster.get("defaultCapacityProviderStrategy", [])
        state = {"clusterName": id, "capacityProviders": cluster.get("capacityProviders", []),
                 "defaultCapacityProviderStrategies": strategy}  # fmt: skip
        return {name: reported(value, props[name], {}) for name, value in state.items() if name in props}

    def update(self, aws: Aws, id: str, olds: Properties, news: Properties) -> Properties:
        """Set both anew."""
        self._put(aws, news)
        return {}

    def delete(self, aws: Aws, id: str, props: Properties) -> None:
        """Leave the cluster without any."""
        with ignoring_gone():
            self._put(aws, {"clusterName": id})

    def _put(self, aws: Aws, inputs: Properties) -> None:
        strategy = [
            {name: value if name == "capacityProvider" else int(value) for name, value in item.items()}
            for item in inputs.get("defaultCapacityProviderStrategies", [])
        ]
        aws.client("ecs").put_cluster_capacity_providers(
            cluster=inputs["clusterName"],
            capacityProviders=inputs.get("capacityProviders", []),
            defaultCapacityProviderStrategy=strategy,
        )


class TaskDefinition(AwsResource):
    """A revision of a family; its id is the family. It never changes, a change is a new revision."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        containers = container_definitions(inputs["containerDefinitions"])
        volumes = [_volume(volume) for volume in inputs.get("volumes", [])]
        more = {"volumes": volumes} if volumes else {}
        sent = super().arguments(aws, operation, {**inputs, **more}, lenient=lenient)
        return {**sent, "containerDefinitions": containers}

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        try:
            return super().call(aws, operation, arguments, id)
        except ParamValidationError as error:
            raise ValueError(f"ECS Task Definition container_definitions is invalid: {error}") from error

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        client = aws.client("ecs")
        try:
            description = client.describe_task_definition(taskDefinition=props.get("arn", id))["taskDefinition"]
        except client.exceptions.ClientException:
            return None
        return description if description["status"] == "ACTIVE" else None

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        """A revision cannot change, so what was registered is what is there."""
        return {k: v for k, v in props.items() if k not in ("tags", "tagsAll")}

    def computed_from(self, aws: Aws, id: str, description: Any, inputs: Properties) -> Properties:
        arn = description["taskDefinitionArn"]
        return {"arn": arn, "arnWithoutRevision": arn.rsplit(":", 1)[0], "revision": description["revision"]}

    def computed(self, aws: Aws, id: str, inputs: Properties) -> Properties:
        flags = {name: inputs.get(name, False) for name in ("trackLatest", "skipDestroy")}
        return {**flags, **super().computed(aws, id, inputs)}

    def remove(self, aws: Aws, id: str, props: Properties) -> None:
        aws.client("ecs").deregister_task_definition(taskDefinition=props["arn"])


def container_definitions(document: Any) -> list[Properties]:
    """The containers of a JSON text; raises ValueError in the provider's words when it is no array of them."""
    problem = "ECS Task Definition container_definitions is invalid: "
    try:
        containers = json.loads(document) if isinstance(document, str) else document
    except ValueError as error:
        raise UnsupportedInputError(f"{problem}Error decoding JSON: {error}") from None
    if not isinstance(containers, list) or not all(isinstance(c, dict) for c in containers):
        raise UnsupportedInputError(f"{problem}expected an array of containers")
    return [{name: value for name, value in container.items() if value is not None} for container in containers]


def _volume(volume: Properties) -> Properties:
    """A volume with `hostPath` as the API's host."""
    host = {"host": {"sourcePath": volume["hostPath"]}} if "hostPath" in volume else {}
    return {**{k: v for k, v in volume.items() if k != "hostPath"}, **host}


RESOURCES: dict[str, Resource] = {
    "aws:ecs/cluster:Cluster": Cluster(
        service="ecs",
        create_call="CreateCluster",
        read_call="DescribeClusters",
        delete_call="DeleteCluster",
        key="cluster",
        id="cluster.clusterArn",
        element="clusters.0",
        names={"name": "clusterName"},
        outputs={"arn": "clusterArn", "name": "clusterName"},
        refused_role=LINKED_ROLE,
        tagging=ECS_TAGS,
    ),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": ClusterCapacityProviders(),
    "aws:ecs/taskDefinition:TaskDefinition": TaskDefinition(
        service="ecs",
        create_call="RegisterTaskDefinition",
        read_call="DescribeTaskDefinition",
        delete_call="DeregisterTaskDefinition",
        key="taskDefinition",
        id="taskDefinition.family",
        element="taskDefinition",
        apart=frozenset({"trackLatest", "containerDefinitions"}),
        outputs={"arn": "taskDefinitionArn"},
        tagging=ECS_TAGS,
    ),
    "aws:ecs/service:Service": Service(
        service="ecs",
        create_call="CreateService",
        read_call="DescribeServices",
        update_call="UpdateService",
        delete_call="DeleteService",
        key="service",
        id="service.serviceArn",
        element="services.0",
        refused_role=LINKED_ROLE,
        names={
            "name": "serviceName",
            "iamRole": "role",
            "orderedPlacementStrategies": "placementStrategy",
            "clientAlias": "clientAliases",
            "issuerCertAuthority": "issuerCertificateAuthority",
        },
        apart=frozenset({"forceDelete", "waitForSteadyState", "sigintRollback", "triggers", "forceNewDeployment"}),
        defaults={
            "deploymentMaximumPercent": 200,
            "deploymentMinimumHealthyPercent": 100,
            "enableEcsManagedTags": False,
            "enableExecuteCommand": False,
            "schedulingStrategy": "REPLICA",
        },
        outputs={"arn": "serviceArn", "name": "serviceName", "cluster": "clusterArn", "iamRole": "roleArn"},
        tagging=ECS_TAGS,
    ),
}
