"""An AWS for the operators' commands: real boto3 clients, whose requests botocore checks, over plain tables."""

import functools
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import boto3
from botocore.awsrequest import AWSResponse

STACK = "dev"
NOW = datetime(2030, 1, 10, tzinfo=UTC)
LONG_AGO = datetime(2030, 1, 1, tzinfo=UTC)
REGISTRY = "111111111111.dkr.ecr.eu-west-1.amazonaws.com"
ARN = "arn:aws:ecs:eu-west-1:111111111111"
WRITES = frozenset(
    {
        "PutImage",
        "PutObject",
        "PutParameter",
        "DeleteParameters",
        "DeregisterTaskDefinition",
        "RegisterScalableTarget",
        "StartPipelineExecution",
        "RetryStageExecution",
        "PutApprovalResult",
        "DisableStageTransition",
        "EnableStageTransition",
        "ContinueServiceDeployment",
        "StopServiceDeployment",
        "Invoke",
    }
)


def digest(letter: str) -> str:
    return "sha256:" + letter * 64


class RefusedError(Exception):
    def __init__(self, code: str, message: str = "") -> None:
        super().__init__(code)
        self.code, self.message = code, message


class CrashError(Exception):
    """The command ends here, as if it was killed."""


@dataclass
class Parameter:
    versions: list[str]
    modified: datetime = LONG_AGO


@dataclass
class FakeAws:
    """Tables that a test fills, and what was written to them.

    `crash_before` ends the command before its write of that number, counted from 1. `refuse` answers operations with
    an error code. `source` is the provider of the pipeline's source, `variables` the names of its variables. `scaling` has what is scaled, `most` how many tasks
    it may have at most, `listeners` the rules by port.
    """

    definitions: dict[str, dict[str, Any]] = field(default_factory=dict)
    services: dict[str, dict[str, Any]] = field(default_factory=dict)
    tasks: list[dict[str, Any]] = field(default_factory=list)
    images: dict[str, set[str]] = field(default_factory=dict)
    indexes: dict[str, list[str]] = field(default_factory=dict)
    parameters: dict[str, Parameter] = field(default_factory=dict)
    objects: dict[tuple[str, str], bytes] = field(default_factory=dict)
    written: datetime = LONG_AGO
    shifts: list[dict[str, Any]] = field(default_factory=list)
    deployed: dict[str, str] = field(default_factory=dict)
    """Service revision → the ARN of its task definition."""
    source: str = "s3"
    migrates: bool = False
    variables: list[str] = field(default_factory=lambda: ["image", "migration"])
    pipeline: dict[str, Any] = field(default_factory=lambda: {"stages": [], "executions": [], "actions": {}})
    scaling: dict[str, bool] = field(default_factory=dict)
    most: int = 1
    schedule: list[dict[str, Any]] = field(default_factory=list)
    listeners: dict[int, list[dict[str, Any]]] = field(default_factory=dict)
    refuse: dict[str, RefusedError] = field(default_factory=dict)
    writes: list[str] = field(default_factory=list)
    calls: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    """Service, operation and parameters of each."""
    crash_before: int | None = None

    def session(self) -> boto3.Session:
        """A session that this one answers from now on."""
        global _answering
        _answering = self
        return _session()

    def revision(self, number: int, image: str, family: str = "dev-web", **fields: Any) -> str:
        """A task definition whose one own container is `web`; `image` is what follows the repository's name."""
        container = {
            "name": "web",
            "image": f"{REGISTRY}/dev-web{image}",
            "dockerLabels": {"fargate-delivery.fingerprint": fields.pop("fingerprint", "f1")},
            "environment": [{"name": k, "value": v} for k, v in fields.pop("environment", {}).items()],
            "secrets": [{"name": k, "valueFrom": v} for k, v in fields.pop("secrets", {}).items()],
            **fields.pop("container", {}),
        }
        arn = f"{ARN}:task-definition/{family}:{number}"
        self.definitions[arn] = {
            "taskDefinitionArn": arn,
            "family": family,
            "revision": number,
            "status": "ACTIVE",
            "cpu": "256",
            "memory": "512",
            **fields,
            "containerDefinitions": [container],
        }
        return arn

    def service(self, revision: str, running: str | None, *, desired: int = 1, state: str = "COMPLETED") -> None:
        """The service `web`, with a task of the revision when one runs."""
        deployment = {
            "id": "ecs-svc/1",
            "status": "PRIMARY",
            "taskDefinition": revision,
            "rolloutState": state,
            "createdAt": NOW,
        }
        self.services["dev-web"] = {
            "serviceName": "dev-web",
            "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/dev",
            "status": "ACTIVE",
            "taskDefinition": revision,
            "desiredCount": desired,
            "runningCount": 0 if running is None else 1,
            "deployments": [{**deployment, "rolloutStateReason": "reason" if state == "FAILED" else ""}],
        }
        self.tasks = [] if running is None else [self.task(revision, running)]

    def blue_green(self, *revisions: str, running: str) -> None:
        """The service `web` of CodeDeploy's: a task set of each revision, the primary one first."""
        self.services["dev-web-codedeploy"] = {
            "serviceName": "dev-web-codedeploy",
            "clusterArn": "arn:aws:ecs:eu-west-1:123456789012:cluster/dev",
            "status": "ACTIVE",
            "deploymentController": {"type": "CODE_DEPLOY"},
            "taskDefinition": "the one that it was made with",
            "desiredCount": 1,
            "runningCount": 1,
            "deployments": [],
            "taskSets": [
                {
                    "id": f"ecs-svc/{number}",
                    "status": "ACTIVE" if number else "PRIMARY",
                    "taskDefinition": revision,
                    "stabilityStatus": "STEADY_STATE",
                    "createdAt": NOW,
                    "runningCount": 1,
                    "loadBalancers": [{"targetGroupArn": f"group-{number}"}],
                }
                for number, revision in reversed(list(enumerate(revisions)))
            ],
            "createdAt": NOW,
        }
        self.tasks = [self.task(revisions[0], running, "service:dev-web-codedeploy")]

    def shift(self, status: str, **fields: Any) -> None:
        """ECS shifts the traffic of the service `web`, and its newest service deployment is so."""
        self.services["dev-web"] |= {
            "deploymentConfiguration": {"strategy": "CANARY"},
            "loadBalancers": [{"targetGroupArn": "one", "advancedConfiguration": {"alternateTargetGroupArn": "other"}}],
        }
        self.services["dev-web"]["deployments"][0].pop("rolloutState", None)
        arn = f"{ARN}:service-deployment/dev/dev-web/d1"
        self.shifts = [{"serviceDeploymentArn": arn, "status": status, "createdAt": NOW, **fields}]

    def deploy(self, definition: str, status: str) -> None:
        """Another service deployment of the service `web`, of a task definition; it has ended so after five minutes."""
        began, revision = NOW + timedelta(minutes=len(self.shifts)), f"{ARN}:service-revision/dev/dev-web/{definition}"
        self.deployed[revision] = definition
        self.shifts.insert(
            0,
            {
                "serviceDeploymentArn": f"{ARN}:service-deployment/dev/dev-web/d{len(self.shifts)}",
                "targetServiceRevisionArn": revision,
                "status": status,
                "createdAt": began,
                "finishedAt": began + timedelta(minutes=5),
                "rollback": {"reason": "the circuit breaker\n said so."},
            },
        )

    def task(self, revision: str, image_digest: str, group: str = "service:dev-web") -> dict[str, Any]:
        return {
            "taskArn": f"{ARN}:task/dev/{len(self.tasks)}",
            "group": group,
            "taskDefinitionArn": revision,
            "containers": [{"name": "web", "imageDigest": image_digest}],
        }

    def image(self, image_digest: str, *tags: str) -> None:
        self.images.setdefault(image_digest, set()).update(tags)

    def index(self, image_digest: str, *platforms: str) -> None:
        """Makes an image one that lists others."""
        self.indexes[image_digest] = list(platforms)
        for platform in platforms:
            self.image(platform)

    def release(self, number: int, image_digest: str, revision: str, **fields: str) -> None:
        """A version of the record; its number is the release's, as the Release step counts."""
        record = {
            "schema": 1,
            "release": number,
            "image_digest": image_digest,
            "task_definition": revision,
            "template_fingerprint": "f1",
            "source_version": f"source-{number}",
            "execution": f"execution-{number}",
            "time": f"2030-01-0{min(number, 9)}T00:00:00Z",
            **fields,
        }
        self.record(json.dumps(record))

    def record(self, value: str, service: str = "web") -> None:
        name = f"/fargate-delivery/dev/{service}/release"
        self.parameters.setdefault(name, Parameter([])).versions.append(value)

    def released(self) -> dict[str, Any]:
        """The record now."""
        found: dict[str, Any] = json.loads(self.parameters["/fargate-delivery/dev/web/release"].versions[-1])
        return found

    def tagged(self, tag: str) -> str | None:
        return next((image for image, tags in self.images.items() if tag in tags), None)

    def executing(self, status: str, *actions: dict[str, Any], variables: dict[str, str] | None = None) -> str:
        """Another execution of the pipeline, the newest."""
        identifier = f"run-{len(self.pipeline['executions']) + 1}"
        shown = [{"name": name, "resolvedValue": value} for name, value in (variables or {}).items()]
        began = NOW + timedelta(minutes=len(self.pipeline["executions"]))
        execution = {
            "pipelineExecutionId": identifier,
            "status": status,
            "variables": shown,
            "startTime": began,
            "lastUpdateTime": began + timedelta(seconds=90),
        }
        self.pipeline["executions"].insert(0, execution)
        self.pipeline["actions"][identifier] = list(actions)
        return identifier

    def answer(self, service: str, operation: str, given: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
        self.calls.append((service, operation, given))
        if operation in WRITES:
            if self.crash_before == len(self.writes) + 1:
                raise CrashError
            self.writes.append(operation)
        try:
            if operation in self.refuse:
                raise self.refuse[operation]
            answer = getattr(self, f"_{operation}")(given) or {}
        except RefusedError as refused:
            error = {"Error": {"Code": refused.code, "Message": refused.message}}
            return AWSResponse("", 400, {}, None), {**error, "ResponseMetadata": {}}
        return AWSResponse("", 200, {}, None), {**answer, "ResponseMetadata": {}}

    def _DescribeServices(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"services": [self.services[name] for name in given["services"] if name in self.services]}

    def _ListServiceDeployments(self, given: dict[str, Any]) -> dict[str, Any]:
        cluster = self.services[given["service"]]["clusterArn"].rpartition("/")[2]
        assert given["cluster"] == cluster
        found = self.shifts if given["service"] == "dev-web" else []
        return {"serviceDeployments": [e for e in found if e["status"] in given.get("status", [e["status"]])]}

    def _DescribeServiceRevisions(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "serviceRevisions": [
                {"serviceRevisionArn": arn, "taskDefinition": self.deployed[arn]}
                for arn in given["serviceRevisionArns"]
            ]
        }

    def _DescribeServiceDeployments(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "serviceDeployments": [
                e for e in self.shifts if e["serviceDeploymentArn"] in given["serviceDeploymentArns"]
            ]
        }

    def _ContinueServiceDeployment(self, given: dict[str, Any]) -> None:
        pass

    def _StopServiceDeployment(self, given: dict[str, Any]) -> None:
        pass

    def _DescribeTargetHealth(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"TargetHealthDescriptions": []}

    def _ListServices(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"serviceArns": [f"{ARN}:service/dev/{name}" for name in self.services]}

    def _DescribeTaskDefinition(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["taskDefinition"] not in self.definitions:
            raise RefusedError("ClientException", "Unable to describe task definition.")
        return {"taskDefinition": self.definitions[given["taskDefinition"]]}

    def _ListTaskDefinitions(self, given: dict[str, Any]) -> dict[str, Any]:
        found = (d for d in self.definitions.values() if d["status"] == given["status"])
        return {"taskDefinitionArns": [d["taskDefinitionArn"] for d in found if d["family"] == given["familyPrefix"]]}

    def _DeregisterTaskDefinition(self, given: dict[str, Any]) -> None:
        self.definitions[given["taskDefinition"]]["status"] = "INACTIVE"

    def _ListTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"taskArns": [task["taskArn"] for task in self._of(given)]}

    def _of(self, given: dict[str, Any]) -> Iterator[dict[str, Any]]:
        if family := given.get("family"):
            return (t for t in self.tasks if self.definitions[t["taskDefinitionArn"]]["family"] == family)
        group = f"service:{given['serviceName']}" if "serviceName" in given else None
        return (t for t in self.tasks if group in (None, t["group"]))

    def _DescribeTasks(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"tasks": [task for task in self.tasks if task["taskArn"] in given["tasks"]]}

    def _DescribeImages(self, given: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = given["imageIds"]
        found = wanted.get("imageDigest") or self.tagged(wanted["imageTag"])
        if found not in self.images:
            raise RefusedError("ImageNotFoundException")
        return {"imageDetails": [{"imageDigest": found}]}

    def _BatchGetImage(self, given: dict[str, Any]) -> dict[str, Any]:
        (wanted,) = given["imageIds"]
        there = wanted["imageDigest"] in self.images
        return {"images": [{"imageManifest": self._manifest(wanted["imageDigest"])}] if there else [], "failures": []}

    def _manifest(self, image_digest: str) -> str:
        listed = self.indexes.get(image_digest)
        return json.dumps({"of": image_digest, **({"manifests": [{"digest": d} for d in listed]} if listed else {})})

    def _PutImage(self, given: dict[str, Any]) -> None:
        wanted, tag = given["imageDigest"], given["imageTag"]
        assert given["imageManifest"] == self._manifest(wanted)
        if tag in self.images[wanted]:
            raise RefusedError("ImageAlreadyExistsException")
        for tags in self.images.values():
            tags.discard(tag)
        self.images[wanted].add(tag)

    def _GetParameter(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Name"] not in self.parameters:
            raise RefusedError("ParameterNotFound")
        versions = self.parameters[given["Name"]].versions
        return {"Parameter": {"Name": given["Name"], "Value": versions[-1], "Version": len(versions)}}

    def _GetParameters(self, given: dict[str, Any]) -> dict[str, Any]:
        there = [name for name in given["Names"] if name in self.parameters]
        return {"Parameters": [{"Name": n, "Value": self.parameters[n].versions[-1]} for n in there]}

    def _GetParameterHistory(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["Name"] not in self.parameters:
            raise RefusedError("ParameterNotFound")
        versions = list(enumerate(self.parameters[given["Name"]].versions, 1))[-100:]
        start = int(given.get("NextToken", 0))
        page = [{"Name": given["Name"], "Value": v, "Version": n} for n, v in versions[start : start + 50]]
        more = start + 50 < len(versions)
        return {"Parameters": page, **({"NextToken": str(start + 50)} if more else {})}

    def _PutParameter(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["Overwrite"]
        self.parameters[given["Name"]].versions.append(given["Value"])
        return {"Version": len(self.parameters[given["Name"]].versions)}

    def _DescribeParameters(self, given: dict[str, Any]) -> dict[str, Any]:
        (only,) = given["ParameterFilters"]
        assert (only["Key"], only["Option"]) == ("Name", "BeginsWith")
        there = {n: p for n, p in self.parameters.items() if n.startswith(only["Values"][0])}
        return {"Parameters": [{"Name": n, "LastModifiedDate": p.modified} for n, p in there.items()]}

    def _DeleteParameters(self, given: dict[str, Any]) -> None:
        assert len(given["Names"]) <= 10
        for name in given["Names"]:
            self.parameters.pop(name, None)

    def _DescribeScalableTargets(self, given: dict[str, Any]) -> dict[str, Any]:
        there = [r for r in given["ResourceIds"] if r in self.scaling]
        return {"ScalableTargets": [{"ResourceId": r, "MaxCapacity": self.most} for r in there]}

    def _DescribeScheduledActions(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"ScheduledActions": self.schedule}

    def _DescribeTargetGroups(self, given: dict[str, Any]) -> dict[str, Any]:
        return {
            "TargetGroups": [
                {"TargetGroupArn": arn, "LoadBalancerArns": ["balancer"]} for arn in given["TargetGroupArns"]
            ]
        }

    def _DescribeListeners(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["LoadBalancerArn"] == "balancer"
        protocols = {80: "HTTP"}
        return {
            "Listeners": [
                {"ListenerArn": str(port), "Port": port, "Protocol": protocols.get(port, "HTTPS")}
                for port in self.listeners
            ]
        }

    def _DescribeRules(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"Rules": self.listeners[int(given["ListenerArn"])]}

    def _RegisterScalableTarget(self, given: dict[str, Any]) -> None:
        self.scaling[given["ResourceId"]] = any(given["SuspendedState"].values())

    def _GetPipelineState(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["name"] != "dev-web":
            raise RefusedError("PipelineNotFoundException")
        return {"stageStates": self.pipeline["stages"]}

    def _GetPipeline(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["name"] != "dev-web":
            raise RefusedError("PipelineNotFoundException")
        key = "sources/web/source.zip" if self.source == "s3" else "steps.zip"
        source = {
            "name": "Source",
            "actionTypeId": {"provider": "S3"},
            "configuration": {"S3Bucket": "bucket", "S3ObjectKey": key},
        }
        given = {"digest": "#{variables.digest}", "tag": "latest"} if self.source == "ecr" else {"digest": "none"}
        package = {
            "name": "Package",
            "actionTypeId": {"provider": "CodeBuild" if self.source == "s3" else "Lambda"},
            "configuration": {} if self.source == "s3" else {"UserParameters": json.dumps(given)},
        }
        migrate = {"name": "Migrate", "actionTypeId": {"provider": "Lambda"}, "configuration": {}}
        stages = [
            {"name": "Source", "actions": [source]},
            {"name": "Package", "actions": [package]},
            *([{"name": "Deploy", "actions": [migrate]}] if self.migrates else []),
        ]
        store, variables = {"type": "S3", "location": "bucket"}, [{"name": name} for name in self.variables]
        return {"pipeline": {"artifactStore": store, "stages": stages, "variables": variables}}

    def _GetObject(self, given: dict[str, Any]) -> dict[str, Any]:
        if (given["Bucket"], given["Key"]) not in self.objects:
            raise RefusedError("NoSuchKey")
        return {"Body": io.BytesIO(self.objects[given["Bucket"], given["Key"]]), "LastModified": self.written}

    def _ListPipelineExecutions(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"pipelineExecutionSummaries": self.pipeline["executions"]}

    def _GetPipelineExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        wanted = given["pipelineExecutionId"]
        found = next(e for e in self.pipeline["executions"] if e["pipelineExecutionId"] == wanted)
        return {"pipelineExecution": found}

    def _ListActionExecutions(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"actionExecutionDetails": self.pipeline["actions"][given["filter"]["pipelineExecutionId"]][::-1]}

    def _StartPipelineExecution(self, given: dict[str, Any]) -> dict[str, Any]:
        variables = {variable["name"]: variable["value"] for variable in given.get("variables", [])}
        return {"pipelineExecutionId": self.executing("InProgress", variables=variables)}

    def _PutApprovalResult(self, given: dict[str, Any]) -> None:
        if given["token"] != self.pipeline.get("token"):
            raise RefusedError("InvalidApprovalTokenException")


_answering = FakeAws()


@functools.cache
def _session() -> boto3.Session:
    """One for all tests, with one client for each service: to make one takes longer than most tests."""

    def remember(params: dict[str, Any], context: dict[str, Any], **_: Any) -> None:
        context["given"] = params

    def answer(model: Any, context: dict[str, Any], **_: Any) -> tuple[AWSResponse, dict[str, Any]]:
        return _answering.answer(model.service_model.service_name, model.name, context["given"])

    session = boto3.Session("key", "secret", region_name="eu-west-1")
    session.events.register("before-parameter-build", remember)
    session.events.register("before-call", answer)
    session.client = functools.cache(session.client)
    return session


def action(stage: str, name: str, category: str, status: str = "Succeeded", **fields: Any) -> dict[str, Any]:
    """An entry of ListActionExecutions."""
    given = {"actionTypeId": {"category": category}, "resolvedConfiguration": fields.pop("configuration", {})}
    output = {"outputVariables": fields.pop("variables", {}), "executionResult": fields.pop("result", {})}
    began = datetime(2030, 1, 1, tzinfo=UTC)
    shown = {"stageName": stage, "actionName": name, "actionExecutionId": f"{stage}-{name}", "startTime": began}
    return {**shown, "status": status, "input": given, "output": output, **fields}
