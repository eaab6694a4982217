"""CodeBuild projects and CodePipeline pipelines."""

from __future__ import annotations

from typing import Any

from sandbox.providers.resources.base import AwsResource, Properties, Tagging, tag_dictionary
from sandbox.providers.resources.codec import reported
from sandbox.providers.types import Aws, Resource

ACTION_TYPE = ("category", "owner", "provider", "version")
STAGE_CONDITIONS = ("beforeEntry", "onSuccess", "onFailure")
LOG_STATUS = {"cloudwatchLogs": "ENABLED", "s3Logs": "DISABLED"}
PIPELINE_NAMES = {"pushes": "push", "pullRequests": "pullRequest"}


class Project(AwsResource):
    """A build project; its id is its ARN."""

    def call(self, aws: Aws, operation: str, arguments: Properties, id: str | None = None) -> Any:
        name = id.rsplit("/", 1)[1] if id is not None and operation != "BatchGetProjects" else id
        return super().call(aws, operation, arguments, name)

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        return super().find(aws, id.rsplit("/", 1)[1], props)

    def tags(self, aws: Aws, id: str, props: Properties, description: Any) -> dict[str, str]:
        return tag_dictionary(description.get("tags", []))

    def retag(self, aws: Aws, id: str, props: Properties, tags: Any, had: Any) -> None:
        """Tags are set by the update call."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        logs = {
            name: {"status": LOG_STATUS[name], **settings} for name, settings in inputs.get("logsConfig", {}).items()
        }
        more = {"logsConfig": logs} if logs else {}
        return super().arguments(aws, operation, {**inputs, **more}, lenient=lenient)

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        tags = [{"key": k, "value": v} for k, v in news.get("tags", {}).items()]
        arguments = self.arguments(aws, "UpdateProject", news, lenient=True)
        self.call(aws, "UpdateProject", {**arguments, "tags": tags}, id)


class Pipeline(AwsResource):
    """A pipeline, given to the API as one structure; its id is its name."""

    def arguments(self, aws: Aws, operation: str, inputs: Properties, *, lenient: bool = False) -> Properties:
        sent = {k: v for k, v in inputs.items() if k not in ("tags", "artifactStores", "stages")}
        sent |= {"stages": [_stage(stage) for stage in inputs["stages"]], **_stores(inputs["artifactStores"])}
        more = {"tags": inputs["tags"]} if operation == "CreatePipeline" and inputs.get("tags") else {}
        pipeline = {k: v for k, v in sent.items() if k not in ("region", "tagsAll")}
        return super().arguments(aws, operation, {"pipeline": pipeline, **more})

    def change(self, aws: Aws, id: str, olds: Properties, news: Properties) -> None:
        if any(olds.get(k) != news.get(k) for k in {*olds, *news} & PIPELINE_INPUTS):
            aws.client("codepipeline").update_pipeline(**self.arguments(aws, "UpdatePipeline", news))

    def find(self, aws: Aws, id: str, props: Properties) -> Any:
        description = super().find(aws, id, props)
        if description is None:
            return None
        arn = f"arn:{aws.partition}:codepipeline:{aws.region}:{aws.account}:{id}"
        return {**description, "arn": arn}

    def reported(self, aws: Aws, description: Any, props: Properties) -> Properties:
        rest = {k: v for k, v in props.items() if k not in ("stages", "artifactStores")}
        state = super().reported(aws, description, rest)
        stores = description.get("artifactStores") or {"": description.get("artifactStore", {})}
        actual = [{**store, **({"region": region} if region else {})} for region, store in stores.items()]
        if "artifactStores" in props:
            state["artifactStores"] = reported(actual, props["artifactStores"], {})
        if "stages" in props:
            stages = [_declared_stage(stage) for stage in description["stages"]]
            state["stages"] = reported(stages, props["stages"], self.names)
        return state


def _stores(stores: list[Properties]) -> Properties:
    """One store is the pipeline's own, several are one a region."""
    if len(stores) == 1 and "region" not in stores[0]:
        return {"artifactStore": stores[0]}
    return {"artifactStores": {s["region"]: {k: v for k, v in s.items() if k != "region"} for s in stores}}


def _stage(stage: Properties) -> Properties:
    """A stage with its conditions in lists and its actions' types apart, as in the API."""
    changed_stage = {**stage, "actions": [_action(action) for action in stage.get("actions", [])]}
    for name in STAGE_CONDITIONS:
        if isinstance(stage.get(name), dict):
            rest = {k: v for k, v in stage[name].items() if k != "condition"}
            condition = stage[name].get("condition")
            changed_stage[name] = {**rest, **({"conditions": condition} if condition else {})}
    return changed_stage


def _action(action: Properties) -> Properties:
    plain = {k: v for k, v in action.items() if k not in (*ACTION_TYPE, "outputArtifactsForComputeActions")}
    outputs = [*action.get("outputArtifacts", []), *action.get("outputArtifactsForComputeActions", [])]
    more = {"outputArtifacts": [{"name": o} if isinstance(o, str) else o for o in outputs]} if outputs else {}
    return {**plain, **more, "actionTypeId": {k: action[k] for k in ACTION_TYPE}}


def _declared_stage(stage: Properties) -> Properties:
    """An API stage in the property's shape."""
    result = {**stage, "actions": [{**action, **action["actionTypeId"]} for action in stage["actions"]]}
    for name in STAGE_CONDITIONS:
        if name in stage:
            result[name] = {**stage[name], "condition": (stage[name].get("conditions") or [{}])[0]}
    return result


PIPELINE_INPUTS = {"roleArn", "artifactStores", "stages", "executionMode", "pipelineType", "triggers", "variables"}
RESOURCES: dict[str, Resource] = {
    "aws:codebuild/project:Project": Project(
        service="codebuild",
        create_call="CreateProject",
        read_call="BatchGetProjects",
        delete_call="DeleteProject",
        key="name",
        id="project.arn",
        element="projects.0",
        names={"buildTimeout": "timeoutInMinutes", "queuedTimeout": "queuedTimeoutInMinutes"},
        apart=frozenset({"projectVisibility", "resourceAccessRole"}),
        defaults={"buildTimeout": 60, "queuedTimeout": 480},
        outputs={"arn": "arn", "encryptionKey": "encryptionKey"},
        # The words by which terraform-provider-aws tries again (internal/service/codebuild/project.go).
        refused_role=("InvalidInputException", "ot authorized to perform"),
        tagging=Tagging(),
    ),
    "aws:codepipeline/pipeline:Pipeline": Pipeline(
        service="codepipeline",
        create_call="CreatePipeline",
        read_call="GetPipeline",
        delete_call="DeletePipeline",
        key="name",
        id="pipeline.name",
        element="pipeline",
        names=PIPELINE_NAMES,
        defaults={"pipelineType": "V1", "executionMode": "SUPERSEDED"},
        # The same (internal/service/codepipeline/codepipeline.go).
        refused_role=("InvalidStructureException", "not authorized"),
        outputs={"arn": "arn"},
        tagging=Tagging(),
    ),
}
